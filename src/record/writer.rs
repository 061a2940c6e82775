//! Writes recordings: never a worse one over a better one, never half a file, never a secret, and never over what
//! others use.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::case::CaseState;
use super::cases::Cases;
use super::entry::Entry;
use super::figures::Fate;
use super::file_cache::Found;
use super::library::{Library, Place};
use super::plan::{NewReply, Planned, Recorded, Trust, disowned, plan};
use crate::exchange::{self, Exchange, Key, Owners, Recording, Secrets};

/// Writes to one library.
pub(super) struct Writer {
    library: Arc<Library>,
    secrets: Secrets,
    cases: Arc<Cases>,
}

/// The entries to write for a case, or for none.
pub(super) struct Batch {
    pub(super) case: Arc<CaseState>,
    /// The entries, in the order of their keys and repeats.
    pub(super) entries: Vec<Placed>,
    pub(super) trust: Trust,
    /// Whether everything was asked anew: then the case gives up the recordings that it did not ask for.
    pub(super) is_whole: bool,
}

/// An entry with its place in replay.
pub(super) struct Placed {
    pub(super) entry: Arc<Entry>,
    /// Which of the equal requests of the case it answers, from 1.
    pub(super) nth: u32,
    /// How many of them there were.
    pub(super) asked: u32,
}

impl Placed {
    /// The entry in its place for this case, as far as is known. `None` if it is of no use.
    pub(super) fn of(case: &CaseState, library: &Library, entry: Arc<Entry>) -> Option<Self> {
        let (asked, nth) = case.settled(&library.count_name(&entry.key), entry.nth)?;
        Some(Placed { entry, nth, asked })
    }
}

impl Writer {
    pub(super) fn new(library: Arc<Library>, secrets: Secrets, cases: Arc<Cases>) -> Self {
        Writer { library, secrets, cases }
    }

    pub(super) fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// The case as recordings name it.
    pub(super) fn label(&self, case: &CaseState) -> Option<String> {
        case.label.as_deref().map(|label| self.secrets.text(label))
    }

    /// Counts an exchange that is not recorded, and returns the note about it.
    pub(super) fn not_kept(&self, key: &Key, why: &str) -> String {
        let path = self.library.path_of(&key.name);
        let provider = self.library.provider();
        let what = match path.exists() {
            true => {
                self.cases.recorded(&path, Fate::Kept, provider);
                "kept as it was"
            }
            false => {
                self.cases.unwritten(&path, provider);
                "not written"
            }
        };
        format!("{}: {what}, because {why}", path.display())
    }

    /// Writes a batch and returns notes on what was not written. Blocks on the disk and on other writers.
    pub(super) fn keep(&self, batch: &Batch) -> Vec<String> {
        let mut notes = Vec::new();
        let shelf = self.library.shelf(self.library.target());
        let lock = shelf.lock();
        for (entries, asked) in groups(batch) {
            let kept =
                lock.as_ref().map_err(again).and_then(|lock| self.keep_one(batch, entries, asked, lock, &mut notes));
            match kept {
                Ok(()) => entries.iter().for_each(|placed| placed.entry.keep()),
                Err(error) => self.failed(&entries[0].entry.key, &error, &mut notes),
            }
        }
        let is_test = batch.case.label.as_deref().is_some_and(|label| label.contains("::"));
        if batch.is_whole && batch.trust == Trust::Passed && is_test && lock.is_ok() {
            let superseded = self.let_go(batch, &mut notes);
            if let Err(error) = superseded {
                notes.push(format!("could not look for what {} asked before: {error}", shelf.folder().display()));
            }
        }
        notes
    }

    fn failed(&self, key: &Key, error: &io::Error, notes: &mut Vec<String>) {
        let note = format!("could not write {}: {error}", self.library.path_of(&key.name).display());
        self.cases.failed(note.clone());
        notes.push(note);
    }

