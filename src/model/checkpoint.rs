//! A checkpoint opened: its description, and its tensors by role.
//!
//! Files spell the same tensor in several ways (`model.shared.weight`, `model.encoder.embed_tokens.weight`, with or without `model.`), tie some
//! and leave out others. The names are settled once here, shapes are checked against the configuration, and backends see roles.

use super::config::{self, Settings, SpecialIds, Tying};
use super::error::{ModelError, Result};
use super::weights::{Tensor, Weights};
use super::{Architecture, GenerationSettings, positions};
use crate::hub::ModelFiles;
use std::ops::Range;

/// A model's description and the directory of its weights. Cheap to open: no tensor has been read.
#[derive(Debug)]
pub struct Checkpoint {
    pub name: String,
    pub architecture: Architecture,
    pub special: SpecialIds,
    pub generation: GenerationSettings,
    /// What a user should know: a setting that other programs read differently.
    pub warnings: Vec<String>,
    weights: Weights,
    tying: Tying,
}

/// Encoder or decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    Encoder,
    Decoder,
}

/// Names of a linear layer's tensors: weight `[out, in]`, bias `[out]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linear {
    pub weight: String,
    pub bias: Option<String>,
}

/// Names of a layer norm's tensors, both `[d_model]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Norm {
    pub weight: String,
    pub bias: String,
}

/// The four projections of an attention block, each `[d_model, d_model]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attention {
    pub query: Linear,
    pub key: Linear,
    pub value: Linear,
    pub output: Linear,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderLayer {
    pub attention: Attention,
    pub attention_norm: Norm,
    /// `[ffn, d_model]`.
    pub fc1: Linear,
    /// `[d_model, ffn]`.
    pub fc2: Linear,
    pub final_norm: Norm,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderLayer {
    pub attention: Attention,
    pub attention_norm: Norm,
    pub cross_attention: Attention,
    pub cross_attention_norm: Norm,
    pub fc1: Linear,
    pub fc2: Linear,
    pub final_norm: Norm,
}

/// Names of the vocabulary's tensors. Equal names are one tensor (tied).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embeddings {
    /// `[source_vocab, d_model]`.
    pub source: String,
    /// `[target_vocab, d_model]`.
    pub target: String,
    /// The output head, `[target_vocab, d_model]`; its bias is `final_logits_bias` (`target_vocab` values, shape `[1, target_vocab]`).
    pub head: Linear,
}

impl Checkpoint {
    /// Reads configuration and weight directory, and checks that every tensor is there in the right shape.
    pub fn open(files: &ModelFiles) -> Result<Self> {
        let read = |file: &str| files.read(file).map_err(|source| ModelError::Io { file: describe(files, file), source });
        let bytes = read("config.json")?
            .ok_or_else(|| ModelError::MissingFile { model: files.name.clone(), file: "config.json".to_owned() })?;
        let config = Settings::parse(&describe(files, "config.json"), &bytes)?;
        let (architecture, tying) = config::architecture(&config)?;
        let generation_config = match read("generation_config.json")? {
            Some(bytes) => Some(Settings::parse(&describe(files, "generation_config.json"), &bytes)?),
            None => None,
        };
        let settings = generation_config.as_ref().unwrap_or(&config);
        let special = config::special_ids(architecture.family, &config, settings)?;
        let mut generation = GenerationSettings::read(settings, &special)?;
        generation.max_length = generation.max_length.min(architecture.max_positions);
        let mut warnings = Vec::new();
        if generation.max_length_is_default {
            warnings.push(format!(
                "{}: no max_length; as in transformers a translation ends after {} tokens unless --max-length allows more",
                settings.file, generation.max_length
            ));
        }
        let weights = Weights::open(files)?;
        let mut checkpoint = Self { name: files.name.clone(), architecture, special, generation, warnings, weights, tying };
        if checkpoint.architecture.family == super::Family::Marian {
            checkpoint.believe_norms(&config.file);
        }
        checkpoint.check(&config)?;
        Ok(checkpoint)
    }

    /// Marian's configuration has BART's switches for further norms. transformers 5 ignores them and its checkpoints have no such tensors; where the
    /// file does have them, the model was trained with them.
    fn believe_norms(&mut self, config_file: &str) {
        let has = |norm: Option<Norm>| norm.is_some_and(|norm| self.weights.contains(&norm.weight));
        let final_norm = has(self.final_norm(Side::Encoder)) && has(self.final_norm(Side::Decoder));
        let normalize_embedding = has(self.embedding_norm(Side::Encoder)) && has(self.embedding_norm(Side::Decoder));
        let asked = self.architecture.clone();
        let architecture = &mut self.architecture;
        // A stack that normalises before its blocks needs a last norm.
        architecture.pre_norm &= final_norm;
        architecture.final_norm &= final_norm;
        architecture.normalize_embedding &= normalize_embedding;
        for (key, asked, used) in [
            ("normalize_before", asked.pre_norm, architecture.pre_norm),
            ("add_final_layer_norm", asked.final_norm, architecture.final_norm),
            ("normalize_embedding", asked.normalize_embedding, architecture.normalize_embedding),
        ] {
            match (asked, used) {
                (true, false) => self.warnings.push(format!(
                    "{config_file}: {key} is not followed, as in transformers 5: the checkpoint has no tensors for it"
                )),
                (true, true) => self.warnings.push(format!("{config_file}: {key} is followed; transformers 5 ignores it")),
                (false, _) => {}
            }
        }
    }

