//! Attention over pages: keys and values of sixteen positions, in bfloat16, laid out as the multiplications read them.
//!
//! A page holds, for every layer, the keys of all heads and then their values. A head's keys are `[size / 2][16 positions]`, its values
//! `[8 pairs of positions][size]`, in words of two bfloat16 (dimensions 2p and 2p + 1 of a key; positions 2j and 2j + 1 of a value). Sixteen scores
//! come out of one pass without any horizontal sum, and a row reads each page front to back: at 64 rows the caches are larger than the
//! weights, so their bytes count (hence bfloat16) and the next ones are fetched while these are used.
//! bfloat16 errs by 2⁻⁹, less than the int8 activations that go in.

use super::lanes::{LANES, Lanes, exp};

/// Shape of a head's part of a page.
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

    /// Words of a head in a layer.
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

/// Arguments of [`store`].
#[derive(Clone, Copy)]
pub(super) struct Store {
    /// Start of the layer in its page.
    pub layer: *mut u32,
    pub shape: TileShape,
    pub heads: usize,
    /// 0–15.
    pub position: usize,
    pub key: *const f32,
    pub value: *const f32,
    /// Start of a layer whose keys are read next: fetched, never read here.
    pub next: *const u32,
}

/// Writes the keys and values of all heads at one position.
///
/// # Safety
/// As [`Lanes`]; `layer` is valid for `heads` tiles, `key` and `value` for `heads * shape.size` values.
#[inline(always)]
pub(super) unsafe fn store<V: Lanes>(s: Store) {
    let Store { layer, shape, heads, position, key, value, next } = s;
    // SAFETY: all indices are within the shape.
    unsafe {
        let size = shape.size;
        let values = layer.add(heads * LANES * shape.key_words());
        for head in 0..heads {
            let (key, value) = (key.add(head * size), value.add(head * size));
            let tile = layer.add(head * LANES * shape.key_words());
            let next = next.wrapping_add(head * LANES * shape.key_words());
            for pair in 0..size / 2 {
                V::fetch(next.wrapping_add(pair * LANES));
                let (a, b) = (*key.add(2 * pair), *key.add(2 * pair + 1));
                *tile.add(pair * LANES + position) = bf16_high(a) >> 16 | bf16_high(b);
            }
            if size % 2 == 1 {
                *tile.add(size / 2 * LANES + position) = bf16_high(*key.add(size - 1)) >> 16;
            }
            let row = values.add((head * LANES / 2 + position / 2) * shape.value_words());
            if position.is_multiple_of(2) {
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
    /// Start of each page, in order; the layer lies `offset` words behind it.
    pub pages: *const *const u32,
    pub offset: usize,
    pub positions: usize,
    pub shape: TileShape,
    pub heads: usize,
    pub scale: f32,
    /// Room for [`scratch_len`] values.
    pub scratch: *mut f32,
    pub out: *mut f32,
    /// Where the mean over the heads of the attention weights is added, or null.
    pub mean: *mut f32,
    /// Start of the page that is read next, by another row: fetched, never read here. Null for none.
    pub next_page: *const u32,
}

/// Bytes of keys and values that are fetched before they are needed: about as many as arrive while they are waited for.
const AHEAD: usize = 16384;

/// Values of scratch memory that [`attend`] needs: the weights and the sums of all heads.
pub(super) fn scratch_len(shape: TileShape, heads: usize, positions: usize) -> usize {
    heads * (positions.next_multiple_of(LANES) + shape.value_words())
}

/// `softmax(query · keysᵀ · scale) · values`, for all heads.
///
/// # Safety
/// As [`Lanes`]; the pointers are valid for what the fields say, `positions >= 1`.
#[inline(always)]
pub(super) unsafe fn attend<V: Lanes>(a: PageAttention) {
    // SAFETY: the caller vouches for the pages; every position read has been written; addresses that are only fetched may be anything.
    unsafe {
        let tiles = a.positions.div_ceil(LANES);
        let stride = tiles * LANES;
        let (size, key_words, value_words) = (a.shape.size, a.shape.key_words(), a.shape.value_words());
        let values_at = a.offset + a.heads * LANES * key_words;
        // The part that is read `ahead` parts after part number `part`: all keys tile by tile, all values, then the next row's first keys.
        let ahead = (AHEAD / (4 * LANES * key_words)).max(1);
        let parts = tiles * a.heads;
        let later = |part: usize| {
            let part = part + ahead;
            let (tile, head) = (part / a.heads % tiles, part % a.heads);
            match part / parts {
                0 => (*a.pages.add(tile)).wrapping_add(a.offset + head * LANES * key_words),
                1 => (*a.pages.add(tile)).wrapping_add(values_at + head * LANES / 2 * value_words),
                _ => a.next_page.wrapping_add(a.offset + head * LANES * key_words),
            }
        };
        for tile in 0..tiles {
            let keys = (*a.pages.add(tile)).add(a.offset);
            let left = a.positions - tile * LANES;
            for head in 0..a.heads {
                let next = later(tile * a.heads + head);
                let score = scores::<V>(a.query.add(head * size), keys.add(head * LANES * key_words), size, next);
                let score = score.mul(V::splat(a.scale)).keep(LANES.min(left), V::splat(f32::NEG_INFINITY));
                score.store(a.scratch.add(head * stride + tile * LANES));
            }
        }
        let sums = a.scratch.add(a.heads * stride);
        for head in 0..a.heads {
            let weights = a.scratch.add(head * stride);
            let sum = exponentials::<V>(weights, a.positions);
            let inverse = V::splat(1.0 / sum);
            for i in (0..stride).step_by(LANES) {
                V::load(weights.add(i)).mul(inverse).store(weights.add(i));
            }
        }
        for tile in 0..tiles {
            let values = (*a.pages.add(tile)).add(values_at);
            let positions = LANES.min(a.positions - tile * LANES);
            for head in 0..a.heads {
                let weights = a.scratch.add(head * stride + tile * LANES);
                let next = later(parts + tile * a.heads + head);
                let rows = values.add(head * LANES / 2 * value_words);
                let mut at = 0;
                while at < value_words {
                    let (rows, next) = (rows.add(at), next.wrapping_add(at));
                    let sum = sums.add(head * value_words + at);
                    at += match ((value_words - at) / LANES, V::ACCUMULATORS) {
                        (4.., 16) => weighted::<V, 4>(rows, value_words, weights, positions, sum, tile > 0, next),
                        (2.., _) => weighted::<V, 2>(rows, value_words, weights, positions, sum, tile > 0, next),
                        _ => weighted::<V, 1>(rows, value_words, weights, positions, sum, tile > 0, next),
                    };
                }
            }
        }
        for head in 0..a.heads {
            std::ptr::copy_nonoverlapping(sums.add(head * value_words), a.out.add(head * size), size);
            if !a.mean.is_null() {
                for i in 0..a.positions {
                    *a.mean.add(i) += *a.scratch.add(head * stride + i) / a.heads as f32;
                }
            }
        }
    }
}

/// The products of one head's query with sixteen keys; `next` is fetched meanwhile.
///
/// # Safety
/// See [`attend`].
#[inline(always)]
unsafe fn scores<V: Lanes>(query: *const f32, keys: *const u32, size: usize, next: *const u32) -> V {
    // SAFETY: see `attend`.
    unsafe {
        let mut sums = [V::splat(0.0); 4];
        let full = size / 2;
        let mut pair = 0;
        while pair + 2 <= full {
            for s in 0..2 {
                V::fetch(next.wrapping_add((pair + s) * LANES));
                let (low, high) = V::load_bf16_pairs(keys.add((pair + s) * LANES));
                sums[2 * s] = V::splat(*query.add(2 * (pair + s))).fma(low, sums[2 * s]);
                sums[2 * s + 1] = V::splat(*query.add(2 * (pair + s) + 1)).fma(high, sums[2 * s + 1]);
            }
            pair += 2;
        }
        if pair < full {
            let (low, high) = V::load_bf16_pairs(keys.add(pair * LANES));
            sums[0] = V::splat(*query.add(2 * pair)).fma(low, sums[0]);
            sums[1] = V::splat(*query.add(2 * pair + 1)).fma(high, sums[1]);
        }
        if size % 2 == 1 {
            let (low, _) = V::load_bf16_pairs(keys.add(full * LANES));
            sums[2] = V::splat(*query.add(2 * full)).fma(low, sums[2]);
        }
        sums[0].add(sums[1]).add(sums[2].add(sums[3]))
    }
}

/// Turns scores into `e^(score - greatest)`, 0 behind the last; returns their sum.
///
/// # Safety
/// See [`attend`].
#[inline(always)]
unsafe fn exponentials<V: Lanes>(weights: *mut f32, positions: usize) -> f32 {
    // SAFETY: see `attend`.
    unsafe {
        let mut largest = V::splat(f32::NEG_INFINITY);
        for i in (0..positions).step_by(LANES) {
            largest = largest.max(V::load(weights.add(i)));
        }
        let largest = V::splat(largest.maximum());
        let mut sum = V::splat(0.0);
        for i in (0..positions).step_by(LANES) {
            let e = exp(V::load(weights.add(i)).sub(largest)).keep(LANES.min(positions - i), V::splat(0.0));
            sum = sum.add(e);
            e.store(weights.add(i));
        }
        sum.sum()
    }
}

/// The weighted sum of `N` vectors of up to sixteen values, written to `sum` or added to what is there; returns the number of dimensions.
///
/// # Safety
/// See [`attend`].
#[inline(always)]
unsafe fn weighted<V: Lanes, const N: usize>(
    rows: *const u32,
    stride: usize,
    weights: *const f32,
    positions: usize,
    sum: *mut f32,
    add: bool,
    next: *const u32,
) -> usize {
    // SAFETY: see `attend`; value rows are whole vectors.
    unsafe {
        // Even and odd positions are summed apart: two chains hide the latency of the multiply-add.
        let mut even = [V::splat(0.0); N];
        let mut odd = [V::splat(0.0); N];
        for pair in 0..positions / 2 {
            let (first, second) = (V::splat(*weights.add(2 * pair)), V::splat(*weights.add(2 * pair + 1)));
            for v in 0..N {
                V::fetch(next.wrapping_add(pair * stride + v * LANES));
                let (low, high) = V::load_bf16_pairs(rows.add(pair * stride + v * LANES));
                even[v] = first.fma(low, even[v]);
                odd[v] = second.fma(high, odd[v]);
            }
        }
        if positions % 2 == 1 {
            // The other half of the word was never written.
            let last = V::splat(*weights.add(positions - 1));
            for v in 0..N {
                even[v] = last.fma(V::load_bf16_pairs(rows.add(positions / 2 * stride + v * LANES)).0, even[v]);
            }
        }
        for v in 0..N {
            let value = even[v].add(odd[v]);
            let at = sum.add(v * LANES);
            (if add { V::load(at).add(value) } else { value }).store(at);
        }
        N * LANES
    }
}
