//! The output head fused with the search for the best tokens.
//!
//! The logits of a few hundred columns at a time are computed for all rows, and each row keeps its `k` best so far and the running sum of
//! exponentials; the vocabulary's 60k–256k logits are never stored. Everything is in the order of the columns, so a row's result does not depend
//! on the rows beside it.

use super::session::Scratch;
use crate::engine::kernel::{BLOCK, Kernels, Linear, LogSum, MatrixI8, QuantizedRows};
use crate::engine::{Candidate, StepRules};

/// Blocks of 64 columns computed at once: their logits for 64 rows stay in the second-level cache.
const BLOCKS_AT_ONCE: usize = 4;
const COLUMNS: usize = BLOCKS_AT_ONCE * BLOCK;

/// Leaves the `k` best continuations of each of the `count` rows in `out`, as [`crate::engine::Session::step`] promises.
#[allow(clippy::too_many_arguments)]
pub(super) fn best(
    kernels: &Kernels,
    head: MatrixI8,
    rows: &QuantizedRows,
    count: usize,
    k: usize,
    rules: &StepRules,
    scratch: &mut Scratch,
    out: &mut Vec<Candidate>,
) {
    out.clear();
    out.resize(count * k, Candidate { token: 0, log_prob: f32::NEG_INFINITY });
    scratch.logits.resize(count * COLUMNS, 0.0);
    scratch.sums.clear();
    scratch.sums.resize(count, LogSum::NOTHING);
    let mut masks = [0u16; COLUMNS / 16];
    for from in (0..head.blocks()).step_by(BLOCKS_AT_ONCE) {
        let to = head.blocks().min(from + BLOCKS_AT_ONCE);
        let width = (to - from) * BLOCK;
        let first = (from * BLOCK) as u32;
        kernels.linear_i8(head, rows, from..to, &mut scratch.logits, COLUMNS, Linear::default());
        for (row, (sum, best)) in scratch.sums.iter_mut().zip(out.chunks_exact_mut(k)).enumerate() {
            let logits = &mut scratch.logits[row * COLUMNS..][..width];
            let of_row = rules.banned_by_row.get(row).map_or(&[][..], Vec::as_slice);
            if rules.renormalize {
                for id in rules.banned.iter().chain(of_row) {
                    if let Some(logit) = id.checked_sub(first).and_then(|i| logits.get_mut(i as usize)) {
                        *logit = f32::NEG_INFINITY;
                    }
                }
            }
            let largest = sum.add(kernels, logits);
            let threshold = best[k - 1].log_prob;
            if largest > threshold {
                kernels.above(logits, threshold, &mut masks);
                for (i, mask) in masks[..width / 16].iter().enumerate() {
                    let mut mask = *mask;
                    while mask != 0 {
                        let column = i * 16 + mask.trailing_zeros() as usize;
                        mask &= mask - 1;
                        let token = first + column as u32;
                        if !rules.banned.contains(&token) && !of_row.contains(&token) {
                            insert(best, Candidate { token, log_prob: logits[column] });
                        }
                    }
                }
            }
        }
    }
    for (sum, best) in scratch.sums.iter().zip(out.chunks_exact_mut(k)) {
        let log_sum = sum.value();
        best.iter_mut().for_each(|candidate| candidate.log_prob -= log_sum);
    }
}

/// All logits of `count` rows: for checks only.
pub(super) fn logits(kernels: &Kernels, head: MatrixI8, rows: &QuantizedRows, count: usize) -> Vec<Vec<f32>> {
    let width = head.blocks() * BLOCK;
    let mut all = vec![0.0; count * width];
    kernels.linear_i8(head, rows, 0..head.blocks(), &mut all, width, Linear::default());
    all.chunks_exact(width).map(|row| row[..head.n()].to_vec()).collect()
}

/// Puts a candidate in its place in a list sorted best first, if it has one; behind those of equal value, which have lower ids.
fn insert(best: &mut [Candidate], candidate: Candidate) {
    let place = best.partition_point(|other| other.log_prob >= candidate.log_prob);
    if place < best.len() {
        best[place..].rotate_right(1);
        best[place] = candidate;
    }
}
