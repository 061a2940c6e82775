//! Servers that are told to end: what can end within a grace does, the rest is broken off, and a second time ends at once.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep_until};

use crate::exchange::Secrets;
use crate::record::TapeSet;
use crate::stack;

use super::exit::Stop;
use super::interrupt::Interrupts;
use super::output::warn;

/// So long replies may go on when the program is told to end: what is nearly there is worth it, and whoever stops
/// containers waits no longer than ten seconds in all.
pub(super) const GRACE: Duration = Duration::from_secs(3);
/// So long what still arrives is waited for when a command has ended. It has read what it wanted; what is left are replies
/// that it gave up, and most of those end with the next second.
pub(super) const AFTER_COMMAND: Duration = Duration::from_secs(10);
/// Requests that are named one by one.
const MOST_NAMED: usize = 20;

/// Lets the program have as many connections as the system lets it: each stream that is recorded takes two, and many a
/// shell starts programs with 1,024 or 256. Where that cannot be, it serves as many as it may.
fn allow_many_connections() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        /// More would only be room for a mistake.
        const MANY: u64 = 10_240;
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let wanted = maximum.map_or(MANY, |maximum| maximum.min(MANY));
        if current.is_some_and(|current| current < wanted) {
            let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
        }
    }
}

/// Serves until it is told to end, and then for the grace at most. What was recorded has its place when it returns, unless
/// it is told a second time: then nothing more is waited for.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    tapes: &TapeSet,
    secrets: &Secrets,
    interrupts: &Interrupts,
    conclude: impl Future<Output = ()>,
) -> Result<(), Stop> {
    allow_many_connections();
    let told = async {
        interrupts.first().await;
        let count = tapes.under_way().len();
        if count > 0 {
            let replies = if count == 1 { "1 reply has".to_owned() } else { format!("{count} replies have") };
            warn(secrets, &format!("ending: {replies} {} s to end; once more ends at once", GRACE.as_secs()));
        }
        Instant::now() + GRACE
    };
    let orderly = async {
        let mut serving = pin!(stack::serve(listener, router, interrupts.first()));
        let until = tokio::select! {
            biased;
            until = told => until,
            served = &mut serving => return served.map_err(Stop::internal),
        };
        let served = tokio::select! {
            served = &mut serving => served,
            () = sleep_until(until) => Ok(()),
        };
        // A reply whose client has left has as long.
        broken_off(secrets, tapes.settle(sleep_until(until)).await, "it was told to end");
        conclude.await;
        served.map_err(Stop::internal)
    };
    tokio::select! {
        biased;
        () = interrupts.second() => Err(Stop::interrupted()),
        served = orderly => served,
    }
}

/// Says which replies had not ended when `what`.
pub(super) fn broken_off(secrets: &Secrets, requests: Vec<String>, what: &str) {
    if requests.is_empty() {
        return;
    }
    let (count, mut requests) = (requests.len(), requests);
    requests.truncate(MOST_NAMED);
    let more = count - requests.len();
    let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    let replies = if count == 1 { "1 reply had".to_owned() } else { format!("{count} replies had") };
    warn(secrets, &format!("retake: {replies} not ended when {what}:\n  {}{more}", requests.join("\n  ")));
}
