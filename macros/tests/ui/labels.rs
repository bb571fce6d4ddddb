use mobilenet_runtime::mobilenet;

fn main() {
    let _ = mobilenet!(
        "0.25_MobileNet_tiny",
        weights = "data/tiny.safetensors",
        labels = "data/two.txt",
    );
}
