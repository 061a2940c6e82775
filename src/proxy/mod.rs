//! Tapes behind a socket, for clients in any language.
//!
//! | file | holds |
//! |---|---|
//! | `address` | pure: what a path means |
//! | `credential` | pure: whose credential a request goes with |
//! | `service` | requests to tapes and replies back; moves bytes |
//! | `bodies` | bodies of requests, each read to its end and all of them within a bound |
//! | `session` | which sessions run, and what is said of one that ends |
//! | `refusal` | what the proxy itself has to say |
//!
//! The first segment of a path names a provider and stands for the origin of its server; the rest goes there as it
//! is. Clients who ask the same URL as a suite does share its recordings.

mod address;
mod bodies;
mod credential;
mod refusal;
mod service;
mod session;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

pub use service::{SESSION_HEADER, TOKEN_HEADER, router};

use crate::access::AccessKeys;
pub use crate::access::Guard;
use crate::provider::Provider;
use crate::record::{Mode, Size, Tape, TapeSet};
use bodies::Bodies;
use session::Sessions;

/// Names of providers that the proxy needs for its own paths.
pub const OWN_NAMES: [&str; 2] = ["health", "session"];

/// The largest body of a request that is taken unless another limit is set: room for an hour of speech.
pub const MOST_ASKED: Size = Size(100 << 20);

/// What a proxy needs.
pub struct ProxyConfig {
    /// The providers, each with the tape that answers for it.
    pub providers: Vec<(Provider, Arc<Tape>)>,
    /// All of these tapes.
    pub tapes: Arc<TapeSet>,
    /// How they answer, for those who ask.
    pub mode: Mode,
    /// The largest body of a request that is taken.
    pub max_request_size: Size,
    /// Under which names it is asked, and by which web pages.
    pub guard: Guard,
    /// What every request must carry, if anything.
    pub token: Option<String>,
    /// The providers that get a client's own credential, where it sends one, and no key.
    pub client_auth: BTreeSet<String>,
    /// Hears of every request that the proxy had no answer to through nobody's passing fault.
    pub tell: Arc<dyn Fn(&Trouble) + Send + Sync>,
    /// Hears of each recording of a session that was kept, not written, or is worth a look.
    pub note: Arc<dyn Fn(&str) + Send + Sync>,
    /// The case on whose behalf requests are made that name neither it nor a session.
    pub case: Arc<dyn Fn() -> Option<String> + Send + Sync>,
}

/// A request that must not have been made, or whose recording is missing: a test that made one must not be green.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The class, as `x-retake-error` has it: `missing-recording`, `unknown-route`, …
    pub kind: &'static str,
    /// The session that asked.
    pub session: Option<String>,
    /// For people: what happened, and what to do.
    pub message: String,
}

/// The proxy, apart from any socket.
pub struct Proxy {
    providers: Vec<(Provider, Arc<Tape>)>,
    tapes: Arc<TapeSet>,
    mode: Mode,
    bodies: Bodies,
    guard: Guard,
    keys: AccessKeys,
    client_auth: BTreeSet<String>,
    tell: Arc<dyn Fn(&Trouble) + Send + Sync>,
    note: Arc<dyn Fn(&str) + Send + Sync>,
    case: Arc<dyn Fn() -> Option<String> + Send + Sync>,
    sessions: Sessions,
    /// How often a stranger was refused.
    strangers: AtomicUsize,
}

impl Proxy {
    /// Puts a proxy together; nothing is read, and nobody is asked yet.
    pub fn new(config: ProxyConfig) -> Self {
        let ProxyConfig { providers, tapes, mode, max_request_size, guard, token, client_auth, tell, note, case } =
            config;
        let keys = AccessKeys::new(&token.into_iter().collect::<Vec<_>>());
        let (sessions, strangers, bodies) = (Sessions::default(), AtomicUsize::new(0), Bodies::new(max_request_size));
        Proxy { providers, tapes, mode, bodies, guard, keys, client_auth, tell, note, case, sessions, strangers }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().map(|(provider, _)| provider.name.as_str())
    }
}
