//! The kernels at every level that this machine has: `cargo bench --bench kernels [-- FILTER]`.
//!
//! Throughput is in multiply-adds per second; 64 rows are a batch of sentences, 512 and 2048 the widths of opus-mt.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jisr::engine::kernel::{BLOCK, Heads, Linear, Norm, PAGE, PackedF32, PackedI8, Pool, QuantizedRows, TileShape, available};
use std::hint::black_box;
use std::time::Duration;

const ROWS: usize = 64;

fn values(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 + 13) % 1009) as f32 / 504.5 - 1.0).collect()
}

fn matrices(c: &mut Criterion) {
    // (rows, k, n): projections, feed-forward, a slice of the head, one row.
    for (m, k, n) in [(ROWS, 512, 512), (ROWS, 512, 2048), (ROWS, 2048, 512), (ROWS, 512, 16384), (1, 512, 2048)] {
        let (w, x) = (values(n * k), values(m * k));
        let int8 = PackedI8::pack(&w, None, n, k, 0.0);
        let float = PackedF32::pack(&w, None, n, k);
        let mut y = vec![0.0; m * n.next_multiple_of(BLOCK)];
        let stride = n.next_multiple_of(BLOCK);
        let mut group = c.benchmark_group(format!("linear {m}x{k}x{n}"));
        group.throughput(Throughput::Elements((m * n * k) as u64));
        for kernels in available() {
            let mut rows = QuantizedRows::default();
            group.bench_function(format!("i8 {}", kernels.level), |b| {
                b.iter(|| {
                    kernels.quantize(black_box(&x), m, k, k, &mut rows);
                    kernels.linear_i8(int8.view(), &rows, 0..n.div_ceil(BLOCK), &mut y, stride, Linear::default());
                })
            });
            group.bench_function(format!("f32 {}", kernels.level), |b| {
                b.iter(|| kernels.linear_f32(&float, black_box(&x), m, k, &mut y, stride))
            });
        }
    }
}

fn attention(c: &mut Criterion) {
    let (size, count, positions) = (64, 8, 30);
    let heads = Heads { shape: TileShape { size }, count, offset: 0 };
    let width = size * count;
    let (query, key_value) = (values(width), values(2 * width));
    let mut group = c.benchmark_group(format!("attention {count}x{size} over {positions}"));
    group.throughput(Throughput::Elements((2 * positions * width) as u64));
    for kernels in available() {
        let mut pool = Pool::new(count * heads.shape.words());
        let table: Vec<u32> = (0..positions.div_ceil(PAGE)).map(|_| pool.take()).collect();
        for position in 0..positions {
            let page = pool.page_mut(table[position / PAGE]);
            kernels.store_key_value(page, heads, position % PAGE, &key_value, &key_value[width..]);
        }
        let (mut scratch, mut out) = (Vec::new(), vec![0.0; width]);
        group.bench_function(kernels.level.name(), |b| {
            b.iter(|| {
                kernels.attend(black_box(&query), (width, width), &pool, &table, heads, positions, &mut scratch, &mut out, None)
            })
        });
    }
}

fn rows(c: &mut Criterion) {
    let k = 512;
    let norm = Norm::new(&values(k), &values(k), 1e-5);
    let mut group = c.benchmark_group(format!("rows {ROWS}x{k}"));
    group.throughput(Throughput::Elements((ROWS * k) as u64));
    for kernels in available() {
        let mut x = values(ROWS * k);
        let mut quantized = QuantizedRows::default();
        group.bench_function(format!("norm {}", kernels.level), |b| b.iter(|| kernels.norm(&norm, black_box(&mut x), ROWS, k)));
        group.bench_function(format!("quantise {}", kernels.level), |b| {
            b.iter(|| kernels.quantize(black_box(&x), ROWS, k, k, &mut quantized))
        });
        let mut sums = [0.0; 16];
        group.bench_function(format!("exponentials {}", kernels.level), |b| {
            b.iter(|| kernels.add_exponentials(black_box(&x), 4.0, &mut sums))
        });
    }
}

criterion_group! {
    name = kernels;
    config = Criterion::default().warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = matrices, attention, rows
}
criterion_main!(kernels);
