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
  mnetc compile specs/mine.yaml --weights w.h5 --crate classifier";

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
  mnetc pack specs/mine.yaml --weights mine.h5 --labels names.txt -o mine.mnw";
