//! Writing: every exporter reads the same [`Bitext`] and nothing else.
//!
//! Start with the types on this page, then [`format`] (which formats there are, and the [`Exporter`] trait), then any exporter: one file per
//! format, each opening with what its format promises. [`naming`] says what an output file is called, [`output`] puts it in place whole,
//! [`terminal`] is the view on a screen when no file was asked for.
//!
//! | file | for whom |
//! |---|---|
//! | [`jsonl`], [`tsv`] | pipelines and data frames: everything known about a segment |
//! | [`txt`], [`moses`] | plain English, line-aligned corpora |
//! | [`html`], [`md`], [`docx`], [`terminal`] | people who read |
//! | [`xlsx`] | people who sort and filter |
//! | [`tmx`], [`xliff`], [`xliff2`] | translation memories and CAT tools |

mod calendar;
pub mod docx;
pub mod format;
pub mod html;
pub mod jsonl;
mod language;
mod line;
pub mod md;
pub mod moses;
pub mod naming;
pub mod output;
pub mod terminal;
pub mod tmx;
pub mod tsv;
pub mod txt;
pub mod xliff;
pub mod xliff2;
pub mod xlsx;
mod xml;

#[cfg(test)]
mod sample;

use crate::document::{Block, Document};
use serde::{Deserialize, Serialize};
use std::ops::Range;

pub use format::{ExportContext, Exporter, Format};
pub use output::{Destination, ExportError};

/// A document with, for every segment, its translation and what is known about it.
#[derive(Debug, Clone, Default)]
pub struct Bitext {
    pub document: Document,
    /// In reading order.
    pub segments: Vec<Segment>,
    /// The model's name, as every record carries it.
    pub model: String,
    /// Language codes as given on the command line (`ar`, `en`).
    pub source_lang: String,
    pub target_lang: String,
    /// Every line of the text is one segment (`--lines`): plain text keeps one line out per line in, empty ones included.
    pub lines: bool,
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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    pub target: String,
    pub score: f32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenIds {
    pub source: Vec<u32>,
    pub target: Vec<u32>,
}

/// What a reader should know about a segment. Written everywhere by its [`Flag::name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
    /// Every flag, in the order of the declaration.
    pub const ALL: [Flag; 11] = [
        Flag::Split,
        Flag::Truncated,
        Flag::Repetition,
        Flag::Empty,
        Flag::Retried,
        Flag::Copied,
        Flag::Numbers,
        Flag::Length,
        Flag::Untranslated,
        Flag::Unknown,
        Flag::OtherLanguage,
    ];

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

    /// One sentence for people: what happened, or what to check.
    pub fn description(self) -> &'static str {
        match self {
            Flag::Split => "Longer than the model takes: translated in parts, split between clauses.",
            Flag::Truncated => "The model reached its length limit: the end may be missing.",
            Flag::Repetition => "The translation repeats itself.",
            Flag::Empty => "The model returned nothing.",
            Flag::Retried => "A first attempt failed; this is the second one.",
            Flag::Copied => "Not translated: kept as it is in the source.",
            Flag::Numbers => "The numbers of source and translation differ.",
            Flag::Length => "Much shorter or longer than the source suggests.",
            Flag::Untranslated => "Words left in Arabic script.",
            Flag::Unknown => "The source holds characters that the model does not know.",
            Flag::OtherLanguage => "The source is in another language.",
        }
    }

    /// Whether the translation may be wrong; the other flags only say how it came about.
    pub fn is_doubt(self) -> bool {
        !matches!(self, Flag::Split | Flag::Retried | Flag::Copied)
    }
}

impl Segment {
    /// Names of the flags, separated by `separator`.
    pub fn flag_names(&self, separator: &str) -> String {
        self.flags.iter().map(|flag| flag.name()).collect::<Vec<_>>().join(separator)
    }

    /// The alignment in Pharaoh notation (`0-0 1-2`); empty where there is none.
    pub fn pharaoh(&self) -> String {
        self.alignment.iter().map(|(source, target)| format!("{source}-{target}")).collect::<Vec<_>>().join(" ")
    }

    /// The score where it is a number: JSON and XML have no NaN.
    pub fn finite_score(&self) -> Option<f32> {
        self.score.filter(|score| score.is_finite())
    }
}

impl Bitext {
    /// The source text of a segment, exactly as in the document.
    pub fn source(&self, segment: &Segment) -> &str {
        &self.document.text[segment.range.clone()]
    }

    /// Blocks in reading order, each with its segments and their running numbers in the document. A block without segments (code, a
    /// picture's line) is among them: what is not translated is still shown.
    pub fn blocks(&self) -> impl Iterator<Item = BlockView<'_>> {
        let mut next = 0;
        let last = self.document.blocks.len().saturating_sub(1);
        self.document.blocks.iter().enumerate().map(move |(index, block)| {
            let first = next;
            while self.segments.get(next).is_some_and(|segment| segment.block <= index || index == last) {
                next += 1;
            }
            BlockView { block, first, segments: &self.segments[first..next] }
        })
    }

    /// The document's name as people call it.
    pub fn title(&self) -> &str {
        if self.document.name == "-" { "standard input" } else { &self.document.name }
    }

    /// Segments that carry at least one flag, with their running numbers.
    pub fn flagged(&self) -> impl Iterator<Item = (usize, &Segment)> {
        self.segments.iter().enumerate().filter(|(_, segment)| !segment.flags.is_empty())
    }
}

/// A block and its segments, as [`Bitext::blocks`] gives them.
#[derive(Debug, Clone, Copy)]
pub struct BlockView<'a> {
    pub block: &'a Block,
    /// Running number of the first segment in the document, 0-based.
    pub first: usize,
    pub segments: &'a [Segment],
}

impl<'a> BlockView<'a> {
    /// Segments with their running numbers in the document, 0-based.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &'a Segment)> + use<'a> {
        let first = self.first;
        self.segments.iter().enumerate().map(move |(index, segment)| (first + index, segment))
    }

    /// The text of the block in the document.
    pub fn text<'t>(&self, bitext: &'t Bitext) -> &'t str {
        &bitext.document.text[self.block.range.clone()]
    }
}
