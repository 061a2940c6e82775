//! Which provider a host belongs to. Pure.

use crate::exchange::fits;
use crate::provider::Provider;
use crate::upstream::{host_and_port, path_of};

/// A host that a client asked for, with its port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Host {
    /// In lower case, without the brackets of an IPv6 address.
    pub(super) name: String,
    pub(super) port: u16,
}

impl Host {
    /// Parses `host:port`; without a port it has this one.
    pub(super) fn parse(authority: &str, port: u16) -> Option<Self> {
        let (name, port) = host_and_port(authority, port)?;
        Some(Host { name: name.to_ascii_lowercase(), port })
    }

    /// Whether it is this machine by a name or an address of loopback.
    pub(super) fn is_loopback(&self) -> bool {
        self.name == "localhost"
            || self.name.ends_with(".localhost")
            || self.name.parse::<core::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
    }

    /// Whether this provider is reached here.
    pub(super) fn is_of(&self, provider: &Provider) -> bool {
        self.is_at(&provider.base_url)
            || (self.is_usual() && provider.hosts.iter().any(|pattern| fits(pattern, &self.name)))
    }

    /// Whether a URL leads to this host. The usual ports of HTTP and HTTPS are one: a client may leave TLS out.
    pub(super) fn is_at(&self, url: &str) -> bool {
        let usual = if url.starts_with("http://") { 80 } else { 443 };
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let there = Host::parse(authority, usual);
        there.is_some_and(|there| {
            there.name == self.name && (there.port == self.port || (there.is_usual() && self.is_usual()))
        })
    }

    /// The URL of a path here, as a client writes it.
    pub(super) fn url(&self, path: &str) -> String {
        match self.port {
            80 => format!("http://{}{path}", self.name),
            _ => format!("https://{self}{path}"),
        }
    }

    fn is_usual(&self) -> bool {
        matches!(self.port, 80 | 443)
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            443 => f.write_str(&self.name),
            port => write!(f, "{}:{port}", self.name),
        }
    }
}

/// The host names at which clients ask a provider, with `*` for any text.
pub(super) fn names(provider: &Provider) -> impl Iterator<Item = &str> {
    let rest = provider.base_url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let own = host_and_port(authority, 443).map(|(host, _)| host).filter(|host| !host.is_empty());
    own.into_iter().chain(provider.hosts.iter().map(String::as_str))
}

/// Of the providers that share a host, the one whose base URL has the longest path that the request lies below; else
/// the first.
pub(super) fn for_path<'p>(providers: impl Iterator<Item = &'p Provider>, path: &str) -> Option<&'p Provider> {
    let below = |provider: &Provider| {
        let base = path_of(&provider.base_url);
        path.strip_prefix(base)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
            .then_some(base.len())
    };
    let mut best: Option<(&Provider, Option<usize>)> = None;
    for provider in providers {
        let length = below(provider);
        if best.is_none_or(|(_, known)| length > known) {
            best = Some((provider, length));
        }
    }
    best.map(|(provider, _)| provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(name: &str, base_url: &str, hosts: &[&str]) -> Provider {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        Provider { name: name.to_owned(), base_url: base_url.to_owned(), hosts, ..Provider::default() }
    }

    #[test]
    fn a_provider_is_known_by_its_host_and_port() {
        let openai = provider("openai", "https://api.openai.com/v1", &[]);
        let is_of = |authority: &str| Host::parse(authority, 443).is_some_and(|host| host.is_of(&openai));
        assert!(is_of("api.openai.com:443") && is_of("API.OpenAI.com") && is_of("api.openai.com:80"));
        assert!(!is_of("api.openai.com:8443"));
        assert!(!is_of("api.openai.com.evil.example") && !is_of("openai.com") && !is_of(""));
        let azure = provider("azure", "https://r.openai.azure.invalid/openai/v1", &["*.openai.azure.com"]);
        let is_of = |authority: &str| Host::parse(authority, 443).is_some_and(|host| host.is_of(&azure));
        assert!(is_of("mine.openai.azure.com") && !is_of("openai.azure.com") && !is_of("mine.openai.azure.com:8443"));
    }

    #[test]
    fn the_path_tells_providers_of_one_host_apart() {
        let all = [
            provider("a", "https://h.example/v1beta/openai", &[]),
            provider("b", "https://h.example/v1beta", &[]),
            provider("c", "https://h.example/v1", &[]),
        ];
        let name = |path: &str| for_path(all.iter(), path).map(|provider| provider.name.as_str());
        assert_eq!(name("/v1beta/openai/chat/completions"), Some("a"));
        assert_eq!(name("/v1beta/models/m:generateContent"), Some("b"));
        assert_eq!(name("/v1/models?limit=1"), Some("c"));
        assert_eq!(name("/v11"), Some("a"));
        assert!(for_path([].into_iter(), "/v1").is_none());
    }

    #[test]
    fn loopback_is_this_machine() {
        for (authority, is) in
            [("localhost:1", true), ("a.localhost", true), ("127.0.0.2", true), ("[::1]:8", true), ("10.0.0.1", false)]
        {
            assert_eq!(Host::parse(authority, 443).unwrap().is_loopback(), is, "{authority}");
        }
    }

    #[test]
    fn a_host_is_written_as_clients_write_it() {
        for (authority, shown, url) in [
            ("h.example:443", "h.example", "https://h.example/v1"),
            ("h.example:80", "h.example:80", "http://h.example/v1"),
            ("H.example:8443", "h.example:8443", "https://h.example:8443/v1"),
        ] {
            let host = Host::parse(authority, 443).unwrap();
            assert_eq!((host.to_string(), host.url("/v1")), (shown.to_owned(), url.to_owned()));
        }
    }

    #[test]
    fn a_provider_is_asked_at_its_base_url_and_at_its_further_hosts() {
        let azure = provider("azure", "https://r.example:8443/openai/v1", &["*.openai.azure.com"]);
        assert_eq!(names(&azure).collect::<Vec<_>>(), ["r.example", "*.openai.azure.com"]);
        assert_eq!(names(&provider("none", "", &["h.example"])).collect::<Vec<_>>(), ["h.example"]);
    }
}
