//! Generated code: where precisions differ.

use mobilenet_compiler::build::{Built, type_ident};
use mobilenet_compiler::compile::{Request, compile};
use mobilenet_compiler::settings::Precision;
use mobilenet_kernels::layout::Storage;

fn source(precision: Precision, classifier: Option<Storage>) -> Vec<String> {
    let request = Request {
        model: Some("0.25_MobileNet_tiny"),
        precision: Some(precision),
        classifier,
        ..Request::default()
    };
    let built = Built { compiled: compile(&request).unwrap(), packed: None, files: Vec::new() };
    let source = built.source(&type_ident("Tiny").unwrap(), "", "a test").unwrap();
    source.lines().map(|line| line.trim().to_string()).collect()
}

#[test]
fn precisions_are_said_in_layers_and_network() {
    const PRECISION: &str = "const PRECISION: ::mobilenet_runtime::kernels::header::Precision = ::mobilenet_runtime::kernels::header::Precision::Bf16;";
    const CLASSIFIER: &str = "const CLASSIFIER: ::mobilenet_runtime::kernels::layout::Storage = ::mobilenet_runtime::kernels::layout::Storage::F16;";
    for (precision, classifier, [f32, bf16, f16], [says_precision, says_classifier]) in [
        (Precision::F32, None, [14, 0, 0], [false, false]),
        (Precision::F32, Some(Storage::F16), [13, 0, 1], [false, true]),
        (Precision::Bf16, None, [0, 13, 1], [true, true]),
        (Precision::Bf16, Some(Storage::F32), [1, 13, 0], [true, false]),
    ] {
        let lines = source(precision, classifier);
        let count = |wanted: &str| lines.iter().filter(|line| *line == wanted).count();
        let found =
            ["storage: Storage::F32,", "storage: Storage::Bf16,", "storage: Storage::F16,"].map(count);
        assert_eq!(found, [f32, bf16, f16], "{precision}, {classifier:?}");
        // Long constants are broken after the equals sign.
        let text = lines.join(" ");
        assert_eq!(text.contains(PRECISION), says_precision, "{text}");
        assert_eq!(text.contains(CLASSIFIER), says_classifier, "{text}");
    }
}
