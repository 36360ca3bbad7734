//! Word documents (DOCX, ECMA-376): the main text with its tables and text boxes, then notes, headers and footers.
//!
//! Tracked changes are read as accepted: what was inserted counts, what was deleted or moved away does not. Words that Word has cut into
//! several runs come back whole. Text that a file holds twice for the sake of old programs (`mc:Fallback`) is read once.

use super::archive::Package;
use super::builder::TextBuilder;
use super::error::{ReadErrorKind, Result};
use super::opc;
use super::paragraph::{Paragraph, Placed, patch, place};
use super::xml::{Patches, Token, Xml};
use super::{BlockKind, Document, Format, Raw, ReadOptions, Reader, Translations};
use std::collections::HashMap;
use std::ops::Range;

pub(crate) struct Docx;

/// What a paragraph style makes of its paragraphs.
#[derive(Debug, Clone, Copy, Default)]
struct Style {
    /// 0-based outline level.
    outline: Option<u8>,
    list: bool,
}

/// A part of the package and where blocks stand in it.
struct Part {
    name: String,
    xml: String,
    placed: Vec<Placed>,
    /// Right-to-left settings of tables and sections.
    direction: Vec<Range<usize>>,
}

impl Reader for Docx {
    fn read(&self, raw: &Raw<'_>, options: &ReadOptions) -> Result<Document> {
        let mut package = Package::open(raw.bytes, Format::Docx, options.max_bytes * 2)?;
        Ok(extract(&mut package)?.0)
    }

    fn write_translated(&self, raw: &Raw<'_>, options: &ReadOptions, translations: &Translations<'_>) -> Result<Vec<u8>> {
        let mut package = Package::open(raw.bytes, Format::Docx, options.max_bytes * 2)?;
        let (document, parts) = extract(&mut package)?;
        translations.check(&document)?;
        let mut replaced = Vec::new();
        for part in parts {
            let mut patches = Patches::default();
            patch(&part.placed, translations, &mut patches, |run, text| {
                // The element's own name, prefix and all; its spaces are to be kept.
                let open: String =
                    part.xml[run.xml.start + 1..].chars().take_while(|c| !c.is_whitespace() && !"/>".contains(*c)).collect();
                format!("<{open} xml:space=\"preserve\">{text}</{open}>")
            });
            part.direction.iter().for_each(|range| patches.replace(range.clone(), ""));
            if !patches.is_empty() {
                replaced.push((part.name, patches.apply(&part.xml).into_bytes()));
            }
        }
        for name in ["word/styles.xml", "word/numbering.xml"] {
            if let Some(xml) = package.part(name)? {
                // One that is damaged, and so was not needed to read the text, stays as it is.
                if let Ok(xml) = without_direction(&super::decode(&xml, None).text) {
                    replaced.push((name.to_owned(), xml.into_bytes()));
                }
            }
        }
        package.with_parts(&replaced)
    }
}

fn extract(package: &mut Package<'_>) -> Result<(Document, Vec<Part>)> {
    let main = opc::main_part(package)?.unwrap_or_else(|| "word/document.xml".to_owned());
    let Some(body) = package.part(&main)? else {
        return Err(ReadErrorKind::malformed("DOCX", format!("its part {main} is missing")));
    };
    let relations = opc::relations(package, &main)?;
    let styles = match relations.iter().find(|relation| relation.kind == "styles") {
        Some(relation) => match package.part(&relation.target)? {
            Some(xml) => read_styles(&super::decode(&xml, None).text)?,
            None => HashMap::new(),
        },
        None => HashMap::new(),
    };
    let mut builder = TextBuilder::default();
    let mut parts = vec![read_part(main, &body, &styles, &mut builder, None)?];
    let mut seen = HashMap::new();
    for kind in ["footnotes", "endnotes", "header", "footer"] {
        let mut targets: Vec<&str> =
            relations.iter().filter(|relation| relation.kind == kind).map(|relation| relation.target.as_str()).collect();
        targets.sort_unstable();
        targets.dedup();
        for target in targets {
            if let Some(xml) = package.part(target)? {
                // The same header stands in a file up to three times a section: one block serves them all.
                let repeated = matches!(kind, "header" | "footer").then_some(&mut seen);
                parts.push(read_part(target.to_owned(), &xml, &styles, &mut builder, repeated)?);
            }
        }
    }
    if relations.iter().any(|relation| relation.kind == "comments") {
        builder.warn("reviewers' comments are not translated");
    }
    if relations.iter().any(|relation| matches!(relation.kind.as_str(), "chart" | "chartEx" | "diagramData")) {
        builder.warn("charts and diagrams are not translated");
    }
    Ok((builder.finish(), parts))
}

