//! Excel sheet: number, source, translation, score and flags, one segment a row, to sort and filter.
//!
//! The header stays in sight and carries a filter; the source column reads from right to left where its language does. A second sheet says
//! where the text came from and what translated it. Texts are written as texts, so one that begins with `=` is no formula.

use super::calendar::Moment;
use super::language::{is_right_to_left, language_name};
use super::line::one_line;
use super::{Bitext, ExportContext, Exporter, Segment};
use crate::document::BlockKind;
use rust_xlsxwriter::{Color, DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError};
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

pub struct Xlsx;

/// Most characters (UTF-16 units) of a cell, and rows of a sheet, header included: Excel's limits.
const CELL: usize = 32_767;
const ROWS: usize = 1_048_576;

/// Width of the text columns, in digits of the default font.
const TEXT_WIDTH: f64 = 62.0;

impl Exporter for Xlsx {
    fn extension(&self, _: &str, _: &str) -> String {
        "xlsx".into()
    }

    fn write(&self, bitext: &Bitext, context: &ExportContext, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&workbook(bitext, context).map_err(io::Error::other)?)
    }
}

fn workbook(bitext: &Bitext, context: &ExportContext) -> Result<Vec<u8>, XlsxError> {
    let moment = Moment::from_system(context.written);
    let mut workbook = Workbook::new();
    workbook.set_properties(
        &DocProperties::new()
            .set_title(bitext.title())
            .set_subject(format!(
                "Machine translation from {} to {}",
                language_name(&bitext.source_lang),
                language_name(&bitext.target_lang)
            ))
            .set_author(concat!("jisr ", env!("CARGO_PKG_VERSION")))
            .set_keywords(format!("machine translation, {}", bitext.model))
            .set_comment("Machine translation, not reviewed by a person.")
            .set_creation_datetime(
                &ExcelDateTime::from_ymd(moment.year.clamp(1900, 9999) as u16, moment.month, moment.day)?.and_hms(
                    moment.hour.into(),
                    moment.minute,
                    f64::from(moment.second),
                )?,
            )
            .set_custom_property("Model", bitext.model.as_str())
            .set_custom_property("Source file", bitext.title()),
    );
    let rows = rows(bitext);
    let formats = Formats::new(bitext);
    let sheets = rows.chunks(ROWS - 1).map(Some).chain(rows.is_empty().then_some(None));
    for (index, chunk) in sheets.enumerate() {
        let sheet = workbook.add_worksheet();
        sheet.set_name(if index == 0 { "Translation".to_string() } else { format!("Translation {}", index + 1) })?;
        write_sheet(sheet, bitext, chunk.unwrap_or_default(), &formats)?;
    }
    write_about(workbook.add_worksheet(), bitext, moment)?;
    workbook.save_to_buffer()
}

/// A row of the sheet: a segment, or the rest of one whose text is longer than a cell.
struct Row<'a> {
    number: usize,
    segment: &'a Segment,
    heading: bool,
    source: String,
    target: String,
    rest: bool,
}

fn rows(bitext: &Bitext) -> Vec<Row<'_>> {
    let mut rows = Vec::with_capacity(bitext.segments.len());
    for (index, segment) in bitext.segments.iter().enumerate() {
        let heading = matches!(bitext.document.blocks.get(segment.block).map(|block| block.kind), Some(BlockKind::Heading(_)));
        let (source, target) = (one_line(bitext.source(segment)), one_line(&segment.target));
        let (mut source, mut target) = (&*source, &*target);
        for part in 0.. {
            let (source_part, source_rest) = cell_part(source);
            let (target_part, target_rest) = cell_part(target);
            rows.push(Row {
                number: index + 1,
                segment,
                heading,
                source: source_part.into(),
                target: target_part.into(),
                rest: part > 0,
            });
            (source, target) = (source_rest, target_rest);
            if source.is_empty() && target.is_empty() {
                break;
            }
        }
    }
    rows
}

