//! What stands below the options in the help of each command.

pub(super) const LIST: &str = "\
Examples:
  mnetc list
  mnetc list --json | jq '.[] | select(.macs < 5e7) | .name'";

pub(super) const INSPECT: &str = "\
Examples:
  mnetc inspect 0.75_MobileNet_medium
  mnetc inspect mobilenet_v1 --alpha 0.35 --rho 96 --classes 10
  mnetc inspect specs/mine.yaml --json
  mnetc inspect --weights model.tflite

Other spellings of a name are understood too: 0.75_MobileNet_192, mobilenet_v1_0.75_192.";

pub(super) const GRAPH: &str = "\
Examples:
  mnetc graph 0.25_MobileNet_tiny                          as text
  mnetc graph 0.25_MobileNet_tiny --after fold-batchnorm   in the middle of the compiler
  mnetc graph 0.25_MobileNet_tiny -o tiny.svg              drawn, with the memory plan
  mnetc graph specs/mine.yaml --after lowering -o mine.dot && dot -Tpdf mine.dot -o mine.pdf";

pub(super) const COMPILE: &str = "\
Examples:
  mnetc compile 0.75_MobileNet_medium                            the source, on standard output
  mnetc compile --weights model.safetensors -o src/model.rs      and src/model.mnw beside it
  mnetc compile specs/mine.yaml --weights w.h5 --crate classifier
  mnetc compile specs/mine.yaml --prove -o mine.rs               every pass and every instruction set, compared first";

pub(super) const RUN: &str = "\
Examples:
  mnetc run cat.jpg                                        the small model that is built in
  mnetc run --weights model.tflite photos/*.jpg --threads 4
  mnetc run 0.5_MobileNet_small --weights model.h5 cat.jpg --top 3 --json
  mnetc run --weights model.onnx --input cat.npy --output logits.npy --logits

Photos are PNG, JPEG, BMP, GIF or WebP; they are cropped, resized and normalised as the weights were trained.";

pub(super) const WEIGHTS: &str = "\
Examples:
  mnetc weights model.safetensors
  mnetc weights model.tflite --json | jq .missing

The exit status is 0 if the file can be read, even where no model can be made of it: what is missing, left over or misshapen is shown. To compare weights with a spec of your own: mnetc inspect SPEC --weights FILE";

pub(super) const PACK: &str = "\
Examples:
  mnetc pack --weights model.safetensors -o model.mnw
  mnetc pack --weights model.safetensors --precision bf16 -o half.mnw
  mnetc pack specs/mine.yaml --weights mine.h5 --labels names.txt -o mine.mnw";

pub(super) const QUANTIZE: &str = "\
Examples:
  mnetc quantize --weights model.safetensors --calibrate photos -o model.tflite
  mnetc quantize 0.5_MobileNet_small --weights model.h5 --calibrate photos -o small.tflite
  mnetc quantize specs/mine.yaml --weights mine.onnx --calibrate photos -o mine.tflite --json

The scheme is TensorFlow Lite's own: int8 maps with a scale and a zero point each, int8 kernels with a scale a channel, int32 biases. Its interpreter takes the file, and its reference kernels give the bytes that `mnetc run --weights F.tflite` gives. Input bytes are those of photos, less 128.

The table shows, for each layer, the range of its values on the photos, what a byte stands for, and how far the bytes are from the floats, as signal to noise in decibels (6 are a bit): those of the kernel alone, and those of the result, with the errors of all layers before. Photos are cropped and resized as the weights were trained. Those that cannot be read are named and left out; the folders in the folder are not looked into.";

pub(super) const BENCH: &str = "\
Examples:
  mnetc bench                                              the sixteen named models
  mnetc bench 1.0_MobileNet_baseline --layers --roofline roofline.svg
  mnetc bench 0.25_MobileNet_tiny --isa avx2 --engine interpreter
  mnetc bench 1.0_MobileNet_baseline --precision bf16
  mnetc bench mobilenet_v1 --alpha 0.35 --rho 96 --threads 2 --json

Without --weights, weights are drawn from a seed. Outputs are compared with the reference before anything is timed. Models take turns of a few milliseconds, so that whatever else the machine does hits all alike: compare within one call rather than between two. One image is run at a time; N threads share the work of each layer, and the peak is then that of N threads. Layers are timed by walking the plan, with the kernels that compiled code calls.";

pub(super) const VERIFY: &str = "\
Examples:
  mnetc verify 0.75_MobileNet_medium                       with seeded weights, on a seeded input
  mnetc verify --weights model.safetensors --expected data/expected
  mnetc verify --weights model.h5 --expected logits --inputs tensors
  mnetc verify --weights model.safetensors --expected data/expected --precision bf16

The reference is run before and after every pass; each layer of the plan is compared with it, on every instruction set; the streamed plan and compiled code must give the same bits as the plan that streams nothing. Layers may be off by 1e-4 of their largest value, expected logits by 1e-4. At --precision bf16 the reference rounds as kernels do, is given what each layer was given, and layers may be off by 5e-2; expected logits, which are those of f32s, may be off by 0.5 as long as the best class is the same. With --classifier f16 logits may be off by 1e-2. Where something differs, the first diverging layer is named, and the exit status is 1.";
