//! 64-bit Arm: four 128-bit registers hold the sixteen lanes.
//!
//! Integer products come from `sdot` where the processor has the dot product instructions, else from `smull` and pairwise widening additions.
//! Both multiply signed bytes: a quantised 0..=255 has its top bit flipped, which takes 128 away, and the sums start where that is made up for.

use super::lanes::{Lanes, Tile};
use std::arch::aarch64::*;

/// Four 128-bit registers of four lanes; `DOT`: the processor has `sdot`.
#[derive(Clone, Copy)]
pub(super) struct Neon<const DOT: bool>([float32x4_t; 4]);

macro_rules! each {
    ($f:ident, $a:expr) => {
        Self([$f($a.0[0]), $f($a.0[1]), $f($a.0[2]), $f($a.0[3])])
    };
    ($f:ident, $a:expr, $b:expr) => {
        Self([$f($a.0[0], $b.0[0]), $f($a.0[1], $b.0[1]), $f($a.0[2], $b.0[2]), $f($a.0[3], $b.0[3])])
    };
}

/// The greater of each lane, `b` where they compare equal: `vmaxq_f32` would order zeros.
#[inline(always)]
unsafe fn greater_or_second(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    // SAFETY: NEON is part of every 64-bit Arm processor.
    unsafe { vbslq_f32(vcgtq_f32(a, b), a, b) }
}

/// The less of each lane, `b` where they compare equal.
#[inline(always)]
unsafe fn less_or_second(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    // SAFETY: as above.
    unsafe { vbslq_f32(vcltq_f32(a, b), a, b) }
}

