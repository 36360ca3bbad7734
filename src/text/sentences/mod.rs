//! Sentences of one block.
//!
//! [`sentences`] walks once over the bytes and stops at every mark that can end a sentence. A run of such marks takes along what belongs to it
//! (closing quotes and brackets, footnote marks, emoji); then the characters on both sides decide: a decimal point, an address, an
//! abbreviation, a list number, a quotation followed by its speaker do not end a sentence. Open quotes and brackets are tracked on the way, and
//! every look around is bounded, so the time is linear in the text whatever it holds.
//!
//! The walk is in this file; `run.rs` collects the marks and what closes with them, `verdict.rs` decides about quotations, brackets, questions and
//! ellipses, `stops.rs` about full stops, and `around.rs` finds the words on both sides.

mod around;
mod run;
mod stops;
mod verdict;

use super::chars::*;
use super::headline::headline_end;
use around::{char_at, skip_blank};
use std::ops::Range;

/// Bytes after which an opened bracket or quote counts as never closed.
const OPEN_WINDOW: usize = 700;

/// A text without any line break up to this many bytes may be an article with its headline.
const MAX_ARTICLE: usize = 1 << 20;
/// Sentences, besides the headline, that make an article.
const MIN_SENTENCES: usize = 3;
/// Sentences that make a block among others an article of its own (a file with an article on every line).
const LONG_BLOCK: usize = 8;
/// Log-odds from which the first words of an article are its headline: of a text on one line, of a long block among others, and where the line
/// holds one article after another.
const HEADLINE_FIRST: f32 = 0.0;
const HEADLINE_OF_BLOCK: f32 = 1.0;
const HEADLINE_LATER: f32 = 2.0;

/// Cuts a block of `text` into sentences: byte ranges in `text`, in order, trimmed of white space. Every character of the block that is not white
/// space lies in exactly one range. Line breaks inside the block count as spaces. `block` must lie on character boundaries.
pub fn sentences(text: &str, block: Range<usize>) -> Vec<Range<usize>> {
    let offset = block.start;
    // An article on one line: its headline may run into its text.
    let alone = text[..block.start].trim_end().is_empty() && text[block.end..].trim_start().is_empty();
    let mut scanner = Scanner::new(&text[block]);
    scanner.scan();
    if scanner.text.len() <= MAX_ARTICLE {
        scanner.headlines(alone);
    }
    scanner.segments().into_iter().map(|range| range.start + offset..range.end + offset).collect()
}

/// A bracket or quotation mark that is open at the current position.
#[derive(Debug, Clone, Copy)]
struct Opened {
    at: usize,
    /// A colon stands before it, or it is the first thing in its sentence: what it holds can be sentences of their own.
    independent: bool,
}

