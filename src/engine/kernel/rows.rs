//! What works on one row at a time: layer norm, quantisation, exponential sums, attention over plain rows.

use super::lanes::{LANES, Lanes, exp, exp2_coarse};

/// Quantises `n` values (a multiple of 16) to `u = round((x - offset) / scale)` in 0..=255; returns scale and offset.
///
/// The range is that of the row, zero included: the outputs of a ReLU or Swish, nearly all on one side, keep all 256 steps.
///
/// # Safety
/// As [`Lanes`]; `x` is valid for `n` values, `u` for `n` bytes.
#[inline(always)]
pub(super) unsafe fn quantize<V: Lanes>(x: *const f32, n: usize, u: *mut u8) -> (f32, f32) {
    // SAFETY: the caller vouches for both pointers over `n` values.
    unsafe {
        let (mut greatest, mut least) = (V::splat(0.0), V::splat(0.0));
        for i in (0..n).step_by(LANES) {
            let v = V::load(x.add(i));
            greatest = greatest.max(v);
            least = least.min(v);
        }
        let offset = least.minimum();
        let range = greatest.maximum() - offset;
        // Below this the quotient would overflow; such a row is zero for all purposes.
        let inverse = V::splat(if range > 1e-30 { 255.0 / range } else { 0.0 });
        for i in (0..n).step_by(LANES) {
            V::load(x.add(i)).sub(V::splat(offset)).mul(inverse).store_quantized(u.add(i));
        }
        (range / 255.0, offset)
    }
}

/// Layer norm of the first `n` values, mean and variance in two passes; what follows up to a multiple of 16 must be readable and is set to 0.
///
/// # Safety
/// As [`Lanes`]; all pointers are valid for `n` values rounded up to a multiple of 16. `out` may be `x`.
#[inline(always)]
pub(super) unsafe fn norm<V: Lanes>(x: *const f32, n: usize, gain: *const f32, bias: *const f32, epsilon: f32, out: *mut f32) {
    // SAFETY: the caller vouches for the pointers over the rounded length.
    unsafe {
        let zero = V::splat(0.0);
        let part = |i: usize, v: V| if n - i < LANES { v.keep(n - i, zero) } else { v };
        let mut sum = zero;
        for i in (0..n).step_by(LANES) {
            sum = sum.add(part(i, V::load(x.add(i))));
        }
        let mean = V::splat(sum.sum() / n as f32);
        let mut squares = zero;
        for i in (0..n).step_by(LANES) {
            let v = part(i, V::load(x.add(i)).sub(mean));
            squares = v.fma(v, squares);
        }
        let inverse = V::splat(1.0 / (squares.sum() / n as f32 + epsilon).sqrt());
        for i in (0..n).step_by(LANES) {
            let v = V::load(x.add(i)).sub(mean).mul(inverse);
            part(i, v.fma(V::load(gain.add(i)), V::load(bias.add(i)))).store(out.add(i));
        }
    }
}

/// Greatest of `n` values (a multiple of 16).
///
/// # Safety
/// As [`Lanes`]; `x` is valid for `n` values.
#[inline(always)]
pub(super) unsafe fn maximum<V: Lanes>(x: *const f32, n: usize) -> f32 {
    // SAFETY: the caller vouches for `x`.
    unsafe {
        let mut largest = V::splat(f32::NEG_INFINITY);
        for i in (0..n).step_by(LANES) {
            largest = largest.max(V::load(x.add(i)));
        }
        largest.maximum()
    }
}

/// Adds `e^(x - reference)` of `n` values (a multiple of 16) to sixteen running sums; returns the greatest value. Above `reference + 87` the sums
/// are nonsense.
///
/// # Safety
/// As [`Lanes`]; `x` is valid for `n` values, `sums` for 16.
#[inline(always)]
pub(super) unsafe fn add_exponentials<V: Lanes>(x: *const f32, n: usize, reference: f32, sums: *mut f32) -> f32 {
    // SAFETY: the caller vouches for both pointers.
    unsafe {
        let log2_e = V::splat(std::f32::consts::LOG2_E);
        let shift = V::splat(-reference * std::f32::consts::LOG2_E);
        let mut sum = V::load(sums);
        let mut largest = V::splat(f32::NEG_INFINITY);
        for i in (0..n).step_by(LANES) {
            let v = V::load(x.add(i));
            largest = v.max(largest);
            sum = sum.add(exp2_coarse(v.fma(log2_e, shift).max(V::splat(-125.0))));
        }
        sum.store(sums);
        largest.maximum()
    }
}

