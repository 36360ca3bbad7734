//! Many sentences in flight: workers over one shared queue, longest first, ending together.
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
    let work = &|worker: usize| {
        let stop = || cancel.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed);
        let result = model
            .session()
            .and_then(|mut session| Worker::new(worker, sources, options, &queue).run(session.as_mut(), on_done, &stop));
        if result.is_err() {
            failed.store(true, Ordering::Relaxed);
        }
        result
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|worker| scope.spawn(move || work(worker))).collect();
        let first = work(0);
        others.into_iter().fold(first, |result, worker| {
            let other = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            result.and(other)
        })
    })
}

/// Sentences that wait. They are dealt to the workers longest first, so that each has as many sentences and about as many tokens as the others and
/// all end together; a worker that has none left takes half of those that wait for another.
struct Queue {
    /// Tokens times beams that a worker has in flight.
    budget: usize,
    /// Tokens times beams of each sentence.
    costs: Vec<usize>,
    hands: Mutex<Vec<Hand>>,
}

/// What waits for one worker.
#[derive(Default)]
struct Hand {
    /// Indices of sources, the next one last.
    waiting: Vec<usize>,
    /// Of all that wait.
    cost: usize,
}

impl Queue {
    fn new(sources: &[Vec<u32>], beams: usize, threads: usize, budget: usize) -> Self {
        let costs: Vec<usize> = sources.iter().map(|source| source.len().max(1) * beams).collect();
        let mut order: Vec<usize> = (0..sources.len()).collect();
        order.sort_by_key(|&index| (costs[index], std::cmp::Reverse(index)));
        let mut hands: Vec<Hand> = (0..threads).map(|_| Hand::default()).collect();
        // There and back, so that nobody always gets the shorter one.
        let there_and_back = (0..threads).chain((0..threads).rev()).cycle();
        for (index, hand) in order.into_iter().zip(there_and_back) {
            hands[hand].waiting.push(index);
            hands[hand].cost += costs[index];
        }
        Self { budget, costs, hands: Mutex::new(hands) }
    }

    /// The sentences that a worker with `live` cost in flight should start now. A worker without any gets one whatever it costs.
    fn take(&self, worker: usize, live: usize) -> Vec<usize> {
        let mut taken = Vec::new();
        if live > self.budget - self.budget / 4 {
            return taken;
        }
        let mut hands = self.hands.lock().expect("no worker panics with the lock held");
        if hands[worker].waiting.is_empty() {
            self.share(&mut hands, worker);
        }
        let hand = &mut hands[worker];
        // A worker that starts from nothing divides what it has into equal parts: the last one is no smaller than the first.
        let limit = if live == 0 { hand.cost.div_ceil(hand.cost.div_ceil(self.budget).max(1)) } else { self.budget };
        let mut cost = live;
        while let Some(&next) = hand.waiting.last() {
            let more = self.costs[next];
            if cost > 0 && (cost + more > self.budget || cost + more / 2 > limit) {
                break;
            }
            cost += self.costs[next];
            hand.cost -= self.costs[next];
            taken.push(next);
            hand.waiting.pop();
        }
        taken
    }

    /// Gives a worker every second sentence of the one for whom most waits.
    fn share(&self, hands: &mut [Hand], worker: usize) {
        let Some(from) = hands.iter_mut().max_by_key(|hand| hand.cost) else { return };
        let all = std::mem::take(from);
        let mut given = Hand::default();
        for (place, index) in all.waiting.into_iter().enumerate() {
            let hand = if place % 2 == 0 { &mut given } else { &mut *from };
            hand.waiting.push(index);
            hand.cost += self.costs[index];
        }
        hands[worker] = given;
    }
}

/// A sentence in flight.
struct Live {
    index: usize,
    memory: MemoryId,
    search: Search,
}

struct Worker<'a> {
    number: usize,
    sources: &'a [Vec<u32>],
    options: &'a DecodeOptions,
    rules: Rules<'a>,
    queue: &'a Queue,
    live: Vec<Live>,
}

impl<'a> Worker<'a> {
    fn new(number: usize, sources: &'a [Vec<u32>], options: &'a DecodeOptions, queue: &'a Queue) -> Self {
        Self { number, sources, options, rules: Rules::new(options), queue, live: Vec::new() }
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
        let mut taken = self.queue.take(self.number, live);
        // A limit so low that nothing has to be decoded.
        let over_at_once = !taken.is_empty() && Search::new(self.options).is_over();
        taken.retain(|&index| {
            let search = Search::new(self.options);
            let over = search.is_over();
            if over {
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
                on_done(sentence.index, sentence.search.into_hypotheses(self.options));
            } else {
                going.push(sentence);
            }
        }
        self.live = going;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(lengths: impl IntoIterator<Item = usize>) -> Vec<Vec<u32>> {
        lengths.into_iter().map(|length| vec![7; length]).collect()
    }

    #[test]
    fn workers_get_as_many_sentences_and_about_as_many_tokens() {
        let sources = sources((0..101).map(|i| 5 + i * 37 % 60));
        let queue = Queue::new(&sources, 4, 3, 1 << 20);
        let taken: Vec<Vec<usize>> = (0..3).map(|worker| queue.take(worker, 0)).collect();
        let mut all: Vec<usize> = taken.concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..101));
        let tokens = taken.iter().map(|indices| indices.iter().map(|i| sources[*i].len()).sum::<usize>());
        assert!(taken.iter().all(|indices| (33..=34).contains(&indices.len())));
        let (least, most) = (tokens.clone().min().unwrap(), tokens.max().unwrap());
        assert!(most - least <= 64, "{least} to {most}");
    }

    #[test]
    fn what_exceeds_the_budget_is_divided_into_equal_parts() {
        let sources = sources(vec![10; 25]);
        let queue = Queue::new(&sources, 1, 1, 100);
        let parts: Vec<usize> = (0..3).map(|_| queue.take(0, 0).len()).collect();
        assert_eq!(parts, [8, 9, 8]);
        assert!(queue.take(0, 0).is_empty());
        // A batch in flight is filled up when a quarter of it is free, and a sentence over the budget goes alone.
        let queue = Queue::new(&sources, 1, 1, 100);
        assert_eq!((queue.take(0, 80).len(), queue.take(0, 70).len()), (0, 3));
        let queue = Queue::new(&sources, 11, 1, 100);
        assert_eq!(queue.take(0, 0).len(), 1);
    }

    #[test]
    fn a_worker_without_work_takes_half_of_the_others() {
        let sources = sources(1..=20);
        let queue = Queue::new(&sources, 1, 2, 30);
        let mut taken = queue.take(0, 0);
        // The other worker never comes.
        loop {
            let more = queue.take(0, 0);
            if more.is_empty() {
                break;
            }
            taken.extend(more);
        }
        taken.sort_unstable();
        assert!(taken.into_iter().eq(0..20));
    }
}
