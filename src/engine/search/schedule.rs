//! Many sentences in flight: workers over one shared queue, longest first.
//!
//! Every worker thread has its own [`Session`] and a batch of live sentences. A sentence that is done leaves at once; when a quarter of the
//! token budget is free, waiting ones join, so that the encoder gets a batch and the decoder's rows stay many. What a sentence's translation is
//! doesn't depend on any of that, as far as the backend keeps its promise that a row's numbers don't depend on its batch.

use super::beam::Search;
use super::rules::Rules;
use super::{DecodeOptions, Hypothesis};
use crate::engine::{MemoryId, Result, Row, Seq2Seq, Session, StepRules};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// What [`Seq2Seq::batch_tokens`] is unless a backend knows better.
pub const DEFAULT_BATCH_TOKENS: usize = 2048;

/// Translates `sources` (ids as the tokeniser gives them) on `threads` workers.
///
/// `max_batch_tokens` bounds source tokens times beams in flight per worker (`None`: as many as suit the model); a sentence over it goes alone. `on_done(index, hypotheses)` is
/// called once per source, best hypothesis first, from any worker and in any order. A set `cancel` ends the run after the present
/// step without an error; the first error of a backend ends it too. A length limit beyond the model's positions is lowered to them.
pub fn translate(
    model: &dyn Seq2Seq,
    sources: &[Vec<u32>],
    options: &DecodeOptions,
    threads: usize,
    max_batch_tokens: Option<usize>,
    on_done: &(dyn Fn(usize, Vec<Hypothesis>) + Sync),
    cancel: &AtomicBool,
) -> Result<()> {
    let positions = model.architecture().max_positions;
    let options = &DecodeOptions { max_length: options.max_length.clamp(1, positions), ..options.clone() };
    let threads = threads.clamp(1, sources.len().max(1));
    let budget = max_batch_tokens.unwrap_or_else(|| model.batch_tokens());
    let queue = Queue::new(sources, options.beams, threads, budget);
    let failed = AtomicBool::new(false);
    let work = || {
        let stop = || cancel.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed);
        let result =
            model.session().and_then(|mut session| Worker::new(sources, options, &queue).run(session.as_mut(), on_done, &stop));
        if result.is_err() {
            failed.store(true, Ordering::Relaxed);
        }
        result
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let first = work();
        others.into_iter().fold(first, |result, worker| {
            let other = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            result.and(other)
        })
    })
}

/// Sentences that wait, longest first, shared by the workers.
struct Queue {
    threads: usize,
    budget: usize,
    /// Tokens times beams of each sentence.
    costs: Vec<usize>,
    state: Mutex<QueueState>,
}

struct QueueState {
    /// Indices of sources, the next one last.
    waiting: Vec<usize>,
    /// Cost of everything that isn't done yet, in flight or waiting.
    outstanding: usize,
}

impl Queue {
    fn new(sources: &[Vec<u32>], beams: usize, threads: usize, budget: usize) -> Self {
        let costs: Vec<usize> = sources.iter().map(|source| source.len().max(1) * beams).collect();
        let mut waiting: Vec<usize> = (0..sources.len()).collect();
        waiting.sort_by_key(|&index| (costs[index], std::cmp::Reverse(index)));
        let outstanding = costs.iter().sum();
        Self { threads, budget, costs, state: Mutex::new(QueueState { waiting, outstanding }) }
    }

    /// The sentences that a worker with `live` cost in flight should start now. A worker without any gets one whatever it costs.
    fn take(&self, live: usize) -> Vec<usize> {
        let mut state = self.state.lock().expect("no worker panics with the lock held");
        // Near the end every worker holds its share only, so that none idles while another has two batches' worth.
        let limit = self.budget.min(state.outstanding.div_ceil(self.threads));
        let mut taken = Vec::new();
        if live > 0 && live > limit - limit / 4 {
            return taken;
        }
        let mut cost = live;
        while let Some(&next) = state.waiting.last() {
            if cost > 0 && cost + self.costs[next] > limit {
                break;
            }
            cost += self.costs[next];
            taken.push(next);
            state.waiting.pop();
        }
        taken
    }