/// Bit masks of the values greater than `threshold`, one for each sixteen of `n` values (a multiple of 16).
///
/// # Safety
/// As [`Lanes`]; `x` is valid for `n` values, `masks` for `n / 16`.
#[inline(always)]
pub(super) unsafe fn above<V: Lanes>(x: *const f32, n: usize, threshold: f32, masks: *mut u16) {
    // SAFETY: the caller vouches for both pointers.
    unsafe {
        let threshold = V::splat(threshold);
        for i in (0..n).step_by(LANES) {
            *masks.add(i / LANES) = V::load(x.add(i)).greater(threshold);
        }
    }
}

/// Turns `n` scores into weights that sum to one; what follows up to a multiple of 16 becomes 0.
///
/// # Safety
/// As [`Lanes`]; `x` is valid for `n` values rounded up to a multiple of 16.
#[inline(always)]
pub(super) unsafe fn softmax<V: Lanes>(x: *mut f32, n: usize) {
    // SAFETY: the caller vouches for `x` over the rounded length.
    unsafe {
        let (lowest, zero) = (V::splat(f32::NEG_INFINITY), V::splat(0.0));
        let mut largest = lowest;
        for i in (0..n).step_by(LANES) {
            largest = largest.max(V::load(x.add(i)).keep(LANES.min(n - i), lowest));
        }
        let largest = V::splat(largest.maximum());
        let mut sum = zero;
        for i in (0..n).step_by(LANES) {
            let e = exp(V::load(x.add(i)).sub(largest)).keep(LANES.min(n - i), zero);
            sum = sum.add(e);
            e.store(x.add(i));
        }
        let inverse = V::splat(1.0 / sum.sum());
        for i in (0..n).step_by(LANES) {
            V::load(x.add(i)).mul(inverse).store(x.add(i));
        }
    }
}

/// Reads `n <= 16` values, the other lanes 0, without touching memory behind them.
///
/// # Safety
/// As [`Lanes`]; `p` is valid for `n` values.
#[inline(always)]
pub(super) unsafe fn load_part<V: Lanes>(p: *const f32, n: usize) -> V {
    // SAFETY: the caller vouches for `n` values; the copy is sixteen long.
    unsafe {
        if n == LANES {
            return V::load(p);
        }
        let mut copy = [0.0; LANES];
        std::ptr::copy_nonoverlapping(p, copy.as_mut_ptr(), n);
        V::load(copy.as_ptr())
    }
}

/// Arguments of [`attend_rows`]: one query over keys and values that lie in rows.
#[derive(Clone, Copy)]
pub(super) struct RowAttention {
    pub query: *const f32,
    pub keys: *const f32,
    pub values: *const f32,
    /// Values between two positions of `keys` and of `values`.
    pub stride: usize,
    pub positions: usize,
    /// Size of the head.
    pub size: usize,
    pub scale: f32,
    /// Room for the weights: `positions` rounded up to a multiple of 16; they are left there.
    pub weights: *mut f32,
    pub out: *mut f32,
}

/// `softmax(query · keysᵀ · scale) · values` of one head.
///
/// # Safety
/// As [`Lanes`]; the pointers are valid for what the fields say.
#[inline(always)]
pub(super) unsafe fn attend_rows<V: Lanes>(a: RowAttention) {
    // SAFETY: the caller vouches for the pointers.
    unsafe {
        for j in 0..a.positions {
            let key = a.keys.add(j * a.stride);
            let mut dot = V::splat(0.0);
            for i in (0..a.size).step_by(LANES) {
                let n = LANES.min(a.size - i);
                dot = load_part::<V>(a.query.add(i), n).fma(load_part::<V>(key.add(i), n), dot);
            }
            *a.weights.add(j) = dot.sum() * a.scale;
        }
        softmax::<V>(a.weights, a.positions);
        for i in (0..a.size).step_by(LANES) {
            let n = LANES.min(a.size - i);
            let mut sum = V::splat(0.0);
            for j in 0..a.positions {
                sum = V::splat(*a.weights.add(j)).fma(load_part::<V>(a.values.add(j * a.stride + i), n), sum);
            }
            if n == LANES {
                sum.store(a.out.add(i));
            } else {
                let mut copy = [0.0; LANES];
                sum.store(copy.as_mut_ptr());
                std::ptr::copy_nonoverlapping(copy.as_ptr(), a.out.add(i), n);
            }
        }
    }
}
