//! Attention over pages: keys and values of sixteen positions as int8, laid out as the multiplications read them.
//!
//! At 64 rows the caches are larger than the weights and a step reads all of them, so their bytes are what the attention costs. A page holds,
//! for every layer, its heads one behind the other. A head has its keys, `[size / 4][16 positions][4]`; three numbers for every position: the key's
//! scale, the sum of its bytes, the value's scale; and its values, `[size / 16][4 groups of 4 positions][16][4]`. The products are those of the
//! weight matrices: unsigned activations (the query; the attention weights times the values' scales) with signed bytes, sixteen sums at
//! a time, exact in 32 bits on every level. A head is read front to back, which the processor's own prefetching follows best.

use super::lanes::{LANES, Lanes, exp};
use super::rows::{load_part, quantize};

/// Shape of a head's part of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileShape {
    /// Dimensions of the head.
    pub size: usize,
}

impl TileShape {
    /// Dimensions rounded up to whole vectors.
    fn padded(self) -> usize {
        self.size.next_multiple_of(LANES)
    }

    /// Words of sixteen keys, and of sixteen values.
    fn tile_words(self) -> usize {
        LANES * self.padded() / 4
    }

    /// Words of a head in a layer.
    pub fn words(self) -> usize {
        2 * self.tile_words() + 3 * LANES
    }
}

/// The parts of a head in a page.
#[derive(Clone, Copy)]
struct Tile {
    keys: *mut u32,
    key_scale: *mut f32,
    key_sum: *mut f32,
    value_scale: *mut f32,
    values: *mut u32,
}

/// # Safety
/// `head` is the start of a head in a page.
#[inline(always)]
unsafe fn tile(head: *const u32, shape: TileShape) -> Tile {
    // SAFETY: all parts lie within the head.
    unsafe {
        let keys = head.cast_mut();
        let numbers = keys.add(shape.tile_words()).cast::<f32>();
        Tile {
            keys,
            key_scale: numbers,
            key_sum: numbers.add(LANES),
            value_scale: numbers.add(2 * LANES),
            values: numbers.add(3 * LANES).cast(),
        }
    }
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
}

/// Writes the keys and values of all heads at one position, each with its own scale.
///
/// # Safety
/// As [`Lanes`]; `layer` is valid for `heads` heads, `key` and `value` for `heads * shape.size` values.
#[inline(always)]
pub(super) unsafe fn store<V: Lanes>(s: Store) {
    let Store { layer, shape, heads, position, key, value } = s;
    // SAFETY: all indices are within the shape.
    unsafe {
        for head in 0..heads {
            let to = tile(layer.add(head * shape.words()), shape);
            let (key, value) = (key.add(head * shape.size), value.add(head * shape.size));
            let (key_scale, key_inverse) = signed_scale::<V>(key, shape.size);
            let (value_scale, value_inverse) = signed_scale::<V>(value, shape.size);
            let values = to.values.add(position / 4 * LANES);
            let mut sum = V::splat(0.0);
            for at in (0..shape.size).step_by(LANES) {
                let n = LANES.min(shape.size - at);
                let mut bytes = [0; LANES];
                let rounded = load_part::<V>(key.add(at), n).mul(key_inverse).round();
                sum = sum.add(rounded);
                rounded.store_signed(bytes.as_mut_ptr());
                for (group, word) in bytes.as_chunks::<4>().0.iter().enumerate() {
                    *to.keys.add((at / 4 + group) * LANES + position) = u32::from_ne_bytes(*word);
                }
                load_part::<V>(value.add(at), n).mul(value_inverse).insert_bytes(values.add(at * LANES / 4), position % 4);
            }
            *to.key_sum.add(position) = sum.sum();
            (*to.key_scale.add(position), *to.value_scale.add(position)) = (key_scale, value_scale);
        }
    }
}

/// The scale that brings `n` values to -127..=127 by their largest magnitude, and its inverse.
///
/// # Safety
/// As [`Lanes`]; `x` is valid for `n` values.
#[inline(always)]
unsafe fn signed_scale<V: Lanes>(x: *const f32, n: usize) -> (f32, V) {
    // SAFETY: no more than `n` values are read.
    unsafe {
        let mut largest = V::splat(0.0);
        for at in (0..n).step_by(LANES) {
            largest = load_part::<V>(x.add(at), LANES.min(n - at)).abs().max(largest);
        }
        let largest = largest.maximum();
        (largest / 127.0, V::splat(if largest > 1e-30 { 127.0 / largest } else { 0.0 }))
    }
}

/// Arguments of [`attend`]: queries that look at the same positions, all heads.
#[derive(Clone, Copy)]
pub(super) struct PageAttention {
    pub query: *const f32,
    /// Values between two queries.
    pub query_stride: usize,
    pub queries: usize,
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
    /// Values between two results.
    pub out_stride: usize,
    /// Where the mean over the heads of the attention weights is added, or null.
    pub mean: *mut f32,
}

/// Values of scratch memory that [`attend`] needs: the weights of a head, one padded row, and both quantised.
pub(super) fn scratch_len(shape: TileShape, positions: usize) -> usize {
    let weights = positions.next_multiple_of(LANES);
    weights + shape.padded() + (weights + shape.padded()) / 4
}

