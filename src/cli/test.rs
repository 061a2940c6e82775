//! `retake test` and the test target: which cases, wired to what, told how.

use std::collections::HashSet;
use std::io::{self, BufWriter};
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use tokio::sync::mpsc;

use crate::event::{Event, Tally};
use crate::exchange::Secrets;
use crate::matrix::{self, Case, Keyword};
use crate::provider::Setup;
use crate::report::{self, Terminal};
use crate::run::{self, Ended, Planned};

use super::args::TestArgs;
use super::exit::{Exit, Stop};
use super::load::{self, Parties};
use super::near;
use super::output::{self, Scrubbed, guarded};
use super::settings::{self, Sourcing, StackChoice};
use super::socket::ended;
use super::tapes::Tapes;
use super::unused;
use super::wire::Wired;

/// Runs what the arguments say. `command` is how the user started it, for the lines that say how to do it again.
pub(super) fn run(args: &TestArgs, quiet: u8, command: &str) -> Result<Exit, Stop> {
    let color = settings::color(args.libtest.color);
    let stack = StackChoice::of(&args.run)?;
    let parties = load::parties(&args.source, color)?;
    let mut sourcing = Sourcing::new(&args.source, &parties.catalogue)?;
    let setups = settings::setups(&args.select, &sourcing, &parties.catalogue, &parties.setups)?;
    for setup in &setups {
        sourcing.with_env(setup);
    }
    let secrets = sourcing.secrets(&parties.catalogue);
    let run = Run {
        args,
        quiet,
        color,
        command,
        stack,
        sourcing: &sourcing,
        secrets: &secrets,
        parties: &parties,
        setups: &setups,
    };
    guarded(&secrets, || run.start())
}

/// What `-k` and the libtest filters leave.
fn select<'a>(args: &TestArgs, all: &'a [Arc<Case>]) -> Result<Vec<&'a Arc<Case>>, Stop> {
    let keyword = match &args.select.pattern {
        Some(text) => Some(
            Keyword::parse(text, |part| all.iter().any(|case| case.id.to_lowercase().contains(&part.to_lowercase())))
                .map_err(|error| Stop::usage(error.to_string()))?,
        ),
        None => None,
    };
    let left = all.iter().filter(|case| {
        let wanted = keyword.as_ref().is_none_or(|keyword| keyword.selects(&case.id, &words(case)));
        wanted && !args.libtest.is_filtered_out(&trial(case))
    });
    Ok(left.collect())
}

/// What `-k` finds besides the id. Not the provider: its name is in the model already.
fn words(case: &Case) -> Vec<String> {
    let own = [case.client.name().to_owned(), case.setup.to_string()];
    case.suite.templates[case.template].keywords.iter().cloned().chain(own).collect()
}

fn trial(case: &Case) -> Trial {
    Trial::test(case.id.clone(), || Ok(())).with_ignored_flag(case.skip.is_some())
}

/// libtest's `--list`, in which known skips are ignored.
fn list(args: &TestArgs, selected: &[&Arc<Case>]) -> Result<Exit, Stop> {
    let trials = selected.iter().map(|case| trial(case)).collect();
    // Listing runs nothing, so there is nothing to conclude.
    let _ = libtest_mimic::run(&args.libtest, trials);
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

/// One run, with everything that was decided for it.
struct Run<'a> {
    args: &'a TestArgs,
    quiet: u8,
    color: bool,
    command: &'a str,
    stack: StackChoice,
    sourcing: &'a Sourcing,
    secrets: &'a Secrets,
    parties: &'a Parties,
    setups: &'a [Setup],
}

