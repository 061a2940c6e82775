//! Where a request goes and what it contains: URL, headers, key. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use reqwest::Url;

use super::{Error, ErrorKind};
use crate::exchange::{Auth, is_passed_on};
use crate::wire::headers::{KEY_HEADERS, is_credential, is_of_one_hop};

/// A provider's key and how it is sent. Its value appears in no output: `Debug` prints `$VAR`.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The environment variable it comes from, for messages.
    pub var: String,
    /// The header that contains it: `authorization`, `x-api-key`.
    pub header: String,
    /// The text before the key in the header: `Bearer `.
    pub prefix: String,
    value: Option<String>,
}

impl ApiKey {
    /// A key sent as a bearer token; an absent or blank value means no key. Whitespace around it (the newline of `$(cat
    /// key)`) is dropped, since no header could contain it.
    pub fn new(var: impl Into<String>, value: Option<String>) -> Self {
        let value = value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        ApiKey { var: var.into(), header: "authorization".to_owned(), prefix: "Bearer ".to_owned(), value }
    }

    /// The same key, sent in another header.
    pub fn travels_in(self, header: impl Into<String>, prefix: impl Into<String>) -> Self {
        ApiKey { header: header.into(), prefix: prefix.into(), ..self }
    }

    /// Whether the key has a value.
    pub fn is_set(&self) -> bool {
        self.value.is_some()
    }

    /// The same key in the header that the caller used for its own, if that is an API's key header: Anthropic's native
    /// API wants `x-api-key` and Google's `x-goog-api-key`, although both accept bearer tokens for OpenAI's API.
    pub(super) fn as_asked(&self, caller: &HeaderMap) -> ApiKey {
        let native = KEY_HEADERS.into_iter().find(|name| caller.contains_key(*name));
        native.map_or_else(|| self.clone(), |name| self.clone().travels_in(name, ""))
    }

    /// Replaces the key's value in a text that will be shown.
    pub(super) fn hide_in(&self, text: String) -> String {
        match &self.value {
            Some(value) => text.replace(value.as_str(), &format!("${}", self.var)),
            None => text,
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = if self.is_set() { "" } else { " (not set)" };
        write!(f, "ApiKey({}: {}${}{set})", self.header, self.prefix, self.var)
    }
}

/// A provider's base URL, parsed.
#[derive(Clone)]
pub(super) struct Base(Url);

impl Base {
    pub(super) fn parse(provider: &str, base_url: &str) -> Result<Self, Error> {
        let wrong = |reason: String| {
            let shown = without_secrets(base_url);
            let message = format!(
                "{provider}: the base URL {shown:?} {reason}; it must look like https://host/v1 \
                 (base_url in providers.yaml, or --provider {provider}=BASE_URL)"
            );
            Error::new(ErrorKind::Other, message)
        };
        let url = Url::parse(base_url).map_err(|error| wrong(format!("is not a URL: {error}")))?;
        match url.scheme() {
            "http" | "https" if url.has_host() => Ok(Base(url)),
            scheme => Err(wrong(format!("has the scheme {scheme:?}"))),
        }
    }

    /// The URL of an endpoint. A base URL ends with its API's version, so `/v1/…` is put below it. Any other endpoint
    /// (`/api/chat`) starts at the root of the same server, and so does one with two slashes (`//v1/…` is the server's
    /// own `/v1/…`).
    pub(super) fn url(&self, endpoint: &str) -> Url {
        let (path, query) = match endpoint.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (endpoint, None),
        };
        let mut url = self.0.clone();
        let at_root = path.strip_prefix('/').filter(|rest| rest.starts_with('/')).unwrap_or(path);
        match below(path, "/v1") {
            Some(rest) => url.set_path(&format!("{}{rest}", self.0.path().trim_end_matches('/'))),
            None => url.set_path(at_root),
        }
        let queries: Vec<&str> = [self.0.query(), query].into_iter().flatten().filter(|q| !q.is_empty()).collect();
        url.set_query((!queries.is_empty()).then(|| queries.join("&")).as_deref());
        url
    }

