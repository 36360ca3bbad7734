//! Cutting a segment that is longer than a model takes.

use super::chars::*;
use super::lexicon::{Cue, cue};
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// Around the wanted place of a cut, this many bytes are searched for a good one.
const SEARCH: usize = 4096;

/// Cuts `text` into pieces that each satisfy `fits`, at the best clause boundaries near the places that give pieces of even length: after stops,
/// semicolons, colons, commas, at dashes and brackets, before conjunctions, at white space, and as a last resort between characters.
///
/// The ranges follow one another without a gap and give the whole text when joined. One piece is returned where the text fits. A single
/// grapheme that does not fit is returned as it is: nothing smaller can be cut.
pub fn clauses(text: &str, fits: &dyn Fn(&str) -> bool) -> Vec<Range<usize>> {
    if fits(text) {
        return std::iter::once(0..text.len()).filter(|range| !range.is_empty()).collect();
    }
    let limit = fitting_length(text, fits);
    let mut pieces = Vec::new();
    // Pieces still to be judged, the first one on top.
    let mut waiting: Vec<Range<usize>> = Vec::new();
    waiting.push(0..text.len());
    let mut first = true;
    while let Some(range) = waiting.pop() {
        let piece = &text[range.clone()];
        // The whole is known not to fit, and so is what is many times the limit.
        if !std::mem::take(&mut first) && piece.len() <= 8 * limit && fits(piece) {
            pieces.push(range);
            continue;
        }
        let parts = (piece.len() * 20 / 19).div_ceil(limit).max(2);
        match cut(piece, piece.len() / parts * (parts / 2).max(1) + piece.len() % parts / 2) {
            Some(at) => {
                waiting.push(range.start + at..range.end);
                waiting.push(range.start..range.start + at);
            }
            None => pieces.push(range),
        }
    }
    pieces
}

/// About how many bytes of the front of `text` fit, found by doubling and halving; at least 1.
fn fitting_length(text: &str, fits: &dyn Fn(&str) -> bool) -> usize {
    let prefix = |length: usize| {
        let mut end = length.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        &text[..end]
    };
    let mut high = 64;
    while high < text.len() && fits(prefix(high)) {
        high *= 2;
    }
    let mut low = if high == 64 { 0 } else { high / 2 };
    let mut high = high.min(text.len());
    while high - low > (low / 16).max(4) {
        let middle = low + (high - low) / 2;
        if fits(prefix(middle)) { low = middle } else { high = middle }
    }
    low.max(1)
}

/// The best place to cut `piece` near byte `wanted`; `None` where it is a single grapheme.
fn cut(piece: &str, wanted: usize) -> Option<usize> {
    let reach = (piece.len() * 3 / 10).min(SEARCH);
    let (from, to) = (floor(piece, wanted.saturating_sub(reach)), floor(piece, (wanted + reach).min(piece.len())));
    let mut best: Option<(f32, usize)> = None;
    let mut consider = |at: usize, weight: f32| {
        if at == 0 || at >= piece.len() {
            return;
        }
        let score = weight - 1.2 * at.abs_diff(wanted) as f32 / (2 * reach).max(1) as f32;
        if best.is_none_or(|(highest, _)| score > highest) {
            best = Some((score, at));
        }
    };
    let mut depth = 0i32;
    let mut previous = ' ';
    let mut chars = piece[from..to].char_indices().peekable();
    while let Some((offset, c)) = chars.next() {
        let at = from + offset;
        let next = chars.peek().map_or(' ', |&(_, c)| c);
        if is_open_bracket(c) {
            depth += 1;
        } else if is_close_bracket(c) {
            depth = (depth - 1).max(0);
        }
        // A cut within brackets tears more apart.
        let within = if depth > 0 { 0.3 } else { 0.0 };
        if c.is_whitespace() && !next.is_whitespace() {
            let word_end =
                piece[at + c.len_utf8()..].find(char::is_whitespace).map_or(piece.len(), |end| at + c.len_utf8() + end);
            let word = &piece[at + c.len_utf8()..word_end.min(floor(piece, at + 64))];
            consider(at + c.len_utf8(), boundary(previous, next, word) - within);
        } else if matches!(c, '،' | '؛' | ';') && !next.is_whitespace() && !is_digit(next) && !is_pause(next) {
            consider(at + c.len_utf8(), 0.7 - within);
        }
        if !c.is_whitespace() && !is_invisible(c) {
            previous = c;
        }
    }
    if let Some((_, at)) = best {
        return Some(at);
    }
    // No white space: between graphemes, the nearest to the wanted place.
    let start = floor(piece, wanted.saturating_sub(256));
    let window = &piece[start..floor(piece, (wanted + 256).min(piece.len()))];
    window
        .grapheme_indices(true)
        .map(|(offset, _)| start + offset)
        .filter(|&at| at > 0 && (start == 0 || at > start))
        .min_by_key(|at| at.abs_diff(wanted))
        .or_else(|| (start > 0).then_some(start))
        .or_else(|| piece.grapheme_indices(true).nth(1).map(|(at, _)| at))
}

