//! The text that a model sees.

use super::chars::{is_emoji, is_invisible};
use std::borrow::Cow;

/// Removes what carries no meaning for translation and collapses white space (line breaks and no-break spaces included) to single spaces,
/// none at the ends. Compatibility forms are left alone: folding them (NFKC) is the tokeniser's business.
///
/// Invisible characters are dropped where they stand inside a word or beside white space. A zero-width space is a word boundary and becomes
/// a space. A zero-width non-joiner between Arabic letters is dropped in Arabic: there it only shapes letters, mostly by accident of copying
/// from web pages; after a Persian or Urdu prefix it does separate morphemes, but models trained on Arabic have never seen it.
/// A zero-width joiner stays only between pictographs, where it makes one emoji of two.
pub fn clean(text: &str) -> Cow<'_, str> {
    if is_clean(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut space = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_whitespace() || c == '\u{200B}' || c.is_control() {
            space = true;
            continue;
        }
        if is_invisible(c) {
            let joins_emoji = c == '\u{200D}'
                && !space
                && out.chars().next_back().is_some_and(is_emoji)
                && chars.peek().copied().is_some_and(is_emoji);
            if !joins_emoji {
                continue;
            }
        }
        if space && !out.is_empty() {
            out.push(' ');
        }
        space = false;
        out.push(c);
    }
    Cow::Owned(out)
}

fn is_clean(text: &str) -> bool {
    let mut after_space = true;
    for c in text.chars() {
        match c {
            ' ' if after_space => return false,
            ' ' => after_space = true,
            _ if c.is_whitespace() || c.is_control() || is_invisible(c) => return false,
            _ => after_space = false,
        }
    }
    text.is_empty() || !after_space
}

#[cfg(test)]
mod tests {
    use super::clean;
    use proptest::prelude::*;
    use std::borrow::Cow;

    #[test]
    fn removes_what_cannot_be_seen() {
        assert_eq!(clean("\u{FEFF}\u{200F}قال\u{202B} الرئيس\u{202C}.\u{200E}"), "قال الرئيس.");
        assert_eq!(clean("قال\u{A0}\u{A0}الرئيس\r\n  أمس\u{2028}"), "قال الرئيس أمس");
        assert_eq!(clean("كلمة\u{200B}كلمة"), "كلمة كلمة");
        assert_eq!(clean("می\u{200C}خواهم"), "میخواهم");
        assert_eq!(clean("👨\u{200D}👩\u{200D}👧"), "👨\u{200D}👩\u{200D}👧");
        assert_eq!(clean("هـ\u{200D} عام"), "هـ عام");
        assert_eq!(clean(" \n "), "");
        assert_eq!(clean("ﷲ ﻻ"), "ﷲ ﻻ");
    }

    #[test]
    fn clean_text_is_not_copied() {
        assert!(matches!(clean("قال الرئيس أمس."), Cow::Borrowed(_)));
        assert!(matches!(clean(""), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn keeps_every_visible_character_and_is_idempotent(text in "[ \n\t\u{A0}\u{200B}-\u{200F}\u{202A}-\u{202E}\u{FEFF}ء-ي٠-٩a-z.,؟]{0,60}") {
            let once = clean(&text);
            let visible = |s: &str| s.chars().filter(|&c| !super::is_invisible(c) && !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(visible(&once), visible(&text));
            prop_assert_eq!(clean(&once).into_owned(), once.clone().into_owned());
            prop_assert!(!once.contains("  ") && once.trim() == once);
        }
    }
}
