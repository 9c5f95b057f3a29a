//! Choice of instructions at run time. The only file of the package with `unsafe` in it.

use super::{Product, product};

/// Instruction sets that the matrix product is compiled for. All give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Instructions {
    /// What every CPU of the target has. Without hardware fused multiply-add this is slow.
    Portable,
    /// AVX2 and FMA: 8 values at a time.
    Avx2,
    /// AVX-512F: twice the registers and a taller tile. rustc still prefers vectors of 8 values.
    Avx512,
}

impl Instructions {
    /// The widest instructions that this CPU has.
    pub fn detected() -> Self {
        if Self::Avx512.is_available() {
            Self::Avx512
        } else if Self::Avx2.is_available() {
            Self::Avx2
        } else {
            Self::Portable
        }
    }

    /// All instruction sets that this CPU has.
    pub fn available() -> Vec<Self> {
        [Self::Portable, Self::Avx2, Self::Avx512]
            .into_iter()
            .filter(|i| i.is_available())
            .collect()
    }

    /// Whether this CPU has them. The standard library asks the CPU once and remembers.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f") && Self::Avx2.is_available(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn product_avx2(p: &mut Product<'_, '_>) {
    product::<6, 16>(p);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
fn product_avx512(p: &mut Product<'_, '_>) {
    product::<8, 16>(p);
}

/// Runs one product with the given instructions.
///
/// # Panics
/// If the CPU lacks them.
#[cfg_attr(
    target_arch = "x86_64",
    allow(
        unsafe_code,
        reason = "calling a function compiled for instructions beyond the target's"
    )
)]
pub(super) fn run(instructions: Instructions, p: &mut Product<'_, '_>) {
    assert!(instructions.is_available(), "this CPU has no {instructions:?}");
    match instructions {
        // SAFETY: the assertion above has asked the CPU for AVX2 and FMA.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => unsafe { product_avx2(p) },
        // SAFETY: the assertion above has asked the CPU for AVX-512F, AVX2 and FMA.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => unsafe { product_avx512(p) },
        _ => product::<4, 4>(p),
    }
}
