//! Sections of networks of bytes.

use mobilenet_kernels::quantised::pack::{self, Epilogue, Numbers};

use crate::epilogue;
use crate::error::{Complaint, Result};
use crate::plan::ByteContent;
use crate::quantised::Quantised;
use crate::weights::{Affine, Integers, Pooling, QuantisedLayer};

/// Packs a section.
pub(super) fn pack(content: &ByteContent, quantised: &Quantised, out: &mut [i32]) -> Result<()> {
    let affine = |Affine { scale, zero }: Affine, out: &mut [i32]| {
        pack::affine(scale, zero - quantised.integers.range()[0], out);
    };
    match content {
        ByteContent::Panels { layer, runs, run, outputs } => {
            let layer = quantised.layer(layer)?;
            let epilogues = epilogue::packed(layer, quantised.integers);
            pack::panels(&numbers(layer, quantised.integers, &epilogues), *runs, *run, *outputs, out);
        }
        ByteContent::Depthwise { layer, channels } => {
            let layer = quantised.layer(layer)?;
            let epilogues = epilogue::packed(layer, quantised.integers);
            pack::depthwise(&numbers(layer, quantised.integers, &epilogues), *channels, out);
        }
        ByteContent::Mean { pixels } => match quantised.pooling {
            Pooling::Mean { from, to } => {
                let fault = || Complaint::new(format!("no factor divides by {pixels} pixels"));
                let factor = Pooling::factor(from, to, *pixels).ok_or_else(fault)?;
                pack::mean(factor, [from, to].map(|affine| affine.zero - quantised.integers.range()[0]), out);
            }
            Pooling::Average => {
                return Err(Complaint::new("the weights pool in one scale, the plan in two").into());
            }
        },
        ByteContent::Inputs(layer) => affine(quantised.layer(layer)?.input, out),
        ByteContent::Outputs(layer) => affine(quantised.layer(layer)?.output, out),
        ByteContent::Softmax => match &quantised.softmax {
            Some(softmax) => pack::softmax(softmax, out),
            None => return Err(Complaint::new("the weights end in scores, the plan in a softmax").into()),
        },
    }
    Ok(())
}

/// A layer as the packer takes it: bytes of maps counted from the least of their type, so that they are unsigned.
fn numbers<'n>(layer: &'n QuantisedLayer, integers: Integers, epilogues: &'n [Epilogue]) -> Numbers<'n> {
    let [least, greatest] = integers.range();
    let QuantisedLayer { kernel, kernel_zero, bias, input, output, clamp, .. } = layer;
    Numbers {
        kernel: &kernel.data,
        kernel_zero: *kernel_zero,
        signed: integers == Integers::I8,
        bias,
        epilogues,
        input_scale: input.scale,
        input_zero: input.zero - least,
        output_zero: output.zero - least,
        clamp: clamp.map(|bound| bound.clamp(least, greatest) - least),
    }
}
