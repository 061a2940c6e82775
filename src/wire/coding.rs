//! Decodes content codings: of replies that come compressed although nobody asked for it, and of requests, which are
//! compared by their decoded content.
//!
//! A few bytes can decode to more than fits into memory. So for every coding, bytes are decoded piece by piece on
//! demand, a coding on top of another one is not decoded, and a body that grows far beyond its coded size is given up.

use std::io::{self, Cursor, Read as _, Write as _};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use bytes::{Buf as _, Bytes};
use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use http::header::{self, HeaderMap};
use ruzstd::decoding::StreamingDecoder;

/// How many bytes are decoded at once.
const PIECE: usize = 64 << 10;
/// How many bytes of gzip are decoded at once. The decoder outputs all it can: up to about 1000 bytes for each byte.
const GZIP_PIECE: usize = 64;
/// Every body may decode to this many bytes, however small it came.
const FREE: u64 = 16 << 20;
/// A larger one may decode to at most this many times its coded size. Text and numbers reach a tenth of that.
const MOST_TIMES: u64 = 200;
/// The most bytes of a body coded as Zstandard: all of it is held until its end.
const MOST_ZSTD: usize = 16 << 20;
/// The largest window of Zstandard, in bytes, by RFC 9659.
const ZSTD_WINDOW: u64 = 8 << 20;
/// The first bytes of every Zstandard frame.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// Decodes one body piece by piece.
pub struct Coded {
    layer: Option<Layer>,
    /// Bytes that came and are not decoded yet.
    waiting: Bytes,
    is_end: bool,
    taken: u64,
    given: u64,
    fault: Option<String>,
    is_over: bool,
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
        unpack: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
        began: bool,
        ended: bool,
    },
    /// This decoder cannot stop where bytes are missing, so all bytes are held until the end.
    Zstd {
        packed: Vec<u8>,
        frame: Option<Box<Frame>>,
    },
}

type Frame = StreamingDecoder<Cursor<Vec<u8>>, ruzstd::decoding::FrameDecoder>;

/// What a layer did with its input.
enum Step {
    /// The same input may give more output.
    More,
    /// It needs more input, or has ended.
    Idle,
}

impl Coded {
    /// The decoder for the coding that the headers name; `Err` names a coding that cannot be decoded.
    pub fn of(headers: &HeaderMap) -> Result<Self, String> {
        let mut codings = Vec::new();
        for value in headers.get_all(header::CONTENT_ENCODING) {
            let value = value.to_str().map_err(|_| "unreadable".to_owned())?;
            let all = value.split(',').map(|coding| coding.trim().to_ascii_lowercase());
            codings.extend(all.filter(|coding| !matches!(coding.as_str(), "" | "identity")));
        }
        let layer = match codings.as_slice() {
            [] => None,
            [coding] => Some(Layer::of(coding).ok_or_else(|| coding.clone())?),
            several => return Err(format!("{}: several codings in a row are not decoded", several.join(", "))),
        };
        let (waiting, is_end) = (Bytes::new(), false);
        Ok(Coded { layer, waiting, is_end, taken: 0, given: 0, fault: None, is_over: false })
    }

    /// Removes the headers that describe the coded body, if the body is coded.
    pub fn tidy(&self, headers: &mut HeaderMap) {
        if self.layer.is_some() {
            headers.remove(header::CONTENT_ENCODING);
            headers.remove(header::CONTENT_LENGTH);
        }
    }

    /// Takes the next bytes. All pieces of the bytes before must have been taken first.
    pub fn feed(&mut self, chunk: Bytes) {
        self.taken += chunk.len() as u64;
        self.waiting = if self.waiting.is_empty() { chunk } else { [&self.waiting[..], &chunk].concat().into() };
    }

    /// Marks the end of the body. An empty body counts as whole: replies without a body come so.
    pub fn end(&mut self) {
        self.is_end = true;
    }

