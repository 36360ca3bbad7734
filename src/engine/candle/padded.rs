//! Attention by candle's own operations: sentences are padded to a rectangle and what is padding is masked.
//!
//! The histories of all rows lie in one tensor per layer, `[rows, heads, time, size]`, aligned at their *end*: each step appends a column, a row that
//! joined later masks the columns before its start, and columns that no row needs any more are cut off. Following parents is an index selection.

use super::network::Attend;
use crate::model::Architecture;
use candle_core::{D, DType, Device, IndexOp, Tensor};

/// Keys and values of one encoded source: per layer `[heads, length, size]` each.
struct Memory {
    length: usize,
    layers: Vec<(Tensor, Tensor)>,
}

/// Memories padded to one rectangle, for one sequence of rows.
struct Batch {
    memories: Vec<usize>,
    /// Per layer `[rows, heads, longest, size]`.
    layers: Vec<(Tensor, Tensor)>,
    /// `[rows, 1, 1, longest]`: 0, or `-inf` behind a source's end.
    mask: Tensor,
}

pub(super) struct Padded {
    device: Device,
    heads: usize,
    layers: usize,
    memories: Vec<Option<Memory>>,
    free: Vec<usize>,
    batch: Option<Batch>,
    /// Keys and values of the rows, per layer; `None` before the first step.
    histories: Vec<Option<(Tensor, Tensor)>>,
    positions: Vec<u32>,
    /// `[rows, 1, 1, time]` for the present step.
    history_mask: Option<Tensor>,
}

impl Padded {
    pub fn new(architecture: &Architecture, device: &Device) -> Self {
        Self {
            device: device.clone(),
            heads: architecture.decoder_heads,
            layers: architecture.decoder_layers,
            memories: Vec::new(),
            free: Vec::new(),
            batch: None,
            histories: vec![None; architecture.decoder_layers],
            positions: Vec::new(),
            history_mask: None,
        }
    }

    /// A mask `[rows, 1, 1, width]` that hides what `visible(row, column)` doesn't allow.
    fn mask(&self, rows: usize, width: usize, visible: impl Fn(usize, usize) -> bool) -> candle_core::Result<Tensor> {
        let cells = (0..rows).flat_map(|row| (0..width).map(move |column| (row, column)));
        let values: Vec<f32> = cells.map(|(row, column)| if visible(row, column) { 0.0 } else { f32::NEG_INFINITY }).collect();
        Tensor::from_vec(values, (rows, 1, 1, width), &self.device)
    }

    /// Pads and stacks the memories of `memories`, unless that was done for the same ones.
    fn gather(&mut self, memories: &[usize]) -> candle_core::Result<&Batch> {
        if self.batch.as_ref().is_none_or(|batch| batch.memories != memories) {
            let mut found = Vec::with_capacity(memories.len());
            for &slot in memories {
                let Some(memory) = &self.memories[slot] else { candle_core::bail!("memory {slot} was released") };
                found.push(memory);
            }
            let longest = found.iter().map(|memory| memory.length).max().unwrap_or(0);
            let stack = |layer: usize, keys: bool| -> candle_core::Result<Tensor> {
                let padded = found.iter().map(|memory| {
                    let (k, v) = &memory.layers[layer];
                    (if keys { k } else { v }).pad_with_zeros(1, 0, longest - memory.length)
                });
                Tensor::stack(&padded.collect::<candle_core::Result<Vec<_>>>()?, 0)
            };
            let layers = (0..self.layers)
                .map(|layer| Ok((stack(layer, true)?, stack(layer, false)?)))
                .collect::<candle_core::Result<_>>()?;
            let mask = self.mask(found.len(), longest, |row, column| column < found[row].length)?;
            self.batch = Some(Batch { memories: memories.to_vec(), layers, mask });
        }
        self.batch.as_ref().ok_or_else(|| candle_core::Error::Msg("no memories".to_owned()))
    }
}

/// `[tokens, heads · size]` as `[tokens, heads, size]`.
fn split(x: &Tensor, heads: usize) -> candle_core::Result<Tensor> {
    let (tokens, width) = x.dims2()?;
    x.reshape((tokens, heads, width / heads))
}

/// Attention of `[.., heads, queries, size]` over `[.., heads, keys, size]`; the softmax is taken in `f32`. Gives output and weights.
fn attend(query: &Tensor, keys: &Tensor, values: &Tensor, mask: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
    let scale = (query.dim(D::Minus1)? as f64).powf(-0.5);
    let scores = (query.contiguous()?.matmul(&keys.transpose(D::Minus2, D::Minus1)?)? * scale)?;
    let scores = scores.to_dtype(DType::F32)?.broadcast_add(mask)?;
    let scores = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
    let weights = scores.broadcast_div(&scores.sum_keepdim(D::Minus1)?)?;
    let out = weights.to_dtype(values.dtype())?.matmul(&values.contiguous()?)?;
    Ok((out, weights))
}

