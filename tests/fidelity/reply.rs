//! A reply three times: as a server sent it, as it was relayed while it was recorded, as it was replayed.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use retake::exchange::keeps_reply_header;
use retake::upstream::{ErrorKind, Request, Upstream};

use super::server::find;

/// A reply as bytes on the wire, taken apart by hand.
pub(crate) struct Sent {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// As the sender cut the body; one where it did not.
    pub(crate) chunks: Vec<Vec<u8>>,
    pub(crate) whole: bool,
}

/// A reply as an upstream gave it.
#[derive(PartialEq)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) chunks: Vec<Vec<u8>>,
    /// How it broke off, if it did.
    pub(crate) broken: Option<(ErrorKind, String)>,
}

impl Sent {
    pub(crate) fn parse(raw: &[u8]) -> Self {
        let end = find(raw, b"\r\n\r\n").expect("a head");
        let (head, rest) = (&raw[..end], &raw[end + 4..]);
        let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let status = lines.next().and_then(|line| std::str::from_utf8(line).ok()?.split(' ').nth(1)?.parse().ok());
        let headers: Vec<_> = lines
            .map(|line| {
                let colon = line.iter().position(|byte| *byte == b':').expect("a header");
                (String::from_utf8_lossy(&line[..colon]).to_lowercase(), line[colon + 1..].trim_ascii().to_vec())
            })
            .collect();
        let value = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_slice());
        let length = value("content-length").map(|value| std::str::from_utf8(value).unwrap().parse().unwrap());
        let (mut chunks, whole) = match (value("transfer-encoding"), length) {
            (Some(_), _) => unchunked(rest),
            (None, length) => (vec![rest.to_vec()], length.is_none_or(|length: usize| length == rest.len())),
        };
        chunks.retain(|chunk| !chunk.is_empty());
        Sent { status: status.expect("a status"), headers, chunks, whole }
    }
}

/// The chunks of a chunked body, and whether it came to its end.
fn unchunked(mut rest: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let mut chunks = Vec::new();
    while let Some(end) = find(rest, b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).unwrap().split(';').next().unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        rest = &rest[end + 2..];
        if size == 0 {
            return (chunks, true);
        }
        chunks.push(rest[..size.min(rest.len())].to_vec());
        rest = rest.get(size + 2..).unwrap_or_default();
    }
    (chunks, false)
}

impl Heard {
    pub(crate) async fn from(upstream: &dyn Upstream, request: Request) -> Result<Self, String> {
        let mut reply = upstream.send(request).await.map_err(|error| error.message)?;
        let headers = reply.headers.iter().filter(|(name, _)| keeps_reply_header(name.as_str()));
        let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
        let mut heard = Heard { status: reply.status.as_u16(), headers, chunks: Vec::new(), broken: None };
        while let Some(chunk) = reply.body.next().await {
            match chunk {
                Ok(chunk) => heard.chunks.push(chunk.to_vec()),
                Err(error) => heard.broken = Some((error.kind, error.message)),
            }
        }
        Ok(heard)
    }

    /// What the relayed reply lacks of the one that was sent.
    pub(crate) fn differs_from_sent(&self, sent: &Sent) -> Result<(), String> {
        let kept: Vec<_> = sent.headers.iter().filter(|(name, _)| keeps_reply_header(name)).cloned().collect();
        same("status", &self.status, &sent.status)?;
        // Between names HTTP has no order, and its libraries keep none.
        same("headers", &by_name(&self.headers), &by_name(&kept))?;
        same_bytes("body", &self.chunks.concat(), &sent.chunks.concat())?;
        same("came to its end", &self.broken.is_none(), &sent.whole)?;
        // The network may cut a chunk in two; nothing may join two.
        let (relayed, cut) = (edges(&self.chunks), edges(&sent.chunks));
        match cut.iter().find(|edge| !relayed.contains(edge)) {
            Some(edge) => Err(format!("the chunk that ends at byte {edge} was joined with the next one")),
            None => Ok(()),
        }
    }

    /// What the replayed reply lacks of the relayed one.
    pub(crate) fn differs_from_relayed(&self, relayed: &Heard) -> Result<(), String> {
        same("status", &self.status, &relayed.status)?;
        same("headers", &self.headers, &relayed.headers)?;
        same_bytes("body", &self.chunks.concat(), &relayed.chunks.concat())?;
        same("chunk edges", &edges(&self.chunks), &edges(&relayed.chunks))?;
        same("end", &self.broken, &relayed.broken)
    }
}

fn by_name(headers: &[(String, Vec<u8>)]) -> BTreeMap<&str, Vec<String>> {
    let mut map: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        map.entry(name).or_default().push(String::from_utf8_lossy(value).into_owned());
    }
    map
}

/// The offsets at which chunks end.
fn edges(chunks: &[Vec<u8>]) -> Vec<usize> {
    let ends = chunks.iter().scan(0, |at, chunk| {
        *at += chunk.len();
        Some(*at)
    });
    ends.collect()
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, should: &T) -> Result<(), String> {
    if is == should { Ok(()) } else { Err(format!("{what}: {is:?}, and should be {should:?}")) }
}

fn same_bytes(what: &str, is: &[u8], should: &[u8]) -> Result<(), String> {
    if is == should {
        return Ok(());
    }
    let at = is.iter().zip(should).take_while(|(a, b)| a == b).count();
    let near =
        |bytes: &[u8]| String::from_utf8_lossy(&bytes[at.min(bytes.len())..bytes.len().min(at + 40)]).into_owned();
    Err(format!("{what}: at byte {at} of {} stands {:?}, and should {:?}", should.len(), near(is), near(should)))
}
