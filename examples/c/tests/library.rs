//! The library from C and from Rust, and the header against its source.

use std::path::{Path, PathBuf};
use std::process::Command;

use mobilenet::*;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn the_header_is_what_cbindgen_makes_of_the_source() {
    let config = cbindgen::Config::from_file(here("cbindgen.toml")).unwrap();
    let mut header = Vec::new();
    let bindings = cbindgen::Builder::new().with_config(config).with_src(here("src/lib.rs")).generate();
    bindings.unwrap().write(&mut header);
    let (path, expected) = (here("include/mobilenet.h"), String::from_utf8(header).unwrap());
    if std::env::var_os("MNETC_BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    if found != expected {
        let diff = similar::TextDiff::from_lines(&found, &expected);
        panic!("renew it with MNETC_BLESS=1 cargo test -p mobilenet-example-c\n{}", diff.unified_diff());
    }
}

/// The static library that cargo has built beside this test: of several, made with other options, the newest.
fn library() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let files = std::fs::read_dir(test.parent().unwrap()).unwrap().map(|file| file.unwrap().path());
    let is_library = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.strip_suffix(".a")
            .is_some_and(|name| name == "libmobilenet" || name.starts_with("libmobilenet-"))
    };
    let age = |path: &PathBuf| path.metadata().unwrap().modified().unwrap();
    files.filter(is_library).max_by_key(age).expect("cargo builds a static library")
}

/// Runs a program; its exit code and everything that it has printed.
fn run(program: impl AsRef<std::ffi::OsStr>, arguments: &[&Path]) -> (Option<i32>, String) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn a_c_program_knows_a_cat() {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("classify");
    let cc = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let flags = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1"].map(Path::new);
    let files =
        [&here("classify.c"), Path::new("-I"), &here("include"), Path::new("-o"), &program, &library()];
    let libraries = ["-lpthread", "-ldl", "-lm"].map(Path::new);
    let (status, text) = run(cc, &[&flags[..], &files[..], &libraries[..]].concat());
    assert_eq!(status, Some(0), "{text}");

    let (status, text) = run(&program, &[&here("../../testdata/inputs/cat_128_rgb.u8")]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.starts_with(" 48.8 %  tabby, tabby cat\n") && text.lines().count() == 5, "{text}");

    let (status, text) = run(&program, &[&here("classify.c")]);
    assert_eq!((status, text.contains("is no image of 49152 bytes")), (Some(1), true), "{text}");
    assert_eq!(run(&program, &[]).0, Some(2));
}

#[repr(align(64))]
struct Scratch([u8; MOBILENET_SCRATCH_LEN + 64]);

type Call = unsafe extern "C" fn(*const u8, usize, *mut u8, usize, *mut f32, usize) -> MobilenetStatus;

#[test]
fn mistakes_have_a_status() {
    let image = [128; MOBILENET_IMAGE_LEN];
    let mut scratch = Box::new(Scratch([0; MOBILENET_SCRATCH_LEN + 64]));
    let mut output = [0.0; MOBILENET_CLASSES];
    let calls: [(Call, usize); 3] = [
        (mobilenet_classify, MOBILENET_CLASSES),
        (mobilenet_logits, MOBILENET_CLASSES),
        (mobilenet_embedding, MOBILENET_EMBEDDING_LEN),
    ];
    for (call, len) in calls {
        let mut call = |image: &[u8], scratch_at: usize, scratch_len: usize, len: usize| {
            let scratch = scratch.0[scratch_at..].as_mut_ptr();
            // SAFETY: pointers into arrays that are longer than the lengths.
            unsafe { call(image.as_ptr(), image.len(), scratch, scratch_len, output.as_mut_ptr(), len) }
        };
        let whole = MOBILENET_SCRATCH_LEN;
        assert_eq!(call(&image, 0, whole, len), MobilenetStatus::Ok);
        assert_eq!(call(&image, 64, whole, len), MobilenetStatus::Ok);
        assert_eq!(call(&image[1..], 0, whole, len), MobilenetStatus::ImageLength);
        assert_eq!(call(&[], 0, whole, len), MobilenetStatus::ImageLength);
        assert_eq!(call(&image, 0, whole - 1, len), MobilenetStatus::ScratchLength);
        assert_eq!(call(&image, 4, whole, len), MobilenetStatus::ScratchAlignment);
        assert_eq!(call(&image, 0, whole, len - 1), MobilenetStatus::OutputLength);
    }
    let (image, output) = (image.as_ptr(), output.as_mut_ptr());
    let null = core::ptr::null_mut();
    // SAFETY: null is looked for before anything is read.
    let status = unsafe {
        mobilenet_classify(image, MOBILENET_IMAGE_LEN, null, MOBILENET_SCRATCH_LEN, output, MOBILENET_CLASSES)
    };
    assert_eq!(status, MobilenetStatus::Null);
}

#[test]
fn names_are_cut_off_and_ended() {
    let label = |class: usize, len: usize| {
        let mut buffer = [b'?'; 32];
        // SAFETY: no length below is more than 32.
        let whole = unsafe { mobilenet_label(class, buffer.as_mut_ptr().cast(), len) };
        (whole, String::from_utf8(buffer[..len].to_vec()).unwrap(), buffer[len])
    };
    assert_eq!(label(1, 32 - 1).1.trim_end_matches('?'), "goldfish, Carassius auratus\0");
    assert_eq!(label(0, 6), (18, "tench\0".into(), b'?'));
    assert_eq!(label(0, 0), (18, String::new(), b'?'));
    assert_eq!(label(1000, 1), (0, "\0".into(), b'?'));
}
