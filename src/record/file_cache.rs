//! Files of recordings as read, at hand for the next request.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use http::HeaderMap;

use super::player;
use crate::exchange::{Key, Named, Owners, Recording};
use crate::upstream::{self, without_own_headers};

/// Bytes of files that are kept at hand, parsed, with what it costs to keep one. Cases share recordings, and a run asks
/// for few of them.
const MOST_CACHED: u64 = 32 << 20;
const COST: u64 = 4 << 10;

/// So long what was seen of a folder and of its files is taken to be as it was. Someone who changes a file by hand, or
/// records it anew from another process, does not get to ask any sooner; what this process writes counts at once.
pub(super) const FRESH: Duration = Duration::from_millis(50);

/// A file of recordings as read.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) recording: Recording,
    /// The key of its request, without the masks of any suite.
    pub(super) key: Key,
    /// Bytes of the file.
    pub(super) size: usize,
    /// The headers of its reply, once it has been asked for.
    headers: OnceLock<HeaderMap>,
}

impl Found {
    pub(super) fn new(path: PathBuf, recording: Recording, key: Key, size: usize) -> Self {
        Found { path, recording, key, size, headers: OnceLock::new() }
    }

    /// Its reply as a live one.
    pub(super) fn reply(&self, speed: Option<f64>) -> upstream::Reply {
        let recorded = &self.recording.exchange.reply;
        let headers = self.headers.get_or_init(|| without_own_headers(player::headers(&recorded.headers)));
        player::reply_with(recorded, headers.clone(), speed)
    }

    /// Whose it is, where it says so itself.
    pub(super) fn named(&self) -> Option<&Named> {
        match &self.recording.owners {
            Owners::Named(named) => Some(named),
            Owners::ByOrder { .. } => None,
        }
    }

    /// Whether its reply is one that a case is known to expect, however it looks: recordings of older retakes that name
    /// their cases were kept when these had passed.
    pub(super) fn is_expected(&self) -> bool {
        let recording = &self.recording;
        recording.expected || matches!(&recording.owners, Owners::ByOrder { cases, .. } if !cases.is_empty())
    }
}

/// What tells that a file is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) modified: Option<SystemTime>,
    pub(super) length: u64,
}

/// Files at hand; emptied when they have become too many bytes.
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
        let weight = stamp.length + COST;
        if self.bytes + weight > MOST_CACHED {
            *self = FileCache::default();
        }
        self.bytes += weight;
        self.files.insert(found.path.clone(), (stamp, found));
    }

    pub(super) fn remove(&mut self, path: &Path) {
        if let Some((stamp, _)) = self.files.remove(path) {
            self.bytes -= stamp.length + COST;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::record::tests::found;

    use super::*;

    fn insert(cache: &mut FileCache, number: u64, length: u64) {
        let path = format!("{number}.json");
        cache.insert(Stamp { modified: None, length }, found(&path, "{}", Owners::Named(Named::of(None, 1))));
    }

    #[test]
    fn files_at_hand_are_bounded_by_their_bytes() {
        let mut cache = FileCache::default();
        for number in 0..100 {
            insert(&mut cache, number, MOST_CACHED / 10);
            assert!(cache.bytes <= MOST_CACHED);
            assert_eq!(cache.bytes, cache.files.len() as u64 * (MOST_CACHED / 10 + COST));
        }
        let get = |cache: &FileCache, length| cache.get(Path::new("99.json"), Stamp { modified: None, length });
        assert!(get(&cache, MOST_CACHED / 10).is_some());
        assert!(get(&cache, 1).is_none(), "it was changed");
        insert(&mut cache, 99, 1);
        assert!(get(&cache, 1).is_some());
    }
}
