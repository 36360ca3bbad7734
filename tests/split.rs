//! What the README promises of sentence splitting: nothing lost, any layout, one configuration.

use jisr::text;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// One case of `tests/fixtures/split/tricky.txt`, written by hand for this project: the text and its sentences.
struct Case {
    group: String,
    text: String,
    sentences: Vec<String>,
}

fn tricky_cases() -> Vec<Case> {
    let mut group = String::new();
    let mut cases = Vec::new();
    for line in include_str!("fixtures/split/tricky.txt").lines() {
        if let Some(name) = line.strip_prefix("## ") {
            group = name.to_owned();
        } else if !line.starts_with("# ") && !line.trim().is_empty() {
            let marked = unescape(line);
            cases.push(Case {
                group: group.clone(),
                text: marked.replace('‖', ""),
                sentences: marked.split('‖').map(|sentence| sentence.trim().to_owned()).collect(),
            });
        }
    }
    cases
}

fn unescape(line: &str) -> String {
    let mut out = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    out.push(char::from_u32(u32::from_str_radix(&digits, 16).unwrap()).unwrap());
                }
                other => panic!("unknown escape {other:?} in {line}"),
            },
            (c, false) => out.push(c),
        }
    }
    out
}

fn split(text: &str) -> Vec<&str> {
    text::split(text).into_iter().map(|(_, range)| &text[range]).collect()
}

/// Ends of sentences, counted in characters that are not white space, the end of the text left out.
fn boundaries<S: AsRef<str>>(sentences: &[S]) -> BTreeSet<usize> {
    let mut count = 0;
    let mut ends: BTreeSet<usize> = sentences
        .iter()
        .map(|sentence| {
            count += sentence.as_ref().chars().filter(|c| !c.is_whitespace()).count();
            count
        })
        .collect();
    ends.remove(&count);
    ends
}

/// F1 of boundaries over documents, in percent.
fn f1(documents: &[(String, Vec<String>)]) -> f64 {
    let (mut right, mut found, mut wanted) = (0, 0, 0);
    for (text, gold) in documents {
        let gold = boundaries(gold);
        let ours = boundaries(&split(text));
        right += gold.intersection(&ours).count();
        found += ours.len();
        wanted += gold.len();
    }
    200.0 * right as f64 / (found + wanted) as f64
}

#[test]
fn tricky_cases_are_exact() {
    let cases = tricky_cases();
    assert!(cases.len() >= 170, "the fixture has shrunk to {} cases", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let ours = split(&case.text);
            (boundaries(&ours) != boundaries(&case.sentences))
                .then(|| format!("[{}]\n  want {:?}\n  have {:?}", case.group, case.sentences, ours))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Our own reports with their sentence pairs (`dev/reports` of the project's shared data); `None` where they are not there.
fn reports() -> Option<Vec<(Vec<String>, Vec<String>)>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/dev/reports");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: {} is not there, so splitting is not measured on the reports", folder.display());
        return None;
    };
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "tsv")).collect();
    paths.sort();
    let reports = paths.iter().map(|path| {
        let text = std::fs::read_to_string(path.with_extension("ar.txt")).unwrap();
        let paragraphs = text.split("\n\n").map(|paragraph| paragraph.trim().to_owned()).collect();
        let gold = std::fs::read_to_string(path).unwrap();
        (paragraphs, gold.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect())
    });
    Some(reports.collect())
}

/// Greedy wrapping at `width` characters, as Python's `textwrap` and `fmt` do it.
fn wrap(paragraph: &str, width: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in paragraph.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

#[test]
fn reports_in_every_layout() {
    let Some(reports) = reports() else { return };
    let layout = |arrange: &dyn Fn(&[String], &[String]) -> String| -> f64 {
        f1(&reports.iter().map(|(paragraphs, gold)| (arrange(paragraphs, gold), gold.clone())).collect::<Vec<_>>())
    };
    let wrapped = |paragraphs: &[String], width: usize, between: &str| {
        paragraphs.iter().map(|paragraph| wrap(paragraph, width)).collect::<Vec<_>>().join(between)
    };
    let scores = [
        ("paragraphs", layout(&|paragraphs, _| paragraphs.join("\n\n")), 99.9),
        ("a paragraph a line", layout(&|paragraphs, _| paragraphs.join("\n")), 99.9),
        ("a sentence a line", layout(&|_, gold| gold.join("\n")), 99.9),
        ("CR LF", layout(&|paragraphs, _| paragraphs.join("\r\n\r\n")), 99.9),
        ("wrapped at 40", layout(&|paragraphs, _| wrapped(paragraphs, 40, "\n\n")), 99.4),
        ("wrapped at 70", layout(&|paragraphs, _| wrapped(paragraphs, 70, "\n\n")), 99.4),
        ("wrapped at 100", layout(&|paragraphs, _| wrapped(paragraphs, 100, "\n\n")), 99.4),
        ("wrapped at 70, no blank lines", layout(&|paragraphs, _| wrapped(paragraphs, 70, "\n")), 98.0),
        ("one line", layout(&|_, gold| gold.join(" ")), 98.5),
    ];
    for (name, score, least) in scores {
        eprintln!("{name}: F1 {score:.2}");
        assert!(score >= least, "{name}: F1 {score:.2} < {least}");
    }
}

#[test]
fn flores_joined() {
    // FLORES dev (CC-BY-SA 4.0) is read where it lies and never committed. Its lines are translation units, some of several sentences.
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/dev/flores-dev.ar");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: {} is not there, so splitting is not measured on FLORES", path.display());
        return;
    };
    let gold: Vec<String> = text.lines().map(str::to_owned).collect();
    let joined = f1(&[(gold.join(" "), gold.clone())]);
    let wrapped = f1(&[(wrap(&gold.join(" "), 70), gold)]);
    eprintln!("FLORES joined: F1 {joined:.2}, wrapped: F1 {wrapped:.2}");
    assert!(joined >= 95.0 && wrapped >= 95.0);
}

