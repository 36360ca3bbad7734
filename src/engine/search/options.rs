//! What to search for: a checkpoint's own settings, which a caller may override field by field.

use crate::model::{EarlyStopping, GenerationSettings, SpecialIds};

/// Settings of one decoding run. Lengths count generated tokens, end of sentence included, start token not.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodeOptions {
    /// 1: greedy.
    pub beams: usize,
    /// Hypotheses returned per sentence, best first; at most `beams` (raise both).
    pub nbest: usize,
    pub max_length: usize,
    pub min_length: usize,
    pub length_penalty: f64,
    pub early_stopping: EarlyStopping,
    /// Tokens every hypothesis starts with (`forced_bos_token_id`: the target language); they count as generated, with log-probability 0.
    pub prefix: Vec<u32>,
    /// Forced where the length limit is reached; empty: the hypothesis is cut there.
    pub forced_eos: Vec<u32>,
    /// Sequences that may not be generated.
    pub bad_words: Vec<Vec<u32>>,
    pub suppress: Vec<u32>,
    pub begin_suppress: Vec<u32>,
    /// Log-probabilities over the allowed tokens only.
    pub renormalize: bool,
    /// 0: off.
    pub no_repeat_ngram: usize,
    pub decoder_start: u32,
    pub eos: Vec<u32>,
}

impl DecodeOptions {
    /// The settings that the checkpoint asks for.
    pub fn new(generation: &GenerationSettings, special: &SpecialIds) -> Self {
        Self {
            beams: generation.num_beams,
            nbest: 1,
            max_length: generation.max_length,
            min_length: generation.min_length,
            length_penalty: generation.length_penalty,
            early_stopping: generation.early_stopping,
            prefix: generation.forced_bos.into_iter().collect(),
            forced_eos: generation.forced_eos.clone(),
            bad_words: generation.bad_words.clone(),
            suppress: generation.suppress.clone(),
            begin_suppress: generation.begin_suppress.clone(),
            renormalize: generation.renormalize,
            no_repeat_ngram: generation.no_repeat_ngram,
            decoder_start: special.decoder_start,
            eos: special.eos.clone(),
        }
    }

    /// Candidates looked at in every step: enough that `beams` of them don't end the sentence.
    pub(super) fn candidates(&self) -> usize {
        if self.beams == 1 { 1 } else { self.beams * (1 + self.eos.len()).max(2) }
    }
}
