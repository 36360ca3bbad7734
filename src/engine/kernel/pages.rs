//! Attention over pages: keys and values of sixteen positions, in bfloat16, laid out as the multiplications read them.
//!
//! A page holds, for every layer and head, a *tile*: keys `[size / 2][16 positions]` and values `[8 pairs of positions][size]`, in words of two
//! bfloat16 (dimensions 2p and 2p + 1 of a key; positions 2j and 2j + 1 of a value). Sixteen scores come out of one pass without any
//! horizontal sum. Half the bytes of `f32` matter more than the shift that widens them: at 64 rows the caches are as large as the weights.
//! bfloat16 errs by 2⁻⁹, less than the int8 activations that go in.

use super::lanes::{LANES, Lanes, exp};

/// Shape of a head's tile in a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileShape {
    /// Dimensions of the head.
    pub size: usize,
}

impl TileShape {
    /// Words of two dimensions per key.
    fn key_words(self) -> usize {
        self.size.div_ceil(2)
    }

    /// Words per pair of positions: the dimensions rounded up to whole vectors.
    fn value_words(self) -> usize {
        self.size.next_multiple_of(LANES)
    }

    /// Words of a tile.
    pub fn words(self) -> usize {
        LANES * self.key_words() + LANES / 2 * self.value_words()
    }
}

/// The top half of an `f32`, rounded to nearest, ties to even, still in place.
#[inline(always)]
fn bf16_high(x: f32) -> u32 {
    let bits = x.to_bits();
    bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) & 0xffff_0000
}

/// Writes the keys and values of all heads at `position` (0–15): the tiles of the heads lie one behind the other from `tile`.
///
/// # Safety
/// `tile` is valid for `heads` tiles; `key` and `value` for `heads * shape.size` values.
#[inline(always)]
pub(super) unsafe fn store(tile: *mut u32, shape: TileShape, heads: usize, position: usize, key: *const f32, value: *const f32) {
    // SAFETY: all indices are within the shape.
    unsafe {
        let size = shape.size;
        for head in 0..heads {
            let (tile, key, value) = (tile.add(head * shape.words()), key.add(head * size), value.add(head * size));
            for pair in 0..size / 2 {
                let (a, b) = (*key.add(2 * pair), *key.add(2 * pair + 1));
                *tile.add(pair * LANES + position) = bf16_high(a) >> 16 | bf16_high(b);
            }
            if size % 2 == 1 {
                *tile.add(size / 2 * LANES + position) = bf16_high(*key.add(size - 1)) >> 16;
            }
            let row = tile.add(LANES * shape.key_words() + position / 2 * shape.value_words());
            if position % 2 == 0 {
                for i in 0..size {
                    *row.add(i) = bf16_high(*value.add(i)) >> 16;
                }
            } else {
                for i in 0..size {
                    *row.add(i) = *row.add(i) & 0xffff | bf16_high(*value.add(i));
                }
            }
        }
    }
}

/// Arguments of [`attend`]: the query of one row, all heads.
#[derive(Clone, Copy)]
pub(super) struct PageAttention {
    pub query: *const f32,
    /// Start of each page, in order; the first head's tile lies `offset` words behind it.
    pub pages: *const *const u32,
    pub offset: usize,
    pub positions: usize,
    pub shape: TileShape,
    pub heads: usize,
    pub scale: f32,
    /// Room for `positions` rounded up to a multiple of 16.
    pub weights: *mut f32,
    pub out: *mut f32,
    /// Where the mean over the heads of the attention weights is added, or null.
    pub mean: *mut f32,
}

/// `softmax(query · keysᵀ · scale) · values`, head by head.
///
/// # Safety
/// As [`Lanes`]; the pointers are valid for what the fields say, `positions >= 1`.
#[inline(always)]
pub(super) unsafe fn attend<V: Lanes>(a: PageAttention) {
    // SAFETY: the heads' tiles lie one behind the other.
    unsafe {
        for head in 0..a.heads {
            let sum = attend_head::<V>(PageAttention {
                query: a.query.add(head * a.shape.size),
                offset: a.offset + head * a.shape.words(),
                out: a.out.add(head * a.shape.size),
                ..a
            });
            if !a.mean.is_null() {
                let factor = 1.0 / (sum * a.heads as f32);
                for i in 0..a.positions {
                    *a.mean.add(i) += *a.weights.add(i) * factor;
                }
            }
        }
    }
}

