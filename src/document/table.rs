//! Tables as text: CSV (comma, semicolon, tab or bar, told from the file) and TSV, quoted as RFC 4180 says.

use super::builder::TextBuilder;
use super::error::Result;
use super::grid::{self, Cell, Pieces};
use super::xml::Patches;
use super::{Decoded, Document, Format, Raw, ReadOptions, Reader, Translations};
use std::ops::Range;

pub(crate) struct Table;

impl Reader for Table {
    fn read(&self, raw: &Raw<'_>, options: &ReadOptions) -> Result<Document> {
        Ok(extract(&raw.decode(options), raw.format, options)?.document)
    }

    fn write_translated(&self, raw: &Raw<'_>, options: &ReadOptions, translations: &Translations<'_>) -> Result<Vec<u8>> {
        let decoded = raw.decode(options);
        let extract = extract(&decoded, raw.format, options)?;
        translations.check(&extract.document)?;
        let mut patches = Patches::default();
        for (cell, pieces) in extract.cells.iter().zip(&extract.pieces).filter(|(_, pieces)| !pieces.is_empty()) {
            let value = translations.replace_pieces(&cell.text, pieces);
            let quoted = decoded.text[cell.place.clone()].starts_with('"');
            let needs = value.contains(['"', '\n', '\r', extract.delimiter as char]) || value.starts_with(' ');
            let value = if quoted || needs { format!("\"{}\"", value.replace('"', "\"\"")) } else { value };
            patches.replace(cell.place.clone(), value);
        }
        let mark = if raw.bytes.starts_with(b"\xef\xbb\xbf") { "\u{feff}" } else { "" };
        Ok(format!("{mark}{}", patches.apply(&decoded.text)).into_bytes())
    }
}

struct Extract {
    document: Document,
    cells: Vec<Cell>,
    pieces: Vec<Pieces>,
    delimiter: u8,
}

fn extract(decoded: &Decoded, format: Format, options: &ReadOptions) -> Result<Extract> {
    let delimiter = if format == Format::Tsv { b'\t' } else { delimiter(&decoded.text) };
    let (cells, unclosed) = cells(&decoded.text, delimiter);
    let mut builder = TextBuilder::default();
    decoded.warnings.iter().for_each(|warning| builder.warn(warning));
    if let Some(row) = unclosed {
        builder.warn(format!("a quoted field in line {} does not end: its quote was taken as text", row + 1));
    }
    let pieces = grid::add(&cells, &options.columns, &mut builder)?;
    Ok(Extract { document: builder.finish(), cells, pieces, delimiter })
}

/// The character that cuts the first lines into equally many fields, more than one.
fn delimiter(text: &str) -> u8 {
    let end = text.char_indices().nth(64 << 10).map_or(text.len(), |(at, _)| at);
    let sample = &text[..end];
    let score = |delimiter: u8| {
        let mut widths: Vec<u32> = Vec::new();
        each_cell(sample, delimiter, &mut |row, column, _, _| match row as usize {
            row if row < widths.len() => widths[row] = column + 1,
            _ => widths.push(column + 1),
        });
        // The last row may be cut.
        let whole = &widths[..widths.len().saturating_sub(1).max(1).min(widths.len())];
        let Some(first) = whole.first().filter(|first| **first > 1) else { return (0, 0) };
        let same = whole.iter().filter(|width| *width == first).count();
        (same * 100 / whole.len(), *first)
    };
    // Of equal scores the last one wins: the comma.
    *b"|;\t,".iter().max_by_key(|delimiter| score(**delimiter)).unwrap_or(&b',')
}

/// The cells that have a letter, and those of the first row. Also gives the row of a quote that never ends, if there is one.
fn cells(text: &str, delimiter: u8) -> (Vec<Cell>, Option<u32>) {
    let mut cells = Vec::new();
    let unclosed = each_cell(text, delimiter, &mut |row, column, place, quoted| {
        let raw = &text[place.clone()];
        if row == 0 || raw.chars().any(char::is_alphabetic) {
            let text = if quoted { raw[1..raw.len() - 1].replace("\"\"", "\"") } else { raw.to_owned() };
            cells.push(Cell { row, column, text, place });
        }
    });
    (cells, unclosed)
}

/// Calls `found` with row, column, place and quotedness of every cell, empty ones included.
fn each_cell(text: &str, delimiter: u8, found: &mut dyn FnMut(u32, u32, Range<usize>, bool)) -> Option<u32> {
    let bytes = text.as_bytes();
    let (mut row, mut column, mut at) = (0u32, 0u32, 0usize);
    let mut unclosed = None;
    while at < bytes.len() {
        let start = at;
        let end = (unclosed.is_none() && bytes[at] == b'"').then(|| quoted_end(bytes, at));
        let quoted = match end {
            Some(Some(end)) if end == bytes.len() || bytes[end] == delimiter || matches!(bytes[end], b'\n' | b'\r') => {
                at = end;
                true
            }
            other => {
                if other == Some(None) {
                    unclosed = Some(row);
                }
                while at < bytes.len() && bytes[at] != delimiter && !matches!(bytes[at], b'\n' | b'\r') {
                    at += 1;
                }
                false
            }
        };
        found(row, column, start..at, quoted);
        match bytes.get(at) {
            Some(byte) if *byte == delimiter => {
                column += 1;
                at += 1;
                if at == bytes.len() {
                    found(row, column, at..at, false);
                }
            }
            Some(byte) => {
                at += if *byte == b'\r' && bytes.get(at + 1) == Some(&b'\n') { 2 } else { 1 };
                row += 1;
                column = 0;
            }
            None => {}
        }
    }
    unclosed
}

/// End of the quoted field that begins at `at`, its closing quote included.
fn quoted_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        match (bytes.get(at)?, bytes.get(at + 1)) {
            (b'"', Some(b'"')) => at += 2,
            (b'"', _) => return Some(at + 1),
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_those_of_the_csv_crate() {
        let tables = ["a,b\n1,2\n", "a,\"b,\nc\"\r\n\"x\"\"y\",\n", "ا;ب\n", "\"\",\"\"\n,\n"];
        for table in tables {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(table.as_bytes());
            let expected: Vec<String> =
                reader.records().flat_map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()).collect();
            let mut found = Vec::new();
            each_cell(table, b',', &mut |_, _, place, quoted| {
                let raw = &table[place];
                found.push(if quoted { raw[1..raw.len() - 1].replace("\"\"", "\"") } else { raw.to_owned() });
            });
            assert_eq!(found, expected, "{table:?}");
        }
    }

    #[test]
    fn the_delimiter_is_told_from_the_lines() {
        for (table, expected) in
            [("a;b;c\n1,5;2;3\n", b';'), ("a\tb\nc d, e\tf\n", b'\t'), ("نص,رقم\n\"واحد; اثنان\",2\n", b','), ("نص\nآخر\n", b',')]
        {
            assert_eq!(delimiter(table), expected, "{table:?}");
        }
    }

    #[test]
    fn a_quote_without_end_does_not_swallow_the_table() {
        let mut count = 0;
        let unclosed = each_cell("a,b\n\"x,y\nz,w\n", b',', &mut |_, _, _, _| count += 1);
        assert_eq!((unclosed, count), (Some(1), 6));
    }
}
