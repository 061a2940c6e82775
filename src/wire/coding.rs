//! Content codings undone: replies that come compressed although that was not asked for, and requests that are compared
//! by what is in them.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use http::header::{self, HeaderMap};

/// What a body went through on its way, to be undone chunk by chunk.
pub struct Coded {
    /// In the order in which they were put on.
    layers: Vec<Layer>,
}

enum Layer {
    Gzip { unpack: Box<MultiGzDecoder<Vec<u8>>>, began: bool },
    Deflate { start: Vec<u8>, unpack: Option<Decompress>, ended: bool },
}

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

    /// What is missing when no more chunks come. A body without a byte is whole: so come replies that have none.
    pub fn end(&mut self) -> Result<(), String> {
        // Nothing was held back, so that the end brings no bytes.
        self.layers.iter_mut().rev().try_for_each(Layer::end).map_err(|error| error.to_string())
    }
}

impl Layer {
    fn gzip() -> Self {
        Layer::Gzip { unpack: Box::new(MultiGzDecoder::new(Vec::new())), began: false }
    }

    fn deflate() -> Self {
        Layer::Deflate { start: Vec::new(), unpack: None, ended: false }
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

    fn end(&mut self) -> io::Result<()> {
        match self {
            Layer::Gzip { began: false, .. } => Ok(()),
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
    coded.end().ok().map(|()| all)
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
mod tests {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    const TEXT: &[u8] = b"data: {\"n\":1}\n\ndata: {\"n\":2}\n\ndata: [DONE]\n\n";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut pack = GzEncoder::new(Vec::new(), Compression::default());
        pack.write_all(text).unwrap();
        pack.finish().unwrap()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut pack = ZlibEncoder::new(Vec::new(), Compression::default());
        pack.write_all(text).unwrap();
        pack.finish().unwrap()
    }

    fn raw(text: &[u8]) -> Vec<u8> {
        let mut pack = DeflateEncoder::new(Vec::new(), Compression::default());
        pack.write_all(text).unwrap();
        pack.finish().unwrap()
    }

    fn coded(coding: &str) -> Coded {
        let mut headers = HeaderMap::new();
        headers.insert("content-encoding", coding.parse().unwrap());
        Coded::of(&headers).unwrap()
    }

    /// All of it, and what was wrong.
    fn undone(coding: &str, chunks: &[&[u8]]) -> (Vec<u8>, Option<String>) {
        let (mut coded, mut all) = (coded(coding), Vec::new());
        for chunk in chunks {
            let (bytes, fault) = coded.undo(Bytes::copy_from_slice(chunk));
            all.extend_from_slice(&bytes);
            if fault.is_some() {
                return (all, fault);
            }
        }
        (all, coded.end().err())
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let packed = [
            ("gzip", gzip(TEXT)),
            ("X-GZip", gzip(TEXT)),
            ("deflate", zlib(TEXT)),
            ("deflate", raw(TEXT)),
            ("deflate, gzip", gzip(&zlib(TEXT))),
            ("gzip, identity", gzip(TEXT)),
            ("gzip", [gzip(&TEXT[..9]), gzip(&TEXT[9..])].concat()),
            ("identity", TEXT.to_vec()),
        ];
        for (coding, packed) in packed {
            assert_eq!(undone(coding, &[&packed]), (TEXT.to_vec(), None), "{coding}");
            let bytes: Vec<&[u8]> = packed.chunks(1).collect();
            assert_eq!(undone(coding, &bytes), (TEXT.to_vec(), None), "{coding} byte by byte");
        }
    }

    #[test]
    fn much_in_little_comes_whole() {
        let long = vec![b'a'; 3_000_000];
        for (coding, packed) in [("gzip", gzip(&long)), ("deflate", zlib(&long)), ("deflate", raw(&long))] {
            let chunks: Vec<&[u8]> = packed.chunks(700).collect();
            assert!(undone(coding, &chunks) == (long.clone(), None), "{coding}");
        }
    }

    #[test]
    fn what_the_sender_flushed_comes_at_once() {
        let mut pack = GzEncoder::new(Vec::new(), Compression::default());
        let mut coded = coded("gzip");
        for event in ["data: {\"n\":1}\n\n", "data: {\"n\":2}\n\n", "data: [DONE]\n\n"] {
            pack.write_all(event.as_bytes()).unwrap();
            pack.flush().unwrap();
            let chunk = std::mem::take(pack.get_mut());
            assert_eq!(coded.undo(chunk.into()), (event.into(), None));
        }
        let rest = pack.finish().unwrap();
        assert_eq!(coded.undo(rest.into()), (Bytes::new(), None));
        assert_eq!(coded.end(), Ok(()));
    }

    #[test]
    fn a_whole_body_is_unpacked_or_left_as_it_is() {
        let headers = |coding: &str| HeaderMap::from_iter([(header::CONTENT_ENCODING, coding.parse().unwrap())]);
        let bomb = gzip(&vec![0; 5_000_000]);
        for (coding, body, most, unpacked_to) in [
            ("gzip", gzip(TEXT), 100, Some(TEXT.to_vec())),
            ("deflate", zlib(TEXT), 100, Some(TEXT.to_vec())),
            ("deflate", raw(TEXT), 100, Some(TEXT.to_vec())),
            ("deflate, gzip", gzip(&zlib(TEXT)), 100, None),
            ("gzip", gzip(TEXT), 10, None),
            ("gzip", bomb, 4_000_000, None),
            ("gzip", gzip(TEXT)[..20].to_vec(), 100, None),
            ("gzip", TEXT.to_vec(), 100, None),
            ("gzip", Vec::new(), 100, None),
            ("identity", TEXT.to_vec(), 100, None),
            ("br", TEXT.to_vec(), 100, None),
        ] {
            assert_eq!(unpacked(&headers(coding), &body, most), unpacked_to, "{coding} {most}");
        }
        assert_eq!(unpacked(&HeaderMap::new(), &gzip(TEXT), 100), None);
    }

    #[test]
    fn a_body_without_a_byte_is_whole() {
        for coding in ["gzip", "deflate", "gzip, deflate"] {
            assert_eq!(undone(coding, &[]), (Vec::new(), None));
        }
    }

    #[test]
    fn what_is_cut_off_gives_what_came_and_says_so() {
        for (coding, packed) in [("gzip", gzip(TEXT)), ("deflate", zlib(TEXT)), ("deflate", raw(TEXT))] {
            for length in 1..packed.len() {
                let (came, fault) = undone(coding, &[&packed[..length]]);
                assert!(TEXT.starts_with(&came), "{coding} {length}");
                assert_eq!(fault.as_deref(), Some("it ends too early, or its checksum is wrong"), "{coding} {length}");
            }
        }
    }

    #[test]
    fn what_is_corrupt_gives_what_came_and_says_so() {
        let mut flipped = gzip(TEXT);
        let crc = flipped.len() - 8;
        flipped[crc] ^= 1;
        assert_eq!(
            undone("gzip", &[&flipped]),
            (TEXT.to_vec(), Some("it ends too early, or its checksum is wrong".into()))
        );
        let mut flipped = zlib(TEXT);
        let sum = flipped.len() - 1;
        flipped[sum] ^= 1;
        assert!(undone("deflate", &[&flipped]).1.is_some());
        for coding in ["gzip", "deflate"] {
            assert!(undone(coding, &[b"<html>no such thing</html>"]).1.is_some(), "{coding}");
        }
        for (coding, packed) in [("gzip", gzip(TEXT)), ("deflate", zlib(TEXT)), ("deflate", raw(TEXT))] {
            let (came, fault) = undone(coding, &[&packed, b"more"]);
            assert_eq!(came, TEXT, "{coding}");
            assert!(fault.is_some(), "{coding}");
        }
    }

    #[test]
    fn an_unknown_coding_is_named() {
        let mut headers = HeaderMap::new();
        assert!(Coded::of(&headers).unwrap().layers.is_empty());
        headers.append("content-encoding", "gzip".parse().unwrap());
        headers.append("content-encoding", "BR".parse().unwrap());
        assert_eq!(Coded::of(&headers).err().as_deref(), Some("br"));
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same(text in proptest::collection::vec(any::<u8>(), 0..2000), size in 1..600_usize) {
            for (coding, packed) in [("gzip", gzip(&text)), ("deflate", zlib(&text)), ("deflate", raw(&text))] {
                let chunks: Vec<&[u8]> = packed.chunks(size).collect();
                prop_assert_eq!(undone(coding, &chunks), (text.clone(), None));
            }
        }

        #[test]
        fn nonsense_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), size in 1..40_usize) {
            for coding in ["gzip", "deflate", "gzip, deflate"] {
                let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
                undone(coding, &chunks);
            }
        }
    }
}
