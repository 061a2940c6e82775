//! Events to bytes on any writer.

mod layout;
mod paint;
mod summary;
mod terminal;

pub use terminal::{Options, Terminal};

#[cfg(test)]
mod tests;
