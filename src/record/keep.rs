//! Writing recordings: never a worse one over a better, never half a file, never a secret.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderMap;

use super::journal::Journal;
use super::library::{Library, file_name};
use super::pool::Entry;
use crate::exchange::{self, End, Exchange, Key, Origin, Recording, Secrets, Times, header};

const TEMPORARY_PREFIX: &str = ".retake-";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// Reply headers that differ between two equal replies: when, by which machine, how much is left.
const PASSING_HEADERS: [&str; 14] = [
    "age",
    "cf-cache-status",
    "cf-ray",
    "date",
    "expires",
    "openai-processing-ms",
    "request-id",
    "server-timing",
    "traceparent",
    "via",
    "x-amzn-requestid",
    "x-envoy-upstream-service-time",
    "x-request-id",
    "x-trace-id",
];
const PASSING_HEADER_PREFIXES: [&str; 3] = ["x-ratelimit-", "anthropic-ratelimit-", "ratelimit-"];

/// Headers as they are kept: names in lower case, values as text.
pub(super) fn header_pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.to_string(), header::text(value.as_bytes()))).collect()
}

/// Writes into one library.
pub(super) struct Keeper {
    library: Arc<Library>,
    secrets: Secrets,
    journal: Arc<Journal>,
    swept: AtomicBool,
}

/// One file as it is to be.
struct Planned {
    /// Which file it was, if it was one.
    old: Option<usize>,
    /// `None` for a file that cannot be read and that nothing replaces.
    recording: Option<Recording>,
}

impl Keeper {
    pub(super) fn new(library: Arc<Library>, secrets: Secrets, journal: Arc<Journal>) -> Self {
        Keeper { library, secrets, journal, swept: AtomicBool::new(false) }
    }

