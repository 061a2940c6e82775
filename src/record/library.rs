//! The recordings of one provider, found by content, wherever they lie and whatever their names are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::count::Summary;
use super::file_cache::{FileCache, Found, Stamp};
use super::index::{Index, Kind};
use super::marks::stamp;
use super::recorded;
use super::request_cache::RequestCache;
use super::shelf::{Shelf, file_name, names_in};
use super::sketch::hash;
use super::view::View;
use crate::disk::{self, Unreadable};
use crate::exchange::{self, Exchange, Key, Mask, Owners, ReadError, Request, Rules, host_of};
use crate::provider::Provider;
use crate::upstream::{Error, ErrorKind, without_secrets};

/// A file of at most this many bytes is read without a thread of its own: the system's cache takes microseconds.
const SMALL: u64 = 64 << 10;

/// The recordings of one provider: all files in `DIR/<provider>/`, and those of its hosts in `DIR` itself. Opening the
/// library reads nothing; a file is read when a request needs it.
pub struct Library {
    root: PathBuf,
    provider: String,
    base_url: String,
    hosts: Vec<String>,
    rules: Rules,
    own: Shelf,
    flat: Shelf,
    cache: Mutex<FileCache>,
    /// Recent requests that files answered.
    pub(super) request_cache: RequestCache,
    /// The recordings under the provider's own rules, and under the masks of each suite besides.
    plain: Arc<View>,
    masked: Mutex<Vec<Arc<View>>>,
}

/// One of the two folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The provider's own.
    Own,
    /// The shared folder, where other tools put the recordings of every provider: the host tells them apart.
    Flat,
}

impl Place {
    pub(super) const ALL: [Place; 2] = [Place::Own, Place::Flat];
}

/// The request that is looked for.
struct Wanted<'k> {
    request: &'k Request,
    key: &'k Key,
    /// The key that older versions of retake gave the same request, if it differs.
    older: Option<Key>,
}

impl Library {
    /// The recordings of `provider` under `root`. Neither needs to exist yet.
    pub fn open(root: &Path, provider: &Provider) -> Self {
        Library::at(root, provider, None)
    }

    /// Like [`Library::open`]; `elsewhere` is the URL of a server that replaces the provider's, and files of its host
    /// count, too.
    pub fn at(root: &Path, provider: &Provider, elsewhere: Option<&str>) -> Self {
        let hosts = [Some(provider.base_url.as_str()), elsewhere].into_iter().flatten().map(host_of).collect();
        Library {
            root: root.to_owned(),
            provider: provider.name.clone(),
            base_url: provider.base_url.trim_end_matches('/').to_owned(),
            hosts,
            rules: provider.rules.clone(),
            own: Shelf::new(root.join(&provider.name)),
            flat: Shelf::new(root.to_owned()),
            cache: Mutex::default(),
            request_cache: RequestCache::new(&provider.rules.match_headers),
            plain: Arc::new(View::new(provider.rules.clone(), Arc::default())),
            masked: Mutex::default(),
        }
    }

    /// The declared rules for requests to this provider.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The provider's name.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The URL that a recording of this endpoint has.
    pub(super) fn url(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", without_secrets(&self.base_url))
    }

    /// The key of a request to this provider.
    pub fn key(&self, request: &Request) -> Key {
        self.key_under(&self.rules, request)
    }

    /// The name under which a case counts its requests of this key: other providers have counts of their own.
    pub(super) fn count_name(&self, key: &Key) -> String {
        format!("{}/{}", self.provider, key.name)
    }

    pub(super) fn key_under(&self, rules: &Rules, request: &Request) -> Key {
        exchange::key(request, &self.base_url, rules)
    }

    /// The recordings compared under the provider's own rules.
    pub(super) fn plain(&self) -> &Arc<View> {
        &self.plain
    }

    /// The recordings compared under the provider's rules and the masks of a suite.
    pub(super) fn view(&self, masks: Option<Arc<[Mask]>>) -> Arc<View> {
        let Some(masks) = masks else { return Arc::clone(&self.plain) };
        let mut masked = lock(&self.masked);
        if let Some(view) = masked.iter().find(|view| view.masks == masks) {
            return Arc::clone(view);
        }
        let view = Arc::new(View::new(self.rules.with_masks(&masks), masks));
        masked.push(Arc::clone(&view));
        view
    }

    /// All views that have been made.
    fn views(&self) -> Vec<Arc<View>> {
        let mut views = lock(&self.masked).clone();
        views.push(Arc::clone(&self.plain));
        views
    }

    pub(super) fn shelf(&self, place: Place) -> &Shelf {
        match place {
            Place::Own => &self.own,
            Place::Flat => &self.flat,
        }
    }

