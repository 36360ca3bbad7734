//! Every level that this processor runs equals the scalar one bit for bit, and the scalar one equals plain arithmetic.

use super::level::choose;
use super::*;
use crate::model::Activation;

mod pages;

/// SplitMix64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// Roughly normal, mean 0, deviation 1.
    fn normal(&mut self) -> f32 {
        (0..12).map(|_| (self.next() >> 40) as f32 / (1 << 24) as f32).sum::<f32>() - 6.0
    }

    fn normals(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.normal()).collect()
    }
}

/// Rows of `n` values, `stride` apart, zero between them.
fn strided(random: &mut Random, rows: usize, n: usize, stride: usize) -> Vec<f32> {
    let mut x = vec![0.0; rows * stride];
    for row in x.chunks_exact_mut(stride) {
        row[..n].copy_from_slice(&random.normals(n));
    }
    x
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

fn scalar() -> &'static Kernels {
    Level::Scalar.kernels().expect("scalar code runs everywhere")
}

#[test]
fn int8_linear_layers_are_equal_on_all_levels_and_exact() {
    let mut random = Random(1);
    for round in 0..30 {
        let (m, n, k) = (1 + random.below(20), 1 + random.below(150), 1 + random.below(150));
        let (padded_k, stride) = (k.next_multiple_of(16), n.next_multiple_of(BLOCK));
        let w = random.normals(n * k);
        let bias = random.normals(n);
        let rows = strided(&mut random, m, k, padded_k);
        let packed = PackedI8::pack(&w, Some(&bias), n, k, 0.0);
        let then = Linear {
            activation: [
                None,
                Some(Activation::Relu),
                Some(Activation::Swish),
                Some(Activation::Gelu),
                Some(Activation::GeluTanh),
            ][round % 5],
            accumulate: round % 2 == 0,
        };
        let before = strided(&mut random, m, n, stride);
        let run = |kernels: &Kernels| {
            let mut quantized = QuantizedRows::default();
            kernels.quantize(&rows, m, k, padded_k, &mut quantized);
            let mut y = before.clone();
            kernels.linear_i8(packed.view(), &quantized, 0..packed.view().blocks(), &mut y, stride, then);
            y
        };
        let expected = run(scalar());
        // The scalar level against the definition, in f64, with the same rounding of both operands.
        for i in 0..m {
            let row = &rows[i * padded_k..i * padded_k + k];
            let (least, greatest) = row.iter().fold((0f32, 0f32), |(a, b), x| (a.min(*x), b.max(*x)));
            let range = greatest - least;
            let step = f64::from(range) / 255.0;
            let u = row.iter().map(|x| f64::from(((x - least) * (255.0 / range)).round_ties_even()));
            let x: Vec<f64> = u.map(|u| f64::from(least) + step * u).collect();
            for j in 0..n {
                let column = &w[j * k..(j + 1) * k];
                let top = column.chunks(2).fold(0f32, |top, pair| {
                    let sum: f32 = pair.iter().sum();
                    pair.iter().fold(top.max(sum.abs()), |top, w| top.max(w.abs()))
                });
                let dot: f64 = column.iter().zip(&x).map(|(w, x)| f64::from((w * (127.0 / top)).round_ties_even()) * x).sum();
                let mut y = dot * f64::from(top) / 127.0 + f64::from(bias[j]);
                if then.accumulate {
                    y += f64::from(before[i * stride + j]);
                }
                y = match then.activation {
                    None => y,
                    Some(activation) => reference(activation, y),
                };
                let got = f64::from(expected[i * stride + j]);
                assert!((got - y).abs() <= 2e-5 * y.abs().max(1.0), "{m}x{n}x{k} {then:?}: {got} is not {y}");
            }
        }
        for kernels in available() {
            assert_eq!(bits(&run(kernels)), bits(&expected), "{} {m}x{n}x{k} {then:?}", kernels.level);
        }
    }
}

/// The definitions of the activations, in f64.
fn reference(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Relu => x.max(0.0),
        Activation::Swish => x / (1.0 + (-x).exp()),
        Activation::GeluTanh => 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh()),
        Activation::Gelu => {
            // erf as a series: enough for the small arguments here.
            let z = x / 2f64.sqrt();
            let (mut term, mut sum) = (z, z);
            for n in 1..200 {
                term *= -z * z / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            let erf = if z.abs() > 5.0 { z.signum() } else { sum * 2.0 / std::f64::consts::PI.sqrt() };
            0.5 * x * (1.0 + erf)
        }
    }
}

#[test]
fn int8_extremes_do_not_saturate() {
    // All products at their largest: an instruction that saturates in 16 bits would show here.
    let (n, k) = (64, 256);
    for (x, w) in [(1.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)] {
        let packed = PackedI8::pack(&vec![w; n * k], None, n, k, 0.0);
        for kernels in available() {
            let mut rows = QuantizedRows::default();
            kernels.quantize(&vec![x; k], 1, k, k, &mut rows);
            let mut y = vec![0.0; n];
            kernels.linear_i8(packed.view(), &rows, 0..1, &mut y, n, Linear::default());
            // Pairs share 127 steps: 63.5 are rounded to 64.
            let expected = x * w * k as f32 * 64.0 / 63.5;
            assert!(y.iter().all(|y| (y - expected).abs() < 1e-3), "{}: {}", kernels.level, y[0]);
        }
    }
}

