//! Post-training quantisation: what is written is what is read, and does what the floats do.
//!
//! That LiteRT's reference kernels give the same bytes is shown by benches/frameworks/quantised.py.

use std::path::{Path, PathBuf};

use mobilenet_compiler::compile::{Compiled, Request, compile};
use mobilenet_compiler::family::Family;
use mobilenet_compiler::ir::Shape;
use mobilenet_compiler::quantise::{Calibration, Comparison, Deviation, Quantiser};
use mobilenet_compiler::quantised::Quantised;
use mobilenet_compiler::seeded;
use mobilenet_compiler::weights::{self, Weights};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The small model of testdata/.
fn small() -> Compiled {
    let weights = weights::open(&root().join("testdata/models/keras_mobilenet_v1_0.25_128.safetensors"));
    compile(&Request { weights: Some(&weights.unwrap()), ..Request::default() }).unwrap()
}

/// A spec with seeded weights.
fn drawn(spec: &str) -> Compiled {
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    std::fs::write(file.path(), spec).unwrap();
    let model = file.path().to_str();
    let compiled = compile(&Request { model, ..Request::default() });
    let mut compiled = compiled.unwrap_or_else(|report| panic!("{report}"));
    compiled.tensors = Some(seeded::tensors(&compiled.raw, 1));
    compiled
}

/// Pictures of a model's size, as bytes.
fn pictures(compiled: &Compiled) -> Vec<Vec<u8>> {
    let [height, width, channels] = compiled.plan.input;
    let picture = |seed| {
        let numbers = seeded::image(Shape::new(height, width, channels), seed);
        numbers.iter().map(|x| ((x + 1.0) * 127.5).round() as u8).collect()
    };
    (0..4).map(picture).collect()
}

/// A model quantised: the file, what is read from it, and how it does on the photos that it was calibrated on.
struct Done {
    file: Vec<u8>,
    written: Weights,
    quantised: Quantised,
    compared: Vec<Comparison>,
}

fn calibration(quantiser: &Quantiser<'_>, photos: &[Vec<u8>]) -> Calibration {
    let shown = photos.iter().map(|photo| quantiser.calibrate(photo).unwrap());
    shown.reduce(|all, shown| all.merged(&shown)).unwrap()
}

fn quantised(compiled: &Compiled, photos: &[Vec<u8>]) -> Done {
    let quantiser = Quantiser::new(compiled).unwrap_or_else(|report| panic!("{report}"));
    let network = quantiser.network(&calibration(&quantiser, photos));
    let file = quantiser.file(&network);
    let written = weights::read(&file, "written.tflite").unwrap_or_else(|report| panic!("{report}"));
    let quantised = quantiser.bind(&written).unwrap_or_else(|report| panic!("{report}"));
    let compared: Vec<_> = photos.iter().map(|photo| quantiser.compare(&quantised, photo).unwrap()).collect();
    for (map, deviation) in network.maps().iter().zip(&compared[0].maps) {
        eprintln!("{:20} {:?} {:?}", map.name, map.affine, deviation.decibels());
    }
    Done { file, written, quantised, compared }
}

impl Done {
    /// How far the last map, that of the scores, is off.
    fn scores(&self) -> Deviation {
        let last = self.compared.iter().filter_map(|photo| photo.maps.last());
        last.fold(Deviation::default(), |sum, deviation| sum.with(*deviation))
    }

    fn agreeing(&self) -> usize {
        self.compared.iter().filter(|photo| photo.bytes == photo.floats).count()
    }
}

#[test]
fn the_small_model_does_what_its_floats_do() {
    let compiled = small();
    let mut photos = vec![std::fs::read(root().join("testdata/inputs/cat_128_rgb.u8")).unwrap()];
    photos.extend(pictures(&compiled));
    let done = quantised(&compiled, &photos);
    assert_eq!((done.compared[0].floats, done.compared[0].bytes), (281, 281), "a tabby cat");
    let decibels = done.scores().decibels().unwrap();
    assert!(decibels > 12.0, "{decibels} dB: scores of which an eighth of the energy is noise");
    // The input is a photo's bytes; the pool adds bytes up; softmax ends the file.
    let quantised = &done.quantised;
    assert_eq!((quantised.input.scale, quantised.input.zero), (2.0 / 255.0, -1));
    assert_eq!((quantised.output.scale, quantised.output.zero), (1.0 / 256.0, -128));
    let layer = quantised.layer("conv_pw_1").unwrap();
    assert_eq!(layer.clamp, [-128, 127]);
    assert!(layer.kernel.data.iter().all(|w| (-127..=127).contains(w)));
    assert!(layer.kernel.data.contains(&127) || layer.kernel.data.contains(&-127));
    // It is taken for what it is.
    let guess = done.written.guess().unwrap();
    assert_eq!((guess.alpha, guess.classes, guess.resolution), (0.25, 1000, Some([128, 128])));
    assert_eq!(done.written.family.preprocess.framing, Family::KERAS.preprocess.framing);
    let again = compile(&Request { weights: Some(&done.written), ..Request::default() }).unwrap();
    assert_eq!(again.quantised, Some(Ok(done.quantised)));
}

