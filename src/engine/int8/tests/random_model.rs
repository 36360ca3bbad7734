//! A small random checkpoint, written as a `.safetensors` file with a `config.json`.

use std::collections::BTreeMap;
use std::path::Path;

#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub d: usize,
    pub heads: usize,
    pub ffn: usize,
    pub encoder: usize,
    pub decoder: usize,
    pub vocab: usize,
    /// M2M100 (pre-norm, final norms, positions with an offset), else Marian.
    pub m2m: bool,
    pub activation: &'static str,
}

/// Writes the model into `folder`; the same shape gives the same numbers.
pub fn write_model(folder: &Path, s: Shape) {
    let mut tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)> = BTreeMap::new();
    let mut state = 12345u64;
    let mut random = |n: usize, scale: f32, centre: f32| -> Vec<f32> {
        let mut value = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as f32 / (1 << 24) as f32 - 0.5) * 3.46
        };
        (0..n).map(|_| value() * scale + centre).collect()
    };
    let mut add = |name: String, shape: Vec<usize>, scale: f32, centre: f32| {
        let data = random(shape.iter().product(), scale, centre);
        tensors.insert(name, (shape, data));
    };
    for (side, layers) in [("encoder", s.encoder), ("decoder", s.decoder)] {
        for layer in 0..layers {
            let prefix = format!("model.{side}.layers.{layer}");
            let mut linear = |name: &str, n: usize, k: usize| {
                add(format!("{prefix}.{name}.weight"), vec![n, k], 1.2 / (k as f32).sqrt(), 0.0);
                add(format!("{prefix}.{name}.bias"), vec![n], 0.1, 0.0);
            };
            for block in if side == "encoder" { &["self_attn"][..] } else { &["self_attn", "encoder_attn"] } {
                for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                    linear(&format!("{block}.{part}"), s.d, s.d);
                }
            }
            linear("fc1", s.ffn, s.d);
            linear("fc2", s.d, s.ffn);
            let norms = ["self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm"];
            for norm in norms.into_iter().filter(|norm| side == "decoder" || *norm != "encoder_attn_layer_norm") {
                add(format!("{prefix}.{norm}.weight"), vec![s.d], 0.2, 1.0);
                add(format!("{prefix}.{norm}.bias"), vec![s.d], 0.1, 0.0);
            }
        }
        if s.m2m {
            add(format!("model.{side}.layer_norm.weight"), vec![s.d], 0.2, 1.0);
            add(format!("model.{side}.layer_norm.bias"), vec![s.d], 0.1, 0.0);
        }
    }
    add("model.shared.weight".into(), vec![s.vocab, s.d], 1.0 / (s.d as f32).sqrt(), 0.0);
    if !s.m2m {
        add("final_logits_bias".into(), vec![1, s.vocab], 0.5, 0.0);
    }
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for (name, (shape, values)) in &tensors {
        let start = data.len();
        data.extend(values.iter().flat_map(|x| x.to_le_bytes()));
        let entry = serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()] });
        header.insert(name.clone(), entry);
    }
    let header = serde_json::Value::Object(header).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    std::fs::write(folder.join("model.safetensors"), file).unwrap();
    let last = s.vocab - 1;
    let (pad, eos, start) = if s.m2m { (1, 2, 2) } else { (last, 0, last) };
    let mut config = serde_json::json!({
        "model_type": if s.m2m { "m2m_100" } else { "marian" },
        "d_model": s.d, "vocab_size": s.vocab, "activation_function": s.activation, "scale_embedding": true,
        "encoder_layers": s.encoder, "decoder_layers": s.decoder,
        "encoder_attention_heads": s.heads, "decoder_attention_heads": s.heads,
        "encoder_ffn_dim": s.ffn, "decoder_ffn_dim": s.ffn, "max_position_embeddings": 64,
        "pad_token_id": pad, "eos_token_id": eos, "bos_token_id": 0, "decoder_start_token_id": start, "max_length": 64,
    });
    if !s.m2m {
        config["bad_words_ids"] = serde_json::json!([[pad]]);
    }
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
}
