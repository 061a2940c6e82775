//! `retake test` and the test target: selects cases and runs or lists them.

mod session;

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use libtest_mimic::Trial;

use crate::event::{self, Event, Head};
use crate::exchange::Secrets;
use crate::matrix::{self, Case};
use crate::provider::{Catalogue, Setup};
use crate::record::Mode;
use crate::report::{self, Collected, Terminal, Tree};
use crate::suite::Suite;
use crate::upstream::without_secrets;

use super::args::TestArgs;
use super::budget::Budget;
use super::exit::{Exit, Stop};
use super::load::{self, Parties};
use super::memory::Memory;
use super::near;
use super::nextest;
use super::output::{self, Scrubbed, guarded};
use super::reports::Reports;
use super::select::{self, Names, Selected};
use super::settings::{self, Sourcing, StackChoice};

/// Runs as the arguments say. `command` is how the user started it, for lines with commands to type again.
pub(super) fn run(args: &TestArgs, command: &str) -> Result<Exit, Stop> {
    let color = settings::color(args.libtest.color);
    let stack = StackChoice::of(&args.run)?;
    // This comes first: a new user's folder has neither suites nor recordings, and the message about suites leads to
    // both.
    let files = load::selected(&args.source.suites, &args.select)?;
    let parties = load::parties(&args.source, color)?;
    let mut sourcing = Sourcing::new(&args.source, &parties.catalogue)?;
    let setups = settings::setups(&args.select, &sourcing, &parties.catalogue, &parties.setups)?;
    for setup in &setups {
        sourcing.with_env(setup);
    }
    let (names, suites) =
        guarded(&sourcing.secrets(&parties.catalogue), || suites(args, files, &parties.catalogue, color))?;
    let secrets = sourcing.secrets_with(&parties.catalogue, suites.iter().flat_map(|suite| &suite.secrets));
    let run =
        Run { args, color, command, stack, sourcing: &sourcing, secrets: &secrets, parties: &parties, setups: &setups };
    guarded(&secrets, || run.start(&names, &suites))
}

/// Reads the selected suites.
fn suites(
    args: &TestArgs,
    mut files: Vec<PathBuf>,
    catalogue: &Catalogue,
    color: bool,
) -> Result<(Names, Vec<Arc<Suite>>), Stop> {
    let names = Names::of(&args.libtest.names, args.libtest.exact, &files)?;
    files.retain(|file| names.want(file));
    let suites = load::suites(&files, &args.source, catalogue, color)?;
    Ok((names, suites))
}

fn trial(case: &Case) -> Trial {
    Trial::test(case.id.clone(), || Ok(())).with_ignored_flag(case.skip.is_some())
}

/// libtest's `--list`, in which cases that are known to be skipped count as ignored.
fn list(args: &TestArgs, selected: &[&Arc<Case>]) -> Result<Exit, Stop> {
    let trials = selected.iter().map(|case| trial(case)).collect();
    // Listing runs nothing, so there is no result.
    let _ = libtest_mimic::run(&args.libtest.listing(), trials);
    Ok(Exit::Ok)
}

