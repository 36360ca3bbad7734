//! The options that say how inputs are read, shared by `translate` and `split`.

use super::UsageError;
use jisr::document::{Format, ReadOptions};

/// How inputs are read.
#[derive(clap::Args, Debug, Clone)]
#[command(next_help_heading = "Input")]
pub struct ReadArgs {
    /// Format of every input, whatever it looks like (default: by its content, then its name)
    #[arg(long, value_name = "FORMAT", env = "JISR_INPUT_FORMAT")]
    pub input_format: Option<Format>,

    /// Encoding of every text input, whatever it looks like (windows-1256, utf-8, …)
    #[arg(long, value_name = "NAME", env = "JISR_INPUT_ENCODING")]
    pub input_encoding: Option<String>,

    /// Every text of a web page, not its main text only
    #[arg(long, env = "JISR_HTML_ALL", value_parser = clap::builder::FalseyValueParser::new())]
    pub html_all: bool,

    /// Column of CSV, TSV and spreadsheets to translate, by header or number (default: those that are Arabic)
    #[arg(long, value_name = "NAME|N", env = "JISR_COLUMN", value_delimiter = ',')]
    pub column: Vec<String>,

    /// Field of JSON to translate: body, article.text, items[].title (default: the strings that are Arabic)
    #[arg(long, value_name = "PATH", env = "JISR_FIELD", value_delimiter = ',')]
    pub field: Vec<String>,

    /// Largest file to read, in MB
    #[arg(long, value_name = "MB", env = "JISR_MAX_FILE_SIZE", default_value_t = ReadOptions::DEFAULT_MAX_BYTES / 1_000_000)]
    pub max_file_size: u64,
}

impl ReadArgs {
    pub fn options(&self) -> Result<ReadOptions, UsageError> {
        if let Some(name) = &self.input_encoding
            && encoding_rs::Encoding::for_label(name.as_bytes()).is_none()
        {
            return Err(UsageError(format!(
                "no encoding is called {name:?}\nhint: names are those of the web: utf-8, windows-1256, iso-8859-6, utf-16le"
            )));
        }
        Ok(ReadOptions {
            format: self.input_format,
            encoding: self.input_encoding.clone(),
            html_all: self.html_all,
            columns: self.column.clone(),
            fields: self.field.clone(),
            lines: false,
            max_bytes: self.max_file_size.saturating_mul(1_000_000),
        })
    }
}