/// How good a cut is between `previous` and `word`, which begins with `next`.
fn boundary(previous: char, next: char, word: &str) -> f32 {
    if is_terminator(previous) {
        return 1.0;
    }
    match previous {
        '؛' | ';' => return 0.95,
        '،' | ',' => return 0.75,
        ':' => return 0.7,
        _ => {}
    }
    if is_dash(previous) || is_dash(next) {
        return 0.6;
    }
    if is_close_bracket(previous) || is_open_bracket(next) {
        return 0.5;
    }
    let folded = fold(word);
    if is_conjunction(&folded) {
        return 0.6;
    }
    if cue(&folded) == Cue::Starts {
        return 0.45;
    }
    0.2
}

/// Words that open a clause within a sentence.
fn is_conjunction(word: &str) -> bool {
    matches!(
        word,
        "ثم" | "لكن"
            | "ولكن"
            | "بل"
            | "بينما"
            | "فيما"
            | "حيث"
            | "اذ"
            | "كما"
            | "لان"
            | "لانه"
            | "لانها"
            | "بسبب"
            | "عندما"
            | "حين"
            | "حينما"
            | "بعدما"
            | "قبلما"
            | "رغم"
            | "مع"
            | "غير"
            | "الا"
            | "وذلك"
            | "وهو"
            | "وهي"
            | "والتي"
            | "والذي"
            | "التي"
            | "الذي"
            | "الذين"
            | "مما"
            | "and"
            | "but"
            | "or"
            | "which"
            | "that"
            | "because"
            | "while"
    )
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::clauses;
    use proptest::prelude::*;

    fn pieces<'a>(text: &'a str, fits: &dyn Fn(&str) -> bool) -> Vec<&'a str> {
        clauses(text, fits).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn cuts_at_the_comma_and_not_at_the_middle_word() {
        let text = "أعلنت الوزارة فتح المعبر أمام المسافرين في الاتجاهين ابتداء من يوم غد، وقال المدير إن العمل يستمر طوال الأسبوع دون توقف";
        let pieces = pieces(text, &|piece| piece.chars().count() <= 80);
        assert_eq!(pieces.len(), 2, "{pieces:?}");
        assert!(pieces[0].ends_with("غد، "), "{pieces:?}");
    }

    #[test]
    fn pieces_are_even() {
        let text = "كلمة ".repeat(1000);
        let sizes: Vec<usize> =
            clauses(&text, &|piece| piece.split_whitespace().count() <= 300).iter().map(|range| range.len()).collect();
        assert_eq!(sizes.len(), 4, "{sizes:?}");
        assert!(sizes.iter().max().unwrap() * 4 <= sizes.iter().min().unwrap() * 5, "{sizes:?}");
    }

    #[test]
    fn numbers_stay_whole() {
        let text = "بلغت 1،234،567 وحدة 1،234،567 وحدة 1،234،567 وحدة";
        assert!(
            pieces(text, &|piece| piece.chars().count() <= 12)
                .iter()
                .all(|piece| !piece.trim().starts_with(char::is_numeric) || piece.contains("567"))
        );
    }

    proptest! {
        #[test]
        fn pieces_join_to_the_whole_and_fit(text in "[ء-ي\u{64B}-\u{652} ،.؛a-z👨\u{200D}()]{0,300}", limit in 1usize..60) {
            let fits = |piece: &str| piece.chars().count() <= limit;
            let pieces = pieces(&text, &fits);
            prop_assert_eq!(pieces.concat(), text.clone());
            for piece in pieces {
                let single = unicode_segmentation::UnicodeSegmentation::graphemes(piece, true).count() == 1;
                prop_assert!(!piece.is_empty() && (fits(piece) || single), "{:?}", piece);
            }
        }
    }
}
