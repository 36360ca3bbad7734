//! Where every weight of a model lies in its packed form, and what it is made from.
//!
//! One block of memory holds all of them, so that it can be a file that is mapped on the next start. The order is that of their use in a step.

use crate::engine::kernel::BLOCK;
use crate::model::checkpoint::Attention;
use crate::model::{Architecture, Checkpoint, Linear, Side};

/// Every part starts at a multiple of a cache line.
const ALIGNMENT: usize = 64;

/// A packed matrix: byte offsets of its arrays. See [`crate::engine::kernel::PackedI8`] for their form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Matrix {
    pub n: usize,
    pub k: usize,
    pub weights: usize,
    pub scale: usize,
    pub bias: usize,
    pub sum: usize,
}

/// A plain array of `f32`: byte offset and number of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Array {
    pub offset: usize,
    pub len: usize,
}

/// Gain and bias of a layer norm.
#[derive(Debug, Clone, Copy)]
pub(super) struct NormAt {
    pub gain: Array,
    pub bias: Array,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct EncoderLayerAt {
    /// Query, key and value projections side by side: `[3 d, d]`.
    pub qkv: Matrix,
    pub output: Matrix,
    pub attention_norm: NormAt,
    pub fc1: Matrix,
    pub fc2: Matrix,
    pub final_norm: NormAt,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct DecoderLayerAt {
    pub qkv: Matrix,
    pub output: Matrix,
    pub attention_norm: NormAt,
    pub cross_query: Matrix,
    /// Key and value projections of the encoder's output: `[2 d, d]`.
    pub cross_key_value: Matrix,
    pub cross_output: Matrix,
    pub cross_norm: NormAt,
    pub fc1: Matrix,
    pub fc2: Matrix,
    pub final_norm: NormAt,
}

/// Embedding, positions and norms that stand before and after the layers of one side.
#[derive(Debug, Clone, Copy)]
pub(super) struct SideAt {
    /// A vocabulary entry is a column.
    pub embedding: Matrix,
    /// `[max_positions, d]`.
    pub positions: Array,
    pub embedding_norm: Option<NormAt>,
    pub final_norm: Option<NormAt>,
}

/// What a part is filled from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Linear layers side by side, in order.
    Matrix {
        to: Matrix,
        from: Vec<Linear>,
        padding: f32,
    },
    Tensor {
        to: Array,
        name: String,
    },
    Positions {
        to: Array,
        side: Side,
    },
}

/// All parts of a model.
#[derive(Debug)]
pub(super) struct Layout {
    pub encoder: SideAt,
    pub decoder: SideAt,
    pub encoder_layers: Vec<EncoderLayerAt>,
    pub decoder_layers: Vec<DecoderLayerAt>,
    pub head: Matrix,
    pub sources: Vec<Source>,
    /// Bytes in all.
    pub size: usize,
}

impl Layout {
    pub fn new(checkpoint: &Checkpoint) -> Layout {
        let architecture = &checkpoint.architecture;
        let mut at = Places { size: 0, sources: Vec::new(), d: architecture.d_model };
        let encoder_layers = (0..architecture.encoder_layers).map(|i| at.encoder_layer(checkpoint, architecture, i)).collect();
        let decoder_layers = (0..architecture.decoder_layers).map(|i| at.decoder_layer(checkpoint, architecture, i)).collect();
        let names = checkpoint.embeddings();
        let head = at.matrix(architecture.target_vocab, architecture.d_model, vec![names.head.clone()], f32::NEG_INFINITY);
        let mut known = vec![(names.head.weight, head)];
        let mut embedding = |at: &mut Places, name: String, rows: usize| match known.iter().find(|(other, _)| *other == name) {
            Some((_, matrix)) => *matrix,
            None => {
                let linear = Linear { weight: name.clone(), bias: None };
                let matrix = at.matrix(rows, architecture.d_model, vec![linear], 0.0);
                known.push((name, matrix));
                matrix
            }
        };
        let source = embedding(&mut at, names.source, architecture.source_vocab);
        let target = embedding(&mut at, names.target, architecture.target_vocab);
        let mut side = |embedding, side| SideAt {
            embedding,
            positions: at.positions(architecture, side),
            embedding_norm: checkpoint.embedding_norm(side).map(|norm| at.norm(&norm)),
            final_norm: checkpoint.final_norm(side).map(|norm| at.norm(&norm)),
        };
        let encoder = side(source, Side::Encoder);
        let decoder = side(target, Side::Decoder);
        Layout { encoder, decoder, encoder_layers, decoder_layers, head, size: at.size, sources: at.sources }
    }
}

/// Hands out places one behind the other.
struct Places {
    size: usize,
    sources: Vec<Source>,
    d: usize,
}

impl Places {
    fn bytes(&mut self, n: usize) -> usize {
        let offset = self.size;
        self.size = (offset + n).next_multiple_of(ALIGNMENT);
        offset
    }

