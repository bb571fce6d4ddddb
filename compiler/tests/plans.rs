//! Plans against the reference: blocks in place, streamed heads, arenas of overlapping regions; of floats, and of bytes, which
//! are the same to the last one.

use std::num::NonZeroUsize;

use mobilenet_compiler::family::Activation;
use mobilenet_compiler::interpret::{Interpreter, QuantisedReference, Reference};
use mobilenet_compiler::ir::{Conv, Graph, Node, Op, Pad, Params, Shape};
use mobilenet_compiler::pack::payload;
use mobilenet_compiler::plan::{Bytes, Numbers, Options, Plan};
use mobilenet_compiler::quantised::Quantised;
use mobilenet_compiler::seeded;
use mobilenet_compiler::settings::{Precision, Stored};
use mobilenet_compiler::weights::Integers;
use mobilenet_kernels::image::{Image, Normalise};
use mobilenet_kernels::layout::Storage;
use mobilenet_kernels::{Isa, Kernels};

/// Builds a fused network.
struct Builder {
    graph: Graph,
}

impl Builder {
    fn new(height: usize, width: usize, channels: usize) -> Self {
        let input = Node { name: "input".into(), op: Op::Input, shape: Shape::new(height, width, channels) };
        Builder { graph: Graph::new("test", input) }
    }

    fn conv(&self, layer: &str, size: usize, stride: usize, shape: Shape) -> Conv {
        let pad = |input: usize, output: usize| (((output - 1) * stride + size).saturating_sub(input)) / 2;
        let from = self.graph.node(self.graph.output()).shape;
        let (top, left) = (pad(from.height, shape.height), pad(from.width, shape.width));
        Conv {
            size,
            stride,
            pad: Pad { top, left, bottom: 1, right: 1 },
            params: params(layer),
            activation: Activation::Relu6,
        }
    }

    fn add(&mut self, name: String, op: Op, shape: Shape) {
        let output = self.graph.output();
        self.graph.add(Node { name, op, shape }, &[output]);
    }

    /// A layer's output: height and width divided by the stride, rounded up.
    fn out(&self, stride: usize, channels: usize) -> (Shape, Shape) {
        let from = self.graph.node(self.graph.output()).shape;
        (from, Shape::new(from.height.div_ceil(stride), from.width.div_ceil(stride), channels))
    }

    fn full(mut self, channels: usize, stride: usize) -> Self {
        let (_, shape) = self.out(stride, channels);
        let name = format!("conv{}", self.graph.len());
        let conv = self.conv(&name, 3, stride, shape);
        self.add(name, Op::Conv(conv), shape);
        self
    }

    fn separable(mut self, channels: usize, stride: usize) -> Self {
        let (from, shape) = self.out(stride, channels);
        let name = format!("block{}", self.graph.len());
        let middle = Shape { channels: from.channels, ..shape };
        let depthwise = self.conv(&format!("{name}_dw"), 3, stride, middle);
        let pad = Pad::default();
        let pointwise = Conv { size: 1, stride: 1, pad, ..self.conv(&format!("{name}_pw"), 1, 1, shape) };
        self.add(name, Op::Separable { depthwise, pointwise }, shape);
        self
    }

    fn classes(mut self, classes: usize) -> Self {
        let (from, _) = self.out(1, 0);
        self.add("pool".into(), Op::GlobalAveragePool, Shape::vector(from.channels));
        self.add("classifier".into(), Op::FullyConnected(params("classifier")), Shape::vector(classes));
        self
    }
}

fn params(layer: &str) -> Params {
    Params { layer: layer.into(), folded: None }
}

