//! `retake record`: once into the recordings, or twice aside, to see what does not stay the same.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::exchange::{Field, Moved, Remedy, moved};
use crate::provider::{Catalogue, Provider};
use crate::record::Library;

use super::args::{RecordArgs, TestArgs};
use super::exit::{Exit, Stop};
use super::output::{Scrubbed, guarded};
use super::settings::{self, Sourcing};
use super::{load, test};

/// Characters shown of a value.
const MOST_CHARACTERS: usize = 60;
/// Fields shown of replies, which need no remedy.
const MOST_REPLY_FIELDS: usize = 12;

/// Records what the arguments say.
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
            // What was recorded can still be compared.
            Exit::Failed => Exit::Failed,
            end => return Ok(end),
        };
    }
    compare(&test, first.path(), second.path())?;
    Ok(worst)
}

fn aside() -> Result<tempfile::TempDir, Stop> {
    tempfile::TempDir::new().map_err(|error| Stop::internal(format!("no temporary folder can be made: {error}")))
}

fn compare(args: &TestArgs, first: &Path, second: &Path) -> Result<(), Stop> {
    let catalogue = load::parties(&args.source, settings::color(args.libtest.color))?.catalogue;
    let secrets = Sourcing::new(&args.source, &catalogue)?.secrets(&catalogue);
    guarded(&secrets, || {
        let account = account(&catalogue, first, second)?;
        let mut out = Scrubbed::new(std::io::stdout(), secrets.clone());
        std::io::Write::write_all(&mut out, account.as_bytes()).map_err(Stop::internal)
    })
}

fn account(catalogue: &Catalogue, first: &Path, second: &Path) -> Result<String, Stop> {
    let mut out = String::new();
    for provider in &catalogue.providers {
        let read = |folder| Library::open(folder, provider).exchanges().map_err(Stop::internal);
        let (first, second) = (read(first)?, read(second)?);
        if !first.is_empty() || !second.is_empty() {
            say(provider, &moved(&first, &second), &mut out);
        }
    }
    if out.is_empty() {
        out.push_str("Nothing was recorded, so that there is nothing to compare.\n");
    }
    Ok(out)
}

fn say(provider: &Provider, moved: &Moved, out: &mut String) {
    let _ = writeln!(out, "\n{}: {} requests were recorded twice, aside.", provider.name, moved.pairs);
    for request in &moved.unpaired {
        let _ = writeln!(out, "  {request}");
    }
    if moved.requests.is_empty() {
        let _ = writeln!(out, "  No request moved: replay finds them all.");
    } else {
        let _ = writeln!(out, "  Of the requests moved:");
        moved.requests.iter().for_each(|field| line(field, out));
    }
    propose(provider, moved, out);
    if !moved.replies.is_empty() {
        let _ = writeln!(out, "  Of the replies moved, and is replayed as it was recorded; expect no exact value of:");
        moved.replies.iter().take(MOST_REPLY_FIELDS).for_each(|field| line(field, out));
        if let Some(more) = moved.replies.len().checked_sub(MOST_REPLY_FIELDS).filter(|more| *more > 0) {
            let _ = writeln!(out, "    and {more} more fields");
        }
    }
}

fn line(field: &Field, out: &mut String) {
    let shown = |value: &Option<Value>| value.as_ref().map_or_else(|| "(absent)".to_owned(), shown);
    let remedy = match field.remedy {
        Remedy::None | Remedy::Ignore => "",
        Remedy::FromReply => "\n      came in a reply before, so that replay repeats it: nothing is to be done",
        Remedy::Fix => {
            "\n      is part of what is asked: make it constant in the test or the app (its clock, its ids, its order)"
        }
    };
    let (times, old, new) = (field.count, shown(&field.old), shown(&field.new));
    let _ = writeln!(out, "    {} {} ({times} times): {old} then {new}{remedy}", field.endpoint, field.path);
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// The lines for `providers.yaml`.
fn propose(provider: &Provider, moved: &Moved, out: &mut String) {
    let ignorable: Vec<&Field> = moved.requests.iter().filter(|field| field.remedy == Remedy::Ignore).collect();
    if ignorable.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "  If these make no difference to an answer, say so in suites/providers.yaml; they are then no part of the match:"
    );
    let _ = writeln!(out, "\n    {}:\n      ignores:", provider.name);
    let mut at = "";
    for field in ignorable {
        if field.endpoint != at {
            let _ = writeln!(out, "        {}:", field.endpoint);
            at = &field.endpoint;
        }
        let _ = writeln!(out, "          - {}", Value::from(field.path.as_str()));
    }
    out.push('\n');
}
