//! Content codings undone: replies that come compressed although that was not asked for, and requests that are compared
//! by what is in them.

use std::io::{self, Read as _, Write as _};

use brotli_decompressor::DecompressorWriter;
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use http::header::{self, HeaderMap};
use ruzstd::decoding::StreamingDecoder;

/// What a body went through on its way, to be undone chunk by chunk.
pub struct Coded {
    /// In the order in which they were put on.
    layers: Vec<Layer>,
}

enum Layer {
    Gzip {
        unpack: Box<MultiGzDecoder<Vec<u8>>>,
        began: bool,
    },
    Deflate {
        start: Vec<u8>,
        unpack: Option<Decompress>,
        ended: bool,
    },
    Brotli {
        unpack: Box<DecompressorWriter<Vec<u8>>>,
        began: bool,
    },
    /// Its decoder gives nothing before the end, so that all of it is held until then.
    Zstd {
        packed: Vec<u8>,
    },
}

/// What every frame of Zstandard begins with.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// Bytes of a body that came as Zstandard.
const MOST_ZSTD: u64 = 256 << 20;

impl Coded {
    /// As the headers say; `Err` is the coding that cannot be undone.
    pub fn of(headers: &HeaderMap) -> Result<Self, String> {
        let mut layers = Vec::new();
        for value in headers.get_all(header::CONTENT_ENCODING) {
            let value = value.to_str().map_err(|_| "unreadable".to_owned())?;
            for coding in value.split(',').map(|coding| coding.trim().to_ascii_lowercase()) {
                match coding.as_str() {
                    "" | "identity" => {}
                    "gzip" | "x-gzip" => layers.push(Layer::gzip()),
                    "deflate" => layers.push(Layer::deflate()),
                    "br" => layers.push(Layer::brotli()),
                    "zstd" => layers.push(Layer::Zstd { packed: Vec::new() }),
                    _ => return Err(coding),
                }
            }
        }
        Ok(Coded { layers })
    }

    /// Takes away the headers that speak of the coded body, if it is one.
    pub fn tidy(&self, headers: &mut HeaderMap) {
        if !self.layers.is_empty() {
            headers.remove(header::CONTENT_ENCODING);
            headers.remove(header::CONTENT_LENGTH);
        }
    }

    /// All that can be known of the body with this chunk, and why there can be no more, if so.
    pub fn undo(&mut self, chunk: Bytes) -> (Bytes, Option<String>) {
        let (mut bytes, mut fault) = (chunk, None);
        for layer in self.layers.iter_mut().rev() {
            let mut out = Vec::new();
            if let Err(error) = layer.undo(&bytes, &mut out) {
                fault.get_or_insert(error.to_string());
            }
            bytes = out.into();
        }
        (bytes, fault)
    }

    /// What was held back until no more chunks come, and what is missing. A body without a byte is whole: so come replies
    /// that have none.
    pub fn end(&mut self) -> (Bytes, Option<String>) {
        let (mut bytes, mut fault) = (Vec::new(), None);
        for layer in self.layers.iter_mut().rev() {
            let mut out = Vec::new();
            if let Err(error) = layer.undo(&bytes, &mut out).and_then(|()| layer.end(&mut out)) {
                fault.get_or_insert(error.to_string());
            }
            bytes = out;
        }
        (bytes.into(), fault)
    }
}

impl Layer {
    fn gzip() -> Self {
        Layer::Gzip { unpack: Box::new(MultiGzDecoder::new(Vec::new())), began: false }
    }

    fn deflate() -> Self {
        Layer::Deflate { start: Vec::new(), unpack: None, ended: false }
    }

    fn brotli() -> Self {
        Layer::Brotli { unpack: Box::new(DecompressorWriter::new(Vec::new(), 4096)), began: false }
    }

