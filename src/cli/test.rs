//! `retake test` and the test target: which cases, wired to what, told how.

use std::collections::HashSet;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use tokio::sync::mpsc;

use crate::event::{Event, Tally};
use crate::exchange::Secrets;
use crate::matrix::{self, Case};
use crate::provider::{Catalogue, Setup};
use crate::report::{self, Collected, Letters, Terminal, Tree};
use crate::run::{self, Ended, Planned};
use crate::suite::Suite;
use crate::tape::Mode;

use super::args::TestArgs;
use super::budget::Budget;
use super::exit::{Exit, Stop};
use super::interrupt::Interrupts;
use super::load::{self, Parties};
use super::memory::Memory;
use super::near;
use super::nextest;
use super::output::{self, Scrubbed, guarded};
use super::select::{self, Names, Selected};
use super::settings::{self, Sourcing, StackChoice};
use super::spending::Spending;
use super::tapes::Tapes;
use super::unused;
use super::wire::Wired;

/// Runs what the arguments say. `command` is how the user started it, for the lines that say how to do it again.
pub(super) fn run(args: &TestArgs, command: &str) -> Result<Exit, Stop> {
    let color = settings::color(args.libtest.color);
    let stack = StackChoice::of(&args.run)?;
    let parties = load::parties(&args.source, color)?;
    let mut sourcing = Sourcing::new(&args.source, &parties.catalogue)?;
    let setups = settings::setups(&args.select, &sourcing, &parties.catalogue, &parties.setups)?;
    for setup in &setups {
        sourcing.with_env(setup);
    }
    let (names, suites) = guarded(&sourcing.secrets(&parties.catalogue), || suites(args, &parties.catalogue, color))?;
    let secrets = sourcing.secrets_with(&parties.catalogue, suites.iter().flat_map(|suite| &suite.secrets));
    let run =
        Run { args, color, command, stack, sourcing: &sourcing, secrets: &secrets, parties: &parties, setups: &setups };
    guarded(&secrets, || run.start(&names, &suites))
}

/// The suites that are asked for, and what of them is.
fn suites(args: &TestArgs, catalogue: &Catalogue, color: bool) -> Result<(Names, Vec<Arc<Suite>>), Stop> {
    let mut files = load::selected(&args.source.suites, &args.select)?;
    let names = Names::of(&args.libtest.names, args.libtest.exact, &files)?;
    files.retain(|file| names.want(file));
    let suites = load::suites(&files, &args.source, catalogue, color)?;
    Ok((names, suites))
}

fn trial(case: &Case) -> Trial {
    Trial::test(case.id.clone(), || Ok(())).with_ignored_flag(case.skip.is_some())
}

/// libtest's `--list`, in which known skips are ignored.
fn list(args: &TestArgs, selected: &[&Arc<Case>]) -> Result<Exit, Stop> {
    let trials = selected.iter().map(|case| trial(case)).collect();
    // Listing runs nothing, so there is nothing to conclude.
    let _ = libtest_mimic::run(&args.libtest.listing(), trials);
    Ok(Exit::Ok)
}

/// The command that runs the same setup, files and stack again, for whatever is added to it.
fn again(command: &str, args: &TestArgs) -> String {
    let (run, select) = (&args.run, &args.select);
    let mut line = format!("{command}{}", settings::again(&args.source));
    if run.stack_config != "ci-tests" {
        settings::add_flag(&mut line, "--stack-config", &run.stack_config);
    }
    let models = [
        ("--text-model", &select.text_model),
        ("--embedding-model", &select.embedding_model),
        ("--vision-model", &select.vision_model),
    ];
    for (flag, model) in models {
        if let Some(model) = model {
            settings::add_flag(&mut line, flag, model);
        }
    }
    line
}

/// How many cases there are.
struct Counts {
    suites: usize,
    total: usize,
    /// Whether only named ones were looked for.
    is_narrowed: bool,
}

/// One run, with everything that was decided for it.
struct Run<'a> {
    args: &'a TestArgs,
    color: bool,
    command: &'a str,
    stack: StackChoice,
    sourcing: &'a Sourcing,
    secrets: &'a Secrets,
    parties: &'a Parties,
    setups: &'a [Setup],
}

