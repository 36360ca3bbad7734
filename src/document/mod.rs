//! Reading: a file's bytes become a [`Document`], one source text plus byte ranges.
//!
//! Nothing downstream copies strings around: blocks and segments are byte ranges of [`Document::text`].
//!
//! A newcomer walks through this folder so: `source.rs` lists what there is to read ([`walk`]), `format.rs` says in which format
//! ([`detect`]), `encoding.rs` turns bytes into text ([`decode`]), and one file per format behind the `Reader` trait finds the blocks:
//! `plain.rs`, `markdown.rs`, `html/`, `pdf/`, `email.rs`, `subtitles.rs`, `json.rs`; the tables `table.rs` and `xlsx.rs` over `grid.rs`; the
//! office documents `docx.rs`, `pptx.rs` and `odf.rs` over `xml.rs`, `opc.rs` and `paragraph.rs`. `archive.rs` unpacks, `guard.rs` stands
//! between damaged files and the rest. A reader can also write its format back with the English in place ([`write_translated`],
//! `-f same`): it reads the original once more, so a document carries no baggage for it.
//!
//! ```
//! use jisr::document::{ReadOptions, Source, read};
//!
//! let source = Source::bytes("note.txt", "عنوان\n\nنص قصير.".as_bytes());
//! let documents = read(&source, &ReadOptions::default())?;
//! assert_eq!(documents[0].blocks.len(), 2);
//! # Ok::<(), jisr::document::ReadError>(())
//! ```

mod archive;
mod builder;
mod docx;
mod email;
mod encoding;
mod error;
mod format;
mod grid;
mod guard;
mod html;
mod json;
mod markdown;
mod odf;
mod opc;
mod paragraph;
mod pdf;
mod plain;
mod pptx;
mod source;
mod subtitles;
mod table;
mod translated;
mod xlsx;
mod xml;

pub use encoding::{Decoded, decode};
pub use error::{ReadError, ReadErrorKind};
pub use format::{Detected, Format, detect};
pub use source::{Input, Source, Walk, walk};
pub(crate) use translated::Translations;

use crate::bitext::Bitext;
pub(crate) use crate::text::is_arabic_letter;
use std::borrow::Cow;
use std::ops::Range;

/// One source text and where its blocks lie.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// Name shown to people and written as `doc`: the path relative to the input folder, `/`-separated, or `-` for standard input.
    pub name: String,
    /// The extracted text. All offsets anywhere in jisr are byte offsets into it.
    pub text: String,
    /// Blocks in reading order; they do not overlap, and what lies between two of them is white space.
    pub blocks: Vec<Block>,
    /// What the reader wants said about the file: a guessed encoding, a damaged part, a skipped picture.
    pub warnings: Vec<String>,
    /// The format it was read as (of a compressed file the format inside).
    pub format: Format,
    /// Where parts of the text stood, in order: `page 3`, `slide 2`, `sheet Budget`. Empty where the format has no such parts.
    pub sections: Vec<Section>,
    /// Subtitles: the cues, in order. A block is a run of cues that share sentences; each cue lies inside one block.
    pub cues: Vec<Cue>,
}

/// A named part of a document: a page, a slide, a sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// As people say it: `page 3`.
    pub name: String,
    /// Byte range in [`Document::text`].
    pub range: Range<usize>,
}

/// A subtitle cue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    /// Byte range in [`Document::text`].
    pub range: Range<usize>,
    /// When it appears, in milliseconds.
    pub start: u64,
    /// When it goes, in milliseconds.
    pub end: u64,
}

/// A block of a document: the unit that sentences never cross.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Block {
    pub kind: BlockKind,
    /// Byte range in [`Document::text`].
    pub range: Range<usize>,
}

/// What a block is in its document; exporters keep headings and lists as they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BlockKind {
    /// Level 1–6.
    Heading(u8),
    #[default]
    Paragraph,
    ListItem,
    /// A table or spreadsheet cell, 0-based.
    Cell {
        row: u32,
        column: u32,
    },
    /// A run of subtitle cues, times in milliseconds: from the start of the first to the end of the last.
    Cue {
        start: u64,
        end: u64,
    },
    Quote,
    /// Text that is not translated: code, a number cell.
    Verbatim,
}

