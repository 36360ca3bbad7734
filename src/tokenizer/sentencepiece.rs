//! A SentencePiece model: normalise, cut into pieces, and join pieces again.
//!
//! [`SentencePiece`] does what `SentencePieceProcessor` 0.2 does for `Encode` and `Decode`; ids here are the model file's own, which the
//! tokenisers of a family map to the checkpoint's vocabulary.

use super::bpe::{Bpe, BpePiece, BpeScratch, PieceUse};
use super::double_array::DoubleArray;
use super::normalizer::{Normalizer, SPACE, valid_char_len};
use super::proto::{ModelKind, ModelProto, PieceKind};
use super::unigram::{Node, Unigram};
use prost::Message;
use std::collections::HashMap;
use std::ops::Range;

/// What the unknown piece decodes to where the model does not say.
const UNKNOWN_SURFACE: &str = " \u{2047} ";
/// SentencePiece refuses pieces of this many bytes.
const MAX_PIECE: usize = 8000;
/// Stands for "no id".
const NO_ID: u32 = u32::MAX;

/// A loaded model.
#[derive(Debug, Clone)]
pub struct SentencePiece {
    pieces: Vec<(Box<str>, PieceKind)>,
    /// Pieces that text can match, by id.
    trie: DoubleArray,
    /// Control, unknown and byte pieces, which come first when a piece is looked up by its text.
    reserved: HashMap<Box<str>, u32>,
    normalizer: Normalizer,
    denormalizer: Option<Normalizer>,
    segmenter: Segmenter,
    unknown_id: u32,
    unknown_surface: Box<str>,
    /// Ids of the byte pieces, with byte fallback.
    byte_ids: Option<Box<[u32; 256]>>,
}

#[derive(Debug, Clone)]
enum Segmenter {
    Unigram(Unigram),
    Bpe(Bpe),
}

/// Buffers for encoding, to be kept between calls.
#[derive(Debug, Default)]
pub struct Scratch {
    normalized: Vec<u8>,
    segments: Vec<(u32, u32)>,
    nodes: Vec<Node>,
    bpe: BpeScratch,
}

/// A piece of encoded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoded<'a> {
    Piece(u32),
    /// A run of (normalised) text that no piece covers.
    Unknown(&'a str),
}

