//! As many multiply-adds as the processor does, and nothing else: what kernels are measured by.

use crate::simd::Simd;

/// Sums under way at once: enough to hide the latency of a multiply-add, few enough for 16 registers.
pub(crate) const CHAINS: usize = 12;

/// Multiplies and adds `rounds` times in each chain. `values` are 16, and read and written, so that nothing of it can be
/// left out.
///
/// # Safety
///
/// The processor must have the instruction set; 16 values are at `values`.
#[inline(always)]
pub(crate) unsafe fn peak<S: Simd>(rounds: usize, values: *mut f32) {
    // SAFETY: LANES is at most 16.
    unsafe {
        let factor = S::load(values);
        // All different, or the compiler may see that one would do.
        let mut chains = [factor; CHAINS];
        for (i, chain) in chains.iter_mut().enumerate() {
            *chain = S::add(factor, S::splat(i as f32));
        }
        for _ in 0..rounds {
            for chain in &mut chains {
                *chain = S::fma(*chain, factor, factor);
            }
        }
        let sum = chains.into_iter().fold(factor, |sum, chain| S::add(sum, chain));
        S::store(values, sum);
    }
}