    fn done(&self, index: usize) {
        self.state.lock().expect("no worker panics with the lock held").outstanding -= self.costs[index];
    }
}

/// A sentence in flight.
struct Live {
    index: usize,
    memory: MemoryId,
    search: Search,
}

struct Worker<'a> {
    sources: &'a [Vec<u32>],
    options: &'a DecodeOptions,
    rules: Rules<'a>,
    queue: &'a Queue,
    live: Vec<Live>,
}

impl<'a> Worker<'a> {
    fn new(sources: &'a [Vec<u32>], options: &'a DecodeOptions, queue: &'a Queue) -> Self {
        Self { sources, options, rules: Rules::new(options), queue, live: Vec::new() }
    }

    fn run(
        &mut self,
        session: &mut dyn Session,
        on_done: &dyn Fn(usize, Vec<Hypothesis>),
        stop: &dyn Fn() -> bool,
    ) -> Result<()> {
        let (mut rows, mut candidates, mut banned) = (Vec::new(), Vec::new(), Vec::<Vec<u32>>::new());
        while !stop() {
            self.admit(session, on_done)?;
            if self.live.is_empty() {
                break;
            }
            rows.clear();
            for sentence in &self.live {
                rows.extend(sentence.search.running.iter().map(|beam| Row {
                    memory: sentence.memory,
                    parent: beam.row,
                    token: beam.tokens.last().copied().unwrap_or(self.options.decoder_start),
                }));
            }
            if self.rules.depend_on_row() {
                banned.resize(rows.len().max(banned.len()), Vec::new());
                let beams = self.live.iter().flat_map(|sentence| &sentence.search.running);
                for (beam, banned) in beams.zip(&mut banned) {
                    banned.clear();
                    self.rules.banned(&beam.tokens, banned);
                }
            }
            let rules = StepRules {
                banned: self.rules.always(),
                banned_by_row: if self.rules.depend_on_row() { &banned[..rows.len()] } else { &[] },
                renormalize: self.options.renormalize,
            };
            let k = self.options.candidates();
            session.step(&rows, k, &rules, &mut candidates)?;
            self.collect(session, &candidates, k, on_done);
        }
        Ok(())
    }

    /// Starts waiting sentences as far as the budget goes. None is live afterwards only where none waits any more.
    fn admit(&mut self, session: &mut dyn Session, on_done: &dyn Fn(usize, Vec<Hypothesis>)) -> Result<()> {
        let live = self.live.iter().map(|sentence| self.queue.costs[sentence.index]).sum();
        let mut taken = self.queue.take(live);
        // A limit so low that nothing has to be decoded.
        let over_at_once = !taken.is_empty() && Search::new(self.options).is_over();
        taken.retain(|&index| {
            let search = Search::new(self.options);
            let over = search.is_over();
            if over {
                self.queue.done(index);
                on_done(index, search.into_hypotheses(self.options));
            }
            !over
        });
        if taken.is_empty() {
            return if over_at_once && self.live.is_empty() { self.admit(session, on_done) } else { Ok(()) };
        }
        let batch: Vec<&[u32]> = taken.iter().map(|&index| self.sources[index].as_slice()).collect();
        let memories = session.encode(&batch)?;
        let started = taken.into_iter().zip(memories);
        self.live.extend(started.map(|(index, memory)| Live { index, memory, search: Search::new(self.options) }));
        Ok(())
    }

    /// Gives every live sentence its candidates and lets go of those that are done.
    fn collect(
        &mut self,
        session: &mut dyn Session,
        candidates: &[crate::engine::Candidate],
        k: usize,
        on_done: &dyn Fn(usize, Vec<Hypothesis>),
    ) {
        let mut row = 0;
        let mut going = Vec::with_capacity(self.live.len());
        for mut sentence in self.live.drain(..) {
            let rows = sentence.search.running.len();
            sentence.search.advance(self.options, &candidates[row * k..(row + rows) * k], k, row as u32);
            row += rows;
            if sentence.search.is_over() {
                session.release(sentence.memory);
                self.queue.done(sentence.index);
                on_done(sentence.index, sentence.search.into_hypotheses(self.options));
            } else {
                going.push(sentence);
            }
        }
        self.live = going;
    }
}
