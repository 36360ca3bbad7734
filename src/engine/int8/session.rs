//! A worker's state: encoded sources, the histories of the live rows, scratch memory.
//!
//! Keys and values live in pages of sixteen positions ([`crate::engine::kernel::TileShape`]), all decoder layers and heads of a position in
//! one page. An encoded source is a list of pages that the cross-attention reads; a row's history is another that its self-attention reads and that
//! grows by a position each step. Rows that continue the same parent share its pages; only the last, partly filled page is copied when one of
//! them writes to it.

use super::{Int8Model, head};
use crate::engine::kernel::{Heads, Kernels, LogSum, PAGE, Pool, QuantizedRows, TileShape};
use crate::engine::{Attention, Candidate, EngineError, MemoryId, Result, Row, Session, StepRules};

/// Source rows that go through the encoder at once: enough to keep the multipliers busy, few enough to stay in the second-level cache.
const ENCODER_ROWS: usize = 256;

/// An encoded source.
#[derive(Debug)]
pub(super) struct Memory {
    pub pages: Vec<u32>,
    pub length: usize,
}

/// Keys and values of a row's positions so far.
#[derive(Debug, Default)]
pub(super) struct History {
    pub pages: Vec<u32>,
    pub length: usize,
}

/// A row of a decoder pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct DecoderRow {
    pub token: u32,
    pub position: usize,
    /// Index of its memory.
    pub memory: usize,
    /// Index of its history.
    pub history: usize,
}

/// Buffers that are reused from step to step; they grow to the largest batch seen.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The residual stream.
    pub x: Vec<f32>,
    /// Projections: query, key, value; or the cross-attention's.
    pub projected: Vec<f32>,
    pub attended: Vec<f32>,
    pub hidden: Vec<f32>,
    /// One row.
    pub row: Vec<f32>,
    /// Attention weights of one row.
    pub attention: Vec<f32>,
    pub quantized: QuantizedRows,
    pub logits: Vec<f32>,
    pub sums: Vec<LogSum>,
}

/// See the module.
pub(super) struct Int8Session<'m> {
    pub model: &'m Int8Model,
    pub kernels: &'static Kernels,
    /// Pages of the decoder: all layers.
    pub pool: Pool,
    /// Pages of the encoder's self-attention: one head of one layer, used again for the next.
    pub encoder_pool: Pool,
    pub memories: Vec<Option<Memory>>,
    free_memories: Vec<u32>,
    pub histories: Vec<History>,
    /// Those of the previous step, and emptied ones to be used again.
    previous: Vec<History>,
    spare: Vec<History>,
    rows: Vec<DecoderRow>,
    pub scratch: Scratch,
}

