//! The proxy as a network proxy: answers for the hosts of providers, and lets connections to others pass.

use std::convert::Infallible;
use std::io::{self, Cursor};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode, Uri};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::address::name_of;
use super::hosts::{Host, for_path};
use super::interception::{Greeting, Interception};
use super::refusal::Refusal;
use super::service::{SESSION_HEADER, Served, answer_at};
use super::switch;
use super::{Proxy, Trouble};
use crate::record::Mode;
use crate::upstream::end_to_end;

/// The longest wait for a connection, and for a client to greet.
const SOON: Duration = Duration::from_secs(30);
/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;
/// The largest answer of an outer proxy to `CONNECT`, in bytes.
const MOST_HEAD: usize = 16 << 10;

/// The server that a client believes to talk to.
pub(super) struct Origin {
    pub(super) host: Host,
    /// The session, from the user name for the proxy.
    pub(super) session: Option<String>,
}

impl Origin {
    /// The provider that answers for a path of this host.
    pub(super) fn provider<'p>(&self, proxy: &'p Proxy, path: &str) -> Result<Served<'p>, Refusal> {
        let here = || proxy.providers.iter().filter(|(provider, _)| self.host.is_of(provider));
        let provider = for_path(here().map(|(provider, _)| provider), path);
        let served = provider.and_then(|found| here().find(|(provider, _)| provider.name == found.name));
        let (provider, tape) =
            served.ok_or_else(|| Refusal::unknown_route(format!("no provider is at {}", self.host)))?;
        // A provider with a host for each customer is asked at the one that the client meant, or not at all.
        let placed = proxy.placed.get(&provider.name);
        let is_there = self.host.is_at(&provider.base_url)
            || placed.is_some_and(|url| self.host.is_at(url) || crate::upstream::is_loopback(url));
        if proxy.mode != Mode::Replay && !is_there {
            return Err(Refusal::no_address(&provider.name, &self.host.to_string(), &provider.base_url));
        }
        Ok((provider, tape))
    }
}

/// Whether a request is meant for another host than the proxy.
pub(super) fn is_for_a_host(interception: &Interception, uri: &Uri) -> bool {
    // In HTTP/2 every request has an authority; no client uses HTTP/2 to talk to a network proxy without TLS.
    uri.authority().is_some_and(|authority| {
        uri.scheme().is_none() || Host::parse(authority.as_str(), 80).is_some_and(|host| !interception.is_own(&host))
    })
}

/// Answers `CONNECT`, and requests with a whole URL.
pub(super) async fn handle(
    proxy: &Arc<Proxy>,
    interception: &Arc<Interception>,
    request: Request,
) -> Result<Response, Refusal> {
    let (user, password) = user(request.headers());
    if !proxy.keys.is_empty() && !proxy.keys.know(&password) {
        return Ok(token_wanted());
    }
    let named =
        request.headers().get(SESSION_HEADER).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let named = Some(user).filter(|user| !user.is_empty()).or(named);
    let session = named.map(|name| name_of(&name)).transpose()?;
    let authority = request.uri().authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let is_connect = request.method() == Method::CONNECT;
    let usual = if is_connect || request.uri().scheme_str() == Some("https") { 443 } else { 80 };
    let host = Host::parse(authority, usual).ok_or_else(|| Refusal::bad_host(authority))?;
    let is_known = proxy.providers.iter().any(|(provider, _)| host.is_of(provider));
    if is_known {
        let origin = Origin { host, session };
        if !is_connect {
            return Ok(answer_at(proxy, &origin, request).await);
        }
        let agent = agent(request.headers());
        let (proxy, interception) = (Arc::clone(proxy), Arc::clone(interception));
        let greeting = interception.greets();
        let client = Client { agent, greeting, upgrade: hyper::upgrade::on(request) };
        tokio::spawn(answer_for(proxy, interception, origin, client));
        return Ok(StatusCode::OK.into_response());
    }
    let session = session.and_then(|name| proxy.tests.session_of(name));
    let is_allowed = session.as_ref().is_some_and(|session| proxy.tests.lets_pass(session, &host.name));
    if !is_allowed && !interception.lets_pass(&host) {
        session.iter().for_each(|session| proxy.tests.blocked(session, &host.to_string()));
        interception.count(&host, |reached| &mut reached.refused);
        return Err(Refusal::no_network(&host.to_string(), &host.name));
    }
    let passed = match is_connect {
        false => forwarded(interception, &host, request).await,
        true => connected(interception, &host)
            .await
            .map_err(|error| Refusal::unreachable(&host.to_string(), &error))
            .map(|there| {
                tokio::spawn(switch::passed_on(there, hyper::upgrade::on(request)));
                StatusCode::OK.into_response()
            }),
    };
    interception.count(
        &host,
        match passed {
            Ok(_) => |reached| &mut reached.passed,
            Err(_) => |reached| &mut reached.failed,
        },
    );
    passed
}

