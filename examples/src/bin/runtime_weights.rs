//! A named model whose weights come at run time, from a file that `mnetc pack` has written.

use std::process::ExitCode;

use mobilenet_runtime::models::MobileNetV1_0_25_128;
use mobilenet_runtime::{Error, Model, Photo};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [weights, photo] = &arguments[..] else {
        eprintln!("usage: runtime_weights F.mnw PHOTO");
        return ExitCode::from(2);
    };
    match classify(weights, photo) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn classify(weights: &str, photo: &str) -> Result<(), Error> {
    let model = Model::<MobileNetV1_0_25_128>::load(weights)?;
    let scores = model.classify(&Photo::open(photo)?, &mut model.scratch())?;
    for guess in model.top(&scores, 3) {
        println!("{:5.1} %  {:4}  {}", guess.probability * 100.0, guess.index, guess.label);
    }
    Ok(())
}
