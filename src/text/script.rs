//! Which script and language a text is in, from its letters and commonest words.

use super::chars::{fold, is_arabic_letter, is_digit, is_latin_letter};

/// Counts of a text's letters by script.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    /// Letters of the Arabic script.
    pub arabic: usize,
    /// Letters of the Latin script.
    pub latin: usize,
    /// Letters of any other script.
    pub other: usize,
    pub digits: usize,
    /// Of the Arabic script: letters that Persian has beyond Arabic (`پ چ ژ گ`), and its own `ی ک`.
    persian: usize,
    farsi_forms: usize,
    /// Letters of Urdu (`ٹ ڈ ڑ ں ے ہ`).
    urdu: usize,
    /// Letters of Sorani Kurdish (`ۆ ێ ڵ ڕ ە`).
    kurdish: usize,
    /// Letters of Pashto (`ټ ډ ړ ښ ږ ڼ ځ څ ې ۍ`).
    pashto: usize,
    /// Letters that Arabic has and Persian does not use (`ة ي ك ى`).
    arabic_forms: usize,
    arabic_words: usize,
    persian_words: usize,
}

/// The likely language of a text, as far as the alphabet tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    Arabic,
    Persian,
    Urdu,
    Kurdish,
    Pashto,
    /// Written in Latin letters: English, French, …
    Latin,
    /// Written in another script.
    Other,
    /// No letters at all: numbers, punctuation, pictographs.
    None,
}

impl Census {
    /// Counts the letters of `text`.
    pub fn of(text: &str) -> Census {
        let mut census = Census::default();
        for c in text.chars() {
            if is_arabic_letter(c) {
                census.arabic += 1;
                match c {
                    'پ' | 'چ' | 'ژ' | 'گ' => census.persian += 1,
                    'ی' | 'ک' => census.farsi_forms += 1,
                    'ٹ' | 'ڈ' | 'ڑ' | 'ں' | 'ے' | 'ہ' | 'ۓ' => census.urdu += 1,
                    'ۆ' | 'ێ' | 'ڵ' | 'ڕ' | 'ە' => census.kurdish += 1,
                    'ټ' | 'ډ' | 'ړ' | 'ښ' | 'ږ' | 'ڼ' | 'ځ' | 'څ' | 'ې' | 'ۍ' => census.pashto += 1,
                    'ة' | 'ي' | 'ك' | 'ى' => census.arabic_forms += 1,
                    _ => {}
                }
            } else if is_latin_letter(c) {
                census.latin += 1;
            } else if is_digit(c) {
                census.digits += 1;
            } else if c.is_alphabetic() && !super::chars::is_arabic_mark(c) {
                census.other += 1;
            }
        }
        if census.persian + census.farsi_forms > 0 {
            for word in text.split_whitespace() {
                match fold(word).as_str() {
                    "في" | "من" | "ان" | "علي" | "الي" | "عن" | "التي" | "الذي" | "هذا" | "هذه" | "لا" | "ما" => {
                        census.arabic_words += 1
                    }
                    "است" | "را" | "كه" | "این" | "اين" | "از" | "مي" | "به" | "با" | "براي" | "و" | "شد" | "هاي" | "بود"
                    | "در" => {
                        census.persian_words += 1;
                    }
                    _ => {}
                }
            }
        }
        census
    }

    /// All letters.
    pub fn letters(&self) -> usize {
        self.arabic + self.latin + self.other
    }

    /// Share of Arabic-script letters among all letters, 0–1; 0 where there are none.
    pub fn arabic_share(&self) -> f32 {
        if self.letters() == 0 { 0.0 } else { self.arabic as f32 / self.letters() as f32 }
    }

    /// The likely language: the script that most letters belong to, and within the Arabic script the alphabet that explains them.
    ///
    /// Letters such as `پ` and `گ` alone do not make Persian: Arabic writes foreign names with them.
    pub fn language(&self) -> Language {
        if self.letters() == 0 {
            return Language::None;
        }
        if self.arabic < self.latin || self.arabic < self.other {
            return if self.latin >= self.other { Language::Latin } else { Language::Other };
        }
        let at_least = |count: usize, percent: usize| count * 100 >= self.arabic * percent && count >= 2;
        let farsi = self.farsi_forms > self.arabic_forms;
        if at_least(self.pashto, 3) {
            Language::Pashto
        } else if at_least(self.kurdish, 4) {
            Language::Kurdish
        } else if at_least(self.urdu, 4) {
            Language::Urdu
        } else if (farsi && (at_least(self.persian, 1) || self.persian_words > self.arabic_words))
            || (at_least(self.persian, 3) && self.persian_words > self.arabic_words)
        {
            Language::Persian
        } else {
            Language::Arabic
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Census, Language};

    #[test]
    fn languages_of_the_arabic_script() {
        for (text, language) in [
            ("أعلنت الوزارة فتح المعبر أمام المسافرين.", Language::Arabic),
            ("زار پيتر مدينة گرونينگن في هولندا أمس.", Language::Arabic),
            ("این کتاب برای دانشجویان نوشته شده است و چاپ گردید.", Language::Persian),
            ("یہ کتاب بہت اچھی ہے اور میں نے اسے پڑھا ہے۔", Language::Urdu),
            ("ئەم کتێبە زۆر باشە بۆ خوێندن", Language::Kurdish),
            ("دا کتاب ډېر ښه دی او زه یې لولم", Language::Pashto),
            ("The ministry opened the crossing.", Language::Latin),
            ("Министерство открыло переход.", Language::Other),
            ("12.5 % — 2020", Language::None),
        ] {
            assert_eq!(Census::of(text).language(), language, "{text}");
        }
    }

    #[test]
    fn share_counts_letters_only() {
        let census = Census::of("قال John 123");
        assert_eq!((census.arabic, census.latin, census.digits), (3, 4, 3));
        assert!((census.arabic_share() - 3.0 / 7.0).abs() < 1e-6);
    }
}
