//! Attention on CPU in `f32`: every query walks the keys of its own sentence or history, so nothing is padded and no number depends on a
//! neighbour.
//!
//! Keys and values lie as the projections give them: in rows `key | value`, one per position. A history belongs to one row; a row that several
//! continue is copied for all but the last of them.

use super::network::Attend;
use super::packed::{cpu, values};
use crate::engine::kernel::Kernels;
use crate::model::Architecture;
use candle_core::{Device, Tensor};

/// Keys and values of one layer: `[positions][key | value]`.
type KeysValues = Vec<f32>;

/// What one hypothesis has taken in, layer by layer.
struct History {
    layers: Vec<KeysValues>,
}

/// Positions that a history makes room for at a time: caches are most of what a run needs beside the weights, so they don't double.
const ROOM: usize = 16;

impl History {
    fn empty(layers: usize) -> Self {
        Self { layers: vec![Vec::new(); layers] }
    }

    /// Makes room for one more position of `width` values in every layer.
    fn make_room(&mut self, width: usize) {
        for layer in &mut self.layers {
            if layer.capacity() - layer.len() < width {
                layer.reserve_exact(ROOM * width);
            }
        }
    }

    /// Becomes what `other` is, in its own memory as far as that goes.
    fn copy_from(&mut self, other: &Self) {
        for (own, other) in self.layers.iter_mut().zip(&other.layers) {
            own.clear();
            own.reserve_exact(other.capacity());
            own.extend_from_slice(other);
        }
    }
}

/// Keys and values of an encoded source, layer by layer.
struct Memory {
    length: usize,
    layers: Vec<KeysValues>,
}

pub(super) struct Ragged {
    kernels: &'static Kernels,
    width: usize,
    layers: usize,
    heads: usize,
    memories: Vec<Option<Memory>>,
    free: Vec<usize>,
    rows: Vec<History>,
    positions: Vec<u32>,
    /// Attention weights of one head.
    weights: Vec<f32>,
}

impl Ragged {
    pub fn new(architecture: &Architecture, kernels: &'static Kernels) -> Self {
        Self {
            kernels,
            width: architecture.d_model,
            layers: architecture.decoder_layers,
            heads: architecture.decoder_heads,
            memories: Vec::new(),
            free: Vec::new(),
            rows: Vec::new(),
            positions: Vec::new(),
            weights: Vec::new(),
        }
    }

    /// A tensor `[rows, d]`.
    fn rows(&self, rows: usize, data: Vec<f32>) -> candle_core::Result<Tensor> {
        Tensor::from_vec(data, (rows, self.width), &Device::Cpu)
    }
}

/// One query row (all heads) over `positions` rows of `keys_values`: the first key starts at `keys`, its value at `keys_values[values]`.
struct Query<'a> {
    query: &'a [f32],
    keys: &'a [f32],
    values: &'a [f32],
    stride: usize,
    positions: usize,
    heads: usize,
}

impl Query<'_> {
    /// `out`: `[heads · size]`. `each` sees the weights of every head.
    fn attend(&self, kernels: &Kernels, weights: &mut Vec<f32>, out: &mut [f32], mut each: impl FnMut(&[f32])) {
        let size = self.query.len() / self.heads;
        let scale = (size as f32).powf(-0.5);
        weights.resize(weights.len().max(self.positions.next_multiple_of(16)), 0.0);
        for (head, out) in out.chunks_exact_mut(size).enumerate() {
            let at = head * size;
            let query = &self.query[at..at + size];
            let (keys, values) = (&self.keys[at..], &self.values[at..]);
            kernels.attend_rows(query, keys, values, self.stride, self.positions, scale, weights, out);
            each(&weights[..self.positions]);
        }
    }
}

impl Attend for Ragged {
    fn within(&mut self, qkv: &Tensor, lengths: &[usize], heads: usize, causal: bool) -> candle_core::Result<Tensor> {
        let (storage, layout) = qkv.storage_and_layout();
        let qkv = values(cpu(&storage)?, layout)?;
        let (width, stride) = (self.width, 3 * self.width);
        let tokens = qkv.len() / stride;
        let mut out = vec![0.0; tokens * width];
        let mut start = 0;
        for &length in lengths {
            for position in 0..length {
                let token = start + position;
                let query = Query {
                    query: &qkv[token * stride..][..width],
                    keys: &qkv[start * stride + width..],
                    values: &qkv[start * stride + 2 * width..],
                    stride,
                    positions: if causal { position + 1 } else { length },
                    heads,
                };
                query.attend(self.kernels, &mut self.weights, &mut out[token * width..][..width], |_| {});
            }
            start += length;
        }
        self.rows(tokens, out)
    }

