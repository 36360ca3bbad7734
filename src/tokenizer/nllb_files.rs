//! The files of an NLLB tokeniser, brought to one form: vocabulary, merges, rules, added tokens.

use super::added_tokens::AddedToken;
use super::proto::{ModelProto, Piece, PieceKind};
use super::ranked_bpe::derive_merges;
use super::special_tokens::SpecialTokens;
use super::vocab::Vocab;
use super::{Result, TokenizerError, read, require};
use crate::hub::ModelFiles;
use crate::languages;
use prost::Message;
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

const JSON: &str = "tokenizer.json";
const SPM: &str = "sentencepiece.bpe.model";
/// Pieces in the SentencePiece model of NLLB-200. Its checkpoints have the languages right after the vocabulary and `<mask>` behind them;
/// transformers 5 puts `<mask>` first where it has nothing but the SentencePiece model, which suits no released checkpoint.
const NLLB_200_PIECES: usize = 256_000;
/// Tokens that `NllbTokenizer` has without being told.
const DEFAULTS: [(&str, &str); 7] = [
    ("bos_token", "<s>"),
    ("eos_token", "</s>"),
    ("unk_token", "<unk>"),
    ("sep_token", "</s>"),
    ("pad_token", "<pad>"),
    ("cls_token", "<s>"),
    ("mask_token", "<mask>"),
];

/// What lies in the files.
pub(super) struct NllbFiles {
    pub vocab: Vocab,
    /// Left, right and merged id, first to merge first.
    pub merges: Vec<(u32, u32, u32)>,
    /// The compiled rules and the file that they come from.
    pub charsmap: Option<(&'static str, Vec<u8>)>,
    /// Added tokens in the order in which those that the vocabulary lacks get their ids.
    pub tokens: Vec<AddedToken>,
    pub special: SpecialTokens,
}

impl NllbFiles {
    pub fn read(files: &ModelFiles) -> Result<Self> {
        let special = SpecialTokens::read(files, &DEFAULTS)?;
        match read(files, JSON)? {
            Some(json) => Self::from_json(files, &json, special),
            None => Self::from_spm(files, &require(files, SPM)?, special),
        }
    }

    fn from_json(files: &ModelFiles, json: &[u8], mut special: SpecialTokens) -> Result<Self> {
        let damaged = |reason: String| TokenizerError::damaged(files, JSON, reason);
        let json: TokenizerJson = serde_json::from_slice(json).map_err(|error| damaged(error.to_string()))?;
        let vocab = json.model.vocab;
        let mut merges = Vec::with_capacity(json.model.merges.len());
        let mut merged = String::new();
        for Merge(left, right) in &json.model.merges {
            merged.clear();
            merged.push_str(left);
            merged.push_str(right);
            match (vocab.id(left), vocab.id(right), vocab.id(&merged)) {
                (Some(left), Some(right), Some(merged)) => merges.push((left, right, merged)),
                _ => return Err(damaged(format!("the merge {left:?} {right:?} names a token outside the vocabulary"))),
            }
        }
        let charsmap = match json.normalizer.iter().find_map(find_charsmap) {
            None => None,
            Some(text) => Some((JSON, decode_base64(text).ok_or_else(|| damaged("precompiled_charsmap".to_owned()))?)),
        };
        if !special.config.contains_key("added_tokens_decoder") {
            special.by_id.extend(json.added_tokens.into_iter().map(|token| (token.id, token.token)));
        }
        let mut tokens = listed_tokens(&special);
        if special.extra.is_empty() {
            add_missing(&mut tokens, languages::TABLE.iter().map(|language| AddedToken::special(language.nllb)));
        }
        Ok(Self { vocab, merges, charsmap, tokens, special })
    }

