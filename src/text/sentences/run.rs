//! A run of marks, and the closing quotes, brackets, footnote marks and emoji that belong to the sentence it ends.

use super::super::chars::*;
use super::around::{WORD_WINDOW, floor_boundary, last_token, skip_blank, words};
use super::stops::is_number_word;
use super::{Opened, Scanner};

/// A run of sentence-ending marks and what closes with it.
pub(super) struct Run {
    /// First byte of the first mark.
    pub(super) start: usize,
    /// First byte after the marks.
    pub(super) marks_end: usize,
    /// First byte after closing quotes, brackets, footnotes.
    pub(super) end: usize,
    pub(super) kind: Kind,
    /// The quotation mark that closed after the marks.
    pub(super) closed_quote: Option<Option<Opened>>,
    /// A bracket closed after the marks.
    pub(super) closed_bracket: Option<Option<Opened>>,
    pub(super) footnote: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Stop,
    /// Two or more dots, or `…`.
    Ellipsis,
    /// Any run with a question or exclamation mark.
    Mark,
}

impl Scanner<'_> {
    /// Collects the marks from `start` and everything that closes with them.
    pub(super) fn run(&self, start: usize) -> Run {
        let text = self.text;
        let (mut end, mut stops, mut ellipsis, mut marks) = (start, 0usize, false, false);
        let mut probe = start;
        while let Some(c) = text[probe..].chars().next() {
            if is_terminator(c) {
                // A space may stand between `؟ !` and `. . .`, but not between a mark and an extension such as `.net`.
                let spaced = probe > end;
                if spaced && !(is_mark(c) && marks) && !(is_stop(c) && stops > 0 && !marks && self.dot_stands_alone(probe)) {
                    break;
                }
                probe += c.len_utf8();
                end = probe;
                if is_mark(c) {
                    marks = true;
                } else if is_stop(c) {
                    stops += 1;
                } else {
                    ellipsis = true;
                }
            } else if is_invisible(c) || (c == ' ' && probe == end) || c == '\u{0640}' {
                probe += c.len_utf8();
            } else {
                break;
            }
        }
        let kind = if marks {
            Kind::Mark
        } else if ellipsis || stops > 1 {
            Kind::Ellipsis
        } else {
            Kind::Stop
        };
        let mut run = Run { start, marks_end: end, end, kind, closed_quote: None, closed_bracket: None, footnote: false };
        self.closers(&mut run);
        run
    }

    /// Whether the dot at `at` is followed by white space, another dot or the end.
    fn dot_stands_alone(&self, at: usize) -> bool {
        self.text[at..].chars().nth(1).is_none_or(|c| c.is_whitespace() || is_terminator(c))
    }

    /// Moves `run.end` over closing quotes and brackets, footnote marks and emoji.
    fn closers(&self, run: &mut Run) {
        let text = self.text;
        let mut quote = self.live(self.quote, run.start);
        let mut bracket = self.live(self.bracket, run.start);
        loop {
            let here = run.end;
            let (next, spaced) = skip_blank(text, here);
            let Some(c) = text[next..].chars().next() else { break };
            let end = next + c.len_utf8();
            if is_close_bracket(c) && (!spaced || bracket.is_some()) {
                run.closed_bracket = Some(bracket.take());
                run.end = end;
            } else if is_quote(c) && !(spaced && matches!(c, '\'' | '’' | '‘' | '`')) {
                let after = text[end..].chars().next();
                let apart = after.is_none_or(|c| {
                    c.is_whitespace() || is_invisible(c) || is_close_bracket(c) || is_quote(c) || is_pause(c) || is_terminator(c)
                });
                let closes = if spaced {
                    // `. " وقال`: closing only if something is open and it does not hug the next word.
                    (quote.is_some() && apart) || (c == '»' && quote.is_some())
                } else {
                    apart || quote.is_some()
                };
                if !closes {
                    break;
                }
                run.closed_quote = Some(quote.take());
                run.end = end;
            } else if is_terminator(c) && !spaced && run.end > run.marks_end {
                // `؟".` and `!).`: the stop after the quotation ends the sentence around it.
                if self.text[end..].chars().next().is_some_and(|c| c.is_alphanumeric()) {
                    break;
                }
                run.end = end;
                run.kind = if is_mark(c) { Kind::Mark } else { Kind::Stop };
                run.marks_end = end;
                run.closed_quote = None;
                run.closed_bracket = None;
            } else if c == '[' {
                let Some(close) = footnote_end(text, next, spaced) else { break };
                run.end = close;
                run.footnote = true;
            } else if c == '(' {
                let Some(close) = citation_end(text, next, spaced, run.kind) else { break };
                run.end = close;
                run.footnote = true;
            } else if is_digit(c) && !spaced && run.end == run.marks_end && run.kind == Kind::Stop {
                let Some(close) = footnote_number_end(text, run.start, next) else { break };
                run.end = close;
                run.footnote = true;
            } else if (is_superscript(c) && !spaced) || is_emoji(c) || is_invisible(c) || c == '\u{0640}' {
                run.end = end;
            } else {
                break;
            }
        }
        // Invisible characters right after the stop stay with it, unless they open a run of the other direction.
        while let Some(c) = text[run.end..].chars().next() {
            if !is_invisible(c) || matches!(c, '\u{202A}' | '\u{202B}' | '\u{202D}' | '\u{202E}' | '\u{2066}'..='\u{2068}') {
                break;
            }
            run.end += c.len_utf8();
        }
    }
}

