//! OpenDocument text, presentations and spreadsheets (ODT, ODP, ODS): the body with its tables, notes and text boxes, then headers and footers.
//!
//! Changes that are tracked are read as accepted: what was deleted lies apart in `text:tracked-changes` and is passed over.

use super::archive::Package;
use super::builder::TextBuilder;
use super::error::{ReadErrorKind, Result};
use super::grid::{self, Cell};
use super::paragraph::{Paragraph, Placed, patch, place};
use super::xml::{Element, Patches, Token, Xml};
use super::{BlockKind, Document, Format, Raw, ReadOptions, Reader, Translations};
use std::collections::HashSet;

pub(crate) struct Odf;

struct Part {
    name: &'static str,
    xml: String,
    placed: Vec<Placed>,
}

impl Reader for Odf {
    fn read(&self, raw: &Raw<'_>, options: &ReadOptions) -> Result<Document> {
        let mut package = Package::open(raw.bytes, Format::Odt, options.max_bytes * 2)?;
        Ok(extract(&mut package, &options.columns)?.0)
    }

    fn write_translated(&self, raw: &Raw<'_>, options: &ReadOptions, translations: &Translations<'_>) -> Result<Vec<u8>> {
        let mut package = Package::open(raw.bytes, Format::Odt, options.max_bytes * 2)?;
        let (document, parts) = extract(&mut package, &options.columns)?;
        translations.check(&document)?;
        let mut replaced = Vec::new();
        for part in parts {
            let mut patches = Patches::default();
            patch(&part.placed, translations, &mut patches, |_, text| text.to_owned());
            left_to_right(&part.xml, &mut patches)?;
            replaced.push((part.name.to_owned(), patches.apply(&part.xml).into_bytes()));
        }
        package.with_parts(&replaced)
    }
}

/// `columns` are those to translate of a spreadsheet's sheets; where none is named, everything is.
fn extract(package: &mut Package<'_>, columns: &[String]) -> Result<(Document, Vec<Part>)> {
    if let Some(manifest) = package.part("META-INF/manifest.xml")?
        && super::decode(&manifest, None).text.contains("encryption-data")
    {
        return Err(ReadErrorKind::Encrypted { what: "this OpenDocument file".to_owned() });
    }
    let Some(content) = package.part("content.xml")? else {
        return Err(ReadErrorKind::malformed("ODT", "its part content.xml is missing"));
    };
    let mut builder = TextBuilder::default();
    let mut sheets = Sheets { columns, ..Sheets::default() };
    let mut parts = Vec::new();
    parts.push(read_part("content.xml", super::decode(&content, None).text, &mut sheets, &mut builder)?);
    if let Some(styles) = package.part("styles.xml")? {
        parts.push(read_part("styles.xml", super::decode(&styles, None).text, &mut sheets, &mut builder)?);
    }
    let document = builder.finish();
    match sheets.missing {
        Some(error) if document.blocks.is_empty() => Err(error),
        _ => Ok((document, parts)),
    }
}

#[derive(Default)]
struct Table {
    rows: u32,
    columns: u32,
    /// Columns that the last cell fills: equal neighbours are written once.
    width: u32,
}

/// The sheets of a spreadsheet of which some columns are wanted: a sheet's cells wait until all of them are known.
#[derive(Default)]
struct Sheets<'a> {
    columns: &'a [String],
    /// This is a spreadsheet, and columns are named.
    choosing: bool,
    /// The open sheet: its paragraphs in cells, and for each its cells with its index as their place.
    paragraphs: Vec<Paragraph>,
    cells: Vec<Cell>,
    /// A column that a sheet lacks: only some may have it.
    missing: Option<ReadErrorKind>,
}

impl Sheets<'_> {
    fn add(&mut self, paragraph: Paragraph, width: u32) {
        let BlockKind::Cell { row, column: last } = paragraph.kind else { return };
        let index = self.paragraphs.len();
        for column in (last + 1).saturating_sub(width.min(1_000))..=last {
            self.cells.push(Cell { row, column, text: paragraph.text.clone(), place: index..index + 1 });
        }
        self.paragraphs.push(paragraph);
    }

    /// The paragraphs to translate of the sheet that ends.
    fn finish(&mut self) -> Vec<Paragraph> {
        let cells = std::mem::take(&mut self.cells);
        let selected = grid::select(&cells, self.columns).unwrap_or_else(|error| {
            self.missing = Some(error);
            Vec::new()
        });
        let selected: HashSet<usize> =
            cells.iter().zip(selected).filter(|(_, selected)| *selected).map(|(cell, _)| cell.place.start).collect();
        let paragraphs = self.paragraphs.drain(..).enumerate();
        paragraphs.filter(|(index, _)| selected.contains(index)).map(|(_, paragraph)| paragraph).collect()
    }
}

