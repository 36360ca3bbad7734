//! Plain text: decoded as it stands; where its paragraphs begin is for [`crate::text`] to say.

use super::error::{ReadErrorKind, Result};
use super::{Block, Document, Raw, ReadOptions, Reader, Translations};

pub(crate) struct Plain;

impl Reader for Plain {
    /// The text is the decoded file, byte for byte without its byte order mark, so offsets are those of the file where it is UTF-8.
    fn read(&self, raw: &Raw<'_>, options: &ReadOptions) -> Result<Document> {
        let decoded = raw.decode(options);
        let controls = decoded.text.chars().filter(|c| c.is_control() && !c.is_whitespace() && *c != '\u{1b}').count();
        if controls * 50 > decoded.text.chars().count() {
            return Err(ReadErrorKind::Binary { what: "binary data".to_owned() });
        }
        let blocks = layout(&decoded.text);
        Ok(Document { blocks, text: decoded.text, warnings: decoded.warnings, ..Document::default() })
    }

    fn write_translated(&self, raw: &Raw<'_>, options: &ReadOptions, translations: &Translations<'_>) -> Result<Vec<u8>> {
        // Blocks need not be those of `read`: with `--lines` every line is one.
        let text = raw.decode(options).text;
        Ok(translations.replace_blocks(&text)?.into_bytes())
    }
}

/// Blocks of text whose only markup is its lines.
pub(crate) fn layout(text: &str) -> Vec<Block> {
    crate::text::blocks(text)
}

/// Every line as a block, empty ones too; a last line end is no line of its own.
pub(crate) fn lines(text: &str) -> Vec<Block> {
    let mut start = 0;
    let mut blocks = Vec::new();
    for line in text.split_inclusive('\n') {
        let body = line.strip_suffix('\n').unwrap_or(line);
        let body = body.strip_suffix('\r').unwrap_or(body);
        blocks.push(Block { range: start..start + body.len(), ..Block::default() });
        start += line.len();
    }
    blocks
}
