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

/// [`TEXT`], packed by the reference implementation.
const BROTLI: &[u8] = b"\x8b\x15\x80data: {\"n\":1}\n\ndata: {\"n\":2}\n\ndata: [DONE]\n\n\x03";

fn zstd(text: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
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
    let (last, fault) = coded.end();
    all.extend_from_slice(&last);
    (all, fault)
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
        ("br", BROTLI.to_vec()),
        ("zstd", zstd(TEXT)),
        ("zstd", [zstd(&TEXT[..9]), zstd(&TEXT[9..])].concat()),
        ("zstd, gzip", gzip(&zstd(TEXT))),
        ("gzip, zstd", zstd(&gzip(TEXT))),
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
    let brotli = b"\x9b\xbf\xc6\x2d\xf8\x25\xc2\xe2\xb1\x40\x20\xcf\xb7\x05".to_vec();
    for (coding, packed) in [
        ("gzip", gzip(&long)),
        ("deflate", zlib(&long)),
        ("deflate", raw(&long)),
        ("br", brotli),
        ("zstd", zstd(&long)),
    ] {
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
    assert_eq!(coded.end(), (Bytes::new(), None));
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
    for coding in ["gzip", "deflate", "br", "zstd", "gzip, deflate"] {
        assert_eq!(undone(coding, &[]), (Vec::new(), None));
    }
}

#[test]
fn what_is_cut_off_gives_what_came_and_says_so() {
    let packed = [("gzip", gzip(TEXT)), ("deflate", zlib(TEXT)), ("deflate", raw(TEXT)), ("br", BROTLI.to_vec())];
    for (coding, packed) in packed.into_iter().chain([("zstd", zstd(TEXT))]) {
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
    for coding in ["gzip", "deflate", "br", "zstd"] {
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
    headers.append("content-encoding", "Compress".parse().unwrap());
    assert_eq!(Coded::of(&headers).err().as_deref(), Some("compress"));
}

proptest! {
    #[test]
    fn any_cut_gives_the_same(text in proptest::collection::vec(any::<u8>(), 0..2000), size in 1..600_usize) {
        for (coding, packed) in [("gzip", gzip(&text)), ("deflate", zlib(&text)), ("deflate", raw(&text)), ("zstd", zstd(&text))] {
            let chunks: Vec<&[u8]> = packed.chunks(size).collect();
            prop_assert_eq!(undone(coding, &chunks), (text.clone(), None));
        }
    }

    #[test]
    fn nonsense_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), size in 1..40_usize) {
        for coding in ["gzip", "deflate", "br", "zstd", "gzip, deflate"] {
            let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
            undone(coding, &chunks);
        }
    }
}
