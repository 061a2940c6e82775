//! One request and its whole reply, as kept.

mod format;
mod framing;
mod key;
mod layout;
mod model;
mod python;
mod read;
mod scrub;

pub use crate::suite::Auth;
pub use format::{Recording, Times, write};
pub use key::{Key, host_of, key, key_of_recorded};
pub use model::{ChunkMark, End, Exchange, Origin, Reply, Request};
pub use read::{FormatError, read, read_request};
pub use scrub::{Secrets, keeps_reply_header};
