//! `retake run`: runs a command whose SDKs get recordings.

mod signals;
mod troubles;

use std::io::ErrorKind;
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};

use signals::Signals;
use tokio::process::Command;
use tokio::sync::watch;
use troubles::Troubles;

use crate::event::Interruption;
use crate::exchange::Secrets;
use crate::proxy::{self, Proxy, Trouble};
use crate::record::{Mode, Staging, Verdict};
use crate::stack;

use super::args::ProgramArgs;
use super::ending::{AFTER_COMMAND, GRACE, broken_off};
use super::exit::{Exit, Stop};
use super::output::{Scrubbed, guarded, warn};
use super::proxy::{Behind, ProxyHooks};
use super::sessions::RunEnd;
use super::settings::{self, Sourcing, quoted_if_needed};
use super::socket::{base_of, bind, guard};
use super::watchdog::Watchdog;
use super::{block_on, figures, load, record, unused};

/// How many unused recordings are named; more are only counted.
const MOST_NAMED: usize = 10;

/// Runs the command to its end.
pub(super) fn run(mut args: ProgramArgs) -> Result<ExitCode, Stop> {
    if !args.twice {
        return Ok(ExitCode::from(once(&args)?));
    }
    let source = &mut args.proxy.source;
    match source.mode.as_str() {
        "record" | "replay" => source.mode = "record".to_owned(),
        other => return Err(Stop::usage(format!("--twice records: leave --mode {other} out"))),
    }
    let folders = [record::aside()?, record::aside()?];
    for folder in &folders {
        folder.path().clone_into(&mut args.proxy.source.recordings);
        let code = once(&args)?;
        if code != 0 {
            warn(&Secrets::default(), "retake: the command did not succeed, so that there is nothing to compare");
            return Ok(ExitCode::from(code));
        }
    }
    compare(&args, folders[0].path(), folders[1].path())?;
    Ok(ExitCode::SUCCESS)
}

fn compare(args: &ProgramArgs, first: &Path, second: &Path) -> Result<(), Stop> {
    let catalogue = load::parties(&args.proxy.source, settings::color(None))?.catalogue;
    let secrets = Sourcing::new(&args.proxy.source, &catalogue)?.secrets(&catalogue);
    guarded(&secrets, || {
        let account = record::account(&catalogue, &[], first, second)?;
        let mut out = Scrubbed::new(std::io::stdout(), secrets.clone());
        std::io::Write::write_all(&mut out, account.as_bytes()).map_err(Stop::internal)
    })
}

/// What the run came to.
struct Ended {
    code: u8,
    /// Why it did not succeed, if it did not.
    why: String,
    /// Everything that was said at the end, but for requests without an answer.
    said: Vec<String>,
    was_told: bool,
}

impl Ended {
    fn of(code: u8, why: String, was_told: bool) -> Self {
        Ended { code, why, said: Vec::new(), was_told }
    }
}

fn once(args: &ProgramArgs) -> Result<u8, Stop> {
    if args.prune && (args.proxy.source.mode == "live" || !args.proxy.source.script.is_empty()) {
        return Err(Stop::usage(
            "--prune wants every reply to come from recordings: leave --mode live and --script out",
        ));
    }
    let words: Vec<String> = args.command.iter().map(|word| quoted_if_needed(word)).collect();
    let behind =
        Behind::new(&args.proxy, (!args.no_intercept).then_some(&args.network), None, Staging::Command, |flags| {
            format!("retake run{flags} --mode record -- {}", words.join(" "))
        })?;
    let reported = behind.reported(&args.proxy.reports, "the command's")?;
    let (troubles, notes) = (Arc::new(Troubles::default()), Arc::new(Mutex::new(Vec::new())));
    let (heard, told, noted) = (Arc::clone(&troubles), reported.clone(), Arc::clone(&notes));
    let note = move |note: &str| noted.lock().unwrap_or_else(PoisonError::into_inner).push(note.to_owned());
    let tell = move |trouble: &Trouble| {
        heard.add(trouble);
        told.iter().for_each(|sessions| sessions.troubled(trouble));
    };
    let guard = guard(std::net::Ipv4Addr::LOCALHOST.into(), &args.proxy.access)?;
    let mut hooks = ProxyHooks::new(guard, None, tell, note);
    hooks.observer = reported.clone().map(|sessions| sessions as _);
    let proxy = behind.proxy(hooks);
    let ended = block_on(run_to_its_end(args, &behind, proxy, (&troubles, &notes)))?;
    let Some(sessions) = reported else { return Ok(ended.code) };
    let Ended { code, why, said, was_told } = ended;
    let verdict = if code == 0 { Verdict::Passed } else { Verdict::Failed };
    let interrupted = was_told.then_some(Interruption::User);
    match sessions.end(RunEnd { verdict, why, interrupted, notes: said, proof: behind.proof() }) {
        Ok(()) => Ok(code),
        Err(why) => {
            warn(&behind.secrets, &format!("ERROR: {why}"));
            // What failed says more than that it could not be reported.
            Ok(if code == 0 { Exit::Internal as u8 } else { code })
        }
    }
}