/// Reads `styles.xml`: per style identifier what it makes of a paragraph, its parents' settings included.
fn read_styles(text: &str) -> Result<HashMap<String, Style>> {
    let mut own: HashMap<String, (Style, Option<String>)> = HashMap::new();
    let mut current: Option<(String, Style, Option<String>)> = None;
    let mut xml = Xml::new(text, "DOCX");
    while let Some((token, _)) = xml.next()? {
        match token {
            Token::Open(element) => match (element.name(), &mut current) {
                ("style", _) if !element.empty => {
                    current = Some((element.attribute("styleId").unwrap_or_default(), Style::default(), None))
                }
                ("name", Some((_, style, _))) => {
                    let name = element.attribute("val").unwrap_or_default().to_lowercase();
                    let level = name.strip_prefix("heading ").and_then(|level| level.parse::<u8>().ok());
                    style.outline = match (level, name.as_str()) {
                        (Some(level @ 1..=9), _) => Some(level - 1),
                        (_, "title") => Some(0),
                        (_, "subtitle") => Some(1),
                        _ => style.outline,
                    };
                }
                ("basedOn", Some((_, _, parent))) => *parent = element.attribute("val"),
                ("outlineLvl", Some((_, style, _))) => style.outline = outline(element.attribute("val")).or(style.outline),
                ("numId", Some((_, style, _))) => style.list = element.attribute("val").is_some_and(|id| id != "0"),
                _ => {}
            },
            Token::Close(name) if name == "style" => {
                if let Some((id, style, parent)) = current.take() {
                    own.insert(id, (style, parent));
                }
            }
            _ => {}
        }
    }
    let resolve = |id: &String| {
        let mut style = Style::default();
        let mut next = Some(id);
        // Parents may be circular in a damaged file: a chain is at most as long as there are levels worth having.
        for _ in 0..16 {
            let Some((own_style, parent)) = next.and_then(|id| own.get(id)) else { break };
            style.outline = style.outline.or(own_style.outline);
            style.list |= own_style.list;
            next = parent.as_ref();
        }
        style
    };
    Ok(own.keys().map(|id| (id.clone(), resolve(id))).collect())
}

/// Outline levels 0–8 are headings, 9 is body text.
fn outline(value: Option<String>) -> Option<u8> {
    value?.parse().ok().filter(|level| *level < 9)
}

/// A table being read.
#[derive(Default)]
struct Table {
    /// Rows and columns begun; the current ones are one less.
    rows: u32,
    columns: u32,
    span: u32,
}

/// Where the reader is in a part.
#[derive(Default)]
struct State {
    /// Paragraphs begun, the innermost last: text boxes stand inside paragraphs.
    open: Vec<Paragraph>,
    /// Paragraphs of text boxes, until the paragraph that holds the box has ended.
    boxed: Vec<Paragraph>,
    tables: Vec<Table>,
    /// Whether the paragraph mark of the paragraph being read was deleted: the next one joins it.
    mark_deleted: bool,
    joined: Option<Paragraph>,
    /// Whether the run being read is hidden text.
    hidden_run: bool,
    in_paragraph_properties: bool,
}

