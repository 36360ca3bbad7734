//! Presentations (PPTX, ECMA-376): slide by slide titles, text, tables, diagrams and speaker notes.

use super::archive::Package;
use super::builder::TextBuilder;
use super::error::{ReadErrorKind, Result};
use super::opc;
use super::paragraph::{Paragraph, Placed, patch, place};
use super::xml::{Patches, Token, Xml};
use super::{BlockKind, Document, Format, Raw, ReadOptions, Reader, Translations};

pub(crate) struct Pptx;

struct Part {
    name: String,
    xml: String,
    placed: Vec<Placed>,
}

impl Reader for Pptx {
    fn read(&self, raw: &Raw<'_>, options: &ReadOptions) -> Result<Document> {
        let mut package = Package::open(raw.bytes, Format::Pptx, options.max_bytes * 2)?;
        Ok(extract(&mut package)?.0)
    }

    fn write_translated(&self, raw: &Raw<'_>, options: &ReadOptions, translations: &Translations<'_>) -> Result<Vec<u8>> {
        let mut package = Package::open(raw.bytes, Format::Pptx, options.max_bytes * 2)?;
        let (document, parts) = extract(&mut package)?;
        translations.check(&document)?;
        let mut replaced = Vec::new();
        for part in parts {
            let mut patches = Patches::default();
            patch(&part.placed, translations, &mut patches, |_, text| format!("<a:t>{text}</a:t>"));
            replaced.push((part.name, patches.apply(&part.xml).into_bytes()));
        }
        package.with_parts(&replaced)
    }
}

fn extract(package: &mut Package<'_>) -> Result<(Document, Vec<Part>)> {
    let main = opc::main_part(package)?.unwrap_or_else(|| "ppt/presentation.xml".to_owned());
    let Some(presentation) = package.part(&main)? else {
        return Err(ReadErrorKind::malformed("PPTX", format!("its part {main} is missing")));
    };
    let relations = opc::relations(package, &main)?;
    let order = slide_order(&super::decode(&presentation, None).text)?;
    let slides = order.iter().filter_map(|id| relations.iter().find(|relation| relation.id == *id && relation.kind == "slide"));
    let mut builder = TextBuilder::default();
    let mut parts = Vec::new();
    for (number, slide) in slides.enumerate() {
        builder.section(format!("slide {}", number + 1));
        let mut names = vec![slide.target.clone()];
        let related = opc::relations(package, &slide.target)?;
        for kind in ["diagramData", "notesSlide"] {
            names.extend(related.iter().filter(|relation| relation.kind == kind).map(|relation| relation.target.clone()));
        }
        if related.iter().any(|relation| relation.kind.starts_with("chart")) {
            builder.warn("charts are not translated");
        }
        for name in names {
            if let Some(xml) = package.part(&name)? {
                parts.push(read_part(name, super::decode(&xml, None).text, &mut builder)?);
            }
        }
    }
    Ok((builder.finish(), parts))
}

/// Relation identifiers of the slides, in order.
fn slide_order(text: &str) -> Result<Vec<String>> {
    let mut order = Vec::new();
    let mut xml = Xml::new(text, "PPTX");
    while let Some((token, _)) = xml.next()? {
        if let Token::Open(element) = token
            && element.name() == "sldId"
        {
            // Two attributes are called `id`, one of them with the prefix of relations.
            let id = element.attributes_named("id").into_iter().find(|id| !id.bytes().all(|byte| byte.is_ascii_digit()));
            order.extend(id);
        }
    }
    Ok(order)
}

fn read_part(name: String, text: String, builder: &mut TextBuilder) -> Result<Part> {
    let mut placed = Vec::new();
    let mut open: Vec<Paragraph> = Vec::new();
    // The placeholder that the shape fills: its title, a slide number.
    let mut placeholder = String::new();
    let mut tables: Vec<(u32, u32)> = Vec::new();
    let mut xml = Xml::new(&text, "PPTX");
    while let Some((token, range)) = xml.next()? {
        match token {
            Token::Open(element) => match element.name() {
                "Fallback" => {
                    xml.skip(&element)?;
                }
                "sp" => placeholder.clear(),
                "ph" => placeholder = element.attribute("type").unwrap_or_else(|| "body".to_owned()),
                "tbl" if !element.empty => tables.push((0, 0)),
                "tr" => {
                    if let Some((rows, columns)) = tables.last_mut() {
                        *rows += 1;
                        *columns = 0;
                    }
                }
                "tc" => {
                    if let Some((_, columns)) = tables.last_mut() {
                        *columns += 1;
                    }
                }
                "p" if !element.empty => {
                    let kind = match (tables.last(), placeholder.as_str()) {
                        (Some((rows, columns)), _) => {
                            BlockKind::Cell { row: rows.saturating_sub(1), column: columns.saturating_sub(1) }
                        }
                        (None, "title" | "ctrTitle") => BlockKind::Heading(1),
                        (None, "subTitle") => BlockKind::Heading(2),
                        _ => BlockKind::Paragraph,
                    };
                    open.push(Paragraph { kind, ..Paragraph::default() });
                }
                "pPr" => {
                    if let Some(paragraph) = open.last_mut()
                        && element.attribute("rtl").is_some_and(|rtl| rtl == "1" || rtl == "true")
                    {
                        // Alignment is from the reading side: `r` of right-to-left text is where English begins on the left.
                        let tag = text[range.clone()].replace("rtl=\"1\"", "rtl=\"0\"").replace("rtl=\"true\"", "rtl=\"0\"");
                        paragraph.direction.push((range, tag.replace("algn=\"r\"", "algn=\"l\"")));
                    }
                }
                "br" => {
                    if let Some(paragraph) = open.last_mut() {
                        let end = if element.empty { range.end } else { xml.skip(&element)? };
                        paragraph.push_space("\n", range.start..end);
                    }
                }
                "t" if !element.empty => {
                    let mut content = String::new();
                    let end = loop {
                        match xml.next()? {
                            Some((Token::Text(piece), _)) => content.push_str(&piece),
                            Some((Token::Close(_), range)) => break range.end,
                            Some((Token::Open(inner), _)) => {
                                xml.skip(&inner)?;
                            }
                            None => return Err(ReadErrorKind::malformed("PPTX", "a text does not end")),
                        }
                    };
                    if let Some(paragraph) = open.last_mut() {
                        paragraph.push(&content, range.start..end);
                    }
                }
                _ => {}
            },
            Token::Close(name) => match name.as_str() {
                "p" => {
                    // Slide numbers, dates and footers that every slide repeats are furniture.
                    if let Some(paragraph) = open.pop()
                        && !matches!(placeholder.as_str(), "sldNum" | "dt")
                    {
                        placed.extend(place(paragraph, builder));
                    }
                }
                "sp" => placeholder.clear(),
                "tbl" => {
                    tables.pop();
                }
                _ => {}
            },
            Token::Text(_) => {}
        }
    }
    Ok(Part { name, xml: text, placed })
}
