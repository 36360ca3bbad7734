//! `y = x · wᵀ + bias` in `f32`. Every output is one chain of fused multiply-adds over ascending `k`, whatever the tile, the number of rows or
//! the level: a row's numbers never depend on the rows beside it.

use super::gemm_i8::BLOCK;
use super::lanes::{LANES, Lanes};

/// Arguments of [`gemm`].
#[derive(Clone, Copy)]
pub(super) struct Gemm {
    /// `[blocks][k][64]`.
    pub w: *const f32,
    /// Padded to whole blocks.
    pub bias: *const f32,
    pub n: usize,
    pub k: usize,
    pub x: *const f32,
    /// Values between two rows of `x`.
    pub x_stride: usize,
    pub rows: usize,
    pub y: *mut f32,
    /// Values between two rows of `y`.
    pub stride: usize,
}

/// # Safety
/// As [`Lanes`]; `x` is valid for `rows` rows of `k` values, `y` for `rows` rows of `n`.
#[inline(always)]
pub(super) unsafe fn gemm<V: Lanes>(g: Gemm) {
    // SAFETY: every tile stays within the rows and columns that the caller vouches for.
    unsafe {
        let columns = V::F32_VECTORS * LANES;
        for column in (0..g.n).step_by(columns) {
            let mut row = 0;
            while row < g.rows {
                let rows = V::F32_ROWS.min(g.rows - row);
                match (rows, V::F32_VECTORS) {
                    (6, 4) => tile::<V, 6, 4>(g, column, row),
                    (5, 4) => tile::<V, 5, 4>(g, column, row),
                    (4, 4) => tile::<V, 4, 4>(g, column, row),
                    (3, 4) => tile::<V, 3, 4>(g, column, row),
                    (2, 4) => tile::<V, 2, 4>(g, column, row),
                    (_, 4) => tile::<V, 1, 4>(g, column, row),
                    (6, _) => tile::<V, 6, 1>(g, column, row),
                    (5, _) => tile::<V, 5, 1>(g, column, row),
                    (4, _) => tile::<V, 4, 1>(g, column, row),
                    (3, _) => tile::<V, 3, 1>(g, column, row),
                    (2, _) => tile::<V, 2, 1>(g, column, row),
                    _ => tile::<V, 1, 1>(g, column, row),
                }
                row += rows;
            }
        }
    }
}

#[inline(always)]
unsafe fn tile<V: Lanes, const MR: usize, const NR: usize>(g: Gemm, column: usize, row: usize) {
    // SAFETY: see `gemm`; packed weights and bias reach to the end of a block.
    unsafe {
        let mut acc = [[V::splat(0.0); NR]; MR];
        let w = g.w.add(column / BLOCK * BLOCK * g.k + column % BLOCK);
        let x = g.x.add(row * g.x_stride);
        for k in 0..g.k {
            let mut wk = [V::splat(0.0); NR];
            for j in 0..NR {
                wk[j] = V::load(w.add(k * BLOCK + j * LANES));
            }
            for i in 0..MR {
                let a = V::splat(*x.add(i * g.x_stride + k));
                for j in 0..NR {
                    acc[i][j] = a.fma(wk[j], acc[i][j]);
                }
            }
        }
        for j in 0..NR {
            let c = column + j * LANES;
            if c >= g.n {
                break;
            }
            let bias = V::load(g.bias.add(c));
            for i in 0..MR {
                let v = acc[i][j].add(bias);
                let y = g.y.add((row + i) * g.stride + c);
                if g.n - c >= LANES {
                    v.store(y);
                } else {
                    let mut part = [0.0; LANES];
                    v.store(part.as_mut_ptr());
                    std::ptr::copy_nonoverlapping(part.as_ptr(), y, g.n - c);
                }
            }
        }
    }
}
