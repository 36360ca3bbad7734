//! Translated copies (`-f same`): the file in its own format with the English in place and all else as it was.

use jisr::bitext::{Bitext, Segment};
use jisr::document::{BlockKind, Document, ReadOptions, Source, read, write_translated};
use std::io::{Cursor, Read};
use std::path::Path;

/// One segment a block, its translation telling which block it was.
fn translate(document: Document) -> Bitext {
    let segment = |(index, block): (usize, &jisr::document::Block)| {
        (block.kind != BlockKind::Verbatim).then(|| Segment {
            block: index,
            range: block.range.clone(),
            target: format!("Block {index} & <English>"),
            ..Segment::default()
        })
    };
    let segments = document.blocks.iter().enumerate().filter_map(segment).collect();
    bitext(document, segments)
}

fn bitext(document: Document, segments: Vec<Segment>) -> Bitext {
    Bitext { document, segments, model: "none".into(), source_lang: "ar".into(), target_lang: "en".into(), lines: false }
}

fn copy(source: &Source, options: &ReadOptions) -> (Document, Vec<u8>) {
    let document = read(source, options).unwrap_or_else(|error| panic!("{error}")).remove(0);
    let bitext = translate(document.clone());
    (document, write_translated(source, options, &bitext).unwrap_or_else(|error| panic!("{error}")))
}

