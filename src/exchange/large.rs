//! A body that is too large for memory: it stays where it lies, and is read in pieces.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use sha2::{Digest as _, Sha256};

/// The largest piece that is in memory at once, in bytes.
const PIECE: usize = 256 << 10;
/// How much of each end of a stream is read to see how it ended.
const END: usize = 64 << 10;

/// A place where bytes lie.
pub trait ReadAt: fmt::Debug + Send + Sync {
    /// Fills `out` with the bytes from `at` on; an error if there are fewer. Blocks on the disk.
    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<()>;
}

/// The bytes of a body, in their place.
#[derive(Clone)]
pub struct Large {
    place: Arc<dyn ReadAt>,
    length: u64,
    hash: Arc<OnceLock<[u8; 32]>>,
}

impl fmt::Debug for Large {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Large({} bytes in {:?})", self.length, self.place)
    }
}

/// Bodies are equal if their bytes are.
impl PartialEq for Large {
    fn eq(&self, other: &Self) -> bool {
        let is_one = Arc::ptr_eq(&self.place, &other.place);
        self.length == other.length
            && (is_one || matches!((self.hash(), other.hash()), (Ok(own), Ok(its)) if own == its))
    }
}

impl Eq for Large {}

impl Large {
    /// The first `length` bytes of a place.
    pub fn new(place: Arc<dyn ReadAt>, length: u64) -> Self {
        Large { place, length, hash: Arc::default() }
    }

    /// The number of bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// At most `most` bytes from `at` on; fewer only at the end. Blocks on the disk.
    pub fn read(&self, at: u64, most: usize) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX).min(most);
        let mut bytes = vec![0; length];
        self.place.read_at(at, &mut bytes)?;
        Ok(bytes)
    }

    /// Whether these are its bytes.
    pub(super) fn has(&self, bytes: &[u8]) -> bool {
        self.length == bytes.len() as u64
            && self.pieces().zip(bytes.chunks(PIECE)).all(|(own, its)| own.is_ok_and(|own| own == its))
    }

    /// Pieces of at most this many bytes, each of which begins with the last `again` bytes of the one before it.
    pub(super) fn overlapping(&self, size: usize, again: usize) -> impl Iterator<Item = io::Result<Vec<u8>>> {
        let step = (size - again) as u64;
        let starts = (0..self.length.max(1)).step_by(usize::try_from(step).unwrap_or(size));
        // A piece of nothing but what the one before it ended with has nothing new.
        let starts = starts.take_while(move |at| *at == 0 || at + (again as u64) < self.length);
        starts.map(move |at| self.read(at, size))
    }

    /// The bytes in pieces.
    pub(super) fn pieces(&self) -> impl Iterator<Item = io::Result<Vec<u8>>> {
        self.overlapping(PIECE, 0)
    }

    /// The two ends, with whole lines only: enough to see what a stream is, and how it ended.
    pub(super) fn ends(&self) -> io::Result<Vec<u8>> {
        if self.length <= 2 * END as u64 {
            return self.read(0, 2 * END);
        }
        let (mut first, last) = (self.read(0, END)?, self.read(self.length - END as u64, END)?);
        first.truncate(first.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1));
        let start = last.iter().position(|byte| *byte == b'\n').map_or(last.len(), |at| at + 1);
        first.extend_from_slice(&last[start..]);
        Ok(first)
    }

    fn hash(&self) -> io::Result<[u8; 32]> {
        if let Some(hash) = self.hash.get() {
            return Ok(*hash);
        }
        let mut hasher = Sha256::new();
        for piece in self.pieces() {
            hasher.update(piece?);
        }
        Ok(*self.hash.get_or_init(|| hasher.finalize().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Held(Vec<u8>);

    impl ReadAt for Held {
        fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
            let at = at as usize;
            out.copy_from_slice(self.0.get(at..at + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        }
    }

    fn large(bytes: &[u8]) -> Large {
        Large::new(Arc::new(Held(bytes.to_vec())), bytes.len() as u64)
    }

    #[test]
    fn windows_cover_every_byte_and_share_what_they_should() {
        for length in [0, 1, 9, 10, 11, 16, 17, 18, 100] {
            let bytes: Vec<u8> = (0..length).collect();
            let windows: Vec<Vec<u8>> = large(&bytes).overlapping(10, 3).map(Result::unwrap).collect();
            let mut all = windows[0].clone();
            for pair in windows.windows(2) {
                assert_eq!(pair[0][7..], pair[1][..3], "{length}");
                all.extend(&pair[1][3..]);
            }
            assert_eq!(all, bytes);
            assert!(windows.len() <= usize::from(length).div_ceil(7).max(1), "{length}: {windows:?}");
        }
    }

    #[test]
    fn the_ends_hold_whole_lines_only() {
        let lines: Vec<String> = (0..40_000).map(|at| format!("line {at}\n")).collect();
        let ends = String::from_utf8(large(lines.concat().as_bytes()).ends().unwrap()).unwrap();
        assert!(ends.starts_with("line 0\nline 1\n") && ends.ends_with("line 39998\nline 39999\n"));
        assert!(ends.lines().all(|line| lines.contains(&format!("{line}\n"))));
        for short in ["", "a", "a\nb", "data: [DONE]"] {
            let ends = large(short.as_bytes()).ends().unwrap();
            assert_eq!(short.as_bytes(), ends);
        }
    }

    #[test]
    fn bodies_are_equal_if_their_bytes_are() {
        let bytes: Vec<u8> = (0..PIECE + 10).map(|at| (at % 251) as u8).collect();
        let mut other = bytes.clone();
        other[PIECE + 3] ^= 1;
        assert!(large(&bytes) == large(&bytes) && large(&bytes).has(&bytes));
        assert!(large(&bytes) != large(&other) && !large(&bytes).has(&other) && !large(&bytes).has(&bytes[1..]));
    }
}
