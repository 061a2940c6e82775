//! How far a judgement is, on a terminal: live, it takes a minute or more.

use std::io::{self, IsTerminal as _, Write as _};

/// One line of stderr, which changes, and is gone at the end.
pub(super) struct Progress {
    is_shown: bool,
    done: usize,
    all: usize,
}

impl Progress {
    pub(super) fn of(all: usize) -> Self {
        Progress { is_shown: io::stderr().is_terminal(), done: 0, all }
    }

    /// A case is done.
    pub(super) fn step(&mut self, name: &str) {
        self.done += 1;
        self.show(&format!("{}/{} {name}", self.done, self.all));
    }

    /// A closed stderr is no reason to end.
    fn show(&self, text: &str) {
        if self.is_shown {
            let mut err = io::stderr();
            let _ = write!(err, "\r\x1b[K{text}").and_then(|()| err.flush());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.show("");
    }
}
