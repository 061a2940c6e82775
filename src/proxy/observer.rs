//! What an observer of the proxy is told: each request with its reply, and how sessions end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_stream::stream;
use bytes::Bytes;
use futures_util::stream::StreamExt as _;
use http::HeaderMap;

use crate::record::{PlayedReply, Source, Usage, Verdict};
use crate::upstream::{Error, Reply, Request};

/// The most of a reply's body that is kept for the observer.
const MOST_KEPT: usize = 8 << 20;

/// Observes a proxy. It is called while clients wait.
pub trait Observer: Send + Sync {
    /// A session begins.
    fn session_began(&self, session: &str);
    /// A request is sent to a provider. Its reply comes into `observed`, which is looked at again when it has ended or
    /// its session does.
    fn asked(&self, observed: &Arc<Observed>, request: &Request);
    /// The reply has ended, broke off, or is no longer read.
    fn answered(&self, observed: &Arc<Observed>);
    /// A session ends.
    fn session_ended(&self, session: &str, end: &SessionEnd);
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEnd {
    /// What its client says of it.
    pub verdict: Verdict,
    /// Why it failed, in the words of its client.
    pub reason: Option<String>,
    /// It begins anew, so that this end is no result.
    pub is_again: bool,
    /// It is no test, but what belongs to several: a fixture, a file.
    pub is_part: bool,
    /// What its requests came to.
    pub usage: Usage,
}

/// A request to a provider, and what has come of it so far.
pub struct Observed {
    /// The session that sent it.
    pub session: Option<String>,
    /// The provider.
    pub provider: String,
    sent: Instant,
    reply: Mutex<ObservedReply>,
}

/// The reply to an observed request, as far as it has come.
#[derive(Default, Clone)]
pub struct ObservedReply {
    /// Its status and headers.
    pub head: Option<(u16, HeaderMap)>,
    /// The recording that answered.
    pub played: Option<PlayedReply>,
    /// The chunks of the body.
    pub body: Vec<Bytes>,
    /// When each of them came, measured from sending the request.
    pub times: Vec<Duration>,
    /// How many of its bytes are kept.
    pub length: usize,
    /// The body is larger than what is kept, so that only its beginning is there.
    pub is_cut: bool,
    /// Why there was no reply, or why it broke off.
    pub broken: Option<String>,
}

impl Observed {
    /// The reply as far as it has come. It is taken out.
    pub fn take_reply(&self) -> ObservedReply {
        std::mem::take(&mut *self.lock())
    }

    fn came(&self, chunk: &Result<Bytes, Error>) {
        let at = self.sent.elapsed();
        let mut reply = self.lock();
        match chunk {
            Ok(bytes) if !reply.is_cut && reply.length + bytes.len() <= MOST_KEPT => {
                reply.length += bytes.len();
                reply.body.push(bytes.clone());
                reply.times.push(at);
            }
            Ok(_) => {
                reply.is_cut = true;
                // Of what is not kept, the end is still known.
                if let Some(last) = reply.times.last_mut() {
                    *last = at;
                }
            }
            Err(error) => reply.broken = Some(error.message.clone()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, ObservedReply> {
        self.reply.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under observation. The observer hears that it is over when this is dropped, as where the client leaves.
pub(super) struct Observing {
    observer: Arc<dyn Observer>,
    observed: Arc<Observed>,
}

impl Observing {
    pub(super) fn begin(
        observer: &Arc<dyn Observer>,
        session: Option<&str>,
        provider: &str,
        request: &Request,
    ) -> Observing {
        let observed = Arc::new(Observed {
            session: session.map(str::to_owned),
            provider: provider.to_owned(),
            sent: Instant::now(),
            reply: Mutex::default(),
        });
        observer.asked(&observed, request);
        Observing { observer: Arc::clone(observer), observed }
    }

    /// The same outcome, whose body is observed while it passes.
    pub(super) fn around(self, answered: Result<(Source, Reply), Error>) -> Result<(Source, Reply), Error> {
        let (source, mut reply) = answered.inspect_err(|error| {
            self.observed.lock().broken = Some(error.message.clone());
        })?;
        {
            let mut observed = self.observed.lock();
            observed.head = Some((reply.status.as_u16(), reply.headers.clone()));
            if let Source::Recording(playing) = &source {
                observed.played = Some(playing.reply());
            }
        }
        let body = stream! {
            let observing = self;
            while let Some(chunk) = reply.body.next().await {
                observing.observed.came(&chunk);
                yield chunk;
            }
        };
        Ok((source, Reply { status: reply.status, headers: reply.headers, body: body.boxed() }))
    }
}

impl Drop for Observing {
    fn drop(&mut self) {
        self.observer.answered(&self.observed);
    }
}
