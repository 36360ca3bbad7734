//! Bytes to text: byte order marks, UTF-8, UTF-16 without a mark, and the two Arabic code pages that are mistaken for each other.
//!
//! A mark decides; then UTF-8 where the bytes are valid UTF-8 (chance agreement is next to impossible); then UTF-16 by where its zero and
//! 06 bytes fall. What is left is a single-byte code page. General detectors confuse windows-1256 and ISO-8859-6, so the two are told
//! apart by how well the decoded letters follow the letter frequencies of Arabic; `chardetng` names any other code page.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_8859_6, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, WINDOWS_1256};

/// Decoded text and how it was decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The text without its byte order mark.
    pub text: String,
    /// WHATWG name of the encoding: `UTF-8`, `windows-1256`.
    pub encoding: &'static str,
    /// What a reader of the output should know: a guess, replaced bytes.
    pub warnings: Vec<String>,
}

/// Decodes `bytes` whose encoding is not declared, or declared as `label` (HTTP header, `<meta charset>`, MIME). A label is a claim:
/// it is followed only as far as the bytes bear it out.
pub fn decode(bytes: &[u8], label: Option<&str>) -> Decoded {
    let declared = label.and_then(|label| Encoding::for_label(label.trim().as_bytes()));
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return finish(&bytes[length..], encoding, None);
    }
    if let Some(encoding) = utf16_without_mark(bytes) {
        return finish(bytes, encoding, Some(format!("no byte order mark: read as {}", encoding.name())));
    }
    if is_mostly_utf8(bytes) && declared.is_none_or(|declared| !is_stateful(declared)) {
        return finish(bytes, UTF_8, None);
    }
    let arabic = arabic_code_page(bytes);
    if let Some(declared) = declared.filter(|&declared| declared != UTF_8) {
        let contradicted = match arabic {
            Some(found) => found != declared && is_latin_or_arabic(declared),
            None => false,
        };
        if !contradicted {
            return finish(bytes, declared, None);
        }
    }
    if let Some(encoding) = arabic {
        let note = match label {
            Some(label) => format!("declared as {label} but read as {}", encoding.name()),
            None => format!("not UTF-8: read as {}", encoding.name()),
        };
        return finish(bytes, encoding, Some(note));
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let encoding = detector.guess(None, Utf8Detection::Deny);
    finish(bytes, encoding, Some(format!("not UTF-8: read as {}", encoding.name())))
}

/// Decodes as the encoding that the user named.
pub fn decode_as(bytes: &[u8], encoding: &'static Encoding) -> Decoded {
    match Encoding::for_bom(bytes) {
        Some((found, length)) if found == encoding => finish(&bytes[length..], encoding, None),
        _ => finish(bytes, encoding, None),
    }
}

fn finish(bytes: &[u8], encoding: &'static Encoding, note: Option<String>) -> Decoded {
    let (text, damaged) = encoding.decode_without_bom_handling(bytes);
    let mut warnings: Vec<String> = note.into_iter().collect();
    if damaged {
        let count = text.matches('\u{FFFD}').count();
        warnings.push(format!(
            "{count} {} that {} not {} {} replaced by U+FFFD",
            if count == 1 { "sequence" } else { "sequences" },
            if count == 1 { "is" } else { "are" },
            encoding.name(),
            if count == 1 { "was" } else { "were" }
        ));
    }
    Decoded { text: text.into_owned(), encoding: encoding.name(), warnings }
}

/// ISO-2022-JP and the like are seven-bit and so always valid UTF-8.
fn is_stateful(encoding: &'static Encoding) -> bool {
    encoding == encoding_rs::ISO_2022_JP || encoding == encoding_rs::UTF_16BE || encoding == encoding_rs::UTF_16LE
}

/// Encodings whose label is often put on Arabic bytes by mistake.
fn is_latin_or_arabic(encoding: &'static Encoding) -> bool {
    [WINDOWS_1252, WINDOWS_1256, ISO_8859_6, encoding_rs::ISO_8859_15, encoding_rs::WINDOWS_1254].contains(&encoding)
}

