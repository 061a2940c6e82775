//! Recordings on disk as upstreams: shelf, index, player, recorder, writer, mode.
//!
//! A [`Tape`] stands between the gateway and one provider. Its [`Mode`] decides what it does with a request, and is
//! chosen once, where the program is wired. A [`TapeSet`] holds all tapes of a run, and the cases that use them.
//!
//! Within one case, the first of several equal requests gets the first recorded reply, the second one the second reply,
//! and so on. Requests without a case share one count. While recording, a request that another case of the same run has
//! just sent gets the reply that was just recorded: cases that ask the same see the same replies in the run that
//! records them and in every later one.
//!
//! | file | holds |
//! |---|---|
//! | `shelf`, `marks` | a folder: its names, files written and removed whole; what shows that a file has changed |
//! | `index`, `sketch`, `index_file` | the requests that its files answer, by content; an index as text |
//! | `view` | the index under one set of rules, kept up to date |
//! | `library` | the recordings of a provider: which of them answer a request |
//! | `order` | pure: which recording answers which case, and which of its equal requests |
//! | `places` | pure: the order of equal requests, where some were left or asked again |
//! | `player` | a recorded reply as a live one |
//! | `recorder`, `task`, `in_flight` | live requests, shared by all who ask the same, and replies that wait |
//! | `relay`, `pipe`, `ending` | passing a reply on: no faster than its client reads, and how long it is waited for |
//! | `entry`, `spool`, `size` | exchanges that are not written yet, in memory or in a temporary file; limits of size |
//! | `plan`, `same` | pure: what happens to the files when something was recorded anew |
//! | `writer` | writes the files, each as a whole |
//! | `case`, `cases`, `set` | a running case, all of them, and all tapes of a run |
//! | `figures`, `unanswered` | what a run did for each provider, in numbers; requests to which no reply came |
//! | `near`, `miss` | the recordings nearest to a request that nothing answers, and the message about it |
//! | `recorded` | reads a file, and leaves the bytes of a large reply in it |
//! | `request_cache`, `file_cache`, `count` | recent requests, parsed files, the number of recordings |

mod case;
mod cases;
mod count;
mod ending;
mod entry;
mod figures;
mod file_cache;
mod in_flight;
mod index;
mod index_file;
mod library;
mod marks;
mod miss;
mod mode;
mod near;
mod order;
mod path;
mod pipe;
mod places;
mod plan;
mod player;
mod recorded;
mod recorder;
mod relay;
mod request_cache;
mod same;
mod set;
mod shelf;
mod size;
mod sketch;
mod spool;
mod tape;
mod task;
mod unanswered;
mod view;
mod writer;

use std::sync::Arc;
use std::time::Duration;

pub use case::{Changed, Miss, Nearest, PlayedReply, Usage};
pub use cases::{MOST_CASES, UsedFile};
pub use count::{ENDS_READ, Summary};
pub use figures::Figures;
pub use library::Library;
pub use mode::Mode;
pub(crate) use recorded::in_memory;
pub use set::TapeSet;
pub use size::Size;
pub use tape::{Playing, Source, Tape, wire};

use crate::exchange::Secrets;
use crate::upstream::Shared;

/// The largest reply that is recorded, unless another limit is set. A recording is laid out as text, scrubbed and read
/// back before it counts, which takes several times its size in memory.
pub const MOST_RECORDED: Size = Size(1 << 30);
/// The most bytes of a reply that are in memory at once.
pub const MOST_IN_MEMORY: Size = Size(8 << 20);

/// When new recordings replace the old ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Staging {
    /// When the case ends well. Requests without a case are written at once.
    Case,
    /// When the session ends well; everything else when the whole command ends well.
    Command,
    /// At once if nothing older is replaced, since nobody may ever finish a session of a server; otherwise when the
    /// session ends well.
    Server,
}

/// How a case, a session or a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Well: it must see the same replies again.
    Passed,
    /// Not well: its recordings are not kept.
    Failed,
    /// The outcome is not known.
    Unknown,
}

/// The options of a tape, besides its mode and its folder.
#[derive(Clone)]
pub struct Options {
    /// Values that must not be recorded.
    pub secrets: Secrets,
    /// The pace of replay as a multiple of the recorded pace; `None` replays without pauses.
    pub speed: Option<f64>,
    /// When new recordings replace the old ones.
    pub staging: Staging,
    /// Whether recordings of failed cases are kept all the same.
    pub keep_failed: bool,
    /// The variable of the provider's key, if the provider has one and it is not set.
    pub missing_key: Option<String>,
    /// The time, RFC 3339 in UTC, for `recorded_at`.
    pub now: Arc<dyn Fn() -> String + Send + Sync>,
    /// The command that records a missing request; `None` if the caller knows a better one.
    pub command: Option<String>,
    /// A reply of more bytes is passed on, but not recorded.
    pub max_size: Size,
    /// A reply of more bytes is recorded without ever being in memory as a whole.
    pub most_in_memory: Size,
    /// How long a reply is still read for its recording after its client has left.
    pub patience: Duration,
    /// Answers requests by hand-written replies: a request that it knows goes to it in every mode, and is not recorded.
    pub by_hand: Option<Shared>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            secrets: Secrets::default(),
            speed: None,
            staging: Staging::Case,
            keep_failed: false,
            missing_key: None,
            now: Arc::new(|| jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default().to_string()),
            command: None,
            max_size: MOST_RECORDED,
            most_in_memory: MOST_IN_MEMORY,
            // By then, the usual output of a model is complete.
            patience: Duration::from_secs(60),
            by_hand: None,
        }
    }
}

#[cfg(test)]
mod tests;
