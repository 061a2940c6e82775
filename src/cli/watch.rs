//! `retake watch`: reruns the cases that a saved file affects.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::exchange::Secrets;

use super::args::{SourceArgs, TestArgs};
use super::exit::{Exit, Stop};
use super::named::{Stamp, stamp};
use super::socket::ended;
use super::{load, output, test, worded};

/// How often files are checked. Polling needs no crate and works on every file system, mounted ones included.
const PAUSE: Duration = Duration::from_millis(300);

/// All files that a run reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Files(BTreeMap<PathBuf, Stamp>);

/// What to rerun.
#[derive(Debug, PartialEq, Eq)]
enum Again {
    /// Everything that the flags select.
    Everything,
    /// These suites.
    Suites(Vec<PathBuf>),
}

/// Runs, waits for a change, and reruns what it affects, until Ctrl-C.
pub(super) fn run(mut args: TestArgs) -> Result<Exit, Stop> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(Stop::internal)?;
    let told_to_end = runtime.spawn(ended());
    let asked = std::mem::take(&mut args.select.suite);
    let mut suites = asked.clone();
    let mut is_first = true;
    loop {
        let seen = Files::of(&args.source);
        args.select.suite = suites;
        if let Err(stop) = test::run(&args, "retake test") {
            output::warn(&Secrets::default(), &worded(&stop));
        }
        if std::mem::take(&mut is_first) {
            let places = format!("{} and {}", args.source.suites.display(), args.source.recordings.display());
            output::print(&Secrets::default(), &format!("watching {places}; Ctrl-C ends\n"))?;
        }
        let seen = seen.with_named(&args.source);
        // A run that records changes files itself.
        let seen = if args.source.mode == "replay" { seen } else { seen.with_recordings_of(&args.source) };
        let Some(changed) = next_change(&args.source, seen, &told_to_end) else { return Ok(Exit::Ok) };
        args.select.suite.clone_from(&asked);
        suites = match again(&args, &changed) {
            Again::Everything => asked.clone(),
            Again::Suites(files) => files.iter().map(|file| file.to_string_lossy().into_owned()).collect(),
        };
        let names: Vec<String> = changed.iter().map(|file| file.display().to_string()).collect();
        output::print(&Secrets::default(), &format!("\nchanged: {}\n", names.join(", ")))?;
    }
}

/// Waits until files have changed and are stable again; `None` if the program must end.
fn next_change(source: &SourceArgs, seen: Files, told_to_end: &JoinHandle<()>) -> Option<Vec<PathBuf>> {
    let mut last = seen.clone();
    loop {
        if told_to_end.is_finished() {
            return None;
        }
        let started = Instant::now();
        let now = Files::of(source);
        if now != seen && now == last {
            return Some(seen.changed(&now));
        }
        last = now;
        // With very many files, checking them must not take most of the time.
        sleep(PAUSE.max(started.elapsed() * 5));
    }
}

/// The suites that a change affects, directly or through included files and data; any other file may affect all of
/// them.
fn again(args: &TestArgs, changed: &[PathBuf]) -> Again {
    let Ok(selected) = load::selected(&args.source.suites, &args.select) else { return Again::Everything };
    // A path or a node id may be in a suite that did not change.
    if !args.libtest.names.is_empty() {
        return Again::Everything;
    }
    let mut touched = BTreeSet::new();
    for file in changed {
        let root = &args.source.suites;
        let is_suite = file.is_file() && file.starts_with(root) && load::is_suite(root, file);
        let suites = if is_suite { BTreeSet::from([file.clone()]) } else { args.source.named.suites_of(file) };
        if suites.is_empty() {
            return Again::Everything;
        }
        touched.extend(suites);
    }
    let touched: Vec<PathBuf> = selected.into_iter().filter(|file| touched.contains(file)).collect();
    if touched.is_empty() { Again::Everything } else { Again::Suites(touched) }
}

impl Files {
    /// The files as they are now. Unreadable files count as missing.
    fn of(source: &SourceArgs) -> Self {
        let mut files = Files::default();
        files.add_folder(&source.suites);
        files.add_folder(&source.recordings);
        let in_place = source.provider.iter().filter_map(|word| word.split_once("=script:"));
        let before = source.script.iter().filter_map(|word| word.split_once('='));
        for (_, script) in in_place.chain(before) {
            files.add(Path::new(script));
        }
        // Some of these are outside of the suites' folder.
        source.named.files().iter().for_each(|(file, _)| files.add(file));
        files
    }

