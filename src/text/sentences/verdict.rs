//! Whether a run of marks ends its sentence: brackets, quotations, questions, exclamations and ellipses.

use super::super::chars::*;
use super::super::lexicon::{Cue, cue, has_own_mark};
use super::around::{char_at, floor_boundary, last_token, next_word, skip_dash, words};
use super::run::{Kind, Run};
use super::{Opened, Scanner};

/// What follows a run of marks.
pub(super) struct Next<'a> {
    /// Position of the first visible character, and that character.
    pub(super) at: usize,
    pub(super) first: char,
    /// White space lies between.
    pub(super) blank: bool,
    /// The first word behind dashes, opening quotes and brackets, as written and folded.
    pub(super) word: &'a str,
    pub(super) folded: String,
    pub(super) cue: Cue,
}

impl<'a> Next<'a> {
    fn new(text: &'a str, at: usize, blank: bool) -> Self {
        let first = char_at(text, at);
        let word = next_word(text, if is_dash(first) { skip_dash(text, at) } else { at });
        let folded = fold(word);
        Next { at, first, blank, word, cue: cue(&folded), folded }
    }

    /// A small Latin letter goes on with what stands before it.
    pub(super) fn is_small_latin(&self) -> bool {
        is_latin_letter(self.first) && self.first.is_lowercase()
    }
}

