//! Files made to harm: the program gives a message and status 1, in 512 MiB of memory and 5 seconds of the processor's time.
//! The system holds it to that.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Command, Output};

/// Memory that the program may map, and seconds that it may compute.
const LIMITS: &str = "ulimit -v 524288 && ulimit -t 5 && exec \"$@\"";

/// Files, and the arguments that read them, separated by blanks; what the message says.
struct Case {
    file: &'static str,
    content: Vec<u8>,
    args: &'static str,
    says: &'static str,
}

fn case(file: &'static str, content: impl Into<Vec<u8>>, args: &'static str, says: &'static str) -> Case {
    Case { file, content: content.into(), args, says }
}

fn run(folder: &Path, args: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", LIMITS, "sh", env!("CARGO_BIN_EXE_mnetc")]);
    command.args(args.split_whitespace()).current_dir(folder);
    command.output().unwrap()
}

fn check(folder: &Path, case: &Case) {
    std::fs::write(folder.join(case.file), &case.content).unwrap();
    refused(folder, case.args, case.says);
}

fn refused(folder: &Path, args: &str, says: &str) {
    let output = run(folder, args);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{args}: {:?}\n{message}", output.status);
    assert!(message.starts_with("mnetc: ") || message.contains(".png: "), "{args}: {message}");
    assert!(message.contains(says), "{args}: `{says}` is not in\n{message}");
    assert!(!message.contains("panicked") && message.len() < 20_000, "{args}: {} bytes", message.len());
}

#[test]
fn the_limits_hold() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), "list");
    assert!(output.status.success(), "what is sound runs inside the limits: {output:?}");
    let grab = "ulimit -v 524288 && exec head -c 600000000 /dev/zero | sort > /dev/null";
    let output = Command::new("sh").args(["-c", grab]).output().unwrap();
    assert!(!output.stderr.is_empty(), "what takes more does not");
}

fn spec(layers: &str) -> String {
    format!(
        "name: x\ninput: {{channels: 3, resolution: 64}}\nlayers:\n{layers}  - global_average_pool\n  - fully_connected\n"
    )
}

#[test]
fn specs() {
    let folder = tempfile::tempdir().unwrap();
    let bomb: String =
        (1..12).map(|i| format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 9].join(", "))).collect();
    let aliases = format!("a0: &a0 [x, x, x, x, x, x, x, x, x]\n{bomb}");
    let wide: String = (0..20_000).map(|i| format!("k{i}: 1\n")).collect();
    let conv = |field: &str| spec(&format!("  - conv: {{filters: 8}}\n  - conv: {{{field}}}\n"));
    let layers = "  - conv: {filters: 16000, stride: 1}\n  - conv: {filters: 16000}\n".repeat(3);
    let cases = [
        case("s.yaml", aliases, "inspect s.yaml", "s.yaml"),
        case("s.yaml", format!("a: {}", "[".repeat(60_000)), "inspect s.yaml", "s.yaml"),
        case("s.yaml", "- ".repeat(30_000), "inspect s.yaml", "s.yaml"),
        case("s.yaml", wide, "inspect s.yaml", "no spec is as large as this"),
        case("s.yaml", vec![b'#'; 3 << 20], "inspect s.yaml", "larger than 1 MiB"),
        case("s.yaml", b"\xff\xfe\x00name".to_vec(), "inspect s.yaml", "not a text file"),
        case("s.yaml", conv("filters: 1000000000"), "inspect s.yaml", "filters"),
        case("s.yaml", conv("filters: 99999999999999999999999999"), "inspect s.yaml", "filters"),
        case("s.yaml", conv("filters: 8, stride: 1000000000"), "compile s.yaml", "stride"),
        case("s.yaml", conv("filters: 8, kernel: 1000000000"), "compile s.yaml", "kernel"),
        case("s.yaml", conv("filters: -1"), "compile s.yaml", "filters"),
        case("s.yaml", conv("filters: .nan"), "compile s.yaml", "filters"),
        case("s.yaml", spec("  - conv: {filters: 8}\n    repeat: 1000000000\n"), "inspect s.yaml", "repeat"),
        case(
            "s.yaml",
            spec(
                "  - layers: [layers: [layers: [{conv: {filters: 8}, repeat: 1000}], repeat: 1000], repeat: 1000]\n",
            ),
            "inspect s.yaml",
            "s.yaml",
        ),
        case("s.yaml", spec(&layers).replace("64", "4096"), "compile s.yaml", "absurdly large"),
        case("s.yaml", spec("").replace("64", "1000000000"), "inspect s.yaml", "a resolution"),
    ];
    cases.iter().for_each(|case| check(folder.path(), case));
}

