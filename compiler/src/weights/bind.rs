//! Binding: which layer of a file belongs to which layer of a model.
//!
//! By slot where the file's names follow a scheme, so that a missing layer is named and does not shift the rest; by
//! name where they are the model's own; by order where the file is a graph.

use std::collections::HashSet;
use std::ptr;

use super::assemble::{STATISTICS, plain_name};
use super::misfits::Misfits;
use super::slots::{Place, places};
use super::{Kind, Layer, Role, Scheme, Weights};
use crate::error::{Complaint, Report, Result};

/// What a model expects of one of its layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The layer's name in the model.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// The shape of its kernel, laid out as [`Kind`] says.
    pub kernel: Vec<usize>,
    /// Its stride.
    pub stride: usize,
    /// Whether batch norm follows it. Weights may have it folded into kernel and bias.
    pub batchnorm: bool,
    /// Whether it has a bias of its own.
    pub bias: bool,
}

/// In what a file differs from a model, by names of tensors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// What the model expects and the file lacks, under the name that the file would have for it.
    pub missing: Vec<String>,
    /// What the file has and the model does not ask for (optimiser state excepted).
    pub left_over: Vec<String>,
}

impl Weights {
    /// The layers that belong to a model's, in the model's order.
    ///
    /// A 1x1 convolution and a dense layer stand for each other: extents of 1 do not count, as they do not change the
    /// order of the values. So the kernel of a layer bound has the values of the expected one in the expected order,
    /// though its shape may have an extent of 1 more or less.
    ///
    /// # Errors
    /// Every tensor that is missing, left over, misshapen, or holds NaN, infinity or a negative variance.
    pub fn bind(&self, expected: &[Expected]) -> Result<Vec<&Layer>> {
        let (binding, bound) = self.binding(expected);
        binding.misfits.gathered(binding.report).into_result(bound)
    }

    /// What is missing for a model, and what is left over. Where the file holds a graph of another number of layers, that
    /// cannot be said: then [`bind`](Self::bind) says where they part.
    pub fn compare(&self, expected: &[Expected]) -> Difference {
        let (Binding { missing, .. }, bound) = self.binding(expected);
        if self.ordered && bound.is_empty() {
            return Difference::default();
        }
        let of_the_file = self.missing.iter().filter(|name| !missing.contains(*name)).cloned();
        let mut missing: Vec<_> = missing.iter().cloned().chain(of_the_file).collect();
        missing.sort();
        let of_layers = self.left_over(&bound).flat_map(|layer| &layer.tensors).map(|(_, name)| name);
        let left_over = of_layers.chain(&self.unused).cloned().collect();
        Difference { missing, left_over }
    }

    fn binding(&self, expected: &[Expected]) -> (Binding<'_>, Vec<&Layer>) {
        let shape: Vec<_> = expected.iter().map(|expected| (expected.kind, expected.stride)).collect();
        let (report, misfits) = (Report::new(), Misfits::default());
        let mut binding = Binding { weights: self, report, misfits, missing: HashSet::new() };
        let mut bound = Vec::with_capacity(expected.len());
        if self.ordered && self.layers.len() != expected.len() {
            binding.complain_of_the_count(expected);
        } else {
            for (i, (expected, place)) in expected.iter().zip(places(&shape)).enumerate() {
                let layer = if self.ordered { Some(&self.layers[i]) } else { self.find(expected, place) };
                match layer {
                    Some(layer) => binding.check(expected, place, layer),
                    None => binding.complain_of_absence(expected, place),
                }
                bound.extend(layer);
            }
            binding.complain_of_the_rest(&bound);
        }
        (binding, bound)
    }

    /// The layers that no layer of the model asked for.
    fn left_over<'w>(&'w self, bound: &'w [&Layer]) -> impl Iterator<Item = &'w Layer> {
        self.layers.iter().filter(|layer| !bound.iter().any(|bound| ptr::eq(*bound, *layer)))
    }

    /// The layer in that place, or else of that name, or else of that name below a prefix.
    fn find(&self, expected: &Expected, place: Option<Place>) -> Option<&Layer> {
        let in_place = |layer: &&Layer| place.is_some_and(|place| place.is(layer.slot));
        let below_a_prefix = |layer: &&Layer| {
            layer.name.strip_suffix(&expected.name).is_some_and(|rest| rest.ends_with(['/', '.']))
        };
        let layers = || self.layers.iter();
        (layers().find(in_place))
            .or_else(|| layers().find(|layer| layer.name == expected.name))
            .or_else(|| layers().find(below_a_prefix))
    }
}

/// A binding under way.
struct Binding<'a> {
    weights: &'a Weights,
    report: Report,
    /// Which complaints are about shapes.
    misfits: Misfits,
    /// Names of missing tensors already complained of.
    missing: HashSet<String>,
}