impl SentencePiece {
    /// Reads a `.spm`/`.model` file. `Err` says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let proto = ModelProto::decode(bytes).map_err(|error| format!("not a SentencePiece model: {error}"))?;
        Self::from_proto(&proto)
    }

    /// From the decoded message.
    pub fn from_proto(proto: &ModelProto) -> Result<Self, String> {
        let trainer = proto.trainer_spec.clone().unwrap_or_default();
        let byte_fallback = trainer.byte_fallback.unwrap_or(false);
        let kind = trainer.model_type.map_or(Ok(ModelKind::Unigram), ModelKind::try_from);
        let kind = kind.map_err(|_| "unknown SentencePiece model type".to_owned())?;
        let is_bpe = match kind {
            ModelKind::Unigram => false,
            ModelKind::Bpe => true,
            ModelKind::Word | ModelKind::Char => {
                return Err(format!("SentencePiece models of type {kind:?} are not supported, only Unigram and Bpe"));
            }
        };
        let pieces: Vec<(Box<str>, PieceKind)> = proto
            .pieces
            .iter()
            .map(|piece| match piece.text() {
                "\0" if byte_fallback => ("\0".into(), PieceKind::Unused),
                text => (text.into(), piece.piece_kind()),
            })
            .collect();
        if pieces.is_empty() {
            return Err("the SentencePiece model has no pieces".to_owned());
        }
        let scores: Vec<f32> = proto.pieces.iter().map(|piece| piece.score.unwrap_or(0.0)).collect();
        let index = Index::new(&pieces, is_bpe, byte_fallback)?;
        let normalizer_spec = proto.normalizer_spec.clone().unwrap_or_default();
        let normalizer = Normalizer::new(&normalizer_spec, &trainer, &index.user_defined)?;
        let denormalizer = match &proto.denormalizer_spec {
            Some(spec) if spec.precompiled_charsmap.as_ref().is_some_and(|rules| !rules.is_empty()) => {
                Some(Normalizer::new(spec, &Default::default(), &[])?)
            }
            _ => None,
        };
        let segmenter = if is_bpe {
            Segmenter::Bpe(bpe(&pieces, &scores, &index))
        } else {
            Segmenter::Unigram(unigram(&pieces, scores, index.unknown_id)?)
        };
        Ok(Self {
            trie: index.trie,
            reserved: index.reserved,
            unknown_id: index.unknown_id,
            byte_ids: index.byte_ids,
            pieces,
            normalizer,
            denormalizer,
            segmenter,
            unknown_surface: trainer.unk_surface.as_deref().unwrap_or(UNKNOWN_SURFACE).into(),
        })
    }

    /// Number of pieces.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether there are no pieces (never true of a loaded model).
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The text of a piece.
    pub fn piece(&self, id: u32) -> Option<&str> {
        self.pieces.get(id as usize).map(|(text, _)| &**text)
    }

    /// The id of the unknown piece, if there is one.
    pub fn unknown_id(&self) -> Option<u32> {
        (self.unknown_id != NO_ID).then_some(self.unknown_id)
    }

    /// The id of a piece by its text.
    pub fn id(&self, piece: &str) -> Option<u32> {
        self.reserved.get(piece).copied().or_else(|| self.trie.get(piece.as_bytes())).filter(|_| !piece.is_empty())
    }

    /// The model's normaliser.
    pub fn normalizer(&self) -> &Normalizer {
        &self.normalizer
    }

    /// The text as the model sees it before it is cut into pieces.
    pub fn normalize(&self, text: &str) -> String {
        let mut normalized = Vec::new();
        self.normalizer.normalize_into(text.as_bytes(), &mut normalized);
        String::from_utf8_lossy(&normalized).into_owned()
    }

    /// Cuts `text` into pieces and hands them to `take`, in order.
    pub fn encode(&self, text: &str, scratch: &mut Scratch, mut take: impl FnMut(Encoded)) {
        let mut normalized = std::mem::take(&mut scratch.normalized);
        self.normalizer.normalize_into(text.as_bytes(), &mut normalized);
        self.encode_normalized(&normalized, scratch, |_, encoded| take(encoded));
        scratch.normalized = normalized;
    }

    /// Cuts text that is normalised already; `take` gets each piece with the byte range that it covers.
    pub fn encode_normalized(&self, text: &[u8], scratch: &mut Scratch, mut take: impl FnMut(Range<usize>, Encoded)) {
        let Scratch { segments, nodes, bpe, .. } = scratch;
        match &self.segmenter {
            Segmenter::Unigram(unigram) => unigram.segment(&self.trie, text, nodes, segments),
            Segmenter::Bpe(model) => model.segment(&self.trie, text, bpe, segments),
        }
        let mut start = 0;
        let mut segments = segments.iter().peekable();
        while let Some(&(end, id)) = segments.next() {
            let mut end = end as usize;
            if id != self.unknown_id {
                take(start..end, Encoded::Piece(id));
            } else if let Some(byte_ids) = &self.byte_ids {
                for &byte in &text[start..end] {
                    take(start..end, Encoded::Piece(byte_ids[usize::from(byte)]));
                }
            } else {
                while let Some((next, _)) = segments.next_if(|(_, id)| *id == self.unknown_id) {
                    end = *next as usize;
                }
                take(start..end, Encoded::Unknown(&String::from_utf8_lossy(&text[start..end])));
            }
            start = end;
        }
    }

    /// The ids of `text`, appended to `ids` (`SentencePieceProcessor.encode`).
    pub fn encode_ids(&self, text: &str, scratch: &mut Scratch, ids: &mut Vec<u32>) {
        self.encode(text, scratch, |encoded| {
            ids.push(match encoded {
                Encoded::Piece(id) => id,
                Encoded::Unknown(_) => self.unknown_id,
            });
        });
    }

    /// The pieces of `text` as strings (`SentencePieceProcessor.encode` with `out_type=str`).
    pub fn encode_pieces(&self, text: &str, scratch: &mut Scratch) -> Vec<String> {
        let mut pieces = Vec::new();
        self.encode(text, scratch, |encoded| {
            pieces.push(match encoded {
                Encoded::Piece(id) => self.pieces[id as usize].0.to_string(),
                Encoded::Unknown(text) => text.to_owned(),
            });
        });
        pieces
    }

    /// Joins pieces into text (`SentencePieceProcessor.decode`). Pieces that the model does not know are copied as they are.
    pub fn decode<'a>(&self, pieces: impl IntoIterator<Item = &'a str>) -> String {
        let (add_dummy_prefix, remove_extra_whitespaces) = self.normalizer.dummy_prefix();
        let mut text = String::new();
        let mut bytes = Vec::new();
        let mut at_start = true;
        for piece in pieces {
            let id = self.id(piece).unwrap_or(self.unknown_id);
            let kind = self.pieces.get(id as usize).map_or(PieceKind::Unknown, |(_, kind)| *kind);
            if kind == PieceKind::Byte {
                bytes.extend(piece_byte(piece));
                continue;
            }
            flush_bytes(&mut bytes, &mut text);
            at_start &= text.is_empty();
            if kind == PieceKind::Control {
                continue;
            }
            let mut surface = piece;
            let mut dropped_space = false;
            if at_start
                && (add_dummy_prefix || remove_extra_whitespaces)
                && let Some(rest) = piece.strip_prefix(SPACE)
            {
                surface = rest;
                // Only one dummy prefix is dropped, but all leading spaces where the model removes extra ones anyway.
                dropped_space = !remove_extra_whitespaces;
            }
            if kind != PieceKind::Unknown {
                push_spaced(surface, &mut text);
            } else if self.piece(id) == Some(piece) {
                text.push_str(&self.unknown_surface);
            } else {
                text.push_str(piece);
            }
            at_start &= !dropped_space && text.is_empty();
        }
        flush_bytes(&mut bytes, &mut text);
        match &self.denormalizer {
            None => text,
            Some(denormalizer) => {
                let mut out = Vec::new();
                denormalizer.normalize_into(text.as_bytes(), &mut out);
                String::from_utf8_lossy(&out).into_owned()
            }
        }
    }
}