/// A safetensors file.
fn tensors(header: &str, data: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.resize(file.len() + data, 0);
    file
}

#[test]
fn weights() {
    let one = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"conv1/kernel":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    let two = |a: &str, b: &str| {
        format!(
            r#"{{"conv1/kernel":{{"dtype":"F32","shape":[2],"data_offsets":{a}}},"conv1_bn/beta":{{"dtype":"F32","shape":[2],"data_offsets":{b}}}}}"#
        )
    };
    let cases = [
        // Beyond the end, overlapping, with a hole, backwards.
        (tensors(&one("F32", "[1000]", "[0,4000]"), 8), "damaged safetensors file"),
        (tensors(&two("[0,8]", "[4,12]"), 12), "damaged safetensors file"),
        (tensors(&two("[0,8]", "[0,8]"), 8), "damaged safetensors file"),
        (tensors(&two("[0,8]", "[16,24]"), 24), "damaged safetensors file"),
        (tensors(&one("F32", "[2]", "[8,0]"), 8), "damaged safetensors file"),
        (tensors(&one("F32", "[4294967296,4294967296]", "[0,0]"), 0), "damaged safetensors file"),
        (tensors(&one("F99", "[2]", "[0,8]"), 8), "damaged safetensors file"),
        (u64::MAX.to_le_bytes().to_vec(), "s.safetensors"),
        (tensors(&format!("{{{}", "\"a\":[".repeat(50_000)), 0), "damaged safetensors file"),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (content, says) in cases {
        check(folder.path(), &case("s.safetensors", content, "weights s.safetensors", says));
    }
    // Wrong types, but nothing that is not said: no layer can be made of integers.
    let integers = tensors(&one("I64", "[1]", "[0,8]"), 8);
    check(folder.path(), &case("s.safetensors", integers, "inspect --weights s.safetensors", "conv1/kernel"));
    let zero = |name: &str| std::os::unix::fs::symlink("/dev/zero", folder.path().join(name)).unwrap();
    // A gigabyte that is not there.
    let blown_up = std::fs::File::create(folder.path().join("large.h5")).unwrap();
    blown_up.set_len(1 << 30).unwrap();
    refused(folder.path(), "weights large.h5", "larger than any MobileNet");
    for file in ["zero.yaml", "zero.png", "zero.npy", "zero.txt", "zero.h5"] {
        zero(file);
    }
    let photo = Path::new(env!("CARGO_MANIFEST_DIR")).join("model/keras_mobilenet_v1_0.25_128.safetensors");
    std::fs::copy(photo, folder.path().join("w.safetensors")).unwrap();
    refused(folder.path(), "inspect zero.yaml", "larger than 1 MiB");
    refused(folder.path(), "run zero.png", "larger than 64 MiB");
    refused(folder.path(), "run --input zero.npy", "larger than 200 MiB");
    refused(folder.path(), "weights zero.h5", "not a regular file");
    refused(folder.path(), "pack --weights w.safetensors --labels zero.txt -o x.mnw", "larger than 16 MiB");
    assert!(!folder.path().join("x.mnw").exists());
}

/// An archive of one deflated member that says what it unpacks to.
fn archive(name: &str, deflated: &[u8], size: u32, crc: u32) -> Vec<u8> {
    let mut header = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0];
    header.extend(crc.to_le_bytes());
    header.extend((deflated.len() as u32).to_le_bytes());
    header.extend(size.to_le_bytes());
    header.extend((name.len() as u16).to_le_bytes());
    header.extend([0; 2]);
    let mut file = [b"PK\x03\x04", &header[..], name.as_bytes(), deflated].concat();
    let offset = file.len() as u32;
    file.extend([b"PK\x01\x02\x14\x00", &header[..], &[0; 14], name.as_bytes()].concat());
    let length = file.len() as u32 - offset;
    file.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    file.extend(length.to_le_bytes());
    file.extend(offset.to_le_bytes());
    file.extend([0; 2]);
    file
}

