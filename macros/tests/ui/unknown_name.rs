use mobilenet_runtime::mobilenet;

fn main() {
    let _ = mobilenet!("0.75_MobileNet_mediun");
}