    fn add_memories(&mut self, lengths: &[usize]) -> Vec<usize> {
        let place = |&length: &usize| {
            let memory = Some(Memory { length, layers: Vec::with_capacity(self.layers) });
            match self.free.pop() {
                Some(slot) => {
                    self.memories[slot] = memory;
                    slot
                }
                None => {
                    self.memories.push(memory);
                    self.memories.len() - 1
                }
            }
        };
        lengths.iter().map(place).collect()
    }

    fn remember(&mut self, slots: &[usize], keys_values: &Tensor) -> candle_core::Result<()> {
        let (storage, layout) = keys_values.storage_and_layout();
        let mut rest = values(cpu(&storage)?, layout)?;
        for &slot in slots {
            let memory = self.memories[slot].as_mut().expect("the slot was just added");
            let (own, others) = rest.split_at(memory.length * 2 * self.width);
            memory.layers.push(own.to_vec());
            rest = others;
        }
        Ok(())
    }

    fn forget(&mut self, slot: usize) {
        if self.memories[slot].take().is_some() {
            self.free.push(slot);
        }
    }

    fn begin_rows(&mut self, _memories: &[usize], parents: &[Option<u32>]) -> candle_core::Result<()> {
        let mut children = vec![0usize; self.rows.len()];
        for parent in parents.iter().flatten() {
            children[*parent as usize] += 1;
        }
        let mut before: Vec<Option<History>> = std::mem::take(&mut self.rows).into_iter().map(Some).collect();
        // In a beam search about as many histories end as are copied: the copies take their memory.
        let mut ended: Vec<History> = before
            .iter_mut()
            .zip(&children)
            .filter(|(_, children)| **children == 0)
            .filter_map(|(history, _)| history.take())
            .collect();
        let width = 2 * self.width;
        for parent in parents {
            let mut history = match *parent {
                None => History::empty(self.layers),
                Some(parent) => {
                    let parent = parent as usize;
                    children[parent] -= 1;
                    let own = if children[parent] == 0 {
                        before[parent].take()
                    } else {
                        before[parent].as_ref().map(|history| {
                            let mut copy = ended.pop().unwrap_or_else(|| History::empty(self.layers));
                            copy.copy_from(history);
                            copy
                        })
                    };
                    own.expect("only the last child takes its parent's history away")
                }
            };
            history.make_room(width);
            self.rows.push(history);
        }
        self.positions.clear();
        self.positions.extend(self.rows.iter().map(|row| (row.layers[0].len() / width) as u32));
        Ok(())
    }

    fn history(&mut self, layer: usize, qkv: &Tensor) -> candle_core::Result<Tensor> {
        let (storage, layout) = qkv.storage_and_layout();
        let qkv = values(cpu(&storage)?, layout)?;
        let width = self.width;
        let mut out = vec![0.0; self.rows.len() * width];
        for ((row, qkv), out) in self.rows.iter_mut().zip(qkv.chunks_exact(3 * width)).zip(out.chunks_exact_mut(width)) {
            let keys_values = &mut row.layers[layer];
            keys_values.extend_from_slice(&qkv[width..]);
            let query = Query {
                query: &qkv[..width],
                keys: keys_values,
                values: &keys_values[width..],
                stride: 2 * width,
                positions: keys_values.len() / (2 * width),
                heads: self.heads,
            };
            query.attend(self.kernels, &mut self.weights, out, |_| {});
        }
        self.rows(self.rows.len(), out)
    }

    fn positions(&self) -> &[u32] {
        &self.positions
    }

    fn cross(
        &mut self,
        layer: usize,
        query: &Tensor,
        memories: &[usize],
        mut weights: Option<&mut Vec<f32>>,
    ) -> candle_core::Result<Tensor> {
        let (storage, layout) = query.storage_and_layout();
        let queries = values(cpu(&storage)?, layout)?;
        let (width, heads) = (self.width, self.heads);
        let mut out = vec![0.0; memories.len() * width];
        for ((&slot, query), out) in memories.iter().zip(queries.chunks_exact(width)).zip(out.chunks_exact_mut(width)) {
            let Some(memory) = &self.memories[slot] else { candle_core::bail!("memory {slot} was released") };
            let keys_values = &memory.layers[layer];
            let query = Query {
                query,
                keys: keys_values,
                values: &keys_values[width..],
                stride: 2 * width,
                positions: memory.length,
                heads,
            };
            match &mut weights {
                None => query.attend(self.kernels, &mut self.weights, out, |_| {}),
                Some(weights) => {
                    let start = weights.len();
                    weights.resize(start + memory.length, 0.0);
                    let mean = &mut weights[start..];
                    query.attend(self.kernels, &mut self.weights, out, |head| {
                        mean.iter_mut().zip(head).for_each(|(mean, weight)| *mean += weight / heads as f32);
                    });
                }
            }
        }
        self.rows(memories.len(), out)
    }
}
