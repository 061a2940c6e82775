//! What a provider sends is what the client gets while it is recorded, and what it gets when it is replayed: status,
//! headers, every byte, every chunk edge, and how it ended.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod captures;
mod dialects;
mod live;
mod reply;
mod server;

use std::path::Path;
use std::sync::Arc;

use retake::exchange::Auth;
use retake::provider::Provider;
use retake::record::{self, Library, Mode, Options, Tape};
use retake::upstream::http::{Http, HttpConfig, Retries};
use retake::upstream::{Request, Shared};
use tempfile::TempDir;

use reply::{Heard, Sent};
use server::{Server, Step};

/// What reaches a server over HTTP; asked once, so that a 429 is an answer.
fn http(base_url: &str) -> Shared {
    Arc::new(Http::new(HttpConfig { retries: Retries::never(), ..HttpConfig::new("fidelity", base_url) }))
}

fn tape(mode: Mode, folder: &Path, live: Option<Shared>) -> Tape {
    let provider =
        Provider { name: "fidelity".into(), base_url: "https://api.example/v1".into(), ..Provider::default() };
    let options = Options::default();
    record::wire(mode, Library::open(folder, &provider), live, options)
}

fn request(method: &str, endpoint: &str, body: impl Into<bytes::Bytes>) -> Request {
    Request {
        method: method.parse().unwrap(),
        endpoint: endpoint.to_owned(),
        headers: http::HeaderMap::new(),
        body: body.into(),
        auth: Auth::Provider,
        case: None,
    }
}

/// Records one exchange into a folder of its own and replays it with nobody there. `Err` says what became different.
async fn round_trip(live: Shared, request: Request, sent: &Sent) -> Result<Heard, String> {
    let folder = TempDir::new().unwrap();
    let recorder = tape(Mode::Record, folder.path(), Some(live));
    let relayed = Heard::from(&recorder, request.clone()).await.map_err(|error| format!("recording: {error}"))?;
    recorder.settle().await;
    let complaints = [recorder.failures(), recorder.take_notes()].concat();
    if !complaints.is_empty() {
        return Err(format!("recording: {complaints:?}"));
    }
    relayed.differs_from_sent(sent).map_err(|reason| format!("relayed: {reason}"))?;
    let replayed = Heard::from(&tape(Mode::Replay, folder.path(), None), request).await;
    let replayed = replayed.map_err(|error| format!("replaying: {error}"))?;
    replayed.differs_from_relayed(&relayed).map_err(|reason| format!("replayed: {reason}"))?;
    Ok(replayed)
}

/// All that these steps write.
fn written(steps: &[Step]) -> Vec<u8> {
    let bytes = steps.iter().filter_map(|step| match step {
        Step::Write(bytes) => Some(bytes.as_slice()),
        _ => None,
    });
    bytes.collect::<Vec<_>>().concat()
}

/// The same against a server of its own.
async fn served(steps: Vec<Step>, request: Request) -> Result<Heard, String> {
    let sent = Sent::parse(&written(&steps));
    served_as(steps, request, &sent).await
}

/// The same where another reply must come of what was sent.
async fn served_as(steps: Vec<Step>, request: Request, sent: &Sent) -> Result<Heard, String> {
    let server = Server::start(vec![steps]);
    round_trip(http(&server.base_url), request, sent).await
}
