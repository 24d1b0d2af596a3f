//! The program `kmipd`.
fn main() {}
