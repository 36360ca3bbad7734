//! `config.json` of each family, read into an [`Architecture`] and [`SpecialIds`].
//!
//! A key that changes the computation and isn't implemented is refused by name. Keys about training (dropout, layer drop, initialisation) don't
//! matter here. Defaults are those of the family's configuration class in transformers.

use super::error::{ModelError, Result};
use super::{Activation, Architecture, Family};
use serde_json::{Map, Value};

/// Ids with a role of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecialIds {
    pub pad: u32,
    /// Any of these ends a sequence; the first is the one that forced decoding and alignment use.
    pub eos: Vec<u32>,
    pub bos: Option<u32>,
    /// The token that decoding starts from.
    pub decoder_start: u32,
}

/// A JSON object of a model with typed access; errors name its file and the key.
#[derive(Debug)]
pub(super) struct Settings {
    pub file: String,
    pub map: Map<String, Value>,
}

impl Settings {
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self> {
        let value: Value = serde_json::from_slice(bytes).map_err(|source| ModelError::Json { file: file.to_owned(), source })?;
        match value {
            Value::Object(map) => Ok(Self { file: file.to_owned(), map }),
            other => Err(ModelError::BadValue {
                file: file.to_owned(),
                key: "the top level".to_owned(),
                expected: "an object",
                found: kind(&other).to_owned(),
            }),
        }
    }

    /// The value of `key`; `null` counts as absent.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    pub fn size(&self, key: &'static str) -> Result<Option<usize>> {
        self.typed(key, "a whole number", |value| value.as_u64().and_then(|n| usize::try_from(n).ok()))
    }

    pub fn number(&self, key: &'static str) -> Result<Option<f64>> {
        self.typed(key, "a number", Value::as_f64)
    }

    pub fn flag(&self, key: &'static str) -> Result<Option<bool>> {
        self.typed(key, "true or false", Value::as_bool)
    }

    pub fn id(&self, key: &'static str) -> Result<Option<u32>> {
        self.typed(key, "a token id", id)
    }

    /// One id or a list of them.
    pub fn ids(&self, key: &'static str) -> Result<Option<Vec<u32>>> {
        self.typed(key, "a token id or a list of them", |value| match value {
            Value::Array(items) => items.iter().map(id).collect(),
            one => id(one).map(|id| vec![id]),
        })
    }

    pub fn id_lists(&self, key: &'static str) -> Result<Option<Vec<Vec<u32>>>> {
        self.typed(key, "a list of lists of token ids", |value| {
            value.as_array()?.iter().map(|list| list.as_array()?.iter().map(id).collect()).collect()
        })
    }

    fn typed<T>(&self, key: &'static str, expected: &'static str, read: impl Fn(&Value) -> Option<T>) -> Result<Option<T>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.bad(key, expected, value))
    }

    pub fn bad(&self, key: &str, expected: &'static str, value: &Value) -> ModelError {
        ModelError::BadValue { file: self.file.clone(), key: key.to_owned(), expected, found: value.to_string() }
    }

    pub fn unsupported(&self, key: &str, value: impl ToString, reason: &'static str) -> ModelError {
        ModelError::Unsupported { file: self.file.clone(), key: key.to_owned(), value: value.to_string(), reason }
    }

    fn require(&self, key: &'static str, value: Option<usize>) -> Result<usize> {
        value.filter(|&n| n > 0).ok_or(ModelError::MissingKey { file: self.file.clone(), key })
    }
}

fn id(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|n| u32::try_from(n).ok())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What `config.json` says beside the architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tying {
    /// One embedding for source and target.
    pub shared_embeddings: bool,
    /// The head uses the target embedding.
    pub tied_head: bool,
    /// `false`: positions are learned, and the file must hold them.
    pub static_positions: bool,
}

