//! Recordings on disk as upstreams: shelf, index, player, recorder, writer, mode.
//!
//! A [`Tape`] stands between the gateway and one provider. What it does with a request is its [`Mode`]'s decision, made
//! once, where the program is wired. A [`TapeSet`] is all tapes of a run; it knows the cases that they answer.
//!
//! Within one case, the first request of a kind gets the first recorded reply, the second one the second, and so on.
//! Requests of no case share one count. While recording, the same request of another case in the same run is answered
//! with what was just recorded for the first, so that cases which ask the same see the same replies in the run that
//! records them as in every later one.
//!
//! | file | holds |
//! |---|---|
//! | `shelf` | a folder: its names; files read, written and removed whole |
//! | `index`, `view` | what its files were asked, by content; under which rules, and brought up to date |
//! | `library` | the recordings of a provider: what answers a request, and what is near it |
//! | `order` | pure: which of them answers whom, and which of their equal requests |
//! | `player` | a recorded reply as a live one |
//! | `recorder`, `task`, `in_flight` | asking live, once for all who ask the same, and what waits for the end of its case |
//! | `relay`, `pipe`, `ending` | a reply on its way: no faster than its client takes it, and how far it is waited for |
//! | `entry`, `spool`, `size` | what was recorded and is not written yet, in memory or in a temporary file; limits of size |
//! | `plan`, `same` | pure: what becomes of the files when something was recorded anew |
//! | `writer` | writing that, whole |
//! | `case`, `cases`, `set` | a case that runs, all of them, and all tapes of a run |
//! | `near`, `miss` | which recordings are worth a look beside a request that nothing answers, and what is said of it |
//! | `request_cache`, `file_cache`, `count` | what was asked lately, files at hand, how many there are |

mod case;
mod cases;
mod count;
mod ending;
mod entry;
mod file_cache;
mod in_flight;
mod index;
mod library;
mod miss;
mod mode;
mod near;
mod order;
mod path;
mod pipe;
mod plan;
mod player;
mod recorder;
mod relay;
mod request_cache;
mod same;
mod set;
mod shelf;
mod size;
mod spool;
mod tape;
mod task;
mod view;
mod writer;

use std::sync::Arc;
use std::time::Duration;

pub use case::{Miss, PlayedReply, Usage};
pub use cases::MOST_CASES;
pub use count::{ENDS_READ, Summary};
pub use library::Library;
pub use mode::Mode;
pub use set::TapeSet;
pub use size::Size;
pub use tape::{Tape, wire};

use crate::exchange::Secrets;
use crate::upstream::Shared;

/// The largest reply that is recorded unless another limit is set. A recording is laid out as text, scrubbed and read back
/// before it counts, which takes several times its size in memory.
pub const MOST_RECORDED: Size = Size(8 << 20);

/// When what is recorded takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Staging {
    /// When its case ends well. What no case asks is kept at once.
    Case,
    /// When its session ends well, and all else when the whole command does.
    Command,
    /// At once where nothing older is replaced by it, since nobody may ever finish a session of a server; else when its
    /// session ends well.
    Server,
}

/// How a case, a session or a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Well: what it saw is what it is to see again.
    Passed,
    /// Not well: what it recorded is not to be kept.
    Failed,
    /// Nobody says.
    Unknown,
}

/// What a tape is told besides its mode and its folder.
#[derive(Clone)]
pub struct Options {
    /// Values that must not be kept.
    pub secrets: Secrets,
    /// Multiple of the recorded pace at which replies are played; `None` plays them at once.
    pub speed: Option<f64>,
    /// When what is recorded takes its place.
    pub staging: Staging,
    /// Whether what a case recorded that failed is kept all the same.
    pub keep_failed: bool,
    /// The provider's key variable, when it has one and it is not set.
    pub missing_key: Option<String>,
    /// The time, RFC 3339 in UTC, for `recorded_at`.
    pub now: Arc<dyn Fn() -> String + Send + Sync>,
    /// The command that records what is asked; `None` where whoever asks knows it better.
    pub command: Option<String>,
    /// Bytes of a reply beyond which it is relayed and not recorded.
    pub max_size: Size,
    /// How long a reply is read for its recording alone, when its client has left.
    pub patience: Duration,
    /// Replies written by hand: a request that this knows is answered by it, in every mode, and is not recorded.
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
            // What a model writes in one go is there by then.
            patience: Duration::from_secs(60),
            by_hand: None,
        }
    }
}

#[cfg(test)]
mod tests;
