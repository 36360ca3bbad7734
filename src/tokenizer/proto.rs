//! The SentencePiece model file (`.spm`, `.model`): a protobuf message, described in SentencePiece's `sentencepiece_model.proto`.
//!
//! Only the fields that change how text is encoded or decoded are declared; protobuf skips the others.

use prost::Message;

/// A whole model file.
#[derive(Clone, PartialEq, Message)]
pub struct ModelProto {
    /// Pieces in the order of their ids.
    #[prost(message, repeated, tag = "1")]
    pub pieces: Vec<Piece>,
    #[prost(message, optional, tag = "2")]
    pub trainer_spec: Option<TrainerSpec>,
    #[prost(message, optional, tag = "3")]
    pub normalizer_spec: Option<NormalizerSpec>,
    /// Applied to decoded text; absent in nearly all models.
    #[prost(message, optional, tag = "5")]
    pub denormalizer_spec: Option<NormalizerSpec>,
}

/// A piece of the vocabulary.
#[derive(Clone, PartialEq, Message)]
pub struct Piece {
    /// The text as the vocabulary spells it, `▁` for a space.
    #[prost(string, optional, tag = "1")]
    pub piece: Option<String>,
    /// Log-probability (unigram) or minus the merge rank (BPE).
    #[prost(float, optional, tag = "2")]
    pub score: Option<f32>,
    #[prost(enumeration = "PieceKind", optional, tag = "3")]
    pub kind: Option<i32>,
}

impl Piece {
    /// The piece's text.
    pub fn text(&self) -> &str {
        self.piece.as_deref().unwrap_or_default()
    }

    /// The piece's kind; a kind this version does not know counts as a normal piece, as in protobuf.
    pub fn piece_kind(&self) -> PieceKind {
        self.kind.and_then(|kind| PieceKind::try_from(kind).ok()).unwrap_or(PieceKind::Normal)
    }
}

/// What a piece is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum PieceKind {
    /// Matched in text.
    Normal = 1,
    /// Stands for text that no piece covers.
    Unknown = 2,
    /// `</s>`, `<s>`: never matched in text, nothing when decoded.
    Control = 3,
    /// Matched in text before anything else and not normalised.
    UserDefined = 4,
    /// Kept in the vocabulary but never produced.
    Unused = 5,
    /// `<0x41>`: one byte of text that no piece covers (byte fallback).
    Byte = 6,
}

/// The algorithm that the pieces were trained for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ModelKind {
    Unigram = 1,
    Bpe = 2,
    Word = 3,
    Char = 4,
}

/// The training options that matter after training.
#[derive(Clone, PartialEq, Message)]
pub struct TrainerSpec {
    #[prost(enumeration = "ModelKind", optional, tag = "3")]
    pub model_type: Option<i32>,
    /// The dummy space stands after a word instead of before it.
    #[prost(bool, optional, tag = "24")]
    pub treat_whitespace_as_suffix: Option<bool>,
    /// Text that no piece covers becomes byte pieces.
    #[prost(bool, optional, tag = "35")]
    pub byte_fallback: Option<bool>,
    /// What the unknown piece decodes to.
    #[prost(string, optional, tag = "44")]
    pub unk_surface: Option<String>,
    #[prost(string, optional, tag = "45")]
    pub unk_piece: Option<String>,
}

/// How text is normalised before it is cut into pieces.
#[derive(Clone, PartialEq, Message)]
pub struct NormalizerSpec {
    /// `nmt_nfkc`, `identity`, ….
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// See [`super::charsmap`].
    #[prost(bytes = "vec", optional, tag = "2")]
    pub precompiled_charsmap: Option<Vec<u8>>,
    /// A space is put before the text (default true).
    #[prost(bool, optional, tag = "3")]
    pub add_dummy_prefix: Option<bool>,
    /// Leading, trailing and repeated spaces are removed (default true).
    #[prost(bool, optional, tag = "4")]
    pub remove_extra_whitespaces: Option<bool>,
    /// Spaces become `▁` (default true).
    #[prost(bool, optional, tag = "5")]
    pub escape_whitespaces: Option<bool>,
}
