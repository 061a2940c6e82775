//! The composition root: which upstream answers for a provider. The mode is chosen here and nowhere else.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::exchange::Secrets;
use crate::provider::{Catalogue, Manners, Provider, Setup};
use crate::record::{self, Command, Faults, Journal, Library, Mode, Tape};
use crate::script::{Script, Scripted};
use crate::upstream;
use crate::upstream::http::{Http, HttpConfig, Key, Limits, Retries, Timeouts};

use super::budget::{Meter, Spending};
use super::exit::Stop;
use super::load::read;
use super::settings::{Elsewhere, Sourcing, quote};

/// One tape per provider, shared by every setup that uses it.
pub(super) struct Tapes<'a> {
    pub(super) sourcing: &'a Sourcing,
    /// How the user started the program, for the command that records.
    pub(super) command: String,
    /// Whether recordings wait for the outcome of their case.
    pub(super) staged: bool,
    pub(super) color: bool,
    /// Every key value that any provider could use: none of them may be kept.
    pub(super) secrets: Secrets,
    retries: Retries,
    /// The whole command that records, where it is the same for every request.
    record: Option<String>,
    journal: Arc<Journal>,
    /// Where what replies cost is counted, when anybody asks.
    pub(super) spending: Option<Arc<Spending>>,
    pub(super) faults: Arc<Faults>,
    open: BTreeMap<String, Arc<Tape>>,
}

impl<'a> Tapes<'a> {
    pub(super) fn new(sourcing: &'a Sourcing, secrets: Secrets, command: String, staged: bool, color: bool) -> Self {
        Tapes {
            sourcing,
            command,
            staged,
            color,
            secrets,
            retries: Retries::live(),
            record: None,
            journal: Arc::default(),
            spending: None,
            faults: Arc::default(),
            open: BTreeMap::new(),
        }
    }

    /// Tapes for clients of others, which try again by themselves and of whose tests nothing is known: everything is
    /// asked once, and written when it ends. `record` is the command that records what they ask.
    pub(super) fn for_clients(sourcing: &'a Sourcing, secrets: Secrets, record: String, color: bool) -> Self {
        let tapes = Tapes::new(sourcing, secrets, String::new(), false, color);
        Tapes { retries: Retries::never(), record: Some(record), ..tapes }
    }

    /// The tape of a provider, opened once.
    pub(super) fn of(&mut self, provider: &Provider, setup: Option<&str>) -> Result<Arc<Tape>, Stop> {
        if let Some(tape) = self.open.get(&provider.name) {
            return Ok(tape.clone());
        }
        let tape = Arc::new(self.made(provider, setup)?);
        self.open.insert(provider.name.clone(), tape.clone());
        Ok(tape)
    }

    fn made(&self, provider: &Provider, setup: Option<&str>) -> Result<Tape, Stop> {
        let live = match self.sourcing.mode {
            Mode::Replay => None,
            _ => Some(self.metered(provider, self.live(provider)?)),
        };
        let scripted = matches!(self.sourcing.elsewhere.get(&provider.name), Some(Elsewhere::Script(_)));
        let missing_key = provider.key.clone().filter(|var| !scripted && self.sourcing.var(var).is_none());
        let options = record::Options {
            secrets: self.secrets.clone(),
            speed: self.sourcing.speed,
            staged: self.staged,
            missing_key,
            command: self.record_command(setup),
            journal: self.journal.clone(),
            faults: self.faults.clone(),
            by_hand: self.sourcing.by_hand.get(&provider.name).map(|file| self.scripted(file)).transpose()?,
            ..record::Options::default()
        };
        let library = Library::open(&self.sourcing.recordings, provider);
        Ok(record::wire(self.sourcing.mode, library, live, options))
    }

    fn metered(&self, provider: &Provider, live: upstream::Shared) -> upstream::Shared {
        match &self.spending {
            Some(spending) => Meter::around(live, vec![provider.clone()], Arc::clone(spending)),
            None => live,
        }
    }

