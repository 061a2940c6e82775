//! A folder of recordings.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cache::{Cache, Cached, Loaded, Take};
use super::recall::Recall;
use crate::exchange::{self, Exchange, Key, Recording, Request, Rules, host_of};
use crate::provider::Provider;
use crate::upstream::{Error, ErrorKind};

/// Files looked into for the nearest recording and for counts; beyond that a search would cost more than it tells.
pub(super) const MOST_SEARCHED: usize = 2_000;
const MOST_COUNTED: usize = 5_000;

/// The recordings of one provider: `DIR/<provider>/`, or `DIR` itself when files lie there directly. Opening it reads
/// nothing; a file is read when a request asks for it.
pub struct Library {
    root: PathBuf,
    provider: String,
    base_url: String,
    rules: Rules,
    cache: Mutex<Cache>,
    /// Requests that its files answered lately.
    pub(super) recall: Recall,
    asked: Mutex<Option<Arc<Vec<Asked>>>>,
}

/// How many recordings of each origin there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// From a real provider.
    pub real: usize,
    /// From a script.
    pub simulated: usize,
    /// There are more files than were looked at.
    pub more: bool,
}

/// What a recording was asked, for finding the nearest one.
pub(super) struct Asked {
    pub(super) path: PathBuf,
    pub(super) request: Request,
    pub(super) canonical: String,
    /// The cases that recorded it.
    pub(super) cases: BTreeSet<String>,
}

impl Library {
    /// The recordings of `provider` under `root`. Neither needs to exist yet.
    pub fn open(root: &Path, provider: &Provider) -> Self {
        Library {
            root: root.to_owned(),
            provider: provider.name.clone(),
            base_url: provider.base_url.trim_end_matches('/').to_owned(),
            rules: provider.rules.clone(),
            cache: Mutex::default(),
            recall: Recall::new(&provider.rules.match_headers),
            asked: Mutex::default(),
        }
    }

    /// The key of a request to this provider.
    pub fn key(&self, request: &Request) -> Key {
        exchange::key(request, &self.base_url, &self.rules)
    }

    /// What is declared about requests to this provider.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The provider's name.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The URL that a recording of this endpoint bears.
    pub(super) fn url(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", self.base_url)
    }

    pub(super) fn key_of_recorded(&self, recording: &Recording) -> Key {
        self.key(&recording.exchange.request)
    }

    fn folder(&self) -> PathBuf {
        self.root.join(&self.provider)
    }

    /// Where new files go: the provider's folder, unless only the flat form exists.
    pub(super) fn target(&self) -> PathBuf {
        let own = self.folder();
        if own.is_dir() || !has_recordings(&self.root) { own } else { self.root.clone() }
    }

