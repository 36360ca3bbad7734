//! The encoder–decoder, written once for all devices and families.
//!
//! Every tensor here has shape `[tokens, width]`. The parts that differ by device are behind [`Linear`], [`Norm`], [`Embedding`] (weights) and
//! [`Attend`] (attention and its caches).

use super::head::Head;
use crate::engine::Result;
use crate::model::checkpoint::{self, Side};
use crate::model::{Activation, Architecture, Checkpoint};
use candle_core::{Device, Tensor};

/// `y = activation(x · wᵀ + b)`.
pub(super) trait Linear: Send + Sync {
    fn forward(&self, x: &Tensor, activation: Option<Activation>) -> candle_core::Result<Tensor>;
    /// `x · wᵀ + b + residual`.
    fn forward_add(&self, x: &Tensor, residual: &Tensor) -> candle_core::Result<Tensor>;
}

/// Layer norm over the last axis, in `f32`.
pub(super) trait Norm: Send + Sync {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor>;
}

/// Scaled token embedding plus position.
pub(super) trait Embedding: Send + Sync {
    /// `[tokens, d_model]` for tokens at their positions.
    fn forward(&self, tokens: &[u32], positions: &[u32]) -> candle_core::Result<Tensor>;
}

/// What depends on the vocabularies.
pub(super) struct Vocabulary {
    pub source: Box<dyn Embedding>,
    pub target: Box<dyn Embedding>,
    pub head: Box<dyn Head>,
}

/// Makes the parts of a network for one device and type.
pub(super) trait Parts {
    fn device(&self) -> Device;
    /// What computes, for people.
    fn kernel(&self) -> String;
    /// One layer out of several that read the same input: their outputs lie side by side.
    fn linear(&mut self, parts: &[&checkpoint::Linear]) -> Result<Box<dyn Linear>>;
    fn norm(&mut self, norm: &checkpoint::Norm) -> Result<Box<dyn Norm>>;
    /// Source embedding, target embedding and head; tied ones are shared.
    fn vocabulary(&mut self) -> Result<Vocabulary>;
    fn attention(&self) -> fn(&Network) -> Box<dyn Attend>;
}

/// Attention and what it remembers: one per session.
pub(super) trait Attend {
    /// Self-attention inside sentences of `lengths` tokens that lie one behind the other: `qkv` is `[tokens, 3·d]`, the result `[tokens, d]`.
    fn within(&mut self, qkv: &Tensor, lengths: &[usize], heads: usize, causal: bool) -> candle_core::Result<Tensor>;

    /// Makes room for encoded sources; gives their slots.
    fn add_memories(&mut self, lengths: &[usize]) -> Vec<usize>;
    /// Keys and values (`[tokens, 2·d]`) of the next decoder layer for the memories just added.
    fn remember(&mut self, slots: &[usize], keys_values: &Tensor) -> candle_core::Result<()>;
    fn forget(&mut self, slot: usize);

    /// Says which memory and which earlier history (index into the rows before) each of the next rows has.
    fn begin_rows(&mut self, memories: &[usize], parents: &[Option<u32>]) -> candle_core::Result<()>;
    /// Self-attention of one token per row over its history, which it joins: `qkv` is `[rows, 3·d]`.
    fn history(&mut self, layer: usize, qkv: &Tensor) -> candle_core::Result<Tensor>;
    /// Tokens each of the rows has already taken in.
    fn positions(&self) -> &[u32];

    /// Cross-attention, `query` `[rows, d]`: row `i` attends to `memories[i]`. With `weights`, the mean over heads is appended, row by row.
    fn cross(
        &mut self,
        layer: usize,
        query: &Tensor,
        memories: &[usize],
        weights: Option<&mut Vec<f32>>,
    ) -> candle_core::Result<Tensor>;
}

struct EncoderLayer {
    qkv: Box<dyn Linear>,
    output: Box<dyn Linear>,
    attention_norm: Box<dyn Norm>,
    fc1: Box<dyn Linear>,
    fc2: Box<dyn Linear>,
    final_norm: Box<dyn Norm>,
}

