//! What `retake serve` and `retake run` share: providers behind a proxy, and the variables that lead to it.

mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::access::Guard;
use crate::event::Proof;
use crate::exchange::Secrets;
use crate::provider::{Catalogue, Provider, Setup};
use crate::proxy::{MOST_ASKED, OWN_NAMES, Observer, Proxy, ProxyConfig, Trouble, Watcher};
use crate::record::{Figures, Mode, Size, Staging, Tape, TapeSet, Verdict};

use super::args::{NetworkArgs, ProxyArgs};
use super::exit::Stop;
use super::intercept::Intercepting;
use super::proof::Revision;
use super::reports::{Reports, Wanted};
use super::sessions::{Sessions, Terms};
use super::settings::{Elsewhere, Sourcing, TOKEN_VARIABLE, add_flag, again, named_setup};
use super::tapes::{ClientAuth, Tapes, providers_of};
use super::{bases, figures, load, output, proof, reports, sessions, settings};

/// The variable that holds the proxy's own address.
const OWN_VARIABLE: &str = "RETAKE_PROXY_URL";

/// The variable that most programs read.
const OPENAI_VARIABLE: &str = "OPENAI_BASE_URL";

/// Replaces a key, for SDKs that do not start without one.
const PLACEHOLDER: &str = "retake";

/// The options of a proxy besides its providers.
pub(super) struct ProxyHooks {
    pub(super) guard: Guard,
    pub(super) token: Option<String>,
    /// Called for every request that the proxy could not answer.
    pub(super) tell: Arc<dyn Fn(&Trouble) + Send + Sync>,
    /// Called for each recording of a session that was kept or not written.
    pub(super) note: Arc<dyn Fn(&str) + Send + Sync>,
    /// The case of requests without a session.
    pub(super) case: Arc<dyn Fn() -> Option<String> + Send + Sync>,
    /// Called for each request that was answered.
    pub(super) seen: Option<Watcher>,
    /// Observes all requests and sessions.
    pub(super) observer: Option<Arc<dyn Observer>>,
}

impl ProxyHooks {
    /// For clients whose requests name their session, or none.
    pub(super) fn new(
        guard: Guard,
        token: Option<String>,
        tell: impl Fn(&Trouble) + Send + Sync + 'static,
        note: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        let (tell, note) = (Arc::new(tell), Arc::new(note));
        ProxyHooks { guard, token, tell, note, case: Arc::new(|| None), seen: None, observer: None }
    }
}

/// A proxy without a socket.
pub(super) struct Behind {
    providers: Vec<(Provider, Arc<Tape>)>,
    tapes: Arc<TapeSet>,
    /// The addresses that the user gave for providers, by name.
    placed: BTreeMap<String, String>,
    pub(super) mode: Mode,
    client_auth: BTreeSet<String>,
    recordings: PathBuf,
    catalogue: Catalogue,
    /// Variables, each with the path below the proxy's address that it leads to.
    variables: BTreeMap<String, String>,
    max_request_size: Size,
    /// Some replies come from scripts, whatever the mode.
    has_scripts: bool,
    /// The providers whose place a script takes.
    scripted: BTreeSet<String>,
    speed: Option<f64>,
    setup: Option<String>,
    suites: PathBuf,
    /// For clients that use the proxy as their network proxy.
    intercepting: Option<Intercepting>,
    /// The values that must not be shown.
    pub(super) secrets: Secrets,
}

