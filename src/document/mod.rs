//! Reading: a file's bytes become a [`Document`], one source text plus byte ranges.
//!
//! Nothing downstream copies strings around: blocks and segments are byte ranges of [`Document::text`].

use std::ops::Range;

/// One source text and where its blocks lie.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// Name shown to people and written as `doc`: the path relative to the input folder, `/`-separated, or `-` for standard input.
    pub name: String,
    /// The extracted text. All offsets anywhere in jisr are byte offsets into it.
    pub text: String,
    /// Blocks in reading order; they do not overlap, and what lies between two of them is white space.
    pub blocks: Vec<Block>,
    /// What the reader wants said about the file: a guessed encoding, a damaged part, a skipped picture.
    pub warnings: Vec<String>,
}

/// A block of a document: the unit that sentences never cross.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    pub kind: BlockKind,
    /// Byte range in [`Document::text`].
    pub range: Range<usize>,
}

/// What a block is in its document; exporters keep headings and lists as they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BlockKind {
    /// Level 1–6.
    Heading(u8),
    #[default]
    Paragraph,
    ListItem,
    /// A table or spreadsheet cell, 0-based.
    Cell {
        row: u32,
        column: u32,
    },
    /// A subtitle cue, times in milliseconds.
    Cue {
        start: u64,
        end: u64,
    },
    Quote,
    /// Text that is not translated: code, a number cell.
    Verbatim,
}
