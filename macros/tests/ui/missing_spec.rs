use mobilenet_runtime::mobilenet;

mobilenet! { struct Missing = "data/mising.yaml" }

fn main() {}