    /// The next decoded piece, or the reason why decoding failed; `None` means that more bytes must come.
    pub fn piece(&mut self) -> Option<Result<Bytes, String>> {
        if self.is_over {
            return None;
        }
        let Some(layer) = &mut self.layer else {
            return Some(std::mem::take(&mut self.waiting)).filter(|bytes| !bytes.is_empty()).map(Ok);
        };
        let mut out = Vec::new();
        while out.is_empty() && self.fault.is_none() {
            match layer.step(&mut self.waiting, self.is_end, &mut out) {
                Ok(Step::More) => {}
                Ok(Step::Idle) => break,
                Err(error) => self.fault = Some(error.to_string()),
            }
        }
        self.given += out.len() as u64;
        if self.given > FREE && self.given > self.taken.saturating_mul(MOST_TIMES) {
            out.clear();
            self.fault = Some(format!("it decodes to more than {MOST_TIMES} times its size"));
        }
        if !out.is_empty() {
            return Some(Ok(out.into()));
        }
        let fault = self.fault.take()?;
        self.is_over = true;
        Some(Err(fault))
    }
}

impl Layer {
    fn of(coding: &str) -> Option<Self> {
        Some(match coding {
            "gzip" | "x-gzip" => Layer::Gzip { unpack: Box::new(MultiGzDecoder::new(Vec::new())), began: false },
            "deflate" => Layer::Deflate { start: Vec::new(), unpack: None, ended: false },
            "br" => {
                let alloc = StandardAlloc::default;
                Layer::Brotli {
                    unpack: Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())),
                    began: false,
                    ended: false,
                }
            }
            "zstd" => Layer::Zstd { packed: Vec::new(), frame: None },
            _ => return None,
        })
    }

    /// Decodes some of `input` into `out`.
    fn step(&mut self, input: &mut Bytes, is_end: bool, out: &mut Vec<u8>) -> io::Result<Step> {
        match self {
            Layer::Gzip { unpack, began } => gzip(unpack, began, input, is_end, out),
            Layer::Deflate { start, unpack, ended } => {
                if unpack.is_none() {
                    start.extend_from_slice(&std::mem::take(input));
                    match has_zlib_header(start) {
                        Some(has_header) => *unpack = Some(Decompress::new(has_header)),
                        None if is_end && !start.is_empty() => return Err(cut_short()),
                        None => return Ok(Step::Idle),
                    }
                    *input = std::mem::take(start).into();
                }
                unpack.as_mut().map_or(Ok(Step::Idle), |unpack| inflate(unpack, ended, input, is_end, out))
            }
            Layer::Brotli { unpack, began, ended } => brotli(unpack, (began, ended), input, is_end, out),
            Layer::Zstd { packed, frame } => {
                if packed.len() + input.len() > MOST_ZSTD {
                    let message = format!("it is larger than {} MiB, the most that is decoded", MOST_ZSTD >> 20);
                    return Err(io::Error::new(io::ErrorKind::OutOfMemory, message));
                }
                packed.extend_from_slice(&std::mem::take(input));
                if is_end { zstd(packed, frame, out) } else { Ok(Step::Idle) }
            }
        }
    }
}

/// A whole body, decoded as its headers say. `None` if it is not coded, cannot be decoded, or decodes to more than
/// `most` bytes.
pub fn unpacked(headers: &HeaderMap, body: &[u8], most: usize) -> Option<Vec<u8>> {
    if body.is_empty() || !headers.contains_key(header::CONTENT_ENCODING) {
        return None;
    }
    let mut coded = Coded::of(headers).ok().filter(|coded| coded.layer.is_some())?;
    let mut all = Vec::new();
    coded.feed(Bytes::copy_from_slice(body));
    coded.end();
    while let Some(piece) = coded.piece() {
        all.extend_from_slice(&piece.ok()?);
        if all.len() > most {
            return None;
        }
    }
    Some(all)
}

fn gzip(
    unpack: &mut MultiGzDecoder<Vec<u8>>,
    began: &mut bool,
    input: &mut Bytes,
    is_end: bool,
    out: &mut Vec<u8>,
) -> io::Result<Step> {
    if input.is_empty() {
        // All output has been given by now: only a missing end is left to find.
        let is_whole = !is_end || !*began || unpack.try_finish().is_ok();
        return if is_whole { Ok(Step::Idle) } else { Err(cut_short()) };
    }
    *began = true;
    let piece = input.split_to(GZIP_PIECE.min(input.len()));
    let done = unpack.write_all(&piece).and_then(|()| unpack.flush());
    out.append(unpack.get_mut());
    done.map(|()| Step::More)
}

