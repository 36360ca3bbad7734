//! Damaged and hostile files: no panic, no hang, no flood of memory, and a message about each file that cannot be read.
//!
//! From every fixture and a few small files, variants are made with a fixed seed: cut short, bits flipped, pieces doubled or swapped, nested
//! deep; office documents also inside their packages. `JISR_MALFORMED_VARIANTS` sets how many per file (default 24; 5000 for a release).

use jisr::bitext::{Bitext, Segment};
use jisr::document::{Block, Document, ReadErrorKind, ReadOptions, Source, read, write_translated};
use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// xorshift64*: the same variants everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

fn seeds() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/document");
    let mut seeds: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).unwrap()))
        .filter(|(name, _)| !name.ends_with(".py"))
        .collect();
    seeds.sort();
    let small: [(&str, &str); 8] = [
        ("a.txt", "عنوان\n\nنص طويل، فيه جمل. وأخرى؟\n- بند\n- بند آخر\n"),
        ("a.md", "# عنوان\n\n* بند **غليظ**\n\n| أ | ب |\n|---|---|\n| ج | د |\n\n```\ncode\n```\n[رابط](http://x)\n"),
        (
            "a.html",
            "<html><head><meta charset=utf-8><title>ع</title></head><body><article><h1>عنوان</h1><p>نص &amp; آخر<br>سطر</p><table><tr><td>أ<td>ب</table></article></body></html>",
        ),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\nنص <i>مائل</i>\n\n2\n00:00:03,000 --> 00:00:04,000\nآخر.\n"),
        ("a.vtt", "WEBVTT\n\nNOTE x\n\n00:01.000 --> 00:02.000 align:left\n<v أحمد>نص\n"),
        ("a.json", "{\"a\": [\"نص\", {\"b\": \"\\u0646\\ud83d\\ude00\"}], \"c\": 1e5, \"d\": null}"),
        ("a.jsonl", "{\"a\":\"نص\"}\n{\"a\":\"آخر\"}\n"),
        ("a.csv", "id,نص\n1,\"قال \"\"نعم\"\"\"\n2,مرحبا\n"),
    ];
    seeds.extend(small.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())));
    seeds
}

/// One change to some bytes.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    match random.below(7) {
        0 => bytes.truncate(random.below(bytes.len())),
        1 => {
            for _ in 0..1 + random.below(20) {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
        }
        2 => {
            let (at, byte) = (random.below(bytes.len()), random.next() as u8);
            bytes.insert(at, byte);
        }
        3 => {
            let start = random.below(bytes.len());
            let end = (start + random.below(200)).min(bytes.len());
            let piece = bytes[start..end].to_vec();
            let at = random.below(bytes.len());
            for _ in 0..random.below(50) {
                bytes.splice(at..at, piece.iter().copied());
            }
        }
        4 => {
            let start = random.below(bytes.len());
            let end = (start + random.below(400)).min(bytes.len());
            bytes.drain(start..end);
        }
        5 => {
            // A number made huge or negative.
            let at = random.below(bytes.len());
            if let Some(offset) = bytes[at..].iter().position(u8::is_ascii_digit) {
                let number: &[u8] = [&b"99999999999"[..], b"-1", b"4294967295", b"0"][random.below(4)];
                bytes.splice(at + offset..at + offset + 1, number.iter().copied());
            }
        }
        _ => {
            let opening: &[u8] = [&b"<div>"[..], b"<w:p>", b"[", b"{\"a\":", b"(", b"<<", b"\"", b"> "][random.below(8)];
            let at = random.below(bytes.len());
            let nested = opening.repeat(1 + random.below(5_000));
            bytes.splice(at..at, nested);
        }
    }
}

/// A package with one of its parts changed.
fn damage_package(bytes: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).ok()?;
    let target = random.below(archive.len());
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).ok()?;
        let name = entry.name().ok()?.into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).ok()?;
        if index == target {
            damage(&mut content, random);
        }
        writer.start_file(name, zip::write::SimpleFileOptions::default()).ok()?;
        writer.write_all(&content).ok()?;
    }
    Some(writer.finish().ok()?.into_inner())
}

