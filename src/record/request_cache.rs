//! A cache of repeated requests and the files that answered them, so that equal requests need no parsing and no search.
//! A request that comes only once, as most of a suite do, leaves its hash and nothing else.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, header};

use super::file_cache::{FRESH, Found};
use crate::exchange::{Auth, Key, Request};

/// The most bytes of requests and files in the cache, with the cost of each entry.
const MOST_BYTES: usize = 16 << 20;
const COST: usize = 2 << 10;
/// The most hashes of requests that came once.
const MOST_ONCE: usize = 1 << 16;
/// Larger requests are rare, and their analysis costs little compared to the rest.
const LARGEST_BODY: usize = 64 << 10;

/// An analysed request, with the files that answer it.
pub(super) struct Known {
    asked: Parts,
    pub(super) analysed: Analysed,
    looked: Instant,
    told: AtomicBool,
}

/// What the analysis of a request gives.
pub(super) struct Analysed {
    pub(super) key: Key,
    /// The name under which a case counts it.
    pub(super) count_name: String,
    /// The files that answer it.
    pub(super) files: Vec<Arc<Found>>,
}

/// Everything in a request that decides what answers it.
struct Parts {
    method: Method,
    endpoint: String,
    /// Only the headers that count.
    headers: HeaderMap,
    auth: bool,
    body: Bytes,
}

impl Known {
    /// Whether this is its first use.
    pub(super) fn is_new(&self) -> bool {
        !self.told.swap(true, Ordering::Relaxed)
    }

    /// Whether the look at its files is recent enough to be still valid.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        now.duration_since(self.looked) < FRESH
    }

    fn answers(&self, request: &Request, counted: &[HeaderName]) -> bool {
        let is_same = |name| self.asked.headers.get_all(name).iter().eq(request.headers.get_all(name).iter());
        counted.iter().all(is_same)
            && self.asked.body == request.body
            && self.asked.endpoint == request.endpoint
            && self.asked.method == request.method
            && self.asked.auth == (request.auth != Auth::None)
    }

    fn weight(&self) -> usize {
        let Analysed { key, files, .. } = &self.analysed;
        let files: usize = files.iter().map(|found| found.size).sum();
        COST + self.asked.body.len() + key.canonical.len() + files
    }
}

/// Requests by their hash. Of two with the same hash, the last one stays.
pub(super) struct RequestCache {
    hasher: RandomState,
    /// Headers that describe the body, and those that are part of the match key.
    counted: Vec<HeaderName>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    known: HashMap<u64, Arc<Known>>,
    bytes: usize,
    /// The hashes of requests that came once.
    once: HashSet<u64>,
}

impl Inner {
    /// Whether a request with this hash comes for the first time, as far as is remembered.
    fn comes_first(&mut self, hash: u64) -> bool {
        if self.once.len() >= MOST_ONCE {
            self.once.clear();
        }
        !self.known.contains_key(&hash) && self.once.insert(hash)
    }
}