fn read_part(
    name: String,
    bytes: &[u8],
    styles: &HashMap<String, Style>,
    builder: &mut TextBuilder,
    mut repeated: Option<&mut HashMap<String, Vec<usize>>>,
) -> Result<Part> {
    let text = super::decode(bytes, None).text;
    let mut part = Part { name, xml: String::new(), placed: Vec::new(), direction: Vec::new() };
    let mut state = State::default();
    let mut xml = Xml::new(&text, "DOCX");
    let mut in_properties = 0usize;
    let mut finish = |paragraph: Paragraph, builder: &mut TextBuilder, placed: &mut Vec<Placed>| {
        let Some(repeated) = repeated.as_deref_mut() else {
            placed.extend(place(paragraph, builder));
            return;
        };
        if !paragraph.text.chars().any(char::is_alphabetic) {
            // A page number.
            return;
        }
        if let Some(blocks) = repeated.get(&paragraph.text) {
            let first = blocks[0];
            placed.push(Placed { block: first, runs: paragraph.runs, direction: paragraph.direction });
            return;
        }
        let key = paragraph.text.clone();
        let places = place(paragraph, builder);
        if places.len() == 1 {
            repeated.insert(key, vec![places[0].block]);
        }
        placed.extend(places);
    };
    while let Some((token, range)) = xml.next()? {
        match token {
            Token::Open(element) => {
                let name = element.name();
                match name {
                    // Deleted or moved away, kept for old programs, not text of the document.
                    "del" | "moveFrom" if in_properties == 0 => {
                        xml.skip(&element)?;
                    }
                    "Fallback" | "rt" | "instrText" | "delText" | "delInstrText" | "sectPrChange" | "tblPrChange"
                    | "pPrChange" | "rPrChange" | "tcPrChange" | "trPrChange" => {
                        xml.skip(&element)?;
                    }
                    "p" if element.empty => {}
                    "p" => {
                        let mut paragraph = state.joined.take().unwrap_or_default();
                        if let Some(table) = state.tables.last() {
                            paragraph.kind =
                                BlockKind::Cell { row: table.rows.saturating_sub(1), column: table.columns.saturating_sub(1) };
                        }
                        state.mark_deleted = false;
                        state.open.push(paragraph);
                    }
                    "pPr" | "rPr" | "tblPr" | "sectPr" | "trPr" | "tcPr" | "numPr" if !element.empty => {
                        in_properties += 1;
                        state.in_paragraph_properties |= name == "pPr";
                    }
                    "pStyle" => {
                        if let (Some(paragraph), Some(style)) =
                            (state.open.last_mut(), element.attribute("val").and_then(|id| styles.get(&id)))
                        {
                            paragraph.kind = styled(paragraph.kind, *style);
                        }
                    }
                    "outlineLvl" => {
                        if let Some(paragraph) = state.open.last_mut() {
                            paragraph.kind =
                                styled(paragraph.kind, Style { outline: outline(element.attribute("val")), list: false });
                        }
                    }
                    "numId" => {
                        if let Some(paragraph) = state.open.last_mut() {
                            match (paragraph.kind, element.attribute("val").as_deref()) {
                                (BlockKind::ListItem, Some("0")) => paragraph.kind = BlockKind::Paragraph,
                                (BlockKind::Paragraph, Some(id)) if id != "0" => paragraph.kind = BlockKind::ListItem,
                                _ => {}
                            }
                        }
                    }
                    "del" => state.mark_deleted |= state.in_paragraph_properties,
                    "bidi" | "rtl" if in_properties > 0 => match state.open.last_mut() {
                        Some(paragraph) => paragraph.direction.push((range, String::new())),
                        None => part.direction.push(range),
                    },
                    "bidiVisual" => part.direction.push(range),
                    "jc" if element.attribute("val").as_deref() == Some("right") && in_properties > 0 => {
                        // Right-aligned Arabic that is not marked as right to left.
                        if let Some(paragraph) = state.open.last_mut()
                            && !paragraph.direction.iter().any(|(range, _)| text[range.clone()].contains("bidi"))
                        {
                            paragraph.direction.push((range, "<w:jc w:val=\"left\"/>".to_owned()));
                        }
                    }
                    "vanish" if element.is_on() => state.hidden_run = true,
                    "r" => state.hidden_run = false,
                    "t" if !element.empty => {
                        let mut content = String::new();
                        let end = loop {
                            match xml.next()? {
                                Some((Token::Text(piece), _)) => content.push_str(&piece),
                                Some((Token::Close(_), range)) => break range.end,
                                Some((Token::Open(inner), _)) => {
                                    xml.skip(&inner)?;
                                }
                                None => return Err(ReadErrorKind::malformed("DOCX", "a text does not end")),
                            }
                        };
                        if let Some(paragraph) = state.open.last_mut().filter(|_| !state.hidden_run) {
                            paragraph.push(&content, range.start..end);
                        }
                    }
                    "tab" | "ptab" if in_properties == 0 => push_space(&mut state, "\t", range),
                    // Page and column breaks stay where they are.
                    "br" if element.attribute("type").is_some_and(|kind| kind != "textWrapping") => {
                        if let Some(paragraph) = state.open.last_mut() {
                            paragraph.text.push('\n');
                        }
                    }
                    "br" | "cr" => push_space(&mut state, "\n", range),
                    "noBreakHyphen" => push_space(&mut state, "-", range),
                    "tbl" if !element.empty => state.tables.push(Table::default()),
                    "tr" => {
                        if let Some(table) = state.tables.last_mut() {
                            table.rows += 1;
                            table.columns = 0;
                            table.span = 1;
                        }
                    }
                    "tc" => {
                        if let Some(table) = state.tables.last_mut() {
                            table.columns += if table.columns == 0 { 1 } else { table.span };
                            table.span = 1;
                        }
                    }
                    "gridSpan" => {
                        if let Some(table) = state.tables.last_mut() {
                            table.span =
                                element.attribute("val").and_then(|value| value.parse().ok()).unwrap_or(1).clamp(1, 1000);
                        }
                    }
                    _ => {}
                }
            }
            Token::Close(name) => match name.as_str() {
                "pPr" | "rPr" | "tblPr" | "sectPr" | "trPr" | "tcPr" | "numPr" => {
                    in_properties = in_properties.saturating_sub(1);
                    state.in_paragraph_properties &= name != "pPr";
                }
                "p" => {
                    let Some(paragraph) = state.open.pop() else { continue };
                    if std::mem::take(&mut state.mark_deleted) && state.open.is_empty() {
                        state.joined = Some(paragraph);
                    } else if state.open.is_empty() {
                        finish(paragraph, builder, &mut part.placed);
                        for paragraph in std::mem::take(&mut state.boxed) {
                            finish(paragraph, builder, &mut part.placed);
                        }
                    } else {
                        state.boxed.push(paragraph);
                    }
                }
                "tbl" => {
                    state.tables.pop();
                }
                _ => {}
            },
            Token::Text(_) => {}
        }
    }
    let rest = state.joined.take().into_iter().chain(state.boxed);
    rest.for_each(|paragraph| finish(paragraph, builder, &mut part.placed));
    part.xml = text;
    Ok(part)
}

/// A tab, a line break, a hyphen of its own element.
fn push_space(state: &mut State, text: &str, range: Range<usize>) {
    if let Some(paragraph) = state.open.last_mut().filter(|_| !state.hidden_run) {
        paragraph.push_space(text, range);
    }
}

fn styled(kind: BlockKind, style: Style) -> BlockKind {
    match (kind, style) {
        (BlockKind::Cell { .. }, _) => kind,
        (_, Style { outline: Some(level), .. }) => BlockKind::Heading((level + 1).min(6)),
        (BlockKind::Paragraph, Style { list: true, .. }) => BlockKind::ListItem,
        _ => kind,
    }
}

/// A styles or numbering part without its right-to-left settings, which every paragraph would inherit.
fn without_direction(text: &str) -> Result<String> {
    let mut patches = Patches::default();
    let mut xml = Xml::new(text, "DOCX");
    while let Some((token, range)) = xml.next()? {
        if let Token::Open(element) = token
            && element.empty
            && matches!(element.name(), "bidi" | "rtl" | "bidiVisual")
        {
            patches.replace(range, "");
        }
    }
    Ok(patches.apply(text))
}
