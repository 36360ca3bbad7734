//! Decoding equals Hugging Face transformers 5.24 in `f32` on every variant of checkpoint, and doesn't depend on how it is run.
//!
//! The checkpoints and what transformers gives for them are made by `tests/fixtures/parity/make.py` (random weights, fixed seeds).

use jisr::engine::candle::CandleModel;
use jisr::engine::search::{DecodeOptions, Hypothesis, translate};
use jisr::engine::{Precision, Seq2Seq};
use jisr::hub::{FileSource, ModelFiles};
use jisr::model::{Checkpoint, EarlyStopping, Side};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

struct Variant {
    name: String,
    checkpoint: Checkpoint,
    model: CandleModel,
    sources: Vec<Vec<u32>>,
    expected: Value,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity")
}

fn checkpoint(folder: &Path) -> Checkpoint {
    let files = ModelFiles { name: "tiny".to_owned(), source: FileSource::Folder(folder.to_owned()) };
    Checkpoint::open(&files).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
}

fn variants() -> Vec<Variant> {
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(folders.len() >= 15, "the fixtures are incomplete");
    folders
        .iter()
        .map(|folder| {
            let checkpoint = checkpoint(folder);
            let model = CandleModel::load(&checkpoint, &candle_core::Device::Cpu, Precision::F32).unwrap();
            let expected: Value = serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
            let sources = expected["sources"].as_array().unwrap().iter().map(ids).collect();
            Variant { name: folder.file_name().unwrap().to_string_lossy().into_owned(), checkpoint, model, sources, expected }
        })
        .collect()
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

/// The checkpoint's own settings with those of a run (arguments of `generate`) over them.
fn options(checkpoint: &Checkpoint, settings: &Value) -> DecodeOptions {
    let mut options = DecodeOptions::new(&checkpoint.generation, &checkpoint.special);
    for (key, value) in settings.as_object().unwrap() {
        let number = || value.as_u64().unwrap() as usize;
        match key.as_str() {
            "num_beams" => options.beams = number(),
            "num_return_sequences" => options.nbest = number(),
            "length_penalty" => options.length_penalty = value.as_f64().unwrap(),
            "early_stopping" if value == "never" => options.early_stopping = EarlyStopping::Never,
            "early_stopping" => options.early_stopping = if value == true { EarlyStopping::Yes } else { EarlyStopping::No },
            // transformers counts the start token.
            "max_length" => options.max_length = number() - 1,
            "min_length" => options.min_length = number(),
            "no_repeat_ngram_size" => options.no_repeat_ngram = number(),
            "renormalize_logits" => options.renormalize = value == true,
            "forced_eos_token_id" => assert!(value.is_null()),
            "suppress_tokens" => options.suppress = ids(value),
            "begin_suppress_tokens" => options.begin_suppress = ids(value),
            other => panic!("unknown setting {other}"),
        }
    }
    options
}

fn run(
    model: &dyn Seq2Seq,
    sources: &[Vec<u32>],
    options: &DecodeOptions,
    threads: usize,
    max_batch_tokens: usize,
) -> Vec<Vec<Hypothesis>> {
    let results = Mutex::new(vec![None; sources.len()]);
    let on_done = |index: usize, hypotheses| {
        let before = results.lock().unwrap()[index].replace(hypotheses);
        assert!(before.is_none(), "sentence {index} was done twice");
    };
    translate(model, sources, options, threads, Some(max_batch_tokens), &on_done, &AtomicBool::new(false)).unwrap();
    results.into_inner().unwrap().into_iter().map(|result| result.expect("every sentence is done")).collect()
}

fn compare(variant: &Variant, model: &dyn Seq2Seq, tolerance: f32) {
    for expected in variant.expected["runs"].as_array().unwrap() {
        let settings = &expected["settings"];
        let mut options = options(&variant.checkpoint, settings);
        if settings.get("forced_eos_token_id").is_some() {
            options.forced_eos.clear();
        }
        let results = run(model, &variant.sources, &options, 1, 512);
        for (index, (hypotheses, wanted)) in results.iter().zip(expected["outputs"].as_array().unwrap()).enumerate() {
            let place = format!("{}, {settings}, source {index}", variant.name);
            let wanted = wanted.as_array().unwrap();
            assert_eq!(hypotheses.len(), wanted.len(), "{place}");
            for (rank, (hypothesis, wanted)) in hypotheses.iter().zip(wanted).enumerate() {
                assert_eq!(hypothesis.ids, ids(&wanted["ids"]), "{place}, hypothesis {rank}: {hypothesis:?} {wanted}");
                let (have, want) = match wanted.get("rank_score") {
                    Some(score) => (hypothesis.rank_score, score),
                    None => (hypothesis.log_prob, &wanted["log_prob"]),
                };
                let want = want.as_f64().unwrap() as f32;
                assert!(
                    (have - want).abs() <= tolerance * want.abs().max(1.0),
                    "{place}, hypothesis {rank}: score {have}, not {want}"
                );
                let mean = hypothesis.log_prob / hypothesis.ids.len() as f32;
                assert!((hypothesis.score - mean).abs() < 1e-6, "{place}");
            }
        }
    }
}

#[test]
fn every_variant_decodes_as_transformers_does() {
    for variant in variants() {
        compare(&variant, &variant.model, 1e-4);
    }
}

/// The path that GPUs take, on the CPU: padding, masks, index selection, parts of the head.
#[test]
fn candles_own_operations_decode_the_same() {
    for variant in variants() {
        let model = CandleModel::load_dense(&variant.checkpoint, &candle_core::Device::Cpu, Precision::F32).unwrap();
        compare(&variant, &model, 1e-4);
    }
}

#[test]
fn logits_and_attention_of_a_forced_target_are_transformers() {
    for variant in variants() {
        let forced = &variant.expected["forced"];
        let (source, target) = (ids(&forced["source"]), ids(&forced["target"]));
        let numbers = |key: &str| forced[key].as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect::<Vec<_>>();
        let dense = CandleModel::load_dense(&variant.checkpoint, &candle_core::Device::Cpu, Precision::F32).unwrap();
        for model in [&variant.model, &dense] {
            let mut session = model.session().unwrap();
            let logits = session.logits(&source, &target).unwrap().concat();
            close(&logits, &numbers("logits"), 2e-4, &variant.name);
            let attention = session.attention(&source, &target).unwrap();
            assert_eq!(attention.layers, variant.checkpoint.architecture.decoder_layers);
            assert_eq!((attention.target_len, attention.source_len), (target.len(), source.len()));
            close(&attention.weights, &numbers("attention"), 2e-5, &variant.name);
        }
    }
}

fn close(have: &[f32], want: &[f32], tolerance: f32, name: &str) {
    assert_eq!(have.len(), want.len(), "{name}");
    for (index, (a, b)) in have.iter().zip(want).enumerate() {
        assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{name}: value {index} is {a}, not {b}");
    }
}

/// Not a bit of a translation depends on what else is translated, in which order, in how large batches, on how many threads.
#[test]
fn batches_order_and_threads_change_nothing() {
    for variant in variants() {
        for settings in [serde_json::json!({"num_beams": 1}), serde_json::json!({"num_beams": 3, "num_return_sequences": 3})] {
            let options = options(&variant.checkpoint, &settings);
            let alone: Vec<Vec<Hypothesis>> = variant
                .sources
                .iter()
                .map(|source| run(&variant.model, std::slice::from_ref(source), &options, 1, 64).remove(0))
                .collect();
            for (threads, budget) in [(1, 1), (1, 17), (1, 64), (1, 8192), (2, 40), (3, 8192)] {
                assert_eq!(run(&variant.model, &variant.sources, &options, threads, budget), alone, "{}", variant.name);
            }
            let shuffled: Vec<usize> = (0..alone.len()).map(|index| index * 7 % alone.len()).collect();
            let sources: Vec<Vec<u32>> = shuffled.iter().map(|&index| variant.sources[index].clone()).collect();
            for (result, &index) in run(&variant.model, &sources, &options, 2, 64).iter().zip(&shuffled) {
                assert_eq!(result, &alone[index], "{}", variant.name);
            }
        }
    }
}

/// A pre-norm Marian checkpoint (`normalize_before`, `add_final_layer_norm`) with the weights of an M2M100 one and its positions written into the file
/// is the same network, so it must translate the same: transformers 5 has no pre-norm Marian to compare with.
#[test]
fn a_pre_norm_marian_is_an_m2m100_with_other_positions() {
    let variant = variants().into_iter().find(|variant| variant.name == "m2m100-tied").unwrap();
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "generation_config.json"] {
        std::fs::copy(fixtures().join("m2m100-tied").join(file), folder.path().join(file)).unwrap();
    }
    let config = std::fs::read(folder.path().join("config.json")).unwrap();
    let mut config: Value = serde_json::from_slice(&config).unwrap();
    config["model_type"] = "marian".into();
    for key in ["normalize_before", "add_final_layer_norm"] {
        config[key] = true.into();
    }
    config["static_position_embeddings"] = false.into();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let device = candle_core::Device::Cpu;
    let mut tensors = candle_core::safetensors::load(fixtures().join("m2m100-tied/model.safetensors"), &device).unwrap();
    for (side, name) in [(Side::Encoder, "encoder"), (Side::Decoder, "decoder")] {
        let positions = variant.checkpoint.positions(side).unwrap();
        let positions = candle_core::Tensor::from_vec(positions.data, positions.shape, &device).unwrap();
        tensors.insert(format!("model.{name}.embed_positions.weight"), positions);
    }
    candle_core::safetensors::save(&tensors, folder.path().join("model.safetensors")).unwrap();

    let checkpoint = checkpoint(folder.path());
    assert!(checkpoint.warnings[0].contains("normalize_before"), "{:?}", checkpoint.warnings);
    let marian = CandleModel::load(&checkpoint, &device, Precision::F32).unwrap();
    let options = options(&variant.checkpoint, &serde_json::json!({}));
    assert_eq!(run(&marian, &variant.sources, &options, 1, 512), run(&variant.model, &variant.sources, &options, 1, 512));
}

