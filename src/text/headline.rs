//! Headlines that run into their text: an article scraped onto one line, `عنوان الخبر قال مصدر أمس…`, has no mark where the headline ends.
//!
//! [`headline_end`] looks at the gaps between the first words of a sentence. A small logistic regression (trained by `headline/train.py` on our own
//! texts; 16,384 hashed weights of one byte) says how much a gap looks like the end of a headline and the start of a sentence, and words of the
//! headline that come back in the text after it add to that: a lead repeats what its headline says.

use super::chars::{fold, is_digit};
use super::lexicon::leaves_open;

/// Bias and weights in steps of 1/32: a little-endian i16, then one i8 a bucket.
static WEIGHTS: &[u8] = include_bytes!("headline/weights.bin");
const BUCKETS: u32 = 1 << 14;
const STEP: f32 = 32.0;

/// A headline has this many words.
const LENGTH: std::ops::RangeInclusive<usize> = 3..=20;
/// Words looked at.
const WINDOW: usize = 44;
/// Words of the text in which words of the headline are looked for.
const LEAD: usize = 22;

const PUNCTUATION: &[char] = &[
    '"', '\'', '«', '»', '“', '”', '(', ')', '[', ']', '{', '}', '.', ',', '،', '؛', ';', ':', '!', '?', '؟', '…', '-', '–', '—',
];

/// Log-odds added for 0, 1, 2, 3 or more words that come back.
const REPEATED: [f32; 4] = [-1.0, 0.3, 1.5, 2.0];

/// Byte position in `sentence` where its text begins behind a headline, if the log-odds for that exceed `threshold`.
pub(super) fn headline_end(sentence: &str, threshold: f32) -> Option<usize> {
    let gaps = Gaps::new(sentence);
    let best = (*LENGTH.start()..gaps.words.len().saturating_sub(4).min(*LENGTH.end() + 1))
        .filter(|&gap| !gaps.impossible(gap))
        .map(|gap| (gaps.score(gap) as f32 / STEP + REPEATED[gaps.repeated(gap).min(3)], gap))
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?;
    (best.0 > threshold).then(|| gaps.words[best.1].as_ptr() as usize - sentence.as_ptr() as usize)
}

/// Log-odds that a line which is not closed by a mark is a headline and `next` begins its text; very low where the line broke off inside a sentence.
pub(super) fn line_break(line: &str, next: &str) -> f32 {
    let words: Vec<&str> = line.split_whitespace().chain(next.split_whitespace().take(3)).collect();
    let gap = line.split_whitespace().count();
    let gaps = Gaps::of(words);
    if gap == 0 || gap >= gaps.words.len() || gaps.impossible(gap) {
        return f32::NEG_INFINITY;
    }
    gaps.score(gap) as f32 / STEP
}

/// The first words of a sentence, as written, folded, and as stems.
struct Gaps<'a> {
    words: Vec<&'a str>,
    cores: Vec<String>,
    /// Hashes of stems; 0 for words too short or too common to tell anything.
    stems: Vec<u32>,
}

impl<'a> Gaps<'a> {
    fn new(sentence: &'a str) -> Self {
        Gaps::of(sentence.split_whitespace().take(WINDOW).collect())
    }

    fn of(words: Vec<&'a str>) -> Self {
        let cores: Vec<String> = words.iter().map(|word| core(word)).collect();
        let stems = cores.iter().map(|core| if leaves_open(core) { 0 } else { stem(core) }).collect();
        Gaps { words, cores, stems }
    }

    /// Gaps at which no headline can end: after a preposition, a comma, inside brackets or quotes.
    fn impossible(&self, gap: usize) -> bool {
        let (left, right) = (self.words[gap - 1], self.words[gap]);
        let count = |mark: char| self.words[..gap].iter().map(|word| word.matches(mark).count()).sum::<usize>();
        leaves_open(&self.cores[gap - 1])
            || left.ends_with(['،', ',', ':', '؛', ';', '–', '-', '(', '«', '“'])
            || continues(&self.cores[gap])
            || right.starts_with(['-', '–', '،', ')'])
            || count('(') != count(')')
            || count('«') != count('»')
            || count('"') % 2 == 1
    }

    /// Log-odds of the regression in steps of 1/32.
    fn score(&self, gap: usize) -> i32 {
        let (first, left, right) = (self.cores[0].as_str(), self.cores[gap - 1].as_str(), self.cores[gap].as_str());
        let after = self.cores.get(gap + 1).map_or("$", String::as_str);
        let mark = |c: Option<char>| c.filter(|c| PUNCTUATION.contains(c)).map(String::from).unwrap_or_default();
        let article = |word: &str| if word.starts_with("ال") { "1" } else { "0" };
        let length = |word: &str| word.chars().count().min(6);
        let features = [
            format!("a{right}"),
            format!("b{left}"),
            format!("c{}{}", front(right, 3), length(right)),
            format!("d{}", back(left, 3)),
            format!("e{}{}", shape(left), shape(right)),
            format!("f{}|{}", mark(self.words[gap - 1].chars().next_back()), mark(self.words[gap].chars().next())),
            format!("g{}", gap.min(20)),
            format!("h{}", shape(first)),
            format!("i{}{}", article(left), article(right)),
            format!("j{}{}", shape(right), front(after, 2)),
            format!("k{first}"),
            format!("l{}{}", front(right, 2), front(first, 2)),
        ];
        let bias = i32::from(i16::from_le_bytes([WEIGHTS[0], WEIGHTS[1]]));
        bias + features.iter().map(|feature| i32::from(WEIGHTS[2 + bucket(feature)] as i8)).sum::<i32>()
    }

