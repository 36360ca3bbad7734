//! What a checkpoint *is*: the configuration of each family read into one encoder–decoder description, and its weights.

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