impl<'m> Int8Session<'m> {
    pub fn new(model: &'m Int8Model) -> Self {
        let a = &model.architecture;
        let words = |heads: usize| TileShape { size: a.d_model / heads }.words();
        Int8Session {
            model,
            kernels: model.kernels,
            pool: model
                .pools
                .lock()
                .ok()
                .and_then(|mut pools| pools.pop())
                .unwrap_or_else(|| Pool::new(a.decoder_layers * a.decoder_heads * words(a.decoder_heads))),
            encoder_pool: Pool::new(words(a.encoder_heads)),
            memories: Vec::new(),
            free_memories: Vec::new(),
            histories: Vec::new(),
            previous: Vec::new(),
            spare: Vec::new(),
            rows: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// The tiles of a decoder layer in a page.
    pub fn decoder_heads(&self, layer: usize) -> Heads {
        let a = &self.model.architecture;
        let shape = TileShape { size: a.d_model / a.decoder_heads };
        Heads { shape, count: a.decoder_heads, offset: layer * a.decoder_heads * shape.words() }
    }

    fn check_source(&self, source: &[u32]) -> Result<()> {
        let a = &self.model.architecture;
        if source.len() > a.max_positions {
            return Err(EngineError::SourceTooLong { length: source.len(), limit: a.max_positions });
        }
        if source.is_empty() {
            return Err(EngineError::Unsupported("a source without any token".to_owned()));
        }
        check_tokens(source.iter().copied(), a.source_vocab)
    }

    fn add_memory(&mut self, length: usize) -> MemoryId {
        let pages = (0..length.div_ceil(PAGE)).map(|_| self.pool.take()).collect();
        let memory = Some(Memory { pages, length });
        match self.free_memories.pop() {
            Some(id) => {
                self.memories[id as usize] = memory;
                MemoryId(id)
            }
            None => {
                self.memories.push(memory);
                MemoryId(self.memories.len() as u32 - 1)
            }
        }
    }

    /// Turns the histories of the last step into those of `rows`, each one position longer and its last page its own.
    fn reorder(&mut self, rows: &[Row]) -> Result<()> {
        std::mem::swap(&mut self.histories, &mut self.previous);
        for row in rows {
            let mut history = self.spare.pop().unwrap_or_default();
            if let Some(parent) = row.parent {
                let parent = self.previous.get(parent as usize).ok_or_else(|| {
                    EngineError::Unsupported(format!("row {parent} of the previous step, which had {}", self.previous.len()))
                })?;
                history.pages.extend_from_slice(&parent.pages);
                history.length = parent.length;
                history.pages.iter().for_each(|page| self.pool.share(*page));
            }
            self.histories.push(history);
        }
        for mut history in self.previous.drain(..) {
            history.pages.drain(..).for_each(|page| self.pool.release(page));
            history.length = 0;
            self.spare.push(history);
        }
        let limit = self.model.architecture.max_positions;
        for history in &mut self.histories {
            if history.length == limit {
                return Err(EngineError::Unsupported(format!("a target of more than the model's {limit} positions")));
            }
            match history.pages.last_mut() {
                Some(last) if history.length % PAGE != 0 => *last = self.pool.make_own(*last),
                _ => history.pages.push(self.pool.take()),
            }
            history.length += 1;
        }
        Ok(())
    }

    /// Runs the decoder over a whole target at once: row `t` predicts `target[t]`. The histories of live rows are kept.
    /// Returns the memory, which the caller releases; the normed output is left quantised in the scratch memory.
    fn force(&mut self, source: &[u32], target: &[u32], weights: Option<&mut Vec<f32>>) -> Result<MemoryId> {
        let a = &self.model.architecture;
        if target.len() > a.max_positions {
            return Err(EngineError::SourceTooLong { length: target.len(), limit: a.max_positions });
        }
        check_tokens(target.iter().copied(), a.target_vocab)?;
        let memory = self.encode(&[source])?[0];
        let pages: Vec<u32> = (0..target.len().div_ceil(PAGE)).map(|_| self.pool.take()).collect();
        let history = self.histories.len();
        self.histories.push(History { pages, length: target.len() });
        let inputs = std::iter::once(self.model.decoder_start).chain(target.iter().copied());
        let rows: Vec<DecoderRow> = inputs
            .take(target.len())
            .enumerate()
            .map(|(position, token)| DecoderRow { token, position, memory: memory.0 as usize, history })
            .collect();
        self.decode(&rows, weights);
        let history = self.histories.pop().expect("pushed above");
        history.pages.into_iter().for_each(|page| self.pool.release(page));
        Ok(memory)
    }
}

impl Drop for Int8Session<'_> {
    fn drop(&mut self) {
        let mut pool = std::mem::take(&mut self.pool);
        pool.release_all();
        if let Ok(mut pools) = self.model.pools.lock() {
            pools.push(pool);
        }
    }
}

fn check_tokens(tokens: impl Iterator<Item = u32>, vocabulary: usize) -> Result<()> {
    match tokens.into_iter().find(|token| *token as usize >= vocabulary) {
        Some(token) => Err(EngineError::Unsupported(format!("token {token} of a vocabulary of {vocabulary}"))),
        None => Ok(()),
    }
}

impl Session for Int8Session<'_> {
    fn encode(&mut self, sources: &[&[u32]]) -> Result<Vec<MemoryId>> {
        sources.iter().try_for_each(|source| self.check_source(source))?;
        let ids: Vec<MemoryId> = sources.iter().map(|source| self.add_memory(source.len())).collect();
        let mut start = 0;
        while start < sources.len() {
            let mut end = start + 1;
            let mut rows = sources[start].len();
            while end < sources.len() && rows + sources[end].len() <= ENCODER_ROWS {
                rows += sources[end].len();
                end += 1;
            }
            self.encode_rows(&sources[start..end], &ids[start..end]);
            start = end;
        }
        Ok(ids)
    }

    fn release(&mut self, memory: MemoryId) {
        if let Some(memory) = self.memories.get_mut(memory.0 as usize).and_then(Option::take) {
            memory.pages.into_iter().for_each(|page| self.pool.release(page));
        } else {
            return;
        }
        self.free_memories.push(memory.0);
    }

    fn step(&mut self, rows: &[Row], k: usize, rules: &StepRules, out: &mut Vec<Candidate>) -> Result<()> {
        check_tokens(rows.iter().map(|row| row.token), self.model.architecture.target_vocab)?;
        if let Some(row) = rows.iter().find(|row| !matches!(self.memories.get(row.memory.0 as usize), Some(Some(_)))) {
            return Err(EngineError::Unsupported(format!("memory {} was released", row.memory.0)));
        }
        self.reorder(rows)?;
        let mut inputs = std::mem::take(&mut self.rows);
        inputs.clear();
        inputs.extend(rows.iter().enumerate().map(|(history, row)| DecoderRow {
            token: row.token,
            position: self.histories[history].length - 1,
            memory: row.memory.0 as usize,
            history,
        }));
        self.decode(&inputs, None);
        self.rows = inputs;
        let quantized = std::mem::take(&mut self.scratch.quantized);
        let head = self.model.storage.matrix(self.model.layout.head);
        if k > 0 && !rows.is_empty() {
            head::best(self.kernels, head, &quantized, rows.len(), k, rules, &mut self.scratch, out);
        } else {
            out.clear();
        }
        self.scratch.quantized = quantized;
        Ok(())
    }

    fn attention(&mut self, source: &[u32], target: &[u32]) -> Result<Attention> {
        let layers = self.model.architecture.decoder_layers;
        let mut weights = vec![0.0; layers * target.len() * source.len()];
        let memory = self.force(source, target, Some(&mut weights))?;
        self.release(memory);
        Ok(Attention { source_len: source.len(), target_len: target.len(), layers, weights })
    }

    fn logits(&mut self, source: &[u32], target: &[u32]) -> Result<Vec<Vec<f32>>> {
        let memory = self.force(source, target, None)?;
        self.release(memory);
        let head = self.model.storage.matrix(self.model.layout.head);
        let quantized = &self.scratch.quantized;
        Ok(head::logits(self.kernels, head, quantized, target.len()))
    }
}
