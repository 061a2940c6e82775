//! Bytes that wait to be recorded: in memory while there is room, else in one temporary file for all replies.
//!
//! If the system allows, the file has no name: nobody else can open it, and nothing is left when the program is killed.
//! There is one file for all, so that a thousand replies at once do not need a thousand descriptors.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use crate::exchange::ReadAt;

/// The size of the file's blocks. For each reply, less than one block always stays in memory, however little room there
/// is.
const BLOCK: usize = 16 << 10;
/// How many of all waiting bytes stay in memory.
const MOST_IN_MEMORY: usize = 16 << 20;
/// How many bytes of one reply stay in memory.
const MOST_OF_ONE: usize = 256 << 10;
/// The largest size of the file in bytes: it must not fill a disk.
const MOST_ON_DISK: u64 = 8 << 30;

/// The place where bytes wait.
#[derive(Debug, Default)]
pub(super) struct Spool {
    in_memory: AtomicUsize,
    /// Locked while the disk works, so never on a thread that relays.
    disk: Mutex<Disk>,
    turns: Turns,
}

/// Lets one write at a time; those that wait need no thread of their own.
#[derive(Debug)]
struct Turns(Semaphore);

impl Default for Turns {
    fn default() -> Self {
        Turns(Semaphore::new(1))
    }
}

#[derive(Debug, Default)]
struct Disk {
    file: Option<File>,
    /// The number of blocks in the file, free ones included.
    blocks: u32,
    free: Vec<u32>,
}

impl Spool {
    /// Reserves room in memory, if there is any.
    fn reserve(&self, bytes: usize) -> bool {
        let more = |held: usize| held.checked_add(bytes).filter(|held| *held <= MOST_IN_MEMORY);
        self.in_memory.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Writes whole blocks.
    fn write(&self, bytes: &[u8]) -> io::Result<Vec<u32>> {
        let mut disk = self.lock();
        let mut taken = Vec::with_capacity(bytes.len() / BLOCK);
        for block in bytes.chunks(BLOCK) {
            match disk.write(block) {
                Ok(at) => taken.push(at),
                Err(error) => {
                    disk.release(&taken);
                    return Err(error);
                }
            }
        }
        Ok(taken)
    }

    fn read(&self, blocks: &[u32], out: &mut Vec<u8>) -> io::Result<()> {
        let mut disk = self.lock();
        let Some(file) = &mut disk.file else { return Ok(()) };
        for at in blocks {
            let start = out.len();
            out.resize(start + BLOCK, 0);
            file.seek(place(*at))?;
            file.read_exact(&mut out[start..])?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    fn write(&mut self, block: &[u8]) -> io::Result<u32> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile()?),
        };
        let at = match self.free.pop() {
            Some(at) => at,
            None if u64::from(self.blocks) * BLOCK as u64 >= MOST_ON_DISK => {
                let why = format!("more than {} GiB wait to be recorded", MOST_ON_DISK >> 30);
                return Err(io::Error::other(why));
            }
            None => {
                self.blocks += 1;
                self.blocks - 1
            }
        };
        let written = file.seek(place(at)).and_then(|_| file.write_all(block));
        if let Err(error) = written {
            self.free.push(at);
            return Err(error);
        }
        Ok(at)
    }

    fn release(&mut self, blocks: &[u32]) {
        self.free.extend_from_slice(blocks);
        if self.free.len() == self.blocks as usize && self.blocks > 0 {
            self.free = Vec::new();
            self.blocks = 0;
            // If the file cannot be truncated, its blocks are used again.
            let _ = self.file.as_ref().map(|file| file.set_len(0));
        }
    }
}

fn place(block: u32) -> SeekFrom {
    SeekFrom::Start(u64::from(block) * BLOCK as u64)
}

/// Waiting bytes, in order. Dropping them frees their room.
#[derive(Debug)]
pub(super) struct Spooled {
    spool: Arc<Spool>,
    blocks: Vec<u32>,
    tail: Vec<u8>,
    reserved: usize,
}