/// Deflate's blocks of 64 KiB of zeros are a few bytes each: a stored one, then runs that copy it. Written by hand, stored blocks
/// would not shrink, so this one repeats a fixed-Huffman block of runs of 258 zeros.
fn zeros(runs: usize) -> Vec<u8> {
    let mut bits: Vec<bool> = vec![true, true, false];
    let mut code = |value: u32, length: u32| bits.extend((0..length).rev().map(|bit| value >> bit & 1 == 1));
    code(0b0011_0000, 8);
    for _ in 0..runs {
        // Length 258 is symbol 285, 11000101; distance 1 is symbol 0, 00000.
        code(0b1100_0101, 8);
        code(0, 5);
    }
    code(0, 7);
    bits.chunks(8)
        .map(|bits| bits.iter().enumerate().fold(0, |byte, (i, &bit)| byte | u8::from(bit) << i))
        .collect()
}

#[test]
fn archives_and_hdf5() {
    let folder = tempfile::tempdir().unwrap();
    // 500 MB in 3 MB, said and unsaid.
    let bomb = zeros(2_000_000);
    let keras = |size: u32| archive("model.weights.h5", &bomb, size, 0);
    check(folder.path(), &case("b.keras", keras(516_000_001), "weights b.keras", "b.keras"));
    check(folder.path(), &case("b.keras", keras(1000), "weights b.keras", "b.keras"));
    check(folder.path(), &case("b.keras", keras(u32::MAX), "weights b.keras", "b.keras"));
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/weights");
    for file in ["absurd.h5", "cyclic.h5"] {
        let Ok(content) = std::fs::read(testdata.join(file)) else {
            eprintln!("skipped: there is no {file}");
            continue;
        };
        check(folder.path(), &case("t.h5", content, "weights t.h5", "t.h5"));
    }
}

/// The first bytes of pictures that claim to be as large as can be.
fn pictures() -> Vec<(&'static str, Vec<u8>)> {
    let png = |width: u32, height: u32| {
        let header = [b"IHDR", &width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
        let crc = header.iter().fold(!0u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
        });
        [b"\x89PNG\r\n\x1a\n\0\0\0\x0d", &header[..], &(!crc).to_be_bytes()].concat()
    };
    let mut bmp = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bmp.extend(100_000i32.to_le_bytes());
    bmp.extend(100_000i32.to_le_bytes());
    bmp.extend([1, 0, 24, 0]);
    bmp.resize(60, 0);
    let gif =
        b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff\x2c\0\0\0\0\xff\xff\xff\xff\0\x08\x01\0".to_vec();
    let jpeg = b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03\x01\x22\0\x02\x11\x01\x03\x11\x01\xff\xda\0\x0c\x03\x01\0\x02\x11\x03\x11\0\x3f\0";
    let webp = b"RIFF\x20\0\0\0WEBPVP8L\x10\0\0\0\x2f\xff\xff\xff\x0f\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    vec![
        ("a.png", png(100_000, 100_000)),
        ("b.png", png(u32::MAX >> 1, 1)),
        ("c.png", png(30_000, 30_000)),
        ("d.png", bmp),
        ("e.png", gif),
        ("f.png", jpeg.to_vec()),
        ("g.png", webp),
    ]
}

#[test]
fn pictures_that_claim_to_be_huge() {
    let folder = tempfile::tempdir().unwrap();
    for (file, content) in pictures() {
        std::fs::write(folder.path().join(file), content).unwrap();
        refused(folder.path(), &format!("run {file}"), file);
    }
}

#[test]
fn tensors_that_claim_to_be_huge() {
    let folder = tempfile::tempdir().unwrap();
    let npy = |shape: &str| {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
        let header = format!("{header:<117}\n");
        [b"\x93NUMPY\x01\0\x76\0", header.as_bytes(), &[0; 64]].concat()
    };
    for shape in
        ["(1000000000, 1000000000, 3)", "(1, 4096, 4096, 3)", "(0, 0, 0)", "(18446744073709551615, 2, 3)"]
    {
        check(folder.path(), &case("t.npy", npy(shape), "run --input t.npy", "t.npy"));
    }
}
