//! The line at the bottom of a terminal that says how far a run is. It changes, and is gone when something else is
//! printed.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use crate::event::Event;
use crate::exchange::Secrets;
use crate::report::{Options, Progress};

use super::budget::Spending;
use super::settings::Sourcing;

/// How often the line changes while nothing happens.
const PACE: Duration = Duration::from_millis(200);
/// A run that is shorter has no such line.
const SOON: Duration = Duration::from_millis(500);
const ERASE: &str = "\r\x1b[K";

/// The line of one run.
pub(super) struct Live<'s> {
    progress: Progress,
    began: Instant,
    width: usize,
    secrets: &'s Secrets,
    spending: Option<Arc<Spending>>,
    is_drawn: bool,
}

/// The next event. While it does not come, the line changes; when it comes, there is room to print it.
pub(super) async fn next(events: &mut UnboundedReceiver<Event>, live: &mut Option<Live<'_>>) -> Option<Event> {
    let Some(live) = live else { return events.recv().await };
    // Events that are there already are printed one after the other.
    let mut event = events.try_recv().ok();
    while event.is_none() {
        live.draw();
        match timeout(PACE, events.recv()).await {
            Ok(None) => break,
            Ok(come) => event = come,
            Err(_) => {}
        }
    }
    live.erase();
    event
}

impl<'s> Live<'s> {
    /// The line, if this run has one: its report goes to a terminal, a line for each case, and nobody keeps it as a log.
    pub(super) fn of(options: &Options, secrets: &'s Secrets, spending: Option<Arc<Spending>>) -> Option<Self> {
        let is_dumb = Sourcing::inherited("TERM").is_some_and(|term| term == "dumb");
        let has_line = io::stdout().is_terminal() && !is_dumb && !options.ci && options.verbosity >= 0;
        has_line.then(|| Live {
            progress: Progress::default(),
            began: Instant::now(),
            // A line that fills the last column would begin another one.
            width: options.width.saturating_sub(1),
            secrets,
            spending,
            is_drawn: false,
        })
    }

    pub(super) fn handle(&mut self, event: &Event) {
        self.progress.handle(event, self.began.elapsed());
    }

    /// Draws the line anew.
    fn draw(&mut self) {
        let at = self.began.elapsed();
        if at < SOON {
            return;
        }
        let spent = self.spending.as_ref().map(|spending| spending.brief());
        match self.progress.line(at, self.width, spent.as_deref()) {
            Some(line) => self.put(&self.secrets.text(&line), true),
            None => self.erase(),
        }
    }

    /// Makes room for what is printed next.
    fn erase(&mut self) {
        if self.is_drawn {
            self.put("", false);
        }
    }

    /// A closed stdout is no reason to end.
    fn put(&mut self, text: &str, is_drawn: bool) {
        let mut out = io::stdout();
        let _ = write!(out, "{ERASE}{text}").and_then(|()| out.flush());
        self.is_drawn = is_drawn;
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        self.erase();
    }
}
