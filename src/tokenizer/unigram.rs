//! Unigram segmentation: the cut into pieces with the highest sum of log-probabilities, by Viterbi in one pass over the bytes.
//!
//! Sums are kept in `f32` in the order in which SentencePiece adds them, so that ties and roundings fall the same way (SentencePiece's
//! `EncodeOptimized`; T. Kudo, *Subword Regularization*, ACL 2018).

use super::double_array::DoubleArray;
use super::normalizer::char_len;

/// What a character that no piece covers costs below the rarest piece.
const UNKNOWN_PENALTY: f32 = 10.0;
/// Sums beyond this are brought back to zero before `f32` loses their fractions.
const RESET_AT: f32 = 100_000.0;

/// Scores of the pieces, by id.
#[derive(Debug, Clone)]
pub struct Unigram {
    /// `NaN` for pieces that are in the vocabulary but never produced.
    scores: Vec<f32>,
    unknown_score: f32,
    unknown_id: u32,
}

/// The best way to reach a byte of the text.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    score: f32,
    /// First byte of the last piece; `NOWHERE` while the byte is not reached.
    start: u32,
    id: u32,
}

const NOWHERE: u32 = u32::MAX;

impl Unigram {
    /// `scores` by piece id, `NaN` for unused ones; `lowest` is the lowest score of a normal piece.
    pub fn new(scores: Vec<f32>, lowest: f32, unknown_id: u32) -> Self {
        Self { scores, unknown_score: lowest - UNKNOWN_PENALTY, unknown_id }
    }

    /// The score of a user-defined piece of `length` bytes: high enough to be taken always, higher in one piece than in several.
    pub fn user_defined_score(length: usize) -> f32 {
        (0.1 * (length as f64 - 1.0)) as f32
    }

    /// Cuts `text` with the pieces in `trie`; `out` receives each piece's end in bytes and id, in order. Characters that no piece covers get
    /// the unknown id, one by one.
    pub fn segment(&self, trie: &DoubleArray, text: &[u8], nodes: &mut Vec<Node>, out: &mut Vec<(u32, u32)>) {
        out.clear();
        nodes.clear();
        nodes.resize(text.len() + 1, Node { score: 0.0, start: NOWHERE, id: self.unknown_id });
        let root = trie.root();
        let mut frontier = 0;
        let mut start = 0;
        while start < text.len() {
            let mut so_far = nodes[start].score;
            if so_far.abs() > RESET_AT {
                for (index, node) in nodes[start..=frontier].iter_mut().enumerate() {
                    if index == 0 || node.start != NOWHERE {
                        node.score -= so_far;
                    }
                }
                so_far = 0.0;
            }
            let length = char_len(text[start]).min(text.len() - start);
            let mut covered = false;
            let mut state = root;
            for (index, &byte) in text[start..].iter().enumerate() {
                let Some(next) = trie.step(state, byte) else { break };
                state = next;
                let Some(id) = trie.value(state) else { continue };
                let score = self.scores[id as usize];
                if score.is_nan() {
                    continue;
                }
                let end = start + index + 1;
                frontier = frontier.max(end);
                nodes[end].reach(score + so_far, start, id);
                covered |= index + 1 == length;
            }
            if !covered {
                let end = start + length;
                frontier = frontier.max(end);
                nodes[end].reach(self.unknown_score + so_far, start, self.unknown_id);
            }
            start += length;
        }
        let mut end = text.len();
        while end > 0 {
            let node = nodes[end];
            out.push((end as u32, node.id));
            end = node.start as usize;
        }
        out.reverse();
    }
}

impl Node {
    #[inline]
    fn reach(&mut self, score: f32, start: usize, id: u32) {
        if self.start == NOWHERE || score > self.score {
            *self = Node { score, start: start as u32, id };
        }
    }
}