struct Scanner<'a> {
    text: &'a str,
    /// Start of the current sentence (the end of the last accepted one).
    start: usize,
    cuts: Vec<usize>,
    bracket: Option<Opened>,
    quote: Option<Opened>,
    /// Number of the last list marker accepted within this sentence.
    marker: Option<u32>,
    /// How far the current sentence has been searched for a letter or digit, and whether there was one.
    spoken: (usize, bool),
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Scanner { text, start: 0, cuts: Vec::new(), bracket: None, quote: None, marker: None, spoken: (0, false) }
    }

    fn scan(&mut self) {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let candidate = match bytes[at] {
                b'.' | b'!' | b'?' | b'(' | b'[' | b')' | b']' | b'"' => true,
                0xD8 => bytes[at + 1] == 0x9F,
                0xC2 => matches!(bytes[at + 1], 0xAB | 0xBB),
                0xDB => bytes[at + 1] == 0x94,
                0xE2 => matches!(bytes[at + 1], 0x80 | 0x81 | 0xB8),
                0xE3 | 0xEF => true,
                _ => false,
            };
            if !candidate {
                at += 1;
                continue;
            }
            let c = char_at(self.text, at);
            at = if is_terminator(c) { self.terminator(at) } else { self.enclosure(at, c) };
        }
    }

    /// Cuts headlines off the sentences they run into, in a text that is one long line.
    /// In a text of several blocks only the start of a block as long as an article is looked at.
    fn headlines(&mut self, alone: bool) {
        if self.cuts.len() < (if alone { MIN_SENTENCES } else { LONG_BLOCK }) || self.text.contains(['\n', '\r']) {
            return;
        }
        let mut cuts = Vec::with_capacity(self.cuts.len() + 1);
        let mut start = 0;
        for &end in &self.cuts {
            let threshold = match (alone, start) {
                (true, 0) => Some(HEADLINE_FIRST),
                (true, _) => Some(HEADLINE_LATER),
                (false, 0) => Some(HEADLINE_OF_BLOCK),
                (false, _) => None,
            };
            if let Some(at) = threshold.and_then(|threshold| headline_end(&self.text[start..end], threshold)) {
                cuts.push(start + at);
            }
            cuts.push(end);
            start = end;
        }
        self.cuts = cuts;
    }

    /// Opens or closes a bracket or quote; gives the next position.
    fn enclosure(&mut self, at: usize, c: char) -> usize {
        let end = at + c.len_utf8();
        if is_open_bracket(c) {
            if self.live(self.bracket, at).is_none() {
                self.bracket = Some(self.opened(at));
            }
        } else if is_close_bracket(c) {
            self.bracket = None;
        } else if is_quote(c) && !matches!(c, '\'' | '’' | '‘' | '`') {
            let open = self.live(self.quote, at);
            let closes = match (self.blank_before(at), self.blank_after(end)) {
                (true, false) => false,
                (false, true) => true,
                _ => open.is_some(),
            };
            self.quote = if closes { None } else { Some(self.opened(at)) };
        }
        end
    }

    fn opened(&self, at: usize) -> Opened {
        let before = self.text[self.start..at].trim_end_matches(is_blank);
        Opened { at, independent: before.is_empty() || before.ends_with([':', '؛', ';', '-', '–', '—', '：']) }
    }

    /// An opened bracket or quote that is still near enough to count.
    fn live(&self, opened: Option<Opened>, at: usize) -> Option<Opened> {
        opened.filter(|opened| at - opened.at <= OPEN_WINDOW)
    }

    fn blank_before(&self, at: usize) -> bool {
        self.text[..at]
            .chars()
            .next_back()
            .is_none_or(|c| c.is_whitespace() || is_invisible(c) || is_open_bracket(c) || is_quote(c))
    }

    fn blank_after(&self, at: usize) -> bool {
        self.text[at..].chars().next().is_none_or(|c| {
            c.is_whitespace() || is_invisible(c) || is_close_bracket(c) || is_quote(c) || is_pause(c) || is_terminator(c)
        })
    }

    /// Judges the marks at `start`; gives the position to go on from.
    fn terminator(&mut self, start: usize) -> usize {
        let run = self.run(start);
        let (next, blank) = skip_blank(self.text, run.end);
        if next >= self.text.len() || self.ends(&run, next, blank) {
            self.cuts.push(run.end);
            self.start = run.end;
            self.marker = None;
            self.spoken = (run.end, false);
            if run.closed_quote.is_some() {
                self.quote = None;
            }
            if run.closed_bracket.is_some() || self.bracket.is_some() {
                self.bracket = None;
            }
        } else {
            if run.closed_quote.is_some() {
                self.quote = None;
            }
            if run.closed_bracket.is_some() {
                self.bracket = None;
            }
        }
        run.end
    }

    /// The cuts as trimmed ranges; pieces without a letter or digit go to the sentence before them.
    fn segments(self) -> Vec<Range<usize>> {
        let mut segments: Vec<Range<usize>> = Vec::with_capacity(self.cuts.len() + 1);
        let mut start = 0;
        let mut pending: Option<usize> = None;
        for end in self.cuts.into_iter().chain([self.text.len()]) {
            if let Some(range) = trimmed(self.text, start..end) {
                let spoken = self.text[range.clone()].chars().any(|c| c.is_alphanumeric() || is_emoji(c));
                match segments.last_mut() {
                    Some(last) if !spoken => last.end = range.end,
                    None if !spoken => {
                        pending.get_or_insert(range.start);
                    }
                    _ => segments.push(pending.take().unwrap_or(range.start)..range.end),
                }
            }
            start = end;
        }
        if let Some(start) = pending
            && let Some(range) = trimmed(self.text, start..self.text.len())
        {
            segments.push(range);
        }
        segments
    }
}

fn trimmed(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let piece = &text[range.clone()];
    let start = range.start + piece.len() - piece.trim_start().len();
    let end = range.start + piece.trim_end().len();
    (start < end).then_some(start..end)
}
