//! The reading view: one self-contained HTML page, the translation beside its source, segment by segment.
//!
//! The page needs no network and no script to be read: texts, numbers, scores and flags are in its markup. `page.js` adds the details of a
//! segment (alternatives, word alignment), the filter, the search and the keys; `page.css` lays it out for desks, phones and paper, light and
//! dark. A content security policy forbids every outside resource, whatever the texts hold.
//!
//! Each segment is `<article class="s" id="s12">` with `data-` attributes for the script: `f` flags, `p` score, `a` alignment, `n` further
//! translations (JSON), `o` byte offsets.

use super::calendar::Moment;
use super::language::{is_right_to_left, language_name, language_tag};
use super::line::one_line;
use super::xml::{escape, escape_line};
use super::{Bitext, BlockView, ExportContext, Exporter, Flag, Segment};
use crate::document::BlockKind;
use std::io::{self, Write};

pub struct Html;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

impl Exporter for Html {
    fn extension(&self, _: &str, _: &str) -> String {
        "html".into()
    }

    fn write(&self, bitext: &Bitext, context: &ExportContext, out: &mut dyn Write) -> io::Result<()> {
        write_head(bitext, context, out)?;
        writeln!(out, "<main id=\"text\">")?;
        let mut row = None;
        for view in bitext.blocks() {
            let next = match view.block.kind {
                BlockKind::Cell { row, .. } => Some(row),
                _ => None,
            };
            write_block(bitext, view, next != row, out)?;
            row = next;
        }
        writeln!(out, "</main>\n<p id=\"none\" hidden>Nothing matches. <kbd>Esc</kbd> shows everything again.</p>")?;
        write_help(out)?;
        let known: serde_json::Map<String, serde_json::Value> = Flag::ALL
            .iter()
            .map(|flag| (flag.name().to_string(), serde_json::json!({"text": flag.description(), "doubt": flag.is_doubt()})))
            .collect();
        writeln!(out, "<script type=\"application/json\" id=\"flags\">{}</script>", serde_json::Value::Object(known))?;
        writeln!(out, "<script>\n{SCRIPT}</script>\n</body>\n</html>")
    }
}

fn write_head(bitext: &Bitext, context: &ExportContext, out: &mut dyn Write) -> io::Result<()> {
    let name = escape_line(bitext.title());
    let (folder, file) = name.rsplit_once('/').map_or(("", &*name), |(folder, file)| (folder, file));
    let (source, target) = (language_tag(&bitext.source_lang), language_tag(&bitext.target_lang));
    let flagged = bitext.flagged().count();
    let moment = Moment::from_system(context.written);
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"jisr {version}\">\n\
         <title>{file} ({source}–{target})</title>\n<style>\n{STYLE}</style>\n<noscript><style>#bar {{ display: none; }}</style></noscript>\n</head>\n<body>",
        version = env!("CARGO_PKG_VERSION"),
    )?;
    writeln!(out, "<header>")?;
    if !folder.is_empty() {
        writeln!(out, "<p class=\"folder\" dir=\"auto\">{folder}/</p>")?;
    }
    writeln!(out, "<h1 dir=\"auto\">{file}</h1>")?;
    writeln!(
        out,
        "<p class=\"about\"><strong>Machine translation</strong>, not reviewed by a person. <span>{source} → {target}</span> <span>model \
         {model}</span> <time datetime=\"{machine}\">{date}</time> <span>{count}</span></p>",
        source = escape(&language_name(&source)),
        target = escape(&language_name(&target)),
        model = escape_line(&bitext.model),
        machine = moment.extended(),
        date = moment.readable(),
        count = match bitext.segments.len() {
            1 => "1 segment".into(),
            count => format!("{count} segments"),
        },
    )?;
    for warning in &bitext.document.warnings {
        writeln!(out, "<p class=\"warning\" dir=\"auto\">{}</p>", escape_line(warning))?;
    }
    writeln!(
        out,
        "</header>\n<div id=\"bar\" role=\"search\">\n\
         <input id=\"search\" type=\"search\" placeholder=\"Search both languages\" aria-label=\"Search both languages\" dir=\"auto\" \
         autocomplete=\"off\" spellcheck=\"false\">\n\
         <button id=\"flagged\" type=\"button\" aria-pressed=\"false\"{}>Flagged <b>{flagged}</b></button>\n\
         <output id=\"count\" aria-live=\"polite\"></output>\n\
         <button id=\"view\" type=\"button\" title=\"Both languages, translation only, source only (v)\">Both</button>\n\
         <button id=\"theme\" type=\"button\" title=\"Light or dark (t)\" aria-label=\"Light or dark\">◐</button>\n\
         <button id=\"keys\" type=\"button\" title=\"Keys (?)\" aria-label=\"Keys\">?</button>\n</div>",
        if flagged == 0 { " disabled" } else { "" }
    )
}