    /// The folder for new files: the provider's own, unless only the shared folder has files.
    pub(super) fn target(&self) -> Place {
        if self.own.folder().is_dir() || self.flat.is_empty() { Place::Own } else { Place::Flat }
    }

    /// The path where a recording of this name is looked for first.
    pub(super) fn path_of(&self, stem: &str) -> PathBuf {
        self.shelf(self.target()).path(&file_name(stem, 1))
    }

    /// The folder to which new recordings go.
    pub(super) fn target_folder(&self) -> PathBuf {
        self.shelf(self.target()).folder().to_owned()
    }

    /// All files that answer this request, in order: those under its own name first. `Err` if one of those cannot be
    /// read.
    pub(super) fn answers(&self, view: &View, key: &Key, request: &Request) -> Result<Vec<Arc<Found>>, Error> {
        self.find_all(view, key, request, |found| found)
    }

    /// Like [`Library::answers`], if it is quicker than handing the work to another thread: small files under their own
    /// names. `None` if there is more to do.
    pub(super) fn answers_at_hand(&self, view: &View, key: &Key, request: &Request) -> Option<Vec<Arc<Found>>> {
        let wanted = Wanted { request, key, older: exchange::older_key(request, &self.base_url, &view.rules) };
        let mut all = Vec::new();
        for stem in self.stems(view, &wanted, request) {
            for place in Place::ALL {
                for name in self.shelf(place).chain_at_hand(&stem)? {
                    let path = self.shelf(place).path(&name);
                    let stamp = stamp(&path).filter(|stamp| stamp.length <= SMALL)?;
                    let found = self.load_stamped(&path, stamp, view.is_plain().then_some(&wanted)).ok()??;
                    let is_meant = self.is_ours(place, &found) && self.is_asked(view, &found, &wanted);
                    all.push(is_meant.then_some(found)?);
                }
            }
        }
        (!all.is_empty()).then_some(all)
    }

    fn find_all(
        &self,
        view: &View,
        key: &Key,
        request: &Request,
        read: impl Fn(Result<Option<Arc<Found>>, Error>) -> Result<Option<Arc<Found>>, Error>,
    ) -> Result<Vec<Arc<Found>>, Error> {
        let mut all: Vec<Arc<Found>> = Vec::new();
        let wanted = Wanted { request, key, older: exchange::older_key(request, &self.base_url, &view.rules) };
        for stem in self.stems(view, &wanted, request) {
            for place in Place::ALL {
                for name in self.shelf(place).chain(&stem) {
                    all.extend(read(self.answering(view, &wanted, place, &name))?);
                }
            }
        }
        for place in Place::ALL {
            // If all names have the form that retake gives, only a file renamed by hand could be missing: it is not
            // searched for.
            if !all.is_empty() && !self.shelf(place).has_irregular_names() {
                continue;
            }
            let keys = wanted.older.iter().chain([key]);
            let names: Vec<Arc<str>> =
                self.indexed(view, place, |index| keys.flat_map(|key| index.asked(hash(&key.canonical))).collect());
            for name in names {
                let path = self.shelf(place).path(&name);
                if !all.iter().any(|known| known.path == path) {
                    all.extend(read(self.answering(view, &wanted, place, &name))?);
                }
            }
        }
        Ok(all)
    }

    /// Like [`Library::answers`], without the files that cannot be read.
    pub(super) fn readable(&self, view: &View, key: &Key, request: &Request) -> Vec<Arc<Found>> {
        self.find_all(view, key, request, |found| Ok(found.ok().flatten())).unwrap_or_default()
    }

    /// The files under the names of a request that cannot be read, with the reasons.
    pub(super) fn broken(&self, stem: &str) -> Vec<(String, String)> {
        let shelf = self.shelf(self.target());
        let fault = |name: String| self.load(&shelf.path(&name)).err().map(|error| (name, error.message));
        shelf.chain(stem).into_iter().filter_map(fault).collect()
    }

    /// The names under which retake may have recorded a request.
    fn stems(&self, view: &View, wanted: &Wanted<'_>, request: &Request) -> BTreeSet<String> {
        let mut stems = BTreeSet::from([wanted.key.name.clone()]);
        stems.extend(wanted.older.as_ref().map(|older| older.name.clone()));
        // For files recorded before a field was declared as ignored: their names include that field.
        if !view.is_plain() || self.rules.concern(&request.endpoint) {
            let plain = Rules::default();
            stems.insert(self.key_under(&plain, request).name);
            stems.extend(exchange::older_key(request, &self.base_url, &plain).map(|older| older.name));
        }
        stems
    }

