//! Tapes behind a socket, for clients in any language.
//!
//! | file | holds |
//! |---|---|
//! | `address` | pure: parses paths |
//! | `credential` | pure: whose credential a request uses |
//! | `service` | passes requests to tapes and replies back; only moves bytes |
//! | `bodies` | bodies of requests, each read whole, within a limit for each and for all |
//! | `hosts` | pure: which provider a host belongs to |
//! | `interception` | how requests to other hosts are answered, and which hosts were reached |
//! | `location` | pure: addresses of the provider in a reply lead back to the proxy |
//! | `tunnel` | `CONNECT` and requests with a whole URL: answers for hosts of providers, and lets others pass |
//! | `observer` | what an observer is told: requests with their replies, and how sessions end |
//! | `process` | the tests that processes run, and what became of their requests |
//! | `session` | the running sessions, and the report on one that ends |
//! | `switch` | switches to other protocols, as WebSocket clients ask for |
//! | `refusal` | error replies of the proxy itself |
//!
//! The first segment of a path names a provider and stands for the origin of its server; the rest is passed on
//! unchanged. Clients that use the same URL as a suite share its recordings.

mod address;
mod bodies;
mod credential;
mod hosts;
mod interception;
mod location;
mod observer;
mod process;
mod refusal;
mod service;
mod session;
mod switch;
mod tunnel;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

pub use interception::Interception;
pub(crate) use interception::Reached;
pub use observer::{Observed, ObservedReply, Observer, SessionEnd};
pub use service::{SESSION_HEADER, TOKEN_HEADER, router};

use crate::access::AccessKeys;
pub use crate::access::Guard;
use crate::provider::Provider;
use crate::record::{Mode, Size, Tape, TapeSet};
use bodies::Bodies;
use process::Tests;
use session::Sessions;

/// Names of providers that the proxy needs for its own paths.
pub const OWN_NAMES: [&str; 2] = ["health", "session"];

/// The largest body of a request, unless another limit is set: room for an hour of speech.
pub const MOST_ASKED: Size = Size(100 << 20);

/// The configuration of a proxy.
pub struct ProxyConfig {
    /// The providers, each with the tape that answers for it.
    pub providers: Vec<(Provider, Arc<Tape>)>,
    /// The set of all these tapes.
    pub tapes: Arc<TapeSet>,
    /// The addresses that the user gave for providers, by name.
    pub placed: BTreeMap<String, String>,
    /// The mode of the tapes, for those who ask.
    pub mode: Mode,
    /// The largest body of a request.
    pub max_request_size: Size,
    /// Which host names and which web pages may call the proxy.
    pub guard: Guard,
    /// The token that every request must have, if there is one.
    pub token: Option<String>,
    /// The providers that get a client's own credential instead of their key, if the client sends one.
    pub client_auth: BTreeSet<String>,
    /// Called for every request that the proxy could not answer, except for passing network failures.
    pub tell: Arc<dyn Fn(&Trouble) + Send + Sync>,
    /// Called for each recording of a session that was kept, not written, or deserves a look.
    pub note: Arc<dyn Fn(&str) + Send + Sync>,
    /// The case of requests that name neither a case nor a session.
    pub case: Arc<dyn Fn() -> Option<String> + Send + Sync>,
    /// How to answer clients that use the proxy as their network proxy; `None` refuses them.
    pub interception: Option<Arc<Interception>>,
    /// Called for each request to a provider when its reply begins; `None` saves the work.
    pub seen: Option<Watcher>,
    /// Observes all requests and sessions; `None` saves the work.
    pub observer: Option<Arc<dyn Observer>>,
}

/// Is told of each request to a provider.
pub type Watcher = Arc<dyn Fn(&Seen) + Send + Sync>;

/// A request to a provider, and how it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Method and address, as the client wrote them.
    pub asked: String,
    /// The model that its body names.
    pub model: Option<String>,
    /// The status; `None` where the connection was lost.
    pub status: Option<u16>,
    /// `replayed`, `recorded`, `live`, `made`, or the kind of error: `missing-recording`.
    pub how: &'static str,
    /// From the request to the beginning of the reply.
    pub took: Duration,
}

/// A request that should not have been sent, or whose recording is missing: the test that sent it must not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The kind, as in `x-retake-error`: `missing-recording`, `unknown-route`, …
    pub kind: &'static str,
    /// The session that sent it.
    pub session: Option<String>,
    /// For people: what happened, and what to do.
    pub message: String,
}

/// The proxy, independent of any socket.
pub struct Proxy {
    providers: Vec<(Provider, Arc<Tape>)>,
    tapes: Arc<TapeSet>,
    placed: BTreeMap<String, String>,
    mode: Mode,
    bodies: Bodies,
    guard: Guard,
    keys: AccessKeys,
    client_auth: BTreeSet<String>,
    tell: Arc<dyn Fn(&Trouble) + Send + Sync>,
    note: Arc<dyn Fn(&str) + Send + Sync>,
    case: Arc<dyn Fn() -> Option<String> + Send + Sync>,
    interception: Option<Arc<Interception>>,
    seen: Option<Watcher>,
    observer: Option<Arc<dyn Observer>>,
    sessions: Sessions,
    tests: Tests,
    /// How often a caller without access was refused.
    strangers: AtomicUsize,
}

impl Proxy {
    /// Makes a proxy; it reads nothing and sends no request yet.
    pub fn new(config: ProxyConfig) -> Self {
        let ProxyConfig {
            providers,
            tapes,
            placed,
            mode,
            max_request_size,
            guard,
            token,
            client_auth,
            tell,
            note,
            case,
            interception,
            seen,
            observer,
        } = config;
        let keys = AccessKeys::new(&token.into_iter().collect::<Vec<_>>());
        let (sessions, strangers, bodies) = (Sessions::default(), AtomicUsize::new(0), Bodies::new(max_request_size));
        Proxy {
            providers,
            tapes,
            placed,
            mode,
            bodies,
            guard,
            keys,
            client_auth,
            tell,
            note,
            case,
            interception,
            seen,
            observer,
            sessions,
            tests: Tests::default(),
            strangers,
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().map(|(provider, _)| provider.name.as_str())
    }
}

#[cfg(test)]
mod tests;
