//! The arithmetic of the CPU backends: kernels chosen at run time.
//!
//! [`detect`] returns the [`Kernels`] of the best level that the processor has (or the one that `JISR_CPU_ISA` forces): AVX-512 VNNI, AVX-VNNI,
//! AVX2, NEON, or plain scalar code. Its methods check lengths, so the rest of jisr calls them without `unsafe`; all `unsafe` code of
//! the engine is in this folder.
//!
//! How it is built, inside out: `lanes.rs` defines sixteen `f32` lanes with a fixed order of operations; `scalar.rs`, `avx512.rs`, `avx2.rs` and
//! `neon.rs` implement them; the algorithms (`rows.rs`, `pages.rs`, `gemm_i8.rs`, `gemm_f32.rs`, `activation.rs`) are written once over them; `table.rs`
//! compiles the algorithms for each level. **Every level gives the same bits**, so a translation depends on neither processor nor batch.
//!
//! Weights come in as [`PackedI8`] or [`PackedF32`], rows as slices with a stride, quantised rows as [`QuantizedRows`].

// Loops over tiles index several arrays at once.
#![allow(clippy::needless_range_loop)]

mod activation;
mod arguments;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod gemm_f32;
mod gemm_i8;
mod lanes;
mod level;
mod log_sum;
#[cfg(target_arch = "aarch64")]
mod neon;
mod packed;
mod pages;
mod pool;
mod rows;
mod scalar;
mod table;
#[cfg(test)]
mod tests;

pub use arguments::{Heads, Linear, Norm};
pub use level::{KernelError, Level, available, detect};
pub use log_sum::LogSum;
pub use packed::{ColumnsMut, MatrixI8, PackedF32, PackedI8, QuantizedRows};
pub use pages::TileShape;
pub use pool::Pool;
pub use table::{Kernels, MAX_POSITIONS};

/// Positions of a key/value page.
pub const PAGE: usize = lanes::LANES;
/// Columns of a block of packed weights: output rows are written in whole blocks.
pub const BLOCK: usize = gemm_i8::BLOCK;
