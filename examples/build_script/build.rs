//! Compiles the network of digits.yaml into `OUT_DIR`.

use mobilenet_compiler::build::Build;
use mobilenet_compiler::error::Result;

fn main() -> Result<()> {
    Build::new("digits.yaml").weights("digits.safetensors").write("Digits")
}
