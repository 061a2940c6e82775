//! Files of recordings as read, at hand for the next request.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::exchange::{Key, Recording};

/// Bytes of files that are kept at hand, parsed, with what it costs to keep one. Cases share recordings, and a run asks
/// for few of them.
const MOST_CACHED: u64 = 32 << 20;
const COST: u64 = 4 << 10;

/// A file of recordings that answers a request.
#[derive(Clone)]
pub(super) struct Take {
    pub(super) path: PathBuf,
    pub(super) loaded: Arc<Loaded>,
}

/// A file as read.
pub(super) struct Loaded {
    pub(super) recording: Recording,
    pub(super) key: Key,
    /// Bytes of the file.
    pub(super) size: usize,
}

/// Files at hand; emptied when they have become too many bytes.
#[derive(Default)]
pub(super) struct Cache {
    files: HashMap<PathBuf, Cached>,
    bytes: u64,
}

impl Cache {
    pub(super) fn get(&self, path: &Path, modified: Option<SystemTime>, length: u64) -> Option<Arc<Loaded>> {
        let cached = self.files.get(path)?;
        ((cached.modified, cached.length) == (modified, length)).then(|| Arc::clone(&cached.loaded))
    }

    pub(super) fn insert(&mut self, path: &Path, cached: Cached) {
        self.remove(path);
        let weight = cached.length + COST;
        if self.bytes + weight > MOST_CACHED {
            *self = Cache::default();
        }
        self.bytes += weight;
        self.files.insert(path.to_owned(), cached);
    }

    pub(super) fn remove(&mut self, path: &Path) {
        if let Some(cached) = self.files.remove(path) {
            self.bytes -= cached.length + COST;
        }
    }
}

pub(super) struct Cached {
    pub(super) modified: Option<SystemTime>,
    pub(super) length: u64,
    pub(super) loaded: Arc<Loaded>,
}

#[cfg(test)]
mod tests {
    use crate::exchange::{self, End, Exchange, Origin, Reply, Request, Times};

    use super::*;

    fn cached(length: u64) -> Cached {
        let request = Request {
            method: http::Method::GET,
            endpoint: "/v1/models".to_owned(),
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::new(),
            auth: exchange::Auth::Provider,
            case: None,
        };
        let reply = Reply {
            status: 200,
            headers: Vec::new(),
            body: bytes::Bytes::new(),
            chunks: Vec::new(),
            end: End::Complete,
        };
        let exchange = Exchange { request, url: String::new(), reply, recorded_at: None, origin: Origin::Real };
        let key = exchange::key(&exchange.request, "https://h.example/v1", &exchange::Rules::default());
        let recording = Recording {
            exchange,
            owners: exchange::Owners::ByOrder { times: Times::Count(1), cases: Default::default() },
            expected: false,
        };
        Cached { modified: None, length, loaded: Arc::new(Loaded { recording, key, size: 0 }) }
    }

    #[test]
    fn files_at_hand_are_bounded_by_their_bytes() {
        let mut cache = Cache::default();
        for number in 0..100 {
            cache.insert(Path::new(&format!("{number}.json")), cached(MOST_CACHED / 10));
            assert!(cache.bytes <= MOST_CACHED);
            assert_eq!(cache.bytes, cache.files.len() as u64 * (MOST_CACHED / 10 + COST));
        }
        assert!(cache.get(Path::new("99.json"), None, MOST_CACHED / 10).is_some());
        assert!(cache.get(Path::new("99.json"), None, 1).is_none(), "it was changed");
        cache.insert(Path::new("99.json"), cached(1));
        assert!(cache.get(Path::new("99.json"), None, 1).is_some());
    }
}
