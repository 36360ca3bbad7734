//! Byte-pair encoding as SentencePiece does it: start from characters, merge the neighbours whose union is the best piece, until none is.
//!
//! Any two neighbours may merge whose concatenation is a piece; the highest score wins, then the leftmost place. User-defined pieces are
//! taken whole first and never merge. A piece marked unused may be merged through, but is taken apart again in the end (SentencePiece's
//! `bpe::Model`; R. Sennrich et al., *Neural Machine Translation of Rare Words with Subword Units*, ACL 2016).
//!
//! Where no piece holds a `▁` except as its first character, words can't influence each other and are cut one by one, through a cache.

use super::double_array::{DoubleArray, State};
use super::normalizer::{SPACE, char_len};
use super::word_cache::WordCache;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::ops::Range;

/// SentencePiece stops taking unused pieces apart at this depth.
const MAX_DEPTH: usize = 100;

/// Scores of the pieces, by id.
#[derive(Debug, Clone)]
pub struct Bpe {
    pieces: Vec<BpePiece>,
    unknown_id: u32,
    /// User-defined pieces.
    frozen: Option<DoubleArray>,
    any_unused: bool,
    words_are_independent: bool,
}

/// What merging needs to know of a piece.
#[derive(Debug, Clone, Copy)]
pub struct BpePiece {
    pub score: f32,
    pub use_: PieceUse,
}

/// Whether a merge may produce a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceUse {
    Mergeable,
    /// Merged through, but taken apart in the end.
    Unused,
    /// Control, unknown and byte pieces.
    Reserved,
}

/// Buffers for [`Bpe::segment`].
#[derive(Debug, Default)]
pub struct BpeScratch {
    symbols: Vec<Symbol>,
    agenda: BinaryHeap<Pair>,
    /// Pieces of a word: end relative to the word, id.
    cut: Vec<(u32, u32)>,
    cache: WordCache<(u32, u32)>,
}

#[derive(Debug, Clone, Copy)]
struct Symbol {
    start: u32,
    /// Length in bytes; 0 once merged into its left neighbour.
    length: u32,
    prev: u32,
    next: u32,
    id: u32,
    /// Where the trie stands after this symbol's bytes; `None` where no piece starts with them, or the symbol is frozen.
    state: Option<State>,
    frozen: bool,
}

const NONE: u32 = u32::MAX;

/// A possible merge.
#[derive(Debug, Clone, Copy)]
struct Pair {
    score: f32,
    left: u32,
    right: u32,
    length: u32,
    id: u32,
    state: State,
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        // -0.0 comes before +0.0, as in SentencePiece, which compares the bits.
        self.score.total_cmp(&other.score).then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}

type Unmerged = HashMap<Vec<u8>, (Range<usize>, Range<usize>)>;