fn inflate(
    unpack: &mut Decompress,
    ended: &mut bool,
    input: &mut Bytes,
    is_end: bool,
    out: &mut Vec<u8>,
) -> io::Result<Step> {
    if *ended {
        return nothing_follows(input);
    }
    out.reserve(PIECE);
    let read = unpack.total_in();
    let status = unpack.decompress_vec(input, out, FlushDecompress::None)?;
    let read = usize::try_from(unpack.total_in() - read).unwrap_or(input.len());
    input.advance(read);
    *ended = status == Status::StreamEnd;
    match !*ended && input.is_empty() && out.is_empty() {
        true if is_end => Err(cut_short()),
        true => Ok(Step::Idle),
        false => Ok(Step::More),
    }
}

fn brotli(
    unpack: &mut BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    (began, ended): (&mut bool, &mut bool),
    input: &mut Bytes,
    is_end: bool,
    out: &mut Vec<u8>,
) -> io::Result<Step> {
    if *ended {
        return nothing_follows(input);
    }
    *began |= !input.is_empty();
    out.resize(PIECE, 0);
    let (mut left, mut read, mut room, mut written, mut total) = (input.len(), 0, out.len(), 0, 0);
    let result = BrotliDecompressStream(&mut left, &mut read, input, &mut room, &mut written, out, &mut total, unpack);
    input.advance(read);
    out.truncate(written);
    match result {
        BrotliResult::ResultSuccess => {
            *ended = true;
            Ok(Step::More)
        }
        BrotliResult::NeedsMoreOutput => Ok(Step::More),
        BrotliResult::NeedsMoreInput if is_end && *began && out.is_empty() => Err(cut_short()),
        BrotliResult::NeedsMoreInput => Ok(Step::Idle),
        BrotliResult::ResultFailure => Err(io::Error::new(io::ErrorKind::InvalidData, "it is not valid Brotli")),
    }
}

/// The next decoded piece of a body, which may have several frames.
fn zstd(packed: &mut Vec<u8>, frame: &mut Option<Box<Frame>>, out: &mut Vec<u8>) -> io::Result<Step> {
    let decoder = match frame {
        Some(decoder) => decoder,
        None if packed.is_empty() => return Ok(Step::Idle),
        None => {
            let is_zstd = packed.starts_with(&ZSTD_MAGIC) || ZSTD_MAGIC.starts_with(packed);
            let decoder = StreamingDecoder::new_with_max_window_size(Cursor::new(std::mem::take(packed)), ZSTD_WINDOW);
            let decoder = decoder.map_err(|error| match is_zstd {
                true => cut_short(),
                false => io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
            })?;
            frame.insert(Box::new(decoder))
        }
    };
    out.resize(PIECE, 0);
    let read = decoder.read(out).map_err(|_| cut_short());
    out.truncate(*read.as_ref().unwrap_or(&0));
    if read? == 0
        && let Some(decoder) = frame.take()
    {
        let source = decoder.into_inner();
        let at = usize::try_from(source.position()).unwrap_or(usize::MAX);
        *packed = source.into_inner();
        packed.drain(..at.min(packed.len()));
    }
    Ok(Step::More)
}

fn nothing_follows(input: &Bytes) -> io::Result<Step> {
    match input.len() {
        0 => Ok(Step::Idle),
        left => Err(io::Error::new(io::ErrorKind::InvalidData, format!("{left} bytes follow its end"))),
    }
}

fn cut_short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it ends too early, or its checksum is wrong")
}

/// `deflate` means a zlib stream, but some servers send bare deflate data. The first two bytes tell which.
fn has_zlib_header(start: &[u8]) -> Option<bool> {
    let [first, second, ..] = start else { return None };
    Some(first & 0x0F == 8 && u16::from_be_bytes([*first, *second]) % 31 == 0)
}

#[cfg(test)]
mod tests;
