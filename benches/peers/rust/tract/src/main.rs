//! tract, from ONNX.

use tract_onnx::prelude::*;

fn main() -> Result<(), common::Error> {
    common::serve(|task| {
        let shape = [1, 3, task.resolution, task.resolution];
        let model = tract_onnx::onnx()
            .model_for_path(task.file(".onnx"))?
            .with_input_fact(0, f32::fact(shape).into())?
            .into_optimized()?
            .into_runnable()?;
        let input: TValue = Tensor::from_shape(&shape, &task.nchw()?)?.into();
        Ok(move || {
            let outputs = model.run(tvec!(input.clone()))?;
            Ok(outputs[0].to_plain_array_view::<f32>()?.iter().copied().collect())
        })
    })
}
