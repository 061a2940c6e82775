//! The composition root: chooses the stack in front of the tapes. `tapes` chooses what is behind them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError};

use futures_util::FutureExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::access::Guard;
use crate::matrix::Case;
use crate::provider::{Catalogue, Provider, Setup};
use crate::proxy;
use crate::record::{Mode, Tape};
use crate::run::{Address, Target};
use crate::stack::{self, Gateway, GatewayConfig, InProcess, Store};
use crate::upstream::http::{Http, HttpConfig, Retries};
use crate::upstream::{self, Upstream, without_secrets};

use super::address;
use super::app::{App, Log};
use super::budget::{Meter, prices};
use super::exit::Stop;
use super::hooks::TapeHooks;
use super::interrupt::Interrupts;
use super::proxy::{Behind, ProxyHooks};
use super::settings::{AppConfig, Sourcing, StackChoice};
use super::socket::{base_of, bind, get, quick};
use super::tapes::{Tapes, providers_of};
use super::witness::Witness;

/// Where a gateway listens, and whether this run started it.
enum Served {
    Here(String),
    Elsewhere(String),
}

/// The stacks of a run, one per setup.
pub(super) struct Wired<'a> {
    choice: &'a StackChoice,
    sourcing: &'a Sourcing,
    command: &'a str,
    /// The flags for suites, recordings and providers, for use in other commands.
    flags: String,
    interrupts: Interrupts,
    targets: BTreeMap<String, Arc<Target>>,
    /// The lines about the stack in the head of the report.
    pub(super) said: Vec<String>,
    servers: Vec<oneshot::Sender<()>>,
    apps: Vec<App>,
    /// Whether a stack is one that runs elsewhere, which asks providers by itself.
    pub(super) is_elsewhere: bool,
}

impl<'a> Wired<'a> {
    pub(super) fn new(
        choice: &'a StackChoice,
        command: &'a str,
        flags: String,
        sourcing: &'a Sourcing,
        interrupts: Interrupts,
    ) -> Self {
        Wired {
            choice,
            sourcing,
            command,
            flags,
            interrupts,
            targets: BTreeMap::new(),
            said: Vec::new(),
            servers: Vec::new(),
            apps: Vec::new(),
            is_elsewhere: false,
        }
    }

    /// The target of a case.
    pub(super) async fn target(
        &mut self,
        case: &Case,
        setup: &Setup,
        catalogue: &Catalogue,
        tapes: &Tapes<'_>,
    ) -> Result<Arc<Target>, Stop> {
        let direct = *self.choice == StackChoice::Direct;
        // Without a gateway, each provider is a target of its own.
        let name = if direct { format!("{} {}", setup.name, case.provider) } else { setup.name.clone() };
        if let Some(target) = self.targets.get(&name) {
            return Ok(target.clone());
        }
        let providers = if direct { vec![case.provider.to_string()] } else { providers_of(setup, catalogue) };
        let target = Arc::new(self.build(&providers, setup, catalogue, tapes).await?);
        self.targets.insert(name, target.clone());
        Ok(target)
    }

    async fn build(
        &mut self,
        names: &[String],
        setup: &Setup,
        catalogue: &Catalogue,
        tapes: &Tapes<'_>,
    ) -> Result<Target, Stop> {
        let found: Vec<&Provider> = names.iter().filter_map(|name| catalogue.provider(name)).collect();
        let mut providers = Vec::new();
        for provider in &found {
            providers.push(((*provider).clone(), tapes.of(provider)?));
        }
        let mut hooks = TapeHooks {
            tapes: Arc::clone(&tapes.set),
            speed: self.sourcing.speed,
            is_below: true,
            witness: Arc::default(),
            running: Arc::default(),
            log: None,
        };
        let (upstream, address): (upstream::Shared, Address) = match self.choice {
            StackChoice::Direct => {
                let (provider, tape) = providers.swap_remove(0);
                (tape, address::of_provider(&provider, self.sourcing))
            }
            StackChoice::InProcess => {
                let inside = InProcess::new(gateway(providers, self.sourcing, &hooks.witness));
                (Arc::new(inside), address::of_stack(&self.flags, setup, self.sourcing.mode, None))
            }
            StackChoice::Server(port) => match self.serve(*port, providers, &hooks.witness).await? {
                Served::Here(base) => {
                    (client(&base), address::of_stack(&self.flags, setup, self.sourcing.mode, Some(&base)))
                }
                Served::Elsewhere(base) => {
                    hooks.is_below = false;
                    (elsewhere(&base, &found, tapes), address::of_server(base, None))
                }
            },
            StackChoice::Url(url) => {
                hooks.is_below = false;
                (elsewhere(url, &found, tapes), address::of_server(without_secrets(url).into_owned(), None))
            }
            StackChoice::Command(config) => {
                let (base, log) = self.start(config, setup, providers, &hooks, tapes).await?;
                hooks.log = Some((log, AtomicU64::new(0)));
                (client(&base), address::of_server(base, Some(&config.command)))
            }
        };
        self.is_elsewhere |= !hooks.is_below;
        Ok(Target {
            upstream,
            direct: self.choice.is_bare(),
            address,
            record: hooks.is_below.then(|| format!("{} --setup {} --mode record", self.command, setup.name)),
            rerun: match self.sourcing.mode {
                Mode::Replay => format!("{} --setup {}", self.command, setup.name),
                mode => format!("{} --setup {} --mode {mode}", self.command, setup.name),
            },
            price: prices(found.into_iter().cloned().collect()),
            hooks: Arc::new(hooks),
        })
    }

