//! Counts the recordings, and what else lies among them.

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::index::Kind;
use super::library::{Library, Place};
use crate::disk;
use crate::exchange::Origin;

/// How many files are read for the count if there is no index.
const MOST_READ: usize = 5_000;
/// If there are more files, this many are counted by reading only their ends: reading all would take longer than the
/// replay.
pub const ENDS_READ: usize = 1_000;

/// The files of a provider, counted by kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// From a real provider.
    pub real: usize,
    /// From a script.
    pub simulated: usize,
    /// Recordings whose reply was edited by hand.
    pub edited: usize,
    /// There are more files than the first [`ENDS_READ`], and only those were looked at.
    pub more: bool,
    /// Files that are not recordings, by kind: its name in the singular, and whether it is about HTTP.
    pub other_files: BTreeMap<(String, bool), usize>,
    /// Files that cannot be read, with the reason.
    pub broken: Vec<String>,
    /// In a folder shared by all providers: recordings by their host, if it is not this provider's.
    pub hosts: BTreeMap<String, usize>,
}

impl Summary {
    /// Adds the counts of another provider. Files of a shared folder are the same for all providers.
    pub fn add(&mut self, other: &Summary) {
        self.real += other.real;
        self.simulated += other.simulated;
        self.edited += other.edited;
        self.more |= other.more;
        self.other_files.extend(other.other_files.clone());
        self.broken.extend(other.broken.iter().cloned());
        self.hosts.extend(other.hosts.clone());
    }
}

pub(super) fn summary(library: &Library) -> Summary {
    counted(library, MOST_READ)
}

/// Counts the files; of a folder with more than `most_read` that no index knows, by the ends of the first ones.
fn counted(library: &Library, most_read: usize) -> Summary {
    let mut summary = Summary::default();
    let view = library.plain();
    for place in Place::ALL {
        let names = library.shelf(place).names();
        if names.len() > most_read && !view.is_at_hand(library, place) {
            summary.more = true;
            for name in names.iter().take(ENDS_READ) {
                let path = library.shelf(place).path(name);
                match origin_by_end(&path) {
                    Ok(Origin::Simulated) => summary.simulated += 1,
                    Ok(Origin::Real) => summary.real += 1,
                    Err(why) => summary.broken.push(format!("{}: {why}", path.display())),
                }
            }
            continue;
        }
        library.indexed(view, place, |index| {
            for entry in index.entries() {
                match &entry.kind {
                    Kind::OtherFile { name, is_http } => {
                        *summary.other_files.entry((name.to_string(), *is_http)).or_default() += 1;
                    }
                    Kind::Broken(why) => {
                        let path = library.shelf(place).path(&entry.name);
                        summary.broken.push(format!("{}: {why}", path.display()));
                    }
                    Kind::Recording(recorded) if place == Place::Flat && !library.is_own_host(&recorded.host) => {
                        *summary.hosts.entry(recorded.host.to_string()).or_default() += 1;
                    }
                    Kind::Recording(recorded) => match recorded.origin {
                        Some(Origin::Real) => summary.real += 1,
                        Some(Origin::Simulated) => summary.simulated += 1,
                        None => summary.edited += 1,
                    },
                }
            }
        });
    }
    summary
}

/// The origin of a recording, from the end of the file: `origin` is written last. `Err` says what the file is instead.
fn origin_by_end(path: &Path) -> Result<Origin, String> {
    let tail = || -> Result<Vec<u8>, disk::Unreadable> {
        let (mut file, length) = disk::open(path)?;
        file.seek(SeekFrom::Start(length.saturating_sub(256)))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        Ok(tail)
    };
    let tail = tail().map_err(|why| why.to_string())?;
    let tail: Vec<u8> = tail.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect();
    match tail.last() {
        Some(b'}') if tail.ends_with(b"\"origin\":\"simulated\"}}") => Ok(Origin::Simulated),
        Some(b'}') => Ok(Origin::Real),
        // A file with another end is not a recording of ours; reading it tells what it is.
        _ => Err(super::recorded::text(path).map_or_else(|why| why.to_string(), |_| "it ends too soon".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_file_tells_whose_reply_it_is() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a.json");
        let origin = |text: &str| {
            std::fs::write(&path, text).unwrap();
            origin_by_end(&path)
        };
        let long = "x".repeat(1_000);
        assert_eq!(origin(&format!("{{\"{long}\": {{\"origin\": \"simulated\"\n  }}\n}}\n")), Ok(Origin::Simulated));
        assert_eq!(origin(&format!("{{\"{long}\": {{\"a\": 1}}}}")), Ok(Origin::Real));
        assert_eq!(origin("{\"origin\": \"simulated\"}"), Ok(Origin::Real), "that is not where retake writes it");
        assert_eq!(origin("{\"a\": [1"), Err("it ends too soon".to_owned()));
        assert_eq!(origin("  \n"), Err("it ends too soon".to_owned()));
        assert!(origin_by_end(&folder.path().join("none.json")).is_err());
    }

    #[test]
    fn counts_of_providers_add_up_and_what_they_share_counts_once() {
        let one = |folder: &str| Summary {
            real: 1,
            simulated: 2,
            edited: 3,
            more: folder == "b",
            other_files: [(("suite".to_owned(), false), 4)].into(),
            broken: vec![folder.to_owned()],
            hosts: [("h.example".to_owned(), 5)].into(),
        };
        let mut all = Summary::default();
        all.add(&one("b"));
        all.add(&one("a"));
        let broken = vec!["b".to_owned(), "a".to_owned()];
        assert_eq!(all, Summary { real: 2, simulated: 4, edited: 6, more: true, broken, ..one("a") });
    }

    #[test]
    fn of_more_files_than_may_be_read_the_ends_are_looked_at_unless_an_index_knows_them() {
        let root = tempfile::TempDir::new().unwrap();
        let own = root.path().join("p");
        std::fs::create_dir(&own).unwrap();
        for (name, text) in [
            ("a", "{\"retake\": {\"origin\": \"simulated\"}}"),
            ("b", "{\"a\": 1}"),
            ("c", "{\"a\": 1}"),
            ("d", "{\"a\": ["),
            ("e", "{\"interactions\": []}"),
        ] {
            std::fs::write(own.join(format!("{name}.json")), text).unwrap();
        }
        let provider = crate::provider::Provider { name: "p".to_owned(), ..Default::default() };
        let ends = counted(&Library::open(root.path(), &provider), 4);
        assert_eq!((ends.real, ends.simulated, ends.broken.len(), ends.more), (3, 1, 1, true));
        assert!(ends.broken[0].ends_with("d.json: it ends too soon"), "{ends:?}");
        let library = Library::open(root.path(), &provider);
        let read = counted(&library, 5);
        assert_eq!((read.real, read.other_files.len(), read.broken.len(), read.more), (0, 1, 4, false));
        assert_eq!(counted(&library, 4), read, "they were read already");
    }
}