/// Runs the command behind the proxy.
async fn run_to_its_end(
    args: &ProgramArgs,
    behind: &Behind,
    proxy: Arc<Proxy>,
    (troubles, notes): (&Troubles, &Mutex<Vec<String>>),
) -> Result<Ended, Stop> {
    let listener = bind(std::net::Ipv4Addr::LOCALHOST.into(), 0).await?;
    let base = base_of(&listener)?;
    let server = tokio::spawn(stack::serve(listener, proxy::router(proxy), std::future::pending()));
    let mut signals = Signals::new().map_err(Stop::internal)?;
    let mut command = command(&args.command, behind, &base)?;
    // If there is no shell for a watchdog, the command runs without one.
    let mut watchdog = Watchdog::of_command().ok();
    watchdog.iter().for_each(|watchdog| watchdog.take_in(&mut command));
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let code = not_started(behind, &args.command[0], &error);
            return Ok(Ended::of(code, "the command could not be started".to_owned(), false));
        }
    };
    watchdog.iter_mut().for_each(|watchdog| watchdog.started(&child));
    let status = signals.wait(child).await.map_err(Stop::internal)?;
    if signals.told > 0 {
        watchdog.iter().for_each(Watchdog::end_all);
    }
    behind.greeted().await;
    let code = code_of(status);
    let verdict = if code == 0 { Verdict::Passed } else { Verdict::Failed };
    let why = format!("the command ended with {code} (--keep-failed keeps it all the same)");
    let is_orderly = concluded_in_order(behind, verdict, &why, &mut signals).await;
    server.abort();
    if !is_orderly {
        let code = if code == 0 { Exit::Interrupted as u8 } else { code };
        return Ok(Ended::of(code, "it was told to end".to_owned(), true));
    }
    let notes = std::mem::take(&mut *notes.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(concluded(
        Ended::of(code, format!("the command ended with {code}"), signals.told > 0),
        notes,
        troubles,
        behind,
        args,
    ))
}

/// Waits for replies that still arrive, and writes or drops the recordings. Returns false if the user did not wait.
async fn concluded_in_order(behind: &Behind, verdict: Verdict, why: &str, signals: &mut Signals) -> bool {
    let was_told = signals.told > 0;
    let told = watch::Sender::new(u32::from(was_told));
    let until = |least: u32| {
        let mut told = told.subscribe();
        // The sender lives as long as the receivers.
        async move { drop(told.wait_for(|times| *times >= least).await) }
    };
    let listen = async {
        loop {
            signals.next().await;
            told.send_modify(|times| *times += 1);
        }
    };
    let orderly = async {
        let (patience, when) = match was_told {
            true => (GRACE, "it was told to end".to_owned()),
            false => (AFTER_COMMAND, format!("the command had ended {} s before", AFTER_COMMAND.as_secs())),
        };
        let hurried = async {
            match was_told {
                true => std::future::pending().await,
                false => until(1).await,
            }
        };
        let enough = async {
            tokio::select! {
                () = tokio::time::sleep(patience) => {}
                () = hurried => {}
            }
        };
        broken_off(&behind.secrets, behind.tapes().settle(enough).await, &when);
        behind.conclude(verdict, why).await;
    };
    tokio::select! {
        biased;
        () = orderly => true,
        () = until(2) => false,
        () = listen => false,
    }
}

/// The command with the variables that direct its SDKs to the proxy.
fn command(words: &[String], behind: &Behind, base: &str) -> Result<Command, Stop> {
    let [program, arguments @ ..] = words else { return Err(Stop::usage("no command: retake run -- COMMAND")) };
    #[cfg(windows)]
    let program = super::windows::found(program);
    let mut command = Command::new(program);
    command.args(arguments).envs(behind.environment(base)?);
    Ok(command)
}

