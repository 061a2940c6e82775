//! Passes requests to tapes and replies back. It moves bytes, without delaying or changing them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::future::FutureExt;
use futures_util::stream::{self, BoxStream, StreamExt};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::address::{self, Place};
use super::bodies::Room;
use super::credential;
use super::hosts::{Host, names};
use super::location::lead_back;
use super::observer::Observing;
use super::process::{self, PROCESS};
use super::refusal::{Refusal, json_response};
use super::session::{self, case_of};
use super::switch;
use super::tunnel::{self, Origin};
use super::{Proxy, Seen, Trouble, Watcher};
use crate::access::{Entry, bearer, is_for_pages};
use crate::exchange::{Auth, BROKEN_ON_PURPOSE, Fault};
use crate::provider::Provider;
use crate::record::{Mode, Source as Answerer, Tape};
use crate::spelling::nearest;
use crate::suite::parse_faults;
use crate::upstream::{
    AUTH_HEADER, CASE_HEADER, Error, Reply, Request, end_to_end, endpoint_at, is_misplaced, path_of, versioned,
};
use crate::wire::headers::{KEY_HEADERS, is_of_the_address};
use crate::yaml::Source;

/// Names the session that makes a request, percent-encoded if necessary.
pub const SESSION_HEADER: &str = "x-retake-session";
/// Contains the proxy's own token.
pub const TOKEN_HEADER: &str = "x-retake-token";

/// How many refusals of callers without access are reported.
const MOST_STRANGERS: usize = 20;

/// The proxy as a value that can be called.
pub fn router(proxy: Arc<Proxy>) -> Router {
    Router::new().fallback(handle).with_state(proxy)
}

async fn handle(State(proxy): State<Arc<Proxy>>, request: axum::extract::Request) -> Response {
    if let Some(interception) = proxy.interception.as_ref().filter(|it| tunnel::is_for_a_host(it, request.uri())) {
        let refused = |refusal: Refusal| {
            proxy.troubled(&refusal, None);
            refusal.into_response()
        };
        return tunnel::handle(&proxy, interception, request).await.unwrap_or_else(refused);
    }
    let (head, body) = request.into_parts();
    let entry = match proxy.guard.check(&head, || proxy.knows(&head.headers)) {
        Ok(Entry::Preflight(headers)) => return (StatusCode::NO_CONTENT, headers).into_response(),
        Ok(entry) => entry,
        Err(refused) => {
            let refusal = Refusal::from(refused);
            // A caller that tries again and again must not fill the log.
            if proxy.strangers.fetch_add(1, Ordering::Relaxed) < MOST_STRANGERS {
                proxy.troubled(&refusal, None);
            }
            return refusal.into_response();
        }
    };
    let mut response = answer(&proxy, head, body).await.unwrap_or_else(IntoResponse::into_response);
    entry.mark(response.headers_mut());
    response
}

async fn answer(proxy: &Proxy, head: Parts, body: Body) -> Result<Response, Refusal> {
    if !proxy.keys.is_empty() && !proxy.knows(&head.headers) {
        return Err(Refusal::no_token());
    }
    // Only a reference count, not a copy.
    let uri = head.uri.clone();
    let place = address::place(&head.method, uri.path()).inspect_err(|refusal| proxy.troubled(refusal, None))?;
    match place {
        Place::Home => Ok(json_response(StatusCode::OK, &proxy.home())),
        Place::Start(name) => {
            let body = proxy.bodies.own(&head.headers, body).await?;
            let (test, body) = process::announced(&body).map_err(|why| Refusal::bad_session(&why))?;
            let faults = faults(&body)?;
            if name.starts_with(PROCESS) {
                return Err(Refusal::bad_session(&format!("{name:?} would be the name of a process")));
            }
            let touched = proxy.sessions.start(&name);
            if !touched.is_new {
                return Err(Refusal::session_runs(&name));
            }
            if let Err(other) = proxy.tests.begin(&name, test) {
                session::drop_new(proxy, &name);
                return Err(Refusal::process_runs(&other));
            }
            session::touched(proxy, &name, touched);
            let count = faults.len();
            proxy.tapes.begin(&case_of(&name), faults, Arc::default());
            Ok(json_response(StatusCode::CREATED, &json!({"session": name, "faults": count})))
        }
        Place::Finish(name) => {
            let said = session::said(&proxy.bodies.own(&head.headers, body).await?)?;
            Ok(json_response(StatusCode::OK, &session::finish(proxy, &name, said).await?))
        }
        Place::Look(name) => match proxy.tests.told(&name) {
            Some(told) => Ok(json_response(StatusCode::OK, &told)),
            None => Err(Refusal::unknown_session(&name, None)),
        },
        Place::Api { session, provider, rest } => {
            let session =
                on_behalf(proxy, session, &head.headers).inspect_err(|refusal| proxy.troubled(refusal, None))?;
            let asked = match proxy.provider(provider, rest) {
                Ok(provider) => {
                    let base = own_base(&head, uri.path().strip_suffix(rest).unwrap_or(uri.path()));
                    let shown = format!("/{}{rest}", provider.0.name);
                    let reply = ask(proxy, head, body, session.as_deref(), provider, At { path: rest, shown }).await;
                    reply.map(|mut reply| {
                        let is_of = |server: &str| proxy.is_server_of(provider.0, server);
                        lead_back(reply.headers_mut(), &base, is_of);
                        reply
                    })
                }
                Err(refusal) => Err(refusal),
            };
            asked.inspect_err(|refusal| proxy.troubled(refusal, session.as_deref()))
        }
    }
}

