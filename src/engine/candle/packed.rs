//! The network's parts on CPU in `f32`: candle custom operations over weights that are packed once.
//!
//! candle's own `matmul` repacks the weights in every call and picks its tiles by the number of rows, so that a row's last bits depend on the batch.
//! Here every output is one fixed chain of multiply-adds.

use super::head::{Best, Head};
use super::network::{Attend, Embedding, Linear, Network, Norm, Parts};
use super::plain::{self as kernel, PackedF32};
use super::ragged::Ragged;
use crate::engine::{Candidate, Result, StepRules};
use crate::model::{Activation, Checkpoint, LAYER_NORM_EPS, Side, checkpoint};
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Device, Layout, Shape, Tensor};
use std::sync::Arc;

/// Columns of the head that are computed before their best are picked: small enough that the logits stay in the cache.
const HEAD_COLUMNS: usize = 1024;

/// Makes the parts out of a checkpoint.
pub(super) struct Packer<'a> {
    checkpoint: &'a Checkpoint,
}

impl<'a> Packer<'a> {
    pub fn new(checkpoint: &'a Checkpoint) -> Result<Self> {
        Ok(Self { checkpoint })
    }

    fn embedding(&self, side: Side, table: Table) -> Result<Box<dyn Embedding>> {
        let architecture = &self.checkpoint.architecture;
        Ok(Box::new(PackedEmbedding {
            table,
            scale: architecture.embedding_scale(),
            positions: self.checkpoint.positions(side)?.data,
            width: architecture.d_model,
        }))
    }

    /// The head's weights in chunks, read and packed one at a time.
    fn head(&self, names: &checkpoint::Linear, vocabulary: usize) -> Result<Arc<PackedHead>> {
        let width = self.checkpoint.architecture.d_model;
        let bias = names.bias.as_ref().map(|name| self.checkpoint.tensor(name)).transpose()?;
        let mut chunks = Vec::new();
        let mut rows = Vec::new();
        for start in (0..vocabulary).step_by(HEAD_COLUMNS) {
            let end = vocabulary.min(start + HEAD_COLUMNS);
            self.checkpoint.read_rows(&names.weight, start..end, &mut rows)?;
            let bias = bias.as_ref().map(|bias| &bias.data[start..end]);
            chunks.push(PackedF32::pack(&rows, bias, end - start, width));
        }
        Ok(Arc::new(PackedHead { chunks, width }))
    }
}

impl Parts for Packer<'_> {
    fn device(&self) -> Device {
        Device::Cpu
    }

    fn kernel(&self) -> String {
        "plain".to_owned()
    }

    fn linear(&mut self, parts: &[&checkpoint::Linear]) -> Result<Box<dyn Linear>> {
        let (mut weights, mut bias, mut columns, mut width) = (Vec::new(), Vec::new(), 0, 0);
        for part in parts {
            let tensor = self.checkpoint.tensor(&part.weight)?;
            columns += tensor.shape[0];
            width = tensor.shape[1];
            if weights.is_empty() { weights = tensor.data } else { weights.extend(tensor.data) }
            match &part.bias {
                Some(name) => bias.extend(self.checkpoint.tensor(name)?.data),
                None => bias.resize(columns, 0.0),
            }
        }
        Ok(Box::new(PackedLinear { weights: PackedF32::pack(&weights, Some(&bias), columns, width), width }))
    }

    fn norm(&mut self, norm: &checkpoint::Norm) -> Result<Box<dyn Norm>> {
        let gain = self.checkpoint.tensor(&norm.weight)?.data;
        let bias = self.checkpoint.tensor(&norm.bias)?.data;
        Ok(Box::new(PackedNorm { gain, bias }))
    }

    fn vocabulary(&mut self) -> Result<(Box<dyn Embedding>, Box<dyn Embedding>, Box<dyn Head>)> {
        let names = self.checkpoint.embeddings();
        let head = self.head(&names.head, self.checkpoint.architecture.target_vocab)?;
        let shared: Option<Arc<Vec<f32>>> = if names.source == names.target && names.target != names.head.weight {
            Some(Arc::new(self.checkpoint.tensor(&names.source)?.data))
        } else {
            None
        };
        let table = |name: &str| -> Result<Table> {
            if name == names.head.weight {
                return Ok(Table::Head(head.clone()));
            }
            match &shared {
                Some(rows) => Ok(Table::Rows(rows.clone())),
                None => Ok(Table::Rows(Arc::new(self.checkpoint.tensor(name)?.data))),
            }
        };
        let source = self.embedding(Side::Encoder, table(&names.source)?)?;
        let target = self.embedding(Side::Decoder, table(&names.target)?)?;
        Ok((source, target, Box::new(head)))
    }

    fn attention(&self) -> fn(&Network) -> Box<dyn Attend> {
        |network| Box::new(Ragged::new(&network.architecture))
    }
}

