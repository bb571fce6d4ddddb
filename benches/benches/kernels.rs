//! Single layers, their weights and maps in the cache, on every instruction set of this machine: what a kernel can do at
//! best. `mnetc bench --layers` has the same layers inside their networks.
//!
//! Throughputs are multiply-adds; the first product, whose operands stay in the first-level cache, is near the peak.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mobilenet_kernels::image::Image;
use mobilenet_kernels::layer::{Checked, Depthwise, FullyConnected, Pointwise, Stem};
use mobilenet_kernels::layout::{ByteMap, Map, Order, Storage, Window, aligned};
use mobilenet_kernels::network::{Line, floats, floats_mut};
use mobilenet_kernels::{Isa, Kernels, quantised};

fn plane(height: usize, width: usize, channels: usize, offset: usize) -> Map {
    Map { height, width, channels, offset, order: Order::Plane }
}

/// Benches a layer on every instruction set.
fn bench<L: Copy>(
    criterion: &mut Criterion,
    (group, name): (&str, &str),
    macs: usize,
    layer: Checked<L>,
    run: impl Fn(Kernels<'static>, &Checked<L>, &[f32], &mut [f32]),
) {
    let mut group = criterion.benchmark_group(group);
    group.throughput(Throughput::Elements(macs as u64));
    let weights = vec![Line::ZERO; layer.weights_end().div_ceil(16)];
    let mut arena = vec![Line::ZERO; layer.arena_end().div_ceil(16)];
    for isa in Isa::available() {
        let Some(kernels) = Kernels::new(isa) else { continue };
        group.bench_function(BenchmarkId::new(name, isa), |bencher| {
            bencher.iter(|| run(kernels, &layer, floats(&weights), floats_mut(&mut arena)));
        });
    }
    group.finish();
}

/// Height, width, inputs, outputs.
const POINTWISE: [[usize; 4]; 8] = [
    [1, 14, 256, 32],
    [8, 64, 8, 16],
    [4, 112, 32, 64],
    [2, 56, 128, 128],
    [2, 28, 256, 256],
    [14, 14, 512, 512],
    [7, 7, 1024, 1024],
    [4, 4, 256, 256],
];

fn pointwise(criterion: &mut Criterion) {
    for [height, width, inputs, outputs] in POINTWISE {
        let input = plane(height, width, inputs, 0);
        let output = plane(height, width, outputs, aligned(input.len()));
        let layer = Pointwise { input, output, weights: 0 }.checked();
        let name = format!("{height}x{width} {inputs} to {outputs}");
        let macs = height * width * inputs * outputs;
        bench(criterion, ("pointwise", &name), macs, layer, |k, layer, w, a| k.pointwise(layer, w, a));
    }
}

/// The same of bytes.
fn pointwise_of_bytes(criterion: &mut Criterion) {
    for [height, width, inputs, outputs] in POINTWISE {
        let input = ByteMap::plane([height, width, inputs], 0);
        let output = ByteMap::plane([height, width, outputs], input.len().next_multiple_of(64));
        let layer = quantised::layer::Pointwise { input, output, sums: None, weights: 0 }.checked();
        let name = format!("{height}x{width} {inputs} to {outputs}");
        let macs = height * width * inputs * outputs;
        bench(criterion, ("pointwise of bytes", &name), macs, layer, |k, layer, w, a| {
            k.bytes().pointwise(layer, w, a);
        });
    }
}

/// Height, width, channels, stride.
const DEPTHWISE: [[usize; 4]; 7] = [
    [8, 64, 8, 1],
    [6, 112, 32, 1],
    [9, 112, 64, 2],
    [4, 56, 128, 1],
    [14, 14, 512, 1],
    [14, 14, 512, 2],
    [7, 7, 1024, 1],
];

fn depthwise(criterion: &mut Criterion) {
    for [height, width, channels, stride] in DEPTHWISE {
        let input = plane(height, width, channels, 0);
        let (before, out) = (usize::from(stride == 1), |size: usize| size / stride);
        let output = plane(out(height), out(width), channels, aligned(input.len()));
        let window = Window { size: 3, stride, top: before, left: before };
        let layer = Depthwise { input, window, output, weights: 0 }.checked();
        let name = format!("{height}x{width} {channels} by {stride}");
        let macs = output.height * output.width * channels * 9;
        bench(criterion, ("depthwise", &name), macs, layer, |k, layer, w, a| k.depthwise(layer, w, a));
    }
}

/// The same of bytes.
fn depthwise_of_bytes(criterion: &mut Criterion) {
    for [height, width, channels, stride] in DEPTHWISE {
        let input = ByteMap::plane([height, width, channels], 0);
        let (before, out) = (usize::from(stride == 1), |size: usize| size / stride);
        let shape = [out(height), out(width), channels];
        let output = ByteMap::plane(shape, input.len().next_multiple_of(64));
        let window = Window { size: 3, stride, top: before, left: before };
        let layer = quantised::layer::Depthwise { input, window, output, weights: 0 }.checked();
        let name = format!("{height}x{width} {channels} by {stride}");
        let macs = shape.iter().product::<usize>() * 9;
        bench(criterion, ("depthwise of bytes", &name), macs, layer, |k, layer, w, a| {
            k.bytes().depthwise(layer, w, a);
        });
    }
}

fn stem(criterion: &mut Criterion) {
    for channels in [8, 16, 24, 32] {
        let image = [224, 224, 3];
        let output = plane(112, 112, channels, 0);
        let window = Window { size: 3, stride: 2, top: 0, left: 0 };
        let lines = aligned(output.len());
        let layer = Stem { image, window, output, strip: 4, lines, weights: 0 }.checked();
        let values = vec![0.5; image.iter().product()];
        let name = format!("224x224 3 to {channels}");
        let macs = 112 * 112 * channels * 27;
        bench(criterion, ("stem", &name), macs, layer, |k, layer, w, a| {
            k.stem(layer, Image::Tensor(&values), w, a);
        });
    }
}

fn classifier(criterion: &mut Criterion) {
    for inputs in [256, 512, 1024] {
        let layer = FullyConnected {
            inputs,
            outputs: 1000,
            input: 0,
            output: aligned(inputs),
            weights: 0,
            storage: Storage::F32,
        };
        let name = format!("{inputs} to 1000");
        bench(criterion, ("classifier", &name), inputs * 1000, layer.checked(), |k, layer, w, a| {
            k.fully_connected(layer, w, a);
        });
    }
}

criterion_group!(kernels, pointwise, pointwise_of_bytes, depthwise, depthwise_of_bytes, stem, classifier);
criterion_main!(kernels);
