//! Byte-pair encoding by a list of merges, as the `tokenizers` crate does it: the pair that stands first in the list merges first.
//!
//! It differs from SentencePiece's ([`super::bpe`]) in that only listed pairs merge, and in that characters outside the vocabulary become
//! the unknown token at once, neighbouring ones as one. Words are cut one by one, through a cache.

use super::vocab::Vocab;
use super::word_cache::WordCache;
use std::collections::BinaryHeap;

/// A vocabulary's merges.
#[derive(Debug, Clone)]
pub struct RankedBpe {
    merges: MergeTable,
    unknown: u32,
}

/// Buffers for [`RankedBpe::cut_word`].
#[derive(Debug, Default)]
pub struct RankedScratch {
    symbols: Vec<Symbol>,
    agenda: BinaryHeap<std::cmp::Reverse<Candidate>>,
    ids: Vec<u32>,
    cache: WordCache<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Symbol {
    id: u32,
    prev: u32,
    next: u32,
    alive: bool,
}

/// A possible merge, ordered by rank, then by place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    rank: u32,
    left: u32,
    merged: u32,
}

const NONE: u32 = u32::MAX;

impl RankedBpe {
    /// `merges` are pairs of tokens of `vocab`, first to merge first, and what they become.
    pub fn new(merges: &[(u32, u32, u32)], unknown: u32) -> Self {
        Self { merges: MergeTable::new(merges), unknown }
    }

    /// Appends the ids of one word to `ids`.
    pub fn cut_word(&self, vocab: &Vocab, word: &str, scratch: &mut RankedScratch, ids: &mut Vec<u32>) {
        if let Some(known) = scratch.cache.get(word.as_bytes()) {
            ids.extend_from_slice(known);
            return;
        }
        self.merge(vocab, word, scratch);
        ids.extend_from_slice(&scratch.ids);
        scratch.cache.insert(word.as_bytes(), &scratch.ids);
    }

    fn merge(&self, vocab: &Vocab, word: &str, scratch: &mut RankedScratch) {
        let RankedScratch { symbols, agenda, ids, .. } = scratch;
        symbols.clear();
        let mut after_unknown = false;
        for (start, char) in word.char_indices() {
            let known = vocab.id(&word[start..start + char.len_utf8()]);
            if known.is_none() && after_unknown {
                continue;
            }
            after_unknown = known.is_none();
            let index = symbols.len() as u32;
            symbols.push(Symbol {
                id: known.unwrap_or(self.unknown),
                prev: index.checked_sub(1).unwrap_or(NONE),
                next: index + 1,
                alive: true,
            });
        }
        if let Some(last) = symbols.last_mut() {
            last.next = NONE;
        }
        agenda.clear();
        for left in 1..symbols.len() {
            agenda.extend(self.candidate(symbols, left as u32 - 1, left as u32));
        }
        while let Some(std::cmp::Reverse(top)) = agenda.pop() {
            let left = symbols[top.left as usize];
            if !left.alive || left.next == NONE {
                continue;
            }
            let right = symbols[left.next as usize];
            // The symbols may have merged with others since this pair was queued.
            if self.merges.get(left.id, right.id).is_none_or(|(_, merged)| merged != top.merged) {
                continue;
            }
            symbols[left.next as usize].alive = false;
            symbols[top.left as usize].id = top.merged;
            symbols[top.left as usize].next = right.next;
            if left.prev != NONE {
                agenda.extend(self.candidate(symbols, left.prev, top.left));
            }
            if right.next != NONE {
                symbols[right.next as usize].prev = top.left;
                agenda.extend(self.candidate(symbols, top.left, right.next));
            }
        }
        ids.clear();
        ids.extend(symbols.iter().filter(|symbol| symbol.alive).map(|symbol| symbol.id));
    }

    fn candidate(&self, symbols: &[Symbol], left: u32, right: u32) -> Option<std::cmp::Reverse<Candidate>> {
        let (rank, merged) = self.merges.get(symbols[left as usize].id, symbols[right as usize].id)?;
        Some(std::cmp::Reverse(Candidate { rank, left, merged }))
    }
}

/// Pairs of ids to rank and merged id: open addressing, half full at most.
#[derive(Debug, Clone)]
struct MergeTable {
    slots: Vec<MergeSlot>,
    shift: u32,
}

#[derive(Debug, Clone, Copy)]
struct MergeSlot {
    left: u32,
    right: u32,
    rank: u32,
    merged: u32,
}

impl MergeTable {
    fn new(merges: &[(u32, u32, u32)]) -> Self {
        let size = (merges.len() * 2).next_power_of_two().max(16);
        let empty = MergeSlot { left: NONE, right: NONE, rank: 0, merged: 0 };
        let mut table = Self { slots: vec![empty; size], shift: 64 - size.trailing_zeros() };
        for (rank, &(left, right, merged)) in (0u32..).zip(merges) {
            // A repeated pair takes its last rank, as in a hash map.
            let slot = table.slot(left, right);
            table.slots[slot] = MergeSlot { left, right, rank, merged };
        }
        table
    }

    #[inline]
    fn slot(&self, left: u32, right: u32) -> usize {
        let key = u64::from(left) << 32 | u64::from(right);
        let mut slot = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize;
        loop {
            let known = self.slots[slot];
            if known.left == NONE || (known.left == left && known.right == right) {
                return slot;
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    #[inline]
    fn get(&self, left: u32, right: u32) -> Option<(u32, u32)> {
        let known = self.slots[self.slot(left, right)];
        (known.left != NONE).then_some((known.rank, known.merged))
    }
}

/// The merges that transformers derives from a vocabulary without a list (`generate_merges`): every way to cut a token into two tokens, in
/// the order of the tokens' ids, then of the lengths of the halves in characters, then of the ids of the halves.
pub fn derive_merges<'a>(tokens: impl Iterator<Item = (&'a str, u32)>, lookup: &Vocab) -> Vec<(u32, u32, u32)> {
    let mut merges = Vec::new();
    for (token, id) in tokens {
        let length = token.chars().count() as u32;
        for (left_length, (middle, _)) in (1..length).zip(token.char_indices().skip(1)) {
            let (left, right) = token.split_at(middle);
            if let (Some(left), Some(right)) = (lookup.id(left), lookup.id(right)) {
                merges.push((id, left_length, length - left_length, left, right));
            }
        }
    }
    merges.sort_unstable();
    merges.into_iter().map(|(id, _, _, left, right)| (left, right, id)).collect()
}
