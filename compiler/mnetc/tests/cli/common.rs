//! What the tests of the command line share: the program, a folder of its own for each test, and bad files.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What the program did.
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A folder to run the program in.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mnetc"));
        command.current_dir(self.path()).args(args);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let ran = Ran { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        assert!(!ran.err.contains("panicked"), "{args:?}: {}", ran.err);
        ran
    }

    /// Runs what is to succeed; its standard output.
    pub(crate) fn good(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.status, Some(0), "{args:?}: {}", ran.err);
        ran.out
    }

    /// Runs what is to print one JSON document, and nothing else.
    pub(crate) fn json(&self, args: &[&str]) -> serde_json::Value {
        let ran = self.run(args);
        assert_eq!((ran.status, ran.err.as_str()), (Some(0), ""), "{args:?}");
        serde_json::from_str(&ran.out).unwrap()
    }
}

/// A file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The weights that ship with the program.
pub(crate) fn weights() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("model/keras_mobilenet_v1_0.25_128.safetensors");
    file.display().to_string()
}

/// The weights that ship with the program, without the tensors that `keep` does not keep.
pub(crate) fn some_weights(keep: impl Fn(&str) -> bool) -> Vec<u8> {
    let bytes = std::fs::read(weights()).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let kept = tensors.tensors().into_iter().filter(|(name, _)| keep(name));
    safetensors::serialize(kept.collect::<Vec<_>>(), None).unwrap()
}

/// A network of three layers.
pub(crate) const THREE: &str = "\
name: three
input: {channels: 1, resolution: 32}
layers:
  - conv: {filters: 8, kernel: 3, stride: 2, padding: same, batchnorm: false, activation: relu}
  - global_average_pool
  - fully_connected: {classes: 10}
";

/// A network with layers that do not fold or fuse.
pub(crate) const ODD: &str = "\
name: odd
input: {channels: 3, resolution: 65}
defaults: {batchnorm: true, activation: relu6, epsilon: 0.001, padding: symmetric, classes: 7}
layers:
  - conv: {name: a_first_convolution_with_an_extraordinarily_long, filters: 11, kernel: 5, stride: 2}
  - depthwise: {kernel: 3, stride: 1, activation: none}
  - pointwise: {filters: 24, batchnorm: false, activation: none}
  - batchnorm
  - relu
  - relu6
  - conv: {filters: 24, kernel: 7, stride: 3, padding: valid}
  - separable: {filters: 40, stride: 2, activation: relu}
  - separable: {filters: 48, activation: none}
    repeat: 2
  - conv: {filters: 16, kernel: 1}
  - dropout
  - relu
  - global_average_pool
  - fully_connected
  - softmax
";
