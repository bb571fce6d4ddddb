//! burn: its functions, put together by hand, on its own CPU backend.

use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use common::{Error, Network};

fn main() -> Result<(), Error> {
    common::serve(|task| {
        let device = Device::flex();
        let row = |values: Vec<f32>| {
            let count = values.len();
            Tensor::<1>::from_data(TensorData::new(values, [count]), &device)
        };
        let network = Network::read(task)?;
        let mut layers = Vec::new();
        for layer in network.convolutions {
            let padding = match (layer.shape[3], layer.stride) {
                (3, 1) => (1, 1),
                (3, _) => (0, 1),
                _ => (0, 0),
            };
            let options = ConvOptions {
                stride: [layer.stride; 2],
                padding: [padding; 2],
                dilation: [1; 2],
                groups: layer.groups,
            };
            let kernel = Tensor::<4>::from_data(TensorData::new(layer.kernel, layer.shape), &device);
            layers.push((kernel, row(layer.bias), options));
        }
        let kernel =
            Tensor::<2>::from_data(TensorData::new(network.kernel, network.shape), &device).transpose();
        let bias = row(network.bias).reshape([1, -1]);
        let shape = [1, 3, task.resolution, task.resolution];
        let input = Tensor::<4>::from_data(TensorData::new(task.nchw()?, shape), &device);
        Ok(move || {
            let mut values = input.clone();
            for (kernel, bias, options) in &layers {
                values = conv2d(values, kernel.clone(), Some(bias.clone()), options.clone()).clamp(0.0, 6.0);
            }
            let [_, channels, height, width] = values.dims();
            let flat: Tensor<2> =
                values.reshape([1, channels, height * width]).mean_dim(2).reshape([1, channels]);
            let logits = flat.matmul(kernel.clone()) + bias.clone();
            logits.into_data().to_vec::<f32>().map_err(|error| format!("{error:?}").into())
        })
    })
}
