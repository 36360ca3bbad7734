//! The tokeniser of Marian models (OPUS-MT and its kin), exact to transformers' `MarianTokenizer`.
//!
//! Two SentencePiece models cut source and target text; their pieces get their ids from `vocab.json` (one for both sides, or, with
//! `separate_vocabs`, `target_vocab.json` for the target), and a piece that is missing there is unknown. Tokens such as `</s>` written in
//! the text are cut out first and each part between them is encoded by itself; a part that starts with `>>xxx<<` has that language code
//! as its first token.

use super::added_tokens::{AddedTokens, Fragment, is_python_space};
use super::sentencepiece::{Encoded, Scratch, SentencePiece};
use super::special_tokens::SpecialTokens;
use super::vocab::Vocab;
use super::{Result, Tokenizer, TokenizerError, require};
use crate::hub::ModelFiles;
use crate::languages;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// Tokens that `MarianTokenizer` has without being told.
const DEFAULTS: [(&str, &str); 3] = [("unk_token", "<unk>"), ("eos_token", "</s>"), ("pad_token", "<pad>")];

/// A loaded Marian tokeniser.
pub struct Marian {
    source: Side,
    target: Side,
    separate_vocabs: bool,
    added: AddedTokens,
    /// Skipped when decoding.
    special_ids: HashSet<u32>,
    eos: u32,
    /// `>>ara<<`, put before a source that names no language itself.
    target_code: Option<u32>,
    clean_up_spaces: bool,
    scratch: Mutex<Vec<Scratch>>,
}

/// One side's SentencePiece model and vocabulary.
struct Side {
    spm: SentencePiece,
    vocab: Arc<Vocab>,
    /// Vocabulary ids by piece id.
    ids: Vec<u32>,
    unknown: u32,
}

impl Side {
    fn new(files: &ModelFiles, spm_file: &str, vocab: Arc<Vocab>, added: &AddedTokens, unknown: &str) -> Result<Self> {
        let spm = SentencePiece::parse(&require(files, spm_file)?)
            .map_err(|reason| TokenizerError::damaged(files, spm_file, reason))?;
        let unknown =
            vocab.id(unknown).ok_or_else(|| TokenizerError::NoToken { model: files.name.clone(), token: unknown.to_owned() })?;
        let ids = (0..spm.len() as u32)
            .map(|id| spm.piece(id).and_then(|piece| added.id(piece).or_else(|| vocab.id(piece))).unwrap_or(unknown))
            .collect();
        Ok(Self { spm, vocab, ids, unknown })
    }
}

impl Marian {
    /// Reads the tokeniser's files. A model for several target languages gets the code of `to` before every source, if its vocabulary has
    /// it; without `to` the source has to name the language, as in transformers.
    pub fn load(files: &ModelFiles, to: Option<&str>) -> Result<Self> {
        let special = SpecialTokens::read(files, &DEFAULTS)?;
        let separate_vocabs = special.flag("separate_vocabs");
        let source_vocab = read_vocab(files, "vocab.json")?;
        let target_vocab = if separate_vocabs { read_vocab(files, "target_vocab.json")? } else { source_vocab.clone() };
        let added = special.added_tokens(&source_vocab);
        let unknown = special.named("unk_token").unwrap_or("<unk>");
        let source = Side::new(files, "source.spm", source_vocab, &added, unknown)?;
        let target = Side::new(files, "target.spm", target_vocab, &added, unknown)?;
        let eos = special.named("eos_token").unwrap_or("</s>");
        let eos = added.id(eos).ok_or_else(|| TokenizerError::NoToken { model: files.name.clone(), token: eos.to_owned() })?;
        let target_code = to.and_then(|to| {
            let codes = languages::spellings(to).into_iter().map(|code| format!(">>{code}<<"));
            codes.into_iter().find_map(|code| source.vocab.id(&code))
        });
        let special_ids = special.all().into_iter().filter_map(|token| added.id(&token.content)).collect();
        Ok(Self {
            source,
            target,
            separate_vocabs,
            added,
            special_ids,
            eos,
            target_code,
            clean_up_spaces: special.flag("clean_up_tokenization_spaces"),
            scratch: Mutex::default(),
        })
    }

