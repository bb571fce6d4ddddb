use mobilenet_runtime::{Model, mobilenet};

mobilenet! { struct Good = "data/good.yaml" }

fn main() -> Result<(), mobilenet_runtime::Error> {
    let model = Model::<Good>::load("good.mnw")?;
    model.logits(&[0u8; 5], &mut model.scratch());
    model.logits(&[0.5f32; 5], &mut model.scratch());
    Ok(())
}
