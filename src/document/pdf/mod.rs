//! PDF with a text layer.
//!
//! A PDF knows letters and places, no words, lines or paragraphs, and Arabic stands in it as it is seen. The way back: [`content`] reads a
//! page's operators, [`font`] says which letters they show, [`interpret`] where; [`layout`] makes lines of them and puts the lines in
//! order, column by column; [`order`] turns each line from what is seen into what is read; `paragraphs` below joins lines into blocks,
//! leaves out page numbers and running heads, and keeps the pages as sections.

mod content;
mod font;
mod interpret;
mod layout;
mod order;
mod paragraphs;

use super::error::{ReadErrorKind, Result};
use super::{Document, Raw, ReadOptions, Reader, Translations};
use std::io::Read;

pub(crate) struct Pdf;

/// The most that one stream may unpack to: a page's text is a thousandth of it.
const MAX_STREAM: u64 = 64 << 20;
/// The most that the streams which hold a file's objects may unpack to together.
const MAX_OBJECTS: u64 = 256 << 20;

impl Reader for Pdf {
    fn read(&self, raw: &Raw<'_>, _: &ReadOptions) -> Result<Document> {
        check_object_streams(raw.bytes)?;
        let document = load(raw.bytes)?;
        let pages: Vec<_> = document.page_iter().take(100_000).collect();
        if pages.is_empty() {
            return Err(ReadErrorKind::malformed("PDF", "it has no pages"));
        }
        let mut fonts = interpret::Fonts::new();
        let mut budget = interpret::BUDGET;
        let (mut unknown, mut known, mut images, mut incomplete) = (0usize, 0usize, 0usize, Vec::new());
        let mut read: Vec<Vec<layout::Line>> = Vec::with_capacity(pages.len());
        for (index, page) in pages.iter().enumerate() {
            let shown = interpret::page(&document, *page, &mut fonts, &mut budget);
            unknown += shown.unknown;
            known += shown.glyphs.iter().filter(|glyph| !glyph.text.is_empty()).count();
            images += shown.images;
            if shown.incomplete {
                incomplete.push(index + 1);
            }
            read.push(layout::lines(&shown.glyphs));
        }
        if known == 0 {
            return Err(match (unknown, images) {
                (0, 0) => ReadErrorKind::NoText("its pages are blank".to_owned()),
                (0, _) => ReadErrorKind::Scanned { pages: pages.len() },
                _ => ReadErrorKind::NoText("its fonts do not say which letters they show".to_owned()),
            });
        }
        let empty: Vec<usize> =
            read.iter().enumerate().filter(|(_, lines)| lines.is_empty()).map(|(index, _)| index + 1).collect();
        let mut result = paragraphs::assemble(read);
        // Some are drawn to stretch words, and no letters.
        if unknown * 8 > known {
            result.warnings.push(format!("{unknown} characters are missing: their fonts do not say which letters they are"));
        }
        if !empty.is_empty() && images > 0 {
            result.warnings.push(format!("pages without text (scanned?): {}", list(&empty)));
        }
        if !incomplete.is_empty() {
            result.warnings.push(format!("pages too long to be read to their end: {}", list(&incomplete)));
        }
        Ok(result)
    }

    fn write_translated(&self, _: &Raw<'_>, _: &ReadOptions, _: &Translations<'_>) -> Result<Vec<u8>> {
        Err(ReadErrorKind::NoCopy { format: "PDF" })
    }
}

fn list(numbers: &[usize]) -> String {
    let shown: Vec<String> = numbers.iter().take(10).map(usize::to_string).collect();
    format!("{}{}", shown.join(", "), if numbers.len() > 10 { ", …" } else { "" })
}

fn load(bytes: &[u8]) -> Result<lopdf::Document> {
    let encrypted = || ReadErrorKind::Encrypted { what: "this PDF".to_owned() };
    match lopdf::Document::load_mem(bytes) {
        // Files that anyone may open but not change are decrypted with the empty password.
        Ok(document) if document.is_encrypted() => Err(encrypted()),
        Ok(document) => Ok(document),
        Err(lopdf::Error::InvalidPassword | lopdf::Error::Decryption(_) | lopdf::Error::UnsupportedSecurityHandler(_)) => {
            Err(encrypted())
        }
        Err(error) => Err(ReadErrorKind::malformed("PDF", error)),
    }
}

/// Streams of objects are unpacked whole when a file is opened: what they would unpack to is counted before.
fn check_object_streams(bytes: &[u8]) -> Result<()> {
    let mut total = 0u64;
    let mut at = 0;
    while let Some(found) = find(&bytes[at..], b"stream") {
        let start = at + found;
        at = start + b"stream".len();
        if start >= 3 && &bytes[start - 3..start] == b"end" {
            continue;
        }
        let head = &bytes[start.saturating_sub(400)..start];
        let dictionary = head.windows(6).rposition(|window| window == b"endobj").map_or(head, |end| &head[end..]);
        let has = |name: &[u8]| find(dictionary, name).is_some();
        if !has(b"/ObjStm") && !has(b"/XRef") {
            continue;
        }
        let body = bytes[at..].strip_prefix(b"\r").unwrap_or(&bytes[at..]);
        let body = body.strip_prefix(b"\n").unwrap_or(body);
        let end = find(body, b"endstream").unwrap_or(body.len());
        let mut decoder = flate2::read::ZlibDecoder::new(&body[..end]).take(MAX_OBJECTS - total + 1);
        total += std::io::copy(&mut decoder, &mut std::io::sink()).unwrap_or(0);
        if total > MAX_OBJECTS {
            return Err(ReadErrorKind::Refused(format!("its objects unpack to more than {} MB", MAX_OBJECTS >> 20)));
        }
        at += end;
    }
    Ok(())
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut at = 0;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == first)?;
        if bytes[at..].starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
}

/// A stream's content, unpacked as far as [`MAX_STREAM`].
fn stream_content(stream: &lopdf::Stream) -> Option<Vec<u8>> {
    let filters = stream.filters().unwrap_or_default();
    match filters.as_slice() {
        [] => Some(stream.content.clone()),
        [b"FlateDecode" | b"Fl"] if stream.dict.get(b"DecodeParms").is_err() => {
            let mut out = Vec::new();
            // What can be read of a damaged stream is better than nothing.
            let mut decoder = flate2::read::ZlibDecoder::new(&stream.content[..]).take(MAX_STREAM);
            let _ = decoder.read_to_end(&mut out);
            Some(out)
        }
        // Other filters unpack by small factors, unless they are chained to unpack again.
        [_] | [b"ASCII85Decode", _] if stream.content.len() < (4 << 20) => stream.decompressed_content().ok(),
        _ => None,
    }
}
