//! Sends a request and reads the reply.

use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::time::{Instant, timeout_at};

use crate::check::{Clock, Observed, Timing};
use crate::event;
use crate::exchange::Request;
use crate::protocol::Asked;
use crate::upstream::{self, ErrorKind};
use crate::wire::usage;

use super::tail::tail;
use super::{Planned, Replayed};

/// A reply that was read to its end.
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// All bytes of the body that came.
    pub(crate) body: bytes::Bytes,
    /// When each chunk of the body came, measured from sending the request.
    pub(crate) chunks: Vec<Duration>,
    /// The size of each chunk in bytes.
    pub(crate) sizes: Vec<usize>,
    /// Set when the body broke off, with the reason.
    pub(crate) broken: Option<String>,
}

impl Answer {
    /// The model that a gateway says has answered.
    pub(super) fn model(&self) -> Option<&str> {
        std::str::from_utf8(self.headers.get(upstream::MODEL_HEADER)?.as_bytes()).ok()
    }

    /// The reply for the checks, from the one that was asked, with no gateway between.
    pub(super) fn observed(&self, timing: Timing, asked: Asked) -> Observed<'_> {
        let (status, headers, body, broken) = (self.status, &self.headers, &self.body, self.broken.as_deref());
        Observed { status, headers, body, broken, timing, asked, heard: &[], model: None }
    }

    /// The same as data; `chunks` is when each chunk of the body came by the clock that tells of the provider.
    pub(super) fn to_event(&self, chunks: &[Duration], recording: Option<event::Recorded>) -> event::Reply {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let helps = |name: &str| name.contains("request-id") || name.contains("ratelimit") || name == "retry-after";
        let headers = self.headers.iter().filter(|(name, _)| helps(name.as_str()));
        let content_type = self.headers.get(CONTENT_TYPE).map(text).unwrap_or_default();
        let usage = usage(&content_type, &self.body);
        event::Reply {
            status: self.status,
            headers: headers.map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
            first_byte: chunks.first().copied(),
            last_byte: chunks.last().copied(),
            recording,
            model: None,
            body: None,
            usage: usage.map(|usage| event::Usage { input: usage.input, output: usage.output }),
            stream: tail(&self.body, &self.sizes, chunks),
        }
    }

    /// The error, if retake itself made this reply because there was none.
    pub(super) fn made_up(&self) -> Option<(ErrorKind, String)> {
        let kind = ErrorKind::from_name(self.headers.get(upstream::ERROR_HEADER)?.to_str().ok()?)?;
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let message = body["error"]["message"].as_str().map(str::to_owned);
        Some((kind, message.unwrap_or_else(|| String::from_utf8_lossy(&self.body).into_owned())))
    }
}

/// Sends a request and reads the reply, until the case's time is over.
pub(super) async fn answer(planned: &Planned, request: &Request, deadline: Instant) -> Result<Answer, upstream::Error> {
    let sent = Instant::now();
    let work = async {
        let mut reply = planned.target.upstream.send(request.clone()).await?;
        let (mut body, mut chunks, mut sizes, mut broken) = (BytesMut::new(), Vec::new(), Vec::new(), None);
        while let Some(chunk) = reply.body.next().await {
            match chunk {
                Ok(bytes) => {
                    chunks.push(sent.elapsed());
                    sizes.push(bytes.len());
                    body.extend_from_slice(&bytes);
                }
                Err(error) => broken = Some(error.message),
            }
        }
        let (status, headers) = (reply.status.as_u16(), reply.headers);
        Ok(Answer { status, headers, body: body.freeze(), chunks, sizes, broken })
    };
    timeout_at(deadline, work).await.unwrap_or_else(|_| {
        Err(upstream::Error::new(ErrorKind::Timeout, "the case's time is over (set it with --timeout)"))
    })
}

/// When the answer came, by the clock that tells of the provider.
pub(super) fn timing(answer: &Answer, replayed: Option<&Replayed>) -> Timing {
    let (chunks, clock) = match replayed {
        None => (answer.chunks.clone(), Clock::Measured),
        Some(Replayed { speed: None, chunks, .. }) => (chunks.clone(), Clock::Recorded),
        Some(&Replayed { speed: Some(speed), .. }) => {
            let as_recorded = |time: &Duration| Duration::try_from_secs_f64(time.as_secs_f64() * speed);
            let chunks = answer.chunks.iter().map(|time| as_recorded(time).unwrap_or(Duration::MAX)).collect();
            (chunks, Clock::Replayed(speed))
        }
    };
    Timing { chunks, clock }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Origin, Recorded};

    #[test]
    fn a_reply_is_timed_as_its_provider_was() {
        let at = |millis: &[u64]| -> Vec<Duration> { millis.iter().map(|ms| Duration::from_millis(*ms)).collect() };
        let (headers, body) = (HeaderMap::new(), bytes::Bytes::new());
        let answer = Answer { status: 200, headers, body, chunks: at(&[10, 25]), sizes: vec![1, 1], broken: None };
        let recording = Recorded { file: None, origin: Origin::Real, recorded_ms: None };
        let replayed = |speed| Replayed { chunks: at(&[7, 9]), sizes: vec![1, 1], speed, recording: recording.clone() };
        let live = timing(&answer, None);
        assert_eq!((live.chunks, live.clock), (at(&[10, 25]), Clock::Measured));
        // At once, the times of the replay say nothing; at a pace, they say what happened at that pace.
        let at_once = timing(&answer, Some(&replayed(None)));
        assert_eq!((at_once.chunks, at_once.clock), (at(&[7, 9]), Clock::Recorded));
        let paced = timing(&answer, Some(&replayed(Some(4.0))));
        assert_eq!((paced.chunks, paced.clock), (at(&[40, 100]), Clock::Replayed(4.0)));
    }
}
