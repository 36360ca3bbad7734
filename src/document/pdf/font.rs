//! Fonts of a PDF: which letters the codes of a string stand for, and how wide they are (ISO 32000-1, 9.6–9.10).

use super::stream_content;
use lopdf::{Dictionary, Document, Object};
use std::collections::HashMap;

/// What a font says about its codes.
#[derive(Debug, Default)]
pub(super) struct Font {
    composite: bool,
    /// Bytes of a code, for composite fonts.
    code_length: usize,
    to_unicode: CMap,
    /// Letters by code, for simple fonts without a mapping of their own.
    letters: HashMap<u32, String>,
    /// In thousandths of the font size.
    widths: HashMap<u32, f32>,
    default_width: f32,
    /// Text space units of a width: 1/1000, but for Type 3 fonts.
    scale: f32,
}

/// One character of a string.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shown {
    /// `None`: the font does not say.
    pub text: Option<String>,
    /// As a share of the font size.
    pub width: f32,
    /// Whether word spacing applies: the single byte 32.
    pub is_space: bool,
}

impl Font {
    pub fn load(document: &Document, dictionary: &Dictionary) -> Font {
        let kind = dictionary.get(b"Subtype").and_then(Object::as_name).unwrap_or_default();
        let mut font = Font { composite: kind == b"Type0", code_length: 1, scale: 0.001, ..Font::default() };
        if let Some(bytes) = stream(document, dictionary, b"ToUnicode") {
            font.to_unicode = CMap::parse(&bytes);
        }
        if font.composite {
            font.load_composite(document, dictionary);
        } else {
            font.load_simple(document, dictionary);
            if kind == b"Type3" {
                let matrix = dictionary.get_deref(b"FontMatrix", document).and_then(Object::as_array).ok();
                font.scale = matrix.and_then(|matrix| matrix.first()?.as_float().ok()).map_or(0.001, f32::abs);
            }
        }
        font
    }

    fn load_composite(&mut self, document: &Document, dictionary: &Dictionary) {
        self.code_length = match dictionary.get_deref(b"Encoding", document) {
            Ok(Object::Stream(encoding)) => {
                let cmap = CMap::parse(&stream_content(encoding).unwrap_or_default());
                cmap.code_length.unwrap_or(2)
            }
            _ => 2,
        };
        self.default_width = 1000.0;
        let descendant = dictionary.get_deref(b"DescendantFonts", document).and_then(Object::as_array).ok();
        let Some(descendant) = descendant.and_then(|fonts| document.dereference(fonts.first()?).ok()?.1.as_dict().ok()) else {
            return;
        };
        if let Ok(width) = descendant.get_deref(b"DW", document).and_then(Object::as_float) {
            self.default_width = width;
        }
        let Ok(widths) = descendant.get_deref(b"W", document).and_then(Object::as_array) else { return };
        // `first [w w w]` or `first last w`.
        let resolve = |object| document.dereference(object).map(|(_, object)| object).ok();
        let mut at = 0;
        while let Some(first) = widths.get(at).and_then(resolve).and_then(|object| object.as_i64().ok()) {
            match widths.get(at + 1).and_then(resolve) {
                Some(Object::Array(list)) => {
                    for (index, width) in list.iter().enumerate() {
                        if let Some(width) = resolve(width).and_then(|object| object.as_float().ok()) {
                            self.widths.insert(first as u32 + index as u32, width);
                        }
                    }
                    at += 2;
                }
                Some(last) => {
                    let width = widths.get(at + 2).and_then(resolve).and_then(|object| object.as_float().ok());
                    if let (Ok(last), Some(width)) = (last.as_i64(), width) {
                        for code in first.max(0)..=last.min(first.saturating_add(65_535)).min(65_535) {
                            self.widths.insert(code as u32, width);
                        }
                    }
                    at += 3;
                }
                None => break,
            }
        }
    }

