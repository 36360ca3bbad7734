//! Text to ids and back, exact to the reference implementations.
//!
//! [`load`] looks at a model's files and picks the tokeniser of its family:
//!
//! | files | tokeniser | reference |
//! |---|---|---|
//! | `source.spm`, `target.spm`, `vocab.json` | [`marian::Marian`] | `transformers.MarianTokenizer` |
//! | `tokenizer.json` (BPE), or `sentencepiece.bpe.model` alone | [`nllb::Nllb`] | `transformers.NllbTokenizer` |
//! | `sentencepiece.bpe.model`, `vocab.json` | [`m2m100::M2m100`] | `transformers.M2M100Tokenizer` |
//! | any other `tokenizer.json` | [`json::Json`] | the `tokenizers` crate, which runs it |
//!
//! Below them lies [`sentencepiece::SentencePiece`], which reads a model file ([`proto`]), normalises text ([`normalizer`], with the rules
//! in a [`charsmap`]) and cuts it into pieces ([`unigram`] or [`bpe`]); tokens written in the text itself (`</s>`) are cut out before that
//! ([`added_tokens`]). Nothing is allocated per character: buffers are pooled and reused from call to call.
//! Normaliser and model also implement the traits of the `tokenizers` crate, for programs that work with those.

pub mod added_tokens;
pub mod bpe;
pub mod charsmap;
pub mod double_array;
pub mod grapheme_normalizer;
mod interop;
pub mod json;
pub mod m2m100;
pub mod marian;
pub mod nllb;
mod nllb_files;
pub mod normalizer;
pub mod proto;
pub mod ranked_bpe;
pub mod sentencepiece;
pub mod special_tokens;
pub mod unigram;
pub mod vocab;
pub mod word_cache;

use crate::hub::{FileSource, ModelFiles};
use crate::languages;
use std::borrow::Cow;
use std::io;

/// A model's tokeniser: source text to ids, target ids to text.
pub trait Tokenizer: Send + Sync {
    /// Source ids of `text`, everything the encoder wants included (`</s>`, a language code).
    fn encode_source(&self, text: &str) -> Vec<u32>;
    /// Ids of `text` as target, `</s>` included (forced decoding, alignment, tests).
    fn encode_target(&self, text: &str) -> Vec<u32>;
    /// Text of generated ids; special tokens are skipped.
    fn decode_target(&self, ids: &[u32]) -> String;
    /// Text of source ids; special tokens are skipped.
    fn decode_source(&self, ids: &[u32]) -> String;
    /// The piece of a source id as the vocabulary spells it, `▁` included.
    fn source_piece(&self, id: u32) -> &str;
    /// The piece of a target id as the vocabulary spells it, `▁` included.
    fn target_piece(&self, id: u32) -> &str;
    /// The source id of a piece as the vocabulary spells it.
    fn source_id(&self, piece: &str) -> Option<u32>;
    /// The target id of a piece as the vocabulary spells it.
    fn target_id(&self, piece: &str) -> Option<u32>;
    /// End of sentence.
    fn eos(&self) -> u32;
    /// What stands for text that the vocabulary does not cover.
    fn unknown(&self) -> u32;
    /// The token that every target must start with (the target language of NLLB and M2M100).
    fn forced_bos(&self) -> Option<u32> {
        None
    }
}

pub type Result<T> = std::result::Result<T, TokenizerError>;

/// Why a model has no usable tokeniser.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    #[error("cannot read {file} of {model}: {source}")]
    Read { model: String, file: String, source: io::Error },
    #[error("{file} of {model} is damaged or not what it should be: {reason}\nhint: download the model again")]
    Damaged { model: String, file: String, reason: String },
    #[error(
        "{model} has no tokenizer: {missing} not found\nhint: jisr reads source.spm, target.spm and vocab.json (Marian), \
         tokenizer.json or sentencepiece.bpe.model (NLLB), sentencepiece.bpe.model and vocab.json (M2M100)"
    )]
    Missing { model: String, missing: String },
    #[error("{model} has no token {token}, which its tokenizer needs")]
    NoToken { model: String, token: String },
    #[error("{0}")]
    Language(String),
}

