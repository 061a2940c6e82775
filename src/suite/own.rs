//! Matchers that a project writes in Rust.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::Value;

type Test = dyn Fn(&Value) -> Result<(), String> + Send + Sync;

/// A matcher of one's own, as a suite names it: `{is: NAME}`.
#[derive(Clone)]
pub(crate) struct OwnMatcher {
    /// Its name.
    pub name: String,
    test: Arc<Test>,
}

impl OwnMatcher {
    /// Asks it about a value. `Ok(Err(why))` when the value does not meet it, `Err` when it panics.
    pub(crate) fn ask(&self, value: &Value) -> Result<Result<(), String>, Panicked> {
        // Its state may be half changed after a panic: that is its own affair, and the next question is told so too.
        catch_unwind(AssertUnwindSafe(|| (self.test)(value))).map_err(|_| Panicked)
    }
}

impl fmt::Debug for OwnMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnMatcher").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A matcher panicked instead of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panicked;

/// The matchers that a project registered, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnMatchers(BTreeMap<String, OwnMatcher>);

impl OwnMatchers {
    /// Adds one; a second of that name takes the place of the first.
    pub(crate) fn add(&mut self, name: &str, test: impl Fn(&Value) -> Result<(), String> + Send + Sync + 'static) {
        self.0.insert(name.to_owned(), OwnMatcher { name: name.to_owned(), test: Arc::new(test) });
    }

    /// The one of that name.
    pub(crate) fn named(&self, name: &str) -> Option<&OwnMatcher> {
        self.0.get(name)
    }

    /// All names, in order.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}
