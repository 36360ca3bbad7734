//! The letters of a page as lines, and the lines in reading order.
//!
//! Letters with one baseline make fragments, cut where a gap is too wide for a word space. Fragments are then parted by white: first into
//! columns, where a gutter runs between two stretches of prose, else into bands above each other where that lays a gutter bare (the
//! recursive X-Y cut of Nagy and Seth 1984). Columns of Arabic are read from the right.

use super::interpret::Glyph;
use super::order::{line_text, mirrored_brackets};
use crate::document::is_arabic_letter;

/// A line of text, or a cell of one where it is a table's row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub text: String,
    /// The same where brackets are stored as they look, if that makes a difference.
    pub mirrored: Option<String>,
    /// Above zero where the line's brackets are stored as they look, below where they are not.
    pub bracket_votes: i32,
    pub left: f32,
    pub right: f32,
    pub baseline: f32,
    pub size: f32,
    pub right_to_left: bool,
    /// Width of the first word, at the side where reading begins.
    pub first_word: f32,
    /// Column in a row of cells; `None` for running text.
    pub cell: Option<u32>,
    /// Lines of one region flow into each other.
    pub region: usize,
}

/// A stretch of glyphs on one baseline, without a wide gap.
#[derive(Debug, Clone)]
struct Fragment {
    glyphs: Vec<usize>,
    left: f32,
    right: f32,
    baseline: f32,
    size: f32,
}

/// In font sizes: a gap that parts fragments, and one that parts the cells of a row.
const FRAGMENT_GAP: f32 = 0.7;
const CELL_GAP: f32 = 2.5;

/// Fragments of a page beyond which it is a drawing with labels: what takes quadratic time is left out.
const MANY: usize = 2_000;

/// The lines of a page, in reading order.
pub(super) fn lines(glyphs: &[Glyph]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut turns: Vec<(usize, u8)> =
        (0..4).map(|turn| (glyphs.iter().filter(|glyph| glyph.turn == turn).count(), turn)).collect();
    // Upright text first, unless most of the page is turned.
    turns.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    for (_, turn) in turns.into_iter().filter(|(count, _)| *count > 0) {
        let indices: Vec<usize> = (0..glyphs.len()).filter(|index| glyphs[*index].turn == turn).collect();
        let fragments = fragments(glyphs, indices);
        let right_to_left =
            is_right_to_left(fragments.iter().flat_map(|fragment| fragment.glyphs.iter().map(|index| &glyphs[*index])), 0.3);
        let mut regions = Vec::new();
        part(fragments, right_to_left, 0, &mut regions);
        for region in regions {
            let number = lines.last().map_or(0, |line: &Line| line.region + 1);
            region_lines(glyphs, region, right_to_left, number, &mut lines);
        }
    }
    lines
}

/// Glyphs that are drawn one after the other and stand side by side make a fragment, raised and lowered ones with the others; fragments
/// that touch on one baseline are joined.
fn fragments(glyphs: &[Glyph], indices: Vec<usize>) -> Vec<Fragment> {
    let mut drawn: Vec<Fragment> = Vec::new();
    for index in indices {
        let glyph = &glyphs[index];
        if let Some(fragment) = drawn.last_mut() {
            let size = fragment.size.max(glyph.size);
            let beside = glyph.left <= fragment.right + FRAGMENT_GAP * size && glyph.right >= fragment.left - FRAGMENT_GAP * size;
            if beside && (glyph.baseline - fragment.baseline).abs() <= 0.5 * size {
                fragment.add(index, glyph);
                continue;
            }
        }
        if !glyph.is_blank() {
            let Glyph { left, right, baseline, size, .. } = *glyph;
            drawn.push(Fragment { glyphs: vec![index], left, right, baseline, size });
        }
    }
    let mut fragments: Vec<Fragment> = Vec::with_capacity(drawn.len());
    for row in rows(drawn) {
        for fragment in row {
            match fragments.last_mut() {
                Some(last)
                    if last.same_baseline(&fragment)
                        && fragment.left - last.right <= FRAGMENT_GAP * last.size.max(fragment.size) =>
                {
                    last.join(fragment);
                }
                _ => fragments.push(fragment),
            }
        }
    }
    // What is drawn apart but small, raised or lowered, and next to larger text: a note's number.
    let (small, mut large): (Vec<Fragment>, Vec<Fragment>) =
        fragments.into_iter().partition(|fragment| fragment.glyphs.len() <= 3);
    for fragment in small {
        let host = large.iter_mut().find(|host| {
            fragment.size < 0.85 * host.size
                && (fragment.baseline - host.baseline).abs() <= 0.6 * host.size
                && fragment.left <= host.right + 0.3 * host.size
                && fragment.right >= host.left - 0.3 * host.size
        });
        match host {
            Some(host) => host.join(fragment),
            None => large.push(fragment),
        }
    }
    large
}

