//! Weights and rows in the layouts that the kernels read.

use super::gemm_i8::BLOCK;
use super::lanes::LANES;

/// Weights `[n, k]` as int8, one scale per output column, in panels of 16 columns: `[n / 16][k / 4][16][4]`.
///
/// `k` is padded with zeros to a multiple of 16 and `n` to one of 64. The layout is the same for every level, so that a packed file is too.
#[derive(Debug, Clone, PartialEq)]
pub struct PackedI8 {
    pub n: usize,
    pub k: usize,
    pub weights: Vec<i8>,
    /// Per column: `weight = scale · q`.
    pub scale: Vec<f32>,
    pub bias: Vec<f32>,
    /// Per column: `Σ q`, exact.
    pub sum: Vec<f32>,
}

impl PackedI8 {
    /// Packs row-major `weights` of shape `[n, k]`; columns beyond `n` get a zero weight and the bias `padding`.
    pub fn pack(weights: &[f32], bias: Option<&[f32]>, n: usize, k: usize, padding: f32) -> PackedI8 {
        assert_eq!(weights.len(), n * k, "weights of shape [{n}, {k}]");
        let (padded_n, padded_k) = (n.next_multiple_of(BLOCK), k.next_multiple_of(LANES));
        let mut packed = PackedI8 {
            n,
            k,
            weights: vec![0; padded_n * padded_k],
            scale: vec![0.0; padded_n],
            bias: vec![padding; padded_n],
            sum: vec![0.0; padded_n],
        };
        match bias {
            Some(bias) => packed.bias[..n].copy_from_slice(bias),
            None => packed.bias[..n].fill(0.0),
        }
        let columns = ColumnsMut { weights: &mut packed.weights, scale: &mut packed.scale, sum: &mut packed.sum };
        columns.pack(weights, k, 0);
        packed
    }

    pub fn view(&self) -> MatrixI8<'_> {
        MatrixI8::new(self.n, self.k, &self.weights, &self.scale, &self.bias, &self.sum)
    }
}

/// Where packed columns are written: the arrays of a [`PackedI8`], wherever they lie.
#[derive(Debug)]
pub struct ColumnsMut<'a> {
    pub weights: &'a mut [i8],
    pub scale: &'a mut [f32],
    pub sum: &'a mut [f32],
}

impl ColumnsMut<'_> {
    /// Packs row-major `rows` of `k` weights as columns `first..`; the places must hold zeros.
    pub fn pack(self, rows: &[f32], k: usize, first: usize) {
        let padded_k = k.next_multiple_of(LANES);
        for (column, row) in (first..).zip(rows.chunks_exact(k)) {
            let largest = largest_pair(row);
            let inverse = if largest > 1e-30 { 127.0 / largest } else { 0.0 };
            self.scale[column] = largest / 127.0;
            let panel = &mut self.weights[column / LANES * LANES * padded_k..][..LANES * padded_k];
            let mut sum = 0i32;
            for (group, values) in panel.chunks_exact_mut(LANES * 4).zip(row.chunks(4)) {
                let at = column % LANES * 4;
                for (to, x) in group[at..at + 4].iter_mut().zip(values) {
                    *to = (x * inverse).round_ties_even() as i8;
                    sum += i32::from(*to);
                }
            }
            self.sum[column] = sum as f32;
        }
    }
}

/// The largest magnitude that two neighbours (0 and 1, 2 and 3, …) can add to a sum: that of both where they have the same sign, else of one.
///
/// Quantised by this, a pair times two activations of 255 stays within 16 bits, so that processors without VNNI multiply bytes, exactly, at
/// nearly their full speed. It costs other processors a fraction of a bit of precision.
fn largest_pair(row: &[f32]) -> f32 {
    let pair = |pair: &[f32]| {
        let (a, b) = (pair[0], pair.get(1).copied().unwrap_or(0.0));
        a.abs().max(b.abs()).max((a + b).abs())
    };
    row.chunks(2).map(pair).fold(0.0, f32::max)
}

/// A borrowed [`PackedI8`], for instance of a mapped file.
#[derive(Debug, Clone, Copy)]
pub struct MatrixI8<'a> {
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) weights: &'a [i8],
    pub(super) scale: &'a [f32],
    pub(super) bias: &'a [f32],
    pub(super) sum: &'a [f32],
}

