//! Lines as blocks: paragraphs joined, headings told by their size, page numbers and running heads left out.

use super::layout::{Line, median};
use crate::document::builder::TextBuilder;
use crate::document::{BlockKind, Document};
use std::collections::HashMap;

/// The document of all pages' lines.
pub(super) fn assemble(mut pages: Vec<Vec<Line>>) -> Document {
    let votes: i32 = pages.iter().flatten().map(|line| line.bracket_votes).sum();
    if votes > 0 {
        for line in pages.iter_mut().flatten() {
            line.text = line.mirrored.take().unwrap_or_else(|| std::mem::take(&mut line.text));
        }
    }
    drop_furniture(&mut pages);
    let body = median(pages.iter().flatten().flat_map(|line| std::iter::repeat_n(line.size, line.text.chars().count().min(200))));
    let mut builder = TextBuilder::default();
    let mut open: Option<Open> = None;
    for (index, lines) in pages.iter().enumerate() {
        let mut first_of_page = true;
        let mut measured: Option<(usize, Measure)> = None;
        let mut row = 0;
        for (position, line) in lines.iter().enumerate() {
            let measure = match measured.take() {
                Some((region, measure)) if region == line.region => measure,
                _ => Measure::of(&region_of(lines, position)),
            };
            let joins = open
                .as_ref()
                .is_some_and(|open| if first_of_page { open.goes_on_overleaf(line, body) } else { open.goes_on(line, &measure) });
            if !joins {
                flush(&mut open, &mut builder, body);
            }
            if first_of_page {
                // A paragraph that began on the page before belongs to it.
                if joins {
                    if let Some(open) = &mut open {
                        open.page_break = Some((open.text.len(), index + 1));
                    }
                } else {
                    builder.section(format!("page {}", index + 1));
                }
                first_of_page = false;
            }
            row = match (line.cell, position.checked_sub(1).map(|before| &lines[before])) {
                (Some(0), Some(before)) if before.cell.is_some() => row + 1,
                (Some(0), _) => 0,
                _ => row,
            };
            measured = Some((line.region, measure));
            match &mut open {
                Some(open) => open.add(line),
                None => open = Some(Open::new(line, row)),
            }
        }
    }
    flush(&mut open, &mut builder, body);
    builder.finish()
}

/// The lines of the same region around a line.
fn region_of(lines: &[Line], position: usize) -> Vec<&Line> {
    let region = lines[position].region;
    let start = lines[..position].iter().rposition(|line| line.region != region).map_or(0, |at| at + 1);
    lines[start..].iter().take_while(|line| line.region == region).filter(|line| line.cell.is_none()).collect()
}

/// What is usual in a region.
struct Measure {
    left: f32,
    right: f32,
    /// From one baseline to the next.
    spacing: f32,
    size: f32,
}

impl Measure {
    fn of(lines: &[&Line]) -> Measure {
        let left = lines.iter().map(|line| line.left).fold(f32::MAX, f32::min);
        let right = lines.iter().map(|line| line.right).fold(f32::MIN, f32::max);
        let size = median(lines.iter().map(|line| line.size));
        let steps = lines.windows(2).map(|pair| pair[0].baseline - pair[1].baseline).filter(|step| *step > 0.3 * size);
        let mut steps: Vec<f32> = steps.collect();
        steps.sort_by(f32::total_cmp);
        // The lower quartile: where paragraphs are short, half of the steps are between them.
        let spacing = steps.get(steps.len() / 4).copied().unwrap_or(size * 1.4).min(size * 2.6);
        Measure { left, right, spacing, size }
    }
}

/// A block that is being put together.
struct Open {
    text: String,
    last: Line,
    size: f32,
    lines: usize,
    list_item: bool,
    row: u32,
    /// Where in the text another page begins, and its number.
    page_break: Option<(usize, usize)>,
}

impl Open {
    fn new(line: &Line, row: u32) -> Open {
        let list_item = begins_item(&line.text);
        Open { text: line.text.clone(), last: line.clone(), size: line.size, lines: 1, list_item, row, page_break: None }
    }

    fn add(&mut self, line: &Line) {
        let hyphenated = self.text.ends_with(['-', '\u{2010}', '\u{ad}'])
            && self.text.trim_end_matches(['-', '\u{2010}', '\u{ad}']).ends_with(|c: char| c.is_lowercase())
            && line.text.starts_with(|c: char| c.is_lowercase());
        if hyphenated {
            self.text.pop();
        } else {
            self.text.push(' ');
        }
        self.text.push_str(&line.text);
        self.last = line.clone();
        self.lines += 1;
    }

