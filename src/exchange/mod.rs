//! One request and its whole reply, as kept.

mod model;

pub use crate::suite::Auth;
pub use model::{ChunkMark, End, Exchange, Origin, Reply, Request};
