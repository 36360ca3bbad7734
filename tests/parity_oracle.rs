//! An implementation of Marian that isn't ours agrees: candle-transformers' own module, which takes one unpadded sentence at a time.
//!
//! It supports tied embeddings, `final_logits_bias` and post-norm only, so it is asked about the fixtures of that kind (made by
//! `tests/fixtures/parity/make.py`).

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::marian;
use jisr::engine::candle::CandleModel;
use jisr::engine::{Precision, Seq2Seq};
use jisr::hub::{FileSource, ModelFiles};
use jisr::model::Checkpoint;
use std::path::Path;

fn oracle(folder: &Path) -> marian::MTModel {
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("config.json")).unwrap()).unwrap();
    let size = |key: &str| json[key].as_u64().unwrap() as usize;
    let id = |key: &str| json[key].as_u64().unwrap() as u32;
    let config = marian::Config {
        vocab_size: size("vocab_size"),
        decoder_vocab_size: Some(size("decoder_vocab_size")),
        max_position_embeddings: size("max_position_embeddings"),
        encoder_layers: size("encoder_layers"),
        encoder_ffn_dim: size("encoder_ffn_dim"),
        encoder_attention_heads: size("encoder_attention_heads"),
        decoder_layers: size("decoder_layers"),
        decoder_ffn_dim: size("decoder_ffn_dim"),
        decoder_attention_heads: size("decoder_attention_heads"),
        use_cache: true,
        is_encoder_decoder: true,
        activation_function: serde_json::from_value(json["activation_function"].clone()).unwrap(),
        d_model: size("d_model"),
        decoder_start_token_id: id("decoder_start_token_id"),
        scale_embedding: json["scale_embedding"] == true,
        pad_token_id: id("pad_token_id"),
        eos_token_id: id("eos_token_id"),
        forced_eos_token_id: id("forced_eos_token_id"),
        share_encoder_decoder_embeddings: true,
    };
    let tensors = candle_core::safetensors::load(folder.join("model.safetensors"), &Device::Cpu).unwrap();
    marian::MTModel::new(&config, VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu)).unwrap()
}

#[test]
fn candle_transformers_gives_the_same_logits() {
    for name in ["marian-tied", "marian-fp16-relu-eos-3"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity").join(name);
        let files = ModelFiles { name: name.to_owned(), source: FileSource::Folder(folder.clone()) };
        let checkpoint = Checkpoint::open(&files).unwrap();
        let model = CandleModel::load(&checkpoint, &Device::Cpu, Precision::F32).unwrap();
        let mut session = model.session().unwrap();
        let expected: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
        for (source, output) in
            expected["sources"].as_array().unwrap().iter().zip(expected["runs"][0]["outputs"].as_array().unwrap())
        {
            let ids = |value: &serde_json::Value| {
                value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect::<Vec<_>>()
            };
            let (source, target) = (ids(source), ids(&output[0]["ids"]));
            let ours = session.logits(&source, &target).unwrap();

            let mut theirs = oracle(&folder);
            let source = Tensor::new(source, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
            let encoded = theirs.encoder().forward(&source, 0).unwrap();
            let mut fed = vec![checkpoint.special.decoder_start];
            fed.extend(&target[..target.len() - 1]);
            let fed = Tensor::new(fed, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
            let theirs = theirs.decode(&fed, &encoded, 0).unwrap().squeeze(0).unwrap().to_vec2::<f32>().unwrap();
            for (position, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                for (a, b) in ours.iter().zip(theirs) {
                    assert!((a - b).abs() <= 1e-4 * b.abs().max(1.0), "{name}, position {position}: {a}, not {b}");
                }
            }
        }
    }
}
