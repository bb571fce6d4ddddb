//! What a photo shows: a named model with embedded weights, in ten lines.

use mobilenet_runtime::{Photo, mobilenet};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model =
        mobilenet!("0.25_MobileNet_tiny", weights = "model/tiny.safetensors", labels = "model/labels.txt",);
    let photo = Photo::open(std::env::args().nth(1).ok_or("usage: classify PHOTO")?)?;
    let scores = model.classify(&photo, &mut model.scratch())?;
    for guess in model.top(&scores, 5) {
        println!("{:5.1} %  {}", guess.probability * 100.0, guess.label);
    }
    Ok(())
}
