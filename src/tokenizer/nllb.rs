//! The tokeniser of NLLB-200, exact to transformers' `NllbTokenizer`: byte-pair encoding from `tokenizer.json`, or from
//! `sentencepiece.bpe.model` where there is no `tokenizer.json`.
//!
//! Text goes through added tokens, [`grapheme_normalizer`], added tokens that match normalised text (`<mask>`), a `▁` in front of every
//! word, and [`RankedBpe`]. Around it stand the language and the end of sentence: `[arb_Arab] … </s>`, or `… </s> [arb_Arab]` for
//! checkpoints with `legacy_behaviour`. The target must start with the target language.

use super::added_tokens::AddedToken;
use super::charsmap::Charsmap;
use super::double_array::DoubleArray;
use super::nllb_files::NllbFiles;
use super::normalizer::SPACE;
use super::ranked_bpe::{RankedBpe, RankedScratch};
use super::vocab::Vocab;
use super::{Result, Tokenizer, TokenizerError, grapheme_normalizer};
use crate::hub::ModelFiles;
use crate::languages;
use std::collections::HashSet;
use std::sync::Mutex;

/// A loaded NLLB tokeniser for one pair of languages.
pub struct Nllb {
    vocab: Vocab,
    bpe: RankedBpe,
    charsmap: Option<Charsmap>,
    raw_tokens: TokenMatcher,
    normalized_tokens: TokenMatcher,
    special_ids: HashSet<u32>,
    source_lang: u32,
    target_lang: u32,
    eos: u32,
    unknown: u32,
    legacy: bool,
    scratch: Mutex<Vec<Scratch>>,
}

#[derive(Default)]
struct Scratch {
    normalized: String,
    spaced: String,
    bpe: RankedScratch,
}

impl Nllb {
    /// Reads the tokeniser's files; a language that is not given is the one in `tokenizer_config.json`, else
    /// Arabic into English (transformers takes English for both).
    pub fn load(files: &ModelFiles, from: Option<&str>, to: Option<&str>) -> Result<Self> {
        let NllbFiles { mut vocab, merges, charsmap, tokens, special } = NllbFiles::read(files)?;
        let charsmap = match charsmap {
            None => None,
            Some((file, bytes)) => Some(Charsmap::parse(&bytes).map_err(|reason| TokenizerError::damaged(files, file, reason))?),
        };
        let id = |token: &str| {
            vocab.id(token).ok_or_else(|| TokenizerError::NoToken { model: files.name.clone(), token: token.to_owned() })
        };
        let unknown = id(special.named("unk_token").unwrap_or("<unk>"))?;
        let eos_token = special.named("eos_token").unwrap_or("</s>").to_owned();
        let bpe = RankedBpe::new(&merges, unknown);
        let mut added: Vec<(u32, AddedToken)> = Vec::new();
        for token in tokens {
            let id = vocab.id(&token.content).unwrap_or(vocab.next_id());
            if vocab.id(&token.content).is_none() {
                vocab.insert(&token.content, id);
            }
            added.retain(|(known, _)| *known != id);
            added.push((id, token));
        }
        let eos = vocab.id(&eos_token).ok_or_else(|| TokenizerError::NoToken { model: files.name.clone(), token: eos_token })?;
        let language = |code: &str| language_id(files, &vocab, &added, code);
        let source_lang = language(from.or(special.string("src_lang")).unwrap_or("arb_Arab"))?;
        let target_lang = language(to.or(special.string("tgt_lang")).unwrap_or("eng_Latn"))?;
        let matcher = |normalized| TokenMatcher::new(added.iter().filter(|(_, token)| token.normalized == normalized));
        Ok(Self {
            raw_tokens: matcher(false),
            normalized_tokens: matcher(true),
            special_ids: added.iter().filter(|(_, token)| token.special).map(|(id, _)| *id).collect(),
            bpe,
            charsmap,
            vocab,
            source_lang,
            target_lang,
            eos,
            unknown,
            legacy: special.flag("legacy_behaviour"),
            scratch: Mutex::default(),
        })
    }

    fn encode(&self, text: &str, language: u32) -> Vec<u32> {
        let mut scratch = self.scratch.lock().expect("no holder panics").pop().unwrap_or_default();
        let mut ids = Vec::with_capacity(text.len() / 3 + 3);
        if !self.legacy {
            ids.push(language);
        }
        let mut start = 0;
        for found in self.raw_tokens.find(text) {
            self.encode_raw(&text[start..found.start], &mut scratch, &mut ids);
            ids.push(found.id);
            start = found.end;
        }
        self.encode_raw(&text[start..], &mut scratch, &mut ids);
        ids.push(self.eos);
        if self.legacy {
            ids.push(language);
        }
        self.scratch.lock().expect("no holder panics").push(scratch);
        ids
    }

    /// Encodes text without raw added tokens.
    fn encode_raw(&self, text: &str, scratch: &mut Scratch, ids: &mut Vec<u32>) {
        if text.is_empty() {
            return;
        }
        let Scratch { normalized, spaced, bpe } = scratch;
        match &self.charsmap {
            None => {
                normalized.clear();
                normalized.push_str(text);
            }
            Some(charsmap) => {
                grapheme_normalizer::normalize_into(charsmap, text, normalized);
                merge_spaces(normalized);
            }
        }
        let mut start = 0;
        for found in self.normalized_tokens.find(normalized) {
            self.encode_words(&normalized[start..found.start], spaced, bpe, ids);
            ids.push(found.id);
            start = found.end;
        }
        self.encode_words(&normalized[start..], spaced, bpe, ids);
    }