impl Behind {
    /// `record` turns the flags for files and folders into the command that records. With `network`, clients may use the
    /// proxy as their network proxy.
    pub(super) fn new(
        args: &ProxyArgs,
        network: Option<&NetworkArgs>,
        token: Option<String>,
        staging: Staging,
        record: impl Fn(&str) -> String,
    ) -> Result<Self, Stop> {
        let color = settings::color(None);
        let parties = load::parties(&args.source, color)?;
        let catalogue = &parties.catalogue;
        let mut sourcing = Sourcing::new(&args.source, catalogue)?;
        let setup = args.setup.as_ref().map(|name| named_setup(name, &parties.setups)).transpose()?;
        let names: Vec<String> = match setup {
            Some(setup) => {
                sourcing.with_env(setup);
                providers_of(setup, catalogue)
            }
            None => catalogue.providers.iter().map(|provider| provider.name.clone()).collect(),
        };
        // A server is asked by clients that were told its address; what its own environment says is of another time.
        let said = match staging {
            Staging::Command => {
                let served: Vec<&Provider> = names.iter().filter_map(|name| catalogue.provider(name)).collect();
                bases::honour(&mut sourcing, &served, &args.env)?
            }
            _ => Vec::new(),
        };
        let line = record(&flags(args));
        sourcing.guard(TOKEN_VARIABLE, token);
        let secrets = sourcing.secrets(catalogue);
        output::hush_panics(&secrets);
        // In replay, nobody is asked.
        if sourcing.mode != Mode::Replay {
            said.iter().for_each(|line| output::warn(&secrets, &format!("retake: {line}")));
        }
        let mut tapes = Tapes::for_clients(&sourcing, secrets.clone(), line, staging, color).asking_once();
        (tapes.keep_failed, tapes.client_auth) = (args.keep_failed, ClientAuth::of(args.client_auth));
        let mut providers = Vec::new();
        for provider in names.iter().filter_map(|name| catalogue.provider(name)) {
            can_be_served(provider)?;
            providers.push((provider.clone(), tapes.of(provider)?));
        }
        let variables = variables::of(&args.env, providers.iter().map(|(provider, _)| provider))?;
        let client_auth = client_auth(&sourcing, &providers, args.client_auth);
        let (tapes, mode, recordings) = (tapes.set, sourcing.mode, sourcing.recordings.clone());
        let (has_scripts, scripted) = (!sourcing.by_hand.is_empty(), proof::scripted(&sourcing));
        let placed = placed(&sourcing);
        let intercepting = network.map(Intercepting::new).transpose()?;
        Ok(Behind {
            providers,
            tapes,
            placed,
            mode,
            client_auth,
            recordings,
            catalogue: parties.catalogue,
            variables,
            max_request_size: args.max_request_size,
            has_scripts,
            scripted,
            speed: args.source.replay_speed,
            setup: args.setup.clone(),
            suites: args.source.suites.clone(),
            intercepting,
            secrets,
        })
    }

    /// For the server of a setup. OpenAI's variable, which most programs read, leads to the setup's own provider if
    /// OpenAI is not one of its providers.
    pub(super) fn of_setup(
        providers: Vec<(Provider, Arc<Tape>)>,
        tapes: Arc<TapeSet>,
        sourcing: &Sourcing,
        setup: &Setup,
    ) -> Result<Self, Stop> {
        providers.iter().try_for_each(|(provider, _)| can_be_served(provider))?;
        let mut variables = variables::of(&[], providers.iter().map(|(provider, _)| provider))?;
        if let Some((own, _)) = providers.iter().find(|(provider, _)| provider.name == setup.provider) {
            let path = own.base_url.splitn(4, '/').nth(3).unwrap_or_default().trim_end_matches('/');
            variables.entry(OPENAI_VARIABLE.to_owned()).or_insert(format!("{}/{path}", own.name));
        }
        // The head of the run already describes the recordings.
        let (recordings, catalogue, secrets) = (PathBuf::new(), Catalogue::default(), Secrets::default());
        let (mode, client_auth) = (sourcing.mode, client_auth(sourcing, &providers, false));
        let max_request_size = MOST_ASKED;
        let has_scripts = !sourcing.by_hand.is_empty();
        let all = NetworkArgs { block_network: false, allow_network: Vec::new() };
        let placed = placed(sourcing);
        let intercepting = Some(Intercepting::new(&all)?);
        Ok(Behind {
            providers,
            tapes,
            placed,
            mode,
            client_auth,
            recordings,
            catalogue,
            variables,
            max_request_size,
            has_scripts,
            scripted: BTreeSet::new(),
            speed: None,
            setup: None,
            suites: PathBuf::new(),
            intercepting,
            secrets,
        })
    }

    /// The reports of its sessions; `None` if none are wanted. Places are tried now.
    pub(super) fn reported(&self, wanted: &[Wanted], stdout: &str) -> Result<Option<Arc<Sessions>>, Stop> {
        if wanted.is_empty() {
            return Ok(None);
        }
        reports::to_files(wanted, stdout)?;
        let reports = Reports::open(wanted, self.secrets.clone(), true)?;
        // Before recordings are written, which would count as changes.
        let revision = Revision::of(if self.suites.is_dir() { &self.suites } else { Path::new(".") });
        let head = sessions::head(self.mode.to_string(), self.setup.as_ref());
        let providers = self.providers.iter().map(|(provider, _)| provider.clone());
        let terms = Terms::of(providers, self.speed);
        Ok(Some(Arc::new(Sessions::begin(reports, head, terms, Arc::clone(&self.tapes), revision))))
    }

