//! Reading: what every file gives, its text or a message that says what is wrong with it.

use jisr::document::{Document, Format, ReadError, ReadErrorKind, ReadOptions, Source, read, walk};
use std::fs;

const REPORT: &str = "هدنة إنسانية ليومين\n\nتوصل الطرفان إلى هدنة إنسانية مدتها ثمان وأربعون ساعة، تبدأ فجر الخميس.";

fn read_bytes(name: &str, bytes: impl Into<Vec<u8>>) -> Result<Document, ReadError> {
    let mut documents = read(&Source::bytes(name, bytes.into()), &ReadOptions::default())?;
    assert_eq!(documents.len(), 1);
    let document = documents.remove(0);
    check(&document);
    Ok(document)
}

/// What holds for every document: blocks in order, and between them nothing but white space.
fn check(document: &Document) {
    let mut end = 0;
    for block in &document.blocks {
        assert!(document.text[end..block.range.start].trim().is_empty());
        let text = &document.text[block.range.clone()];
        assert!(!text.trim().is_empty());
        end = block.range.end;
    }
    assert!(document.text[end..].trim().is_empty());
}

fn blocks(document: &Document) -> Vec<&str> {
    document.blocks.iter().map(|block| &document.text[block.range.clone()]).collect()
}

/// What happened, without the hint.
fn first_line(error: &ReadError) -> String {
    error.to_string().lines().next().unwrap().to_owned()
}

#[test]
fn text_in_every_arabic_encoding_gives_the_same_document() {
    let expected = read_bytes("report.txt", REPORT).unwrap();
    assert_eq!(expected.text, REPORT);
    assert_eq!(blocks(&expected).len(), 2);
    let utf16 = |big: bool, mark: bool| -> Vec<u8> {
        let text = if mark { format!("\u{feff}{REPORT}") } else { REPORT.to_owned() };
        text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("utf-8 with a mark", [b"\xef\xbb\xbf", REPORT.as_bytes()].concat()),
        ("windows-1256", encoding_rs::WINDOWS_1256.encode(REPORT).0.into_owned()),
        ("ISO-8859-6", encoding_rs::ISO_8859_6.encode(REPORT).0.into_owned()),
        ("UTF-16LE with a mark", utf16(false, true)),
        ("UTF-16BE with a mark", utf16(true, true)),
        ("UTF-16LE", utf16(false, false)),
        ("UTF-16BE", utf16(true, false)),
    ];
    for (encoding, bytes) in files {
        let document = read_bytes("report.txt", bytes).unwrap();
        assert_eq!(document.text, expected.text, "{encoding}");
        assert_eq!(document.blocks, expected.blocks, "{encoding}");
    }
}

#[test]
fn every_file_that_cannot_be_read_has_its_own_message() {
    let message = |name: &str, bytes: &[u8]| first_line(&read_bytes(name, bytes).unwrap_err());
    assert_eq!(message("a.txt", b""), "a.txt: the file is empty");
    assert!(message("a.txt", b" \n\t ").contains("only white space"));
    assert!(message("a.txt", b"\x89PNG\r\n\x1a\n\0\0").contains("PNG image"));
    assert!(message("a.txt", b"\x7fELF\x02\x01\x01\0\0\0\0").contains("program"));
    assert!(message("a.bin", &(0..=255u8).cycle().take(4096).collect::<Vec<_>>()).contains("binary data"));
    assert!(message("a.docx", b"PK\x03\x04garbage").starts_with("a.docx: "));
    assert!(message("a.rtf", b"{\\rtf1\\ansi x}").contains("RTF"));
    let big = ReadOptions { max_bytes: 100, ..ReadOptions::default() };
    let error = read(&Source::bytes("big.txt", vec![b'a'; 200]), &big).unwrap_err();
    assert!(matches!(error.kind, ReadErrorKind::TooLarge { size: 200, limit: 100 }));
    assert!(error.hint().is_some());
    let folder = tempfile::tempdir().unwrap();
    let error = read(&Source::file(folder.path().join("missing.txt")), &ReadOptions::default()).unwrap_err();
    assert_eq!(first_line(&error), "missing.txt: cannot be opened: no such file");
    // A hole of 200 MB: the size is looked at before anything is read.
    let path = folder.path().join("huge.txt");
    fs::File::create(&path).unwrap().set_len(200_000_000).unwrap();
    let error = read(&Source::file(&path), &ReadOptions::default()).unwrap_err();
    assert_eq!(first_line(&error), "huge.txt: 200 MB is too large (the limit is 128 MB)");
}

