//! What the outcomes of a run rest on, for reports.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::hooks::milliseconds;
use super::settings::{Elsewhere, Sourcing};
use super::tapes::Tapes;
use crate::event::{Origin, Proof, RecordingCounts, UsedRecording};
use crate::exchange::{self, Secrets};
use crate::record::{TapeSet, UsedFile};

/// How long git may take: in a very large repository the report does without it.
const PATIENCE: Duration = Duration::from_secs(2);

/// The proof of a run that is over. `elsewhere` counts requests to a stack that asks its providers by itself.
pub(super) fn of(
    tapes: &Tapes<'_>,
    elsewhere: usize,
    unused: Option<usize>,
    protocol: &str,
    revision: Revision,
) -> Proof {
    let proof = of_tapes(&tapes.set, &scripted(tapes.sourcing), &tapes.secrets);
    Proof {
        revision: revision.wait(),
        network_requests: proof.network_requests + elsewhere,
        recordings: RecordingCounts { unused, ..proof.recordings },
        protocol: Some(protocol.to_owned()),
        ..proof
    }
}

/// The proof of what these tapes did, without the revision. Which recordings nobody needs is not known.
pub(super) fn of_tapes(tapes: &TapeSet, scripted: &BTreeSet<String>, secrets: &Secrets) -> Proof {
    let used: Vec<UsedRecording> = tapes.used().into_iter().map(|(path, file)| described(&path, &file)).collect();
    Proof {
        network_requests: tapes.network_requests(|provider| !scripted.contains(provider)),
        recordings: RecordingCounts::of(&used, None),
        used,
        protocol: None,
        secrets: secrets.names(),
        revision: None,
    }
}

/// The providers whose place a script takes: it is asked in this process.
pub(super) fn scripted(sourcing: &Sourcing) -> BTreeSet<String> {
    let is_script = |elsewhere: &Elsewhere| matches!(elsewhere, Elsewhere::Script(_));
    let all = sourcing.elsewhere.iter().filter(|(_, elsewhere)| is_script(elsewhere));
    all.map(|(provider, _)| provider.clone()).collect()
}

fn described(path: &Path, file: &UsedFile) -> UsedRecording {
    UsedRecording {
        file: path.display().to_string(),
        origin: match file.origin {
            _ if file.is_edited => Origin::Edited,
            exchange::Origin::Real => Origin::Real,
            exchange::Origin::Simulated => Origin::Simulated,
        },
        imported: file.recorded_at.is_none(),
        recorded_ms: file.recorded_at.as_deref().and_then(milliseconds),
    }
}

/// The git revision of a folder, as it is found out beside the run.
pub(super) struct Revision(Option<JoinHandle<Option<String>>>);

impl Revision {
    /// None.
    pub(super) fn none() -> Self {
        Revision(None)
    }

    /// Begins to ask git.
    pub(super) fn of(folder: &Path) -> Self {
        let folder = folder.to_owned();
        Revision(Some(thread::spawn(move || asked(&folder))))
    }

    /// What was found out.
    pub(super) fn wait(self) -> Option<String> {
        self.0?.join().ok().flatten()
    }
}

/// What git says; `None` where there is no git, no repository or no commit, or where it takes too long.
fn asked(folder: &Path) -> Option<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder);
    // A monitor of the user's must not be started for a report, and nothing of the repository is changed.
    command.args(["-c", "core.fsmonitor=false", "describe", "--always", "--exclude=*", "--abbrev=40", "--dirty=+"]);
    command.env("GIT_OPTIONAL_LOCKS", "0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut git = command.spawn().ok()?;
    let until = Instant::now() + PATIENCE;
    loop {
        match git.try_wait() {
            Ok(Some(status)) if status.success() => break,
            Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(5)),
            _ => {
                let _ = git.kill();
                let _ = git.wait();
                return None;
            }
        }
    }
    let said = String::from_utf8(git.wait_with_output().ok()?.stdout).ok()?;
    let revision = said.trim();
    let is_hash = revision.trim_end_matches('+').chars().all(|c| c.is_ascii_hexdigit());
    (is_hash && !revision.is_empty()).then(|| revision.to_owned())
}