    /// Whether `line`, the next of the same page, is of the same paragraph.
    fn goes_on(&self, line: &Line, measure: &Measure) -> bool {
        let last = &self.last;
        let step = last.baseline - line.baseline;
        if last.cell.is_some() || line.cell.is_some() || begins_item(&line.text) || !alike(last.size, line.size) {
            return false;
        }
        if last.region != line.region {
            // From the foot of a column to the head of the next.
            return step < 0.0 && !ends_sentence(&self.text) && self.text.chars().count() > 30;
        }
        // Lines of large print are further apart than those of the text around them.
        let spacing = if line.size > measure.size * 1.15 { measure.spacing.max(line.size * 1.5) } else { measure.spacing };
        if step <= 0.0 || step > spacing * 1.32 {
            return false;
        }
        // A line is broken where the next word does not fit. Where it would have fitted, the line was ended on purpose.
        let (begin, end) = if last.right_to_left {
            (measure.right - last.right, last.left - measure.left)
        } else {
            (last.left - measure.left, measure.right - last.right)
        };
        let centred = begin > last.size && (begin - end).abs() < 0.2 * begin.max(end);
        let free = if centred { begin + end } else { end };
        if free > line.first_word + last.size {
            return false;
        }
        // A first line set in, after a sentence's end.
        let inset = |line: &Line| if line.right_to_left { measure.right - line.right } else { line.left - measure.left };
        !(inset(line) > line.size && inset(last) < 0.5 * last.size && ends_sentence(&self.text) && !self.list_item)
    }

    /// Whether `line`, the first of the next page, is of the same paragraph: nothing but the sentence can tell.
    fn goes_on_overleaf(&self, line: &Line, body: f32) -> bool {
        !ends_sentence(&self.text)
            && self.last.cell.is_none()
            && line.cell.is_none()
            && self.page_break.is_none()
            && alike(self.size, body)
            && alike(line.size, body)
            && self.text.chars().count() > 30
            && !begins_item(&line.text)
    }
}

fn flush(open: &mut Option<Open>, builder: &mut TextBuilder, body: f32) {
    let Some(open) = open.take() else { return };
    let kind = match open.last.cell {
        Some(column) => BlockKind::Cell { row: open.row, column },
        None if open.size > body * 1.5 && open.lines <= 4 => BlockKind::Heading(1),
        None if open.size > body * 1.15 && open.lines <= 4 => BlockKind::Heading(2),
        None if open.list_item => BlockKind::ListItem,
        None => BlockKind::Paragraph,
    };
    match open.page_break {
        Some((at, page)) => {
            let start = builder.push(kind, &open.text);
            if start.is_some() {
                // The block's text is its lines joined by single spaces, so its end is as far from the break as here.
                builder.section_at(format!("page {page}"), builder.len() - (open.text.len() - at));
            }
        }
        None => {
            builder.push(kind, &open.text);
        }
    }
}

fn alike(size: f32, other: f32) -> bool {
    (size - other).abs() <= 0.12 * size.max(other)
}

fn ends_sentence(text: &str) -> bool {
    text.trim_end_matches(['"', '”', '»', '«', ')', ']', ' ']).ends_with(['.', '!', '?', '؟', ':', '۔', '…'])
}

/// A bullet, or a number or letter with a stop or bracket.
fn begins_item(text: &str) -> bool {
    let text = text.trim_start();
    if text.starts_with(['•', '◦', '▪', '●', '○', '\u{f0b7}', '\u{f0a7}', '–', '—', '*', '-', '➢', '✓']) {
        return true;
    }
    let marker: String = text.chars().take_while(|c| !c.is_whitespace()).take(6).collect();
    let number = marker.trim_end_matches(['.', ')', '-', '–', ']']).trim_start_matches(['(', '[']);
    let closed = marker.ends_with(['.', ')', '-', '–', ']']) && number.len() < marker.len();
    closed && !number.is_empty() && number.chars().count() <= 3 && number.chars().all(|c| c.is_numeric())
}

/// Leaves out page numbers, and of heads and feet that run through the pages all but the first.
fn drop_furniture(pages: &mut [Vec<Line>]) {
    let many = pages.len();
    let mut counts: HashMap<String, usize> = HashMap::new();
    for lines in pages.iter() {
        let mut keys: Vec<String> = edges(lines).into_iter().map(|index| key(&lines[index].text)).collect();
        keys.sort();
        keys.dedup();
        keys.into_iter().for_each(|key| *counts.entry(key).or_default() += 1);
    }
    let mut kept: HashMap<String, ()> = HashMap::new();
    for lines in pages.iter_mut() {
        let edges = edges(lines);
        let mut index = 0;
        lines.retain(|line| {
            let at = index;
            index += 1;
            if !edges.contains(&at) {
                return true;
            }
            if line.text.chars().count() <= 12 && is_page_number(&line.text) {
                return false;
            }
            let key = key(&line.text);
            let runs = many >= 3 && counts.get(&key).is_some_and(|count| *count >= 3 && count * 2 >= many);
            !runs || kept.insert(key, ()).is_none()
        });
    }
}

/// Indices of the lines at the top and at the bottom of a page.
fn edges(lines: &[Line]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by(|a, b| lines[*b].baseline.total_cmp(&lines[*a].baseline));
    let mut edges: Vec<usize> = order.iter().take(2).chain(order.iter().rev().take(2)).copied().collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// A line's text without its digits: the page number in a running foot changes.
fn key(text: &str) -> String {
    text.chars().filter(|c| !c.is_numeric()).collect()
}

/// `12`, `- 12 -`, `12/40`, `صفحة 12`, `Page 3 of 9`.
fn is_page_number(text: &str) -> bool {
    let mut digits = false;
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, '-' | '–' | '—' | '/' | '|' | '.' | '(' | ')' | '[' | ']'))
    {
        match word {
            "" | "صفحة" | "الصفحة" | "ص" | "من" | "Page" | "page" | "of" | "p" => {}
            number if number.chars().all(char::is_numeric) => digits = true,
            _ => return false,
        }
    }
    digits
}