impl Bpe {
    /// `pieces` by id; `texts` gives their spelling, `frozen` the user-defined ones.
    pub fn new<'a>(
        pieces: Vec<BpePiece>,
        unknown_id: u32,
        frozen: Option<DoubleArray>,
        mut texts: impl Iterator<Item = &'a str>,
    ) -> Self {
        let any_unused = pieces.iter().any(|piece| piece.use_ == PieceUse::Unused);
        let words_are_independent = !any_unused && texts.all(|text| !text.strip_prefix(SPACE).unwrap_or(text).contains(SPACE));
        Self { pieces, unknown_id, frozen, any_unused, words_are_independent }
    }

    /// Cuts `text` with the pieces in `trie`; `out` receives each piece's end in bytes and id, in order. Symbols that are not a piece get the
    /// unknown id, one by one.
    pub fn segment(&self, trie: &DoubleArray, text: &[u8], scratch: &mut BpeScratch, out: &mut Vec<(u32, u32)>) {
        out.clear();
        if !self.words_are_independent {
            self.cut(trie, text, scratch);
            out.extend_from_slice(&scratch.cut);
            return;
        }
        let mut start = 0;
        while start < text.len() {
            let skip = if text[start..].starts_with(SPACE.as_bytes()) { SPACE.len() } else { 0 };
            let end = find_space(&text[start + skip..]).map_or(text.len(), |at| start + skip + at);
            let word = &text[start..end];
            if let Some(known) = scratch.cache.get(word) {
                out.extend(known.iter().map(|&(at, id)| (start as u32 + at, id)));
            } else {
                self.cut(trie, word, scratch);
                scratch.cache.insert(word, &scratch.cut);
                out.extend(scratch.cut.iter().map(|&(at, id)| (start as u32 + at, id)));
            }
            start = end;
        }
    }

    /// Cuts `text` into `scratch.cut`.
    fn cut(&self, trie: &DoubleArray, text: &[u8], scratch: &mut BpeScratch) {
        let BpeScratch { symbols, agenda, cut, .. } = scratch;
        self.split_characters(trie, text, symbols);
        let mut unmerged = Unmerged::new();
        agenda.clear();
        for left in 1..symbols.len() as u32 {
            agenda.extend(self.pair(trie, text, symbols, left - 1, left, &mut unmerged));
        }
        while let Some(top) = agenda.pop() {
            let (left, right) = (symbols[top.left as usize], symbols[top.right as usize]);
            if left.length == 0 || right.length == 0 || left.length + right.length != top.length {
                continue;
            }
            let merged = &mut symbols[top.left as usize];
            merged.length = top.length;
            merged.next = right.next;
            merged.id = top.id;
            merged.state = Some(top.state);
            symbols[top.right as usize].length = 0;
            if right.next != NONE {
                symbols[right.next as usize].prev = top.left;
            }
            if left.prev != NONE {
                agenda.extend(self.pair(trie, text, symbols, left.prev, top.left, &mut unmerged));
            }
            if right.next != NONE {
                agenda.extend(self.pair(trie, text, symbols, top.left, right.next, &mut unmerged));
            }
        }
        cut.clear();
        let mut index = if symbols.is_empty() { NONE } else { 0 };
        while index != NONE {
            let symbol = symbols[index as usize];
            let range = symbol.start as usize..(symbol.start + symbol.length) as usize;
            if self.any_unused {
                self.resegment(trie, text, range, &unmerged, 0, cut);
            } else {
                cut.push((range.end as u32, symbol.id));
            }
            index = symbol.next;
        }
    }

    fn split_characters(&self, trie: &DoubleArray, text: &[u8], symbols: &mut Vec<Symbol>) {
        symbols.clear();
        let mut start = 0;
        while start < text.len() {
            let rest = &text[start..];
            let frozen = self.frozen.as_ref().and_then(|trie| trie.longest_prefix(rest));
            let length = frozen.map_or_else(|| char_len(rest[0]).min(rest.len()), |(length, _)| length);
            let state = rest[..length].iter().try_fold(trie.root(), |state, &byte| trie.step(state, byte));
            let index = symbols.len() as u32;
            symbols.push(Symbol {
                start: start as u32,
                length: length as u32,
                prev: index.checked_sub(1).unwrap_or(NONE),
                next: index + 1,
                id: self.known(state.and_then(|state| trie.value(state))).unwrap_or(self.unknown_id),
                state: if frozen.is_some() { None } else { state },
                frozen: frozen.is_some(),
            });
            start += length;
        }
        if let Some(last) = symbols.last_mut() {
            last.next = NONE;
        }
    }

    fn known(&self, id: Option<u32>) -> Option<u32> {
        id.filter(|&id| id != self.unknown_id && self.pieces[id as usize].use_ != PieceUse::Reserved)
    }

    /// The merge of two neighbours, if their concatenation is a piece.
    #[inline]
    fn pair(
        &self,
        trie: &DoubleArray,
        text: &[u8],
        symbols: &[Symbol],
        left: u32,
        right: u32,
        unmerged: &mut Unmerged,
    ) -> Option<Pair> {
        let (a, b) = (&symbols[left as usize], &symbols[right as usize]);
        if b.frozen {
            return None;
        }
        let mut state = a.state?;
        let second = b.start as usize..(b.start + b.length) as usize;
        for &byte in &text[second.clone()] {
            state = trie.step(state, byte)?;
        }
        let id = self.known(trie.value(state))?;
        let piece = self.pieces[id as usize];
        if piece.use_ == PieceUse::Unused {
            let first = a.start as usize..second.start;
            unmerged.insert(text[first.start..second.end].to_vec(), (first, second));
        }
        Some(Pair { score: piece.score, left, right, length: a.length + b.length, id, state })
    }

    /// Takes an unused piece apart into the two symbols that it was last seen as.
    fn resegment(
        &self,
        trie: &DoubleArray,
        text: &[u8],
        range: Range<usize>,
        unmerged: &Unmerged,
        depth: usize,
        cut: &mut Vec<(u32, u32)>,
    ) {
        let piece = &text[range.clone()];
        let id = self.known(trie.get(piece));
        let unused = id.is_some_and(|id| self.pieces[id as usize].use_ == PieceUse::Unused);
        if !unused || depth > MAX_DEPTH {
            cut.push((range.end as u32, id.unwrap_or(self.unknown_id)));
            return;
        }
        match unmerged.get(piece) {
            None => cut.push((range.end as u32, self.unknown_id)),
            Some((first, second)) => {
                // The halves may have been seen elsewhere in the text: same bytes, other place.
                let middle = range.start + first.len();
                debug_assert_eq!(range.end - middle, second.len());
                self.resegment(trie, text, range.start..middle, unmerged, depth + 1, cut);
                self.resegment(trie, text, middle..range.end, unmerged, depth + 1, cut);
            }
        }
    }
}

/// Where the next `▁` is.
fn find_space(text: &[u8]) -> Option<usize> {
    let space = SPACE.as_bytes();
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|&byte| byte == space[0]) {
        if text[from + at..].starts_with(space) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}
