use mobilenet_runtime::mobilenet;

fn main() {
    let _ = mobilenet!("0.5_MobileNet_tiny", weights = "data/tiny.safetensors");
}
