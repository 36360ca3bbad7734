//! Which formats there are, and what an exporter is.

use super::{Bitext, docx, html, jsonl, md, moses, tmx, tsv, txt, xliff, xliff2, xlsx};
use std::io::{self, Write};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Writes a [`Bitext`] in one format. The whole document goes to one stream.
pub trait Exporter: Sync {
    /// File name extension, without the dot, for a pair of languages (only [`moses`] looks at them).
    fn extension(&self, source_lang: &str, target_lang: &str) -> String;

    fn write(&self, bitext: &Bitext, context: &ExportContext, out: &mut dyn Write) -> io::Result<()>;

    /// Writes another document to a stream that already holds one. Only formats for which [`Format::joins`] holds differ from `write` here,
    /// and only by what a stream has once: a header line.
    fn write_next(&self, bitext: &Bitext, context: &ExportContext, out: &mut dyn Write) -> io::Result<()> {
        self.write(bitext, context, out)
    }
}

/// What an exporter may say that is not in the bitext. Taken as an argument so that the same bitext gives the same bytes.
#[derive(Debug, Clone, Copy)]
pub struct ExportContext {
    /// The date that TMX, XLIFF, DOCX, XLSX and HTML carry.
    pub written: SystemTime,
}

impl ExportContext {
    /// The current time, or what `SOURCE_DATE_EPOCH` (seconds since 1970, <https://reproducible-builds.org/specs/source-date-epoch/>) says.
    pub fn now() -> Self {
        let fixed = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.trim().parse().ok());
        let written = fixed.map_or_else(SystemTime::now, |seconds| UNIX_EPOCH + Duration::from_secs(seconds));
        ExportContext { written }
    }
}

/// Output formats by the names that `--format` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    Tsv,
    Jsonl,
    Txt,
    Md,
    Html,
    Docx,
    Xlsx,
    Tmx,
    /// XLIFF 1.2.
    Xliff,
    /// XLIFF 2.1.
    Xliff2,
    Moses,
    /// The source's own format with the translation in place. It needs the source file, so it is no [`Exporter`].
    Same,
}

impl Format {
    pub const ALL: [Format; 12] = [
        Format::Tsv,
        Format::Jsonl,
        Format::Txt,
        Format::Md,
        Format::Html,
        Format::Docx,
        Format::Xlsx,
        Format::Tmx,
        Format::Xliff,
        Format::Xliff2,
        Format::Moses,
        Format::Same,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Format::Tsv => "tsv",
            Format::Jsonl => "jsonl",
            Format::Txt => "txt",
            Format::Md => "md",
            Format::Html => "html",
            Format::Docx => "docx",
            Format::Xlsx => "xlsx",
            Format::Tmx => "tmx",
            Format::Xliff => "xliff",
            Format::Xliff2 => "xliff2",
            Format::Moses => "moses",
            Format::Same => "same",
        }
    }

    /// One line for `--help`.
    pub fn description(self) -> &'static str {
        match self {
            Format::Tsv => "one segment a line, tab-separated, with a header line",
            Format::Jsonl => "one JSON object per segment, with everything known about it",
            Format::Txt => "the translation alone, paragraphs as in the source",
            Format::Md => "bilingual Markdown tables",
            Format::Html => "one self-contained bilingual page to read, search and print",
            Format::Docx => "bilingual Word table",
            Format::Xlsx => "bilingual Excel sheet",
            Format::Tmx => "translation memory, TMX 1.4b",
            Format::Xliff => "XLIFF 1.2 for CAT tools",
            Format::Xliff2 => "XLIFF 2.1 for CAT tools",
            Format::Moses => "two line-aligned text files",
            Format::Same => "the source's own format with the translation in place",
        }
    }

    /// The files that a document gives in this format, one exporter each; two for [`Format::Moses`], none for [`Format::Same`].
    pub fn exporters(self) -> &'static [&'static dyn Exporter] {
        match self {
            Format::Tsv => &[&tsv::Tsv],
            Format::Jsonl => &[&jsonl::Jsonl],
            Format::Txt => &[&txt::Txt],
            Format::Md => &[&md::Markdown],
            Format::Html => &[&html::Html],
            Format::Docx => &[&docx::Docx],
            Format::Xlsx => &[&xlsx::Xlsx],
            Format::Tmx => &[&tmx::Tmx],
            Format::Xliff => &[&xliff::Xliff],
            Format::Xliff2 => &[&xliff2::Xliff2],
            Format::Moses => &[&moses::Moses::Source, &moses::Moses::Target],
            Format::Same => &[],
        }
    }

    /// Whether several documents may follow one another in one stream (`-o all.jsonl`, standard output).
    pub fn joins(self) -> bool {
        matches!(self, Format::Tsv | Format::Jsonl | Format::Txt | Format::Md | Format::Moses)
    }

    /// Whether the bytes are no text: a terminal should not be fed with them.
    pub fn is_binary(self) -> bool {
        matches!(self, Format::Docx | Format::Xlsx | Format::Same)
    }

    /// The format that a file name asks for by its extension (`-o report.html` without `-f`).
    pub fn from_path(path: &std::path::Path) -> Option<Format> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "moses" | "same" | "xliff2" => None,
            other => other.parse().ok(),
        }
    }

    /// Reads a list as `--format` takes it: names separated by commas, each once.
    pub fn parse_list(list: &str) -> Result<Vec<Format>, UnknownFormat> {
        let mut formats = Vec::new();
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let format = name.parse()?;
            if !formats.contains(&format) {
                formats.push(format);
            }
        }
        Ok(formats)
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A format name that jisr does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown output format '{name}'\nhint: one or more of {}, separated by commas", known())]
pub struct UnknownFormat {
    pub name: String,
}

fn known() -> String {
    Format::ALL.map(Format::name).join(", ")
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let wanted = name.to_ascii_lowercase();
        let alias = match wanted.as_str() {
            "text" => "txt",
            "markdown" => "md",
            "htm" => "html",
            "json" | "ndjson" => "jsonl",
            "xlf" => "xliff",
            other => other,
        };
        Format::ALL.into_iter().find(|format| format.name() == alias).ok_or_else(|| UnknownFormat { name: name.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
            assert_eq!(format.exporters().is_empty(), format == Format::Same);
        }
    }

    #[test]
    fn a_list_keeps_its_order_and_drops_repeats() {
        assert_eq!(Format::parse_list("html, tsv,HTML"), Ok(vec![Format::Html, Format::Tsv]));
        let error = Format::parse_list("html,pdf").unwrap_err();
        assert!(error.to_string().contains("'pdf'") && error.to_string().contains("jsonl"), "{error}");
    }

    #[test]
    fn a_file_name_tells_its_format() {
        let of = |name: &str| Format::from_path(std::path::Path::new(name));
        assert_eq!(of("a/report.HTML"), Some(Format::Html));
        assert_eq!(of("report.xlf"), Some(Format::Xliff));
        assert_eq!(of("report"), None);
        assert_eq!(of("report.pdf"), None);
    }
}
