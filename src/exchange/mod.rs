//! One request and its whole reply, as kept.

mod key;
mod model;
mod python;
mod scrub;

pub use crate::suite::Auth;
pub use key::{Key, host_of, key, key_of_recorded};
pub use model::{ChunkMark, End, Exchange, Origin, Reply, Request};
pub use scrub::{Secrets, keeps_reply_header};