impl Attend for Padded {
    fn within(&mut self, qkv: &Tensor, lengths: &[usize], heads: usize, causal: bool) -> candle_core::Result<Tensor> {
        let (tokens, width) = qkv.dims2()?;
        let width = width / 3;
        let longest = lengths.iter().copied().max().unwrap_or(0);
        // Where each cell of the rectangle comes from (padding: any token), and where each token ends up in it.
        let (mut from, mut to) = (Vec::with_capacity(lengths.len() * longest), Vec::with_capacity(tokens));
        let mut start = 0;
        for (row, &length) in lengths.iter().enumerate() {
            from.extend((0..longest).map(|column| (start + column.min(length - 1)) as u32));
            to.extend((0..length).map(|column| (row * longest + column) as u32));
            start += length;
        }
        let padded = qkv.index_select(&Tensor::new(from, &self.device)?, 0)?;
        let padded = padded.reshape((lengths.len(), longest, 3, heads, width / heads))?;
        let part = |index: usize| padded.i((.., .., index))?.transpose(1, 2)?.contiguous();
        let mut mask = self.mask(lengths.len(), longest, |row, column| column < lengths[row])?;
        if causal {
            let rows: Vec<f32> = (0..longest * longest)
                .map(|cell| if cell % longest <= cell / longest { 0.0 } else { f32::NEG_INFINITY })
                .collect();
            mask = mask.broadcast_add(&Tensor::from_vec(rows, (1, 1, longest, longest), &self.device)?)?;
        }
        let (out, _) = attend(&part(0)?, &part(1)?, &part(2)?, &mask)?;
        let out = out.transpose(1, 2)?.reshape((lengths.len() * longest, width))?;
        out.index_select(&Tensor::new(to, &self.device)?, 0)
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
        // A slot that is used again would be taken for what it was.
        self.batch = None;
        lengths.iter().map(place).collect()
    }

    fn remember(&mut self, slots: &[usize], keys_values: &Tensor) -> candle_core::Result<()> {
        let (_, width) = keys_values.dims2()?;
        let mut start = 0;
        for &slot in slots {
            let memory = self.memories[slot].as_mut().expect("the slot was just added");
            let own = keys_values.narrow(0, start, memory.length)?;
            let part = |at: usize| split(&own.narrow(1, at, width / 2)?.contiguous()?, self.heads)?.transpose(0, 1)?.contiguous();
            memory.layers.push((part(0)?, part(width / 2)?));
            start += memory.length;
        }
        Ok(())
    }

    fn forget(&mut self, slot: usize) {
        if self.memories[slot].take().is_some() {
            self.free.push(slot);
        }
    }

    fn begin_rows(&mut self, _memories: &[usize], parents: &[Option<u32>]) -> candle_core::Result<()> {
        let positions: Vec<u32> =
            parents.iter().map(|parent| parent.map_or(0, |parent| self.positions[parent as usize] + 1)).collect();
        let kept = positions.iter().copied().max().unwrap_or(0) as usize;
        let indices: Vec<u32> = parents.iter().map(|parent| parent.unwrap_or(0)).collect();
        let unchanged =
            indices.len() == self.positions.len() && indices.iter().enumerate().all(|(row, &index)| index as usize == row);
        let indices = Tensor::new(indices, &self.device)?;
        for history in &mut self.histories {
            *history = match history.take() {
                Some((keys, values)) if kept > 0 => {
                    let time = keys.dim(2)?;
                    let follow = |x: Tensor| {
                        let x = x.narrow(2, time - kept, kept)?;
                        if unchanged { Ok(x) } else { x.contiguous()?.index_select(&indices, 0) }
                    };
                    Some((follow(keys)?, follow(values)?))
                }
                _ => None,
            };
        }
        self.history_mask = Some(self.mask(positions.len(), kept + 1, |row, column| column + positions[row] as usize >= kept)?);
        self.positions = positions;
        Ok(())
    }

    fn history(&mut self, layer: usize, qkv: &Tensor) -> candle_core::Result<Tensor> {
        let (rows, width) = qkv.dims2()?;
        let width = width / 3;
        let part = |index: usize| split(&qkv.narrow(1, index * width, width)?.contiguous()?, self.heads)?.unsqueeze(2);
        let (mut keys, mut values) = (part(1)?, part(2)?);
        if let Some((before_keys, before_values)) = &self.histories[layer] {
            keys = Tensor::cat(&[before_keys, &keys], 2)?;
            values = Tensor::cat(&[before_values, &values], 2)?;
        }
        let Some(mask) = &self.history_mask else { candle_core::bail!("no rows were begun") };
        let (out, _) = attend(&part(0)?, &keys, &values, mask)?;
        self.histories[layer] = Some((keys, values));
        out.reshape((rows, width))
    }

    fn positions(&self) -> &[u32] {
        &self.positions
    }

    fn cross(
        &mut self,
        layer: usize,
        query: &Tensor,
        memories: &[usize],
        weights: Option<&mut Vec<f32>>,
    ) -> candle_core::Result<Tensor> {
        let (rows, width) = query.dims2()?;
        let query = split(query, self.heads)?.unsqueeze(2)?;
        let batch = self.gather(memories)?;
        let (keys, values) = &batch.layers[layer];
        let (out, attention) = attend(&query, keys, values, &batch.mask)?;
        if let Some(weights) = weights {
            let mean = attention.mean(1)?.squeeze(1)?.to_vec2::<f32>()?;
            for (row, &slot) in mean.iter().zip(memories) {
                let length = self.memories[slot].as_ref().map_or(0, |memory| memory.length);
                weights.extend_from_slice(&row[..length]);
            }
        }
        out.reshape((rows, width))
    }
}
