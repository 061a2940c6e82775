//! The test target.
fn main() {}
