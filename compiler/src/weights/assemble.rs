//! From named tensors to layers.

use std::collections::{BTreeMap, HashMap};

use super::names::{self, Layout, Naming};
use super::{BatchNorm, Kind, Layer, Role, Slot, Tensor, TensorInfo, Weights};
use crate::error::{Complaint, Report, Result};
use crate::family::Family;

/// A tensor of a file.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// Name, shape and type, as the file states them.
    pub(super) info: TensorInfo,
    /// The values; None where they are no floats.
    pub(super) data: Option<Vec<f32>>,
}

/// The tensors of one layer, gathered by name.
struct Draft {
    name: String,
    slot: Option<Slot>,
    layout: Layout,
    parts: BTreeMap<Role, (String, Tensor)>,
}

/// Sorts named tensors into layers.
pub(super) fn assemble(format: &'static str, tensors: Vec<Named>) -> Result<Weights> {
    let infos: Vec<TensorInfo> = tensors.iter().map(|tensor| tensor.info.clone()).collect();
    let weighing: Vec<Named> =
        tensors.into_iter().filter(|tensor| !names::of_training(&tensor.info.name)).collect();
    let naming = Naming::detect(weighing.iter().map(|tensor| tensor.info.name.as_str()));

    let mut report = Report::new();
    let mut unused = Vec::new();
    let mut drafts = Drafts::default();
    for tensor in weighing {
        if let Some(name) = drafts.gather(tensor, naming.as_ref(), &mut report) {
            unused.push(name);
        }
    }
    let mut drafts = drafts.list;
    name_the_classifier(&mut drafts);
    // Layers that have no slot keep the file's order, after the others.
    drafts.sort_by_key(|draft| (draft.slot.is_none(), draft.slot));

    let mut missing = Vec::new();
    let mut layers = Vec::with_capacity(drafts.len());
    for draft in drafts {
        missing.extend(draft.missing(naming.as_ref()));
        layers.extend(draft.layer());
    }
    if layers.is_empty() && report.complaints().is_empty() {
        report.push(nothing_recognised(&infos));
    }
    let mut family = naming.as_ref().map_or(Family::PAPER, |naming| naming.scheme.family());
    let classifier = layers.iter().rfind(|layer| layer.slot == Some(Slot::Classifier));
    if let Some(classifier) = classifier {
        family.background = classifier.outputs() == 1001;
    }
    report.into_result(Weights {
        format,
        family,
        layers,
        ordered: false,
        naming,
        input: None,
        labels: None,
        tensors: infos,
        missing,
        unused,
        padding: None,
        quantised: None,
    })
}

/// Drafts in the order in which they were begun.
#[derive(Default)]
struct Drafts {
    list: Vec<Draft>,
    index: HashMap<(Option<Slot>, String), usize>,
}

impl Drafts {
    /// Puts a tensor into its draft; gives its name back if it belongs to no layer.
    fn gather(&mut self, tensor: Named, naming: Option<&Naming>, report: &mut Report) -> Option<String> {
        let Named { info, data } = tensor;
        let by_scheme = naming.and_then(|naming| {
            let (slot, role) = naming.parse(&info.name)?;
            Some((String::new(), Some(slot), role, naming.scheme.layout()))
        });
        let meaning = by_scheme.or_else(|| {
            let (layer, role, layout) = names::plain(&info.name, info.shape.len())?;
            Some((layer.to_owned(), None, role, layout))
        });
        let Some((name, slot, role, layout)) = meaning else {
            return Some(info.name);
        };
        let Some(data) = data else {
            report.push(Complaint::new(format!("`{}` holds {} values, not floats", info.name, info.dtype)));
            return None;
        };
        let misfit = format!("`{}` has {} values for shape {:?}", info.name, data.len(), info.shape);
        let Some(tensor) = Tensor::new(info.shape, data) else {
            report.push(Complaint::new(misfit));
            return None;
        };
        let at = *self.index.entry((slot, name.clone())).or_insert_with(|| {
            self.list.push(Draft { name, slot, layout, parts: BTreeMap::new() });
            self.list.len() - 1
        });
        let draft = &mut self.list[at];
        if role == Role::Kernel {
            draft.layout = layout;
        }
        if let Some((other, _)) = draft.parts.get(&role) {
            report.push(Complaint::new(format!("`{other}` and `{}` are the same tensor by name", info.name)));
        } else {
            draft.parts.insert(role, (info.name, tensor));
        }
        None
    }
}

/// A classifier under a name of its own, as one trained anew has, is recognised where it is the only other layer.
fn name_the_classifier(drafts: &mut [Draft]) {
    if drafts.iter().any(|draft| draft.slot == Some(Slot::Classifier))
        || drafts.iter().all(|d| d.slot.is_none())
    {
        return;
    }
    let mut others = drafts.iter_mut().filter(|draft| draft.slot.is_none());
    if let (Some(draft), None) = (others.next(), others.next()) {
        draft.slot = Some(Slot::Classifier);
    }
}

