//! rten, from ONNX, weights packed in advance.

use std::sync::Arc;

use rten::{ModelOptions, RunOptions, ThreadPool};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

fn main() -> Result<(), common::Error> {
    common::serve(|task| {
        let mut options = ModelOptions::with_all_ops();
        options.prepack_weights(true);
        let model = options.load_file(task.file(".onnx"))?;
        let input = NdTensor::from_data([1, 3, task.resolution, task.resolution], task.nchw()?);
        let (source, target) = (model.input_ids()[0], model.output_ids()[0]);
        let threads = Arc::new(ThreadPool::with_num_threads(task.threads));
        let options = RunOptions::default().with_thread_pool(Some(threads));
        Ok(move || {
            let [logits] =
                model.run_n(vec![(source, input.view().into())], [target], Some(options.clone()))?;
            let logits: NdTensor<f32, 2> = logits.try_into()?;
            Ok(logits.to_vec())
        })
    })
}
