//! The letters of a line back in the order in which they are read.
//!
//! A PDF shows letters at places. Left to right, a line of Arabic stands there backwards, while the numbers and the Latin words in it do
//! not: the line is read from its right end, and the stretches that run the other way are turned back (the reverse of the Unicode
//! bidirectional algorithm, UAX #9). Letters drawn in their presentation forms become plain ones (NFKC).

use super::interpret::Glyph;
use crate::document::is_arabic_letter;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// How a glyph runs.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Direction {
    Right,
    Left,
    Number,
    Neutral,
}

/// How many letters before and after a mark are looked at for the one that it stands on.
const NEAR: usize = 8;

/// A glyph with the marks that stand on it, or the space between two.
#[derive(Debug, Clone)]
struct Item {
    text: String,
    left: f32,
    right: f32,
    direction: Direction,
}

/// The text of one line's glyphs, given in the order in which they were drawn. `mirrored` says that brackets are stored as they look, not
/// as they are read.
pub(super) fn line_text(glyphs: &[Glyph], right_to_left: bool, mirrored: bool) -> String {
    let items = items(glyphs);
    let mut text = String::new();
    let runs = runs(&items, right_to_left);
    let ordered: Box<dyn Iterator<Item = &(usize, usize, bool)>> =
        if right_to_left { Box::new(runs.iter().rev()) } else { Box::new(runs.iter()) };
    for &(start, end, backwards) in ordered {
        let run = &items[start..end];
        let mut push = |item: &Item| match item.text.as_str() {
            bracket if backwards && mirrored => text.push_str(mirror(bracket)),
            plain => text.push_str(plain),
        };
        if backwards { run.iter().rev().for_each(&mut push) } else { run.iter().for_each(&mut push) }
    }
    text.nfc().collect()
}

/// How many brackets of right-to-left text open where they should close, less those that open rightly: above zero they are stored as they look.
pub(super) fn mirrored_brackets(glyphs: &[Glyph]) -> i32 {
    let items = items(glyphs);
    // Read from the right, the first of a pair opens.
    let brackets: Vec<bool> = items
        .iter()
        .rev()
        .filter_map(|item| match item.text.as_str() {
            "(" | "[" | "«" | "{" => Some(true),
            ")" | "]" | "»" | "}" => Some(false),
            _ => None,
        })
        .collect();
    brackets
        .chunks_exact(2)
        .map(|pair| match pair {
            [false, true] => 1,
            [true, false] => -1,
            _ => 0,
        })
        .sum()
}

/// Stretches of the items, left to right: start, end, and whether each is read backwards.
fn runs(items: &[Item], right_to_left: bool) -> Vec<(usize, usize, bool)> {
    let mut runs = Vec::new();
    let mut at = 0;
    while at < items.len() {
        let start = at;
        match items[at].direction {
            Direction::Left | Direction::Number => {
                // To the last letter or number before Arabic; what follows it runs with the line.
                let mut end = at + 1;
                let mut latin = items[at].direction == Direction::Left;
                for (offset, item) in items[at..].iter().enumerate() {
                    match item.direction {
                        Direction::Right => break,
                        Direction::Neutral => {}
                        Direction::Left | Direction::Number => {
                            end = at + offset + 1;
                            latin |= item.direction == Direction::Left;
                        }
                    }
                }
                if !latin && right_to_left {
                    // Numbers alone: each keeps its order, and they follow each other from the right.
                    end = at + number_length(&items[at..]);
                }
                at = end;
                runs.push((start, end, false));
            }
            Direction::Right => {
                let mut end = at + 1;
                for (offset, item) in items[at..].iter().enumerate() {
                    match item.direction {
                        Direction::Left | Direction::Number => break,
                        Direction::Neutral => {}
                        Direction::Right => end = at + offset + 1,
                    }
                }
                at = end;
                runs.push((start, end, true));
            }
            Direction::Neutral => {
                at += 1;
                runs.push((start, at, right_to_left));
            }
        }
    }
    if right_to_left { runs } else { with_numbers_in_arabic(runs, items) }
}