    fn array(&mut self, len: usize) -> Array {
        Array { offset: self.bytes(len * 4), len }
    }

    fn matrix(&mut self, n: usize, k: usize, from: Vec<Linear>, padding: f32) -> Matrix {
        let columns = n.next_multiple_of(BLOCK);
        let to = Matrix {
            n,
            k,
            weights: self.bytes(columns * k.next_multiple_of(16)),
            scale: self.bytes(columns * 4),
            bias: self.bytes(columns * 4),
            sum: self.bytes(columns * 4),
        };
        self.sources.push(Source::Matrix { to, from, padding });
        to
    }

    fn norm(&mut self, norm: &crate::model::Norm) -> NormAt {
        let at = NormAt { gain: self.array(self.d), bias: self.array(self.d) };
        for (to, name) in [(at.gain, &norm.weight), (at.bias, &norm.bias)] {
            self.sources.push(Source::Tensor { to, name: name.clone() });
        }
        at
    }

    fn positions(&mut self, architecture: &Architecture, side: Side) -> Array {
        let to = self.array(architecture.max_positions * architecture.d_model);
        self.sources.push(Source::Positions { to, side });
        to
    }

    fn qkv(&mut self, attention: &Attention) -> Matrix {
        let from = vec![attention.query.clone(), attention.key.clone(), attention.value.clone()];
        self.matrix(3 * self.d, self.d, from, 0.0)
    }

    fn square(&mut self, linear: &Linear) -> Matrix {
        self.matrix(self.d, self.d, vec![linear.clone()], 0.0)
    }

    fn encoder_layer(&mut self, checkpoint: &Checkpoint, architecture: &Architecture, index: usize) -> EncoderLayerAt {
        let layer = checkpoint.encoder_layer(index);
        let (d, ffn) = (self.d, architecture.encoder_ffn);
        EncoderLayerAt {
            qkv: self.qkv(&layer.attention),
            output: self.square(&layer.attention.output),
            attention_norm: self.norm(&layer.attention_norm),
            fc1: self.matrix(ffn, d, vec![layer.fc1], 0.0),
            fc2: self.matrix(d, ffn, vec![layer.fc2], 0.0),
            final_norm: self.norm(&layer.final_norm),
        }
    }

    fn decoder_layer(&mut self, checkpoint: &Checkpoint, architecture: &Architecture, index: usize) -> DecoderLayerAt {
        let layer = checkpoint.decoder_layer(index);
        let (d, ffn) = (self.d, architecture.decoder_ffn);
        let cross = &layer.cross_attention;
        DecoderLayerAt {
            qkv: self.qkv(&layer.attention),
            output: self.square(&layer.attention.output),
            attention_norm: self.norm(&layer.attention_norm),
            cross_query: self.square(&cross.query),
            cross_key_value: self.matrix(2 * d, d, vec![cross.key.clone(), cross.value.clone()], 0.0),
            cross_output: self.square(&cross.output),
            cross_norm: self.norm(&layer.cross_attention_norm),
            fc1: self.matrix(ffn, d, vec![layer.fc1], 0.0),
            fc2: self.matrix(d, ffn, vec![layer.fc2], 0.0),
            final_norm: self.norm(&layer.final_norm),
        }
    }
}
