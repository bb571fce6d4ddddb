//! Compiles the networks of bytes in testdata, as a user's build script does.

use mobilenet_compiler::build::Build;
use mobilenet_compiler::error::Result;

fn main() -> Result<()> {
    // Signed bytes with a scale a channel; unsigned ones with zero points, row sums and outliers.
    Build::of_weights().weights("testdata/models/person_detect.tflite").write("Signed")?;
    Build::of_weights().weights("testdata/models/mobilenet_v1_0.25_128_quant.tflite").write("Unsigned")
}
