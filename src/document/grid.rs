//! Tables of cells, whatever file they come from: which columns are to be translated, and their cells as blocks.

use super::builder::TextBuilder;
use super::error::{ReadErrorKind, Result, short};
use super::{BlockKind, is_arabic_letter};
use std::collections::BTreeMap;
use std::ops::Range;

/// A cell with text; 0-based row and column.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub row: u32,
    pub column: u32,
    pub text: String,
    /// Where it stands in its file, for a translated copy.
    pub place: Range<usize>,
}

/// Blocks that one cell became, each with its byte range in the cell's text.
pub(crate) type Pieces = Vec<(usize, Range<usize>)>;

/// What is known of a column.
#[derive(Default)]
struct Column {
    /// Cells with letters below the first row, and how many of them are Arabic.
    lettered: usize,
    arabic: usize,
    header: String,
}

/// Adds the cells to translate as blocks, in order. Gives, for each cell, what became of it.
///
/// Which they are [`select`] says.
pub(crate) fn add(cells: &[Cell], wanted: &[String], builder: &mut TextBuilder) -> Result<Vec<Pieces>> {
    let selected = select(cells, wanted)?;
    let push = |(cell, selected): (&Cell, bool)| {
        if selected {
            builder.push_lines(BlockKind::Cell { row: cell.row, column: cell.column }, &cell.text)
        } else {
            Pieces::new()
        }
    };
    Ok(cells.iter().zip(selected).map(push).collect())
}

/// Whether each cell is to be translated.
///
/// `wanted` names columns by header, number from 1, or letter; empty, every column is taken whose text is Arabic, and of the other columns
/// single cells that are. Cells without a letter are nobody's text. A header is taken where it is Arabic.
pub(crate) fn select(cells: &[Cell], wanted: &[String]) -> Result<Vec<bool>> {
    let first = cells.iter().map(|cell| cell.row).min().unwrap_or(0);
    let mut columns: BTreeMap<u32, Column> = BTreeMap::new();
    for cell in cells {
        let column = columns.entry(cell.column).or_default();
        if cell.row == first {
            column.header = cell.text.trim().to_owned();
        } else if cell.text.chars().any(char::is_alphabetic) {
            column.lettered += 1;
            column.arabic += usize::from(is_mostly_arabic(&cell.text));
        }
    }
    let chosen = wanted.iter().map(|name| choose(name, &columns)).collect::<Result<Vec<u32>>>()?;
    let takes = |cell: &Cell| {
        let has_arabic = cell.text.chars().any(is_arabic_letter);
        if cell.row == first && !has_arabic || !cell.text.chars().any(char::is_alphabetic) {
            return false;
        }
        if !wanted.is_empty() {
            return chosen.contains(&cell.column);
        }
        let column = &columns[&cell.column];
        let arabic_column = column.arabic * 10 >= column.lettered * 3 && column.arabic > 0;
        (arabic_column && !is_address(&cell.text)) || is_mostly_arabic(&cell.text)
    };
    Ok(cells.iter().map(takes).collect())
}

fn choose(name: &str, columns: &BTreeMap<u32, Column>) -> Result<u32> {
    let wanted = name.trim();
    let by_header =
        |equal: &dyn Fn(&str) -> bool| columns.iter().find(|(_, column)| equal(&column.header)).map(|(index, _)| *index);
    let by_number =
        || wanted.parse::<u32>().ok().and_then(|number| number.checked_sub(1)).filter(|index| columns.contains_key(index));
    let by_letter = || {
        let letters = (1..=3).contains(&wanted.len()) && wanted.bytes().all(|byte| byte.is_ascii_uppercase());
        super::xlsx::column_of(wanted).filter(|index| letters && columns.contains_key(index))
    };
    by_header(&|header| header == wanted)
        .or_else(|| by_header(&|header| !header.is_empty() && header.to_lowercase() == wanted.to_lowercase()))
        .or_else(by_number)
        .or_else(by_letter)
        .ok_or_else(|| {
            let headers: Vec<String> =
                columns.iter().take(12).map(|(index, column)| format!("{} {:?}", index + 1, short(&column.header, 30))).collect();
            ReadErrorKind::NoColumn { column: name.to_owned(), available: headers.join(", ") }
        })
}

/// More Arabic letters than others.
pub(crate) fn is_mostly_arabic(text: &str) -> bool {
    let (mut arabic, mut other) = (0usize, 0usize);
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        if is_arabic_letter(c) {
            arabic += 1;
        } else {
            other += 1;
        }
    }
    arabic > other
}

fn is_address(text: &str) -> bool {
    let text = text.trim();
    !text.contains(char::is_whitespace) && (text.contains("://") || (text.contains('@') && text.contains('.')))
}