/// Reads the architecture; `special` gets `pad`, `eos`, `bos` and the start token as far as `config.json` knows them.
pub(super) fn architecture(config: &Settings) -> Result<(Architecture, Tying)> {
    let family = match config.get("model_type").and_then(Value::as_str) {
        Some("marian") => Family::Marian,
        Some("m2m_100") => Family::M2m100,
        Some(other) => return Err(ModelError::Family { file: config.file.clone(), family: other.to_owned() }),
        None => return Err(ModelError::MissingKey { file: config.file.clone(), key: "model_type" }),
    };
    refuse_unsupported(config)?;
    let marian = family == Family::Marian;

    let d_model = config.require("d_model", config.size("d_model")?)?;
    let pre_norm = !marian || config.flag("normalize_before")?.unwrap_or(false);
    let source_vocab = config.require("vocab_size", config.size("vocab_size")?)?;
    let shared_embeddings = !marian || config.flag("share_encoder_decoder_embeddings")?.unwrap_or(true);
    let target_vocab = if shared_embeddings {
        source_vocab
    } else {
        config.size("decoder_vocab_size")?.filter(|&n| n > 0).unwrap_or(source_vocab)
    };
    let pad = config.id("pad_token_id")?.unwrap_or(default_pad(family));
    let architecture = Architecture {
        family,
        d_model,
        encoder_layers: config.require("encoder_layers", config.size("encoder_layers")?)?,
        decoder_layers: config.require("decoder_layers", config.size("decoder_layers")?)?,
        encoder_heads: config.require("encoder_attention_heads", config.size("encoder_attention_heads")?)?,
        decoder_heads: config.require("decoder_attention_heads", config.size("decoder_attention_heads")?)?,
        encoder_ffn: config.require("encoder_ffn_dim", config.size("encoder_ffn_dim")?)?,
        decoder_ffn: config.require("decoder_ffn_dim", config.size("decoder_ffn_dim")?)?,
        activation: activation(config, if marian { "gelu" } else { "relu" })?,
        pre_norm,
        normalize_embedding: marian && config.flag("normalize_embedding")?.unwrap_or(false),
        final_norm: !marian || config.flag("add_final_layer_norm")?.unwrap_or(false),
        scale_embedding: config.flag("scale_embedding")?.unwrap_or(!marian),
        source_vocab,
        target_vocab,
        max_positions: config.size("max_position_embeddings")?.filter(|&n| n > 0).unwrap_or(1024),
        position_offset: if marian { 0 } else { pad as usize + 1 },
    };
    for (key, heads) in
        [("encoder_attention_heads", architecture.encoder_heads), ("decoder_attention_heads", architecture.decoder_heads)]
    {
        if d_model % heads != 0 {
            return Err(config.unsupported(key, heads, "d_model is not a multiple of it"));
        }
    }
    let tying = Tying {
        shared_embeddings,
        tied_head: config.flag("tie_word_embeddings")?.unwrap_or(true),
        static_positions: config.flag("static_position_embeddings")?.unwrap_or(true),
    };
    Ok((architecture, tying))
}

/// Special ids; `generation` (generation_config.json) goes before `config` (config.json), as in transformers.
pub(super) fn special_ids(family: Family, config: &Settings, generation: &Settings) -> Result<SpecialIds> {
    let id = |key| Ok(generation.id(key)?.or(config.id(key)?));
    let pad = id("pad_token_id")?.unwrap_or(default_pad(family));
    let eos = match generation.ids("eos_token_id")? {
        Some(ids) => ids,
        None => config.ids("eos_token_id")?.unwrap_or_else(|| vec![if family == Family::Marian { 0 } else { 2 }]),
    };
    if eos.is_empty() {
        return Err(ModelError::MissingKey { file: config.file.clone(), key: "eos_token_id" });
    }
    let bos = id("bos_token_id")?;
    let decoder_start = id("decoder_start_token_id")?
        .or(bos)
        .ok_or(ModelError::MissingKey { file: config.file.clone(), key: "decoder_start_token_id" })?;
    Ok(SpecialIds { pad, eos, bos, decoder_start })
}

fn default_pad(family: Family) -> u32 {
    match family {
        Family::Marian => 58100,
        Family::M2m100 => 1,
    }
}

fn activation(config: &Settings, default: &str) -> Result<Activation> {
    let name = match config.get("activation_function") {
        None => default,
        Some(Value::String(name)) => name.as_str(),
        Some(other) => return Err(config.bad("activation_function", "a name", other)),
    };
    match name {
        "relu" => Ok(Activation::Relu),
        "swish" | "silu" => Ok(Activation::Swish),
        "gelu" | "gelu_python" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" | "gelu_python_tanh" => Ok(Activation::GeluTanh),
        other => Err(config.unsupported("activation_function", other, "only relu, swish, gelu and gelu_new are implemented")),
    }
}

/// Settings of Marian, BART and transformers that would change what is computed.
fn refuse_unsupported(config: &Settings) -> Result<()> {
    if let Some(value) = config.get("quantization_config") {
        return Err(config.unsupported("quantization_config", value, "use the checkpoint before quantisation"));
    }
    if config.flag("is_encoder_decoder")? == Some(false) {
        return Err(config.unsupported("is_encoder_decoder", false, "only encoder–decoder models translate"));
    }
    for key in ["add_bias_logits", "extra_pos_embeddings", "use_rms_norm", "tie_encoder_decoder"] {
        match config.get(key) {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Number(number)) if number.as_f64() == Some(0.0) => {}
            Some(other) => return Err(config.unsupported(key, other, "no checkpoint of this family uses it")),
        }
    }
    for key in ["layer_norm_eps", "layer_norm_epsilon"] {
        if let Some(eps) = config.number(key)?
            && (eps as f32) != super::LAYER_NORM_EPS
        {
            return Err(config.unsupported(key, eps, "the family uses 1e-5"));
        }
    }
    Ok(())
}
