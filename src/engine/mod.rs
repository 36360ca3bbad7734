//! How a model *runs*: one trait, [`Seq2Seq`], with two backends (candle on any device; packed int8 on CPU), and one beam search over it.
//!
//! A worker thread opens a [`Session`], encodes sentences into memories, and calls [`Session::step`] with the live rows; the 60k–256k logits
//! of a row never leave the backend. Rows may belong to different sentences at different positions, so finished rows leave and waiting
//! sentences join at any step. On CPU a row's numbers never depend on what else is in the batch.

pub mod candle;
pub mod int8;
pub mod kernel;
mod load;
pub mod search;

pub use load::{DeviceChoice, DeviceError, Loaded, load};

use crate::model::{Architecture, ModelError};

pub type Result<T> = std::result::Result<T, EngineError>;

/// What went wrong while a model ran.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("{0}")]
    Candle(#[from] candle_core::Error),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("a source of {length} tokens exceeds the model's {limit} positions")]
    SourceTooLong { length: usize, limit: usize },
    #[error("{0}")]
    Unsupported(String),
}

/// Number format of weights and activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    F32,
    F16,
    Bf16,
    Int8,
}

/// Handle of one encoded source sentence in a [`Session`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MemoryId(pub u32);

/// One row of a decoder step: a hypothesis that is extended by `token`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The encoded source it attends to.
    pub memory: MemoryId,
    /// Index, among the rows of the previous step, of the row whose history it continues; `None` starts a new history.
    /// A previous row that no new row names is dropped; one that several name is shared, not copied, where the backend can.
    pub parent: Option<u32>,
    /// The token fed in at this position (the start token for a new history).
    pub token: u32,
}

/// What may be generated at a step, for all its rows.
#[derive(Debug, Clone, Copy, Default)]
pub struct StepRules<'a> {
    /// Tokens that no row may generate (`bad_words_ids`: pad).
    pub banned: &'a [u32],
    /// Further tokens that row `i` may not generate (end of sentence below the minimum length, n-gram blocking); empty, or one list per row.
    pub banned_by_row: &'a [Vec<u32>],
    /// Log-probabilities over the allowed tokens only (`renormalize_logits`); else over the whole vocabulary.
    pub renormalize: bool,
}

/// A continuation of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    pub token: u32,
    /// Natural log-probability.
    pub log_prob: f32,
}

/// Cross-attention of a forced target, for word alignment.
#[derive(Debug, Clone)]
pub struct Attention {
    /// Source tokens, `</s>` included.
    pub source_len: usize,
    /// Target positions.
    pub target_len: usize,
    /// Decoder layers.
    pub layers: usize,
    /// Mean over heads, shape `[layers, target_len, source_len]`; row `t` is the attention while predicting target token `t`.
    pub weights: Vec<f32>,
}

/// A loaded model. Weights are shared by all sessions.
pub trait Seq2Seq: Send + Sync {
    fn architecture(&self) -> &Architecture;
    fn precision(&self) -> Precision;
    /// The kernel level or device in use, for people: `avx512-vnni`, `candle cpu`, `cuda:0`.
    fn kernel(&self) -> String;
    /// Source tokens times beams that a worker best keeps in flight: more is faster up to a point, and takes memory for caches.
    fn batch_tokens(&self) -> usize {
        search::DEFAULT_BATCH_TOKENS
    }
    /// A worker's own state: scratch memory, encoded sources, caches.
    fn session(&self) -> Result<Box<dyn Session + '_>>;
}

/// The state of one worker thread over a shared model.
pub trait Session {
    /// Encodes sources (ids as [`crate::tokenizer::Tokenizer::encode_source`] gives them), one memory each, in order.
    fn encode(&mut self, sources: &[&[u32]]) -> Result<Vec<MemoryId>>;

    /// Frees an encoded source; no row may name it afterwards.
    fn release(&mut self, memory: MemoryId);

    /// Feeds one token per row and leaves the `k` best continuations of every row in `out` (`rows.len() * k`, row by row, best first, ties to
    /// the lower id; a row with fewer allowed tokens is filled up with `log_prob = -inf`).
    fn step(&mut self, rows: &[Row], k: usize, rules: &StepRules, out: &mut Vec<Candidate>) -> Result<()>;

    /// Cross-attention while `target` (ids as generated, end of sentence included, start token not) is forced after `source`.
    fn attention(&mut self, source: &[u32], target: &[u32]) -> Result<Attention>;

    /// Logits of every target position while `target` is forced after `source`: `target.len()` rows of the vocabulary (checks, `models verify`).
    fn logits(&mut self, source: &[u32], target: &[u32]) -> Result<Vec<Vec<f32>>>;
}
