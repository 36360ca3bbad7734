//! The layout of a plain text: which lines form a heading, a paragraph, a list item, a table.
//!
//! A line break means one thing in a file that was wrapped at 70 columns and another in a file with a sentence, a paragraph or a headline on
//! every line, and nothing in the file says which it is. [`Wrapping`] therefore reads it off the document: a wrapped line is one on which the
//! first word of the next line would not have fitted any more, so every pair of lines votes for the widths that explain it, and only a wrapped
//! text has a width that explains most of its pairs. Then every pair of lines is joined or not, and the blocks get their kinds.

use super::chars::*;
use super::headline::line_break;
use super::lexicon::leaves_open;
use super::lines::{Line, LineKind, Lines, last_character};
use crate::document::{Block, BlockKind};

/// Lines wider than this are never the product of wrapping.
const MAX_WRAP: usize = 240;
/// A heading is not longer than this, in characters.
const MAX_HEADING: usize = 110;

/// Finds the blocks of a plain text. They come in order and do not overlap; only white space lies between them.
pub fn blocks(text: &str) -> Vec<Block> {
    let wrapping = Wrapping::of(text);
    let mut builder = Builder { text, wrapping, blocks: Vec::new(), drafts: Vec::new(), open: None, row: 0, fences: 0 };
    let fences = wrapping.fences;
    for line in Lines::new(text) {
        builder.line(line, fences);
    }
    builder.close();
    builder.name_headings();
    builder.cover();
    builder.blocks
}

/// How a document breaks its lines.
#[derive(Debug, Clone, Copy)]
struct Wrapping {
    /// Wrapped greedily at this width.
    width: Option<usize>,
    /// The width explains nearly every line that breaks off inside a sentence: the wrapper counted characters as we do.
    exact: bool,
    /// Wrapped by hand or by a layout program: lines are about this wide.
    ragged: Option<usize>,
    /// Pairs of neighbouring text lines; with few of them, each pair is judged by itself.
    pairs: usize,
    /// Width of the widest line.
    widest: usize,
    /// Code fences, an unpaired last one not counted.
    fences: usize,
}

impl Wrapping {
    fn of(text: &str) -> Wrapping {
        // For each width: pairs that it explains, and those of them whose first line ends a sentence.
        let mut explained = [0i64; MAX_WRAP + 2];
        let mut explained_ends = [0i64; MAX_WRAP + 2];
        let mut widths = [0usize; MAX_WRAP + 1];
        let (mut pairs, mut short_pairs, mut ends, mut inner_stops, mut fences) = (0, 0, 0, 0, 0);
        let mut widest = 0;
        let mut previous: Option<Line> = None;
        for line in Lines::new(text) {
            fences += usize::from(line.kind == LineKind::Fence);
            widest = widest.max(line.width);
            if let Some(before) = previous.take()
                && can_continue(&before, &line)
                && line.kind != (LineKind::Item { sure: false })
            {
                pairs += 1;
                if before.width <= MAX_WRAP {
                    let ended = ends_sentence(&text[before.range.clone()]);
                    short_pairs += 1;
                    ends += usize::from(ended);
                    inner_stops += usize::from(has_inner_stop(&text[before.range.clone()]));
                    widths[before.width] += 1;
                    let last = (before.width + line.first_word).min(MAX_WRAP);
                    explained[before.width] += 1;
                    explained[last + 1] -= 1;
                    if ended {
                        explained_ends[before.width] += 1;
                        explained_ends[last + 1] -= 1;
                    }
                }
            }
            previous = Some(line);
        }
        let (mut best, mut best_ends, mut width) = (0, 0, 0);
        let (mut here, mut here_ends) = (0, 0);
        for candidate in 0..=MAX_WRAP {
            here += explained[candidate];
            here_ends += explained_ends[candidate];
            // Of the widths that explain the most, the largest of the first stretch.
            if here > best || here == best && width + 1 == candidate {
                (best, best_ends, width) = (here, here_ends, candidate);
            }
        }
        let best = best as usize;
        let share = best as f64 / pairs.max(1) as f64;
        let ended = best_ends as f64 / best.max(1) as f64;
        let wrapped = width >= 20 && ended <= 0.5 && (best >= 2 && share >= 0.5 || best >= 6 && share >= 0.35 && ended <= 0.3);
        let ragged = (!wrapped && short_pairs >= 3 && short_pairs * 10 >= pairs * 9).then(|| {
            let mut left = short_pairs / 10;
            let mut wide = MAX_WRAP;
            while wide > 0 && widths[wide] <= left {
                left -= widths[wide];
                wide -= 1;
            }
            let full: usize = widths[wide * 72 / 100..].iter().sum();
            let prose = inner_stops * 8 >= short_pairs && ends * 100 <= short_pairs * 35;
            (prose && (35..=130).contains(&wide) && full * 4 >= short_pairs * 3).then_some(wide)
        });
        let open = short_pairs - ends;
        let exact = (best - best_ends as usize) * 20 >= open * 17;
        Wrapping { exact, width: wrapped.then_some(width), ragged: ragged.flatten(), pairs, widest, fences: fences / 2 * 2 }
    }