fn fixture(name: &str) -> Source {
    Source::file(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/document").join(name))
}

/// What does not change with the language: the kinds of the blocks.
fn kinds(document: &Document) -> Vec<BlockKind> {
    document.blocks.iter().map(|block| block.kind).collect()
}

#[test]
fn a_copy_reads_as_the_translations_in_the_same_structure() {
    for name in ["report.docx", "libreoffice.docx", "notes.docx", "report.odt", "slides.pptx"] {
        let source = fixture(name);
        let (document, bytes) = copy(&source, &ReadOptions::default());
        let again = read(&Source::bytes(name, bytes), &ReadOptions::default()).unwrap().remove(0);
        assert!(!again.has_arabic(), "{name}: {}", again.text);
        assert_eq!(kinds(&again), kinds(&document), "{name}");
        for (index, block) in again.blocks.iter().enumerate() {
            assert_eq!(&again.text[block.range.clone()], format!("Block {index} & <English>"), "{name}");
        }
    }
}

#[test]
fn a_copied_word_file_keeps_its_parts_and_styles_and_runs_left_to_right() {
    let source = fixture("report.docx");
    let (_, bytes) = copy(&source, &ReadOptions::default());
    let original = std::fs::read(source.path().unwrap()).unwrap();
    let part = |bytes: &[u8], name: &str| {
        let mut text = String::new();
        zip::ZipArchive::new(Cursor::new(bytes)).unwrap().by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    };
    let names = |bytes: &[u8]| -> Vec<String> {
        let archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        archive.file_names().map(|name| name.unwrap().into_owned()).collect()
    };
    assert_eq!(names(&bytes), names(&original));
    let (before, after) = (part(&original, "word/document.xml"), part(&bytes, "word/document.xml"));
    for element in ["<w:p>", "<w:tbl>", "<w:tc>", "<w:drawing>", "<w:pStyle ", "<pic:pic", "<w:sectPr"] {
        assert_eq!(before.matches(element).count(), after.matches(element).count(), "{element}");
    }
    assert!(before.contains("<w:bidi/>") && !after.contains("<w:bidi/>") && !after.contains("<w:bidiVisual/>"));
}

#[test]
fn text_formats_change_in_the_translated_places_alone() {
    let same = |name: &str, text: &str, options: &ReadOptions| {
        let (_, bytes) = copy(&Source::bytes(name, text.as_bytes()), options);
        String::from_utf8(bytes).unwrap()
    };
    let default = ReadOptions::default();
    assert_eq!(
        same("a.txt", "  عنوان\r\n\r\nنص طويل هنا.\r\n", &default),
        "  Block 0 & <English>\r\n\r\nBlock 1 & <English>\r\n"
    );
    assert_eq!(
        same("a.json", "{ \"n\": 1.50, \"t\": \"نص\",\n \"u\": [\"en\", \"آخر\"] }\n", &default),
        "{ \"n\": 1.50, \"t\": \"Block 0 & <English>\",\n \"u\": [\"en\", \"Block 1 & <English>\"] }\n"
    );
    assert_eq!(
        same("a.csv", "id,نص,en\r\n1,\"قال: \"\"نعم\"\", ثم\",yes\r\n2,مرحبا,hi\r\n", &default),
        "id,Block 0 & <English>,en\r\n1,\"Block 1 & <English>\",yes\r\n2,Block 2 & <English>,hi\r\n"
    );
    let page = same(
        "a.html",
        "<!DOCTYPE html><html dir=\"rtl\"><head><title>x</title></head><body><p class=\"k\">نص <b>غليظ</b> جدا</p><img src=\"a.png\"></body></html>",
        &default,
    );
    assert!(page.contains("dir=\"ltr\"") && page.contains("lang=\"en\"") && page.contains("charset=\"utf-8\""), "{page}");
    assert!(
        page.contains("Block 1 &amp; &lt;English&gt;") && page.contains("<p class=\"k\">") && page.contains("a.png"),
        "{page}"
    );
}

#[test]
fn the_title_of_a_copied_page_is_translated() {
    let head = "<head><meta charset=utf-8><title>هدنة - موقع</title></head>";
    let body = "<body><svg><title>رسم</title></svg><h1>هدنة</h1><p>نص</p></body>";
    for html_all in [false, true] {
        let options = ReadOptions { html_all, ..ReadOptions::default() };
        let same = |page: String| {
            let (document, bytes) = copy(&Source::bytes("a.html", page.as_bytes()), &options);
            (document.blocks.len(), String::from_utf8(bytes).unwrap())
        };
        let (blocks, page) = same(format!("<html>{head}{body}</html>"));
        assert_eq!(blocks, 3);
        for (name, block) in [("title", 0), ("h1", 1), ("p", 2)] {
            assert!(page.contains(&format!("<{name}>Block {block} &amp; &lt;English&gt;</{name}>")), "{page}");
        }
        // One that repeats the heading shares its translation.
        let (blocks, page) = same(format!("<html>{}{body}</html>", head.replace("هدنة - موقع", " هدنة ")));
        assert_eq!(blocks, 2);
        for (name, block) in [("title", 0), ("h1", 0), ("p", 1)] {
            assert!(page.contains(&format!("<{name}>Block {block} &amp; &lt;English&gt;</{name}>")), "{page}");
        }
        // A page of a title alone holds no text.
        let empty = format!("<html>{head}<body><script>x</script></body></html>");
        assert!(read(&Source::bytes("a.html", empty.as_bytes()), &options).is_err());
    }
}

#[test]
fn subtitles_keep_their_cues_and_share_a_sentence_between_them() {
    let srt = "1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>قال الرجل إنه لن</i>\r\n\r\n2\r\n00:00:02,600 --> 00:00:04,000\r\nيعود أبدا إلى المدينة التي تركها.\r\n\r\n\
               3\r\n00:00:05,000 --> 00:00:06,000\r\nنعم.\r\n";
    let source = Source::bytes("a.srt", srt.as_bytes());
    let document = read(&source, &ReadOptions::default()).unwrap().remove(0);
    assert_eq!(document.blocks.len(), 2);
    let targets = ["The man said that he would never return to the city he had left.", "Yes."];
    let segments = document.blocks.iter().enumerate().map(|(block, b)| Segment {
        block,
        range: b.range.clone(),
        target: targets[block].to_owned(),
        ..Segment::default()
    });
    let segments = segments.collect();
    let copy =
        String::from_utf8(write_translated(&source, &ReadOptions::default(), &bitext(document, segments)).unwrap()).unwrap();
    let times = |text: &str| text.lines().filter(|line| line.contains("-->")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(times(&copy), times(srt));
    let cues: Vec<&str> = copy.split("\r\n\r\n").collect();
    assert_eq!(cues.len(), 3);
    let text = |cue: &str| cue.lines().skip(2).collect::<Vec<_>>().join(" ").replace("<i>", "").replace("</i>", "");
    assert_eq!(format!("{} {}", text(cues[0]), text(cues[1])), targets[0]);
    assert!(!text(cues[0]).is_empty() && !text(cues[1]).is_empty() && cues[0].contains("<i>"));
    assert_eq!(text(cues[2]), targets[1]);
}

#[test]
fn spreadsheets_keep_numbers_formulas_and_the_english_column() {
    let (document, bytes) = copy(&fixture("table.xlsx"), &ReadOptions::default());
    let again = read(
        &Source::bytes("table.xlsx", bytes.clone()),
        &ReadOptions { columns: vec!["2".to_owned()], ..ReadOptions::default() },
    )
    .unwrap();
    assert!(!again[0].has_arabic(), "{}", again[0].text);
    assert_eq!(document.sections.len(), 2);
    let mut sheet = String::new();
    zip::ZipArchive::new(Cursor::new(bytes))
        .unwrap()
        .by_name("xl/worksheets/sheet1.xml")
        .unwrap()
        .read_to_string(&mut sheet)
        .unwrap();
    assert!(sheet.contains("CONCATENATE") && sheet.contains("<v>1</v>") && sheet.contains("rightToLeft=\"0\""), "{sheet}");
}

#[test]
fn columns_of_an_opendocument_spreadsheet_are_chosen_as_in_excel() {
    let rows = "<table:shapes><text:p>مربع</text:p></table:shapes>\
         <table:table-row><c><text:p>id</text:p></c><c><text:p>العنوان</text:p></c><c><text:p>النص</text:p></c></table:table-row>\
         <table:table-row><c><text:p>1</text:p></c><c><text:p>عنوان</text:p></c><c><text:p>أولى</text:p><text:p>ثانية</text:p></c></table:table-row>\
         <table:table-row><c/><c table:number-columns-repeated=\"2\"><text:p>مكرر</text:p></c></table:table-row>"
        .replace("<c", "<table:table-cell")
        .replace("</c>", "</table:table-cell>");
    let other = "<table:table-row><table:table-cell><text:p>آخر</text:p></table:table-cell></table:table-row>";
    let content = format!(
        "<x><office:body><office:spreadsheet><table:table>{rows}</table:table><table:table>{other}</table:table></office:spreadsheet></office:body></x>"
    );
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in
        [("content.xml", content.as_str()), ("styles.xml", "<x><style:header><text:p>رأس</text:p></style:header></x>")]
    {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut writer, content.as_bytes()).unwrap();
    }
    let source = Source::bytes("a.ods", writer.finish().unwrap().into_inner());
    let of = |column: &str| ReadOptions { columns: vec![column.to_owned()], ..ReadOptions::default() };
    for (column, expected) in
        [("النص", "النص\nأولى\nثانية\nمكرر"), ("C", "النص\nأولى\nثانية\nمكرر"), ("2", "العنوان\nعنوان\nمكرر")]
    {
        let (document, bytes) = copy(&source, &of(column));
        assert_eq!(document.text.split_whitespace().collect::<Vec<_>>().join("\n"), expected, "{column}");
        let again = read(&Source::bytes("a.ods", bytes), &ReadOptions::default()).unwrap().remove(0).text;
        assert_eq!(again.matches("<English>").count(), expected.lines().count(), "{again}");
        assert!(["مربع", "آخر", "رأس"].iter().all(|kept| again.contains(kept)), "{again}");
    }
    let unknown = read(&source, &of("Body")).unwrap_err().to_string();
    assert!(unknown.contains("no column \"Body\"") && unknown.contains("hint:"), "{unknown}");
}

#[test]
fn a_file_that_changed_or_cannot_be_copied_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    std::fs::write(&path, "نص").unwrap();
    let source = Source::file(&path);
    let bitext = translate(read(&source, &ReadOptions::default()).unwrap().remove(0));
    std::fs::write(&path, "نص آخر").unwrap();
    let error = write_translated(&source, &ReadOptions::default(), &bitext).unwrap_err();
    assert_eq!(error.to_string(), "a.txt: changed since it was read\nhint: run the translation again");
    let source = fixture("visual.pdf");
    let bitext = translate(read(&source, &ReadOptions::default()).unwrap().remove(0));
    assert!(write_translated(&source, &ReadOptions::default(), &bitext).unwrap_err().hint().is_some());
}

#[test]
fn a_copied_markdown_file_keeps_its_marks() {
    let text = "# عنوان\n\nفقرة **غليظة** هنا.\n\n- [بند](http://x.org)\n- ![صورة](a.png) بند\n\n```\nرمز\n```\n\n| أ | ب |\n|---|---|\n| ج | د |\n";
    let (_, bytes) = copy(&Source::bytes("a.md", text.as_bytes()), &ReadOptions::default());
    let english = |index: usize| format!("Block {index} & \\<English>");
    let expected = format!(
        "# {}\n\n{}\n\n- [{}](http://x.org)\n- ![صورة](a.png) {}\n\n```\nرمز\n```\n\n| {} | {} |\n|---|---|\n| {} | {} |\n",
        english(0),
        english(1),
        english(2),
        english(3),
        english(5),
        english(6),
        english(7),
        english(8)
    );
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}