/// Splits off what fits into a cell.
fn cell_part(text: &str) -> (&str, &str) {
    let mut units = 0;
    let end = text.char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > CELL
    });
    text.split_at(end.map_or(text.len(), |(end, _)| end))
}

struct Formats {
    header: Format,
    number: Format,
    source: Format,
    target: Format,
    source_heading: Format,
    target_heading: Format,
    score: Format,
    flags: Format,
    doubt: Format,
}

impl Formats {
    fn new(bitext: &Bitext) -> Self {
        let cell = Format::new().set_align(FormatAlign::Top).set_font_size(11);
        let directed = |format: Format, language: &str| {
            if is_right_to_left(language) {
                format.set_reading_direction(2).set_align(FormatAlign::Right).set_indent(1)
            } else {
                format.set_reading_direction(1).set_align(FormatAlign::Left).set_indent(1)
            }
        };
        let source = directed(cell.clone().set_text_wrap().set_font_size(12), &bitext.source_lang);
        let target = directed(cell.clone().set_text_wrap(), &bitext.target_lang);
        Formats {
            header: Format::new()
                .set_bold()
                .set_background_color(Color::RGB(0xe8efee))
                .set_border_bottom(FormatBorder::Thin)
                .set_align(FormatAlign::VerticalCenter),
            number: cell.clone().set_font_color(Color::RGB(0x767169)),
            source_heading: source.clone().set_bold(),
            target_heading: target.clone().set_bold(),
            source,
            target,
            score: cell.clone().set_num_format("0.00").set_font_color(Color::RGB(0x767169)),
            flags: cell.clone().set_text_wrap().set_align(FormatAlign::Left).set_indent(1),
            doubt: cell
                .set_text_wrap()
                .set_indent(1)
                .set_font_color(Color::RGB(0x8a4b00))
                .set_background_color(Color::RGB(0xfcefd6)),
        }
    }
}