struct PackedLinear {
    weights: PackedF32,
    width: usize,
}

impl Linear for PackedLinear {
    fn forward(&self, x: &Tensor, activation: Option<Activation>) -> candle_core::Result<Tensor> {
        x.apply_op1_no_bwd(&Apply { linear: self, activation })
    }

    fn forward_add(&self, x: &Tensor, residual: &Tensor) -> candle_core::Result<Tensor> {
        x.apply_op2_no_bwd(residual, &ApplyAdd { linear: self })
    }
}

impl PackedLinear {
    fn multiply(&self, x: &[f32]) -> (Vec<f32>, Shape) {
        let (rows, columns) = (x.len() / self.width, self.weights.n());
        let mut y = vec![0.0; rows * columns];
        self.weights.gemm(x, rows, &mut y, columns);
        (y, (rows, columns).into())
    }
}

struct Apply<'a> {
    linear: &'a PackedLinear,
    activation: Option<Activation>,
}

impl CustomOp1 for Apply<'_> {
    fn name(&self) -> &'static str {
        "packed linear"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let (mut y, shape) = self.linear.multiply(values(storage, layout)?);
        if let Some(activation) = self.activation {
            kernel::activate(activation, &mut y);
        }
        Ok((CpuStorage::F32(y), shape))
    }
}

struct ApplyAdd<'a> {
    linear: &'a PackedLinear,
}

impl CustomOp2 for ApplyAdd<'_> {
    fn name(&self) -> &'static str {
        "packed linear and residual"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (mut y, shape) = self.linear.multiply(values(x, x_layout)?);
        y.iter_mut().zip(values(residual, residual_layout)?).for_each(|(y, r)| *y += r);
        Ok((CpuStorage::F32(y), shape))
    }
}

struct PackedNorm {
    gain: Vec<f32>,
    bias: Vec<f32>,
}

impl Norm for PackedNorm {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        x.apply_op1_no_bwd(self)
    }
}

impl CustomOp1 for PackedNorm {
    fn name(&self) -> &'static str {
        "layer norm"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let x = values(storage, layout)?;
        let width = self.gain.len();
        let mut y = vec![0.0; x.len()];
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            kernel::norm(x, &self.gain, &self.bias, LAYER_NORM_EPS, y);
        }
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }
}

/// Rows of an embedding.
enum Table {
    /// Row-major.
    Rows(Arc<Vec<f32>>),
    /// Tied to the head: a token's embedding is a column there.
    Head(Arc<PackedHead>),
}

struct PackedEmbedding {
    table: Table,
    scale: f32,
    positions: Vec<f32>,
    width: usize,
}

impl Embedding for PackedEmbedding {
    fn forward(&self, tokens: &[u32], positions: &[u32]) -> candle_core::Result<Tensor> {
        let width = self.width;
        let mut x = vec![0.0; tokens.len() * width];
        for ((x, &token), &position) in x.chunks_exact_mut(width).zip(tokens).zip(positions) {
            let (token, position) = (token as usize, position as usize);
            match &self.table {
                Table::Rows(rows) => x.copy_from_slice(&rows[token * width..(token + 1) * width]),
                Table::Head(head) => head.chunks[token / HEAD_COLUMNS].column(token % HEAD_COLUMNS, x),
            }
            for (x, p) in x.iter_mut().zip(&self.positions[position * width..]) {
                *x = *x * self.scale + p;
            }
        }
        Tensor::from_vec(x, (tokens.len(), width), &Device::Cpu)
    }
}

