//! Decides what happens to the files of one request when it was recorded anew. Pure.
//!
//! Recording a case anew never changes what another case uses: a file that they shared is copied, and the case gives up
//! what it no longer asks.

use std::sync::Arc;

use super::figures::Fate;
use super::file_cache::Found;
use super::order::{Answer, Asker, answer, spelt_out};
use super::same::{is_same, worse};
use crate::exchange::{Exchange, Named, Owners, Recording, Repeats, trouble};

/// How certain it is that a new recording is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// The case that saw it ended well.
    Passed,
    /// The case did not end well, but its recordings are kept all the same.
    Forced,
    /// The outcome is not known.
    Unknown,
}

/// The new replies to equal requests, of one case or of none.
pub(super) struct Recorded<'a> {
    /// The case as recordings name it.
    pub(super) label: Option<&'a str>,
    /// In the order of their repeats.
    pub(super) replies: &'a [NewReply],
    /// How often the case sent the request: recordings for higher numbers are no longer the case's.
    pub(super) asked: u32,
    pub(super) trust: Trust,
    pub(super) provider: &'a str,
}

/// One new reply.
pub(super) struct NewReply {
    pub(super) nth: u32,
    /// The reply broke off because nobody wanted the rest: even a case that ended well does not make it right.
    pub(super) is_cut: bool,
    pub(super) exchange: Exchange,
}

/// A file as it should become.
#[derive(Debug)]
pub(super) struct Planned {
    /// The index of the old file; `None` for a new one.
    pub(super) old: Option<usize>,
    /// The new content, except for its owners.
    recording: Recording,
    /// The new owners.
    pub(super) owners: Named,
    /// For a new file, which of the equal requests it was written for.
    pub(super) nth: u32,
    /// The file must be written.
    pub(super) is_changed: bool,
    /// What a new reply did to the file; `None` if none was for it.
    pub(super) fate: Option<Fate>,
}

impl Planned {
    /// The recording to write.
    pub(super) fn recording(&self) -> Recording {
        Recording { owners: Owners::Named(self.owners.clone()), ..self.recording.clone() }
    }

    /// Whether it is this case's own reply to its `nth` request.
    fn is_own(&self, label: Option<&str>, nth: u32) -> bool {
        let is_further = |first: u32| self.owners.and_further && first <= nth;
        let repeats = self.owners.repeats_of(label);
        repeats.is_some_and(|repeats| repeats.has(nth) || repeats.first().is_some_and(is_further))
    }

    /// Whether it is used only by this case's `nth` request.
    fn is_only(&self, label: Option<&str>, nth: u32) -> bool {
        let Named { anyone, cases, .. } = &self.owners;
        let is_it = |case: Option<&str>, repeats: &Repeats| case == label && repeats.iter().all(|own| own == nth);
        let mut named = cases.iter().filter(|(_, repeats)| !repeats.is_empty());
        (anyone.is_empty() || is_it(None, anyone)) && named.all(|(case, repeats)| is_it(Some(case), repeats))
    }

    fn take_from(&mut self, label: Option<&str>, nth: u32) {
        let owners = &mut self.owners;
        if owners.repeats_of(label).is_some_and(|repeats| repeats.has(nth)) {
            owners.entry(label).remove(nth);
            owners.tidy();
            self.is_changed = true;
        }
    }

    fn give_to(&mut self, label: Option<&str>, nth: u32) {
        if !self.is_own(label, nth) {
            self.owners.entry(label).add(nth);
            self.is_changed = true;
        }
    }
}

/// The files as they should become: those with an owner stay or are written, those without are removed. `note` is told
/// why a file stays as it was, or what is unusual about a new reply.
pub(super) fn plan(
    files: &[Arc<Found>],
    recorded: &Recorded<'_>,
    note: &mut dyn FnMut(Option<usize>, String),
) -> Vec<Planned> {
    let mut plan: Vec<Planned> = files.iter().zip(spelt_out(files)).enumerate().map(as_it_is).collect();
    for reply in recorded.replies {
        place(&mut plan, files, reply, recorded, note);
    }
    for planned in &mut plan {
        let owners = &mut planned.owners;
        let (label, asked) = (recorded.label, recorded.asked);
        if owners.repeats_of(label).and_then(|repeats| repeats.last()).is_some_and(|last| last > asked) {
            owners.entry(label).retain(|nth| *nth <= asked);
            owners.tidy();
            planned.is_changed = true;
        }
    }
    plan
}