impl Fragment {
    fn add(&mut self, index: usize, glyph: &Glyph) {
        self.glyphs.push(index);
        // White space does not bridge a gap, however much there is of it.
        if !glyph.is_blank() {
            self.left = self.left.min(glyph.left);
            self.right = self.right.max(glyph.right);
            if glyph.size > self.size * 1.05 {
                (self.baseline, self.size) = (glyph.baseline, glyph.size);
            }
        }
    }

    fn join(&mut self, other: Fragment) {
        self.left = self.left.min(other.left);
        self.right = self.right.max(other.right);
        if other.size > self.size * 1.05 {
            (self.baseline, self.size) = (other.baseline, other.size);
        }
        self.glyphs.extend(other.glyphs);
    }

    fn same_baseline(&self, other: &Fragment) -> bool {
        (self.baseline - other.baseline).abs() < 0.3 * self.size.min(other.size)
    }
}

/// Fragments by their baselines, top to bottom, each row from left to right.
fn rows(mut fragments: Vec<Fragment>) -> Vec<Vec<Fragment>> {
    fragments.sort_by(|a, b| b.baseline.total_cmp(&a.baseline));
    let mut rows: Vec<Vec<Fragment>> = Vec::new();
    for fragment in fragments {
        match rows.last_mut() {
            Some(row) if row[0].same_baseline(&fragment) => row.push(fragment),
            _ => rows.push(vec![fragment]),
        }
    }
    rows.iter_mut().for_each(|row| row.sort_by(|a, b| a.left.total_cmp(&b.left)));
    rows
}

/// Parts fragments into regions, in reading order.
fn part(fragments: Vec<Fragment>, right_to_left: bool, depth: usize, regions: &mut Vec<Vec<Fragment>>) {
    if fragments.is_empty() {
        return;
    }
    if depth < 24 && fragments.len() >= 6 {
        if let Some(gutter) = gutter(&fragments) {
            let (left, right): (Vec<_>, Vec<_>) = fragments.into_iter().partition(|fragment| fragment.right <= gutter);
            let order = if right_to_left { [right, left] } else { [left, right] };
            order.into_iter().for_each(|part_| part(part_, right_to_left, depth + 1, regions));
            return;
        }
        if let Some(edge) = Some(&fragments).filter(|fragments| fragments.len() <= MANY).and_then(|fragments| band(fragments)) {
            let (above, below): (Vec<_>, Vec<_>) = fragments.into_iter().partition(|fragment| fragment.baseline > edge);
            part(above, right_to_left, depth + 1, regions);
            part(below, right_to_left, depth + 1, regions);
            return;
        }
    }
    regions.push(fragments);
}

/// The `x` of the widest gutter between two columns of prose.
fn gutter(fragments: &[Fragment]) -> Option<f32> {
    let size = median(fragments.iter().map(|fragment| fragment.size));
    let mut order: Vec<&Fragment> = fragments.iter().collect();
    order.sort_by(|a, b| a.left.total_cmp(&b.left));
    let mut gaps: Vec<(f32, f32)> = Vec::new();
    let mut reached = f32::MIN;
    for fragment in order {
        if reached > f32::MIN && fragment.left - reached >= 0.8 * size {
            gaps.push((fragment.left - reached, (reached + fragment.left) / 2.0));
        }
        reached = reached.max(fragment.right);
    }
    gaps.sort_by(|a, b| b.0.total_cmp(&a.0));
    let found = gaps.into_iter().find(|(width, x)| {
        let (left, right): (Vec<&Fragment>, Vec<&Fragment>) = fragments.iter().partition(|fragment| fragment.right <= *x);
        // Three lines may leave the same narrow gap by chance.
        let least = if *width < 1.6 * size { 5 } else { 3 };
        is_prose(&left, least) && is_prose(&right, least) && overlap(&left, &right) > 0.5
    });
    found.map(|(_, x)| x)
}

/// At least so many lines, long enough that they are no table's column.
fn is_prose(fragments: &[&Fragment], least: usize) -> bool {
    let mut lines: Vec<(f32, f32, f32)> = Vec::new();
    for fragment in fragments {
        match lines.iter_mut().rev().take(4).find(|line| (line.0 - fragment.baseline).abs() < 1.0) {
            Some((_, left, right)) => (*left, *right) = (left.min(fragment.left), right.max(fragment.right)),
            None => lines.push((fragment.baseline, fragment.left, fragment.right)),
        }
    }
    let size = median(fragments.iter().map(|fragment| fragment.size));
    lines.len() >= least && median(lines.iter().map(|(_, left, right)| right - left)) >= 9.0 * size
}

/// Share of the shorter column's height that lies beside the other.
fn overlap(left: &[&Fragment], right: &[&Fragment]) -> f32 {
    let extent = |fragments: &[&Fragment]| {
        fragments.iter().fold((f32::MAX, f32::MIN), |(low, high), f| (low.min(f.baseline), high.max(f.baseline + f.size)))
    };
    let ((low, high), (other_low, other_high)) = (extent(left), extent(right));
    let shared = high.min(other_high) - low.max(other_low);
    shared / (high - low).min(other_high - other_low).max(1.0)
}

