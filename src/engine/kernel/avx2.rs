//! AVX2 with FMA: two 256-bit registers hold the sixteen lanes.
//!
//! Integer products come from `vpdpbusd` where AVX-VNNI is there. Without it `vpmaddubsw` adds pairs of products in 16 bits, where it would
//! saturate; packed weights are scaled so that no pair reaches that ([`super::packed`]). Keys and values are not, and there `vpmaddwd`
//! multiplies 16-bit integers.

use super::lanes::{Lanes, Tile};
use std::arch::x86_64::*;

/// Two 256-bit registers, lanes 0–7 and 8–15; `VNNI`: the processor has AVX-VNNI.
#[derive(Clone, Copy)]
pub(super) struct Avx2<const VNNI: bool>(__m256, __m256);

macro_rules! both {
    ($f:ident, $a:expr, $b:expr) => {
        Self($f($a.0, $b.0), $f($a.1, $b.1))
    };
}

// SAFETY (of every block below): the intrinsics need avx2 and fma (and avxvnni where `VNNI`), which the caller vouches for as `Lanes` asks;
// pointers likewise.
impl<const VNNI: bool> Lanes for Avx2<VNNI> {
    type Int = (__m256i, __m256i);
    /// `VNNI`: lanes 0–7 and 8–15. Without, each 32-bit lane sums one half of a group of four: columns 0–3, 4–7, …
    type Sums = [__m256i; 4];
    const TILE_VECTORS: usize = 1;
    const F32_ROWS: usize = 6;
    const F32_VECTORS: usize = 1;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        unsafe { Self(_mm256_set1_ps(x), _mm256_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        unsafe { Self(_mm256_loadu_ps(p), _mm256_loadu_ps(p.add(8))) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        unsafe {
            _mm256_storeu_ps(p, self.0);
            _mm256_storeu_ps(p.add(8), self.1);
        }
    }
    #[inline(always)]
    unsafe fn add(self, o: Self) -> Self {
        unsafe { both!(_mm256_add_ps, self, o) }
    }
    #[inline(always)]
    unsafe fn sub(self, o: Self) -> Self {
        unsafe { both!(_mm256_sub_ps, self, o) }
    }
    #[inline(always)]
    unsafe fn mul(self, o: Self) -> Self {
        unsafe { both!(_mm256_mul_ps, self, o) }
    }
    #[inline(always)]
    unsafe fn div(self, o: Self) -> Self {
        unsafe { both!(_mm256_div_ps, self, o) }
    }
    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        unsafe { Self(_mm256_fmadd_ps(self.0, b.0, c.0), _mm256_fmadd_ps(self.1, b.1, c.1)) }
    }
    #[inline(always)]
    unsafe fn max(self, o: Self) -> Self {
        unsafe { both!(_mm256_max_ps, self, o) }
    }
    #[inline(always)]
    unsafe fn min(self, o: Self) -> Self {
        unsafe { both!(_mm256_min_ps, self, o) }
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        unsafe { both!(_mm256_andnot_ps, Self::splat(-0.0), self) }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        unsafe { Self(_mm256_round_ps::<NEAREST>(self.0), _mm256_round_ps::<NEAREST>(self.1)) }
    }
    #[inline(always)]
    unsafe fn scale_by_power_of_two(self, n: Self) -> Self {
        unsafe {
            let half = |x: __m256, n: __m256| {
                let exponent = _mm256_slli_epi32::<23>(_mm256_cvtps_epi32(n));
                _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), exponent))
            };
            Self(half(self.0, n.0), half(self.1, n.1))
        }
    }
    #[inline(always)]
    unsafe fn keep(self, n: usize, fill: Self) -> Self {
        unsafe {
            let n = _mm256_set1_epi32(n as i32);
            let low = _mm256_castsi256_ps(_mm256_cmpgt_epi32(n, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)));
            let high = _mm256_castsi256_ps(_mm256_cmpgt_epi32(n, _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15)));
            Self(_mm256_blendv_ps(fill.0, self.0, low), _mm256_blendv_ps(fill.1, self.1, high))
        }
    }
    #[inline(always)]
    unsafe fn greater(self, o: Self) -> u16 {
        unsafe {
            let low = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(self.0, o.0));
            let high = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(self.1, o.1));
            (low | high << 8) as u16
        }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        unsafe {
            let h = _mm256_add_ps(self.0, self.1);
            let h = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps::<1>(h));
            let h = _mm_add_ps(h, _mm_movehl_ps(h, h));
            _mm_cvtss_f32(_mm_add_ss(h, _mm_shuffle_ps::<1>(h, h)))
        }
    }
    #[inline(always)]
    unsafe fn maximum(self) -> f32 {
        unsafe {
            let h = _mm256_max_ps(self.0, self.1);
            let h = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps::<1>(h));
            let h = _mm_max_ps(h, _mm_movehl_ps(h, h));
            _mm_cvtss_f32(_mm_max_ss(h, _mm_shuffle_ps::<1>(h, h)))
        }
    }
    #[inline(always)]
    unsafe fn minimum(self) -> f32 {
        unsafe {
            let h = _mm256_min_ps(self.0, self.1);
            let h = _mm_min_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps::<1>(h));
            let h = _mm_min_ps(h, _mm_movehl_ps(h, h));
            _mm_cvtss_f32(_mm_min_ss(h, _mm_shuffle_ps::<1>(h, h)))
        }
    }
    #[inline(always)]
    unsafe fn store_quantized(self, p: *mut u8) {
        unsafe {
            let (low, high) = self.rounded();
            _mm_storeu_si128(p.cast(), _mm_packus_epi16(low, high));
        }
    }
    #[inline(always)]
    unsafe fn store_signed(self, p: *mut u8) {
        unsafe {
            let (low, high) = self.rounded();
            _mm_storeu_si128(p.cast(), _mm_packs_epi16(low, high));
        }
    }
    #[inline(always)]
    unsafe fn insert_bytes(self, p: *mut u32, place: usize) {
        unsafe {
            let count = _mm_cvtsi32_si128(8 * place as i32);
            let mask = _mm256_set1_epi32(0xff);
            for (half, p) in [(self.0, p), (self.1, p.add(8))] {
                let byte = _mm256_and_si256(_mm256_cvtps_epi32(half), mask);
                let others = _mm256_andnot_si256(_mm256_sll_epi32(mask, count), _mm256_loadu_si256(p.cast()));
                _mm256_storeu_si256(p.cast(), _mm256_or_si256(others, _mm256_sll_epi32(byte, count)));
            }
        }
    }
    #[inline(always)]
    unsafe fn no_sums() -> Self::Sums {
        unsafe { [_mm256_setzero_si256(); 4] }
    }
    #[inline(always)]
    unsafe fn add_products(mut sums: Self::Sums, w: *const i8, a: *const u8) -> Self::Sums {
        unsafe {
            if VNNI {
                let a = _mm256_set1_epi32(a.cast::<i32>().read_unaligned());
                sums[0] = _mm256_dpbusd_avx_epi32(sums[0], a, _mm256_loadu_si256(w.cast()));
                sums[1] = _mm256_dpbusd_avx_epi32(sums[1], a, _mm256_loadu_si256(w.add(32).cast()));
            } else {
                let a = _mm256_cvtepu8_epi16(_mm_set1_epi32(a.cast::<i32>().read_unaligned()));
                for (i, sum) in sums.iter_mut().enumerate() {
                    let w = _mm256_cvtepi8_epi16(_mm_loadu_si128(w.add(16 * i).cast()));
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(w, a));
                }
            }
            sums
        }
    }
    #[inline(always)]
    unsafe fn total(s: Self::Sums) -> Self::Int {
        unsafe { if VNNI { (s[0], s[1]) } else { (add_halves(s[0], s[1]), add_halves(s[2], s[3])) } }
    }
    #[inline(always)]
    unsafe fn from_int(i: Self::Int) -> Self {
        unsafe { Self(_mm256_cvtepi32_ps(i.0), _mm256_cvtepi32_ps(i.1)) }
    }
    #[inline(always)]
    unsafe fn fetch<T>(p: *const T) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
    }
    #[inline(always)]
    unsafe fn dot_tile<const MR: usize>(t: Tile) -> [[Self::Int; 4]; MR] {
        unsafe {
            let mut out = [[(_mm256_setzero_si256(), _mm256_setzero_si256()); 4]; MR];
            let mut acc = [(_mm256_setzero_si256(), _mm256_setzero_si256()); MR];
            for g in 0..t.groups {
                for line in 0..t.fetch_lines {
                    Self::fetch(t.fetch.wrapping_add((g * t.fetch_lines + line) * 64));
                }
                let p = t.w.add(g * 64);
                let w = (_mm256_loadu_si256(p.cast()), _mm256_loadu_si256(p.add(32).cast()));
                for (i, acc) in acc.iter_mut().enumerate() {
                    let a = _mm256_set1_epi32(t.a.add(i * t.stride + g * 4).cast::<i32>().read_unaligned());
                    acc.0 = if VNNI { _mm256_dpbusd_avx_epi32(acc.0, a, w.0) } else { add_pairs(acc.0, a, w.0) };
                    acc.1 = if VNNI { _mm256_dpbusd_avx_epi32(acc.1, a, w.1) } else { add_pairs(acc.1, a, w.1) };
                }
            }
            for i in 0..MR {
                out[i][0] = acc[i];
            }
            out
        }
    }
}

impl<const VNNI: bool> Avx2<VNNI> {
    /// Lanes 0–7 and 8–15 as 16-bit integers, ties to even.
    #[inline(always)]
    unsafe fn rounded(self) -> (__m128i, __m128i) {
        // SAFETY: as in the `impl` above.
        unsafe {
            // Packing works within 128-bit halves: the permutation puts the quarters in order.
            let words = _mm256_packs_epi32(_mm256_cvtps_epi32(self.0), _mm256_cvtps_epi32(self.1));
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words);
            (_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words))
        }
    }
}

/// As `vpdpbusd`, where no two neighbouring products leave 16 bits.
#[inline(always)]
unsafe fn add_pairs(acc: __m256i, a: __m256i, w: __m256i) -> __m256i {
    // SAFETY: as in the `impl` above.
    unsafe { _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(a, w), _mm256_set1_epi16(1))) }
}

/// Adds the two halves of each of eight columns' sums: columns 0–3 in `a`, 4–7 in `b`.
#[inline(always)]
unsafe fn add_halves(a: __m256i, b: __m256i) -> __m256i {
    // SAFETY: as in the `impl` above.
    unsafe { _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(a, b)) }
}
