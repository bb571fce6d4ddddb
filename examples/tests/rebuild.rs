//! Crates outside the workspace that compile a model, by macro and by build script: they are built again when a file that
//! the model is made of changes, and only then.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

const BY_MACRO: &str = r#"
mobilenet_runtime::mobilenet! {
    struct Digits = "digits.yaml", weights = "digits.safetensors", labels = "labels.txt"
}
"#;

const BY_SCRIPT: &str = r#"
include!(concat!(env!("OUT_DIR"), "/digits.rs"));
"#;

const SCRIPT: &str = r#"
fn main() -> mobilenet_compiler::error::Result<()> {
    let digits = mobilenet_compiler::build::Build::new("digits.yaml");
    digits.weights("digits.safetensors").labels("labels.txt").write("Digits")
}
"#;

const MAIN: &str = r#"
fn main() {
    let model = mobilenet_runtime::Model::<Digits>::embedded();
    let scores = model.probabilities(&[128u8; 96 * 96], &mut model.scratch());
    print!("{}: {}", mobilenet_runtime::Model::<Digits>::NAME, model.top(&scores, 1)[0].label);
}
"#;

/// A crate of one's own, always in the same folder: what cargo has built of crates that are gone it keeps for good.
struct Crate {
    folder: PathBuf,
    name: &'static str,
}

impl Crate {
    fn new(name: &'static str, model: &str, script: Option<&str>) -> Self {
        let new = Crate { folder: Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), name };
        fs::remove_dir_all(&new.folder).unwrap_or_default();
        fs::create_dir_all(new.path("src")).unwrap();
        fs::copy(Path::new(REPOSITORY).join("Cargo.lock"), new.path("Cargo.lock")).unwrap();
        fs::write(new.path("Cargo.toml"), manifest(name)).unwrap();
        fs::write(new.path("src/main.rs"), [model, MAIN].concat()).unwrap();
        if let Some(script) = script {
            fs::write(new.path("build.rs"), script).unwrap();
        }
        new
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// Builds the crate as a user does, with what the workspace has built of its dependencies; whether anything was
    /// compiled.
    fn build(&self) -> bool {
        let build = Command::new(env!("CARGO"))
            .args(["build", "--offline", "--color=never"])
            .env("CARGO_TARGET_DIR", target())
            .current_dir(&self.folder)
            .output()
            .unwrap();
        let text = String::from_utf8(build.stderr).unwrap();
        assert!(build.status.success(), "{text}");
        text.contains("Compiling")
    }

    fn run(&self) -> String {
        let run = Command::new(target().join("debug").join(self.name)).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).unwrap()
    }
}

fn manifest(name: &str) -> String {
    let [runtime, compiler] = ["runtime", "compiler"].map(|package| Path::new(REPOSITORY).join(package));
    format!(
        r#"[package]
name = "{name}"
version = "0.1.0"
edition = "2024"

[dependencies]
mobilenet-runtime = {{ path = {runtime:?} }}

[build-dependencies]
mobilenet-compiler = {{ path = {compiler:?}, default-features = false, features = ["safetensors"] }}

[workspace]
"#
    )
}

/// The folder that this test was built in: what it was built with need not be built again.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("")
}

fn digits(file: &str) -> Vec<u8> {
    fs::read(Path::new(REPOSITORY).join("examples/digits").join(file)).unwrap()
}

/// The weights of `digits`, with a bias that makes everything look like one digit; never seen before, so that they are
/// packed anew.
fn weights(digit: usize) -> Vec<u8> {
    let mut file = digits("digits.safetensors");
    let (length, rest) = file.split_at(8);
    let length = usize::try_from(u64::from_le_bytes(length.try_into().unwrap())).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&rest[..length]).unwrap();
    let offset = header["classifier.bias"]["data_offsets"][0].as_u64().unwrap();
    let at = 8 + length + usize::try_from(offset).unwrap() + digit * size_of::<f32>();
    let bias = 100.0 + (process::id() % 10_000) as f32 / 1000.0;
    file[at..at + size_of::<f32>()].copy_from_slice(&bias.to_le_bytes());
    file
}

fn labels(words: &str) -> String {
    words.split(' ').map(|word| format!("{word}\n")).collect()
}

fn is_built_again_when_a_file_changes(digits: Crate) {
    let spec = String::from_utf8(self::digits("digits.yaml")).unwrap();
    let english = labels("zero one two three four five six seven eight nine");
    let german = labels("null eins zwei drei vier fünf sechs sieben acht neun");
    fs::write(digits.path("digits.yaml"), &spec).unwrap();
    fs::write(digits.path("digits.safetensors"), weights(3)).unwrap();
    fs::write(digits.path("labels.txt"), english).unwrap();
    assert!(digits.build());
    assert_eq!(digits.run(), "1.0_digits_96: three");
    for (file, content, expected) in [
        ("digits.yaml", spec.replace("name: digits", "name: figures").into_bytes(), "1.0_figures_96: three"),
        ("digits.safetensors", weights(7), "1.0_figures_96: seven"),
        ("labels.txt", german.into_bytes(), "1.0_figures_96: sieben"),
    ] {
        assert!(!digits.build(), "nothing has changed");
        fs::write(digits.path(file), content).unwrap();
        assert!(digits.build(), "{file} has changed");
        assert_eq!(digits.run(), expected, "{file}");
    }
    assert!(!digits.build(), "nothing has changed");
}

#[test]
fn by_the_macro() {
    is_built_again_when_a_file_changes(Crate::new("rebuilt-by-macro", BY_MACRO, None));
}

#[test]
fn by_a_build_script() {
    is_built_again_when_a_file_changes(Crate::new("rebuilt-by-script", BY_SCRIPT, Some(SCRIPT)));
}
