use mobilenet_runtime::mobilenet;

fn main() {
    let _ = mobilenet!("0.5_MobileNet_tiny", wieghts = "w.safetensors");
    let _ = mobilenet!("0.5_MobileNet_tiny", size = 128);
    let _ = mobilenet!("0.5_MobileNet_tiny", classes = 10, classes = 11);
    let _ = mobilenet!("0.5_MobileNet_tiny", classes = "ten");
    let _ = mobilenet!("0.5_MobileNet_tiny" classes = 10);
    let _ = mobilenet!("0.5_MobileNet_tiny", labels = "labels.txt");
    let _ = mobilenet!("0.5_MobileNet_tiny", precision = "int7");
    let _ = mobilenet!("0.5_MobileNet_tiny", precision = "int8");
    let _ = mobilenet!();
}
