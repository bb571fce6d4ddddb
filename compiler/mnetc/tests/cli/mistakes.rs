//! Mistakes: each ends in a message that says what is wrong and what to do, and in status 1 (input) or 2 (usage).

use crate::common::{Folder, ODD, some_weights, weights};

/// Arguments, separated by blanks (`$W` is a good weights file), the exit status, and what the message says.
const MISTAKES: &[(&str, i32, &[&str])] = &[
    ("", 2, &["Usage: mnetc <COMMAND>", "inspect", "graph", "weights"]),
    ("lis", 2, &["a similar subcommand exists: 'list'"]),
    ("list --jsn", 2, &["a similar argument exists: '--json'"]),
    // Models.
    ("inspect", 2, &["<MODEL>"]),
    ("graph", 2, &["<MODEL>"]),
    ("pack -o x.mnw", 2, &["<MODEL>"]),
    ("inspect 0.75_MobileNet_medum", 1, &["did you mean `0.75_MobileNet_medium`?", "0.25_MobileNet_tiny"]),
    ("inspect nothere.yaml", 1, &["nothere.yaml"]),
    ("inspect mobilenet_v1 --alpha NaN", 2, &["--alpha", "above 0 and at most 2"]),
    ("inspect mobilenet_v1 --alpha -1", 2, &["above 0 and at most 2, not -1"]),
    ("inspect mobilenet_v1 --alpha 3", 2, &["above 0 and at most 2, not 3"]),
    ("inspect mobilenet_v1 --alpha half", 2, &["a number such as 0.75, not `half`"]),
    ("inspect mobilenet_v1 --rho mediun", 1, &["did you mean `medium`?", "a ratio such as 0.857"]),
    ("inspect mobilenet_v1 --rho 99999", 1, &["1 to 4096 pixels"]),
    ("inspect mobilenet_v1 --rho 0.0111", 1, &["a ratio of `0.0111` leaves 2 pixels along a side"]),
    ("inspect mobilenet_v1 --rho -5", 1, &["`-5` is no resolution"]),
    ("inspect mobilenet_v1 --classes 0", 2, &["--classes", "from 1 to"]),
    ("inspect mobilenet_v1 --classes -3", 2, &["--classes", "from 1 to"]),
    (
        "inspect bad.yaml",
        1,
        &["bad.yaml:3:12", "did you mean `filters`?", "bad.yaml:4:5: `foo` is no operation"],
    ),
    // Weights.
    (
        "inspect 0.5_MobileNet_tiny --weights $W",
        1,
        &["of alpha 0.25, not 0.5", "conv1/kernel", "[3, 3, 3, 8]"],
    ),
    ("inspect odd.yaml --weights $W", 1, &["odd.yaml", "keras weights"]),
    ("inspect --weights $W --classes 7", 1, &["the weights have 1000 classes, not 7"]),
    ("inspect --weights part.safetensors", 1, &["`conv_pw_5_bn/beta` is missing"]),
    ("weights nothere.h5", 1, &["nothere.h5"]),
    ("weights folder", 1, &["folder: a folder without weights files"]),
    ("weights empty.png", 1, &["empty.png: the file is empty"]),
    ("weights text.txt", 1, &["no weights file", ".safetensors"]),
    ("weights text.safetensors", 1, &["damaged safetensors file"]),
    ("weights cut.safetensors", 1, &["damaged safetensors file"]),
    // Photos and tensors.
    ("run", 2, &["photos, or --input FILE"]),
    ("run cat", 2, &["photos", "`cat` is no file"]),
    ("run nothere.png", 1, &["nothere.png"]),
    ("run folder", 1, &["folder: a folder; name the photos in it"]),
    ("run empty.png", 1, &["empty.png: the file is empty"]),
    ("run text.txt", 1, &["text.txt: no picture: PNG, JPEG"]),
    ("run 0.5_MobilNet_tiny empty.png", 1, &["did you mean `0.5_MobileNet_tiny`?"]),
    ("run 0.5_MobileNet_tiny empty.png", 2, &["--weights FILE", "0.25_MobileNet_tiny is built in"]),
    ("run empty.png --top 0", 2, &["--top", "from 1 on"]),
    ("run empty.png --threads 0", 2, &["--threads", "from 1 on"]),
    ("run empty.png --isa avx", 2, &["a similar value exists: 'avx2'", "scalar"]),
    (
        "pack 0.25_MobileNet_tiny --weights w.safetensors --precision int7 -o o.mnw",
        2,
        &["int7", "f32, bf16, int8"],
    ),
    ("bench 0.25_MobileNet_tiny --precision bf61", 2, &["--precision", "a similar value exists: 'bf16'"]),
    ("inspect 0.25_MobileNet_tiny --classifier bf16", 2, &["--classifier", "a similar value exists: 'f16'"]),
    (
        "bench 0.25_MobileNet_tiny --precision int8 --classifier f16",
        1,
        &["at precision int8 the classifier's weights are bytes"],
    ),
    (
        "run 0.25_MobileNet_tiny empty.png --precision bf16 --engine compiled",
        1,
        &["not compiled into this program"],
    ),
    ("run empty.png --engine fast", 2, &["compiled, interpreter, reference"]),
    ("run empty.png --labels text.txt", 1, &["text.txt: 1 names for 1000 classes"]),
    ("run empty.png text.txt --output x.npy", 2, &["--output takes one photo"]),
    ("run empty.png --input text.txt", 2, &["photos, or --input FILE"]),
    ("run --input text.txt", 1, &["text.txt: 6 values", "takes 128x128x3, which are 49152"]),
    ("run --input nothere.npy", 1, &["nothere.npy"]),
    ("run --input text.npy", 1, &["text.npy"]),
    // Results.
    ("graph mobilenet_v1 -o x.png", 2, &[".svg", ".dot", ".txt"]),
    ("graph mobilenet_v1 -o x", 2, &[".svg", ".dot", ".txt"]),
    ("graph mobilenet_v1 -o nowhere/x.svg", 1, &["there is no folder nowhere", "make it first"]),
    ("graph mobilenet_v1 --after fuse", 2, &["fold-batchnorm", "a similar value exists: 'fuse-separable'"]),
    ("pack mobilenet_v1 -o x.mnw", 2, &["--weights FILE"]),
    ("pack --weights $W", 2, &["-o <F.mnw>"]),
    ("pack --weights $W -o nowhere/x.mnw", 1, &["there is no folder nowhere"]),
    // Quantising.
    ("quantize", 2, &["--calibrate <DIR>", "-o <F.tflite>", "<MODEL>"]),
    ("quantize --weights $W -o x.tflite", 2, &["--calibrate <DIR>"]),
    ("quantize --weights $W --calibrate folder", 2, &["-o <F.tflite>"]),
    (
        "quantize --weights $W --calibrate folder -o x.onnx",
        2,
        &["x.onnx: the quantised model is a file F.tflite"],
    ),
    ("quantize mobilenet_v1 --calibrate folder -o x.tflite", 2, &["--weights FILE"]),
    (
        "quantize --weights $W --calibrate folder -o x.tflite",
        1,
        &["folder: there are no photos in it", ".png, .jpg"],
    ),
    (
        "quantize --weights $W --calibrate text.txt -o x.tflite",
        1,
        &["text.txt: a file; --calibrate takes a folder"],
    ),
    ("quantize --weights $W --calibrate nothere -o x.tflite", 1, &["nothere: "]),
    ("quantize --weights $W --calibrate . -o nowhere/x.tflite", 1, &["there is no folder nowhere"]),
    ("quantize --weights $W --calibrate . -o x.tflite", 1, &["empty.png: the file is empty"]),
    ("quantize --weights nothere.h5 --calibrate . -o x.tflite", 1, &["nothere.h5"]),
    ("quantize 0.5_MobileNet_tiny --weights $W --calibrate . -o x.tflite", 1, &["of alpha 0.25, not 0.5"]),
    ("quantize --weights $W --calibrate . -o x.tflite --threads 0", 2, &["--threads", "from 1 on"]),
];

