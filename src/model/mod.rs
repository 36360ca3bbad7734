//! What a checkpoint *is*: the configuration of each family read into one encoder–decoder description, and its weights.
//!
//! [`Checkpoint::open`] is the way in. It reads `config.json` ([`config`]) into an [`Architecture`] and [`SpecialIds`],
//! `generation_config.json` ([`generation`]) into [`GenerationSettings`], and the directory of the weight files ([`weights`]; `safetensors`,
//! or `pytorch_model.bin` in [`torch_file`] and [`pickle`]), but no tensor data yet. A backend then asks for tensors by role
//! ([`checkpoint`]: `encoder_layer(i)`, `decoder_layer(i)`, `embeddings()`) and reads them one at a time, so loading never holds
//! the model twice. [`positions`] computes the sinusoids that checkpoints don't store.

mod bytes;
pub mod checkpoint;
pub mod config;
mod error;
pub mod generation;
mod pickle;
pub mod positions;
mod safetensors;
#[cfg(test)]
mod tests;
mod torch_file;
pub mod weights;

pub use checkpoint::{Checkpoint, DecoderLayer, Embeddings, EncoderLayer, Linear, Norm, Side};
pub use config::SpecialIds;
pub use error::{ModelError, Result};
pub use generation::{EarlyStopping, GenerationSettings};
pub use weights::Tensor;

/// Added to the variance in every layer norm; the families all use PyTorch's default.
pub const LAYER_NORM_EPS: f32 = 1e-5;

/// Which checkpoints a model came from; decides the layout of tensors and the positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    Marian,
    /// M2M100 and NLLB-200.
    M2m100,
}

/// Non-linearity between the two feed-forward layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    Relu,
    /// `x · sigmoid(x)`, also called SiLU.
    Swish,
    /// Exact (erf) GELU.
    Gelu,
    /// Tanh approximation of GELU (`gelu_new`).
    GeluTanh,
}

/// One encoder–decoder transformer, whatever family it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    pub family: Family,
    pub d_model: usize,
    pub encoder_layers: usize,
    pub decoder_layers: usize,
    pub encoder_heads: usize,
    pub decoder_heads: usize,
    pub encoder_ffn: usize,
    pub decoder_ffn: usize,
    pub activation: Activation,
    /// Layer norm before each block (M2M100, NLLB) instead of after it (Marian).
    pub pre_norm: bool,
    /// A layer norm on the embeddings.
    pub normalize_embedding: bool,
    /// A last layer norm after the encoder and the decoder.
    pub final_norm: bool,
    /// Embeddings are multiplied by `sqrt(d_model)`.
    pub scale_embedding: bool,
    /// Rows of the source embedding.
    pub source_vocab: usize,
    /// Rows of the target embedding and columns of the head.
    pub target_vocab: usize,
    /// Longest source or target in positions.
    pub max_positions: usize,
    /// Added to a position before its sinusoid is looked up (0 for Marian, `pad_token_id + 1` for M2M100).
    pub position_offset: usize,
}

impl Architecture {
    /// What embeddings are multiplied by.
    pub fn embedding_scale(&self) -> f32 {
        if self.scale_embedding { (self.d_model as f64).sqrt() as f32 } else { 1.0 }
    }
}
