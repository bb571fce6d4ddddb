//! A MobileNet v1 made up for tests: its layers, the tensors that files of each naming scheme have for them.

use mobilenet_compiler::family::Activation;
use mobilenet_compiler::weights::{Expected, Half, Kind, Naming, Role, Scheme, Slot, Weights};

/// Strides of the thirteen blocks.
const STRIDES: [usize; 13] = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1];
/// Output channels of the first convolution and the thirteen blocks at alpha 1.
const WIDTHS: [usize; 14] = [32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024];

/// A layer with its place.
pub(crate) struct Place {
    pub(crate) numbered: Slot,
    pub(crate) staged: Slot,
    pub(crate) expected: Expected,
}

/// A tensor of a file.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Vec<f32>,
}

/// The layers of a MobileNet v1 whose widths are those at alpha 1 divided by `divisor`.
pub(crate) fn places(divisor: usize, classes: usize) -> Vec<Place> {
    let width = |i: usize| WIDTHS[i] / divisor;
    let layer = |name: &str, kind, kernel: &[usize], stride| Expected {
        name: name.to_owned(),
        kind,
        kernel: kernel.to_vec(),
        stride,
        batchnorm: kind != Kind::Dense,
        bias: kind == Kind::Dense,
    };
    let only = |slot, expected| Place { numbered: slot, staged: slot, expected };
    let mut places = vec![only(Slot::Stem, layer("conv1", Kind::Conv, &[3, 3, 3, width(0)], 2))];
    let (mut stage, mut in_stage) = (0, 0);
    for (i, stride) in STRIDES.into_iter().enumerate() {
        (stage, in_stage) = match (i, stride) {
            (0, _) => (0, 0),
            (_, 1) => (stage, in_stage + 1),
            _ => (stage + 1, 0),
        };
        let block = |half, expected| Place {
            numbered: Slot::numbered(i + 1, half),
            staged: Slot::Block { stage: Some(stage), index: in_stage, half },
            expected,
        };
        let name = |half| format!("block{}_{half}", i + 1);
        let depthwise = layer(&name("depthwise"), Kind::Depthwise, &[3, 3, width(i)], stride);
        let pointwise = layer(&name("pointwise"), Kind::Pointwise, &[width(i), width(i + 1)], 1);
        places.push(block(Half::Depthwise, depthwise));
        places.push(block(Half::Pointwise, pointwise));
    }
    places.push(only(Slot::Classifier, layer("classifier", Kind::Dense, &[width(13), classes], 1)));
    places
}

/// What a model of that shape expects.
pub(crate) fn expected(divisor: usize, classes: usize) -> Vec<Expected> {
    places(divisor, classes).into_iter().map(|place| place.expected).collect()
}

/// The value at a position of a layer's tensor: every one differs from its neighbours in every direction.
pub(crate) fn value(layer: usize, role: Role, index: &[usize]) -> f32 {
    let position = index.iter().fold(layer * 6 + role as usize, |sum, &i| sum * 31 + i) % 1009;
    1.0 + position as f32 / 1024.0
}

/// Position of the `n`th value in a row-major tensor.
pub(crate) fn position(shape: &[usize], mut n: usize) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        index[axis] = n % shape[axis];
        n /= shape[axis];
    }
    index
}

/// The tensors of a file of that scheme, batch norm apart.
pub(crate) fn tensors(scheme: Scheme, prefix: &str, divisor: usize, classes: usize) -> Vec<Stored> {
    let naming = Naming { scheme, prefix: prefix.to_owned() };
    let mut tensors = Vec::new();
    for (i, place) in places(divisor, classes).iter().enumerate() {
        let slot = if scheme == Scheme::Timm { place.staged } else { place.numbered };
        let mut push = |role, shape: Vec<usize>, canonical: &dyn Fn(&[usize]) -> Vec<usize>| {
            let values = 0..shape.iter().product();
            let data = values.map(|n| value(i, role, &canonical(&position(&shape, n)))).collect();
            tensors.push(Stored { name: naming.name(slot, role), shape, data });
        };
        let kernel = &place.expected.kernel;
        let pytorch = matches!(scheme, Scheme::HuggingFace | Scheme::Timm);
        match (place.expected.kind, kernel.as_slice()) {
            (Kind::Conv, &[h, w, i, o]) if pytorch => {
                push(Role::Kernel, vec![o, i, h, w], &|at| vec![at[2], at[3], at[1], at[0]]);
            }
            (Kind::Depthwise, &[h, w, c]) if pytorch => {
                push(Role::Kernel, vec![c, 1, h, w], &|at| vec![at[2], at[3], at[0]]);
            }
            (Kind::Depthwise, &[h, w, c]) => push(Role::Kernel, vec![h, w, c, 1], &|at| at[..3].to_vec()),
            (Kind::Pointwise, &[i, o]) if pytorch => {
                push(Role::Kernel, vec![o, i, 1, 1], &|at| vec![at[1], at[0]]);
            }
            (Kind::Dense, &[i, o]) if pytorch => push(Role::Kernel, vec![o, i], &|at| vec![at[1], at[0]]),
            (Kind::Pointwise | Kind::Dense, &[i, o]) => {
                push(Role::Kernel, vec![1, 1, i, o], &|at| at[2..].to_vec());
            }
            _ => push(Role::Kernel, kernel.clone(), &|at| at.to_vec()),
        }
        let outputs = kernel[kernel.len() - 1];
        let roles: &[Role] = match place.expected.batchnorm {
            true => &[Role::Gamma, Role::Beta, Role::Mean, Role::Variance],
            false => &[Role::Bias],
        };
        for &role in roles {
            push(role, vec![outputs], &|at| at.to_vec());
        }
    }
    tensors
}

/// What a graph says of a layer: name, kind, shape of the kernel, stride, activation.
pub(crate) type Summary<'w> = (&'w str, Kind, Vec<usize>, Option<usize>, Option<Activation>);

/// What a graph says of its layers.
pub(crate) fn summaries(weights: &Weights) -> Vec<Summary<'_>> {
    let layers = weights.layers.iter();
    layers.map(|l| (l.name.as_str(), l.kind, l.kernel.shape.clone(), l.stride, l.activation)).collect()
}
