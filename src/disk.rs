//! Reads the user's files: only regular ones, up to a size, with errors that name the file and the problem.
//!
//! Opening a FIFO waits for a writer that may never come, and a device may have no end. A repository's files come from
//! many people, so each is checked before it is opened, and again afterwards.

use std::fmt;
use std::fs::{self, File, FileType};
use std::io::{self, Read as _};
use std::path::Path;

/// The largest suite, included file or data file, in bytes.
pub(crate) const MOST_TEXT: u64 = 64 << 20;
/// The largest recording, in bytes: twice the largest reply that is recorded.
pub(crate) const MOST_RECORDED: u64 = 2 << 30;

/// The beginning of a file that is a pointer to one in Git LFS.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
const BOM: char = '\u{feff}';

/// Why a file is not read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// There is no file.
    Missing,
    /// It is not a regular file.
    Irregular(&'static str),
    /// Its size in bytes, and the limit that it exceeds.
    TooLarge(u64, u64),
    /// It is a Git LFS pointer, not the file itself.
    LfsPointer,
    /// It is text in UTF-16.
    Utf16,
    /// It is not UTF-8 from this byte on.
    NoUtf8(usize),
    /// The error of the system.
    Io(io::Error),
}

impl Unreadable {
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Unreadable::Missing)
    }
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Unreadable::Missing } else { Unreadable::Io(error) }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Missing => f.write_str("there is no such file"),
            Unreadable::Irregular(what) => {
                write!(f, "it is {what}, and only regular files are read: take it away, or put a file in its place")
            }
            Unreadable::TooLarge(length, most) => {
                write!(f, "it has {length} bytes, and more than {most} are not read")
            }
            Unreadable::LfsPointer => {
                f.write_str("it is a pointer of Git LFS, and the file itself was not fetched: run `git lfs pull`")
            }
            Unreadable::Utf16 => f.write_str("it is UTF-16: save it as UTF-8"),
            Unreadable::NoUtf8(at) => write!(f, "byte {at} is not UTF-8"),
            Unreadable::Io(error) => error.fmt(f),
        }
    }
}

/// An open file and its length.
pub(crate) fn open(path: &Path) -> Result<(File, u64), Unreadable> {
    if let Some(what) = irregular(path)? {
        return Err(Unreadable::Irregular(what));
    }
    open_checked(path)
}

/// Opens a file that was just found to be a regular one.
pub(crate) fn open_checked(path: &Path) -> Result<(File, u64), Unreadable> {
    let mut options = File::options();
    options.read(true);
    // If it has become a FIFO meanwhile, opening it does not wait.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    match kind_of(metadata.file_type()) {
        Some(what) => Err(Unreadable::Irregular(what)),
        None => Ok((file, metadata.len())),
    }
}

/// An open folder, for locking it, syncing it or looking at its files.
pub(crate) fn open_folder(path: &Path) -> io::Result<File> {
    match path.is_dir() {
        true => File::open(path),
        false => Err(io::ErrorKind::NotADirectory.into()),
    }
}

/// The bytes of a file of at most `most` bytes.
pub(crate) fn bytes(path: &Path, most: u64) -> Result<Vec<u8>, Unreadable> {
    bytes_in(open(path)?, most)
}

/// The text of a file of at most `most` bytes.
pub(crate) fn text(path: &Path, most: u64) -> Result<String, Unreadable> {
    text_in(open(path)?, most)
}

fn bytes_in((file, length): (File, u64), most: u64) -> Result<Vec<u8>, Unreadable> {
    if length > most {
        return Err(Unreadable::TooLarge(length, most));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    // The file may grow while it is read.
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(Unreadable::TooLarge(bytes.len() as u64, most));
    }
    Ok(bytes)
}

/// The text of an open file of at most `most` bytes.
pub(crate) fn text_in(file: (File, u64), most: u64) -> Result<String, Unreadable> {
    checked(bytes_in(file, most)?)
}

/// The bytes of a file as a text, if they are one.
pub(crate) fn checked(bytes: Vec<u8>) -> Result<String, Unreadable> {
    if bytes.starts_with(LFS_POINTER) {
        return Err(Unreadable::LfsPointer);
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Unreadable::Utf16);
    }
    String::from_utf8(bytes).map_err(|error| Unreadable::NoUtf8(error.utf8_error().valid_up_to()))
}

/// What a path is, if it exists and is not a regular file; links are followed.
pub(crate) fn irregular(path: &Path) -> io::Result<Option<&'static str>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(kind_of(metadata.file_type())),
        Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_ok() => {
            Ok(Some("a link to a file that is not there"))
        }
        Err(error) => Err(error),
    }
}