impl Document {
    /// Whether there is anything to translate: a letter of the Arabic script.
    pub fn has_arabic(&self) -> bool {
        self.text.chars().any(is_arabic_letter)
    }

    /// The name of the section (page, slide, sheet) that holds the byte at `offset`.
    pub fn section_at(&self, offset: usize) -> Option<&str> {
        let index = self.sections.partition_point(|section| section.range.end <= offset);
        self.sections.get(index).filter(|section| section.range.start <= offset).map(|section| section.name.as_str())
    }
}

/// How to read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// `--input-format`: the format of every input, whatever it looks like.
    pub format: Option<Format>,
    /// `--input-encoding`: a WHATWG label for text, whatever it looks like.
    pub encoding: Option<String>,
    /// `--html-all`: every text of a page, not its main text only.
    pub html_all: bool,
    /// `--column NAME|N`: the columns of CSV, TSV and spreadsheets to translate, by header or by number from 1. Empty: those that are Arabic.
    pub columns: Vec<String>,
    /// `--field PATH`: the fields of JSON and JSONL to translate (`body`, `article.text`, `items[].title`). Empty: the strings that are Arabic.
    pub fields: Vec<String>,
    /// `--lines`: every line of a text is one block, empty ones too, and a text without any is no error. Text is what everything is then
    /// taken for, unless [`ReadOptions::format`] says otherwise.
    pub lines: bool,
    /// The largest file to read, and the most that a compressed one may unpack to, in bytes.
    pub max_bytes: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        ReadOptions {
            format: None,
            encoding: None,
            html_all: false,
            columns: Vec::new(),
            fields: Vec::new(),
            lines: false,
            max_bytes: ReadOptions::DEFAULT_MAX_BYTES,
        }
    }
}

impl ReadOptions {
    /// 128 MB: a file beyond it is a database or a mistake, and a day's work for a model.
    pub const DEFAULT_MAX_BYTES: u64 = 128_000_000;
}

/// A file's bytes on their way through a reader.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw<'a> {
    pub bytes: &'a [u8],
    pub format: Format,
}

impl Raw<'_> {
    /// The bytes as text, in the encoding that the user named or that they show.
    pub fn decode(&self, options: &ReadOptions) -> Decoded {
        self.decode_labelled(options, None)
    }

    /// As [`Raw::decode`], with the encoding that the file itself declares.
    pub fn decode_labelled(&self, options: &ReadOptions, label: Option<&str>) -> Decoded {
        match options.encoding.as_deref().and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes())) {
            Some(encoding) => encoding::decode_as(self.bytes, encoding),
            None => decode(self.bytes, label),
        }
    }
}

/// One format.
pub(crate) trait Reader: Sync {
    /// The document in `raw`; name and format are filled in by the caller.
    fn read(&self, raw: &Raw<'_>, options: &ReadOptions) -> error::Result<Document>;

    /// The file with its translated blocks in place, in its own format.
    fn write_translated(&self, raw: &Raw<'_>, options: &ReadOptions, translations: &Translations<'_>) -> error::Result<Vec<u8>>;
}

/// The reader of a format; `None` for the wrappings, gzip and ZIP.
fn reader(format: Format) -> Option<&'static dyn Reader> {
    Some(match format {
        Format::Text => &plain::Plain,
        Format::Markdown => &markdown::Markdown,
        Format::Html => &html::HtmlPage,
        Format::Eml => &email::Email,
        Format::Pdf => &pdf::Pdf,
        Format::Docx => &docx::Docx,
        Format::Odt => &odf::Odf,
        Format::Pptx => &pptx::Pptx,
        Format::Csv | Format::Tsv => &table::Table,
        Format::Xlsx => &xlsx::Xlsx,
        Format::Xls => &xlsx::Xls,
        Format::Srt | Format::Vtt => &subtitles::Subtitles,
        Format::Json | Format::Jsonl => &json::Json,
        _ => return None,
    })
}

