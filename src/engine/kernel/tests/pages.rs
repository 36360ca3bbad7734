//! Attention over pages and over plain rows, and the pool of pages.

use super::*;

#[test]
fn attention_is_equal_on_all_levels_and_right() {
    let mut random = Random(5);
    for _ in 0..30 {
        let (size, count, positions) = (1 + random.below(70), 1 + random.below(3), 1 + random.below(50));
        let shape = TileShape { size };
        let heads = Heads { shape, count, offset: random.below(2) * shape.words() };
        let width = count * size;
        let query = random.normals(width);
        let (keys, values) = (random.normals(positions * width), random.normals(positions * width));
        let run = |kernels: &Kernels| {
            let mut pool = Pool::new(heads.offset + count * shape.words());
            let table: Vec<u32> = (0..positions.div_ceil(PAGE)).map(|_| pool.take()).collect();
            for (position, (key, value)) in keys.chunks_exact(width).zip(values.chunks_exact(width)).enumerate() {
                let page = pool.page_mut(table[position / PAGE]);
                kernels.store_key_value(page, heads, position % PAGE, key, value);
            }
            let (mut out, mut mean) = (vec![0.0; width], vec![0.0; positions]);
            kernels.attend(&query, (width, width), &pool, &table, heads, positions, &mut Vec::new(), &mut out, Some(&mut mean));
            (out, mean)
        };
        let expected = run(scalar());
        let mut mean = vec![0.0; positions];
        for head in 0..count {
            let mut weights = vec![0.0; positions.next_multiple_of(16)];
            let mut out = vec![0.0; size];
            let at = head * size;
            scalar().attend_rows(
                &query[at..at + size],
                &keys[at..],
                &values[at..],
                width,
                positions,
                1.0 / (size as f32).sqrt(),
                &mut weights,
                &mut out,
            );
            assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            mean.iter_mut().zip(&weights).for_each(|(mean, w)| *mean += w / count as f32);
            // Everything is rounded to a 127th or 255th of the greatest value in its head.
            assert!(out.iter().zip(&expected.0[at..]).all(|(a, b)| (a - b).abs() < 0.05), "{out:?} {:?}", expected.0);
        }
        assert!(mean.iter().zip(&expected.1).all(|(a, b)| (a - b).abs() < 0.02));
        for kernels in available() {
            let got = run(kernels);
            assert_eq!(
                (bits(&got.0), bits(&got.1)),
                (bits(&expected.0), bits(&expected.1)),
                "{} {size} {positions}",
                kernels.level
            );
            let mut rows = (vec![0.0; 64], vec![0.0; size]);
            kernels.attend_rows(&query[..size], &keys, &values, width, positions, 0.3, &mut rows.0, &mut rows.1);
            let mut plain = (vec![0.0; 64], vec![0.0; size]);
            scalar().attend_rows(&query[..size], &keys, &values, width, positions, 0.3, &mut plain.0, &mut plain.1);
            assert_eq!((bits(&rows.0), bits(&rows.1)), (bits(&plain.0), bits(&plain.1)));
        }
    }
}

#[test]
fn pages_are_shared_and_copied_when_written() {
    let mut pool = Pool::new(8);
    let a = pool.take();
    pool.page_mut(a).fill(7);
    pool.share(a);
    let b = pool.make_own(a);
    assert_ne!(a, b);
    assert_eq!(pool.page(b), [7; 8]);
    assert_eq!(pool.make_own(a), a, "the last holder keeps the page");
    pool.release(b);
    assert_eq!((pool.take(), pool.in_use()), (b, 2));
}
