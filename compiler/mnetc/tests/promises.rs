//! What the compiler promises of its results: proved where that is asked for, the same wherever they are made, and never
//! half-written.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn weights() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("model/keras_mobilenet_v1_0.25_128.safetensors")
}

fn mnetc(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mnetc"));
    command.current_dir(folder).args(args);
    command
}

fn good(folder: &Path, args: &[&str]) -> Output {
    let output = mnetc(folder, args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn every_model_is_proved() {
    let folder = tempfile::tempdir().unwrap();
    let prove = |args: &[&str]| {
        let output = good(folder.path(), &[&["compile", "--prove"], args].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("proved on 2 pictures: 4 passes"), "{said}");
    };
    for spec in ["mobilenet_v1", "mobilenet_v1_conv", "mobilenet_v1_shallow"] {
        prove(&[spec, "--alpha", "0.25", "--rho", "64", "-o", "seeded.rs"]);
    }
    for model in std::fs::read_dir(repository("testdata/models")).into_iter().flatten() {
        let model = model.unwrap().path();
        let args = ["--weights", model.to_str().unwrap(), "-o", "model.rs"];
        // A network of another kind has a spec of its own.
        if mnetc(folder.path(), &[&["compile"], &args[..]].concat()).output().unwrap().status.success() {
            prove(&args);
        } else {
            eprintln!("skipped: {} is compiled by a spec", model.display());
        }
    }
}

#[test]
fn results_are_the_same_wherever_they_are_made() {
    let made = || {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(weights(), folder.path().join("w.safetensors")).unwrap();
        std::fs::write(folder.path().join("labels.txt"), "name\n".repeat(1000)).unwrap();
        let model = ["--weights", "w.safetensors", "--labels", "labels.txt"];
        good(folder.path(), &[&["compile"], &model[..], &["-o", "a.rs"]].concat());
        good(folder.path(), &[&["compile"], &model[..], &["--crate", "a-crate"]].concat());
        good(folder.path(), &[&["pack"], &model[..], &["-o", "b.mnw"]].concat());
        let files =
            ["a.rs", "a.mnw", "b.mnw", "a-crate/src/model.rs", "a-crate/src/model.mnw", "a-crate/src/lib.rs"];
        files.map(|file| std::fs::read(folder.path().join(file)).unwrap())
    };
    let (one, other) = (made(), made());
    assert!(one == other, "files differ between two folders");
    assert_eq!(one[1], one[2], "compile and pack give the same weights");
}

/// `MOBILENET_KILLS=200` is the long form.
#[test]
fn a_file_is_never_half_written() {
    let kills = std::env::var("MOBILENET_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(15);
    let folder = tempfile::tempdir().unwrap();
    let name = |which: usize| format!("{which}\n").repeat(1000);
    let file = weights();
    let args = |which: usize| {
        std::fs::write(folder.path().join("labels.txt"), name(which)).unwrap();
        ["pack", "--weights", file.to_str().unwrap(), "--labels", "labels.txt", "-o", "x.mnw"]
    };
    let path = folder.path().join("x.mnw");
    let whole = [0, 1].map(|which| {
        good(folder.path(), &args(which));
        std::fs::read(&path).unwrap()
    });
    let start = Instant::now();
    good(folder.path(), &args(0));
    let lasts = start.elapsed();
    let mut replaced = 0;
    for kill in 0..kills {
        let which = 1 + kill % 2;
        let mut child = mnetc(folder.path(), &args(which % 2)).stderr(Stdio::null()).spawn().unwrap();
        // Mostly near the end, where the file is written.
        let share = 0.6 + 0.5 * ((kill * 7919) % 100) as f64 / 100.0;
        std::thread::sleep(Duration::from_secs_f64(lasts.as_secs_f64() * share));
        let _ = child.kill();
        let _ = child.wait();
        let found = std::fs::read(&path).unwrap();
        assert!(whole.contains(&found), "kill {kill}: a file of {} bytes", found.len());
        replaced += usize::from(found == whole[which % 2]);
    }
    eprintln!("{kills} kills, {replaced} after the file had been replaced");
}
