//! Any other `tokenizer.json`: run by the `tokenizers` crate itself, and so exact to it.
//!
//! The post-processor in the file puts the special tokens around the text. [`super::nllb`] is faster for the family that it knows.

use super::special_tokens::SpecialTokens;
use super::{Result, Tokenizer, TokenizerError, require};
use crate::hub::ModelFiles;

const FILE: &str = "tokenizer.json";

/// A tokeniser that the `tokenizers` crate runs.
pub struct Json {
    inner: tokenizers::Tokenizer,
    /// Token texts by id.
    pieces: Vec<String>,
    eos: u32,
    unknown: u32,
}

impl Json {
    /// Reads `tokenizer.json`; the end of sentence is the one that the checkpoint names, else `</s>`.
    pub fn load(files: &ModelFiles) -> Result<Self> {
        let inner = tokenizers::Tokenizer::from_bytes(require(files, FILE)?)
            .map_err(|error| TokenizerError::damaged(files, FILE, error))?;
        let mut pieces = Vec::new();
        for (piece, id) in inner.get_vocab(true) {
            let id = id as usize;
            if pieces.len() <= id {
                pieces.resize(id + 1, String::new());
            }
            pieces[id] = piece;
        }
        let special = SpecialTokens::read(files, &[("eos_token", "</s>"), ("unk_token", "<unk>")])?;
        let id = |token: Option<&str>| token.and_then(|token| inner.token_to_id(token));
        let eos = id(special.named("eos_token")).ok_or_else(|| TokenizerError::NoToken {
            model: files.name.clone(),
            token: special.named("eos_token").unwrap_or_default().to_owned(),
        })?;
        let unknown = id(special.named("unk_token")).unwrap_or(eos);
        Ok(Self { inner, pieces, eos, unknown })
    }
}

impl Tokenizer for Json {
    fn encode_source(&self, text: &str) -> Vec<u32> {
        // Encoding fails only for settings that contradict themselves, which loading would have refused.
        self.inner.encode_fast(text, true).map_or_else(|_| vec![self.eos], |encoding| encoding.get_ids().to_vec())
    }

    fn encode_target(&self, text: &str) -> Vec<u32> {
        self.encode_source(text)
    }

    fn decode_target(&self, ids: &[u32]) -> String {
        self.inner.decode(ids, true).unwrap_or_default()
    }

    fn decode_source(&self, ids: &[u32]) -> String {
        self.decode_target(ids)
    }

    fn source_piece(&self, id: u32) -> &str {
        self.pieces.get(id as usize).map_or("<unk>", String::as_str)
    }

    fn target_piece(&self, id: u32) -> &str {
        self.source_piece(id)
    }

    fn source_id(&self, piece: &str) -> Option<u32> {
        self.inner.token_to_id(piece)
    }

    fn target_id(&self, piece: &str) -> Option<u32> {
        self.source_id(piece)
    }

    fn eos(&self) -> u32 {
        self.eos
    }

    fn unknown(&self) -> u32 {
        self.unknown
    }
}
