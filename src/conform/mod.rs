//! What an API can do, from the ends of cases that ask it: a verdict for each capability, and what follows from it for
//! `providers.yaml`.
//!
//! | file | holds |
//! |---|---|
//! | `verdict` | the verdict as data: its JSON is this |
//! | `judge` | ends of cases to verdicts |
//! | `reason` | why a case failed, in one line |
//! | `entry` | verdicts to an entry of `providers.yaml` |

mod entry;
mod judge;
mod reason;
mod verdict;

pub(crate) use entry::{Named, entry};
pub(crate) use judge::{Tried, judge};
pub(crate) use verdict::{Asked, Can, Row, Verdict};
