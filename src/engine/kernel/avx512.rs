//! AVX-512 with VNNI: one register holds the sixteen lanes, `vpdpbusd` multiplies 64 bytes at a time.

use super::lanes::{Lanes, Tile};
use std::arch::x86_64::*;

/// One 512-bit register.
#[derive(Clone, Copy)]
pub(super) struct Avx512(__m512);

// SAFETY (of every block below): the intrinsics need avx512f/bw/vl/dq/vnni, which the caller vouches for as `Lanes` asks; pointers likewise.
impl Lanes for Avx512 {
    type Int = __m512i;
    type Sums = __m512i;
    const TILE_VECTORS: usize = 4;
    const F32_ROWS: usize = 6;
    const F32_VECTORS: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        unsafe { Self(_mm512_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        unsafe { Self(_mm512_loadu_ps(p)) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        unsafe { _mm512_storeu_ps(p, self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, o: Self) -> Self {
        unsafe { Self(_mm512_add_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn sub(self, o: Self) -> Self {
        unsafe { Self(_mm512_sub_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn mul(self, o: Self) -> Self {
        unsafe { Self(_mm512_mul_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn div(self, o: Self) -> Self {
        unsafe { Self(_mm512_div_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        unsafe { Self(_mm512_fmadd_ps(self.0, b.0, c.0)) }
    }
    #[inline(always)]
    unsafe fn max(self, o: Self) -> Self {
        unsafe { Self(_mm512_max_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn min(self, o: Self) -> Self {
        unsafe { Self(_mm512_min_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        unsafe { Self(_mm512_abs_ps(self.0)) }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        unsafe { Self(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)) }
    }
    #[inline(always)]
    unsafe fn scale_by_power_of_two(self, n: Self) -> Self {
        unsafe { Self(_mm512_scalef_ps(self.0, n.0)) }
    }
    #[inline(always)]
    unsafe fn keep(self, n: usize, fill: Self) -> Self {
        unsafe { Self(_mm512_mask_blend_ps(((1u32 << n) - 1) as __mmask16, fill.0, self.0)) }
    }
    #[inline(always)]
    unsafe fn greater(self, o: Self) -> u16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, o.0) }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        unsafe {
            let h = _mm256_add_ps(_mm512_castps512_ps256(self.0), _mm512_extractf32x8_ps::<1>(self.0));
            let h = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps::<1>(h));
            let h = _mm_add_ps(h, _mm_movehl_ps(h, h));
            _mm_cvtss_f32(_mm_add_ss(h, _mm_shuffle_ps::<1>(h, h)))
        }
    }
    #[inline(always)]
    unsafe fn maximum(self) -> f32 {
        unsafe {
            let h = _mm256_max_ps(_mm512_castps512_ps256(self.0), _mm512_extractf32x8_ps::<1>(self.0));
            let h = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps::<1>(h));
            let h = _mm_max_ps(h, _mm_movehl_ps(h, h));
            _mm_cvtss_f32(_mm_max_ss(h, _mm_shuffle_ps::<1>(h, h)))
        }
    }
    #[inline(always)]
    unsafe fn minimum(self) -> f32 {
        unsafe {
            let h = _mm256_min_ps(_mm512_castps512_ps256(self.0), _mm512_extractf32x8_ps::<1>(self.0));
            let h = _mm_min_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps::<1>(h));
            let h = _mm_min_ps(h, _mm_movehl_ps(h, h));
            _mm_cvtss_f32(_mm_min_ss(h, _mm_shuffle_ps::<1>(h, h)))
        }
    }
    #[inline(always)]
    unsafe fn store_quantized(self, p: *mut u8) {
        unsafe {
            _mm_storeu_si128(p.cast(), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(self.0)));
        }
    }
    #[inline(always)]
    unsafe fn store_signed(self, p: *mut u8) {
        unsafe {
            _mm_storeu_si128(p.cast(), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(self.0)));
        }
    }
    #[inline(always)]
    unsafe fn insert_bytes(self, p: *mut u32, place: usize) {
        unsafe {
            let count = _mm_cvtsi32_si128(8 * place as i32);
            let byte = _mm512_and_si512(_mm512_cvtps_epi32(self.0), _mm512_set1_epi32(0xff));
            let others = _mm512_andnot_si512(_mm512_sll_epi32(_mm512_set1_epi32(0xff), count), _mm512_loadu_si512(p.cast()));
            _mm512_storeu_si512(p.cast(), _mm512_or_si512(others, _mm512_sll_epi32(byte, count)));
        }
    }
    #[inline(always)]
    unsafe fn no_sums() -> Self::Sums {
        unsafe { _mm512_setzero_si512() }
    }
    #[inline(always)]
    unsafe fn add_products(sums: Self::Sums, w: *const i8, a: *const u8) -> Self::Sums {
        unsafe { _mm512_dpbusd_epi32(sums, _mm512_set1_epi32(a.cast::<i32>().read_unaligned()), _mm512_loadu_si512(w.cast())) }
    }
    #[inline(always)]
    unsafe fn total(sums: Self::Sums) -> Self::Int {
        sums
    }
    #[inline(always)]
    unsafe fn from_int(i: Self::Int) -> Self {
        unsafe { Self(_mm512_cvtepi32_ps(i)) }
    }
    #[inline(always)]
    unsafe fn fetch<T>(p: *const T) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
    }
    #[inline(always)]
    unsafe fn dot_tile<const MR: usize>(t: Tile) -> [[Self::Int; 4]; MR] {
        unsafe {
            let mut acc = [[_mm512_setzero_si512(); 4]; MR];
            let panel = t.groups * 64;
            for g in 0..t.groups {
                for line in 0..t.fetch_lines {
                    Self::fetch(t.fetch.wrapping_add((g * t.fetch_lines + line) * 64));
                }
                let mut w = [_mm512_setzero_si512(); 4];
                for (j, w) in w.iter_mut().enumerate() {
                    *w = _mm512_loadu_si512(t.w.add(j * panel + g * 64).cast());
                }
                for (i, row) in acc.iter_mut().enumerate() {
                    let a = _mm512_set1_epi32(t.a.add(i * t.stride + g * 4).cast::<i32>().read_unaligned());
                    for (acc, w) in row.iter_mut().zip(w) {
                        *acc = _mm512_dpbusd_epi32(*acc, a, w);
                    }
                }
            }
            acc
        }
    }
}
