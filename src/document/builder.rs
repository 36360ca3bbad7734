//! Puts a document's text together, block by block, for the readers whose formats have blocks of their own.

use super::{Block, BlockKind, Document, Section};
use std::ops::Range;

/// Collects blocks; two of them are separated by white space only.
#[derive(Debug, Default)]
pub(crate) struct TextBuilder {
    document: Document,
    /// Name and start of the section that is open.
    section: Option<(String, usize)>,
}

impl TextBuilder {
    /// Adds a block, its white space collapsed and trimmed (kept inside [`BlockKind::Verbatim`]); text that is only white space adds nothing.
    pub fn push(&mut self, kind: BlockKind, text: &str) -> Option<usize> {
        let start = self.separate(kind);
        if kind == BlockKind::Verbatim {
            self.document.text.push_str(text.trim_end().trim_start_matches(['\r', '\n']));
        } else {
            collapse_into(text, &mut self.document.text);
        }
        let end = self.document.text.len();
        if self.document.text[start..].trim().is_empty() {
            self.document.text.truncate(self.document.text.trim_end().len());
            return None;
        }
        self.document.blocks.push(Block { kind, range: start..end });
        Some(self.document.blocks.len() - 1)
    }

    /// Adds text that holds line breaks (`<br>`, soft returns) as one block per paragraph that the layout of its lines shows. Gives for
    /// every block its index and the byte range of `text` that it was made of.
    pub fn push_lines(&mut self, kind: BlockKind, text: &str) -> Vec<(usize, Range<usize>)> {
        if !text.trim().contains('\n') {
            return self.push(kind, text).map(|index| (index, 0..text.len())).into_iter().collect();
        }
        super::plain::layout(text)
            .into_iter()
            .filter_map(|block| {
                let kind = if kind == BlockKind::Paragraph { block.kind } else { kind };
                self.push(kind, &text[block.range.clone()]).map(|index| (index, block.range))
            })
            .collect()
    }

    /// Opens a section (`page 3`) that lasts until the next one.
    pub fn section(&mut self, name: impl Into<String>) {
        self.close_section();
        self.section = Some((name.into(), self.document.text.len()));
    }

    /// Opens a section at `start`, inside the block that was pushed last.
    pub fn section_at(&mut self, name: impl Into<String>, start: usize) {
        if let Some((open, from)) = self.section.take() {
            self.document.sections.push(Section { name: open, range: from..start });
        }
        self.section = Some((name.into(), start));
    }

    pub fn warn(&mut self, warning: impl Into<String>) {
        let warning = warning.into();
        if !self.document.warnings.contains(&warning) {
            self.document.warnings.push(warning);
        }
    }

    /// Bytes of text so far.
    pub fn len(&self) -> usize {
        self.document.text.len()
    }

    pub fn finish(mut self) -> Document {
        self.close_section();
        self.document
    }

    fn close_section(&mut self) {
        if let Some((name, start)) = self.section.take() {
            let rest = &self.document.text[start..];
            let start = start + (rest.len() - rest.trim_start().len());
            self.document.sections.push(Section { name, range: start..self.document.text.len() });
        }
    }

    /// White space between the last block and one of `kind`: cells of a row by a tab, list items and rows by a line end, the rest by an
    /// empty line.
    fn separate(&mut self, kind: BlockKind) -> usize {
        let separator = match (self.document.blocks.last().map(|block| block.kind), kind) {
            (None, _) => "",
            (Some(BlockKind::Cell { row: last, column: before }), BlockKind::Cell { row, column }) => {
                if last == row && before < column { "\t" } else { "\n" }
            }
            (Some(BlockKind::ListItem), BlockKind::ListItem) | (Some(BlockKind::Cue { .. }), BlockKind::Cue { .. }) => "\n",
            _ => "\n\n",
        };
        self.document.text.truncate(self.document.text.trim_end().len());
        self.document.text.push_str(separator);
        self.document.text.len()
    }
}

/// Appends `text` with every run of white space as one space and none at the ends.
pub(crate) fn collapse_into(text: &str, out: &mut String) {
    let mut first = true;
    for word in text.split_whitespace() {
        if !first {
            out.push(' ');
        }
        first = false;
        out.push_str(word);
    }
}
