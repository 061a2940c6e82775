//! Matchers that a project writes in Rust.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::Value;

type Test = dyn Fn(&Value) -> Result<(), String> + Send + Sync;

/// A matcher that a project writes in Rust. A suite uses it as `{is: NAME}`.
#[derive(Clone)]
pub(crate) struct OwnMatcher {
    /// Its name.
    pub name: String,
    test: Arc<Test>,
}

impl OwnMatcher {
    /// Runs it on a value. `Ok(Err(why))` if the value does not meet it, `Err` if it panics.
    pub(crate) fn ask(&self, value: &Value) -> Result<Result<(), String>, Panicked> {
        // A panic may leave the matcher's state half changed. Only the matcher uses that state, and if its next call
        // panics because of it, that is reported too.
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
    /// Adds a matcher. It replaces an earlier one with the same name.
    pub(crate) fn add(&mut self, name: &str, test: impl Fn(&Value) -> Result<(), String> + Send + Sync + 'static) {
        self.0.insert(name.to_owned(), OwnMatcher { name: name.to_owned(), test: Arc::new(test) });
    }

    /// The matcher with this name.
    pub(crate) fn named(&self, name: &str) -> Option<&OwnMatcher> {
        self.0.get(name)
    }

    /// All names, sorted.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}