/// A limit beyond the positions that the model has is lowered to them, and the hypothesis says that it was cut.
#[test]
fn no_limit_goes_beyond_the_positions() {
    let variant = variants().remove(0);
    let mut options = options(&variant.checkpoint, &serde_json::json!({"num_beams": 1, "min_length": 10_000}));
    options.max_length = 10_000;
    for hypotheses in run(&variant.model, &variant.sources[..3], &options, 1, 512) {
        assert_eq!(hypotheses[0].ids.len(), variant.checkpoint.architecture.max_positions);
        assert!(!hypotheses[0].finished);
    }
}

/// Half precision stays near: the same network in bf16 and f16 gives logits within its rounding.
#[test]
fn half_precision_is_near() {
    let variant = variants().remove(0);
    let forced = &variant.expected["forced"];
    let (source, target) = (ids(&forced["source"]), ids(&forced["target"]));
    let want = variant.model.session().unwrap().logits(&source, &target).unwrap().concat();
    for (precision, tolerance) in [(Precision::F16, 0.05), (Precision::Bf16, 0.4)] {
        let model = CandleModel::load(&variant.checkpoint, &candle_core::Device::Cpu, precision).unwrap();
        let have = model.session().unwrap().logits(&source, &target).unwrap().concat();
        close(&have, &want, tolerance, &format!("{precision:?}"));
    }
}

#[test]
fn a_cancelled_run_ends_early_and_without_error() {
    let variant = variants().remove(0);
    let options = options(&variant.checkpoint, &serde_json::json!({}));
    let cancel = AtomicBool::new(false);
    let done = Mutex::new(0);
    let on_done = |_, _| {
        *done.lock().unwrap() += 1;
        cancel.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    translate(&variant.model, &variant.sources, &options, 1, Some(1), &on_done, &cancel).unwrap();
    assert_eq!(*done.lock().unwrap(), 1);
}

#[test]
fn what_the_encoder_cannot_take_is_an_error() {
    let variant = variants().remove(0);
    let mut session = variant.model.session().unwrap();
    let limit = variant.checkpoint.architecture.max_positions;
    let error = session.encode(&[&vec![5; limit + 1]]).unwrap_err().to_string();
    assert!(error.contains(&limit.to_string()), "{error}");
    assert!(session.encode(&[&[100_000, 0]]).unwrap_err().to_string().contains("100000"));
    assert!(session.encode(&[&[]]).is_err());
}
