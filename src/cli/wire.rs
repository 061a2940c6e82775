//! The composition root: which upstream answers, behind which stack. The mode is chosen here and nowhere else.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::exchange::{Fault, Secrets};
use crate::matrix::Case;
use crate::provider::{Catalogue, Manners, Provider, Setup};
use crate::proxy;
use crate::run::{Replayed, Target, Witness};
use crate::script::{Script, Scripted};
use crate::stack::{self, Gateway, GatewayConfig, InProcess, Store};
use crate::tape::{self, Command, Faults, Journal, Library, Mode, Tape};
use crate::upstream::http::{Http, HttpConfig, Key, Limits, Retries, Timeouts};
use crate::upstream::{self, Upstream};

use super::app::{App, AppConfig};
use super::exit::Stop;
use super::load::read;
use super::proxy::{Behind, ProxyHooks};
use super::script::{base_of, bind};
use super::settings::{Elsewhere, Sourcing, StackChoice, quote};

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
    faults: Arc<Faults>,
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
        let tape = Arc::new(self.open(provider, setup)?);
        self.open.insert(provider.name.clone(), tape.clone());
        Ok(tape)
    }

    fn open(&self, provider: &Provider, setup: Option<&str>) -> Result<Tape, Stop> {
        let live = match self.sourcing.mode {
            Mode::Replay => None,
            _ => Some(self.live(provider)?),
        };
        let scripted = matches!(self.sourcing.elsewhere.get(&provider.name), Some(Elsewhere::Script(_)));
        let missing_key = provider.key.clone().filter(|var| !scripted && self.sourcing.var(var).is_none());
        let options = tape::Options {
            secrets: self.secrets.clone(),
            speed: self.sourcing.speed,
            staged: self.staged,
            missing_key,
            command: self.record_command(setup),
            journal: self.journal.clone(),
            faults: self.faults.clone(),
            by_hand: self.sourcing.by_hand.get(&provider.name).map(|file| self.scripted(file)).transpose()?,
            ..tape::Options::default()
        };
        let library = Library::open(&self.sourcing.recordings, provider);
        Ok(tape::wire(self.sourcing.mode, library, live, options))
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

/// Sees what the tapes below a stack had no answer to.
struct TapeWitness {
    tapes: Vec<Arc<Tape>>,
    speed: Option<f64>,
    faults: Arc<Faults>,
    /// Whether the tapes are what the stack asks: not when it runs elsewhere.
    is_below: bool,
    /// The case that runs, for requests that do not say whose they are.
    running: Arc<Mutex<Option<String>>>,
}

impl TapeWitness {
    fn run(&self, case: Option<&str>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = case.map(str::to_owned);
    }
}

impl Witness for TapeWitness {
    fn begin(&self, case: &str, faults: &[Fault]) -> Result<(), String> {
        if !self.is_below && !faults.is_empty() {
            return Err(
                "a fault can only be cut below a stack that runs here: take `ci-tests`, `server:ci-tests` on a free \
                        port, or `direct` for --stack-config"
                    .to_owned(),
            );
        }
        self.faults.set(case, faults.to_vec());
        self.run(Some(case));
        Ok(())
    }

    fn troubles(&self, case: &str) -> Vec<upstream::Error> {
        let misses = self.tapes.iter().take(1).flat_map(|tape| tape.journal().misses(Some(case)));
        misses.map(|miss| upstream::Error::new(upstream::ErrorKind::MissingRecording, miss.message)).collect()
    }

    fn replayed(&self, case: &str) -> Option<Replayed> {
        let chunks = self.tapes.first()?.journal().take_pace(case)?;
        Some(match self.speed {
            Some(speed) => Replayed::AtSpeed(speed),
            None => Replayed::AtOnce(chunks.iter().map(|chunk| Duration::from_millis(chunk.at_ms)).collect()),
        })
    }

    fn finish<'a>(&'a self, case: &'a str, good: bool) -> BoxFuture<'a, Vec<String>> {
        async move {
            let mut notes = Vec::new();
            for tape in &self.tapes {
                notes.extend(tape.finish_case(case, good).await);
            }
            self.run(None);
            notes
        }
        .boxed()
    }
}

/// Where a gateway listens, and whether this run started it.
enum Served {
    Here(String),
    Elsewhere(String),
}

/// A run's stacks, one per setup.
pub(super) struct Wired<'a> {
    choice: &'a StackChoice,
    sourcing: &'a Sourcing,
    command: &'a str,
    targets: BTreeMap<String, Arc<Target>>,
    /// What the head of the report says of the stack.
    pub(super) said: Vec<String>,
    servers: Vec<oneshot::Sender<()>>,
    apps: Vec<App>,
}