    /// The weight directory itself.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Reads a tensor named by one of the roles below.
    pub fn tensor(&self, name: &str) -> Result<Tensor> {
        self.weights.tensor(name)
    }

    /// Reads some rows of a tensor (see [`Weights::read_rows`]).
    pub fn read_rows(&self, name: &str, rows: Range<usize>, out: &mut Vec<f32>) -> Result<()> {
        self.weights.read_rows(name, rows, out)
    }

    pub fn encoder_layer(&self, index: usize) -> EncoderLayer {
        let layer = |part: &str| self.name(&format!("encoder.layers.{index}.{part}"));
        EncoderLayer {
            attention: attention(&layer, "self_attn"),
            attention_norm: norm(&layer, "self_attn_layer_norm"),
            fc1: linear(&layer, "fc1"),
            fc2: linear(&layer, "fc2"),
            final_norm: norm(&layer, "final_layer_norm"),
        }
    }

    pub fn decoder_layer(&self, index: usize) -> DecoderLayer {
        let layer = |part: &str| self.name(&format!("decoder.layers.{index}.{part}"));
        DecoderLayer {
            attention: attention(&layer, "self_attn"),
            attention_norm: norm(&layer, "self_attn_layer_norm"),
            cross_attention: attention(&layer, "encoder_attn"),
            cross_attention_norm: norm(&layer, "encoder_attn_layer_norm"),
            fc1: linear(&layer, "fc1"),
            fc2: linear(&layer, "fc2"),
            final_norm: norm(&layer, "final_layer_norm"),
        }
    }

    /// The layer norm on the embeddings, where the architecture has one.
    pub fn embedding_norm(&self, side: Side) -> Option<Norm> {
        let part = |part: &str| self.name(&format!("{}.{part}", side.name()));
        self.architecture.normalize_embedding.then(|| norm(&part, "layernorm_embedding"))
    }

    /// The last layer norm, where the architecture has one.
    pub fn final_norm(&self, side: Side) -> Option<Norm> {
        let part = |part: &str| self.name(&format!("{}.{part}", side.name()));
        self.architecture.final_norm.then(|| norm(&part, "layer_norm"))
    }

    /// The names of embeddings and head: a tensor of its own where the file has one, else the one it is tied to.
    ///
    /// That is transformers 5's rule: tied tensors that a file holds separately, with other values, are used separately.
    pub fn embeddings(&self) -> Embeddings {
        let shared = self.name("shared.weight");
        let source = self.name("encoder.embed_tokens.weight");
        let target = self.name("decoder.embed_tokens.weight");
        let head = "lm_head.weight".to_owned();
        let first = |candidates: &[&String]| -> String {
            let present = candidates.iter().find(|name| self.weights.contains(name));
            (**present.unwrap_or(&candidates[candidates.len() - 1])).clone()
        };
        let (source, target, head) = if self.tying.shared_embeddings {
            (
                first(&[&source, &shared, &target, &head]),
                first(&[&target, &shared, &source, &head]),
                if self.tying.tied_head { first(&[&head, &shared, &target, &source]) } else { first(&[&head]) },
            )
        } else {
            let tied = if self.tying.tied_head { first(&[&head, &target]) } else { first(&[&head]) };
            let target = if self.tying.tied_head { first(&[&target, &head]) } else { target };
            (source, target, tied)
        };
        let same = |name: String, other: &String| if self.weights.is_same(&name, other) { other.clone() } else { name };
        let target = same(target, &source);
        let head = same(same(head, &target), &source);
        let bias = Some("final_logits_bias".to_owned()).filter(|name| self.weights.contains(name));
        Embeddings { source, target, head: Linear { weight: head, bias } }
    }

    /// Position embeddings of one side, shape `[max_positions, d_model]`, row 0 for the first token: the file's own where it has
    /// some, else computed.
    pub fn positions(&self, side: Side) -> Result<Tensor> {
        let architecture = &self.architecture;
        let name = self.name(&format!("{}.embed_positions.weight", side.name()));
        if architecture.family == super::Family::Marian && self.weights.contains(&name) {
            return self.tensor(&name);
        }
        let rows = architecture.max_positions;
        let data = positions::sinusoids(architecture.family, rows, architecture.d_model, architecture.position_offset);
        Ok(Tensor { shape: vec![rows, architecture.d_model], data })
    }

