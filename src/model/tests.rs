//! Opening checkpoints: what is read, what is refused, and by which name.

use super::*;
use crate::hub::{FileSource, ModelFiles};
use std::path::Path;

/// The smallest Marian checkpoint: one layer a side, `d_model` 4, all weights 0.5 as f32, written by hand.
fn write(folder: &Path, config: &[(&str, serde_json::Value)], skip: &str) {
    let mut json = serde_json::json!({
        "model_type": "marian", "d_model": 4, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 6, "decoder_ffn_dim": 6, "activation_function": "swish", "vocab_size": 8,
        "pad_token_id": 7, "eos_token_id": 0, "decoder_start_token_id": 7, "max_position_embeddings": 16, "max_length": 10,
        "bad_words_ids": [[7]], "scale_embedding": true
    });
    for (key, value) in config {
        json[*key] = value.clone();
    }
    std::fs::write(folder.join("config.json"), json.to_string()).unwrap();
    let mut tensors = vec![("model.shared.weight".to_owned(), vec![8, 4]), ("final_logits_bias".to_owned(), vec![1, 8])];
    for side in ["encoder", "decoder"] {
        let blocks: &[&str] = if side == "encoder" { &["self_attn"] } else { &["self_attn", "encoder_attn"] };
        let layer = format!("model.{side}.layers.0");
        for block in blocks {
            for projection in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                tensors.push((format!("{layer}.{block}.{projection}.weight"), vec![4, 4]));
                tensors.push((format!("{layer}.{block}.{projection}.bias"), vec![4]));
            }
            tensors.push((format!("{layer}.{block}_layer_norm.weight"), vec![4]));
            tensors.push((format!("{layer}.{block}_layer_norm.bias"), vec![4]));
        }
        for (part, shape) in
            [("fc1.weight", vec![6, 4]), ("fc1.bias", vec![6]), ("fc2.weight", vec![4, 6]), ("fc2.bias", vec![4])]
        {
            tensors.push((format!("{layer}.{part}"), shape));
        }
        tensors.push((format!("{layer}.final_layer_norm.weight"), vec![4]));
        tensors.push((format!("{layer}.final_layer_norm.bias"), vec![4]));
    }
    tensors.retain(|(name, _)| name != skip);
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for (name, shape) in tensors {
        let start = data.len();
        for _ in 0..shape.iter().product::<usize>() {
            data.extend(0.5f32.to_le_bytes());
        }
        header.insert(name, serde_json::json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}));
    }
    let header = serde_json::Value::Object(header).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    std::fs::write(folder.join("model.safetensors"), file).unwrap();
}

fn open(folder: &Path) -> Result<Checkpoint> {
    Checkpoint::open(&ModelFiles { name: "tiny".to_owned(), source: FileSource::Folder(folder.to_owned()) })
}

fn message(config: &[(&str, serde_json::Value)], skip: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), config, skip);
    open(folder.path()).unwrap_err().to_string()
}

#[test]
fn a_tied_checkpoint_opens() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[], "");
    let checkpoint = open(folder.path()).unwrap();
    let embeddings = checkpoint.embeddings();
    assert_eq!(embeddings.source, "model.shared.weight");
    assert_eq!(embeddings.head.weight, embeddings.source);
    assert_eq!(checkpoint.tensor(&checkpoint.decoder_layer(0).fc1.weight).unwrap().data, vec![0.5; 24]);
    assert_eq!(checkpoint.positions(Side::Decoder).unwrap().shape, [16, 4]);
    assert_eq!(checkpoint.generation.max_length, 9);
    assert_eq!(checkpoint.generation.bad_words, [[7]]);
    let mut rows = Vec::new();
    checkpoint.read_rows(&embeddings.source, 2..5, &mut rows).unwrap();
    assert_eq!(rows, vec![0.5; 12]);
}

#[test]
fn what_is_asked_for_and_not_supported_is_named() {
    for (key, value) in [
        ("model_type", serde_json::json!("t5")),
        ("activation_function", serde_json::json!("quick_gelu")),
        ("static_position_embeddings", serde_json::json!(false)),
        ("quantization_config", serde_json::json!({"bits": 4})),
        ("repetition_penalty", serde_json::json!(1.2)),
        ("do_sample", serde_json::json!(true)),
        ("num_beam_groups", serde_json::json!(2)),
        ("encoder_attention_heads", serde_json::json!(3)),
        ("d_model", serde_json::json!("four")),
    ] {
        let message = message(&[(key, value)], "");
        assert!(message.contains(key), "{key}: {message}");
    }
}

#[test]
fn switches_for_norms_that_the_file_lacks_are_warned_of() {
    for key in ["normalize_before", "add_final_layer_norm", "normalize_embedding"] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[(key, true.into())], "");
        let checkpoint = open(folder.path()).unwrap();
        let architecture = &checkpoint.architecture;
        assert!(!architecture.pre_norm && !architecture.final_norm && !architecture.normalize_embedding, "{key}");
        assert!(checkpoint.warnings.iter().any(|warning| warning.contains(key)), "{:?}", checkpoint.warnings);
    }
}

#[test]
fn missing_and_misshapen_tensors_are_named() {
    for name in ["model.shared.weight", "model.decoder.layers.0.encoder_attn.k_proj.bias", "model.encoder.layers.0.fc2.weight"] {
        let message = message(&[], name);
        assert!(message.contains(name) || name.contains("shared"), "{name}: {message}");
    }
    let message = message(&[("encoder_ffn_dim", 7.into())], "");
    assert!(message.contains("encoder.layers.0.fc1.weight") && message.contains("[7, 4]"), "{message}");
}

#[test]
fn a_cut_file_is_named_wherever_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[], "");
    let path = folder.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    for end in (0..whole.len()).step_by(97) {
        std::fs::write(&path, &whole[..end]).unwrap();
        let message = open(folder.path()).unwrap_err().to_string();
        assert!(message.contains("model.safetensors"), "{message}");
    }
}
