//! The proxy as a value that is called without a socket.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::response::Response;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::*;
use crate::authority::Authority;
use crate::exchange::{Auth, Fault, What};
use crate::record::{Library, Options};
use crate::upstream::{Error, Reply, Request, Upstream};

/// Answers every request with these headers, and keeps it.
#[derive(Default)]
struct Fake {
    headers: HeaderMap,
    asked: Mutex<Vec<Request>>,
}

impl Fake {
    fn last(&self) -> Request {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap()
    }
}

impl Upstream for Fake {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Reply, Error>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        let reply = Reply::whole(StatusCode::OK, self.headers.clone(), "{}");
        async { Ok(reply) }.boxed()
    }
}

/// A proxy of the provider `p`, which lets everyone in.
fn config(mode: Mode, root: &Path, live: &Arc<Fake>) -> ProxyConfig {
    let provider =
        Provider { name: "p".to_owned(), base_url: "https://api.p.example/v1".to_owned(), ..Provider::default() };
    let tapes = Arc::new(TapeSet::default());
    let tape = tapes.open(mode, Library::open(root, &provider), Some(live.clone()), Options::default());
    ProxyConfig {
        providers: vec![(provider, tape)],
        tapes,
        placed: BTreeMap::new(),
        mode,
        max_request_size: MOST_ASKED,
        guard: Guard::new(Ipv4Addr::LOCALHOST.into(), &[], &[]).unwrap(),
        token: None,
        client_auth: BTreeSet::new(),
        tell: Arc::new(|_| {}),
        note: Arc::new(|_| {}),
        case: Arc::new(|| None),
        interception: None,
        seen: None,
        observer: None,
    }
}

async fn call(config: ProxyConfig, uri: &str, headers: &[(&'static str, &'static str)]) -> Response {
    let mut request = http::Request::builder().uri(uri).header(header::HOST, "localhost:8322");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    router(Arc::new(Proxy::new(config))).oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn the_proxys_own_token_reaches_no_provider_and_other_credentials_stay_as_they_came() {
    let (root, live) = (TempDir::new().unwrap(), Arc::new(Fake::default()));
    let token = || Some("the-token".to_owned());
    for (name, value) in
        [("authorization", "Bearer the-token"), ("x-api-key", "the-token"), ("x-retake-token", "the-token")]
    {
        let config = ProxyConfig { token: token(), ..config(Mode::Live, root.path(), &live) };
        assert_eq!(call(config, "/p/v1/models", &[(name, value)]).await.status(), 200, "{name}");
        // The tape's upstream removes retake's own headers; a provider's key may stand in any other.
        let asked = live.last().headers;
        let leaks = asked
            .iter()
            .filter(|(name, value)| *name != service::TOKEN_HEADER && value.as_bytes().ends_with(b"the-token"));
        assert_eq!(leaks.count(), 0, "{name}: {asked:?}");
    }
    let config_of = |token| ProxyConfig { token, ..config(Mode::Live, root.path(), &live) };
    assert_eq!(call(config_of(token()), "/p/v1/models", &[]).await.status(), 401);
    let own = [("authorization", "Bearer the-token")];
    call(config_of(None), "/p/v1/models", &own).await;
    assert_eq!(live.last().headers["authorization"], "Bearer the-token", "without a token it is a key like any other");
}

#[tokio::test]
async fn a_client_may_ask_that_a_request_gets_no_key() {
    let (root, live) = (TempDir::new().unwrap(), Arc::new(Fake::default()));
    for (value, auth) in [("none", Auth::None), ("some", Auth::Provider)] {
        call(config(Mode::Live, root.path(), &live), "/p/v1/models", &[("x-retake-auth", value)]).await;
        assert_eq!(live.last().auth, auth, "{value}");
    }
}

#[tokio::test]
async fn addresses_of_the_provider_lead_back_to_the_proxy_and_no_others() {
    let root = TempDir::new().unwrap();
    let led = async |location: &'static str, placed: Option<&str>| {
        let headers = HeaderMap::from_iter([(header::LOCATION, HeaderValue::from_static(location))]);
        let live = Arc::new(Fake { headers, ..Fake::default() });
        let placed = placed.map(|url| ("p".to_owned(), url.to_owned())).into_iter().collect();
        let config = ProxyConfig { placed, ..config(Mode::Live, root.path(), &live) };
        let reply = call(config, "/p/v1/files", &[]).await;
        reply.headers()["location"].to_str().unwrap().to_owned()
    };
    assert_eq!(led("https://api.p.example/v1/files/1", None).await, "http://localhost:8322/p/v1/files/1");
    assert_eq!(led("https://other.example/v1/files/1", None).await, "https://other.example/v1/files/1");
    // A server on this machine is the provider's where the user says so.
    let here = "http://127.0.0.1:9/v1/files/1";
    assert_eq!(led(here, None).await, here);
    assert_eq!(led(here, Some("http://127.0.0.1:9/v1")).await, "http://localhost:8322/p/v1/files/1");
}

#[tokio::test]
async fn each_request_is_told_as_the_client_wrote_it_and_with_who_answered() {
    let (root, live) = (TempDir::new().unwrap(), Arc::new(Fake::default()));
    let told = async |mode: Mode, uri: &str, fault: Option<What>| {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let notes = Arc::clone(&seen);
        let authority = Authority::open(root.path()).unwrap();
        let config = ProxyConfig {
            seen: Some(Arc::new(move |one| notes.lock().unwrap().push(one.clone()))),
            interception: Some(Arc::new(Interception::new(authority, None, None))),
            ..config(mode, root.path(), &live)
        };
        let faults = fault.map(|what| Fault { after_calls: 0, times: None, what }).into_iter().collect();
        config.tapes.begin("session s", faults, [].into());
        let reply = call(config, uri, &[("x-retake-session", "s")]).await;
        assert_eq!(axum::body::to_bytes(reply.into_body(), 1_000).await.is_err(), uri.ends_with("lost"));
        let Seen { asked, status, how, .. } = seen.lock().unwrap().pop().unwrap();
        (asked, status, how)
    };
    let of = |asked: &str, status, how| (format!("GET {asked}"), status, how);
    assert_eq!(told(Mode::Live, "/p/v1/models", None).await, of("/p/v1/models", Some(200), "live"));
    assert_eq!(told(Mode::Record, "/p/v1/models", None).await, of("/p/v1/models", Some(200), "recorded"));
    assert_eq!(told(Mode::Replay, "/p/v1/x", None).await, of("/p/v1/x", Some(424), "missing-recording"));
    assert_eq!(told(Mode::Live, "/p/v1/lost", Some(What::Reset)).await, of("/p/v1/lost", None, "made"));
    let status = What::Status { code: 503, retry_after: None };
    assert_eq!(told(Mode::Live, "/p/v1/models", Some(status)).await, of("/p/v1/models", Some(503), "made"));
    // Who uses it as a network proxy writes whole URLs.
    for url in ["https://api.p.example/v1/models", "http://api.p.example/v1/models"] {
        assert_eq!(told(Mode::Live, url, None).await, of(url, Some(200), "live"));
    }
}
