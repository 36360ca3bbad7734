//! Spreadsheets: XLSX (ECMA-376), cell by cell, and the old XLS for reading alone.
//!
//! Only cells with text count; numbers and dates stay as they are.

use super::archive::Package;
use super::builder::TextBuilder;
use super::error::{ReadErrorKind, Result};
use super::grid::{self, Cell, Pieces};
use super::opc;
use super::xml::{Patches, Token, Xml, escape};
use super::{Document, Format, Raw, ReadOptions, Reader, Translations};
use std::ops::Range;

pub(crate) struct Xlsx;
pub(crate) struct Xls;

/// Columns and rows that a sheet can have.
const MAX_COLUMNS: u32 = 16_384;
const MAX_ROWS: u32 = 1_048_576;

/// The place of a cell that a formula computes: in a translated copy it is computed anew.
const COMPUTED: Range<usize> = 0..0;

struct Sheet {
    part: String,
    xml: String,
    cells: Vec<Cell>,
    pieces: Vec<Pieces>,
}

impl Reader for Xlsx {
    fn read(&self, raw: &Raw<'_>, options: &ReadOptions) -> Result<Document> {
        let mut package = Package::open(raw.bytes, Format::Xlsx, options.max_bytes * 2)?;
        Ok(extract(&mut package, options)?.0)
    }

    fn write_translated(&self, raw: &Raw<'_>, options: &ReadOptions, translations: &Translations<'_>) -> Result<Vec<u8>> {
        let mut package = Package::open(raw.bytes, Format::Xlsx, options.max_bytes * 2)?;
        let (document, sheets) = extract(&mut package, options)?;
        translations.check(&document)?;
        let mut replaced = Vec::new();
        for sheet in &sheets {
            let headers = table_headers(&mut package, &sheet.part)?;
            let mut patches = Patches::default();
            for (cell, pieces) in sheet.cells.iter().zip(&sheet.pieces).filter(|(_, pieces)| !pieces.is_empty()) {
                // The headers of an Excel table are also its columns' names, which formulas use.
                if cell.place != COMPUTED && !headers.iter().any(|range| range.contains(cell)) {
                    let text = translations.replace_pieces(&cell.text, pieces);
                    patches.replace(cell.place.clone(), inline_cell(&sheet.xml[cell.place.clone()], &text));
                }
            }
            let mut xml = Xml::new(&sheet.xml, "XLSX");
            while let Some((token, range)) = xml.next()? {
                match token {
                    Token::Open(element) if element.name() == "sheetView" && element.attribute("rightToLeft").is_some() => {
                        let tag = sheet.xml[range.clone()].replace("rightToLeft=\"1\"", "rightToLeft=\"0\"");
                        patches.replace(range, tag.replace("rightToLeft=\"true\"", "rightToLeft=\"0\""));
                    }
                    Token::Open(element) if element.name() == "sheetData" => break,
                    _ => {}
                }
            }
            replaced.push((sheet.part.clone(), patches.apply(&sheet.xml).into_bytes()));
        }
        package.with_parts(&replaced)
    }
}

fn extract(package: &mut Package<'_>, options: &ReadOptions) -> Result<(Document, Vec<Sheet>)> {
    let main = opc::main_part(package)?.unwrap_or_else(|| "xl/workbook.xml".to_owned());
    let Some(workbook) = package.part(&main)? else {
        return Err(ReadErrorKind::malformed("XLSX", format!("its part {main} is missing")));
    };
    let relations = opc::relations(package, &main)?;
    let strings = match relations.iter().find(|relation| relation.kind == "sharedStrings") {
        Some(relation) => match package.part(&relation.target)? {
            Some(xml) => shared_strings(&super::decode(&xml, None).text)?,
            None => Vec::new(),
        },
        None => Vec::new(),
    };
    let mut builder = TextBuilder::default();
    let mut sheets = Vec::new();
    let mut missing = None;
    for (name, id) in sheet_list(&super::decode(&workbook, None).text)? {
        let Some(relation) = relations.iter().find(|relation| relation.id == id && relation.kind == "worksheet") else {
            continue;
        };
        let Some(bytes) = package.part(&relation.target)? else { continue };
        builder.section(format!("sheet {name}"));
        let related = opc::relations(package, &relation.target)?;
        if related.iter().any(|relation| matches!(relation.kind.as_str(), "comments" | "threadedComment" | "drawing")) {
            builder.warn("comments, charts and text boxes on sheets are not translated");
        }
        let xml = super::decode(&bytes, None).text;
        let cells = sheet_cells(&xml, &strings)?;
        // A column that only some sheets have is looked for in those.
        let pieces = match grid::add(&cells, &options.columns, &mut builder) {
            Ok(pieces) => pieces,
            Err(error) => {
                missing = Some(error);
                vec![Pieces::new(); cells.len()]
            }
        };
        sheets.push(Sheet { part: relation.target.clone(), xml, cells, pieces });
    }
    let document = builder.finish();
    match missing {
        Some(error) if document.blocks.is_empty() => Err(error),
        _ => Ok((document, sheets)),
    }
}

