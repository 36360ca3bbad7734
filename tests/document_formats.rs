//! Formats made by real programs: what is read is what `tests/fixtures/document/make.py` put in (python-docx, python-pptx, LibreOffice, …).

use jisr::document::{BlockKind, Document, ReadOptions, Source, read};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/document")
}

fn document(name: &str) -> Document {
    read(&Source::file(folder().join(name)), &ReadOptions::default()).unwrap_or_else(|error| panic!("{error}")).remove(0)
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// Share of the expected words that stand in the text in the expected order (longest common subsequence over the longer of the two).
fn agreement(expected: &[&str], found: &[&str]) -> f64 {
    let mut row = vec![0usize; found.len() + 1];
    for want in expected {
        let mut diagonal = 0;
        for (index, word) in found.iter().enumerate() {
            let above = row[index + 1];
            row[index + 1] = if want == word { diagonal + 1 } else { above.max(row[index]) };
            diagonal = above;
        }
    }
    row[found.len()] as f64 / expected.len().max(found.len()) as f64
}

#[test]
fn every_fixture_gives_the_text_that_was_put_in() {
    let expected = std::fs::read_to_string(folder().join("expected.json")).unwrap();
    let expected: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&expected).unwrap();
    let mut failures = Vec::new();
    for (name, texts) in &expected {
        let texts: Vec<&str> = texts.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        let all = texts.join("\n");
        let document = document(name);
        let share = agreement(&words(&all), &words(&document.text));
        let least = if name.ends_with(".pdf") { 0.95 } else { 1.0 };
        if share < least {
            failures.push(format!("{name}: {share:.3}\n--- expected\n{all}\n--- found\n{}", document.text));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn office_documents_keep_headings_lists_and_cells() {
    for name in ["report.docx", "libreoffice.docx", "report.odt"] {
        let document = document(name);
        let kinds: Vec<BlockKind> = document.blocks.iter().map(|block| block.kind).collect();
        assert_eq!(kinds[0], BlockKind::Heading(1), "{name}");
        assert_eq!(kinds[2], BlockKind::Heading(2), "{name}");
        assert_eq!(kinds.iter().filter(|kind| **kind == BlockKind::ListItem).count(), 2, "{name}");
        let cells: Vec<_> = kinds.iter().filter(|kind| matches!(kind, BlockKind::Cell { .. })).copied().collect();
        let cell = |row, column| BlockKind::Cell { row, column };
        assert_eq!(cells, [cell(0, 0), cell(0, 1), cell(1, 0), cell(1, 1)], "{name}");
    }
}
