//! The macro `mobilenet!`: a model, compiled into your crate. Use it through the crate `mobilenet-runtime`, which exports
//! it and has what its output needs.
#![forbid(unsafe_code)]

mod expand;
mod invocation;
mod packed;

use proc_macro::TokenStream;

/// Compiles a model into your crate.
///
/// As an expression it is a model, ready to run. With `weights` these are folded, packed and embedded when your crate is
/// compiled, and the expression is a `Model`; without, it is a `Blueprint`, which takes packed weights at run time:
///
/// ```ignore
/// use mobilenet_runtime::{Photo, mobilenet};
///
/// let model = mobilenet!("0.25_MobileNet_tiny", weights = "tiny.safetensors", labels = "labels.txt");
/// let scores = model.classify(&Photo::open("cat.jpg")?, &mut model.scratch())?;
/// for guess in model.top(&scores, 5) {
///     println!("{:5.1} %  {}", guess.probability * 100.0, guess.label);
/// }
///
/// let model = mobilenet!("0.75_MobileNet_medium").load("medium.mnw")?;
/// ```
///
/// As an item it declares the network as a type, which `Model` and `Scratch` are generic over:
///
/// ```ignore
/// mobilenet! {
///     /// Tells ten kinds of leaves apart.
///     pub struct Leaves = "specs/leaves.yaml", alpha = 0.5, rho = "small", weights = "leaves.safetensors"
/// }
///
/// let model = Model::<Leaves>::embedded();
/// ```
///
/// The first argument is a name (`0.75_MobileNet_medium`, in any of its spellings) or the path of a spec, which ends in
/// `.yaml`. It may be left out where the weights say which model they are for. Then come, in any order:
///
/// | argument | what |
/// |---|---|
/// | `alpha = 0.75` | width multiplier |
/// | `rho = "medium"` | resolution multiplier: a word, a resolution (`192`), or a ratio (`0.857`) |
/// | `classes = 10` | number of classes |
/// | `precision = "bf16"` | numbers to compute with: `f32`, unless the weights say otherwise, or `bf16`, which halves the weights |
/// | `classifier = "f16"` | what the classifier's weights are stored as: `f32`, or `f16`, which goes with `bf16` unless said otherwise |
/// | `weights = "w.safetensors"` | weights to embed, in any format that is compiled in |
/// | `labels = "labels.txt"` | class names, one a line |
/// | `precision = "f32"` | numbers to compute with: `f32` or `int8`; by default those of the weights |
/// | `runtime = ::my::runtime` | path of the crate `mobilenet-runtime`, if it is not `::mobilenet_runtime` |
///
/// A quantised `.tflite` gives a network of bytes, which computes exactly what TensorFlow Lite's reference kernels do: besides
/// all else, its `Model` has `output`, which gives bytes of the network's own type.
///
/// Paths are relative to the folder of your crate's `Cargo.toml`, or to one above it. Touching a spec, weights or labels
/// compiles your crate again.
#[proc_macro]
pub fn mobilenet(tokens: TokenStream) -> TokenStream {
    expand::expand(tokens.into()).into()
}
