//! Remembers which cases failed last time, in a file for `--lf`, `--ff` and `--sw`.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::disk::{self, MOST_TEXT};
use crate::event::{Event, Outcome};

/// The path of the file, relative to the folder in which the program was started.
const FILE: &str = ".retake/lastfailed.json";

/// The content of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    version: u32,
    /// Ids of the cases that failed the last time they ran.
    failed: BTreeSet<String>,
    /// The case at which a stepwise run stopped.
    #[serde(default)]
    stepwise: Option<String>,
}

const VERSION: u32 = 1;

/// The cases that failed last time, and those that fail now.
#[derive(Debug)]
pub(super) struct Memory {
    path: PathBuf,
    before: Option<Kept>,
    now: Kept,
    is_stepwise: bool,
    /// Whether a stepwise run continues after the next failure.
    skips_one: bool,
    /// The problem with the file that was found.
    pub(super) trouble: Option<String>,
}

impl Memory {
    /// Reads the file, if there is one.
    pub(super) fn open(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let (mut before, mut trouble) = (None, None);
        match disk::text(&path, MOST_TEXT) {
            Ok(text) => match serde_json::from_str::<Kept>(&text) {
                Ok(kept) if kept.version == VERSION => before = Some(kept),
                Ok(kept) => trouble = Some(format!("it is of version {}", kept.version)),
                Err(error) => trouble = Some(error.to_string()),
            },
            Err(why) if why.is_missing() => {}
            Err(why) => trouble = Some(why.to_string()),
        }
        let trouble = trouble.map(|why| format!("{FILE} cannot be used ({why}): what failed last time is not known"));
        let now = Kept { version: VERSION, ..before.clone().unwrap_or_default() };
        Memory { path, before, now, is_stepwise: false, skips_one: false, trouble }
    }

    /// Forgets all failures.
    pub(super) fn clear(&mut self) {
        self.now = Kept { version: VERSION, ..Kept::default() };
    }

    /// Ids of the cases that failed last time.
    pub(super) fn failed(&self) -> &BTreeSet<String> {
        &self.now.failed
    }

    /// The case at which the last stepwise run stopped.
    pub(super) fn stepwise(&self) -> Option<&str> {
        self.now.stepwise.as_deref()
    }

    /// From now on, a failure is where the next stepwise run continues; `skips_one` lets one failure pass.
    pub(super) fn begin_stepwise(&mut self, forget: bool, skips_one: bool) {
        (self.is_stepwise, self.skips_one) = (true, skips_one);
        if forget {
            self.now.stepwise = None;
        }
    }

    /// Updates the memory with an event.
    pub(super) fn learn(&mut self, event: &Event) {
        let Event::CaseFinished(finished) = event else { return };
        let is_here = self.now.stepwise.as_ref() == Some(&finished.case.id);
        if !matches!(finished.outcome, Outcome::Failed(_) | Outcome::Error(_)) {
            self.now.failed.remove(&finished.case.id);
            if is_here && self.is_stepwise && !matches!(finished.outcome, Outcome::Skipped(_)) {
                self.now.stepwise = None;
            }
            return;
        }
        self.now.failed.insert(finished.case.id.clone());
        if !self.is_stepwise {
            return;
        }
        if std::mem::take(&mut self.skips_one) {
            if is_here {
                self.now.stepwise = None;
            }
        } else {
            self.now.stepwise = Some(finished.case.id.clone());
        }
    }

    /// Writes the file if its content has changed. `Err` says that it could not, and what follows from that.
    pub(super) fn keep(&self) -> Result<(), String> {
        let is_news = match &self.before {
            Some(before) => *before != self.now,
            None => !self.now.failed.is_empty() || self.now.stepwise.is_some(),
        };
        if !is_news {
            return Ok(());
        }
        self.write().map_err(|error| {
            let path = self.path.display();
            format!("warning: cannot write {path}: {error}\n  --lf, --ff and --sw will not know of this run")
        })
    }

    fn write(&self) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, &self.now)?;
        file.write_all(b"\n")?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CaseRef, Finished};

    fn finished(id: &str, outcome: Outcome) -> Event {
        let case = CaseRef { id: id.into(), ..CaseRef::default() };
        Event::CaseFinished(Box::new(Finished { case, outcome, ..Finished::default() }))
    }

    fn failed(id: &str) -> Event {
        finished(id, Outcome::Failed(Box::default()))
    }

    #[test]
    fn what_failed_is_known_the_next_time_until_it_passes() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut memory = Memory::open(folder.path());
        memory.learn(&finished("a", Outcome::Passed));
        memory.keep().unwrap();
        assert!(!folder.path().join(FILE).exists(), "nothing to say");
        memory.learn(&failed("b"));
        memory.learn(&failed("c"));
        memory.keep().unwrap();
        let mut memory = Memory::open(folder.path());
        assert_eq!(memory.failed().iter().collect::<Vec<_>>(), ["b", "c"]);
        memory.learn(&finished("b", Outcome::Skipped(String::new())));
        memory.keep().unwrap();
        assert_eq!(Memory::open(folder.path()).failed().len(), 1);
    }

    #[test]
    fn a_stepwise_run_remembers_where_it_stopped() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut memory = Memory::open(folder.path());
        memory.begin_stepwise(false, false);
        memory.learn(&failed("b"));
        memory.keep().unwrap();
        let mut memory = Memory::open(folder.path());
        assert_eq!(memory.stepwise(), Some("b"));
        memory.begin_stepwise(false, true);
        memory.learn(&failed("b"));
        assert_eq!(memory.stepwise(), None);
        memory.learn(&failed("c"));
        assert_eq!(memory.stepwise(), Some("c"));
        memory.learn(&finished("c", Outcome::Passed));
        assert_eq!(memory.stepwise(), None);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_said() {
        let folder = tempfile::TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join(".retake")).unwrap();
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        let memory = Memory::open(folder.path());
        assert!(memory.trouble.is_some_and(|trouble| trouble.contains("lastfailed.json")));
    }
}
