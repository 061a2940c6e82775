//! One exchange of this run, scrubbed, until it is written or dropped.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::spool::{Spool, Spooled};
use crate::exchange::{ChunkMark, End, Exchange, Key, Origin, Request, trouble};

/// A reply of at most this many bytes waits in memory in any case.
const SMALL: usize = 4 << 10;
/// The memory that an exchange takes in addition to its texts, in bytes.
const COST: usize = 1 << 10;

/// One exchange of this run, scrubbed.
pub(super) struct Entry {
    pub(super) key: Key,
    /// Which of a case's equal requests it answers, from 1.
    pub(super) nth: u32,
    /// The reply broke off because nobody wanted the rest.
    pub(super) is_cut: bool,
    /// Whether the reply depends on the request and not on the moment; known only after [`Entry::shared`].
    pub(super) is_lasting: bool,
    /// The exchange; the body may wait in `body` instead.
    exchange: Exchange,
    body: Option<Spooled>,
    /// It was written already, for this case or for another one.
    is_kept: AtomicBool,
}

impl Entry {
    pub(super) fn new(key: Key, nth: u32, exchange: Exchange) -> Self {
        let is_kept = AtomicBool::new(false);
        Entry { key, nth, is_cut: false, is_lasting: false, exchange, body: None, is_kept }
    }

    /// Marks the reply as one for others that ask the same, unless the next try may get a better one.
    pub(super) fn shared(mut self) -> Self {
        self.is_lasting = self.exchange.reply.end == End::Complete && trouble(&self.exchange.reply).is_none();
        self
    }

    /// Moves the body of the reply to the spool, as it may be long before it is written.
    pub(super) async fn waiting(mut self, spool: &Arc<Spool>) -> io::Result<Self> {
        if self.exchange.reply.body.len() > SMALL {
            let mut body = Spooled::new(spool);
            body.push(&self.exchange.reply.body).await?;
            self.exchange.reply.body = Bytes::new();
            self.body = Some(body);
        }
        Ok(self)
    }

    /// The request.
    pub(super) fn request(&self) -> &Request {
        &self.exchange.request
    }

    /// Sizes and times of the reply's chunks.
    pub(super) fn chunks(&self) -> &[ChunkMark] {
        &self.exchange.reply.chunks
    }

    /// The origin of the reply.
    pub(super) fn origin(&self) -> Origin {
        self.exchange.origin
    }

    /// The whole exchange. Blocks on the disk if the body is there.
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

    /// The memory in bytes that it takes while it waits, without what the spool counts.
    pub(super) fn weight(&self) -> usize {
        let Exchange { request, reply, .. } = &self.exchange;
        let marks = std::mem::size_of_val(reply.chunks.as_slice());
        COST + request.body.len() + reply.body.len() + marks + self.key.canonical.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Named, Owners};
    use crate::record::tests::found;

    #[test]
    fn an_entry_weighs_what_its_texts_do_and_its_own_cost() {
        let file = found("", "{}", Owners::Named(Named::of(None, 1)));
        let plain = file.recording.exchange.clone();
        let weight = |exchange: &Exchange| Entry::new(file.key.clone(), 1, exchange.clone()).weight();
        let least = weight(&plain);
        assert!(least > COST + file.key.canonical.len());
        let mut more = plain.clone();
        more.request.body = [&plain.request.body[..], &[b'x'; 100]].concat().into();
        assert_eq!(weight(&more), least + 100);
        more.reply.body = [&plain.reply.body[..], &[b'x'; 10]].concat().into();
        assert_eq!(weight(&more), least + 110);
        more.reply.chunks = vec![ChunkMark { size: 1, at_ms: 0 }; 3];
        assert_eq!(weight(&more), least + 110 + 3 * size_of::<ChunkMark>());
    }
}