fn nothing_recognised(infos: &[TensorInfo]) -> Complaint {
    let some: Vec<_> = infos.iter().take(3).map(|info| format!("`{}`", info.name)).collect();
    match some.is_empty() {
        true => Complaint::new("it holds no tensors"),
        false => Complaint::new(format!(
            "none of its {} tensors has a name that means a layer; they are named as {}",
            infos.len(),
            some.join(", ")
        ))
        .help("names as Keras, TF-slim, Hugging Face or timm have them, or LAYER/kernel, LAYER/bias, LAYER_bn/gamma, ..."),
    }
}

/// The tensors of a batch norm.
pub(super) const STATISTICS: [Role; 4] = [Role::Gamma, Role::Beta, Role::Mean, Role::Variance];

impl Draft {
    /// The names of the tensors that the others make necessary.
    fn missing(&self, naming: Option<&Naming>) -> Vec<String> {
        let normed = STATISTICS.iter().any(|role| self.parts.contains_key(role));
        let needed = std::iter::once(Role::Kernel).chain(STATISTICS.into_iter().filter(|_| normed));
        let absent = needed.filter(|role| !self.parts.contains_key(role));
        absent
            .map(|role| match (naming, self.slot) {
                (Some(naming), Some(slot)) => naming.name(slot, role),
                _ => plain_name(&self.name, role),
            })
            .collect()
    }

    /// The layer, if there is a kernel.
    fn layer(mut self) -> Option<Layer> {
        let tensors = self.parts.iter().map(|(role, (name, _))| (*role, name.clone())).collect();
        let (kernel_name, kernel) = self.parts.remove(&Role::Kernel)?;
        let kind = self.slot.map_or_else(|| guess_kind(&kernel_name, &kernel.shape, self.layout), Slot::kind);
        let mut values = |role| self.parts.remove(&role).map(|(_, tensor)| tensor.data);
        let bias = values(Role::Bias);
        let statistics = STATISTICS.map(&mut values);
        let batchnorm = match statistics {
            [Some(gamma), Some(beta), Some(mean), Some(variance)] => {
                Some(BatchNorm { gamma, beta, mean, variance, epsilon: None })
            }
            _ => None,
        };
        let name = match self.slot {
            Some(_) => kernel_name
                .rsplit_once(['/', '.'])
                .map_or(kernel_name.as_str(), |(layer, _)| layer)
                .to_owned(),
            None => self.name,
        };
        let kernel = laid_out(kernel, kind, self.layout);
        Some(Layer {
            name,
            kind,
            slot: self.slot,
            kernel,
            bias,
            batchnorm,
            stride: None,
            activation: None,
            tensors,
        })
    }
}

/// What a tensor of a freely named layer is called.
pub(super) fn plain_name(layer: &str, role: Role) -> String {
    match role {
        Role::Kernel => format!("{layer}/kernel"),
        Role::Bias => format!("{layer}/bias"),
        Role::Gamma => format!("{layer}_bn/gamma"),
        Role::Beta => format!("{layer}_bn/beta"),
        Role::Mean => format!("{layer}_bn/moving_mean"),
        Role::Variance => format!("{layer}_bn/moving_variance"),
    }
}

/// The kind of a freely named layer, by its kernel. Where one channel makes a kernel both full and depthwise, its
/// values have the same order either way.
fn guess_kind(name: &str, shape: &[usize], layout: Layout) -> Kind {
    let (window, inputs, outputs) = match (shape, layout) {
        (&[h, w, i, o], Layout::Hwio) | (&[o, i, h, w], Layout::Oihw) => (h * w, i, o),
        (&[_, _, _], _) => return Kind::Depthwise,
        _ => return Kind::Dense,
    };
    let depthwise = match layout {
        Layout::Hwio => outputs == 1 && inputs > 1,
        Layout::Oihw => inputs == 1 && outputs > 1,
    };
    match window {
        _ if name.contains("depthwise_") => Kind::Depthwise,
        1 => Kind::Pointwise,
        _ if depthwise => Kind::Depthwise,
        _ => Kind::Conv,
    }
}

/// A kernel in the order of its kind; left alone if its rank does not fit.
fn laid_out(kernel: Tensor, kind: Kind, layout: Layout) -> Tensor {
    let shape = kernel.shape.clone();
    match (kind, layout, shape.as_slice()) {
        (Kind::Conv, Layout::Oihw, [_, _, _, _]) => kernel.transposed(&[2, 3, 1, 0]),
        (Kind::Depthwise, Layout::Hwio, &[h, w, c, 1]) => kernel.reshaped(vec![h, w, c]),
        (Kind::Depthwise, Layout::Oihw, [_, 1, _, _]) => kernel.transposed(&[2, 3, 0]),
        (Kind::Pointwise | Kind::Dense, Layout::Hwio, &[1, 1, i, o]) => kernel.reshaped(vec![i, o]),
        (Kind::Pointwise | Kind::Dense, Layout::Oihw, [_, _, 1, 1] | [_, _]) => kernel.transposed(&[1, 0]),
        _ => kernel,
    }
}