#[test]
fn the_same_photos_give_the_same_file() {
    let compiled = small();
    let mut photos = pictures(&compiled);
    let first = quantised(&compiled, &photos).file;
    photos.reverse();
    assert!(first == quantised(&compiled, &photos).file, "the order of photos does not matter");
    photos.truncate(1);
    assert!(first != quantised(&compiled, &photos).file, "the photos do");
}

/// Borders, kernels and clamps that MobileNet v1 does not have.
#[test]
fn other_architectures() {
    let symmetric = "\
name: symmetric
input: {channels: 3, resolution: 65}
defaults: {batchnorm: true, activation: relu6, padding: symmetric, classes: 7}
layers:
  - conv: {filters: 11, kernel: 5, stride: 2}
  - depthwise: {kernel: 3, stride: 1, activation: none}
  - pointwise: {filters: 24, batchnorm: false, activation: none}
  - conv: {filters: 24, kernel: 7, stride: 3}
  - separable: {filters: 40, stride: 2, activation: relu}
  - separable: {filters: 48, activation: none}
  - dropout
  - global_average_pool
  - fully_connected
  - softmax
";
    for (what, spec, softmax) in [
        ("symmetric", symmetric.to_string(), true),
        ("after", symmetric.replace("padding: symmetric", "padding: after"), true),
        ("same, without softmax", symmetric.replace("symmetric", "same").replace("  - softmax\n", ""), false),
        ("grey", symmetric.replace("channels: 3", "channels: 1"), true),
        ("relu", symmetric.replace("relu6", "relu"), true),
    ] {
        let compiled = drawn(&spec);
        let done = quantised(&compiled, &pictures(&compiled));
        assert_eq!(done.quantised.softmax.is_some(), softmax, "{what}");
        let decibels = done.scores().decibels().unwrap();
        assert!(decibels > 15.0, "{what}: {decibels} dB");
    }
}

/// Channels that training has switched off: no variance, no scale, no kernel, or kernels that have grown without bounds.
#[test]
fn dead_channels() {
    type Change = fn(&mut mobilenet_compiler::pack::Parameters);
    fn first(parameters: &mut mobilenet_compiler::pack::Parameters, factor: f32) {
        let channels = parameters.kernel.shape[parameters.kernel.shape.len() - 1];
        parameters.kernel.data.iter_mut().step_by(channels).for_each(|w| *w *= factor);
    }
    fn norm(parameters: &mut mobilenet_compiler::pack::Parameters) -> &mut weights::BatchNorm {
        parameters.batchnorm.as_mut().unwrap()
    }
    let changes: [(&str, Change); 6] = [
        ("no kernel", |layer| first(layer, 0.0)),
        ("hardly a kernel", |layer| first(layer, 1e-30)),
        ("a huge kernel", |layer| first(layer, 1e12)),
        ("no scale", |layer| norm(layer).gamma[0] = 0.0),
        ("hardly a scale, and a shift", |layer| {
            norm(layer).gamma[0] = 1e-25;
            norm(layer).beta[0] = 3.0;
        }),
        ("no variance", |layer| {
            first(layer, 0.0);
            norm(layer).variance[0] = 0.0;
            norm(layer).mean[0] = 0.0;
        }),
    ];
    let photos = &pictures(&small())[..2];
    for (what, change) in changes {
        for name in ["conv1", "conv_dw_3", "conv_pw_5"] {
            let mut compiled = small();
            change(compiled.tensors.as_mut().unwrap().get_mut(name).unwrap());
            let done = quantised(&compiled, photos);
            let of_layer = done.compared[0].maps.iter().map(|deviation| deviation.decibels().unwrap_or(99.0));
            let least = of_layer.fold(f64::INFINITY, f64::min);
            // A kernel without bounds is all noise; the others are like any.
            assert!(what == "a huge kernel" || least > 8.0, "{what}, `{name}`: {least} dB");
        }
    }
}