impl Run<'_> {
    fn start(&self) -> Result<Exit, Stop> {
        let (args, catalogue) = (self.args, &self.parties.catalogue);
        let suites = load::suites(&args.source, &args.select, catalogue, self.color)?;
        let all: Vec<Arc<Case>> = {
            let direct = self.stack.is_bare();
            let mut seen = HashSet::new();
            let cases = self
                .setups
                .iter()
                .flat_map(|setup| suites.iter().flat_map(move |suite| matrix::expand(suite, setup, catalogue, direct)));
            // Two setups may mean the same case: the same provider, model and parameters.
            cases.filter(|case| seen.insert(case.id.clone())).map(Arc::new).collect()
        };
        let selected = select(args, &all)?;
        if selected.is_empty() {
            let words = args.select.pattern.iter().chain(&args.libtest.filter).map(String::as_str);
            let ids: Vec<&str> = all.iter().map(|case| case.id.as_str()).collect();
            near::cases(words, &ids).into_iter().for_each(|hint| output::warn(self.secrets, &hint));
        }
        if args.libtest.list {
            return list(args, &selected);
        }
        let deselected = all.len() - selected.len();
        super::block_on(self.drive(selected, deselected, suites.len()))
    }

    async fn drive(&self, selected: Vec<&Arc<Case>>, deselected: usize, suites: usize) -> Result<Exit, Stop> {
        let again = again(self.command, self.args);
        let mut tapes = Tapes::new(self.sourcing, self.secrets.clone(), again.clone(), true, self.color);
        let mut wired = Wired::new(&self.stack, &again, self.sourcing);
        let mut plan = Vec::new();
        for case in &selected {
            // The setup of a case is one of those it was made from.
            let Some(setup) = self.setups.iter().find(|setup| setup.name == *case.setup) else { continue };
            let target = wired.target(case, setup, &self.parties.catalogue, &mut tapes).await?;
            plan.push(Planned { case: Arc::clone(case), target });
        }
        let (sender, receiver) = mpsc::unbounded_channel();
        for event in self.head(&tapes, &wired, suites, selected.len(), deselected)? {
            let _ = sender.send(event);
        }
        let options = run::Options {
            workers: self.args.libtest.test_threads.unwrap_or(self.args.run.workers).max(1),
            case_timeout: Duration::from_secs(self.args.run.timeout),
            max_failures: self.args.run.exitfirst.then_some(1),
        };
        let running = tokio::spawn(run::run(plan, options, sender, ended()));
        let told = self.tell(receiver, || self.unused(&tapes, deselected)).await;
        let how = running.await.unwrap_or(Ended::Broken);
        wired.end().await;
        let exit = exit(&told?, how);
        // Each was told as a notice when it happened.
        Ok(if exit == Exit::Ok && !tapes.failures().is_empty() { Exit::Failed } else { exit })
    }

    fn head(
        &self,
        tapes: &Tapes<'_>,
        wired: &Wired<'_>,
        suites: usize,
        selected: usize,
        deselected: usize,
    ) -> Result<Vec<Event>, Stop> {
        let names: Vec<&str> = self.setups.iter().map(|setup| setup.name.as_str()).collect();
        let mut info = vec![
            format!(
                "retake {} -- mode: {}, stack: {}, setup: {}",
                env!("CARGO_PKG_VERSION"),
                self.sourcing.mode,
                self.args.run.stack_config,
                names.join(", ")
            ),
            format!("suites: {} ({suites} files)", self.args.source.suites.display()),
        ];
        info.extend(tapes.summary());
        info.extend(wired.said.iter().cloned());
        let total = selected + deselected;
        Ok(vec![Event::Started { info }, Event::Collected { total, deselected }])
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
            Some(Event::Notice(unused::told(&files, self.args.run.prune, self.args.run.verbose > 0)?))
        })
    }

    /// Reports every event as it comes; `last` says what comes before the end of a green run. Returns the tally.
    async fn tell(
        &self,
        mut events: mpsc::UnboundedReceiver<Event>,
        last: impl Fn() -> Result<Option<Event>, Stop>,
    ) -> Result<Tally, Stop> {
        let options = report::Options {
            width: settings::width(),
            color: self.color,
            verbosity: self.args.run.verbose as i8 - self.quiet.min(3) as i8,
            ci: settings::ci(),
        };
        let mut terminal = Terminal::new(Scrubbed::new(BufWriter::new(io::stdout()), self.secrets.clone()), options);
        let mut tally = Tally::default();
        while let Some(event) = events.recv().await {
            tally.count(&event);
            let is_green = matches!(event, Event::Finished { interrupted: None, .. }) && tally.is_green();
            let before = if is_green { last()? } else { None };
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
        Ended::Done if tally.failed + tally.errors > 0 => Exit::Failed,
        Ended::Done if tally.done() == 0 => Exit::NothingSelected,
        Ended::Done => Exit::Ok,
    }
}
