//! The output of the user's server: in a file that only its owner can read, without secrets.

use std::fs::{self, File};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use crate::cli::output::Scrubbed;
use crate::disk;
use crate::exchange::Secrets;

/// How much of the log is shown when the server does not start.
const TAIL: u64 = 2_000;

/// The output of a server, line by line.
#[derive(Clone)]
pub(in crate::cli) struct Log(Arc<Inner>);

struct Inner {
    path: PathBuf,
    #[cfg(unix)]
    pipe: tokio::net::unix::pipe::Receiver,
    file: Mutex<Scrubbed<File>>,
}

impl Log {
    /// Starts the file anew. Also returns the server's stdout and stderr. A task reads this output until the server
    /// ends.
    pub(super) fn create(path: &Path, secrets: &Secrets) -> io::Result<(Self, [Stdio; 2])> {
        let file = Mutex::new(Scrubbed::new(create(path)?, secrets.clone()));
        let (reader, writer) = io::pipe()?;
        let ends = [Stdio::from(writer.try_clone()?), Stdio::from(writer)];
        let path = path.to_owned();
        #[cfg(unix)]
        let log = {
            let pipe = tokio::net::unix::pipe::Receiver::from_owned_fd(reader.into())?;
            let log = Log(Arc::new(Inner { path, pipe, file }));
            tokio::spawn(log.clone().follow());
            log
        };
        #[cfg(windows)]
        let log = {
            let log = Log(Arc::new(Inner { path, file }));
            let theirs = log.clone();
            std::thread::spawn(move || theirs.take(reader));
            log
        };
        Ok((log, ends))
    }

    pub(in crate::cli) fn path(&self) -> &Path {
        &self.0.path
    }

    /// Reads the output until no process can write to it any more.
    #[cfg(unix)]
    async fn follow(self) {
        while self.0.pipe.readable().await.is_ok() {
            if self.take_what_came() {
                return;
            }
        }
    }

    /// Reads the output that has come by now: what belongs to a case must not depend on when the task runs. Returns
    /// whether the output has ended.
    #[cfg(unix)]
    fn take_what_came(&self) -> bool {
        let mut file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = [0; 16 << 10];
        loop {
            match self.0.pipe.try_read(&mut bytes) {
                Ok(0) => {
                    let _ = file.flush();
                    return true;
                }
                // If the disk is full, the server must not wait for ever.
                Ok(length) => drop(file.write_all(&bytes[..length])),
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            }
        }
    }

    #[cfg(windows)]
    fn take_what_came(&self) -> bool {
        false
    }

    #[cfg(windows)]
    fn take(&self, mut pipe: impl Read) {
        let mut bytes = [0; 16 << 10];
        while let Ok(length @ 1..) = pipe.read(&mut bytes) {
            let _ = self.0.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&bytes[..length]);
        }
        let _ = self.0.file.lock().unwrap_or_else(PoisonError::into_inner).flush();
    }

    /// The size of the log in bytes; 0 if it cannot be read.
    pub(in crate::cli) fn length(&self) -> u64 {
        self.take_what_came();
        fs::metadata(&self.0.path).map_or(0, |metadata| metadata.len())
    }

    /// The output after this many bytes; if it is long, only its end.
    pub(in crate::cli) fn since(&self, start: u64) -> String {
        self.take_what_came();
        let read = || -> Result<Vec<u8>, disk::Unreadable> {
            let (mut file, length) = disk::open(&self.0.path)?;
            file.seek(SeekFrom::Start(length.saturating_sub(TAIL).max(start)))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
    }
}

fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // An existing file may belong to somebody else, or be readable for everyone.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
