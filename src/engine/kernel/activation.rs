//! The non-linearities of the feed-forward layers, applied while a block is still in the first-level cache.

use super::lanes::{LANES, Lanes, exp};
use crate::model::Activation;

/// A non-linearity known at compile time.
trait Function {
    /// # Safety
    /// As [`Lanes`].
    unsafe fn apply<V: Lanes>(x: V) -> V;
}

struct Relu;
struct Swish;
struct Gelu;
struct GeluTanh;

impl Function for Relu {
    #[inline(always)]
    unsafe fn apply<V: Lanes>(x: V) -> V {
        // SAFETY: the caller vouches for the level.
        unsafe { x.max(V::splat(0.0)) }
    }
}

impl Function for Swish {
    #[inline(always)]
    unsafe fn apply<V: Lanes>(x: V) -> V {
        // SAFETY: as above. Below -86 the result is 0 to f32 precision of the sum that it goes into.
        unsafe {
            let negative = V::splat(0.0).sub(x.max(V::splat(-86.0)));
            x.div(V::splat(1.0).add(exp(negative)))
        }
    }
}

impl Function for Gelu {
    /// `x/2 · (1 + erf(x/√2))` with Abramowitz and Stegun's 7.1.26 for erf (absolute error below 1.5e-7).
    #[inline(always)]
    unsafe fn apply<V: Lanes>(x: V) -> V {
        // SAFETY: as above.
        unsafe {
            let one = V::splat(1.0);
            let z = x.abs().mul(V::splat(std::f32::consts::FRAC_1_SQRT_2));
            let t = one.div(z.fma(V::splat(0.327_591_1), one));
            let mut p = V::splat(1.061_405_4);
            for c in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
                p = p.fma(t, V::splat(c));
            }
            let minus_square = V::splat(0.0).sub(z.mul(z));
            let tail = p.mul(t).mul(exp(minus_square));
            // x >= 0: x · (1 - tail/2); x < 0: x · tail/2. Both are max(x, 0) - |x| · tail/2.
            x.max(V::splat(0.0)).sub(x.abs().mul(tail.mul(V::splat(0.5))))
        }
    }
}

impl Function for GeluTanh {
    /// `x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))`, that is `x · sigmoid(2 √(2/π) (x + 0.044715 x³))`.
    #[inline(always)]
    unsafe fn apply<V: Lanes>(x: V) -> V {
        // SAFETY: as above.
        unsafe {
            let inner = x.mul(x).fma(V::splat(0.044_715), V::splat(1.0)).mul(x).mul(V::splat(1.595_769));
            let negative = V::splat(0.0).sub(inner.max(V::splat(-86.0)));
            x.div(V::splat(1.0).add(exp(negative)))
        }
    }
}

/// Applies `activation` to `n` values (a multiple of 16) in place.
///
/// # Safety
/// As [`Lanes`]; `x` is valid for `n` values.
#[inline(always)]
pub(super) unsafe fn apply<V: Lanes>(activation: Activation, x: *mut f32, n: usize) {
    // SAFETY: passed on.
    unsafe {
        match activation {
            Activation::Relu => each::<V, Relu>(x, n),
            Activation::Swish => each::<V, Swish>(x, n),
            Activation::Gelu => each::<V, Gelu>(x, n),
            Activation::GeluTanh => each::<V, GeluTanh>(x, n),
        }
    }
}

#[inline(always)]
unsafe fn each<V: Lanes, F: Function>(x: *mut f32, n: usize) {
    // SAFETY: `apply`'s caller vouches for `n` values.
    unsafe {
        for i in (0..n).step_by(LANES) {
            F::apply(V::load(x.add(i))).store(x.add(i));
        }
    }
}
