//! Passes one reply from the provider to the client, and keeps it for the recording.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::time::Instant;

use super::ending::Ending;
use super::pipe::{Chunk, Sender};
use super::spool::{Spool, Spooled};
use crate::exchange::{ChunkMark, End, Large, ReadAt as _};
use crate::upstream::{Error, ErrorKind};

/// How many bytes of a reply are still read for the recording after its client has left: enough for most answers. A
/// longer rest would cost money and time that nobody wants to spend.
const MOST_AFTER_CLIENT: u64 = 16 << 20;
/// The cost of a chunk in addition to its bytes: its size and time, in memory and in the file.
const MARK: usize = 16;
/// How many chunks of a large reply are told apart.
const MOST_MARKS: usize = 1 << 16;

/// The outcome of relaying a reply.
pub(super) struct Relayed {
    pub(super) kept: Kept,
    pub(super) end: End,
    /// It broke off because nobody wanted the rest, not because the provider or the network ended it.
    pub(super) is_cut: bool,
}

/// What was kept of the body.
pub(super) enum Kept {
    All(Box<Body>),
    /// The body is too large to be recorded.
    TooLarge,
    /// There was no room for it, with the error.
    Lost(String),
    /// It may not be recorded, with the reason.
    Refused(String),
    /// The program ends before it is ready.
    NoTime,
}

/// A body that waits to be recorded.
pub(super) struct Body {
    bytes: Spooled,
    /// Size and time of each chunk.
    marks: Spooled,
}

impl Body {
    fn new(spool: &Arc<Spool>) -> Self {
        Body { bytes: Spooled::new(spool), marks: Spooled::new(spool) }
    }

    /// The memory that it takes when it is read, in bytes.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + self.marks.len()
    }

    async fn push(&mut self, chunk: &[u8], at_ms: u64) -> io::Result<()> {
        self.bytes.push(chunk).await?;
        let mut mark = [0; MARK];
        mark[..8].copy_from_slice(&(chunk.len() as u64).to_le_bytes());
        mark[8..].copy_from_slice(&at_ms.to_le_bytes());
        self.marks.push(&mark).await
    }

    /// The bytes and chunks. Blocks on the disk.
    pub(super) fn read(&self) -> io::Result<(Vec<u8>, Vec<ChunkMark>)> {
        let marks = self.marks.read()?;
        Ok((self.bytes.read()?, marks.chunks_exact(MARK).map(mark).collect()))
    }

    /// The bytes, which stay where they are, and at most [`MOST_MARKS`] chunks: as many neighbours as needed count as
    /// one, which came when the first of them came. Blocks on the disk.
    pub(super) fn in_place(self) -> io::Result<(Large, Vec<ChunkMark>)> {
        let together = (self.marks.len() / MARK).div_ceil(MOST_MARKS).max(1);
        let (mut chunks, mut at) = (Vec::new(), 0);
        while at < self.marks.len() {
            let mut marks = vec![0; (together * MARK).min(self.marks.len() - at)];
            self.marks.read_at(at as u64, &mut marks)?;
            at += marks.len();
            let mut marks = marks.chunks_exact(MARK).map(mark);
            if let Some(first) = marks.next() {
                chunks.push(ChunkMark { size: marks.fold(first.size, |sum, mark| sum + mark.size), ..first });
            }
        }
        let length = self.bytes.len() as u64;
        Ok((Large::new(Arc::new(self.bytes), length), chunks))
    }
}

/// A chunk's size and time as the spool has them.
fn mark(mark: &[u8]) -> ChunkMark {
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    ChunkMark { size: usize::try_from(number(&mark[..8])).unwrap_or(usize::MAX), at_ms: number(&mark[8..]) }
}

