//! Replays a recorded reply as a live one.

use std::io;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::time::Instant;

use super::size::Size;
use crate::exchange::{self, ChunkMark, End, Large, header};
use crate::upstream::{Error, ErrorKind, Reply};

/// The most bytes of a large reply that are read at once.
const PIECE: usize = 64 << 10;

/// The reply in its recorded chunks, at once or at a multiple of its recorded pace.
pub(super) fn reply(recorded: &exchange::Reply, speed: Option<f64>) -> Reply {
    reply_with(recorded, headers(&recorded.headers), speed)
}

/// Like [`reply`], with headers that have been parsed before.
pub(super) fn reply_with(recorded: &exchange::Reply, headers: HeaderMap, speed: Option<f64>) -> Reply {
    let pieces = match &recorded.large {
        None => stream::iter(pieces(recorded)).boxed(),
        Some(large) => pieces_of(large.clone(), recorded),
    };
    let body = match speed.filter(|speed| speed.is_finite() && *speed > 0.0) {
        None => pieces.map(|(_, item)| item).boxed(),
        Some(speed) => {
            let start = Instant::now();
            let in_time = move |(at_ms, item)| async move {
                tokio::time::sleep_until(start + pause(at_ms, speed)).await;
                item
            };
            pieces.then(in_time).boxed()
        }
    };
    Reply {
        // Reading a file accepts statuses that HTTP does not know.
        status: StatusCode::from_u16(recorded.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        headers,
        body,
    }
}

/// Reads a reply to its end, at most `most` bytes, with the times of its chunks.
pub(super) async fn whole(mut reply: Reply, most: Size) -> exchange::Reply {
    let start = Instant::now();
    let (mut body, mut chunks, mut end) = (Vec::new(), Vec::new(), End::Complete);
    while let Some(chunk) = reply.body.next().await {
        match chunk {
            Ok(bytes) => {
                let at_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
                chunks.push(ChunkMark { size: bytes.len(), at_ms });
                body.extend_from_slice(&bytes);
                if body.len() as u64 > most.0 {
                    end = End::Broken(format!("it is larger than {most}, too large for a fault"));
                    break;
                }
            }
            Err(error) => end = End::Broken(error.message),
        }
    }
    exchange::Reply {
        status: reply.status.as_u16(),
        headers: header_pairs(&reply.headers),
        body: body.into(),
        large: None,
        chunks,
        end,
    }
}

/// An error in the form of a provider's, made by retake.
pub(super) fn refusal(code: u16, retry_after: Option<u32>) -> Reply {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if code == 429 { "rate_limit_error" } else { "server_error" };
    let message = format!("a fault of the test: {status}");
    let body = serde_json::json!({"error": {"message": message, "type": kind, "param": null, "code": null}});
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    Reply::whole(status, headers, body.to_string())
}

/// A pause of more than an hour is a mistake in the file; an extreme one would overflow the clock.
fn pause(at_ms: u64, speed: f64) -> Duration {
    let most = Duration::from_secs(3600);
    Duration::try_from_secs_f64(at_ms as f64 / 1000.0 / speed).unwrap_or(most).min(most)
}

fn pieces(recorded: &exchange::Reply) -> Vec<(u64, Result<Bytes, Error>)> {
    let mut pieces = Vec::with_capacity(recorded.chunks.len() + 1);
    let mut at = 0;
    for chunk in &recorded.chunks {
        let end = (at + chunk.size).min(recorded.body.len());
        pieces.push((chunk.at_ms, Ok(recorded.body.slice(at..end))));
        at = end;
    }
    let last = recorded.chunks.last().map_or(0, |chunk| chunk.at_ms);
    if at < recorded.body.len() {
        pieces.push((last, Ok(recorded.body.slice(at..))));
    }
    if let End::Broken(how) = &recorded.end {
        pieces.push((last, Err(Error::new(ErrorKind::Broken, how.clone()))));
    }
    pieces
}

/// The pieces of a large body, each read when the client takes it. One chunk may come in several.
fn pieces_of(large: Large, recorded: &exchange::Reply) -> BoxStream<'static, (u64, Result<Bytes, Error>)> {
    let marks = recorded.chunks.iter().map(|chunk| (chunk.size as u64, chunk.at_ms));
    // Without chunks it is one.
    let rest = large.length() - marks.clone().map(|(size, _)| size).sum::<u64>().min(large.length());
    let last = recorded.chunks.last().map_or(0, |chunk| chunk.at_ms);
    let parts = marks.chain(std::iter::once((rest, last))).scan(0, |start, (size, at_ms)| {
        let range = *start..*start + size;
        *start = range.end;
        Some((range, at_ms))
    });
    let parts: Vec<(Range<u64>, u64)> = parts.collect();
    let pieces = parts.into_iter().flat_map(|(range, at_ms)| {
        let end = range.end;
        range.step_by(PIECE).map(move |start| (start, (end - start).min(PIECE as u64) as usize, at_ms))
    });
    let end = match &recorded.end {
        End::Complete => None,
        End::Broken(how) => Some((last, Err(Error::new(ErrorKind::Broken, how.clone())))),
    };
    let read = move |(start, size, at_ms)| {
        let large = large.clone();
        async move {
            let read = tokio::task::spawn_blocking(move || large.read(start, size)).await.map_err(io::Error::other);
            let broken = |error: io::Error| {
                Error::new(ErrorKind::BrokenRecording, format!("the recorded reply cannot be read: {error}"))
            };
            (at_ms, read.flatten().map(Bytes::from).map_err(broken))
        }
    };
    stream::iter(pieces).then(read).chain(stream::iter(end)).boxed()
}