    pub(super) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    pub(super) fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let named = host == "localhost" || host.ends_with(".localhost");
        named || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// The URL of an endpoint below a base URL, without user and password. `None` if the base is not a URL.
pub fn url_at(base_url: &str, endpoint: &str) -> Option<String> {
    let mut url = Base::parse("", base_url).ok()?.url(endpoint);
    url.set_username("").and_then(|()| url.set_password(None)).ok()?;
    Some(url.into())
}

/// The API's own path for a path on the provider's server, both with their query: the inverse of `Base::url`. All who
/// use the same URL get the same endpoint, and so the same recording.
pub fn endpoint_at(base_url: &str, path: &str) -> String {
    match below(path, path_of(base_url)) {
        Some(rest) => format!("/v1{rest}"),
        None if path.starts_with("//") || below(path, "/v1").is_some() => format!("/{path}"),
        None => path.to_owned(),
    }
}

/// The host of `host:port`, without the brackets of an IPv6 address, and its port, or `port` if it has none.
pub(crate) fn host_and_port(authority: &str, port: u16) -> Option<(&str, u16)> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match rest.strip_prefix(':') {
        Some(digits) => digits.parse().ok()?,
        None => rest.is_empty().then_some(port)?,
    };
    (!host.is_empty()).then_some((host, port))
}

/// The path of a URL, without a slash at its end.
pub fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    rest.find('/').map_or("", |at| &rest[at..]).trim_end_matches('/')
}

/// Whether a URL leads to this machine by a name or an address of loopback.
pub fn is_loopback(url: &str) -> bool {
    Base::parse("", url).is_ok_and(|base| base.is_loopback())
}

/// The rest of `path` after `base`, if `path` equals `base` or lies below it.
fn below<'p>(path: &'p str, base: &str) -> Option<&'p str> {
    path.strip_prefix(base).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

/// A base URL that may be shown, and used again once its secrets are put back: without user and password, and without
/// values in its query that may be a key or a signature. A text that is not a URL loses only these, too.
pub fn without_secrets(base_url: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = base_url.split_once("://") else { return base_url.into() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let kept = query.map(|query| {
        let harmless = query.split(['&', ';']).filter(|pair| !holds_secret(pair));
        harmless.collect::<Vec<_>>().join("&")
    });
    let query = kept.filter(|kept| !kept.is_empty()).map_or_else(String::new, |kept| format!("?{kept}"));
    format!("{scheme}://{host}{path}{query}").into()
}

/// The secrets in a base URL: the values that [`without_secrets`] removes.
pub fn secrets_in(base_url: &str) -> Vec<String> {
    let Ok(url) = Url::parse(base_url) else { return Vec::new() };
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = if url.password().is_none() { Some(url.username()) } else { url.password() };
    let pairs = url.query().unwrap_or_default().split(['&', ';']).filter(|pair| holds_secret(pair));
    let values = pairs.filter_map(|pair| pair.split_once('=')).map(|(_, value)| value);
    user.into_iter().chain(values).filter(|value| !value.is_empty()).map(decoded).collect()
}

/// Whether a pair of a query holds a key or part of a signature.
fn holds_secret(pair: &str) -> bool {
    let name = percent_decode_str(pair.split('=').next().unwrap_or_default()).decode_utf8_lossy().to_ascii_lowercase();
    is_credential(&name) || ["sig", "x-amz-", "x-goog-", "auth", "jwt", "code"].iter().any(|word| name.contains(word))
}

/// The host that requests to this base URL reach unencrypted, if it is another machine. A name without a dot belongs to
/// a network of containers on this machine, and so does a container's name for its host.
pub fn plain_host(base_url: &str) -> Option<String> {
    let base = Base::parse("", base_url).ok().filter(|base| base.is_plain() && !base.is_loopback())?;
    let host = base.0.host_str()?;
    let is_address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let is_container = !host.contains('.') || host.ends_with(".docker.internal") || host == "host.containers.internal";
    (is_address || !is_container).then(|| host.to_owned())
}

/// A URL that may be shown: without user, password and values in its query.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // These cannot fail for a URL with a host, which `Base::parse` demands.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let asked = url.query().is_some();
    url.set_query(None);
    url.set_fragment(None);
    if asked { format!("{url}?…") } else { url.to_string() }
}

