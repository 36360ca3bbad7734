//! One segment on one line.

use std::borrow::Cow;

/// `text` with every run of white space and control characters (tabs, line breaks of every kind, U+2028) turned into one space, and none at its
/// ends: what a format needs whose record is a line. Words, as white space divides them, stay the same ones.
pub fn one_line(text: &str) -> Cow<'_, str> {
    let blank = |c: char| c.is_whitespace() || c.is_control();
    let mut previous_blank = true;
    let clean = text.chars().all(|c| {
        let keep = !blank(c) || (c == ' ' && !previous_blank);
        previous_blank = blank(c);
        keep
    });
    if clean && (!previous_blank || text.is_empty()) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len());
    for word in text.split(blank).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn white_space_of_every_kind_becomes_one_space() {
        assert_eq!(one_line("\u{feff}a"), "\u{feff}a");
        assert_eq!(one_line(" a \r\n\tb\u{2028}c\u{85}d\u{1c}e\u{a0}"), "a b c d e");
        assert_eq!(one_line(""), "");
        assert_eq!(one_line(" \n "), "");
        assert!(matches!(one_line("هدنة إنسانية."), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn words_are_kept_and_lines_are_not(text in "\\PC*[ \t\n\r\u{2028}]?\\PC*") {
            let line = one_line(&text);
            let breaks = line.contains(['\t', '\n', '\r', '\u{2028}', '\u{85}']);
            prop_assert!(!breaks);
            prop_assert!(line.split_whitespace().eq(text.split_whitespace()));
            prop_assert_eq!(one_line(&line), line.clone());
        }
    }
}
