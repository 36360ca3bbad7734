//! What the kernels take beside slices: layer norms, what becomes of a product, which part of a page is read.

use super::lanes::LANES;
use super::pages::TileShape;
use crate::model::Activation;

/// Gain and bias of a layer norm, padded with zeros to a multiple of 16.
#[derive(Debug, Clone)]
pub struct Norm {
    pub(super) size: usize,
    pub(super) gain: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) epsilon: f32,
}

impl Norm {
    pub fn new(gain: &[f32], bias: &[f32], epsilon: f32) -> Norm {
        assert_eq!(gain.len(), bias.len());
        let pad = |values: &[f32]| {
            let mut padded = values.to_vec();
            padded.resize(values.len().next_multiple_of(LANES), 0.0);
            padded
        };
        Norm { size: gain.len(), gain: pad(gain), bias: pad(bias), epsilon }
    }

    /// Gain and bias as they were given.
    pub fn parts(&self) -> (&[f32], &[f32]) {
        (&self.gain[..self.size], &self.bias[..self.size])
    }
}

/// What becomes of the product in [`Kernels::linear_i8`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Linear {
    /// Applied to the sum, the residual included.
    pub activation: Option<Activation>,
    /// Adds to the output (the residual) instead of overwriting it.
    pub accumulate: bool,
}

/// Which part of a page an attention reads: see [`Kernels::attend`].
#[derive(Debug, Clone, Copy)]
pub struct Heads {
    pub shape: TileShape,
    pub count: usize,
    /// Where the layer starts in a page, in words.
    pub offset: usize,
}

impl Heads {
    pub(super) fn end(self) -> usize {
        self.offset + self.count * self.shape.words()
    }
}
