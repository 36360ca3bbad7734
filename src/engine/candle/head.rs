//! From hidden states to the best next tokens with their log-probabilities.

use crate::engine::{Candidate, StepRules};
use candle_core::Tensor;

/// The output head of a network.
pub(super) trait Head: Send + Sync {
    /// The `k` best tokens of every row of `hidden` (`[rows, d]`), as [`crate::engine::Session::step`] promises them.
    fn best(&self, hidden: &Tensor, k: usize, rules: &StepRules, out: &mut Vec<Candidate>) -> candle_core::Result<()>;
    /// All logits, row by row.
    fn logits(&self, hidden: &Tensor) -> candle_core::Result<Vec<Vec<f32>>>;
}

/// The best `k` of a stream of logits, best first; of equal ones, those that came first.
#[derive(Debug, Clone)]
pub(super) struct Best {
    k: usize,
    /// Logit and token.
    entries: Vec<(f32, u32)>,
}

impl Best {
    pub fn new(k: usize) -> Self {
        Self { k, entries: Vec::with_capacity(k + 1) }
    }

    /// A logit must be greater than this to matter.
    pub fn threshold(&self) -> f32 {
        if self.entries.len() < self.k { f32::NEG_INFINITY } else { self.entries[self.k - 1].0 }
    }

    pub fn offer(&mut self, logit: f32, token: u32) {
        if logit > self.threshold() {
            let place = self.entries.partition_point(|&(other, _)| other >= logit);
            self.entries.insert(place, (logit, token));
            self.entries.truncate(self.k);
        }
    }

    pub fn tokens(&self) -> impl Iterator<Item = u32> + '_ {
        self.entries.iter().map(|&(_, token)| token)
    }

    /// Appends exactly `k` candidates; `log_sum` is the logarithm of the sum of exponentials.
    pub fn write(&self, log_sum: f32, out: &mut Vec<Candidate>) {
        out.extend(self.entries.iter().map(|&(logit, token)| Candidate { token, log_prob: logit - log_sum }));
        out.extend((self.entries.len()..self.k).map(|_| Candidate { token: 0, log_prob: f32::NEG_INFINITY }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_stay_in_order_and_the_first_of_equals_wins() {
        let mut best = Best::new(3);
        for (token, logit) in [1.0, 3.0, f32::NEG_INFINITY, 3.0, 2.0, 3.0].into_iter().enumerate() {
            best.offer(logit, token as u32);
        }
        let mut out = Vec::new();
        best.write(0.5, &mut out);
        assert_eq!(out.iter().map(|c| c.token).collect::<Vec<_>>(), [1, 3, 5]);
        assert_eq!(out[0].log_prob, 2.5);
        let mut few = Best::new(2);
        few.offer(1.0, 7);
        out.clear();
        few.write(0.0, &mut out);
        assert_eq!(out[1].log_prob, f32::NEG_INFINITY);
    }
}
