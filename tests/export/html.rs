//! The HTML reading view: what its markup holds, and, where a Chromium is installed, that it works: filter, search, keys, details.

use crate::{bitexts, export_text, xml_words};
use jisr::bitext::Format;
use proptest::prelude::*;
use scraper::{Html, Selector};
use serde_json::{Value, json};
use std::process::Command;

fn select<'a>(page: &'a Html, selector: &str) -> Vec<scraper::ElementRef<'a>> {
    page.select(&Selector::parse(selector).unwrap()).collect()
}

fn text(element: scraper::ElementRef<'_>) -> String {
    element.text().collect()
}

#[test]
fn the_markup_alone_can_be_read() {
    let bitext = bitexts::report();
    let page = Html::parse_document(&export_text(Format::Html, &bitext));
    let segments = select(&page, "main article");
    assert_eq!(segments.len(), bitext.segments.len());
    let sources = select(&page, "main article > .x[lang=ar]");
    let targets = select(&page, "main article > .t[lang=en]");
    for (index, segment) in bitext.segments.iter().enumerate() {
        assert_eq!(text(sources[index]), bitext.source(segment));
        let target = if segment.target.is_empty() { "No translation" } else { &segment.target };
        assert_eq!(text(targets[index]), target);
        let copied = !segment.flags.is_empty() && segment.flag_names(" ").contains("copied");
        assert_eq!(sources[index].attr("dir"), Some(if copied { "auto" } else { "rtl" }));
    }
    assert_eq!(select(&page, "[role=heading][aria-level='2']").len(), 1);
    assert_eq!(select(&page, ".item .t.bullet").len(), 2);
    assert_eq!(text(select(&page, ".verbatim pre")[0]), "let x = \"<1>\";\nx &= 2;");
    assert!(text(select(&page, "header")[0]).contains("opus-mt-ar-en"));
}

#[test]
fn nothing_comes_from_outside() {
    let mut bitext = bitexts::report();
    bitext.segments[0].target = "</script><script src=\"https://example.org/x.js\"></script><img src=x onerror=alert(1)>".into();
    bitext.document.name = "\"><script>alert(1)</script>".into();
    let document = export_text(Format::Html, &bitext);
    let page = Html::parse_document(&document);
    assert!(select(&page, "[src], link, iframe, object, embed, [srcset], [onerror]").is_empty());
    assert_eq!(select(&page, "script").len(), 2, "the page's own data and code");
    for anchor in select(&page, "[href]") {
        assert!(anchor.attr("href").unwrap().starts_with('#'));
    }
    assert!(!document.contains("url(") && !document.contains("@import"));
    let policy = select(&page, "meta[http-equiv='Content-Security-Policy']")[0].attr("content").unwrap();
    assert!(policy.starts_with("default-src 'none'"));
}

proptest! {
    #[test]
    fn a_browser_parses_every_text_back(bitext in bitexts::arbitrary()) {
        let page = Html::parse_document(&export_text(Format::Html, &bitext));
        let sources = select(&page, "main article > .x");
        let targets = select(&page, "main article > .t");
        prop_assert_eq!(sources.len(), bitext.segments.len());
        for ((source, target), segment) in sources.into_iter().zip(targets).zip(&bitext.segments) {
            prop_assert_eq!(text(source), xml_words(bitext.source(segment)));
            let expected = xml_words(&segment.target);
            let expected = if crate::words(&segment.target).is_empty() { "No translation".into() } else { expected };
            prop_assert_eq!(text(target), expected);
        }
        for (alternatives, segment) in select(&page, "article[data-n]").iter().zip(bitext.segments.iter().filter(|s| !s.alternatives.is_empty())) {
            let values: Vec<(String, Value)> = serde_json::from_str(alternatives.attr("data-n").unwrap()).unwrap();
            prop_assert_eq!(values.len(), segment.alternatives.len());
        }
    }
}

/// Presses keys and records what the page shows after each.
const DRIVER: &str = include_str!("../fixtures/export/drive.js");

/// The first browser of the usual names that runs.
fn chromium() -> Option<String> {
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"].map(String::from);
    let wanted = std::env::var("CHROMIUM").ok();
    wanted
        .into_iter()
        .chain(names)
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success()))
}

#[test]
fn a_browser_filters_searches_and_obeys_keys() {
    let Some(browser) = chromium() else {
        eprintln!("SKIPPED: no Chromium found (set CHROMIUM to its path): the HTML page was not driven");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.html");
    let page = export_text(Format::Html, &bitexts::report());
    std::fs::write(&path, page.replace("</body>", &format!("<script>\n{DRIVER}</script></body>"))).unwrap();
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .args(["--disable-component-update", "--disable-sync", "--window-size=1200,900", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}", path.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let driven = Html::parse_document(&dom);
    let log = select(&driven, "#log").first().map(|log| text(*log)).unwrap_or_else(|| panic!("the page was not driven: {dom}"));
    let log: Value = serde_json::from_str(&log).unwrap();
    assert_eq!(log["errors"], json!([]));
    assert_eq!(log["all"], 11);
    assert_eq!((&log["moved"], &log["nextFlagged"], &log["previousFlagged"]), (&json!(2), &json!(4), &json!(2)));
    assert_eq!((&log["first"], &log["last"]), (&json!(1), &json!(11)));
    assert_eq!(log["flagged"], json!([2, 4, 5, 6, 7, 10, 11]));
    assert_eq!((&log["count"], &log["hiddenBlocks"]), (&json!("7 of 11"), &json!(4)));
    assert_eq!((&log["afterEscape"], &log["afterSearch"]), (&json!(11), &json!(11)));
    assert_eq!(log["withoutVowels"], json!([2]));
    assert_eq!(log["digits"], json!([2]));
    assert_eq!(log["anyOrderAndCase"], json!([3]));
    assert_eq!((&log["phrase"], &log["noPhrase"]), (&json!([3]), &json!([])));
    let details = log["details"].as_str().unwrap();
    for part in ["−0.50", "numbers", "Both sides agreed on a truce of 48 hours.", "They <agreed> & \"stopped\"."] {
        assert!(details.contains(part), "{part} in {details}");
    }
    assert_eq!(log["linked"], json!(["The", "two"]));
    assert_eq!((&log["closed"], &log["sourceHidden"], &log["help"]), (&json!(true), &json!(true), &json!(true)));
    assert!(matches!(log["theme"].as_str(), Some("dark" | "light")));
}
