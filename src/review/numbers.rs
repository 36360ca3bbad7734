//! Numbers of the source against numbers of the translation.

use crate::text::numbers;

/// Arabic stems of number words, without article and prefixes: where one stands in the source, a digit in the translation is no surprise.
const NUMBER_STEMS: &[&str] = &[
    "واحد",
    "اثن",
    "إثن",
    "ثلاث",
    "ثلث",
    "أربع",
    "اربع",
    "خمس",
    "ست",
    "سبع",
    "ثمان",
    "تسع",
    "عشر",
    "مئة",
    "مائة",
    "مئت",
    "مائت",
    "مئات",
    "ألف",
    "الف",
    "آلاف",
    "مليون",
    "ملايين",
    "مليار",
    "نصف",
    "ربع",
    "بليون",
    "تريليون",
    "أول",
    "ثاني",
    "ثالث",
    "رابع",
    "خامس",
    "سادس",
    "سابع",
    "ثامن",
    "تاسع",
    "عاشر",
    "يوم",
    "قرن",
    "عقد",
];

/// English words for numbers that a translator rightly spells out.
const SPELLED: &[(&str, &str)] = &[
    ("zero", "0"),
    ("one", "1"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("ten", "10"),
    ("eleven", "11"),
    ("twelve", "12"),
    ("thirteen", "13"),
    ("fourteen", "14"),
    ("fifteen", "15"),
    ("sixteen", "16"),
    ("seventeen", "17"),
    ("eighteen", "18"),
    ("nineteen", "19"),
    ("twenty", "20"),
    ("thirty", "30"),
    ("forty", "40"),
    ("fifty", "50"),
    ("sixty", "60"),
    ("seventy", "70"),
    ("eighty", "80"),
    ("ninety", "90"),
    ("hundred", "100"),
    ("first", "1"),
    ("second", "2"),
    ("third", "3"),
    ("fourth", "4"),
    ("fifth", "5"),
];

/// Whether a number of `source` is missing in `target`, or `target` has one that the source has neither in digits nor in words.
pub(super) fn differ(source: &str, target: &str) -> bool {
    let wanted = values(source);
    let found = values(target);
    let spelled = spelled(target);
    let missing = !subset(&wanted, &[found.as_slice(), spelled.as_slice()].concat());
    let invented = !subset(&found, &wanted) && !has_number_word(source);
    missing || invented
}

fn values(text: &str) -> Vec<String> {
    numbers(text).into_iter().map(|number| number.value).collect()
}

/// Whether every value of `part` occurs in `whole` at least once (a translation may well say a number twice, or once instead of twice).
fn subset(part: &[String], whole: &[String]) -> bool {
    part.iter().all(|value| whole.contains(value))
}

fn spelled(target: &str) -> Vec<String> {
    target
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter_map(|word| {
            let word = word.to_ascii_lowercase();
            SPELLED.iter().find(|(name, _)| *name == word).map(|(_, value)| (*value).to_owned())
        })
        .collect()
}

fn has_number_word(source: &str) -> bool {
    source.split_whitespace().any(|word| {
        let word = word.trim_start_matches(['و', 'ف', 'ب', 'ل', 'ك']);
        let word = word.strip_prefix("ال").unwrap_or(word);
        NUMBER_STEMS.iter().any(|stem| word.starts_with(stem))
    })
}

#[cfg(test)]
mod tests {
    use super::differ;

    #[test]
    fn digits_of_either_script_are_the_same_number() {
        assert!(!differ("قتل ١٢ شخصاً", "12 people were killed"));
        assert!(!differ("قتل 3 أشخاص", "Three people were killed"));
        assert!(!differ("بلغت ٣٫٥ ملايين", "It reached 3.5 million"));
    }

    #[test]
    fn a_lost_or_changed_number_differs() {
        assert!(differ("قتل ١٢ شخصاً", "People were killed"));
        assert!(differ("قتل 12 شخصاً", "21 people were killed"));
    }

    #[test]
    fn an_invented_number_differs_unless_the_source_says_it_in_words() {
        assert!(differ("قتل شخصان", "2019 people were killed"));
        assert!(!differ("ثمانٍ وأربعون ساعة", "48 hours"));
    }
}