/// Appends `piece` with `▁` as spaces.
fn push_spaced(piece: &str, text: &mut String) {
    for (index, part) in piece.split(SPACE).enumerate() {
        if index > 0 {
            text.push(' ');
        }
        text.push_str(part);
    }
}

/// Appends collected bytes as text, a U+FFFD for every byte that is not part of a character.
fn flush_bytes(bytes: &mut Vec<u8>, text: &mut String) {
    let mut start = 0;
    while start < bytes.len() {
        match valid_char_len(&bytes[start..]) {
            Some(length) => {
                text.push_str(&String::from_utf8_lossy(&bytes[start..start + length]));
                start += length;
            }
            None => {
                text.push('\u{FFFD}');
                start += 1;
            }
        }
    }
    bytes.clear();
}

/// The byte of a byte piece: `<0x41>`.
fn piece_byte(piece: &str) -> Option<u8> {
    let digits = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    let valid = digits.len() == 2 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F'));
    if valid { u8::from_str_radix(digits, 16).ok() } else { None }
}

/// How pieces are found by their text.
struct Index<'a> {
    trie: DoubleArray,
    reserved: HashMap<Box<str>, u32>,
    unknown_id: u32,
    byte_ids: Option<Box<[u32; 256]>>,
    user_defined: Vec<&'a str>,
}