/// The headers that concern the message, not the connection, and for which `keep` is true.
pub fn end_to_end(headers: HeaderMap, keep: impl Fn(&str) -> bool) -> HeaderMap {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let stays = |word: &str| !is_of_one_hop(word) && !named.iter().any(|hop| hop == word) && keep(word);
    if headers.keys().all(|name| stays(name.as_str())) {
        return headers;
    }
    let mut kept = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers.iter().filter(|(name, _)| stays(name.as_str())) {
        kept.append(name.clone(), value.clone());
    }
    kept
}

/// Whether a header belongs to retake.
fn is_own(name: &str) -> bool {
    name.starts_with("x-retake-")
}

/// A reply's headers without those of retake: from a provider, or from a recording of one, they must not be trusted.
pub(crate) fn without_own_headers(mut headers: HeaderMap) -> HeaderMap {
    let own: Vec<HeaderName> = headers.keys().filter(|name| is_own(name.as_str())).cloned().collect();
    for name in own {
        headers.remove(name);
    }
    headers
}

/// The headers to send: those of the caller that may be passed on, with its credentials if it uses its own, then the
/// provider's.
pub(super) fn headers(caller: &HeaderMap, auth: Auth, provider: &BTreeMap<String, String>) -> Result<HeaderMap, Error> {
    let mut headers = end_to_end(caller.clone(), |name| {
        let goes_on = !is_credential(name) || (auth == Auth::Client && is_passed_on(name));
        goes_on && !is_own(name)
    });
    for (name, value) in provider {
        let (name, value) = pair(name, value).ok_or_else(|| {
            Error::new(ErrorKind::Other, format!("the provider's header {name:?} cannot be sent: {value:?}"))
        })?;
        headers.insert(name, value);
    }
    headers
        .entry(header::USER_AGENT)
        .or_insert(HeaderValue::from_static(concat!("retake/", env!("CARGO_PKG_VERSION"))));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(headers)
}