impl<'a> Wired<'a> {
    pub(super) fn new(choice: &'a StackChoice, command: &'a str, sourcing: &'a Sourcing) -> Self {
        Wired {
            choice,
            sourcing,
            command,
            targets: BTreeMap::new(),
            said: Vec::new(),
            servers: Vec::new(),
            apps: Vec::new(),
        }
    }

    /// What a case calls.
    pub(super) async fn target(
        &mut self,
        case: &Case,
        setup: &Setup,
        catalogue: &Catalogue,
        tapes: &mut Tapes<'_>,
    ) -> Result<Arc<Target>, Stop> {
        let direct = *self.choice == StackChoice::Direct;
        // Without a gateway each provider is its own target.
        let name = if direct { format!("{} {}", setup.name, case.provider) } else { setup.name.clone() };
        if let Some(target) = self.targets.get(&name) {
            return Ok(target.clone());
        }
        let providers = if direct { vec![case.provider.clone()] } else { providers_of(setup, catalogue) };
        let target = Arc::new(self.build(&providers, setup, catalogue, tapes).await?);
        self.targets.insert(name, target.clone());
        Ok(target)
    }

    async fn build(
        &mut self,
        names: &[String],
        setup: &Setup,
        catalogue: &Catalogue,
        tapes: &mut Tapes<'_>,
    ) -> Result<Target, Stop> {
        let found: Vec<&Provider> = names.iter().filter_map(|name| catalogue.provider(name)).collect();
        let mut providers = Vec::new();
        for provider in &found {
            providers.push(((*provider).clone(), tapes.of(provider, Some(&setup.name))?));
        }
        let below = providers.iter().map(|(_, tape)| tape.clone()).collect();
        let mut witness = TapeWitness {
            tapes: below,
            speed: self.sourcing.speed,
            faults: tapes.faults.clone(),
            is_below: true,
            running: Arc::default(),
        };
        let mut direct = None;
        let (upstream, base): (upstream::Shared, String) = match self.choice {
            StackChoice::Direct => {
                let (provider, tape) = providers.swap_remove(0);
                let base = provider.base_url.trim_end_matches("/v1").to_owned();
                direct = Some(provider.key);
                (tape, base)
            }
            StackChoice::InProcess => {
                let inside = InProcess::new(gateway(providers, self.sourcing).await?);
                (Arc::new(inside), "http://127.0.0.1:8321".to_owned())
            }
            StackChoice::Server(port) => {
                let base = match self.serve(*port, providers).await? {
                    Served::Here(base) => base,
                    Served::Elsewhere(base) => {
                        witness.is_below = false;
                        base
                    }
                };
                (client(&base), base)
            }
            StackChoice::Url(url) => {
                witness.is_below = false;
                (client(url), url.clone())
            }
            StackChoice::Command(config) => {
                let base = self.start(config, setup, providers, &witness).await?;
                (client(&base), base)
            }
        };
        Ok(Target {
            upstream,
            direct: self.choice.is_bare(),
            curl_base: base,
            key_var: direct.flatten(),
            rerun: match self.sourcing.mode {
                Mode::Replay => format!("{} --setup {}", self.command, setup.name),
                mode => format!("{} --setup {} --mode {mode}", self.command, setup.name),
            },
            witness: Arc::new(witness),
        })
    }

