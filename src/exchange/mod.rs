//! One request and its whole reply, as kept.

mod body;
mod case;
mod changing;
mod difference;
mod edits;
mod fault;
mod format;
mod framing;
pub mod header;
mod key;
mod layout;
mod model;
mod moved;
mod multipart;
mod owners;
mod python;
mod read;
mod rules;
mod scrub;

pub use case::{SESSION, case_label, is_same_case};
pub use difference::{Difference, differences, request_differences};
pub use edits::{Masked, masked};
pub use fault::{BROKEN_ON_PURPOSE, Cut, Fault, What, faulted};
pub use format::{Recording, write};
pub use key::{Key, host_of, key, older_key};
pub use model::{Auth, ChunkMark, End, Exchange, Origin, Reply, Request};
pub use moved::{Field, Moved, Remedy, moved};
pub use owners::{Named, Owners, Repeats, Times};
pub use read::{FormatError, RecordedRequest, read, read_request};
pub use rules::{BodyPath, Ignored, Mask, Rules, fits, mask_pattern, shown_endpoint};
pub use scrub::{Secrets, carries_key, keeps_reply_header};
