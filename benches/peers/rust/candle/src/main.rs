//! candle: its layers, put together by hand.

use candle_core::{Device, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, Linear, Module};
use common::{Error, Network};

fn main() -> Result<(), Error> {
    common::serve(|task| {
        let device = &Device::Cpu;
        let network = Network::read(task)?;
        let mut layers = Vec::new();
        for layer in network.convolutions {
            let kernel = Tensor::from_vec(layer.kernel, &layer.shape, device)?;
            let bias = Tensor::from_vec(layer.bias, layer.shape[0], device)?;
            let padding = usize::from(layer.shape[3] == 3 && layer.stride == 1);
            let settings =
                Conv2dConfig { padding, stride: layer.stride, groups: layer.groups, ..Default::default() };
            layers.push(Conv2d::new(kernel, Some(bias), settings));
        }
        let kernel = Tensor::from_vec(network.kernel, &network.shape, device)?;
        let classifier = Linear::new(kernel, Some(Tensor::from_vec(network.bias, network.shape[0], device)?));
        let input = Tensor::from_vec(task.nchw()?, (1, 3, task.resolution, task.resolution), device)?;
        Ok(move || {
            let mut values = input.clone();
            for layer in &layers {
                if layer.config().stride == 2 {
                    values = values.pad_with_zeros(2, 0, 1)?.pad_with_zeros(3, 0, 1)?;
                }
                values = layer.forward(&values)?.clamp(0f32, 6f32)?;
            }
            Ok(classifier.forward(&values.mean((2, 3))?)?.flatten_all()?.to_vec1()?)
        })
    })
}