    /// How many words before the gap come back soon after it.
    fn repeated(&self, gap: usize) -> usize {
        let lead = &self.stems[gap..(gap + LEAD).min(self.stems.len())];
        let headline = &self.stems[..gap];
        (0..gap)
            .filter(|&index| {
                headline[index] != 0 && !headline[..index].contains(&headline[index]) && lead.contains(&headline[index])
            })
            .count()
    }
}

/// Words that can't begin a text.
fn continues(word: &str) -> bool {
    matches!(
        word,
        "التي"
            | "الذي"
            | "الذين"
            | "او"
            | "ام"
            | "ثم"
            | "وهو"
            | "وهي"
            | "والتي"
            | "والذي"
            | "بما"
            | "مما"
            | "انه"
            | "انها"
            | "بان"
    )
}

fn core(word: &str) -> String {
    let folded = fold(word);
    match folded.trim_matches(PUNCTUATION) {
        "" => word.to_owned(),
        core => core.to_owned(),
    }
}

/// Hash of a light stem: one prefix and one suffix cut off where three letters stay.
fn stem(word: &str) -> u32 {
    let long = |rest: &&str| rest.chars().count() >= 3;
    let prefixes = ["وال", "بال", "فال", "كال", "لل", "ال", "و", "ب", "ل"];
    let word = prefixes.iter().filter_map(|prefix| word.strip_prefix(prefix)).find(long).unwrap_or(word);
    let suffixes = ["ية", "ات", "ون", "ين", "ها", "ة", "ي", "ه"];
    let word = suffixes.iter().filter_map(|suffix| word.strip_suffix(suffix)).find(long).unwrap_or(word);
    if word.chars().count() < 3 { 0 } else { fnv(word).max(1) }
}

fn shape(word: &str) -> String {
    let start = if word.starts_with("ال") { "ال" } else { front(word, 1) };
    let end = match word.chars().next_back() {
        Some('ت') => "ت",
        Some('ة') => "ة",
        Some(c) if is_digit(c) => "0",
        _ => "",
    };
    format!("{start}{end}{}", word.chars().count().min(6))
}

fn front(word: &str, characters: usize) -> &str {
    word.char_indices().nth(characters).map_or(word, |(index, _)| &word[..index])
}

fn back(word: &str, characters: usize) -> &str {
    word.char_indices().rev().nth(characters - 1).map_or(word, |(index, _)| &word[index..])
}

/// FNV-1a, 32 bits.
fn fnv(text: &str) -> u32 {
    text.bytes().fold(2_166_136_261, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619))
}

fn bucket(feature: &str) -> usize {
    let hash = fnv(feature);
    ((hash ^ (hash >> 15)) & (BUCKETS - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `headline/check.tsv` is written by `headline/train.py`: lines of its training texts and the scores it computes for their gaps.
    #[test]
    fn scores_equal_the_trainer() {
        let mut compared = 0;
        for line in include_str!("headline/check.tsv").lines() {
            let (text, scores) = line.split_once('\t').unwrap();
            let gaps = Gaps::new(text);
            for pair in scores.split_whitespace() {
                let (gap, score) = pair.split_once(':').unwrap();
                let gap = gap.parse().unwrap();
                assert!(!gaps.impossible(gap), "{text} at {gap}");
                assert_eq!(gaps.score(gap), score.parse::<i32>().unwrap(), "{text} at {gap}");
                compared += 1;
            }
        }
        assert!(compared > 100);
    }

    #[test]
    fn finds_where_the_text_begins() {
        for (headline, text) in [
            (
                "المغرب يعلن اكتشاف حقل غاز جديد قبالة سواحل العرائش",
                "أعلنت وزارة الانتقال الطاقي المغربية مساء الاثنين اكتشاف حقل للغاز الطبيعي قبالة سواحل مدينة العرائش.",
            ),
            (
                "مقتل شخصين في انفجار وسط العاصمة",
                "قتل شخصان وأصيب آخرون بجروح في انفجار سيارة مفخخة وسط العاصمة صباح اليوم الأحد، بحسب الشرطة.",
            ),
        ] {
            let line = format!("{headline} {text}");
            assert_eq!(headline_end(&line, 0.0), Some(headline.len() + 1), "{line}");
            assert_eq!(headline_end(text, 0.0), None, "{text}");
        }
    }
}