/// The user name and password that a client has for the proxy.
fn user(headers: &HeaderMap) -> (String, String) {
    let read = || {
        let value = headers.get(header::PROXY_AUTHORIZATION)?.to_str().ok()?;
        let (scheme, encoded) = value.split_once(' ')?;
        let text = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
        let text = String::from_utf8(text).ok()?;
        // Clients undo the escapes of a URL: a user name may hold colons, a token does not.
        let (user, password) = text.rsplit_once(':')?;
        Some((user.to_owned(), password.to_owned()))
    };
    read().unwrap_or_default()
}

fn token_wanted() -> Response {
    let mut response = Refusal::no_proxy_token().into_response();
    response.headers_mut().insert(header::PROXY_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"retake\""));
    response
}

fn agent(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(agent.chars().take(100).collect())
}

/// A client that has asked for a tunnel.
struct Client {
    agent: Option<String>,
    greeting: Greeting,
    upgrade: OnUpgrade,
}

/// Answers in the name of a host, over TLS if the client begins so.
async fn answer_for(proxy: Arc<Proxy>, interception: Arc<Interception>, origin: Origin, client: Client) {
    let Client { agent, greeting, upgrade } = client;
    // It ends with the first request, or when it is told how it ended.
    let greeting = Arc::new(Mutex::new(Some(greeting)));
    let Ok(upgraded) = upgrade.await else { return };
    let mut io = TokioIo::new(upgraded);
    let mut first = [0];
    // A client may open a connection that it never needs.
    if !timeout(SOON, io.read_exact(&mut first)).await.is_ok_and(|read| read.is_ok()) {
        return;
    }
    let is_tls = first[0] == HANDSHAKE;
    let (read, write) = tokio::io::split(io);
    let io = tokio::io::join(Cursor::new(first).chain(read), write);
    if !is_tls {
        serve(proxy, Arc::new(origin), Arc::clone(&greeting), io).await;
        return;
    }
    let tell = |message: String| {
        let session = origin.session.clone().and_then(|name| proxy.tests.session_of(name));
        proxy.tell(Trouble { kind: "untrusted", session, message });
    };
    let config = match interception.authority.server_config(&origin.host.name) {
        Ok(config) => config,
        Err(why) => return tell(why),
    };
    match timeout(SOON, TlsAcceptor::from(config).accept(io)).await {
        Ok(Ok(stream)) => {
            let host = origin.host.to_string();
            let note = Arc::clone(&proxy.note);
            let has_asked = serve(proxy, Arc::new(origin), Arc::clone(&greeting), stream).await;
            if !has_asked {
                // Node checks a certificate only after the handshake, and then closes without a word.
                note(&hung_up(&host, agent.as_deref()));
            }
        }
        Ok(Err(error)) => tell(distrusted(&origin.host.to_string(), agent.as_deref(), &error)),
        Err(_) => {}
    }
}

/// Serves requests until the client closes. Returns whether there was any.
async fn serve(
    proxy: Arc<Proxy>,
    origin: Arc<Origin>,
    greeting: Arc<Mutex<Option<Greeting>>>,
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> bool {
    let has_asked = Arc::new(AtomicBool::new(false));
    let asks = Arc::clone(&has_asked);
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        asks.store(true, Ordering::Relaxed);
        drop(greeting.lock().unwrap_or_else(PoisonError::into_inner).take());
        let (proxy, origin) = (Arc::clone(&proxy), Arc::clone(&origin));
        async move { Ok::<_, Infallible>(answer_at(&proxy, &origin, request.map(Body::new)).await) }
    });
    // An error is the client's: it closed in the middle, or what it sent is no HTTP.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection_with_upgrades(TokioIo::new(io), service).await;
    has_asked.load(Ordering::Relaxed)
}

const TRUST: &str = "retake run sets SSL_CERT_FILE, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, AWS_CA_BUNDLE, GIT_SSL_CAINFO, \
                     NODE_EXTRA_CA_CERTS and DENO_CERT: a client that has roots of its own, or a cleared environment, needs \
                     the certificate that `retake ca path` names\n  without interception: --no-intercept, and a base URL \
                     that leads to the proxy";

fn distrusted(host: &str, agent: Option<&str>, error: &io::Error) -> String {
    let client = agent.unwrap_or("which does not say what it is");
    let said = error.to_string();
    let why = if is_alert(&said) {
        format!("the client ({client}) did not trust retake's certificate for {host} ({said})")
    } else {
        format!("the client ({client}) ended its handshake with {host}: {said}")
    };
    format!("{why}\n  {TRUST}")
}

