//! `retake serve`: serves recordings on a socket.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::access;
use crate::proxy::{self, Seen};
use crate::record::{Staging, Verdict};
use crate::report::quote;

use super::args::ServeArgs;
use super::exit::{Exit, Stop};
use super::interrupt::Interrupts;
use super::output::warn;
use super::proxy::{Behind, ProxyHooks, worded};
use super::sessions::RunEnd;
use super::socket::{base_of, bind, guard, ready};
use super::{block_on, ending, figures};

/// How often notes about recordings are printed.
const PACE: Duration = Duration::from_millis(500);

/// Serves until it is told to end.
pub(super) fn run(args: &ServeArgs) -> Result<Exit, Stop> {
    let token = args.token.clone().filter(|token| !token.is_empty());
    access::may_listen("the proxy", args.host, token.is_some())
        .map_err(|why| Stop::usage(format!("{why}\n  give it one with --token or RETAKE_TOKEN, or bind 127.0.0.1")))?;
    let guard = guard(args.host, &args.proxy.access)?;
    let record = |flags: &str| format!("retake serve{flags} --mode record");
    let behind = Arc::new(Behind::new(
        &args.proxy,
        args.intercept.then_some(&args.network),
        token.clone(),
        Staging::Server,
        record,
    )?);
    let (secrets, again) = (behind.secrets.clone(), behind.secrets.clone());
    let is_troubled = Arc::new(AtomicBool::new(false));
    let set_troubled = Arc::clone(&is_troubled);
    let reported = behind.reported(&args.proxy.reports, "for the address of the proxy and its variables")?;
    let heard = reported.clone();
    let troubled = move |trouble: &proxy::Trouble| {
        heard.iter().for_each(|sessions| sessions.troubled(trouble));
        warn(&secrets, &worded(trouble));
        set_troubled.store(true, Ordering::Relaxed);
    };
    let mut hooks = ProxyHooks::new(guard, token, troubled, move |note| warn(&again, note));
    // Who watches sees what is asked; a log has the troubles alone.
    if std::io::stderr().is_terminal() {
        let secrets = behind.secrets.clone();
        hooks.seen = Some(Arc::new(move |seen| warn(&secrets, &line(seen))));
    }
    hooks.observer = reported.clone().map(|sessions| sessions as _);
    let is_watched = hooks.seen.is_some();
    let proxy = behind.proxy(hooks);
    block_on(async {
        let listener = bind(args.host, args.port).await?;
        let base = base_of(&listener)?;
        let interrupts = Interrupts::listen_quietly().map_err(Stop::internal)?;
        ready(&listener)?;
        match export(&behind.exports(&base)?) {
            // A program that waits only for the first line may have stopped reading.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(Stop::internal(error)),
            _ => {}
        }
        let telling = tokio::spawn(tell(Arc::clone(&behind), is_troubled));
        let conclude = behind.conclude(Verdict::Unknown, "");
        ending::serve(listener, proxy::router(proxy), behind.tapes(), &behind.secrets, &interrupts, conclude).await?;
        telling.abort();
        behind.take_notes().iter().chain(&behind.idle_masks()).for_each(|note| warn(&behind.secrets, note));
        behind.reached().iter().for_each(|line| warn(&behind.secrets, line));
        let figures = if behind.records() || is_watched { behind.figures() } else { Vec::new() };
        let in_vain = figures::in_vain(&figures);
        figures::lines(&figures).iter().chain(&in_vain).for_each(|line| warn(&behind.secrets, line));
        if let Some(sessions) = reported {
            let (verdict, why, notes) = (Verdict::Unknown, String::new(), in_vain.iter().cloned().collect());
            let end = RunEnd { verdict, why, interrupted: None, notes, proof: behind.proof() };
            sessions.end(end).map_err(Stop::internal)?;
        }
        // Each failure was printed as a note when it happened.
        Ok(if behind.failures().is_empty() && in_vain.is_none() { Exit::Ok } else { Exit::Failed })
    })
}

/// The line about a request, as servers log it.
fn line(seen: &Seen) -> String {
    let status = seen.status.map_or_else(|| "---".to_owned(), |status| status.to_string());
    let model = seen.model.as_deref().unwrap_or("-");
    format!("{status} {:<9} {:>6} ms  {} {model}", seen.how, seen.took.as_millis(), seen.asked)
}

/// Prints the variables as a shell reads them.
fn export(variables: &[(String, String)]) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    for (name, value) in variables {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/:.,_-@%".contains(&byte);
        let word = if value.bytes().all(is_plain) { value.clone() } else { quote(value) };
        writeln!(out, "export {name}={word}")?;
    }
    out.flush()
}

/// Prints new notes about recordings; and once, if a recording was missing, unusual files that may be the reason.
async fn tell(behind: Arc<Behind>, is_troubled: Arc<AtomicBool>) {
    let mut is_told = false;
    loop {
        tokio::time::sleep(PACE).await;
        if !is_told && is_troubled.load(Ordering::Relaxed) {
            is_told = true;
            let looking = Arc::clone(&behind);
            let strange = tokio::task::spawn_blocking(move || looking.strange()).await.unwrap_or_default();
            strange.iter().for_each(|line| warn(&behind.secrets, line));
        }
        behind.take_notes().iter().for_each(|note| warn(&behind.secrets, note));
    }
}
