//! A folder of recordings: its file names, and its files read, written and removed as a whole.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::file_cache::FRESH;
use crate::disk;

const TEMPORARY_PREFIX: &str = ".retake-";
const TEMPORARY_SUFFIX: &str = ".tmp";
/// The resolution of a folder's modification time is a tick of the kernel's clock. A listing made this soon after a
/// change may lack another change in the same tick.
const TICK: Duration = Duration::from_millis(50);

/// One folder.
pub(super) struct Shelf {
    folder: PathBuf,
    listing: Mutex<Listing>,
    is_swept: AtomicBool,
}

#[derive(Default)]
struct Listing {
    names: BTreeSet<Box<str>>,
    /// How many names are not of the form that retake gives.
    irregular: usize,
    /// The folder's modification time when it was listed.
    at: Option<SystemTime>,
    /// Whether the listing is complete as long as the folder's time stays the same.
    is_settled: bool,
    /// When the folder's time was last read.
    looked: Option<Instant>,
}

impl Shelf {
    pub(super) fn new(folder: PathBuf) -> Self {
        Shelf { folder, listing: Mutex::default(), is_swept: AtomicBool::new(false) }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The names of the files that may hold replies to the request with this name, in order: `abc.json`, `abc-2.json`,
    /// … Files after a gap in the numbers are found too.
    pub(super) fn chain(&self, stem: &str) -> Vec<String> {
        let listing = self.listed();
        let (mut places, is_settled) = (listing.named(stem), listing.is_settled);
        drop(listing);
        // A listing made just now may lack files of the same clock tick.
        let mut next = 1;
        while places.contains(&next) || (!is_settled && self.path(&file_name(stem, next)).exists()) {
            places.insert(next);
            next += 1;
        }
        places.into_iter().map(|place| file_name(stem, place)).collect()
    }

    /// An unused file name for one more reply to the request with this name.
    pub(super) fn free_name(&self, stem: &str, taken: &BTreeSet<PathBuf>) -> String {
        let is_taken = |name: &String| taken.contains(&self.path(name)) || self.path(name).exists();
        (1..).map(|place| file_name(stem, place)).find(|name| !is_taken(name)).unwrap_or_default()
    }

    /// Whether there are file names that are not of the form that retake gives.
    pub(super) fn has_irregular_names(&self) -> bool {
        self.listed().irregular > 0
    }

    /// All file names, sorted.
    pub(super) fn names(&self) -> Vec<Box<str>> {
        self.listed().names.iter().cloned().collect()
    }

    /// Like [`Shelf::chain`], if that needs at most one look at the folder: nothing has changed since it was listed,
    /// and all names are of retake's form.
    pub(super) fn chain_at_hand(&self, stem: &str) -> Option<Vec<String>> {
        let mut listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        if !listing.is_settled || listing.irregular > 0 {
            return None;
        }
        let now = Instant::now();
        if listing.looked.is_none_or(|looked| now.duration_since(looked) >= FRESH) {
            if listing.at != self.changed() {
                return None;
            }
            listing.looked = Some(now);
        }
        Some(listing.named(stem).into_iter().map(|place| file_name(stem, place)).collect())
    }

    /// Whether the folder has no files.
    pub(super) fn is_empty(&self) -> bool {
        self.listed().names.is_empty()
    }

    /// The folder's modification time.
    pub(super) fn changed(&self) -> Option<SystemTime> {
        fs::metadata(&self.folder).and_then(|metadata| metadata.modified()).ok()
    }

    fn listed(&self) -> MutexGuard<'_, Listing> {
        let mut listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        let at = self.changed();
        if !listing.is_settled || listing.at != at {
            let is_settled = at.is_some_and(|at| at.elapsed().is_ok_and(|age| age > TICK));
            *listing = Listing { at, is_settled, ..list(&self.folder) };
        }
        listing
    }

    /// Keeps other writers out until the result is dropped, and creates the folder if it is missing. The folder itself
    /// is locked, which leaves no file behind; on systems that cannot do this, a file in it is locked.
    pub(super) fn lock(&self) -> io::Result<File> {
        if !self.folder.is_dir() {
            make(&self.folder)?;
        }
        let lock = lock(&self.folder)?;
        self.sweep();
        Ok(lock)
    }

