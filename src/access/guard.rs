//! Which requests a server accepts: none with a foreign host name, and none from a web page that is not allowed. A
//! caller with the server's own key is not just any page in a browser, and is accepted.

use core::net::{IpAddr, Ipv4Addr};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode, Version};

/// The callers that a server accepts. The default is for a server on loopback: no web pages, and no foreign `Host`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    bound: IpAddr,
    /// Allowed names in addition to those of loopback, in lower case.
    hosts: Vec<String>,
    origins: Origins,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Origins {
    Any,
    /// Origins as browsers write them.
    These(Vec<String>),
}

/// How a request is accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The request comes from no web page, or from one that may not read the reply.
    Plain,
    /// The request comes from a page of this origin, which may read the reply.
    Page(HeaderValue),
    /// A browser's preflight request for a page. These headers allow the request; nothing else needs to handle it.
    Preflight(HeaderMap),
}

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    /// The kind: `foreign-host`, `foreign-page`, `bad-host`, `no-connect`.
    pub(crate) name: &'static str,
    pub(crate) message: String,
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const OF_PRIVATE_NETWORK: &str = "access-control-request-private-network";

/// What an allowed page may do: the question of a preflight request, and the header of the answer.
const MAY: [(&str, HeaderName); 2] = [
    ("access-control-request-method", header::ACCESS_CONTROL_ALLOW_METHODS),
    ("access-control-request-headers", header::ACCESS_CONTROL_ALLOW_HEADERS),
];

impl Default for Guard {
    fn default() -> Self {
        Guard { bound: Ipv4Addr::LOCALHOST.into(), hosts: Vec::new(), origins: Origins::These(Vec::new()) }
    }
}

impl Guard {
    /// A guard for a server bound to `address`. It also allows these host names and these origins of web pages; `*`
    /// allows every origin. `Err` says which value is wrong, with its flag.
    pub fn new(address: IpAddr, hosts: &[String], origins: &[String]) -> Result<Self, String> {
        let hosts = hosts.iter().map(|name| host_named(name)).collect::<Result<_, _>>()?;
        let origins = match origins.iter().any(|origin| origin == "*") {
            true => Origins::Any,
            false => Origins::These(origins.iter().map(|origin| origin_named(origin)).collect::<Result<_, _>>()?),
        };
        Ok(Guard { bound: address.to_canonical(), hosts, origins })
    }

    /// Accepts a request or says why not. `knows` tells whether it has the server's key.
    pub(crate) fn check(&self, head: &Parts, knows: impl Fn() -> bool) -> Result<Entry, Refused> {
        if head.method == Method::CONNECT {
            return Err(no_connect(head));
        }
        match self.foreign_host(head)? {
            Some(host) if !knows() => return Err(foreign_host(host)),
            _ => {}
        }
        self.page(head, knows)
    }

    /// The same for a request whose host is another server's, because the client uses this one as its network proxy.
    pub(crate) fn check_page(&self, head: &Parts) -> Result<Entry, Refused> {
        self.page(head, || false)
    }

    fn page(&self, head: &Parts, knows: impl Fn() -> bool) -> Result<Entry, Refused> {
        let is_preflight = head.method == Method::OPTIONS && head.headers.contains_key(MAY[0].0);
        let mut origin = None;
        for value in head.headers.get_all(header::ORIGIN) {
            if !self.takes_page(value) {
                return if is_preflight || !knows() { Err(foreign_page(value)) } else { Ok(Entry::Plain) };
            }
            origin = Some(value);
        }
        match origin {
            Some(origin) if is_preflight => Ok(Entry::Preflight(permission(origin, &head.headers))),
            Some(origin) => Ok(Entry::Page(origin.clone())),
            None if is_preflight => Err(foreign_page(&HeaderValue::from_static(""))),
            None if self.is_of_a_page(&head.headers) && !knows() => Err(foreign_site(&head.headers)),
            None => Ok(Entry::Plain),
        }
    }

    /// The first host name of the request that does not belong to this server.
    fn foreign_host<'h>(&self, head: &'h Parts) -> Result<Option<&'h str>, Refused> {
        let mut hosts = head.headers.get_all(header::HOST).iter();
        let (host, more) = (hosts.next(), hosts.next());
        // In HTTP/2 the host is in the address; in HTTP/1 an address with a host is checked as well.
        let in_address = head.uri.authority().map(http::uri::Authority::as_str);
        let is_missing = host.is_none() && (in_address.is_none() || head.version < Version::HTTP_2);
        if is_missing || more.is_some() {
            return Err(bad_host(if is_missing { "no `Host`" } else { "more than one `Host`" }));
        }
        let in_header = host.map(|host| std::str::from_utf8(host.as_bytes()).unwrap_or("\u{fffd}"));
        Ok(in_address.into_iter().chain(in_header).find(|authority| !self.answers_to(authority)))
    }

    fn answers_to(&self, authority: &str) -> bool {
        let Some(host) = host_of(authority) else { return false };
        is_loopback_name(host)
            || host.parse().is_ok_and(|address| self.is_address(address))
            || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
    }

    /// Whether this address belongs to the server. A server that listens everywhere has every address that reaches it.
    /// That is safe: to direct a page here, another site needs a host name, and an address is none.
    fn is_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_loopback() || self.bound.is_unspecified() || address == self.bound
    }

    fn takes_page(&self, origin: &HeaderValue) -> bool {
        match &self.origins {
            Origins::Any => true,
            Origins::These(known) => known.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(origin.as_bytes())),
        }
    }

    /// Whether the request comes from a page of another origin, as far as the browser says: not all requests of pages
    /// have an `Origin`.
    fn is_of_a_page(&self, headers: &HeaderMap) -> bool {
        let is_foreign = |site: &HeaderValue| matches!(site.as_bytes(), b"cross-site" | b"same-site");
        self.origins != Origins::Any && headers.get_all(SEC_FETCH_SITE).iter().any(is_foreign)
    }
}

