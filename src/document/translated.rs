//! Translations on their way back into a file of the source's own format.

use super::Document;
use super::error::{ReadErrorKind, Result};
use crate::bitext::Bitext;
use std::ops::Range;

/// A bitext as the writers of translated copies see it: one text per block.
pub(crate) struct Translations<'a> {
    pub bitext: &'a Bitext,
    /// Per block its translated sentences joined by a space; `None` where nothing was translated and the source stays.
    pub blocks: Vec<Option<String>>,
}

impl<'a> Translations<'a> {
    pub fn new(bitext: &'a Bitext) -> Self {
        let mut blocks: Vec<Option<String>> = vec![None; bitext.document.blocks.len()];
        let mut changed = vec![false; blocks.len()];
        for segment in &bitext.segments {
            let source = bitext.source(segment).trim();
            let target = segment.target.trim();
            let target = if target.is_empty() { source } else { target };
            changed[segment.block] |= target != source;
            match &mut blocks[segment.block] {
                Some(text) => {
                    text.push(' ');
                    text.push_str(target);
                }
                empty => *empty = Some(target.to_owned()),
            }
        }
        // What was only copied (code, names in Latin letters) keeps its markup and its line breaks.
        for (block, changed) in blocks.iter_mut().zip(changed) {
            *block = block.take().filter(|_| changed);
        }
        Translations { bitext, blocks }
    }

    /// That `document`, just read again, is the one that was translated.
    pub fn check(&self, document: &Document) -> Result<()> {
        let translated = &self.bitext.document;
        let same = document.text == translated.text && document.blocks == translated.blocks;
        if same { Ok(()) } else { Err(ReadErrorKind::Changed) }
    }

    /// The translated document's text, which must be `text`, with every translated block replaced and all else kept.
    pub fn replace_blocks(&self, text: &str) -> Result<String> {
        let document = &self.bitext.document;
        if text != document.text {
            return Err(ReadErrorKind::Changed);
        }
        let pieces: Vec<(usize, Range<usize>)> = document.blocks.iter().map(|block| block.range.clone()).enumerate().collect();
        Ok(self.replace_pieces(text, &pieces))
    }

    /// `text` with the ranges that became blocks replaced by their translations.
    pub fn replace_pieces(&self, text: &str, pieces: &[(usize, Range<usize>)]) -> String {
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (block, range) in pieces {
            if let Some(translation) = &self.blocks[*block] {
                out.push_str(&text[done..range.start]);
                out.push_str(translation);
                done = range.end;
            }
        }
        out.push_str(&text[done..]);
        out
    }
}
