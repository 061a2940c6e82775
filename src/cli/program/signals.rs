//! Signals that come while the command runs.

use std::process::ExitStatus;

use tokio::process::Child;

/// The signals that are meant for the command.
#[cfg(unix)]
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
    /// How often a signal came while the command ran.
    pub(super) told: u32,
}

#[cfg(unix)]
impl Signals {
    /// Starts listening; called before the command starts.
    pub(super) fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            told: 0,
        })
    }

    /// Waits for the next signal.
    pub(super) async fn next(&mut self) -> rustix::process::Signal {
        use rustix::process::Signal;
        tokio::select! {
            _ = self.interrupt.recv() => Signal::INT,
            _ = self.terminate.recv() => Signal::TERM,
            _ = self.hang_up.recv() => Signal::HUP,
        }
    }

    /// Waits for the command, and passes signals on to it.
    pub(super) async fn wait(&mut self, mut child: Child) -> std::io::Result<ExitStatus> {
        use rustix::process::Signal;
        use std::io::IsTerminal;
        loop {
            let signal = tokio::select! {
                status = child.wait() => return status,
                signal = self.next() => signal,
            };
            self.told += 1;
            // Ctrl-C in a terminal reaches all programs that were started from it. Many programs that get a second
            // signal end without cleaning up.
            if signal == Signal::INT && std::io::stdin().is_terminal() {
                continue;
            }
            let pid = child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
            if let Some(pid) = pid {
                // A process that has ended needs no signal.
                let _ = rustix::process::kill_process(pid, signal);
            }
        }
    }
}

/// Signals that are meant for the command: on Windows it gets them by itself.
#[cfg(windows)]
pub(super) struct Signals {
    console: crate::cli::windows::Console,
    pub(super) told: u32,
}

#[cfg(windows)]
impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Signals { console: crate::cli::windows::Console::new()?, told: 0 })
    }

    pub(super) async fn next(&mut self) {
        self.console.next().await;
    }

    pub(super) async fn wait(&mut self, mut child: Child) -> std::io::Result<ExitStatus> {
        loop {
            tokio::select! {
                status = child.wait() => return status,
                () = self.console.next() => self.told += 1,
            }
        }
    }
}