fn english(document: Document) -> Bitext {
    let segment = |(block, at): (usize, &Block)| Segment {
        block,
        range: at.range.clone(),
        target: "English".to_owned(),
        ..Segment::default()
    };
    let segments = document.blocks.iter().enumerate().map(segment).collect();
    Bitext { document, segments, model: String::new(), source_lang: "ar".into(), target_lang: "en".into(), lines: false }
}

#[test]
fn damaged_files_give_text_or_a_message() {
    let count: usize = std::env::var("JISR_MALFORMED_VARIANTS").ok().and_then(|count| count.parse().ok()).unwrap_or(24);
    let (mut readable, mut refused) = (0usize, 0usize);
    for (name, seed) in seeds() {
        let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ seed.len() as u64);
        for variant in 0..count {
            let mut bytes = seed.clone();
            let packaged = seed.starts_with(b"PK") && variant % 4 != 0;
            if packaged {
                bytes = damage_package(&seed, &mut random).unwrap();
            } else {
                for _ in 0..1 + random.below(3) {
                    damage(&mut bytes, &mut random);
                }
            }
            let started = Instant::now();
            let source = Source::bytes(name.as_str(), bytes);
            let options = ReadOptions { html_all: variant % 2 == 0, ..ReadOptions::default() };
            let outcome = read(&source, &options);
            assert!(started.elapsed() < Duration::from_secs(10), "{name}, variant {variant}: {:?}", started.elapsed());
            match outcome {
                Ok(documents) => {
                    readable += 1;
                    for document in documents {
                        let mut end = 0;
                        for block in &document.blocks {
                            assert!(
                                block.range.start >= end && document.text.get(block.range.clone()).is_some(),
                                "{name}, variant {variant}"
                            );
                            end = block.range.end;
                        }
                        // What can be read can be copied, or not copied for a reason.
                        if variant % 4 == 1
                            && let Err(error) = write_translated(&source, &options, &english(document))
                        {
                            assert!(
                                matches!(
                                    error.kind,
                                    ReadErrorKind::NoCopy { .. }
                                        | ReadErrorKind::Malformed { .. }
                                        | ReadErrorKind::DamagedZip { .. }
                                ),
                                "{name}, variant {variant}: {error}"
                            );
                        }
                    }
                }
                Err(error) => {
                    refused += 1;
                    let text = error.to_string();
                    if text.contains("makes no sense") {
                        eprintln!("{name}, variant {variant}: a panic was caught");
                    }
                    let (message, hint) = text.split_once("\nhint: ").unwrap_or((&text, "none"));
                    assert!(message.starts_with(&format!("{name}: ")) && message.len() > name.len() + 10, "{message}");
                    assert!(
                        !message.contains('\n') && !hint.contains('\n') && message.chars().count() < 400,
                        "{name}, variant {variant}: {message}"
                    );
                }
            }
        }
    }
    assert!(readable > 0 && refused > 0);
    // Linux says how much memory the process ever held.
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        assert!(peak.is_some_and(|kib| kib < 1 << 20), "{peak:?} KiB");
    }
    eprintln!("{readable} variants read, {refused} refused");
}

