//! Writing: every exporter reads the same [`Bitext`] and nothing else.

use crate::document::Document;
use std::ops::Range;

/// A document with, for every segment, its translation and what is known about it.
#[derive(Debug, Clone)]
pub struct Bitext {
    pub document: Document,
    /// In reading order.
    pub segments: Vec<Segment>,
    /// The model's name, as every record carries it.
    pub model: String,
    /// Language codes as given on the command line (`ar`, `en`).
    pub source_lang: String,
    pub target_lang: String,
}

/// One source segment and its translation.
#[derive(Debug, Clone, Default)]
pub struct Segment {
    /// Index into [`Document::blocks`].
    pub block: usize,
    /// Byte range in [`Document::text`].
    pub range: Range<usize>,
    pub target: String,
    /// Mean log-probability per target token; `None` where no model ran (copied segments).
    pub score: Option<f32>,
    /// Source–target pairs over whitespace-separated words, 0-based; empty unless asked for.
    pub alignment: Vec<(usize, usize)>,
    pub flags: Vec<Flag>,
    /// Further hypotheses, best first (`--nbest`), the first one (which is `target`) not among them.
    pub alternatives: Vec<Alternative>,
    /// Token ids, one list per part that the model translated; kept only with `--tokens`.
    pub tokens: Option<TokenIds>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    pub target: String,
    pub score: f32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenIds {
    pub source: Vec<u32>,
    pub target: Vec<u32>,
}

/// What a reader should know about a segment. Written everywhere by its [`Flag::name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flag {
    /// Longer than the model takes: translated in several parts, split at clause boundaries.
    Split,
    /// The decoder reached its length limit: the end may be missing.
    Truncated,
    /// The translation repeats itself.
    Repetition,
    /// The model returned nothing.
    Empty,
    /// A first attempt failed and another strategy gave this translation.
    Retried,
    /// The source was not translated but kept as it is.
    Copied,
    /// A number of the source is missing in the translation, or the other way round.
    Numbers,
    /// Much shorter or longer than the source suggests.
    Length,
    /// Words left in Arabic script.
    Untranslated,
    /// Source tokens the model does not know.
    Unknown,
    /// Not in the source language.
    OtherLanguage,
}

impl Flag {
    /// The name written in every output format.
    pub fn name(self) -> &'static str {
        match self {
            Flag::Split => "split",
            Flag::Truncated => "truncated",
            Flag::Repetition => "repetition",
            Flag::Empty => "empty",
            Flag::Retried => "retried",
            Flag::Copied => "copied",
            Flag::Numbers => "numbers",
            Flag::Length => "length",
            Flag::Untranslated => "untranslated",
            Flag::Unknown => "unknown",
            Flag::OtherLanguage => "other-language",
        }
    }
}

impl Bitext {
    /// The source text of a segment, exactly as in the document.
    pub fn source(&self, segment: &Segment) -> &str {
        &self.document.text[segment.range.clone()]
    }
}
