//! Whether a full stop ends its sentence: decimal points, abbreviations, list numbers, addresses, stops without a space behind them.

use super::super::chars::*;
use super::super::lexicon::*;
use super::Scanner;
use super::around::*;
use super::run::Run;
use super::verdict::Next;

impl Scanner<'_> {
    /// Whether a single full stop ends its sentence.
    pub(super) fn stop_ends(&mut self, run: &Run, next: &Next) -> bool {
        let text = self.text;
        let (after, folded, cue) = (next.first, next.folded.as_str(), next.cue);
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
        if next.blank && previous_text.len() <= WORD_WINDOW && labels_part(&fold(previous_text.trim_matches(is_blank))) {
            return false;
        }
        if !next.blank && run.end == run.marks_end {
            return self.unspaced_stop_ends(run, next, spaced_before);
        }
        if closed_before {
            // `…" .` and `(…).`: no abbreviation.
            return !next.is_small_latin();
        }
        if is_digit(before) {
            return self.stop_after_number(previous_text, token, next);
        }
        if is_latin_letter(before) {
            if is_lead_in(previous_text) && token.len() <= 4 && token.chars().all(|c| matches!(c, 'I' | 'V' | 'X')) {
                return false;
            }
            return latin_stop_ends(token, next, spaced_before);
        }
        if next.is_small_latin() && !is_arabic_letter(before) {
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
                Some(Abbreviation::Unit) => !follows_unit(folded) && !follows_era(folded),
                // `في عام 1967م. اندلعت الحرب`: what stands before is a phrase, not a sentence.
                Some(Abbreviation::AfterNumber) if is_time_phrase(previous_text) && !folded.starts_with('و') => false,
                Some(Abbreviation::AfterNumber) => {
                    !follows_era(folded) && !is_digit(after) && !is_open_bracket(after) && !is_dash(after)
                }
                Some(Abbreviation::Letters) => cue == Cue::Starts && single_word_start(next.word),
            };
        }
        true
    }

    /// A stop with a letter or digit right behind it.
    fn unspaced_stop_ends(&self, run: &Run, next: &Next, spaced_before: bool) -> bool {
        let text = self.text;
        let after = next.first;
        let sentence = &text[self.start..run.start];
        let (previous_text, token) = last_token(sentence);
        let (before, _) = last_visible(sentence);
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
                if is_letter_name(&fold(piece)) && is_letter_name(&fold(&letters)) {
                    return false;
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
    fn stop_after_number(&mut self, previous_text: &str, token: &str, next: &Next) -> bool {
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
            if at_start || next_in_list || in_list && value == Some(1) {
                self.marker = value;
                return false;
            }
            if value.is_some_and(|value| (1..=31).contains(&value)) && is_month(&next.folded) {
                return false;
            }
            // `12. 5. 2020`
            if is_digit(next.first) {
                let second: String = self.text[next.at..].chars().take_while(|&c| is_digit(c)).collect();
                let tail = &self.text[next.at + second.len()..];
                return !(number_value(&second).is_some_and(|value| value <= 31)
                    && tail.starts_with('.')
                    && value.is_some_and(|value| value <= 31));
            }
        }
        !next.is_small_latin()
    }
}

/// A stop behind Latin letters and white space behind it.
fn latin_stop_ends(token: &str, next: &Next, spaced_before: bool) -> bool {
    if next.is_small_latin() {
        return false;
    }
    if spaced_before {
        return true;
    }
    let original: String = token.chars().skip_while(|&c| !c.is_alphanumeric()).collect();
    let original = original.as_str();
    let after = next.first;
    let starts = next.cue == Cue::Starts;
    let latin_next = is_latin_letter(after);
    match latin_abbreviation(&original.to_lowercase(), original) {
        // `Math. 101`
        None => !(is_digit(after) && original.len() <= 4 && original.chars().skip(1).all(char::is_lowercase)),
        Some(LatinAbbreviation::Open) => false,
        Some(LatinAbbreviation::BeforeNumber) => !is_digit(after),
        Some(LatinAbbreviation::AndOthers) => starts,
        Some(LatinAbbreviation::MayEnd) => starts || latin_next && after.is_uppercase() && opens_english_char(after),
        Some(LatinAbbreviation::Initial) => !latin_next && !is_digit(after) && next.cue != Cue::Continues,
        Some(LatinAbbreviation::Time) => next.cue != Cue::Continues,
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
pub(super) fn is_number_word(piece: &str) -> bool {
    matches!(fold(piece).as_str(), "رقم" | "هاتف" | "فاكس" | "المادة" | "مادة" | "صفحة" | "عام" | "سنة")
}