/// `softmax(query · keysᵀ · scale) · values`, for all heads of all queries.
///
/// # Safety
/// As [`Lanes`]; the pointers are valid for what the fields say, `positions >= 1`.
#[inline(always)]
pub(super) unsafe fn attend<V: Lanes>(a: PageAttention) {
    for query in 0..a.queries {
        // SAFETY: passed on, for one of the queries.
        unsafe {
            let (from, to) = (a.query.add(query * a.query_stride), a.out.add(query * a.out_stride));
            attend_one::<V>(PageAttention { query: from, out: to, ..a });
        }
    }
}

/// # Safety
/// See [`attend`]; `query` and `out` are those of one query.
#[inline(always)]
unsafe fn attend_one<V: Lanes>(a: PageAttention) {
    // SAFETY: the caller vouches for the pages; what was never written in them is multiplied by zero or masked.
    unsafe {
        let tiles = a.positions.div_ceil(LANES);
        let (size, padded) = (a.shape.size, a.shape.padded());
        let weights = a.scratch;
        let row = weights.add(tiles * LANES);
        let query_bytes = row.add(padded).cast::<u8>();
        let weight_bytes = query_bytes.add(padded);
        let left = |tile: usize| LANES.min(a.positions - tile * LANES);
        for head in 0..a.heads {
            let tile_at = |i: usize| tile((*a.pages.add(i)).add(a.offset + head * a.shape.words()), a.shape);
            let mut query = a.query.add(head * size);
            if padded != size {
                std::ptr::copy_nonoverlapping(query, row, size);
                std::ptr::write_bytes(row.add(size), 0, padded - size);
                query = row;
            }
            let (factor, offset) = quantize::<V>(query, padded, query_bytes);
            let (factor, offset) = (V::splat(factor * a.scale), V::splat(offset * a.scale));
            let mut largest = V::splat(f32::NEG_INFINITY);
            for i in 0..tiles {
                let tile = tile_at(i);
                let mut sums = V::no_sums();
                for group in 0..padded / 4 {
                    sums = V::add_products(sums, tile.keys.add(group * LANES).cast(), query_bytes.add(group * 4));
                }
                let score = V::from_int(V::total(sums)).fma(factor, offset.mul(V::load(tile.key_sum)));
                let score = score.mul(V::load(tile.key_scale)).keep(left(i), V::splat(f32::NEG_INFINITY));
                largest = score.max(largest);
                score.store(weights.add(i * LANES));
            }
            let largest = V::splat(largest.maximum());
            let zero = V::splat(0.0);
            let (mut sum, mut largest_scaled) = (zero, zero);
            for i in 0..tiles {
                let e = exp(V::load(weights.add(i * LANES)).sub(largest)).keep(left(i), zero);
                sum = sum.add(e);
                largest_scaled = scaled::<V>(e, tile_at(i), left(i)).max(largest_scaled);
                e.store(weights.add(i * LANES));
            }
            let (sum, largest_scaled) = (sum.sum(), largest_scaled.maximum());
            let inverse = V::splat(if largest_scaled > 1e-30 { 255.0 / largest_scaled } else { 0.0 });
            for i in 0..tiles {
                let scaled = scaled::<V>(V::load(weights.add(i * LANES)), tile_at(i), left(i));
                scaled.mul(inverse).store_quantized(weight_bytes.add(i * LANES));
            }
            if !a.mean.is_null() {
                for i in 0..a.positions {
                    *a.mean.add(i) += *weights.add(i) / sum / a.heads as f32;
                }
            }
            let factor = V::splat(largest_scaled / 255.0 / sum);
            let out = if padded == size { a.out.add(head * size) } else { row };
            let mut at = 0;
            while at < padded {
                let values = |i: usize| tile_at(i).values.add(at * LANES / 4).cast_const();
                at += match padded - at {
                    64.. => weighted::<V, 4>(values, tiles, weight_bytes, factor, out.add(at)),
                    32.. => weighted::<V, 2>(values, tiles, weight_bytes, factor, out.add(at)),
                    _ => weighted::<V, 1>(values, tiles, weight_bytes, factor, out.add(at)),
                };
            }
            if padded != size {
                std::ptr::copy_nonoverlapping(row, a.out.add(head * size), size);
            }
        }
    }
}

/// Weights of sixteen positions times the scales of their values, of the first `n`: what is quantised.
///
/// # Safety
/// See [`attend`].
#[inline(always)]
unsafe fn scaled<V: Lanes>(weights: V, tile: Tile, n: usize) -> V {
    // SAFETY: see `attend`.
    unsafe { weights.mul(V::load(tile.value_scale)).keep(n, V::splat(0.0)) }
}

/// The weighted sum of `N` vectors of sixteen dimensions over all tiles, times `factor`, written to `out`; returns the number of dimensions.
///
/// # Safety
/// See [`attend`]; `values(tile)` is where the first of the vectors lies in a tile.
#[inline(always)]
unsafe fn weighted<V: Lanes, const N: usize>(
    values: impl Fn(usize) -> *const u32,
    tiles: usize,
    weights: *const u8,
    factor: V,
    out: *mut f32,
) -> usize {
    // SAFETY: see `attend`; values are whole vectors.
    unsafe {
        let mut sums = [V::no_sums(); N];
        for tile in 0..tiles {
            let values = values(tile);
            for group in 0..LANES / 4 {
                let weights = weights.add(tile * LANES + group * 4);
                for (v, sums) in sums.iter_mut().enumerate() {
                    *sums = V::add_products(*sums, values.add((v * LANES / 4 + group) * LANES).cast(), weights);
                }
            }
        }
        for (v, sums) in sums.into_iter().enumerate() {
            V::from_int(V::total(sums)).mul(factor).store(out.add(v * LANES));
        }
        N * LANES
    }
}
