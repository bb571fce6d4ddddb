use mobilenet_runtime::mobilenet;

fn main() {
    let _ = mobilenet!("0.5_MobileNet_tiny", precision = "bf61");
    let _ = mobilenet!("0.5_MobileNet_tiny", precision = 16);
    let _ = mobilenet!("0.5_MobileNet_tiny", classifier = "bf16");
}
