//! JSONL, TSV, TXT, Moses, Markdown, XLSX: read back by JSON, CSV and spreadsheet readers, or line by line.

use crate::{bitexts, context, export, export_text, words};
use calamine::Reader;
use jisr::bitext::{Bitext, Format};
use proptest::prelude::*;
use serde_json::{Value, json};

fn records(bitext: &Bitext) -> Vec<Value> {
    export_text(Format::Jsonl, bitext).lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
}

#[test]
fn a_jsonl_record_is_the_documented_one_in_the_documented_order() {
    let lines = export_text(Format::Jsonl, &bitexts::report());
    let second = lines.lines().nth(1).unwrap();
    let record: Value = serde_json::from_str(second).unwrap();
    let keys: Vec<&str> = record.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = vec!["doc", "block", "seg", "start", "end", "source", "target", "score", "alignment", "flags", "model"];
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>(), expected);
    expected.extend(["nbest", "source_ids", "target_ids"]);
    assert_eq!(keys, expected);
    assert_eq!(record["doc"], "north/report.docx");
    assert_eq!((&record["block"], &record["seg"]), (&json!(1), &json!(1)));
    assert_eq!(record["score"], json!(-0.5));
    assert_eq!(record["alignment"], "0-2 1-0 1-1 5-4");
    assert_eq!(record["flags"], json!(["numbers"]));
    assert_eq!(record["nbest"][0], json!({"target": "Both sides agreed on a truce of 48 hours.", "score": -0.75}));
    assert_eq!(record["source_ids"], json!([12, 7, 0]));
}

#[test]
fn flags_are_visible_in_every_format_that_has_a_place_for_them() {
    let bitext = bitexts::report();
    for format in [Format::Tsv, Format::Jsonl, Format::Txt, Format::Md, Format::Html, Format::Tmx, Format::Xliff, Format::Xliff2]
    {
        let text = export_text(format, &bitext);
        for name in bitexts::flag_names() {
            // A memory has no unit for a segment without a translation; its header says so instead.
            let shown = if format == Format::Tmx && name == "empty" { "segments 11." } else { name };
            assert!(text.contains(shown), "{name} in {format}");
        }
    }
}

proptest! {
    #[test]
    fn jsonl_gives_back_every_text_and_offset(bitext in bitexts::arbitrary()) {
        let records = records(&bitext);
        prop_assert_eq!(records.len(), bitext.segments.len());
        for (index, (record, segment)) in records.iter().zip(&bitext.segments).enumerate() {
            let (start, end) = (record["start"].as_u64().unwrap() as usize, record["end"].as_u64().unwrap() as usize);
            prop_assert_eq!(record["source"].as_str(), Some(&bitext.document.text[start..end]));
            prop_assert_eq!(record["target"].as_str(), Some(&*segment.target));
            prop_assert_eq!(record["seg"].as_u64(), Some(index as u64));
            let score = segment.score.filter(|score| score.is_finite());
            prop_assert_eq!(record["score"].as_f64().map(|score| score as f32), score);
            prop_assert_eq!(record["nbest"].as_array().map_or(0, Vec::len), segment.alternatives.len());
        }
    }

    #[test]
    fn a_tsv_row_is_a_line_and_reads_back(bitext in bitexts::arbitrary()) {
        let text = export_text(Format::Tsv, &bitext);
        prop_assert_eq!(text.lines().count(), bitext.segments.len() + 1);
        prop_assert!(text.lines().all(|line| line.matches('\t').count() == 10));
        let mut reader = csv::ReaderBuilder::new().delimiter(b'\t').from_reader(text.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(rows.len(), bitext.segments.len());
        for (row, segment) in rows.iter().zip(&bitext.segments) {
            prop_assert_eq!(&row[1], words(bitext.source(segment)));
            prop_assert_eq!(&row[2], words(&segment.target));
        }
    }

    #[test]
    fn moses_files_stay_aligned_for_every_reader_of_lines(bitext in bitexts::arbitrary()) {
        let [source, target] = Format::Moses.exporters() else { panic!("two files") };
        let mut sides = [Vec::new(), Vec::new()];
        source.write(&bitext, &context(), &mut sides[0]).unwrap();
        target.write(&bitext, &context(), &mut sides[1]).unwrap();
        for (side, texts) in sides.into_iter().zip([true, false]) {
            let side = String::from_utf8(side).unwrap();
            // Python's splitlines divides at all of these.
            let others = side.contains(['\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}']);
            prop_assert!(!others);
            let lines: Vec<&str> = side.lines().collect();
            prop_assert_eq!(lines.len(), bitext.segments.len());
            for (line, segment) in lines.iter().zip(&bitext.segments) {
                prop_assert_eq!(*line, words(if texts { bitext.source(segment) } else { &segment.target }));
            }
        }
    }

    #[test]
    fn plain_text_and_markdown_hold_every_translation(bitext in bitexts::arbitrary()) {
        let text = words(&export_text(Format::Txt, &bitext));
        let plain = export_text(Format::Md, &bitext).replace('\\', "");
        for segment in &bitext.segments {
            prop_assert!(text.contains(&words(&segment.target)));
            prop_assert!(plain.contains(&words(&segment.target).replace('\\', "")), "{:?}\n{}", segment.target, plain);
        }
    }

    #[test]
    fn a_spreadsheet_reader_finds_every_row(bitext in bitexts::arbitrary()) {
        let bytes = export(Format::Xlsx, &bitext);
        let mut book: calamine::Xlsx<_> = calamine::open_workbook_from_rs(std::io::Cursor::new(bytes)).unwrap();
        let range = book.worksheet_range("Translation").unwrap();
        prop_assert_eq!(range.rows().count(), bitext.segments.len() + 1);
    }
}