    /// Where a recording of this name would be looked for first.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.target().join(format!("{name}.json"))
    }

    /// The files that answer a request, in the order of its repeats.
    pub(super) fn takes(&self, key: &Key, request: &Request) -> Result<Vec<Take>, Error> {
        let older = exchange::older_key(request, &self.base_url, &self.rules);
        let is_same = |loaded: &Loaded| loaded.key == *key || Some(&loaded.key) == older.as_ref();
        for name in &self.names(request, key) {
            for folder in [self.folder(), self.root.clone()] {
                let takes = self.takes_in(&folder, name, &is_same)?;
                if !takes.is_empty() {
                    return Ok(takes);
                }
            }
        }
        Ok(Vec::new())
    }

    fn takes_in(&self, folder: &Path, name: &str, is_same: &dyn Fn(&Loaded) -> bool) -> Result<Vec<Take>, Error> {
        let mut takes = Vec::new();
        for place in 1.. {
            let path = folder.join(file_name(name, place));
            let Some(loaded) = self.load(&path)? else { break };
            if !self.is_ours(folder, &loaded.recording.exchange.url) {
                break;
            }
            self.check_name(&path, name, &loaded)?;
            if !is_same(&loaded) {
                break;
            }
            takes.push(Take { path, loaded });
        }
        Ok(takes)
    }

    /// The names of files that may hold a request: those that it has, and those that it had before a rule was declared
    /// or by an older retake.
    fn names(&self, request: &Request, key: &Key) -> Vec<String> {
        let mut names = vec![key.name.clone()];
        names.extend(exchange::older_key(request, &self.base_url, &self.rules).map(|older| older.name));
        if self.rules != Rules::default() {
            let plain = Rules::default();
            names.push(exchange::key(request, &self.base_url, &plain).name);
            names.extend(exchange::older_key(request, &self.base_url, &plain).map(|older| older.name));
        }
        names.dedup();
        names
    }

    /// In a flat folder lie recordings of any provider: the host tells whose they are.
    fn is_ours(&self, folder: &Path, url: &str) -> bool {
        folder != self.root || host_of(url) == host_of(&self.base_url)
    }

    fn check_name(&self, path: &Path, name: &str, loaded: &Loaded) -> Result<(), Error> {
        let names = || self.names(&loaded.recording.exchange.request, &loaded.key);
        if loaded.key.name == name || names().iter().any(|known| known == name) {
            return Ok(());
        }
        Err(broken(
            path,
            &format!(
                "its request gives the name {}.json: the request in it was changed after it was recorded; record it \
                 anew, or name the file so",
                loaded.key.name
            ),
        ))
    }

    /// Reads a file; `None` when there is none.
    fn load(&self, path: &Path) -> Result<Option<Arc<Loaded>>, Error> {
        let Ok(metadata) = fs::metadata(path) else { return Ok(None) };
        let (modified, length) = (metadata.modified().ok(), metadata.len());
        if let Some(loaded) = self.cache().get(path, modified, length) {
            return Ok(Some(loaded));
        }
        // Nobody waits for another one's file: two who want the same one at once both read it.
        let loaded = Arc::new(self.read(path)?);
        self.cache().insert(path, Cached { modified, length, loaded: Arc::clone(&loaded) });
        Ok(Some(loaded))
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a file afresh.
    pub(super) fn read(&self, path: &Path) -> Result<Loaded, Error> {
        let bytes = fs::read(path).map_err(|error| broken(path, &error.to_string()))?;
        let size = bytes.len();
        let text = String::from_utf8(bytes)
            .map_err(|error| broken(path, &format!("byte {} is no UTF-8", error.utf8_error().valid_up_to())))?;
        let recording = exchange::read(&text).map_err(|error| {
            let place = format!("{}:{}:{}", path.display(), error.line, error.column);
            Error::new(
                ErrorKind::BrokenRecording,
                format!("{place}: not a readable recording: {}; repair it, or record it anew", error.reason),
            )
        })?;
        let key = self.key_of_recorded(&recording);
        Ok(Loaded { recording, key, size })
    }

    /// Forgets what was read, because a file was written.
    pub(super) fn refresh(&self, path: &Path) {
        self.cache().remove(path);
        self.recall.clear();
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What the recordings were asked, as far as they can be read.
    pub(super) fn asked(&self) -> Arc<Vec<Asked>> {
        let mut known = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asked) = &*known {
            return Arc::clone(asked);
        }
        let mut all = Vec::new();
        for folder in [self.folder(), self.root.clone()] {
            for path in recordings_in(&folder).into_iter().take(MOST_SEARCHED) {
                // A file that cannot be read is no near one; who needs it gets its fault said.
                let Ok(text) = fs::read_to_string(&path) else { continue };
                let Ok(recorded) = exchange::read_request(&text) else { continue };
                if self.is_ours(&folder, &recorded.url) {
                    let canonical = self.key(&recorded.request).canonical;
                    all.push(Asked { path, request: recorded.request, canonical, cases: recorded.cases });
                }
            }
        }
        let all = Arc::new(all);
        *known = Some(Arc::clone(&all));
        all
    }

    /// Every exchange, in the order of the files' names; `Err` for the first file that cannot be read.
    pub fn exchanges(&self) -> Result<Vec<Exchange>, Error> {
        let files = recordings_in(&self.folder());
        files.iter().map(|path| Ok(self.read(path)?.recording.exchange)).collect()
    }

    /// Its files, sorted: a look at the folder, not into them.
    pub fn files(&self) -> Vec<PathBuf> {
        let files = recordings_in(&self.folder());
        if files.is_empty() { recordings_in(&self.root) } else { files }
    }

    /// A file's path below the folder of all recordings, with slashes.
    pub fn short(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().replace('\\', "/")
    }

    /// Counts the recordings by origin, from the ends of the files.
    pub fn summary(&self) -> Summary {
        let files = self.files();
        let mut summary = Summary { more: files.len() > MOST_COUNTED, ..Summary::default() };
        for path in files.iter().take(MOST_COUNTED) {
            if ends_as_simulated(path) { summary.simulated += 1 } else { summary.real += 1 }
        }
        summary
    }
}

/// `origin` is the last that is written of a recording.
fn ends_as_simulated(path: &Path) -> bool {
    let tail = || -> std::io::Result<Vec<u8>> {
        let mut file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(256)))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        Ok(tail)
    };
    let tail = tail().unwrap_or_default();
    let tail: Vec<u8> = tail.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect();
    tail.ends_with(b"\"origin\":\"simulated\"}}")
}

/// `abc.json`, `abc-2.json`, …
pub(super) fn file_name(name: &str, place: usize) -> String {
    if place <= 1 { format!("{name}.json") } else { format!("{name}-{place}.json") }
}

fn recordings_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    // All lie in one folder: comparing paths part by part would take longer and come out the same.
    files.sort_unstable_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    files
}

fn has_recordings(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| {
        entries.filter_map(Result::ok).any(|entry| entry.path().extension().is_some_and(|end| end == "json"))
    })
}

fn broken(path: &Path, reason: &str) -> Error {
    Error::new(ErrorKind::BrokenRecording, format!("{}: not a readable recording: {reason}", path.display()))
}
