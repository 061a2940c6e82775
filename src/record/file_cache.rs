//! A cache of parsed recording files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use http::HeaderMap;

use super::player;
use crate::exchange::{Key, Named, Owners, Recording};
use crate::upstream::{self, without_own_headers};

/// How many bytes of files are kept in the cache, with the cost of each entry. Cases share recordings, and a run asks
/// for few of them.
const MOST_CACHED: u64 = 16 << 20;
const COST: u64 = 4 << 10;

/// How long a look at a folder and its files stays valid. Nobody edits a file by hand, or records it anew from another
/// process, and asks again sooner; changes by this process count at once.
pub(super) const FRESH: Duration = Duration::from_millis(50);

/// A parsed recording file.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) recording: Recording,
    /// The match key of its request, without the masks of any suite.
    pub(super) key: Key,
    /// The size of the file's text in bytes, without a reply that stays in the file.
    pub(super) size: usize,
    /// The headers of its reply, made on first use.
    headers: OnceLock<HeaderMap>,
}

impl Found {
    pub(super) fn new(path: PathBuf, recording: Recording, key: Key, size: usize) -> Self {
        Found { path, recording, key, size, headers: OnceLock::new() }
    }

    /// The recorded reply as a live one.
    pub(super) fn reply(&self, speed: Option<f64>) -> upstream::Reply {
        let recorded = &self.recording.exchange.reply;
        let headers = self.headers.get_or_init(|| without_own_headers(player::headers(&recorded.headers)));
        player::reply_with(recorded, headers.clone(), speed)
    }

    /// The cases that the recording names, or `None` in files of older versions and other tools.
    pub(super) fn named(&self) -> Option<&Named> {
        match &self.recording.owners {
            Owners::Named(named) => Some(named),
            Owners::ByOrder { .. } => None,
        }
    }

    /// Whether a case expects this reply, even if it reports an error: older versions of retake recorded replies with
    /// case names only when those cases had passed.
    pub(super) fn is_expected(&self) -> bool {
        let recording = &self.recording;
        recording.expected || matches!(&recording.owners, Owners::ByOrder { cases, .. } if !cases.is_empty())
    }
}

/// Shows whether a file has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) modified: Option<SystemTime>,
    pub(super) length: u64,
}

/// Parsed files; emptied when they exceed the limit.
#[derive(Default)]
pub(super) struct FileCache {
    files: HashMap<PathBuf, (Stamp, Arc<Found>)>,
    bytes: u64,
}

impl FileCache {
    pub(super) fn get(&self, path: &Path, stamp: Stamp) -> Option<Arc<Found>> {
        let (known, found) = self.files.get(path)?;
        (*known == stamp).then(|| Arc::clone(found))
    }

    pub(super) fn insert(&mut self, stamp: Stamp, found: Arc<Found>) {
        self.remove(&found.path);
        let weight = weight(&found);
        if self.bytes + weight > MOST_CACHED {
            *self = FileCache::default();
        }
        self.bytes += weight;
        self.files.insert(found.path.clone(), (stamp, found));
    }

    pub(super) fn remove(&mut self, path: &Path) {
        if let Some((_, found)) = self.files.remove(path) {
            self.bytes -= weight(&found);
        }
    }
}

fn weight(found: &Found) -> u64 {
    found.size as u64 + COST
}

#[cfg(test)]
mod tests {
    use crate::record::tests::found;

    use super::*;

    fn insert(cache: &mut FileCache, number: u64, length: u64) {
        let path = format!("{number}.json");
        let mut found = found(&path, "{}", Owners::Named(Named::of(None, 1)));
        Arc::get_mut(&mut found).unwrap().size = usize::try_from(length).unwrap();
        cache.insert(Stamp { modified: None, length }, found);
    }

    #[test]
    fn files_at_hand_are_bounded_by_their_bytes() {
        let mut cache = FileCache::default();
        for number in 0..100 {
            insert(&mut cache, number, MOST_CACHED / 10);
            assert!(cache.bytes <= MOST_CACHED);
            assert_eq!(cache.bytes, cache.files.len() as u64 * (MOST_CACHED / 10 + COST));
            assert_eq!(cache.files.len() as u64, number % 9 + 1, "all are kept until there is no more room");
        }
        let get = |cache: &FileCache, length| cache.get(Path::new("99.json"), Stamp { modified: None, length });
        assert!(get(&cache, MOST_CACHED / 10).is_some());
        assert!(get(&cache, 1).is_none(), "it was changed");
        let before = cache.bytes;
        insert(&mut cache, 99, 1);
        assert!(get(&cache, 1).is_some());
        assert_eq!(cache.bytes, before - MOST_CACHED / 10 + 1);
    }
}