/// Headers as they are recorded: names in lower case, values as text.
pub(super) fn header_pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.to_string(), header::text(value.as_bytes()))).collect()
}

/// Recorded headers as they are sent.
pub(super) fn headers(pairs: &[(String, String)]) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&header::bytes(value)))
        {
            headers.append(name, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(body: &'static str, marks: &[(usize, u64)], end: End) -> exchange::Reply {
        let chunks = marks.iter().map(|(size, at_ms)| ChunkMark { size: *size, at_ms: *at_ms }).collect();
        let headers = vec![("x-request-id".to_owned(), "r1".to_owned()), ("set-cookie".to_owned(), "a".to_owned())];
        exchange::Reply { status: 200, headers, body: body.into(), large: None, chunks, end }
    }

    async fn played(recorded: &exchange::Reply, speed: Option<f64>) -> Vec<Result<String, String>> {
        let text = |bytes: Bytes| String::from_utf8_lossy(&bytes).into_owned();
        reply(recorded, speed).body.map(|item| item.map(text).map_err(|error| error.message)).collect().await
    }

    #[tokio::test]
    async fn a_reply_comes_in_its_chunks_and_what_no_chunk_holds_comes_after_them() {
        let chunks = |pieces: &[&str]| pieces.iter().map(|piece| Ok((*piece).to_owned())).collect::<Vec<_>>();
        let whole = |body, marks: &[(usize, u64)]| recorded(body, marks, End::Complete);
        assert_eq!(played(&whole("abc", &[(1, 0), (2, 0)]), None).await, chunks(&["a", "bc"]));
        assert_eq!(played(&whole("abcd", &[(1, 0), (2, 0)]), None).await, chunks(&["a", "bc", "d"]));
        // An edit by hand may leave less than the chunks hold.
        assert_eq!(played(&whole("ab", &[(1, 0), (2, 0)]), None).await, chunks(&["a", "b"]));
        assert_eq!(played(&whole("", &[]), None).await, chunks(&[]));
        let broken = recorded("a", &[(1, 0)], End::Broken("reset".to_owned()));
        assert_eq!(played(&broken, None).await, [Ok("a".to_owned()), Err("reset".to_owned())]);
        assert_eq!(reply(&broken, None).headers["x-request-id"], "r1");
        // What is no pace is no pause.
        let slow = whole("a", &[(1, 3_000_000)]);
        for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(played(&slow, Some(speed)).await, chunks(&["a"]), "{speed}");
        }
    }

    #[test]
    fn a_pause_is_the_recorded_one_divided_by_the_pace_and_never_more_than_an_hour() {
        assert_eq!(pause(1_500, 2.0), Duration::from_millis(750));
        assert_eq!(pause(1_500, 0.5), Duration::from_secs(3));
        assert_eq!(pause(u64::MAX, 0.001), Duration::from_secs(3600));
    }

    #[tokio::test]
    async fn a_reply_for_a_fault_is_read_up_to_its_bound() {
        let read =
            async |body, most| whole(reply(&recorded(body, &[(1, 0), (2, 0)], End::Complete), None), Size(most)).await;
        let fits = read("abc", 3).await;
        assert_eq!((fits.end, &fits.body[..], fits.chunks.len()), (End::Complete, &b"abc"[..], 2));
        let large = read("abc", 2).await;
        assert!(matches!(&large.end, End::Broken(why) if why.contains("too large for a fault")), "{:?}", large.end);
    }

    #[tokio::test]
    async fn a_refusal_names_its_kind_and_when_to_ask_again() {
        for (code, retry_after, kind) in [(429, Some(7), "rate_limit_error"), (500, None, "server_error")] {
            let reply = refusal(code, retry_after);
            assert_eq!(reply.status.as_u16(), code);
            assert_eq!(reply.headers.get(RETRY_AFTER).map(|value| value.to_str().unwrap()), retry_after.map(|_| "7"));
            let body = whole(reply, Size(1_000)).await.body;
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["error"]["type"], kind);
        }
    }
}