    fn encode(&self, side: &Side, code: Option<u32>, text: &str) -> Vec<u32> {
        let mut scratch = self.scratch.lock().expect("no holder panics").pop().unwrap_or_default();
        let mut ids = Vec::with_capacity(text.len() / 3 + 3);
        ids.extend(code);
        self.added.split(text, |fragment| match fragment {
            Fragment::Token(id) => ids.push(id),
            Fragment::Text(text) => {
                let (code, text) = split_language_code(&text);
                if let Some(code) = code {
                    ids.push(self.added.id(code).or_else(|| side.vocab.id(code)).unwrap_or(side.unknown));
                }
                side.spm.encode(text, &mut scratch, |encoded| {
                    ids.push(match encoded {
                        Encoded::Piece(id) => side.ids[id as usize],
                        // The other side's pieces are in a shared vocabulary too.
                        Encoded::Unknown(run) => self.added.id(run).or_else(|| side.vocab.id(run)).unwrap_or(side.unknown),
                    });
                });
            }
        });
        ids.push(self.eos);
        self.scratch.lock().expect("no holder panics").push(scratch);
        ids
    }

    /// The text of ids: tokens of `vocab`'s side, joined by `spm`.
    fn decode(&self, side: &Side, spm: &SentencePiece, ids: &[u32]) -> String {
        let pieces = ids.iter().filter(|id| !self.special_ids.contains(id)).map(|&id| self.piece(side, id));
        let text = spm.decode(pieces).replace(super::normalizer::SPACE, " ");
        let text = text.trim_matches(is_python_space);
        if self.clean_up_spaces { clean_up_spaces(text) } else { text.to_owned() }
    }

    fn piece<'a>(&'a self, side: &'a Side, id: u32) -> &'a str {
        if let Some(token) = self.added.token(id) {
            return &token.content;
        }
        side.vocab.token(id).or_else(|| side.spm.piece(id)).unwrap_or("<unk>")
    }
}

impl Tokenizer for Marian {
    fn encode_source(&self, text: &str) -> Vec<u32> {
        self.encode(&self.source, self.target_code.filter(|_| !text.starts_with(">>")), text)
    }

    fn encode_target(&self, text: &str) -> Vec<u32> {
        self.encode(&self.target, None, text)
    }

    fn decode_target(&self, ids: &[u32]) -> String {
        // With one vocabulary for both sides, transformers joins pieces by the source model's rules.
        let spm = if self.separate_vocabs { &self.target.spm } else { &self.source.spm };
        self.decode(&self.target, spm, ids)
    }

    fn decode_source(&self, ids: &[u32]) -> String {
        self.decode(&self.source, &self.source.spm, ids)
    }

    fn source_piece(&self, id: u32) -> &str {
        self.piece(&self.source, id)
    }

    fn target_piece(&self, id: u32) -> &str {
        self.piece(&self.target, id)
    }

    fn source_id(&self, piece: &str) -> Option<u32> {
        self.added.id(piece).or_else(|| self.source.vocab.id(piece))
    }

    fn target_id(&self, piece: &str) -> Option<u32> {
        self.added.id(piece).or_else(|| self.target.vocab.id(piece))
    }

    fn eos(&self) -> u32 {
        self.eos
    }

    fn unknown(&self) -> u32 {
        self.source.unknown
    }
}

/// `>>fra<<Bonjour` is the code `>>fra<<` and the text `Bonjour`.
fn split_language_code(text: &str) -> (Option<&str>, &str) {
    let end = if text.starts_with(">>") { text.find("<<") } else { None };
    match end {
        Some(end) => (Some(&text[..end + 2]), &text[end + 2..]),
        None => (None, text),
    }
}

/// transformers' `clean_up_tokenization`, for checkpoints that ask for it.
fn clean_up_spaces(text: &str) -> String {
    const REPLACEMENTS: [(&str, &str); 10] = [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];
    REPLACEMENTS.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn read_vocab(files: &ModelFiles, file: &str) -> Result<Arc<Vocab>> {
    let vocab = Vocab::from_json(&require(files, file)?).map_err(|error| TokenizerError::damaged(files, file, error))?;
    Ok(Arc::new(vocab))
}
