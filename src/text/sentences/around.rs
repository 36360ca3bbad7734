//! The words and characters around a mark. Every look is bounded, so that judging a mark costs the same wherever it stands.

use super::super::chars::*;

/// Bytes that a word or token is looked for in.
pub(super) const WORD_WINDOW: usize = 96;

pub(super) fn char_at(text: &str, at: usize) -> char {
    text[at..].chars().next().unwrap_or('\0')
}

/// The position of the next visible character, and whether white space lies before it.
pub(super) fn skip_blank(text: &str, from: usize) -> (usize, bool) {
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

pub(super) fn skip_dash(text: &str, from: usize) -> usize {
    let rest = &text[from..];
    from + rest.len() - rest.trim_start_matches(|c: char| is_blank(c) || is_dash(c)).len()
}

/// The word at `from`, opening quotes and brackets skipped, up to white space or punctuation.
pub(super) fn next_word(text: &str, from: usize) -> &str {
    let window = &text[from..floor_boundary(text, from + WORD_WINDOW)];
    let word = window.trim_start_matches(|c: char| is_quote(c) || is_open_bracket(c) || is_invisible(c));
    let end = word
        .find(|c: char| c.is_whitespace() || is_quote(c) || is_terminator(c) || is_pause(c) || is_close_bracket(c))
        .unwrap_or(word.len());
    &word[..end]
}

/// The last run of characters without white space, brackets and quotes (trailing white space skipped), and the text before it.
pub(super) fn last_token(text: &str) -> (&str, &str) {
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
pub(super) fn last_visible(text: &str) -> (char, bool) {
    let c = text.trim_end_matches(is_blank).chars().next_back().unwrap_or(' ');
    (c, is_quote(c) || is_close_bracket(c))
}

/// Digits at the front of a token and the rest: `1445هـ`.
pub(super) fn split_number(token: &str) -> (&str, &str) {
    let rest = token.trim_start_matches(|c: char| is_digit(c) || matches!(c, '/' | '-' | '٫' | '٬'));
    (&token[..token.len() - rest.len()], rest)
}

pub(super) fn ends_in_number(token: &str) -> bool {
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
pub(super) fn number_value(digits: &str) -> Option<u32> {
    if digits.is_empty() || digits.chars().count() > 6 {
        return None;
    }
    digits.chars().try_fold(0, |value, c| digit(c).map(|digit| value * 10 + digit))
}

/// Whether what stands before a token is nothing but white space, dashes, quotes and brackets: the token is the first one of its sentence.
pub(super) fn is_lead_in(text: &str) -> bool {
    text.len() <= WORD_WINDOW && !text.chars().any(char::is_alphanumeric)
}

/// Whether a text is only the beginning of a time phrase: `في عام`, `وفي القرن الثالث`.
pub(super) fn is_time_phrase(text: &str) -> bool {
    let first = fold(text.trim_start_matches(is_blank).split(char::is_whitespace).next().unwrap_or(""));
    let preposition = matches!(
        first.strip_prefix('و').unwrap_or(&first),
        "في" | "منذ" | "قبل" | "بعد" | "حتي" | "بحلول" | "خلال" | "عام" | "سنة" | "حوالي"
    );
    preposition && words(text) <= 3
}

/// Counts words, at most a dozen of them.
pub(super) fn words(text: &str) -> usize {
    text[..floor_boundary(text, 4 * WORD_WINDOW)]
        .split_whitespace()
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .take(12)
        .count()
}

/// The last character boundary at or before `at`.
pub(super) fn floor_boundary(text: &str, at: usize) -> usize {
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
