//! A second opinion on a model's numbers: the logits of our engine against those of candle-transformers' own Marian.
//!
//! That module shares nothing with ours: it has another reader of files, another network, another order of operations. It takes one sentence at a
//! time and tied post-norm Marian models only. Equal logits on a user's machine say that the files were read right and that this processor's
//! kernels compute right.

use anyhow::Context;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::marian;
use jisr::engine::{self, DeviceChoice, EngineError, Precision};
use jisr::hub::{FileSource, ModelFiles};
use jisr::model::{Activation, Architecture, Checkpoint, Family};
use jisr::tokenizer;
use std::collections::HashMap;

/// Sentences to force through both, source and target.
const SENTENCES: [(&str, &str); 4] = [
    (
        "أعلنت الوزارة يوم الأحد أن المشروع سيبدأ في شهر مارس.",
        "The ministry announced on Sunday that the project will begin in March.",
    ),
    ("كم عدد السكان في هذه المدينة؟", "How many people live in this city?"),
    ("ارتفعت الأسعار بنسبة ٣٫٥٪ خلال عام ٢٠٢٣.", "Prices rose by 3.5% in 2023."),
    ("شكراً.", "Thank you."),
];

/// Largest error (root mean square, in standard deviations of the witness's logits) by precision: rounding of f32 gives about 1e-5, of int8 weights
/// and activations 0.02 to 0.05. A kernel that computes wrong is off by about 1.
fn tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::Int8 => 0.25,
        _ => 1e-3,
    }
}

/// What the comparison with the witness gave.
pub enum Opinion {
    /// One line an engine, and whether all is well.
    Compared { lines: Vec<String>, agrees: bool },
    /// The witness does not run such a model.
    NotSupported(&'static str),
}

/// Compares the logits of every engine of this CPU with the witness's.
pub fn compare(files: &ModelFiles) -> anyhow::Result<Opinion> {
    let checkpoint = Checkpoint::open(files)?;
    if let Some(reason) = unsupported(&checkpoint) {
        return Ok(Opinion::NotSupported(reason));
    }
    let tokenizer = tokenizer::load(files, Some("ar"), Some("en"))?;
    let encode = |(source, target): &(&str, &str)| (tokenizer.encode_source(source), tokenizer.encode_target(target));
    let pairs: Vec<(Vec<u32>, Vec<u32>)> = SENTENCES.iter().map(encode).collect();
    let expected = witness(files, &checkpoint, &pairs).context("candle-transformers' Marian can't run this model")?;
    let mut lines = Vec::new();
    let mut agrees = true;
    for precision in [Precision::F32, Precision::Int8] {
        let loaded = match engine::load(files, DeviceChoice::Cpu, Some(precision)) {
            Err(EngineError::Unsupported(_)) => continue,
            loaded => loaded?,
        };
        let mut session = loaded.model.session()?;
        let mut found = Vec::new();
        for (source, target) in &pairs {
            found.extend(session.logits(source, target)?);
        }
        let difference = Difference::between(&found, &expected);
        // A NaN is within nothing.
        agrees &= difference.error <= tolerance(precision);
        lines.push(format!("{precision}, {}: {}", loaded.model.kernel(), difference.text()));
    }
    Ok(Opinion::Compared { lines, agrees })
}

/// Why the witness can't run a model: it ties all embeddings and normalises after each block.
fn unsupported(checkpoint: &Checkpoint) -> Option<&'static str> {
    let architecture = &checkpoint.architecture;
    let embeddings = checkpoint.embeddings();
    match () {
        _ if architecture.family != Family::Marian => Some("a model of another family than Marian"),
        _ if architecture.pre_norm || architecture.normalize_embedding || architecture.final_norm => {
            Some("layer norms before the blocks, on the embeddings or at the end")
        }
        _ if embeddings.source != embeddings.target || embeddings.target != embeddings.head.weight => {
            Some("embeddings that are not tied")
        }
        _ => None,
    }
}

/// How far one engine's logits are from the witness's.
struct Difference {
    /// Root mean square, in standard deviations.
    error: f64,
    largest: f64,
    same_best: usize,
    positions: usize,
}

impl Difference {
    fn between(found: &[Vec<f32>], expected: &[Vec<f32>]) -> Difference {
        // Columns that can never be generated hold a bias of -1e9 (-65504 in f16), beside which nothing else would count.
        let pairs = found.iter().flatten().zip(expected.iter().flatten());
        let pairs: Vec<(f64, f64)> = pairs.map(|(a, b)| (f64::from(*a), f64::from(*b))).filter(|(_, b)| b.abs() < 1e4).collect();
        let mean_of = |value: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(value).sum::<f64>() / pairs.len() as f64;
        let mean = mean_of(&|(_, b)| *b);
        let variance = mean_of(&|(_, b)| (b - mean).powi(2));
        let best = |row: &Vec<f32>| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
        Difference {
            error: (mean_of(&|(a, b)| (a - b).powi(2)) / variance.max(f64::MIN_POSITIVE)).sqrt(),
            largest: pairs.iter().map(|(a, b)| (a - b).abs()).fold(0.0, f64::max),
            same_best: found.iter().zip(expected).filter(|(a, b)| best(a) == best(b)).count(),
            positions: expected.len(),
        }
    }