    fn load_simple(&mut self, document: &Document, dictionary: &Dictionary) {
        let first = dictionary.get_deref(b"FirstChar", document).and_then(Object::as_i64).unwrap_or(0).clamp(0, 255) as u32;
        if let Ok(widths) = dictionary.get_deref(b"Widths", document).and_then(Object::as_array) {
            for (index, width) in widths.iter().take(256).enumerate() {
                if let Some(width) = document.dereference(width).ok().and_then(|(_, object)| object.as_float().ok()) {
                    self.widths.insert(first + index as u32, width);
                }
            }
        }
        let descriptor = dictionary.get_deref(b"FontDescriptor", document).and_then(Object::as_dict).ok();
        // Fonts that every viewer has come without widths; half an em is near enough to tell words apart.
        self.default_width =
            descriptor.and_then(|d| d.get_deref(b"MissingWidth", document).ok()?.as_float().ok()).unwrap_or(500.0);
        let encoding = dictionary.get_deref(b"Encoding", document).ok();
        let base = match encoding {
            Some(Object::Name(name)) => Some(name.as_slice()),
            Some(Object::Dictionary(encoding)) => encoding.get(b"BaseEncoding").and_then(Object::as_name).ok(),
            _ => None,
        };
        for code in 0x20..=0xffu8 {
            let byte = [code];
            let text = match base {
                Some(b"MacRomanEncoding") => encoding_rs::MACINTOSH.decode_without_bom_handling(&byte).0,
                Some(b"WinAnsiEncoding") => encoding_rs::WINDOWS_1252.decode_without_bom_handling(&byte).0,
                _ if code < 0x7f => encoding_rs::WINDOWS_1252.decode_without_bom_handling(&byte).0,
                _ => continue,
            };
            self.letters.insert(u32::from(code), text.into_owned());
        }
        if let Some(Object::Dictionary(encoding)) = encoding
            && let Ok(differences) = encoding.get_deref(b"Differences", document).and_then(Object::as_array)
        {
            let mut code = 0u32;
            for item in differences.iter().take(1024) {
                match item {
                    Object::Integer(first) => code = (*first).clamp(0, 255) as u32,
                    Object::Name(name) => {
                        match named(&String::from_utf8_lossy(name)) {
                            Some(text) => self.letters.insert(code, text),
                            None => self.letters.remove(&code),
                        };
                        code += 1;
                    }
                    _ => {}
                }
            }
        }
    }

    /// Takes a string apart.
    pub fn shown<'a>(&'a self, string: &'a [u8]) -> impl Iterator<Item = Shown> + 'a {
        string.chunks(self.code_length.clamp(1, 4)).map(|chunk| {
            let code = chunk.iter().fold(0u32, |code, byte| code << 8 | u32::from(*byte));
            let text = self.to_unicode.get(code).or_else(|| self.letters.get(&code).cloned());
            let text = text.map(|text| corrected(&text).map_or(text, str::to_owned));
            let width = self.widths.get(&code).copied().unwrap_or(self.default_width) * self.scale;
            Shown { text: text.filter(|text| is_text(text)), width, is_space: chunk == b" " }
        })
    }
}

/// What a font's own account of a glyph should have been.
fn corrected(text: &str) -> Option<&'static str> {
    Some(match text {
        // The bullets of the Symbol and Wingdings fonts.
        "\u{f0b7}" | "\u{f0a7}" | "\u{f0d8}" | "\u{e00c}" => "•",
        // Fonts draw lam-alef as one, and some programs note its letters as they look. No font draws alef-lam as one.
        "ال" => "لا",
        "أل" => "لأ",
        "إل" => "لإ",
        "آل" => "لآ",
        _ => return None,
    })
}

/// Neither empty nor a private or replacement character, by which fonts say that they do not know.
fn is_text(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| matches!(c, '\0' | '\u{fffd}' | '\u{e000}'..='\u{f8ff}'))
}

fn stream(document: &Document, dictionary: &Dictionary, key: &[u8]) -> Option<Vec<u8>> {
    stream_content(dictionary.get_deref(key, document).ok()?.as_stream().ok()?)
}

/// The text of a glyph name (Adobe Glyph List for New Fonts, its rules and the names that Arabic fonts use).
fn named(name: &str) -> Option<String> {
    let name = name.split('.').next()?;
    let hex = |digits: &str| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
    if let Some(digits) =
        name.strip_prefix("uni").filter(|digits| digits.len() >= 4 && digits.len().is_multiple_of(4) && digits.is_ascii())
    {
        return (0..digits.len() / 4).map(|index| hex(&digits[index * 4..index * 4 + 4])).collect();
    }
    if let Some(c) = name.strip_prefix('u').filter(|digits| (4..=6).contains(&digits.len())).and_then(hex) {
        return Some(c.to_string());
    }
    if let Some(number) = name.strip_prefix("afii").and_then(|number| number.parse::<u32>().ok()) {
        let code = match number {
            57_392..=57_401 => 0x660 + number - 57_392,
            57_409..=57_434 => 0x621 + number - 57_409,
            57_440..=57_458 => 0x640 + number - 57_440,
            57_388 => 0x60c,
            57_403 => 0x61b,
            57_407 => 0x61f,
            57_381 => 0x66a,
            57_506 => 0x67e,
            57_507 => 0x686,
            57_508 => 0x698,
            57_509 => 0x6af,
            _ => return None,
        };
        return char::from_u32(code).map(String::from);
    }
    if name.chars().count() == 1 {
        return Some(name.to_owned());
    }
    const NAMES: &[(&str, &str)] = &[
        ("space", " "),
        ("exclam", "!"),
        ("quotedbl", "\""),
        ("numbersign", "#"),
        ("dollar", "$"),
        ("percent", "%"),
        ("ampersand", "&"),
        ("quotesingle", "'"),
        ("parenleft", "("),
        ("parenright", ")"),
        ("asterisk", "*"),
        ("plus", "+"),
        ("comma", ","),
        ("hyphen", "-"),
        ("period", "."),
        ("slash", "/"),
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
        ("colon", ":"),
        ("semicolon", ";"),
        ("less", "<"),
        ("equal", "="),
        ("greater", ">"),
        ("question", "?"),
        ("at", "@"),
        ("bracketleft", "["),
        ("backslash", "\\"),
        ("bracketright", "]"),
        ("underscore", "_"),
        ("braceleft", "{"),
        ("bar", "|"),
        ("braceright", "}"),
        ("quoteleft", "‘"),
        ("quoteright", "’"),
        ("quotedblleft", "“"),
        ("quotedblright", "”"),
        ("guillemotleft", "«"),
        ("guillemotright", "»"),
        ("endash", "–"),
        ("emdash", "—"),
        ("bullet", "•"),
        ("ellipsis", "…"),
        ("fi", "fi"),
        ("fl", "fl"),
        ("ff", "ff"),
        ("ffi", "ffi"),
        ("ffl", "ffl"),
        ("eacute", "é"),
        ("egrave", "è"),
        ("agrave", "à"),
        ("ccedilla", "ç"),
        ("udieresis", "ü"),
        ("odieresis", "ö"),
        ("adieresis", "ä"),
    ];
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned())
}