/// Whether an error of the handshake tells that the client refused the certificate.
fn is_alert(said: &str) -> bool {
    ["UnknownCA", "BadCertificate", "CertificateUnknown", "UnknownIssuer"].iter().any(|alert| said.contains(alert))
}

fn hung_up(host: &str, agent: Option<&str>) -> String {
    let client = agent.unwrap_or("which does not say what it is");
    format!(
        "a client ({client}) closed its connection to {host} without a request: if it reported a certificate error, it does \
         not trust retake\n  {TRUST}"
    )
}

/// A connection to a host, through the user's own network proxy if there is one.
async fn connected(interception: &Interception, host: &Host) -> io::Result<TcpStream> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "no connection in time");
    let outer = interception.outer.as_ref().filter(|_| !host.is_loopback());
    let Some(outer) = outer else {
        return timeout(SOON, TcpStream::connect((host.name.as_str(), host.port))).await.map_err(|_| late())?;
    };
    let connect = async {
        let mut stream = outer_stream(outer).await?;
        let name = if host.name.contains(':') { format!("[{}]", host.name) } else { host.name.clone() };
        let target = format!("{name}:{}", host.port);
        let login = login(outer).map_or_else(String::new, |login| format!("proxy-authorization: {login}\r\n"));
        stream.write_all(format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n{login}\r\n").as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() > MOST_HEAD {
                return Err(io::Error::other("the outer proxy's answer is too long"));
            }
            // What follows the head is the other server's already: byte by byte.
            head.push(stream.read_u8().await?);
        }
        let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
        match line.split(' ').nth(1) {
            Some(status) if status.starts_with('2') => Ok(stream),
            _ => Err(io::Error::other(format!("the outer proxy (HTTPS_PROXY) says {line:?}"))),
        }
    };
    timeout(SOON, connect).await.map_err(|_| late())?
}

async fn outer_stream(outer: &Uri) -> io::Result<TcpStream> {
    let host = outer.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    TcpStream::connect((host, outer.port_u16().unwrap_or(80))).await
}

/// The header with which the user's own network proxy lets a client in.
fn login(outer: &Uri) -> Option<String> {
    let (user, _) = outer.authority()?.as_str().rsplit_once('@')?;
    let user = percent_encoding::percent_decode_str(user).collect::<Vec<u8>>();
    Some(format!("Basic {}", STANDARD.encode(user)))
}

