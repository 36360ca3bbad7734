//! Any bytes, read as the format that the first byte chooses; what is read must be well formed, and its copy must be writable or refused.
#![no_main]

use jisr::bitext::{Bitext, Segment};
use jisr::document::{Format, ReadOptions, Source, read, write_translated};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let format = Format::ALL[usize::from(*choice) % Format::ALL.len()];
    let options =
        ReadOptions { format: Some(format), max_bytes: 16 << 20, html_all: choice & 0x80 != 0, ..ReadOptions::default() };
    let source = Source::bytes("input", bytes);
    for document in read(&source, &options).into_iter().flatten() {
        let mut end = 0;
        for block in &document.blocks {
            assert!(document.text[end..block.range.start].trim().is_empty());
            assert!(!document.text[block.range.clone()].trim().is_empty());
            end = block.range.end;
        }
        let segments = document.blocks.iter().enumerate().map(|(block, at)| Segment {
            block,
            range: at.range.clone(),
            target: "English".to_owned(),
            ..Segment::default()
        });
        let segments = segments.collect();
        let bitext =
            Bitext { document, segments, model: String::new(), source_lang: "ar".into(), target_lang: "en".into(), lines: false };
        let _ = write_translated(&source, &options, &bitext);
    }
});