#[test]
fn no_pair_of_products_leaves_sixteen_bits() {
    let mut random = Random(9);
    let (n, k) = (64, 64);
    for round in 0..40 {
        // Heavy tails, single weights and pairs at the limit, one sign or both; activations at their largest wherever the weight is positive.
        let mut w: Vec<f32> = random.normals(n * k).iter().map(|x| x.powi(1 + 2 * (round % 3))).collect();
        for column in w.chunks_exact_mut(k) {
            let at = 2 * random.below(k / 2);
            let (share, top) = (random.below(101) as f32 / 100.0, [8.0, -8.0][random.below(2)]);
            (column[at], column[at + 1]) = (top * share, top * (1.0 - share));
        }
        let packed = PackedI8::pack(&w, None, n, k, 0.0);
        for sign in [1.0f32, -1.0] {
            let x: Vec<f32> = w[..k].iter().map(|w| if w * sign > 0.0 { 1.0 } else { 0.0 }).collect();
            let run = |kernels: &Kernels| {
                let mut rows = QuantizedRows::default();
                kernels.quantize(&x, 1, k, k, &mut rows);
                let mut y = vec![0.0; n];
                kernels.linear_i8(packed.view(), &rows, 0..1, &mut y, n, Linear::default());
                y
            };
            let expected = run(scalar());
            available().iter().for_each(|kernels| assert_eq!(bits(&run(kernels)), bits(&expected), "{}", kernels.level));
        }
    }
}

#[test]
fn packed_columns_are_read_back() {
    let mut random = Random(2);
    let (n, k) = (70, 37);
    let w = random.normals(n * k);
    let packed = PackedI8::pack(&w, None, n, k, f32::NEG_INFINITY);
    let exact = PackedF32::pack(&w, None, n, k);
    let (mut row, mut row32) = (vec![0.0; k], vec![0.0; k]);
    for column in 0..n {
        packed.view().column(column, 2.0, &mut row);
        exact.column(column, &mut row32);
        assert_eq!(row32, w[column * k..(column + 1) * k]);
        let step = packed.scale[column] * 2.0;
        assert!(row.iter().zip(&row32).all(|(q, w)| (q - 2.0 * w).abs() <= step * 0.5001));
    }
    assert!(packed.bias[..n].iter().all(|b| *b == 0.0) && packed.bias[n..].iter().all(|b| *b == f32::NEG_INFINITY));
}

#[test]
fn f32_linear_layers_are_equal_on_all_levels_and_do_not_depend_on_the_batch() {
    let mut random = Random(3);
    for _ in 0..20 {
        let (m, n, k) = (1 + random.below(15), 1 + random.below(150), 1 + random.below(100));
        let w = random.normals(n * k);
        let bias = random.normals(n);
        let x = random.normals(m * k);
        let packed = PackedF32::pack(&w, Some(&bias), n, k);
        let mut expected = vec![0.0; m * n];
        scalar().linear_f32(&packed, &x, m, k, &mut expected, n);
        for i in 0..m {
            for j in 0..n {
                let dot: f64 = (0..k).map(|l| f64::from(x[i * k + l]) * f64::from(w[j * k + l])).sum();
                assert!((f64::from(expected[i * n + j]) - dot - f64::from(bias[j])).abs() < 1e-4);
            }
        }
        for kernels in available() {
            let mut y = vec![0.0; m * n];
            kernels.linear_f32(&packed, &x, m, k, &mut y, n);
            assert_eq!(bits(&y), bits(&expected), "{} {m}x{n}x{k}", kernels.level);
            for (row, y) in x.chunks_exact(k).zip(y.chunks_exact(n)) {
                let mut single = vec![0.0; n];
                kernels.linear_f32(&packed, row, 1, k, &mut single, n);
                assert_eq!(bits(&single), bits(y));
            }
        }
    }
}