/// Sends a request without TLS to its host, and the reply back as it comes.
async fn forwarded(interception: &Interception, host: &Host, request: Request) -> Result<Response, Refusal> {
    let unreachable = |why: &dyn std::fmt::Display| Refusal::unreachable(&host.to_string(), why);
    let outer = interception.outer.as_ref().filter(|_| !host.is_loopback());
    let stream = match outer {
        Some(outer) => timeout(SOON, outer_stream(outer)).await,
        None => timeout(SOON, TcpStream::connect((host.name.as_str(), host.port))).await,
    };
    let stream = stream.map_err(|late| unreachable(&late))?.map_err(|error| unreachable(&error))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(&error))?;
    tokio::spawn(connection);
    let (mut head, body) = request.into_parts();
    head.headers = end_to_end(head.headers, |_| true);
    head.headers.remove(header::PROXY_AUTHORIZATION);
    match outer {
        Some(outer) => {
            if let Some(login) = login(outer).and_then(|login| HeaderValue::from_str(&login).ok()) {
                head.headers.insert(header::PROXY_AUTHORIZATION, login);
            }
        }
        None => {
            let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
            head.uri = path.parse().map_err(|error: http::uri::InvalidUri| unreachable(&error))?;
        }
    }
    let reply =
        sender.send_request(http::Request::from_parts(head, body)).await.map_err(|error| unreachable(&error))?;
    let (mut head, body) = reply.into_parts();
    head.headers = end_to_end(head.headers, |_| true);
    Ok(Response::from_parts(head, Body::new(body)))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncBufReadExt as _;
    use tokio::net::TcpListener;

    use super::*;
    use crate::authority::Authority;

    fn interception(outer: Option<Uri>) -> Interception {
        let folder = tempfile::TempDir::new().unwrap();
        Interception::new(Authority::open(folder.path()).unwrap(), None, outer)
    }

    #[test]
    fn a_whole_url_or_a_tunnel_is_for_a_host_unless_the_url_is_of_the_proxy_itself() {
        let interception = interception(None);
        interception.listens_at(8080);
        for (uri, is) in [
            ("/openai/v1/models", false),
            ("http://api.example/v1/models", true),
            ("http://localhost:8080/openai/v1/models", false),
            ("http://localhost:8081/v1/models", true),
            ("api.example:443", true),
            ("localhost:8080", true),
        ] {
            assert_eq!(is_for_a_host(&interception, &uri.parse().unwrap()), is, "{uri}");
        }
    }

    #[test]
    fn a_client_names_its_session_and_its_token_as_user_and_password() {
        let of = |value: &str| user(&HeaderMap::from_iter([(header::PROXY_AUTHORIZATION, value.parse().unwrap())]));
        let pair = |user: &str, password: &str| (user.to_owned(), password.to_owned());
        assert_eq!(of(&format!("Basic {}", STANDARD.encode("test_a::b:token"))), pair("test_a::b", "token"));
        assert_eq!(of(&format!("basic  {}", STANDARD.encode("a:"))), pair("a", ""));
        for odd in
            [format!("Bearer {}", STANDARD.encode("a:b")), "Basic".into(), "Basic ?".into(), STANDARD.encode("a")]
        {
            assert_eq!(of(&odd), pair("", ""), "{odd}");
        }
        assert_eq!(user(&HeaderMap::new()), pair("", ""));
    }

    #[test]
    fn what_a_client_says_it_is_is_shown_up_to_a_bound() {
        let of = |value: &str| agent(&HeaderMap::from_iter([(header::USER_AGENT, value.parse().unwrap())]));
        assert_eq!(of("python/3"), Some("python/3".to_owned()));
        assert_eq!(of(&"x".repeat(500)).map(|agent| agent.len()), Some(100));
        assert_eq!(agent(&HeaderMap::new()), None);
    }

    #[test]
    fn a_handshake_that_failed_is_told_with_its_client_and_the_way_out() {
        let refused = distrusted("api.example", Some("curl/8"), &io::Error::other("received fatal alert: UnknownCA"));
        assert!(
            refused.starts_with("the client (curl/8) did not trust retake's certificate for api.example"),
            "{refused}"
        );
        let ended = distrusted("api.example", None, &io::Error::other("tls handshake eof"));
        assert!(ended.contains("ended its handshake with api.example: tls handshake eof"), "{ended}");
        let silent = hung_up("api.example", None);
        assert!(silent.contains("closed its connection to api.example without a request"), "{silent}");
        for told in [refused, ended, silent] {
            assert!(told.contains("retake ca path") && told.contains("--no-intercept"), "{told}");
        }
    }

    /// What the user's own network proxy is asked for a tunnel to `authority`, and whether the tunnel opens on this answer.
    async fn through(login: &str, authority: &str, answer: &[u8]) -> (Vec<String>, io::Result<TcpStream>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let outer = format!("http://{login}127.0.0.1:{}", listener.local_addr().unwrap().port());
        let interception = interception(Some(outer.parse().unwrap()));
        let serves = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = tokio::io::BufReader::new(stream);
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                if line == "\r\n" {
                    break;
                }
                lines.push(line.trim_end().to_owned());
            }
            // The client may have hung up already.
            let _ = stream.write_all(answer).await;
            lines
        };
        let host = Host::parse(authority, 443).unwrap();
        tokio::join!(serves, connected(&interception, &host))
    }

    #[tokio::test]
    async fn a_tunnel_goes_through_the_users_own_network_proxy() {
        let (asked, opened) = through("user:p%40ss@", "api.example", b"HTTP/1.1 200 OK\r\nvia: x\r\n\r\n").await;
        let login = format!("proxy-authorization: Basic {}", STANDARD.encode("user:p@ss"));
        assert_eq!(asked, ["CONNECT api.example:443 HTTP/1.1", "host: api.example:443", login.as_str()]);
        assert!(opened.is_ok());
        let (asked, opened) = through("", "[2001:db8::1]:8443", b"HTTP/1.1 403 Forbidden\r\n\r\n").await;
        assert_eq!(asked, ["CONNECT [2001:db8::1]:8443 HTTP/1.1", "host: [2001:db8::1]:8443"]);
        assert!(opened.unwrap_err().to_string().contains("says \"HTTP/1.1 403 Forbidden\""));
        for answer in [&b"HTTP/1.1 200 OK\r\n"[..], b"", b"SSH-2.0\r\n\r\n"] {
            assert!(through("", "api.example", answer).await.1.is_err(), "{answer:?}");
        }
    }

    #[tokio::test]
    async fn an_answer_without_an_end_is_given_up() {
        let endless = ["HTTP/1.1 200 OK\r\nx: ".as_bytes(), &[b'x'; 2 * MOST_HEAD]].concat();
        let (_, opened) = through("", "api.example", &endless).await;
        assert!(opened.unwrap_err().to_string().contains("too long"));
    }
}