impl Binding<'_> {
    fn complain(&mut self, message: String) {
        self.report.push(Complaint::new(message));
    }

    fn complain_of_the_count(&mut self, expected: &[Expected]) {
        let layers = &self.weights.layers;
        let first = layers
            .iter()
            .zip(expected)
            .find(|(layer, expected)| !same(&layer.kernel.shape, &expected.kernel));
        let first = first.map_or(String::new(), |(layer, expected)| {
            let (have, want) = (&layer.kernel.shape, &expected.kernel);
            format!(
                "; the first to differ is `{}` {have:?}, where the model has `{}` {want:?}",
                layer.name, expected.name
            )
        });
        self.complain(format!("the file has {} layers, the model {}{first}", layers.len(), expected.len()));
    }

    fn complain_of_absence(&mut self, expected: &Expected, place: Option<Place>) {
        let extents = expected.kind.extents();
        self.complain_of_missing(
            self.name(&expected.name, place, Role::Kernel),
            &format!("{:?} ({extents})", expected.kernel),
        );
    }

    fn complain_of_missing(&mut self, name: String, wanted: &str) {
        self.complain(format!("`{name}` is missing, the model expects {wanted}"));
        self.missing.insert(name);
    }

    /// What the file would call a tensor that it does not have.
    fn name(&self, layer: &str, place: Option<Place>, role: Role) -> String {
        match (&self.weights.naming, place) {
            (Some(naming), Some(place)) if naming.scheme == Scheme::Timm => naming.name(place.staged, role),
            (Some(naming), Some(place)) => naming.name(place.numbered, role),
            _ => plain_name(layer, role),
        }
    }

    /// Whether a layer is what the model expects, and its values are sound.
    fn check(&mut self, expected: &Expected, place: Option<Place>, layer: &Layer) {
        let kernel = layer.tensor(Role::Kernel).unwrap_or(&layer.name);
        if !same(&layer.kernel.shape, &expected.kernel) {
            self.misfits.kernel(&self.report, kernel, [&layer.kernel.shape, &expected.kernel]);
            self.complain(format!(
                "`{kernel}` has shape {:?}, the model expects {:?} ({})",
                layer.kernel.shape,
                expected.kernel,
                expected.kind.extents()
            ));
        }
        match layer.stride {
            Some(stride) if stride != expected.stride => {
                self.complain(format!(
                    "`{}` has stride {stride}, the model expects {}",
                    layer.name, expected.stride
                ));
            }
            _ => {}
        }
        self.check_values(kernel, &layer.kernel.data);
        self.check_vectors(expected, layer);
        if !self.weights.ordered {
            self.check_presence(expected, place, layer);
        }
    }

    fn check_vectors(&mut self, expected: &Expected, layer: &Layer) {
        let outputs = expected.kernel.last().copied().unwrap_or(0);
        let norm = layer.batchnorm.as_ref();
        let vectors = [
            (Role::Bias, layer.bias.as_ref()),
            (Role::Gamma, norm.map(|norm| &norm.gamma)),
            (Role::Beta, norm.map(|norm| &norm.beta)),
            (Role::Mean, norm.map(|norm| &norm.mean)),
            (Role::Variance, norm.map(|norm| &norm.variance)),
        ];
        for (role, values) in vectors {
            let Some(values) = values else { continue };
            let name = layer.tensor(role).map_or_else(|| plain_name(&layer.name, role), str::to_owned);
            if values.len() != outputs {
                self.misfits.vector(&self.report);
                self.complain(format!("`{name}` has {} values, the model expects {outputs}", values.len()));
            }
            self.check_values(&name, values);
            if role == Role::Variance
                && let Some(at) = values.iter().position(|&value| value < 0.0)
            {
                self.complain(format!("`{name}` holds a negative variance, {} for channel {at}", values[at]));
            }
        }
    }

    fn check_values(&mut self, name: &str, values: &[f32]) {
        let mut unsound = values.iter().enumerate().filter(|(_, value)| !value.is_finite());
        if let Some((at, value)) = unsound.next() {
            let what = if value.is_nan() { "NaN" } else { "infinity" };
            let more = unsound.count();
            let more = if more > 0 { format!(" and {more} more such") } else { String::new() };
            self.complain(format!("`{name}` holds {what} at value {at}{more}"));
        }
    }

    /// Whether batch norm and bias are there where the model has them. A graph may do without, names may not: there
    /// absence is a fault of the file.
    fn check_presence(&mut self, expected: &Expected, place: Option<Place>, layer: &Layer) {
        let outputs = expected.kernel.last().copied().unwrap_or(0);
        let wanted = format!("[{outputs}]");
        let partial = STATISTICS.iter().any(|&role| layer.tensor(role).is_some());
        match (expected.batchnorm, partial) {
            (true, true) => {}
            (true, false) if layer.bias.is_some() => return,
            (true, false) => {}
            (false, true) => self.complain(format!(
                "`{}` comes with batch norm, which the model does not have after `{}`",
                layer.name, expected.name
            )),
            (false, false) => {}
        }
        if expected.batchnorm {
            for role in STATISTICS.into_iter().filter(|&role| layer.tensor(role).is_none()) {
                self.complain_of_missing(self.name(&expected.name, place, role), &wanted);
            }
        }
        if expected.bias && layer.bias.is_none() {
            self.complain_of_missing(self.name(&expected.name, place, Role::Bias), &wanted);
        }
    }

    /// What no layer of the model asked for.
    fn complain_of_the_rest(&mut self, bound: &[&Layer]) {
        let weights = self.weights;
        for name in
            weights.missing.iter().filter(|name| !self.missing.contains(*name)).cloned().collect::<Vec<_>>()
        {
            self.complain(format!("`{name}` is missing"));
        }
        for layer in weights.left_over(bound) {
            for (_, name) in &layer.tensors {
                self.complain(format!("`{name}` is left over, the model has no layer for it"));
            }
        }
        for name in &weights.unused {
            self.complain(format!("`{name}` is left over, its name means no layer"));
        }
    }
}

/// Whether two shapes hold as many values in the same order.
fn same(a: &[usize], b: &[usize]) -> bool {
    let significant = |extent: &&usize| **extent != 1;
    a.iter().filter(significant).eq(b.iter().filter(significant))
}