struct PackedHead {
    chunks: Vec<PackedF32>,
    width: usize,
}

impl PackedHead {
    /// Calls `each` with the logits (`[rows, columns]`, `stride` apart) of every chunk in turn and its first token.
    fn chunks(&self, x: &[f32], mut each: impl FnMut(usize, usize, usize, &mut [f32])) {
        let rows = x.len() / self.width;
        let mut logits = vec![0.0; rows * HEAD_COLUMNS];
        for (index, chunk) in self.chunks.iter().enumerate() {
            chunk.gemm(x, rows, &mut logits, HEAD_COLUMNS);
            each(index * HEAD_COLUMNS, chunk.n(), HEAD_COLUMNS, &mut logits);
        }
    }
}

/// Logarithm of a sum of exponentials, taken in one chunk after the other.
#[derive(Clone, Copy)]
struct LogSum {
    largest: f32,
    sum: f32,
}

impl LogSum {
    fn new() -> Self {
        Self { largest: f32::NEG_INFINITY, sum: 0.0 }
    }

    fn add(&mut self, logits: &[f32]) {
        let largest = logits.iter().copied().fold(self.largest, f32::max);
        if largest == f32::NEG_INFINITY {
            return;
        }
        self.sum *= (self.largest - largest).exp();
        self.sum += logits.iter().map(|&logit| (logit - largest).exp()).sum::<f32>();
        self.largest = largest;
    }

    fn value(self) -> f32 {
        self.largest + self.sum.ln()
    }
}

impl Head for Arc<PackedHead> {
    fn best(&self, hidden: &Tensor, k: usize, rules: &StepRules, out: &mut Vec<Candidate>) -> candle_core::Result<()> {
        let (storage, layout) = hidden.storage_and_layout();
        let x = values(cpu(&storage)?, layout)?;
        let rows = x.len() / self.width;
        let mut best = vec![Best::new(k); rows];
        let mut sums = vec![LogSum::new(); rows];
        self.chunks(x, |first, columns, stride, logits| {
            for (row, (best, sum)) in best.iter_mut().zip(&mut sums).enumerate() {
                let logits = &mut logits[row * stride..][..columns];
                if !rules.renormalize {
                    sum.add(logits);
                }
                let own = rules.banned_by_row.get(row).map_or(&[][..], Vec::as_slice);
                for &token in rules.banned.iter().chain(own) {
                    if let Some(logit) = (token as usize).checked_sub(first).and_then(|column| logits.get_mut(column)) {
                        *logit = f32::NEG_INFINITY;
                    }
                }
                if rules.renormalize {
                    sum.add(logits);
                }
                for (part, logits) in logits.chunks(16).enumerate() {
                    let threshold = best.threshold();
                    if logits.iter().any(|&logit| logit > threshold) {
                        for (column, &logit) in logits.iter().enumerate() {
                            best.offer(logit, (first + part * 16 + column) as u32);
                        }
                    }
                }
            }
        });
        best.iter().zip(&sums).for_each(|(best, sum)| best.write(sum.value(), out));
        Ok(())
    }

    fn logits(&self, hidden: &Tensor) -> candle_core::Result<Vec<Vec<f32>>> {
        let (storage, layout) = hidden.storage_and_layout();
        let x = values(cpu(&storage)?, layout)?;
        let mut rows = vec![Vec::new(); x.len() / self.width];
        self.chunks(x, |_, columns, stride, logits| {
            for (row, all) in rows.iter_mut().enumerate() {
                all.extend_from_slice(&logits[row * stride..][..columns]);
            }
        });
        Ok(rows)
    }
}

/// The CPU storage of a tensor.
pub(super) fn cpu(storage: &candle_core::Storage) -> candle_core::Result<&CpuStorage> {
    match storage {
        candle_core::Storage::Cpu(storage) => Ok(storage),
        _ => candle_core::bail!("the packed operations run on the CPU"),
    }
}

/// The values of a contiguous `f32` tensor.
pub(super) fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> candle_core::Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => candle_core::bail!("the packed operations take contiguous tensors"),
    }
}