    /// Writes a file as a whole: `write` to a temporary file, which is synced, checked by `prove`, and renamed. The
    /// caller must hold the lock. `write` is dropped before the file is read back, since it may hold much.
    pub(super) fn write(
        &self,
        name: &str,
        write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
        prove: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<PathBuf> {
        let before = self.changed();
        let mut file = new_file(&self.folder)?;
        let mut out = BufWriter::new(file.as_file_mut());
        write(&mut out)?;
        out.flush()?;
        drop(out);
        file.as_file().sync_all()?;
        prove(file.path())?;
        let path = self.path(name);
        file.persist(&path).map_err(|error| error.error)?;
        self.sync();
        self.wrote(before, |listing| listing.add(name));
        Ok(path)
    }

    /// Removes a file. The caller must hold the lock.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        let before = self.changed();
        fs::remove_file(self.path(name))?;
        self.sync();
        self.wrote(before, |listing| listing.remove(name));
        Ok(())
    }

    /// Not every system can sync a folder; a rename is atomic in any case.
    fn sync(&self) {
        if let Ok(folder) = disk::open_folder(&self.folder) {
            let _ = folder.sync_all();
        }
    }

    /// Updates the listing after an own change; otherwise a recording run would list the folder again after each file.
    fn wrote(&self, before: Option<SystemTime>, change: impl FnOnce(&mut Listing)) {
        let mut listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        if listing.at == before {
            change(&mut listing);
            // Other writers wait for the lock.
            listing.is_settled = true;
            listing.at = self.changed();
        } else {
            listing.is_settled = false;
        }
    }

    /// Removes temporary files of writers that were killed. Every writer holds the lock, so under the lock each
    /// temporary file is such a leftover. Once is enough.
    fn sweep(&self) {
        if self.is_swept.swap(true, Ordering::SeqCst) {
            return;
        }
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX) {
                // A file that cannot be removed does no harm.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

impl Listing {
    fn named(&self, stem: &str) -> BTreeSet<usize> {
        let from = self.names.range::<str, _>((std::ops::Bound::Included(stem), std::ops::Bound::Unbounded));
        from.take_while(|name| name.starts_with(stem)).filter_map(|name| place_of(name, stem)).collect()
    }

    fn add(&mut self, name: &str) {
        if self.names.insert(name.into()) {
            self.irregular += usize::from(!is_regular(name));
        }
    }

    fn remove(&mut self, name: &str) {
        if self.names.remove(name) {
            self.irregular -= usize::from(!is_regular(name));
        }
    }
}

fn list(folder: &Path) -> Listing {
    let names = names_in(folder);
    let irregular = names.iter().filter(|name| !is_regular(name)).count();
    Listing { names: names.into_iter().collect(), irregular, ..Listing::default() }
}

/// The names of the recordings directly in a folder, sorted.
pub(super) fn names_in(folder: &Path) -> Vec<Box<str>> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    // No tool for recordings writes names that are not UTF-8.
    let mut names: Vec<Box<str>> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".json") && !name.starts_with('.'))
        .map(String::into_boxed_str)
        .collect();
    names.sort_unstable();
    names
}

/// `abc.json`, `abc-2.json`, …
pub(super) fn file_name(stem: &str, place: usize) -> String {
    if place <= 1 { format!("{stem}.json") } else { format!("{stem}-{place}.json") }
}

/// The number of a file in the chain of this stem, from 1.
fn place_of(name: &str, stem: &str) -> Option<usize> {
    let rest = name.strip_prefix(stem)?.strip_suffix(".json")?;
    match rest.strip_prefix('-') {
        None => rest.is_empty().then_some(1),
        Some(digits) => digits.parse().ok().filter(|place| *place > 1),
    }
}

/// Whether the name has the form that retake gives: 12 hex digits, and a number if it is a repeat.
fn is_regular(name: &str) -> bool {
    let stem = name.get(..12).unwrap_or_default();
    stem.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && stem.len() == 12
        && place_of(name, stem).is_some()
}