fn write_sheet(sheet: &mut Worksheet, bitext: &Bitext, rows: &[Row<'_>], formats: &Formats) -> Result<(), XlsxError> {
    let headers = ["#", &language_name(&bitext.source_lang), &language_name(&bitext.target_lang), "Score", "Flags"];
    for (column, (header, width)) in (0u16..).zip(headers.into_iter().zip([6.0, TEXT_WIDTH, TEXT_WIDTH, 8.0, 16.0])) {
        let format = match column {
            0 | 3 => formats.header.clone().set_align(FormatAlign::Right),
            1 if is_right_to_left(&bitext.source_lang) => formats.header.clone().set_align(FormatAlign::Right).set_indent(1),
            _ => formats.header.clone().set_align(FormatAlign::Left).set_indent(1),
        };
        sheet.set_column_width(column, width)?;
        sheet.write_string_with_format(0, column, header, &format)?;
    }
    for (line, row) in (1u32..).zip(rows) {
        let (source, target) =
            if row.heading { (&formats.source_heading, &formats.target_heading) } else { (&formats.source, &formats.target) };
        sheet.set_row_height(line, row_height(row))?;
        sheet.write_number_with_format(line, 0, row.number as f64, &formats.number)?;
        sheet.write_string_with_format(line, 1, &row.source, source)?;
        sheet.write_string_with_format(line, 2, &row.target, target)?;
        if row.rest {
            continue;
        }
        if let Some(score) = row.segment.finite_score() {
            // Through decimal digits: -0.3 in f32 would be -0.300000011920929 in a cell.
            let score = format!("{score:.4}").parse().unwrap_or(f64::from(score));
            sheet.write_number_with_format(line, 3, score, &formats.score)?;
        }
        if !row.segment.flags.is_empty() {
            let doubt = row.segment.flags.iter().any(|flag| flag.is_doubt());
            let format = if doubt { &formats.doubt } else { &formats.flags };
            sheet.write_string_with_format(line, 4, row.segment.flag_names(", "), format)?;
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    sheet.autofilter(0, 0, rows.len() as u32, 4)?;
    sheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0).set_repeat_rows(0, 0)?;
    Ok(())
}

/// Height in points that shows the whole of both texts. Programs other than Excel don't fit rows to wrapped text by themselves.
fn row_height(row: &Row<'_>) -> f64 {
    const TALLEST: f64 = 409.0; // Excel's limit
    let lines = |text: &str| (text.width() as f64 / (TEXT_WIDTH - 4.0)).ceil().max(1.0);
    let flags = row.segment.flags.len() as f64;
    (lines(&row.source) * 19.0).max(lines(&row.target) * 15.5).max(flags * 15.5).min(TALLEST - 3.0) + 3.0
}

fn write_about(sheet: &mut Worksheet, bitext: &Bitext, moment: Moment) -> Result<(), XlsxError> {
    sheet.set_name("About")?;
    sheet.set_column_width(0, 18)?;
    sheet.set_column_width(1, 70)?;
    sheet.set_paper_size(9).set_print_fit_to_pages(1, 0);
    let languages = format!("{} → {}", language_name(&bitext.source_lang), language_name(&bitext.target_lang));
    let counts = format!("{}, {} flagged", bitext.segments.len(), bitext.flagged().count());
    let date = moment.readable();
    let tool = concat!("jisr ", env!("CARGO_PKG_VERSION"));
    let lines = [
        ("Source file", bitext.title()),
        ("Languages", &languages),
        ("Model", &bitext.model),
        ("Translated by", tool),
        ("Written", &date),
        ("Segments", &counts),
        ("", "Machine translation, not reviewed by a person. Score: mean log-probability per token."),
    ];
    for (line, (name, value)) in (0u32..).zip(lines) {
        sheet.write_string_with_format(line, 0, name, &Format::new().set_bold())?;
        sheet.write_string(line, 1, cell_part(&one_line(value)).0)?;
    }
    for (line, flag) in (8u32..).zip(super::Flag::ALL) {
        sheet.write_string(line, 0, flag.name())?;
        sheet.write_string(line, 1, flag.description())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitext::sample;
    use calamine::{Data, Reader};

    fn read(bitext: &Bitext) -> Vec<Vec<Data>> {
        let bytes = sample::bytes(&Xlsx, bitext);
        let mut book: calamine::Xlsx<_> = calamine::open_workbook_from_rs(std::io::Cursor::new(bytes)).unwrap();
        book.worksheet_range("Translation").unwrap().rows().map(<[Data]>::to_vec).collect()
    }

    #[test]
    fn a_reader_finds_every_segment() {
        let mut bitext = sample::small();
        bitext.segments[2].target = "=1+1".into();
        let rows = read(&bitext);
        assert_eq!(rows.len(), bitext.segments.len() + 1);
        for (row, segment) in rows[1..].iter().zip(&bitext.segments) {
            assert_eq!(row[1], Data::String(one_line(bitext.source(segment)).into_owned()));
            assert_eq!(row[2], Data::String(segment.target.clone()));
        }
        assert_eq!(rows[2][4], Data::String("numbers, split".into()));
        assert_eq!(rows[2][3], Data::Float(-0.375));
    }

    #[test]
    fn a_text_longer_than_a_cell_goes_on_in_the_next_row() {
        let mut bitext = sample::small();
        bitext.segments.truncate(1);
        bitext.segments[0].target = "word ".repeat(10_000).trim().into();
        let rows = read(&bitext);
        assert_eq!(rows.len(), 3);
        let whole: String = rows[1..].iter().map(|row| row[2].to_string()).collect();
        assert_eq!(whole, bitext.segments[0].target);
    }

    #[test]
    fn the_same_bitext_gives_the_same_bytes() {
        assert_eq!(sample::bytes(&Xlsx, &sample::small()), sample::bytes(&Xlsx, &sample::small()));
        assert_eq!(read(&Bitext::default()).len(), 1);
    }
}