impl RequestCache {
    /// `match_headers` are the headers that are part of the match key.
    pub(super) fn new(match_headers: &[String]) -> Self {
        let declared = match_headers.iter().filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok());
        let counted = [header::CONTENT_TYPE, header::CONTENT_ENCODING].into_iter().chain(declared).collect();
        RequestCache { hasher: RandomState::new(), counted, inner: Mutex::default() }
    }

    /// The entry of exactly this request. Its files are up to date only while it [is fresh](Known::is_fresh).
    pub(super) fn get(&self, request: &Request) -> Option<Arc<Known>> {
        if request.body.len() > LARGEST_BODY {
            return None;
        }
        // The hash is computed before the lock is taken.
        let hash = self.hash(request);
        let known = Arc::clone(self.lock().known.get(&hash)?);
        known.answers(request, &self.counted).then_some(known)
    }

    /// Stores what was found at the time `looked`, if the request comes for the second time at least.
    pub(super) fn put(&self, request: &Request, looked: Instant, analysed: impl FnOnce() -> Analysed) {
        if request.body.len() > LARGEST_BODY {
            return;
        }
        let hash = self.hash(request);
        if self.lock().comes_first(hash) {
            return;
        }
        let mut headers = HeaderMap::new();
        for name in &self.counted {
            for value in request.headers.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        let asked = Parts {
            method: request.method.clone(),
            endpoint: request.endpoint.clone(),
            headers,
            auth: request.auth != Auth::None,
            // A copy, because the original may be a small part of a large buffer.
            body: Bytes::copy_from_slice(&request.body),
        };
        let known = Arc::new(Known { asked, analysed: analysed(), looked, told: AtomicBool::new(false) });
        let mut inner = self.lock();
        if inner.bytes + known.weight() > MOST_BYTES {
            (inner.known, inner.bytes) = Default::default();
        }
        inner.bytes += known.weight();
        if let Some(before) = inner.known.insert(hash, known) {
            inner.bytes -= before.weight();
        }
    }

    /// Empties the cache, because a file was written.
    pub(super) fn clear(&self) {
        let mut inner = self.lock();
        (inner.known, inner.bytes) = Default::default();
    }

    fn hash(&self, request: &Request) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        request.endpoint.hash(&mut hasher);
        request.body.hash(&mut hasher);
        hasher.finish()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Rules;

    fn request(endpoint: &str, body: &str) -> Request {
        Request {
            method: Method::POST,
            endpoint: endpoint.to_owned(),
            headers: http::HeaderMap::new(),
            body: body.to_owned().into(),
            auth: Auth::Provider,
            case: None,
        }
    }

    fn put(request_cache: &RequestCache, request: &Request, looked: Instant) {
        let key = crate::exchange::key(request, "https://h.example/v1", &Rules::default());
        for _ in 0..2 {
            let analysed = || Analysed { key: key.clone(), count_name: "p/n".to_owned(), files: Vec::new() };
            request_cache.put(request, looked, analysed);
        }
    }

    #[test]
    fn a_request_that_comes_once_is_not_kept() {
        let (request_cache, now) = (RequestCache::new(&[]), Instant::now());
        for number in 0..2 * MOST_ONCE {
            request_cache.put(&request("/v1/x", &number.to_string()), now, || panic!("it came once"));
        }
        let inner = request_cache.lock();
        assert!(inner.known.is_empty() && inner.once.len() <= MOST_ONCE);
    }

    #[test]
    fn only_the_very_same_request_is_known() {
        let (request_cache, now) = (RequestCache::new(&["x-team".to_owned()]), Instant::now());
        let asked = request("/v1/x", "{\"a\":1}");
        put(&request_cache, &asked, now);
        assert!(request_cache.get(&asked).is_some_and(|known| known.is_new() && !known.is_new()));
        let mut others = vec![request("/v1/y", "{\"a\":1}"), request("/v1/x", "{\"a\":2}"), asked.clone()];
        others[2].auth = Auth::None;
        others.push(Request { method: Method::PUT, ..asked.clone() });
        others.push(asked.clone());
        others[4].headers.insert("content-type", "multipart/form-data; boundary=a".parse().unwrap());
        others.push(asked.clone());
        others[5].headers.insert("x-team", "blue".parse().unwrap());
        assert!(others.iter().all(|other| request_cache.get(other).is_none()));
        let mut traced = asked.clone();
        traced.headers.insert("x-trace", "1".parse().unwrap());
        assert!(request_cache.get(&traced).is_some(), "a header that does not count");
        request_cache.clear();
        assert!(request_cache.get(&asked).is_none());
    }

    #[test]
    fn files_seen_long_ago_are_looked_for_again_and_the_key_stays() {
        let (request_cache, now) = (RequestCache::new(&["x-team".to_owned()]), Instant::now());
        let asked = request("/v1/x", "");
        put(&request_cache, &asked, now);
        let known = request_cache.get(&asked).unwrap();
        assert!(known.is_fresh(now) && !known.is_fresh(now + FRESH));
        assert_eq!(known.analysed.key, crate::exchange::key(&asked, "https://h.example/v1", &Rules::default()));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (request_cache, now) = (RequestCache::new(&["x-team".to_owned()]), Instant::now());
        let body = "x".repeat(LARGEST_BODY);
        let mut most = 0;
        for number in 0..300 {
            put(&request_cache, &request(&format!("/v1/{number}"), &body), now);
            let inner = request_cache.lock();
            assert!(inner.bytes <= MOST_BYTES);
            assert!(inner.bytes >= inner.known.len() * LARGEST_BODY, "the bodies count");
            most = most.max(inner.known.len());
        }
        assert!(most > 1, "they are kept until there is no more room");
        let asked = request("/v1/299", &body);
        put(&request_cache, &asked, now);
        let inner = request_cache.lock();
        assert_eq!(inner.bytes, inner.known.values().map(|known| known.weight()).sum::<usize>());
        drop(inner);
        assert!(request_cache.get(&asked).is_some());
        assert!(request_cache.get(&request("/v1/299", &format!("{body}x"))).is_none());
    }
}
