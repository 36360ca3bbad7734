//! JSON and JSONL: the string values that are Arabic, or the fields that the user names.
//!
//! The text is scanned in place, without recursion and without building a tree, so that deep nesting is harmless and a translated copy
//! differs from the original in the translated strings alone.

use super::builder::TextBuilder;
use super::error::{ReadErrorKind, Result};
use super::{BlockKind, Document, Format, Raw, ReadOptions, Reader, Translations, is_arabic_letter};
use std::ops::Range;

pub(crate) struct Json;

/// A string that was taken into the document.
struct Taken {
    /// Byte range in the file's text, quotes included.
    span: Range<usize>,
    /// The string's value.
    value: String,
    /// Blocks made of it and the byte range of `value` each stands for.
    pieces: Vec<(usize, Range<usize>)>,
}

impl Reader for Json {
    fn read(&self, raw: &Raw<'_>, options: &ReadOptions) -> Result<Document> {
        Ok(extract(&raw.decode(options), raw.format, options)?.0)
    }

    fn write_translated(&self, raw: &Raw<'_>, options: &ReadOptions, translations: &Translations<'_>) -> Result<Vec<u8>> {
        let decoded = raw.decode(options);
        let (document, taken) = extract(&decoded, raw.format, options)?;
        translations.check(&document)?;
        let mut out = String::with_capacity(decoded.text.len());
        let mut done = 0;
        for string in taken {
            let value = translations.replace_pieces(&string.value, &string.pieces);
            out.push_str(&decoded.text[done..string.span.start]);
            out.push_str(&serde_json::to_string(&value).map_err(|error| ReadErrorKind::malformed("JSON", error))?);
            done = string.span.end;
        }
        out.push_str(&decoded.text[done..]);
        Ok(out.into_bytes())
    }
}

fn extract(decoded: &super::Decoded, format: Format, options: &ReadOptions) -> Result<(Document, Vec<Taken>)> {
    let text = &decoded.text;
    let wanted: Vec<FieldPath> = options.fields.iter().map(|field| FieldPath::parse(field)).collect();
    let mut found = vec![false; wanted.len()];
    let mut builder = TextBuilder::default();
    decoded.warnings.iter().for_each(|warning| builder.warn(warning));
    let mut taken = Vec::new();
    let mut take = |builder: &mut TextBuilder, path: &[Step<'_>], span: Range<usize>| {
        let raw = &text[span.clone()];
        let asked = wanted.iter().position(|field| field.matches(path));
        if let Some(index) = asked {
            found[index] = true;
        } else if !wanted.is_empty() {
            return;
        }
        // Arabic stands as itself or as \u06xx; anything else need not be decoded.
        let Ok(value) = serde_json::from_str::<String>(raw) else { return };
        if asked.is_none() && !is_arabic_value(&value) {
            return;
        }
        let pieces = builder.push_lines(BlockKind::Paragraph, &value);
        taken.push(Taken { span, value, pieces });
    };
    if format == Format::Jsonl {
        let (mut offset, mut good, mut bad) = (0, 0usize, Vec::new());
        for (number, line) in text.split_inclusive('\n').enumerate() {
            if !line.trim().is_empty() {
                let mut strings = Vec::new();
                let outcome = scan(line, &mut |path, span| strings.push((path.to_vec(), span)));
                match outcome {
                    Ok(()) => {
                        good += 1;
                        builder.section(format!("line {}", number + 1));
                        for (path, span) in strings {
                            take(&mut builder, &path, offset + span.start..offset + span.end);
                        }
                    }
                    Err(error) => bad.push((number + 1, error)),
                }
            }
            offset += line.len();
        }
        if let Some((line, error)) = bad.first() {
            if good == 0 {
                return Err(ReadErrorKind::malformed("JSONL", format!("line {line}: {}", error.reason)));
            }
            let lines: Vec<String> = bad.iter().take(10).map(|(line, _)| line.to_string()).collect();
            let more = if bad.len() > 10 { ", …" } else { "" };
            builder.warn(format!("not valid JSON and left out: line {}{more}", lines.join(", ")));
        }
    } else {
        let outcome = scan(text, &mut |path, span| take(&mut builder, path, span));
        if let Err(Error { offset, reason }) = outcome {
            let line = text[..offset].matches('\n').count() + 1;
            return Err(ReadErrorKind::malformed("JSON", format!("line {line}: {reason}")));
        }
    }
    if let Some(missing) = found.iter().position(|found| !found) {
        return Err(ReadErrorKind::NoField { field: options.fields[missing].clone() });
    }
    Ok((builder.finish(), taken))
}

/// A string for people to read: with Arabic in it, and neither an address nor a path.
fn is_arabic_value(value: &str) -> bool {
    let one_word = !value.trim().contains(char::is_whitespace);
    let address = one_word
        && (value.contains("://") || value.contains('/') && value.contains('.') || value.contains('@') && value.contains('.'));
    value.chars().any(is_arabic_letter) && !address
}

/// Whether `text` is one JSON object or array and nothing else.
pub(crate) fn is_value(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && scan(text, &mut |_, _| {}).is_ok()
}

/// One level of a path to a value.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step<'a> {
    /// The key as written, without its quotes.
    Key(&'a str),
    Index(usize),
}

/// `article.text`, `items[].title`, `items[2].title`; arrays may also go unmentioned.
struct FieldPath(Vec<FieldStep>);

enum FieldStep {
    Key(String),
    Index(Option<usize>),
}

