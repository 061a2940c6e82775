//! `retake record`: records once into the recordings, or twice into temporary folders to see what changes.

use std::path::Path;

use crate::exchange::Mask;
use crate::provider::Catalogue;
use crate::record::Library;

use super::args::{RecordArgs, TestArgs};
use super::exit::{Exit, Stop};
use super::output::{Scrubbed, guarded};
use super::settings::{self, Sourcing};
use super::{load, test, twice};

/// Records as the arguments say.
pub(super) fn run(args: RecordArgs) -> Result<Exit, Stop> {
    let RecordArgs { mut test, twice } = args;
    match test.source.mode.as_str() {
        "record" | "replay" => test.source.mode = "record".to_owned(),
        other => return Err(Stop::usage(format!("retake record records: leave --mode {other} out"))),
    }
    if !twice {
        return test::run(&test, "retake test");
    }
    let (first, second) = (aside()?, aside()?);
    let mut worst = Exit::Ok;
    for folder in [&first, &second] {
        folder.path().clone_into(&mut test.source.recordings);
        worst = match test::run(&test, "retake test")? {
            Exit::Ok => worst,
            // The recordings can be compared even if cases failed.
            Exit::Failed => Exit::Failed,
            end => return Ok(end),
        };
    }
    compare(&test, first.path(), second.path())?;
    Ok(worst)
}

/// A temporary folder to record into.
pub(super) fn aside() -> Result<tempfile::TempDir, Stop> {
    tempfile::TempDir::new().map_err(|error| Stop::internal(format!("no temporary folder can be made: {error}")))
}

fn compare(args: &TestArgs, first: &Path, second: &Path) -> Result<(), Stop> {
    let color = settings::color(args.libtest.color);
    let catalogue = load::parties(&args.source, color)?.catalogue;
    let files = load::selected(&args.source.suites, &args.select)?;
    let suites = load::suites(&files, &args.source, &catalogue, color)?;
    let masks: Vec<Mask> = suites.iter().flat_map(|suite| suite.masks.iter().cloned()).collect();
    let secrets = Sourcing::new(&args.source, &catalogue)?.secrets(&catalogue);
    guarded(&secrets, || {
        let account = account(&catalogue, &masks, first, second)?;
        let mut out = Scrubbed::new(std::io::stdout(), secrets.clone());
        std::io::Write::write_all(&mut out, account.as_bytes()).map_err(Stop::internal)
    })
}

/// The differences between two folders of recordings, for each provider.
pub(super) fn account(catalogue: &Catalogue, masks: &[Mask], first: &Path, second: &Path) -> Result<String, Stop> {
    let mut out = String::new();
    for provider in &catalogue.providers {
        let read = |folder| Library::open(folder, provider).exchanges().map_err(Stop::internal);
        let (first, second) = (read(first)?, read(second)?);
        if !first.is_empty() || !second.is_empty() {
            out.push_str(&twice::account(&provider.name, &provider.rules.with_masks(masks), &first, &second));
        }
    }
    if out.is_empty() {
        out.push_str("Nothing was recorded, so that there is nothing to compare.\n");
    }
    Ok(out)
}