/// Reads a document. Several come back only where `source` is a ZIP archive that [`walk`] did not take apart.
///
/// A document without Arabic is no error here: see [`Document::has_arabic`].
pub fn read(source: &Source, options: &ReadOptions) -> Result<Vec<Document>, ReadError> {
    if let Some(members) = archive::members(source).map_err(|kind| kind.named(&source.name))? {
        let members = members.into_iter().map(|(index, member)| Source {
            name: format!("{}/{member}", source.name),
            input: Input::Member { archive: Box::new(source.input.clone()), index },
        });
        return members.map(|member| read_one(&member, options)).collect();
    }
    Ok(vec![read_one(source, options)?])
}

fn read_one(source: &Source, options: &ReadOptions) -> Result<Document, ReadError> {
    let read = || {
        let bytes = source.load(options.max_bytes)?;
        let raw = identify(&bytes, &source.name, options)?;
        let raw = raw.borrow();
        let reader = reader(raw.format).ok_or_else(|| archive::not_unpacked(raw.bytes, raw.format))?;
        let mut document = guard::guarded(raw.format, || reader.read(&raw, options))?;
        document.name = source.name.clone();
        document.format = raw.format;
        if options.lines {
            document.blocks = plain::lines(&document.text);
        } else if document.blocks.is_empty() {
            return Err(ReadErrorKind::NoText(format!(
                "this {} file holds only white space or nothing to translate",
                raw.format.title()
            )));
        }
        Ok(document)
    };
    read().map_err(|kind: ReadErrorKind| kind.named(&source.name))
}

/// Writes the document of `source` in its own format with the translations of `bitext` in place (`-f same`).
///
/// A compressed file's copy is not compressed. `options` must be those it was read with. Fails with [`ReadErrorKind::Changed`] where the file is
/// no longer the one that was translated.
pub fn write_translated(source: &Source, options: &ReadOptions, bitext: &Bitext) -> Result<Vec<u8>, ReadError> {
    let write = || {
        let bytes = source.load(options.max_bytes)?;
        let raw = identify(&bytes, &source.name, options)?;
        let raw = raw.borrow();
        let reader = reader(raw.format).ok_or(ReadErrorKind::NoCopy { format: raw.format.title() })?;
        let translations = Translations::new(bitext);
        guard::guarded(raw.format, || reader.write_translated(&raw, options, &translations))
    };
    write().map_err(|kind: ReadErrorKind| kind.named(&source.name))
}

/// A file unwrapped and its format known.
struct Identified<'a> {
    bytes: Cow<'a, [u8]>,
    format: Format,
}

impl Identified<'_> {
    fn borrow(&self) -> Raw<'_> {
        Raw { bytes: &self.bytes, format: self.format }
    }
}

fn identify<'a>(bytes: &'a [u8], name: &str, options: &ReadOptions) -> error::Result<Identified<'a>> {
    if bytes.is_empty() && !options.lines {
        return Err(ReadErrorKind::Empty);
    }
    let (bytes, name) = if bytes.starts_with(b"\x1f\x8b") || options.format == Some(Format::Gzip) {
        let inner = archive::gunzip(bytes, options.max_bytes)?;
        (Cow::Owned(inner), name.strip_suffix(".gz").unwrap_or(name))
    } else {
        (Cow::Borrowed(bytes), name)
    };
    if bytes.is_empty() && !options.lines {
        return Err(ReadErrorKind::Empty);
    }
    let forced = options.format.filter(|format| !matches!(format, Format::Gzip | Format::Zip));
    let format = match forced {
        Some(format) => format,
        None if options.lines && !matches!(detect(&bytes, name), Detected::Binary(_)) => Format::Text,
        None => match detect(&bytes, name) {
            Detected::Format(format) => format,
            Detected::Ole => archive::ole_kind(&bytes)?,
            Detected::Binary(what) => return Err(ReadErrorKind::Binary { what: what.to_owned() }),
            Detected::Unsupported(what, hint) => {
                return Err(ReadErrorKind::Unsupported { what: what.to_owned(), hint: hint.to_owned() });
            }
        },
    };
    Ok(Identified { bytes, format })
}
