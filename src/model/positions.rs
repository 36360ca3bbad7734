//! Sinusoidal position embeddings, as each family computes them: the sine half first, then the cosine half.
//!
//! The two families differ in the wavelengths *and* in the arithmetic: Marian computes in `f64` and rounds once, M2M100 rounds every
//! intermediate to `f32`. At position 500 the difference is visible in the fifth digit, so both are followed exactly.

use super::Family;

/// The sinusoids of positions `0..rows`, shape `[rows, d_model]`; `offset` is added to each position first.
pub fn sinusoids(family: Family, rows: usize, d_model: usize, offset: usize) -> Vec<f32> {
    let mut table = Vec::with_capacity(rows * d_model);
    for row in 0..rows {
        let position = row + offset;
        match family {
            Family::Marian => marian_row(position, d_model, &mut table),
            Family::M2m100 => m2m100_row(position, d_model, &mut table),
        }
    }
    table
}

/// Features of even index give the sine half, of odd index the cosine half; wavelengths `10000^(2⌊j/2⌋/d)`.
fn marian_row(position: usize, d_model: usize, table: &mut Vec<f32>) {
    let angle = |feature: usize| position as f64 / 10000f64.powf((2 * (feature / 2)) as f64 / d_model as f64);
    table.extend((0..d_model).step_by(2).map(|feature| angle(feature).sin() as f32));
    table.extend((1..d_model).step_by(2).map(|feature| angle(feature).cos() as f32));
}

/// Wavelengths `10000^(i/(d/2 - 1))`; an odd last feature is zero.
fn m2m100_row(position: usize, d_model: usize, table: &mut Vec<f32>) {
    let half = d_model / 2;
    let step = -(10000f64.ln() / (half as f64 - 1.0)) as f32;
    let angle = |feature: usize| {
        let frequency = ((feature as f32 * step) as f64).exp() as f32;
        (position as f32 * frequency) as f64
    };
    table.extend((0..half).map(|feature| angle(feature).sin() as f32));
    table.extend((0..half).map(|feature| angle(feature).cos() as f32));
    if d_model % 2 == 1 {
        table.push(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_half_then_cosine_half() {
        let table = sinusoids(Family::Marian, 3, 6, 0);
        assert_eq!(&table[..6], &[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        assert_eq!(table[6], 1f64.sin() as f32);
        assert_eq!(table[7], (1.0 / 10000f64.powf(2.0 / 6.0)).sin() as f32);
        assert_eq!(table[9], 1f64.cos() as f32);
    }

    #[test]
    fn the_offset_shifts_rows() {
        let plain = sinusoids(Family::M2m100, 10, 8, 0);
        let shifted = sinusoids(Family::M2m100, 8, 8, 2);
        assert_eq!(plain[16..], shifted[..]);
    }
}