/// Adds the key to `headers`; does nothing if it has no value.
pub(super) fn add_key(headers: &mut HeaderMap, key: &ApiKey) -> Result<(), Error> {
    let Some(secret) = &key.value else { return Ok(()) };
    let (name, mut value) = pair(&key.header, &format!("{}{secret}", key.prefix)).ok_or_else(|| {
        let message = format!(
            "the value of {} cannot be sent in a header: it has a line break or another control character in it",
            key.var
        );
        Error::new(ErrorKind::Other, message)
    })?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

fn pair(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((name.parse().ok()?, value.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(base: &str, endpoint: &str) -> String {
        Base::parse("p", base).unwrap().url(endpoint).to_string()
    }

    #[test]
    fn endpoints_find_their_url() {
        let together = "https://api.together.xyz/v1";
        assert_eq!(url(together, "/v1/chat/completions"), "https://api.together.xyz/v1/chat/completions");
        assert_eq!(url("https://api.together.xyz/v1/", "/v1/models"), "https://api.together.xyz/v1/models");
        assert_eq!(url(together, "/v1/models?limit=2"), "https://api.together.xyz/v1/models?limit=2");
        assert_eq!(url(together, "/v1"), "https://api.together.xyz/v1");
        assert_eq!(url(together, "/api/chat"), "https://api.together.xyz/api/chat");
        assert_eq!(url(together, "/v1beta/models"), "https://api.together.xyz/v1beta/models");
        assert_eq!(url("http://[::1]:8080", "/v1/models"), "http://[::1]:8080/models");
        let azure = "https://x.openai.azure.com/openai/v1?api-version=preview";
        assert_eq!(
            url(azure, "/v1/models?limit=2"),
            "https://x.openai.azure.com/openai/v1/models?api-version=preview&limit=2"
        );
    }

    #[test]
    fn two_slashes_start_at_the_root_of_the_server() {
        let groq = "https://api.groq.com/openai/v1";
        assert_eq!(url(groq, "/v1/models"), "https://api.groq.com/openai/v1/models");
        assert_eq!(url(groq, "//v1/models?a=1"), "https://api.groq.com/v1/models?a=1");
        assert_eq!(url(groq, "//v1"), "https://api.groq.com/v1");
        assert_eq!(url(groq, "///x"), "https://api.groq.com//x");
    }

    #[test]
    fn every_path_of_a_server_has_one_endpoint_that_leads_back_to_it() {
        let together = "https://api.together.xyz/v1";
        assert_eq!(endpoint_at(together, "/v1/chat/completions"), "/v1/chat/completions");
        assert_eq!(endpoint_at(together, "/v1?a"), "/v1?a");
        assert_eq!(endpoint_at(together, "/v1beta"), "/v1beta");
        let groq = "https://api.groq.com/openai/v1";
        assert_eq!(endpoint_at(groq, "/openai/v1/chat/completions?a=/v1"), "/v1/chat/completions?a=/v1");
        assert_eq!(endpoint_at(groq, "/openai/v11"), "/openai/v11");
        assert_eq!(endpoint_at(groq, "/v1/chat/completions"), "//v1/chat/completions");
        assert_eq!(endpoint_at("http://127.0.0.1:11434/v1", "/api/chat"), "/api/chat");
        assert_eq!(endpoint_at("http://127.0.0.1:11434", "/api/chat"), "/v1/api/chat");
        let gemini = "https://g.example/v1beta/openai";
        assert_eq!(endpoint_at(gemini, "/v1beta/openai/chat/completions"), "/v1/chat/completions");
        assert_eq!(endpoint_at(gemini, "/v1beta/models/m:generateContent"), "/v1beta/models/m:generateContent");
        for base in [together, groq, gemini, "http://h.example", "http://h.example/"] {
            let mut seen = std::collections::BTreeSet::new();
            for path in ["/", "/v1", "/v1/x", "//v1/x", "///v1", "/openai/v1/x?y=1", "/v1beta/x", "//x", "/x?y"] {
                let endpoint = endpoint_at(base, path);
                let origin = base.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
                assert_eq!(url(base, &endpoint), format!("{origin}{path}"), "{base} {endpoint}");
                assert!(seen.insert(endpoint), "{base} {path}");
            }
        }
    }

    #[test]
    fn an_endpoint_cannot_leave_its_server() {
        for endpoint in ["//evil.example/x", "@evil.example/", "https://evil.example/", "\\\\evil.example"] {
            assert!(url("https://api.example/v1", endpoint).starts_with("https://api.example/"), "{endpoint}");
        }
    }

    #[test]
    fn a_wrong_base_url_says_so() {
        let message = |base| Base::parse("gpt", base).err().unwrap().message;
        insta::assert_snapshot!(message("api.openai.com/v1"), @r#"gpt: the base URL "api.openai.com/v1" is not a URL: relative URL without a base; it must look like https://host/v1 (base_url in providers.yaml, or --provider gpt=BASE_URL)"#);
        assert!(message("ftp://x/v1").contains("has the scheme \"ftp\""));
    }

    #[test]
    fn loopback_is_known() {
        for (base, loopback) in [
            ("http://127.0.0.1:1/v1", true),
            ("http://127.8.9.1/v1", true),
            ("http://localhost:1/v1", true),
            ("http://[::1]/v1", true),
            ("http://stack.localhost/v1", true),
            ("http://10.0.0.1/v1", false),
            ("https://localhost.example/v1", false),
        ] {
            assert_eq!(Base::parse("p", base).unwrap().is_loopback(), loopback, "{base}");
        }
    }

    #[test]
    fn what_is_shown_holds_no_secret() {
        let url = Url::parse("https://user:pass@h.example/v1/m?key=abc#f").unwrap();
        assert_eq!(shown(&url), "https://h.example/v1/m?…");
        let key = ApiKey::new("X_KEY", Some(" s3cret\n".to_owned()));
        assert_eq!(format!("{key:?}"), "ApiKey(authorization: Bearer $X_KEY)");
        assert_eq!(key.hide_in("bad token s3cret!".to_owned()), "bad token $X_KEY!");
        assert_eq!(
            format!("{:?}", ApiKey::new("X_KEY", Some("  ".into()))),
            "ApiKey(authorization: Bearer $X_KEY (not set))"
        );
    }

    #[test]
    fn a_base_url_is_shown_without_its_secrets() {
        for (typed, shown, secrets) in [
            ("https://api.example/v1", "https://api.example/v1", ""),
            ("https://user:s3cret%21@h.example:8/v1", "https://h.example:8/v1", "s3cret!"),
            ("https://t0ken@h.example", "https://h.example", "t0ken"),
            (
                "https://h.example/v1?api-version=2&sig=a%2Bb&X-Amz-Signature=c;subscription-key=d",
                "https://h.example/v1?api-version=2",
                "a+b c d",
            ),
            ("https://h.example/v1?%73ig=a", "https://h.example/v1", "a"),
            ("http://h/v1/@scope?page_token=1", "http://h/v1/@scope?page_token=1", ""),
            ("https://u:p@h:1/v1?key=s", "https://h:1/v1", "p s"),
        ] {
            assert_eq!(without_secrets(typed), shown);
            assert_eq!(without_secrets(&format!("openai={typed}")), format!("openai={shown}"));
            assert_eq!(secrets_in(typed).join(" "), secrets);
        }
        assert_eq!(without_secrets("script:a@b"), "script:a@b");
        let error = Base::parse("p", "ftp://user:pass@h/v1").err().unwrap();
        assert!(!error.message.contains("pass@"), "{}", error.message);
    }

    #[test]
    fn what_leaves_this_machine_in_the_open_is_known() {
        for (base, leaves) in [
            ("http://gpu.example:8000/v1", Some("gpu.example")),
            ("http://192.168.1.7/v1", Some("192.168.1.7")),
            ("http://[2001:db8::1]/v1", Some("[2001:db8::1]")),
            ("https://gpu.example/v1", None),
            ("http://127.0.0.1:11434/v1", None),
            ("http://localhost/v1", None),
            ("http://ollama:11434/v1", None),
            ("http://host.docker.internal:11434/v1", None),
        ] {
            assert_eq!(plain_host(base).as_deref(), leaves, "{base}");
        }
    }

    #[test]
    fn headers_that_may_travel() {
        let caller: HeaderMap = [
            ("content-type", "application/json"),
            ("host", "localhost:8321"),
            ("authorization", "Bearer of-the-caller"),
            ("x-api-key", "of-the-caller"),
            ("connection", "close, X-Once"),
            ("x-once", "1"),
            ("content-length", "12"),
            ("accept-encoding", "gzip"),
            ("x-retake-case", "a"),
            ("x-own", "kept"),
            ("anthropic-version", "old"),
        ]
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
        .collect();
        let provider = BTreeMap::from([("Anthropic-Version".to_owned(), "2023-06-01".to_owned())]);
        let mut sent = headers(&caller, Auth::Provider, &provider).unwrap();
        let key = ApiKey::new("K", Some("k".to_owned())).travels_in("x-api-key", "");
        add_key(&mut sent, &key).unwrap();
        let mut lines: Vec<String> =
            sent.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        insta::assert_snapshot!(lines.join("\n"), @r"
        accept-encoding: identity
        anthropic-version: 2023-06-01
        content-type: application/json
        user-agent: retake/0.1.0
        x-api-key: k
        x-own: kept
        ");
        assert!(!format!("{sent:?}").contains("\"k\""), "the key is marked sensitive");
    }

    #[test]
    fn a_callers_credentials_travel_where_they_are_what_is_asked_with() {
        let names = ["authorization", "x-api-key", "x-amz-security-token", "cookie", "x-retake-token", "x-own"];
        let caller: HeaderMap =
            names.iter().map(|name| (HeaderName::from_static(name), HeaderValue::from_static("v"))).collect();
        let sent = headers(&caller, Auth::Client, &BTreeMap::new()).unwrap();
        let went: Vec<&str> = names.into_iter().filter(|name| sent.contains_key(*name)).collect();
        assert_eq!(went, ["authorization", "x-api-key", "x-amz-security-token", "x-own"]);
    }

    #[test]
    fn a_key_travels_as_the_caller_sent_its_own() {
        let key = ApiKey::new("K", Some("k".to_owned()));
        let asked = |name: &'static str| {
            let caller = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static("own"))]);
            format!("{:?}", key.as_asked(&caller))
        };
        assert_eq!(asked("x-api-key"), "ApiKey(x-api-key: $K)");
        assert_eq!(asked("x-goog-api-key"), "ApiKey(x-goog-api-key: $K)");
        assert_eq!(asked("authorization"), "ApiKey(authorization: Bearer $K)");
    }

    #[test]
    fn a_key_that_no_header_can_carry_is_named_but_not_shown() {
        let key = ApiKey::new("K", Some("a\nb".to_owned()));
        let error = add_key(&mut HeaderMap::new(), &key).unwrap_err();
        assert!(error.message.contains("the value of K") && !error.message.contains("a\nb"));
    }
}
