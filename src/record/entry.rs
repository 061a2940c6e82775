//! One exchange of this run, scrubbed, until it is written or let go of.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::spool::{Spool, Spooled};
use crate::exchange::{ChunkMark, End, Exchange, Key, Origin, Request, trouble};

/// Bytes of a reply that wait in memory whatever else does.
const SMALL: usize = 4 << 10;
/// What an exchange takes besides the bytes of its texts.
const COST: usize = 1 << 10;

/// One exchange of this run, scrubbed.
pub(super) struct Entry {
    pub(super) key: Key,
    /// Which of a case's equal requests it answers, from 1.
    pub(super) nth: u32,
    /// Its reply broke off because nobody wanted the rest of it.
    pub(super) is_cut: bool,
    /// Whether its reply says something of the request, and not of the moment; known only where it is shared.
    pub(super) is_lasting: bool,
    /// All of it, but for a body that waits elsewhere.
    exchange: Exchange,
    body: Option<Spooled>,
    /// Somebody's end had it written.
    is_kept: AtomicBool,
}

impl Entry {
    pub(super) fn new(key: Key, nth: u32, exchange: Exchange) -> Self {
        let is_kept = AtomicBool::new(false);
        Entry { key, nth, is_cut: false, is_lasting: false, exchange, body: None, is_kept }
    }

    /// The same where others may hear it who ask the same, unless it is one that the next try may not get.
    pub(super) fn shared(mut self) -> Self {
        self.is_lasting = self.exchange.reply.end == End::Complete && trouble(&self.exchange.reply).is_none();
        self
    }

    /// The same where the body of its reply waits in the spool, for it may be long before it is written.
    pub(super) async fn waiting(mut self, spool: &Arc<Spool>) -> io::Result<Self> {
        if self.exchange.reply.body.len() > SMALL {
            let mut body = Spooled::new(spool);
            body.push(&self.exchange.reply.body).await?;
            self.exchange.reply.body = Bytes::new();
            self.body = Some(body);
        }
        Ok(self)
    }

    /// What was asked.
    pub(super) fn request(&self) -> &Request {
        &self.exchange.request
    }

    /// When the chunks of the reply came.
    pub(super) fn chunks(&self) -> &[ChunkMark] {
        &self.exchange.reply.chunks
    }

    /// Where the reply comes from.
    pub(super) fn origin(&self) -> Origin {
        self.exchange.origin
    }

    /// All of it. Blocks on the disk where the body is there.
    pub(super) fn exchange(&self) -> io::Result<Exchange> {
        let mut exchange = self.exchange.clone();
        if let Some(body) = &self.body {
            exchange.reply.body = body.read()?.into();
        }
        Ok(exchange)
    }

    pub(super) fn keep(&self) {
        self.is_kept.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_kept(&self) -> bool {
        self.is_kept.load(Ordering::SeqCst)
    }

    /// Bytes of memory that it takes while it waits, but for those that the spool counts.
    pub(super) fn weight(&self) -> usize {
        let Exchange { request, reply, .. } = &self.exchange;
        let marks = std::mem::size_of_val(reply.chunks.as_slice());
        COST + request.body.len() + reply.body.len() + marks + self.key.canonical.len()
    }
}
