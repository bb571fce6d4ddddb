//! Plans against the reference: blocks in place, streamed heads, arenas of overlapping regions.

use std::collections::HashMap;

use mobilenet_compiler::family::Activation;
use mobilenet_compiler::interpret::{Interpreter, Reference};
use mobilenet_compiler::ir::{Conv, Graph, Node, Op, Pad, Params, Shape};
use mobilenet_compiler::pack::{Parameters, Tensors};
use mobilenet_compiler::plan::{Options, Plan};
use mobilenet_compiler::weights::{Kind, Tensor};
use mobilenet_kernels::image::Image;
use mobilenet_kernels::{Isa, Kernels};

struct Random(u64);

impl Random {
    fn values(&mut self, len: usize, scale: f32) -> Vec<f32> {
        let mut next = || {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * scale
        };
        (0..len).map(|_| next()).collect()
    }
}

/// Builds a fused network and weights that let the input move the output.
struct Builder {
    graph: Graph,
    tensors: Tensors,
    random: Random,
}

impl Builder {
    fn new(height: usize, width: usize, channels: usize) -> Self {
        let input = Node { name: "input".into(), op: Op::Input, shape: Shape::new(height, width, channels) };
        Builder { graph: Graph::new("test", input), tensors: HashMap::new(), random: Random(9) }
    }

    fn params(&mut self, name: &str, kind: Kind, shape: &[usize]) -> Params {
        let len = shape.iter().product();
        let outputs = shape[shape.len() - 1];
        let fan_in = if kind == Kind::Depthwise { 9 } else { len / outputs };
        let kernel =
            Tensor { shape: shape.to_vec(), data: self.random.values(len, (6.0 / fan_in as f32).sqrt()) };
        let bias = Some(self.random.values(outputs, 0.5));
        let name = name.to_string();
        let layer = Parameters { kernel, bias, batchnorm: None };
        self.tensors.insert(name.clone(), layer);
        Params { layer: name, folded: None }
    }

    fn conv(&mut self, params: Params, size: usize, stride: usize, shape: Shape) -> Conv {
        let pad = |input: usize, output: usize| (((output - 1) * stride + size).saturating_sub(input)) / 2;
        let from = self.graph.node(self.graph.output()).shape;
        let (top, left) = (pad(from.height, shape.height), pad(from.width, shape.width));
        Conv {
            size,
            stride,
            pad: Pad { top, left, bottom: 1, right: 1 },
            params,
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
        let (from, shape) = self.out(stride, channels);
        let name = format!("conv{}", self.graph.len());
        let params = self.params(&name, Kind::Conv, &[3, 3, from.channels, channels]);
        let conv = self.conv(params, 3, stride, shape);
        self.add(name, Op::Conv(conv), shape);
        self
    }

    fn separable(mut self, channels: usize, stride: usize) -> Self {
        let (from, shape) = self.out(stride, channels);
        let name = format!("block{}", self.graph.len());
        let middle = Shape { channels: from.channels, ..shape };
        let params = self.params(&format!("{name}_dw"), Kind::Depthwise, &[3, 3, from.channels]);
        let depthwise = self.conv(params, 3, stride, middle);
        let params = self.params(&format!("{name}_pw"), Kind::Pointwise, &[from.channels, channels]);
        let pointwise =
            Conv { size: 1, stride: 1, pad: Pad::default(), params, activation: Activation::Relu6 };
        self.add(name, Op::Separable { depthwise, pointwise }, shape);
        self
    }

    fn classes(mut self, classes: usize) -> Self {
        let (from, _) = self.out(1, 0);
        self.add("pool".into(), Op::GlobalAveragePool, Shape::vector(from.channels));
        let params = self.params("classifier", Kind::Dense, &[from.channels, classes]);
        self.add("classifier".into(), Op::FullyConnected(params), Shape::vector(classes));
        self
    }
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
    let Builder { graph, tensors, .. } = builder;
    let input = graph.input().map(|id| graph.node(id).shape.len()).unwrap();
    let image = Random(3).values(input, 1.0);
    let other = Random(4).values(input, 1.0);
    let reference = Reference::new(graph, tensors);
    let expected = reference.run(&image).unwrap();
    let moved = reference.run(&other).unwrap();
    let difference = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference(&expected, &moved) > 0.01, "{what}: the input does not move the output");
    for stream in [true, false] {
        let plan = Plan::new(graph, Options { stream }).unwrap();
        for isa in Isa::available() {
            let kernels = Kernels::new(isa).unwrap();
            let mut interpreter = Interpreter::new(plan.clone(), tensors, kernels).unwrap();
            // Twice: nothing of the first run may be left in the way of the second.
            interpreter.run(Image::Tensor(&other)).unwrap();
            let found = interpreter.run(Image::Tensor(&image)).unwrap();
            let error = difference(found, &expected);
            assert!(error < 1e-4, "{what}, {isa}, streamed {stream}: off by {error}");
        }
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
