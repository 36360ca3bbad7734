//! Small bitexts for the tests of the exporters.

use super::{Alternative, Bitext, ExportContext, Exporter, Flag, Segment};
use crate::document::{Block, BlockKind, Document};
use std::time::UNIX_EPOCH;

pub const CONTEXT: ExportContext = ExportContext { written: UNIX_EPOCH };

/// What an exporter writes for a bitext.
pub fn written(exporter: &dyn Exporter, bitext: &Bitext) -> String {
    String::from_utf8(bytes(exporter, bitext)).expect("a text format")
}

pub fn bytes(exporter: &dyn Exporter, bitext: &Bitext) -> Vec<u8> {
    let mut out = Vec::new();
    exporter.write(bitext, &CONTEXT, &mut out).expect("writing to memory");
    out
}

/// A heading, a paragraph of two sentences, two list items and a line of code.
pub fn small() -> Bitext {
    use BlockKind::{Heading, ListItem, Paragraph, Verbatim};
    let blocks: [(BlockKind, &[(&str, &str)]); 5] = [
        (Heading(1), &[("هدنة في بابنوسة", "Truce in Babanusa")]),
        (
            Paragraph,
            &[
                ("اتفق الطرفان على هدنة مدتها 48\nساعة.", "The two sides agreed a 48-hour truce."),
                ("تبدأ عند الفجر.", "It begins at dawn."),
            ],
        ),
        (ListItem, &[("فتح طريقين", "Two roads are opened")]),
        (ListItem, &[("وقف القصف", "Shelling stops")]),
        (Verbatim, &[("let x = 1;", "")]),
    ];
    let mut bitext = Bitext {
        document: Document { name: "reports/babanusa.txt".into(), ..Document::default() },
        model: "opus-mt-ar-en".into(),
        source_lang: "ar".into(),
        target_lang: "en".into(),
        ..Bitext::default()
    };
    let text = &mut bitext.document.text;
    for (index, (kind, sentences)) in blocks.into_iter().enumerate() {
        if index > 0 {
            text.push_str("\n\n");
        }
        let start = text.len();
        for (position, (source, target)) in sentences.iter().enumerate() {
            if position > 0 {
                text.push(' ');
            }
            let from = text.len();
            text.push_str(source);
            if kind != Verbatim {
                bitext.segments.push(Segment {
                    block: index,
                    range: from..text.len(),
                    target: target.to_string(),
                    score: Some(-0.25 - index as f32 / 8.0),
                    ..Segment::default()
                });
            }
        }
        bitext.document.blocks.push(Block { kind, range: start..text.len() });
    }
    bitext.segments[1].flags = vec![Flag::Numbers, Flag::Split];
    bitext.segments[1].alignment = vec![(0, 2), (1, 0), (1, 1)];
    bitext.segments[1].alternatives = vec![Alternative { target: "Both sides agreed a truce of 48 hours.".into(), score: -0.5 }];
    bitext
}

/// A `--lines` document: every line that is not blank is a block and a segment, translated as `target`.
pub fn by_lines(text: &str, target: &str) -> Bitext {
    let mut bitext = Bitext { lines: true, source_lang: "ar".into(), target_lang: "en".into(), ..Bitext::default() };
    bitext.document.text = text.into();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if !trimmed.is_empty() {
            let from = start + line.find(trimmed).expect("trimmed from it");
            let range = from..from + trimmed.len();
            let block = bitext.document.blocks.len();
            bitext.document.blocks.push(Block { kind: BlockKind::Paragraph, range: range.clone() });
            bitext.segments.push(Segment { block, range, target: target.into(), ..Segment::default() });
        }
        start += line.len();
    }
    bitext
}
