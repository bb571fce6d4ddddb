//! The network as numbers, for peers that are given no file: Table 1 of the paper, and folded weights.

use crate::{Error, Task, npy};

const CLASSES: usize = 1000;

/// Inputs, outputs and stride of the thirteen blocks at alpha 1.
const BLOCKS: [(usize, usize, usize); 13] = [
    (32, 64, 1),
    (64, 128, 2),
    (128, 128, 1),
    (128, 256, 2),
    (256, 256, 1),
    (256, 512, 2),
    (512, 512, 1),
    (512, 512, 1),
    (512, 512, 1),
    (512, 512, 1),
    (512, 512, 1),
    (512, 1024, 2),
    (1024, 1024, 1),
];

/// A convolution, batch norm folded, with ReLU6 after it.
pub struct Convolution {
    /// Outputs, inputs / groups, height, width.
    pub shape: [usize; 4],
    /// Of that shape.
    pub kernel: Vec<f32>,
    /// A value an output.
    pub bias: Vec<f32>,
    /// Along both axes. At 2, a 3x3 kernel needs a row and a column of zeros after the input, at 1 all around.
    pub stride: usize,
    /// As many as channels in a depthwise convolution, else 1.
    pub groups: usize,
}

/// All layers.
pub struct Network {
    /// The convolutions.
    pub convolutions: Vec<Convolution>,
    /// The classifier's kernel: classes, inputs.
    pub shape: [usize; 2],
    /// Of that shape.
    pub kernel: Vec<f32>,
    /// A value a class.
    pub bias: Vec<f32>,
}

impl Network {
    /// Reads the weights; alpha is told by how the name begins.
    pub fn read(task: &Task) -> Result<Network, Error> {
        let name = task.stem.rsplit('/').next().unwrap_or_default();
        let alpha: f64 = name.split('_').next().unwrap_or_default().parse()?;
        let scaled = |channels: usize| (channels as f64 * alpha) as usize;
        let values = npy(task.file(".folded.npy"))?;
        let mut rest = &values[..];
        let mut take = |count: usize| -> Result<Vec<f32>, Error> {
            let (taken, left) = rest.split_at_checked(count).ok_or("too few weights")?;
            rest = left;
            Ok(taken.to_vec())
        };
        let mut convolution = |shape: [usize; 4], stride, groups| -> Result<Convolution, Error> {
            Ok(Convolution {
                shape,
                kernel: take(shape.iter().product())?,
                bias: take(shape[0])?,
                stride,
                groups,
            })
        };

        let mut convolutions = vec![convolution([scaled(32), 3, 3, 3], 2, 1)?];
        for (inputs, outputs, stride) in BLOCKS {
            let (inputs, outputs) = (scaled(inputs), scaled(outputs));
            convolutions.push(convolution([inputs, 1, 3, 3], stride, inputs)?);
            convolutions.push(convolution([outputs, inputs, 1, 1], 1, 1)?);
        }
        let shape = [CLASSES, scaled(1024)];
        Ok(Network { convolutions, shape, kernel: take(shape[0] * shape[1])?, bias: take(CLASSES)? })
    }
}
