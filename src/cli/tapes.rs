//! The composition root: the upstream of each provider. The mode is chosen here and nowhere else.

use std::path::Path;
use std::sync::Arc;

use crate::exchange::Secrets;
use crate::provider::{Catalogue, Manners, Provider, Setup};
use crate::record::{self, Library, Mode, Staging, Tape, TapeSet};
use crate::script::{Script, Scripted};
use crate::upstream;
use crate::upstream::http::{ApiKey, Http, HttpConfig, Limits, Retries, Timeouts};

use super::budget::{Meter, Spending};
use super::exit::Stop;
use super::load::read;
use super::output::warn;
use super::settings::{Elsewhere, Sourcing};

/// When a provider gets a client's own credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientAuth {
    Never,
    /// If the provider's variable is not set.
    InPlace,
    /// Whenever the client sends one.
    Always,
}

impl ClientAuth {
    /// For clients of a proxy.
    pub(super) fn of(always: bool) -> Self {
        if always { ClientAuth::Always } else { ClientAuth::InPlace }
    }
}

/// One tape per provider, shared by every setup that uses it.
pub(super) struct Tapes<'a> {
    pub(super) sourcing: &'a Sourcing,
    staging: Staging,
    pub(super) keep_failed: bool,
    pub(super) client_auth: ClientAuth,
    color: bool,
    /// All keys that a provider could use: none of them may be recorded.
    pub(super) secrets: Secrets,
    retries: Retries,
    /// The whole command that records, if it is the same for every request.
    record: Option<String>,
    /// Counts the cost of replies, if a limit asks for it.
    pub(super) spending: Option<Arc<Spending>>,
    pub(super) set: Arc<TapeSet>,
}

impl<'a> Tapes<'a> {
    /// Tapes for cases, which report their ends.
    pub(super) fn new(sourcing: &'a Sourcing, secrets: Secrets, color: bool) -> Self {
        Tapes {
            sourcing,
            staging: Staging::Case,
            keep_failed: false,
            client_auth: ClientAuth::Never,
            color,
            secrets,
            retries: Retries::live(),
            record: None,
            spending: None,
            set: Arc::default(),
        }
    }

    /// Tapes for other programs' clients, of whose tests little is known. `record` is the command that records their
    /// requests.
    pub(super) fn for_clients(
        sourcing: &'a Sourcing,
        secrets: Secrets,
        record: String,
        staging: Staging,
        color: bool,
    ) -> Self {
        Tapes { staging, record: Some(record), ..Tapes::new(sourcing, secrets, color) }
    }

    /// The same for clients that retry by themselves: every request is sent once.
    pub(super) fn asking_once(self) -> Self {
        Tapes { retries: Retries::never(), ..self }
    }

    /// The tape of a provider, opened on first use.
    pub(super) fn of(&self, provider: &Provider) -> Result<Arc<Tape>, Stop> {
        if let Some(tape) = self.set.get(&provider.name) {
            return Ok(tape);
        }
        let live = match self.sourcing.mode {
            Mode::Replay => None,
            _ => Some(self.metered(provider, self.live(provider)?)),
        };
        let elsewhere = self.sourcing.elsewhere.get(&provider.name);
        let scripted = matches!(elsewhere, Some(Elsewhere::Script(_)));
        let missing_key = provider.key.clone().filter(|var| !scripted && self.sourcing.var(var).is_none());
        let options = record::Options {
            secrets: self.secrets.clone(),
            speed: self.sourcing.speed,
            staging: self.staging,
            keep_failed: self.keep_failed,
            missing_key,
            command: self.record.clone(),
            max_size: self.sourcing.max_recording_size,
            by_hand: self.sourcing.by_hand.get(&provider.name).map(|file| self.scripted(file)).transpose()?,
            ..record::Options::default()
        };
        let url = match elsewhere {
            Some(Elsewhere::Url(url) | Elsewhere::ServedScript(url)) => Some(url.as_str()),
            _ => None,
        };
        let library = Library::at(&self.sourcing.recordings, provider, url);
        Ok(self.set.open(self.sourcing.mode, library, live, options))
    }

    fn metered(&self, provider: &Provider, live: upstream::Shared) -> upstream::Shared {
        match &self.spending {
            Some(spending) => Meter::around(live, vec![provider.clone()], Arc::clone(spending)),
            None => live,
        }
    }

    fn scripted(&self, file: &Path) -> Result<upstream::Shared, Stop> {
        let script = Script::parse(&read(file)?).map_err(|error| Stop::usage(error.render(self.color)))?;
        Ok(Arc::new(Scripted::new(script)))
    }

    /// The upstream for live requests: the provider itself, or what replaces it.
    fn live(&self, provider: &Provider) -> Result<upstream::Shared, Stop> {
        let base_url = match self.sourcing.elsewhere.get(&provider.name) {
            Some(Elsewhere::Script(file)) => {
                return self.scripted(file);
            }
            Some(Elsewhere::Url(url) | Elsewhere::ServedScript(url)) => url,
            None => &provider.base_url,
        };
        let key = provider.key.as_ref().map(|var| {
            let (header, prefix) = &provider.key_header;
            ApiKey::new(var, self.sourcing.var(var)).travels_in(header, prefix)
        });
        let may_carry = self.client_auth == ClientAuth::Always
            || key.as_ref().is_some_and(ApiKey::is_set)
            || !upstream::secrets_in(base_url).is_empty();
        if let Some(host) = upstream::plain_host(base_url).filter(|_| may_carry) {
            let said = format!(
                "warning: what is sent to {} goes over plain http to {host}, key and all: who is on the way can read \
                 it\n  use https, or a tunnel that begins at 127.0.0.1",
                provider.name
            );
            warn(&self.secrets, &said);
        }
        let config = HttpConfig {
            key,
            key_required: provider.key.is_some(),
            is_retake: matches!(self.sourcing.elsewhere.get(&provider.name), Some(Elsewhere::ServedScript(_))),
            takes_client_auth: self.client_auth != ClientAuth::Never,
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

    /// `recordings: recordings (3 real, 25 simulated)`, and lines about other files.
    pub(super) fn summary(&self, catalogue: &Catalogue) -> Vec<String> {
        if self.sourcing.mode == Mode::Live {
            return Vec::new();
        }
        super::counted::lines(&self.sourcing.recordings, &self.set.summary(), catalogue)
    }
}

/// A provider's configuration with its own limits, retries and timeouts from data and flags, else with the defaults.
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

/// The providers of a setup's gateway: its default one, and those that its models name.
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
