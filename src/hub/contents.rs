//! Which files make a model: what a pull fetches out of a repository, and what a folder must hold before it is opened.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// Configuration and tokenizer files of the Marian and M2M100/NLLB families; fetched where the repository has them.
const SMALL: &[&str] = &[
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "tokenizer.json",
    "vocab.json",
    "target_vocab.json",
    "source.spm",
    "target.spm",
    "sentencepiece.bpe.model",
];

/// Weights in order of preference: the whole file, or the index of a sharded one. Safetensors before pickles.
const WEIGHTS: &[&str] =
    &["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"];

pub(super) const CONFIG: &str = "config.json";

/// Every name that a repository may hold and a pull may want, for hubs that can't list a repository.
pub(super) fn candidates() -> impl Iterator<Item = &'static str> {
    SMALL.iter().chain(WEIGHTS).copied()
}

/// What to fetch out of a repository that holds `listing`: small files and one form of the weights. Shards of an index are not among them.
pub(super) fn wanted(listing: &[String]) -> Vec<String> {
    let has = |name: &&&str| listing.iter().any(|file| file == **name);
    SMALL.iter().filter(has).chain(WEIGHTS.iter().find(has)).map(|name| name.to_string()).collect()
}

/// Whether `file` is the index of sharded weights.
pub(super) fn is_index(file: &str) -> bool {
    file.ends_with(".index.json")
}

/// The shards that an index names.
///
/// # Errors
/// An index that is not JSON of the expected form, or that names something other than a plain file beside it.
pub(super) fn shards(index: &[u8]) -> Result<Vec<String>, String> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let index: Index = serde_json::from_slice(index).map_err(|error| error.to_string())?;
    let shards: BTreeSet<String> = index.weight_map.into_values().collect();
    match shards.iter().find(|name| !is_plain_name(name)) {
        Some(odd) => Err(format!("it names `{odd}`, which is not a file beside it")),
        None => Ok(shards.into_iter().collect()),
    }
}

/// A file name that can't leave its folder.
pub(super) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// What of `config.json` decides which files are needed.
#[derive(Debug, Default, Deserialize)]
struct Config {
    #[serde(default)]
    model_type: String,
}

/// The `model_type` of a `config.json`; empty where it has none.
pub(super) fn model_type(config: &[u8]) -> Result<String, String> {
    serde_json::from_slice::<Config>(config).map(|c| c.model_type).map_err(|error| error.to_string())
}

/// Whether jisr runs models of this `model_type`.
pub(super) fn is_supported(model_type: &str) -> bool {
    matches!(model_type, "marian" | "m2m_100")
}

/// The files that `folder` lacks to be a whole model, named as a person would look for them; empty where it is whole.
///
/// A model of a family that jisr does not know is only asked for its weights: the loader refuses it by its family.
pub fn missing(folder: &Path) -> io::Result<Vec<String>> {
    let has = |name: &str| folder.join(name).is_file();
    let mut missing = Vec::new();
    let model_type = match std::fs::read(folder.join(CONFIG)) {
        Ok(bytes) => model_type(&bytes).unwrap_or_default(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            missing.push(CONFIG.to_owned());
            String::new()
        }
        Err(error) => return Err(error),
    };
    match WEIGHTS.iter().find(|name| has(name)) {
        None => missing.push("model.safetensors or pytorch_model.bin".to_owned()),
        Some(index) if is_index(index) => match shards(&std::fs::read(folder.join(index))?) {
            Ok(shards) => missing.extend(shards.into_iter().filter(|shard| !has(shard))),
            Err(problem) => missing.push(format!("a readable {index} ({problem})")),
        },
        Some(_) => {}
    }
    let needed: &[&str] = match model_type.as_str() {
        _ if has("tokenizer.json") => &[],
        "marian" if separate_vocabularies(folder) => &["source.spm", "target.spm", "vocab.json", "target_vocab.json"],
        "marian" => &["source.spm", "target.spm", "vocab.json"],
        "m2m_100" => &["tokenizer.json or sentencepiece.bpe.model"],
        _ => &[],
    };
    let lacks = |name: &&&str| !name.split(" or ").any(has);
    missing.extend(needed.iter().filter(lacks).map(|name| name.to_string()));
    Ok(missing)
}

/// Marian models whose two sides have a vocabulary each (`separate_vocabs` of the tokenizer).
fn separate_vocabularies(folder: &Path) -> bool {
    #[derive(Deserialize)]
    struct TokenizerConfig {
        #[serde(default)]
        separate_vocabs: bool,
    }
    std::fs::read(folder.join("tokenizer_config.json"))
        .ok()
        .and_then(|bytes| serde_json::from_slice::<TokenizerConfig>(&bytes).ok())
        .is_some_and(|config| config.separate_vocabs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| n.to_string()).collect()
    }

    #[test]
    fn only_one_form_of_the_weights_is_fetched() {
        let opus = ["README.md", "config.json", "pytorch_model.bin", "rust_model.ot", "source.spm", "tf_model.h5", "vocab.json"];
        assert_eq!(wanted(&listing(&opus)), ["config.json", "vocab.json", "source.spm", "pytorch_model.bin"]);
        let both = ["config.json", "model.safetensors", "pytorch_model.bin"];
        assert_eq!(wanted(&listing(&both)), ["config.json", "model.safetensors"]);
        let sharded = ["pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json", "config.json"];
        assert_eq!(wanted(&listing(&sharded)), ["config.json", "pytorch_model.bin.index.json"]);
    }

    #[test]
    fn shards_are_plain_files_named_once() {
        let index = br#"{"metadata":{},"weight_map":{"a":"w-2.bin","b":"w-1.bin","c":"w-2.bin"}}"#;
        assert_eq!(shards(index).unwrap(), ["w-1.bin", "w-2.bin"]);
        for odd in ["../../etc/passwd", "/etc/passwd", "a/b", "..", ""] {
            assert!(shards(format!(r#"{{"weight_map":{{"a":{odd:?}}}}}"#).as_bytes()).is_err(), "{odd}");
        }
        assert!(shards(b"[]").is_err());
    }

    #[test]
    fn a_folder_is_asked_for_what_its_family_needs() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, content: &str| std::fs::write(folder.path().join(name), content).unwrap();
        let now = || missing(folder.path()).unwrap();
        assert_eq!(now(), ["config.json", "model.safetensors or pytorch_model.bin"]);
        put("config.json", r#"{"model_type":"marian"}"#);
        put("model.safetensors.index.json", r#"{"weight_map":{"a":"m-1.safetensors"}}"#);
        put("vocab.json", "{}");
        put("source.spm", "");
        assert_eq!(now(), ["m-1.safetensors", "target.spm"]);
        put("m-1.safetensors", "");
        put("target.spm", "");
        assert_eq!(now(), [""; 0]);
        put("tokenizer_config.json", r#"{"separate_vocabs":true}"#);
        assert_eq!(now(), ["target_vocab.json"]);
        put("config.json", r#"{"model_type":"m2m_100"}"#);
        assert_eq!(now(), ["tokenizer.json or sentencepiece.bpe.model"]);
        put("tokenizer.json", "{}");
        assert_eq!(now(), [""; 0]);
    }
}
