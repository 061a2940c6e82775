//! An upstream with prepared answers, and a gateway around it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::task::Context;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, BoxStream, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::exchange::Auth;
use crate::provider::{Dropped, Provider, Quirks};
use crate::stack::{Gateway, GatewayConfig, Guard, InProcess, Store, router};
use crate::upstream::{Error, Reply, Request, Upstream};

/// The upstream's answer to every request.
#[derive(Clone)]
pub(super) enum Answer {
    Whole(u16, &'static [(&'static str, &'static str)], String),
    /// Chunks of an event stream; an `Err` breaks it off.
    Stream(Vec<Result<String, Error>>),
    Bytes(Vec<Vec<u8>>),
    /// An event stream whose chunks the test sends; it works only once.
    Channel(Arc<Mutex<Option<UnboundedReceiver<Bytes>>>>),
    None(Error),
}

pub(super) struct Fake {
    answer: Answer,
    pub(super) asked: Mutex<Vec<Request>>,
}

impl Upstream for Fake {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Reply, Error>> {
        self.asked.lock().unwrap().push(request);
        let answer = self.answer.clone();
        async move {
            match answer {
                Answer::Whole(status, headers, body) => {
                    let mut map = header_map(headers);
                    map.entry("content-type").or_insert(HeaderValue::from_static("application/json"));
                    Ok(Reply::whole(StatusCode::from_u16(status).unwrap(), map, body))
                }
                Answer::Stream(chunks) => {
                    Ok(streamed(stream::iter(chunks.into_iter().map(|chunk| chunk.map(Bytes::from))).boxed()))
                }
                Answer::Bytes(chunks) => {
                    Ok(streamed(stream::iter(chunks.into_iter().map(|chunk| Ok(Bytes::from(chunk)))).boxed()))
                }
                Answer::Channel(chunks) => {
                    let mut chunks = chunks.lock().unwrap().take().unwrap();
                    let next = move |cx: &mut Context<'_>| chunks.poll_recv(cx).map(|chunk| chunk.map(Ok));
                    Ok(streamed(stream::poll_fn(next).boxed()))
                }
                Answer::None(error) => Err(error),
            }
        }
        .boxed()
    }
}

fn streamed(body: BoxStream<'static, Result<Bytes, Error>>) -> Reply {
    let headers = header_map(&[("content-type", "text/event-stream; charset=utf-8")]);
    Reply { status: StatusCode::OK, headers, body }
}

fn header_map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
    headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

/// A gateway with the providers `together` (with its quirks) and `plain`; both use the upstream with `answer`.
pub(super) struct Stack {
    pub(super) upstream: Arc<Fake>,
    pub(super) store: Store,
    pub(super) client: InProcess,
    pub(super) router: axum::Router,
}

pub(super) async fn stack(answer: Answer) -> Stack {
    stack_with(answer, &[]).await
}

pub(super) async fn stack_with(answer: Answer, keys: &[&str]) -> Stack {
    let upstream = Arc::new(Fake { answer, asked: Mutex::default() });
    let store = Store::temporary();
    let plain = Provider { name: "plain".into(), r#type: "remote::plain".into(), ..Provider::default() };
    let gateway = Gateway::new(GatewayConfig {
        providers: vec![(together(), upstream.clone()), (plain, upstream.clone())],
        store: store.clone(),
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        guard: Guard::default(),
        mode: "replay".to_owned(),
        done: true,
    });
    let router = router(Arc::new(gateway));
    Stack { upstream, store, client: InProcess::new(router.clone()), router }
}

fn together() -> Provider {
    let fields = ["user", "dimensions", "encoding_format"].map(str::to_owned).to_vec();
    Provider {
        name: "together".into(),
        r#type: "remote::together".into(),
        base_url: "https://user:secret@api.together.xyz/v1".into(),
        key: Some("TOGETHER_API_KEY".into()),
        quirks: Quirks {
            drop: vec![Dropped { endpoint: "/v1/embeddings".into(), members: fields }],
            usage_when_missing: vec!["/v1/embeddings".into()],
            bare_model_list: true,
            finish_reasons: BTreeMap::from([("eos".into(), "stop".into())]),
        },
        ..Provider::default()
    }
}

pub(super) fn request(method: Method, endpoint: &str, body: &str) -> Request {
    Request {
        method,
        endpoint: endpoint.to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        auth: Auth::Provider,
        case: None,
    }
}

/// A whole reply: status, headers, body.
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Got {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Stack {
    pub(super) async fn post(&self, endpoint: &str, body: &str) -> Got {
        self.send(request(Method::POST, endpoint, body)).await
    }

    pub(super) async fn get(&self, endpoint: &str) -> Got {
        self.send(request(Method::GET, endpoint, "")).await
    }

    pub(super) async fn send(&self, request: Request) -> Got {
        let reply = self.client.send(request).await.unwrap();
        let (status, headers) = (reply.status.as_u16(), reply.headers.clone());
        let body = reply.collect().await.map_err(|(_, error)| error).unwrap();
        Got { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// The body of the last request that reached the provider.
    pub(super) fn sent(&self) -> String {
        let asked = self.upstream.asked.lock().unwrap();
        String::from_utf8(asked.last().unwrap().body.to_vec()).unwrap()
    }

    pub(super) fn times_asked(&self) -> usize {
        self.upstream.asked.lock().unwrap().len()
    }
}
