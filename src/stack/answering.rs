//! Which model answered, as the provider calls it: the caller gets it in a header, beside its own name in the body.

use std::borrow::Cow;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;

use crate::upstream::{MODEL_HEADER, Reply};
use crate::wire::sse::{self, Cutter};
use crate::wire::{BodyKind, lenient, words};

/// Bytes of a reply that are held at most until they name a model.
const MOST_HELD: usize = 64 << 10;

/// Says in the headers which model answered.
pub(super) fn tell(headers: &mut HeaderMap, model: Option<String>) {
    if let Some(value) = model.and_then(|model| HeaderValue::from_bytes(model.as_bytes()).ok()) {
        headers.insert(MODEL_HEADER, value);
    }
}

/// The model that a whole body names.
pub(super) fn of_whole(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        model: Option<Cow<'a, str>>,
    }
    let named = match serde_json::from_slice::<Named<'_>>(body) {
        Ok(named) => named.model?.into_owned(),
        Err(_) => words(&lenient::read_bytes(body).ok()?.value["model"])?.to_owned(),
    };
    Some(named).filter(|model| !model.is_empty())
}

/// The reply, and the model that its first events name. They are waited for: a header stands before the body. A comment is
/// not, for it is there to keep the connection alive.
pub(super) async fn of_stream(reply: Reply) -> (Reply, Option<String>) {
    let mut body = reply.body.fuse();
    let (mut held, mut beginning) = (Vec::new(), Beginning::default());
    while !beginning.is_read
        && let Some(chunk) = body.next().await
    {
        match &chunk {
            Ok(bytes) => beginning.push(bytes),
            Err(_) => beginning.is_read = true,
        }
        held.push(chunk);
    }
    let model = beginning.model();
    (Reply { body: stream::iter(held).chain(body).boxed(), ..reply }, model)
}

/// The first bytes of a body, as far as they must be read to know the model.
#[derive(Default)]
struct Beginning {
    bytes: Vec<u8>,
    cutter: Cutter,
    model: Option<String>,
    /// No more of it needs to be read.
    is_read: bool,
}

impl Beginning {
    fn push(&mut self, bytes: &Bytes) {
        self.bytes.extend_from_slice(bytes);
        self.is_read = self.bytes.len() > MOST_HELD;
        if BodyKind::begins_as(&self.bytes) == Some(BodyKind::Whole) {
            return;
        }
        for event in self.cutter.push(bytes) {
            if self.is_read {
                return;
            }
            let data = std::str::from_utf8(&event).ok().and_then(sse::data);
            let value = data.and_then(|data| Some(lenient::read(&data).ok()?.value)).unwrap_or_default();
            self.model = words(&value["model"]).map(str::to_owned);
            // Azure's first event is about the prompt, and names none.
            let is_before_the_answer = value["choices"].as_array().is_some_and(Vec::is_empty);
            self.is_read = self.model.is_some() || !is_before_the_answer;
        }
    }

    fn model(self) -> Option<String> {
        let is_whole = BodyKind::begins_as(&self.bytes) == Some(BodyKind::Whole);
        if is_whole { of_whole(&self.bytes) } else { self.model }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::upstream::{Error, ErrorKind};

    /// The model, how many chunks were read for it, and whether all chunks are there afterwards.
    async fn found(chunks: &[&'static str]) -> (Option<String>, usize, bool) {
        let read = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = read.clone();
        let all: Vec<Result<Bytes, Error>> = chunks
            .iter()
            .map(
                |chunk| {
                    if *chunk == "cut" { Err(Error::new(ErrorKind::Broken, "cut")) } else { Ok(Bytes::from(*chunk)) }
                },
            )
            .collect();
        let body = stream::iter(all).inspect(move |_| {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        });
        let reply = Reply { status: StatusCode::OK, headers: HeaderMap::new(), body: body.boxed() };
        let (reply, model) = of_stream(reply).await;
        let read = read.load(std::sync::atomic::Ordering::SeqCst);
        let given = reply.body.map(|chunk| chunk.unwrap_or(Bytes::from_static(b"cut"))).collect::<Vec<_>>().await;
        (model, read, given == chunks)
    }

    #[tokio::test]
    async fn the_first_event_that_names_a_model_is_waited_for_and_nothing_is_lost() {
        let named = "data: {\"model\": \"m\", \"choices\": [{}]}\n\n";
        let empty = "data: {\"model\": \"\", \"choices\": []}\n\n";
        for (chunks, model, read) in [
            (&[named, named][..], Some("m"), 1),
            (&[empty, named, named], Some("m"), 2),
            (&["data: {\"model\"", ": \"m\"}\n\n", named], Some("m"), 2),
            (&[": PROCESSING\n\n", named], None, 1),
            (&["data: {\"choices\": [{}]}\n\n", named], None, 1),
            (&["data: [DONE]\n\n"], None, 1),
            (&[empty, "cut"], None, 2),
            (&["{\"mod", "el\": \"m\"}"], Some("m"), 2),
            (&["\u{feff}{\"x\": NaN, \"model\": \"m\"}"], Some("m"), 1),
            (&[], None, 0),
        ] {
            assert_eq!(found(chunks).await, (model.map(str::to_owned), read, true), "{chunks:?}");
        }
    }

    #[test]
    fn a_whole_body_names_its_model() {
        assert_eq!(of_whole(b"{\"model\": \"m\\u00fc\"}").as_deref(), Some("m\u{fc}"));
        for body in ["{\"model\": \"\"}", "{\"model\": null}", "{\"model\": 5}", "{}", "[]", "busy"] {
            assert_eq!(of_whole(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn what_no_header_may_hold_is_not_told() {
        let mut headers = HeaderMap::new();
        tell(&mut headers, Some("a\nb".to_owned()));
        tell(&mut headers, None);
        assert!(headers.is_empty());
        tell(&mut headers, Some("m\u{fc}".to_owned()));
        assert_eq!(headers[MODEL_HEADER].as_bytes(), "m\u{fc}".as_bytes());
    }
}