    /// The file, if it is this provider's and answers the request.
    fn answering(
        &self,
        view: &View,
        wanted: &Wanted<'_>,
        place: Place,
        name: &str,
    ) -> Result<Option<Arc<Found>>, Error> {
        let Some(found) = self.load(&self.shelf(place).path(name))? else { return Ok(None) };
        Ok((self.is_ours(place, &found) && self.is_asked(view, &found, wanted)).then_some(found))
    }

    fn is_asked(&self, view: &View, found: &Found, wanted: &Wanted<'_>) -> bool {
        let own = match view.is_plain() {
            true => None,
            false => Some(self.key_under(&view.rules, &found.recording.exchange.request)),
        };
        let is = own.as_ref().unwrap_or(&found.key);
        // Only older versions of retake wrote files under the older key.
        let is_old = matches!(found.recording.owners, Owners::ByOrder { .. });
        is == wanted.key || (is_old && wanted.older.as_ref() == Some(is))
    }

    /// A shared folder holds recordings of all providers: the host tells them apart.
    fn is_ours(&self, place: Place, found: &Found) -> bool {
        place == Place::Own || self.is_own_host(&host_of(&found.recording.exchange.url))
    }

    pub(super) fn is_own_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|own| own == host)
    }

    /// Reads a file through the cache; `None` if it is missing, or not a recording of HTTP.
    pub(super) fn load(&self, path: &Path) -> Result<Option<Arc<Found>>, Error> {
        match stamp(path) {
            Some(stamp) => self.load_stamped(path, stamp, None),
            None => irregular(path).map_or(Ok(None), |what| Err(broken(path, &what))),
        }
    }

    /// `wanted` is a request whose key is known, under the provider's own rules.
    fn load_stamped(
        &self,
        path: &Path,
        stamp: Stamp,
        wanted: Option<&Wanted<'_>>,
    ) -> Result<Option<Arc<Found>>, Error> {
        if let Some(found) = lock(&self.cache).get(path, stamp) {
            return Ok(Some(found));
        }
        // Nobody waits for another reader: if two need the same file at once, both read it.
        let read = recorded::read_checked(path);
        let Some(found) = self.parsed(path, read, wanted)?.map(Arc::new) else { return Ok(None) };
        lock(&self.cache).insert(stamp, Arc::clone(&found));
        Ok(Some(found))
    }

    /// Reads a file from disk; `None` if it is not a recording of HTTP.
    pub(super) fn read(&self, path: &Path) -> Result<Option<Found>, Error> {
        self.parsed(path, recorded::read(path), None)
    }

    fn parsed(
        &self,
        path: &Path,
        read: Result<recorded::Read, Unreadable>,
        wanted: Option<&Wanted<'_>>,
    ) -> Result<Option<Found>, Error> {
        let recorded::Read { recording, size } = read.map_err(|why| broken(path, &why.to_string()))?;
        let recording = match recording {
            Ok(recording) => recording,
            Err(ReadError::OtherFile(_)) => return Ok(None),
            Err(ReadError::Broken(error)) => {
                let place = format!("{}:{}:{}", path.display(), error.line, error.column);
                return Err(Error::new(
                    ErrorKind::BrokenRecording,
                    format!("{place}: not a readable recording: {}; repair it, or record it anew", error.reason),
                ));
            }
        };
        let request = &recording.exchange.request;
        // The key of an equal request is the same, and takes as long to make as reading the rest of the file.
        let key = match wanted.filter(|wanted| is_equal(wanted.request, request)) {
            Some(wanted) => wanted.key.clone(),
            None => self.key(request),
        };
        Ok(Some(Found::new(path.to_owned(), recording, key, size)))
    }

    /// Drops cached data after a file was written or removed, and updates the indexes.
    pub(super) fn refresh(&self, place: Place, name: &str, before: Option<std::time::SystemTime>) {
        lock(&self.cache).remove(&self.shelf(place).path(name));
        self.request_cache.clear();
        for view in self.views() {
            view.wrote(self, place, name, before);
        }
    }

    /// Calls `look` with the up-to-date index of a folder.
    pub(super) fn indexed<R>(&self, view: &View, place: Place, look: impl FnOnce(&Index) -> R) -> R {
        view.indexed(self, place, look)
    }

    /// The names of the recordings in one folder that name exactly this case.
    pub(super) fn labelled(&self, view: &View, place: Place, label: &str) -> Vec<String> {
        self.indexed(view, place, |index| {
            let named = index.of_case(label).filter(|(_, recorded)| recorded.cases.iter().any(|case| case == label));
            named.map(|(entry, _)| entry.name.to_string()).collect()
        })
    }

    /// All exchanges, in the order of the file names; `Err` for the first file that cannot be read.
    pub fn exchanges(&self) -> Result<Vec<Exchange>, Error> {
        let names = names_in(self.own.folder());
        let found = names.iter().filter_map(|name| self.read(&self.own.path(name)).transpose());
        let in_memory = |found: Found| {
            let Exchange { reply, .. } = found.recording.exchange.clone();
            let reply = reply.in_memory().map_err(|error| broken(&found.path, &error.to_string()))?;
            Ok(Exchange { reply, ..found.recording.exchange })
        };
        found.map(|found| in_memory(found?)).collect()
    }

    /// All files, sorted. This reads the folder, not the files.
    pub fn files(&self) -> Vec<PathBuf> {
        let shelf = if self.own.is_empty() { &self.flat } else { &self.own };
        shelf.names().iter().map(|name| shelf.path(name)).collect()
    }

    /// Those of [`Library::files`] that are recordings, and that are wanted; other tools may keep files of theirs beside
    /// them.
    pub fn recordings(&self, is_wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        let place = if self.own.is_empty() { Place::Flat } else { Place::Own };
        let is_recording =
            |index: &Index, name: &str| index.get(name).is_some_and(|entry| matches!(entry.kind, Kind::Recording(_)));
        let shelf = self.shelf(place);
        let names = shelf.names();
        self.indexed(&self.plain, place, |index| {
            let recordings = names.iter().filter(|name| is_recording(index, name)).map(|name| shelf.path(name));
            recordings.filter(|path| is_wanted(path)).collect()
        })
    }

    /// The cases that a file names; none if it cannot be read.
    pub fn cases_of(&self, path: &Path) -> Vec<String> {
        let found = self.load(path).ok().flatten();
        found.map_or_else(Vec::new, |found| found.recording.owners.cases().map(str::to_owned).collect())
    }

    /// A file's path relative to the folder of all recordings, with slashes.
    pub fn short(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().replace('\\', "/")
    }

    /// Counts the files by kind.
    pub fn summary(&self) -> Summary {
        super::count::summary(self)
    }
}

