//! A worker's state over a loaded network.

use super::network::{Attend, Network, Rows};
use crate::engine::{Attention, Candidate, EngineError, MemoryId, Result, Row, Session, StepRules};

pub(super) struct CandleSession<'a> {
    network: &'a Network,
    attend: Box<dyn Attend>,
}

impl<'a> CandleSession<'a> {
    pub fn new(network: &'a Network) -> Result<Self> {
        Ok(Self { network, attend: (network.attention)(network) })
    }

    /// Runs the decoder over `start, target[..n-1]`, so that row `t` predicts `target[t]`.
    fn force(&mut self, source: &[u32], target: &[u32], weights: Option<&mut Vec<f32>>) -> Result<candle_core::Tensor> {
        self.check_length(target.len())?;
        let memory = self.encode(&[source])?[0];
        let mut fed = vec![self.network.start];
        fed.extend_from_slice(&target[..target.len().saturating_sub(1)]);
        let memories = vec![memory.0 as usize; fed.len()];
        let hidden = self.network.decode(self.attend.as_mut(), Rows::Forced(&fed), &memories, weights);
        self.release(memory);
        Ok(hidden?)
    }

    fn check_length(&self, length: usize) -> Result<()> {
        let limit = self.network.architecture.max_positions;
        if length > limit { Err(EngineError::SourceTooLong { length, limit }) } else { Ok(()) }
    }
}

impl Session for CandleSession<'_> {
    fn encode(&mut self, sources: &[&[u32]]) -> Result<Vec<MemoryId>> {
        let lengths: Vec<usize> = sources.iter().map(|source| source.len()).collect();
        for (&length, source) in lengths.iter().zip(sources) {
            self.check_length(length)?;
            if source.is_empty() {
                return Err(EngineError::Unsupported("a source without a token".to_owned()));
            }
            let vocabulary = self.network.architecture.source_vocab;
            if let Some(&id) = source.iter().find(|&&id| id as usize >= vocabulary) {
                return Err(EngineError::Unsupported(format!("source token {id} is outside the vocabulary of {vocabulary}")));
            }
        }
        let tokens = sources.concat();
        let slots = self.network.encode(self.attend.as_mut(), &tokens, &lengths)?;
        Ok(slots.into_iter().map(|slot| MemoryId(slot as u32)).collect())
    }

    fn release(&mut self, memory: MemoryId) {
        self.attend.forget(memory.0 as usize);
    }

    fn step(&mut self, rows: &[Row], k: usize, rules: &StepRules, out: &mut Vec<Candidate>) -> Result<()> {
        out.clear();
        if rows.is_empty() {
            return Ok(());
        }
        let memories: Vec<usize> = rows.iter().map(|row| row.memory.0 as usize).collect();
        let parents: Vec<Option<u32>> = rows.iter().map(|row| row.parent).collect();
        let tokens: Vec<u32> = rows.iter().map(|row| row.token).collect();
        self.attend.begin_rows(&memories, &parents)?;
        self.check_length(self.attend.positions().iter().max().map_or(0, |&position| position as usize + 1))?;
        let hidden = self.network.decode(self.attend.as_mut(), Rows::Step(&tokens), &memories, None)?;
        Ok(self.network.head().best(&hidden, k, rules, out)?)
    }

    fn attention(&mut self, source: &[u32], target: &[u32]) -> Result<Attention> {
        let mut weights = Vec::new();
        self.force(source, target, Some(&mut weights))?;
        Ok(Attention {
            source_len: source.len(),
            target_len: target.len(),
            layers: self.network.architecture.decoder_layers,
            weights,
        })
    }

    fn logits(&mut self, source: &[u32], target: &[u32]) -> Result<Vec<Vec<f32>>> {
        let hidden = self.force(source, target, None)?;
        Ok(self.network.head().logits(&hidden)?)
    }
}