    fn from_spm(files: &ModelFiles, spm: &[u8], special: SpecialTokens) -> Result<Self> {
        let proto = ModelProto::decode(spm).map_err(|error| TokenizerError::damaged(files, SPM, error))?;
        let mut by_position = Vocab::default();
        for (id, piece) in (0u32..).zip(&proto.pieces) {
            by_position.insert(piece.text(), id);
        }
        // fairseq's order of the first four, then the pieces as they come.
        let mut vocab = Vocab::default();
        let first = ["bos_token", "pad_token", "eos_token", "unk_token"];
        for (id, name) in (0u32..).zip(first) {
            vocab.insert(special.named(name).unwrap_or_default(), id);
        }
        for (piece, _) in by_position.iter() {
            if vocab.id(piece).is_none() {
                vocab.insert(piece, vocab.next_id());
            }
        }
        let merges = derive_merges(by_position.iter(), &by_position);
        let renumbered = |id| by_position.token(id).and_then(|token| vocab.id(token)).unwrap_or(id);
        let merges = merges.into_iter().map(|(a, b, c)| (renumbered(a), renumbered(b), renumbered(c))).collect();
        let rules = proto.normalizer_spec.and_then(|spec| spec.precompiled_charsmap).filter(|rules| !rules.is_empty());

        let mut tokens = listed_tokens(&special);
        let languages = languages::TABLE.iter().map(|language| AddedToken::special(language.nllb));
        if special.extra.is_empty() {
            let own =
                proto.pieces.iter().filter(|piece| matches!(piece.piece_kind(), PieceKind::Control | PieceKind::UserDefined));
            let is_special = |piece: &Piece| piece.piece_kind() == PieceKind::Control;
            add_missing(
                &mut tokens,
                own.map(|piece| AddedToken { special: is_special(piece), ..AddedToken::special(piece.text()) }),
            );
            add_missing(&mut tokens, languages.clone());
        }
        if proto.pieces.len() == NLLB_200_PIECES {
            let mut in_order: Vec<AddedToken> = languages.collect();
            add_missing(&mut in_order, tokens.into_iter());
            tokens = in_order;
        }
        Ok(Self { vocab, merges, charsmap: rules.map(|rules| (SPM, rules)), tokens, special })
    }
}

/// The tokens that a checkpoint lists, in the order in which transformers adds them: by id, then by name, then the further ones.
fn listed_tokens(special: &SpecialTokens) -> Vec<AddedToken> {
    let mut tokens: Vec<AddedToken> = special.by_id.values().cloned().collect();
    let plain_mask = special.string("mask_token").is_some() || !special.config.contains_key("mask_token");
    let named = special.all().into_iter().cloned().map(|token| {
        let is_mask = Some(token.content.as_str()) == special.named("mask_token");
        if is_mask && plain_mask { AddedToken { lstrip: true, normalized: true, ..token } } else { token }
    });
    add_missing(&mut tokens, named);
    tokens
}

fn add_missing(tokens: &mut Vec<AddedToken>, more: impl Iterator<Item = AddedToken>) {
    for token in more {
        if tokens.iter().all(|known| known.content != token.content) {
            tokens.push(token);
        }
    }
}

#[derive(Deserialize)]
struct TokenizerJson<'a> {
    #[serde(default)]
    added_tokens: Vec<TokenWithId>,
    #[serde(default)]
    normalizer: Option<serde_json::Value>,
    #[serde(borrow)]
    model: BpeJson<'a>,
}

#[derive(Deserialize)]
struct TokenWithId {
    id: u32,
    #[serde(flatten)]
    token: AddedToken,
}

#[derive(Deserialize)]
struct BpeJson<'a> {
    vocab: Vocab,
    #[serde(borrow)]
    merges: Vec<Merge<'a>>,
}

/// `"left right"` in older files, `["left", "right"]` in newer ones.
struct Merge<'a>(Cow<'a, str>, Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Merge<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct MergeVisitor;
        impl<'de> Visitor<'de> for MergeVisitor {
            type Value = Merge<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a merge of two tokens")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> std::result::Result<Self::Value, E> {
                let (left, right) = text.split_once(' ').ok_or_else(|| E::custom("a merge without a space"))?;
                Ok(Merge(left.into(), right.into()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Self::Value, E> {
                let (left, right) = text.split_once(' ').ok_or_else(|| E::custom("a merge without a space"))?;
                Ok(Merge(left.to_owned().into(), right.to_owned().into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Self::Value, A::Error> {
                let mut token = || seq.next_element::<CowStr>()?.ok_or_else(|| de::Error::custom("a merge of one token"));
                Ok(Merge(token()?.0, token()?.0))
            }
        }
        deserializer.deserialize_any(MergeVisitor)
    }
}

/// A string that is borrowed where it holds no escapes.
#[derive(Deserialize)]
struct CowStr<'a>(#[serde(borrow)] Cow<'a, str>);

/// The first `precompiled_charsmap` in a normaliser or a sequence of normalisers.
fn find_charsmap(normalizer: &serde_json::Value) -> Option<&str> {
    match normalizer.get("normalizers").and_then(|list| list.as_array()) {
        Some(list) => list.iter().find_map(find_charsmap),
        None => normalizer.get("precompiled_charsmap")?.as_str(),
    }
}

/// Standard base64 with padding.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for chunk in text.chunks(4) {
        let mut bits = 0u32;
        for &char in chunk {
            let value = match char {
                b'A'..=b'Z' => char - b'A',
                b'a'..=b'z' => char - b'a' + 26,
                b'0'..=b'9' => char - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        bits <<= 6 * (4 - chunk.len()) as u32;
        bytes.extend_from_slice(&bits.to_be_bytes()[1..chunk.len()]);
    }
    Some(bytes)
}