    /// Writes the replies to one request, for one case.
    fn keep_one(
        &self,
        batch: &Batch,
        entries: &[Placed],
        asked: u32,
        _lock: &File,
        notes: &mut Vec<String>,
    ) -> io::Result<()> {
        let (first, label) = (&entries[0].entry, self.label(&batch.case));
        let (files, broken) = self.old_files(batch, first);
        let reply = |Placed { entry, nth, .. }: &Placed| {
            Ok(NewReply { nth: *nth, is_cut: entry.is_cut, exchange: entry.exchange()? })
        };
        let replies = entries.iter().map(reply).collect::<io::Result<Vec<NewReply>>>()?;
        let (trust, provider) = (batch.trust, self.library.provider());
        let recorded = Recorded { label: label.as_deref(), replies: &replies, asked, trust, provider };
        let mut said = Vec::new();
        let plan = plan(&files, &recorded, &mut |at: Option<usize>, why| {
            let path = at.map_or_else(|| self.library.path_of(&first.key.name), |at| files[at].path.clone());
            said.push(format!("{}: {why}", path.display()));
        });
        notes.extend(said);
        let (kept, gone): (Vec<Planned>, Vec<Planned>) =
            plan.into_iter().partition(|planned| !planned.owners.is_empty());
        self.write_all(batch, &first.key, &files, broken, kept, notes)?;
        for planned in gone {
            let Some(old) = planned.old else { continue };
            self.remove(&files[old].path)?;
            notes.push(format!("{}: removed, because no case is left that asks it", files[old].path.display()));
        }
        Ok(())
    }

    /// Writes every file that changed, new ones first: until an old file is changed, it answers as before.
    fn write_all(
        &self,
        batch: &Batch,
        key: &Key,
        files: &[Arc<Found>],
        mut broken: Vec<(String, String)>,
        mut plan: Vec<Planned>,
        notes: &mut Vec<String>,
    ) -> io::Result<()> {
        let target = self.library.target();
        plan.sort_by_key(|planned| planned.old.is_some());
        let mut taken = BTreeSet::new();
        for planned in plan {
            let (place, name) = match planned.old {
                Some(old) => place_and_name(&self.library, &files[old].path),
                None => {
                    let is_its = |(name, _): &(String, String)| {
                        *name == super::shelf::file_name(&key.name, planned.nth as usize)
                    };
                    let name = match broken.iter().position(is_its) {
                        Some(at) => {
                            let (name, fault) = broken.remove(at);
                            let path = self.library.shelf(target).path(&name);
                            notes.push(format!("{}: replaced, because it was broken: {fault}", path.display()));
                            name
                        }
                        None => self.library.shelf(target).free_name(&key.name, &taken),
                    };
                    (target, name)
                }
            };
            let path = self.library.shelf(place).path(&name);
            if planned.is_changed {
                self.write(place, &name, &planned.recording())?;
                taken.insert(path.clone());
            }
            if let Some(fate) = planned.fate {
                match planned.is_changed {
                    true => batch.case.wrote(&path),
                    false => batch.case.used(&path),
                }
                self.cases.recorded(&path, fate, self.library.provider());
            }
        }
        Ok(())
    }

    /// The files with equal requests, and the files under its names that cannot be read, with the reasons.
    fn old_files(&self, batch: &Batch, entry: &Entry) -> (Vec<Arc<Found>>, Vec<(String, String)>) {
        let view = self.library.view(batch.case.masks());
        let broken = self.library.broken(&entry.key.name);
        // Unreadable files are found by their names only; of the others, all with equal requests are found.
        (self.library.readable(&view, &entry.key, entry.request()), broken)
    }

