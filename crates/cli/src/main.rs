//! The binary `connref`.
fn main() {}
