//! Subtitles: SRT and WebVTT.
//!
//! A sentence often runs over several cues. Cues that share sentences are put into one block, so that the sentence is translated as one;
//! [`Document::cues`] says where each cue lies in it, and a translated copy divides the English over the cues again, by the share of the
//! Arabic that each held.

use super::builder::collapse_into;
use super::error::{ReadErrorKind, Result};
use super::{Block, BlockKind, Cue, Document, Format, Raw, ReadOptions, Reader, Translations};
use std::ops::Range;

pub(crate) struct Subtitles;

/// Cues further apart than this do not share a sentence, in milliseconds.
const MAX_GAP: u64 = 3_000;
/// A block takes no more cues than this, whatever the punctuation: some subtitles have none.
const MAX_CUES: usize = 6;

/// A cue as it stands in the file.
struct Found {
    start: u64,
    end: u64,
    /// Byte range of its text lines, without the last line end.
    lines: Range<usize>,
}

impl Reader for Subtitles {
    fn read(&self, raw: &Raw<'_>, options: &ReadOptions) -> Result<Document> {
        let decoded = raw.decode(options);
        let found = cues(&decoded.text, raw.format)?;
        let mut document = Document { warnings: decoded.warnings, ..Document::default() };
        for cue in &found {
            add(&mut document, cue, &visible_text(&decoded.text[cue.lines.clone()]));
        }
        Ok(document)
    }

    fn write_translated(&self, raw: &Raw<'_>, options: &ReadOptions, translations: &Translations<'_>) -> Result<Vec<u8>> {
        translations.check(&self.read(raw, options)?)?;
        let text = raw.decode(options).text;
        let found = cues(&text, raw.format)?;
        let english = divide(translations);
        let mut english = english.into_iter();
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for cue in found {
            let source = &text[cue.lines.clone()];
            if visible_text(source).is_empty() {
                continue;
            }
            let Some(target) = english.next() else { return Err(ReadErrorKind::Changed) };
            out.push_str(&text[done..cue.lines.start]);
            match target {
                Some(target) => out.push_str(&wrap(&target, source)),
                None => out.push_str(source),
            }
            done = cue.lines.end;
        }
        out.push_str(&text[done..]);
        Ok(out.into_bytes())
    }
}

/// Adds a cue to the last block or as a new one.
fn add(document: &mut Document, cue: &Found, text: &str) {
    if text.is_empty() {
        return;
    }
    let joins = match (document.blocks.last(), document.cues.last()) {
        (Some(block), Some(last)) => {
            let members = document.cues.iter().rev().take_while(|cue| cue.range.start >= block.range.start).count();
            continues(&document.text[last.range.clone()], text)
                && cue.start.saturating_sub(last.end) <= MAX_GAP
                && cue.start >= last.start
                && members < MAX_CUES
        }
        _ => false,
    };
    if !document.text.is_empty() {
        document.text.push('\n');
    }
    let start = document.text.len();
    document.text.push_str(text);
    let range = start..document.text.len();
    document.cues.push(Cue { range: range.clone(), start: cue.start, end: cue.end });
    match document.blocks.last_mut() {
        Some(block) if joins => {
            block.range.end = range.end;
            if let BlockKind::Cue { end, .. } = &mut block.kind {
                *end = cue.end.max(*end);
            }
        }
        _ => document.blocks.push(Block { kind: BlockKind::Cue { start: cue.start, end: cue.end }, range }),
    }
}

/// Whether the sentence at the end of `last` goes on in `next`.
fn continues(last: &str, next: &str) -> bool {
    let closing = ['"', '”', '»', '’', ')', ']', '\u{200f}', '\u{200e}', '\u{202c}', '\u{2069}', ' '];
    let end = last.trim_end_matches(closing);
    let speaker =
        next.trim_start_matches(['\u{200f}', '\u{200e}', '\u{202b}', '\u{2067}']).starts_with(['-', '–', '—', '♪', '[', '(']);
    let continued_by_dots = end.ends_with("...") || end.ends_with('…');
    let begins_with_dots = next.starts_with("...") || next.starts_with('…');
    if speaker {
        return false;
    }
    if continued_by_dots {
        return begins_with_dots;
    }
    !end.ends_with(['.', '!', '?', '؟', '۔', '♪', ']', ')', ':'])
}

