//! What running a model gives: numbers, or the bytes of a quantised model.

use std::path::Path;

use mobilenet_compiler::quantised::Quantised;
use mobilenet_compiler::weights::{Affine, Integers};
use mobilenet_kernels::softmax;

use crate::Failure;
use crate::tensor::write_row;

/// The output of a model.
pub(crate) enum Scores {
    /// Scores before softmax.
    Floats(Vec<f32>),
    /// Both outputs of a quantised model, in its own bytes.
    Bytes {
        /// Before softmax.
        scores: Vec<i16>,
        /// After it; the scores themselves where the model has none.
        output: Vec<i16>,
        /// The type of the bytes.
        integers: Integers,
        /// What those of the output stand for.
        affine: Affine,
    },
}

impl Scores {
    /// The output of a quantised model, and its scores before softmax.
    pub(crate) fn of_bytes(scores: Vec<i16>, output: Vec<i16>, quantised: &Quantised) -> Scores {
        Scores::Bytes { scores, output, integers: quantised.integers, affine: quantised.output }
    }

    /// One a class; those of a quantised model without softmax are its scores.
    pub(crate) fn probabilities(&self) -> Vec<f32> {
        match self {
            Scores::Floats(logits) => {
                let mut scores = logits.clone();
                softmax(&mut scores);
                scores
            }
            Scores::Bytes { output, affine, .. } => output.iter().map(|&byte| affine.number(byte)).collect(),
        }
    }

    /// Writes one row: f32, or the model's own bytes.
    pub(crate) fn write(&self, path: &Path, logits: bool) -> Result<(), Failure> {
        match self {
            Scores::Floats(values) if logits => write_row(path, values),
            Scores::Floats(_) => write_row(path, &self.probabilities()),
            Scores::Bytes { scores, output, integers, .. } => {
                let row = if logits { scores } else { output };
                match integers {
                    Integers::U8 => write_row(path, &row.iter().map(|&byte| byte as u8).collect::<Vec<_>>()),
                    Integers::I8 => write_row(path, &row.iter().map(|&byte| byte as i8).collect::<Vec<_>>()),
                }
            }
        }
    }
}
