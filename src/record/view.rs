//! The recordings of a provider as they are compared under one set of rules: an index for each folder, brought up to
//! date when it is asked, and kept beside large folders.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use super::index::{self, Cases, Entry, Index, Kind, Recorded, hash, sketch};
use super::library::{Library, Place, irregular, lock, place_of, spoilt};
use super::shelf::{mark, marks, stamp};
use crate::disk::{self, MOST_RECORDED};
use crate::exchange::{self, Mask, OtherFile, ReadError, Rules, host_of};

/// Fewer files than these are read anew by every run: that costs less than an index on disk is worth.
const LEAST_KEPT: usize = 500;
/// See [`super::shelf`]: what was looked at so soon after a change may lack another one.
const TICK: Duration = Duration::from_millis(50);
/// The folder of indexes, beside the recordings. It can be thrown away.
const FOLDER: &str = ".retake-index";

/// What stands in the place of a time and a length for what is not a regular file.
const IRREGULAR: (u64, u64) = (0, 0);

/// One set of rules.
pub(super) struct View {
    pub(super) rules: Rules,
    /// Those of a suite among them.
    pub(super) masks: Arc<[Mask]>,
    own: Mutex<Known>,
    flat: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    index: Index,
    is_loaded: bool,
    /// The folder's time when the index was brought up to date.
    at: Option<SystemTime>,
    is_settled: bool,
}

impl View {
    pub(super) fn new(rules: Rules, masks: Arc<[Mask]>) -> Self {
        View { rules, masks, own: Mutex::default(), flat: Mutex::default() }
    }

    /// Whether these are the provider's own rules, and no suite's besides.
    pub(super) fn is_plain(&self) -> bool {
        self.masks.is_empty()
    }

    fn known(&self, place: Place) -> &Mutex<Known> {
        match place {
            Place::Own => &self.own,
            Place::Flat => &self.flat,
        }
    }

    /// Looks into the index of a folder, as it is now.
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

    /// Whether the index of a folder is at hand, or can be had without reading every file.
    pub(super) fn is_at_hand(&self, library: &Library, place: Place) -> bool {
        lock(self.known(place)).is_loaded || self.path(library, place).exists()
    }

    /// Notes what this process itself wrote or removed, under the lock that other writers wait for.
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
                disk::text(&path, MOST_RECORDED).ok().and_then(|text| index::read(&text, self.rules.fingerprint()))
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
        // One thread for this: whoever is answered meanwhile needs a processor too.
        let entries = new.iter().filter_map(|name| self.entry(library, place, name));
        entries.for_each(|entry| known.index.put(entry));
        if known.index.len() >= LEAST_KEPT && !(new.is_empty() && gone.is_empty()) {
            keep(&path, &index::write(&known.index, self.rules.fingerprint()));
        }
    }

    fn entry(&self, library: &Library, place: Place, name: &str) -> Option<Entry> {
        let path = library.shelf(place).path(name);
        let (kind, (modified, length)) = match stamp(&path) {
            None => (Kind::Broken(irregular(&path)?.into()), IRREGULAR),
            Some(stamp) => match disk::text(&path, MOST_RECORDED) {
                Ok(text) => (self.kind(library, &text), mark(stamp)),
                Err(why) => (Kind::Broken(why.to_string().into()), mark(stamp)),
            },
        };
        Some(Entry { name: name.into(), kind, modified, length })
    }

    fn kind(&self, library: &Library, text: &str) -> Kind {
        match exchange::read(text) {
            Err(ReadError::Broken(error)) => Kind::Broken(spoilt(text).unwrap_or(error).to_string().into()),
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

    /// Where the index is kept.
    fn path(&self, library: &Library, place: Place) -> PathBuf {
        let folder = match place {
            Place::Own => library.provider(),
            Place::Flat => "all",
        };
        library.root().join(FOLDER).join(format!("{folder}-{:016x}", self.rules.fingerprint()))
    }
}

/// Keeps an index. Where it cannot be kept it is made anew by the next run.
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