    fn undo(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        match self {
            Layer::Gzip { unpack, began } => {
                *began = true;
                let done = unpack.write_all(bytes).and_then(|()| unpack.flush());
                out.append(unpack.get_mut());
                done
            }
            Layer::Brotli { unpack, began } => {
                *began = true;
                let done = unpack.write_all(bytes).and_then(|()| unpack.flush());
                out.append(unpack.get_mut());
                done
            }
            Layer::Zstd { packed } => {
                packed.extend_from_slice(bytes);
                Ok(())
            }
            Layer::Deflate { start, unpack, ended } => {
                let unpack = match unpack {
                    Some(unpack) => unpack,
                    None => {
                        start.extend_from_slice(bytes);
                        let Some(has_header) = has_zlib_header(start) else { return Ok(()) };
                        let unpack = unpack.insert(Decompress::new(has_header));
                        return inflate(unpack, &std::mem::take(start), out, ended);
                    }
                };
                inflate(unpack, bytes, out, ended)
            }
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Layer::Gzip { began: false, .. } | Layer::Brotli { began: false, .. } => Ok(()),
            Layer::Brotli { unpack, .. } => {
                let done = unpack.close().map_err(|_| cut_short());
                out.append(unpack.get_mut());
                done
            }
            Layer::Zstd { packed } => unpack_zstd(packed, out),
            Layer::Gzip { unpack, .. } => unpack.try_finish().map_err(|_| cut_short()),
            Layer::Deflate { start, unpack: None, .. } if start.is_empty() => Ok(()),
            Layer::Deflate { ended: true, .. } => Ok(()),
            Layer::Deflate { .. } => Err(cut_short()),
        }
    }
}

/// A whole body without the coding that its headers name, at most `most` bytes of it. `None` where there is nothing to
/// undo, where it cannot be undone, and where it is more. One coding upon another is not undone: a few bytes could then
/// become more than fits into memory before anyone can count them.
pub fn unpacked(headers: &HeaderMap, body: &[u8], most: usize) -> Option<Vec<u8>> {
    /// Small pieces, each of which is at most a thousand times as large when it is unpacked.
    const PIECE: usize = 4 << 10;
    if body.is_empty() || !headers.contains_key(header::CONTENT_ENCODING) {
        return None;
    }
    let mut coded = Coded::of(headers).ok().filter(|coded| coded.layers.len() == 1)?;
    let mut all = Vec::new();
    for piece in body.chunks(PIECE) {
        let (bytes, fault) = coded.undo(Bytes::copy_from_slice(piece));
        all.extend_from_slice(&bytes);
        if fault.is_some() || all.len() > most {
            return None;
        }
    }
    let (last, fault) = coded.end();
    all.extend_from_slice(&last);
    (fault.is_none() && all.len() <= most).then_some(all)
}

/// Every frame of a body.
fn unpack_zstd(packed: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let mut rest = packed;
    while !rest.is_empty() {
        let is_zstd = rest.starts_with(&ZSTD_MAGIC) || ZSTD_MAGIC.starts_with(rest);
        let frame = StreamingDecoder::new(&mut rest).map_err(|error| match is_zstd {
            true => cut_short(),
            false => io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
        })?;
        let room = MOST_ZSTD.saturating_sub(out.len() as u64);
        if frame.take(room + 1).read_to_end(out).map_err(|_| cut_short())? as u64 > room {
            let message = format!("it holds more than {} MiB", MOST_ZSTD >> 20);
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, message));
        }
    }
    Ok(())
}

fn cut_short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it ends too early, or its checksum is wrong")
}

/// `deflate` means a zlib stream, but some servers send what is inside one. Two bytes tell.
fn has_zlib_header(start: &[u8]) -> Option<bool> {
    let [first, second, ..] = start else { return None };
    Some(first & 0x0F == 8 && u16::from_be_bytes([*first, *second]) % 31 == 0)
}

fn inflate(unpack: &mut Decompress, mut bytes: &[u8], out: &mut Vec<u8>, ended: &mut bool) -> io::Result<()> {
    while !*ended {
        out.reserve(bytes.len().saturating_mul(2).max(4096));
        let (read, written) = (unpack.total_in(), out.len());
        let status = unpack.decompress_vec(bytes, out, FlushDecompress::None)?;
        let read = usize::try_from(unpack.total_in() - read).unwrap_or(bytes.len());
        bytes = &bytes[read..];
        *ended = status == Status::StreamEnd;
        // Room is left: it has given all that it can make of what it has.
        if (bytes.is_empty() && out.len() < out.capacity()) || (read == 0 && out.len() == written) {
            break;
        }
    }
    match bytes.len() {
        0 => Ok(()),
        left => Err(io::Error::new(io::ErrorKind::InvalidData, format!("{left} bytes follow its end"))),
    }
}

#[cfg(test)]
mod tests;
