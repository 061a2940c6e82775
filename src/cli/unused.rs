//! Finds recordings that no case uses any more.

use std::path::PathBuf;

use super::args::SelectArgs;
use super::exit::Stop;
use super::settings::Sourcing;
use super::tapes::Tapes;
use crate::provider::Setup;
use crate::record::{Mode, Tape};

/// Whether this run would use every needed recording: all cases are selected, and requests are answered by recordings.
pub(super) fn can_tell(select: &SelectArgs, sourcing: &Sourcing, deselected: usize) -> bool {
    let models = [&select.text_model, &select.embedding_model, &select.vision_model];
    let all = deselected == 0 && select.suite.is_empty() && select.subdirs.is_empty();
    all && sourcing.mode != Mode::Live && sourcing.by_hand.is_empty() && models.into_iter().all(Option::is_none)
}

/// The recordings that a run did not use, of providers of which all setups were run.
pub(super) fn unused(tapes: &Tapes<'_>, run: &[Setup], all: &[Setup]) -> Vec<PathBuf> {
    let is_run = |setup: &&Setup| run.iter().any(|other| other.name == setup.name);
    let open = tapes.set.tapes();
    let whole = open.iter().filter(|tape| {
        let provider = tape.library().provider();
        all.iter().filter(|setup| setup.provider == provider).all(|setup| is_run(&setup))
    });
    // A shared folder also holds recordings of providers that were not run.
    let is_own = |tape: &Tape, file: &PathBuf| file.parent().is_some_and(|at| at.ends_with(tape.library().provider()));
    let files = whole.flat_map(|tape| tape.library().files().into_iter().filter(|file| is_own(tape, file)));
    files.filter(|file| !tapes.set.is_touched(file)).collect()
}

/// The message about them; removes them first if `prune` is set. Another stack may need recordings that this one does
/// not.
pub(super) fn notice(unused: &[PathBuf], prune: bool, name_them: bool) -> Result<String, Stop> {
    for file in unused.iter().filter(|_| prune) {
        std::fs::remove_file(file)
            .map_err(|error| Stop::usage(format!("cannot remove {}: {error}", file.display())))?;
    }
    let recordings = if unused.len() == 1 { "1 recording".to_owned() } else { format!("{} recordings", unused.len()) };
    let named: String = unused.iter().map(|file| format!("\n  {}", file.display())).collect();
    Ok(match (prune, name_them) {
        (true, _) => format!("removed {recordings} that no case of this run used:{named}"),
        (false, true) => format!("{recordings} used by no case of this run (--prune removes them):{named}"),
        (false, false) => format!("{recordings} used by no case of this run (-v names them, --prune removes them)"),
    })
}