/// End of a reference mark `[12]`, `[أ]`, `[بحاجة لمصدر]` that opens at `at`; after a space only digits count.
fn footnote_end(text: &str, at: usize, spaced: bool) -> Option<usize> {
    let window = &text[at..floor_boundary(text, at + 64)];
    let close = window.find(']')?;
    let inner = window[1..close].trim();
    let numeric = !inner.is_empty() && inner.chars().all(|c| is_digit(c) || matches!(c, ',' | '،' | '-' | '–' | ' '));
    let note = !spaced && inner.chars().count() <= 24 && !inner.contains(is_terminator);
    (numeric || note).then_some(at + close + 1)
}

/// End of a citation `(بريمر، 1998)` behind a stop, short and with a year, or of a short remark that belongs to the sentence before it.
fn citation_end(text: &str, at: usize, spaced: bool, kind: Kind) -> Option<usize> {
    let window = &text[at..floor_boundary(text, at + 120)];
    let close = window.find(')')?;
    let inner = &window[1..close];
    if !spaced && !inner.is_empty() && inner.chars().count() <= 3 && inner.chars().all(is_digit) {
        return Some(at + close + 1);
    }
    let digits = inner.chars().rev().take_while(|&c| is_digit(c)).count();
    let letters = inner.chars().any(char::is_alphabetic);
    // `ما اسمك؟ (الاسم الكامل)`; after a stop only at the very end: `… (رويترز)`.
    let remark = !inner.contains(is_terminator) && !inner.contains(':') && inner.chars().count() <= 32 && words(inner) <= 4;
    if remark && letters && (kind == Kind::Mark || text[at + close + 1..].trim_start().is_empty()) {
        return Some(at + close + 1);
    }
    (digits == 4 && letters && !inner.contains(is_mark)).then_some(at + close + 1)
}

/// End of a footnote number that stands right behind a stop as its superscript was lost: `أثبتت الدراسة ذلك.12 ثم`, `ذلك.3,4 ثم`.
fn footnote_number_end(text: &str, stop: usize, at: usize) -> Option<usize> {
    let (_, token) = last_token(&text[floor_boundary(text, stop.saturating_sub(WORD_WINDOW))..stop]);
    let word = token.chars().filter(|&c| is_arabic_letter(c)).count() >= 3 && !token.contains('.') && !is_number_word(token);
    let word = word && !text[..stop].ends_with(is_blank);
    let window = &text[at..floor_boundary(text, at + 24)];
    let number = window.find(|c: char| !(is_digit(c) || matches!(c, ',' | '،' | '-' | '–'))).unwrap_or(window.len());
    let short = window[..number].split(|c| !is_digit(c)).all(|part| (1..=3).contains(&part.chars().count()));
    let (next, blank) = skip_blank(text, at + number);
    let apart = next >= text.len() || blank && text[next..].starts_with(|c: char| c.is_alphabetic() || is_quote(c));
    (word && short && apart).then_some(at + number)
}
