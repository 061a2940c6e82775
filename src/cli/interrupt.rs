//! Ctrl-C and SIGTERM: the first signal ends running work in order, the second one at once.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::exchange::Secrets;

use super::exit::Exit;
use super::output::warn;

/// How long after the second signal the program ends in any case.
const LAST: Duration = Duration::from_secs(5);

/// How often the user told the program to end.
#[derive(Debug, Clone)]
pub(super) struct Interrupts(watch::Receiver<u32>);

impl Interrupts {
    /// Listens until all receivers are gone. It uses a thread of its own, because those of the run may all be busy with
    /// work that cannot be stopped.
    pub(super) fn listen() -> io::Result<Self> {
        Interrupts::listen_and_say(Some("\ninterrupted: what is under way is torn down; once more ends at once"))
    }

    /// Listens without a message of its own, for callers that print one.
    pub(super) fn listen_quietly() -> io::Result<Self> {
        Interrupts::listen_and_say(None)
    }

    fn listen_and_say(said: Option<&'static str>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let signals = {
            let _inside = runtime.enter();
            Signals::new()?
        };
        let (told, times) = watch::channel(0);
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || runtime.block_on(heard(signals, &told, said)))?;
        Ok(Interrupts(times))
    }

    /// Waits for the first signal.
    pub(super) fn first(&self) -> impl Future<Output = ()> + use<> {
        self.clone().times(1)
    }

    /// Waits for the second signal.
    pub(super) fn second(&self) -> impl Future<Output = ()> + use<> {
        self.clone().times(2)
    }

    async fn times(mut self, least: u32) {
        if self.0.wait_for(|times| *times >= least).await.is_err() {
            // Nobody listens any more, so no signal can come.
            std::future::pending().await
        }
    }
}

/// Counts each signal. After the second one the program ends within [`LAST`], because computing threads do not react to
/// signals.
async fn heard(mut signals: Signals, told: &watch::Sender<u32>, said: Option<&str>) {
    let mut last = None;
    loop {
        let too_long = async {
            match last {
                Some(time) => sleep_until(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = signals.next() => told.send_modify(|times| *times += 1),
            () = told.closed() => return,
            () = too_long => std::process::exit(Exit::Interrupted as i32),
        }
        match *told.borrow() {
            1 => said.into_iter().for_each(|said| warn(&Secrets::default(), said)),
            2 => last = Some(Instant::now() + LAST),
            // The second signal did not help: perhaps output is blocked because nobody reads it.
            _ => std::process::exit(Exit::Interrupted as i32),
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
use super::windows::Console as Signals;