    /// A gateway on that port: the one that runs there already, or a new one for this run.
    async fn serve(
        &mut self,
        port: u16,
        providers: Vec<(Provider, Arc<Tape>)>,
        witness: &Arc<Witness>,
    ) -> Result<Served, Stop> {
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
        let router = gateway(providers, self.sourcing, witness);
        let (end, ended) = oneshot::channel::<()>();
        // It ends when it is told to, or when the run is gone.
        tokio::spawn(stack::serve(listener, router, ended.map(drop)));
        self.servers.push(end);
        self.said.push(format!("stack: started on {address} for this run"));
        Ok(Served::Here(format!("http://{address}")))
    }

    /// Starts the user's server, whose providers are the tapes behind a proxy. Its requests count for the running case.
    async fn start(
        &mut self,
        config: &AppConfig,
        setup: &Setup,
        providers: Vec<(Provider, Arc<Tape>)>,
        hooks: &TapeHooks,
        tapes: &Tapes<'_>,
    ) -> Result<(String, Log), Stop> {
        let running = Arc::clone(&hooks.running);
        let behind = Behind::of_setup(providers, Arc::clone(&tapes.set), self.sourcing, setup)?;
        let proxy = behind.proxy(ProxyHooks {
            observer: None,
            guard: Guard::default(),
            token: None,
            // A problem fails the case that caused it.
            tell: Arc::new(|_| ()),
            note: Arc::new(|_| ()),
            case: Arc::new(move || running.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            seen: None,
        });
        let listener = bind(Ipv4Addr::LOCALHOST.into(), 0).await?;
        let address = base_of(&listener)?;
        let (end, ended) = oneshot::channel::<()>();
        tokio::spawn(stack::serve(listener, proxy::router(proxy), ended.map(drop)));
        self.servers.push(end);
        let mut variables: Vec<(String, String)> = setup.env.clone().into_iter().collect();
        variables.retain(|(name, _)| Sourcing::inherited(name).is_none());
        variables.extend(behind.environment(&address)?);
        let app = App::start(config, &variables, &tapes.secrets, &self.interrupts).await?;
        self.said.push(format!("stack: {} on {}, log: {}", config.command, app.base, app.log.path().display()));
        let started = (app.base.clone(), app.log.clone());
        self.apps.push(app);
        Ok(started)
    }

    /// Ends the stacks that were started for the run.
    pub(super) async fn end(self) {
        for app in self.apps {
            app.end(&self.interrupts).await;
        }
        for server in self.servers {
            let _ = server.send(());
        }
    }
}

/// A gateway of its own store, for one run, whose providers are overheard.
fn gateway(providers: Vec<(Provider, Arc<Tape>)>, sourcing: &Sourcing, witness: &Arc<Witness>) -> axum::Router {
    let providers = providers
        .into_iter()
        .map(|(provider, tape)| {
            let overheard = witness.around(tape, &provider.quirks);
            (provider, overheard)
        })
        .collect();
    router(providers, Store::temporary(), Vec::new(), Guard::default(), sourcing.mode, true)
}

/// A gateway in front of providers.
pub(super) fn router(
    providers: Vec<(Provider, upstream::Shared)>,
    store: Store,
    keys: Vec<String>,
    guard: Guard,
    mode: Mode,
    done: bool,
) -> axum::Router {
    let mode = mode.to_string();
    stack::router(Arc::new(Gateway::new(GatewayConfig { providers, store, keys, guard, mode, done })))
}

/// A client for a stack at a URL.
fn client(base: &str) -> upstream::Shared {
    let config =
        HttpConfig { retries: Retries::never(), is_retake: true, ..HttpConfig::new("the stack", format!("{base}/v1")) };
    Arc::new(Http::new(config))
}

/// A stack whose providers are out of sight: its replies report their own cost.
fn elsewhere(base: &str, providers: &[&Provider], tapes: &Tapes<'_>) -> upstream::Shared {
    match &tapes.spending {
        Some(spending) => {
            let providers = providers.iter().copied().cloned().collect();
            Meter::around(client(base), providers, Arc::clone(spending))
        }
        None => client(base),
    }
}

/// Checks that the server is retake's own stack, in the mode of this run.
async fn recognise(base: &str, port: u16, mode: Mode) -> Result<(), Stop> {
    let http = quick("the stack", base);
    let stranger = |why: &str| {
        Stop::usage(format!(
            "port {port} is taken by something that is not a stack of retake's ({why})\n  stop it, or take another port with --stack-config server:ci-tests:PORT"
        ))
    };
    let reply = http.send(get("/v1/health")).await.map_err(|error| stranger(&error.message))?;
    let body = reply.collect().await.map_err(|(_, error)| stranger(&error.message))?;
    let health: serde_json::Value = serde_json::from_slice(&body).map_err(|_| stranger("its health is not JSON"))?;
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