/// Creates a folder. Git must not change line ends in recordings, whose texts hold line ends of the wire.
fn make(folder: &Path) -> io::Result<()> {
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    let has_attributes = |folder: &Path| folder.join(".gitattributes").exists();
    let place = match above {
        Some(above) if has_attributes(above) => None,
        Some(above) if !above.is_dir() => Some(above),
        _ => Some(folder),
    };
    fs::create_dir_all(folder)?;
    match place {
        Some(place) => fs::write(place.join(".gitattributes"), "*.json -text\n"),
        None => Ok(()),
    }
}

fn new_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX).suffix(TEMPORARY_SUFFIX);
    // Temporary files are private by default; recordings are for everyone, as far as the umask allows.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

fn lock(folder: &Path) -> io::Result<File> {
    if let Ok(handle) = disk::open_folder(folder)
        && handle.lock().is_ok()
    {
        return Ok(handle);
    }
    let handle = File::options().create(true).truncate(false).write(true).open(folder.join(".lock"))?;
    handle.lock()?;
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn put(shelf: &Shelf, name: &str) {
        let _lock = shelf.lock().unwrap();
        shelf.write(name, |out| out.write_all(b"{}"), |_| Ok(())).unwrap();
    }

    #[test]
    fn a_chain_has_all_of_its_places_and_no_others() {
        let root = TempDir::new().unwrap();
        let shelf = Shelf::new(root.path().join("new"));
        for name in ["aaaaaaaaaaaa.json", "aaaaaaaaaaaa-3.json", "aaaaaaaaaaaab.json", "aaaaaaaaaaaa-x.json"] {
            put(&shelf, name);
        }
        assert_eq!(shelf.chain("aaaaaaaaaaaa"), ["aaaaaaaaaaaa.json", "aaaaaaaaaaaa-3.json"]);
        assert_eq!(shelf.free_name("aaaaaaaaaaaa", &BTreeSet::new()), "aaaaaaaaaaaa-2.json");
        assert!(shelf.has_irregular_names());
        fs::write(shelf.path("aaaaaaaaaaaa-2.json"), "{}").unwrap();
        assert_eq!(shelf.chain("aaaaaaaaaaaa").len(), 3, "another process wrote one in the same tick");
        let _lock = shelf.lock().unwrap();
        shelf.remove("aaaaaaaaaaaa.json").unwrap();
        assert_eq!(shelf.chain("aaaaaaaaaaaa"), ["aaaaaaaaaaaa-2.json", "aaaaaaaaaaaa-3.json"]);
    }

    #[test]
    fn a_new_folder_tells_git_to_leave_its_bytes_alone() {
        let root = TempDir::new().unwrap();
        let [first, second] = ["all/a", "all/b"].map(|name| Shelf::new(root.path().join(name)));
        put(&first, "x.json");
        put(&second, "x.json");
        assert_eq!(fs::read_to_string(root.path().join("all/.gitattributes")).unwrap(), "*.json -text\n");
        assert!(!first.path(".gitattributes").exists() && !second.path(".gitattributes").exists());
    }

    #[test]
    fn names_of_other_tools_are_told_from_own_ones() {
        assert!(["0123456789ab.json", "0123456789ab-12.json"].into_iter().all(is_regular));
        let others =
            ["0123456789ab-1.json", "0123456789abc.json", "0123456789AB.json", "models-1.json", ".json", "é.json"];
        assert!(!others.into_iter().any(is_regular));
    }

    #[test]
    fn a_folder_of_the_users_gets_no_rule_for_git_beside_the_recordings() {
        let root = TempDir::new().unwrap();
        put(&Shelf::new(root.path().join("together")), "x.json");
        assert!(root.path().join("together/.gitattributes").exists() && !root.path().join(".gitattributes").exists());
    }

    #[test]
    fn only_what_a_killed_writer_of_retakes_left_is_removed() {
        let root = TempDir::new().unwrap();
        for name in [".retake-a.tmp", ".retake-notes", "notes.tmp"] {
            fs::write(root.path().join(name), "").unwrap();
        }
        let shelf = Shelf::new(root.path().to_owned());
        let _lock = shelf.lock().unwrap();
        let left = [".retake-a.tmp", ".retake-notes", "notes.tmp"].map(|name| root.path().join(name).exists());
        assert_eq!(left, [false, true, true]);
    }

    /// A folder with this file in which nothing has changed for a while, and the time of its last change.
    #[cfg(unix)]
    fn settled(name: &str) -> (TempDir, Shelf, SystemTime) {
        let root = TempDir::new().unwrap();
        fs::write(root.path().join(name), "{}").unwrap();
        let (shelf, then) = (Shelf::new(root.path().to_owned()), SystemTime::now() - Duration::from_secs(60));
        changed_at(&shelf, then);
        (root, shelf, then)
    }

    #[cfg(unix)]
    fn changed_at(shelf: &Shelf, time: SystemTime) {
        File::open(shelf.folder()).unwrap().set_modified(time).unwrap();
    }

    #[cfg(unix)]
    fn names(shelf: &Shelf) -> Vec<String> {
        shelf.names().iter().map(ToString::to_string).collect()
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_is_listed_again_when_its_time_has_changed_or_is_too_recent_to_tell() {
        let (_root, shelf, then) = settled("aaaaaaaaaaaa.json");
        assert_eq!(names(&shelf), ["aaaaaaaaaaaa.json"]);
        fs::write(shelf.path("bbbbbbbbbbbb.json"), "{}").unwrap();
        changed_at(&shelf, then);
        assert_eq!(names(&shelf).len(), 1, "its time says that it is as it was");
        // A later time than now is as good as one just now.
        let soon = SystemTime::now() + Duration::from_secs(60);
        changed_at(&shelf, soon);
        assert_eq!(names(&shelf).len(), 2);
        fs::write(shelf.path("cccccccccccc.json"), "{}").unwrap();
        changed_at(&shelf, soon);
        assert_eq!(names(&shelf).len(), 3, "two changes may have one time");
    }

    #[cfg(unix)]
    #[test]
    fn own_writes_are_in_the_listing_without_a_look_at_the_folder() {
        let (_root, shelf, then) = settled("aaaaaaaaaaaa.json");
        assert_eq!((names(&shelf).len(), shelf.has_irregular_names()), (1, false));
        let chain = |stem: &str| shelf.chain_at_hand(stem);
        put(&shelf, "aaaaaaaaaaaa-2.json");
        assert_eq!((names(&shelf).len(), shelf.has_irregular_names()), (2, false));
        put(&shelf, "mine.json");
        put(&shelf, "mine.json");
        assert_eq!((names(&shelf).len(), shelf.has_irregular_names(), chain("aaaaaaaaaaaa")), (3, true, None));
        shelf.remove("mine.json").unwrap();
        assert_eq!((names(&shelf).len(), shelf.has_irregular_names()), (2, false));
        let both = vec!["aaaaaaaaaaaa.json".to_owned(), "aaaaaaaaaaaa-2.json".to_owned()];
        assert_eq!((chain("aaaaaaaaaaaa"), chain("bbbbbbbbbbbb")), (Some(both), Some(Vec::new())));
        // Another process changes it: the next own write must not hide that.
        changed_at(&shelf, then);
        put(&shelf, "cccccccccccc.json");
        fs::remove_file(shelf.path("aaaaaaaaaaaa.json")).unwrap();
        assert_eq!(names(&shelf), ["aaaaaaaaaaaa-2.json", "cccccccccccc.json"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_chain_is_at_hand_while_the_folder_stays_as_it_was_listed() {
        let (_root, shelf, then) = settled("aaaaaaaaaaaa.json");
        let chain = || shelf.chain_at_hand("aaaaaaaaaaaa").map(|names| names.len());
        assert_eq!(chain(), None, "nothing is listed yet");
        names(&shelf);
        assert_eq!(chain(), Some(1));
        fs::write(shelf.path("aaaaaaaaaaaa-2.json"), "{}").unwrap();
        std::thread::sleep(FRESH);
        assert_eq!(chain(), None, "it has changed");
        changed_at(&shelf, then + Duration::from_secs(1));
        names(&shelf);
        assert_eq!(chain(), Some(2));
        fs::write(shelf.path("mine.json"), "{}").unwrap();
        changed_at(&shelf, then + Duration::from_secs(2));
        names(&shelf);
        assert_eq!(chain(), None, "any file may answer");
        changed_at(&shelf, SystemTime::now() + Duration::from_secs(60));
        fs::remove_file(shelf.path("mine.json")).unwrap();
        names(&shelf);
        assert_eq!(chain(), None, "the listing may lack a file");
    }
}