impl<'a> MatrixI8<'a> {
    /// # Panics
    /// Where a slice has not the length that `n` and `k` ask for.
    pub fn new(n: usize, k: usize, weights: &'a [i8], scale: &'a [f32], bias: &'a [f32], sum: &'a [f32]) -> Self {
        let columns = n.next_multiple_of(BLOCK);
        assert_eq!(weights.len(), columns * k.next_multiple_of(LANES));
        assert!(scale.len() == columns && bias.len() == columns && sum.len() == columns);
        MatrixI8 { n, k, weights, scale, bias, sum }
    }

    /// Output columns.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Length of an input row.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Blocks of 64 output columns.
    pub fn blocks(&self) -> usize {
        self.n.div_ceil(BLOCK)
    }

    /// Input row length with padding.
    pub(super) fn padded_k(&self) -> usize {
        self.k.next_multiple_of(LANES)
    }

    /// The weights of output column `column` times `factor` (an embedding, where the matrix is tied to the head): the first `k` values of `out`.
    pub fn column(&self, column: usize, factor: f32, out: &mut [f32]) {
        assert!(column < self.n);
        let factor = self.scale[column] * factor;
        let panel = &self.weights[column / LANES * LANES * self.padded_k()..];
        for (group, out) in out[..self.k].chunks_mut(4).enumerate() {
            let at = (group * LANES + column % LANES) * 4;
            for (out, q) in out.iter_mut().zip(&panel[at..at + 4]) {
                *out = f32::from(*q) * factor;
            }
        }
    }
}

/// Rows quantised by one level's kernels for its matrix multiplication. Grows when asked for more room, never shrinks.
#[derive(Debug, Default)]
pub struct QuantizedRows {
    pub(super) data: Vec<u8>,
    pub(super) scale: Vec<f32>,
    pub(super) offset: Vec<f32>,
    /// Padded row length.
    pub(super) k: usize,
    pub(super) rows: usize,
}

impl QuantizedRows {
    /// Makes room for `rows` rows of `k` values.
    pub(super) fn shape(&mut self, rows: usize, k: usize) {
        (self.rows, self.k) = (rows, k.next_multiple_of(LANES));
        if self.data.len() < rows * self.k {
            self.data.resize(rows * self.k, 0);
        }
        if self.scale.len() < rows {
            self.scale.resize(rows, 0.0);
            self.offset.resize(rows, 0.0);
        }
    }
}

/// Weights `[n, k]` as `f32` in blocks of 64 columns: `[n / 64][k][64]`.
#[derive(Debug, Clone)]
pub struct PackedF32 {
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl PackedF32 {
    /// Packs row-major `weights` of shape `[n, k]`, as a checkpoint's linear layer has them.
    pub fn pack(weights: &[f32], bias: Option<&[f32]>, n: usize, k: usize) -> PackedF32 {
        assert_eq!(weights.len(), n * k, "weights of shape [{n}, {k}]");
        let columns = n.next_multiple_of(BLOCK);
        let mut packed = PackedF32 { n, k, weights: vec![0.0; columns * k], bias: vec![0.0; columns] };
        if let Some(bias) = bias {
            packed.bias[..n].copy_from_slice(bias);
        }
        for (block, rows) in packed.weights.chunks_exact_mut(BLOCK * k).zip(weights.chunks(BLOCK * k)) {
            for (column, row) in rows.chunks_exact(k).enumerate() {
                for (i, x) in row.iter().enumerate() {
                    block[i * BLOCK + column] = *x;
                }
            }
        }
        packed
    }

    /// Output columns.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Length of an input row.
    pub fn k(&self) -> usize {
        self.k
    }

    /// The weights of output column `column` (an embedding, where the matrix is tied to the head).
    pub fn column(&self, column: usize, out: &mut [f32]) {
        assert!(column < self.n);
        let block = &self.weights[column / BLOCK * BLOCK * self.k..];
        for (i, out) in out[..self.k].iter_mut().enumerate() {
            *out = block[i * BLOCK + column % BLOCK];
        }
    }
}
