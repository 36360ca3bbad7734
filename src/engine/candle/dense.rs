//! The network's parts in candle's own operations: any device, any float type. Norms, softmax and logits are computed in `f32`.

use super::head::{Best, Head};
use super::network::{Attend, Embedding, Linear, Network, Norm, Parts, Vocabulary};
use super::padded::Padded;
use crate::engine::{Candidate, Result, StepRules};
use crate::model::{Activation, Checkpoint, LAYER_NORM_EPS, Side, checkpoint};
use candle_core::{D, DType, Device, IndexOp, Tensor};
use std::collections::HashMap;

/// Columns of a part of the logits whose maximum is looked at before the part itself.
const PART: usize = 256;

/// Makes the parts out of a checkpoint.
pub(super) struct Builder<'a> {
    checkpoint: &'a Checkpoint,
    device: Device,
    dtype: DType,
    /// Vocabulary tensors by name: tied ones are one.
    tables: HashMap<String, Tensor>,
}

impl<'a> Builder<'a> {
    pub fn new(checkpoint: &'a Checkpoint, device: &Device, dtype: DType) -> Self {
        Self { checkpoint, device: device.clone(), dtype, tables: HashMap::new() }
    }

    fn tensor(&self, name: &str, dtype: DType) -> Result<Tensor> {
        let tensor = self.checkpoint.tensor(name)?;
        Ok(Tensor::from_vec(tensor.data, tensor.shape, &self.device)?.to_dtype(dtype)?)
    }

    fn table(&mut self, name: &str) -> Result<Tensor> {
        if let Some(table) = self.tables.get(name) {
            return Ok(table.clone());
        }
        let table = self.tensor(name, self.dtype)?;
        self.tables.insert(name.to_owned(), table.clone());
        Ok(table)
    }

    fn embedding(&mut self, side: Side, name: &str) -> Result<Box<dyn Embedding>> {
        let positions = self.checkpoint.positions(side)?;
        Ok(Box::new(DenseEmbedding {
            table: self.table(name)?,
            scale: self.checkpoint.architecture.embedding_scale().into(),
            positions: Tensor::from_vec(positions.data, positions.shape, &self.device)?.to_dtype(self.dtype)?,
        }))
    }
}

impl Parts for Builder<'_> {
    fn device(&self) -> Device {
        self.device.clone()
    }

    fn kernel(&self) -> String {
        "candle".to_owned()
    }

    fn linear(&mut self, parts: &[&checkpoint::Linear]) -> Result<Box<dyn Linear>> {
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for part in parts {
            let weight = self.tensor(&part.weight, self.dtype)?;
            biases.push(match &part.bias {
                Some(name) => self.tensor(name, self.dtype)?,
                None => Tensor::zeros(weight.dim(0)?, self.dtype, &self.device)?,
            });
            weights.push(weight);
        }
        Ok(Box::new(DenseLinear { weight: Tensor::cat(&weights, 0)?.t()?, bias: Tensor::cat(&biases, 0)? }))
    }

    fn norm(&mut self, norm: &checkpoint::Norm) -> Result<Box<dyn Norm>> {
        Ok(Box::new(DenseNorm { gain: self.tensor(&norm.weight, DType::F32)?, bias: self.tensor(&norm.bias, DType::F32)? }))
    }

    fn vocabulary(&mut self) -> Result<Vocabulary> {
        let names = self.checkpoint.embeddings();
        let source = self.embedding(Side::Encoder, &names.source)?;
        let target = self.embedding(Side::Decoder, &names.target)?;
        let bias = match &names.head.bias {
            Some(name) => Some(self.tensor(name, DType::F32)?.flatten_all()?),
            None => None,
        };
        let head = DenseHead {
            weight: self.table(&names.head.weight)?.t()?,
            bias,
            vocabulary: self.checkpoint.architecture.target_vocab,
        };
        Ok(Vocabulary { source, target, head: Box::new(head) })
    }

    fn attention(&self) -> fn(&Network) -> Box<dyn Attend> {
        |network| Box::new(Padded::new(&network.architecture, &network.device))
    }
}

struct DenseLinear {
    /// `[in, out]`, a transposed view.
    weight: Tensor,
    bias: Tensor,
}

impl Linear for DenseLinear {
    fn forward(&self, x: &Tensor, activation: Option<Activation>) -> candle_core::Result<Tensor> {
        let y = x.matmul(&self.weight)?.broadcast_add(&self.bias)?;
        match activation {
            None => Ok(y),
            Some(Activation::Relu) => y.relu(),
            Some(Activation::Swish) => y.silu(),
            Some(Activation::Gelu) => y.gelu_erf(),
            Some(Activation::GeluTanh) => y.gelu(),
        }
    }

    fn forward_add(&self, x: &Tensor, residual: &Tensor) -> candle_core::Result<Tensor> {
        self.forward(x, None)? + residual
    }
}

struct DenseNorm {
    gain: Tensor,
    bias: Tensor,
}

impl Norm for DenseNorm {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let dtype = x.dtype();
        let x = x.to_dtype(DType::F32)?;
        let x = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let variance = x.sqr()?.mean_keepdim(D::Minus1)?;
        let x = x.broadcast_div(&(variance + f64::from(LAYER_NORM_EPS))?.sqrt()?)?;
        x.broadcast_mul(&self.gain)?.broadcast_add(&self.bias)?.to_dtype(dtype)
    }
}

