//! Ends servers: replies that can end within a grace period do so, and the rest is broken off. A second signal ends at
//! once.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::exchange::Secrets;
use crate::record::TapeSet;
use crate::stack;

use super::exit::Stop;
use super::interrupt::Interrupts;
use super::output::warn;

/// How long replies may continue when the program is told to end: enough for those that are nearly complete. Tools that
/// stop containers wait ten seconds in all.
pub(super) const GRACE: Duration = Duration::from_secs(3);
/// How long replies are waited for after a command has ended. It has read what it wanted: the remaining ones are
/// replies that it abandoned, and most of them end within a second.
pub(super) const AFTER_COMMAND: Duration = Duration::from_secs(10);
/// How many requests are named one by one.
const MOST_NAMED: usize = 20;

/// Raises the limit of open files as far as the system allows: each recorded stream takes two, and many shells start
/// programs with a limit of 1,024 or 256. If that fails, the program serves as many connections as it can.
fn allow_many_connections() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        /// A higher limit would only help a bug.
        const MANY: u64 = 10_240;
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let wanted = maximum.map_or(MANY, |maximum| maximum.min(MANY));
        if current.is_some_and(|current| current < wanted) {
            let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
        }
    }
}

/// Serves until it is told to end, then for the grace period at most. When it returns, recordings have been written,
/// unless a second signal came: then nothing is waited for.
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
        // The socket learns of the signal from here alone. If it listened by itself and saw the signal first, it could
        // end while a reply whose client has left still waits to be recorded.
        let (close, closed) = oneshot::channel::<()>();
        let mut serving = pin!(stack::serve(listener, router, closed.map(drop)));
        let until = tokio::select! {
            until = told => until,
            served = &mut serving => return served.map_err(Stop::internal),
        };
        drop(close);
        let served = tokio::select! {
            served = &mut serving => served,
            () = sleep_until(until) => Ok(()),
        };
        // A reply whose client has left has the same time.
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

/// Reports the requests whose replies had not ended, with `what` as the reason.
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
