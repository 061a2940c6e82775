//! A request sent, and what came of it.

use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt;
use http::HeaderMap;
use tokio::time::{Instant, timeout_at};

use crate::exchange::Request;
use crate::upstream::{self, ErrorKind};

use super::Planned;

/// A reply read to its end.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: bytes::Bytes,
    /// When each chunk of the body came, since the request was sent.
    pub(super) chunks: Vec<Duration>,
    /// How many bytes each of them had.
    pub(super) sizes: Vec<usize>,
    pub(super) broken: Option<String>,
}

impl Answer {
    /// `200 OK, x-request-id: …`: status and the headers that help to find the request again.
    pub(super) fn line(&self) -> String {
        let mut line =
            http::StatusCode::from_u16(self.status).map_or_else(|_| self.status.to_string(), |s| s.to_string());
        for (name, value) in &self.headers {
            let name = name.as_str();
            if name.contains("request-id") || name.contains("ratelimit") || name == "retry-after" {
                line.push_str(&format!(", {name}: {}", String::from_utf8_lossy(value.as_bytes())));
            }
        }
        line
    }

    /// Set when retake itself made this reply up because there was none.
    pub(super) fn made_up(&self) -> Option<(ErrorKind, String)> {
        let kind = ErrorKind::from_name(self.headers.get(upstream::ERROR_HEADER)?.to_str().ok()?)?;
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let message = body["error"]["message"].as_str().map(str::to_owned);
        Some((kind, message.unwrap_or_else(|| String::from_utf8_lossy(&self.body).into_owned())))
    }
}

/// Sends a request and reads what comes, until the case's time is over.
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