/// Names of the sheets and their relation identifiers, in order.
fn sheet_list(text: &str) -> Result<Vec<(String, String)>> {
    let mut sheets = Vec::new();
    let mut xml = Xml::new(text, "XLSX");
    while let Some((token, _)) = xml.next()? {
        if let Token::Open(element) = token
            && element.name() == "sheet"
        {
            sheets.push((element.attribute("name").unwrap_or_default(), element.attribute("id").unwrap_or_default()));
        }
    }
    Ok(sheets)
}

fn shared_strings(text: &str) -> Result<Vec<String>> {
    let mut strings = Vec::new();
    let mut in_text = false;
    let mut xml = Xml::new(text, "XLSX");
    while let Some((token, _)) = xml.next()? {
        match token {
            Token::Open(element) => match element.name() {
                "si" => strings.push(String::new()),
                // Phonetic hints.
                "rPh" => {
                    xml.skip(&element)?;
                }
                "t" => in_text = !element.empty,
                _ => {}
            },
            Token::Close(name) if name == "t" => in_text = false,
            Token::Text(piece) if in_text => {
                if let Some(string) = strings.last_mut() {
                    string.push_str(&piece);
                }
            }
            _ => {}
        }
    }
    Ok(strings)
}

fn sheet_cells(text: &str, strings: &[String]) -> Result<Vec<Cell>> {
    let mut cells = Vec::new();
    let (mut row, mut column) = (0u32, 0u32);
    let mut xml = Xml::new(text, "XLSX");
    while let Some((token, range)) = xml.next()? {
        let Token::Open(element) = token else { continue };
        match element.name() {
            "row" => {
                // Rows count from 1; one without a number follows the last.
                row = element.attribute("r").and_then(|number| number.parse().ok()).unwrap_or(row + 1).min(MAX_ROWS);
                column = 0;
            }
            "c" => {
                if let Some(found) = element
                    .attribute("r")
                    .and_then(|reference| column_of(reference.trim_end_matches(|c: char| c.is_ascii_digit())))
                {
                    column = found;
                }
                let kind = element.attribute("t").unwrap_or_default();
                if !element.empty {
                    let (value, inline, formula, end) = cell_content(&mut xml)?;
                    let string = match kind.as_str() {
                        "s" => value.trim().parse::<usize>().ok().and_then(|index| strings.get(index).cloned()),
                        "inlineStr" => Some(inline),
                        "str" => Some(value),
                        _ => None,
                    };
                    if let Some(string) = string.filter(|string| !string.is_empty()) {
                        let place = if formula { COMPUTED } else { range.start..end };
                        cells.push(Cell { row: row.saturating_sub(1), column, text: string, place });
                    }
                }
                column = (column + 1).min(MAX_COLUMNS);
            }
            _ => {}
        }
    }
    Ok(cells)
}

/// A cell's value, its inline text, whether a formula computes it, and where it ends.
fn cell_content(xml: &mut Xml<'_>) -> Result<(String, String, bool, usize)> {
    let (mut value, mut inline, mut formula) = (String::new(), String::new(), false);
    let mut inside = String::new();
    loop {
        match xml.next()? {
            Some((Token::Open(element), _)) => match element.name() {
                "rPh" => {
                    xml.skip(&element)?;
                }
                "f" => {
                    formula = true;
                    xml.skip(&element)?;
                }
                name => inside = if element.empty { String::new() } else { name.to_owned() },
            },
            Some((Token::Close(name), range)) if name == "c" => return Ok((value, inline, formula, range.end)),
            Some((Token::Close(_), _)) => inside.clear(),
            Some((Token::Text(piece), _)) => match inside.as_str() {
                "v" => value.push_str(&piece),
                "t" => inline.push_str(&piece),
                _ => {}
            },
            None => return Err(ReadErrorKind::malformed("XLSX", "a cell does not end")),
        }
    }
}

