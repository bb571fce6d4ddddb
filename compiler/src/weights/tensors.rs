//! Tensors as files hold them, widened to f32.

/// Twice what the largest MobileNet holds; a file may name one place of it in many tensors.
pub(super) const MOST_VALUES: usize = 1 << 25;

/// A dense tensor, row-major; its values are widened to f32, unless integers are asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<T = f32> {
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// Values.
    pub data: Vec<T>,
}

/// What a file says about one of its tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Its extents in the file's own order.
    pub shape: Vec<usize>,
    /// The type of its values, as printed (`f32`, `bf16`, `u8`).
    pub dtype: &'static str,
}

impl<T: Copy> Tensor<T> {
    /// Values under a shape of as many. There is at least one: so no product of some of the extents overflows.
    pub(super) fn new(shape: Vec<usize>, data: Vec<T>) -> Option<Tensor<T>> {
        let volume = shape.iter().try_fold(1usize, |volume, &extent| volume.checked_mul(extent));
        (volume == Some(data.len()) && !data.is_empty()).then_some(Tensor { shape, data })
    }

    /// The tensor with its extents in another order: extent `i` of the result is extent `order[i]` of this one.
    /// Extents of 1 that `order` leaves out are dropped.
    pub(super) fn transposed(&self, order: &[usize]) -> Tensor<T> {
        let mut strides = vec![1; self.shape.len()];
        for i in (1..self.shape.len()).rev() {
            strides[i - 1] = strides[i] * self.shape[i];
        }
        let shape: Vec<usize> = order.iter().map(|&axis| self.shape[axis]).collect();
        let mut data = Vec::with_capacity(self.data.len());
        let mut index = vec![0; shape.len()];
        let mut offset = 0;
        for _ in 0..self.data.len() {
            data.push(self.data[offset]);
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                offset += strides[order[axis]];
                if index[axis] < shape[axis] {
                    break;
                }
                offset -= index[axis] * strides[order[axis]];
                index[axis] = 0;
            }
        }
        Tensor { shape, data }
    }

    /// The same values under another shape of as many.
    pub(super) fn reshaped(self, shape: Vec<usize>) -> Tensor<T> {
        debug_assert_eq!(shape.iter().product::<usize>(), self.data.len());
        Tensor { shape, data: self.data }
    }
}

/// A type of floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Float {
    F16,
    Bf16,
    F32,
    F64,
}

impl Float {
    /// Its name, as printed.
    pub(super) fn name(self) -> &'static str {
        match self {
            Float::F16 => "f16",
            Float::Bf16 => "bf16",
            Float::F32 => "f32",
            Float::F64 => "f64",
        }
    }

    /// Bytes of a value.
    pub(super) fn width(self) -> usize {
        match self {
            Float::F16 | Float::Bf16 => 2,
            Float::F32 => 4,
            Float::F64 => 8,
        }
    }

    /// Little-endian values as f32.
    pub(super) fn widened(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Float::F16 => bytes.as_chunks().0.iter().map(|&bytes| f16(bytes)).collect(),
            Float::Bf16 => bytes.as_chunks().0.iter().map(|&bytes| bf16(bytes)).collect(),
            Float::F32 => bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            Float::F64 => bytes.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32).collect(),
        }
    }
}

/// An IEEE half, little-endian.
fn f16(bytes: [u8; 2]) -> f32 {
    let half = u32::from(u16::from_le_bytes(bytes));
    let sign = (half & 0x8000) << 16;
    let magnitude = half & 0x7fff;
    // As a float of f32's layout the value is too small by 2^112; infinities and NaN have an exponent of their own.
    let value = match magnitude {
        0x7c00.. => f32::from_bits(0x7f80_0000 | (magnitude << 13)),
        _ => f32::from_bits(magnitude << 13) * f32::from_bits(0x7780_0000),
    };
    f32::from_bits(value.to_bits() | sign)
}

/// A bfloat16, little-endian: the upper half of an f32.
fn bf16(bytes: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_widened() {
        let cases: [(u16, f32); 9] = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 6.103_515_6e-5),
            (0x0001, 5.960_464_5e-8),
            (0x8001, -5.960_464_5e-8),
            (0x0000, 0.0),
            (0x7c00, f32::INFINITY),
            (0x3555, 0.333_251_95),
        ];
        for (bits, value) in cases {
            assert_eq!(f16(bits.to_le_bytes()), value, "{bits:#06x}");
        }
        assert!(f16(0x8000u16.to_le_bytes()).is_sign_negative());
        assert!(f16(0x7e00u16.to_le_bytes()).is_nan());
        assert_eq!(bf16(0xc049u16.to_le_bytes()), -3.140_625);
    }

    #[test]
    fn shapes_that_fit() {
        assert!(Tensor::new(vec![], vec![1.0]).is_some());
        assert!(Tensor::new(vec![2, 1], vec![1.0, 2.0]).is_some());
        assert!(Tensor::new(vec![2], vec![1.0]).is_none());
        assert!(Tensor::<f32>::new(vec![0, usize::MAX, 2], vec![]).is_none());
    }

    #[test]
    fn transposes() {
        let tensor = Tensor { shape: vec![2, 3], data: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0] };
        let turned = tensor.transposed(&[1, 0]);
        assert_eq!(turned, Tensor { shape: vec![3, 2], data: vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0] });
        let unit = tensor.clone().reshaped(vec![2, 1, 3]);
        assert_eq!(unit.transposed(&[2, 0]), turned);
    }
}