    pub(super) fn library(&self) -> &Library {
        &self.library
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// A note of an exchange that belongs to no case.
    pub(super) fn say(&self, note: &str) {
        self.journal.noted(note.to_owned());
    }

    /// What is said of an exchange whose case did not pass.
    pub(super) fn not_kept(&self, name: &str) -> String {
        let path = self.library.path_of(name);
        let what = if path.exists() { "kept as it was" } else { "not written" };
        format!("{}: {what}, because the case that recorded it did not pass", path.display())
    }

    /// Writes the exchanges of one key on behalf of a case, where they are to be; says why where they are not.
    pub(super) fn keep(&self, case: Option<&str>, entries: &[Arc<Entry>]) -> Vec<String> {
        let Some(name) = entries.first().map(|entry| entry.key.name.clone()) else { return Vec::new() };
        let folder = self.library.target();
        let mut notes = Vec::new();
        let kept = fs::create_dir_all(&folder).and_then(|()| lock(&folder)).and_then(|_lock| {
            self.sweep(&folder);
            self.keep_locked(&folder, &name, case, entries, &mut notes)
        });
        if let Err(error) = kept {
            let note = format!("could not write {}: {error}", folder.join(file_name(&name, 1)).display());
            self.journal.failed(note.clone());
            notes.push(note);
        }
        notes
    }

    fn keep_locked(
        &self,
        folder: &Path,
        name: &str,
        case: Option<&str>,
        entries: &[Arc<Entry>],
        notes: &mut Vec<String>,
    ) -> io::Result<()> {
        let label =
            case.filter(|_| entries[0].names_cases()).map(|case| exchange::case_label(&self.secrets.text(case)));
        let (old, faults) = self.old_files(folder, name, &entries[0].key);
        let plan = plan(&old, entries, label.as_deref(), &mut |place, reason| {
            notes.push(format!("{}: kept as it was, because {reason}", folder.join(file_name(name, place)).display()));
        });
        for (at, planned) in plan.iter().enumerate() {
            let path = folder.join(file_name(name, at + 1));
            let was = planned.old.filter(|place| *place == at).and_then(|place| old.get(place));
            match (&planned.recording, was) {
                (Some(new), Some(Some(was))) if was.owners == new.owners => {
                    self.journal.unchanged(case, &path);
                }
                (Some(new), _) => {
                    self.write(case, &path, new)?;
                    if let Some(fault) = faults.get(&at) {
                        notes.push(format!("{}: replaced, because it was broken: {fault}", path.display()));
                    }
                }
                (None, Some(_)) => {}
                (None, None) => {
                    let message = "a recording of a repeat of this request cannot be read: repair it, or remove it";
                    return Err(io::Error::other(message));
                }
            }
        }
        for place in plan.len() + 1..=old.len() {
            let path = folder.join(file_name(name, place));
            fs::remove_file(&path)?;
            self.library.refresh(&path);
        }
        Ok(())
    }

    /// The files of this name, and what is wrong with those that are broken, which a new recording may replace.
    fn old_files(&self, folder: &Path, name: &str, key: &Key) -> (Vec<Option<Recording>>, BTreeMap<usize, String>) {
        let (mut old, mut faults) = (Vec::new(), BTreeMap::new());
        for place in 1.. {
            let path = folder.join(file_name(name, place));
            if !path.exists() {
                break;
            }
            match self.library.read(&path) {
                Ok(loaded) if loaded.key == *key => old.push(Some(loaded.recording)),
                Ok(_) => {
                    faults.insert(old.len(), "its request was another one".to_owned());
                    old.push(None);
                }
                Err(error) => {
                    faults.insert(old.len(), error.message);
                    old.push(None);
                }
            }
        }
        (old, faults)
    }

    fn write(&self, case: Option<&str>, path: &Path, recording: &Recording) -> io::Result<()> {
        let text = exchange::write(recording);
        if let Some(variable) = self.secrets.find(text.as_bytes()) {
            return Err(io::Error::other(format!("the value of {variable} would remain in it")));
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut file = new_file(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        // What is on disk must answer its own request with the same bytes before anything is replaced by it.
        self.prove(file.path(), recording)?;
        file.persist(path).map_err(|error| error.error)?;
        if let Ok(folder) = File::open(folder) {
            // Not every system can sync a folder; the rename is whole in any case.
            let _ = folder.sync_all();
        }
        self.library.refresh(path);
        self.journal.wrote(case, path);
        Ok(())
    }

    fn prove(&self, path: &Path, recording: &Recording) -> io::Result<()> {
        let back = self.library.read(path).map_err(io::Error::other)?;
        let differs = if back.recording.exchange.reply != recording.exchange.reply {
            "another reply"
        } else if back.key != self.library.key_of_recorded(recording) {
            "another request"
        } else if (back.recording.exchange.origin, &back.recording.owners)
            != (recording.exchange.origin, &recording.owners)
        {
            "another count, origin or case"
        } else {
            return Ok(());
        };
        Err(io::Error::other(format!("read back it gives {differs} than was recorded; this is a fault of retake")))
    }

    /// Takes away what writers left that were killed. Whoever writes holds the lock, so that under it every temporary
    /// file is such a one. Once is enough.
    fn sweep(&self, folder: &Path) {
        if self.swept.swap(true, Ordering::SeqCst) {
            return;
        }
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX) {
                // What cannot be removed does no harm.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn new_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX).suffix(TEMPORARY_SUFFIX);
    // Temporary files are for their owner only; recordings are for all, as far as the umask lets.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Holds other writers of a folder off until it is dropped. The folder itself is locked, which leaves no file behind;
/// where a system cannot do that, a file in it.
fn lock(folder: &Path) -> io::Result<File> {
    if let Ok(handle) = File::open(folder)
        && handle.lock().is_ok()
    {
        return Ok(handle);
    }
    let path: PathBuf = folder.join(".lock");
    let handle = File::options().create(true).truncate(false).write(true).open(path)?;
    handle.lock()?;
    Ok(handle)
}

/// The files of one key after the new exchanges took their places among the old.
fn plan(
    old: &[Option<Recording>],
    entries: &[Arc<Entry>],
    case: Option<&str>,
    kept: &mut dyn FnMut(usize, String),
) -> Vec<Planned> {
    let mut sequence = expanded(old);
    let by_place: BTreeMap<u32, &Entry> = entries.iter().map(|entry| (entry.nth, entry.as_ref())).collect();
    for (nth, entry) in by_place {
        let new = &entry.exchange;
        let place = nth.saturating_sub(1) as usize;
        // What is allowed any number of times also stands for the repeats that are not there one by one.
        let last = sequence.len().saturating_sub(1);
        let before =
            if place > last { sequence.get_mut(last).filter(|last| last.any) } else { sequence.get_mut(place) };
        let before = match before {
            Some(slot) if slot.exchange.as_ref().is_some_and(|before| is_same(new, before)) => {
                // What is no id, but a name that a client gave its session, may be another one in every run.
                slot.cases.extend(case.filter(|case| case.contains("::")).map(str::to_owned));
                continue;
            }
            slot => slot.and_then(|slot| slot.exchange.as_ref()),
        };
        let worse = before.and_then(|before| worse(new, before));
        match (sequence.get_mut(place), worse) {
            (slot, Some(reason)) => kept(slot.and_then(|slot| slot.old).map_or(1, |at| at + 1), reason),
            (Some(slot), None) => *slot = Slot::new(new.clone(), case),
            (None, None) => sequence.push(Slot::new(new.clone(), case)),
        }
    }
    compressed(sequence)
}

/// One of the replies that a case gets in turn.
struct Slot {
    old: Option<usize>,
    /// `None` where a broken file holds the place.
    exchange: Option<Exchange>,
    any: bool,
    cases: BTreeSet<String>,
}

impl Slot {
    fn new(exchange: Exchange, case: Option<&str>) -> Self {
        let cases = case.map(str::to_owned).into_iter().collect();
        Slot { old: None, exchange: Some(exchange), any: false, cases }
    }
}

fn expanded(old: &[Option<Recording>]) -> Vec<Slot> {
    let mut sequence = Vec::new();
    for (at, recording) in old.iter().enumerate() {
        let (count, any) = match recording.as_ref().map(|recording| times_of(recording)) {
            Some(Times::Count(times)) => (times, false),
            Some(Times::Any) => (1, true),
            None => (1, false),
        };
        let exchange = recording.as_ref().map(|recording| &recording.exchange);
        let cases = recording
            .as_ref()
            .map(|recording| recording.owners.cases().map(str::to_owned).collect::<BTreeSet<String>>())
            .unwrap_or_default();
        for _ in 0..count {
            sequence.push(Slot { old: Some(at), exchange: exchange.cloned(), any, cases: cases.clone() });
        }
    }
    sequence
}

fn compressed(sequence: Vec<Slot>) -> Vec<Planned> {
    let mut plan: Vec<Planned> = Vec::new();
    let length = sequence.len();
    for (at, slot) in sequence.into_iter().enumerate() {
        let Some(exchange) = slot.exchange else {
            plan.push(Planned { old: slot.old, recording: None });
            continue;
        };
        if let Some(Planned { old, recording: Some(last) }) = plan.last_mut()
            && let exchange::Owners::ByOrder { times: Times::Count(times), cases } = &mut last.owners
            && !slot.any
            && (old.is_some() && *old == slot.old || is_same(&exchange, &last.exchange))
        {
            *times += 1;
            cases.extend(slot.cases);
            continue;
        }
        let times = if slot.any && at + 1 == length { Times::Any } else { Times::Count(1) };
        plan.push(Planned {
            old: slot.old,
            recording: Some(Recording::new(exchange, exchange::Owners::ByOrder { times, cases: slot.cases })),
        });
    }
    plan
}

/// Whether two exchanges are the same but for when and how fast they happened.
fn is_same(new: &Exchange, old: &Exchange) -> bool {
    let lasting = |exchange: &Exchange| {
        let mut headers: Vec<(String, String)> =
            exchange.reply.headers.iter().filter(|(name, _)| is_lasting_header(name)).cloned().collect();
        headers.sort();
        headers
    };
    // A real recording takes the place of an equal simulated one, for its label.
    let better_label = old.origin == Origin::Simulated && new.origin == Origin::Real;
    !better_label
        && (new.reply.status, &new.reply.body, &new.reply.end) == (old.reply.status, &old.reply.body, &old.reply.end)
        && lasting(new) == lasting(old)
}

fn is_lasting_header(name: &str) -> bool {
    !PASSING_HEADERS.contains(&name) && !PASSING_HEADER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Why the new exchange must not take the place of the old.
fn worse(new: &Exchange, old: &Exchange) -> Option<String> {
    let (now, was) = (&new.reply, &old.reply);
    if let (End::Broken(how), End::Complete) = (&now.end, &was.end) {
        return Some(format!("the new reply broke off ({how})"));
    }
    if was.status < 400 && (now.status >= 500 || now.status == 429) {
        return Some(format!("the provider answered {}", now.status));
    }
    if has_end_mark(&was.body) && !has_end_mark(&now.body) && now.status == was.status {
        return Some("the new stream ended without `[DONE]`".to_owned());
    }
    if old.origin == Origin::Real && new.origin == Origin::Simulated {
        return Some("it is real and the new one simulated".to_owned());
    }
    None
}

fn has_end_mark(body: &[u8]) -> bool {
    body.trim_ascii_end().ends_with(b"data: [DONE]")
}

#[cfg(test)]
#[path = "keep_tests.rs"]
mod tests;

/// How often.
pub(super) fn times_of(recording: &Recording) -> Times {
    match &recording.owners {
        exchange::Owners::ByOrder { times, .. } => *times,
        exchange::Owners::Named(_) => Times::Count(1),
    }
}