fn kind_of(kind: FileType) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        let special = [
            (kind.is_fifo(), "a FIFO (named pipe)"),
            (kind.is_socket(), "a socket"),
            (kind.is_block_device() || kind.is_char_device(), "a device"),
        ];
        if let Some((_, what)) = special.into_iter().find(|(is, _)| *is) {
            return Some(what);
        }
    }
    match (kind.is_file(), kind.is_dir()) {
        (true, _) => None,
        (_, true) => Some("a folder"),
        _ => Some("no regular file"),
    }
}

/// What git or an editor did to a text that cannot be parsed: the line, and the problem.
pub(crate) fn spoilt(text: &str) -> Option<(usize, &'static str)> {
    if text.starts_with(BOM) {
        return Some((1, "the file begins with a byte order mark (BOM): save it as UTF-8 without one"));
    }
    conflict(text).map(|line| (line, CONFLICT))
}

pub(crate) const CONFLICT: &str = "git's conflict markers stand here: resolve the conflict, or take the file of one side \
                                   (`git checkout --ours -- FILE`, or `--theirs`)";

/// The line of git's first conflict marker, if all three kinds of markers are there, each at the start of a line. Text
/// within quotes, as in a CSV file, is no marker.
pub(crate) fn conflict(text: &str) -> Option<usize> {
    if !text.starts_with("<<<<<<< ") && !text.contains("\n<<<<<<< ") {
        return None;
    }
    let lines = || text.lines().zip(1..);
    let (mut first, mut quotes) = (None, 0);
    for (line, number) in lines() {
        if line.starts_with("<<<<<<< ") && quotes % 2 == 0 {
            first = Some(number);
            break;
        }
        quotes += line.matches('"').count();
    }
    let first = first?;
    let mut after = lines().skip(first).map(|(line, _)| line);
    let is_whole = after.any(|line| line == "=======") && after.any(|line| line.starts_with(">>>>>>> "));
    is_whole.then_some(first)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn said(path: &Path) -> String {
        text(path, 100).map_or_else(|why| why.to_string(), |text| format!("read: {text}"))
    }

    #[test]
    fn what_is_no_text_of_a_regular_file_is_called_by_its_name() {
        let root = TempDir::new().unwrap();
        let path = root.path().join("file");
        assert_eq!(said(&path), "there is no such file");
        assert!(said(root.path()).contains("a folder"));
        for (bytes, why) in [
            (&b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 1\n"[..], "git lfs pull"),
            (b"\xff\xfe{\0}\0", "UTF-16"),
            (b"{\xff}", "byte 1 is not UTF-8"),
            (&[b'x'; 101], "it has 101 bytes, and more than 100"),
            (b"fine", "read: fine"),
        ] {
            fs::write(&path, bytes).unwrap();
            assert!(said(&path).contains(why), "{}", said(&path));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_a_device_and_a_link_to_nothing_are_never_opened() {
        use std::os::unix::fs::symlink;
        use std::os::unix::net::UnixListener;
        let root = TempDir::new().unwrap();
        let at = |name: &str| root.path().join(name);
        assert!(std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
        let _socket = UnixListener::bind(at("socket")).unwrap();
        symlink("/dev/zero", at("zero")).unwrap();
        symlink("fifo", at("to-fifo")).unwrap();
        symlink("nowhere", at("nothing")).unwrap();
        for (name, what) in [
            ("fifo", "a FIFO"),
            ("to-fifo", "a FIFO"),
            ("socket", "a socket"),
            ("zero", "a device"),
            ("nothing", "a link to a file that is not there"),
        ] {
            assert!(said(&at(name)).contains(what), "{name}: {}", said(&at(name)));
        }
    }

    #[test]
    fn conflict_markers_are_told_from_texts_about_them() {
        let conflict_of = |text: &str| conflict(&text.replace('|', "\n"));
        assert_eq!(conflict_of("{|<<<<<<< HEAD|1|=======|2|>>>>>>> other|}"), Some(2));
        assert_eq!(conflict_of("<<<<<<< HEAD|=======|>>>>>>> other"), Some(1));
        assert_eq!(conflict_of("id,text|1,\"what is this:|<<<<<<< HEAD|a|=======|b|>>>>>>> x|\""), None);
        assert_eq!(conflict_of("- text: |  <<<<<<< HEAD|  =======|  >>>>>>> x"), None);
        assert_eq!(conflict_of("<<<<<<< HEAD|only the first"), None);
    }
}
