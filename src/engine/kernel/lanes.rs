//! Sixteen lanes: the one vector type that every float kernel is written in.
//!
//! A level (AVX-512, AVX2, NEON, scalar) says how sixteen `f32` lanes are held and what the operations are; the algorithms in this folder are
//! generic over it and inlined into functions compiled for that level. Since every operation here is exactly rounded (IEEE 754, with a fused
//! multiply-add) and the order of operations is fixed by lane and not by register width, **all levels give the same bits**. That is why a
//! translation does not depend on the machine's vector width.

/// Lanes of a vector, columns of a tile, positions of a key/value page.
pub(super) const LANES: usize = 16;

/// Sixteen `f32` lanes and the matching `i32` accumulator.
///
/// # Safety
/// Every method may only run on a processor that has the features of the implementing level, and only inlined into a function compiled with
/// them. Pointers must be valid for the sixteen elements (or as many as the method says) that are read or written; no alignment is needed.
pub(super) trait Lanes: Copy {
    /// Sixteen `i32` lanes.
    type Int: Copy;
    /// Sixteen sums of products in the form in which they are added up.
    type Sums: Copy;
    /// Panels of sixteen columns in a tile of the int8 multiplication: 1 or 4.
    const TILE_VECTORS: usize;
    /// Most rows of an `f32` tile of [`Self::F32_VECTORS`] vectors.
    const F32_ROWS: usize;
    /// Vectors of sixteen columns in an `f32` tile: 1, 2 or 4.
    const F32_VECTORS: usize;

    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(p: *const f32) -> Self;
    unsafe fn store(self, p: *mut f32);
    unsafe fn add(self, o: Self) -> Self;
    unsafe fn sub(self, o: Self) -> Self;
    unsafe fn mul(self, o: Self) -> Self;
    unsafe fn div(self, o: Self) -> Self;
    /// `self · b + c`, rounded once.
    unsafe fn fma(self, b: Self, c: Self) -> Self;
    /// The greater of each lane, `o` where they compare equal.
    unsafe fn max(self, o: Self) -> Self;
    /// The less of each lane, `o` where they compare equal.
    unsafe fn min(self, o: Self) -> Self;
    unsafe fn abs(self) -> Self;
    /// To the nearest integer, ties to even.
    unsafe fn round(self) -> Self;
    /// `self · 2^n` for integral `n`, where neither `self` nor the result is subnormal or overflows.
    unsafe fn scale_by_power_of_two(self, n: Self) -> Self;
    /// The first `n` lanes (`n <= 16`), `fill` in the others.
    unsafe fn keep(self, n: usize, fill: Self) -> Self;
    /// Bit `i` is set where lane `i` of `self` is greater than that of `o`.
    unsafe fn greater(self, o: Self) -> u16;
    /// Sum over the lanes: `(i) + (i + 8)`, then `+ 4`, `+ 2`, `+ 1`.
    unsafe fn sum(self) -> f32;
    unsafe fn maximum(self) -> f32;
    unsafe fn minimum(self) -> f32;
    /// Rounds (ties to even) values in 0..=255 and writes them in a byte each.
    unsafe fn store_quantized(self, p: *mut u8);
    /// Rounds (ties to even) values in -127..=127 and writes them in a byte each.
    unsafe fn store_signed(self, p: *mut u8);
    /// Rounds (ties to even) values in -127..=127 and puts each into byte `place` (0–3) of its word.
    unsafe fn insert_bytes(self, p: *mut u32, place: usize) {
        let mut bytes = [0; LANES];
        // SAFETY: the caller vouches for sixteen words at `p`.
        unsafe {
            self.store_signed(bytes.as_mut_ptr());
            for (i, byte) in bytes.iter().enumerate() {
                *p.add(i).cast::<u8>().add(place) = *byte;
            }
        }
    }
    unsafe fn from_int(i: Self::Int) -> Self;

    /// Asks for the cache line at `p`, which may be any address: it is not read.
    unsafe fn fetch<T>(p: *const T);

    unsafe fn no_sums() -> Self::Sums;
    /// Adds the products of four quantised activations at `a` with the four signed bytes of each of sixteen columns at `w`.
    unsafe fn add_products(sums: Self::Sums, w: *const i8, a: *const u8) -> Self::Sums;
    unsafe fn total(sums: Self::Sums) -> Self::Int;

    /// The dot products of `MR` rows of activations with [`Self::TILE_VECTORS`] panels of 16 columns: `acc[row][panel]`.
    unsafe fn dot_tile<const MR: usize>(tile: Tile) -> [[Self::Int; 4]; MR];
}

/// Arguments of [`Lanes::dot_tile`].
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// Panels of `[groups][16 columns][4]` weights, one behind the other.
    pub w: *const i8,
    /// `k / 4`.
    pub groups: usize,
    /// Rows of `groups * 4` quantised activations.
    pub a: *const u8,
    /// Bytes between two rows of activations.
    pub stride: usize,
    /// Per column the sum of its weights, for levels that multiply signed bytes (NEON).
    #[cfg_attr(not(target_arch = "aarch64"), allow(dead_code))]
    pub sum: *const f32,
    /// Where to fetch cache lines from, and how many per group (0 to 4): what is needed next.
    pub fetch: *const i8,
    pub fetch_lines: usize,
}

/// `e^x` for `x <= 88`, relative error below 2e-7; `x` below -86 gives about 4e-38 instead of less.
///
/// Range reduction by `ln 2` in two parts and the degree-5 polynomial of Cephes' `expf`.
///
/// # Safety
/// As [`Lanes`].
#[inline(always)]
pub(super) unsafe fn exp<V: Lanes>(x: V) -> V {
    // SAFETY: the caller vouches for the level; there is no memory access.
    unsafe {
        let x = x.max(V::splat(-86.0));
        let n = x.mul(V::splat(std::f32::consts::LOG2_E)).round();
        let r = n.fma(V::splat(-0.693_359_4), x);
        let r = n.fma(V::splat(2.121_944_4e-4), r);
        let mut p = V::splat(1.987_569_1e-4);
        for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
            p = p.fma(r, V::splat(c));
        }
        let p = p.fma(r.mul(r), r).add(V::splat(1.0));
        p.scale_by_power_of_two(n)
    }
}

/// `2^x` for `-125 <= x <= 126`, relative error below 3e-6: enough for a sum over a vocabulary.
///
/// # Safety
/// As [`Lanes`].
#[inline(always)]
pub(super) unsafe fn exp2_coarse<V: Lanes>(x: V) -> V {
    // SAFETY: as above.
    unsafe {
        let n = x.round();
        let f = x.sub(n);
        // Minimax polynomial of 2^f on [-0.5, 0.5].
        let mut p = V::splat(9.570_102e-3);
        for c in [5.591_786e-2, 2.402_474_4e-1, 6.931_218e-1, 0.999_999_3] {
            p = p.fma(f, V::splat(c));
        }
        p.scale_by_power_of_two(n)
    }
}
