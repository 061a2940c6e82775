//! Bodies of requests. Each is read whole, since its bytes decide which reply it gets. The size of each is limited, and
//! so is the total of all that are under way.

use std::sync::Arc;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::{HeaderMap, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::Refusal;
use crate::record::Size;

/// The largest body for the proxy's own routes.
const MOST_OF_OURS: Size = Size(1 << 20);
/// Room for bodies is counted in units of this many bytes.
const UNIT: u64 = 1 << 10;

/// The limits for bodies.
pub(super) struct Bodies {
    most: Size,
    /// The units that are free for all bodies.
    room: Arc<Semaphore>,
}

/// A body, and the room that it takes.
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    pub(super) room: Room,
}

/// Room that is taken until this is dropped.
pub(super) type Room = Option<OwnedSemaphorePermit>;

impl Bodies {
    pub(super) fn new(most: Size) -> Self {
        let units = usize::try_from(2 * most.0.div_ceil(UNIT)).unwrap_or(usize::MAX);
        Bodies { most, room: Arc::new(Semaphore::new(units.clamp(1, Semaphore::MAX_PERMITS))) }
    }

    /// Reads the body of a request to the proxy itself.
    pub(super) async fn own(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
        let most = MOST_OF_OURS.min(self.most);
        let read = self.read(headers, body, most, |_| Refusal::too_large_for_us(most)).await?;
        Ok(read.bytes)
    }

    /// Reads the body of a request to a provider.
    pub(super) async fn whole(&self, headers: &HeaderMap, body: Body) -> Result<Whole, Refusal> {
        self.read(headers, body, self.most, |declared| Refusal::too_large(declared, self.most)).await
    }

    /// Reads a body. A body in one piece, as most are, is not copied.
    async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        most: Size,
        too_large: impl Fn(Option<u64>) -> Refusal,
    ) -> Result<Whole, Refusal> {
        let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if declared.is_some_and(|length| length > most.0) {
            return Err(too_large(declared));
        }
        let mut body = body.into_data_stream();
        let (mut first, mut more) = (Bytes::new(), BytesMut::new());
        // Room is taken for bytes that have come, not for an announced length, which costs its sender nothing.
        let mut room: Room = None;
        let (mut length, mut units) = (0, 0);
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| Refusal::broken_request(&error.to_string()))?;
            length += chunk.len() as u64;
            if length > most.0 {
                return Err(too_large(None));
            }
            let wanted = u32::try_from(length.div_ceil(UNIT) - units).unwrap_or(u32::MAX);
            let taken = Arc::clone(&self.room).try_acquire_many_owned(wanted);
            let taken = taken.map_err(|_| Refusal::too_many(Size(2 * self.most.0)))?;
            match &mut room {
                Some(all) => all.merge(taken),
                None => room = Some(taken),
            }
            units += u64::from(wanted);
            if first.is_empty() && more.is_empty() {
                first = chunk;
            } else {
                if more.is_empty() {
                    more.extend_from_slice(&std::mem::take(&mut first));
                }
                more.extend_from_slice(&chunk);
            }
        }
        let bytes = if more.is_empty() { first } else { more.freeze() };
        Ok(Whole { bytes, room })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn in_pieces(count: usize, size: usize) -> Body {
        Body::from_stream(stream::iter((0..count).map(move |_| Ok::<_, std::io::Error>(Bytes::from(vec![7; size])))))
    }

    #[tokio::test]
    async fn a_body_is_taken_up_to_the_limit_and_refused_with_the_way_out_beyond_it() {
        let bodies = Bodies::new(Size(10 << 10));
        let none = HeaderMap::new();
        for (count, size) in [(0, 1), (1, 10 << 10), (10, 1 << 10), (1_000, 10)] {
            let whole = bodies.whole(&none, in_pieces(count, size)).await.unwrap();
            assert_eq!(whole.bytes, vec![7; count * size]);
        }
        let refused = bodies.whole(&none, in_pieces(11, 1 << 10)).await.err().unwrap();
        assert_eq!((refused.status.as_u16(), refused.name), (413, "too-large"));
        assert!(refused.message.contains("larger than 10KiB") && refused.message.contains("--max-request-size SIZE"));
        // A body with too large a declared length is refused before it is read.
        let declared = HeaderMap::from_iter([(header::CONTENT_LENGTH, "10241".parse().unwrap())]);
        let unread = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert!(bodies.whole(&declared, unread).await.is_err_and(|refused| refused.message.contains("(10241 bytes)")));
        let declared = HeaderMap::from_iter([(header::CONTENT_LENGTH, "10240".parse().unwrap())]);
        assert!(bodies.whole(&declared, in_pieces(1, 10 << 10)).await.is_ok());
        assert!(bodies.own(&none, in_pieces(11, 1 << 10)).await.is_err());
    }

    #[tokio::test]
    async fn all_bodies_under_way_are_bounded_together() {
        let bodies = Bodies::new(Size(10 << 10));
        let none = HeaderMap::new();
        let first = bodies.whole(&none, in_pieces(10, 1 << 10)).await.unwrap();
        let second = bodies.whole(&none, in_pieces(1, 10 << 10)).await.unwrap();
        let refused = bodies.whole(&none, in_pieces(1, 1)).await.err().unwrap();
        assert_eq!((refused.status.as_u16(), refused.name), (503, "too-many"));
        assert!(refused.message.contains("larger than 20KiB"), "{}", refused.message);
        drop(first);
        assert!(bodies.whole(&none, in_pieces(10, 1 << 10)).await.is_ok());
        drop(second);
    }
}