/// The URL of a path of this proxy, as the client asked for it.
fn own_base(head: &Parts, path: &str) -> String {
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| head.uri.authority().map(http::uri::Authority::as_str)).unwrap_or("localhost");
    format!("http://{host}{path}")
}

/// Answers a request to a host of providers.
pub(super) async fn answer_at(proxy: &Proxy, origin: &Origin, request: axum::extract::Request) -> Response {
    let (head, body) = request.into_parts();
    let entry = match proxy.guard.check_page(&head) {
        Ok(Entry::Preflight(headers)) => return (StatusCode::NO_CONTENT, headers).into_response(),
        Ok(entry) => entry,
        Err(refused) => {
            let refusal = Refusal::from(refused);
            proxy.troubled(&refusal, None);
            return refusal.into_response();
        }
    };
    let path = head.uri.path().to_owned();
    let asked = match on_behalf(proxy, origin.session.clone(), &head.headers) {
        Err(refusal) => Err((refusal, None)),
        Ok(session) => match origin.provider(proxy, &path) {
            Err(refusal) => Err((refusal, session)),
            Ok(provider) => {
                let at = At { path: &path, shown: origin.host.url(&path) };
                let asked = ask(proxy, head, body, session.as_deref(), provider, at).await;
                asked.map_err(|refusal| (refusal, session))
            }
        },
    };
    let mut response = asked.unwrap_or_else(|(refusal, session)| {
        proxy.troubled(&refusal, session.as_deref());
        refusal.into_response()
    });
    entry.mark(response.headers_mut());
    response
}

/// A provider with the tape that answers for it.
pub(super) type Served<'p> = (&'p Provider, &'p Tape);

/// Where a request goes.
struct At<'a> {
    /// The path on the provider's server.
    path: &'a str,
    /// The address as the client wrote it, for messages.
    shown: String,
}

/// Sends the request to a provider.
async fn ask(
    proxy: &Proxy,
    head: Parts,
    body: Body,
    session: Option<&str>,
    (provider, tape): Served<'_>,
    At { path: rest, shown }: At<'_>,
) -> Result<Response, Refusal> {
    if let Some(session) = session {
        session::touched(proxy, session, proxy.sessions.asks(session));
    }
    if let Some(protocol) = switch::wanted(&head.headers) {
        if proxy.mode != Mode::Live {
            return Err(Refusal::no_upgrade(&String::from_utf8_lossy(protocol.as_bytes())));
        }
        return switch::answer(proxy, head, session, (provider, tape), rest).await;
    }
    let body = proxy.bodies.whole(&head.headers, body).await?;
    let case = session.map(case_of).or_else(|| case(&head.headers)).or_else(|| (proxy.case)());
    let method = head.method.clone();
    let (body, room) = (body.bytes, body.room);
    let watched = proxy.seen.as_ref().map(|seen| Watched::of(seen, format!("{method} {shown}"), &body));
    let request = request(proxy, head, body, case, provider, rest);
    let is_misplaced = proxy.mode != Mode::Replay && is_misplaced(&request.endpoint);
    let observe = |observer| Observing::begin(observer, session, &provider.name, &request);
    let observing = proxy.observer.as_ref().map(observe);
    let answered = tape.answer(request).await;
    let answered = match observing {
        Some(observing) => observing.around(answered),
        None => answered,
    };
    watched.iter().for_each(|watched| watched.tell(proxy.mode, &answered));
    let reply = match answered {
        Err(error) if error.message == BROKEN_ON_PURPOSE => return Ok(lost(error)),
        Ok((_, reply)) if is_misplaced && reply.status == StatusCode::NOT_FOUND => {
            return Err(Refusal::misplaced(&provider.name, rest, path_of(&provider.base_url)));
        }
        Ok((_, reply)) => reply,
        Err(error) => return Err(Refusal::from(error).asked(&format!("{method} {shown}"))),
    };
    Ok(relayed(reply, room).await)
}