/// A cue's text without markup (`<i>`, `{\an8}`, voice spans), its lines joined.
fn visible_text(lines: &str) -> String {
    let mut plain = String::with_capacity(lines.len());
    let mut rest = lines;
    while let Some(at) = rest.find(['<', '{']) {
        plain.push_str(&rest[..at]);
        let (open, close) = if rest.as_bytes()[at] == b'<' { ('<', '>') } else { ('{', '}') };
        let inside = &rest[at + 1..];
        let is_markup = match open {
            '<' => inside.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/'),
            _ => inside.starts_with('\\'),
        };
        match inside.find(close).filter(|_| is_markup) {
            Some(end) => rest = &inside[end + close.len_utf8()..],
            None => {
                plain.push(open);
                rest = inside;
            }
        }
    }
    plain.push_str(rest);
    let mut out = String::with_capacity(plain.len());
    collapse_into(&html_escape::decode_html_entities(&plain.replace("\\N", " ").replace("\\n", " ")), &mut out);
    out
}

/// Finds the cues of a file. Text outside cues (headers, notes, styles, numbers) is no cue's.
fn cues(text: &str, format: Format) -> Result<Vec<Found>> {
    let mut lines: Vec<Range<usize>> = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        lines.push(offset..offset + line.trim_end_matches(['\n', '\r']).len());
        offset += line.len();
    }
    let timings: Vec<(usize, (u64, u64))> =
        lines.iter().enumerate().filter_map(|(index, line)| Some((index, parse_timing(&text[line.clone()])?))).collect();
    if timings.is_empty() {
        return Err(ReadErrorKind::malformed(format.title(), "no line with times such as 00:00:01,000 --> 00:00:02,500"));
    }
    let mut found = Vec::with_capacity(timings.len());
    for (position, &(line, (start, end))) in timings.iter().enumerate() {
        // The text ends at an empty line; SRT texts may hold empty lines, so there it ends before the next cue's number.
        let stop = timings.get(position + 1).map_or(lines.len(), |next| next.0);
        let body = &lines[line + 1..stop];
        let mut count = if format == Format::Vtt {
            body.iter().take_while(|line| !text[(*line).clone()].trim().is_empty()).count()
        } else {
            let numbered = stop < lines.len() && body.last().is_some_and(|line| is_number(&text[line.clone()]));
            body.len() - usize::from(numbered)
        };
        while count > 0 && text[body[count - 1].clone()].trim().is_empty() {
            count -= 1;
        }
        let at = lines[line].end;
        let range = if count == 0 { at..at } else { body[0].start..body[count - 1].end };
        found.push(Found { start, end, lines: range });
    }
    Ok(found)
}

fn is_number(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit())
}

fn parse_timing(line: &str) -> Option<(u64, u64)> {
    let (start, end) = line.split_once("-->")?;
    Some((parse_time(start.trim())?, parse_time(end.split_whitespace().next()?)?))
}

/// `01:02:03,456`, `02:03.456` in milliseconds.
pub(crate) fn parse_time(text: &str) -> Option<u64> {
    let text = text.trim_start_matches('\u{feff}');
    let (clock, fraction) = text.split_once([',', '.']).unwrap_or((text, "0"));
    let mut parts = clock.split(':');
    let mut seconds = 0u64;
    let count = clock.split(':').count();
    if !(2..=3).contains(&count) || fraction.len() > 3 {
        return None;
    }
    let digits = |part: &str| part.trim().parse::<u64>().ok().filter(|_| part.len() <= 6);
    for part in parts.by_ref() {
        seconds = seconds * 60 + digits(part)?;
    }
    let milliseconds = digits(fraction)? * 10u64.pow(3 - fraction.len() as u32);
    Some(seconds * 1000 + milliseconds)
}

