//! `word/document.xml`: title, table, page.

use super::MAIN;
use crate::bitext::calendar::Moment;
use crate::bitext::language::{has_right_to_left, is_right_to_left, language_name, language_tag};
use crate::bitext::line::one_line;
use crate::bitext::txt::has_list_marker;
use crate::bitext::xml::{escape, escape_line};
use crate::bitext::{Bitext, BlockView, Segment};
use crate::document::BlockKind;
use std::io::{self, Write};

/// Column widths in twentieths of a point; together the text width of the page.
const COLUMNS: [u32; 4] = [900, 6370, 6370, 1350];

/// Landscape A4 with margins of 16 mm.
const SECTION: &str = "<w:sectPr><w:footerReference w:type=\"default\" r:id=\"rId3\"/>\
    <w:pgSz w:w=\"16838\" w:h=\"11906\" w:orient=\"landscape\"/>\
    <w:pgMar w:top=\"907\" w:right=\"924\" w:bottom=\"907\" w:left=\"924\" w:header=\"454\" w:footer=\"454\" w:gutter=\"0\"/></w:sectPr>";

pub(super) fn write(bitext: &Bitext, moment: Moment, out: &mut dyn Write) -> io::Result<()> {
    write!(
        out,
        "<w:document xmlns:w=\"{MAIN}\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><w:body>"
    )?;
    let title = escape_line(bitext.title());
    write!(out, "{}", paragraph("Title", "", &run("", &title)))?;
    let about = format!(
        "Machine translation from {} to {} by {}, {}. Not reviewed by a person. {} segments, {} flagged.",
        language_name(&bitext.source_lang),
        language_name(&bitext.target_lang),
        bitext.model,
        moment.readable(),
        bitext.segments.len(),
        bitext.flagged().count(),
    );
    write!(out, "{}", paragraph("Subtitle", "", &run("", &escape_line(&about))))?;
    for warning in &bitext.document.warnings {
        write!(out, "{}", paragraph("Subtitle", "", &run("", &escape_line(warning))))?;
    }
    write!(
        out,
        "<w:tbl><w:tblPr><w:tblStyle w:val=\"Bilingual\"/><w:tblW w:w=\"{}\" w:type=\"dxa\"/><w:tblLayout w:type=\"fixed\"/></w:tblPr><w:tblGrid>",
        COLUMNS.iter().sum::<u32>()
    )?;
    for width in COLUMNS {
        write!(out, "<w:gridCol w:w=\"{width}\"/>")?;
    }
    write!(out, "</w:tblGrid>")?;
    write_header_row(bitext, out)?;
    for view in bitext.blocks() {
        if view.segments.is_empty() {
            write_verbatim(view.text(bitext), out)?;
        }
        for (position, (index, segment)) in view.numbered().enumerate() {
            write_row(bitext, view, position, index, segment, out)?;
        }
    }
    // A document may not end in a table.
    write!(out, "</w:tbl><w:p/>{SECTION}</w:body></w:document>")
}

fn write_header_row(bitext: &Bitext, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "<w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>")?;
    let names = ["#".into(), language_name(&bitext.source_lang), language_name(&bitext.target_lang), "Flags".into()];
    for (column, (name, width)) in names.iter().zip(COLUMNS).enumerate() {
        let alignment = if column == 1 && is_right_to_left(&bitext.source_lang) { "<w:jc w:val=\"right\"/>" } else { "" };
        write!(out, "{}", cell(width, 1, "E8EFEE", &paragraph("TableHeader", alignment, &run("", &escape_line(name)))))?;
    }
    write!(out, "</w:tr>")
}

