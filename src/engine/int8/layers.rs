//! The encoder's and the decoder's layers over a session's scratch memory.
//!
//! All rows of a buffer lie a whole number of 64-column blocks apart, zero in the padding. Between blocks the rows are held twice: as the `f32`
//! residual stream `x`, and quantised, as the next matrix wants them.

use super::layout::{Matrix, SideAt};
use super::session::{DecoderRow, Int8Session, Scratch};
use super::storage::Storage;
use crate::engine::MemoryId;
use crate::engine::kernel::{BLOCK, Heads, Kernels, Linear, Norm, PAGE, TileShape};
use crate::model::Architecture;
use std::ops::Range;

/// What every layer needs of the model.
#[derive(Clone, Copy)]
struct Pass<'a> {
    kernels: &'static Kernels,
    storage: &'a Storage,
    architecture: &'a Architecture,
    /// Rows in the buffers.
    rows: usize,
}

/// Values between two rows of a buffer of `n` columns.
fn stride(n: usize) -> usize {
    n.next_multiple_of(BLOCK)
}

/// Gives a buffer room for `rows` rows of `n` columns.
fn room(buffer: &mut Vec<f32>, rows: usize, n: usize) {
    if buffer.len() < rows * stride(n) {
        buffer.resize(rows * stride(n), 0.0);
    }
}

/// Subtracts from some columns of a sentence's rows, `stride` apart, their mean over the rows.
///
/// What all keys have in common adds the same to all scores of a query, which the softmax takes away again; but it can be several times what they
/// differ by, and would leave few of the int8 steps to that.
fn subtract_mean(rows: &mut [f32], stride: usize, columns: Range<usize>, mean: &mut Vec<f32>) {
    mean.clear();
    mean.resize(columns.len(), 0.0);
    for row in rows.chunks_exact(stride) {
        mean.iter_mut().zip(&row[columns.clone()]).for_each(|(mean, x)| *mean += x);
    }
    let count = (rows.len() / stride) as f32;
    mean.iter_mut().for_each(|mean| *mean /= count);
    for row in rows.chunks_exact_mut(stride) {
        row[columns.clone()].iter_mut().zip(&*mean).for_each(|(x, mean)| *x -= mean);
    }
}

impl Pass<'_> {
    /// Multiplies the quantised rows by a matrix into `y`.
    fn linear(&self, m: Matrix, scratch: &crate::engine::kernel::QuantizedRows, y: &mut Vec<f32>, then: Linear) {
        room(y, self.rows, m.n);
        let w = self.storage.matrix(m);
        self.kernels.linear_i8(w, scratch, 0..w.blocks(), y, stride(m.n), then);
    }

    /// Embeddings and positions of `tokens` (token, position) into the residual stream.
    fn embed(&self, side: &SideAt, tokens: impl Iterator<Item = (u32, usize)>, norm: Option<&Norm>, s: &mut Scratch) {
        let d = self.architecture.d_model;
        room(&mut s.x, self.rows, d);
        let embedding = self.storage.matrix(side.embedding);
        let positions = self.storage.array(side.positions);
        let scale = self.architecture.embedding_scale();
        for ((token, position), row) in tokens.zip(s.x.chunks_exact_mut(stride(d))) {
            embedding.column(token as usize, scale, row);
            row[..d].iter_mut().zip(&positions[position * d..][..d]).for_each(|(x, p)| *x += p);
            row[d..].fill(0.0);
        }
        if let Some(norm) = norm {
            self.kernels.norm(norm, &mut s.x, self.rows, stride(d));
        }
    }

    /// Quantises the residual stream; pre-norm models see it through the norm of the block that comes.
    fn enter(&self, norm: &Norm, s: &mut Scratch) {
        let d = self.architecture.d_model;
        if self.architecture.pre_norm {
            room(&mut s.row, 1, d);
            self.kernels.norm_quantize(norm, &s.x, self.rows, stride(d), &mut s.row, &mut s.quantized);
        } else {
            self.kernels.quantize(&s.x, self.rows, d, stride(d), &mut s.quantized);
        }
    }

    /// After a block's last matrix was added to the residual stream: post-norm models norm it now.
    fn leave(&self, norm: &Norm, s: &mut Scratch) {
        if !self.architecture.pre_norm {
            self.kernels.norm(norm, &mut s.x, self.rows, stride(self.architecture.d_model));
        }
    }

    /// Multiplies what was attended by the output projection and adds it to the residual stream.
    fn output(&self, m: Matrix, s: &mut Scratch) {
        let d = self.architecture.d_model;
        self.kernels.quantize(&s.attended, self.rows, d, stride(d), &mut s.quantized);
        self.linear(m, &s.quantized, &mut s.x, Linear { activation: None, accumulate: true });
    }

    fn feed_forward(&self, fc1: Matrix, fc2: Matrix, norm: &Norm, s: &mut Scratch) {
        self.enter(norm, s);
        let activation = Some(self.architecture.activation);
        self.linear(fc1, &s.quantized, &mut s.hidden, Linear { activation, accumulate: false });
        self.kernels.quantize(&s.hidden, self.rows, fc1.n, stride(fc1.n), &mut s.quantized);
        self.linear(fc2, &s.quantized, &mut s.x, Linear { activation: None, accumulate: true });
        self.leave(norm, s);
    }

    /// The last norm, where there is one, and the quantised rows that leave the side.
    fn finish(&self, norm: Option<&Norm>, s: &mut Scratch) {
        let d = self.architecture.d_model;
        if let Some(norm) = norm {
            self.kernels.norm(norm, &mut s.x, self.rows, stride(d));
        }
        self.kernels.quantize(&s.x, self.rows, d, stride(d), &mut s.quantized);
    }
}