/// The command that reruns the same setup, files and stack; more flags can be appended.
fn again(command: &str, args: &TestArgs) -> String {
    let (run, select) = (&args.run, &args.select);
    let mut line = format!("{command}{}", settings::again(&args.source));
    if run.stack_config != "ci-tests" {
        settings::add_flag(&mut line, "--stack-config", &without_secrets(&run.stack_config));
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

/// Each case once. Two setups may give the same case: same provider, model and parameters. If only the id is the same,
/// because it names no model, the case runs for the first of the setups, and a message says for which it does not.
fn of_setups(cases: impl Iterator<Item = Arc<Case>>) -> (Vec<Arc<Case>>, Vec<String>) {
    let (mut kept, mut providers) = (Vec::new(), HashMap::new());
    let mut left_out: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    for case in cases {
        match providers.get(&case.id) {
            None => {
                providers.insert(case.id.clone(), Arc::clone(&case.provider));
                kept.push(case);
            }
            Some(provider) if *provider == case.provider => {}
            Some(_) => *left_out.entry(Arc::clone(&case.setup)).or_default() += 1,
        }
    }
    let said = left_out.into_iter().map(|(setup, count)| {
        let cases = match count {
            1 => "1 case that names no model and runs".to_owned(),
            many => format!("{many} cases that name no model and run"),
        };
        format!("not run for {setup}: {cases} for another setup (to run them: --setup {setup})")
    });
    (kept, said.collect())
}

/// How many suites and cases there are.
struct Counts {
    suites: usize,
    total: usize,
    /// Whether only named cases were looked for.
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
        let options = super::report::options(&args.report, self.color)?;
        let (mut all, said) = self.cases(suites);
        names.narrow(&mut all)?;
        let mut memory = Memory::open(Path::new("."));
        if args.choice.cache_clear {
            memory.clear();
        }
        let mut selected = select::select(args, names, &all, &mut memory)?;
        // A user who names cases does not expect all of them.
        if names.is_empty() && args.select.pattern.is_none() {
            selected.said.extend(said);
        }
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
        if args.choice.collect_only {
            if !args.report.reports.is_empty() {
                output::warn(self.secrets, "warning: --report: nothing is run, so nothing is reported");
            }
            let Some(budget) = budget else { return self.collect_only(&selected, &counts, options, began, None) };
            let settled: Vec<Arc<Case>> = selected.cases.iter().map(|case| budget.settle(case)).collect();
            let selected = Selected { cases: settled.iter().collect(), ..selected };
            return self.collect_only(&selected, &counts, options, began, Some(budget.head_line(mode)));
        }
        // In replay nothing costs.
        let budget = budget.filter(|_| mode != Mode::Replay);
        let spending = budget.map(|budget| Arc::new(budget.spending()));
        let reports = self.reports()?;
        super::block_on(self.session(selected, &counts, (options, reports), memory, spending))
    }

    /// The reports for machines.
    fn reports(&self) -> Result<Reports, Stop> {
        let wanted = &self.args.report.reports;
        if nextest::is_here() && !wanted.is_empty() {
            return Err(Stop::usage(
                "--report: nextest runs each case in a process of its own, and no report of one case is that of the run\n  \
                 run them in one process, `cargo test --test integration -- --report …`, or in a few, with --shard 1/4 and a \
                 jsonl file for each, which `retake report` merges; nextest has a JUnit report of its own",
            ));
        }
        Reports::open(wanted, self.secrets.clone(), true)
    }

    /// All cases of the suites, for every setup, and messages about those that do not run.
    fn cases(&self, suites: &[Arc<Suite>]) -> (Vec<Arc<Case>>, Vec<String>) {
        let (catalogue, direct) = (&self.parties.catalogue, self.stack.is_bare());
        let expand = |setup| suites.iter().flat_map(move |suite| matrix::expand(suite, setup, catalogue, direct));
        let (var, is_replay) = (|name: &str| self.sourcing.var(name), self.sourcing.mode == Mode::Replay);
        // One by one: a list of cases that becomes a list of pointers would keep its room for cases.
        let cases = self.setups.iter().flat_map(expand).map(|case| Arc::new(case.equipped(&var, is_replay)));
        match self.setups {
            [_] => (cases.collect(), Vec::new()),
            _ => of_setups(cases),
        }
    }

    /// Shows the cases that would run.
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

    /// The lines above the cases.
    fn head(&self, more: Vec<String>, counts: &Counts, selected: &Selected<'_>) -> Vec<Event> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let head = Head {
            format: event::FORMAT,
            retake: env!("CARGO_PKG_VERSION").to_owned(),
            mode: self.sourcing.mode.to_string(),
            stack: without_secrets(&self.args.run.stack_config).into_owned(),
            setups: self.setups.iter().map(|setup| setup.name.clone()).collect(),
            suites: self.args.source.suites.display().to_string(),
            files: counts.suites,
            shard: self.args.choice.shard.map(|shard| shard.to_string()),
            argv: std::env::args_os().map(|word| without_secrets(&word.to_string_lossy()).into_owned()).collect(),
            started_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            notes: more,
        };
        let total = counts.total;
        let mut events =
            vec![Event::Started(Box::new(head)), Event::Collected { total, deselected: total - selected.cases.len() }];
        if self.args.report.verbosity() >= 0 {
            events.extend(selected.said.iter().cloned().map(Event::Notice));
        }
        events
    }
}
