//! Passes a reply from the recorder to the client: as much as the client reads, and a little more.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::upstream::Error;

/// A piece of a reply's body, or the error that ends it.
pub(super) type Chunk = Result<Bytes, Error>;

/// How many bytes may wait for a client that does not read; more would only fill memory. Beyond that, the provider is
/// read no faster than the client reads.
const AHEAD: u32 = 64 << 10;

/// The recorder's end.
pub(super) struct Sender {
    chunks: mpsc::UnboundedSender<(Chunk, Option<OwnedSemaphorePermit>)>,
    room: Arc<Semaphore>,
}

/// A pipe's two ends.
pub(super) fn pipe() -> (Sender, BoxStream<'static, Chunk>) {
    let (chunks, taken) = mpsc::unbounded_channel();
    let body = stream::unfold(taken, |mut taken| async move {
        let (chunk, _given_back): (Chunk, Option<OwnedSemaphorePermit>) = taken.recv().await?;
        Some((chunk, taken))
    });
    (Sender { chunks, room: Arc::new(Semaphore::new(AHEAD as usize)) }, body.boxed())
}

impl Sender {
    /// Sends a chunk as soon as there is room for it. Chunks for a client that has left are dropped.
    pub(super) async fn send(&self, chunk: Chunk) {
        let room = match &chunk {
            // A chunk larger than the whole room goes alone.
            Ok(bytes) => {
                let size = u32::try_from(bytes.len()).unwrap_or(AHEAD).clamp(1, AHEAD);
                tokio::select! {
                    biased;
                    room = Arc::clone(&self.room).acquire_many_owned(size) => room.ok(),
                    () = self.chunks.closed() => None,
                }
            }
            Err(_) => None,
        };
        let _ = self.chunks.send((chunk, room));
    }

    /// Waits until the client has left.
    pub(super) async fn gone(&self) {
        self.chunks.closed().await;
    }

    pub(super) fn is_gone(&self) -> bool {
        self.chunks.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_client_that_does_not_read_holds_the_sender_up_until_it_reads_or_leaves() {
        let (sender, mut body) = pipe();
        let chunk = || Ok(Bytes::from(vec![7; AHEAD as usize / 2]));
        for _ in 0..2 {
            assert!(sender.send(chunk()).now_or_never().is_some());
        }
        assert!(sender.send(chunk()).now_or_never().is_none(), "there is no more room");
        assert_eq!(body.next().await.unwrap().unwrap().len(), AHEAD as usize / 2);
        assert!(sender.send(chunk()).now_or_never().is_some());
        assert!(sender.send(Err(Error::new(crate::upstream::ErrorKind::Broken, "x"))).now_or_never().is_some());
        drop(body);
        assert!(sender.is_gone() && sender.send(chunk()).now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_chunk_beyond_all_room_goes_alone() {
        let (sender, mut body) = pipe();
        sender.send(Ok(Bytes::from(vec![7; 3 * AHEAD as usize]))).await;
        assert!(sender.send(Ok(Bytes::from_static(b"x"))).now_or_never().is_none());
        assert_eq!(body.next().await.unwrap().unwrap().len(), 3 * AHEAD as usize);
        assert!(sender.send(Ok(Bytes::from_static(b"x"))).now_or_never().is_some());
    }
}
