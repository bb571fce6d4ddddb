//! A model compiled by a build script: its source can be read in `OUT_DIR`.

use mobilenet_runtime::Model;

include!(concat!(env!("OUT_DIR"), "/digits.rs"));

fn main() {
    let model = Model::<Digits>::embedded();
    let scores = model.probabilities(&[128u8; 96 * 96], &mut model.scratch());
    println!("an empty page: {:?}", scores.map(|score| (score * 100.0).round()));
}