impl Entry {
    /// Adds headers to a reply that let the page read it.
    pub(crate) fn mark(&self, reply: &mut HeaderMap) {
        if let Entry::Page(origin) = self {
            reply.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            reply.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
            reply.append(header::VARY, HeaderValue::from_static("origin"));
        }
    }
}

/// Whether a reply header says which web pages may read the reply: the server decides that, not the provider.
pub(crate) fn is_for_pages(name: &str) -> bool {
    name.starts_with("access-control-") || name == "timing-allow-origin"
}

/// The answer to a browser's preflight request for a page of this origin.
fn permission(origin: &HeaderValue, asked: &HeaderMap) -> HeaderMap {
    let mut told = HeaderMap::new();
    told.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    for (question, answer) in MAY {
        if let Some(value) = asked.get(question) {
            told.insert(answer, value.clone());
        }
    }
    if asked.contains_key(OF_PRIVATE_NETWORK) {
        told.insert("access-control-allow-private-network", HeaderValue::from_static("true"));
    }
    told.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    let varies = "origin, access-control-request-method, access-control-request-headers";
    told.insert(header::VARY, HeaderValue::from_static(varies));
    told
}

/// The host of `host:port`, without the brackets of an IPv6 address. `None` if the text is not of this form.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host, if port.is_empty() { "" } else { port.strip_prefix(':')? })
        }
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    let is_host = !host.is_empty() && host.bytes().all(is_plain) && port.bytes().all(|byte| byte.is_ascii_digit());
    is_host.then_some(host)
}

/// Whether the name means loopback without a name service.
fn is_loopback_name(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let below = host.len().checked_sub("localhost".len());
    let ends = below.and_then(|at| host.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case("localhost"));
    ends && below.is_some_and(|at| at == 0 || (at > 1 && host.as_bytes()[at - 1] == b'.'))
}

fn host_named(name: &str) -> Result<String, String> {
    let host = host_of(name).map(str::to_ascii_lowercase);
    host.ok_or_else(|| format!("--allow-host {name}: write a host name alone, such as retake or retake.test"))
}

/// An origin as browsers write it: without a path, and without the default port.
fn origin_named(typed: &str) -> Result<String, String> {
    let wrong = || format!("--allow-origin {typed}: write where the page is, such as http://localhost:3000, or *");
    let origin = typed.trim_end_matches('/').to_ascii_lowercase();
    if origin == "null" {
        return Ok(origin);
    }
    let (scheme, authority) = origin.split_once("://").ok_or_else(wrong)?;
    let host = host_of(authority).filter(|_| !scheme.is_empty()).ok_or_else(wrong)?;
    let port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    let is_usual = !port.is_empty() && authority.len() > host.len() && authority.ends_with(port);
    Ok(if is_usual { origin[..origin.len() - port.len()].to_owned() } else { origin })
}

/// 403 instead of 421, because clients may retry after a 421.
fn foreign_host(host: &str) -> Refused {
    let plain = host_of(host).unwrap_or("NAME");
    let message = format!(
        "the request's `Host` is {host:?}, which is not a name of this server: any site can give its own name this address, \
         and would call it from your browser\n  ask 127.0.0.1 or localhost, send the server's token or key, or start it \
         with --allow-host {plain}"
    );
    Refused { status: StatusCode::FORBIDDEN, name: "foreign-host", message }
}

fn foreign_page(origin: &HeaderValue) -> Refused {
    let origin = String::from_utf8_lossy(origin.as_bytes());
    let typed = origin_named(&origin).unwrap_or_else(|_| "ORIGIN".to_owned());
    let message = format!(
        "the request's `Origin` is {origin:?}: a web page sent it, and this page is not allowed\n  to let it in, \
         start the server with --allow-origin {typed}"
    );
    Refused { status: StatusCode::FORBIDDEN, name: "foreign-page", message }
}

fn foreign_site(headers: &HeaderMap) -> Refused {
    let site = headers.get(SEC_FETCH_SITE).map(|site| String::from_utf8_lossy(site.as_bytes())).unwrap_or_default();
    let message = format!(
        "the request's `Sec-Fetch-Site` is {site:?}: a web page sent it, without saying which\n  let a page ask with \
         fetch() in its usual mode, and start the server with --allow-origin and the page's origin"
    );
    Refused { status: StatusCode::FORBIDDEN, name: "foreign-page", message }
}

fn bad_host(what: &str) -> Refused {
    let message = format!("the request has {what}: it must have one, which says under which name this server is asked");
    Refused { status: StatusCode::BAD_REQUEST, name: "bad-host", message }
}

fn no_connect(head: &Parts) -> Refused {
    let target = head.uri.authority().map_or("", http::uri::Authority::as_str);
    let message = format!(
        "CONNECT {target}: this server opens no tunnels, so that it cannot stand in HTTPS_PROXY\n  start it with \
         `retake serve --intercept`, or set the base URL of your SDK to it (OPENAI_BASE_URL and the like)"
    );
    Refused { status: StatusCode::NOT_IMPLEMENTED, name: "no-connect", message }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
