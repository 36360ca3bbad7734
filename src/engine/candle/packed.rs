//! The network's parts on CPU in `f32`: candle custom operations over weights that are packed once.
//!
//! candle's own `matmul` repacks the weights in every call and picks its tiles by the number of rows, so that a row's last bits depend on the batch.
//! Here every output is one fixed chain of multiply-adds.

use super::head::{Best, Head};
use super::network::{Attend, Embedding, Linear, Network, Norm, Parts, Vocabulary};
use super::ragged::Ragged;
use crate::engine::kernel::{self, Kernels, LogSum, PackedF32};
use crate::engine::{Candidate, EngineError, Result, StepRules};
use crate::model::{Activation, Checkpoint, LAYER_NORM_EPS, Side, checkpoint};
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Device, Layout, Shape, Tensor};
use std::sync::Arc;

/// Columns of the head that are computed before their best are picked: small enough that the logits stay in the cache.
const HEAD_COLUMNS: usize = 1024;
/// Values of a kernel's vector: what it takes comes in multiples of it.
const LANES: usize = kernel::PAGE;

/// Makes the parts out of a checkpoint.
pub(super) struct Packer<'a> {
    checkpoint: &'a Checkpoint,
    kernels: &'static Kernels,
}

impl<'a> Packer<'a> {
    pub fn new(checkpoint: &'a Checkpoint) -> Result<Self> {
        let kernels = kernel::detect().map_err(|error| EngineError::Unsupported(error.to_string()))?;
        Ok(Self { checkpoint, kernels })
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
        Ok(Arc::new(PackedHead { chunks, width, kernels: self.kernels }))
    }
}

impl Parts for Packer<'_> {
    fn device(&self) -> Device {
        Device::Cpu
    }

    fn kernel(&self) -> String {
        self.kernels.level.name().to_owned()
    }

    fn linear(&mut self, parts: &[&checkpoint::Linear]) -> Result<Box<dyn Linear>> {
        let (mut weights, mut bias, mut columns, mut width) = (Vec::new(), Vec::new(), 0, 0);
        for part in parts {
            let tensor = self.checkpoint.tensor(&part.weight)?;
            columns += tensor.shape[0];
            width = tensor.shape[1];
            if weights.is_empty() {
                weights = tensor.data
            } else {
                weights.extend(tensor.data)
            }
            match &part.bias {
                Some(name) => bias.extend(self.checkpoint.tensor(name)?.data),
                None => bias.resize(columns, 0.0),
            }
        }
        let weights = PackedF32::pack(&weights, Some(&bias), columns, width);
        Ok(Box::new(PackedLinear { weights, kernels: self.kernels }))
    }

    fn norm(&mut self, norm: &checkpoint::Norm) -> Result<Box<dyn Norm>> {
        let gain = self.checkpoint.tensor(&norm.weight)?.data;
        let bias = self.checkpoint.tensor(&norm.bias)?.data;
        Ok(Box::new(PackedNorm {
            norm: kernel::Norm::new(&gain, &bias, LAYER_NORM_EPS),
            width: gain.len(),
            kernels: self.kernels,
        }))
    }

    fn vocabulary(&mut self) -> Result<Vocabulary> {
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
        Ok(Vocabulary { source, target, head: Box::new(head) })
    }

    fn attention(&self) -> fn(&Network) -> Box<dyn Attend> {
        |network| Box::new(Ragged::new(&network.architecture, kernel::detect().expect("the network was loaded with kernels")))
    }
}

struct PackedLinear {
    weights: PackedF32,
    kernels: &'static Kernels,
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
        let (columns, width) = (self.weights.n(), self.weights.k());
        let rows = x.len() / width;
        let mut y = vec![0.0; rows * columns];
        self.kernels.linear_f32(&self.weights, x, rows, width, &mut y, columns);
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
            // The kernel works on whole vectors.
            let length = y.len();
            y.resize(length.next_multiple_of(LANES), 0.0);
            self.linear.kernels.activate(activation, &mut y);
            y.truncate(length);
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
    norm: kernel::Norm,
    width: usize,
    kernels: &'static Kernels,
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
        let (width, padded) = (self.width, self.width.next_multiple_of(LANES));
        let y = if width == padded {
            let mut y = x.to_vec();
            self.kernels.norm(&self.norm, &mut y, x.len() / width, width);
            y
        } else {
            let (mut y, mut row) = (Vec::with_capacity(x.len()), vec![0.0; padded]);
            for x in x.chunks_exact(width) {
                row[..width].copy_from_slice(x);
                self.kernels.norm(&self.norm, &mut row, 1, padded);
                y.extend_from_slice(&row[..width]);
            }
            y
        };
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
    kernels: &'static Kernels,
}

impl PackedHead {
    /// Calls `each` with the logits (`[rows, columns]`, `stride` apart) of every chunk in turn and its first token.
    fn chunks(&self, x: &[f32], mut each: impl FnMut(usize, usize, usize, &mut [f32])) {
        let rows = x.len() / self.width;
        let mut logits = vec![0.0; rows * HEAD_COLUMNS];
        for (index, chunk) in self.chunks.iter().enumerate() {
            self.kernels.linear_f32(chunk, x, rows, self.width, &mut logits, HEAD_COLUMNS);
            each(index * HEAD_COLUMNS, chunk.n(), HEAD_COLUMNS, &mut logits);
        }
    }
}

impl Head for Arc<PackedHead> {
    fn best(&self, hidden: &Tensor, k: usize, rules: &StepRules, out: &mut Vec<Candidate>) -> candle_core::Result<()> {
        let (storage, layout) = hidden.storage_and_layout();
        let x = values(cpu(&storage)?, layout)?;
        let rows = x.len() / self.width;
        let mut best = vec![Best::new(k); rows];
        let mut sums = vec![LogSum::NOTHING; rows];
        let mut masks = [0u16; HEAD_COLUMNS / LANES];
        self.chunks(x, |first, columns, stride, logits| {
            for (row, (best, sum)) in best.iter_mut().zip(&mut sums).enumerate() {
                // Whole vectors: what lies behind the last token counts for nothing.
                let logits = &mut logits[row * stride..][..columns.next_multiple_of(LANES)];
                logits[columns..].fill(f32::NEG_INFINITY);
                if !rules.renormalize {
                    sum.add(self.kernels, logits);
                }
                let own = rules.banned_by_row.get(row).map_or(&[][..], Vec::as_slice);
                for &token in rules.banned.iter().chain(own) {
                    if let Some(logit) = (token as usize).checked_sub(first).and_then(|column| logits.get_mut(column)) {
                        *logit = f32::NEG_INFINITY;
                    }
                }
                if rules.renormalize {
                    sum.add(self.kernels, logits);
                }
                self.kernels.above(logits, best.threshold(), &mut masks);
                for (part, (&mask, logits)) in masks.iter().zip(logits.chunks_exact(LANES)).enumerate() {
                    let mut mask = mask;
                    while mask != 0 {
                        let lane = mask.trailing_zeros() as usize;
                        best.offer(logits[lane], (first + part * LANES + lane) as u32);
                        mask &= mask - 1;
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