/// A cell's element with its text in place: reference and style kept, other attributes and content replaced.
fn inline_cell(old: &str, text: &str) -> String {
    let open = &old[..old.find('>').map_or(old.len(), |at| at + 1)];
    let name: String = open[1..].chars().take_while(|c| !c.is_whitespace() && *c != '>').collect();
    let prefix = name.strip_suffix('c').unwrap_or_default();
    let mut kept = String::new();
    for attribute in ["r", "s"] {
        let marker = format!(" {attribute}=\"");
        if let Some(value) = open.find(&marker).and_then(|at| open[at + marker.len()..].split('"').next()) {
            kept.push_str(&format!(" {attribute}=\"{value}\""));
        }
    }
    let text = escape(text);
    format!(
        "<{name}{kept} t=\"inlineStr\"><{prefix}is><{prefix}t xml:space=\"preserve\">{text}</{prefix}t></{prefix}is></{name}>"
    )
}

/// `B` is 1, `AA` is 26.
pub(crate) fn column_of(letters: &str) -> Option<u32> {
    let mut column = 0u32;
    for byte in letters.bytes() {
        let digit = u32::from(byte.to_ascii_uppercase()).checked_sub(u32::from(b'A')).filter(|digit| *digit < 26)?;
        column = column.checked_mul(26)?.checked_add(digit + 1)?;
    }
    column.checked_sub(1).filter(|column| *column < MAX_COLUMNS)
}

/// A row of cells.
struct HeaderRow {
    row: u32,
    columns: Range<u32>,
}

impl HeaderRow {
    fn contains(&self, cell: &Cell) -> bool {
        cell.row == self.row && self.columns.contains(&cell.column)
    }
}

/// The header rows of the Excel tables on a sheet.
fn table_headers(package: &mut Package<'_>, sheet: &str) -> Result<Vec<HeaderRow>> {
    let mut rows = Vec::new();
    for relation in opc::relations(package, sheet)?.into_iter().filter(|relation| relation.kind == "table") {
        let Some(bytes) = package.part(&relation.target)? else { continue };
        let text = super::decode(&bytes, None).text;
        let mut xml = Xml::new(&text, "XLSX");
        while let Some((token, _)) = xml.next()? {
            if let Token::Open(element) = token
                && element.name() == "table"
                && element.attribute("headerRowCount").as_deref() != Some("0")
            {
                let reference = element.attribute("ref").unwrap_or_default();
                let (from, to) = reference.split_once(':').unwrap_or((&reference, &reference));
                let column = |reference: &str| column_of(reference.trim_end_matches(|c: char| c.is_ascii_digit()));
                let row = from.trim_start_matches(|c: char| c.is_ascii_alphabetic()).parse::<u32>().ok();
                if let (Some(first), Some(last), Some(row)) = (column(from), column(to), row) {
                    rows.push(HeaderRow { row: row.saturating_sub(1), columns: first..last + 1 });
                }
                break;
            }
        }
    }
    Ok(rows)
}

impl Reader for Xls {
    fn read(&self, raw: &Raw<'_>, options: &ReadOptions) -> Result<Document> {
        use calamine::{Data, Reader as _};
        let mut workbook = calamine::Xls::new(std::io::Cursor::new(raw.bytes)).map_err(|error| {
            if error.to_string().to_lowercase().contains("password") {
                ReadErrorKind::Encrypted { what: "this XLS file".to_owned() }
            } else {
                ReadErrorKind::malformed("XLS", error)
            }
        })?;
        let mut builder = TextBuilder::default();
        for (name, range) in workbook.worksheets() {
            builder.section(format!("sheet {name}"));
            let (top, left) = range.start().unwrap_or((0, 0));
            let cells: Vec<Cell> = range
                .used_cells()
                .filter_map(|(row, column, data)| match data {
                    Data::String(text) => {
                        Some(Cell { row: top + row as u32, column: left + column as u32, text: text.clone(), place: COMPUTED })
                    }
                    _ => None,
                })
                .collect();
            grid::add(&cells, &options.columns, &mut builder)?;
        }
        Ok(builder.finish())
    }

    fn write_translated(&self, _: &Raw<'_>, _: &ReadOptions, _: &Translations<'_>) -> Result<Vec<u8>> {
        Err(ReadErrorKind::NoCopy { format: "XLS" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_by_letters() {
        assert_eq!(["A", "B", "Z", "AA", "XFD"].map(column_of), [Some(0), Some(1), Some(25), Some(26), Some(16_383)]);
        assert_eq!(["", "XFE", "A1", "AAAAAAAAAAAA"].map(column_of), [None; 4]);
    }

    #[test]
    fn a_cell_keeps_its_reference_and_style() {
        assert_eq!(
            inline_cell("<x:c r=\"B2\" s=\"4\" t=\"s\"><x:v>0</x:v></x:c>", "a < b"),
            "<x:c r=\"B2\" s=\"4\" t=\"inlineStr\"><x:is><x:t xml:space=\"preserve\">a &lt; b</x:t></x:is></x:c>"
        );
    }
}