/// Whether two requests are equal, whichever cases they are of.
fn is_equal(a: &Request, b: &Request) -> bool {
    let Request { method, endpoint, headers, body, auth, case: _ } = a;
    *body == b.body && *endpoint == b.endpoint && *method == b.method && *auth == b.auth && *headers == b.headers
}

/// The hash of a request's method and path, as the index compares it.
pub(super) fn place_of(request: &Request) -> u64 {
    let path = request.endpoint.split('?').next().unwrap_or_default();
    hash(&format!("{} {path}", request.method))
}

/// What lies at a path if it is not a regular file; `None` if nothing or a regular file does.
pub(super) fn irregular(path: &Path) -> Option<String> {
    let what = disk::irregular(path).ok()??;
    Some(Unreadable::Irregular(what).to_string())
}

fn broken(path: &Path, reason: &str) -> Error {
    Error::new(ErrorKind::BrokenRecording, format!("{}: not a readable recording: {reason}", path.display()))
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, Method};

    use super::*;
    use crate::exchange::Auth;

    #[test]
    fn requests_are_equal_whichever_cases_they_are_of() {
        let request = Request {
            method: Method::POST,
            endpoint: "/v1/x".to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"{}"),
            auth: Auth::Provider,
            case: Some("a".to_owned()),
        };
        assert!(is_equal(&request, &Request { case: None, ..request.clone() }));
        let headers = HeaderMap::from_iter([(http::header::ACCEPT, http::HeaderValue::from_static("text/plain"))]);
        for other in [
            Request { method: Method::PUT, ..request.clone() },
            Request { endpoint: "/v1/y".to_owned(), ..request.clone() },
            Request { headers, ..request.clone() },
            Request { body: Bytes::new(), ..request.clone() },
            Request { auth: Auth::None, ..request.clone() },
        ] {
            assert!(!is_equal(&request, &other), "{other:?}");
        }
    }

    #[test]
    fn the_place_of_a_request_is_its_method_and_its_path() {
        let at = |method: Method, endpoint: &str| {
            place_of(&Request {
                method,
                endpoint: endpoint.to_owned(),
                headers: HeaderMap::new(),
                body: Bytes::new(),
                auth: Auth::Provider,
                case: None,
            })
        };
        let place = at(Method::POST, "/v1/x?a=1");
        assert_eq!(place, at(Method::POST, "/v1/x"));
        assert!(place != at(Method::GET, "/v1/x") && place != at(Method::POST, "/v1/y"));
    }
}
