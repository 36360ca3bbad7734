//! What can go wrong while a file is read: what happened, to which file, and what to do about it.

use std::fmt;
use std::io;

/// A file that could not be read. `Display` says `NAME: what happened` and, where there is something to do, on a second line `hint: what`.
#[derive(Debug)]
pub struct ReadError {
    /// The file as shown to people, as in [`crate::document::Document::name`].
    pub name: String,
    pub kind: ReadErrorKind,
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadErrorKind {
    #[error("cannot be opened: {}", io_reason(.0))]
    Io(#[from] io::Error),
    #[error("the file is empty")]
    Empty,
    #[error("no text in it: {0}")]
    NoText(String),
    /// `what` names the kind of file: `a PNG image`.
    #[error("not a text document but {what}")]
    Binary { what: String },
    #[error("{what} cannot be read")]
    Unsupported { what: String, hint: String },
    #[error("{what} is encrypted")]
    Encrypted { what: String },
    #[error("a scanned PDF without a text layer ({pages} {})", if *.pages == 1 { "page" } else { "pages" })]
    Scanned { pages: usize },
    #[error("{} is too large (the limit is {})", human(*.size), human(*.limit))]
    TooLarge { size: u64, limit: u64 },
    /// Unpacks to more than is allowed, nests too deep, defines entities, names a path outside: built to do harm, or as good as.
    #[error("refused: {0}")]
    Refused(String),
    #[error("damaged or not what its name says: not a readable {format} file ({reason})")]
    Malformed { format: &'static str, reason: String },
    /// `what` names the kind of file: `Word document`.
    #[error("not a readable {what} (damaged ZIP: {reason})")]
    DamagedZip { what: &'static str, reason: String },
    #[error("no column {column:?} (there are: {available})")]
    NoColumn { column: String, available: String },
    #[error("no field {field:?} in any record")]
    NoField { field: String },
    #[error("changed since it was read")]
    Changed,
    #[error("no translated copy can be written of {format} files")]
    NoCopy { format: &'static str },
}

pub type Result<T, E = ReadErrorKind> = std::result::Result<T, E>;

impl ReadErrorKind {
    pub(crate) fn malformed(format: &'static str, reason: impl fmt::Display) -> Self {
        ReadErrorKind::Malformed { format, reason: short(&reason.to_string(), 160) }
    }

    pub(crate) fn named(self, name: &str) -> ReadError {
        ReadError { name: name.to_owned(), kind: self }
    }

    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            ReadErrorKind::Io(error) => match error.kind() {
                io::ErrorKind::NotFound => "check the spelling of the path".to_owned(),
                io::ErrorKind::PermissionDenied => "check who may read it (ls -l)".to_owned(),
                _ => return None,
            },
            ReadErrorKind::Empty => return None,
            ReadErrorKind::NoText(_) => return None,
            ReadErrorKind::Binary { .. } => {
                "jisr reads text, Markdown, HTML, DOCX, ODT, PPTX, PDF, EML, SRT/VTT, CSV/TSV/XLSX and JSON/JSONL, also in .gz or .zip"
                    .to_owned()
            }
            ReadErrorKind::Unsupported { hint, .. } => hint.clone(),
            ReadErrorKind::Encrypted { .. } => "save a copy without a password and translate that".to_owned(),
            ReadErrorKind::Scanned { .. } => "run it through OCR first (for example: ocrmypdf -l ara IN.pdf OUT.pdf)".to_owned(),
            ReadErrorKind::TooLarge { .. } => "split the file into parts, or raise the limit with --max-file-size".to_owned(),
            ReadErrorKind::Refused(_) => "if you trust the file, open it in its own program and save it anew or as text".to_owned(),
            ReadErrorKind::Malformed { .. } => {
                "open it in its own program and save it anew, or name its real format with --input-format".to_owned()
            }
            ReadErrorKind::DamagedZip { .. } => {
                "copy or fetch it again: it may have been cut short; or let its own program repair it and save it anew".to_owned()
            }
            ReadErrorKind::NoColumn { .. } => "name a column by its header or by its number, counted from 1".to_owned(),
            ReadErrorKind::NoField { .. } => "a field is a path such as body, article.text or items[].title".to_owned(),
            ReadErrorKind::Changed => "run the translation again".to_owned(),
            ReadErrorKind::NoCopy { .. } => "choose another output format, for example -f docx or -f html".to_owned(),
        })
    }
}

impl ReadError {
    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        self.kind.hint()
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.name == "-" { "standard input" } else { &self.name };
        write!(f, "{name}: {}", self.kind)?;
        match self.hint() {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            ReadErrorKind::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// `text` on one line and not longer than `most` characters: what libraries say quotes the file.
pub(crate) fn short(text: &str, most: usize) -> String {
    let mut out: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect();
    if text.chars().nth(most).is_some() {
        out.push('…');
    }
    out
}

/// The plain reason of an I/O error, without `(os error 2)`.
fn io_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or(&text).to_owned()
        }
    }
}

/// A size as people say it: `200 MB`.
fn human(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    for (unit, name) in UNITS {
        if bytes >= unit {
            let value = bytes as f64 / unit as f64;
            return if value < 10.0 { format!("{value:.1} {name}") } else { format!("{value:.0} {name}") };
        }
    }
    format!("{bytes} bytes")
}