struct DecoderLayer {
    qkv: Box<dyn Linear>,
    output: Box<dyn Linear>,
    attention_norm: Box<dyn Norm>,
    cross_query: Box<dyn Linear>,
    cross_keys_values: Box<dyn Linear>,
    cross_output: Box<dyn Linear>,
    cross_norm: Box<dyn Norm>,
    fc1: Box<dyn Linear>,
    fc2: Box<dyn Linear>,
    final_norm: Box<dyn Norm>,
}

/// Weights of a model on its device; shared by sessions.
pub(super) struct Network {
    pub architecture: Architecture,
    pub device: Device,
    pub kernel: String,
    /// The token that decoding starts from.
    pub start: u32,
    pub attention: fn(&Network) -> Box<dyn Attend>,
    vocabulary: Vocabulary,
    encoder: Vec<EncoderLayer>,
    decoder: Vec<DecoderLayer>,
    embedding_norms: [Option<Box<dyn Norm>>; 2],
    final_norms: [Option<Box<dyn Norm>>; 2],
}

/// How the decoder's self-attention sees its rows.
#[derive(Clone, Copy)]
pub(super) enum Rows<'a> {
    /// One new token per row, continuing histories ([`Attend::begin_rows`]).
    Step(&'a [u32]),
    /// All tokens of one forced target at once.
    Forced(&'a [u32]),
}

impl Network {
    pub fn load(checkpoint: &Checkpoint, parts: &mut dyn Parts) -> Result<Self> {
        let architecture = checkpoint.architecture.clone();
        let mut encoder = Vec::with_capacity(architecture.encoder_layers);
        for names in (0..architecture.encoder_layers).map(|index| checkpoint.encoder_layer(index)) {
            let attention = &names.attention;
            encoder.push(EncoderLayer {
                qkv: parts.linear(&[&attention.query, &attention.key, &attention.value])?,
                output: parts.linear(&[&attention.output])?,
                attention_norm: parts.norm(&names.attention_norm)?,
                fc1: parts.linear(&[&names.fc1])?,
                fc2: parts.linear(&[&names.fc2])?,
                final_norm: parts.norm(&names.final_norm)?,
            });
        }
        let mut decoder = Vec::with_capacity(architecture.decoder_layers);
        for names in (0..architecture.decoder_layers).map(|index| checkpoint.decoder_layer(index)) {
            let (attention, cross) = (&names.attention, &names.cross_attention);
            decoder.push(DecoderLayer {
                qkv: parts.linear(&[&attention.query, &attention.key, &attention.value])?,
                output: parts.linear(&[&attention.output])?,
                attention_norm: parts.norm(&names.attention_norm)?,
                cross_query: parts.linear(&[&cross.query])?,
                cross_keys_values: parts.linear(&[&cross.key, &cross.value])?,
                cross_output: parts.linear(&[&cross.output])?,
                cross_norm: parts.norm(&names.cross_attention_norm)?,
                fc1: parts.linear(&[&names.fc1])?,
                fc2: parts.linear(&[&names.fc2])?,
                final_norm: parts.norm(&names.final_norm)?,
            });
        }
        let vocabulary = parts.vocabulary()?;
        let mut optional = |norm: Option<checkpoint::Norm>| norm.map(|norm| parts.norm(&norm)).transpose();
        Ok(Self {
            embedding_norms: [
                optional(checkpoint.embedding_norm(Side::Encoder))?,
                optional(checkpoint.embedding_norm(Side::Decoder))?,
            ],
            final_norms: [optional(checkpoint.final_norm(Side::Encoder))?, optional(checkpoint.final_norm(Side::Decoder))?],
            device: parts.device(),
            kernel: parts.kernel(),
            start: checkpoint.special.decoder_start,
            attention: parts.attention(),
            architecture,
            vocabulary,
            encoder,
            decoder,
        })
    }

    /// Encodes sources (one behind the other in `tokens`) into memories; gives their slots.
    pub fn encode(&self, attend: &mut dyn Attend, tokens: &[u32], lengths: &[usize]) -> candle_core::Result<Vec<usize>> {
        let activation = Some(self.architecture.activation);
        let heads = self.architecture.encoder_heads;
        let positions: Vec<u32> = lengths.iter().flat_map(|&length| 0..length as u32).collect();
        let mut x = self.vocabulary.source.forward(tokens, &positions)?;
        if let Some(norm) = &self.embedding_norms[0] {
            x = norm.forward(&x)?;
        }
        for layer in &self.encoder {
            x = self.block(layer.attention_norm.as_ref(), x, |input, residual| {
                let attended = attend.within(&layer.qkv.forward(input, None)?, lengths, heads, false)?;
                layer.output.forward_add(&attended, residual)
            })?;
            x = self.block(layer.final_norm.as_ref(), x, |input, residual| {
                layer.fc2.forward_add(&layer.fc1.forward(input, activation)?, residual)
            })?;
        }
        if let Some(norm) = &self.final_norms[0] {
            x = norm.forward(&x)?;
        }
        let slots = attend.add_memories(lengths);
        for layer in &self.decoder {
            attend.remember(&slots, &layer.cross_keys_values.forward(&x, None)?)?;
        }
        Ok(slots)
    }

    pub fn head(&self) -> &dyn Head {
        self.vocabulary.head.as_ref()
    }

    /// Hidden states `[rows, d]` after the last decoder layer. `memories`: slot of each row; `weights`: cross-attention, layer by layer.
    pub fn decode(
        &self,
        attend: &mut dyn Attend,
        rows: Rows,
        memories: &[usize],
        mut weights: Option<&mut Vec<f32>>,
    ) -> candle_core::Result<Tensor> {
        let activation = Some(self.architecture.activation);
        let heads = self.architecture.decoder_heads;
        let mut x = match rows {
            Rows::Step(tokens) => self.vocabulary.target.forward(tokens, attend.positions())?,
            Rows::Forced(tokens) => self.vocabulary.target.forward(tokens, &(0..tokens.len() as u32).collect::<Vec<_>>())?,
        };
        if let Some(norm) = &self.embedding_norms[1] {
            x = norm.forward(&x)?;
        }
        for (index, layer) in self.decoder.iter().enumerate() {
            x = self.block(layer.attention_norm.as_ref(), x, |input, residual| {
                let qkv = layer.qkv.forward(input, None)?;
                let attended = match rows {
                    Rows::Step(_) => attend.history(index, &qkv)?,
                    Rows::Forced(tokens) => attend.within(&qkv, &[tokens.len()], heads, true)?,
                };
                layer.output.forward_add(&attended, residual)
            })?;
            x = self.block(layer.cross_norm.as_ref(), x, |input, residual| {
                let query = layer.cross_query.forward(input, None)?;
                let attended = attend.cross(index, &query, memories, weights.as_deref_mut())?;
                layer.cross_output.forward_add(&attended, residual)
            })?;
            x = self.block(layer.final_norm.as_ref(), x, |input, residual| {
                layer.fc2.forward_add(&layer.fc1.forward(input, activation)?, residual)
            })?;
        }
        match &self.final_norms[1] {
            Some(norm) => norm.forward(&x),
            None => Ok(x),
        }
    }

    /// One residual block: `norm(x + f(x))`, or `x + f(norm(x))` where the architecture normalises first. `f` adds the residual itself.
    fn block(
        &self,
        norm: &dyn Norm,
        x: Tensor,
        mut f: impl FnMut(&Tensor, &Tensor) -> candle_core::Result<Tensor>,
    ) -> candle_core::Result<Tensor> {
        if self.architecture.pre_norm { f(&norm.forward(&x)?, &x) } else { norm.forward(&f(&x, &x)?) }
    }
}
