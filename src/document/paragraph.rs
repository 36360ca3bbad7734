//! Paragraphs of office documents: text put together from runs, each with its place in the XML.

use super::builder::TextBuilder;
use super::xml::{Patches, escape};
use super::{BlockKind, Translations};
use std::ops::Range;

/// A paragraph while it is read.
#[derive(Debug, Default, Clone)]
pub(crate) struct Paragraph {
    pub text: String,
    pub kind: BlockKind,
    pub runs: Vec<Run>,
    /// Markup that makes the paragraph run right to left: taken out where the paragraph is translated.
    pub direction: Vec<(Range<usize>, String)>,
}

/// A stretch of text in one piece of XML.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// Byte range in the paragraph's text.
    pub text: Range<usize>,
    /// Byte range in the XML: the text element, the bare text, or the element that stands for white space.
    pub xml: Range<usize>,
    /// Whether it can hold other text: a tab or a line break cannot.
    pub holds_text: bool,
}

impl Paragraph {
    /// Adds text that stands at `xml`.
    pub fn push(&mut self, text: &str, xml: Range<usize>) {
        self.add(text, xml, true);
    }

    /// Adds white space that an element stands for: it goes where the paragraph is translated.
    pub fn push_space(&mut self, text: &str, xml: Range<usize>) {
        self.add(text, xml, false);
    }

    fn add(&mut self, text: &str, xml: Range<usize>, holds_text: bool) {
        let start = self.text.len();
        self.text.push_str(text);
        self.runs.push(Run { text: start..self.text.len(), xml, holds_text });
    }
}

/// A block's place in an XML part.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub block: usize,
    pub runs: Vec<Run>,
    pub direction: Vec<(Range<usize>, String)>,
}

/// Adds a paragraph's blocks to the document; gives their places.
pub(crate) fn place(paragraph: Paragraph, builder: &mut TextBuilder) -> Vec<Placed> {
    let blocks = builder.push_lines(paragraph.kind, &paragraph.text);
    let mut placed: Vec<Placed> = Vec::with_capacity(blocks.len());
    for (index, (block, range)) in blocks.iter().enumerate() {
        // A run belongs to the block that its text begins in.
        let next = blocks.get(index + 1).map_or(usize::MAX, |(_, next)| next.start);
        let first = if index == 0 { 0 } else { range.start };
        // Line breaks between two blocks stay.
        let own = |run: &&Run| (first..next).contains(&run.text.start) && (run.holds_text || range.contains(&run.text.start));
        let runs = paragraph.runs.iter().filter(own).cloned().collect();
        let direction = if index == 0 { paragraph.direction.clone() } else { Vec::new() };
        placed.push(Placed { block: *block, runs, direction });
    }
    placed
}

/// Puts the translation of each placed block into its XML: into the run that holds most of its text, so that the block keeps its main
/// style; the other runs are emptied. `element` builds the text element around the escaped text.
pub(crate) fn patch(
    placed: &[Placed],
    translations: &Translations<'_>,
    patches: &mut Patches,
    element: impl Fn(&Run, &str) -> String,
) {
    for place in placed {
        let Some(translation) = &translations.blocks[place.block] else { continue };
        let longest = longest(place.runs.iter().map(|run| (run.text.len(), run.holds_text)));
        for (index, run) in place.runs.iter().enumerate().filter(|_| longest.is_some()) {
            let text = if Some(index) == longest { element(run, &escape(translation)) } else { String::new() };
            patches.replace(run.xml.clone(), text);
        }
        for (range, with) in &place.direction {
            patches.replace(range.clone(), with.as_str());
        }
    }
}

/// Index of the longest of some pieces, given by length and whether they hold text: the one to put a translation in. The first of equals.
pub(crate) fn longest(pieces: impl Iterator<Item = (usize, bool)>) -> Option<usize> {
    let holders = pieces.enumerate().filter(|(_, (_, holds_text))| *holds_text);
    holders.max_by_key(|(index, (length, _))| (*length, usize::MAX - index)).map(|(index, _)| index)
}