    /// What the outcomes of its sessions rest on, without the revision.
    pub(super) fn proof(&self) -> Proof {
        proof::of_tapes(&self.tapes, &self.scripted, &self.secrets)
    }

    /// The set of all its tapes.
    pub(super) fn tapes(&self) -> &TapeSet {
        &self.tapes
    }

    /// The proxy.
    pub(super) fn proxy(&self, hooks: ProxyHooks) -> Arc<Proxy> {
        let ProxyHooks { guard, token, tell, note, case, seen, observer } = hooks;
        let (providers, tapes, mode) = (self.providers.clone(), Arc::clone(&self.tapes), self.mode);
        let (client_auth, max_request_size) = (self.client_auth.clone(), self.max_request_size);
        Arc::new(Proxy::new(ProxyConfig {
            providers,
            tapes,
            placed: self.placed.clone(),
            mode,
            max_request_size,
            guard,
            token,
            client_auth,
            tell,
            note,
            case,
            interception: self.intercepting.as_ref().map(|it| Arc::clone(&it.interception)),
            seen,
            observer,
        }))
    }

    /// The environment with which a program's SDKs find a proxy at this address: base URLs, and a placeholder for each
    /// key that is not set.
    pub(super) fn environment(&self, base: &str) -> Result<Vec<(String, String)>, Stop> {
        let mut all = self.exports(base)?;
        let keys = self.providers.iter().flat_map(|(provider, _)| provider.key.iter().chain(&provider.sdk_keys));
        let keys: BTreeSet<&str> = keys.map(String::as_str).chain(["OPENAI_API_KEY"]).collect();
        let is_set = |name: &str| Sourcing::inherited(name).is_some_and(|value| !value.is_empty());
        for variable in keys.into_iter().filter(|name| !is_set(name) && !self.hides_credential(name, &is_set)) {
            all.push((variable.to_owned(), PLACEHOLDER.to_owned()));
        }
        Ok(all)
    }

    /// Whether a placeholder in this variable would take the place of a credential that the client has elsewhere.
    fn hides_credential(&self, variable: &str, is_set: &dyn Fn(&str) -> bool) -> bool {
        match variable {
            // AWS's SDKs prefer this token to access keys, which may stand in the code or in a file.
            "AWS_BEARER_TOKEN_BEDROCK" => self.mode != Mode::Replay,
            // Anthropic's SDKs prefer a key to a token.
            "ANTHROPIC_API_KEY" => is_set("ANTHROPIC_AUTH_TOKEN"),
            _ => false,
        }
    }

    /// The variables that SDKs read, for a proxy at this address.
    pub(super) fn exports(&self, base: &str) -> Result<Vec<(String, String)>, Stop> {
        let mut all = vec![(OWN_VARIABLE.to_owned(), base.to_owned())];
        all.extend(self.variables.iter().map(|(name, path)| (name.clone(), format!("{base}/{path}"))));
        if let Some(intercepting) = &self.intercepting {
            all.extend(intercepting.environment(base)?);
        }
        // A network proxy must not be used to reach this one, nor any other server on this machine.
        for variable in ["NO_PROXY", "no_proxy"] {
            let before = Sourcing::inherited(variable).filter(|value| !value.is_empty());
            let hosts = before.map_or_else(String::new, |value| value + ",") + "127.0.0.1,localhost,::1";
            all.push((variable.to_owned(), hosts));
        }
        Ok(all)
    }

    /// Waits for handshakes of clients that have left: how they ended may be what is to be told.
    pub(super) async fn greeted(&self) {
        if let Some(intercepting) = &self.intercepting {
            // A client that goes on behind the command may take its time.
            let _ = tokio::time::timeout(Duration::from_secs(1), intercepting.interception.calm()).await;
        }
    }

    /// Lines about the hosts that were reached, or refused, because they are no provider's.
    pub(super) fn reached(&self) -> Vec<String> {
        self.intercepting.iter().flat_map(|it| figures::reached(&it.interception.reached())).collect()
    }

