//! Which photos look most like the first: the angles between their embeddings, the features before the classifier.

use mobilenet_runtime::{Photo, mobilenet};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = mobilenet!("0.25_MobileNet_tiny", weights = "model/tiny.safetensors",);
    let mut scratch = model.scratch();
    let mut embed = |path: &String| -> Result<_, mobilenet_runtime::Error> {
        model.embed(&Photo::open(path)?, &mut scratch)
    };
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let [query, others @ ..] = &paths[..] else { return Err("usage: neighbours PHOTO OTHERS...".into()) };
    let query = embed(query)?;
    let mut neighbours = Vec::new();
    for path in others {
        neighbours.push((cosine(&query, &embed(path)?), path));
    }
    neighbours.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (similarity, path) in neighbours {
        println!("{similarity:.3}  {path}");
    }
    Ok(())
}

/// The cosine of the angle between two vectors: 1 where they point the same way.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