    /// Puts `▁` in front and for every space, and encodes the words.
    fn encode_words(&self, text: &str, spaced: &mut String, bpe: &mut RankedScratch, ids: &mut Vec<u32>) {
        if text.is_empty() {
            return;
        }
        spaced.clear();
        if !text.starts_with([' ', '\u{2581}']) {
            spaced.push_str(SPACE);
        }
        for (index, part) in text.split(' ').enumerate() {
            if index > 0 {
                spaced.push_str(SPACE);
            }
            spaced.push_str(part);
        }
        let mut start = 0;
        while start < spaced.len() {
            let skip = if spaced[start..].starts_with(SPACE) { SPACE.len() } else { 0 };
            let end = spaced[start + skip..].find(SPACE).map_or(spaced.len(), |at| start + skip + at);
            self.bpe.cut_word(&self.vocab, &spaced[start..end], bpe, ids);
            start = end;
        }
    }

    fn decode(&self, ids: &[u32]) -> String {
        let mut text = String::new();
        let tokens = ids.iter().filter(|id| !self.special_ids.contains(id)).filter_map(|&id| self.vocab.token(id));
        for (index, token) in tokens.enumerate() {
            for (part, piece) in token.split(SPACE).enumerate() {
                // The first token loses its spaces.
                if part > 0 && index > 0 {
                    text.push(' ');
                }
                text.push_str(piece);
            }
        }
        text
    }
}

impl Tokenizer for Nllb {
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
        self.vocab.token(id).unwrap_or("<unk>")
    }

    fn target_piece(&self, id: u32) -> &str {
        self.source_piece(id)
    }

    fn source_id(&self, piece: &str) -> Option<u32> {
        self.vocab.id(piece)
    }

    fn target_id(&self, piece: &str) -> Option<u32> {
        self.vocab.id(piece)
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

/// The id of the language that a user means.
fn language_id(files: &ModelFiles, vocab: &Vocab, added: &[(u32, AddedToken)], code: &str) -> Result<u32> {
    let is_added = |token: &str| vocab.id(token).filter(|id| added.iter().any(|(known, _)| known == id));
    if let Some(id) = is_added(code).or_else(|| languages::find(code).and_then(|language| is_added(language.nllb))) {
        return Ok(id);
    }
    let known = added.iter().map(|(_, token)| token.content.as_str()).filter(|token| languages::find(token).is_some());
    Err(super::unknown_language(&files.name, code, known))
}

/// Runs of spaces become one.
fn merge_spaces(text: &mut String) {
    if text.contains("  ") {
        let mut after_space = false;
        text.retain(|char| {
            let keep = char != ' ' || !after_space;
            after_space = char == ' ';
            keep
        });
    }
}

/// Finds added tokens in text, the longest at each place, from left to right (`tokenizers::AddedVocabulary`).
struct TokenMatcher {
    /// Token texts to places in `tokens`.
    trie: DoubleArray,
    tokens: Vec<(u32, AddedToken)>,
    /// A character of each token, one that is rare in text where the token has one.
    signs: Vec<char>,
}

/// A token found in text, with the white space that it takes.
struct Found {
    start: usize,
    end: usize,
    id: u32,
}

impl TokenMatcher {
    fn new<'a>(tokens: impl Iterator<Item = &'a (u32, AddedToken)>) -> Self {
        let tokens: Vec<(u32, AddedToken)> = tokens.filter(|(_, token)| !token.content.is_empty()).cloned().collect();
        let mut keys: Vec<(&[u8], u32)> =
            tokens.iter().zip(0..).map(|((_, token), place)| (token.content.as_bytes(), place)).collect();
        keys.sort_unstable();
        keys.dedup_by_key(|(key, _)| *key);
        let trie = DoubleArray::build(&keys);
        let rare = |char: &char| matches!(char, '<' | '>' | '_' | '[' | '|');
        let mut signs: Vec<char> =
            tokens.iter().filter_map(|(_, token)| token.content.chars().find(rare).or(token.content.chars().next())).collect();
        signs.sort_unstable();
        signs.dedup();
        Self { trie, tokens, signs }
    }

    fn find(&self, text: &str) -> Vec<Found> {
        let mut found = Vec::new();
        if !text.contains(self.signs.as_slice()) {
            return found;
        }
        let mut before = 0;
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            let Some((length, place)) = self.trie.longest_prefix(rest.as_bytes()) else {
                at += rest.chars().next().map_or(1, char::len_utf8);
                continue;
            };
            let (id, token) = &self.tokens[place as usize];
            let (mut start, mut end) = (at, at + length);
            at = end;
            let joined = text[..start].ends_with(is_word_char) || text[end..].starts_with(is_word_char);
            if token.single_word && joined {
                continue;
            }
            if token.lstrip {
                start = text[..start].trim_end().len().max(before);
            }
            if token.rstrip {
                end = text.len() - text[end..].trim_start().len();
            }
            found.push(Found { start, end, id: *id });
            before = end;
        }
        found
    }
}

/// What `\w` matches.
fn is_word_char(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}
