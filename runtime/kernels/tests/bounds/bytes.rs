//! Kernels of bytes stay inside their memory whatever their weights are: words are anything, epilogues of all kinds, zero points,
//! row sums and outliers, which point anywhere.

use mobilenet_kernels::Kernels;
use mobilenet_kernels::image::{Image, Normalise};
use mobilenet_kernels::layer::Checked;
use mobilenet_kernels::layout::{ByteMap, Window, aligned};
use mobilenet_kernels::quantised::layer::{
    Depthwise, Dequantise, FullyConnected, Pointwise, Pool, Separable, Softmax, Stage, Stem,
};
use mobilenet_kernels::quantised::layout::{HEAD, Section, Word};

use crate::guarded::Guarded;
use crate::{CHANNELS, IMAGES, WIDTHS, check};

/// Kinds of epilogues.
const KINDS: usize = 5;

/// Any words.
fn words(len: usize) -> Vec<i32> {
    (0..len as u32)
        .map(|i| (i ^ 0x9e37).wrapping_mul(0x85eb_ca6b).rotate_left(i % 29).cast_signed())
        .collect()
}

/// Makes the section at some place one whose blocks have epilogues of all kinds, or of one kind.
fn head(words: &mut [i32], at: usize, outputs: usize, kind: usize) {
    let section = &mut words[at..];
    section[Word::Outliers as usize] = 1000;
    section[Word::Correction as usize] = [3, 0][kind % 2];
    for block in 0..outputs.div_ceil(16) {
        section[HEAD + block] = if kind == KINDS { block % KINDS } else { kind } as i32;
    }
}

fn layer<L>(what: &str, layer: &Checked<L>, words: &[i32], run: impl Fn(Kernels<'_>, &[f32], &mut [f32])) {
    let weights: Vec<f32> = words.iter().map(|word| f32::from_bits(word.cast_unsigned())).collect();
    check(what, &weights[..layer.weights_end()], layer.arena_end(), run);
}

fn len(shape: [usize; 3]) -> usize {
    ByteMap::plane(shape, 0).len().next_multiple_of(64)
}

#[test]
fn products() {
    for (i, (&inputs, &outputs)) in
        CHANNELS.iter().flat_map(|a| CHANNELS.iter().map(move |b| (a, b))).enumerate()
    {
        let mut words = words(Section::panels(1, inputs, outputs).len);
        head(&mut words, 0, outputs, i % (KINDS + 1));
        for &width in WIDTHS {
            let (from, to) = ([2, width, inputs], [2, width, outputs]);
            for rows in [false, true] {
                let map = |shape: [usize; 3], offset| match rows {
                    true => ByteMap::rows(shape, offset, shape[0], 0),
                    false => ByteMap::plane(shape, offset),
                };
                let (input, output) = (map(from, 0), map(to, len(from)));
                let sums = Some(len(from) + len(to));
                let pointwise = Pointwise { input, output, sums, weights: 0 }.checked();
                layer("pointwise", &pointwise, &words, |kernels, weights, arena| {
                    kernels.bytes().pointwise(&pointwise, weights, arena);
                });
            }
        }
        let output = inputs.next_multiple_of(64);
        let dense = FullyConnected { inputs, outputs, input: 0, output, weights: 0 }.checked();
        layer("dense", &dense, &words, |kernels, weights, arena| {
            kernels.bytes().fully_connected(&dense, weights, arena);
        });
    }
}

#[test]
fn windows() {
    for (i, &channels) in CHANNELS.iter().enumerate() {
        for &width in WIDTHS {
            for stride in [1, 2] {
                let (shape, out) = ([3, width, channels], [3usize.div_ceil(stride), width.div_ceil(stride)]);
                let kind = (i + width + stride) % (KINDS + 1);
                let window = Window::new(3, stride, [1, 1]);
                let input = ByteMap::plane(shape, 0);
                let to = [out[0], out[1], channels];
                let output = ByteMap::plane(to, len(shape));
                let split = aligned(Section::depthwise(channels).len);
                let mut words = words(split + Section::panels(1, channels, channels).len);
                head(&mut words, 0, channels, kind);
                head(&mut words, split, channels, kind);
                let depthwise = Depthwise { input, window, output, weights: 0 }.checked();
                layer("depthwise", &depthwise, &words, |kernels, weights, arena| {
                    kernels.bytes().depthwise(&depthwise, weights, arena);
                });
                let scratch = len(shape) + len(to);
                let sums = Some(scratch + len([1, out[1], channels]));
                let separable = Separable {
                    input,
                    window,
                    output,
                    strip: 1,
                    scratch,
                    sums,
                    depthwise: 0,
                    pointwise: split,
                };
                let separable = separable.checked();
                layer("separable", &separable, &words, |kernels, weights, arena| {
                    kernels.bytes().separable(&separable, weights, arena);
                });
            }
        }
    }
}

#[test]
fn vectors() {
    for &channels in CHANNELS {
        let input = ByteMap::plane([2, 3, channels], 0);
        for (signed, scale) in [(false, None), (true, None), (false, Some(0)), (true, Some(0))] {
            let pool = Pool { input, output: input.len(), signed, scale }.checked();
            layer("pool", &pool, &words(64), |kernels, weights, arena| {
                kernels.bytes().pool(&pool, weights, arena);
            });
        }
        let softmax = Softmax { len: channels, vector: 0, weights: 0 }.checked();
        layer("softmax", &softmax, &words(1024), |kernels, weights, arena| {
            kernels.bytes().softmax(&softmax, weights, arena);
        });
        let output = channels.div_ceil(4);
        let numbers = Dequantise { len: channels, input: 0, output, weights: 0 }.checked();
        layer("dequantise", &numbers, &words(64), |kernels, weights, arena| {
            kernels.bytes().dequantise(&numbers, weights, arena);
        });
    }
}

#[test]
fn images() {
    let normalise = Normalise { scale: [1.0, 2.0, 3.0, 4.0], offset: [0.5; 4] };
    for channels in [1, 3] {
        for &width in WIDTHS {
            for (kind, &(size, stride, pad)) in IMAGES.iter().enumerate() {
                let span = width + 2 * pad;
                if span < size {
                    continue;
                }
                let side = (span - size) / stride + 1;
                let output = ByteMap::plane([side, side, 11], 0);
                let mut stem = Stem {
                    image: [width, width, channels],
                    window: Window::new(size, stride, [pad, pad]),
                    output,
                    strip: 1,
                    lines: len([side, side, 11]),
                    sums: None,
                    weights: 0,
                };
                stem.sums = Some(stem.lines + stem.lines_len());
                let stem = stem.checked();
                let mut words = words(stem.weights_end());
                head(&mut words, 0, 11, kind);
                let pixels: Vec<u8> = (0..width * width * channels).map(|i| (i * 37) as u8).collect();
                let numbers: Vec<f32> = pixels.iter().map(|&x| f32::from(x) / 7.0 - 9.0).collect();
                let mut numbers = Guarded::new(&numbers, true);
                for image in [Image::Pixels(&pixels, &normalise), Image::Tensor(numbers.slice())] {
                    layer("stem", &stem, &words, |kernels, weights, arena| {
                        kernels.bytes().stem(&stem, image, weights, arena);
                    });
                    let stages = [Stage::Stem(stem)];
                    layer("stream", &stem, &words, |kernels, weights, arena| {
                        kernels.bytes().stream(&stages, image, weights, arena);
                    });
                }
            }
        }
    }
}