    /// The names of these variables, OpenAI's first, which most programs read, then those of providers' own SDKs.
    pub(super) fn variable_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.variables.keys().cloned().collect();
        names.sort_by_key(|name| (name != OPENAI_VARIABLE, !name.ends_with("_BASE_URL")));
        names
    }

    /// What the run did for each provider that was asked something.
    pub(super) fn figures(&self) -> Vec<Figures> {
        self.tapes.figures()
    }

    /// Whether any request came to a provider.
    pub(super) fn is_asked(&self) -> bool {
        !self.figures().is_empty()
    }

    /// Whether whatever was asked came from a recording, or became one.
    pub(super) fn can_tell_unused(&self) -> bool {
        self.mode != Mode::Live && !self.has_scripts
    }

    /// Whether replies are recorded.
    pub(super) fn records(&self) -> bool {
        matches!(self.mode, Mode::Record | Mode::RecordIfMissing)
    }

    /// Ends every session that nobody finished, and the whole command; recordings that waited for it are kept or not,
    /// as `verdict` says.
    pub(super) async fn conclude(&self, verdict: Verdict, why: &str) {
        self.tapes.conclude(verdict, why).await;
    }

    /// Lines about unusual files among the recordings. Reads all of them, which may take long.
    pub(super) fn strange(&self) -> Vec<String> {
        match self.mode {
            Mode::Live => Vec::new(),
            _ => super::counted::strange(&self.recordings, &self.tapes, &self.catalogue),
        }
    }

    /// The new notes about recordings that were kept or not written.
    pub(super) fn take_notes(&self) -> Vec<String> {
        self.tapes.take_notes()
    }

    /// Messages about masks that matched nothing in any request.
    pub(super) fn idle_masks(&self) -> Vec<String> {
        let seen = self.tapes.masks();
        super::masks::idle(seen.keys(), &seen)
    }

    /// Recordings that could not be made or written.
    pub(super) fn failures(&self) -> Vec<String> {
        self.tapes.failures()
    }
}

/// The providers that get a client's own credential: those whose variable is not set, or all of them.
fn client_auth(sourcing: &Sourcing, providers: &[(Provider, Arc<Tape>)], all: bool) -> BTreeSet<String> {
    let is_asked = |provider: &Provider| {
        let is_script = matches!(sourcing.elsewhere.get(&provider.name), Some(Elsewhere::Script(_)));
        sourcing.mode != Mode::Replay && !is_script
    };
    let lacks_key = |provider: &Provider| provider.key.as_ref().is_some_and(|var| sourcing.var(var).is_none());
    let takes = providers.iter().map(|(provider, _)| provider).filter(|provider| all || lacks_key(provider));
    takes.filter(|provider| is_asked(provider)).map(|provider| provider.name.clone()).collect()
}

/// The addresses that the user gave for providers. A script is on this machine.
fn placed(sourcing: &Sourcing) -> BTreeMap<String, String> {
    let url = |elsewhere: &Elsewhere| match elsewhere {
        Elsewhere::Url(url) | Elsewhere::ServedScript(url) => url.clone(),
        Elsewhere::Script(_) => "http://localhost".to_owned(),
    };
    sourcing.elsewhere.iter().map(|(provider, elsewhere)| (provider.clone(), url(elsewhere))).collect()
}

/// Checks that the provider's name is not one of the proxy's own paths.
fn can_be_served(provider: &Provider) -> Result<(), Stop> {
    if !OWN_NAMES.contains(&provider.name.as_str()) {
        return Ok(());
    }
    Err(Stop::usage(format!(
        "the provider `{0}` cannot be served, because /{0} is a path of the proxy's own: rename it in providers.yaml",
        provider.name
    )))
}

/// The flags of a proxy, without the mode, as they can be typed again.
fn flags(args: &ProxyArgs) -> String {
    let mut line = again(&args.source);
    if let Some(setup) = &args.setup {
        add_flag(&mut line, "--setup", setup);
    }
    if args.max_request_size != MOST_ASKED {
        add_flag(&mut line, "--max-request-size", &args.max_request_size.to_string());
    }
    for word in &args.env {
        add_flag(&mut line, "--env", word);
    }
    if args.client_auth {
        line.push_str(" --client-auth");
    }
    for (flag, words) in [("--allow-host", &args.access.allow_host), ("--allow-origin", &args.access.allow_origin)] {
        words.iter().for_each(|word| add_flag(&mut line, flag, word));
    }
    line
}

/// A problem as one line, followed by its details.
pub(super) fn worded(trouble: &Trouble) -> String {
    match &trouble.session {
        Some(session) => format!("retake: {} (session {session}): {}", trouble.kind, trouble.message),
        None => format!("retake: {}: {}", trouble.kind, trouble.message),
    }
}