/// A request that is told when it is answered.
struct Watched<'p> {
    seen: &'p Watcher,
    asked: String,
    model: Option<String>,
    began: Instant,
}

impl<'p> Watched<'p> {
    fn of(seen: &'p Watcher, asked: String, body: &[u8]) -> Self {
        #[derive(serde::Deserialize)]
        struct Named {
            model: Option<String>,
        }
        let model = serde_json::from_slice::<Named>(body).ok().and_then(|named| named.model);
        Watched { seen, asked, model, began: Instant::now() }
    }

    fn tell(&self, mode: Mode, answered: &Result<(Answerer, Reply), Error>) {
        let (status, how) = match answered {
            Ok((Answerer::Recording(_), reply)) => (Some(reply.status.as_u16()), "replayed"),
            Ok((Answerer::Provider, reply)) if mode == Mode::Live => (Some(reply.status.as_u16()), "live"),
            Ok((Answerer::Provider, reply)) => (Some(reply.status.as_u16()), "recorded"),
            Ok((Answerer::Made, reply)) => (Some(reply.status.as_u16()), "made"),
            Err(error) if error.message == BROKEN_ON_PURPOSE => (None, "made"),
            Err(error) => (Some(error.kind.status().as_u16()), error.kind.name()),
        };
        let (asked, model, took) = (self.asked.clone(), self.model.clone(), self.began.elapsed());
        (self.seen)(&Seen { asked, model, status, how, took });
    }
}

impl Proxy {
    /// Whether these headers contain the proxy's token.
    fn knows(&self, headers: &HeaderMap) -> bool {
        !self.keys.is_empty() && token(headers).is_some_and(|token| self.keys.know(token))
    }

    fn provider(&self, name: &str, rest: &str) -> Result<Served<'_>, Refusal> {
        let found = self.providers.iter().find(|(provider, _)| provider.name == name);
        found.map(|(provider, tape)| (provider, &**tape)).ok_or_else(|| {
            let way_out = match nearest(name, self.names()) {
                Some(near) => format!("did you mean /{near}{rest}?"),
                None => {
                    let example = self.names().find(|name| *name == "openai").or(self.names().next()).unwrap_or("NAME");
                    format!("a path begins with the name of a provider, as in /{example}/{name}{rest}")
                }
            };
            let names: Vec<String> = self.names().map(|name| format!("/{name}")).collect();
            Refusal::unknown_route(format!(
                "no provider is called {name:?}\n  {way_out}\n  there are: {}",
                names.join(", ")
            ))
        })
    }

    /// Whether `scheme://host` is a server of this provider.
    fn is_server_of(&self, provider: &Provider, server: &str) -> bool {
        let authority = server.split_once("://").map_or(server, |(_, authority)| authority);
        let usual = if server.starts_with("http://") { 80 } else { 443 };
        Host::parse(authority, usual).is_some_and(|host| {
            // A recording of a stand-in has an address on this machine, where it no longer runs.
            host.is_of(provider)
                || self.placed.get(&provider.name).is_some_and(|url| host.is_at(url))
                || (self.mode == Mode::Replay && host.is_loopback())
        })
    }

    fn home(&self) -> Value {
        let prefixes: Vec<String> = self.names().map(|name| format!("/{name}")).collect();
        let providers = self.providers.iter().filter(|_| self.interception.is_some());
        let hosts: BTreeSet<&str> = providers.flat_map(|(provider, _)| names(provider)).collect();
        json!({
            "status": "OK",
            "name": env!("CARGO_PKG_NAME"),
            "version": env!("CARGO_PKG_VERSION"),
            "mode": self.mode.name(),
            "prefixes": prefixes,
            "hosts": hosts,
            "sessions": self.sessions.count(),
        })
    }

    pub(super) fn troubled(&self, refusal: &Refusal, session: Option<&str>) {
        if refusal.is_trouble() {
            self.tell(Trouble {
                kind: refusal.name,
                session: session.map(str::to_owned),
                message: refusal.message.clone(),
            });
        }
    }

    /// Tells those who run the proxy, and the test that it concerns.
    pub(super) fn tell(&self, trouble: Trouble) {
        if let Some(session) = &trouble.session {
            self.tests.troubled(session, trouble.kind, &trouble.message);
        }
        (self.tell)(&trouble);
    }
}

