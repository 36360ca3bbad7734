//! The tokeniser of M2M100 (and of the WMT21 models of the same family), exact to transformers' `M2M100Tokenizer`.
//!
//! A SentencePiece model cuts the text, `vocab.json` (fairseq's dictionary) gives the ids, and the languages `__ar__`, `__en__` follow the
//! vocabulary in a fixed order. Source and target both read `[language] … </s>`.

use super::added_tokens::{AddedTokens, Fragment, is_python_space};
use super::sentencepiece::{Encoded, Scratch, SentencePiece};
use super::special_tokens::SpecialTokens;
use super::vocab::Vocab;
use super::{Result, Tokenizer, TokenizerError, require};
use crate::hub::ModelFiles;
use crate::languages;
use std::collections::HashSet;
use std::sync::Mutex;

const SPM: &str = "sentencepiece.bpe.model";
/// Tokens that `M2M100Tokenizer` has without being told.
const DEFAULTS: [(&str, &str); 5] =
    [("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>"), ("sep_token", "</s>"), ("pad_token", "<pad>")];

/// Languages in the order of their ids.
const M2M100: [&str; 100] = [
    "af", "am", "ar", "ast", "az", "ba", "be", "bg", "bn", "br", "bs", "ca", "ceb", "cs", "cy", "da", "de", "el", "en", "es",
    "et", "fa", "ff", "fi", "fr", "fy", "ga", "gd", "gl", "gu", "ha", "he", "hi", "hr", "ht", "hu", "hy", "id", "ig", "ilo",
    "is", "it", "ja", "jv", "ka", "kk", "km", "kn", "ko", "lb", "lg", "ln", "lo", "lt", "lv", "mg", "mk", "ml", "mn", "mr", "ms",
    "my", "ne", "nl", "no", "ns", "oc", "or", "pa", "pl", "ps", "pt", "ro", "ru", "sd", "si", "sk", "sl", "so", "sq", "sr", "ss",
    "su", "sv", "sw", "ta", "th", "tl", "tn", "tr", "uk", "ur", "uz", "vi", "wo", "xh", "yi", "yo", "zh", "zu",
];
const WMT21: [&str; 8] = ["en", "ha", "is", "ja", "cs", "ru", "zh", "de"];

/// A loaded M2M100 tokeniser for one pair of languages.
pub struct M2m100 {
    spm: SentencePiece,
    vocab: Vocab,
    /// Vocabulary ids by piece id.
    ids: Vec<u32>,
    added: AddedTokens,
    /// `__ar__`, …, by id from the end of the vocabulary on.
    languages: Vec<String>,
    /// Skipped when decoding.
    special_ids: HashSet<u32>,
    source_lang: u32,
    target_lang: u32,
    eos: u32,
    unknown: u32,
    scratch: Mutex<Vec<Scratch>>,
}

impl M2m100 {
    /// Reads the tokeniser's files; a language that is not given is the one in `tokenizer_config.json`, else
    /// Arabic into English (transformers takes English for both).
    pub fn load(files: &ModelFiles, from: Option<&str>, to: Option<&str>) -> Result<Self> {
        let special = SpecialTokens::read(files, &DEFAULTS)?;
        let vocab = Vocab::from_json(&require(files, "vocab.json")?)
            .map_err(|error| TokenizerError::damaged(files, "vocab.json", error))?;
        let spm = SentencePiece::parse(&require(files, SPM)?).map_err(|reason| TokenizerError::damaged(files, SPM, reason))?;
        let codes: &[&str] = if special.string("language_codes") == Some("wmt21") { &WMT21 } else { &M2M100 };
        let languages: Vec<String> = codes.iter().map(|code| format!("__{code}__")).collect();
        let first_language = vocab.len() as u32;

        let added = special.added_tokens(&vocab);
        let id = |name, default| {
            let token = special.named(name).unwrap_or(default);
            let id = added.id(token).or_else(|| vocab.id(token));
            id.ok_or_else(|| TokenizerError::NoToken { model: files.name.clone(), token: token.to_owned() })
        };
        let (eos, unknown) = (id("eos_token", "</s>")?, id("unk_token", "<unk>")?);
        let language = |code: &str| {
            let position = |code: &str| codes.iter().position(|known| *known == code);
            let found = languages::find(code);
            position(code.trim_matches('_'))
                .or_else(|| found.and_then(|language| position(language.short)))
                .map(|position| first_language + position as u32)
                .ok_or_else(|| super::unknown_language(&files.name, code, codes.iter().copied()))
        };
        let source_lang = language(from.or(special.string("src_lang")).unwrap_or("ar"))?;
        let target_lang = language(to.or(special.string("tgt_lang")).unwrap_or("en"))?;

        let special_ids = special.all().into_iter().filter_map(|token| added.id(&token.content));
        let special_ids = special_ids.chain(first_language..first_language + languages.len() as u32).collect();
        let piece_id = |id| {
            let piece = spm.piece(id).unwrap_or_default();
            added.id(piece).or_else(|| vocab.id(piece)).unwrap_or(unknown)
        };
        let ids = (0..spm.len() as u32).map(piece_id).collect();
        let scratch = Mutex::default();
        Ok(Self { spm, vocab, ids, added, languages, special_ids, source_lang, target_lang, eos, unknown, scratch })
    }

    fn encode(&self, text: &str, language: u32) -> Vec<u32> {
        let mut scratch = self.scratch.lock().expect("no holder panics").pop().unwrap_or_default();
        let mut ids = Vec::with_capacity(text.len() / 3 + 3);
        ids.push(language);
        self.added.split(text, |fragment| match fragment {
            Fragment::Token(id) => ids.push(id),
            Fragment::Text(text) => self.spm.encode(&text, &mut scratch, |encoded| {
                ids.push(match encoded {
                    Encoded::Piece(id) => self.ids[id as usize],
                    Encoded::Unknown(run) => self.source_id(run).unwrap_or(self.unknown),
                });
            }),
        });
        ids.push(self.eos);
        self.scratch.lock().expect("no holder panics").push(scratch);
        ids
    }

    fn decode(&self, ids: &[u32]) -> String {
        let pieces = ids.iter().filter(|id| !self.special_ids.contains(id)).map(|&id| self.source_piece(id));
        self.spm.decode(pieces).trim_matches(is_python_space).to_owned()
    }
}

impl Tokenizer for M2m100 {
    fn encode_source(&self, text: &str) -> Vec<u32> {
        self.encode(text, self.source_lang)
    }

    fn encode_target(&self, text: &str) -> Vec<u32> {
        self.encode(text, self.target_lang)
    }

    fn decode_target(&self, ids: &[u32]) -> String {
        self.decode(ids)
    }

    fn decode_source(&self, ids: &[u32]) -> String {
        self.decode(ids)
    }

    fn source_piece(&self, id: u32) -> &str {
        if let Some(token) = self.added.token(id) {
            return &token.content;
        }
        let language = (id as usize).checked_sub(self.vocab.len()).and_then(|place| self.languages.get(place));
        language.map(String::as_str).or_else(|| self.vocab.token(id)).unwrap_or("<unk>")
    }

    fn target_piece(&self, id: u32) -> &str {
        self.source_piece(id)
    }

    fn source_id(&self, piece: &str) -> Option<u32> {
        let language = || self.languages.iter().position(|language| language == piece);
        self.added
            .id(piece)
            .or_else(|| language().map(|place| (self.vocab.len() + place) as u32))
            .or_else(|| self.vocab.id(piece))
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

    fn forced_bos(&self) -> Option<u32> {
        Some(self.target_lang)
    }
}