/// Every character that is not white space lies in exactly one range, ranges are trimmed and in order, and they respect the blocks.
fn check_whole(text: &str) {
    let blocks = text::blocks(text);
    let mut end = 0;
    for block in &blocks {
        assert!(text[end..block.range.start].trim().is_empty(), "lost between blocks: {:?}", &text[end..block.range.start]);
        assert!(!block.range.is_empty());
        end = block.range.end;
    }
    assert!(text[end..].trim().is_empty(), "lost after the last block: {:?}", &text[end..]);
    let mut end = 0;
    let mut last = 0;
    for (block, range) in text::split(text) {
        assert!(block >= last && block < blocks.len());
        last = block;
        assert!(range.start >= blocks[block].range.start && range.end <= blocks[block].range.end);
        assert!(text[end..range.start].trim().is_empty(), "lost: {:?}", &text[end..range.start]);
        assert!(!range.is_empty() && text[range.clone()].trim().len() == range.len(), "not trimmed: {:?}", &text[range]);
        end = range.end;
    }
    assert!(text[end..].trim().is_empty(), "lost at the end: {:?}", &text[end..]);
}

/// Pieces that splitting has rules about, so that random texts meet the rules in every combination.
const PIECES: &[&str] = &[
    ".",
    "..",
    "...",
    "…",
    "!",
    "؟",
    "?",
    "؟!",
    "۔",
    "。",
    " ",
    "  ",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    "\u{A0}",
    "\u{200F}",
    "\u{200B}",
    "\u{FEFF}",
    "\u{2028}",
    "\u{202B}",
    "\u{0640}",
    "\u{064B}",
    "\"",
    "'",
    "«",
    "»",
    "“",
    "”",
    "(",
    ")",
    "[",
    "]",
    "[1]",
    "(1998)",
    "¹",
    "-",
    "–",
    "• ",
    "1. ",
    "٢- ",
    "أ. ",
    "د.",
    "ق.م",
    "E. coli",
    "et al",
    "Inc",
    "No",
    "www.a.b",
    "a@b.c",
    "تقرير.pdf",
    "3.5",
    "٣٫٥",
    "2020",
    "12",
    "مايو",
    "قال",
    "وقال",
    "في",
    "كلمة",
    "و",
    "سي",
    "إلخ",
    "😀",
    "\u{200D}",
    ":",
    "،",
    "؛",
    "#",
    "# ",
    "> ",
    "|",
    "```",
    "---",
    "ﷺ",
    "ﻻ",
    "a",
    "The",
    "é",
    "\u{E0001}",
    "أَحْمَدُ",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_of_any_string(text in any::<String>()) {
        check_whole(&text);
    }

    #[test]
    fn nothing_is_lost_of_tricky_pieces(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        check_whole(&pieces.concat());
    }

    /// Sentences never depend on what stands in another paragraph far away, once the layout is the same.
    #[test]
    fn sentences_of_a_block_are_its_own(pieces in prop::collection::vec(prop::sample::select(PIECES), 1..30)) {
        let block = pieces.concat();
        let text = format!("مقدمة.{block}خاتمة");
        let start = "مقدمة.".len();
        let alone: Vec<_> = text::sentences(&block, 0..block.len());
        let within: Vec<_> = text::sentences(&text, start..start + block.len()).into_iter().map(|range| range.start - start..range.end - start).collect();
        prop_assert_eq!(alone, within);
    }
}

#[test]
fn long_lines_of_anything_end() {
    // Quadratic behaviour in any rule would take minutes here.
    for piece in [
        ".",
        "؟) ",
        "\"؟ ",
        "( . ",
        "- . ",
        "د. ",
        "- د. ",
        "1. ",
        "a.",
        "[1",
        "… ",
        "،",
        "ا.ب.",
        "\u{200F}.",
        ". \"",
        "«.",
        "x \n",
        "12. 3",
        "\u{200F}\u{200F}\n",
        "😀!",
        "٫٫٫",
        "كلمة",
    ] {
        let text = piece.repeat((2 << 20) / piece.len());
        check_whole(&text);
    }
}

#[test]
fn long_segments_are_cut_in_linear_time() {
    let text = "كلمة، ".repeat(100_000);
    let pieces = text::clauses(&text, &|piece| piece.len() <= 600);
    assert!(pieces.len() < 2 * text.len() / 600 + 2);
    assert_eq!(pieces.iter().map(|range| range.len()).sum::<usize>(), text.len());
}
