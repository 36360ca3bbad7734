//! The options that say how a model runs and decodes, shared by `translate` and `bench`.

use super::UsageError;
use clap::ValueEnum;
use jisr::engine::{DeviceError, Precision};
use jisr::pipeline::{DecodingOverrides, Settings};

/// How the model runs and decodes.
#[derive(clap::Args, Debug, Clone)]
#[command(next_help_heading = "Model and decoding")]
pub struct DecodingArgs {
    /// Where to compute: auto, cpu, cuda, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "auto", env = "JISR_DEVICE")]
    pub device: String,

    /// Number format of the computation; auto takes int8 on a CPU, f16 on a GPU
    #[arg(long, value_enum, default_value_t = PrecisionArg::Auto, env = "JISR_PRECISION")]
    pub precision: PrecisionArg,

    /// Worker threads (default: the physical cores)
    #[arg(long, value_name = "N", env = "JISR_THREADS", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,

    /// Beam size; 1 is greedy (default: what the model's own configuration says)
    #[arg(long, value_name = "N", env = "JISR_BEAM", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub beam: Option<u16>,

    /// Exponent of the length in a hypothesis's score; above 1 favours longer translations
    #[arg(long, value_name = "X", env = "JISR_LENGTH_PENALTY", allow_negative_numbers = true, value_parser = finite)]
    pub length_penalty: Option<f64>,

    /// Fewest tokens to generate, end of sentence included
    #[arg(long, value_name = "N", env = "JISR_MIN_LENGTH")]
    pub min_length: Option<usize>,

    /// Most tokens to generate, end of sentence included
    #[arg(long, value_name = "N", env = "JISR_MAX_LENGTH", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_length: Option<u32>,

    /// Never generate the same N tokens in a row twice
    #[arg(long, value_name = "N", env = "JISR_NO_REPEAT_NGRAM")]
    pub no_repeat_ngram: Option<usize>,

    /// Tokens in flight at once for each thread; changes speed and memory, never a translation
    #[arg(long, value_name = "N", env = "JISR_MAX_BATCH_TOKENS", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_batch_tokens: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PrecisionArg {
    Auto,
    F32,
    Bf16,
    F16,
    Int8,
}

fn finite(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| "not a finite number".to_owned())
}

impl DecodingArgs {
    /// Settings with these options; languages are the caller's to fill in.
    pub fn settings(&self) -> Result<Settings, UsageError> {
        let defaults = Settings::default();
        Ok(Settings {
            device: self.device.parse().map_err(|error: DeviceError| UsageError(error.to_string()))?,
            precision: match self.precision {
                PrecisionArg::Auto => None,
                PrecisionArg::F32 => Some(Precision::F32),
                PrecisionArg::Bf16 => Some(Precision::Bf16),
                PrecisionArg::F16 => Some(Precision::F16),
                PrecisionArg::Int8 => Some(Precision::Int8),
            },
            threads: self.threads.map_or(defaults.threads, usize::from),
            max_batch_tokens: self.max_batch_tokens.map(|tokens| tokens as usize),
            decoding: DecodingOverrides {
                beam: self.beam.map(usize::from),
                nbest: None,
                length_penalty: self.length_penalty,
                min_length: self.min_length,
                max_length: self.max_length.map(|length| length as usize),
                no_repeat_ngram: self.no_repeat_ngram,
            },
            ..defaults
        })
    }
}