/// Valid UTF-8, or so nearly that the rest is damage (a cut at the end, a few bad bytes) and not another encoding.
pub(crate) fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut bad) = (0usize, 0usize);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    bad == 0 || good >= 20 * bad || (bad == 1 && good > 0 && std::str::from_utf8(bytes).is_err_and(|e| e.error_len().is_none()))
}

/// UTF-16 without a mark shows in its zero bytes (ASCII, spaces, line ends) and in the 06 of the Arabic block: nearly all on one side.
fn utf16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = &bytes[..bytes.len().min(1 << 16) & !1];
    if sample.len() < 4 {
        return None;
    }
    let count = |offset: usize, wanted: fn(u8) -> bool| sample.iter().skip(offset).step_by(2).filter(|b| wanted(**b)).count();
    let high = |byte: u8| byte == 0 || byte == 6;
    let (even, odd) = (count(0, high), count(1, high));
    let zeros = count(0, |byte| byte == 0) + count(1, |byte| byte == 0);
    let pairs = sample.len() / 2;
    if zeros == 0 {
        return None;
    }
    let encoding = if odd * 10 >= pairs * 9 && even * 10 < pairs * 3 {
        UTF_16LE
    } else if even * 10 >= pairs * 9 && odd * 10 < pairs * 3 {
        UTF_16BE
    } else {
        return None;
    };
    // Binary data with many zeros is not text: the decoded text must be free of control characters.
    let (text, damaged) = encoding.decode_without_bom_handling(sample);
    let controls = text.chars().filter(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}')).count();
    (!damaged && controls == 0).then_some(encoding)
}

/// Frequency of each Arabic letter in running text, per thousand letters (counted over news and encyclopedia text, rounded).
const LETTERS: [(char, f32); 36] = [
    ('ا', 155.0),
    ('ل', 120.0),
    ('ي', 70.0),
    ('م', 60.0),
    ('ن', 55.0),
    ('و', 58.0),
    ('ر', 45.0),
    ('ت', 45.0),
    ('ب', 38.0),
    ('ع', 36.0),
    ('ه', 30.0),
    ('د', 28.0),
    ('ة', 35.0),
    ('س', 26.0),
    ('ف', 28.0),
    ('ق', 24.0),
    ('ك', 22.0),
    ('ح', 20.0),
    ('أ', 26.0),
    ('ج', 14.0),
    ('ش', 11.0),
    ('ص', 10.0),
    ('ى', 10.0),
    ('ط', 10.0),
    ('خ', 9.0),
    ('إ', 10.0),
    ('ذ', 7.0),
    ('ض', 7.0),
    ('ث', 7.0),
    ('ز', 7.0),
    ('غ', 5.0),
    ('ئ', 4.0),
    ('ء', 4.0),
    ('ظ', 2.0),
    ('آ', 2.0),
    ('ؤ', 2.0),
];

/// Which Arabic code page makes the high bytes read as Arabic, if either does.
///
/// Each high byte scores the log of its letter's frequency; a byte that gives no Arabic letter scores as a rare one, and the article `ال`
/// counts extra, as it opens a sixth of all words. The two pages share the letters up to ص and differ from ض on.
fn arabic_code_page(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = &bytes[..bytes.len().min(1 << 18)];
    let high = sample.iter().filter(|byte| **byte >= 0x80).count();
    if high == 0 {
        return None;
    }
    let (score_1256, letters_1256) = arabic_score(sample, WINDOWS_1256);
    let (score_8859, letters_8859) = arabic_score(sample, ISO_8859_6);
    let (encoding, score, letters) =
        if score_8859 > score_1256 { (ISO_8859_6, score_8859, letters_8859) } else { (WINDOWS_1256, score_1256, letters_1256) };
    // Uniformly random letters average ln(1000/36) below the frequent ones; Arabic text stays well above.
    let mean = score / high as f32;
    (letters * 10 >= high * 8 && mean > 2.9).then_some(encoding)
}

