//! Stand-in for the kernels.
use crate::model::Activation;
pub const BLOCK: usize = 64;
pub struct PackedF32 { n: usize, k: usize, w: Vec<f32>, bias: Vec<f32> }
impl PackedF32 {
    pub fn pack(weights: &[f32], bias: Option<&[f32]>, n: usize, k: usize) -> Self {
        let columns = n.next_multiple_of(BLOCK);
        let mut p = Self { n, k, w: vec![0.0; columns * k], bias: vec![0.0; columns] };
        if let Some(b) = bias { p.bias[..n].copy_from_slice(b); }
        for c in 0..n { for i in 0..k { p.w[c / BLOCK * BLOCK * k + i * BLOCK + c % BLOCK] = weights[c * k + i]; } }
        p
    }
    pub fn n(&self) -> usize { self.n }
    pub fn column(&self, c: usize, out: &mut [f32]) {
        for (i, o) in out[..self.k].iter_mut().enumerate() { *o = self.w[c / BLOCK * BLOCK * self.k + i * BLOCK + c % BLOCK]; }
    }
    pub fn gemm(&self, x: &[f32], rows: usize, y: &mut [f32], stride: usize) {
        for r in 0..rows {
            for block in 0..self.n.div_ceil(BLOCK) {
                let mut acc = [0f32; BLOCK];
                let w = &self.w[block * BLOCK * self.k..(block + 1) * BLOCK * self.k];
                for (i, wk) in w.chunks_exact(BLOCK).enumerate() {
                    let a = x[r * self.k + i];
                    for (acc, w) in acc.iter_mut().zip(wk) { *acc += a * w; }
                }
                let count = BLOCK.min(self.n - block * BLOCK);
                for j in 0..count { y[r * stride + block * BLOCK + j] = acc[j] + self.bias[block * BLOCK + j]; }
            }
        }
    }
}
pub fn softmax(x: &mut [f32]) {
    let m = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut s = 0.0;
    for x in x.iter_mut() { *x = (*x - m).exp(); s += *x; }
    for x in x.iter_mut() { *x /= s; }
}
#[allow(clippy::too_many_arguments)]
pub fn attend(query: &[f32], keys: &[f32], values: &[f32], stride: usize, positions: usize, scale: f32, weights: &mut [f32], out: &mut [f32]) {
    let size = query.len();
    for j in 0..positions { weights[j] = query.iter().zip(&keys[j * stride..]).map(|(a, b)| a * b).sum::<f32>() * scale; }
    softmax(&mut weights[..positions]);
    out.fill(0.0);
    for j in 0..positions { for i in 0..size { out[i] += weights[j] * values[j * stride + i]; } }
}
pub fn norm(x: &[f32], gain: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
    let n = x.len() as f32;
    let mean = x.iter().sum::<f32>() / n;
    let var = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / n;
    let inv = 1.0 / (var + eps).sqrt();
    for i in 0..x.len() { out[i] = (x[i] - mean) * inv * gain[i] + bias[i]; }
}
pub fn activate(a: Activation, x: &mut [f32]) {
    match a {
        Activation::Relu => x.iter_mut().for_each(|x| *x = x.max(0.0)),
        Activation::Swish => x.iter_mut().for_each(|x| *x = *x / (1.0 + (-*x).exp())),
        Activation::Gelu => x.iter_mut().for_each(|x| *x = *x * 0.5 * (1.0 + candle_core::cpu::erf::erf_f32(*x / 2f32.sqrt()))),
        Activation::GeluTanh => x.iter_mut().for_each(|x| *x = 0.5 * *x * (1.0 + (0.797_884_6 * (*x + 0.044715 * *x * *x * *x)).tanh())),
    }
}
