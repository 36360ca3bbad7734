//! Sentences of one block.
//!
//! [`sentences`] walks once over the bytes and stops at every mark that can end a sentence. A run of such marks takes along what belongs to it
//! (closing quotes and brackets, footnote marks, emoji); then the characters on both sides decide: a decimal point, an address, an
//! abbreviation, a list number, a quotation followed by its speaker do not end a sentence. Open quotes and brackets are tracked on the way, and
//! every look around is bounded, so the time is linear in the text whatever it holds.

use super::chars::*;
use super::headline::headline_end;
use super::lexicon::{
    Abbreviation, Cue, LatinAbbreviation, announces_address, arabic_abbreviation, cue, follows_era, follows_unit, has_own_mark, is_month,
    is_name_ending, labels_part, latin_abbreviation, opens_english,
};
use std::ops::Range;

/// Bytes that a word or token is looked for in.
const WORD_WINDOW: usize = 96;
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
    let alone = text[..block.start].trim().is_empty() && text[block.end..].trim().is_empty();
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

/// A run of sentence-ending marks and what closes with it.
struct Run {
    /// First byte of the first mark.
    start: usize,
    /// First byte after the marks.
    marks_end: usize,
    /// First byte after closing quotes, brackets, footnotes.
    end: usize,
    kind: Kind,
    /// The quotation mark that closed after the marks.
    closed_quote: Option<Option<Opened>>,
    /// A bracket closed after the marks.
    closed_bracket: Option<Option<Opened>>,
    footnote: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stop,
    /// Two or more dots, or `…`.
    Ellipsis,
    /// Any run with a question or exclamation mark.
    Mark,
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