fn arabic_score(bytes: &[u8], encoding: &'static Encoding) -> (f32, usize) {
    let mut table = [(0.0f32, false); 128];
    for (index, entry) in table.iter_mut().enumerate() {
        let byte = [0x80 + index as u8];
        let (text, _) = encoding.decode_without_bom_handling(&byte);
        let c = text.chars().next().unwrap_or('\u{FFFD}');
        *entry = match LETTERS.iter().find(|(letter, _)| *letter == c) {
            Some((_, frequency)) => (frequency.ln(), true),
            // Diacritics, tatweel, Arabic punctuation, guillemets, NBSP: at home in Arabic text, but no letters.
            None if matches!(c, '\u{64B}'..='\u{652}' | 'ـ' | '،' | '؛' | '؟' | '«' | '»' | '\u{A0}' | '“' | '”' | '–' | '…') => {
                (2.0, true)
            }
            None => (-2.0, false),
        };
    }
    let alef_lam = encoding.encode("ال").0.into_owned();
    let mut score = 0.0;
    let mut letters = 0;
    for (index, byte) in bytes.iter().enumerate().filter(|(_, byte)| **byte >= 0x80) {
        let (value, letter) = table[usize::from(byte - 0x80)];
        score += value;
        letters += usize::from(letter);
        let at_word_start = index == 0 || bytes[index - 1] < 0x80;
        if at_word_start && bytes[index..].starts_with(&alef_lam) {
            score += 3.0;
        }
    }
    (score, letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str =
        "توصل الطرفان المتحاربان إلى هدنة إنسانية مدتها ثمانٍ وأربعون ساعة، تبدأ فجر الخميس.\nوقال وسيط: «ضع شرطاً؛ هل ظلّ؟»";

    #[test]
    fn arabic_code_pages_are_told_apart() {
        for encoding in [WINDOWS_1256, ISO_8859_6] {
            for sample in
                [REPORT.replace(['«', '»'], "\""), "مرحبا بالعالم".to_owned(), "نعم".to_owned(), "القاهرة في قلب مصر".to_owned()]
            {
                let (bytes, _, unmappable) = encoding.encode(&sample);
                assert!(!unmappable);
                let decoded = decode(&bytes, None);
                assert_eq!(decoded.text, sample);
                assert_eq!(decoded.encoding, encoding.name());
                assert_eq!(decoded.warnings.len(), 1);
            }
        }
    }

    #[test]
    fn a_wrong_label_is_overruled_by_the_bytes() {
        let (bytes, _, _) = WINDOWS_1256.encode(REPORT);
        for label in ["iso-8859-1", "utf-8", "windows-1252", "iso-8859-6"] {
            assert_eq!(decode(&bytes, Some(label)).text, REPORT, "{label}");
        }
        assert_eq!(decode(REPORT.as_bytes(), Some("windows-1256")).text, REPORT);
        assert_eq!(decode("café über".as_bytes(), Some("iso-8859-1")).text, "café über");
        let (latin, _, _) = WINDOWS_1252.encode("Le café est à côté de l'église, où l'été dure.");
        assert_eq!(decode(&latin, Some("iso-8859-1")).text, "Le café est à côté de l'église, où l'été dure.");
        assert_eq!(decode(&latin, None).text, "Le café est à côté de l'église, où l'été dure.");
    }

    #[test]
    fn utf16_is_read_with_and_without_a_mark() {
        for big in [false, true] {
            let units: Vec<u8> =
                REPORT.encode_utf16().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect();
            assert_eq!(decode(&units, None).text, REPORT);
            let mut marked = if big { vec![0xFE, 0xFF] } else { vec![0xFF, 0xFE] };
            marked.extend(&units);
            let decoded = decode(&marked, None);
            assert_eq!(decoded.text, REPORT);
            assert!(decoded.warnings.is_empty());
        }
    }

    #[test]
    fn damaged_utf8_stays_utf8_and_says_so() {
        let mut bytes = REPORT.as_bytes().to_vec();
        bytes.pop();
        bytes.pop();
        bytes.push(0xD8);
        let decoded = decode(&bytes, None);
        assert_eq!(decoded.encoding, "UTF-8");
        assert_eq!(decoded.warnings.len(), 1);
    }
}
