//! TMX, XLIFF 1.2, XLIFF 2.1 and DOCX: well-formed, valid, and with every segment in them, whatever the texts hold.

use crate::content_model::{Element, MANY, Model, parse, validate};
use crate::{bitexts, export, export_text, words, xml_words};
use jisr::bitext::{Bitext, Flag, Format, Segment};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::io::Read;
use std::process::Command;

const NO: &[(&[&str], usize, usize)] = &[];

const fn leaf(name: &'static str, required: &'static [&'static str], optional: &'static [&'static str]) -> Model {
    Model { name, required, optional, children: NO, text: true }
}

const fn node(
    name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
    children: &'static [(&'static [&'static str], usize, usize)],
) -> Model {
    Model { name, required, optional, children, text: false }
}

/// <https://www.gala-global.org/tmx-14b>, appendix C.
const TMX: &[Model] = &[
    node("tmx", &["version"], &[], &[(&["header"], 1, 1), (&["body"], 1, 1)]),
    node(
        "header",
        &["creationtool", "creationtoolversion", "segtype", "o-tmf", "adminlang", "srclang", "datatype"],
        &["o-encoding", "creationdate", "creationid", "changedate", "changeid"],
        &[(&["note", "prop", "ude"], 0, MANY)],
    ),
    node("body", &[], &[], &[(&["tu"], 0, MANY)]),
    node(
        "tu",
        &[],
        &["tuid", "datatype", "creationtool", "creationdate", "creationid", "segtype", "srclang"],
        &[(&["note", "prop"], 0, MANY), (&["tuv"], 1, MANY)],
    ),
    node("tuv", &["xml:lang"], &["creationdate", "creationid"], &[(&["note", "prop"], 0, MANY), (&["seg"], 1, 1)]),
    leaf("seg", &[], &[]),
    leaf("prop", &["type"], &["xml:lang"]),
    leaf("note", &[], &["xml:lang"]),
];

const XLIFF: &[Model] = &[
    node("xliff", &["version", "xmlns"], &[], &[(&["file"], 1, MANY)]),
    node(
        "file",
        &["original", "source-language", "datatype"],
        &["target-language", "date", "tool-id"],
        &[(&["header"], 0, 1), (&["body"], 1, 1)],
    ),
    node("header", &[], &[], &[(&["tool", "note"], 0, MANY)]),
    node("tool", &["tool-id", "tool-name"], &["tool-version"], NO),
    node("body", &[], &[], &[(&["group", "trans-unit"], 0, MANY)]),
    node("group", &[], &["id", "restype"], &[(&["note"], 0, MANY), (&["group", "trans-unit"], 0, MANY)]),
    node("trans-unit", &["id"], &["approved"], &[(&["source"], 1, 1), (&["target"], 0, 1), (&["note", "alt-trans"], 0, MANY)]),
    leaf("source", &[], &["xml:lang"]),
    leaf("target", &[], &["xml:lang", "state", "state-qualifier"]),
    node("alt-trans", &[], &["origin", "match-quality"], &[(&["source"], 0, 1), (&["target"], 1, MANY)]),
    leaf("note", &[], &["from", "priority", "xml:lang"]),
];

const XLIFF2: &[Model] = &[
    node("xliff", &["version", "srcLang", "xmlns"], &["trgLang", "xmlns:mda", "xmlns:mtc"], &[(&["file"], 1, MANY)]),
    node("file", &["id"], &["original"], &[(&["mda:metadata"], 0, 1), (&["unit"], 1, MANY)]),
    node(
        "unit",
        &["id"],
        &["type", "translate"],
        &[(&["mtc:matches"], 0, 1), (&["mda:metadata"], 0, 1), (&["notes"], 0, 1), (&["segment", "ignorable"], 1, MANY)],
    ),
    node("segment", &[], &["id", "state", "subState"], &[(&["source"], 1, 1), (&["target"], 0, 1)]),
    node("ignorable", &[], &["id"], &[(&["source"], 1, 1), (&["target"], 0, 1)]),
    leaf("source", &[], &[]),
    leaf("target", &[], &[]),
    node("notes", &[], &[], &[(&["note"], 1, MANY)]),
    leaf("note", &[], &["category", "priority"]),
    node("mda:metadata", &[], &[], &[(&["mda:metaGroup"], 1, MANY)]),
    node("mda:metaGroup", &[], &["category"], &[(&["mda:meta"], 1, MANY)]),
    leaf("mda:meta", &["type"], &[]),
    node("mtc:matches", &[], &[], &[(&["mtc:match"], 1, MANY)]),
    node("mtc:match", &["ref"], &["type", "origin"], &[(&["source"], 1, 1), (&["target"], 1, 1)]),
];

fn read(format: Format, bitext: &Bitext, models: &[Model]) -> Element {
    let root = parse(&export_text(format, bitext));
    validate(&root, models);
    root
}

/// Segments with text on both sides as XML can hold it.
fn whole(bitext: &Bitext) -> Vec<&Segment> {
    let filled = |text: &str| !xml_words(text).is_empty();
    bitext.segments.iter().filter(|segment| filled(bitext.source(segment)) && filled(&segment.target)).collect()
}

#[test]
fn tmx_says_where_it_comes_from_and_what_is_missing() {
    let bitext = bitexts::report();
    let root = read(Format::Tmx, &bitext, TMX);
    let header = &root.children[0];
    assert_eq!(header.attribute("srclang"), Some("ar"));
    assert_eq!(header.attribute("creationtool"), Some("jisr"));
    assert_eq!(header.attribute("creationdate"), Some("20261125T135918Z"));
    assert_eq!(header.attribute("segtype"), Some("sentence"));
    assert!(header.all("note")[0].text.contains("segments 11."));
    let units = root.all("tu");
    assert_eq!(units.len(), bitext.segments.len() - 1);
    assert!(units.iter().all(|unit| unit.attribute("creationid") == Some("MT!")));
    let props: Vec<(&str, &str)> =
        units[1].all("prop").iter().map(|prop| (prop.attribute("type").unwrap(), &*prop.text)).collect();
    assert_eq!(props, [("x-model", "opus-mt-ar-en"), ("x-score", "-0.5000"), ("x-flags", "numbers")]);
}

#[test]
fn xliff_targets_say_that_nobody_reviewed_them() {
    let bitext = bitexts::report();
    let root = read(Format::Xliff, &bitext, XLIFF);
    let units = root.all("trans-unit");
    assert_eq!(units.len(), bitext.segments.len());
    for (unit, segment) in units.iter().zip(&bitext.segments) {
        let target = unit.children.iter().find(|child| child.name == "target").unwrap();
        let expected = match segment.flags.as_slice() {
            [Flag::Empty] => (Some("needs-translation"), None),
            flags if flags.contains(&Flag::Copied) => (Some("needs-review-translation"), None),
            _ => (Some("needs-review-translation"), Some("leveraged-mt")),
        };
        assert_eq!((target.attribute("state"), target.attribute("state-qualifier")), expected);
    }
    assert_eq!(units[1].all("alt-trans").len(), 2);
}

#[test]
fn xliff2_states_and_modules() {
    let bitext = bitexts::report();
    let root = read(Format::Xliff2, &bitext, XLIFF2);
    assert_eq!((root.attribute("version"), root.attribute("trgLang")), (Some("2.1"), Some("en")));
    let segments = root.all("segment");
    assert_eq!(segments.len(), bitext.segments.len());
    let states: Vec<_> = segments.iter().map(|segment| segment.attribute("state").unwrap()).collect();
    assert_eq!(states.iter().filter(|state| **state == "initial").count(), 1);
    assert_eq!(states.iter().filter(|state| **state == "translated").count(), bitext.segments.len() - 1);
    // White space between two segments of a block is kept as such.
    assert_eq!(root.all("ignorable").len(), 2);
    assert!(root.all("mtc:match").iter().all(|candidate| candidate.attribute("ref") == Some("#s2")));
}

/// The first Python that has the Translate Toolkit: `PYTHON`'s, or the one on the path.
fn python() -> Option<String> {
    let has_toolkit = |name: &String| {
        Command::new(name).args(["-c", "import translate.storage.xliff2"]).output().is_ok_and(|output| output.status.success())
    };
    std::env::var("PYTHON").ok().into_iter().chain(["python3".to_string()]).find(has_toolkit)
}

/// With `XLIFF_TMX_SCHEMAS`, a folder of the official schemas, the files are validated too: see the script.
#[test]
fn the_translate_toolkit_loads_every_unit() {
    let Some(python) = python() else {
        eprintln!("SKIPPED: no Python with translate-toolkit found (set PYTHON): TMX and XLIFF were not loaded in it");
        return;
    };
    let mut runner = TestRunner::deterministic();
    let made_up = (0..8).map(|_| bitexts::arbitrary().new_tree(&mut runner).expect("a bitext").current());
    for bitext in std::iter::once(bitexts::report()).chain(made_up) {
        let folder = tempfile::tempdir().unwrap();
        for format in [Format::Tmx, Format::Xliff, Format::Xliff2] {
            let extension = format.exporters()[0].extension("ar", "en");
            std::fs::write(folder.path().join(format!("report.{extension}")), export(format, &bitext)).unwrap();
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/export/validate.py");
        let schemas = std::env::var_os("XLIFF_TMX_SCHEMAS");
        let output = Command::new(&python).arg(script).arg(folder.path()).args(schemas).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let units: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        // A file of XLIFF 2.1 needs a unit even where there is no segment.
        let segments = bitext.segments.len();
        let expected =
            serde_json::json!({"report.tmx": whole(&bitext).len(), "report.xlf": segments, "report.xliff2.xlf": segments.max(1)});
        assert_eq!(units, expected);
    }
}

proptest! {
    #[test]
    fn tmx_holds_every_whole_pair_and_no_empty_seg(bitext in bitexts::arbitrary()) {
        let root = read(Format::Tmx, &bitext, TMX);
        let segs: Vec<&str> = root.all("seg").iter().map(|seg| &*seg.text).collect();
        let expected: Vec<String> =
            whole(&bitext).iter().flat_map(|segment| [xml_words(bitext.source(segment)), xml_words(&segment.target)]).collect();
        prop_assert_eq!(segs, expected);
    }

    #[test]
    fn xliff_holds_every_segment(bitext in bitexts::arbitrary()) {
        let root = read(Format::Xliff, &bitext, XLIFF);
        let units = root.all("trans-unit");
        prop_assert_eq!(units.len(), bitext.segments.len());
        for (unit, segment) in units.iter().zip(&bitext.segments) {
            prop_assert_eq!(&unit.children[0].text, &xml_words(bitext.source(segment)));
            prop_assert_eq!(&unit.children[1].text, &xml_words(&segment.target));
        }
    }

    #[test]
    fn xliff2_holds_every_segment_and_unique_ids(bitext in bitexts::arbitrary()) {
        let root = read(Format::Xliff2, &bitext, XLIFF2);
        let segments: Vec<_> = root.all("segment").into_iter().filter(|segment| segment.attribute("id").is_some()).collect();
        prop_assert_eq!(segments.len(), bitext.segments.len());
        for (element, segment) in segments.iter().zip(&bitext.segments) {
            prop_assert_eq!(&element.children[0].text, &xml_words(bitext.source(segment)));
        }
        let mut ids: Vec<_> = root.all("unit").iter().chain(&segments).filter_map(|element| element.attribute("id")).collect();
        let count = ids.len();
        ids.sort();
        ids.dedup();
        prop_assert_eq!(ids.len(), count);
    }

    #[test]
    fn docx_holds_every_text_in_its_row(bitext in bitexts::arbitrary()) {
        let bytes = export(Format::Docx, &bitext);
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        let mut document = String::new();
        archive.by_name("word/document.xml").unwrap().read_to_string(&mut document).unwrap();
        let root = parse(&document);
        let text_of = |cell: &Element| cell.all("w:t").iter().map(|text| &*text.text).collect::<String>();
        let mut rows = root.all("w:tr").into_iter().skip(1).filter(|row| row.all("w:gridSpan").is_empty());
        for segment in &bitext.segments {
            let cells = rows.next().expect("a row for every segment").all("w:tc");
            prop_assert_eq!(text_of(cells[1]), xml_words(bitext.source(segment)));
            prop_assert_eq!(text_of(cells[2]), xml_words(&segment.target));
            for flag in &segment.flags {
                prop_assert!(words(&text_of(cells[3])).contains(flag.name()));
            }
        }
        prop_assert!(rows.next().is_none());
    }
}
