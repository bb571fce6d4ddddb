use mobilenet_runtime::{Model, mobilenet};

mobilenet! { struct Tiny = "0.25_MobileNet_tiny", weights = "nowhere.safetensors" }

// The only error is the one above.
fn main() {
    let model = Model::<Tiny>::embedded();
    let scores = model.probabilities(&[0u8; 128 * 128 * 3], &mut model.scratch());
    println!("{}", scores[999]);
}
