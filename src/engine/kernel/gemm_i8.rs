//! `y = activation(x · wᵀ + bias)` with int8 weights and quantised rows: with `x = offset + scale · u` and `w = w_scale · q`, the product is
//! `w_scale · (scale · Σ u q + offset · Σ q)`, of which `Σ u q` is exact in 32 bits on every level.

use super::activation;
use super::lanes::{LANES, Lanes, Tile};
use crate::model::Activation;

/// Columns of a block of packed weights.
pub(super) const BLOCK: usize = 64;
/// Panels of 16 columns in a block.
const PANELS: usize = BLOCK / LANES;
/// Most rows of a tile: 6 × 4 accumulators of sixteen lanes leave room for four weights and one activation in 32 registers.
const ROWS: usize = 6;
/// Bytes of quantised rows that are kept in the second-level cache while the weights pass by.
const ROW_BYTES: usize = 256 * 1024;

/// Arguments of [`gemm`]. `k` is the padded row length, a multiple of 16.
#[derive(Clone, Copy)]
pub(super) struct Gemm {
    pub w: *const i8,
    pub scale: *const f32,
    pub bias: *const f32,
    /// Per column the sum of its weights.
    pub sum: *const f32,
    pub k: usize,
    /// Blocks of 64 columns, from..to; the first lands in column 0 of `y`.
    pub from: usize,
    pub to: usize,
    pub a: *const u8,
    /// Per row: `x = offset + scale · u`.
    pub a_scale: *const f32,
    pub a_offset: *const f32,
    pub rows: usize,
    pub y: *mut f32,
    /// Values between two rows of `y`.
    pub stride: usize,
    /// Applied to the sum, the residual included.
    pub activation: Option<Activation>,
    /// Adds to what is in `y` (the residual) instead of overwriting it.
    pub accumulate: bool,
}

/// # Safety
/// As [`Lanes`]; the pointers are valid for the blocks, rows and columns named, `y` for `rows` rows of `(to - from) * 64` columns.
#[inline(always)]
pub(super) unsafe fn gemm<V: Lanes>(g: Gemm) {
    // SAFETY: every tile stays within the rows and columns that the caller vouches for.
    unsafe {
        let chunk = (ROW_BYTES / g.k).max(ROWS) / ROWS * ROWS;
        for start in (0..g.rows).step_by(chunk) {
            let end = g.rows.min(start + chunk);
            // Tiles of rows pass over a few panels of weights, which stay in the cache; what is needed next is fetched meanwhile: one cache
            // line per group for each of the first tiles.
            let panels = V::TILE_VECTORS;
            let lines = panels.div_ceil((end - start).div_ceil(ROWS));
            for panel in (g.from * PANELS..g.to * PANELS).step_by(panels) {
                let mut fetched = 0;
                let mut row = start;
                while row < end {
                    let rows = tile_rows(end - row);
                    let lines = if fetched < panels { lines } else { 0 };
                    let fetch = ((panel + panels) * LANES + fetched * LANES) * g.k;
                    match rows {
                        1 => tile::<V, 1>(g, panel, row, fetch, lines),
                        2 => tile::<V, 2>(g, panel, row, fetch, lines),
                        3 => tile::<V, 3>(g, panel, row, fetch, lines),
                        4 => tile::<V, 4>(g, panel, row, fetch, lines),
                        5 => tile::<V, 5>(g, panel, row, fetch, lines),
                        _ => tile::<V, ROWS>(g, panel, row, fetch, lines),
                    }
                    fetched += lines;
                    row += rows;
                }
                if let Some(activation) = g.activation {
                    for row in start..end {
                        let y = g.y.add(row * g.stride + (panel - g.from * PANELS) * LANES);
                        activation::apply::<V>(activation, y, panels * LANES);
                    }
                }
            }
        }
    }
}

/// Rows of the next tile: as many as fit, but two of four instead of one full and a sliver.
#[inline(always)]
fn tile_rows(left: usize) -> usize {
    match left {
        7 | 8 => 4,
        _ => left.min(ROWS),
    }
}

#[inline(always)]
unsafe fn tile<V: Lanes, const MR: usize>(g: Gemm, panel: usize, row: usize, fetch: usize, lines: usize) {
    // SAFETY: `row..row + MR` and the panels are within the arguments' bounds; the fetched address is never read.
    unsafe {
        let column = panel * LANES;
        let acc = V::dot_tile::<MR>(Tile {
            w: g.w.add(column * g.k),
            groups: g.k / 4,
            a: g.a.add(row * g.k),
            stride: g.k,
            sum: g.sum.add(column),
            fetch: g.w.wrapping_add(fetch),
            fetch_lines: lines,
        });
        for j in 0..V::TILE_VECTORS {
            let scale = V::load(g.scale.add(column + j * LANES));
            let bias = V::load(g.bias.add(column + j * LANES));
            let sum = V::load(g.sum.add(column + j * LANES));
            for i in 0..MR {
                let offset = V::splat(*g.a_offset.add(row + i)).mul(sum);
                let v = V::from_int(acc[i][j]).fma(V::splat(*g.a_scale.add(row + i)), offset).fma(scale, bias);
                let y = g.y.add((row + i) * g.stride + column - g.from * BLOCK + j * LANES);
                (if g.accumulate { v.add(V::load(y)) } else { v }).store(y);
            }
        }
    }
}
