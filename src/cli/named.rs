//! The files that the user's files name: included files and data.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// The modification time and size of a file, which show whether it has changed.
pub(super) type Stamp = (Option<SystemTime>, u64);

/// The stamp of a file, if it can be read.
pub(super) fn stamp(file: &Path) -> Option<Stamp> {
    let about = fs::metadata(file).ok()?;
    Some((about.modified().ok(), about.len()))
}

/// Which file names which other files, in the suites read so far. Clones share their data.
#[derive(Debug, Clone, Default)]
pub(super) struct Named(Arc<Mutex<BTreeMap<PathBuf, By>>>);

/// The stamp of a file when it was first named, and the files that name it.
#[derive(Debug, Default)]
struct By {
    stamp: Option<Stamp>,
    from: BTreeSet<PathBuf>,
}

impl Named {
    /// Notes that `from` names `file`, which will be read now, whether it exists or not.
    pub(super) fn add(&self, from: &Path, file: &Path) {
        let mut named = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let by = named.entry(tidy(file)).or_insert_with(|| By { stamp: stamp(file), ..By::default() });
        by.from.insert(tidy(from));
    }

    /// All named files, with their stamps when they were first seen.
    pub(super) fn files(&self) -> Vec<(PathBuf, Option<Stamp>)> {
        let named = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        named.iter().map(|(file, by)| (file.clone(), by.stamp)).collect()
    }

    /// The files that name this one, directly or through others, and that no file names.
    pub(super) fn suites_of(&self, file: &Path) -> BTreeSet<PathBuf> {
        let named = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut found, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), vec![tidy(file)]);
        while let Some(file) = open.pop().filter(|file| seen.insert(file.clone())) {
            for from in named.get(&file).into_iter().flat_map(|by| &by.from) {
                match named.contains_key(from) {
                    true => open.push(from.clone()),
                    false => drop(found.insert(from.clone())),
                }
            }
        }
        found
    }
}

/// The path without `a/..` and `.`.
pub(super) fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        let is_below = matches!(tidy.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::CurDir => {}
            Component::ParentDir if is_below => drop(tidy.pop()),
            part => tidy.push(part),
        }
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_of_the_suites_that_lead_to_it() {
        let (named, path) = (Named::default(), Path::new);
        named.add(path("suites/a.yaml"), path("suites/shared/c.yaml"));
        named.add(path("suites/x/b.yaml"), path("suites/x/../shared/c.yaml"));
        named.add(path("suites/shared/c.yaml"), path("suites/shared/../../data/q.csv"));
        let suites = |file| named.suites_of(path(file)).into_iter().collect::<Vec<_>>();
        for file in ["suites/shared/c.yaml", "data/q.csv", "./data/q.csv"] {
            assert_eq!(suites(file), [path("suites/a.yaml"), path("suites/x/b.yaml")], "{file}");
        }
        assert!(suites("suites/a.yaml").is_empty() && suites("other.csv").is_empty());
        let files: Vec<PathBuf> = named.files().into_iter().map(|(file, _)| file).collect();
        assert_eq!(files, [path("data/q.csv"), path("suites/shared/c.yaml")]);
    }

    #[test]
    fn paths_lose_what_leads_nowhere() {
        for (path, tidied) in [("a/../b", "b"), ("./a/./b", "a/b"), ("../a/../../b", "../../b"), ("/../a", "/../a")] {
            assert_eq!(tidy(Path::new(path)), Path::new(tidied), "{path}");
        }
    }
}
