//! How clients are answered that use the proxy as their network proxy, and which hosts they reached.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::sync::watch;

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
    reached: Mutex<BTreeMap<Host, Reached>>,
    /// The proxy's own port.
    port: OnceLock<u16>,
    /// How many clients have not yet ended their handshake.
    greeting: watch::Sender<usize>,
}

/// A client that has not yet ended its handshake, until this is dropped.
pub(super) struct Greeting(watch::Sender<usize>);

impl Drop for Greeting {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// What happened to connections to a host that is no provider's, or to requests there without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reached {
    /// Those that passed.
    pub(crate) passed: usize,
    /// Those that were refused.
    pub(crate) refused: usize,
    /// Those for which the host gave no connection.
    pub(crate) failed: usize,
}

impl Interception {
    pub(crate) fn new(authority: Authority, allowed: Option<Vec<String>>, outer: Option<http::Uri>) -> Self {
        Interception {
            authority,
            allowed,
            outer,
            reached: Mutex::default(),
            port: OnceLock::new(),
            greeting: watch::Sender::new(0),
        }
    }

    /// Notes that a client begins a handshake.
    pub(super) fn greets(&self) -> Greeting {
        self.greeting.send_modify(|count| *count += 1);
        Greeting(self.greeting.clone())
    }

    /// Waits until no handshake is under way: how the last ones end may be what is to be told.
    pub(crate) async fn calm(&self) {
        // It ends only with the sender, which lives here.
        let _ = self.greeting.subscribe().wait_for(|count| *count == 0).await;
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

    /// Whether a host that is no provider's may be reached: this machine always may.
    pub(super) fn lets_pass(&self, host: &Host) -> bool {
        let is_named = |allowed: &Vec<String>| allowed.iter().any(|pattern| fits(pattern, &host.name));
        host.is_loopback() || self.allowed.as_ref().is_none_or(is_named)
    }

    /// Counts one connection to a host that is no provider's.
    pub(super) fn count(&self, host: &Host, what: fn(&mut Reached) -> &mut usize) {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        *what(reached.entry(host.clone()).or_default()) += 1;
    }

    /// The hosts that were asked and are no provider's.
    pub(crate) fn reached(&self) -> Vec<(String, Reached)> {
        let reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        reached.iter().map(|(host, count)| (host.to_string(), *count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn interception(allowed: Option<&[&str]>) -> Interception {
        let folder = tempfile::TempDir::new().unwrap();
        let allowed = allowed.map(|hosts| hosts.iter().map(|host| (*host).to_owned()).collect());
        Interception::new(Authority::open(folder.path()).unwrap(), allowed, None)
    }

    fn host(authority: &str) -> Host {
        Host::parse(authority, 443).unwrap()
    }

    #[test]
    fn other_hosts_are_reached_where_all_are_allowed_or_they_are_named_and_this_machine_always() {
        for (allowed, passes) in
            [(None, [true; 3]), (Some(&["*.example"][..]), [true, false, true]), (Some(&[]), [false, false, true])]
        {
            let interception = interception(allowed);
            let lets = ["a.example", "b.test", "localhost:1"].map(|name| interception.lets_pass(&host(name)));
            assert_eq!(lets, passes, "{allowed:?}");
        }
    }

    #[test]
    fn the_proxy_is_this_machine_at_its_own_port() {
        let interception = interception(None);
        assert!(!interception.is_own(&host("localhost:8080")), "it does not listen yet");
        interception.listens_at(8080);
        let is_own = ["localhost:8080", "127.0.0.1:8080", "localhost:8081", "a.example:8080"];
        assert_eq!(is_own.map(|name| interception.is_own(&host(name))), [true, true, false, false]);
    }

    #[test]
    fn connections_to_other_hosts_are_counted_by_host_and_outcome() {
        let interception = interception(None);
        for name in ["b.test", "a.example", "b.test"] {
            interception.count(&host(name), |reached| &mut reached.passed);
        }
        interception.count(&host("b.test"), |reached| &mut reached.refused);
        let one = Reached { passed: 1, ..Reached::default() };
        let two = Reached { passed: 2, refused: 1, failed: 0 };
        assert_eq!(interception.reached(), [("a.example".to_owned(), one), ("b.test".to_owned(), two)]);
    }

    #[test]
    fn it_is_calm_when_every_handshake_has_ended() {
        let interception = interception(None);
        let is_calm = || interception.calm().now_or_never().is_some();
        assert!(is_calm());
        let (first, second) = (interception.greets(), interception.greets());
        assert!(!is_calm());
        drop(first);
        assert!(!is_calm());
        drop(second);
        assert!(is_calm());
    }
}