#[test]
fn a_document_without_arabic_is_read_and_says_so() {
    assert!(!read_bytes("a.txt", "Nothing to translate here, ٣ لا".replace("لا", "").as_str()).unwrap().has_arabic());
    assert!(read_bytes("a.txt", "One word: لا").unwrap().has_arabic());
}

#[test]
fn a_folder_is_walked_in_order_and_names_keep_the_tree() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("b/c")).unwrap();
    fs::create_dir_all(root.join(".git")).unwrap();
    for file in ["z.txt", "a.txt", "b/c/deep.txt", "b/one.txt", ".hidden.txt", ".git/config"] {
        fs::write(root.join(file), REPORT).unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(root, root.join("b/loop")).unwrap();
    let walked = walk(&[root], u64::MAX);
    let names: Vec<&str> = walked.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["a.txt", "b/c/deep.txt", "b/one.txt", "z.txt"]);
    #[cfg(unix)]
    {
        assert_eq!(walked.problems.len(), 1);
        assert!(walked.problems[0].to_string().contains("b/loop"), "{}", walked.problems[0]);
    }
    // A missing input is reported, the others are listed.
    let walked = walk(&[root.join("missing"), root.join("a.txt")], u64::MAX);
    assert_eq!((walked.sources.len(), walked.problems.len()), (1, 1));
    // Equal names keep apart.
    let walked = walk(&[root.join("a.txt"), root.join("b")], u64::MAX);
    assert_eq!(walked.sources[0].name, "a.txt");
    fs::copy(root.join("a.txt"), root.join("b/a.txt")).unwrap();
    let walked = walk(&[root.join("a.txt"), root.join("b")], u64::MAX);
    let mut names: Vec<&str> = walked.sources.iter().map(|source| source.name.as_str()).collect();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn a_zip_archive_is_taken_apart_and_gzip_unwrapped() {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in [("one.txt", REPORT.as_bytes()), ("two/empty.txt", b"")] {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    let bytes = writer.finish().unwrap().into_inner();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.zip"), &bytes).unwrap();
    let walked = walk(&[folder.path()], u64::MAX);
    let names: Vec<&str> = walked.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["in.zip/one.txt", "in.zip/two/empty.txt"]);
    assert_eq!(read(&walked.sources[0], &ReadOptions::default()).unwrap()[0].text, REPORT);
    let error = read(&walked.sources[1], &ReadOptions::default()).unwrap_err();
    assert_eq!(first_line(&error), "in.zip/two/empty.txt: the file is empty");

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(REPORT.as_bytes()).unwrap();
    let document = read_bytes("report.txt.gz", encoder.finish().unwrap()).unwrap();
    assert_eq!((document.text.as_str(), document.format), (REPORT, Format::Text));
}

#[test]
fn subtitle_cues_that_share_a_sentence_share_a_block() {
    let srt = "1\n00:00:01,000 --> 00:00:02,500\n<i>قال الرجل إنه لن</i>\n\n2\n00:00:02,600 --> 00:00:04,000\nيعود إلى\nالمدينة أبدا.\n\n\
               3\n00:00:05,000 --> 00:00:06,000\n- نعم.\n";
    let document = read_bytes("film.srt", srt).unwrap();
    assert_eq!(blocks(&document), ["قال الرجل إنه لن\nيعود إلى المدينة أبدا.", "- نعم."]);
    assert_eq!(document.cues.len(), 3);
    assert_eq!((document.cues[1].start, document.cues[1].end), (2600, 4000));
    assert_eq!(&document.text[document.cues[1].range.clone()], "يعود إلى المدينة أبدا.");
}

#[test]
fn json_gives_its_arabic_strings_or_the_fields_asked_for() {
    let json = r#"{"id": 7, "url": "https://example.org/خبر", "title": "عنوان الخبر", "meta": {"tags": ["سياسة", "news"], "author": "Ali"},
        "body": "\u0641\u0642\u0631\u0629 أولى.\n\nفقرة ثانية."}"#;
    let document = read_bytes("a.json", json).unwrap();
    assert_eq!(document.format, Format::Json);
    assert_eq!(blocks(&document), ["عنوان الخبر", "سياسة", "فقرة أولى.", "فقرة ثانية."]);
    let options = ReadOptions { fields: vec!["meta.author".to_owned()], ..ReadOptions::default() };
    let document = &read(&Source::bytes("a.json", json.as_bytes()), &options).unwrap()[0];
    assert_eq!(blocks(document), ["Ali"]);
    let options = ReadOptions { fields: vec!["nothing".to_owned()], ..ReadOptions::default() };
    assert!(read(&Source::bytes("a.json", json.as_bytes()), &options).is_err());
    let lines = "{\"t\":\"سطر أول\"}\n{broken\n{\"t\":\"سطر ثالث\"}\n";
    let document = read_bytes("a.jsonl", lines).unwrap();
    assert_eq!(blocks(&document), ["سطر أول", "سطر ثالث"]);
    assert_eq!(document.warnings, ["not valid JSON and left out: line 2"]);
}

