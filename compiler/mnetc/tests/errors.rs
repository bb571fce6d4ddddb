//! The catalogue of errors, `docs/errors.md`: every message in it has been given just now. `MNETC_BLESS=1` writes it anew.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use mobilenet_compiler::settings::Precision;
use mobilenet_generated::MobileNetV1_0_25_128;
use mobilenet_kernels::header::LEN;
use mobilenet_runtime::{Error, Isa, Model, Photo, Weights};

const HEAD: &str = "\
# Errors

What the compiler, the command line and the runtime say of mistakes, and what helps. Each message below was given by the command
above it when this file was written, by a test: `MNETC_BLESS=1 cargo test -p mnetc --test errors` writes it anew. All complaints
about an input come at once; here each stands alone. The exit status is 1 where the input is at fault, 2 for wrong usage.

`mobilenet!` says the same under the literal at fault: `macros/tests/ui/*.stderr` has what the compiler then prints.
";

/// A heading, the spec's layers or fields that are wrong, and the cure.
const SPECS: &[(&str, &str, &str)] = &[
    ("No YAML", "name: [x\n", "Close what is open; the place is where the reader gave up."),
    ("Empty", "# nothing\n", "Begin with `name`, `input` and `layers`."),
    ("An unknown field", "nmae: x\n@", "Take the spelling that is offered; `specs/README.md` lists all."),
    ("A name that cannot be one", "name: My Net\n@", "Lower-case letters, digits, single underscores."),
    ("A field twice", "name: x\nname: y\n@", "Drop one."),
    ("Two input channels", "name: x\ninput: {channels: 2, resolution: 32}\n%", "1 for grey, 3 for RGB."),
    ("No resolution", "name: x\ninput: {channels: 3}\n%", "Give one, or `resolutions` by name."),
    ("A resolution beyond the largest", "name: x\ninput: {resolution: 5000}\n%", "At most 4096."),
    (
        "An unknown operation",
        "name: x\ninput: {resolution: 32}\nlayers: [conv2d, global_average_pool, fully_connected]\n",
        "Take one of those listed.",
    ),
    (
        "A convolution without filters",
        "name: x\ninput: {resolution: 32}\nlayers: [conv: {stride: 2}, global_average_pool, fully_connected]\n",
        "Say how many output channels it has at alpha 1.",
    ),
    (
        "A stride or a kernel that there is not",
        "name: x\ninput: {resolution: 32}\nlayers: [conv: {filters: 8, stride: 9}, conv: {filters: 8, kernel: 9}, global_average_pool, fully_connected]\n",
        "Strides are 1 to 4, kernels 1 to 7; 3x3 and strides 1 and 2 for depthwise ones.",
    ),
    (
        "A network that does not begin with a convolution",
        "name: x\ninput: {resolution: 32}\nlayers: [pointwise: {filters: 8}, global_average_pool, fully_connected]\n",
        "Only `conv` reads an image.",
    ),
    (
        "A network that does not end",
        "name: x\ninput: {resolution: 32}\nlayers: [conv: {filters: 8}]\n",
        "`global_average_pool`, `fully_connected`, and if wanted `softmax`.",
    ),
    (
        "Batch normalisation twice",
        "name: x\ninput: {resolution: 32}\nlayers: [conv: {filters: 8}, batchnorm, global_average_pool, fully_connected]\n",
        "As the help says.",
    ),
    (
        "Two layers of one name",
        "name: x\ninput: {resolution: 32}\nlayers: [conv: {filters: 8, name: a}, conv: {filters: 8, name: a}, global_average_pool, fully_connected]\n",
        "Rename one; weights are found by these names.",
    ),
    (
        "A window that does not fit",
        "name: x\ninput: {resolution: 4}\nlayers: [conv: {filters: 8, kernel: 7, padding: valid}, global_average_pool, fully_connected]\n",
        "A smaller kernel, a padding, or a larger resolution.",
    ),
    (
        "A map beyond the largest",
        "name: x\ninput: {resolution: 4096}\nlayers: [conv: {filters: 16000}, global_average_pool, fully_connected]\n",
        "Fewer filters, a stride, or a smaller resolution.",
    ),
    (
        "More memory than the budget",
        "name: x\nbudget: 1 KiB\n@",
        "A larger budget, or a smaller alpha, rho or first layer.",
    ),
    (
        "Too many repetitions",
        "name: x\ninput: {resolution: 32}\nlayers: [conv: {filters: 8}, {separable: {filters: 8}, repeat: 1001}, global_average_pool, fully_connected]\n",
        "A network has at most 1000 layers.",
    ),
];

