//! The search for one sentence, as a state machine: it says which rows to feed, takes their candidates, and ends with hypotheses.
//!
//! It follows `_beam_search` of transformers 5 (`generation/utils.py`) step by step, in `f32` where that is: running beams and finished ones
//! are kept apart; `(1 + number of eos tokens) · beams` candidates are drawn so that `beams` of them can go on; only candidates among the first `beams` may
//! finish; scores are `sum / length^penalty`; and a heuristic on the best running score decides when nothing can improve. Greedy search is the case of one beam,
//! which transformers runs as `_sample`: it ends at the first end of sentence.

use super::{DecodeOptions, Hypothesis};
use crate::engine::Candidate;
use crate::model::EarlyStopping;

/// Stands for "no hypothesis yet" among finished scores, as in transformers.
const NOTHING: f32 = -1.0e9;

/// A hypothesis that goes on.
#[derive(Debug, Clone)]
pub(super) struct Running {
    /// Generated tokens; the last one is to be fed next.
    pub tokens: Vec<u32>,
    pub log_prob: f32,
    /// The row of the last step that it continues; `None` before the first.
    pub row: Option<u32>,
}

/// One sentence in flight.
#[derive(Debug)]
pub(super) struct Search {
    pub running: Vec<Running>,
    /// At most `beams`, best first.
    finished: Vec<Hypothesis>,
    /// No running beam can beat the finished ones.
    settled: bool,
    over: bool,
}

/// A candidate continuation: which beam, which token, accumulated log-probability.
#[derive(Debug, Clone, Copy)]
struct Continuation {
    beam: usize,
    token: u32,
    log_prob: f32,
}

impl Search {
    pub fn new(options: &DecodeOptions) -> Self {
        let start = Running { tokens: Vec::new(), log_prob: 0.0, row: None };
        let mut search = Self { running: vec![start], finished: Vec::new(), settled: false, over: false };
        search.force_end(options);
        search
    }

    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Takes the candidates of this sentence's rows (`per_row` each, in the order of `running`), which were rows `first_row..` of the step.
    pub fn advance(&mut self, options: &DecodeOptions, candidates: &[Candidate], per_row: usize, first_row: u32) {
        for (index, beam) in self.running.iter_mut().enumerate() {
            beam.row = Some(first_row + index as u32);
        }
        let generated = self.running[0].tokens.len();
        if let Some(&token) = options.prefix.get(generated) {
            self.running[0].tokens.push(token);
            if generated + 1 >= options.max_length {
                // A prefix as long as the limit leaves nothing to decode.
                let beam = self.running.swap_remove(0);
                self.finished.push(hypothesis(options, beam.tokens, beam.log_prob, false));
                self.over = true;
            }
        } else {
            let mut continuations = Vec::with_capacity(candidates.len());
            for (beam, row) in candidates.chunks_exact(per_row).enumerate() {
                let base = self.running[beam].log_prob;
                continuations.extend(row.iter().map(|c| Continuation { beam, token: c.token, log_prob: base + c.log_prob }));
            }
            self.over = self.take(options, continuations);
        }
        if !self.over {
            self.force_end(options);
        }
    }

    /// Where only the forced end of sentence is left, no model is needed: every beam takes it with log-probability 0.
    fn force_end(&mut self, options: &DecodeOptions) {
        let generated = self.running[0].tokens.len();
        if options.forced_eos.is_empty() || generated + 1 != options.max_length || generated < options.prefix.len() {
            return;
        }
        let mut continuations = Vec::new();
        for (beam, running) in self.running.iter().enumerate() {
            continuations.extend(options.forced_eos.iter().map(|&token| Continuation {
                beam,
                token,
                log_prob: running.log_prob,
            }));
        }
        self.take(options, continuations);
        self.over = true;
    }

    /// One step of the search over all continuations of all beams. `true`: it is over.
    fn take(&mut self, options: &DecodeOptions, mut continuations: Vec<Continuation>) -> bool {
        let length = self.running[0].tokens.len() + 1;
        let at_limit = length >= options.max_length;
        // Stable: equal scores keep the order of beams and tokens.
        continuations.sort_by(|a, b| b.log_prob.total_cmp(&a.log_prob));
        if options.beams == 1 {
            let best = continuations[0];
            let beam = &mut self.running[0];
            beam.tokens.push(best.token);
            beam.log_prob = best.log_prob;
            let ended = options.eos.contains(&best.token);
            if ended || at_limit {
                let beam = self.running.swap_remove(0);
                self.finished.push(hypothesis(options, beam.tokens, beam.log_prob, ended));
                return true;
            }
            return false;
        }
        continuations.truncate(options.candidates());
        let ends = |c: &Continuation| at_limit || options.eos.contains(&c.token);
        self.finish(options, continuations.iter().take(options.beams).filter(|c| ends(c)));
        if continuations.iter().all(&ends) {
            return true;
        }
        let next: Vec<Running> = continuations
            .iter()
            .filter(|c| !ends(c))
            .take(options.beams)
            .map(|c| {
                let parent = &self.running[c.beam];
                let mut tokens = Vec::with_capacity(parent.tokens.len() + 1);
                tokens.extend_from_slice(&parent.tokens);
                tokens.push(c.token);
                Running { tokens, log_prob: c.log_prob, row: parent.row }
            })
            .collect();
        self.running = next;
        self.settle(options, length);
        self.settled || (options.early_stopping == EarlyStopping::Yes && self.finished.len() == options.beams)
    }

    /// Merges newly finished candidates into the finished ones, of which the best `beams` stay.
    fn finish<'c>(&mut self, options: &DecodeOptions, ended: impl Iterator<Item = &'c Continuation>) {
        for candidate in ended {
            let mut tokens = self.running[candidate.beam].tokens.clone();
            tokens.push(candidate.token);
            let finished = options.eos.contains(&candidate.token);
            self.finished.push(hypothesis(options, tokens, candidate.log_prob, finished));
        }
        self.finished.sort_by(|a, b| b.rank_score.total_cmp(&a.rank_score));
        self.finished.truncate(options.beams);
    }

    /// Decides whether a running beam may still beat the finished ones.
    fn settle(&mut self, options: &DecodeOptions, length: usize) {
        let penalty = options.length_penalty;
        let hypothetical =
            if options.early_stopping == EarlyStopping::Never && penalty > 0.0 { options.max_length } else { length };
        let best_running = self.running[0].log_prob / length_factor(hypothetical, penalty);
        let worst_finished =
            if self.finished.len() == options.beams { self.finished[options.beams - 1].rank_score } else { NOTHING };
        self.settled |= best_running <= worst_finished;
    }

    /// The best hypotheses, best first.
    pub fn into_hypotheses(mut self, options: &DecodeOptions) -> Vec<Hypothesis> {
        self.finished.truncate(options.nbest.clamp(1, options.beams));
        self.finished
    }
}

fn hypothesis(options: &DecodeOptions, ids: Vec<u32>, log_prob: f32, ended: bool) -> Hypothesis {
    let length = ids.len();
    // An end that was forced at the limit is not the decoder's own.
    let forced = length >= options.max_length && !options.forced_eos.is_empty();
    Hypothesis {
        log_prob,
        score: log_prob / length as f32,
        rank_score: log_prob / length_factor(length, options.length_penalty),
        finished: ended && !forced,
        ids,
    }
}

fn length_factor(length: usize, penalty: f64) -> f32 {
    (length as f64).powf(penalty) as f32
}
