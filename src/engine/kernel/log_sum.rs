//! The logarithm of a sum of exponentials over a vocabulary whose logits come a chunk at a time.

use super::lanes::LANES;
use super::table::Kernels;

/// How far logits may lie above the reference before it is moved: `e^60` times the largest vocabulary is well within `f32`.
const SLACK: f32 = 60.0;

/// Where one row's pass over the vocabulary stands.
#[derive(Debug, Clone, Copy)]
pub struct LogSum {
    /// What the exponentials are relative to: the greatest logit of the first chunk, until one lies far above.
    reference: f32,
    /// `Σ e^(logit - reference)`, sixteen partial sums.
    sums: [f32; LANES],
}

impl LogSum {
    /// Of no logits at all.
    pub const NOTHING: LogSum = LogSum { reference: f32::NEG_INFINITY, sums: [0.0; LANES] };

    /// Takes in logits, a multiple of 16 of them; returns the greatest.
    pub fn add(&mut self, kernels: &Kernels, logits: &[f32]) -> f32 {
        if self.reference == f32::NEG_INFINITY {
            self.reference = kernels.maximum(logits);
            if self.reference == f32::NEG_INFINITY {
                return self.reference;
            }
        }
        let before = self.sums;
        let largest = kernels.add_exponentials(logits, self.reference, &mut self.sums);
        if largest > self.reference + SLACK {
            let factor = (self.reference - largest).exp();
            self.sums = before.map(|sum| sum * factor);
            self.reference = largest;
            kernels.add_exponentials(logits, largest, &mut self.sums);
        }
        largest
    }

    pub fn value(&self) -> f32 {
        self.reference + self.sums.iter().sum::<f32>().ln()
    }
}