    /// A gateway on that port: the one that runs there already, or a new one for this run.
    async fn serve(&mut self, port: u16, providers: Vec<(Provider, Arc<Tape>)>) -> Result<Served, Stop> {
        let base = format!("http://127.0.0.1:{port}");
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => listener,
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                recognise(&base, port, self.sourcing.mode).await?;
                self.said.push(format!("Port {port} is already in use, assuming server is already running..."));
                return Ok(Served::Elsewhere(base));
            }
            Err(error) => return Err(Stop::usage(format!("cannot listen on port {port}: {error}"))),
        };
        let address = listener.local_addr().map_err(Stop::internal)?;
        let router = gateway(providers, self.sourcing).await?;
        let (end, ended) = oneshot::channel::<()>();
        // Whether it is told to end or the run is gone, it ends.
        tokio::spawn(stack::serve(listener, router, ended.map(drop)));
        self.servers.push(end);
        self.said.push(format!("stack: started on {address} for this run"));
        Ok(Served::Here(format!("http://{address}")))
    }

    /// The user's server, whose providers are the tapes behind a proxy. What it asks counts for the case that runs.
    async fn start(
        &mut self,
        config: &AppConfig,
        setup: &Setup,
        providers: Vec<(Provider, Arc<Tape>)>,
        witness: &TapeWitness,
    ) -> Result<String, Stop> {
        let running = Arc::clone(&witness.running);
        let behind = Behind::of_setup(providers, self.sourcing.mode, setup)?;
        let proxy = behind.proxy(ProxyHooks {
            token: None,
            // What went wrong fails the case that asked.
            tell: Arc::new(|_| ()),
            case: Arc::new(move || running.lock().unwrap_or_else(PoisonError::into_inner).clone()),
        });
        let listener = bind(Ipv4Addr::LOCALHOST.into(), 0).await?;
        let address = base_of(&listener)?;
        let (end, ended) = oneshot::channel::<()>();
        tokio::spawn(stack::serve(listener, proxy::router(proxy), ended.map(drop)));
        self.servers.push(end);
        let mut variables: Vec<(String, String)> = setup.env.clone().into_iter().collect();
        variables.retain(|(name, _)| Sourcing::inherited(name).is_none());
        variables.extend(behind.environment(&address));
        let app = App::start(config, &variables).await?;
        self.said.push(format!("stack: {} on {}, log: {}", config.command, app.base, app.log.display()));
        let base = app.base.clone();
        self.apps.push(app);
        Ok(base)
    }

    /// Ends the stacks that were started for the run.
    pub(super) async fn end(self) {
        for app in self.apps {
            app.end().await;
        }
        for server in self.servers {
            let _ = server.send(());
        }
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

/// A gateway of its own store, for one run.
async fn gateway(providers: Vec<(Provider, Arc<Tape>)>, sourcing: &Sourcing) -> Result<axum::Router, Stop> {
    let store = Store::temporary().await.map_err(Stop::internal)?;
    Ok(router(providers, store, Vec::new(), sourcing.mode))
}

/// A gateway in front of tapes.
pub(super) fn router(
    providers: Vec<(Provider, Arc<Tape>)>,
    store: Store,
    keys: Vec<String>,
    mode: Mode,
) -> axum::Router {
    let providers = providers.into_iter().map(|(provider, tape)| (provider, tape as upstream::Shared)).collect();
    stack::router(Arc::new(Gateway::new(GatewayConfig { providers, store, keys, mode: mode.to_string() })))
}

/// A stack at a URL, asked as a client asks.
fn client(base: &str) -> upstream::Shared {
    let config =
        HttpConfig { retries: Retries::never(), is_stack: true, ..HttpConfig::new("the stack", format!("{base}/v1")) };
    Arc::new(Http::new(config))
}

/// A server on loopback that answers at once or is not there.
pub(super) fn quick(name: &str, base: &str) -> Http {
    let soon = Duration::from_secs(5);
    let timeouts = Timeouts { connect: soon, first_byte: soon, gap: soon, whole: soon };
    Http::new(HttpConfig { retries: Retries::never(), timeouts, ..HttpConfig::new(name, format!("{base}/v1")) })
}

/// A request for nothing but a page.
pub(super) fn get(path: &str) -> upstream::Request {
    upstream::Request {
        method: http::Method::GET,
        endpoint: path.to_owned(),
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
        auth: crate::exchange::Auth::None,
        case: None,
    }
}

/// Demands that what listens there is retake's own stack, in the mode of this run.
async fn recognise(base: &str, port: u16, mode: Mode) -> Result<(), Stop> {
    let http = quick("the stack", base);
    let stranger = |why: &str| {
        Stop::usage(format!(
            "port {port} is taken by something that is no stack of retake's ({why})\n  stop it, or take another port with --stack-config server:ci-tests:PORT"
        ))
    };
    let reply = http.send(get("/v1/health")).await.map_err(|error| stranger(&error.message))?;
    let body = reply.collect().await.map_err(|(_, error)| stranger(&error.message))?;
    let health: serde_json::Value = serde_json::from_slice(&body).map_err(|_| stranger("its health is no JSON"))?;
    if health["name"] != env!("CARGO_PKG_NAME") {
        return Err(stranger("its health names another program"));
    }
    if health["mode"] != mode.to_string() {
        return Err(Stop::usage(format!(
            "the stack on port {port} runs in mode {}, and this run asks for {mode}\n  stop it, or take another port with --stack-config server:ci-tests:PORT",
            health["mode"].as_str().unwrap_or("unknown")
        )));
    }
    Ok(())
}
