//! A network of one's own: ten classes, 96 x 96 grey pixels, weights trained by `digits/train.py`.

use mobilenet_runtime::{Model, Photo, mobilenet};

mobilenet! {
    /// Tells printed digits apart.
    pub struct Digits = "digits/digits.yaml", weights = "digits/digits.safetensors"
}

// Shapes are types: an image of another size would not compile.
const _: () = assert!(matches!(Model::<Digits>::INPUT, [96, 96, 1]));

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = Model::<Digits>::embedded();
    let mut scratch = model.scratch();
    for path in std::env::args().skip(1) {
        let scores = model.classify(&Photo::open(&path)?, &mut scratch)?;
        let best = model.top(&scores, 1);
        println!("{path}: {} ({:.1} %)", best[0].index, best[0].probability * 100.0);
    }
    Ok(())
}