    /// Whether `next` continues the text of `line`, as far as the widths say.
    fn joins(&self, text: &str, line: &Line, next: &Line) -> bool {
        let content = &text[line.range.clone()];
        let ended = ends_sentence(content);
        if !ended && breaks_off(content) {
            return true;
        }
        if let Some(width) = self.width {
            let fits = line.width <= width && line.width + next.first_word >= width;
            // Wrappers that count marks or wide characters differently miss the width by a little.
            let slack = if self.exact { width / 35 } else { width / 10 };
            let almost = line.width <= width + 3 && line.width + next.first_word + slack >= width;
            let narrower = next.width <= width + 3 || next.first_word == next.width;
            return (fits || almost && !ended && !content.ends_with(':')) && narrower;
        }
        if let Some(width) = self.ragged {
            return line.width * 100 >= width * if ended { 85 } else { 72 };
        }
        // Too little to tell from: the words on both sides decide.
        if self.pairs > 3 || ended || content.ends_with(':') || line.width > 130 {
            return false;
        }
        let following = &text[next.range.clone()];
        let wide = line.width >= 50 && self.widest <= line.width + next.first_word;
        let words = content.split_whitespace().count();
        let unlike_headline = if words >= 4 { -4.3 } else { -6.5 };
        wide || (words >= 3
            && (ends_sentence(following) || breaks_off(following))
            && line_break(content, following) < unlike_headline)
    }
}

/// Whether two lines could belong to one paragraph at all, by what they are.
fn can_continue(line: &Line, next: &Line) -> bool {
    matches!(
        (line.kind, next.kind),
        (LineKind::Text | LineKind::Item { .. }, LineKind::Text | LineKind::Item { sure: false })
            | (LineKind::Quote, LineKind::Quote)
    )
}

/// Whether a line ends with a mark that ends sentences; the stop of a title (`د.`) is none.
fn ends_sentence(content: &str) -> bool {
    let title = |content: &str| {
        let word = content.rsplit(char::is_whitespace).next().unwrap_or(content);
        matches!(word, "د." | "أ." | "م." | "أ.د." | "ا.د.")
    };
    last_character(content).is_some_and(is_terminator) && !title(content)
}

/// Whether a line ends in the middle of a phrase: no sentence ends with a preposition.
fn breaks_off(content: &str) -> bool {
    let word = content.rsplit(char::is_whitespace).next().unwrap_or(content);
    word.len() <= 16 && word.len() < content.len() && leaves_open(&fold(word))
}

/// A stop with more text behind it, as prose has and lists of names or headlines have not.
fn has_inner_stop(content: &str) -> bool {
    content.contains(". ") || content.contains("؟ ") || content.contains("! ")
}

/// What is known of a block besides its range, for naming headings.
#[derive(Debug, Clone, Copy)]
struct Draft {
    lines: u32,
    /// A blank line or the start of the text stands before it.
    apart: bool,
}

struct Builder<'a> {
    text: &'a str,
    wrapping: Wrapping,
    blocks: Vec<Block>,
    drafts: Vec<Draft>,
    /// The block being built: its last line, its first line's indent.
    open: Option<(Line, usize)>,
    /// Row of the current table.
    row: u32,
    /// Fences seen so far.
    fences: usize,
}

