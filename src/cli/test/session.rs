//! Runs the selected cases: from the wiring to the exit code.

use std::io::{self, BufWriter};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{Counts, Run, again};
use crate::cli::budget::Spending;
use crate::cli::exit::{Exit, Stop};
use crate::cli::interrupt::Interrupts;
use crate::cli::live::{self, Live};
use crate::cli::memory::Memory;
use crate::cli::output::{self, Scrubbed};
use crate::cli::proof::Revision;
use crate::cli::reports::Reports;
use crate::cli::rules::KnownRules;
use crate::cli::select::Selected;
use crate::cli::tapes::Tapes;
use crate::cli::wire::Wired;
use crate::cli::{masks, nextest, proof, reports, retired, rules, settings, unused};
use crate::event::{Event, Proof, Tally};
use crate::record::Mode;
use crate::report::{self, Terminal};
use crate::run::{self, Ended, Planned};

impl Run<'_> {
    /// Runs the selected cases, and reports events as they come.
    pub(super) async fn session(
        &self,
        selected: Selected<'_>,
        counts: &Counts,
        (options, reports): (report::Options, Reports),
        mut memory: Memory,
        spending: Option<Arc<Spending>>,
    ) -> Result<Exit, Stop> {
        let again = again(self.command, self.args);
        let mut tapes = Tapes::new(self.sourcing, self.secrets.clone(), self.color);
        (tapes.spending, tapes.keep_failed) = (spending.clone(), self.args.run.keep_failed);
        let interrupts = Interrupts::listen().map_err(Stop::internal)?;
        let mut wired =
            Wired::new(&self.stack, &again, settings::again(&self.args.source), self.sourcing, interrupts.clone());
        let plan = match self.plan(&selected, &mut wired, &tapes).await {
            Ok(plan) => plan,
            Err(stop) => {
                wired.end().await;
                return Err(stop);
            }
        };
        let (sender, receiver) = mpsc::unbounded_channel();
        // Counting recordings reads all of them, which takes too long if each case has its own process.
        let recordings = if self.args.libtest.exact { Vec::new() } else { tapes.summary(&self.parties.catalogue) };
        let declared = masks::declared(selected.cases.iter().map(|case| &***case), &tapes);
        // What a replay says does not depend on the day, and its recordings outlive their model.
        let retired = match self.sourcing.mode {
            Mode::Replay => Vec::new(),
            _ => retired::lines(self.setups, &self.parties.catalogue, retired::today()),
        };
        let info = retired
            .into_iter()
            .chain(recordings)
            .chain(masks::lines(&declared))
            .chain(wired.said.iter().cloned())
            .collect();
        let trouble = memory.trouble.take().map(Event::Notice);
        for event in self.head(info, counts, &selected).into_iter().chain(trouble) {
            let _ = sender.send(event);
        }
        let deselected = if counts.is_narrowed { counts.total.max(1) } else { counts.total - selected.cases.len() };
        let pace = self.pace(spending.clone(), options.letters.passes());
        let running = tokio::spawn(run::run(plan, pace, sender, interrupts.first(), interrupts.second()));
        let last = |is_green: bool, known: &KnownRules| {
            let unused = if is_green { self.unused(&tapes, deselected)? } else { None };
            let is_whole = is_green && unused::can_tell(&self.args.select, self.sourcing, deselected);
            let idle = if is_whole { masks::idle(declared.iter(), &tapes.set.masks()) } else { Vec::new() };
            let idle = idle.into_iter().map(|why| {
                // A run with this failure must not pass.
                tapes.set.failed(why.clone());
                Event::Notice(format!("error: {why}"))
            });
            let lost = tapes.set.unanswered().into_iter().map(|why| Event::Notice(format!("error: {why}")));
            let mended = if is_whole { known.mended() } else { Vec::new() };
            let unused = unused.into_iter().chain(mended.into_iter().map(Event::Notice));
            Ok(idle
                .chain(lost)
                .chain(unused)
                .chain(spending.iter().map(|spending| Event::Notice(spending.summary_line())))
                .collect())
        };
        let revision = match reports.is_empty() {
            true => Revision::none(),
            false => Revision::of(&self.args.source.suites),
        };
        let is_elsewhere = wired.is_elsewhere;
        let proof = |sent: usize, is_whole: bool| {
            let can_tell = is_whole && unused::can_tell(&self.args.select, self.sourcing, deselected);
            let unused = can_tell.then(|| unused::unused(&tapes, self.setups, &self.parties.setups).len());
            let sent = if is_elsewhere { sent } else { 0 };
            proof::of(&tapes, sent, unused, self.args.run.protocol.name(), revision)
        };
        let told = self.tell(receiver, (options, reports), &mut memory, spending.clone(), last, proof).await;
        let how = running.await.unwrap_or(Ended::Broken);
        wired.end().await;
        let (tally, reported) = told?;
        // If each case has its own process, none of them knows all failures of the run. The outcomes are right in any
        // case.
        let kept = if nextest::is_here() { Ok(()) } else { memory.keep() };
        kept.unwrap_or_else(|why| output::warn(self.secrets, &why));
        let mut exit = exit(&tally, how);
        if let Err(why) = reported {
            output::warn(self.secrets, &format!("ERROR: {why}"));
            // What failed says more than that it could not be reported.
            exit = if matches!(exit, Exit::Ok | Exit::NothingSelected) { Exit::Internal } else { exit };
        }
        if exit == Exit::Failed && self.is_stepwise() {
            return Ok(Exit::Interrupted);
        }
        // Each failure was reported as a notice when it happened.
        Ok(if exit == Exit::Ok && !tapes.set.failures().is_empty() { Exit::Failed } else { exit })
    }

    /// All cases with their targets; servers are started if necessary.
    async fn plan(
        &self,
        selected: &Selected<'_>,
        wired: &mut Wired<'_>,
        tapes: &Tapes<'_>,
    ) -> Result<Vec<Planned>, Stop> {
        let mut plan = Vec::with_capacity(selected.cases.len());
        for case in &selected.cases {
            let setup = self.setups.iter().find(|setup| setup.name == *case.setup);
            let setup = setup.ok_or_else(|| Stop::internal(format!("{}: no setup `{}`", case.id, case.setup)))?;
            let target = wired.target(case, setup, &self.parties.catalogue, tapes).await?;
            let policy = rules::policy(self.args.run.protocol, &self.parties.catalogue, &case.provider);
            plan.push(Planned { case: Arc::clone(case), target, policy });
        }
        Ok(plan)
    }

    fn is_stepwise(&self) -> bool {
        let choice = &self.args.choice;
        choice.sw || choice.sw_skip || choice.sw_reset
    }

    /// The options of the run.
    fn pace(&self, spending: Option<Arc<Spending>>, captures: bool) -> run::Options {
        let (run, choice) = (&self.args.run, &self.args.choice);
        let most = run.maxfail.filter(|most| *most > 0).or(run.exitfirst.then_some(1));
        run::Options {
            workers: self.args.libtest.test_threads.unwrap_or(run.workers).max(1),
            case_timeout: Duration::from_secs(run.timeout),
            max_failures: if self.is_stepwise() { Some(if choice.sw_skip { 2 } else { 1 }) } else { most },
            reruns: run.reruns,
            captures,
            purse: spending.map(|spending| spending as Arc<dyn run::Purse>),
            is_stepwise: self.is_stepwise(),
        }
    }

    /// The notice of a successful run about unused recordings.
    fn unused(&self, tapes: &Tapes<'_>, deselected: usize) -> Result<Option<Event>, Stop> {
        let can_tell = unused::can_tell(&self.args.select, self.sourcing, deselected);
        if self.args.run.prune && !can_tell {
            return Err(Stop::usage(
                "--prune wants a whole run from recordings: leave selection, models and --script out",
            ));
        }
        let files = if can_tell { unused::unused(tapes, self.setups, &self.parties.setups) } else { Vec::new() };
        Ok(if files.is_empty() {
            None
        } else {
            Some(Event::Notice(unused::notice(
                &files,
                ("case", "-v names them, "),
                self.args.run.prune,
                self.args.report.verbosity() > 0,
            )?))
        })
    }

    /// Reports every event as it comes; `last` makes the events before the end of a run, which passed or not. Returns
    /// the tally.
    async fn tell(
        &self,
        mut events: mpsc::UnboundedReceiver<Event>,
        (options, mut reports): (report::Options, Reports),
        memory: &mut Memory,
        spending: Option<Arc<Spending>>,
        last: impl Fn(bool, &KnownRules) -> Result<Vec<Event>, Stop>,
        proof: impl FnOnce(usize, bool) -> Proof,
    ) -> Result<(Tally, Result<(), String>), Stop> {
        let out: Box<dyn io::Write> = match reports::take_stdout(&self.args.report.reports) {
            true => Box::new(io::stderr()),
            false => Box::new(io::stdout()),
        };
        let mut live = Live::of(&options, self.secrets, spending);
        let mut terminal = Terminal::new(Scrubbed::new(BufWriter::new(out), self.secrets.clone()), options);
        let (mut tally, mut known) = (Tally::default(), KnownRules::default());
        let (mut calls, mut proof) = (0, Some(proof));
        let is_of_nextest = nextest::is_here();
        while let Some(mut event) = live::next(&mut events, &mut live).await {
            tally.count(&event);
            memory.learn(&event);
            if let Event::CaseFinished(finished) = &event {
                known.learn(finished);
                calls += finished.calls.len();
            }
            if let Some(reason) = nextest::reason(&event).filter(|_| is_of_nextest) {
                output::warn(self.secrets, &reason);
            }
            let before = match &event {
                Event::Finished { interrupted, .. } => last(interrupted.is_none() && tally.is_green(), &known)?,
                _ => Vec::new(),
            };
            if let Event::Finished { interrupted, proof: to_fill, .. } = &mut event
                && !reports.is_empty()
                && let Some(proof) = proof.take()
            {
                **to_fill = proof(calls, interrupted.is_none() && tally.is_green());
            }
            for event in before.iter().chain([&event]) {
                reports.handle(event);
                live.iter_mut().for_each(|live| live.handle(event));
                match terminal.handle(event) {
                    // Nobody reads the output any more (`| head`): the cases still run to their end, and the exit code
                    // stays right.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                    result => result.map_err(|error| Stop::internal(format!("cannot write the report: {error}")))?,
                }
            }
        }
        drop(terminal);
        Ok((tally, reports.end()))
    }
}

fn exit(tally: &Tally, ended: Ended) -> Exit {
    match ended {
        Ended::Broken => Exit::Internal,
        Ended::Stopped => Exit::Interrupted,
        Ended::Done if tally.bad() > 0 => Exit::Failed,
        Ended::Done if tally.done() == 0 => Exit::NothingSelected,
        Ended::Done => Exit::Ok,
    }
}