impl Spooled {
    pub(super) fn new(spool: &Arc<Spool>) -> Self {
        Spooled { spool: Arc::clone(spool), blocks: Vec::new(), tail: Vec::new(), reserved: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.blocks.len() * BLOCK + self.tail.len()
    }

    /// Adds bytes. Without room in memory, it waits for the disk, on a thread of its own.
    pub(super) async fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.tail.extend_from_slice(bytes);
        if self.tail.len() <= MOST_OF_ONE && self.spool.reserve(bytes.len()) {
            self.reserved += bytes.len();
            return Ok(());
        }
        let whole = self.tail.len() / BLOCK * BLOCK;
        if whole == 0 {
            return Ok(());
        }
        let (spool, full) = (Arc::clone(&self.spool), std::mem::take(&mut self.tail));
        let write = move || {
            let blocks = spool.write(&full[..whole])?;
            Ok::<_, io::Error>((blocks, full[whole..].to_vec()))
        };
        let turns = Arc::clone(&self.spool);
        let _turn = turns.turns.0.acquire().await;
        let (blocks, tail) = tokio::task::spawn_blocking(write).await.map_err(io::Error::other)??;
        self.blocks.extend(blocks);
        self.tail = tail;
        self.give_back();
        Ok(())
    }

    /// All bytes. Blocks if some of them are on disk.
    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        let mut all = Vec::with_capacity(self.len());
        self.spool.read(&self.blocks, &mut all)?;
        all.extend_from_slice(&self.tail);
        Ok(all)
    }

    fn give_back(&mut self) {
        self.spool.in_memory.fetch_sub(std::mem::take(&mut self.reserved), Ordering::Relaxed);
    }
}

impl ReadAt for Spooled {
    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        let on_disk = self.blocks.len() * BLOCK;
        let mut at = usize::try_from(at).unwrap_or(usize::MAX);
        let mut left = out;
        let mut block = Vec::new();
        while !left.is_empty() {
            let bytes = if at < on_disk {
                block.clear();
                self.spool.read(&self.blocks[at / BLOCK..=at / BLOCK], &mut block)?;
                &block[at % BLOCK..]
            } else {
                self.tail.get(at - on_disk..).filter(|rest| !rest.is_empty()).ok_or(io::ErrorKind::UnexpectedEof)?
            };
            let length = bytes.len().min(left.len());
            left[..length].copy_from_slice(&bytes[..length]);
            left = &mut left[length..];
            at += length;
        }
        Ok(())
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        self.give_back();
        if !self.blocks.is_empty() {
            self.spool.lock().release(&self.blocks);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: usize, first: u8) -> Vec<u8> {
        (0..length).map(|at| first.wrapping_add((at / 7) as u8)).collect()
    }

    async fn filled(spool: &Arc<Spool>, all: &[u8], piece: usize) -> Spooled {
        let mut spooled = Spooled::new(spool);
        for piece in all.chunks(piece) {
            spooled.push(piece).await.unwrap();
        }
        spooled
    }

    #[tokio::test]
    async fn bytes_come_back_as_they_were_whether_they_waited_in_memory_or_not() {
        let spool = Arc::<Spool>::default();
        for (length, piece) in [(0, 1), (1, 1), (BLOCK, 100), (MOST_OF_ONE, 5_000), (3 * MOST_OF_ONE + 5, 70_000)] {
            let all = bytes(length, 3);
            let spooled = filled(&spool, &all, piece).await;
            assert_eq!((spooled.len(), !spooled.blocks.is_empty()), (length, length > MOST_OF_ONE));
            assert_eq!(spooled.read().unwrap(), all);
        }
    }

    #[tokio::test]
    async fn what_waits_takes_no_more_memory_than_it_may_and_leaves_the_file_empty() {
        let spool = Arc::<Spool>::default();
        let each = MOST_OF_ONE / 2;
        let mut waiting = Vec::new();
        for number in 0..200_u8 {
            waiting.push(filled(&spool, &bytes(each, number), 4_000).await);
        }
        assert!(spool.in_memory.load(Ordering::Relaxed) <= MOST_IN_MEMORY);
        let held: usize = waiting.iter().map(|spooled| spooled.tail.len()).sum();
        assert!(held <= MOST_IN_MEMORY + waiting.len() * BLOCK, "{held}");
        for (number, spooled) in (0..).zip(&waiting) {
            assert_eq!(spooled.read().unwrap(), bytes(each, number));
        }
        // Freed blocks are used again.
        let blocks = spool.lock().blocks;
        waiting.drain(150..);
        for number in 150..200_u8 {
            waiting.push(filled(&spool, &bytes(each, number), 4_000).await);
        }
        assert!(spool.lock().blocks <= blocks);
        assert_eq!(waiting[199].read().unwrap(), bytes(each, 199));
        drop(waiting);
        let disk = spool.lock();
        assert_eq!((spool.in_memory.load(Ordering::Relaxed), disk.blocks, disk.free.len()), (0, 0, 0));
        assert_eq!(disk.file.as_ref().unwrap().metadata().unwrap().len(), 0);
    }
}