#[test]
fn a_page_gives_its_main_text_and_all_of_it_on_demand() {
    let page = r#"<!DOCTYPE html><html dir="rtl" lang="ar"><head><meta charset="utf-8"><title>هدنة في المدينة - موقع الأخبار</title>
        <style>body{direction:rtl}</style><script>var x = "نص برمجي";</script></head><body class="has-sidebar">
        <header><h1 class="logo"><a href="/">موقع الأخبار</a></h1><nav><ul><li><a href="/a">الرئيسية</a></li><li><a href="/b">رياضة</a></li></ul></nav></header>
        <div id="page"><div class="title-box"><h1>هدنة في المدينة</h1></div><div class="content"><div class="row">
        <p>توصل الطرفان المتحاربان إلى <b>هدنة</b> إنسانية مدتها ثمان وأربعون ساعة، تبدأ فجر الخميس القادم في كل المدينة.</p>
        <div class="share-buttons"><a href="/s">شارك</a> <a href="/s">غرد</a></div>
        <h2>ردود الفعل</h2>
        <p>وقال وسيط من الإدارة الأهلية إن الاتفاق جاء بعد أسبوع من الاتصالات المتواصلة مع قادة ميدانيين.<br>وأضاف أنه هش.</p>
        <ul><li>طريق آمن إلى الشمال</li><li>مستشفى ميداني</li></ul>
        <p style="display:none">مخفي عن القارئ تماما ولا ينبغي أن يظهر في النص المستخرج أبدا بأي حال.</p>
        </div><div class="relatedPosts"><p>اقرأ أيضا: خبر آخر لا علاقة له بما سبق من الكلام في هذه الصفحة.</p></div></div>
        <aside><p>إعلان طويل جدا عن منتج لا يهم أحدا من القراء الذين يبحثون عن الأخبار في هذا الموقع.</p></aside></div>
        <footer>جميع الحقوق محفوظة</footer></body></html>"#;
    let document = read_bytes("page.html", page).unwrap();
    let texts = blocks(&document);
    assert_eq!(texts[..2], ["هدنة في المدينة - موقع الأخبار", "هدنة في المدينة"], "the title, the heading");
    assert!(texts[2].starts_with("توصل الطرفان المتحاربان إلى هدنة إنسانية"));
    assert_eq!(texts[3], "ردود الفعل");
    assert_eq!(texts[texts.len() - 2..], ["طريق آمن إلى الشمال", "مستشفى ميداني"]);
    // A title that only repeats the heading is not read twice.
    let document = read_bytes("page.html", page.replace(" - موقع الأخبار</title>", "\n</title>")).unwrap();
    assert_eq!(blocks(&document), texts[1..]);
    let document = read_bytes("page.html", page).unwrap();
    for absent in ["شارك", "اقرأ أيضا", "إعلان", "الحقوق", "برمجي", "مخفي", "الرئيسية"] {
        assert!(!document.text.contains(absent), "{absent}");
    }
    let all = ReadOptions { html_all: true, ..ReadOptions::default() };
    let document = &read(&Source::bytes("page.html", page.as_bytes()), &all).unwrap()[0];
    for present in ["شارك", "اقرأ أيضا", "إعلان", "الحقوق", "الرئيسية"] {
        assert!(document.text.contains(present), "{present}");
    }
    assert!(!document.text.contains("برمجي") && !document.text.contains("مخفي"));
}

#[test]
fn a_page_that_lies_about_its_charset_is_read_as_what_it_is() {
    let page = format!(
        "<html><head><meta charset=\"iso-8859-1\"></head><body><p>{}</p></body></html>",
        REPORT.replace("\n\n", "</p><p>")
    );
    let (bytes, _, _) = encoding_rs::WINDOWS_1256.encode(&page);
    let document = read_bytes("page.html", bytes.into_owned()).unwrap();
    assert_eq!(document.text, REPORT);
    assert!(document.warnings.iter().any(|warning| warning.contains("windows-1256")));
}
