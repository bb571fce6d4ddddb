use mobilenet_runtime::mobilenet;

fn main() {
    let _ = mobilenet!("data/good.yaml", alpha = 3.0);
    let _ = mobilenet!("data/good.yaml", alpha = -1.0);
    let _ = mobilenet!("mobilenet_v1", rho = "mediun");
    let _ = mobilenet!("data/good.yaml", classes = 0);
}
