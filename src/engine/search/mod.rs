//! Decoding: greedy and beam search over any [`Seq2Seq`](super::Seq2Seq), as transformers 5 `generate` does it, and the scheduler that
//! runs it over a whole batch of sentences.
//!
//! [`options`] says what is searched for, [`rules`] which tokens a hypothesis may not take next, [`beam`] is one sentence's search as a
//! state machine (rows out, candidates in), and [`schedule`] keeps many of them in flight on several threads. Call [`translate`].

mod beam;
mod options;
mod rules;
mod schedule;

pub use options::DecodeOptions;
pub use schedule::{DEFAULT_BATCH_TOKENS, translate};

/// A translation as the decoder gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// Generated tokens: end of sentence included where it was reached, start token not.
    pub ids: Vec<u32>,
    /// Sum of the tokens' log-probabilities. A forced token (target language, end of sentence at the limit) counts 0, as in transformers.
    pub log_prob: f32,
    /// Mean log-probability per generated token, forced ones included.
    pub score: f32,
    /// What the search ranked by: `log_prob / length^length_penalty` (transformers' `sequences_scores`).
    pub rank_score: f32,
    /// The decoder ended the sentence itself; `false`: the length limit did, and the end may be missing.
    pub finished: bool,
}
