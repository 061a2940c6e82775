//! Reads a recording's file. The bytes of a large reply stay in the file.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::disk::{self, MOST_RECORDED, Unreadable};
use crate::exchange::{self, FormatError, Gap, GapReader, Large, ReadAt, ReadError, Recording};

/// A file of at most this many bytes is read as a whole.
const WHOLE: u64 = 1 << 20;
/// A larger one is read in pieces of so many bytes.
const PIECE: usize = 256 << 10;

/// A file as it was read.
pub(super) struct Read {
    pub(super) recording: Result<Recording, ReadError>,
    /// The size in bytes of its text, without a large reply.
    pub(super) size: usize,
}

impl Read {
    fn new(text: &str, recording: Result<Recording, ReadError>) -> Self {
        // If git or an editor spoilt the file, that says more than where it stops being JSON.
        let why = |error| match error {
            ReadError::Broken(error) => ReadError::Broken(spoilt(text).unwrap_or(error)),
            other => other,
        };
        Read { recording: recording.map_err(why), size: text.len() }
    }
}

/// What git or an editor did to a text.
fn spoilt(text: &str) -> Option<FormatError> {
    disk::spoilt(text).map(|(line, why)| FormatError { line, column: 1, reason: why.to_owned() })
}

/// The recording in a file, with its whole reply in memory.
pub(crate) fn in_memory(path: &Path) -> Result<Result<Recording, ReadError>, Unreadable> {
    match read(path)?.recording {
        Err(error) => Ok(Err(error)),
        Ok(mut recording) => {
            recording.exchange.reply = recording.exchange.reply.in_memory()?;
            Ok(Ok(recording))
        }
    }
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Read, Unreadable> {
    of_open(disk::open(path)?)
}

/// Reads a file that the caller just found to be a regular one.
pub(super) fn read_checked(path: &Path) -> Result<Read, Unreadable> {
    of_open(disk::open_checked(path)?)
}

/// The text of a file without the bytes of a large reply: enough for all that is not about the reply.
pub(super) fn text(path: &Path) -> Result<String, Unreadable> {
    let mut file = disk::open(path)?;
    if file.1 <= WHOLE {
        return disk::text_in(file, MOST_RECORDED);
    }
    Ok(without_gap(&mut file)?.0)
}

fn of_open(mut file: (File, u64)) -> Result<Read, Unreadable> {
    if file.1 > WHOLE {
        let (text, gap) = without_gap(&mut file)?;
        if let Some(gap) = gap {
            let large = Large::new(Arc::new(InFile { file: Mutex::new(file.0.try_clone()?), gap }), gap.bytes());
            match exchange::read_large(&text, large) {
                Ok(Some(recording)) => return Ok(Read::new(&text, Ok(recording))),
                Err(error) => return Ok(Read::new(&text, Err(error))),
                // There is more to the reply: the file is read as a whole.
                Ok(None) => file.0.seek(SeekFrom::Start(0)).map(drop)?,
            }
        } else {
            return Ok(Read::new(&text, exchange::read(&text)));
        }
    }
    let text = disk::text_in(file, MOST_RECORDED)?;
    Ok(Read::new(&text, exchange::read(&text)))
}

fn without_gap(file: &mut (File, u64)) -> Result<(String, Option<Gap>), Unreadable> {
    if file.1 > MOST_RECORDED {
        return Err(Unreadable::TooLarge(file.1, MOST_RECORDED));
    }
    let (mut reader, mut piece) = (GapReader::default(), vec![0; PIECE]);
    loop {
        match file.0.read(&mut piece)? {
            0 => break,
            length => reader.push(&piece[..length]),
        }
    }
    let read = reader.end();
    Ok((disk::checked(read.text)?, read.gap))
}

/// The bytes that base64 in a file stands for.
#[derive(Debug)]
struct InFile {
    file: Mutex<File>,
    gap: Gap,
}

impl ReadAt for InFile {
    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        let (first, last) = (at / 3, (at + out.len() as u64).div_ceil(3));
        if last * 4 > self.gap.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut text = vec![0; usize::try_from((last - first) * 4).unwrap_or(usize::MAX)];
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(self.gap.start + first * 4))?;
            file.read_exact(&mut text)?;
        }
        let bytes = STANDARD.decode(&text).map_err(|error| {
            let why = format!("the base64 of the reply cannot be read: {error}; record the exchange anew");
            io::Error::new(io::ErrorKind::InvalidData, why)
        })?;
        let skipped = usize::try_from(at - first * 3).unwrap_or(0);
        let wanted = bytes.get(skipped..skipped + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(wanted);
        Ok(())
    }
}
