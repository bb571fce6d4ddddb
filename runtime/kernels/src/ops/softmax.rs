//! Softmax, with the largest value subtracted first.

/// Replaces a vector by its softmax. Values that are not numbers stay visible: they make all probabilities NaN.
pub fn softmax(values: &mut [f32]) {
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for value in values.iter_mut() {
        *value = libm::expf(*value - largest);
        sum += *value;
    }
    let share = 1.0 / sum;
    for value in values {
        *value *= share;
    }
}

#[cfg(test)]
mod tests {
    use super::softmax;

    #[test]
    fn probabilities_add_up_to_one() {
        let mut values = [1000.0, 1000.0, 999.0, -1000.0];
        softmax(&mut values);
        let e = 1.0 / core::f32::consts::E;
        for (value, expected) in
            values.into_iter().zip([1.0 / (2.0 + e), 1.0 / (2.0 + e), e / (2.0 + e), 0.0])
        {
            assert!((value - expected).abs() < 1e-6, "{value} {expected}");
        }
    }
}