fn read_part(name: &'static str, text: String, sheets: &mut Sheets<'_>, builder: &mut TextBuilder) -> Result<Part> {
    let styles = read_styles(&text)?;
    let in_styles = name == "styles.xml";
    // Of the styles part only headers and footers are text; of the content part all of the body.
    let mut inside = 0usize;
    let mut seen: Vec<(String, usize)> = Vec::new();
    let mut placed = Vec::new();
    let mut open: Vec<Paragraph> = Vec::new();
    let mut boxed: Vec<Paragraph> = Vec::new();
    let mut tables: Vec<Table> = Vec::new();
    let (mut lists, mut slides) = (0usize, 0usize);
    let mut spreadsheet = false;
    let mut finish = |paragraph: Paragraph, builder: &mut TextBuilder| {
        if in_styles {
            if !paragraph.text.chars().any(char::is_alphabetic) {
                return;
            }
            if let Some((_, block)) = seen.iter().find(|(text, _)| *text == paragraph.text) {
                placed.push(Placed { block: *block, runs: paragraph.runs, direction: Vec::new() });
                return;
            }
            let key = paragraph.text.clone();
            let places = place(paragraph, builder);
            seen.extend(places.first().filter(|_| places.len() == 1).map(|place| (key, place.block)));
            placed.extend(places);
        } else {
            placed.extend(place(paragraph, builder));
        }
    };
    let mut xml = Xml::new(&text, "ODT");
    while let Some((token, range)) = xml.next()? {
        match token {
            Token::Open(element) => match element.name() {
                "body" | "header" | "footer" | "header-left" | "footer-left" | "header-first" | "footer-first"
                    if !element.empty && (element.name() == "body") != in_styles =>
                {
                    // Headers and footers are in no column.
                    inside += usize::from(!(in_styles && sheets.choosing));
                }
                "tracked-changes" | "annotation" | "desc" | "title" | "forms" | "ruby-text" | "note-citation"
                | "sequence-decls" | "scripts" | "settings" | "automatic-styles" => {
                    xml.skip(&element)?;
                }
                "page" if !in_styles && !element.empty => {
                    slides += 1;
                    builder.section(format!("slide {slides}"));
                }
                "p" | "h" if element.empty => {}
                "span" if element.attribute("style-name").is_some_and(|style| styles.hidden.contains(&style)) => {
                    xml.skip(&element)?;
                }
                "p" | "h" => {
                    open.push(Paragraph { kind: kind(&element, &styles.titles, tables.last(), lists), ..Paragraph::default() })
                }
                "list" if !element.empty => lists += 1,
                "spreadsheet" => {
                    spreadsheet = true;
                    sheets.choosing = !sheets.columns.is_empty();
                }
                // Nor are text boxes.
                "shapes" if sheets.choosing => {
                    xml.skip(&element)?;
                }
                "table" if !element.empty => {
                    if spreadsheet && tables.is_empty() {
                        builder.section(format!("sheet {}", element.attribute("name").unwrap_or_default()));
                    }
                    tables.push(Table::default());
                }
                "table-row" => {
                    if let Some(table) = tables.last_mut() {
                        table.rows = table.rows.saturating_add(repeated(&element, "number-rows-repeated"));
                        table.columns = 0;
                    }
                }
                "table-cell" | "covered-table-cell" => {
                    if let Some(table) = tables.last_mut() {
                        table.width = repeated(&element, "number-columns-repeated");
                        table.columns = table.columns.saturating_add(table.width);
                    }
                }
                "s" => {
                    let count = element.attribute("c").and_then(|count| count.parse().ok()).unwrap_or(1usize).min(1000);
                    if let Some(paragraph) = open.last_mut() {
                        let end = if element.empty { range.end } else { xml.skip(&element)? };
                        paragraph.push_space(&" ".repeat(count), range.start..end);
                    }
                }
                name @ ("tab" | "line-break") => {
                    let space = if name == "tab" { "\t" } else { "\n" };
                    if let Some(paragraph) = open.last_mut() {
                        let end = if element.empty { range.end } else { xml.skip(&element)? };
                        paragraph.push_space(space, range.start..end);
                    }
                }
                _ => {}
            },
            Token::Close(name) => match name.as_str() {
                "body" | "header" | "footer" | "header-left" | "footer-left" | "header-first" | "footer-first"
                    if (name == "body") != in_styles =>
                {
                    inside = inside.saturating_sub(1);
                }
                "p" | "h" => match open.pop() {
                    Some(paragraph) if open.is_empty() => {
                        let width = tables.last().map_or(1, |table| table.width);
                        for paragraph in std::iter::once(paragraph).chain(boxed.drain(..)).filter(|_| inside > 0) {
                            if sheets.choosing { sheets.add(paragraph, width) } else { finish(paragraph, builder) }
                        }
                    }
                    Some(paragraph) => boxed.push(paragraph),
                    None => {}
                },
                "list" => lists = lists.saturating_sub(1),
                "table" => {
                    tables.pop();
                    if tables.is_empty() && sheets.choosing {
                        sheets.finish().into_iter().for_each(|paragraph| finish(paragraph, builder));
                    }
                }
                _ => {}
            },
            // In a file, white space of any length is one space (ODF 1.3, 6.1.2).
            Token::Text(piece) => {
                if let Some(paragraph) = open.last_mut() {
                    paragraph.push(&piece.replace(['\n', '\r', '\t'], " "), range);
                }
            }
        }
    }
    Ok(Part { name, xml: text, placed })
}

