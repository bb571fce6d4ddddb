//! Is somebody there? A network of bytes from a quantised `.tflite`: 27 KiB of memory, no floats on the way to its output.

use mobilenet_runtime::{Model, Photo, mobilenet};

mobilenet! {
    /// TensorFlow Lite Micro's person detection: 96 x 96 grey pixels, two classes.
    pub struct PersonDetect = weights = "model/person_detect.tflite"
}

const _: () = assert!(Model::<PersonDetect>::ARENA_BYTES <= 27 * 1024);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = Model::<PersonDetect>::embedded();
    let mut scratch = model.scratch();
    for path in std::env::args().skip(1) {
        let pixels = Photo::open(&path)?.prepare(model.weights().preprocess(), [96, 96, 1])?;
        let pixels: &[u8; 96 * 96] = pixels[..].try_into()?;
        // The file's own bytes: 256ths, counted from -128.
        let [_, person] = model.output(pixels, &mut scratch);
        println!("{path}: {}/256 that somebody is there", i16::from(person) + 128);
    }
    Ok(())
}