/// The `y` between two lines above or below which there are columns: a title over them, a note under them.
fn band(fragments: &[Fragment]) -> Option<f32> {
    let mut baselines: Vec<f32> = fragments.iter().map(|fragment| fragment.baseline).collect();
    baselines.sort_by(|a, b| b.total_cmp(a));
    baselines.dedup_by(|a, b| (*a - *b).abs() < 1.0);
    // Enough edges for a title and a note; a page of hundreds of lines is not tried everywhere.
    let edges: Vec<f32> = baselines.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).take(200).collect();
    let below = |edge: &&f32| gutter(&fragments.iter().filter(|f| f.baseline < **edge).cloned().collect::<Vec<_>>()).is_some();
    let above = |edge: &&f32| gutter(&fragments.iter().filter(|f| f.baseline > **edge).cloned().collect::<Vec<_>>()).is_some();
    edges.iter().find(below).or_else(|| edges.iter().rev().find(above)).copied()
}

/// The lines of a region, top to bottom; a line with wide gaps as its cells.
fn region_lines(glyphs: &[Glyph], fragments: Vec<Fragment>, right_to_left: bool, region: usize, lines: &mut Vec<Line>) {
    for row in rows(fragments) {
        let mut cells: Vec<Fragment> = Vec::new();
        for fragment in row {
            match cells.last_mut() {
                Some(cell) if fragment.left - cell.right <= CELL_GAP * fragment.size.max(cell.size) => cell.join(fragment),
                _ => cells.push(fragment),
            }
        }
        if right_to_left {
            cells.reverse();
        }
        let count = cells.len();
        for (column, cell) in cells.into_iter().enumerate() {
            let cell_number = (count > 1).then_some(column as u32);
            lines.extend(line(glyphs, cell, right_to_left, cell_number, region));
        }
    }
}

fn line(glyphs: &[Glyph], mut fragment: Fragment, page_right_to_left: bool, cell: Option<u32>, region: usize) -> Option<Line> {
    // As they were drawn: marks are next to their letters then.
    fragment.glyphs.sort_unstable();
    fragment.glyphs.dedup();
    let own: Vec<Glyph> = fragment.glyphs.iter().map(|index| glyphs[*index].clone()).collect();
    let has_letters = own.iter().any(|glyph| glyph.text.chars().any(char::is_alphabetic));
    let mut right_to_left = if has_letters { is_right_to_left(own.iter(), 0.25) } else { page_right_to_left };
    let mut text = line_text(&own, right_to_left, false);
    if right_to_left && begins_with_stop(&text) {
        // Arabic in a paragraph that runs left to right: its stop stands at the right end.
        right_to_left = false;
        text = line_text(&own, false, false);
    }
    if text.trim().is_empty() {
        return None;
    }
    let bracketed = text.contains(['(', ')', '[', ']', '«', '»', '{', '}', '<', '>']);
    let mirrored = bracketed.then(|| line_text(&own, right_to_left, true)).filter(|mirrored| *mirrored != text);
    let letters = text.trim().chars().count().max(1) as f32;
    let first_word = text.split_whitespace().next().map_or(0.0, |word| word.chars().count() as f32);
    Some(Line {
        bracket_votes: if right_to_left && bracketed { mirrored_brackets(&own) } else { 0 },
        mirrored,
        left: fragment.left,
        right: fragment.right,
        baseline: fragment.baseline,
        size: fragment.size,
        right_to_left,
        first_word: (fragment.right - fragment.left) * first_word / letters,
        cell,
        region,
        text: text.split_whitespace().collect::<Vec<_>>().join(" "),
    })
    .map(|line| Line { mirrored: line.mirrored.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")), ..line })
}

/// A stop before the first word, and none after the last.
fn begins_with_stop(text: &str) -> bool {
    const STOPS: [char; 7] = ['.', '،', '؛', ':', '!', '؟', ','];
    let text = text.trim();
    let rest = text.trim_start_matches(STOPS);
    rest.len() < text.len() && rest.starts_with(|c: char| c.is_alphabetic()) && !text.ends_with(STOPS)
}

/// Whether at least `share` of the letters are Arabic.
fn is_right_to_left<'a>(glyphs: impl Iterator<Item = &'a Glyph>, share: f32) -> bool {
    let (mut arabic, mut letters) = (0usize, 0usize);
    for c in glyphs.flat_map(|glyph| glyph.text.chars()).filter(|c| c.is_alphabetic()) {
        letters += 1;
        arabic += usize::from(is_arabic_letter(c));
    }
    arabic > 0 && arabic as f32 >= share * letters as f32
}

pub(super) fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}
