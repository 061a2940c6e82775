//! The recordings of a provider, compared under one set of rules: an index for each folder, updated on each use, and
//! stored on disk for large folders.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use super::index::{Cases, Entry, Index, Kind, Recorded};
use super::index_file;
use super::library::{Library, Place, irregular, lock, place_of};
use super::marks::{mark, marks, stamp};
use super::recorded;
use super::sketch::{hash, sketch};
use crate::disk::{self, MOST_RECORDED};
use crate::exchange::{Mask, OtherFile, ReadError, Recording, Rules, host_of};

/// Folders with fewer files are read anew by every run: an index on disk would save less than it costs.
const LEAST_KEPT: usize = 500;
/// As in [`super::shelf`]: a look this soon after a change may lack another change.
const TICK: Duration = Duration::from_millis(50);
/// The folder of indexes, beside the recordings. It may be deleted.
const FOLDER: &str = ".retake-index";

/// Stands for the modification time and length of something that is not a regular file.
const IRREGULAR: (u64, u64) = (0, 0);

/// The recordings under one set of rules.
pub(super) struct View {
    pub(super) rules: Rules,
    /// The masks that come from a suite.
    pub(super) masks: Arc<[Mask]>,
    own: Mutex<Known>,
    flat: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    index: Index,
    is_loaded: bool,
    /// The folder's modification time when the index was updated.
    at: Option<SystemTime>,
    is_settled: bool,
}

impl View {
    pub(super) fn new(rules: Rules, masks: Arc<[Mask]>) -> Self {
        View { rules, masks, own: Mutex::default(), flat: Mutex::default() }
    }

    /// Whether these are only the provider's own rules, without those of a suite.
    pub(super) fn is_plain(&self) -> bool {
        self.masks.is_empty()
    }

    fn known(&self, place: Place) -> &Mutex<Known> {
        match place {
            Place::Own => &self.own,
            Place::Flat => &self.flat,
        }
    }

    /// Calls `look` with the up-to-date index of a folder.
    pub(super) fn indexed<R>(&self, library: &Library, place: Place, look: impl FnOnce(&Index) -> R) -> R {
        let mut known = lock(self.known(place));
        let at = library.shelf(place).changed();
        if !known.is_loaded || !known.is_settled || known.at != at {
            let is_settled = at.is_some_and(|at| at.elapsed().is_ok_and(|age| age > TICK));
            self.bring_up_to_date(&mut known, library, place);
            (known.is_loaded, known.at, known.is_settled) = (true, at, is_settled);
        }
        look(&known.index)
    }

    /// Whether the index of a folder is loaded, or can be loaded without reading every file.
    pub(super) fn is_at_hand(&self, library: &Library, place: Place) -> bool {
        lock(self.known(place)).is_loaded || self.path(library, place).exists()
    }

    /// Notes a file that this process wrote or removed; the caller holds the lock, for which other writers wait.
    pub(super) fn wrote(&self, library: &Library, place: Place, name: &str, before: Option<SystemTime>) {
        let mut known = lock(self.known(place));
        if !known.is_loaded {
            return;
        }
        if known.at != before {
            known.is_settled = false;
            return;
        }
        match self.entry(library, place, name) {
            Some(entry) => known.index.put(entry),
            None => known.index.remove(name),
        }
        (known.at, known.is_settled) = (library.shelf(place).changed(), true);
    }

    fn bring_up_to_date(&self, known: &mut Known, library: &Library, place: Place) {
        let path = self.path(library, place);
        if !known.is_loaded
            && let Some(index) =
                disk::text(&path, MOST_RECORDED).ok().and_then(|text| index_file::read(&text, self.rules.fingerprint()))
        {
            known.index = index;
        }
        let names = library.shelf(place).names();
        let marks = marks(library.shelf(place).folder(), &names);
        let (mut new, mut known_before) = (Vec::new(), 0);
        for (name, mark) in names.iter().zip(marks) {
            let entry = known.index.get(name).map(|entry| (entry.modified, entry.length));
            known_before += usize::from(entry.is_some());
            let is_as_it_was = match mark {
                Some(mark) => entry == Some(mark),
                None => entry == Some(IRREGULAR),
            };
            if !is_as_it_was {
                new.push(name.clone());
            }
        }
        let mut gone: Vec<Arc<str>> = Vec::new();
        if known_before < known.index.len() {
            let is_gone = |entry: &&Entry| names.binary_search_by(|name| (**name).cmp(&*entry.name)).is_err();
            gone = known.index.entries().filter(is_gone).map(|entry| Arc::clone(&entry.name)).collect();
        }
        gone.iter().for_each(|name| known.index.remove(name));
        // A single thread reads them: requests that are answered meanwhile need a processor too.
        let entries = new.iter().filter_map(|name| self.entry(library, place, name));
        entries.for_each(|entry| known.index.put(entry));
        if known.index.len() >= LEAST_KEPT && !(new.is_empty() && gone.is_empty()) {
            keep(&path, &index_file::write(&known.index, self.rules.fingerprint()));
        }
    }

    fn entry(&self, library: &Library, place: Place, name: &str) -> Option<Entry> {
        let path = library.shelf(place).path(name);
        let (kind, (modified, length)) = match stamp(&path) {
            None => (Kind::Broken(irregular(&path)?.into()), IRREGULAR),
            Some(stamp) => match recorded::read(&path) {
                Ok(read) => (self.kind(library, read.recording), mark(stamp)),
                Err(why) => (Kind::Broken(why.to_string().into()), mark(stamp)),
            },
        };
        Some(Entry { name: name.into(), kind, modified, length })
    }

    fn kind(&self, library: &Library, recording: Result<Recording, ReadError>) -> Kind {
        match recording {
            Err(ReadError::Broken(error)) => Kind::Broken(error.to_string().into()),
            Err(ReadError::OtherFile(other)) => {
                let is_http = matches!(other, OtherFile::OtherTool(_));
                Kind::OtherFile { name: other.name().into(), is_http }
            }
            Ok(recording) => {
                let exchange = &recording.exchange;
                let key = library.key_under(&self.rules, &exchange.request);
                Kind::Recording(Recorded {
                    hash: hash(&key.canonical),
                    place: place_of(&exchange.request),
                    sketch: sketch(&key.canonical),
                    origin: (!recording.is_edited()).then_some(exchange.origin),
                    host: host_of(&exchange.url).into(),
                    cases: Cases::of(recording.owners.cases()),
                })
            }
        }
    }

    /// The path of the index on disk.
    fn path(&self, library: &Library, place: Place) -> PathBuf {
        let folder = match place {
            Place::Own => library.provider(),
            Place::Flat => "all",
        };
        library.root().join(FOLDER).join(format!("{folder}-{:016x}", self.rules.fingerprint()))
    }
}

/// Stores an index. If that fails, the next run makes it anew.
fn keep(path: &std::path::Path, text: &str) {
    let write = || -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(path);
        fs::create_dir_all(folder)?;
        let ignore = folder.join(".gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "# Made by retake, to find recordings fast. It can be thrown away.\n*\n")?;
        }
        let file = tempfile::NamedTempFile::new_in(folder)?;
        fs::write(file.path(), text)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    let _ = write();
}
