//! The algorithms compiled for each level, behind methods that check lengths.

use super::activation;
use super::arguments::{Heads, Linear, Norm};
use super::gemm_f32;
use super::gemm_i8::{self, BLOCK};
use super::lanes::LANES;
use super::level::Level;
use super::packed::{MatrixI8, PackedF32, QuantizedRows};
use super::pages::{self, PageAttention};
use super::pool::Pool;
use super::rows::{self, RowAttention};
use super::scalar::Scalar;
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};
use crate::model::Activation;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Longest history that one attention can read.
pub const MAX_POSITIONS: usize = 4096;

/// The kernels of one level. Get them from [`super::detect`].
pub struct Kernels {
    pub level: Level,
    quantize: unsafe fn(*const f32, usize, *mut u8) -> (f32, f32),
    norm: unsafe fn(*const f32, usize, *const f32, *const f32, f32, *mut f32),
    softmax: unsafe fn(*mut f32, usize),
    maximum: unsafe fn(*const f32, usize) -> f32,
    add_exponentials: unsafe fn(*const f32, usize, f32, *mut f32) -> f32,
    above: unsafe fn(*const f32, usize, f32, *mut u16),
    activate: unsafe fn(Activation, *mut f32, usize),
    attend_rows: unsafe fn(RowAttention),
    attend: unsafe fn(PageAttention),
    store: unsafe fn(pages::Store),
    gemm_i8: unsafe fn(gemm_i8::Gemm),
    gemm_f32: unsafe fn(gemm_f32::Gemm),
}

impl std::fmt::Debug for Kernels {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "Kernels({})", self.level)
    }
}