#[test]
fn row_kernels_are_equal_on_all_levels_and_right() {
    let mut random = Random(4);
    for _ in 0..50 {
        let n = 1 + random.below(200);
        let padded = n.next_multiple_of(16);
        let x = strided(&mut random, 1, n, padded);
        let norm = Norm::new(&random.normals(n), &random.normals(n), 1e-5);
        let mean = x.iter().map(|x| f64::from(*x)).sum::<f64>() / n as f64;
        let variance = x[..n].iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n as f64;
        let run = |kernels: &Kernels| {
            let mut normed = x.clone();
            kernels.norm(&norm, &mut normed, 1, padded);
            let mut weights = x.clone();
            kernels.softmax(&mut weights, n);
            let mut sums = [0.0; 16];
            let largest = kernels.maximum(&x);
            assert_eq!(kernels.add_exponentials(&x, largest, &mut sums), largest);
            let mut masks = vec![0; padded / 16];
            kernels.above(&x, 0.5, &mut masks);
            (normed, weights, sums, largest, masks)
        };
        let expected = run(scalar());
        for (i, y) in expected.0[..n].iter().enumerate() {
            let want = (f64::from(x[i]) - mean) / (variance + 1e-5).sqrt() * f64::from(norm_gain(&norm, i))
                + f64::from(norm_bias(&norm, i));
            assert!((f64::from(*y) - want).abs() < 1e-4 * want.abs().max(1.0));
        }
        assert!(expected.0[n..].iter().all(|y| *y == 0.0));
        let total: f64 = x[..n].iter().map(|x| f64::from(*x).exp()).sum();
        for (w, x) in expected.1[..n].iter().zip(&x) {
            assert!((f64::from(*w) - f64::from(*x).exp() / total).abs() < 1e-6);
        }
        assert!(expected.1[n..].iter().all(|w| *w == 0.0));
        let all: f64 = x.iter().map(|x| f64::from(*x - expected.3).exp()).sum();
        let got: f64 = expected.2.iter().map(|x| f64::from(*x)).sum();
        assert!((got - all).abs() < 1e-5 * all, "{got} {all}");
        assert!((0..padded).all(|i| (expected.4[i / 16] >> (i % 16) & 1 == 1) == (x[i] > 0.5)));
        for kernels in available() {
            let got = run(kernels);
            assert_eq!(bits(&got.0), bits(&expected.0), "norm {}", kernels.level);
            assert_eq!(bits(&got.1), bits(&expected.1), "softmax {}", kernels.level);
            assert_eq!((bits(&got.2), got.3, &got.4), (bits(&expected.2), expected.3, &expected.4), "{}", kernels.level);
        }
    }
}

fn norm_gain(norm: &Norm, i: usize) -> f32 {
    norm.parts().0[i]
}

fn norm_bias(norm: &Norm, i: usize) -> f32 {
    norm.parts().1[i]
}

#[test]
fn a_log_sum_follows_logits_that_grow_from_chunk_to_chunk() {
    let mut random = Random(8);
    for (start, step) in [(0.0, 0.1), (-1e4, 37.0), (50.0, 80.0), (3.0, -90.0)] {
        let chunks: Vec<Vec<f32>> = (0..9)
            .map(|i| random.normals(32).iter().map(|x| start + step * i as f32 + x).collect())
            .chain([vec![f32::NEG_INFINITY; 16]])
            .collect();
        let greatest = chunks.iter().flatten().fold(f32::NEG_INFINITY, |a, x| a.max(*x));
        let want =
            chunks.iter().flatten().map(|x| (f64::from(*x) - f64::from(greatest)).exp()).sum::<f64>().ln() + f64::from(greatest);
        for kernels in available() {
            let mut sum = LogSum::NOTHING;
            assert_eq!(sum.add(kernels, &[f32::NEG_INFINITY; 16]), f32::NEG_INFINITY);
            for chunk in &chunks {
                assert_eq!(sum.add(kernels, chunk), chunk.iter().fold(f32::NEG_INFINITY, |a, x| a.max(*x)));
            }
            assert!((f64::from(sum.value()) - want).abs() < 2e-5 * want.abs().max(1.0), "{} is not {want}", sum.value());
        }
    }
}

#[test]
fn exponentials_are_accurate_over_their_range() {
    for kernels in available() {
        for start in (-87..88).step_by(5) {
            // softmax of (x, 0): e^x / (e^x + 1), whose logit is x.
            let x = start as f32 + 0.37;
            let mut scores = [0.0; 16];
            scores[0] = x.min(0.0);
            scores[1] = -x.max(0.0);
            kernels.softmax(&mut scores, 2);
            let want = 1.0 / (1.0 + f64::from(x).abs().exp());
            let got = f64::from(scores[if x < 0.0 { 0 } else { 1 }]);
            assert!((got - want).abs() < 1e-6 * want + 1e-37, "{}: {x}: {got} {want}", kernels.level);
        }
    }
}

#[test]
fn a_level_can_be_forced() {
    assert_eq!(choose(None).map(|k| k.level), Ok(available()[0].level));
    assert_eq!(choose(Some("")).map(|k| k.level), Ok(available()[0].level));
    assert_eq!(choose(Some("Scalar")).map(|k| k.level), Ok(Level::Scalar));
    let error = choose(Some("sse9")).unwrap_err();
    assert!(error.to_string().contains("sse9") && error.to_string().contains("avx512-vnni"), "{error}");
    let missing = Level::ALL.into_iter().find(|level| level.kernels().is_none()).expect("no processor has all levels");
    let error = choose(Some(missing.name())).unwrap_err();
    assert_eq!(error, KernelError::Unsupported(missing));
    assert!(error.to_string().contains("hint:"), "{error}");
}