/// The exit code, as in a shell: 127 if there is no such command, 126 if it cannot be run.
fn not_started(behind: &Behind, program: &str, error: &std::io::Error) -> u8 {
    let is_missing = error.kind() == ErrorKind::NotFound;
    let why = if is_missing { "no such command, or its folder is not in PATH".to_owned() } else { error.to_string() };
    warn(&behind.secrets, &format!("ERROR: cannot run {}: {why}", quoted_if_needed(program)));
    if is_missing { 127 } else { 126 }
}

/// The run with its final exit code, after all problems and notes were printed.
fn concluded(
    mut ended: Ended,
    mut notes: Vec<String>,
    troubles: &Troubles,
    behind: &Behind,
    args: &ProgramArgs,
) -> Ended {
    let code = ended.code;
    let mut say = |line: &str| {
        warn(&behind.secrets, &format!("retake: {line}"));
        ended.said.push(line.to_owned());
    };
    // A command that failed may have ended before the requests that a mask is for.
    let idle = if code == 0 { behind.idle_masks() } else { Vec::new() };
    if troubles.is_any() {
        // If recordings were missing, unusual files among them may be the reason.
        notes.extend(behind.strange());
    }
    let failures = behind.failures();
    notes.extend(behind.take_notes());
    let unsaid = failures.iter().filter(|failure| !notes.contains(failure));
    notes.iter().chain(unsaid).chain(&idle).for_each(|line| say(line));
    let count = troubles.say(&behind.secrets);
    let (must_ask, prune) = (args.require_requests, args.prune);
    let figures = if behind.records() { behind.figures() } else { Vec::new() };
    figures::lines(&figures).iter().chain(&behind.reached()).for_each(|line| say(line));
    let is_silent = count == 0 && !behind.is_asked();
    // Live, nothing is lost: the provider answers the command all the same. A command that was told to end may not have
    // come to its requests.
    if is_silent && !ended.was_told && (must_ask || behind.mode != Mode::Live) {
        say(&figures::silence(&behind.variable_names(), !args.no_intercept));
    }
    let mut wrong = counted(count, failures.len(), idle.len());
    if wrong.is_empty() {
        let unasked = (is_silent && must_ask).then(|| "sent no request (--require-requests)".to_owned());
        wrong = unasked.or_else(|| figures::in_vain(&figures)).unwrap_or_default();
    }
    if code == 0 && wrong.is_empty() && behind.can_tell_unused() {
        match unused(behind, prune) {
            Ok(said) => said.iter().for_each(|line| say(line)),
            Err(stop) => wrong = stop.message,
        }
    }
    if code == 0 && !wrong.is_empty() {
        ended.why = format!("the command succeeded, but {wrong}");
        ended.code = 1;
        warn(&behind.secrets, &format!("retake: {}: exit 1", ended.why));
    }
    ended
}

/// The message about recordings that the command did not use, if there are any; removes them if `prune` is set.
fn unused(behind: &Behind, prune: bool) -> Result<Option<String>, Stop> {
    let files = unused::of_command(behind.tapes());
    (!files.is_empty()).then(|| unused::notice(&files, ("request", ""), prune, files.len() <= MOST_NAMED)).transpose()
}

/// What went wrong, as part of a sentence; empty if nothing did.
fn counted(troubles: usize, recordings: usize, masks: usize) -> String {
    let plural = |count: usize, what: &str, did: &str| match count {
        0 => None,
        1 => Some(format!("1 {what} {did}")),
        _ => Some(format!("{count} {what}s {did}")),
    };
    let parts = [
        plural(troubles, "request", "had no answer"),
        plural(recordings, "recording", "could not be made"),
        plural(masks, "mask", "hit nothing"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

/// The exit code, as in a shell: 128 + N if signal N ended the command.
fn code_of(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    // Windows has exit codes beyond a byte: none of them may become a success.
    status.code().map_or(u8::MAX, |code| u8::try_from(code).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_reads_as_a_sentence() {
        assert_eq!(counted(1, 0, 0), "1 request had no answer");
        assert_eq!(counted(0, 2, 0), "2 recordings could not be made");
        assert_eq!(
            counted(2, 1, 1),
            "2 requests had no answer and 1 recording could not be made and 1 mask hit nothing"
        );
        assert_eq!(counted(0, 0, 0), "");
    }
}