/// `first` is whether a cell is the first one of its row: the only one whose place is shown before the details are opened.
fn write_block(bitext: &Bitext, view: BlockView<'_>, first: bool, out: &mut dyn Write) -> io::Result<()> {
    if view.segments.is_empty() {
        let text = view.text(bitext);
        if !text.trim().is_empty() {
            writeln!(out, "<section class=\"b verbatim\"><pre dir=\"auto\">{}</pre></section>", escape(text.trim_end()))?;
        }
        return Ok(());
    }
    let (class, place) = match view.block.kind {
        BlockKind::Heading(level) => (format!("heading h{}", level.clamp(1, 6)), None),
        BlockKind::Paragraph => ("paragraph".into(), None),
        BlockKind::ListItem => ("item".into(), None),
        BlockKind::Quote => ("quote".into(), None),
        BlockKind::Verbatim => ("verbatim".into(), None),
        BlockKind::Cell { row, column } => {
            (if first { "cell first" } else { "cell" }.into(), Some(format!("row {}, column {}", row + 1, column + 1)))
        }
        BlockKind::Cue { start, end } => ("cue".into(), Some(format!("{} → {}", clock(start), clock(end)))),
    };
    match place {
        None => writeln!(out, "<section class=\"b {class}\">")?,
        Some(place) => {
            writeln!(out, "<section class=\"b {class}\" data-place=\"{place}\">")?;
            match view.block.kind {
                BlockKind::Cell { row, .. } if first => writeln!(out, "<p class=\"place\">row {}</p>", row + 1)?,
                BlockKind::Cell { .. } => {}
                _ => writeln!(out, "<p class=\"place\">{place}</p>")?,
            }
        }
    }
    for (position, (index, segment)) in view.numbered().enumerate() {
        write_segment(bitext, view, position, index, segment, out)?;
    }
    writeln!(out, "</section>")
}

fn write_segment(
    bitext: &Bitext,
    view: BlockView<'_>,
    position: usize,
    index: usize,
    segment: &Segment,
    out: &mut dyn Write,
) -> io::Result<()> {
    let number = index + 1;
    let doubt = segment.flags.iter().any(|flag| flag.is_doubt());
    write!(out, "<article class=\"s{}\" id=\"s{number}\"", if doubt { " doubt" } else { "" })?;
    write!(out, " data-o=\"{}–{}\"", segment.range.start, segment.range.end)?;
    if !segment.flags.is_empty() {
        write!(out, " data-f=\"{}\"", segment.flag_names(" "))?;
    }
    if !segment.alignment.is_empty() {
        write!(out, " data-a=\"{}\"", segment.pharaoh())?;
    }
    if !segment.alternatives.is_empty() {
        let further: Vec<_> =
            segment.alternatives.iter().map(|other| serde_json::json!([one_line(&other.target), other.score])).collect();
        write!(out, " data-n=\"{}\"", escape(&serde_json::Value::Array(further).to_string()))?;
    }
    write!(out, "><div class=\"n\"><a href=\"#s{number}\">{number}</a>")?;
    if let Some(score) = segment.finite_score() {
        // A true minus sign, and two digits: more would pretend to mean something.
        write!(out, "<small title=\"Mean log-probability per token\">{}</small>", format!("{score:.2}").replace('-', "−"))?;
    }
    write!(out, "</div>")?;
    write_texts(bitext, view, position, segment, out)?;
    if !segment.flags.is_empty() {
        write!(out, "<div class=\"f\">")?;
        for flag in &segment.flags {
            let class = if flag.is_doubt() { " class=\"doubt\"" } else { "" };
            write!(out, "<span{class} title=\"{}\">{}</span>", escape(flag.description()), flag.name())?;
        }
        write!(out, "</div>")?;
    }
    writeln!(out, "</article>")
}

/// Translation and source, each with its language and direction.
fn write_texts(bitext: &Bitext, view: BlockView<'_>, position: usize, segment: &Segment, out: &mut dyn Write) -> io::Result<()> {
    let (source, target) = (one_line(bitext.source(segment)), one_line(&segment.target));
    let foreign = segment.flags.iter().any(|flag| matches!(flag, Flag::OtherLanguage | Flag::Copied));
    let direction = |code: &str| {
        // What is not in its column's language brings its own direction along.
        if foreign {
            "auto"
        } else if is_right_to_left(code) {
            "rtl"
        } else {
            "ltr"
        }
    };
    let heading = match view.block.kind {
        BlockKind::Heading(level) if position == 0 => format!(" role=\"heading\" aria-level=\"{}\"", level.clamp(1, 5) + 1),
        _ => String::new(),
    };
    let bullet = |text: &str| {
        let item = view.block.kind == BlockKind::ListItem && position == 0;
        if item && !super::txt::has_list_marker(text) { " bullet" } else { "" }
    };
    write!(
        out,
        "<div class=\"t{}\" lang=\"{}\" dir=\"{}\"{heading}>",
        bullet(&target),
        escape(&language_tag(&bitext.target_lang)),
        direction(&bitext.target_lang)
    )?;
    if target.is_empty() {
        write!(out, "<i>No translation</i>")?;
    } else {
        write!(out, "{}", escape(&target))?;
    }
    write!(
        out,
        "</div><div class=\"x{}\" lang=\"{}\" dir=\"{}\">{}</div>",
        bullet(&source),
        escape(&language_tag(&bitext.source_lang)),
        direction(&bitext.source_lang),
        escape(&source)
    )
}

fn write_help(out: &mut dyn Write) -> io::Result<()> {
    const KEYS: [(&str, &str); 9] = [
        ("j</kbd> <kbd>k", "next, previous segment"),
        ("n</kbd> <kbd>p", "next, previous flagged segment"),
        ("g</kbd> <kbd>G", "first, last segment"),
        ("Enter", "details of a segment: score, flags, other translations, words"),
        ("/", "search; words in any order, \"a phrase\" in quotes, Arabic with or without vowels and hamza"),
        ("f", "flagged segments only"),
        ("v", "both languages, translation only, source only"),
        ("t", "light or dark"),
        ("Esc", "close, clear, show everything"),
    ];
    writeln!(out, "<dialog id=\"help\" aria-label=\"Keys\"><h2>Keys</h2><dl>")?;
    for (keys, meaning) in KEYS {
        writeln!(out, "<dt><kbd>{keys}</kbd></dt><dd>{meaning}</dd>")?;
    }
    writeln!(out, "</dl><form method=\"dialog\"><button>Close</button></form></dialog>")
}

/// Milliseconds as `hh:mm:ss.mmm`.
fn clock(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, milliseconds % 1000)
}
