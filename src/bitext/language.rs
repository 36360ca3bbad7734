//! What the writers need to know of a language by its code: its tag, its direction, its name. The list of languages is [`crate::languages`].
//!
//! Codes come as the command line and the model families spell them: `ar`, `ar-EG`, `arb_Arab` (NLLB), `__ar__` (M2M100).

use crate::languages;
use std::borrow::Cow;

/// Scripts written from right to left, ISO 15924.
const RIGHT_TO_LEFT_SCRIPTS: &[&str] = &["arab", "hebr", "syrc", "thaa", "nkoo", "rohg", "adlm"];

/// A language code as BCP 47 spells it: `arb_Arab` is `arb-Arab`.
pub fn language_tag(code: &str) -> String {
    code.trim_matches('_').replace('_', "-")
}

/// Whether a language is written from right to left, by its code's script or, where it names none, its usual script.
pub fn is_right_to_left(code: &str) -> bool {
    let tag = language_tag(code).to_ascii_lowercase();
    let named = tag.split('-').skip(1).find(|part| part.len() == 4 && part.chars().all(char::is_alphabetic));
    let script = named.or_else(|| languages::describe(&tag).map(|language| language.script()));
    script.is_some_and(|script| RIGHT_TO_LEFT_SCRIPTS.iter().any(|known| known.eq_ignore_ascii_case(script)))
}

/// Whether a text holds a letter of a right-to-left script (Hebrew to Arabic Extended, and the presentation forms).
pub fn has_right_to_left(text: &str) -> bool {
    text.chars().any(|c| matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}'))
}

/// The English name of a language, else its tag.
pub fn language_name(code: &str) -> Cow<'static, str> {
    let tag = language_tag(code);
    match languages::describe(&tag) {
        Some(language) => Cow::Borrowed(language.name),
        None => Cow::Owned(tag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions() {
        for code in
            ["ar", "arb_Arab", "__ar__", "arz", "ur", "he", "ks_Arab", "ar-EG", "fas", "pus", "ckb", "apd", "dv", "syr", "azb"]
        {
            assert!(is_right_to_left(code), "{code}");
        }
        for code in ["en", "eng_Latn", "fr", "ks_Deva", "arb_Latn", "mt", "ku", "zh-Hant", "xx", ""] {
            assert!(!is_right_to_left(code), "{code}");
        }
    }

    #[test]
    fn tags_and_names() {
        assert_eq!(language_tag("arb_Arab"), "arb-Arab");
        assert_eq!(language_tag("__ar__"), "ar");
        assert_eq!(language_name("arb_Arab"), "Arabic");
        assert_eq!(language_name("eng_Latn"), "English");
        assert_eq!(language_name("apd"), "Sudanese Arabic");
        assert_eq!(language_name("qaa_Latn"), "qaa-Latn");
    }
}