impl Builder<'_> {
    fn line(&mut self, line: Line, all_fences: usize) {
        if line.kind != LineKind::Table {
            self.row = 0;
        }
        let in_code = self.fences % 2 == 1;
        match line.kind {
            LineKind::Fence if self.fences < all_fences => {
                self.fences += 1;
                self.close();
                self.push(BlockKind::Verbatim, &line);
            }
            LineKind::Blank => {
                self.close();
                self.row = 0;
            }
            _ if in_code => {
                self.close();
                let arabic = self.text[line.range.clone()].chars().any(is_arabic_letter);
                self.push(if arabic { BlockKind::Paragraph } else { BlockKind::Verbatim }, &line);
            }
            LineKind::Fence | LineKind::Rule => {
                self.close();
                self.push(BlockKind::Verbatim, &line);
            }
            LineKind::Heading(level) => {
                self.close();
                self.push(BlockKind::Heading(level), &line);
            }
            LineKind::Table => {
                self.close();
                self.table_row(&line);
            }
            LineKind::Text | LineKind::Item { .. } | LineKind::Quote => self.text_line(line),
        }
    }

    fn text_line(&mut self, line: Line) {
        if let Some((last, indent)) = &self.open
            && can_continue(last, &line)
            && self.continues(last, *indent, &line)
        {
            let indent = *indent;
            if let (Some(block), Some(draft)) = (self.blocks.last_mut(), self.drafts.last_mut()) {
                block.range.end = line.range.end;
                draft.lines += 1;
            }
            self.open = Some((line, indent));
            return;
        }
        let apart = self.open.is_none();
        let kind = match line.kind {
            LineKind::Item { .. } => BlockKind::ListItem,
            LineKind::Quote => BlockKind::Quote,
            _ => BlockKind::Paragraph,
        };
        self.push(kind, &line);
        if let Some(draft) = self.drafts.last_mut() {
            draft.apart = apart;
        }
        let indent = line.indent;
        self.open = Some((line, indent));
    }

    /// Whether `line` goes on with the open block, whose last line is `last`.
    fn continues(&self, last: &Line, first_indent: usize, line: &Line) -> bool {
        let content = &self.text[last.range.clone()];
        let ended = ends_sentence(content);
        let in_item = matches!(self.blocks.last(), Some(Block { kind: BlockKind::ListItem, .. }));
        if matches!(line.kind, LineKind::Item { .. })
            && (in_item || ended || content.ends_with(':') || last.kind != LineKind::Text)
        {
            return false;
        }
        if in_item && line.indent > first_indent && line.indent >= 2 {
            return true;
        }
        if line.indent >= last.indent + 2 && ended {
            return false;
        }
        self.wrapping.joins(self.text, last, line)
    }

    fn table_row(&mut self, line: &Line) {
        let content = &self.text[line.range.clone()];
        if !content.contains('\t') {
            return self.push(BlockKind::Paragraph, line);
        }
        let mut start = line.range.start;
        for (column, cell) in content.split('\t').enumerate() {
            let inner = cell.trim_matches(is_blank);
            if !inner.is_empty() {
                let from = start + (inner.as_ptr() as usize - cell.as_ptr() as usize);
                let kind = BlockKind::Cell { row: self.row, column: column as u32 };
                self.blocks.push(Block { kind, range: from..from + inner.len() });
                self.drafts.push(Draft { lines: 1, apart: false });
            }
            start += cell.len() + 1;
        }
        self.row += 1;
    }

    fn push(&mut self, kind: BlockKind, line: &Line) {
        self.blocks.push(Block { kind, range: line.range.clone() });
        self.drafts.push(Draft { lines: 1, apart: true });
    }

    fn close(&mut self) {
        self.open = None;
    }

    /// Short paragraphs without a stop before a text are headings, where the document does not consist of such lines.
    fn name_headings(&mut self) {
        let looks: Vec<bool> = (0..self.blocks.len()).map(|index| self.looks_like_heading(index)).collect();
        let paragraphs = self.blocks.iter().filter(|block| block.kind == BlockKind::Paragraph).count();
        let headings = looks.iter().filter(|&&heading| heading).count();
        if headings * 2 > paragraphs + 1 {
            return;
        }
        for (index, heading) in looks.into_iter().enumerate() {
            if heading {
                self.blocks[index].kind = BlockKind::Heading(if index == 0 { 1 } else { 2 });
            }
        }
    }

    fn looks_like_heading(&self, index: usize) -> bool {
        let block = &self.blocks[index];
        if block.kind != BlockKind::Paragraph || self.drafts[index].lines > 2 || block.range.len() > 4 * MAX_HEADING {
            return false;
        }
        let content = &self.text[block.range.clone()];
        if content.chars().count() > MAX_HEADING
            || last_character(content).is_none_or(|c| is_terminator(c) || is_pause(c) && c != ':')
        {
            return false;
        }
        let follows_end =
            index == 0 || self.drafts[index].apart || ends_sentence(&self.text[self.blocks[index - 1].range.clone()]);
        let next = self.blocks.get(index + 1);
        let body = next.is_some_and(|next| match next.kind {
            BlockKind::Paragraph => next.range.len() > block.range.len() || ends_sentence(&self.text[next.range.clone()]),
            BlockKind::ListItem => content.ends_with(':'),
            _ => false,
        });
        follows_end && body
    }

    /// Lets every visible character lie in a block: invisible ones that stand alone go to a neighbour.
    fn cover(&mut self) {
        let text = self.text;
        let mut end = 0;
        for block in &mut self.blocks {
            let between = &text[end..block.range.start];
            block.range.start = end + between.len() - between.trim_start().len();
            end = block.range.end;
        }
        let rest = text[end..].trim_end();
        if rest.trim_start().is_empty() {
            return;
        }
        let last = end + rest.len();
        match self.blocks.last_mut() {
            Some(block) => block.range.end = last,
            None => {
                let start = text.len() - text.trim_start().len();
                self.blocks.push(Block { kind: BlockKind::Paragraph, range: start..last });
            }
        }
    }
}
