//! How a checkpoint wants to be decoded: `generation_config.json`, or `config.json` where a repository has no such file, read as
//! transformers 5 reads them.
//!
//! Lengths are counted as this crate's command line counts them: generated tokens, end of sentence included, start token not.
//! transformers' `max_length` counts the start token (so it is one more), its `min_length` doesn't count the end (so it is the same number).

use super::config::{Settings, SpecialIds};
use super::error::Result;
use serde_json::Value;

/// When a beam search may stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EarlyStopping {
    /// As soon as there are as many finished hypotheses as beams.
    Yes,
    /// When the best running hypothesis, at its present length, can't beat the worst finished one.
    #[default]
    No,
    /// When no running hypothesis could still win at any length.
    Never,
}

/// Decoding settings of a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationSettings {
    /// 1: greedy.
    pub num_beams: usize,
    /// Most tokens generated, end of sentence included.
    pub max_length: usize,
    /// The checkpoint sets no length, and `max_length` is transformers' default of 20.
    pub max_length_is_default: bool,
    /// Fewest tokens generated, end of sentence included.
    pub min_length: usize,
    /// A finished hypothesis scores `sum of log-probabilities / length^length_penalty`.
    pub length_penalty: f64,
    pub early_stopping: EarlyStopping,
    /// Token sequences that may not be generated.
    pub bad_words: Vec<Vec<u32>>,
    /// Tokens that may not be generated, and those that may not come first.
    pub suppress: Vec<u32>,
    pub begin_suppress: Vec<u32>,
    /// The first generated token (a target language code).
    pub forced_bos: Option<u32>,
    /// Forced at the length limit; empty: the sequence is cut there.
    pub forced_eos: Vec<u32>,
    /// Log-probabilities over the allowed tokens only.
    pub renormalize: bool,
    /// No n-gram of this size is generated twice; 0: off.
    pub no_repeat_ngram: usize,
}

/// Keys that change the output and are not implemented, with the value that turns them off.
const UNSUPPORTED: &[(&str, Option<f64>, &str)] = &[
    ("repetition_penalty", Some(1.0), "use no_repeat_ngram_size"),
    ("encoder_repetition_penalty", Some(1.0), "it is not implemented"),
    ("encoder_no_repeat_ngram_size", Some(0.0), "it is not implemented"),
    ("diversity_penalty", Some(0.0), "diverse beam search is not implemented"),
    ("num_beam_groups", Some(1.0), "diverse beam search is not implemented"),
    ("penalty_alpha", Some(0.0), "contrastive search is not implemented"),
    ("guidance_scale", Some(1.0), "it is not implemented"),
    ("exponential_decay_length_penalty", None, "it is not implemented"),
    ("sequence_bias", None, "it is not implemented"),
    ("constraints", None, "constrained search is not implemented"),
    ("force_words_ids", None, "constrained search is not implemented"),
    ("forced_decoder_ids", None, "it is not implemented"),
    ("watermarking_config", None, "it is not implemented"),
    ("stop_strings", None, "it is not implemented"),
    ("dola_layers", None, "it is not implemented"),
    ("max_time", None, "output would depend on the machine's speed"),
];

impl GenerationSettings {
    /// Reads `settings`, which is generation_config.json where there is one and config.json where not.
    pub(super) fn read(settings: &Settings, special: &SpecialIds) -> Result<Self> {
        if settings.flag("do_sample")? == Some(true) {
            return Err(settings.unsupported("do_sample", true, "translations are searched for, not sampled"));
        }
        for &(key, off, reason) in UNSUPPORTED {
            match settings.get(key) {
                None => {}
                Some(Value::Array(items)) if items.is_empty() => {}
                Some(value) if off.is_some() && value.as_f64() == off => {}
                Some(value) => return Err(settings.unsupported(key, value, reason)),
            }
        }
        let (max_length, max_length_is_default) = match (settings.size("max_new_tokens")?, settings.size("max_length")?) {
            (Some(tokens), _) => (tokens, false),
            (None, Some(length)) => (length.saturating_sub(1), false),
            (None, None) => (20, true),
        };
        let min_length = match settings.size("min_new_tokens")? {
            Some(tokens) => tokens + 1,
            None => settings.size("min_length")?.unwrap_or(0),
        };
        let early_stopping = match settings.get("early_stopping") {
            None | Some(Value::Bool(false)) => EarlyStopping::No,
            Some(Value::Bool(true)) => EarlyStopping::Yes,
            Some(Value::String(word)) if word == "never" => EarlyStopping::Never,
            Some(other) => return Err(settings.bad("early_stopping", "true, false or \"never\"", other)),
        };
        // Forbidding the end of sentence itself is not meant: transformers leaves it out too.
        let mut bad_words = settings.id_lists("bad_words_ids")?.unwrap_or_default();
        bad_words.retain(|word| !word.is_empty() && !special.eos.iter().any(|&eos| word == &[eos]));
        Ok(Self {
            num_beams: settings.size("num_beams")?.unwrap_or(1).max(1),
            max_length: max_length.max(1),
            max_length_is_default,
            min_length,
            length_penalty: settings.number("length_penalty")?.unwrap_or(1.0),
            early_stopping,
            bad_words,
            suppress: settings.ids("suppress_tokens")?.unwrap_or_default(),
            begin_suppress: settings.ids("begin_suppress_tokens")?.unwrap_or_default(),
            forced_bos: settings.id("forced_bos_token_id")?,
            forced_eos: settings.ids("forced_eos_token_id")?.unwrap_or_default(),
            renormalize: settings.flag("renormalize_logits")?.unwrap_or(false),
            no_repeat_ngram: settings.size("no_repeat_ngram_size")?.unwrap_or(0),
        })
    }
}