/// In a line that runs left to right, Arabic words with numbers between them are one stretch that is read from its right end. It is cut
/// into pieces, put in the order in which they are read.
fn with_numbers_in_arabic(runs: Vec<(usize, usize, bool)>, items: &[Item]) -> Vec<(usize, usize, bool)> {
    let is_arabic = |run: &(usize, usize, bool)| run.2;
    let is_latin = |run: &(usize, usize, bool)| items[run.0..run.1].iter().any(|item| item.direction == Direction::Left);
    let mut out: Vec<(usize, usize, bool)> = Vec::with_capacity(runs.len());
    let mut at = 0;
    while at < runs.len() {
        if !is_arabic(&runs[at]) {
            out.push(runs[at]);
            at += 1;
            continue;
        }
        let mut end = at + 1;
        for (offset, run) in runs[at..].iter().enumerate() {
            if is_latin(run) {
                break;
            }
            if is_arabic(run) {
                end = at + offset + 1;
            }
        }
        out.extend(runs[at..end].iter().rev());
        at = end;
    }
    out
}

/// Items of the number that begins here: digits, and single separators between digits.
fn number_length(items: &[Item]) -> usize {
    let mut length = 1;
    loop {
        match (items.get(length), items.get(length + 1)) {
            (Some(item), _) if item.direction == Direction::Number => length += 1,
            (Some(separator), Some(next))
                if next.direction == Direction::Number
                    && matches!(separator.text.as_str(), "." | "," | ":" | "/" | "٫" | "٬" | "،") =>
            {
                length += 2;
            }
            _ => return length,
        }
    }
}

/// The glyphs left to right, marks put on their letters, and a space where there is a gap.
fn items(glyphs: &[Glyph]) -> Vec<Item> {
    let mut letters: Vec<(usize, Item, f32)> = Vec::with_capacity(glyphs.len());
    let mut marks: Vec<(usize, f32, String)> = Vec::new();
    for (order, glyph) in glyphs.iter().enumerate() {
        let text = folded(&glyph.text);
        if !text.is_empty() && text.chars().all(is_combining_mark) {
            marks.push((order, (glyph.left + glyph.right) / 2.0, text));
        } else if !text.is_empty() || glyph.text.is_empty() {
            let item = Item { direction: direction(&text), text, left: glyph.left, right: glyph.right };
            letters.push((order, item, glyph.size));
        }
    }
    // Drawn from left to right, a mark comes before its letter; drawn as it is read, after it.
    let steps =
        letters.windows(2).filter(|pair| pair[0].1.direction == Direction::Right && pair[1].1.direction == Direction::Right);
    let rightward = steps.map(|pair| if pair[1].1.left > pair[0].1.left { 1 } else { -1 }).sum::<i32>() > 0;
    for (order, at, text) in marks {
        // The letter under the mark; of two that touch there the one drawn next to it, which may also stand a little aside.
        let distance =
            |drawn: usize| if (drawn > order) == rightward { drawn.abs_diff(order) * 2 - 1 } else { drawn.abs_diff(order) * 2 };
        let reach = |(drawn, item, size): &&mut (usize, Item, f32)| {
            let slack = size * if distance(*drawn) == 1 { 0.5 } else { 0.15 };
            item.left - slack <= at && at <= item.right + slack && item.direction == Direction::Right
        };
        let next = letters.partition_point(|(drawn, _, _)| *drawn < order);
        let near = next.saturating_sub(NEAR)..(next + NEAR).min(letters.len());
        if let Some((_, item, _)) = letters[near].iter_mut().filter(reach).min_by_key(|(drawn, _, _)| distance(*drawn)) {
            item.text.push_str(&text);
        }
    }
    letters.sort_by(|a, b| a.1.left.total_cmp(&b.1.left));
    let blank = |item: &Item| !item.text.is_empty() && item.text.trim().is_empty();
    let spaced = letters.iter().any(|(_, item, _)| blank(item));
    let threshold = if spaced { 0.28 } else { 0.17 };
    let mut items: Vec<Item> = Vec::with_capacity(letters.len() * 2);
    let mut reached = f32::MIN;
    for (_, item, size) in letters {
        if let Some(last) = items.last() {
            // The same letter drawn twice, a little apart, makes it bold.
            if last.text == item.text && (item.left - last.left).abs() < size * 0.08 && !item.text.trim().is_empty() {
                continue;
            }
            let gap = item.left - reached;
            let beside_space = blank(last) || blank(&item);
            if gap > size * threshold && !beside_space {
                items.push(Item { text: " ".to_owned(), left: reached, right: item.left, direction: Direction::Neutral });
            }
        }
        reached = reached.max(item.right);
        items.push(item);
    }
    items
}