fn repeated(element: &Element<'_>, attribute: &str) -> u32 {
    element.attribute(attribute).and_then(|count| count.parse().ok()).unwrap_or(1).max(1)
}

fn kind(element: &Element<'_>, titles: &HashSet<String>, table: Option<&Table>, lists: usize) -> BlockKind {
    if let Some(table) = table {
        return BlockKind::Cell { row: table.rows.saturating_sub(1), column: table.columns.saturating_sub(1) };
    }
    let style = element.attribute("style-name").unwrap_or_default();
    if element.name() == "h" {
        let level = element.attribute("outline-level").and_then(|level| level.parse::<u8>().ok()).unwrap_or(1);
        BlockKind::Heading(level.clamp(1, 6))
    } else if titles.contains(&style) {
        BlockKind::Heading(1)
    } else if lists > 0 {
        BlockKind::ListItem
    } else {
        BlockKind::Paragraph
    }
}

/// What the styles of a part say about text.
struct Styles {
    /// Paragraph styles that are or come from `Title`.
    titles: HashSet<String>,
    /// Text styles that hide.
    hidden: HashSet<String>,
}

fn read_styles(text: &str) -> Result<Styles> {
    let mut styles = Styles { titles: HashSet::from(["Title".to_owned()]), hidden: HashSet::new() };
    let mut current = String::new();
    let mut xml = Xml::new(text, "ODT");
    while let Some((token, _)) = xml.next()? {
        let Token::Open(element) = token else { continue };
        match element.name() {
            "style" => {
                current = element.attribute("name").unwrap_or_default();
                if element.attribute("parent-style-name").is_some_and(|parent| styles.titles.contains(&parent)) {
                    styles.titles.insert(current.clone());
                }
            }
            "text-properties" if element.attribute("display").as_deref() == Some("none") => {
                styles.hidden.insert(current.clone());
            }
            "body" => break,
            _ => {}
        }
    }
    Ok(styles)
}

/// Turns the writing direction of all styles round.
fn left_to_right(text: &str, patches: &mut Patches) -> Result<()> {
    let mut xml = Xml::new(text, "ODT");
    while let Some((token, range)) = xml.next()? {
        if let Token::Open(element) = token
            && element.attribute("writing-mode").is_some_and(|mode| mode.starts_with("rl"))
        {
            let tag = text[range.clone()].replace("\"rl-tb\"", "\"lr-tb\"").replace("\"rl\"", "\"lr-tb\"");
            // `end` is the left edge of right-to-left text, and some programs write `end` where `right` is meant: both become `start`.
            let tag = tag
                .replace("fo:text-align=\"end\"", "fo:text-align=\"start\"")
                .replace("fo:text-align=\"right\"", "fo:text-align=\"start\"");
            patches.replace(range, tag);
        }
    }
    Ok(())
}