fn write_row(
    bitext: &Bitext,
    view: BlockView<'_>,
    position: usize,
    index: usize,
    segment: &Segment,
    out: &mut dyn Write,
) -> io::Result<()> {
    let heading = matches!(view.block.kind, BlockKind::Heading(_));
    let doubt = segment.flags.iter().any(|flag| flag.is_doubt());
    let shade = if heading { "F4F2EC" } else { "" };
    let mut number = paragraph("Number", "", &run("", &(index + 1).to_string()));
    if let Some(score) = segment.finite_score() {
        number.push_str(&paragraph("Score", "", &run("", &format!("{score:.2}").replace('-', "−"))));
    }
    if let Some(place) = place(view.block.kind).filter(|_| position == 0) {
        number.push_str(&paragraph("Score", "", &run("", &place)));
    }
    let mut flags: String = segment
        .flags
        .iter()
        .map(|flag| paragraph(if flag.is_doubt() { "Doubt" } else { "Flag" }, "", &run("", flag.name())))
        .collect();
    if flags.is_empty() {
        flags = paragraph("Flag", "", "");
    }
    write!(out, "<w:tr><w:trPr><w:cantSplit/></w:trPr>{}", cell(COLUMNS[0], 1, shade, &number))?;
    let source = text_paragraph(view.block.kind, position, &one_line(bitext.source(segment)), &bitext.source_lang);
    let target = text_paragraph(view.block.kind, position, &one_line(&segment.target), &bitext.target_lang);
    write!(out, "{}{}", cell(COLUMNS[1], 1, shade, &source), cell(COLUMNS[2], 1, shade, &target))?;
    write!(out, "{}</w:tr>", cell(COLUMNS[3], 1, if doubt { "FCEFD6" } else { shade }, &flags))
}

/// A text in its block's style and its language's direction. What is not in a right-to-left script stays left to right.
fn text_paragraph(kind: BlockKind, position: usize, text: &str, language: &str) -> String {
    let rtl = is_right_to_left(language) && has_right_to_left(text);
    let style = match kind {
        BlockKind::Heading(level) => format!("Heading{}", level.clamp(1, 6)),
        BlockKind::ListItem if position == 0 && !has_list_marker(text) => "ListBullet".into(),
        BlockKind::ListItem => "ListContinue".into(),
        BlockKind::Quote => "Quote".into(),
        BlockKind::Verbatim => "Code".into(),
        BlockKind::Paragraph | BlockKind::Cell { .. } | BlockKind::Cue { .. } => "Text".into(),
    };
    let tag = escape_line(&language_tag(language));
    if rtl {
        let run = run(&format!("<w:rtl/><w:lang w:bidi=\"{tag}\"/>"), &escape(text));
        return paragraph(&style, "<w:bidi/>", &run);
    }
    paragraph(&style, "", &run(&format!("<w:lang w:val=\"{tag}\"/>"), &escape(text)))
}

/// A block that was not translated, over both text columns, its lines kept.
fn write_verbatim(text: &str, out: &mut dyn Write) -> io::Result<()> {
    if text.trim().is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = text
        .trim_end()
        .lines()
        .map(|line| format!("<w:t xml:space=\"preserve\">{}</w:t>", escape(line).replace("&#9;", "    ")))
        .collect();
    let code = paragraph("Code", "", &format!("<w:r>{}</w:r>", lines.join("<w:br/>")));
    write!(
        out,
        "<w:tr><w:trPr><w:cantSplit/></w:trPr>{}{}{}</w:tr>",
        cell(COLUMNS[0], 1, "", &paragraph("Number", "", "")),
        cell(COLUMNS[1] + COLUMNS[2], 2, "", &code),
        cell(COLUMNS[3], 1, "", &paragraph("Flag", "", "")),
    )
}

/// Where a cell or cue lies in its document.
fn place(kind: BlockKind) -> Option<String> {
    match kind {
        BlockKind::Cell { row, column } => Some(format!("R{} C{}", row + 1, column + 1)),
        BlockKind::Cue { start, .. } => {
            let seconds = start / 1000;
            Some(format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60))
        }
        _ => None,
    }
}

fn cell(width: u32, span: u32, shade: &str, content: &str) -> String {
    let span = if span > 1 { format!("<w:gridSpan w:val=\"{span}\"/>") } else { String::new() };
    let shade =
        if shade.is_empty() { String::new() } else { format!("<w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"{shade}\"/>") };
    format!("<w:tc><w:tcPr><w:tcW w:w=\"{width}\" w:type=\"dxa\"/>{span}{shade}</w:tcPr>{content}</w:tc>")
}

fn paragraph(style: &str, properties: &str, runs: &str) -> String {
    format!("<w:p><w:pPr><w:pStyle w:val=\"{style}\"/>{properties}</w:pPr>{runs}</w:p>")
}

/// A run of escaped text.
fn run(properties: &str, text: &str) -> String {
    let properties = if properties.is_empty() { String::new() } else { format!("<w:rPr>{properties}</w:rPr>") };
    format!("<w:r>{properties}<w:t xml:space=\"preserve\">{text}</w:t></w:r>")
}