fn as_it_is((at, (file, owners)): (usize, (&Arc<Found>, Named))) -> Planned {
    Planned { old: Some(at), recording: file.recording.clone(), owners, nth: 0, is_changed: false, fate: None }
}

/// Decides in which file one reply goes.
fn place(
    plan: &mut Vec<Planned>,
    files: &[Arc<Found>],
    reply: &NewReply,
    recorded: &Recorded<'_>,
    note: &mut dyn FnMut(Option<usize>, String),
) {
    let (label, nth, new) = (recorded.label, reply.nth, &reply.exchange);
    let trust = if reply.is_cut { Trust::Unknown } else { recorded.trust };
    let own = plan.iter().position(|planned| planned.is_own(label, nth));
    let same = plan
        .iter()
        .position(|planned| planned.is_own(label, nth) && is_same(new, &planned.recording.exchange))
        .or_else(|| plan.iter().position(|planned| is_same(new, &planned.recording.exchange)));
    let is_expected = trust == Trust::Passed && trouble(&new.reply).is_some();
    if let Some(same) = same {
        if let Some(own) = own.filter(|own| *own != same) {
            plan[own].take_from(label, nth);
        }
        plan[same].give_to(label, nth);
        plan[same].fate = plan[same].fate.max(Some(Fate::Unchanged));
        if is_expected && !plan[same].recording.expected {
            plan[same].recording.expected = true;
            plan[same].is_changed = true;
            note_expected(new, note);
        }
        return;
    }
    let asker = Asker { label, provider: recorded.provider, nth, lender: None };
    let before = own.or_else(|| match answer(files, &asker) {
        Answer::File { at, .. } => Some(at),
        _ => None,
    });
    if let Some(at) = before
        && let Some(why) = worse(new, &plan[at].recording.exchange, trust)
    {
        note(plan[at].old, format!("kept as it was, because {why}"));
        plan[at].fate = plan[at].fate.max(Some(Fate::Kept));
        return;
    }
    let owners = Named::of(label, nth);
    let recording = Recording { expected: is_expected, ..Recording::new(new.clone(), Owners::Named(owners.clone())) };
    match own {
        Some(own) if plan[own].is_only(label, nth) => {
            let old = plan[own].old;
            let fate = Some(if old.is_some() { Fate::Replaced } else { Fate::Recorded });
            plan[own] = Planned { old, recording, owners, nth, is_changed: true, fate };
        }
        own => {
            if let Some(own) = own {
                plan[own].take_from(label, nth);
            }
            let fate = Some(Fate::Recorded);
            plan.push(Planned { old: None, recording, owners, nth, is_changed: true, fate });
        }
    }
    if is_expected {
        note_expected(new, note);
    } else if let Some(why) = trouble(&new.reply).filter(|_| reply.is_cut) {
        note(None, format!("recorded as far as it came, because {why}"));
    }
}

fn note_expected(new: &Exchange, note: &mut dyn FnMut(Option<usize>, String)) {
    if let Some(why) = trouble(&new.reply) {
        note(None, format!("recorded as it came, although {why}: the case or session that asked for it ended well"));
    }
}

/// The recording without this case, which no longer asks for it; the inner `None` means that no owner is left.
pub(super) fn disowned(recording: &Recording, label: &str) -> Option<Option<Recording>> {
    let Owners::Named(named) = &recording.owners else { return None };
    let mut named = named.clone();
    named.cases.remove(label)?;
    Some((!named.is_empty()).then(|| Recording { owners: Owners::Named(named), ..recording.clone() }))
}
