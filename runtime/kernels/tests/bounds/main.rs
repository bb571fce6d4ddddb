//! Kernels stay inside their memory: weights, arena and image end where a page begins that nobody may touch, and then begin
//! where such a page ends. Miri, valgrind and AddressSanitizer have eyes of their own: there the memory is a plain allocation of
//! the exact length.

use mobilenet_kernels::image::{Image, Normalise};
use mobilenet_kernels::layer::{
    Activation, BatchNorm, Checked, Conv, Depthwise, FullyConnected, Pointwise, Pool, Separable, Softmax,
    Stage, Stem,
};
use mobilenet_kernels::layout::{Map, Storage, Window, aligned};
use mobilenet_kernels::{Isa, Kernels};

mod bytes;
mod guarded;

use guarded::Guarded;

/// Values that differ, so that a wrong place shows.
fn values(len: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 7919) % 1009) as f32 / 1009.0 - 0.5).collect()
}

/// Runs a layer in guarded memory on all sets, twice, and in plain memory; the arena is the same in the end.
fn check(what: &str, weights: &[f32], arena: usize, run: impl Fn(Kernels<'_>, &[f32], &mut [f32])) {
    let arena = values(arena);
    for kernels in Isa::available().filter_map(Kernels::new) {
        let mut plain = arena.clone();
        run(kernels, weights, &mut plain);
        for at_the_end in [true, false] {
            let mut weights = Guarded::new(weights, at_the_end);
            let mut guarded = Guarded::new(&arena, at_the_end);
            run(kernels, weights.slice(), guarded.slice());
            let same = guarded.slice().iter().zip(&plain).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{what}, {}: another result", kernels.isa());
        }
    }
}

fn layer<L>(what: &str, layer: &Checked<L>, run: impl Fn(Kernels<'_>, &[f32], &mut [f32])) {
    check(what, &values(layer.weights_end()), layer.arena_end(), run);
}

/// Channels below, at and above blocks and panels; fewer for Miri, which is slow.
const CHANNELS: &[usize] = if cfg!(miri) { &[1, 17] } else { &[1, 8, 11, 16, 24, 33, 40, 70] };
/// Widths below, at and above tiles.
const WIDTHS: &[usize] = if cfg!(miri) { &[1, 5] } else { &[1, 2, 5, 8, 9, 15, 29] };
/// Size, stride and padding of the first convolution.
const IMAGES: &[(usize, usize, usize)] =
    if cfg!(miri) { &[(3, 2, 0), (3, 1, 1)] } else { &[(3, 2, 0), (3, 1, 1), (5, 2, 2), (1, 1, 0)] };

fn len(shape: [usize; 3]) -> usize {
    <Map>::plane(shape, 0).len()
}

#[test]
fn products() {
    for (&inputs, &outputs) in CHANNELS.iter().flat_map(|a| CHANNELS.iter().map(move |b| (a, b))) {
        for &width in WIDTHS {
            let (from, to) = ([2, width, inputs], [2, width, outputs]);
            for rows in [false, true] {
                let map = |shape: [usize; 3], offset| match rows {
                    true => Map::rows(shape, offset, shape[0], 0),
                    false => Map::plane(shape, offset),
                };
                let pointwise =
                    Pointwise { input: map(from, 0), output: map(to, aligned(len(from))), weights: 0 }
                        .checked();
                layer("pointwise", &pointwise, |kernels, weights, arena| {
                    kernels.pointwise(&pointwise, weights, arena)
                });
            }
        }
        let input = outputs.next_multiple_of(16);
        for storage in [Storage::F32, Storage::F16] {
            let dense = FullyConnected { inputs, outputs, input, output: 0, weights: 0, storage }.checked();
            layer("dense", &dense, |kernels, weights, arena| kernels.fully_connected(&dense, weights, arena));
        }
    }
}

#[test]
fn windows() {
    for &channels in CHANNELS {
        for &width in WIDTHS {
            for stride in [1, 2] {
                let (shape, out) = ([3, width, channels], [3usize.div_ceil(stride), width.div_ceil(stride)]);
                let window = Window::new(3, stride, [1, 1]);
                let input = Map::plane(shape, 0);
                let to = [out[0], out[1], channels];
                let output = Map::plane(to, aligned(len(shape)));
                let depthwise = Depthwise { input, window, output, weights: 0 }.checked();
                layer("depthwise", &depthwise, |kernels, weights, arena| {
                    kernels.depthwise(&depthwise, weights, arena)
                });

                let end = aligned(output.offset + len(to));
                let conv = Conv { input, window, output, strip: out[0], lines: end, weights: 0 }.checked();
                layer("conv", &conv, |kernels, weights, arena| kernels.conv(&conv, weights, arena));

                for storage in [Storage::F32, Storage::Bf16] {
                    let separable = Separable {
                        input,
                        window,
                        output,
                        strip: 1,
                        scratch: end,
                        depthwise: 0,
                        pointwise: 4096,
                        storage,
                    };
                    let separable = separable.checked();
                    layer("separable", &separable, |kernels, weights, arena| {
                        kernels.separable(&separable, weights, arena)
                    });
                }
            }
        }
    }
}

#[test]
fn elementwise() {
    for &channels in CHANNELS {
        let map = Map::plane([2, 3, channels], 0);
        let pool = Pool { input: map, output: aligned(map.len()) }.checked();
        layer("pool", &pool, |kernels, weights, arena| kernels.pool(&pool, weights, arena));
        let batchnorm = BatchNorm { map, weights: 0 }.checked();
        layer("batchnorm", &batchnorm, |kernels, weights, arena| {
            kernels.batchnorm(&batchnorm, weights, arena)
        });
        let clamp = Activation { map, weights: 0 }.checked();
        layer("clamp", &clamp, |kernels, weights, arena| kernels.activation(&clamp, weights, arena));
        let softmax = Softmax { len: channels, vector: 0 }.checked();
        layer("softmax", &softmax, |kernels, _, arena| kernels.softmax(&softmax, arena));
    }
}

#[test]
fn images() {
    let normalise = Normalise { scale: [1.0, 2.0, 3.0, 4.0], offset: [0.5; 4] };
    for channels in [1, 3] {
        for &width in WIDTHS {
            for &(size, stride, pad) in IMAGES {
                let span = width + 2 * pad;
                if span < size {
                    continue;
                }
                let side = (span - size) / stride + 1;
                let output = Map::plane([side, side, 11], 0);
                let stem = Stem {
                    image: [width, width, channels],
                    window: Window::new(size, stride, [pad, pad]),
                    output,
                    strip: 1,
                    lines: aligned(output.len()),
                    weights: 0,
                };
                let stem = stem.checked();
                let mut image = Guarded::new(&values(width * width * channels), true);
                let image: &[f32] = image.slice();
                layer("stem", &stem, |kernels, weights, arena| {
                    kernels.stem(&stem, Image::Tensor(image), weights, arena);
                });
                let pixels: Vec<u8> = (0..image.len()).map(|i| (i * 37) as u8).collect();
                let image = Image::Pixels(&pixels, &normalise);
                layer("stem", &stem, |kernels, weights, arena| kernels.stem(&stem, image, weights, arena));
                let stages = [Stage::Stem(stem)];
                layer("stream", &stem, |kernels, weights, arena| {
                    kernels.stream(&stages, image, weights, arena);
                });
            }
        }
    }
}
