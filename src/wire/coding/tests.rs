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

/// All decoded bytes, and the error if there was one.
fn undone(coding: &str, chunks: &[&[u8]]) -> (Vec<u8>, Option<String>) {
    let (mut coded, mut all) = (coded(coding), Vec::new());
    for at in 0..=chunks.len() {
        match chunks.get(at) {
            Some(chunk) => coded.feed(Bytes::copy_from_slice(chunk)),
            None => coded.end(),
        }
        while let Some(piece) = coded.piece() {
            match piece {
                Ok(bytes) => all.extend_from_slice(&bytes),
                Err(fault) => return (all, Some(fault)),
            }
        }
    }
    (all, None)
}

#[test]
fn what_is_packed_is_unpacked() {
    let packed = [
        ("gzip", gzip(TEXT)),
        ("X-GZip", gzip(TEXT)),
        ("deflate", zlib(TEXT)),
        ("deflate", raw(TEXT)),
        ("gzip, identity", gzip(TEXT)),
        ("br", BROTLI.to_vec()),
        ("zstd", zstd(TEXT)),
        ("zstd", [zstd(&TEXT[..9]), zstd(&TEXT[9..])].concat()),
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
        coded.feed(std::mem::take(pack.get_mut()).into());
        let mut came = Vec::new();
        while let Some(piece) = coded.piece() {
            came.extend_from_slice(&piece.unwrap());
        }
        assert_eq!(String::from_utf8_lossy(&came), event);
    }
    coded.feed(pack.finish().unwrap().into());
    coded.end();
    assert_eq!(coded.piece(), None);
}

#[test]
fn a_whole_body_is_unpacked_or_left_as_it_is() {
    let headers = |coding: &str| HeaderMap::from_iter([(header::CONTENT_ENCODING, coding.parse().unwrap())]);
    let bomb = gzip(&vec![0; 5_000_000]);
    for (coding, body, most, unpacked_to) in [
        ("gzip", gzip(TEXT), TEXT.len(), Some(TEXT.to_vec())),
        ("gzip", gzip(TEXT), TEXT.len() - 1, None),
        ("gzip", gzip(b""), 100, Some(Vec::new())),
        ("deflate", zlib(b""), 100, Some(Vec::new())),
        ("deflate", raw(b""), 100, Some(Vec::new())),
        ("deflate", zlib(TEXT), 100, Some(TEXT.to_vec())),
        ("deflate", raw(TEXT), 100, Some(TEXT.to_vec())),
        ("deflate, gzip", gzip(&zlib(TEXT)), 100, None),
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
    for coding in ["gzip", "deflate", "br", "zstd", "identity"] {
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
    assert!(Coded::of(&headers).unwrap().layer.is_none());
    headers.append("content-encoding", "identity, Compress".parse().unwrap());
    assert_eq!(Coded::of(&headers).err().as_deref(), Some("compress"));
}

#[test]
fn one_coding_upon_another_is_refused_by_name() {
    for values in [&["gzip, gzip"][..], &["br", "gzip"], &["deflate , identity, Zstd"], &["gzip, compress"]] {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("content-encoding", value.parse().unwrap());
        }
        let refused = Coded::of(&headers).err().unwrap();
        let (named, why) = refused.split_once(": ").unwrap();
        assert_eq!((named.matches(", ").count(), why), (1, "several codings in a row are not decoded"), "{values:?}");
    }
}

#[test]
fn a_long_body_that_was_hardly_packed_comes_whole() {
    let mut pack = DeflateEncoder::new(Vec::new(), Compression::none());
    pack.write_all(&vec![0; FREE as usize + 1]).unwrap();
    let packed = pack.finish().unwrap();
    let mut coded = coded("deflate");
    let mut came = 0;
    for chunk in packed.chunks(packed.len() / 2 + 1) {
        coded.feed(Bytes::copy_from_slice(chunk));
        while let Some(piece) = coded.piece() {
            came += piece.unwrap().len();
        }
    }
    assert_eq!(came as u64, FREE + 1);
}

/// Zeros of this length, packed in each coding.
fn bombs(length: usize) -> [(&'static str, Vec<u8>); 4] {
    let zeros = vec![0; length];
    [("gzip", gzip(&zeros)), ("deflate", zlib(&zeros)), ("deflate", raw(&zeros)), ("zstd", zstd(&zeros))]
}

#[test]
fn what_becomes_far_larger_than_it_came_is_given_up_and_never_held_whole() {
    for (coding, packed) in bombs(64 << 20) {
        let (mut coded, mut given, mut largest) = (coded(coding), 0, 0);
        coded.feed(packed.into());
        coded.end();
        let fault = loop {
            match coded.piece().expect("it is given up") {
                Ok(bytes) => {
                    given += bytes.len() as u64;
                    largest = largest.max(bytes.len());
                }
                Err(fault) => break fault,
            }
        };
        assert_eq!(fault, "it decodes to more than 200 times its size", "{coding}");
        assert!(given <= FREE && largest <= 2 * PIECE, "{coding}: {given} bytes, {largest} at once");
        assert_eq!(coded.piece(), None);
    }
}

#[test]
fn a_few_bytes_of_brotli_give_their_millions_piece_by_piece() {
    let mut coded = coded("br");
    coded.feed(Bytes::from_static(b"\x9b\xbf\xc6\x2d\xf8\x25\xc2\xe2\xb1\x40\x20\xcf\xb7\x05"));
    coded.end();
    let pieces: Vec<usize> = std::iter::from_fn(|| coded.piece()).map(|piece| piece.unwrap().len()).collect();
    assert_eq!((pieces.iter().sum::<usize>(), pieces.iter().max()), (3_000_000, Some(&PIECE)));
}

#[test]
fn zstandard_that_is_held_until_its_end_is_bounded_too() {
    let mut coded = coded("zstd");
    for size in [MOST_ZSTD / 2, MOST_ZSTD / 2] {
        coded.feed(vec![7; size].into());
        assert_eq!(coded.piece(), None);
    }
    coded.feed(vec![7; 2].into());
    let refused = Err("it is larger than 16 MiB, the most that is decoded".to_owned());
    assert_eq!((coded.piece(), coded.piece()), (Some(refused), None));
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
        for coding in ["gzip", "deflate", "br", "zstd"] {
            let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
            undone(coding, &chunks);
        }
    }
}