    /// `name` as this file spells it: files saved from the bare model lack the prefix `model.`.
    fn name(&self, name: &str) -> String {
        if self.weights.contains(name) { name.to_owned() } else { format!("model.{name}") }
    }

    fn check(&self, config: &Settings) -> Result<()> {
        let architecture = &self.architecture;
        let d = architecture.d_model;
        let embeddings = self.embeddings();
        self.expect(&embeddings.source, &[architecture.source_vocab, d])?;
        self.expect(&embeddings.target, &[architecture.target_vocab, d])?;
        self.expect(&embeddings.head.weight, &[architecture.target_vocab, d])?;
        if let Some(bias) = &embeddings.head.bias {
            let shape = self.weights.shape(bias)?;
            let values = if shape.len() == 1 { vec![architecture.target_vocab] } else { vec![1, architecture.target_vocab] };
            self.expect(bias, &values)?;
        }
        for side in [Side::Encoder, Side::Decoder] {
            for norm in [self.embedding_norm(side), self.final_norm(side)].iter().flatten() {
                self.expect_norm(norm)?;
            }
            let positions = self.name(&format!("{}.embed_positions.weight", side.name()));
            if self.weights.contains(&positions) {
                self.expect(&positions, &[architecture.max_positions, d])?;
            } else if !self.tying.static_positions {
                return Err(config.unsupported("static_position_embeddings", false, "the file holds no learned positions"));
            }
        }
        for layer in (0..architecture.encoder_layers).map(|index| self.encoder_layer(index)) {
            self.expect_attention(&layer.attention)?;
            self.expect_norm(&layer.attention_norm)?;
            self.expect_linear(&layer.fc1, architecture.encoder_ffn, d)?;
            self.expect_linear(&layer.fc2, d, architecture.encoder_ffn)?;
            self.expect_norm(&layer.final_norm)?;
        }
        for layer in (0..architecture.decoder_layers).map(|index| self.decoder_layer(index)) {
            self.expect_attention(&layer.attention)?;
            self.expect_norm(&layer.attention_norm)?;
            self.expect_attention(&layer.cross_attention)?;
            self.expect_norm(&layer.cross_attention_norm)?;
            self.expect_linear(&layer.fc1, architecture.decoder_ffn, d)?;
            self.expect_linear(&layer.fc2, d, architecture.decoder_ffn)?;
            self.expect_norm(&layer.final_norm)?;
        }
        Ok(())
    }

    fn expect(&self, name: &str, expected: &[usize]) -> Result<()> {
        let found = self.weights.shape(name)?;
        if found != expected {
            return Err(ModelError::Shape {
                file: self.weights.file_of(name).to_owned(),
                tensor: name.to_owned(),
                expected: expected.to_vec(),
                found: found.to_vec(),
            });
        }
        self.weights.stored_type(name).map(drop)
    }

    fn expect_norm(&self, norm: &Norm) -> Result<()> {
        let d = self.architecture.d_model;
        self.expect(&norm.weight, &[d])?;
        self.expect(&norm.bias, &[d])
    }

    fn expect_linear(&self, linear: &Linear, rows: usize, columns: usize) -> Result<()> {
        self.expect(&linear.weight, &[rows, columns])?;
        linear.bias.as_ref().map_or(Ok(()), |bias| self.expect(bias, &[rows]))
    }

    fn expect_attention(&self, attention: &Attention) -> Result<()> {
        let d = self.architecture.d_model;
        [&attention.query, &attention.key, &attention.value, &attention.output]
            .into_iter()
            .try_for_each(|projection| self.expect_linear(projection, d, d))
    }
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Side::Encoder => "encoder",
            Side::Decoder => "decoder",
        }
    }
}

fn describe(files: &ModelFiles, file: &str) -> String {
    match files.path(file) {
        Some(path) => path.display().to_string(),
        None => format!("{file} ({})", files.name),
    }
}

fn linear(name: &dyn Fn(&str) -> String, part: &str) -> Linear {
    Linear { weight: name(&format!("{part}.weight")), bias: Some(name(&format!("{part}.bias"))) }
}

fn norm(name: &dyn Fn(&str) -> String, part: &str) -> Norm {
    Norm { weight: name(&format!("{part}.weight")), bias: name(&format!("{part}.bias")) }
}

fn attention(name: &dyn Fn(&str) -> String, part: &str) -> Attention {
    Attention {
        query: linear(name, &format!("{part}.q_proj")),
        key: linear(name, &format!("{part}.k_proj")),
        value: linear(name, &format!("{part}.v_proj")),
        output: linear(name, &format!("{part}.out_proj")),
    }
}
