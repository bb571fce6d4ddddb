//! A model of whichever type, and the lists of types.

use mobilenet_runtime::kernels::image::Image;
use mobilenet_runtime::kernels::network::Array;
use mobilenet_runtime::{Error, Model, Network, Photo, Scratch, Weights, kernels, models};

/// What a run is to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Embedding,
    Logits,
    Probabilities,
}

/// A model with its working memory.
pub(crate) trait Session {
    /// What the model is, a fact a line, and then its labels.
    fn describe(&self) -> String;

    /// A photo of pixels of red, green, blue and opacity as the bytes that the network takes.
    fn prepare(&self, rgba: &[u8], width: u32, height: u32) -> Result<Vec<u8>, Error>;

    /// Appends what is wanted of an image of the network's size.
    fn run(&mut self, pixels: &[u8], wanted: Wanted, output: &mut Vec<f32>) -> Result<(), Error>;
}

struct Loaded<N: Network> {
    model: Model<N>,
    scratch: Scratch<N>,
}

impl<N: Network> Session for Loaded<N> {
    fn describe(&self) -> String {
        let ([height, width, channels], isa) = (N::INPUT, self.model.isa());
        let (name, classes, embedding, arena, macs) =
            (N::NAME, N::CLASSES, N::EMBEDDING, N::ARENA_BYTES, N::MACS);
        let labels = self.model.labels().names().collect::<Vec<_>>().join("\n");
        format!(
            "{isa}\n{name}\n{height}\n{width}\n{channels}\n{classes}\n{embedding}\n{arena}\n{macs}\n{labels}"
        )
    }

    fn prepare(&self, rgba: &[u8], width: u32, height: u32) -> Result<Vec<u8>, Error> {
        let (pixels, _) = rgba.as_chunks::<4>();
        let rgb = pixels.iter().flat_map(|&[red, green, blue, _]| [red, green, blue]).collect();
        Photo::from_rgb(width, height, rgb)?.prepare(self.model.weights().preprocess(), N::INPUT)
    }

    fn run(&mut self, pixels: &[u8], wanted: Wanted, output: &mut Vec<f32>) -> Result<(), Error> {
        let Loaded { model, scratch } = self;
        let image = Image::Pixels(pixels, &model.weights().preprocess().normalise);
        if wanted == Wanted::Embedding {
            output.extend_from_slice(model.embedding_of(image, scratch)?.as_slice());
            return Ok(());
        }
        output.extend_from_slice(model.logits_of(image, scratch)?.as_slice());
        if wanted == Wanted::Probabilities {
            kernels::softmax(output);
        }
        Ok(())
    }
}

/// Networks of bytes, which build.rs compiles.
mod bytes {
    include!(concat!(env!("OUT_DIR"), "/bytes.rs"));
}

/// The model that weights were packed for: one of the sixteen named ones, with 1000 or 1001 classes, or a network of bytes.
pub(crate) fn open(weights: Weights) -> Result<Box<dyn Session>, Error> {
    let (fingerprint, classes) = (weights.fingerprint(), weights.classes());
    macro_rules! find {
        ($($root:tt :: $network:ident)*) => {$(
            if fingerprint == <$root::$network as Network>::FINGERPRINT {
                return match classes {
                    1001 => boxed::<$root::$network<1001>>(weights),
                    _ => boxed::<$root::$network<1000>>(weights),
                };
            }
        )*};
    }
    models::for_each_model!(find);
    macro_rules! find_bytes {
        ($($network:ident)*) => {$(
            if fingerprint == <bytes::$network as Network>::FINGERPRINT {
                return boxed::<bytes::$network>(weights);
            }
        )*};
    }
    bytes::for_each_network_of_bytes!(find_bytes);
    Err(Error::Image("these weights were packed for none of the networks that this module has".into()))
}

fn boxed<N: Network>(weights: Weights) -> Result<Box<dyn Session>, Error> {
    Ok(Box::new(Loaded { model: Model::<N>::new(weights)?, scratch: Scratch::new() }))
}
