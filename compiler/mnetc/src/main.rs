//! mnetc
fn main() {}
