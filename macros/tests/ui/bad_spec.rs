use mobilenet_runtime::mobilenet;

mobilenet! { struct Bad = "data/bad.yaml" }

fn main() {
    println!("{}", mobilenet_runtime::Model::<Bad>::ARENA_BYTES);
}
