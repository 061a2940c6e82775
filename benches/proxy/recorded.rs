//! Recordings made up for the measurement, and the requests that they answer.

use std::fmt;
use std::path::Path;

use bytes::Bytes;
use http::{HeaderMap, Method};
use retake::exchange::{self, Auth, ChunkMark, End, Exchange, Origin, Recording, Reply, Request, Times};
use tempfile::TempDir;

const BASE: &str = "https://api.openai.com/v1";
const ENDPOINT: &str = "/v1/chat/completions";
/// Chunks of a stream.
const CHUNKS: usize = 30;
/// Replies that an equal request gets in turn.
pub(super) const REPEATS: usize = 3;

/// What a reply is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One JSON body.
    Json,
    /// An event stream.
    Stream,
    /// JSON, with several replies to the same request.
    Repeats,
}

impl Kind {
    pub(super) fn named(word: &str) -> Self {
        if word == "stream" { Kind::Stream } else { Kind::Json }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Json => "json",
            Kind::Stream => "stream",
            Kind::Repeats => "repeats",
        })
    }
}

/// A folder of recordings.
pub(super) struct Many(TempDir);

impl Many {
    /// Recordings `0..count`, as the recorder would have written them.
    pub(super) fn write(kind: Kind, count: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let place = folder.path().join("openai");
        std::fs::create_dir(&place).unwrap();
        for number in 0..count {
            for nth in 1..=if kind == Kind::Repeats { REPEATS } else { 1 } {
                let recording = recording(kind, number, nth);
                let name = exchange::key(&recording.exchange.request, BASE, &exchange::Rules::default()).name;
                let file = if nth == 1 { format!("{name}.json") } else { format!("{name}-{nth}.json") };
                std::fs::write(place.join(file), exchange::write(&recording)).unwrap();
            }
        }
        Many(folder)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// A request and what it gets.
pub(super) struct Ask {
    pub(super) body: Bytes,
    pub(super) reply: Bytes,
}

/// The request that recording `number` answers, with its first reply.
pub(super) fn ask(kind: Kind, number: usize) -> Ask {
    Ask { body: question(kind, number), reply: answer(kind, number, 1).concat().into() }
}

/// The `nth` reply to request `number`.
pub(super) fn answer(kind: Kind, number: usize, nth: usize) -> Vec<String> {
    let text = format!("Reply {nth} to question {number}. ").repeat(8);
    if kind != Kind::Stream {
        return vec![format!(
            "{{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"m\",\"choices\":\
             [{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":\"{text}\"}},\"finish_reason\":\"stop\"}}],\
             \"usage\":{{\"prompt_tokens\":20,\"completion_tokens\":60,\"total_tokens\":80}}}}"
        )];
    }
    let event = |place: usize| {
        format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\",\
             \"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{place} of {number}\"}},\"finish_reason\":null}}]}}\n\n"
        )
    };
    (1..CHUNKS).map(event).chain(["data: [DONE]\n\n".to_owned()]).collect()
}

fn question(kind: Kind, number: usize) -> Bytes {
    format!(
        "{{\"model\":\"m\",\"messages\":[{{\"role\":\"system\",\"content\":\"You are a helpful assistant. Answer in one \
         sentence.\"}},{{\"role\":\"user\",\"content\":\"This is question {number}: which planet do humans live on, and \
         which star does it go around?\"}}],\"temperature\":0.2,\"max_tokens\":100,\"stream\":{}}}",
        kind == Kind::Stream
    )
    .into()
}

fn recording(kind: Kind, number: usize, nth: usize) -> Recording {
    let pieces = answer(kind, number, nth);
    let chunks = pieces.iter().map(|piece| ChunkMark { size: piece.len(), at_ms: 1 }).collect();
    let content_type = if kind == Kind::Stream { "text/event-stream" } else { "application/json" };
    let reply = Reply {
        status: 200,
        headers: vec![("content-type".to_owned(), content_type.to_owned())],
        body: pieces.concat().into(),
        large: None,
        chunks,
        end: End::Complete,
    };
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, "application/json".parse().unwrap())]);
    let request = Request {
        method: Method::POST,
        endpoint: ENDPOINT.to_owned(),
        headers,
        body: question(kind, number),
        auth: Auth::Provider,
        case: None,
    };
    let exchange =
        Exchange { request, url: format!("{BASE}{ENDPOINT}"), reply, recorded_at: None, origin: Origin::Simulated };
    Recording::new(exchange, retake::exchange::Owners::ByOrder { times: Times::Count(1), cases: Default::default() })
}
