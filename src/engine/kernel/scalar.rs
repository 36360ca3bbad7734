//! The level without vector instructions: what every other level must equal, bit for bit.

use super::lanes::{LANES, Lanes, Tile};

/// Sixteen lanes as an array.
#[derive(Clone, Copy)]
pub(super) struct Scalar([f32; LANES]);

impl Scalar {
    #[inline(always)]
    fn zip(self, o: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], o.0[i])))
    }

    #[inline(always)]
    fn fold(self, f: impl Fn(f32, f32) -> f32) -> f32 {
        let mut v = self.0;
        for half in [8, 4, 2, 1] {
            for i in 0..half {
                v[i] = f(v[i], v[i + half]);
            }
        }
        v[0]
    }
}

#[inline(always)]
fn greater_or_second(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
fn less_or_second(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

// SAFETY (of every block below): only pointer reads and writes, for which the caller vouches as `Lanes` asks.
impl Lanes for Scalar {
    type Int = [i32; LANES];
    type Sums = [i32; LANES];
    const TILE_VECTORS: usize = 1;
    const F32_ROWS: usize = 2;
    const F32_VECTORS: usize = 1;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; LANES])
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        Self(unsafe { p.cast::<[f32; LANES]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        unsafe { p.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, o: Self) -> Self {
        self.zip(o, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, o: Self) -> Self {
        self.zip(o, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, o: Self) -> Self {
        self.zip(o, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(self, o: Self) -> Self {
        self.zip(o, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i].mul_add(b.0[i], c.0[i])))
    }
    #[inline(always)]
    unsafe fn max(self, o: Self) -> Self {
        self.zip(o, greater_or_second)
    }
    #[inline(always)]
    unsafe fn min(self, o: Self) -> Self {
        self.zip(o, less_or_second)
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        Self(self.0.map(f32::abs))
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        Self(self.0.map(f32::round_ties_even))
    }
    #[inline(always)]
    unsafe fn scale_by_power_of_two(self, n: Self) -> Self {
        self.zip(n, |x, n| f32::from_bits(x.to_bits().wrapping_add((n as i32 as u32) << 23)))
    }
    #[inline(always)]
    unsafe fn keep(self, n: usize, fill: Self) -> Self {
        Self(std::array::from_fn(|i| if i < n { self.0[i] } else { fill.0[i] }))
    }
    #[inline(always)]
    unsafe fn greater(self, o: Self) -> u16 {
        (0..LANES).fold(0, |mask, i| mask | (u16::from(self.0[i] > o.0[i]) << i))
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        self.fold(|a, b| a + b)
    }
    #[inline(always)]
    unsafe fn maximum(self) -> f32 {
        self.fold(greater_or_second)
    }
    #[inline(always)]
    unsafe fn minimum(self) -> f32 {
        self.fold(less_or_second)
    }
    #[inline(always)]
    unsafe fn store_quantized(self, p: *mut u8) {
        let bytes = self.0.map(|x| x.round_ties_even() as i32 as u8);
        unsafe { p.cast::<[u8; LANES]>().write_unaligned(bytes) }
    }
    #[inline(always)]
    unsafe fn store_signed(self, p: *mut u8) {
        let bytes = self.0.map(|x| x.round_ties_even() as i8 as u8);
        unsafe { p.cast::<[u8; LANES]>().write_unaligned(bytes) }
    }
    #[inline(always)]
    unsafe fn no_sums() -> Self::Sums {
        [0; LANES]
    }
    #[inline(always)]
    unsafe fn add_products(mut sums: Self::Sums, w: *const i8, a: *const u8) -> Self::Sums {
        let (w, a) = unsafe { (w.cast::<[[i8; 4]; LANES]>().read_unaligned(), a.cast::<[u8; 4]>().read_unaligned()) };
        for (sum, w) in sums.iter_mut().zip(w) {
            *sum += (0..4).map(|j| i32::from(a[j]) * i32::from(w[j])).sum::<i32>();
        }
        sums
    }
    #[inline(always)]
    unsafe fn total(sums: Self::Sums) -> Self::Int {
        sums
    }
    #[inline(always)]
    unsafe fn from_int(i: Self::Int) -> Self {
        Self(i.map(|x| x as f32))
    }
    #[inline(always)]
    unsafe fn fetch<T>(_: *const T) {}
    #[inline(always)]
    unsafe fn dot_tile<const MR: usize>(t: Tile) -> [[Self::Int; 4]; MR] {
        let mut acc = [[[0i32; LANES]; 4]; MR];
        for (i, row) in acc.iter_mut().enumerate() {
            for g in 0..t.groups {
                row[0] = unsafe { Self::add_products(row[0], t.w.add(g * 64), t.a.add(i * t.stride + g * 4)) };
            }
        }
        acc
    }
}