/// The proxy's token, from its own header or from where a client puts its API key.
fn token(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    text(TOKEN_HEADER).or_else(|| bearer(headers)).or_else(|| KEY_HEADERS.into_iter().find_map(text))
}

/// The session of a request, from its path or its header, which must not name two, or from the process that they name.
fn on_behalf(proxy: &Proxy, by_path: Option<String>, headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get(SESSION_HEADER) else {
        return Ok(by_path.and_then(|name| proxy.tests.session_of(name)));
    };
    let by_header = address::name_of(&String::from_utf8_lossy(value.as_bytes()))?;
    match by_path {
        // A client within a test may name a session of its own.
        Some(name) if name != by_header && !name.starts_with(PROCESS) => {
            Err(Refusal::bad_session(&format!("the path says {name:?} and {SESSION_HEADER} says {by_header:?}")))
        }
        _ => Ok(proxy.tests.session_of(by_header)),
    }
}

/// The faults for a new session: `{"faults": [{"status": 500}]}`, or nothing.
fn faults(body: &[u8]) -> Result<Vec<Fault>, Refusal> {
    let text = String::from_utf8_lossy(body);
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let source = Source { name: "faults".to_owned(), text: text.as_ref().into() };
    parse_faults(&source).map_err(|error| Refusal::bad_faults(error.render(false).trim_end()))
}

/// The case that a request names: a server under test may pass on the header that it got.
fn case(headers: &HeaderMap) -> Option<String> {
    let escaped = headers.get(CASE_HEADER)?.to_str().ok()?;
    Some(percent_decode_str(escaped).decode_utf8_lossy().into_owned())
}

/// Ends the connection before the first byte of a reply: a server drops a head that it has not written yet when the
/// body fails at once.
fn lost(error: Error) -> Response {
    Response::new(Body::from_stream(stream::once(async { Err::<Bytes, _>(error) })))
}

pub(super) fn request(
    proxy: &Proxy,
    head: Parts,
    body: Bytes,
    case: Option<String>,
    provider: &Provider,
    rest: &str,
) -> Request {
    let (path, had_key) = address::with_query(rest, head.uri.query());
    let without_key = head.headers.get(AUTH_HEADER).is_some_and(|value| value == "none");
    let mut headers = head.headers;
    if had_key {
        // Whichever key is used, it is then sent as Google's API takes it.
        credential::from_query(&mut headers, head.uri.query().unwrap_or_default());
    }
    if !proxy.keys.is_empty() {
        credential::without_token(&mut headers, &proxy.keys);
    }
    let auth = match proxy.client_auth.contains(&provider.name) {
        _ if without_key => Auth::None,
        true => credential::of_client(&mut headers),
        false => Auth::Provider,
    };
    let endpoint = endpoint_at(&provider.base_url, &versioned(&provider.base_url, &path));
    Request { method: head.method, endpoint, headers, body, auth, case }
}

/// The reply in the chunks that come. The room of its request stays taken until its end, because its recording holds
/// both. A reply that is complete already is sent whole, with its length.
pub(super) async fn relayed(reply: Reply, room: Room) -> Response {
    let headers = end_to_end(reply.headers, |name| !is_of_the_address(name) && !is_for_pages(name));
    let mut chunks = reply.body;
    let streamed = |chunks| streamed(chunks, room);
    let body = match chunks.next().now_or_never() {
        None => streamed(chunks),
        Some(None) => Body::empty(),
        Some(Some(first)) => match (first, chunks.next().now_or_never()) {
            (Ok(first), Some(None)) => Body::from(first),
            (first, Some(Some(second))) => streamed(stream::iter([first, second]).chain(chunks).boxed()),
            (first, _) => streamed(stream::iter([first]).chain(chunks).boxed()),
        },
    };
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = headers;
    response
}

fn streamed(chunks: BoxStream<'static, Result<Bytes, Error>>, room: Room) -> Body {
    Body::from_stream(chunks.then(move |chunk| {
        let _held = &room;
        async move {
            if chunk.is_err() {
                // A server drops unwritten bytes when a body fails: let it write first.
                tokio::task::yield_now().await;
            }
            chunk
        }
    }))
}