    /// Adds files that were first named during the run, as they were then.
    fn with_named(mut self, source: &SourceArgs) -> Self {
        for (file, stamp) in source.named.files() {
            if let Some(stamp) = stamp {
                self.0.entry(file).or_insert(stamp);
            }
        }
        self
    }

    /// The same, with the recordings as they are now.
    fn with_recordings_of(mut self, source: &SourceArgs) -> Self {
        self.0.retain(|file, _| !file.starts_with(&source.recordings));
        self.add_folder(&source.recordings);
        self
    }

    fn add(&mut self, file: &Path) {
        if let Some(stamp) = stamp(file) {
            self.0.insert(file.to_owned(), stamp);
        }
    }

    fn add_folder(&mut self, folder: &Path) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                self.add_folder(&path);
            } else if is_meant(&path) {
                self.add(&path);
            }
        }
    }

    /// The files that are changed, new or gone.
    fn changed(&self, now: &Files) -> Vec<PathBuf> {
        let all = self.0.keys().chain(now.0.keys().filter(|file| !self.0.contains_key(*file)));
        all.filter(|file| self.0.get(*file) != now.0.get(*file)).cloned().collect()
    }
}

/// Whether a file is the user's, and not one that an editor makes while saving.
fn is_meant(file: &Path) -> bool {
    let name = file.file_name().map_or_else(Default::default, |name| name.to_string_lossy());
    let ends = ["~", ".swp", ".swx", ".tmp", ".bak"];
    !name.starts_with(['.', '#']) && name.contains('.') && !ends.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn args(words: &str) -> TestArgs {
        TestArgs::try_parse_from(words.split_whitespace()).unwrap()
    }

    #[test]
    fn what_editors_leave_while_saving_is_not_meant() {
        for (name, meant) in [
            ("suites/a.yaml", true),
            ("suites/questions.csv", true),
            ("suites/.a.yaml.swp", false),
            ("suites/.#a.yaml", false),
            ("suites/a.yaml~", false),
            ("suites/4913", false),
        ] {
            assert_eq!(is_meant(Path::new(name)), meant, "{name}");
        }
    }

    #[test]
    fn a_suite_touches_its_own_cases_and_anything_else_all() {
        let folder = tempfile::tempdir().unwrap();
        let suites = folder.path().join("suites");
        fs::create_dir(&suites).unwrap();
        let file = |name: &str| suites.join(name);
        for name in ["a.yaml", "b.yaml", "setups.yaml", "data.csv"] {
            fs::write(file(name), "x").unwrap();
        }
        let all = args(&format!("x --suites {}", suites.display()));
        let only_b = args(&format!("x --suites {} --suite b", suites.display()));
        assert_eq!(again(&all, &[file("a.yaml")]), Again::Suites(vec![file("a.yaml")]));
        assert_eq!(again(&only_b, &[file("a.yaml"), file("b.yaml")]), Again::Suites(vec![file("b.yaml")]));
        all.source.named.add(&file("a.yaml"), &file("data.csv"));
        assert_eq!(again(&all, &[file("data.csv")]), Again::Suites(vec![file("a.yaml")]));
        assert_eq!(
            again(&all, &[file("data.csv"), file("b.yaml")]),
            Again::Suites(vec![file("a.yaml"), file("b.yaml")])
        );
        for other in ["setups.yaml", "other.csv", "gone.yaml"] {
            assert_eq!(again(&all, &[file("a.yaml"), file(other)]), Again::Everything, "{other}");
        }
    }

    #[test]
    fn a_file_that_is_new_other_or_gone_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let source = args(&format!("x --suites {}", folder.path().display())).source;
        let path = |name: &str| folder.path().join(name);
        for name in ["a.yaml", "b.yaml", "c.yaml"] {
            fs::write(path(name), "x").unwrap();
        }
        let before = Files::of(&source);
        assert_eq!(before.changed(&Files::of(&source)), Vec::<PathBuf>::new());
        fs::write(path("a.yaml"), "longer").unwrap();
        fs::remove_file(path("b.yaml")).unwrap();
        fs::write(path("d.yaml"), "x").unwrap();
        assert_eq!(before.changed(&Files::of(&source)), [path("a.yaml"), path("b.yaml"), path("d.yaml")]);
    }
}