impl Int8Session<'_> {
    /// Encodes sources, one behind the other without padding, and fills the pages of their memories with the cross-attention's keys and values.
    pub(super) fn encode_rows(&mut self, sources: &[&[u32]], memories: &[MemoryId]) {
        let model = self.model;
        let rows = sources.iter().map(|source| source.len()).sum();
        let pass = Pass { kernels: self.kernels, storage: &model.storage, architecture: &model.architecture, rows };
        let a = &model.architecture;
        let d = a.d_model;
        let s = &mut self.scratch;
        let tokens = sources.iter().flat_map(|source| source.iter().copied().zip(0..));
        pass.embed(&model.layout.encoder, tokens, model.norms.encoder_embedding.as_ref(), s);
        let head = Heads { shape: TileShape { size: d / a.encoder_heads }, count: 1, offset: 0 };
        let longest = sources.iter().map(|source| source.len()).max().unwrap_or(0);
        let pages: Vec<u32> = (0..longest.div_ceil(PAGE)).map(|_| self.encoder_pool.take()).collect();
        room(&mut s.attended, rows, d);
        for (layer, [attention_norm, final_norm]) in model.layout.encoder_layers.iter().zip(&model.norms.encoder) {
            pass.enter(attention_norm, s);
            pass.linear(layer.qkv, &s.quantized, &mut s.projected, Linear::default());
            let wide = stride(3 * d);
            let mut first = 0;
            for source in sources {
                let projected = &mut s.projected[first * wide..][..source.len() * wide];
                subtract_mean(projected, wide, d..2 * d, &mut s.row);
                // Head by head: its keys and values stay in the first-level cache while all queries pass over them.
                for at in (0..d).step_by(head.shape.size) {
                    for (position, row) in projected.chunks_exact(wide).enumerate() {
                        let page = self.encoder_pool.page_mut(pages[position / PAGE]);
                        let (key, value) = (&row[d + at..], &row[2 * d + at..]);
                        pass.kernels.store_key_value(page, head, position % PAGE, key, value);
                    }
                    let (queries, out) = (&projected[at..], &mut s.attended[first * stride(d) + at..]);
                    let (strides, pool) = ((wide, stride(d)), &self.encoder_pool);
                    pass.kernels.attend(queries, strides, pool, &pages, head, source.len(), &mut s.attention, out, None);
                }
                first += source.len();
            }
            pass.output(layer.output, s);
            pass.leave(attention_norm, s);
            pass.feed_forward(layer.fc1, layer.fc2, final_norm, s);
        }
        pages.into_iter().for_each(|page| self.encoder_pool.release(page));
        pass.finish(model.norms.encoder_final.as_ref(), s);
        for (index, layer) in model.layout.decoder_layers.iter().enumerate() {
            pass.linear(layer.cross_key_value, &s.quantized, &mut s.projected, Linear::default());
            let shape = TileShape { size: d / a.decoder_heads };
            let heads = Heads { shape, count: a.decoder_heads, offset: index * a.decoder_heads * shape.words() };
            let wide = stride(2 * d);
            let mut projected = &mut s.projected[..];
            for memory in memories {
                let memory = self.memories[memory.0 as usize].as_ref().expect("memories are added before they are filled");
                let (rows, rest) = projected.split_at_mut(memory.length * wide);
                projected = rest;
                subtract_mean(rows, wide, 0..d, &mut s.row);
                for (position, row) in rows.chunks_exact(wide).enumerate() {
                    let page = self.pool.page_mut(memory.pages[position / PAGE]);
                    pass.kernels.store_key_value(page, heads, position % PAGE, row, &row[d..]);
                }
            }
        }
    }

    /// One pass of the decoder over rows whose histories have room for their positions; the output is left quantised in the scratch memory.
    ///
    /// `weights`, if given, gets the cross-attention of every layer and row, mean over heads: `[layers, rows, source length]` for rows of one memory.
    pub(super) fn decode(&mut self, rows: &[DecoderRow], mut weights: Option<&mut Vec<f32>>) {
        let model = self.model;
        let d = model.architecture.d_model;
        let norms = &model.norms;
        let all_heads: Heads = self.decoder_heads(0);
        let pass = Pass { kernels: self.kernels, storage: &model.storage, architecture: &model.architecture, rows: rows.len() };
        let s = &mut self.scratch;
        let tokens = rows.iter().map(|row| (row.token, row.position));
        pass.embed(&model.layout.decoder, tokens, norms.decoder_embedding.as_ref(), s);
        room(&mut s.attended, rows.len(), d);
        for (index, (layer, [attention_norm, cross_norm, final_norm])) in
            model.layout.decoder_layers.iter().zip(&norms.decoder).enumerate()
        {
            let heads = Heads { offset: index * all_heads.count * all_heads.shape.words(), ..all_heads };
            pass.enter(attention_norm, s);
            pass.linear(layer.qkv, &s.quantized, &mut s.projected, Linear::default());
            let wide = stride(3 * d);
            // A row writes its key and value and then reads all up to its own, which rows before it wrote: those of a forced target too,
            // which share one history. What was just written is still in the cache.
            let attended = s.attended.chunks_exact_mut(stride(d));
            for ((row, projected), out) in rows.iter().zip(s.projected.chunks_exact(wide)).zip(attended) {
                let pages = &self.histories[row.history].pages;
                let (page, at) = (self.pool.page_mut(pages[row.position / PAGE]), row.position % PAGE);
                pass.kernels.store_key_value(page, heads, at, &projected[d..], &projected[2 * d..]);
                let positions = row.position + 1;
                let query = &projected[..d];
                pass.kernels.attend(query, (d, d), &self.pool, pages, heads, positions, &mut s.attention, out, None);
            }
            pass.output(layer.output, s);
            pass.leave(attention_norm, s);

            pass.enter(cross_norm, s);
            pass.linear(layer.cross_query, &s.quantized, &mut s.projected, Linear::default());
            let attended = s.attended.chunks_exact_mut(stride(d));
            let queries = s.projected.chunks_exact(stride(d));
            for (number, ((row, query), out)) in rows.iter().zip(queries).zip(attended).enumerate() {
                let memory = self.memories[row.memory].as_ref().expect("checked by the caller");
                let mean = weights
                    .as_mut()
                    .map(|weights| &mut weights[(index * rows.len() + number) * memory.length..][..memory.length]);
                let (pages, positions) = (&memory.pages, memory.length);
                pass.kernels.attend(&query[..d], (d, d), &self.pool, pages, heads, positions, &mut s.attention, out, mean);
            }
            pass.output(layer.cross_output, s);
            pass.leave(cross_norm, s);
            pass.feed_forward(layer.fc1, layer.fc2, final_norm, s);
        }
        pass.finish(norms.decoder_final.as_ref(), s);
    }
}