impl Run<'_> {
    fn start(&self, names: &Names, suites: &[Arc<Suite>]) -> Result<Exit, Stop> {
        let (args, catalogue, began) = (self.args, &self.parties.catalogue, Instant::now());
        let letters = Letters::parse(args.report.report.iter().map(String::as_str));
        let letters = letters.map_err(|letter| Stop::usage(format!("-r: `{letter}` is no letter of fEsxXpPRKaAN")))?;
        let mut all: Vec<Arc<Case>> = {
            let direct = self.stack.is_bare();
            let mut seen = HashSet::new();
            let cases = self
                .setups
                .iter()
                .flat_map(|setup| suites.iter().flat_map(move |suite| matrix::expand(suite, setup, catalogue, direct)));
            // Two setups may mean the same case: the same provider, model and parameters.
            let var = |name: &str| self.sourcing.var(name);
            let is_replay = self.sourcing.mode == Mode::Replay;
            let is_one = self.setups.len() == 1;
            let cases = cases.filter(|case| is_one || seen.insert(case.id.clone()));
            cases.map(|case| Arc::new(case.equipped(&var, is_replay))).collect()
        };
        names.narrow(&mut all)?;
        let mut memory = Memory::open(Path::new("."));
        if args.choice.cache_clear {
            memory.clear();
        }
        let selected = select::select(args, names, &all, &mut memory)?;
        if selected.cases.is_empty() {
            let words = args.select.pattern.iter().chain(&args.libtest.names).map(String::as_str);
            let ids: Vec<&str> = all.iter().map(|case| case.id.as_str()).collect();
            near::cases(words, &ids).into_iter().for_each(|hint| output::warn(self.secrets, &hint));
        }
        for said in select::strange(args, names, &all) {
            output::warn(self.secrets, &said);
        }
        if args.libtest.list {
            return list(args, &selected.cases);
        }
        let mode = self.sourcing.mode;
        let budget = Budget::of(&args.budget, mode, &selected.cases, catalogue)?;
        let counts = Counts { suites: suites.len(), total: all.len(), is_narrowed: !names.is_empty() };
        let options = self.options(letters);
        if args.choice.collect_only {
            let Some(budget) = budget else { return self.collect_only(&selected, &counts, options, began, None) };
            let settled: Vec<Arc<Case>> = selected.cases.iter().map(|case| budget.settle(case)).collect();
            let selected = Selected { cases: settled.iter().collect(), ..selected };
            return self.collect_only(&selected, &counts, options, began, Some(budget.line(mode)));
        }
        // In replay nothing costs.
        let budget = budget.filter(|_| mode != Mode::Replay);
        let spending = budget.map(|budget| Arc::new(budget.spending()));
        super::block_on(self.drive(selected, &counts, options, memory, spending))
    }

    /// Shows what would run.
    fn collect_only(
        &self,
        selected: &Selected<'_>,
        counts: &Counts,
        options: report::Options,
        began: Instant,
        estimate: Option<String>,
    ) -> Result<Exit, Stop> {
        let cannot = |error: io::Error| Stop::internal(format!("cannot write the report: {error}"));
        let mut out = Scrubbed::new(BufWriter::new(io::stdout()), self.secrets.clone());
        let mut terminal = Terminal::new(&mut out, options.clone());
        for event in self.head(Vec::new(), counts, selected) {
            terminal.handle(&event).map_err(cannot)?;
        }
        let of = |case: &&Arc<Case>| Collected { id: case.id.clone(), skip: case.skip.clone() };
        let cases: Vec<Collected> = selected.cases.iter().map(of).collect();
        let deselected = counts.total - cases.len();
        Tree { cases: &cases, deselected, duration: began.elapsed() }.write(&mut out, &options).map_err(cannot)?;
        if let Some(estimate) = estimate {
            writeln!(out, "{estimate}").and_then(|()| out.flush()).map_err(cannot)?;
        }
        Ok(if cases.is_empty() { Exit::NothingSelected } else { Exit::Ok })
    }

    /// Every case with what it calls, which is started where that must be.
    async fn plan(
        &self,
        selected: &Selected<'_>,
        wired: &mut Wired<'_>,
        tapes: &mut Tapes<'_>,
    ) -> Result<Vec<Planned>, Stop> {
        let mut plan = Vec::new();
        for case in &selected.cases {
            // The setup of a case is one of those it was made from.
            let Some(setup) = self.setups.iter().find(|setup| setup.name == *case.setup) else { continue };
            let target = wired.target(case, setup, &self.parties.catalogue, tapes).await?;
            plan.push(Planned { case: Arc::clone(case), target });
        }
        Ok(plan)
    }

    async fn drive(
        &self,
        selected: Selected<'_>,
        counts: &Counts,
        options: report::Options,
        mut memory: Memory,
        spending: Option<Arc<Spending>>,
    ) -> Result<Exit, Stop> {
        let again = again(self.command, self.args);
        let mut tapes = Tapes::new(self.sourcing, self.secrets.clone(), again.clone(), true, self.color);
        tapes.spending = spending.clone();
        let interrupts = Interrupts::listen().map_err(Stop::internal)?;
        let mut wired = Wired::new(&self.stack, &again, self.sourcing, interrupts.clone());
        let plan = match self.plan(&selected, &mut wired, &mut tapes).await {
            Ok(plan) => plan,
            Err(stop) => {
                wired.end().await;
                return Err(stop);
            }
        };
        let (sender, receiver) = mpsc::unbounded_channel();
        // To count recordings is to read all of them, which is too dear where each case has a process.
        let recordings = if self.args.libtest.exact { None } else { tapes.summary() };
        let info = recordings.into_iter().chain(wired.said.iter().cloned()).collect();
        let trouble = memory.trouble.take().map(Event::Notice);
        for event in self.head(info, counts, &selected).into_iter().chain(trouble) {
            let _ = sender.send(event);
        }
        let deselected = if counts.is_narrowed { counts.total.max(1) } else { counts.total - selected.cases.len() };
        let pace = self.pace(spending.clone(), options.letters.passes());
        let running = tokio::spawn(run::run(plan, pace, sender, interrupts.first(), interrupts.second()));
        let last = |is_green: bool| {
            let unused = if is_green { self.unused(&tapes, deselected)? } else { None };
            Ok(unused.into_iter().chain(spending.iter().map(|spending| Event::Notice(spending.line()))).collect())
        };
        let told = self.tell(receiver, options, &mut memory, last).await;
        let how = running.await.unwrap_or(Ended::Broken);
        wired.end().await;
        let tally = told?;
        // Where each case has a process, none of them knows what failed in a run.
        if !nextest::is_here() {
            memory.keep()?;
        }
        let exit = exit(&tally, how);
        if exit == Exit::Failed && self.is_stepwise() {
            return Ok(Exit::Interrupted);
        }
        // Each was told as a notice when it happened.
        Ok(if exit == Exit::Ok && !tapes.failures().is_empty() { Exit::Failed } else { exit })
    }

    fn is_stepwise(&self) -> bool {
        let choice = &self.args.choice;
        choice.sw || choice.sw_skip || choice.sw_reset
    }

    /// How to run.
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
            stopped: self
                .is_stepwise()
                .then(|| "Interrupted: Test failed, continuing from this test next run.".to_owned()),
        }
    }

    /// What stands above the cases.
    fn head(&self, more: Vec<String>, counts: &Counts, selected: &Selected<'_>) -> Vec<Event> {
        let names: Vec<&str> = self.setups.iter().map(|setup| setup.name.as_str()).collect();
        let mut info = vec![
            format!(
                "retake {} -- mode: {}, stack: {}, setup: {}",
                env!("CARGO_PKG_VERSION"),
                self.sourcing.mode,
                self.args.run.stack_config,
                names.join(", ")
            ),
            format!(
                "suites: {} ({})",
                self.args.source.suites.display(),
                match counts.suites {
                    1 => "1 file".to_owned(),
                    many => format!("{many} files"),
                }
            ),
        ];
        if let Some(shard) = self.args.choice.shard {
            info.push(format!("shard: {shard}, by id"));
        }
        info.extend(more);
        let total = counts.total;
        let mut events =
            vec![Event::Started { info }, Event::Collected { total, deselected: total - selected.cases.len() }];
        if self.args.report.verbosity() >= 0 {
            events.extend(selected.said.iter().cloned().map(Event::Notice));
        }
        events
    }

    fn options(&self, letters: Letters) -> report::Options {
        let report = &self.args.report;
        report::Options {
            width: settings::width(),
            color: self.color,
            verbosity: report.verbosity(),
            ci: settings::ci(),
            no_head: report.no_header,
            as_finished: report.order == "finish",
            trace: if report.no_summary { report::Trace::No } else { report.tb },
            letters: if report.no_summary { letters.none() } else { letters },
            durations: report.durations,
            durations_min: report.durations_min,
        }
    }

    /// What a green run has to say of recordings that nothing used.
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
            Some(Event::Notice(unused::told(&files, self.args.run.prune, self.args.report.verbosity() > 0)?))
        })
    }

    /// Reports every event as it comes; `last` says what comes before the end of a run, which is green or not. Returns the tally.
    async fn tell(
        &self,
        mut events: mpsc::UnboundedReceiver<Event>,
        options: report::Options,
        memory: &mut Memory,
        last: impl Fn(bool) -> Result<Vec<Event>, Stop>,
    ) -> Result<Tally, Stop> {
        let mut terminal = Terminal::new(Scrubbed::new(BufWriter::new(io::stdout()), self.secrets.clone()), options);
        let mut tally = Tally::default();
        let is_of_nextest = nextest::is_here();
        while let Some(event) = events.recv().await {
            tally.count(&event);
            memory.learn(&event);
            if let Some(reason) = nextest::reason(&event).filter(|_| is_of_nextest) {
                output::warn(self.secrets, &reason);
            }
            let before = match &event {
                Event::Finished { interrupted, .. } => last(interrupted.is_none() && tally.is_green())?,
                _ => Vec::new(),
            };
            for event in before.iter().chain([&event]) {
                match terminal.handle(event) {
                    // Nobody reads any more (`| head`): the cases still run to their end, and the exit code stays true.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                    result => result.map_err(|error| Stop::internal(format!("cannot write the report: {error}")))?,
                }
            }
        }
        Ok(tally)
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
