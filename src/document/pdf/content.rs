//! The operators of a page's content stream (ISO 32000-1, 7.8), one at a time.
//!
//! A stream is read as it stands, without building a list: content that a few bytes blow up to gigabytes costs time, which the caller
//! bounds, and no memory. What makes no sense is passed over.

/// An operand.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Number(f32),
    Name(Vec<u8>),
    Text(Vec<u8>),
    Array(Vec<Operand>),
    /// Keys and values, in order.
    Dictionary(Vec<(Vec<u8>, Operand)>),
    Other,
}

impl Operand {
    pub fn number(&self) -> Option<f32> {
        match self {
            Operand::Number(value) => Some(*value),
            _ => None,
        }
    }
}

/// Reads operators from a content stream.
pub(super) struct Content<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Operands kept for one operator: none takes more, `TJ`'s array counts as one.
const MAX_OPERANDS: usize = 64;
/// The same for a section of a character map: all codes of two bytes.
const MAX_ENTRIES: usize = 3 * 65_536;
/// Arrays and dictionaries in each other.
const MAX_NESTING: usize = 8;

impl<'a> Content<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Content { bytes, at: 0 }
    }

    /// The next operator, its operands in `operands`.
    pub fn next(&mut self, operands: &mut Vec<Operand>) -> Option<&'a [u8]> {
        self.next_with(operands, MAX_OPERANDS)
    }

    /// As [`Content::next`] for character maps, where a section's entries stand before its end as operands.
    pub fn next_many(&mut self, operands: &mut Vec<Operand>) -> Option<&'a [u8]> {
        self.next_with(operands, MAX_ENTRIES)
    }

    fn next_with(&mut self, operands: &mut Vec<Operand>, most: usize) -> Option<&'a [u8]> {
        operands.clear();
        loop {
            self.space();
            let byte = *self.bytes.get(self.at)?;
            match byte {
                b'[' | b'<' | b'(' | b'/' | b'+' | b'-' | b'.' | b'0'..=b'9' => {
                    let operand = self.operand(0);
                    if operands.len() < most {
                        operands.push(operand);
                    }
                }
                b']' | b'>' | b')' | b'{' | b'}' => self.at += 1,
                _ => {
                    let word = self.word();
                    match word {
                        b"true" | b"false" | b"null" => operands.push(Operand::Other),
                        // An inline image: its bytes are no operators.
                        b"ID" => self.skip_image(),
                        _ => return Some(word),
                    }
                }
            }
        }
    }

    fn space(&mut self) {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'\0' | b'\t' | b'\n' | 0x0c | b'\r' | b' ' => self.at += 1,
                b'%' => {
                    while self.bytes.get(self.at).is_some_and(|byte| !matches!(byte, b'\n' | b'\r')) {
                        self.at += 1;
                    }
                }
                _ => break,
            }
        }
    }

    fn word(&mut self) -> &'a [u8] {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(|byte| !is_space(*byte) && !is_delimiter(*byte)) {
            self.at += 1;
        }
        if self.at == start {
            self.at += 1;
        }
        &self.bytes[start..self.at]
    }

    fn operand(&mut self, depth: usize) -> Operand {
        match self.bytes[self.at] {
            b'(' => self.literal(),
            b'/' => {
                self.at += 1;
                Operand::Name(if self.bytes.get(self.at).is_some_and(|byte| !is_space(*byte) && !is_delimiter(*byte)) {
                    unescape_name(self.word())
                } else {
                    Vec::new()
                })
            }
            b'<' if self.bytes.get(self.at + 1) == Some(&b'<') => {
                self.at += 2;
                let mut entries = Vec::new();
                let mut key = None;
                while let Some(value) = self.element(depth, b'>') {
                    match (key.take(), value) {
                        (None, Operand::Name(name)) => key = Some(name),
                        (Some(name), value) => entries.push((name, value)),
                        (None, _) => {}
                    }
                }
                if self.bytes.get(self.at) == Some(&b'>') {
                    self.at += 1;
                }
                Operand::Dictionary(entries)
            }
            b'<' => self.hexadecimal(),
            b'[' => {
                self.at += 1;
                let mut items = Vec::new();
                while let Some(item) = self.element(depth, b']') {
                    items.push(item);
                }
                Operand::Array(items)
            }
            _ => {
                let word = self.word();
                std::str::from_utf8(word).ok().and_then(parse_number).map_or(Operand::Other, Operand::Number)
            }
        }
    }

    /// The next element of an array or dictionary; `None` after its end, which is passed.
    fn element(&mut self, depth: usize, end: u8) -> Option<Operand> {
        self.space();
        let byte = *self.bytes.get(self.at)?;
        if byte == end {
            self.at += 1;
            return None;
        }
        if depth >= MAX_NESTING || matches!(byte, b']' | b'>' | b')' | b'{' | b'}') {
            self.at += 1;
            return Some(Operand::Other);
        }
        Some(self.operand(depth + 1))
    }

    fn literal(&mut self) -> Operand {
        let mut out = Vec::new();
        let mut depth = 0usize;
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'(' => {
                    depth += 1;
                    if depth > 1 {
                        out.push(byte);
                    }
                }
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                    out.push(byte);
                }
                b'\\' => {
                    let Some(&escaped) = self.bytes.get(self.at) else { break };
                    self.at += 1;
                    match escaped {
                        b'n' => out.push(b'\n'),
                        b'r' => out.push(b'\r'),
                        b't' => out.push(b'\t'),
                        b'b' => out.push(8),
                        b'f' => out.push(12),
                        b'0'..=b'7' => {
                            let mut value = u32::from(escaped - b'0');
                            for _ in 0..2 {
                                match self.bytes.get(self.at) {
                                    Some(digit @ b'0'..=b'7') => value = value * 8 + u32::from(digit - b'0'),
                                    _ => break,
                                }
                                self.at += 1;
                            }
                            out.push(value as u8);
                        }
                        b'\r' => self.at += usize::from(self.bytes.get(self.at) == Some(&b'\n')),
                        b'\n' => {}
                        other => out.push(other),
                    }
                }
                _ => out.push(byte),
            }
        }
        Operand::Text(out)
    }

    fn hexadecimal(&mut self) -> Operand {
        self.at += 1;
        let mut digits = Vec::new();
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match (byte as char).to_digit(16) {
                Some(digit) => digits.push(digit as u8),
                None if byte == b'>' => break,
                None => {}
            }
        }
        if digits.len() % 2 == 1 {
            digits.push(0);
        }
        Operand::Text(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
    }

    fn skip_image(&mut self) {
        let rest = &self.bytes[self.at..];
        let end = rest.windows(4).position(|window| is_space(window[0]) && &window[1..3] == b"EI" && is_space(window[3]));
        self.at += end.map_or(rest.len(), |end| end + 1);
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\0' | b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

/// Numbers as writers of PDF write them: `-.5`, `4.`, and by mistake `--3`.
fn parse_number(word: &str) -> Option<f32> {
    let word = if word.starts_with("--") { &word[1..] } else { word };
    word.parse::<f32>().ok().filter(|value| value.is_finite())
}

fn unescape_name(word: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(word.len());
    let mut at = 0;
    while at < word.len() {
        let hex = (word[at] == b'#').then(|| word.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(word[at]);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_come_with_their_operands() {
        let stream = b"BT /F#31 12 Tf % x\n[(a\\(b\\051\\n) -120.5 <0641>] TJ /Span <</ActualText <FEFF0627> /N [1 2]>> BDC BI /W 1 ID \x01(\x02 EI ET";
        let mut content = Content::new(stream);
        let mut operands = Vec::new();
        let mut found = Vec::new();
        while let Some(operator) = content.next(&mut operands) {
            found.push((String::from_utf8_lossy(operator).into_owned(), operands.clone()));
        }
        let operators: Vec<&str> = found.iter().map(|(operator, _)| operator.as_str()).collect();
        assert_eq!(operators, ["BT", "Tf", "TJ", "BDC", "BI", "EI", "ET"]);
        assert_eq!(found[1].1, [Operand::Name(b"F1".to_vec()), Operand::Number(12.0)]);
        assert_eq!(
            found[2].1,
            [Operand::Array(vec![Operand::Text(b"a(b)\n".to_vec()), Operand::Number(-120.5), Operand::Text(vec![6, 0x41])])]
        );
        assert!(matches!(&found[3].1[1], Operand::Dictionary(entries) if entries.len() == 2));
    }

    #[test]
    fn garbage_ends() {
        for garbage in [&b"((((("[..], b"[[[[[[[[[[[[[[[[[[", b"<<<<<<", b"/", b"\\", b")>]}", b"1 2 3 ("] {
            let mut content = Content::new(garbage);
            let mut operands = Vec::new();
            while content.next(&mut operands).is_some() {}
        }
    }
}