/// Per cue its share of the translations; `None` where nothing of it was translated.
fn divide(translations: &Translations<'_>) -> Vec<Option<String>> {
    let bitext = translations.bitext;
    let cues = &bitext.document.cues;
    let mut out: Vec<Option<String>> = vec![None; cues.len()];
    for segment in &bitext.segments {
        let first = cues.partition_point(|cue| cue.range.end <= segment.range.start);
        let shares: Vec<usize> = cues[first..]
            .iter()
            .take_while(|cue| cue.range.start < segment.range.end)
            .map(|cue| {
                let part = cue.range.start.max(segment.range.start)..cue.range.end.min(segment.range.end);
                bitext.document.text[part].chars().filter(|c| !c.is_whitespace()).count()
            })
            .collect();
        for (index, part) in split_by_shares(segment.target.trim(), &shares).into_iter().enumerate() {
            let cue = out[first + index].get_or_insert_default();
            if !cue.is_empty() && !part.is_empty() {
                cue.push(' ');
            }
            cue.push_str(&part);
        }
    }
    out
}

/// Divides `text` at spaces into as many parts as there are shares, each about as long as its share; after a comma where one is near.
fn split_by_shares(text: &str, shares: &[usize]) -> Vec<String> {
    let total: usize = shares.iter().sum();
    let words: Vec<&str> = text.split_whitespace().collect();
    let length: usize = words.iter().map(|word| word.chars().count() + 1).sum();
    let mut parts = Vec::with_capacity(shares.len());
    let (mut word, mut written, mut share_sum) = (0, 0usize, 0);
    for (index, share) in shares.iter().enumerate() {
        share_sum += share;
        let goal = if index + 1 == shares.len() { length } else { length * share_sum / total.max(1) };
        let mut part = String::new();
        while word < words.len() {
            let next = words[word].chars().count() + 1;
            // The word that straddles the goal goes where the most of it lies; a pause pulls the cut to itself.
            let pause = part.ends_with([',', ';', ':', '.', '?', '!']) && written + 8 >= goal;
            if index + 1 < shares.len() && (written + next / 2 >= goal || pause) {
                break;
            }
            if !part.is_empty() {
                part.push(' ');
            }
            part.push_str(words[word]);
            written += next;
            word += 1;
        }
        parts.push(part);
    }
    parts
}

/// `target` in at most as many lines as subtitles have, in the markup that surrounds the whole source (`<i>…</i>`, `{\an8}`).
fn wrap(target: &str, source: &str) -> String {
    let line_end = if source.contains("\r\n") { "\r\n" } else { "\n" };
    let (mut prefix, mut suffix) = (String::new(), String::new());
    let mut rest = source.trim();
    while rest.starts_with("{\\") || rest.starts_with('<') {
        let Some(end) = rest.find(['}', '>']) else { break };
        let tag = &rest[..=end];
        if let Some(name) = tag.strip_prefix('<') {
            let name: String = name.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
            let close = format!("</{name}>");
            if name.is_empty() || source.matches(&close).count() != 1 || !source.trim_end().ends_with(&close) {
                break;
            }
            suffix.insert_str(0, &close);
        }
        prefix.push_str(tag);
        rest = &rest[end + 1..];
    }
    const LINE: usize = 42;
    let mut lines: Vec<String> = vec![String::new()];
    let count = target.chars().count().div_ceil(LINE).max(1);
    let goal = target.chars().count().div_ceil(count);
    for word in target.split_whitespace() {
        let current = lines.last().map_or(0, |line| line.chars().count());
        if current > 0 && current + word.chars().count() / 2 > goal && lines.len() < count {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    format!("{prefix}{}{suffix}", lines.join(line_end))
}