impl Scanner<'_> {
    /// Whether `run` ends a sentence, given that more text follows at `next` (`blank`: white space lies between).
    pub(super) fn ends(&mut self, run: &Run, next: usize, blank: bool) -> bool {
        let text = self.text;
        let after = char_at(text, next);
        if is_pause(after) && !starts_path(text, next) {
            return false;
        }
        if is_close_bracket(after) || is_terminator(after) && !blank {
            return false;
        }
        // Nothing but marks so far: they belong to what follows, or were cut already.
        if !self.spoken_before(run.start) {
            return run.kind == Kind::Mark && run.closed_quote.is_some() && blank;
        }
        if self.inside_bracket(run) || self.inside_short_quote(run) {
            return false;
        }
        let next = Next::new(text, next, blank);
        if let Some(closed) = run.closed_bracket {
            // `(ماذا؟) ثم`: an aside within a sentence; a bracket that began the sentence can end it.
            let independent = closed.is_none_or(|bracket| bracket.independent);
            let short = closed.is_some_and(|bracket| words(&text[bracket.at..run.start]) <= 4);
            if !independent && (run.kind != Kind::Stop || next.cue != Cue::Starts || short) {
                return false;
            }
        }
        if let Some(quote) = run.closed_quote {
            return self.ends_after_quote(run, quote, &next);
        }
        match run.kind {
            Kind::Mark => self.mark_ends(run, &next),
            Kind::Ellipsis => self.ellipsis_ends(run, &next),
            Kind::Stop => self.stop_ends(run, &next),
        }
    }

    /// Whether the current sentence has a letter or digit before `at`; asked with growing positions.
    fn spoken_before(&mut self, at: usize) -> bool {
        let (searched, found) = self.spoken;
        if !found && searched < at {
            self.spoken = (at, self.text[searched..at].chars().any(char::is_alphanumeric));
        }
        self.spoken.1
    }

    /// Whether the marks stand within a bracket that opened inside the sentence and closes soon.
    fn inside_bracket(&self, run: &Run) -> bool {
        if run.closed_bracket.is_some() {
            return false;
        }
        let Some(open) = self.live(self.bracket, run.start) else { return false };
        if open.at < self.start || open.independent {
            return false;
        }
        let ahead = &self.text.as_bytes()[run.end..(run.end + 300).min(self.text.len())];
        ahead.iter().find(|&&byte| matches!(byte, b'(' | b')' | b'[' | b']')).is_some_and(|&byte| matches!(byte, b')' | b']'))
    }

    /// Whether the marks stand within a quotation of a few words: `قالت: "نعم. سأفعل."` stays whole, longer quotations are cut like any text.
    fn inside_short_quote(&self, run: &Run) -> bool {
        if run.closed_quote.is_some() {
            return false;
        }
        let Some(open) = self.live(self.quote, run.start) else { return false };
        if open.at < self.start {
            return false;
        }
        let window = &self.text[run.end..floor_boundary(self.text, run.end + 160)];
        let Some(close) = window.find(|c| is_quote(c) && !matches!(c, '\'' | '’' | '‘' | '`')) else { return false };
        let closes = self.blank_after(run.end + close + char_at(window, close).len_utf8());
        closes && words(&self.text[open.at..run.end + close]) <= 10
    }

    /// `"…؟" قال`: a quotation with its own marks, then the sentence around it goes on or not.
    fn ends_after_quote(&self, run: &Run, quote: Option<Opened>, next: &Next) -> bool {
        if !next.blank && next.first.is_alphanumeric() && run.kind != Kind::Stop {
            return false;
        }
        let first = quote.is_none_or(|quote| quote.independent || quote.at < self.start);
        match next.cue {
            // `«من هناك؟» صاح الحارس`; where the quotation has a speaker before it, the next one speaks: `قالوا: «مستحيل!» قلنا: …`.
            Cue::Attribution => return quote.is_some_and(|quote| quote.at > self.start && self.introduced(quote)),
            Cue::Continues if run.kind != Kind::Stop => return false,
            // `سأل: «من يعرف؟» ورفع التلاميذ أيديهم`.
            Cue::Starts if run.kind == Kind::Mark && next.first == 'و' && next.blank => return false,
            Cue::Starts => return true,
            _ => {}
        }
        if next.is_small_latin() {
            return false;
        }
        if is_dash(next.first) && next.cue != Cue::Neutral {
            return false;
        }
        match run.kind {
            Kind::Stop => {
                // A short quotation inside a sentence with a stop of its own is a name (`"HK Inc." سبب`).
                let short = quote.is_some_and(|quote| words(&self.text[quote.at..run.start]) <= 4);
                first || !short
            }
            Kind::Ellipsis => {
                first && next.cue != Cue::Continues && quote.is_some_and(|quote| words(&self.text[quote.at..run.start]) > 4)
            }
            Kind::Mark => first,
        }
    }

    /// Whether words of the same sentence stand before a quotation that can be of sentences: the speaker and a colon.
    fn introduced(&self, quote: Opened) -> bool {
        quote.independent && self.text[self.start..quote.at].trim_end_matches(is_blank).ends_with(':')
    }

    fn mark_ends(&self, run: &Run, next: &Next) -> bool {
        let text = self.text;
        let (after, blank) = (next.first, next.blank);
        let before = text[..run.start].chars().next_back();
        if before.is_some_and(is_open_bracket) && !blank {
            return false;
        }
        if !blank && run.end == run.marks_end {
            let latin = |c: char| is_latin_letter(c) || is_digit(c) || matches!(c, '=' | '&' | '#' | '_' | '%' | '@');
            if before.is_none_or(latin) && latin(after) || matches!(after, '=' | '&') {
                return false;
            }
            if is_dash(after) || (before.is_some_and(is_blank) && is_latin_letter(after)) {
                return false;
            }
            if is_digit(after) && before.is_some_and(is_digit) {
                return false;
            }
        }
        let (_, token) = last_token(&text[self.start..run.start]);
        if has_own_mark(&fold(token))
            && !token.is_empty()
            && words(&text[self.start..run.start]) > 0
            && text[run.start..run.marks_end].len() == 1
        {
            return !blank || is_quote(after);
        }
        if before.is_some_and(is_latin_letter) && next.is_small_latin() {
            return false;
        }
        // `ماذا؟ - قال`: a dash and a speaker.
        if is_dash(after) {
            return next.cue != Cue::Attribution;
        }
        true
    }

    /// An ellipsis is a pause far more often than an end; only a word that clearly opens a sentence after a full clause makes it one.
    fn ellipsis_ends(&self, run: &Run, next: &Next) -> bool {
        if !next.blank && run.end == run.marks_end {
            return false;
        }
        if run.footnote {
            return true;
        }
        if is_latin_letter(next.first) {
            return next.first.is_uppercase() && words(&self.text[self.start..run.start]) >= 3;
        }
        let word = next.folded.as_str();
        let asks = matches!(word, "هل" | "لماذا" | "كيف" | "متي" | "اين" | "ماذا" | "لقد");
        let reports = next.cue == Cue::Starts && word.strip_prefix(['و', 'ف']).is_some_and(|rest| cue(rest) == Cue::Attribution);
        (asks || reports) && words(&self.text[self.start..run.start]) >= 3
    }
}

/// `..\` and `./` begin paths; no pause.
fn starts_path(text: &str, at: usize) -> bool {
    let mut chars = text[at..].chars();
    matches!((chars.next(), chars.next()), (Some('/'), Some('/')))
}
