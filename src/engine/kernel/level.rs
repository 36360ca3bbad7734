//! Which instruction set the kernels use.

use super::table::{self, Kernels};
use std::fmt;
use std::sync::OnceLock;

/// An instruction set that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// AVX-512 with VNNI (Intel Ice Lake, AMD Zen 4 and later).
    Avx512Vnni,
    /// AVX2 with the 256-bit VNNI of Intel Alder Lake and later.
    AvxVnni,
    /// AVX2 with FMA.
    Avx2,
    /// 64-bit Arm, with the dot product instructions where present.
    Neon,
    /// No vector instructions asked for.
    Scalar,
}

impl Level {
    /// All levels, the fastest first.
    pub const ALL: [Level; 5] = [Level::Avx512Vnni, Level::AvxVnni, Level::Avx2, Level::Neon, Level::Scalar];

    /// The name that `JISR_CPU_ISA` takes and `doctor` and `bench` print.
    pub fn name(self) -> &'static str {
        match self {
            Level::Avx512Vnni => "avx512-vnni",
            Level::AvxVnni => "avx-vnni",
            Level::Avx2 => "avx2",
            Level::Neon => "neon",
            Level::Scalar => "scalar",
        }
    }

    /// The kernels of this level, if this processor runs them.
    pub fn kernels(self) -> Option<&'static Kernels> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Vnni => (is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vnni")
                && is_x86_feature_detected!("fma"))
            .then_some(&table::AVX512),
            #[cfg(target_arch = "x86_64")]
            Level::AvxVnni => {
                (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("avxvnni"))
                    .then_some(&table::AVX_VNNI)
            }
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(&table::AVX2),
            #[cfg(target_arch = "aarch64")]
            Level::Neon if std::arch::is_aarch64_feature_detected!("dotprod") => Some(&table::NEON_DOTPROD),
            #[cfg(target_arch = "aarch64")]
            Level::Neon => Some(&table::NEON),
            Level::Scalar => Some(&table::SCALAR),
            #[allow(unreachable_patterns)]
            _ => None,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `JISR_CPU_ISA` asks for something that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    #[error(
        "JISR_CPU_ISA is `{0}`, which is not an instruction set that jisr knows\nhint: use one of {names}, or unset it",
        names = Level::ALL.map(Level::name).join(", ")
    )]
    Unknown(String),
    #[error(
        "JISR_CPU_ISA asks for `{0}`, which this processor does not have\nhint: this one has {names}; or unset JISR_CPU_ISA",
        names = available().iter().map(|kernels| kernels.level.name()).collect::<Vec<_>>().join(", ")
    )]
    Unsupported(Level),
}

/// The kernels of every level that this processor runs, the fastest first.
pub fn available() -> Vec<&'static Kernels> {
    Level::ALL.into_iter().filter_map(Level::kernels).collect()
}

/// The kernels to use: those of the level that `JISR_CPU_ISA` names, else the fastest. Looked up once.
pub fn detect() -> Result<&'static Kernels, KernelError> {
    static CHOICE: OnceLock<Result<&'static Kernels, KernelError>> = OnceLock::new();
    CHOICE.get_or_init(|| choose(std::env::var("JISR_CPU_ISA").ok().as_deref())).clone()
}

/// As [`detect`], for a value of `JISR_CPU_ISA` (empty counts as unset).
pub(super) fn choose(forced: Option<&str>) -> Result<&'static Kernels, KernelError> {
    let Some(name) = forced.map(str::trim).filter(|name| !name.is_empty()) else {
        return Ok(available()[0]);
    };
    let level = Level::ALL
        .into_iter()
        .find(|level| level.name().eq_ignore_ascii_case(name))
        .ok_or_else(|| KernelError::Unknown(name.to_owned()))?;
    level.kernels().ok_or(KernelError::Unsupported(level))
}