impl TokenizerError {
    fn damaged(files: &ModelFiles, file: &str, reason: impl std::fmt::Display) -> Self {
        Self::Damaged { model: files.name.clone(), file: file.to_owned(), reason: reason.to_string() }
    }

    fn missing(files: &ModelFiles, file: &str) -> Self {
        Self::Missing { model: files.name.clone(), missing: file.to_owned() }
    }
}

/// The tokeniser of a model. `from` and `to` are languages as the user gives them (`ar`, `arz`, `eng_Latn`); a model for one pair of
/// languages needs neither, and for others each family's tokeniser says what a missing one means.
pub fn load(files: &ModelFiles, from: Option<&str>, to: Option<&str>) -> Result<Box<dyn Tokenizer>> {
    match family(files)? {
        Family::Marian => Ok(Box::new(marian::Marian::load(files, to)?)),
        Family::Nllb => Ok(Box::new(nllb::Nllb::load(files, from, to)?)),
        Family::M2m100 => Ok(Box::new(m2m100::M2m100::load(files, from, to)?)),
        Family::Json => Ok(Box::new(json::Json::load(files)?)),
    }
}

/// Whose tokeniser a model has.
enum Family {
    Marian,
    Nllb,
    M2m100,
    Json,
}

fn family(files: &ModelFiles) -> Result<Family> {
    if has(files, "source.spm") {
        return Ok(Family::Marian);
    }
    let config = special_tokens::read_object(files, "tokenizer_config.json")?.unwrap_or_default();
    let class = config.get("tokenizer_class").and_then(|class| class.as_str()).unwrap_or_default();
    let json = has(files, "tokenizer.json");
    let spm = has(files, "sentencepiece.bpe.model");
    if spm && has(files, "vocab.json") && (class.starts_with("M2M100") || (!json && !class.starts_with("Nllb"))) {
        return Ok(Family::M2m100);
    }
    if !json && !spm {
        return Err(TokenizerError::missing(files, "source.spm"));
    }
    let model = special_tokens::read_object(files, "config.json")?.unwrap_or_default();
    let is_nllb = match model.get("model_type").and_then(|kind| kind.as_str()) {
        _ if !class.is_empty() => class.starts_with("Nllb"),
        model_type => matches!(model_type, None | Some("m2m_100")),
    };
    Ok(if is_nllb || !json { Family::Nllb } else { Family::Json })
}

/// The content of one of the model's files, `None` where there is no such file.
fn read(files: &ModelFiles, file: &str) -> Result<Option<Cow<'static, [u8]>>> {
    files.read(file).map_err(|source| TokenizerError::Read { model: files.name.clone(), file: file.to_owned(), source })
}

/// Whether the model has a file, without reading it where it lies in a folder.
fn has(files: &ModelFiles, file: &str) -> bool {
    files.path(file).is_some() || matches!(&files.source, FileSource::Embedded(_)) && matches!(files.read(file), Ok(Some(_)))
}

/// The content of a file that must be there.
fn require(files: &ModelFiles, file: &str) -> Result<Cow<'static, [u8]>> {
    read(files, file)?.ok_or_else(|| TokenizerError::missing(files, file))
}

/// The error for a language that a model lacks; `known` are the model's own codes.
fn unknown_language<'a>(model: &str, code: &str, known: impl IntoIterator<Item = &'a str>) -> TokenizerError {
    let known: Vec<&str> = known.into_iter().collect();
    let near = languages::near_matches(code, known.iter().copied());
    let described: Vec<String> = near.iter().map(|code| describe(code)).collect();
    let hint = match (described.is_empty(), known.is_empty()) {
        (false, _) => format!("did you mean {}?", described.join(" or ")),
        (true, false) => format!("it knows {} languages, such as {}", known.len(), known[..known.len().min(8)].join(", ")),
        (true, true) => "it knows no languages by code".to_owned(),
    };
    TokenizerError::Language(format!("{model} has no language {code:?}\nhint: {hint}"))
}

fn describe(code: &str) -> String {
    match languages::find(code.trim_matches(['_', '>', '<'])) {
        Some(language) => format!("{code} ({})", language.name),
        None => code.to_owned(),
    }
}