/// Presentation forms and ligatures as plain letters; what does not show is dropped.
fn folded(text: &str) -> String {
    text.nfkc().filter(|c| !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')).collect()
}

fn direction(text: &str) -> Direction {
    let mut found = Direction::Neutral;
    for c in text.chars() {
        match c {
            c if is_arabic_letter(c) || matches!(c, '\u{590}'..='\u{5ff}' | 'ـ') => return Direction::Right,
            '0'..='9' | '٠'..='٩' | '۰'..='۹' => found = Direction::Number,
            c if c.is_alphabetic() => return Direction::Left,
            _ => {}
        }
    }
    found
}

fn mirror(text: &str) -> &str {
    match text {
        "(" => ")",
        ")" => "(",
        "[" => "]",
        "]" => "[",
        "{" => "}",
        "}" => "{",
        "«" => "»",
        "»" => "«",
        "<" => ">",
        ">" => "<",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Glyphs one after the other, as a reader sees them from left to right.
    fn seen(text: &str) -> Vec<Glyph> {
        let glyph = |(at, c): (usize, char)| {
            let left = at as f32 * 5.0;
            Glyph { text: c.to_string(), left, right: left + 5.0, baseline: 0.0, size: 10.0, turn: 0 }
        };
        text.chars().enumerate().map(glyph).collect()
    }

    #[test]
    fn lines_are_read_from_the_right_but_for_numbers_and_latin_words() {
        for (shown, expected) in [
            ("ملاع اي ابحرم", "مرحبا يا عالم"),
            ("ةعاس 48 ةدمل", "لمدة 48 ساعة"),
            ("%50 ةبسن", "نسبة 50%"),
            ("12/5/2024 يف", "في 12/5/2024"),
            ("2024 - 2019 نم", "من 2019 - 2024"),
        ] {
            assert_eq!(line_text(&seen(shown), true, false), expected);
        }
        assert_eq!(line_text(&seen("لاقو UNICEF World Fund لوق"), true, false), "قول UNICEF World Fund وقال");
        assert_eq!(line_text(&seen("شرم COVID-19 يف"), true, false), "في COVID-19 مرش");
        assert_eq!(line_text(&seen("The word مالس means 5 ايفص."), false, false), "The word سلام means 5 صفيا.");
    }

    #[test]
    fn brackets_are_turned_where_they_were_stored_as_they_look() {
        let shown = seen("لاق (UNICEF) يف");
        assert!(mirrored_brackets(&shown) > 0);
        assert_eq!(line_text(&shown, true, true), "في (UNICEF) قال");
        let shown = seen("لاق )UNICEF( يف");
        assert!(mirrored_brackets(&shown) < 0);
        assert_eq!(line_text(&shown, true, false), "في (UNICEF) قال");
    }

    #[test]
    fn presentation_forms_become_letters() {
        assert_eq!(line_text(&seen("ﻡﻼﺳ"), true, false), "سلام");
    }

    #[test]
    fn gaps_are_spaces_and_letters_drawn_twice_are_one() {
        let mut glyphs = seen("ab");
        glyphs[1].left += 3.0;
        glyphs[1].right += 3.0;
        assert_eq!(line_text(&glyphs, false, false), "a b");
        let mut bold = seen("a");
        bold.push(Glyph { left: 0.4, right: 5.4, ..bold[0].clone() });
        assert_eq!(line_text(&bold, false, false), "a");
    }
}
