//! One request and its whole reply, as kept.

mod case;
mod difference;
mod fault;
mod format;
mod framing;
pub mod header;
mod ignored;
mod key;
mod layout;
mod model;
mod moved;
mod owners;
mod python;
mod read;
mod scrub;
mod trouble;

pub use case::{SESSION, case_label, is_same_case};
pub use difference::{Difference, differences};
pub use fault::{BROKEN_ON_PURPOSE, Cut, Fault, What, faulted};
pub use format::{Recording, write};
pub use ignored::{FieldPath, FieldStep, Ignored};
pub use key::{Key, host_of, key, key_of_recorded};
pub use model::{Auth, ChunkMark, End, Exchange, Origin, Reply, Request};
pub use moved::{Field, Moved, Remedy, moved};
pub use owners::{Named, Owners, Repeats, Times};
pub use read::{FormatError, RecordedRequest, read, read_request};
pub use scrub::{Secrets, keeps_reply_header};
pub use trouble::{has_end_mark, trouble};
