//! What the writers need to know of a language by its code: its tag, its direction, its name.
//!
//! Codes come as the command line and the model families spell them: `ar`, `ar-EG`, `arb_Arab` (NLLB), `__ar__` (M2M100).

use std::borrow::Cow;

/// Languages usually written from right to left, ISO 639-1 and -3.
const RIGHT_TO_LEFT: &[&str] = &[
    "ar", "ara", "arb", "acm", "acq", "aeb", "aec", "afb", "ajp", "apc", "apd", "ars", "ary", "arz", "ayl", "ckb", "dv", "div",
    "fa", "fas", "pes", "prs", "he", "heb", "ps", "pus", "pbt", "sd", "snd", "syr", "ug", "uig", "ur", "urd", "yi", "yid", "ydd",
];

/// Scripts written from right to left, ISO 15924.
const RIGHT_TO_LEFT_SCRIPTS: &[&str] = &["arab", "hebr", "syrc", "thaa", "nkoo", "rohg", "adlm"];

const NAMES: &[(&str, &str)] = &[
    ("ar", "Arabic"),
    ("ara", "Arabic"),
    ("arb", "Arabic"),
    ("acm", "Iraqi Arabic"),
    ("acq", "Yemeni Arabic"),
    ("aeb", "Tunisian Arabic"),
    ("ajp", "Levantine Arabic"),
    ("apc", "Levantine Arabic"),
    ("ars", "Najdi Arabic"),
    ("ary", "Moroccan Arabic"),
    ("arz", "Egyptian Arabic"),
    ("en", "English"),
    ("eng", "English"),
    ("de", "German"),
    ("deu", "German"),
    ("es", "Spanish"),
    ("spa", "Spanish"),
    ("fa", "Persian"),
    ("pes", "Persian"),
    ("prs", "Dari"),
    ("fr", "French"),
    ("fra", "French"),
    ("he", "Hebrew"),
    ("heb", "Hebrew"),
    ("ckb", "Central Kurdish"),
    ("kmr", "Northern Kurdish"),
    ("ps", "Pashto"),
    ("pbt", "Pashto"),
    ("ru", "Russian"),
    ("rus", "Russian"),
    ("tr", "Turkish"),
    ("tur", "Turkish"),
    ("ur", "Urdu"),
    ("urd", "Urdu"),
];

/// A language code as BCP 47 spells it: `arb_Arab` is `arb-Arab`.
pub fn language_tag(code: &str) -> String {
    code.trim_matches('_').replace('_', "-")
}

/// Whether a language is written from right to left, by its code's script or, where it names none, its usual script.
pub fn is_right_to_left(code: &str) -> bool {
    let tag = language_tag(code).to_ascii_lowercase();
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    match parts.find(|part| part.len() == 4 && part.chars().all(char::is_alphabetic)) {
        Some(script) => RIGHT_TO_LEFT_SCRIPTS.contains(&script),
        None => RIGHT_TO_LEFT.contains(&language),
    }
}

/// Whether a text holds a letter of a right-to-left script (Hebrew to Arabic Extended, and the presentation forms).
pub fn has_right_to_left(text: &str) -> bool {
    text.chars().any(|c| matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}'))
}

/// The English name of a language that reports are likely to be in, else its tag.
pub fn language_name(code: &str) -> Cow<'static, str> {
    let tag = language_tag(code);
    let language = tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    match NAMES.iter().find(|(known, _)| *known == language) {
        Some((_, name)) => Cow::Borrowed(name),
        None => Cow::Owned(tag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions() {
        for code in ["ar", "arb_Arab", "__ar__", "arz", "ur", "he", "ks_Arab", "ar-EG"] {
            assert!(is_right_to_left(code), "{code}");
        }
        for code in ["en", "eng_Latn", "fr", "ks_Deva", "arb_Latn", "mt"] {
            assert!(!is_right_to_left(code), "{code}");
        }
    }

    #[test]
    fn tags_and_names() {
        assert_eq!(language_tag("arb_Arab"), "arb-Arab");
        assert_eq!(language_tag("__ar__"), "ar");
        assert_eq!(language_name("arb_Arab"), "Arabic");
        assert_eq!(language_name("eng_Latn"), "English");
        assert_eq!(language_name("swh_Latn"), "swh-Latn");
    }
}
