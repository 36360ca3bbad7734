//! What the README promises of every output format: no segment lost, every file readable by what should read it, flags visible.
//!
//! The bitexts are made up by [`bitexts`], nasty ones included. The checks read each format with a parser that is not ours (an XML parser, CSV,
//! JSON, a spreadsheet reader, a browser); [`content_model`] holds the TMX 1.4 DTD and the XLIFF schemas' content models as far as we write
//! them, and `tests/fixtures/export/validate.py` checks the same files against the official schemas and the Translate Toolkit.

mod bitexts;
mod content_model;
mod html;
mod text_formats;
mod xml_formats;

use jisr::bitext::{Bitext, ExportContext, Format};
use std::time::{Duration, UNIX_EPOCH};

/// 25 November 2026, 13:59:18 UTC.
fn context() -> ExportContext {
    ExportContext { written: UNIX_EPOCH + Duration::from_secs(1_795_615_158) }
}

/// What the only exporter of a format writes.
fn export(format: Format, bitext: &Bitext) -> Vec<u8> {
    let [exporter] = format.exporters() else { panic!("{format} writes several files") };
    let mut out = Vec::new();
    exporter.write(bitext, &context(), &mut out).unwrap_or_else(|error| panic!("{format}: {error}"));
    out
}

fn export_text(format: Format, bitext: &Bitext) -> String {
    String::from_utf8(export(format, bitext)).unwrap_or_else(|error| panic!("{format}: {error}"))
}

/// Text as line-based formats have it.
fn words(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Text as XML can hold it, in [`words`].
fn xml_words(text: &str) -> String {
    words(text).chars().filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}')).collect()
}