    fn text(&self) -> String {
        format!(
            "error {:.1e} of the spread, {:.1e} at most; the same best token at {} of {} positions",
            self.error, self.largest, self.same_best, self.positions
        )
    }
}

/// The witness's logits for every target position of every pair.
fn witness(files: &ModelFiles, checkpoint: &Checkpoint, pairs: &[(Vec<u32>, Vec<u32>)]) -> anyhow::Result<Vec<Vec<f32>>> {
    let device = Device::Cpu;
    let architecture = &checkpoint.architecture;
    let to_f32 = |(name, tensor): (String, Tensor)| Ok((name, tensor.to_dtype(DType::F32)?));
    let mut tensors: HashMap<String, Tensor> =
        read_tensors(files, &device)?.into_iter().map(to_f32).collect::<candle_core::Result<_>>()?;
    if !tensors.contains_key("final_logits_bias") {
        tensors.insert("final_logits_bias".to_owned(), Tensor::zeros((1, architecture.target_vocab), DType::F32, &device)?);
    }
    // The witness knows the tied embeddings by this one of their names.
    let embeddings = checkpoint.embeddings().source;
    let shared = tensors.get(&embeddings).with_context(|| format!("the file has no {embeddings}"))?.clone();
    tensors.insert("model.shared.weight".to_owned(), shared);
    let start = checkpoint.special.decoder_start;
    let vars = VarBuilder::from_tensors(tensors, DType::F32, &device);
    let mut model = marian::MTModel::new(&witness_config(architecture, checkpoint), vars)?;
    let mut logits = Vec::new();
    for (source, target) in pairs {
        // Its encoder keeps keys and values as if it were a decoder: without this the next sentence would continue the last.
        model.reset_kv_cache();
        let memory = model.encoder().forward(&Tensor::new(source.as_slice(), &device)?.unsqueeze(0)?, 0)?;
        let fed: Vec<u32> = std::iter::once(start).chain(target.iter().copied()).take(target.len()).collect();
        let rows = model.decode(&Tensor::new(fed, &device)?.unsqueeze(0)?, &memory, 0)?;
        logits.extend(rows.squeeze(0)?.to_vec2::<f32>()?);
    }
    Ok(logits)
}

fn witness_config(architecture: &Architecture, checkpoint: &Checkpoint) -> marian::Config {
    marian::Config {
        vocab_size: architecture.source_vocab,
        decoder_vocab_size: Some(architecture.target_vocab),
        max_position_embeddings: architecture.max_positions,
        encoder_layers: architecture.encoder_layers,
        encoder_ffn_dim: architecture.encoder_ffn,
        encoder_attention_heads: architecture.encoder_heads,
        decoder_layers: architecture.decoder_layers,
        decoder_ffn_dim: architecture.decoder_ffn,
        decoder_attention_heads: architecture.decoder_heads,
        use_cache: false,
        is_encoder_decoder: true,
        activation_function: match architecture.activation {
            Activation::Relu => candle_nn::Activation::Relu,
            Activation::Swish => candle_nn::Activation::Swish,
            Activation::Gelu => candle_nn::Activation::Gelu,
            Activation::GeluTanh => candle_nn::Activation::NewGelu,
        },
        d_model: architecture.d_model,
        decoder_start_token_id: checkpoint.special.decoder_start,
        scale_embedding: architecture.scale_embedding,
        pad_token_id: checkpoint.special.pad,
        eos_token_id: checkpoint.special.eos[0],
        forced_eos_token_id: checkpoint.special.eos[0],
        share_encoder_decoder_embeddings: true,
    }
}

/// The weights as candle itself reads them.
fn read_tensors(files: &ModelFiles, device: &Device) -> anyhow::Result<Vec<(String, Tensor)>> {
    let folder = match &files.source {
        FileSource::Embedded(_) => {
            let weights = files.read("model.safetensors")?.context("the built-in model has no model.safetensors")?;
            return Ok(candle_core::safetensors::load_buffer(&weights, device)?.into_iter().collect());
        }
        FileSource::Folder(folder) => folder,
    };
    let names = |end: &str| -> anyhow::Result<Vec<std::path::PathBuf>> {
        let mut paths: Vec<_> = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        paths.retain(|path| path.to_string_lossy().ends_with(end));
        Ok(paths)
    };
    let mut tensors = Vec::new();
    for path in names(".safetensors")? {
        tensors.extend(candle_core::safetensors::load(path, device)?);
    }
    if tensors.is_empty() {
        for path in names(".bin")? {
            tensors.extend(candle_core::pickle::read_all(path)?);
        }
    }
    Ok(tensors)
}