/// The settings for relaying a reply.
pub(super) struct Relay<'a> {
    /// Holds the bytes that wait to be recorded.
    pub(super) spool: &'a Arc<Spool>,
    /// A reply of more bytes is not recorded.
    pub(super) most: u64,
    /// How long a reply is still read for the recording after its client has left.
    pub(super) patience: Duration,
    /// Called when the program ends, and when the case no longer wants its replies.
    pub(super) endings: [&'a Ending; 2],
    /// Called at once when a reply cannot be kept, since it may go on without end.
    pub(super) lost: &'a (dyn Fn(&Kept) + Sync),
}

impl Relay<'_> {
    /// Reads a body to its end, passes on each chunk as fast as the client takes it, and keeps it with its time.
    pub(super) async fn run(&self, mut body: BoxStream<'static, Chunk>, client: &Sender, start: Instant) -> Relayed {
        let mut kept = Kept::All(Box::new(Body::new(self.spool)));
        let mut left = None;
        loop {
            if left.is_none() && client.is_gone() {
                left = Some(Left { since: Instant::now(), bytes: 0 });
            }
            if let Some(why) = left.as_ref().and_then(|left| left.enough(&kept)) {
                return Relayed { kept, end: End::Broken(why), is_cut: true };
            }
            let came = tokio::select! {
                biased;
                why = self.out_of_time(left.as_ref()) => return cut(kept, client, why).await,
                came = body.next() => came,
                () = client.gone(), if left.is_none() => continue,
            };
            let at_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
            let chunk = match came {
                None => return Relayed { kept, end: End::Complete, is_cut: false },
                Some(Err(error)) => {
                    let end = End::Broken(error.message.clone());
                    client.send(Err(error)).await;
                    return Relayed { kept, end, is_cut: false };
                }
                Some(Ok(chunk)) => chunk,
            };
            // The client gets the chunk before anything is done for the recording.
            let in_time = tokio::select! {
                biased;
                () = client.send(Ok(chunk.clone())) => Ok(()),
                why = self.out_of_time(None) => Err(why),
            };
            if let Some(left) = &mut left {
                left.bytes += chunk.len() as u64;
            }
            self.keep(&mut kept, &chunk, at_ms).await;
            if let Err(why) = in_time {
                return cut(kept, client, why).await;
            }
        }
    }

    /// Waits until the rest of a reply is no longer waited for, and returns the reason.
    async fn out_of_time(&self, left: Option<&Left>) -> &'static str {
        let alone = async {
            match left {
                Some(left) => tokio::time::sleep_until(left.since + self.patience).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.endings[0].called() => "retake was told to end while it came",
            () = self.endings[1].called() => "the case or session that had asked for it did not end well",
            () = alone => "its client had left, and it had no end in time",
        }
    }

    async fn keep(&self, kept: &mut Kept, chunk: &[u8], at_ms: u64) {
        let Kept::All(body) = kept else { return };
        *kept = if (body.size() + chunk.len() + MARK) as u64 > self.most {
            Kept::TooLarge
        } else if let Err(error) = body.push(chunk, at_ms).await {
            Kept::Lost(error.to_string())
        } else {
            return;
        };
        (self.lost)(kept);
    }
}

/// What came after the client left.
struct Left {
    since: Instant,
    bytes: u64,
}

impl Left {
    /// The reason to stop reading, if there is one.
    fn enough(&self, kept: &Kept) -> Option<String> {
        match kept {
            Kept::All(_) if self.bytes <= MOST_AFTER_CLIENT => None,
            Kept::All(_) => Some(format!("its client had left, and more than {} MiB came", MOST_AFTER_CLIENT >> 20)),
            // Nobody wants a reply that is not recorded.
            Kept::TooLarge | Kept::Lost(_) | Kept::Refused(_) | Kept::NoTime => Some("its client had left".to_owned()),
        }
    }
}

/// Tells the client that the reply broke off, as if the provider had ended it.
async fn cut(kept: Kept, client: &Sender, why: &str) -> Relayed {
    client.send(Err(Error::new(ErrorKind::Broken, why))).await;
    Relayed { kept, end: End::Broken(why.to_owned()), is_cut: true }
}
