//! Reading what layers have computed out of an arena.

use mobilenet_kernels::layout::{BLOCK, Map};
use mobilenet_kernels::{network, pack};

use super::{ByteKernel, Kernel, Part};
use crate::weights::Integers;

impl Part {
    /// The layer's output, (height, width, channels), out of an arena in which it has just been written; of maps of bytes see
    /// [`bytes`](Self::bytes). Only the last rows of a ring are still there.
    pub fn value(&self, arena: &[f32]) -> Vec<f32> {
        let at = match &self.kernel {
            Kernel::Pool(layer) => layer.layer().output,
            Kernel::FullyConnected(layer) => layer.layer().output,
            Kernel::Softmax(layer) => layer.layer().vector,
            Kernel::Bytes(ByteKernel::Pool(_, numbers) | ByteKernel::FullyConnected(_, numbers)) => {
                numbers.layer().output
            }
            kernel => {
                let mut value = vec![0.0; self.output.len()];
                if let Some(map) = kernel.map() {
                    pack::from_map(&map, arena, &mut value);
                }
                return value;
            }
        };
        arena[at..at + self.output.len()].to_vec()
    }

    /// The same of a layer of bytes, which are of the network's own type; None of one of floats.
    pub fn bytes(&self, arena: &[f32], integers: Integers) -> Option<Vec<i16>> {
        let Kernel::Bytes(kernel) = &self.kernel else { return None };
        let arena = network::bytes(arena);
        let own = |byte: u8| i16::from(byte) + integers.range()[0] as i16;
        let vector = |at: usize| arena[at..at + self.output.len()].iter().map(|&byte| own(byte)).collect();
        let map = match kernel {
            ByteKernel::Stem(layer) => layer.layer().output,
            ByteKernel::Depthwise(layer) => layer.layer().output,
            ByteKernel::Pointwise(layer) => layer.layer().output,
            ByteKernel::Separable(layer) => layer.layer().output,
            ByteKernel::Pool(layer, _) => return Some(vector(layer.layer().output)),
            ByteKernel::FullyConnected(layer, _) => return Some(vector(layer.layer().output)),
        };
        let mut value = Vec::with_capacity(self.output.len());
        for (y, x) in (0..map.height).flat_map(|y| (0..map.width).map(move |x| (y, x))) {
            let at = |c: usize| map.at(y, c / BLOCK) + x * BLOCK + c % BLOCK;
            value.extend((0..map.channels).map(|c| own(arena[at(c)])));
        }
        Some(value)
    }
}

impl Kernel {
    /// The map of floats that it writes.
    fn map(&self) -> Option<Map> {
        Some(match self {
            Kernel::Stem(layer) => layer.layer().output,
            Kernel::Conv(layer) => layer.layer().output,
            Kernel::Depthwise(layer) => layer.layer().output,
            Kernel::Pointwise(layer) => layer.layer().output,
            Kernel::Separable(layer) => layer.layer().output,
            Kernel::BatchNorm(layer) => layer.layer().map,
            Kernel::Activation(layer) => layer.layer().map,
            _ => return None,
        })
    }
}