/// One head; returns the sum that the weights left in `weights` are to be divided by.
#[inline(always)]
unsafe fn attend_head<V: Lanes>(a: PageAttention) -> f32 {
    // SAFETY: the caller vouches for the pages; every position read has been written.
    unsafe {
        let (lowest, zero) = (V::splat(f32::NEG_INFINITY), V::splat(0.0));
        let scale = V::splat(a.scale);
        let mut largest = lowest;
        for tile in 0..a.positions.div_ceil(LANES) {
            let keys = (*a.pages.add(tile)).add(a.offset);
            let mut sums = [zero; 4];
            let full = a.shape.size / 2;
            let mut pair = 0;
            while pair + 2 <= full {
                for s in 0..2 {
                    let (low, high) = V::load_bf16_pairs(keys.add((pair + s) * LANES));
                    sums[2 * s] = V::splat(*a.query.add(2 * (pair + s))).fma(low, sums[2 * s]);
                    sums[2 * s + 1] = V::splat(*a.query.add(2 * (pair + s) + 1)).fma(high, sums[2 * s + 1]);
                }
                pair += 2;
            }
            if pair < full {
                let (low, high) = V::load_bf16_pairs(keys.add(pair * LANES));
                sums[0] = V::splat(*a.query.add(2 * pair)).fma(low, sums[0]);
                sums[1] = V::splat(*a.query.add(2 * pair + 1)).fma(high, sums[1]);
            }
            if a.shape.size % 2 == 1 {
                let (low, _) = V::load_bf16_pairs(keys.add(full * LANES));
                sums[2] = V::splat(*a.query.add(2 * full)).fma(low, sums[2]);
            }
            let score = sums[0].add(sums[1]).add(sums[2].add(sums[3])).mul(scale);
            let score = score.keep(LANES.min(a.positions - tile * LANES), lowest);
            largest = largest.max(score);
            score.store(a.weights.add(tile * LANES));
        }
        let largest = V::splat(largest.maximum());
        let mut sum = zero;
        for i in (0..a.positions).step_by(LANES) {
            let e = exp(V::load(a.weights.add(i)).sub(largest)).keep(LANES.min(a.positions - i), zero);
            sum = sum.add(e);
            e.store(a.weights.add(i));
        }
        let sum = sum.sum();
        let mut at = 0;
        while at < a.shape.size {
            let vectors = (a.shape.size - at).div_ceil(LANES);
            match (vectors, V::ACCUMULATORS) {
                (4.., 16) => at += values::<V, 4>(a, at, sum),
                (2.., _) => at += values::<V, 2>(a, at, sum),
                _ => at += values::<V, 1>(a, at, sum),
            }
        }
        sum
    }
}

/// The weighted sum of `N` vectors of the values, from dimension `at`; returns the number of dimensions done.
#[inline(always)]
unsafe fn values<V: Lanes, const N: usize>(a: PageAttention, at: usize, sum: f32) -> usize {
    // SAFETY: value rows are padded to whole vectors, so `N` vectors from `at` lie within them.
    unsafe {
        let row_words = a.shape.value_words();
        // Even and odd positions are summed apart: two chains hide the latency of the multiply-add.
        let mut even = [V::splat(0.0); N];
        let mut odd = [V::splat(0.0); N];
        for tile in 0..a.positions.div_ceil(LANES) {
            let rows = (*a.pages.add(tile)).add(a.offset + LANES * a.shape.key_words() + at);
            let weights = a.weights.add(tile * LANES);
            let positions = LANES.min(a.positions - tile * LANES);
            for pair in 0..positions / 2 {
                let (first, second) = (V::splat(*weights.add(2 * pair)), V::splat(*weights.add(2 * pair + 1)));
                for v in 0..N {
                    let (low, high) = V::load_bf16_pairs(rows.add(pair * row_words + v * LANES));
                    even[v] = first.fma(low, even[v]);
                    odd[v] = second.fma(high, odd[v]);
                }
            }
            if positions % 2 == 1 {
                // The other half of the word was never written.
                let last = V::splat(*weights.add(positions - 1));
                for v in 0..N {
                    even[v] = last.fma(V::load_bf16_pairs(rows.add(positions / 2 * row_words + v * LANES)).0, even[v]);
                }
            }
        }
        let inverse = V::splat(1.0 / sum);
        for v in 0..N {
            let value = even[v].add(odd[v]).mul(inverse);
            let start = at + v * LANES;
            let left = a.shape.size - start;
            if left >= LANES {
                value.store(a.out.add(start));
            } else {
                let mut part = [0.0; LANES];
                value.store(part.as_mut_ptr());
                std::ptr::copy_nonoverlapping(part.as_ptr(), a.out.add(start), left);
            }
        }
        N * LANES
    }
}
