//! What Arabic text needs before a model sees it: blocks, sentences, long-segment splitting, cleaning, numbers.
//!
//! The way through: [`blocks`] reads the layout of a plain text (headings, paragraphs, lists, hard-wrapped lines), [`sentences`] cuts one block
//! into sentences, [`clauses`] cuts a sentence that is too long for a model, [`clean`] gives the text that the model sees, and [`numbers`] and
//! [`Census`] say what a text contains so that a translation can be checked against it.
//!
//! Everything is byte ranges of the one text that was given; nothing is rewritten. Two promises hold for any text whatever: ranges come in
//! order without overlap, and every character that is not white space lies in exactly one of them. All functions take linear time.

mod blocks;
mod chars;
mod clauses;
mod clean;
mod headline;
mod lexicon;
mod lines;
mod numbers;
mod script;
mod sentences;

pub use blocks::blocks;
pub use chars::is_arabic_letter;
pub use clauses::clauses;
pub use clean::clean;
pub use numbers::{Number, numbers};
pub use script::{Census, Language};
pub use sentences::sentences;

use std::ops::Range;

/// Splits a plain text into sentences: the index of each sentence's block (as [`blocks`] gives them) and its byte range in `text`.
pub fn split(text: &str) -> Vec<(usize, Range<usize>)> {
    let mut segments = Vec::new();
    for (index, block) in blocks(text).into_iter().enumerate() {
        segments.extend(sentences(text, block.range).into_iter().map(|range| (index, range)));
    }
    segments
}