    /// The command that records what a case asks.
    fn record_command(&self, setup: Option<&str>) -> Command {
        if let Some(record) = self.record.clone() {
            return Arc::new(move |_| record.clone());
        }
        let setup = setup.map_or_else(String::new, |setup| format!(" --setup {setup}"));
        let command = format!("{}{setup} --mode record", self.command);
        Arc::new(move |case| match case {
            Some(case) => format!("{command} -k {}", quote(case)),
            None => command.clone(),
        })
    }

    fn scripted(&self, file: &Path) -> Result<upstream::Shared, Stop> {
        let script = Script::parse(&read(file)?).map_err(|error| Stop::usage(error.render(self.color)))?;
        Ok(Arc::new(Scripted::new(script)))
    }

    /// The provider itself, or what stands in for it.
    fn live(&self, provider: &Provider) -> Result<upstream::Shared, Stop> {
        let base_url = match self.sourcing.elsewhere.get(&provider.name) {
            Some(Elsewhere::Script(file)) => {
                return self.scripted(file);
            }
            Some(Elsewhere::Url(url)) => url,
            None => &provider.base_url,
        };
        let key = provider.key.as_ref().map(|var| {
            let (header, prefix) = &provider.key_header;
            Key::new(var, self.sourcing.var(var)).travels_in(header, prefix)
        });
        let config = HttpConfig {
            key,
            key_required: provider.key.is_some(),
            headers: provider.headers.clone(),
            retries: self.retries,
            ..HttpConfig::new(&provider.name, base_url)
        };
        let mut manners = provider.manners;
        if self.retries == Retries::never() {
            manners.retries = None;
        }
        let manners = self.sourcing.manners.or(manners);
        Ok(Arc::new(Http::new(mannered(config, manners))))
    }

    /// What must not pass although every case did: recordings that could not be written or do not answer their request.
    pub(super) fn failures(&self) -> Vec<String> {
        self.journal.failures()
    }

    /// The tapes that were opened.
    pub(super) fn open(&self) -> impl Iterator<Item = &Tape> {
        self.open.values().map(|tape| &**tape)
    }

    /// Whether a file was played, written, or recorded anew and came out the same.
    pub(super) fn is_touched(&self, file: &Path) -> bool {
        self.journal.is_touched(file)
    }

    /// Why recordings of requests that no case made were kept or not written.
    pub(super) fn notes(&self) -> Vec<String> {
        self.journal.notes()
    }

    /// `recordings: recordings (3 real, 25 simulated)`, when there are any.
    pub(super) fn summary(&self) -> Option<String> {
        let (mut real, mut simulated) = (0, 0);
        for tape in self.open.values() {
            let summary = tape.library().summary();
            real += summary.real;
            simulated += summary.simulated;
        }
        let folder = self.sourcing.recordings.display();
        (self.sourcing.mode != Mode::Live).then(|| format!("recordings: {folder} ({real} real, {simulated} simulated)"))
    }
}

/// A provider asked as its data and the flags say, and as every other one where they say nothing.
fn mannered(usual: HttpConfig, manners: Manners) -> HttpConfig {
    let (retries, timeouts) = (usual.retries, usual.timeouts);
    HttpConfig {
        retries: Retries {
            tries: manners.retries.map_or(retries.tries, |times| times.saturating_add(1)),
            patience: manners.patience.unwrap_or(retries.patience),
            ..retries
        },
        limits: Limits { at_once: manners.at_once.map(|count| count as usize), per_minute: manners.per_minute },
        timeouts: Timeouts {
            connect: manners.connect.unwrap_or(timeouts.connect),
            first_byte: manners.first_byte.unwrap_or(timeouts.first_byte),
            gap: manners.gap.unwrap_or(timeouts.gap),
            whole: manners.whole.unwrap_or(timeouts.whole),
        },
        ..usual
    }
}

/// The providers that a setup's gateway has: its default one, and those its models name.
pub(super) fn providers_of(setup: &Setup, catalogue: &Catalogue) -> Vec<String> {
    let models = [&setup.models.text, &setup.models.embedding, &setup.models.vision];
    let named = models.into_iter().flatten().filter_map(|model| model.split_once('/')).map(|(name, _)| name);
    let mut names: Vec<String> = std::iter::once(setup.provider.as_str())
        .chain(named.filter(|name| catalogue.provider(name).is_some()))
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}