impl<'a> Index<'a> {
    fn new(pieces: &'a [(Box<str>, PieceKind)], is_bpe: bool, byte_fallback: bool) -> Result<Self, String> {
        let mut matched: Vec<(&[u8], u32)> = Vec::with_capacity(pieces.len());
        let mut reserved = HashMap::new();
        let mut unknown_id = NO_ID;
        let mut byte_ids = Box::new([NO_ID; 256]);
        let mut user_defined = Vec::new();
        for (id, (text, kind)) in (0u32..).zip(pieces) {
            if &**text == "\0" && *kind == PieceKind::Unused {
                continue;
            }
            if text.is_empty() || text.len() >= MAX_PIECE || text.contains('\0') {
                return Err(format!("piece {id} is empty, too long or holds a zero byte"));
            }
            match kind {
                PieceKind::Normal | PieceKind::Unused => {}
                PieceKind::UserDefined => user_defined.push(&**text),
                PieceKind::Control => {}
                PieceKind::Unknown if unknown_id == NO_ID => unknown_id = id,
                PieceKind::Unknown => return Err("there are two unknown pieces".to_owned()),
                PieceKind::Byte => match piece_byte(text) {
                    Some(byte) if byte_fallback => byte_ids[usize::from(byte)] = id,
                    _ => return Err(format!("{text} is not a byte piece, or the model has no byte fallback")),
                },
            }
            let is_reserved = matches!(kind, PieceKind::Control | PieceKind::Unknown | PieceKind::Byte);
            if is_reserved && reserved.insert(text.clone(), id).is_some() {
                return Err(format!("the piece {text} is defined twice"));
            }
            if !is_reserved || is_bpe {
                matched.push((text.as_bytes(), id));
            }
        }
        if unknown_id == NO_ID && !byte_fallback {
            return Err("there is no unknown piece".to_owned());
        }
        if byte_fallback && byte_ids.contains(&NO_ID) {
            return Err("byte fallback without all 256 byte pieces".to_owned());
        }
        matched.sort_unstable();
        if let Some(pair) = matched.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(format!("the piece {} is defined twice", String::from_utf8_lossy(pair[0].0)));
        }
        let byte_ids = byte_fallback.then_some(byte_ids);
        Ok(Self { trie: DoubleArray::build(&matched), reserved, unknown_id, byte_ids, user_defined })
    }
}

fn unigram(pieces: &[(Box<str>, PieceKind)], mut scores: Vec<f32>, unknown_id: u32) -> Result<Unigram, String> {
    if scores.iter().any(|score| !score.is_finite()) {
        return Err("a piece has a score that is not a number".to_owned());
    }
    let normal = pieces.iter().zip(&scores).filter(|((_, kind), _)| *kind == PieceKind::Normal);
    let lowest = normal.map(|(_, score)| *score).fold(f32::MAX, f32::min);
    for ((text, kind), score) in pieces.iter().zip(&mut scores) {
        match kind {
            PieceKind::UserDefined => *score = Unigram::user_defined_score(text.len()),
            PieceKind::Unused => *score = f32::NAN,
            _ => {}
        }
    }
    Ok(Unigram::new(scores, lowest, unknown_id))
}

fn bpe(pieces: &[(Box<str>, PieceKind)], scores: &[f32], index: &Index) -> Bpe {
    let uses = pieces.iter().zip(scores).map(|((_, kind), &score)| BpePiece {
        score,
        use_: match kind {
            PieceKind::Normal | PieceKind::UserDefined => PieceUse::Mergeable,
            PieceKind::Unused => PieceUse::Unused,
            PieceKind::Control | PieceKind::Unknown | PieceKind::Byte => PieceUse::Reserved,
        },
    });
    let mut frozen: Vec<(&[u8], u32)> = index.user_defined.iter().map(|text| (text.as_bytes(), 0)).collect();
    frozen.sort_unstable();
    let frozen = (!frozen.is_empty()).then(|| DoubleArray::build(&frozen));
    let mergeable =
        pieces.iter().filter(|(_, kind)| matches!(kind, PieceKind::Normal | PieceKind::UserDefined | PieceKind::Unused));
    Bpe::new(uses.collect(), index.unknown_id, frozen, mergeable.map(|(text, _)| &**text))
}