/// A heading, arguments (`$W` is a sound weights file), and the cure.
type Mistakes = [(&'static str, &'static str, &'static str)];

/// By what they are about.
const COMMANDS: &[(&str, &Mistakes)] = &[
    (
        "Names",
        &[
            ("A name that there is not", "inspect 0.75_MobileNet_medum", "Take the one that is offered."),
            ("No such file", "inspect mine.yaml", "Names are relative to the current folder."),
            ("An alpha out of range", "inspect mobilenet_v1 --alpha 3", "Above 0 and at most 2."),
            ("A rho that is no word", "inspect mobilenet_v1 --rho mediun", "A word, pixels, or a ratio."),
            ("A rho that leaves nothing", "inspect mobilenet_v1 --rho 0.0111", "A larger ratio."),
            ("A resolution out of range", "inspect mobilenet_v1 --rho 99999", "1 to 4096."),
            ("No classes", "inspect mobilenet_v1 --classes 0", "1 to 16384."),
        ],
    ),
    (
        "Weights",
        &[
            ("No such file", "weights none.h5", "Check the path; the type is recognised by content."),
            ("An empty file", "weights empty.h5", "Copy or download it again."),
            ("Not a weights file", "weights text.txt", "Convert it to one of the formats that are listed."),
            ("A pickle", "weights pickle.pt", "Save it again as the help says; a pickle may run code."),
            ("Cut short", "weights cut.safetensors", "Copy or download it again."),
            (
                "Larger than any MobileNet",
                "weights large.h5",
                "Save the weights without what an optimiser keeps.",
            ),
            ("A folder without weights", "weights folder", "Name the file."),
            (
                "Of another width",
                "inspect 0.5_MobileNet_tiny --weights $W",
                "Leave the model out: the weights say which it is.",
            ),
            (
                "Of other classes",
                "inspect --weights $W --classes 7",
                "Leave --classes out, or train the classifier anew.",
            ),
            (
                "A tensor missing",
                "inspect --weights part.safetensors",
                "`mnetc weights FILE` lists what is there.",
            ),
            (
                "Trained otherwise than the spec says",
                "inspect relu.yaml --weights $W",
                "Under `defaults:` the spec gives way.",
            ),
            (
                "Bytes of weights that are floats",
                "inspect --weights $W --precision int8",
                "`mnetc quantize` makes a file of bytes.",
            ),
            (
                "Bytes, and a classifier of floats",
                "bench 0.25_MobileNet_tiny --precision int8 --classifier f16",
                "Say nothing of the classifier.",
            ),
            ("A model without weights", "run 0.5_MobileNet_tiny cat.png", "Give --weights."),
        ],
    ),
    (
        "Photos and tensors",
        &[
            ("No such photo", "run none.png", "Check the path."),
            ("An empty file", "run empty.png", "Copy it again."),
            ("Not a picture", "run text.txt", "PNG, JPEG, BMP, GIF and WebP are read."),
            ("A folder", "run folder", "Name its photos: `folder/*.jpg`."),
            (
                "Labels of another number",
                "run cat.png --labels text.txt",
                "One name a line, as many as classes.",
            ),
            (
                "A tensor of another size",
                "run --input text.txt",
                "Height x width x channels bytes, or an .npy of floats.",
            ),
            ("Not an .npy", "run --input text.npy", "`numpy.save` writes them."),
        ],
    ),
    (
        "Results",
        &[
            ("A folder that there is not", "graph mobilenet_v1 -o nowhere/x.svg", "Make it first."),
            ("A picture of another kind", "graph mobilenet_v1 -o x.png", "svg, dot or txt."),
            ("A pass that there is not", "graph mobilenet_v1 --after fuse", "One of those listed."),
            ("Weights without a place", "compile --weights $W", "-o F.rs or --crate DIR."),
            ("A source that is no .rs", "compile mobilenet_v1 -o x.txt", "The name ends in .rs."),
            ("A type that is no identifier", "compile mobilenet_v1 --type 1x", "A letter first; no keyword."),
            (
                "A crate where there is something",
                "compile mobilenet_v1 --crate folder-with",
                "An empty or a new folder.",
            ),
        ],
    ),
];

const BODY: &str =
    "input: {resolution: 32}\nlayers: [conv: {filters: 8}, global_average_pool, fully_connected]\n";

fn weights() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("model/keras_mobilenet_v1_0.25_128.safetensors")
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let sound = std::fs::read(weights()).unwrap();
    for empty in ["empty.h5", "empty.png"] {
        write(empty, b"");
    }
    for text in ["text.txt", "text.npy"] {
        write(text, b"hello\n");
    }
    write("pickle.pt", b"\x80\x02}q\x00.");
    write("cut.safetensors", &sound[..5000]);
    let tensors = safetensors::SafeTensors::deserialize(&sound).unwrap();
    let some = tensors.tensors().into_iter().filter(|(name, _)| name != "conv_pw_5_bn/beta");
    write("part.safetensors", &safetensors::serialize(some.collect::<Vec<_>>(), None).unwrap());
    std::fs::copy(weights(), folder.path().join("w.safetensors")).unwrap();
    std::fs::File::create(folder.path().join("large.h5")).unwrap().set_len(1 << 30).unwrap();
    write("cat.png", &std::fs::read(weights().with_file_name("labels.txt")).unwrap());
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs");
    let spec = std::fs::read_to_string(specs.join("mobilenet_v1.yaml")).unwrap();
    write("relu.yaml", spec.replacen("\ndefaults:", "\nactivation: relu\ndefaults:", 1).as_bytes());
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    std::fs::create_dir_all(folder.path().join("folder-with/something")).unwrap();
    folder
}

/// What the program says.
fn said(folder: &Path, line: &str) -> String {
    let args = line.split_whitespace().map(|arg| if arg == "$W" { "w.safetensors" } else { arg });
    let output = Command::new(env!("CARGO_BIN_EXE_mnetc")).current_dir(folder).args(args).output().unwrap();
    let status = output.status.code().unwrap_or(-1);
    assert!([1, 2].contains(&status), "{line}: status {status}, {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.lines().count() < 30, "{line}: a message must be read\n{text}");
    format!("```text\n$ mnetc {}\n{}\n```\n", line.replace("$W", "w.safetensors"), text.trim_end())
}

/// The errors of the runtime, as they come.
fn runtime() -> Vec<(&'static str, Error, &'static str)> {
    let blob = |classes: Option<usize>, precision: Option<Precision>| {
        use mobilenet_compiler::{compile, seeded};
        let request =
            compile::Request { model: Some("0.25_MobileNet_tiny"), classes, precision, ..Default::default() };
        let mut compiled = compile::compile(&request).unwrap();
        compiled.tensors = Some(seeded::tensors(&compiled.graph, 1));
        compiled.blob(&[]).unwrap()
    };
    let good = blob(None, None);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        Weights::from_bytes(&bytes).unwrap_err()
    };
    let network = |bytes: &[u8]| Model::<MobileNetV1_0_25_128>::new(Weights::from_bytes(bytes).unwrap());
    let mut other = good.clone();
    other[16] ^= 1;
    let model = network(&good).unwrap();
    let image = mobilenet_kernels::image::Image::Tensor(&[0.0; 7]);
    let static_bytes: &'static [u8] = Box::leak(good.clone().into_boxed_slice());
    let unaligned = std::iter::once(0).chain(static_bytes.iter().copied()).collect::<Vec<u8>>().leak();
    let unaligned: &'static [u8] = &unaligned[1..];
    let mut errors = vec![
        ("Shorter than a header", Weights::from_bytes(&good[..10]).unwrap_err(), "Pack the weights again."),
        ("Not packed weights", with(0, b'X'), "`mnetc pack` makes them of a weights file."),
        ("Of another version", with(8, 9), "Pack the weights again with the `mnetc` of this version."),
        ("A header that is damaged", with(48, 99), "Copy the file again."),
        ("Cut short", Weights::from_bytes(&good[..good.len() - 1]).unwrap_err(), "Copy the file again."),
        ("Damaged", with(LEN + 1, good[LEN + 1] ^ 1), "Copy the file again."),
        ("Of another model", network(&other).unwrap_err(), "As the message says."),
        (
            "Of another precision",
            network(&blob(None, Some(Precision::Bf16))).unwrap_err(),
            "As the message says.",
        ),
        (
            "Of other classes",
            network(&blob(Some(10), None)).unwrap_err(),
            "Compile the model for as many classes, or pack other weights.",
        ),
        (
            "An input of another length",
            model.logits_of(image, &mut model.scratch()).unwrap_err(),
            "Arrays are checked when they are compiled; slices are not.",
        ),
        (
            "A picture of another kind",
            Photo::decode(b"hello").unwrap_err(),
            "PNG, JPEG, BMP, GIF and WebP are read.",
        ),
        ("No pixels", Photo::from_rgb(2, 2, vec![0; 5]).unwrap_err(), "Width x height x 3 bytes."),
    ];
    if let Err(error) = Weights::from_static(unaligned) {
        errors.push((
            "Embedded without alignment",
            error,
            "Wrap the bytes in `Aligned`, or let the macro embed them.",
        ));
    }
    assert!(model.with_isa(Isa::Scalar).is_ok());
    errors
}

/// Fingerprints change with every plan; the catalogue need not.
fn without_fingerprints(text: &str) -> String {
    let is_one = |word: &&str| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let found: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(is_one).collect();
    found.iter().fold(text.to_string(), |text, found| text.replace(found, "0123456789abcdef"))
}

fn catalogue() -> String {
    let folder = folder();
    let mut text = HEAD.to_string();
    let mut add = |heading: &str, said: &str, cure: &str| {
        let _ = write!(text, "\n### {heading}\n\n{said}\n{cure}\n");
    };
    add("\u{0}Specs", "", "");
    for (heading, yaml, cure) in SPECS {
        let whole = yaml.replace('@', BODY).replace('%', &BODY[BODY.find("layers").unwrap()..]);
        std::fs::write(folder.path().join("net.yaml"), whole).unwrap();
        add(heading, &said(folder.path(), "inspect net.yaml"), cure);
    }
    for (section, cases) in COMMANDS {
        add(&format!("\u{0}{section}"), "", "");
        for (heading, line, cure) in *cases {
            add(heading, &said(folder.path(), line), cure);
        }
    }
    add("\u{0}The runtime", "", "");
    for (heading, error, cure) in runtime() {
        add(heading, &format!("```text\n{}\n```\n", without_fingerprints(&error.to_string())), cure);
    }
    text.replace("### \u{0}", "## ").replace("\n\n\n\n", "\n")
}

#[test]
fn the_catalogue_is_true() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    let found = catalogue();
    if std::env::var_os("MNETC_BLESS").is_some() {
        std::fs::write(&file, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
    assert!(
        found == expected,
        "docs/errors.md is not what is said: {differs:?}; MNETC_BLESS=1 cargo test -p mnetc --test errors"
    );
}
