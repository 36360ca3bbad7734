//! What can be wrong with a checkpoint, in words a user can act on.

use std::io;

pub type Result<T, E = ModelError> = std::result::Result<T, E>;

/// A checkpoint that cannot be opened. Every message names the file, the key or the tensor.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error(
        "model {model} has no {file}\nhint: a model folder needs config.json, its tokeniser files and model.safetensors or pytorch_model.bin"
    )]
    MissingFile { model: String, file: String },

    #[error("cannot read {file}: {source}")]
    Io { file: String, source: io::Error },

    #[error("{file} is not valid JSON: {source}")]
    Json { file: String, source: serde_json::Error },

    #[error("{file}: {key} is missing")]
    MissingKey { file: String, key: &'static str },

    #[error("{file}: {key} must be {expected}, but is {found}")]
    BadValue { file: String, key: String, expected: &'static str, found: String },

    /// A family that is not an encoder–decoder this crate knows.
    #[error(
        "{file}: model_type \"{family}\" is not supported\nhint: Marian (OPUS-MT) and M2M100/NLLB checkpoints are; pick one with `jisr models list`"
    )]
    Family { file: String, family: String },

    /// A setting that would change the output and that is not implemented.
    #[error("{file} asks for {key} = {value}, which is not supported: {reason}")]
    Unsupported { file: String, key: String, value: String, reason: &'static str },

    #[error("{file} has no tensor {tensor}\nhint: the file may belong to another architecture or be incomplete")]
    MissingTensor { file: String, tensor: String },

    #[error("{file}: tensor {tensor} has shape {found:?}, but the configuration asks for {expected:?}")]
    Shape { file: String, tensor: String, expected: Vec<usize>, found: Vec<usize> },

    #[error("{file}: tensor {tensor} holds {dtype}, which is not a float format that can be read (f32, f16, bf16, f64)")]
    Dtype { file: String, tensor: String, dtype: String },

    #[error(
        "{file} ends too early: {tensor} needs bytes up to {needed}, the file has {size}\nhint: the download was cut; remove the file and pull the model again"
    )]
    Truncated { file: String, tensor: String, needed: u64, size: u64 },

    #[error("{file} is damaged: {reason}")]
    Damaged { file: String, reason: String },

    #[error("{index} names {shard}, which is not there\nhint: pull the model again to get every part")]
    MissingShard { index: String, shard: String },
}