#[test]
fn files_made_to_do_harm_are_refused() {
    let read = |name: &str, bytes: Vec<u8>| read(&Source::bytes(name, bytes), &ReadOptions::default());
    let package = |document: &str| {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in [("[Content_Types].xml", "<Types/>"), ("word/document.xml", document)] {
            writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(content.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    };
    // Entities: a bomb, and a file of the reader's machine.
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]><w:document><w:body><w:p><w:r><w:t>&b;</w:t></w:r></w:p></w:body></w:document>";
    let external = "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><w:document><w:body><w:p><w:r><w:t>&a;</w:t></w:r></w:p></w:body></w:document>";
    for document in [bomb, external] {
        let error = read("x.docx", package(document)).unwrap_err();
        assert!(matches!(error.kind, ReadErrorKind::Refused(_)), "{error}");
    }
    // 200 MB of spaces in a few kilobytes.
    let error = read("x.docx", package(&" ".repeat(200_000_000))).unwrap_err();
    assert!(matches!(error.kind, ReadErrorKind::Refused(_)), "{error}");
    // Nesting: harmless where nothing recurses, refused where it would cost quadratic time.
    let deep = format!("<w:document><w:body>{}<w:p><w:r><w:t>نص</w:t></w:r></w:p>", "<w:sdt>".repeat(200_000));
    let _ = read("x.docx", package(&deep));
    let error = read("x.html", format!("<html><body>{}نص", "<div>".repeat(200_000)).into_bytes()).unwrap_err();
    assert!(matches!(error.kind, ReadErrorKind::Refused(_)), "{error}");
    let started = Instant::now();
    let _ = read("x.html", format!("<html><body>{}", "<b><p><a href=x>نص".repeat(1_900)).into_bytes());
    let _ = read("x.html", format!("<html><body>{}", "<table><tr><td>".repeat(20_000)).into_bytes());
    let _ = read("x.md", format!("{}نص", "> ".repeat(50_000)).into_bytes());
    let _ = read("x.md", "[".repeat(200_000).into_bytes());
    let _ = read("x.json", "[".repeat(2_000_000).into_bytes());
    let _ = read("x.txt", ".".repeat(5_000_000).into_bytes());
    let _ = read(
        "x.eml",
        format!(
            "From: a@b\nTo: c@d\nMIME-Version: 1.0\n{}\n\nx",
            "Content-Type: multipart/mixed; boundary=a\n\n--a\n".repeat(5_000)
        )
        .into_bytes(),
    );
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

/// A download that was cut, a member that was damaged: a document that cannot be read, not an archive.
#[test]
fn a_damaged_office_document_is_called_one() {
    let message = |name: &str, bytes: &[u8]| read(&Source::bytes(name, bytes), &ReadOptions::default()).unwrap_err().to_string();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/document");
    for (file, what) in [
        ("report.docx", "Word document"),
        ("table.xlsx", "Excel workbook"),
        ("slides.pptx", "PowerPoint presentation"),
        ("report.odt", "OpenDocument file"),
    ] {
        let whole = std::fs::read(folder.join(file)).unwrap();
        let without_ending = format!("{file}.part");
        // The name tells what it was, or the members that are left; of the shortest piece only the name can.
        for (name, length) in [(file, 40), (file, whole.len() / 2), (file, whole.len() - 1), (&without_ending, whole.len() / 2)] {
            let said = message(name, &whole[..length]);
            assert!(said.starts_with(&format!("{name}: not a readable {what} (damaged ZIP: ")), "{said}");
            assert!(said.contains("\nhint: "), "{said}");
        }
        // Every member's data is overwritten, the directory is whole.
        let mut overwritten = whole.clone();
        let mut archive = zip::ZipArchive::new(Cursor::new(&whole)).unwrap();
        for index in 0..archive.len() {
            let member = archive.by_index_raw(index).unwrap();
            let start = member.data_start().unwrap() as usize;
            overwritten[start..start + member.compressed_size() as usize].fill(0xff);
        }
        let said = message(file, &overwritten);
        assert!(said.starts_with(&format!("{file}: not a readable {what} (damaged ZIP: ")), "{said}");
    }
    let said = message("reports.zip", b"PK\x03\x04cut short");
    assert!(said.starts_with("reports.zip: not a readable ZIP archive (damaged ZIP: "), "{said}");
}

#[test]
fn what_cannot_be_read_is_named() {
    let fixture = |name: &str| {
        read(
            &Source::file(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/document").join(name)),
            &ReadOptions::default(),
        )
    };
    let scanned = fixture("scanned.pdf").unwrap_err();
    assert!(matches!(scanned.kind, ReadErrorKind::Scanned { pages: 1 }), "{scanned}");
    assert!(scanned.hint().unwrap().contains("OCR"));
    let encrypted = fixture("encrypted.pdf").unwrap_err();
    assert!(matches!(encrypted.kind, ReadErrorKind::Encrypted { .. }), "{encrypted}");
}