impl FieldPath {
    fn parse(field: &str) -> Self {
        let mut steps = Vec::new();
        for part in field.trim_start_matches('$').trim_start_matches('.').split('.') {
            let (key, mut rest) = part.find('[').map_or((part, ""), |at| part.split_at(at));
            if !key.is_empty() {
                steps.push(FieldStep::Key(key.to_owned()));
            }
            while let Some((index, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                steps.push(FieldStep::Index(index.parse().ok()));
                rest = after;
            }
        }
        FieldPath(steps)
    }

    fn matches(&self, path: &[Step<'_>]) -> bool {
        let mut wanted = self.0.iter().peekable();
        for step in path {
            match (step, wanted.peek()) {
                (Step::Key(key), Some(FieldStep::Key(name))) if key == name || unescaped(key).as_deref() == Some(name) => {
                    wanted.next();
                }
                (Step::Key(_), _) => return false,
                (Step::Index(index), Some(FieldStep::Index(number))) => {
                    if number.is_some_and(|number| number != *index) {
                        return false;
                    }
                    wanted.next();
                }
                // An array that the path does not mention: all its items.
                (Step::Index(_), _) => {}
            }
        }
        wanted.next().is_none()
    }
}

/// The value of a key that holds escapes.
fn unescaped(key: &str) -> Option<String> {
    if key.contains('\\') { serde_json::from_str(&format!("\"{key}\"")).ok() } else { None }
}

struct Error {
    offset: usize,
    reason: &'static str,
}

/// Walks one JSON value and calls `visit` with path and span of every string value.
fn scan<'a>(text: &'a str, visit: &mut dyn FnMut(&[Step<'a>], Range<usize>)) -> Result<(), Error> {
    let bytes = text.as_bytes();
    let mut path: Vec<Step<'a>> = Vec::new();
    let mut at = 0;
    let skip = |mut at: usize| {
        while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            at += 1;
        }
        at
    };
    let fail = |at: usize, reason| Err(Error { offset: floor(text, at), reason });
    // Reads `"key" :` of an object and gives the key and what follows.
    let key = |at: usize| -> Result<(&'a str, usize), Error> {
        let end = string_end(bytes, at).ok_or(Error { offset: floor(text, at), reason: "a key in quotes is missing" })?;
        let after = skip(end);
        if bytes.get(after) != Some(&b':') {
            return Err(Error { offset: floor(text, after), reason: "a colon is missing after a key" });
        }
        Ok((&text[at + 1..end - 1], after + 1))
    };
    loop {
        // A value begins here.
        at = skip(at);
        match bytes.get(at) {
            Some(b'{') => {
                at = skip(at + 1);
                if bytes.get(at) == Some(&b'}') {
                    at += 1;
                } else {
                    let (name, after) = key(at)?;
                    path.push(Step::Key(name));
                    at = after;
                    continue;
                }
            }
            Some(b'[') => {
                at = skip(at + 1);
                if bytes.get(at) == Some(&b']') {
                    at += 1;
                } else {
                    path.push(Step::Index(0));
                    continue;
                }
            }
            Some(b'"') => {
                let Some(end) = string_end(bytes, at) else { return fail(at, "a string does not end") };
                visit(&path, at..end);
                at = end;
            }
            Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n' | b'N' | b'I') => {
                let length =
                    bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.')).count();
                let word = &text[at..at + length];
                let known = matches!(word, "true" | "false" | "null" | "NaN" | "Infinity" | "-Infinity");
                if !known && word.parse::<f64>().is_err() {
                    return fail(at, "neither a number nor true, false or null");
                }
                at += length;
            }
            Some(_) => return fail(at, "a value is missing"),
            None => return fail(at, "the file ends too early"),
        }
        // A value ended here: go on in what it lies in.
        loop {
            at = skip(at);
            match (path.last_mut(), bytes.get(at)) {
                (None, None) => return Ok(()),
                (None, Some(_)) => return fail(at, "more text follows the value"),
                (Some(Step::Key(name)), Some(b',')) => {
                    let (next, after) = key(skip(at + 1))?;
                    *name = next;
                    at = after;
                    break;
                }
                (Some(Step::Index(index)), Some(b',')) => {
                    *index += 1;
                    at += 1;
                    break;
                }
                (Some(Step::Key(_)), Some(b'}')) | (Some(Step::Index(_)), Some(b']')) => {
                    path.pop();
                    at += 1;
                }
                (_, None) => return fail(at, "the file ends too early"),
                (_, Some(_)) => return fail(at, "a comma or a closing bracket is missing"),
            }
        }
    }
}

/// End of the string that begins with a quote at `at`, closing quote included.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scanner_agrees_with_serde_on_what_is_json() {
        let good = ["{}", "[]", " [1, -2.5e3, true, null] ", r#"{"a":{"b":[{"c":"د\"\\"}]},"x":""}"#, "[[[[]]]]"];
        let bad = ["", "{", "[1,]", "{\"a\"}", "{\"a\":1,}", "[1 2]", "{} {}", "[\"", "[\"\\", "{1:2}", "[tru]", "]"];
        for text in good {
            assert!(is_value(text) && serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text}");
        }
        for text in bad {
            assert!(!is_value(text) && serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
        }
        let deep = "[".repeat(1_000_000);
        assert!(!is_value(&deep));
        assert!(is_value(&format!("{deep}{}", "]".repeat(1_000_000))));
    }

    #[test]
    fn paths_name_fields_through_arrays() {
        let path = [Step::Key("items"), Step::Index(2), Step::Key("title")];
        for field in ["items[].title", "items.title", "$.items[2].title", "items[*].title"] {
            assert!(FieldPath::parse(field).matches(&path), "{field}");
        }
        for field in ["items[1].title", "title", "items", "items.title.x"] {
            assert!(!FieldPath::parse(field).matches(&path), "{field}");
        }
    }
}
