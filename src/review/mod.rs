//! Checks on a finished translation: what a careful reader would notice without knowing Arabic.
//!
//! [`decoding`] looks at how the decoder ended (cut off, looping, empty) and decides whether another attempt is worth it; [`check`] compares
//! the finished English with its source (numbers, length, script). Both only raise [`Flag`]s; nothing is changed or dropped here.

mod numbers;
mod repetition;

use crate::bitext::Flag;
use crate::text::is_arabic_letter;

pub use repetition::repeats;

/// Flags of the way a decoder ended: `finished` is false where it ran into its length limit.
pub fn decoding(source: &str, target: &str, finished: bool) -> Vec<Flag> {
    let mut flags = Vec::new();
    if !finished {
        flags.push(Flag::Truncated);
    }
    if target.trim().is_empty() && !source.trim().is_empty() {
        flags.push(Flag::Empty);
    } else if repeats(target) && !repeats(source) {
        flags.push(Flag::Repetition);
    }
    flags
}

/// Flags of a finished translation against its source.
pub fn check(source: &str, target: &str) -> Vec<Flag> {
    let mut flags = Vec::new();
    if target.trim().is_empty() {
        return flags;
    }
    if numbers::differ(source, target) {
        flags.push(Flag::Numbers);
    }
    if length_is_odd(source, target) {
        flags.push(Flag::Length);
    }
    if arabic_words(target) > 0 {
        flags.push(Flag::Untranslated);
    }
    flags
}

/// English has about 1.2 characters for each Arabic one; short segments vary so much that only long ones are judged.
fn length_is_odd(source: &str, target: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count() as f32;
    let (source, target) = (letters(source), letters(target));
    if source < 12.0 {
        return target > 60.0;
    }
    let ratio = target / source;
    !(0.5..=3.0).contains(&ratio)
}

fn arabic_words(text: &str) -> usize {
    text.split_whitespace().filter(|word| word.chars().any(is_arabic_letter)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_translation_raises_nothing() {
        let source = "وقال الوزير إن 1,250 شخصاً وصلوا يوم ١٢ مايو ٢٠٢٤.";
        let target = "The minister said that 1,250 people arrived on 12 May 2024.";
        assert_eq!(check(source, target), []);
        assert_eq!(decoding(source, target, true), []);
    }

    #[test]
    fn a_cut_and_empty_translation_is_flagged() {
        assert_eq!(decoding("نص", "", false), [Flag::Truncated, Flag::Empty]);
        assert_eq!(decoding("", "", true), []);
    }

    #[test]
    fn arabic_left_in_the_translation_is_flagged() {
        assert_eq!(check("وصل أحمد إلى المدينة", "Arrived أحمد to the city"), [Flag::Untranslated]);
    }

    #[test]
    fn a_translation_of_half_the_sentence_is_flagged() {
        let source = "وأضاف أن بعض المرضى ينامون على التراب تحت الأشجار لعدم وجود أسرّة كافية في المستشفى";
        assert_eq!(check(source, "He added that some."), [Flag::Length]);
    }
}