    /// Removes a case from the recordings of requests that it used to send to the same endpoints, and no longer sends.
    fn let_go(&self, batch: &Batch, notes: &mut Vec<String>) -> io::Result<()> {
        let Some(label) = self.label(&batch.case) else { return Ok(()) };
        let view = self.library.view(batch.case.masks());
        let asks = |found: &Found| {
            let request = &found.recording.exchange.request;
            let is_there = |placed: &&Placed| {
                let asked = placed.entry.request();
                (&asked.method, &asked.endpoint) == (&request.method, &request.endpoint)
            };
            let key = self.library.key_under(&view.rules, request);
            let mut all = batch.entries.iter();
            all.clone().any(|placed| is_there(&placed)) && all.all(|placed| placed.entry.key != key)
        };
        for place in Place::ALL {
            for name in self.library.labelled(&view, place, &label) {
                let path = self.library.shelf(place).path(&name);
                let Ok(Some(found)) = self.library.load(&path) else { continue };
                match asks(&found).then(|| disowned(&found.recording, &label)).flatten() {
                    None => {}
                    Some(Some(recording)) => self.write(place, &name, &recording)?,
                    Some(None) => {
                        self.remove(&path)?;
                        notes.push(format!(
                            "{}: removed, because {label}, for which it was, asks something else now",
                            path.display()
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a case already has a recording of its own for an equal request.
    pub(super) fn has_own(&self, case: &CaseState, entry: &Entry) -> bool {
        let label = self.label(case);
        let view = self.library.view(case.masks());
        self.library.readable(&view, &entry.key, entry.request()).iter().any(|found| {
            let repeats = found.named().and_then(|named| named.repeats_of(label.as_deref()));
            repeats.is_some_and(|repeats| repeats.has(entry.nth))
        })
    }

    /// Takes back the recordings of a session that did not end well.
    pub(super) fn take_back(&self, case: &CaseState, entries: &[Arc<Entry>]) {
        let Some(label) = self.label(case) else { return };
        let lock = self.library.shelf(self.library.target()).lock();
        let view = self.library.view(case.masks());
        for entry in entries.iter().filter(|_| lock.is_ok()) {
            for found in self.library.readable(&view, &entry.key, entry.request()) {
                let Owners::Named(named) = &found.recording.owners else { continue };
                if !named.repeats_of(Some(&label)).is_some_and(|repeats| repeats.has(entry.nth)) {
                    continue;
                }
                let mut named = named.clone();
                named.entry(Some(&label)).remove(entry.nth);
                named.tidy();
                let (place, name) = place_and_name(&self.library, &found.path);
                let recording = Recording { owners: Owners::Named(named.clone()), ..found.recording.clone() };
                let done = match named.is_empty() {
                    true => self.remove(&found.path).map(|()| self.taken_back(&found.path)),
                    false => self.write(place, &name, &recording),
                };
                match done {
                    Ok(()) => case.forget_written(&found.path),
                    Err(error) => case.note(format!("{}: could not be taken back: {error}", found.path.display())),
                }
            }
        }
    }

    fn taken_back(&self, path: &Path) {
        self.cases.taken_back(path, self.library.provider());
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (place, name) = place_and_name(&self.library, path);
        let shelf = self.library.shelf(place);
        let before = shelf.changed();
        shelf.remove(&name)?;
        self.library.refresh(place, &name, before);
        Ok(())
    }

    fn write(&self, place: Place, name: &str, recording: &Recording) -> io::Result<()> {
        let written = exchange::written(recording)?;
        if let Some(variable) = self.secrets.find(written.text.as_bytes()) {
            return Err(io::Error::other(format!("the value of {variable} would remain in it")));
        }
        let Exchange { request, reply, .. } = &recording.exchange;
        if let Some(variable) = self.secrets.find_in_reply(reply) {
            return Err(io::Error::other(format!(
                "the value of {variable} would remain in it: the reply to {} {} holds it in pieces or as numbers, which \
                 cannot be replaced without falsifying the reply",
                request.method, request.endpoint
            )));
        }
        let shelf = self.library.shelf(place);
        let before = shelf.changed();
        // Before it replaces anything, the file on disk must answer its own request with the same bytes.
        shelf.write(name, |out| written.to(out), |path| self.prove(path, recording))?;
        self.library.refresh(place, name, before);
        Ok(())
    }

    fn prove(&self, path: &Path, recording: &Recording) -> io::Result<()> {
        let back = self.library.read(path).map_err(io::Error::other)?;
        let back = back.ok_or_else(|| {
            io::Error::other("the written file cannot be read as a recording; this is a bug in retake")
        })?;
        let differs = if back.recording.exchange.reply != recording.exchange.reply {
            "another reply"
        } else if back.key != self.library.key(&recording.exchange.request) {
            "another request"
        } else if (back.recording.exchange.origin, &back.recording.owners)
            != (recording.exchange.origin, &recording.owners)
        {
            "another origin or other cases"
        } else {
            return Ok(());
        };
        Err(io::Error::other(format!("the written file gives {differs} than was recorded; this is a bug in retake")))
    }
}

/// The entries grouped by request, with how often it was sent.
fn groups(batch: &Batch) -> Vec<(&[Placed], u32)> {
    let asked = |group: &[Placed]| group.last().map_or(0, |last| last.asked.max(last.nth));
    batch.entries.chunk_by(|a, b| a.entry.key == b.entry.key).map(|group| (group, asked(group))).collect()
}

fn place_and_name(library: &Library, path: &Path) -> (Place, String) {
    let place = if path.parent() == Some(library.root()) { Place::Flat } else { Place::Own };
    (place, path.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

/// A copy of the error, for another file.
fn again(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