    /// Collects the marks from `start` and everything that closes with them.
    fn run(&self, start: usize) -> Run {
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
            } else if is_superscript(c) && !spaced {
                run.end = end;
            } else if is_emoji(c) {
                run.end = end;
            } else if is_invisible(c) || c == '\u{0640}' {
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

    /// Whether `run` ends a sentence, given that more text follows at `next` (`blank`: white space lies between).
    fn ends(&mut self, run: &Run, next: usize, blank: bool) -> bool {
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
        if self.inside_bracket(run) {
            return false;
        }
        let word_start = if is_dash(after) { skip_dash(text, next) } else { next };
        let word = next_word(text, word_start);
        let folded = fold(word);
        let cue = cue(&folded);
        if let Some(closed) = run.closed_bracket {
            // `(ماذا؟) ثم`: an aside within a sentence; a bracket that began the sentence can end it.
            let independent = closed.is_none_or(|bracket| bracket.independent);
            let short = closed.is_some_and(|bracket| words(&text[bracket.at..run.start]) <= 4);
            if !independent && (run.kind != Kind::Stop || cue != Cue::Starts || short) {
                return false;
            }
        }
        if let Some(quote) = run.closed_quote {
            return self.ends_after_quote(run, quote, after, cue, blank);
        }
        match run.kind {
            Kind::Mark => self.mark_ends(run, after, blank),
            Kind::Ellipsis => self.ellipsis_ends(run, after, cue, blank),
            Kind::Stop => self.stop_ends(run, next, after, word, &folded, cue, blank),
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

    /// `"…؟" قال`: a quotation with its own marks, then the sentence around it goes on or not.
    fn ends_after_quote(&self, run: &Run, quote: Option<Opened>, after: char, cue: Cue, blank: bool) -> bool {
        if !blank && after.is_alphanumeric() && run.kind != Kind::Stop {
            return false;
        }
        let first = quote.is_none_or(|quote| quote.independent || quote.at < self.start);
        match cue {
            Cue::Attribution => return false,
            Cue::Continues if run.kind != Kind::Stop => return false,
            // `سأل: «من يعرف؟» ورفع التلاميذ أيديهم`.
            Cue::Starts if run.kind == Kind::Mark && after == 'و' && blank => return false,
            Cue::Starts => return true,
            _ => {}
        }
        if after.is_lowercase() && !is_arabic_letter(after) {
            return false;
        }
        if is_dash(after) && cue != Cue::Neutral {
            return false;
        }
        match run.kind {
            Kind::Stop => {
                // A short quotation inside a sentence with a stop of its own is a name (`"HK Inc." سبب`).
                let short = quote.is_some_and(|quote| words(&self.text[quote.at..run.start]) <= 4);
                first || !short
            }
            Kind::Ellipsis => {
                first && cue != Cue::Continues && quote.is_some_and(|quote| words(&self.text[quote.at..run.start]) > 4)
            }
            Kind::Mark => first,
        }
    }

    fn mark_ends(&self, run: &Run, after: char, blank: bool) -> bool {
        let text = self.text;
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
        if before.is_some_and(is_latin_letter) && is_latin_letter(after) && after.is_lowercase() {
            return false;
        }
        // `ماذا؟ - قال`: a dash and a speaker.
        if is_dash(after) {
            let word = fold(next_word(text, skip_dash(text, run.end)));
            return cue(&word) != Cue::Attribution;
        }
        true
    }

    /// An ellipsis is a pause far more often than an end; only a word that clearly opens a sentence after a full clause makes it one.
    fn ellipsis_ends(&self, run: &Run, after: char, cue: Cue, blank: bool) -> bool {
        if !blank && run.end == run.marks_end {
            return false;
        }
        if run.footnote {
            return true;
        }
        if is_latin_letter(after) {
            return after.is_uppercase() && words(&self.text[self.start..run.start]) >= 3;
        }
        let word = fold(next_word(self.text, skip_blank(self.text, run.end).0));
        let asks = matches!(word.as_str(), "هل" | "لماذا" | "كيف" | "متي" | "اين" | "ماذا" | "نعم" | "كلا" | "لقد");
        let reports =
            cue == Cue::Starts && word.strip_prefix(['و', 'ف']).is_some_and(|rest| super::lexicon::cue(rest) == Cue::Attribution);
        (asks || reports) && words(&self.text[self.start..run.start]) >= 3
    }

    #[allow(clippy::too_many_arguments)]
    fn stop_ends(&mut self, run: &Run, next: usize, after: char, word: &str, folded: &str, cue: Cue, blank: bool) -> bool {
        let text = self.text;
        let sentence = &text[self.start..run.start];
        let spaced_before = sentence.chars().next_back().is_some_and(is_blank);
        let (previous_text, token) = last_token(sentence);
        let (before, closed_before) = last_visible(sentence);
        if text[run.start..].starts_with('。') {
            return true;
        }
        if run.footnote {
            return true;
        }
        if blank && previous_text.len() <= WORD_WINDOW && labels_part(&fold(previous_text.trim_matches(is_blank))) {
            return false;
        }
        if !blank && run.end == run.marks_end {
            return self.unspaced_stop_ends(run, after, previous_text, token, before, spaced_before);
        }
        if closed_before {
            // `…" .` and `(…).`: no abbreviation.
            return !(is_latin_letter(after) && after.is_lowercase());
        }
        if is_digit(before) {
            return self.stop_after_number(previous_text, token, after, folded, next);
        }
        if is_latin_letter(before) {
            return latin_stop_ends(token, after, cue, spaced_before);
        }
        if is_latin_letter(after) && after.is_lowercase() && !is_arabic_letter(before) {
            return false;
        }
        if is_arabic_letter(before) || is_arabic_mark(before) {
            let (number, letters) = split_number(token);
            let letters = fold(letters);
            let (_, previous) = last_token(previous_text);
            let after_number = !number.is_empty() || ends_in_number(previous);
            if is_lead_in(previous_text) && letters.chars().count() == 1 {
                return false;
            }
            return match arabic_abbreviation(&letters, &fold(previous), after_number, is_digit(after)) {
                None => true,
                Some(Abbreviation::AndSoOn) => cue != Cue::Continues || folded == "ثم",
                Some(Abbreviation::Title | Abbreviation::BeforeNumber) => false,
                Some(Abbreviation::Unit) => !follows_unit(folded),
                // `في عام 1967م. اندلعت الحرب`: what stands before is a phrase, not a sentence.
                Some(Abbreviation::AfterNumber) if is_time_phrase(previous_text) && !folded.starts_with('و') => false,
                Some(Abbreviation::AfterNumber) => {
                    !follows_era(folded) && !is_digit(after) && !is_open_bracket(after) && !is_dash(after)
                }
                Some(Abbreviation::Letters) => cue == Cue::Starts && single_word_start(word),
            };
        }
        true
    }

    /// A stop with a letter or digit right behind it.
    fn unspaced_stop_ends(
        &self,
        run: &Run,
        after: char,
        previous_text: &str,
        token: &str,
        before: char,
        spaced_before: bool,
    ) -> bool {
        let text = self.text;
        let word = next_word(text, run.end);
        let letters = word
            .chars()
            .take_while(|&c| is_arabic_letter(c) || is_arabic_mark(c) || is_latin_letter(c) || is_invisible(c))
            .collect::<String>();
        if is_quote(after) || is_open_bracket(after) {
            // `قال."وأضاف`: the quotation opens the next sentence.
            return token.chars().count() > 2 || is_digit(before);
        }
        if is_address(token) {
            return false;
        }
        let piece = token.rsplit('.').next().unwrap_or(token);
        let left = piece.chars().filter(|&c| is_arabic_letter(c) || is_latin_letter(c)).count();
        let right = letters.chars().filter(|&c| is_arabic_letter(c) || is_latin_letter(c)).count();
        if is_arabic_letter(after) {
            if right < 2 || word[letters.len()..].starts_with('@') {
                return false;
            }
            if spaced_before {
                return true;
            }
            if is_arabic_letter(before) || is_arabic_mark(before) {
                let (number, _) = split_number(piece);
                if left < 2 && number.is_empty() {
                    // `ق.م.وكان`: only a clear start ends it.
                    let dotted = token.contains('.');
                    return dotted && right >= 3 && cue(&fold(&letters)) == Cue::Starts && !token.starts_with(['د', 'أ', 'ا']);
                }
                let (_, previous) = last_token(previous_text);
                if announces_address(&fold(previous)) || is_name_ending(&fold(&letters)) {
                    return false;
                }
                return true;
            }
            if is_digit(before) {
                let digits = token.chars().all(|c| is_digit(c) || matches!(c, '.' | '-' | '('));
                let at_start = is_lead_in(previous_text);
                return !(digits && at_start);
            }
            return is_latin_letter(before) && left >= 2 || !before.is_alphanumeric();
        }
        if is_digit(after) {
            // `المدينة.12 وقال`: a footnote number; the cut falls before it only where the digits start a text of their own.
            return (is_arabic_letter(before) || is_arabic_mark(before))
                && left >= 3
                && !is_number_word(piece)
                && right == 0
                && !spaced_before;
        }
        if is_latin_letter(after) {
            if is_arabic_letter(before) || is_arabic_mark(before) {
                return left >= 3 && right >= 2 && !is_name_ending(&letters.to_lowercase()) && !spaced_before;
            }
            return left >= 3
                && piece.chars().all(|c| c.is_ascii_lowercase())
                && opens_english(word.trim_end_matches(|c: char| !c.is_alphanumeric()));
        }
        if is_bullet(after) {
            return true;
        }
        if is_dash(after) {
            return is_arabic_letter(before) && left >= 3;
        }
        matches!(after, '#' | '@') && left >= 3 || is_emoji(after)
    }

    /// `2020. وقال` ends; `1. مقدمة` at the start, `12. مايو` and the next number of a list do not.
    fn stop_after_number(&mut self, previous_text: &str, token: &str, after: char, next: &str, next_at: usize) -> bool {
        let digits: String = token.chars().filter(|&c| is_digit(c)).collect();
        let token = token.trim_start_matches(['(', '[', '-', '#']);
        let only_digits = token.chars().all(is_digit);
        // `1.2. خلفية` numbers a section.
        if token.contains('.') && token.chars().all(|c| is_digit(c) || c == '.') && is_lead_in(previous_text) {
            return false;
        }
        let before = previous_text.trim_end_matches(is_blank);
        let value = number_value(&digits);
        if only_digits && value.is_some_and(|value| value <= 200) {
            let at_start = is_lead_in(previous_text);
            let in_list = before.ends_with([':', '،', '؛', ',', ';', '\n']) && value.is_some_and(|value| value <= 50);
            let next_in_list = self.marker.is_some_and(|marker| Some(marker + 1) == value);
            if at_start || (in_list && (value == Some(1) || next_in_list)) || next_in_list {
                self.marker = value;
                return false;
            }
            if value.is_some_and(|value| (1..=31).contains(&value)) && is_month(next) {
                return false;
            }
            // `12. 5. 2020`
            if is_digit(after) {
                let second: String = self.text[next_at..].chars().take_while(|&c| is_digit(c)).collect();
                let tail = &self.text[next_at + second.len()..];
                return !(number_value(&second).is_some_and(|value| value <= 31)
                    && tail.starts_with('.')
                    && value.is_some_and(|value| value <= 31));
            }
        }
        !(is_latin_letter(after) && after.is_lowercase() && !is_arabic_letter(after))
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

/// A stop behind Latin letters and white space behind it.
fn latin_stop_ends(token: &str, after: char, cue: Cue, spaced_before: bool) -> bool {
    if is_latin_letter(after) && after.is_lowercase() {
        return false;
    }
    if spaced_before {
        return true;
    }
    let original: String = token.chars().skip_while(|&c| !c.is_alphanumeric()).collect();
    let original = original.as_str();
    let starts = cue == Cue::Starts;
    let latin_next = is_latin_letter(after);
    match latin_abbreviation(&original.to_lowercase(), original) {
        None => true,
        Some(LatinAbbreviation::Open) => false,
        Some(LatinAbbreviation::BeforeNumber) => !is_digit(after),
        Some(LatinAbbreviation::AndOthers) => starts,
        Some(LatinAbbreviation::MayEnd) => starts || latin_next && after.is_uppercase() && opens_english_char(after),
        Some(LatinAbbreviation::Initial) => !latin_next && !is_digit(after),
        Some(LatinAbbreviation::Time) => cue != Cue::Continues,
    }
}

/// After `U.S.` and `Inc.` a capital letter is more often a name than a new sentence.
fn opens_english_char(c: char) -> bool {
    matches!(c, 'T' | 'I' | 'H' | 'W')
}

/// A word that `و` opens, or a word of its own: `وقال` but not `و`.
fn single_word_start(word: &str) -> bool {
    word.chars().filter(|&c| is_arabic_letter(c)).count() >= 3
}

/// Whether a token carries the marks of an internet address.
fn is_address(token: &str) -> bool {
    token.contains("//") || token.contains('@') || token.contains("www.") || token.starts_with("www")
}

/// Words after which digits are a number and not a footnote.
fn is_number_word(piece: &str) -> bool {
    matches!(fold(piece).as_str(), "رقم" | "هاتف" | "فاكس" | "المادة" | "مادة" | "صفحة" | "عام" | "سنة")
}

/// `..\` and `./` begin paths; no pause.
fn starts_path(text: &str, at: usize) -> bool {
    let mut chars = text[at..].chars();
    matches!((chars.next(), chars.next()), (Some('/'), Some('/')))
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
    let remark = !inner.contains(is_terminator) && inner.chars().count() <= 32 && words(inner) <= 4;
    if remark && letters && (kind == Kind::Mark || text[at + close + 1..].trim().is_empty()) {
        return Some(at + close + 1);
    }
    (digits == 4 && letters && !inner.contains(is_mark)).then_some(at + close + 1)
}

fn char_at(text: &str, at: usize) -> char {
    text[at..].chars().next().unwrap_or('\0')
}

/// The position of the next visible character, and whether white space lies before it.
fn skip_blank(text: &str, from: usize) -> (usize, bool) {
    let mut blank = false;
    for (index, c) in text[from..].char_indices() {
        if c.is_whitespace() || c == '\u{200B}' {
            blank = true;
        } else if !is_invisible(c) {
            return (from + index, blank);
        }
    }
    (text.len(), blank)
}

fn skip_dash(text: &str, from: usize) -> usize {
    let rest = &text[from..];
    from + rest.len() - rest.trim_start_matches(|c: char| is_blank(c) || is_dash(c)).len()
}

/// The word at `from`, opening quotes and brackets skipped, up to white space or punctuation.
fn next_word(text: &str, from: usize) -> &str {
    let window = &text[from..floor_boundary(text, from + WORD_WINDOW)];
    let word = window.trim_start_matches(|c: char| is_quote(c) || is_open_bracket(c) || is_invisible(c));
    let end = word
        .find(|c: char| c.is_whitespace() || is_quote(c) || is_terminator(c) || is_pause(c) || is_close_bracket(c))
        .unwrap_or(word.len());
    &word[..end]
}

/// The last run of characters without white space, brackets and quotes (trailing white space skipped), and the text before it.
fn last_token(text: &str) -> (&str, &str) {
    let whole = text;
    let text = text.trim_end_matches(is_blank);
    let window = &text[ceil_boundary(text, text.len().saturating_sub(WORD_WINDOW))..];
    let start = window
        .char_indices()
        .rev()
        .find(|&(_, c)| {
            c.is_whitespace()
                || c == '\u{200B}'
                || is_quote(c)
                || is_open_bracket(c)
                || is_close_bracket(c)
                || matches!(c, ',' | '،' | '؛' | ':')
        })
        .map_or(0, |(index, c)| index + c.len_utf8());
    let token = window[start..].trim_start_matches(is_invisible);
    (&whole[..text.len() - token.len()], token)
}

/// The last visible character, and whether it is a closing quote or bracket.
fn last_visible(text: &str) -> (char, bool) {
    let c = text.trim_end_matches(is_blank).chars().next_back().unwrap_or(' ');
    (c, is_quote(c) || is_close_bracket(c))
}

/// Digits at the front of a token and the rest: `1445هـ`.
fn split_number(token: &str) -> (&str, &str) {
    let rest = token.trim_start_matches(|c: char| is_digit(c) || matches!(c, '/' | '-' | '٫' | '٬'));
    (&token[..token.len() - rest.len()], rest)
}

fn ends_in_number(token: &str) -> bool {
    const ORDINALS: &[&str] = &[
        "الاول",
        "الثاني",
        "الثالث",
        "الرابع",
        "الخامس",
        "السادس",
        "السابع",
        "الثامن",
        "التاسع",
        "العاشر",
        "عشر",
        "الف",
        "مئة",
        "مائة",
    ];
    token.chars().next_back().is_some_and(|c| is_digit(c) || c == '%') || ORDINALS.contains(&fold(token).as_str())
}

/// The value of up to six digits of any script.
fn number_value(digits: &str) -> Option<u32> {
    if digits.is_empty() || digits.chars().count() > 6 {
        return None;
    }
    digits.chars().try_fold(0, |value, c| digit(c).map(|digit| value * 10 + digit))
}

/// Whether what stands before a token is nothing but white space, dashes, quotes and brackets: the token is the first one of its sentence.
fn is_lead_in(text: &str) -> bool {
    text.len() <= WORD_WINDOW && !text.chars().any(char::is_alphanumeric)
}

/// Whether a text is only the beginning of a time phrase: `في عام`, `وفي القرن الثالث`.
fn is_time_phrase(text: &str) -> bool {
    let first = fold(text.trim_start_matches(is_blank).split(char::is_whitespace).next().unwrap_or(""));
    let preposition = matches!(
        first.strip_prefix('و').unwrap_or(&first),
        "في" | "منذ" | "قبل" | "بعد" | "حتي" | "بحلول" | "خلال" | "عام" | "سنة" | "حوالي"
    );
    preposition && words(text) <= 3
}

/// Counts words, at most a dozen of them.
fn words(text: &str) -> usize {
    text[..floor_boundary(text, 4 * WORD_WINDOW)]
        .split_whitespace()
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .take(12)
        .count()
}

fn trimmed(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let piece = &text[range.clone()];
    let start = range.start + piece.len() - piece.trim_start().len();
    let end = range.start + piece.trim_end().len();
    (start < end).then_some(start..end)
}

/// The last character boundary at or before `at`.
fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The first character boundary at or after `at`.
fn ceil_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}