struct DenseEmbedding {
    table: Tensor,
    scale: f64,
    positions: Tensor,
}

impl Embedding for DenseEmbedding {
    fn forward(&self, tokens: &[u32], positions: &[u32]) -> candle_core::Result<Tensor> {
        let device = self.table.device();
        let embedded = self.table.index_select(&Tensor::new(tokens, device)?, 0)?;
        let places = self.positions.index_select(&Tensor::new(positions, device)?, 0)?;
        (embedded * self.scale)? + places
    }
}

struct DenseHead {
    /// `[d, vocabulary]`, a transposed view.
    weight: Tensor,
    bias: Option<Tensor>,
    vocabulary: usize,
}

impl DenseHead {
    fn compute(&self, hidden: &Tensor) -> candle_core::Result<Tensor> {
        let logits = hidden.matmul(&self.weight)?.to_dtype(DType::F32)?;
        match &self.bias {
            Some(bias) => logits.broadcast_add(bias),
            None => Ok(logits),
        }
    }

    /// `-inf` at the banned tokens.
    fn ban(&self, logits: Tensor, rules: &StepRules) -> candle_core::Result<Tensor> {
        let rows = logits.dim(0)?;
        let mut places = Vec::new();
        for row in 0..rows {
            let own = rules.banned_by_row.get(row).map_or(&[][..], Vec::as_slice);
            let banned = rules.banned.iter().chain(own).filter(|&&token| (token as usize) < self.vocabulary);
            places.extend(banned.map(|&token| (row * self.vocabulary) as u32 + token));
        }
        if places.is_empty() {
            return Ok(logits);
        }
        let device = logits.device();
        let lowest = Tensor::full(f32::NEG_INFINITY, places.len(), device)?;
        let places = Tensor::from_vec(places, lowest.elem_count(), device)?;
        logits.flatten_all()?.index_add(&places, &lowest, 0)?.reshape((rows, self.vocabulary))
    }
}

impl Head for DenseHead {
    /// The best tokens lie in the parts with the greatest maxima, so only the maxima and `k` parts a row come to the host: no sorting on the device
    /// (candle's fails above some thousand columns on CUDA), no transfer of all logits.
    fn best(&self, hidden: &Tensor, k: usize, rules: &StepRules, out: &mut Vec<Candidate>) -> candle_core::Result<()> {
        let all = self.compute(hidden)?;
        let allowed = self.ban(all.clone(), rules)?;
        let log_sums = log_sum_exp(if rules.renormalize { &allowed } else { &all })?.to_vec1::<f32>()?;
        let rows = allowed.dim(0)?;
        let parts = self.vocabulary.div_ceil(PART);
        let padding = parts * PART - self.vocabulary;
        let padded = if padding == 0 {
            allowed
        } else {
            Tensor::cat(&[&allowed, &Tensor::full(f32::NEG_INFINITY, (rows, padding), all.device())?], 1)?
        };
        let padded = padded.reshape((rows * parts, PART))?;
        let maxima = padded.max(1)?.reshape((rows, parts))?.to_vec2::<f32>()?;
        let wanted = k.min(parts);
        let mut chosen = Vec::with_capacity(rows * wanted);
        for (row, maxima) in maxima.iter().enumerate() {
            let mut best = Best::new(wanted);
            maxima.iter().enumerate().for_each(|(part, &maximum)| best.offer(maximum, part as u32));
            let mut of_row: Vec<u32> = best.tokens().collect();
            // A row with fewer parts that allow anything still fills its place.
            of_row.resize(wanted, 0);
            of_row.sort_unstable();
            of_row.dedup();
            of_row.resize(wanted, u32::MAX);
            chosen.extend(of_row.into_iter().map(|part| (row, part)));
        }
        let indices: Vec<u32> =
            chosen.iter().map(|&(row, part)| (row * parts) as u32 + if part == u32::MAX { 0 } else { part }).collect();
        let values = padded.index_select(&Tensor::new(indices, padded.device())?, 0)?.to_vec2::<f32>()?;
        for (row, log_sum) in log_sums.into_iter().enumerate() {
            let mut best = Best::new(k);
            for (&(_, part), values) in chosen[row * wanted..].iter().zip(&values[row * wanted..]).take(wanted) {
                if part != u32::MAX {
                    values.iter().enumerate().for_each(|(column, &logit)| best.offer(logit, part * PART as u32 + column as u32));
                }
            }
            best.write(log_sum, out);
        }
        Ok(())
    }

    fn logits(&self, hidden: &Tensor) -> candle_core::Result<Vec<Vec<f32>>> {
        let logits = self.compute(hidden)?;
        (0..logits.dim(0)?).map(|row| logits.i(row)?.to_vec1::<f32>()).collect()
    }
}

/// `ln Σ e^x` of each row.
fn log_sum_exp(logits: &Tensor) -> candle_core::Result<Tensor> {
    let largest = logits.max_keepdim(1)?;
    let sum = logits.broadcast_sub(&largest)?.exp()?.sum_keepdim(1)?;
    (sum.log()? + largest)?.squeeze(1)
}
