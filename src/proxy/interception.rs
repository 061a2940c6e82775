//! How clients are answered that use the proxy as their network proxy, and which hosts they reached.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::hosts::Host;
use crate::authority::Authority;
use crate::exchange::fits;

/// How clients are answered that use the proxy as their network proxy.
pub struct Interception {
    pub(super) authority: Authority,
    /// The hosts, with `*` for any text, that may be reached besides those of providers; `None`: all of them.
    allowed: Option<Vec<String>>,
    /// The network proxy through which other hosts are reached: `http://user:password@host:port`.
    pub(super) outer: Option<http::Uri>,
    /// The addresses that the user gave for providers.
    pub(super) placed: BTreeMap<String, String>,
    reached: Mutex<BTreeMap<Host, Reached>>,
    /// The proxy's own port.
    port: OnceLock<u16>,
}

/// What happened to connections to a host that is no provider's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reached {
    /// Connections, or requests without TLS, that passed.
    pub(crate) passed: usize,
    /// Those that were refused.
    pub(crate) refused: usize,
}

impl Interception {
    pub(crate) fn new(
        authority: Authority,
        allowed: Option<Vec<String>>,
        outer: Option<http::Uri>,
        placed: BTreeMap<String, String>,
    ) -> Self {
        Interception { authority, allowed, outer, placed, reached: Mutex::default(), port: OnceLock::new() }
    }

    /// Says at which port the proxy listens.
    pub(crate) fn listens_at(&self, port: u16) {
        // It listens once.
        let _ = self.port.set(port);
    }

    /// Whether the host is the proxy itself: then a whole URL is only an unusual way to write a path.
    pub(super) fn is_own(&self, host: &Host) -> bool {
        host.is_loopback() && self.port.get() == Some(&host.port)
    }

    /// Counts a connection to a host that is no provider's. Returns whether it may pass: this machine always may.
    pub(super) fn lets_pass(&self, host: &Host) -> bool {
        let is_named = |allowed: &Vec<String>| allowed.iter().any(|pattern| fits(pattern, &host.name));
        let passes = host.is_loopback() || self.allowed.as_ref().is_none_or(is_named);
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let count = reached.entry(host.clone()).or_default();
        if passes {
            count.passed += 1;
        } else {
            count.refused += 1;
        }
        passes
    }

    /// The hosts that were asked and are no provider's.
    pub(crate) fn reached(&self) -> Vec<(String, Reached)> {
        let reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        reached.iter().map(|(host, count)| (host.to_string(), *count)).collect()
    }
}
