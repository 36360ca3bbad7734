//! The model that travels inside the binary (`models/builtin/`, feature `builtin`).
//!
//! Nothing here knows what the model is: replacing it means replacing the files in that folder, its card among them.

use super::{FileSource, ModelFiles};

/// The registry name of the built-in model, and the name its records carry.
pub const BUILTIN: &str = "builtin";

/// The facts about it that jisr shows.
pub(super) const CARD: &str = include_str!("../../models/builtin/card.toml");

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/builtin/", $name)).as_slice())),+]
    };
}

#[cfg(feature = "builtin")]
static FILES: &[(&str, &[u8])] = files![
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "source.spm",
    "target.spm",
    "tokenizer_config.json",
    "vocab.json",
];

/// The built-in model; `None` in a binary built without the feature `builtin`.
pub fn builtin() -> Option<ModelFiles> {
    #[cfg(feature = "builtin")]
    return Some(ModelFiles { name: BUILTIN.to_owned(), source: FileSource::Embedded(FILES) });
    #[cfg(not(feature = "builtin"))]
    None
}
