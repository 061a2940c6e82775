//! Finds recordings that no case uses any more.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::SelectArgs;
use super::exit::Stop;
use super::settings::Sourcing;
use super::tapes::Tapes;
use crate::provider::Setup;
use crate::record::{Mode, Tape, TapeSet};

/// Whether this run would use every needed recording: all cases are selected, and requests are answered by recordings.
pub(super) fn can_tell(select: &SelectArgs, sourcing: &Sourcing, deselected: usize) -> bool {
    let models = [&select.text_model, &select.embedding_model, &select.vision_model];
    let all = deselected == 0 && select.suite.is_empty() && select.subdirs.is_empty();
    all && sourcing.mode != Mode::Live && sourcing.by_hand.is_empty() && models.into_iter().all(Option::is_none)
}

/// The recordings that a run did not use, of providers of which all setups were run.
pub(super) fn unused(tapes: &Tapes<'_>, run: &[Setup], all: &[Setup]) -> Vec<PathBuf> {
    let is_run = |setup: &&Setup| run.iter().any(|other| other.name == setup.name);
    // Where the project has setups of its own, the recordings are of those, unless another one was named.
    let counts = |setup: &&Setup| !setup.by_name_only || run.iter().any(|run| run.by_name_only);
    untouched(&tapes.set, |tape| {
        let provider = tape.library().provider();
        all.iter().filter(counts).filter(|setup| setup.provider == provider).all(|setup| is_run(&setup))
    })
}

/// The recordings that a command did not use, of providers that it asked something. What suites alone use is theirs.
pub(super) fn of_command(tapes: &TapeSet) -> Vec<PathBuf> {
    let mut left = untouched(tapes, |tape| tape.figures().requests > 0);
    let open = tapes.tapes();
    left.retain(|file| !open.iter().any(|tape| tape.library().cases_of(file).iter().any(|case| is_of_a_suite(case))));
    left
}

/// Whether a case is of a suite, by its label: a YAML file, and the rest.
fn is_of_a_suite(label: &str) -> bool {
    label.split_once("::").is_some_and(|(file, _)| file.ends_with(".yaml") || file.ends_with(".yml"))
}

/// The recordings in the own folders of these tapes' providers that nobody used.
fn untouched(tapes: &TapeSet, is_whole: impl Fn(&Tape) -> bool) -> Vec<PathBuf> {
    let open = tapes.tapes();
    let whole = open.iter().filter(|tape| is_whole(tape));
    // A shared folder also holds recordings of providers that were not run.
    let is_own = |tape: &Tape, file: &Path| file.parent().is_some_and(|at| at.ends_with(tape.library().provider()));
    let left = |tape: &Arc<Tape>| tape.library().recordings(|file| is_own(tape, file) && !tapes.is_touched(file));
    whole.flat_map(left).collect()
}

/// The message about recordings that none of `users` (`case`, `request`) used; removes them first if `prune` is set.
/// Another stack may need recordings that this one does not. `hint` says how they are named if they are not.
pub(super) fn notice(
    unused: &[PathBuf],
    (users, hint): (&str, &str),
    prune: bool,
    name_them: bool,
) -> Result<String, Stop> {
    for file in unused.iter().filter(|_| prune) {
        std::fs::remove_file(file)
            .map_err(|error| Stop::usage(format!("cannot remove {}: {error}", file.display())))?;
    }
    let recordings = if unused.len() == 1 { "1 recording".to_owned() } else { format!("{} recordings", unused.len()) };
    let named: String = unused.iter().map(|file| format!("\n  {}", file.display())).collect();
    Ok(match (prune, name_them) {
        (true, _) => format!("removed {recordings} that no {users} of this run used:{named}"),
        (false, true) => format!("{recordings} used by no {users} of this run (--prune removes them):{named}"),
        (false, false) => format!("{recordings} used by no {users} of this run ({hint}--prune removes them)"),
    })
}