/// A character map (ToUnicode, Adobe technical note 5411): codes to text, ranges kept as ranges.
#[derive(Debug, Default)]
struct CMap {
    single: HashMap<u32, String>,
    /// First code, last code, text of the first.
    ranges: Vec<(u32, u32, Vec<u16>)>,
    code_length: Option<usize>,
}

impl CMap {
    fn parse(bytes: &[u8]) -> CMap {
        use super::content::{Content, Operand};
        let mut cmap = CMap::default();
        let mut content = Content::new(bytes);
        let mut operands = Vec::new();
        while let Some(operator) = content.next_many(&mut operands) {
            let texts = |operand: &Operand| match operand {
                Operand::Text(bytes) => Some(bytes.clone()),
                _ => None,
            };
            match operator {
                b"endcodespacerange" => {
                    cmap.code_length = operands.iter().filter_map(texts).map(|bytes| bytes.len()).max().or(cmap.code_length);
                }
                b"endbfchar" => {
                    for pair in operands.chunks_exact(2) {
                        if let (Some(code), Some(text)) = (texts(&pair[0]), texts(&pair[1])) {
                            cmap.single.insert(number(&code), String::from_utf16_lossy(&units(&text)));
                        }
                    }
                }
                b"endbfrange" => {
                    for triple in operands.chunks_exact(3) {
                        let (Some(first), Some(last)) = (texts(&triple[0]), texts(&triple[1])) else { continue };
                        let (first, last) = (number(&first), number(&last));
                        match &triple[2] {
                            Operand::Text(text) => cmap.ranges.push((first, last, units(text))),
                            Operand::Array(list) => {
                                for (code, text) in (first..=last).zip(list.iter().filter_map(texts)) {
                                    cmap.single.insert(code, String::from_utf16_lossy(&units(&text)));
                                }
                            }
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        cmap.ranges.sort_by_key(|range| range.0);
        cmap
    }

    fn get(&self, code: u32) -> Option<String> {
        if let Some(text) = self.single.get(&code) {
            return Some(text.clone());
        }
        let after = self.ranges.partition_point(|range| range.0 <= code);
        let (first, _, text) = self.ranges[..after].iter().rev().take(4).find(|(_, last, _)| code <= *last)?;
        let mut text = text.clone();
        let offset = (code - first) as u16;
        *text.last_mut()? = text.last()?.wrapping_add(offset);
        Some(String::from_utf16_lossy(&text))
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |code, byte| code << 8 | u32::from(*byte))
}

fn units(bytes: &[u8]) -> Vec<u16> {
    match bytes {
        [byte] => vec![u16::from(*byte)],
        _ => bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_map_gives_letters() {
        let cmap = CMap::parse(
            b"1 begincodespacerange <0000> <FFFF> endcodespacerange 2 beginbfchar <0003> <0020> <0005> <06440627> endbfchar \
              2 beginbfrange <0010> <0013> <0627> <0020> <0021> [<0041> <00420043>] endbfrange",
        );
        assert_eq!(cmap.code_length, Some(2));
        let get = |code| cmap.get(code).unwrap_or_default();
        assert_eq!([get(3), get(5), get(0x12), get(0x21), get(0x14)], [" ", "لا", "ة", "BC", ""]);
    }

    #[test]
    fn glyph_names_give_letters() {
        for (name, expected) in
            [("afii57415", "ا"), ("uni0628.init", "ب"), ("u0644", "ل"), ("uni06440627", "لا"), ("A", "A"), ("comma", ",")]
        {
            assert_eq!(named(name).as_deref(), Some(expected), "{name}");
        }
        assert_eq!(named("g123"), None);
        assert_eq!(corrected("إل"), Some("لإ"));
        assert_eq!(corrected("لا"), None);
    }
}
