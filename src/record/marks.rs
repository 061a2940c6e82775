//! What shows that a file has changed: its modification time and its length.

use std::fs;
#[cfg(unix)]
use std::fs::File;
use std::path::Path;
use std::time::SystemTime;

use super::file_cache::Stamp;
#[cfg(unix)]
use crate::disk;

/// The modification time and length of a file, which show whether it has changed; `None` if there is no file.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(Stamp { modified: metadata.modified().ok(), length: metadata.len() })
}

/// A file's modification time in nanoseconds since 1970, and its size in bytes.
type Mark = (u64, u64);

pub(super) fn mark(stamp: Stamp) -> Mark {
    let since = stamp.modified.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    (since.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0), stamp.length)
}

/// The marks of these files of a folder; for many files, half of them on another thread.
pub(super) fn marks(folder: &Path, names: &[Box<str>]) -> Vec<Option<Mark>> {
    in_two(names, |names| {
        let folder = Folder::open(folder);
        names.iter().map(|name| folder.mark(name)).collect()
    })
}

/// From this many files on, a second thread pays off.
const MANY: usize = 200;

/// Calls `work` for each half of the names, in parallel if there are many.
fn in_two<T: Send>(names: &[Box<str>], work: impl Fn(&[Box<str>]) -> Vec<T> + Sync) -> Vec<T> {
    if names.len() < MANY {
        return work(names);
    }
    let (first, second) = names.split_at(names.len() / 2);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| work(second));
        let mut all = work(first);
        match other.join() {
            Ok(more) => all.extend(more),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        all
    })
}

/// An open folder: looking at a file from there saves the system resolving the path for every file.
struct Folder<'f> {
    path: &'f Path,
    #[cfg(unix)]
    handle: Option<File>,
}

impl<'f> Folder<'f> {
    fn open(path: &'f Path) -> Self {
        Folder {
            path,
            #[cfg(unix)]
            handle: disk::open_folder(path).ok(),
        }
    }

    fn mark(&self, name: &str) -> Option<Mark> {
        #[cfg(unix)]
        if let Some(handle) = &self.handle {
            let stat = rustix::fs::statat(handle, name, rustix::fs::AtFlags::empty()).ok()?;
            if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() {
                return None;
            }
            let seconds = u64::try_from(stat.st_mtime).unwrap_or(0);
            #[allow(clippy::useless_conversion, reason = "on other systems it is of another type")]
            let nanoseconds = u64::try_from(stat.st_mtime_nsec).unwrap_or(0);
            return Some((
                seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds),
                stat.st_size.try_into().ok()?,
            ));
        }
        stamp(&self.path.join(name)).map(mark)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_file_is_marked_alike_from_its_folder_and_by_its_path() {
        let root = TempDir::new().unwrap();
        let names: Vec<Box<str>> = (0..MANY + 3).map(|number| format!("{number}.json").into()).collect();
        names.iter().for_each(|name| fs::write(root.path().join(&**name), &**name).unwrap());
        let marked = marks(root.path(), &names);
        let alone: Vec<Option<Mark>> = names.iter().map(|name| stamp(&root.path().join(&**name)).map(mark)).collect();
        assert_eq!((marked.len(), &marked), (MANY + 3, &alone));
        assert_eq!(marks(root.path(), &["gone.json".into()]), [None]);
    }
}