// SAFETY (of every block below): the intrinsics need neon (and `sdot` dotprod where `DOT`), which the caller vouches for as `Lanes` asks;
// pointers likewise.
impl<const DOT: bool> Lanes for Neon<DOT> {
    type Int = [int32x4_t; 4];
    /// Sums of signed products, and sums of the weights: the activations are multiplied as `a - 128`.
    type Sums = [[int32x4_t; 4]; 2];
    const TILE_VECTORS: usize = 1;
    const F32_ROWS: usize = 6;
    const F32_VECTORS: usize = 1;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        unsafe { Self([vdupq_n_f32(x); 4]) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        unsafe { Self([vld1q_f32(p), vld1q_f32(p.add(4)), vld1q_f32(p.add(8)), vld1q_f32(p.add(12))]) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        unsafe {
            for i in 0..4 {
                vst1q_f32(p.add(4 * i), self.0[i]);
            }
        }
    }
    #[inline(always)]
    unsafe fn add(self, o: Self) -> Self {
        unsafe { each!(vaddq_f32, self, o) }
    }
    #[inline(always)]
    unsafe fn sub(self, o: Self) -> Self {
        unsafe { each!(vsubq_f32, self, o) }
    }
    #[inline(always)]
    unsafe fn mul(self, o: Self) -> Self {
        unsafe { each!(vmulq_f32, self, o) }
    }
    #[inline(always)]
    unsafe fn div(self, o: Self) -> Self {
        unsafe { each!(vdivq_f32, self, o) }
    }
    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        unsafe {
            Self([
                vfmaq_f32(c.0[0], self.0[0], b.0[0]),
                vfmaq_f32(c.0[1], self.0[1], b.0[1]),
                vfmaq_f32(c.0[2], self.0[2], b.0[2]),
                vfmaq_f32(c.0[3], self.0[3], b.0[3]),
            ])
        }
    }
    #[inline(always)]
    unsafe fn max(self, o: Self) -> Self {
        unsafe { each!(greater_or_second, self, o) }
    }
    #[inline(always)]
    unsafe fn min(self, o: Self) -> Self {
        unsafe { each!(less_or_second, self, o) }
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        unsafe { each!(vabsq_f32, self) }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        unsafe { each!(vrndnq_f32, self) }
    }
    #[inline(always)]
    unsafe fn scale_by_power_of_two(self, n: Self) -> Self {
        unsafe {
            let quarter = |i: usize| {
                let exponent = vshlq_n_s32::<23>(vcvtq_s32_f32(n.0[i]));
                vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(self.0[i]), exponent))
            };
            Self([quarter(0), quarter(1), quarter(2), quarter(3)])
        }
    }
    #[inline(always)]
    unsafe fn keep(self, n: usize, fill: Self) -> Self {
        unsafe {
            const INDEX: [[u32; 4]; 4] = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]];
            let limit = vdupq_n_u32(n as u32);
            let quarter = |i: usize| vbslq_f32(vcltq_u32(vld1q_u32(INDEX[i].as_ptr()), limit), self.0[i], fill.0[i]);
            Self([quarter(0), quarter(1), quarter(2), quarter(3)])
        }
    }
    #[inline(always)]
    unsafe fn greater(self, o: Self) -> u16 {
        unsafe {
            let bit = vld1q_u32([1u32, 2, 4, 8].as_ptr());
            let quarter = |i: usize| vaddvq_u32(vandq_u32(vcgtq_f32(self.0[i], o.0[i]), bit)) << (4 * i);
            (quarter(0) | quarter(1) | quarter(2) | quarter(3)) as u16
        }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        unsafe {
            let h = vaddq_f32(vaddq_f32(self.0[0], self.0[2]), vaddq_f32(self.0[1], self.0[3]));
            let h = vadd_f32(vget_low_f32(h), vget_high_f32(h));
            vget_lane_f32::<0>(h) + vget_lane_f32::<1>(h)
        }
    }
    #[inline(always)]
    unsafe fn maximum(self) -> f32 {
        unsafe {
            let h = greater_or_second(greater_or_second(self.0[0], self.0[2]), greater_or_second(self.0[1], self.0[3]));
            vmaxvq_f32(h)
        }
    }
    #[inline(always)]
    unsafe fn minimum(self) -> f32 {
        unsafe { vminvq_f32(less_or_second(less_or_second(self.0[0], self.0[2]), less_or_second(self.0[1], self.0[3]))) }
    }
    #[inline(always)]
    unsafe fn store_quantized(self, p: *mut u8) {
        unsafe {
            let quarter = |i: usize| vmovn_u32(vcvtnq_u32_f32(self.0[i]));
            let low = vcombine_u16(quarter(0), quarter(1));
            let high = vcombine_u16(quarter(2), quarter(3));
            vst1q_u8(p, vcombine_u8(vmovn_u16(low), vmovn_u16(high)));
        }
    }
    #[inline(always)]
    unsafe fn store_signed(self, p: *mut u8) {
        unsafe {
            let quarter = |i: usize| vmovn_s32(vcvtnq_s32_f32(self.0[i]));
            let low = vcombine_s16(quarter(0), quarter(1));
            let high = vcombine_s16(quarter(2), quarter(3));
            vst1q_s8(p.cast(), vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
        }
    }
    #[inline(always)]
    unsafe fn no_sums() -> Self::Sums {
        unsafe { [[vdupq_n_s32(0); 4]; 2] }
    }
    #[inline(always)]
    unsafe fn add_products(mut sums: Self::Sums, w: *const i8, a: *const u8) -> Self::Sums {
        unsafe {
            let a = vreinterpretq_s8_u32(vdupq_n_u32(a.cast::<u32>().read_unaligned() ^ 0x8080_8080));
            for i in 0..4 {
                let w = vld1q_s8(w.add(16 * i));
                let one = vdupq_n_s8(1);
                sums[0][i] = if DOT { sdot(sums[0][i], w, a) } else { multiply_add(sums[0][i], w, a) };
                sums[1][i] = if DOT { sdot(sums[1][i], w, one) } else { multiply_add(sums[1][i], w, one) };
            }
            sums
        }
    }
    #[inline(always)]
    unsafe fn total(sums: Self::Sums) -> Self::Int {
        unsafe { std::array::from_fn(|i| vmlaq_n_s32(sums[0][i], sums[1][i], 128)) }
    }
    #[inline(always)]
    unsafe fn from_int(i: Self::Int) -> Self {
        unsafe { Self([vcvtq_f32_s32(i[0]), vcvtq_f32_s32(i[1]), vcvtq_f32_s32(i[2]), vcvtq_f32_s32(i[3])]) }
    }
    #[inline(always)]
    unsafe fn fetch<T>(p: *const T) {
        unsafe {
            std::arch::asm!("prfm pldl1keep, [{p}]", p = in(reg) p, options(nostack, preserves_flags, readonly));
        }
    }
    #[inline(always)]
    unsafe fn dot_tile<const MR: usize>(t: Tile) -> [[Self::Int; 4]; MR] {
        unsafe {
            let mut out = [[[vdupq_n_s32(0); 4]; 4]; MR];
            let start = |i: usize| vmulq_n_s32(vcvtq_s32_f32(vld1q_f32(t.sum.add(4 * i))), 128);
            let mut acc = [[start(0), start(1), start(2), start(3)]; MR];
            for g in 0..t.groups {
                for line in 0..t.fetch_lines {
                    Self::fetch(t.fetch.wrapping_add((g * t.fetch_lines + line) * 64));
                }
                let p = t.w.add(g * 64);
                let w = [vld1q_s8(p), vld1q_s8(p.add(16)), vld1q_s8(p.add(32)), vld1q_s8(p.add(48))];
                for (i, row) in acc.iter_mut().enumerate() {
                    let group = t.a.add(i * t.stride + g * 4).cast::<u32>().read_unaligned() ^ 0x8080_8080;
                    let a = vreinterpretq_s8_u32(vdupq_n_u32(group));
                    for (acc, w) in row.iter_mut().zip(w) {
                        *acc = if DOT { sdot(*acc, w, a) } else { multiply_add(*acc, w, a) };
                    }
                }
            }
            for i in 0..MR {
                out[i][0] = acc[i];
            }
            out
        }
    }
}

/// `acc[i] + Σ w[4i..4i + 4] · a[4i..4i + 4]`. The intrinsic is not stable in the oldest compiler that jisr builds with.
#[inline(always)]
unsafe fn sdot(acc: int32x4_t, w: int8x16_t, a: int8x16_t) -> int32x4_t {
    let mut sum = acc;
    // SAFETY: only chosen where the processor has the instruction; it touches nothing but its registers.
    unsafe {
        std::arch::asm!(
            ".arch_extension dotprod",
            "sdot {sum:v}.4s, {w:v}.16b, {a:v}.16b",
            sum = inout(vreg) sum,
            w = in(vreg) w,
            a = in(vreg) a,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

/// The same without `sdot`.
#[inline(always)]
unsafe fn multiply_add(acc: int32x4_t, w: int8x16_t, a: int8x16_t) -> int32x4_t {
    // SAFETY: NEON is part of every 64-bit Arm processor.
    unsafe {
        // Products of bytes 0–7 and 8–15, neighbours added to 32 bits, then neighbours again: one sum for each column.
        let low = vpaddlq_s16(vmull_s8(vget_low_s8(w), vget_low_s8(a)));
        let high = vpaddlq_s16(vmull_s8(vget_high_s8(w), vget_high_s8(a)));
        vaddq_s32(acc, vpaddq_s32(low, high))
    }
}
