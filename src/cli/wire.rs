//! The composition root: which upstream answers, behind which stack. The mode is chosen here and nowhere else.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::exchange::{Fault, Secrets};
use crate::matrix::Case;
use crate::provider::{Catalogue, Manners, Provider, Setup};
use crate::run::{Replayed, Target, Witness};
use crate::script::{Script, Scripted};
use crate::stack::{self, Gateway, GatewayConfig, InProcess, Store};
use crate::tape::{self, Command, Faults, Journal, Library, Mode, Tape};
use crate::upstream::http::{Http, HttpConfig, Key, Limits, Retries, Timeouts};
use crate::upstream::{self, Upstream};

use super::exit::Stop;
use super::load::read;
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
            journal: Arc::default(),
            faults: Arc::default(),
            open: BTreeMap::new(),
        }
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
            ..tape::Options::default()
        };
        let library = Library::open(&self.sourcing.recordings, provider);
        Ok(tape::wire(self.sourcing.mode, library, live, options))
    }

    /// The command that records what a case asks.
    fn record_command(&self, setup: Option<&str>) -> Command {
        let setup = setup.map_or_else(String::new, |setup| format!(" --setup {setup}"));
        let command = format!("{}{setup} --mode record", self.command);
        Arc::new(move |case| match case {
            Some(case) => format!("{command} -k {}", quote(case)),
            None => command.clone(),
        })
    }

    /// The provider itself, or what stands in for it.
    fn live(&self, provider: &Provider) -> Result<upstream::Shared, Stop> {
        let base_url = match self.sourcing.elsewhere.get(&provider.name) {
            Some(Elsewhere::Script(file)) => {
                let script = Script::parse(&read(file)?).map_err(|error| Stop::usage(error.render(self.color)))?;
                return Ok(Arc::new(Scripted::new(script)));
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
            ..HttpConfig::new(&provider.name, base_url)
        };
        let manners = self.sourcing.manners.or(provider.manners);
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
}

impl<'a> Wired<'a> {
    pub(super) fn new(choice: &'a StackChoice, command: &'a str, sourcing: &'a Sourcing) -> Self {
        Wired { choice, sourcing, command, targets: BTreeMap::new(), said: Vec::new(), servers: Vec::new() }
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
        let mut witness =
            TapeWitness { tapes: below, speed: self.sourcing.speed, faults: tapes.faults.clone(), is_below: true };
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
        };
        Ok(Target {
            upstream,
            direct: direct.is_some(),
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

    /// Ends the stacks that were started for the run.
    pub(super) fn end(self) {
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

/// Demands that what listens there is retake's own stack, in the mode of this run.
async fn recognise(base: &str, port: u16, mode: Mode) -> Result<(), Stop> {
    let quick = Duration::from_secs(5);
    let timeouts = Timeouts { connect: quick, first_byte: quick, gap: quick, whole: quick };
    let http = Http::new(HttpConfig {
        retries: Retries::never(),
        timeouts,
        ..HttpConfig::new("the stack", format!("{base}/v1"))
    });
    let request = upstream::Request {
        method: http::Method::GET,
        endpoint: "/v1/health".to_owned(),
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
        auth: crate::exchange::Auth::None,
        case: None,
    };
    let stranger = |why: &str| {
        Stop::usage(format!(
            "port {port} is taken by something that is no stack of retake's ({why})\n  stop it, or take another port with --stack-config server:ci-tests:PORT"
        ))
    };
    let reply = http.send(request).await.map_err(|error| stranger(&error.message))?;
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
