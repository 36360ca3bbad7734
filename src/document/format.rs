//! Which format a file is in: by its content first, by the extension of its name second.

use std::str::FromStr;

/// The formats jisr reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    #[default]
    Text,
    Markdown,
    Html,
    Docx,
    Odt,
    Pptx,
    Pdf,
    Eml,
    Srt,
    Vtt,
    Csv,
    Tsv,
    Xlsx,
    /// The old binary spreadsheets of Excel.
    Xls,
    Json,
    Jsonl,
    Gzip,
    Zip,
}

impl Format {
    pub const ALL: [Format; 18] = [
        Format::Text,
        Format::Markdown,
        Format::Html,
        Format::Docx,
        Format::Odt,
        Format::Pptx,
        Format::Pdf,
        Format::Eml,
        Format::Srt,
        Format::Vtt,
        Format::Csv,
        Format::Tsv,
        Format::Xlsx,
        Format::Xls,
        Format::Json,
        Format::Jsonl,
        Format::Gzip,
        Format::Zip,
    ];

    /// The name that `--input-format` takes.
    pub fn name(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Markdown => "md",
            Format::Html => "html",
            Format::Docx => "docx",
            Format::Odt => "odt",
            Format::Pptx => "pptx",
            Format::Pdf => "pdf",
            Format::Eml => "eml",
            Format::Srt => "srt",
            Format::Vtt => "vtt",
            Format::Csv => "csv",
            Format::Tsv => "tsv",
            Format::Xlsx => "xlsx",
            Format::Xls => "xls",
            Format::Json => "json",
            Format::Jsonl => "jsonl",
            Format::Gzip => "gz",
            Format::Zip => "zip",
        }
    }

    /// The name as a sentence says it.
    pub fn title(self) -> &'static str {
        match self {
            Format::Text => "plain text",
            Format::Markdown => "Markdown",
            Format::Html => "HTML",
            Format::Docx => "DOCX",
            Format::Odt => "ODT",
            Format::Pptx => "PPTX",
            Format::Pdf => "PDF",
            Format::Eml => "EML",
            Format::Srt => "SRT",
            Format::Vtt => "WebVTT",
            Format::Csv => "CSV",
            Format::Tsv => "TSV",
            Format::Xlsx => "XLSX",
            Format::Xls => "XLS",
            Format::Json => "JSON",
            Format::Jsonl => "JSONL",
            Format::Gzip => "gzip",
            Format::Zip => "ZIP",
        }
    }

    /// Extensions without the dot, lower case, the usual one first.
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Format::Text => &["txt", "text"],
            Format::Markdown => &["md", "markdown", "mdown", "mkd"],
            Format::Html => &["html", "htm", "xhtml"],
            Format::Docx => &["docx", "docm", "dotx"],
            Format::Odt => &["odt", "ott", "odp", "ods"],
            Format::Pptx => &["pptx", "pptm", "ppsx"],
            Format::Pdf => &["pdf"],
            Format::Eml => &["eml"],
            Format::Srt => &["srt"],
            Format::Vtt => &["vtt"],
            Format::Csv => &["csv"],
            Format::Tsv => &["tsv", "tab"],
            Format::Xlsx => &["xlsx", "xlsm"],
            Format::Xls => &["xls"],
            Format::Json => &["json"],
            Format::Jsonl => &["jsonl", "ndjson"],
            Format::Gzip => &["gz"],
            Format::Zip => &["zip"],
        }
    }

    /// Whether a file of this format is a ZIP package.
    pub(crate) fn is_package(self) -> bool {
        matches!(self, Format::Docx | Format::Odt | Format::Pptx | Format::Xlsx)
    }

    /// The format that the extension of `name` stands for.
    pub fn from_extension(name: &str) -> Option<Format> {
        let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let (_, extension) = file.rsplit_once('.')?;
        let extension = extension.to_ascii_lowercase();
        Format::ALL.into_iter().find(|format| format.extensions().contains(&extension.as_str()))
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = text.trim().trim_start_matches('.').to_ascii_lowercase();
        Format::ALL
            .into_iter()
            .find(|format| format.name() == wanted || format.extensions().contains(&wanted.as_str()))
            .ok_or_else(|| {
                let names: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
                format!("unknown input format {text:?} (one of: {})", names.join(", "))
            })
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What the first look at a file found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detected {
    Format(Format),
    /// An OLE compound file: XLS, DOC, PPT, or an encrypted OOXML file; its directory tells.
    Ole,
    /// Something that holds no text, said with its article: `a PNG image`.
    Binary(&'static str),
    /// A document format that jisr does not read, and what to do.
    Unsupported(&'static str, &'static str),
}

/// Tells the format of `bytes` (the whole file) called `name`. Content decides where it is unmistakable, the extension elsewhere; what
/// neither knows is plain text.
pub fn detect(bytes: &[u8], name: &str) -> Detected {
    if let Some(found) = by_magic(bytes) {
        // A damaged office document still has its name.
        return match (&found, Format::from_extension(name)) {
            (Detected::Format(Format::Zip), Some(named)) if named.is_package() => Detected::Format(named),
            _ => found,
        };
    }
    // A legible start: enough for a look, in whatever encoding; only ASCII matters below.
    let head = head_text(bytes);
    let extension = Format::from_extension(name);
    if let Some(format) = by_text(&head, bytes, extension) {
        return Detected::Format(format);
    }
    match extension {
        // These are recognised by their content alone; a file that only carries the name is not one.
        Some(
            Format::Gzip | Format::Zip | Format::Docx | Format::Xlsx | Format::Pptx | Format::Odt | Format::Pdf | Format::Xls,
        ) if looks_binary(bytes) => Detected::Format(extension.unwrap_or_default()),
        Some(
            Format::Gzip | Format::Zip | Format::Docx | Format::Xlsx | Format::Pptx | Format::Odt | Format::Pdf | Format::Xls,
        ) => Detected::Format(Format::Text),
        Some(format) => Detected::Format(format),
        None => Detected::Format(Format::Text),
    }
}

fn by_magic(bytes: &[u8]) -> Option<Detected> {
    use Detected::{Binary, Unsupported};
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let at = |offset: usize, magic: &[u8]| bytes.get(offset..offset + magic.len()) == Some(magic);
    Some(match () {
        () if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") => zip_kind(bytes),
        () if starts(b"\x1f\x8b") => Detected::Format(Format::Gzip),
        () if starts(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") => Detected::Ole,
        () if bytes[..bytes.len().min(1024)].windows(5).any(|window| window == b"%PDF-") => Detected::Format(Format::Pdf),
        () if starts(b"{\\rtf") => {
            Unsupported("a Rich Text (RTF) file", "save it as DOCX, for example: soffice --convert-to docx FILE")
        }
        () if starts(b"\x89PNG\r\n") => Binary("a PNG image"),
        () if starts(b"\xff\xd8\xff") => Binary("a JPEG image"),
        () if starts(b"GIF87a") || starts(b"GIF89a") => Binary("a GIF image"),
        () if starts(b"II*\0") || starts(b"MM\0*") => Binary("a TIFF image"),
        () if starts(b"RIFF") && at(8, b"WEBP") => Binary("a WebP image"),
        () if starts(b"RIFF") => Binary("a sound or video file"),
        () if starts(b"BM") && at(6, &[0, 0, 0, 0]) => Binary("a BMP image"),
        () if starts(b"\0\0\x01\0") => Binary("an icon"),
        () if at(4, b"ftypheic") || at(4, b"ftypavif") || at(4, b"ftypmif1") => Binary("a HEIF image"),
        () if at(4, b"ftyp") || starts(b"\x1aE\xdf\xa3") || starts(b"FLV\x01") => Binary("a video"),
        () if starts(b"ID3") || starts(b"OggS") || starts(b"fLaC") || starts(b"\xff\xfb") => Binary("a sound file"),
        () if starts(b"\x7fELF") || starts(b"\xcf\xfa\xed\xfe") || starts(b"\xfe\xed\xfa\xcf") || starts(b"\xca\xfe\xba\xbe") => {
            Binary("a program")
        }
        () if starts(b"MZ") && looks_binary(bytes) => Binary("a Windows program"),
        () if starts(b"\0asm") => Binary("a WebAssembly module"),
        () if starts(b"SQLite format 3\0") => Binary("an SQLite database"),
        () if starts(b"wOFF") || starts(b"wOF2") || starts(b"OTTO\0") || starts(b"\0\x01\0\0\0") => Binary("a font"),
        () if starts(b"7z\xbc\xaf\x27\x1c") => Unsupported("a 7z archive", "unpack it first"),
        () if starts(b"Rar!\x1a\x07") => Unsupported("a RAR archive", "unpack it first"),
        () if starts(b"\xfd7zXZ\0") => Unsupported("an xz archive", "unpack it first (unxz)"),
        () if starts(b"BZh") && at(4, b"1AY&SY") => Unsupported("a bzip2 archive", "unpack it first (bunzip2)"),
        () if starts(b"\x28\xb5\x2f\xfd") => Unsupported("a Zstandard archive", "unpack it first (unzstd)"),
        () if at(257, b"ustar") => Unsupported("a tar archive", "unpack it first (tar -xf)"),
        () if starts(b"%!PS") => Unsupported("a PostScript file", "convert it to PDF first (ps2pdf)"),
        () => return None,
    })
}

/// Names in a ZIP tell what it is: an office document or an archive of files. Local headers are scanned, so a broken directory does no harm.
fn zip_kind(bytes: &[u8]) -> Detected {
    let has = |needle: &[u8]| memmem(bytes, needle);
    if bytes.get(30..38) == Some(b"mimetype") {
        let kind = &bytes[38..bytes.len().min(120)];
        let kind = String::from_utf8_lossy(kind);
        if kind.contains("opendocument.text")
            || kind.contains("opendocument.presentation")
            || kind.contains("opendocument.spreadsheet")
        {
            return Detected::Format(Format::Odt);
        }
        if kind.contains("epub") {
            return Detected::Unsupported("an EPUB book", "unpack it (unzip) and translate its XHTML files");
        }
    }
    if has(b"[Content_Types].xml") {
        if has(b"xl/workbook.bin") {
            return Detected::Unsupported("a binary Excel (XLSB) file", "save it as XLSX");
        }
        for (part, format) in [
            (&b"word/document.xml"[..], Format::Docx),
            (b"ppt/presentation.xml", Format::Pptx),
            (b"xl/workbook.xml", Format::Xlsx),
            (b"word/", Format::Docx),
            (b"ppt/", Format::Pptx),
            (b"xl/", Format::Xlsx),
        ] {
            if has(part) {
                return Detected::Format(format);
            }
        }
    }
    // A package that was cut short may have lost the member that says so.
    let parts =
        [(&b"word/document.xml"[..], Format::Docx), (b"ppt/slides/slide", Format::Pptx), (b"xl/worksheets/sheet", Format::Xlsx)];
    let part = parts.into_iter().find(|(part, _)| has(part));
    Detected::Format(part.map_or(Format::Zip, |(_, format)| format))
}

/// Whether `needle` occurs; in long files only in the first and last megabyte, where local headers and the directory of a ZIP lie.
fn memmem(bytes: &[u8], needle: &[u8]) -> bool {
    const REACH: usize = 1 << 20;
    let find = |part: &[u8]| part.windows(needle.len()).any(|window| window == needle);
    if bytes.len() <= 2 * REACH { find(bytes) } else { find(&bytes[..REACH]) || find(&bytes[bytes.len() - REACH..]) }
}

/// The first 8 KiB as ASCII, other characters left out (so UTF-16 and code pages read alike).
fn head_text(bytes: &[u8]) -> String {
    bytes.iter().take(8192).filter(|byte| byte.is_ascii() && **byte != 0).map(|byte| *byte as char).collect()
}

fn by_text(head: &str, bytes: &[u8], extension: Option<Format>) -> Option<Format> {
    let trimmed = head.trim_start();
    let lower = trimmed[..trimmed.len().min(2048)].to_ascii_lowercase();
    if trimmed.starts_with("WEBVTT") {
        return Some(Format::Vtt);
    }
    if is_html(&lower) && extension != Some(Format::Markdown) && extension != Some(Format::Eml) {
        return Some(Format::Html);
    }
    if is_srt(trimmed) {
        return Some(Format::Srt);
    }
    if is_mail(trimmed) {
        return Some(Format::Eml);
    }
    if extension
        .is_none_or(|extension| !matches!(extension, Format::Json | Format::Jsonl | Format::Markdown | Format::Csv | Format::Tsv))
    {
        return json_kind(trimmed, bytes);
    }
    None
}

fn is_html(lower: &str) -> bool {
    let mut rest = lower;
    // An XML declaration and comments may come first.
    while rest.starts_with("<?xml") || rest.starts_with("<!--") {
        let Some(end) = rest.find("?>").into_iter().chain(rest.find("-->")).min() else { return false };
        rest = rest[end + 2..].trim_start_matches(['>', ' ', '\r', '\n', '\t']);
    }
    rest.starts_with("<!doctype html") || rest.starts_with("<html") || rest.starts_with("<head") || rest.starts_with("<body")
}

/// A number, then a line of two times: no other text begins so.
fn is_srt(head: &str) -> bool {
    let mut lines = head.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let timing = |line: &str| {
        line.split_once("-->").is_some_and(|(start, end)| {
            super::subtitles::parse_time(start.trim()).is_some()
                && end.split_whitespace().next().is_some_and(|end| super::subtitles::parse_time(end).is_some())
        })
    };
    timing(first) || (!first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit()) && lines.next().is_some_and(timing))
}

/// Header lines of a message: at least two of the usual ones before the first empty line, and nothing else.
fn is_mail(head: &str) -> bool {
    const USUAL: [&str; 14] = [
        "from",
        "to",
        "subject",
        "date",
        "mime-version",
        "received",
        "message-id",
        "return-path",
        "content-type",
        "delivered-to",
        "cc",
        "reply-to",
        "x-mailer",
        "content-transfer-encoding",
    ];
    let mut known: Vec<&str> = Vec::new();
    for (index, line) in head.lines().take(200).enumerate() {
        if line.trim().is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) || (index == 0 && line.starts_with("From ")) {
            continue;
        }
        let Some((field, _)) = line.split_once(':') else { return false };
        if field.is_empty() || !field.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
            return false;
        }
        if let Some(name) = USUAL.iter().find(|usual| usual.eq_ignore_ascii_case(field))
            && !known.contains(name)
        {
            known.push(name);
        }
    }
    known.len() >= 3 || (known.len() == 2 && known.iter().any(|name| matches!(*name, "mime-version" | "message-id" | "received")))
}

/// JSON where the whole file is one object or array, JSONL where each of the first lines is one.
fn json_kind(head: &str, bytes: &[u8]) -> Option<Format> {
    if !head.starts_with(['{', '[']) {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?.trim_start_matches('\u{feff}');
    if super::json::is_value(text) {
        return Some(Format::Json);
    }
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let whole = lines.by_ref().take(3).all(|line| line.trim_start().starts_with('{') && super::json::is_value(line));
    whole.then_some(Format::Jsonl)
}

/// Control characters and zero bytes that no text has.
pub(crate) fn looks_binary(bytes: &[u8]) -> bool {
    let sample = &bytes[..bytes.len().min(1 << 16)];
    let controls = sample.iter().filter(|&&byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b)).count();
    controls * 100 > sample.len()
}
