//! The encoder–decoder in plain f32 loops: slow, short, and nothing in common with the kernels.

use crate::model::checkpoint::Attention;
use crate::model::{Activation, Checkpoint, LAYER_NORM_EPS, Linear, Norm, Side};

type Rows = Vec<Vec<f32>>;

pub struct Reference<'a> {
    checkpoint: &'a Checkpoint,
}

impl<'a> Reference<'a> {
    pub fn new(checkpoint: &'a Checkpoint) -> Self {
        Reference { checkpoint }
    }

    /// Logits of every target position and the cross-attention `[layers, target, source]`, mean over heads.
    pub fn run(&self, source: &[u32], target: &[u32]) -> (Rows, Vec<f32>) {
        let a = &self.checkpoint.architecture;
        let names = self.checkpoint.embeddings();
        let mut x = self.embed(&names.source, Side::Encoder, source);
        for index in 0..a.encoder_layers {
            let layer = self.checkpoint.encoder_layer(index);
            self.block(&mut x, &layer.attention_norm, |x| self.attend(&layer.attention, a.encoder_heads, x, x, false).0);
            self.block(&mut x, &layer.final_norm, |x| self.feed_forward(&layer.fc1, &layer.fc2, x));
        }
        let memory = self.finish(x, Side::Encoder);
        let inputs: Vec<u32> = std::iter::once(self.checkpoint.special.decoder_start).chain(target.iter().copied()).collect();
        let mut x = self.embed(&names.target, Side::Decoder, &inputs[..target.len()]);
        let mut weights = Vec::new();
        for index in 0..a.decoder_layers {
            let layer = self.checkpoint.decoder_layer(index);
            self.block(&mut x, &layer.attention_norm, |x| self.attend(&layer.attention, a.decoder_heads, x, x, true).0);
            self.block(&mut x, &layer.cross_attention_norm, |x| {
                let (out, mean) = self.attend(&layer.cross_attention, a.decoder_heads, x, &memory, false);
                weights.extend(mean.into_iter().flatten());
                out
            });
            self.block(&mut x, &layer.final_norm, |x| self.feed_forward(&layer.fc1, &layer.fc2, x));
        }
        let x = self.finish(x, Side::Decoder);
        (self.linear(&names.head, &x), weights)
    }

    fn tensor(&self, name: &str) -> Vec<f32> {
        self.checkpoint.tensor(name).unwrap().data
    }

    fn embed(&self, name: &str, side: Side, tokens: &[u32]) -> Rows {
        let d = self.checkpoint.architecture.d_model;
        let (table, positions) = (self.tensor(name), self.checkpoint.positions(side).unwrap().data);
        let scale = self.checkpoint.architecture.embedding_scale();
        let value = |p: usize, t: u32, i: usize| table[t as usize * d + i] * scale + positions[p * d + i];
        tokens.iter().enumerate().map(|(p, t)| (0..d).map(|i| value(p, *t, i)).collect()).collect()
    }

    fn block(&self, x: &mut Rows, norm: &Norm, f: impl FnOnce(&Rows) -> Rows) {
        let pre = self.checkpoint.architecture.pre_norm;
        let out = if pre { f(&self.norm(norm, x)) } else { f(x) };
        for (x, out) in x.iter_mut().zip(out) {
            x.iter_mut().zip(out).for_each(|(x, out)| *x += out);
        }
        if !pre {
            *x = self.norm(norm, x);
        }
    }

    fn finish(&self, x: Rows, side: Side) -> Rows {
        self.checkpoint.final_norm(side).map_or_else(|| x.clone(), |norm| self.norm(&norm, &x))
    }

    fn norm(&self, norm: &Norm, x: &Rows) -> Rows {
        let (gain, bias) = (self.tensor(&norm.weight), self.tensor(&norm.bias));
        let row = |row: &Vec<f32>| {
            let n = row.len() as f32;
            let mean = row.iter().sum::<f32>() / n;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / n;
            let inverse = 1.0 / (variance + LAYER_NORM_EPS).sqrt();
            row.iter().enumerate().map(|(i, x)| (x - mean) * inverse * gain[i] + bias[i]).collect()
        };
        x.iter().map(row).collect()
    }

    fn linear(&self, linear: &Linear, x: &Rows) -> Rows {
        let w = self.tensor(&linear.weight);
        let k = x[0].len();
        let bias = linear.bias.as_ref().map_or(vec![0.0; w.len() / k], |name| self.tensor(name));
        let dot = |row: &Vec<f32>, w: &[f32]| row.iter().zip(w).map(|(x, w)| x * w).sum::<f32>();
        x.iter().map(|row| w.chunks_exact(k).zip(&bias).map(|(w, b)| dot(row, w) + b).collect()).collect()
    }

    fn feed_forward(&self, fc1: &Linear, fc2: &Linear, x: &Rows) -> Rows {
        let activation = self.checkpoint.architecture.activation;
        let mut hidden = self.linear(fc1, x);
        for x in hidden.iter_mut().flatten() {
            *x = match activation {
                Activation::Relu => x.max(0.0),
                Activation::Swish => *x / (1.0 + (-*x).exp()),
                other => panic!("{other:?} is tested with the kernels"),
            };
        }
        self.linear(fc2, &hidden)
    }

    fn attend(&self, names: &Attention, heads: usize, x: &Rows, memory: &Rows, causal: bool) -> (Rows, Rows) {
        let (q, k, v) = (self.linear(&names.query, x), self.linear(&names.key, memory), self.linear(&names.value, memory));
        let d = q[0].len();
        let size = d / heads;
        let mut out = vec![vec![0.0; d]; x.len()];
        let mut mean = vec![vec![0.0; memory.len()]; x.len()];
        for (t, q) in q.iter().enumerate() {
            let seen = if causal { t + 1 } else { memory.len() };
            for head in 0..heads {
                let part = head * size..(head + 1) * size;
                let score = |k: &Vec<f32>| {
                    q[part.clone()].iter().zip(&k[part.clone()]).map(|(a, b)| a * b).sum::<f32>() / (size as f32).sqrt()
                };
                let scores: Vec<f32> = k[..seen].iter().map(score).collect();
                let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let total: f32 = scores.iter().map(|s| (s - top).exp()).sum();
                for (j, s) in scores.iter().enumerate() {
                    let weight = (s - top).exp() / total;
                    mean[t][j] += weight / heads as f32;
                    part.clone().for_each(|i| out[t][i] += weight * v[j][i]);
                }
            }
        }
        (self.linear(&names.output, &out), mean)
    }
}