fn folder() -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    folder.write("empty.png", "");
    folder.write("odd.yaml", ODD.replace("name: odd\n", "name: odd\nactivation: relu\n"));
    folder.write("bad.yaml", "name: x\nlayers:\n  - conv: {filtres: 3}\n  - foo\n");
    for text in ["text.txt", "text.npy", "text.safetensors"] {
        folder.write(text, "hello\n");
    }
    folder.write("cut.safetensors", &some_weights(|_| true)[..5000]);
    folder.write("part.safetensors", some_weights(|name| name != "conv_pw_5_bn/beta"));
    folder
}

#[test]
fn mistakes_end_in_a_message() {
    let folder = folder();
    for (line, status, expected) in MISTAKES {
        let weights = weights();
        let args: Vec<&str> =
            line.split_whitespace().map(|arg| if arg == "$W" { &weights } else { arg }).collect();
        let ran = folder.run(&args);
        assert_eq!(ran.status, Some(*status), "{line}: {}", ran.err);
        assert_eq!(ran.out, "", "{line}");
        for expected in *expected {
            assert!(ran.err.contains(expected), "{line}: `{expected}` is not in\n{}", ran.err);
        }
    }
    // Nothing was written on the way.
    for name in ["x.npy", "x.mnw", "x.png", "x.tflite", "x"] {
        assert!(!folder.path().join(name).exists(), "{name}");
    }
}

#[test]
fn help_has_examples() {
    let folder = Folder::new();
    for command in ["list", "inspect", "graph", "compile", "run", "weights", "pack", "quantize"] {
        let help = folder.good(&[command, "--help"]);
        assert!(help.contains(&format!("Examples:\n  mnetc {command}")), "{help}");
    }
}

#[test]
fn one_bad_photo_does_not_keep_the_others_from_being_run() {
    let folder = folder();
    let photo = crate::common::repository("testdata/photos/cat.png");
    if !photo.is_file() {
        eprintln!("skipped: there is no {}", photo.display());
        return;
    }
    let ran = folder.run(&["run", "empty.png", &photo.display().to_string(), "--top", "5000"]);
    assert_eq!(ran.status, Some(1));
    assert_eq!(ran.out.lines().count(), 1 + 1000, "the photo and its classes");
    assert!(ran.err.contains("empty.png: the file is empty"), "{}", ran.err);
}

/// `mnetc list | head -1`.
#[test]
fn a_reader_may_close_the_pipe() {
    let folder = Folder::new();
    for args in [&["list"][..], &["list", "--json"], &["inspect", "mobilenet_v1"], &["graph", "mobilenet_v1"]]
    {
        let mut child = folder
            .command(args)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{args:?}: {output:?}");
    }
}