fn mobilenet(resolution: usize, alpha: f64, classes: usize) -> Builder {
    let c = |channels: usize| ((channels as f64 * alpha) as usize).max(8);
    let mut builder = Builder::new(resolution, resolution, 3).full(c(32), 2).separable(c(64), 1);
    for (channels, stride) in [(128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] {
        builder = builder.separable(c(channels), stride);
    }
    for _ in 0..5 {
        builder = builder.separable(c(512), 1);
    }
    builder.separable(c(1024), 2).separable(c(1024), 1).classes(classes)
}

fn check(what: &str, builder: &Builder) {
    let Builder { graph } = builder;
    let tensors = &seeded::tensors(graph, 9);
    let input = graph.input().map(|id| graph.node(id).shape).unwrap();
    let image = seeded::image(input, 3);
    let other = seeded::image(input, 4);
    let reference = Reference::new(graph, tensors);
    let expected = reference.run(&image).unwrap();
    let moved = reference.run(&other).unwrap();
    let difference = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let largest = expected.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    assert!(difference(&expected, &moved) > 0.5, "{what}: the input does not move the output");
    for stream in [true, false] {
        let plan = Plan::new(graph, Options { stream, ..Options::default() }).unwrap();
        for isa in Isa::available() {
            let kernels = Kernels::new(isa).unwrap();
            let mut interpreter = Interpreter::new(plan.clone(), tensors, kernels).unwrap();
            // Twice: nothing of the first run may be left in the way of the second.
            interpreter.run(Image::Tensor(&other)).unwrap();
            let found = interpreter.run(Image::Tensor(&image)).unwrap();
            let error = difference(found, &expected);
            assert!(error < 1e-4 * largest, "{what}, {isa}, streamed {stream}: off by {error}");
        }
    }
}

/// Bytes of both types against the reference.
fn check_bytes(what: &str, builder: &Builder) {
    let Builder { graph } = builder;
    for integers in [Integers::U8, Integers::I8] {
        let quantised = seeded::quantised(graph, 5, integers).unwrap();
        check_quantised(&format!("{what}, {}", integers.name()), graph, &quantised);
    }
}

fn check_quantised(what: &str, graph: &Graph, quantised: &Quantised) {
    let input = graph.input().map(|id| graph.node(id).shape).unwrap();
    let reference = QuantisedReference::new(graph, quantised);
    let [image, other] = [3, 4].map(|seed| quantised.pixels(&seeded::image(input, seed)));
    let expected = reference.run(&image).unwrap();
    let output = quantised.probabilities(&expected);
    assert_ne!(expected, reference.run(&other).unwrap(), "{what}: the input does not move the output");
    let none = Normalise { scale: [0.0; 4], offset: [0.0; 4] };
    for stream in [true, false] {
        let plan =
            Plan::new(graph, Options { stream, numbers: Numbers::Bytes(Bytes::from(quantised)) }).unwrap();
        for isa in Isa::available() {
            let kernels = Kernels::new(isa).unwrap();
            let mut interpreter = Interpreter::new(plan.clone(), quantised, kernels).unwrap();
            for threads in [1, 2] {
                interpreter = interpreter.with_threads(NonZeroUsize::new(threads).unwrap());
                // The other first: nothing of one run may be left in the way of the next.
                interpreter.run_bytes(Image::Pixels(&other, &none)).unwrap();
                let found = interpreter.run_bytes(Image::Pixels(&image, &none)).unwrap();
                let how = format!("{what}, {isa}, {threads} threads, streamed {stream}");
                assert_eq!(found[0], expected, "{how}");
                assert_eq!(found[1], output, "{how}");
            }
            let numbers: Vec<f32> = expected.iter().map(|&byte| quantised.scores.number(byte)).collect();
            let tensor = seeded::image(input, 3);
            let found = interpreter.run(Image::Tensor(&tensor)).unwrap();
            assert_eq!(found, numbers, "{what}, {isa}, as numbers");
        }
    }
}

#[test]
fn bytes_of_odd_sizes() {
    let networks = [
        ("small", Builder::new(32, 32, 3).full(8, 2).separable(16, 1).separable(32, 2).classes(10)),
        (
            "odd",
            Builder::new(67, 45, 1).full(11, 2).separable(19, 1).separable(40, 2).separable(40, 1).classes(3),
        ),
        (
            "wide",
            Builder::new(20, 70, 3).full(24, 1).separable(24, 1).separable(48, 2).separable(50, 1).classes(7),
        ),
        ("one", Builder::new(40, 40, 3).full(16, 2).classes(2)),
        (
            "deep",
            Builder::new(80, 80, 3)
                .full(16, 2)
                .separable(16, 1)
                .separable(16, 1)
                .separable(32, 2)
                .separable(32, 1)
                .separable(32, 1)
                .separable(64, 2)
                .classes(1001),
        ),
    ];
    for (what, builder) in &networks {
        check_bytes(what, builder);
    }
}

#[test]
fn mobilenets_of_bytes() {
    for (resolution, alpha, classes) in [(96, 0.25, 1001), (64, 0.35, 2)] {
        check_bytes(&format!("{alpha} {resolution}"), &mobilenet(resolution, alpha, classes));
    }
}

#[test]
fn bytes_with_other_zero_points() {
    let builder = Builder::new(33, 40, 3).full(12, 2).separable(24, 1).separable(40, 2).classes(17);
    for (kernel_zero, least) in [(90, 20), (128, 0), (170, 0), (110, 60)] {
        let mut quantised = seeded::quantised(&builder.graph, 6, Integers::U8).unwrap();
        for layer in quantised.layers.values_mut() {
            let moved = |w: i16| (i32::from(w) + kernel_zero - layer.kernel_zero).clamp(0, 255) as i16;
            layer.kernel.data.iter_mut().for_each(|w| *w = moved(*w));
            layer.kernel_zero = kernel_zero;
            layer.clamp[0] = layer.clamp[0].max(least.min(layer.clamp[1] - 50));
        }
        check_quantised(&format!("zero {kernel_zero}, from {least}"), &builder.graph, &quantised);
    }
}

#[test]
fn what_no_kernel_of_bytes_computes_is_named() {
    let full = Builder::new(48, 48, 3).full(16, 2).full(16, 1).classes(5).graph;
    let numbers = Numbers::Bytes(Bytes { integers: Integers::I8, softmax: true, mean: false });
    let found = Plan::new(&full, Options { numbers, ..Options::default() }).unwrap_err().to_string();
    assert!(
        found.contains("no 8-bit kernel computes `conv2`, a full convolution of a feature map"),
        "{found}"
    );
    assert!(found.contains("f32"), "{found}");
}

#[test]
fn arenas_of_bytes_are_small() {
    // KiB, from below: those of floats take four times as much.
    for (resolution, alpha, most) in [(224, 1.0, 365), (192, 0.75, 220), (160, 0.5, 110), (128, 0.25, 42)] {
        let numbers = Numbers::Bytes(Bytes { integers: Integers::I8, softmax: true, mean: false });
        let options = Options { numbers, ..Options::default() };
        let plan = Plan::new(&mobilenet(resolution, alpha, 1000).graph, options).unwrap();
        let kib = plan.arena_bytes() / 1024;
        assert!(kib <= most, "{alpha} {resolution}: {kib} KiB");
        assert!(kib >= most * 8 / 10, "{alpha} {resolution}: {kib} KiB, lower the bound");
    }
}

#[test]
fn networks_of_odd_sizes() {
    check("small", &Builder::new(32, 32, 3).full(8, 2).separable(16, 1).separable(32, 2).classes(10));
    check(
        "odd",
        &Builder::new(67, 45, 1).full(11, 2).separable(19, 1).separable(40, 2).separable(40, 1).classes(3),
    );
    check(
        "wide",
        &Builder::new(20, 70, 3).full(24, 1).separable(24, 1).separable(48, 2).separable(50, 1).classes(7),
    );
    check("one", &Builder::new(40, 40, 3).full(16, 2).classes(2));
    check("full", &Builder::new(48, 48, 3).full(16, 2).full(16, 1).full(32, 2).full(48, 1).classes(5));
    let deep = Builder::new(80, 80, 3).full(16, 2).separable(16, 1).separable(16, 1).separable(32, 2);
    check("deep", &deep.separable(32, 1).separable(32, 1).separable(64, 2).classes(1001));
}

#[test]
fn mobilenets() {
    for (resolution, alpha) in [(128, 0.25), (96, 0.25), (160, 0.5), (128, 0.35)] {
        check(&format!("{alpha} {resolution}"), &mobilenet(resolution, alpha, 1000));
    }
}

/// Plans of 16 bits: every set within what a few values rounded otherwise can do, the same bits streamed and not, and on one
/// thread and on two.
fn check_narrow(what: &str, Builder { graph }: &Builder) {
    let tensors = &seeded::tensors(graph, 9);
    let image = seeded::image(graph.input().map(|id| graph.node(id).shape).unwrap(), 3);
    let stored = Precision::Bf16.stored().unwrap();
    let options = Options { numbers: Numbers::Floats(stored), ..Options::default() };
    let exact = Reference::new(graph, tensors).run(&image).unwrap();
    let expected = Reference::new(graph, tensors).rounded(stored).run(&image).unwrap();
    let difference = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let largest = expected.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    assert!(difference(&exact, &expected) > 1e-4 * largest, "{what}: nothing was rounded");
    for isa in Isa::available() {
        let run = |options, threads: usize| {
            let plan = Plan::new(graph, options).unwrap();
            let interpreter = Interpreter::new(plan, tensors, Kernels::new(isa).unwrap()).unwrap();
            let mut interpreter = interpreter.with_threads(threads.try_into().unwrap());
            interpreter.run(Image::Tensor(&image)).unwrap().to_vec()
        };
        let found = run(options, 1);
        let error = difference(&found, &expected);
        assert!(error < 5e-2 * largest, "{what}, {isa}: off by {error}");
        assert_eq!(run(Options { stream: false, ..options }, 1), found, "{what}, {isa}, not streamed");
        assert_eq!(run(options, 2), found, "{what}, {isa}, two threads");
    }
}

#[test]
fn networks_of_16_bits() {
    check_narrow("odd", &Builder::new(67, 45, 1).full(11, 2).separable(19, 1).separable(40, 2).classes(3));
    check_narrow("wide", &Builder::new(20, 70, 3).full(24, 1).separable(24, 1).separable(50, 2).classes(7));
    check_narrow("mobilenet", &mobilenet(96, 0.25, 1000));
}

#[test]
fn plans_of_16_bits_take_less() {
    let graph = mobilenet(224, 1.0, 1000).graph;
    let plan = |stored| {
        Plan::new(&graph, Options { numbers: Numbers::Floats(stored), ..Options::default() }).unwrap()
    };
    let (exact, narrow) = (plan(Stored::default()), plan(Precision::Bf16.stored().unwrap()));
    assert!(narrow.weight_bytes() * 100 < exact.weight_bytes() * 52, "{}", narrow.weight_bytes());
    assert!(narrow.arena_bytes() < exact.arena_bytes(), "{}", narrow.arena_bytes());
    let classifier = plan(Stored { classifier: Storage::F16, ..Stored::default() });
    let prints = [&exact, &narrow, &classifier].map(Plan::fingerprint);
    assert!(prints[0] != prints[1] && prints[1] != prints[2] && prints[2] != prints[0]);
}

#[test]
fn weights_that_no_f16_holds_are_refused() {
    let graph = Builder::new(32, 32, 3).full(8, 2).classes(10).graph;
    let mut tensors = seeded::tensors(&graph, 9);
    tensors.get_mut("classifier").unwrap().kernel.data[3] = -65520.0;
    let numbers = Numbers::Floats(Stored { classifier: Storage::F16, ..Stored::default() });
    let plan = Plan::new(&graph, Options { numbers, ..Options::default() }).unwrap();
    let message = payload(&plan, &tensors).unwrap_err().to_string();
    assert!(
        message.contains("`classifier` has weights up to 6.552e4, and f16 reaches up to 65504"),
        "{message}"
    );
}

#[test]
fn arenas_are_small() {
    // KiB, from below: two maps of the naive plan would take 4704 KiB at 1.0-224.
    for (resolution, alpha, most) in [(224, 1.0, 1700), (192, 0.75, 1000), (160, 0.5, 500), (128, 0.25, 200)]
    {
        let plan = Plan::new(&mobilenet(resolution, alpha, 1000).graph, Options::default()).unwrap();
        let kib = plan.arena_bytes() / 1024;
        assert!(kib <= most, "{alpha} {resolution}: {kib} KiB");
        assert!(kib >= most * 8 / 10, "{alpha} {resolution}: {kib} KiB, lower the bound");
    }
}
