//! Layers one by one.

use mobilenet_kernels::image::Image;
use mobilenet_kernels::layout::Window;
use mobilenet_kernels::network::floats;
use mobilenet_kernels::quantised::layer::{Depthwise, Pointwise, Stem};
use mobilenet_kernels::reference::Sizes;

use crate::support::{
    Arena, KINDS, Layer, NORMALISE, ONE, Random, WEIGHTS, kernels, len, out_size, plane, rows, turned,
};

#[test]
fn pointwise() {
    let mut random = Random(1);
    let mut kinds = KINDS.into_iter().cycle();
    for (height, width) in
        [(1, 1), (1, 5), (2, 3), (1, 7), (1, 9), (2, 7), (7, 7), (3, 13), (1, 15), (5, 6), (2, 29)]
    {
        for (inputs, outputs) in
            [(1, 1), (8, 8), (3, 40), (16, 16), (24, 48), (31, 33), (48, 24), (40, 72), (96, 130)]
        {
            for weights in WEIGHTS {
                let (from, to) = ([height, width, inputs], [height, width, outputs]);
                let kind = kinds.next().unwrap();
                let layer = Layer::new(&mut random, weights, kind, inputs, outputs);
                let section = layer.panels(1, inputs);
                let input = random.bytes(from.iter().product());
                let sizes = Sizes { input: from, output: to };
                let expected = layer.expected(&sizes, &ONE, &input, false);
                for (place_in, place_out) in [
                    (plane as fn(_, _) -> _, plane as fn(_, _) -> _),
                    (rows, rows),
                    (plane, turned),
                    (turned, plane),
                ] {
                    let checked = Pointwise {
                        input: place_in(from, 0),
                        output: place_out(to, len(from)),
                        sums: layer.sums(len(from) + len(to)),
                        weights: 0,
                    };
                    let checked = checked.checked();
                    for kernels in kernels() {
                        let mut arena = Arena::new(&checked);
                        arena.write(&checked.layer().input, &input);
                        kernels.bytes().pointwise(&checked, floats(&section), arena.slice());
                        let found = arena.read(&checked.layer().output);
                        assert_eq!(
                            found,
                            expected,
                            "{from:?} to {to:?}, {weights:?}, {kind:?}, {}",
                            kernels.isa()
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn depthwise() {
    let mut random = Random(2);
    let mut kinds = KINDS.into_iter().cycle();
    for (height, width) in [(1, 1), (2, 2), (6, 4), (3, 5), (7, 7), (8, 16), (4, 17), (5, 11), (9, 33)] {
        for channels in [1, 8, 16, 19, 40] {
            for (stride, before, after) in [(1, 1, 1), (2, 0, 1), (2, 1, 1), (2, 1, 0), (1, 0, 1), (1, 1, 0)]
            {
                if height + before + after < 3 || width + before + after < 3 {
                    continue;
                }
                let window = Window { size: 3, stride, top: before, left: before };
                let from = [height, width, channels];
                let to = [
                    out_size(height, before, after, &window),
                    out_size(width, before, after, &window),
                    channels,
                ];
                let sizes = Sizes { input: from, output: to };
                for weights in WEIGHTS {
                    let kind = kinds.next().unwrap();
                    let layer = Layer::new(&mut random, weights, kind, 9, channels);
                    let section = layer.depthwise();
                    let input = random.bytes(from.iter().product());
                    let expected = layer.expected(&sizes, &window, &input, true);
                    for place in [plane, rows, turned] {
                        let checked = Depthwise {
                            input: place(from, 0),
                            window,
                            output: place(to, len(from)),
                            weights: 0,
                        };
                        let checked = checked.checked();
                        for kernels in kernels() {
                            let mut arena = Arena::new(&checked);
                            arena.write(&checked.layer().input, &input);
                            kernels.bytes().depthwise(&checked, floats(&section), arena.slice());
                            let found = arena.read(&checked.layer().output);
                            let isa = kernels.isa();
                            assert_eq!(found, expected, "{from:?}, {window:?}, {weights:?}, {kind:?}, {isa}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn stem() {
    let mut random = Random(3);
    let mut kinds = KINDS.into_iter().cycle();
    for (height, width) in [(3, 3), (8, 8), (9, 31), (12, 30), (5, 1)] {
        for (inputs, outputs) in [(1, 8), (3, 32), (3, 11), (2, 24), (4, 40)] {
            for (size, stride, before, after) in
                [(3, 2, 0, 1), (3, 1, 1, 1), (3, 2, 1, 1), (1, 1, 0, 0), (5, 2, 2, 2)]
            {
                if height + before + after < size || width + before + after < size {
                    continue;
                }
                let window = Window { size, stride, top: before, left: before };
                let from = [height, width, inputs];
                let to = [
                    out_size(height, before, after, &window),
                    out_size(width, before, after, &window),
                    outputs,
                ];
                let sizes = Sizes { input: from, output: to };
                for weights in WEIGHTS {
                    let kind = kinds.next().unwrap();
                    let layer = Layer::new(&mut random, weights, kind, size * size * inputs, outputs);
                    let section = layer.panels(size, size * inputs);
                    let pixels = random.bytes(from.iter().product());
                    let zero = layer.input_zero as f32;
                    let values: Vec<f32> =
                        pixels.iter().map(|&x| (f32::from(x) - zero) * 0.5 + 0.2).collect();
                    let expected = layer.expected(&sizes, &window, &pixels, false);
                    for (strip, place) in [(1, plane as fn(_, _) -> _), (to[0].min(3), turned), (to[0], rows)]
                    {
                        let checked = Stem {
                            image: from,
                            window,
                            output: place(to, 0),
                            strip,
                            lines: len(to),
                            sums: layer.sums(len(to) + 8192),
                            weights: 0,
                        };
                        let checked = checked.checked();
                        for kernels in kernels() {
                            for image in [Image::Pixels(&pixels, &NORMALISE), Image::Tensor(&values)] {
                                let mut arena = Arena::new(&checked);
                                kernels.bytes().stem(&checked, image, floats(&section), arena.slice());
                                let found = arena.read(&checked.layer().output);
                                let isa = kernels.isa();
                                assert_eq!(
                                    found, expected,
                                    "{from:?}, {window:?}, {weights:?}, {kind:?}, {isa}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn layers_that_do_not_fit_are_refused() {
    let (input, output) = (plane([4, 4, 8], 0), plane([4, 4, 8], 256));
    let pointwise = |input, output, sums| Pointwise { input, output, sums, weights: 0 }.check();
    assert!(pointwise(input, output, Some(512)).is_ok());
    assert!(pointwise(input, output, Some(514)).is_err());
    // Row sums over the input, over the output.
    assert!(pointwise(input, output, Some(252)).is_err());
    assert!(pointwise(input, output, Some(508)).is_err());
    assert!(pointwise(input, plane([4, 3, 8], 256), None).is_err());
    // Threads of a team would read what others write; one thread may.
    assert!(!pointwise(input, input, None).unwrap().is_apart());
    assert!(pointwise(input, output, None).unwrap().is_apart());
    // Bytes of the arena, as floats of the slice.
    assert_eq!(pointwise(input, output, None).unwrap().arena_end(), 128);
}