/// A network that is 0 from some layer on still has scales.
#[test]
fn a_dead_network() {
    let mut compiled = small();
    let layer = compiled.tensors.as_mut().unwrap().get_mut("conv_pw_4").unwrap();
    let norm = layer.batchnorm.as_mut().unwrap();
    norm.gamma.fill(0.0);
    norm.beta.fill(-1.0);
    let done = quantised(&compiled, &pictures(&compiled));
    assert_eq!(done.agreeing(), done.compared.len());
}

#[test]
fn what_cannot_be_quantised_is_refused() {
    let refusal = |compiled: &Compiled| Quantiser::new(compiled).unwrap_err().to_string();
    let model = "\
name: refused
input: {channels: 3, resolution: 32}
layers:
  - conv: {filters: 8, kernel: 3, batchnorm: false, activation: relu}
  - global_average_pool
  - fully_connected: {classes: 10}
";
    // What does not fold or fuse, all at once.
    let message =
        refusal(&drawn(&model.replace("  - global", "  - batchnorm\n  - relu\n  - relu6\n  - global")));
    assert!(message.contains("batchnorm `") && message.contains("relu6 `"), "{message}");
    let mut compiled = drawn(model);
    let normalise = &mut compiled.settings.family.preprocess.normalise;
    normalise.offset[1] -= 0.5;
    assert!(refusal(&compiled).contains("normalised by channel"));
    let normalise = &mut compiled.settings.family.preprocess.normalise;
    normalise.offset = [0.5; 4];
    assert!(refusal(&compiled).contains("no byte of them stands for 0"));
    let mut compiled = drawn(model);
    compiled.tensors = None;
    assert!(refusal(&compiled).contains("no weights"));

    let weights = weights::open(&root().join("testdata/models/person_detect.tflite")).unwrap();
    let compiled = compile(&Request { weights: Some(&weights), ..Request::default() }).unwrap();
    assert!(refusal(&compiled).contains("quantised network already"));
}

#[test]
fn numbers_that_are_not_finite_are_named() {
    let mut compiled = small();
    let photos = pictures(&compiled);
    let layer = compiled.tensors.as_mut().unwrap().get_mut("conv_dw_2").unwrap();
    let norm = layer.batchnorm.as_mut().unwrap();
    (norm.variance[5], norm.epsilon) = (0.0, Some(0.0));
    let message = Quantiser::new(&compiled).unwrap_err().to_string();
    assert!(message.contains("channel 5 of `conv_dw_2` is not finite"), "{message}");

    let mut compiled = small();
    compiled.tensors.as_mut().unwrap().get_mut("conv_preds").unwrap().kernel.data.fill(f32::MAX);
    let quantiser = Quantiser::new(&compiled).unwrap();
    let message = quantiser.calibrate(&photos[0]).unwrap_err().to_string();
    assert!(message.contains("`conv_preds` computes numbers that are not finite"), "{message}");
    let message = quantiser.calibrate(&[0; 7]).unwrap_err().to_string();
    assert!(message.contains("the input has 7 values"), "{message}");
}

/// Models that are not shipped, on real photos.
#[test]
fn published_models_keep_their_opinions() {
    let folder = root().join("../shared/data");
    let (mut agreeing, mut photos) = (0, 0);
    for (name, size) in [
        ("keras_mobilenet_v1_0.25_128.safetensors", 128),
        ("keras_mobilenet_v1_0.75_224.safetensors", 224),
        ("mobilenet_v1_1.0_224_dequant_f32.safetensors", 224),
        ("mobilenet_v1_0.25_224_float.tflite", 224),
        ("vww_96_float.tflite", 96),
    ] {
        let file = folder.join("models").join(name);
        if !file.is_file() {
            eprintln!("skipped: there is no {}", file.display());
            continue;
        }
        let weights = weights::open(&file).unwrap();
        let compiled = compile(&Request { weights: Some(&weights), ..Request::default() }).unwrap();
        let ending = format!("_{size}_rgb.u8");
        let mut inputs: Vec<_> =
            std::fs::read_dir(folder.join("inputs")).unwrap().map(|entry| entry.unwrap().path()).collect();
        inputs.retain(|path| path.display().to_string().ends_with(&ending));
        inputs.sort();
        let inputs: Vec<_> = inputs.iter().map(|path| std::fs::read(path).unwrap()).collect();
        let done = quantised(&compiled, &inputs);
        let count = done.compared.len();
        eprintln!("{name}: the best class is that of the floats on {} of {count} photos", done.agreeing());
        (agreeing, photos) = (agreeing + done.agreeing(), photos + count);
    }
    assert!(agreeing * 10 >= photos * 8, "{agreeing} of {photos}");
}