/// Compiles every algorithm over `$lanes` with `$features` on, as the static `$name`.
macro_rules! table {
    ($name:ident, $module:ident, $level:expr, $lanes:ty $(, $features:literal)?) => {
        mod $module {
            use super::*;

            // SAFETY (of every block): the static below is only given out by `Level::kernels`, which asks the processor for the features;
            // the methods of `Kernels` check the lengths.
            $(#[target_feature(enable = $features)])?
            pub unsafe fn quantize(x: *const f32, n: usize, u: *mut u8) -> (f32, f32) {
                unsafe { rows::quantize::<$lanes>(x, n, u) }
            }
            $(#[target_feature(enable = $features)])?
            pub unsafe fn norm(x: *const f32, n: usize, gain: *const f32, bias: *const f32, epsilon: f32, out: *mut f32) {
                unsafe { rows::norm::<$lanes>(x, n, gain, bias, epsilon, out) }
            }
            $(#[target_feature(enable = $features)])?
            pub unsafe fn softmax(x: *mut f32, n: usize) {
                unsafe { rows::softmax::<$lanes>(x, n) }
            }
            $(#[target_feature(enable = $features)])?
            pub unsafe fn maximum(x: *const f32, n: usize) -> f32 {
                unsafe { rows::maximum::<$lanes>(x, n) }
            }
            $(#[target_feature(enable = $features)])?
            pub unsafe fn add_exponentials(x: *const f32, n: usize, reference: f32, sums: *mut f32) -> f32 {
                unsafe { rows::add_exponentials::<$lanes>(x, n, reference, sums) }
            }
            $(#[target_feature(enable = $features)])?
            pub unsafe fn above(x: *const f32, n: usize, threshold: f32, masks: *mut u16) {
                unsafe { rows::above::<$lanes>(x, n, threshold, masks) }
            }
            $(#[target_feature(enable = $features)])?
            pub unsafe fn activate(activation: Activation, x: *mut f32, n: usize) {
                unsafe { activation::apply::<$lanes>(activation, x, n) }
            }
            $(#[target_feature(enable = $features)])?
            pub unsafe fn attend_rows(a: RowAttention) {
                unsafe { rows::attend_rows::<$lanes>(a) }
            }
            $(#[target_feature(enable = $features)])?
            pub unsafe fn attend(a: PageAttention) {
                unsafe { pages::attend::<$lanes>(a) }
            }
            $(#[target_feature(enable = $features)])?
            pub unsafe fn store(s: pages::Store) {
                unsafe { pages::store::<$lanes>(s) }
            }
            $(#[target_feature(enable = $features)])?
            pub unsafe fn gemm_i8(g: gemm_i8::Gemm) {
                unsafe { gemm_i8::gemm::<$lanes>(g) }
            }
            $(#[target_feature(enable = $features)])?
            pub unsafe fn gemm_f32(g: gemm_f32::Gemm) {
                unsafe { gemm_f32::gemm::<$lanes>(g) }
            }
        }

        pub(super) static $name: Kernels = Kernels {
            level: $level,
            quantize: $module::quantize,
            norm: $module::norm,
            softmax: $module::softmax,
            maximum: $module::maximum,
            add_exponentials: $module::add_exponentials,
            above: $module::above,
            activate: $module::activate,
            attend_rows: $module::attend_rows,
            attend: $module::attend,
            store: $module::store,
            gemm_i8: $module::gemm_i8,
            gemm_f32: $module::gemm_f32,
        };
    };
}

#[cfg(target_arch = "x86_64")]
table!(AVX512, avx512, Level::Avx512Vnni, Avx512, "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma");
#[cfg(target_arch = "x86_64")]
table!(AVX_VNNI, avx_vnni, Level::AvxVnni, Avx2<true>, "avx2,fma,avxvnni");
#[cfg(target_arch = "x86_64")]
table!(AVX2, avx2, Level::Avx2, Avx2<false>, "avx2,fma");
#[cfg(target_arch = "aarch64")]
table!(NEON_DOTPROD, neon_dotprod, Level::Neon, super::super::neon::Neon<true>, "neon,dotprod");
#[cfg(target_arch = "aarch64")]
table!(NEON, neon, Level::Neon, super::super::neon::Neon<false>, "neon");
table!(SCALAR, scalar, Level::Scalar, Scalar);

impl Kernels {
    /// Quantises `rows` rows of `k` values that lie `stride` apart; what follows a row up to a multiple of 16 must be there and 0.
    pub fn quantize(&self, x: &[f32], rows: usize, k: usize, stride: usize, out: &mut QuantizedRows) {
        out.shape(rows, k);
        assert!(rows == 0 || (stride >= out.k && x.len() >= (rows - 1) * stride + out.k));
        for row in 0..rows {
            // SAFETY: `x` and `out.data` hold `out.k` values from these places, by the assertion and `shape`.
            (out.scale[row], out.offset[row]) =
                unsafe { (self.quantize)(x.as_ptr().add(row * stride), out.k, out.data.as_mut_ptr().add(row * out.k)) };
        }
    }

    /// Layer norm of `rows` rows in place; padding up to a multiple of 16 becomes 0.
    pub fn norm(&self, norm: &Norm, x: &mut [f32], rows: usize, stride: usize) {
        let padded = norm.gain.len();
        assert!(stride >= padded && x.len() >= rows * stride);
        for row in x.chunks_exact_mut(stride).take(rows) {
            let p = row.as_mut_ptr();
            // SAFETY: row, gain and bias hold `padded` values.
            unsafe { (self.norm)(p, norm.size, norm.gain.as_ptr(), norm.bias.as_ptr(), norm.epsilon, p) }
        }
    }

    /// As [`Kernels::norm`], but quantises the normed rows and leaves `x` as it is (pre-norm models); `scratch` holds a row.
    pub fn norm_quantize(
        &self,
        norm: &Norm,
        x: &[f32],
        rows: usize,
        stride: usize,
        scratch: &mut [f32],
        out: &mut QuantizedRows,
    ) {
        let padded = norm.gain.len();
        out.shape(rows, norm.size);
        assert!(stride >= padded && x.len() >= rows * stride && scratch.len() >= padded);
        for (i, row) in x.chunks_exact(stride).take(rows).enumerate() {
            let p = scratch.as_mut_ptr();
            // SAFETY: row, gain, bias and scratch hold `padded` values, `out.data` a byte for each of every row.
            unsafe {
                (self.norm)(row.as_ptr(), norm.size, norm.gain.as_ptr(), norm.bias.as_ptr(), norm.epsilon, p);
                (out.scale[i], out.offset[i]) = (self.quantize)(p, padded, out.data.as_mut_ptr().add(i * padded));
            }
        }
    }

    /// `y = activation(x · wᵀ + bias)` for the blocks of 64 columns in `blocks`, the first of which lands in column 0 of `y`. Rows of `y` are
    /// `stride` apart and hold whole blocks.
    pub fn linear_i8(&self, w: MatrixI8, x: &QuantizedRows, blocks: Range<usize>, y: &mut [f32], stride: usize, then: Linear) {
        assert!(x.k == w.padded_k() && blocks.end <= w.blocks() && blocks.start <= blocks.end);
        assert!(stride >= blocks.len() * BLOCK && y.len() >= x.rows * stride);
        // SAFETY: `w` has `w.blocks()` whole blocks of every array (`MatrixI8::new`), `x` its rows, `y` room by the assertion.
        unsafe {
            (self.gemm_i8)(gemm_i8::Gemm {
                w: w.weights.as_ptr(),
                scale: w.scale.as_ptr(),
                bias: w.bias.as_ptr(),
                sum: w.sum.as_ptr(),
                k: x.k,
                from: blocks.start,
                to: blocks.end,
                a: x.data.as_ptr(),
                a_scale: x.scale.as_ptr(),
                a_offset: x.offset.as_ptr(),
                rows: x.rows,
                y: y.as_mut_ptr(),
                stride,
                activation: then.activation,
                accumulate: then.accumulate,
            })
        }
    }

    /// `y = x · wᵀ + bias`: `rows` rows of `w.k()` values `x_stride` apart to rows of `w.n()` values `stride` apart.
    ///
    /// A row's result is the same bits whatever the other rows.
    pub fn linear_f32(&self, w: &PackedF32, x: &[f32], rows: usize, x_stride: usize, y: &mut [f32], stride: usize) {
        if rows == 0 {
            return;
        }
        assert!(x_stride >= w.k && x.len() >= (rows - 1) * x_stride + w.k);
        assert!(stride >= w.n && y.len() >= (rows - 1) * stride + w.n);
        // SAFETY: by the assertions; packed weights and bias reach to whole blocks.
        unsafe {
            (self.gemm_f32)(gemm_f32::Gemm {
                w: w.weights.as_ptr(),
                bias: w.bias.as_ptr(),
                n: w.n,
                k: w.k,
                x: x.as_ptr(),
                x_stride,
                rows,
                y: y.as_mut_ptr(),
                stride,
            })
        }
    }

    /// Softmax of one head's scores over plain `f32` rows: `out = softmax(query · keysᵀ · scale) · values`.
    ///
    /// Position `j` has its key at `keys[j * stride..]` and its value at `values[j * stride..]`, `query.len()` values each. The attention weights
    /// are left in `weights`, which holds `positions` rounded up to a multiple of 16.
    #[allow(clippy::too_many_arguments)]
    pub fn attend_rows(
        &self,
        query: &[f32],
        keys: &[f32],
        values: &[f32],
        stride: usize,
        positions: usize,
        scale: f32,
        weights: &mut [f32],
        out: &mut [f32],
    ) {
        let size = query.len();
        assert!(positions >= 1 && weights.len() >= positions.next_multiple_of(LANES) && out.len() >= size);
        let needed = (positions - 1) * stride + size;
        assert!(keys.len() >= needed && values.len() >= needed);
        // SAFETY: by the assertions.
        unsafe {
            (self.attend_rows)(RowAttention {
                query: query.as_ptr(),
                keys: keys.as_ptr(),
                values: values.as_ptr(),
                stride,
                positions,
                size,
                scale,
                weights: weights.as_mut_ptr(),
                out: out.as_mut_ptr(),
            })
        }
    }

    /// Writes a row's keys and values (all heads) at `position` (0–15) of a page.
    pub fn store_key_value(&self, page: &mut [u32], heads: Heads, position: usize, key: &[f32], value: &[f32]) {
        let width = heads.count * heads.shape.size;
        assert!(position < LANES && heads.end() <= page.len() && key.len() >= width && value.len() >= width);
        // SAFETY: the heads' tiles lie within the page, the rows hold all heads.
        unsafe {
            (self.store)(pages::Store {
                layer: page.as_mut_ptr().add(heads.offset),
                shape: heads.shape,
                heads: heads.count,
                position,
                key: key.as_ptr(),
                value: value.as_ptr(),
            })
        }
    }

    /// Attention over the first `positions` of the pages that `table` names: `out = softmax(query · keysᵀ / √size) · values`, head by head.
    ///
    /// `query` and `out` are rows that start `strides` values apart (a row holds all heads); as many as `query` has. `scratch` grows as needed;
    /// `mean`, if given, gets the mean over the heads of the attention weights added.
    #[allow(clippy::too_many_arguments)]
    pub fn attend(
        &self,
        query: &[f32],
        strides: (usize, usize),
        pool: &Pool,
        table: &[u32],
        heads: Heads,
        positions: usize,
        scratch: &mut Vec<f32>,
        out: &mut [f32],
        mean: Option<&mut [f32]>,
    ) {
        let width = heads.count * heads.shape.size;
        assert!(query.len() >= width && out.len() >= width && heads.end() <= pool.page_words());
        let queries = 1 + (query.len() - width) / strides.0.max(1);
        assert!(strides.0 >= width && strides.1 >= width && out.len() >= (queries - 1) * strides.1 + width);
        assert!((1..=table.len() * LANES).contains(&positions) && positions <= MAX_POSITIONS);
        let scratch_len = pages::scratch_len(heads.shape, positions);
        if scratch.len() < scratch_len {
            scratch.resize(scratch_len, 0.0);
        }
        assert!(mean.as_ref().is_none_or(|mean| mean.len() >= positions));
        let mut pages = [MaybeUninit::<*const u32>::uninit(); MAX_POSITIONS / LANES];
        for (pointer, id) in pages.iter_mut().zip(&table[..positions.div_ceil(LANES)]) {
            pointer.write(pool.page(*id).as_ptr());
        }
        // SAFETY: every page has `page_words` words, which the heads' tiles lie within; as many pointers are
        // written as positions need; the other lengths by the assertions.
        unsafe {
            (self.attend)(PageAttention {
                query: query.as_ptr(),
                query_stride: strides.0,
                queries,
                pages: pages.as_ptr().cast(),
                offset: heads.offset,
                positions,
                shape: heads.shape,
                heads: heads.count,
                scale: 1.0 / (heads.shape.size as f32).sqrt(),
                scratch: scratch.as_mut_ptr(),
                out: out.as_mut_ptr(),
                out_stride: strides.1,
                mean: mean.map_or(std::ptr::null_mut(), |mean| mean.as_mut_ptr()),
            })
        }
    }

    /// Turns scores into weights that sum to one. `x` holds `n` scores; its length is `n` rounded up to a multiple of 16 at least, the rest becomes 0.
    pub fn softmax(&self, x: &mut [f32], n: usize) {
        assert!(x.len() >= n.next_multiple_of(LANES));
        // SAFETY: by the assertion.
        unsafe { (self.softmax)(x.as_mut_ptr(), n) }
    }

    /// Applies `activation` in place; the length is a multiple of 16.
    pub fn activate(&self, activation: Activation, x: &mut [f32]) {
        assert!(x.len().is_multiple_of(LANES));
        // SAFETY: by the assertion.
        unsafe { (self.activate)(activation, x.as_mut_ptr(), x.len()) }
    }

    /// Greatest value of a slice whose length is a multiple of 16.
    pub fn maximum(&self, x: &[f32]) -> f32 {
        assert!(x.len().is_multiple_of(LANES));
        // SAFETY: by the assertion.
        unsafe { (self.maximum)(x.as_ptr(), x.len()) }
    }

    /// Adds `e^(x - reference)` to sixteen running sums and returns the greatest value; the length of `x` is a multiple of 16. Where a value exceeds
    /// `reference` by more than 87 the sums are nonsense.
    pub fn add_exponentials(&self, x: &[f32], reference: f32, sums: &mut [f32; LANES]) -> f32 {
        assert!(x.len().is_multiple_of(LANES));
        // SAFETY: by the assertion.
        unsafe { (self.add_exponentials)(x.as_ptr(), x.len(), reference, sums.as_mut_ptr()) }
    }

    /// Sets bit `i % 16` of `masks[i / 16]` where `x[i] > threshold`; the length of `x` is a multiple of 16.
    pub fn above(&self, x: &[f32], threshold: f32, masks: &mut [u16]) {
        assert!(x.len().is_multiple_of(LANES) && masks.len() >= x.len() / LANES);
        // SAFETY: by the assertion.
        unsafe { (self.above)(x.as_ptr(), x.len(), threshold, masks.as_mut_ptr()) }
    }
}
