//! All output of the program goes through here, so that no secret is printed.

use std::io::{self, Write};

use crate::exchange::Secrets;

use super::exit::Stop;
use super::settings;
use super::shield::Shield;

/// A writer that removes secrets from lines, and commands to a runner of GitHub. A line that is flushed before its end is
/// scrubbed as far as it goes.
pub(super) struct Scrubbed<W> {
    out: W,
    secrets: Secrets,
    shield: Option<Shield>,
    held: Vec<u8>,
}

impl<W: Write> Scrubbed<W> {
    pub(super) fn new(out: W, secrets: Secrets) -> Self {
        Scrubbed { out, secrets, shield: settings::is_on_github().then(Shield::default), held: Vec::new() }
    }

    fn release(&mut self, length: usize) -> io::Result<()> {
        let scrubbed = self.secrets.bytes(&self.held[..length]);
        let written = match &mut self.shield {
            Some(shield) => self.out.write_all(shield.over(&String::from_utf8_lossy(&scrubbed)).as_bytes()),
            None => self.out.write_all(&scrubbed),
        };
        self.held.drain(..length);
        written
    }
}

impl<W: Write> Write for Scrubbed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if let Some(end) = self.held.iter().rposition(|byte| *byte == b'\n') {
            self.release(end + 1)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.release(self.held.len())?;
        self.out.flush()
    }
}

/// Runs a command with its secrets known: its error and the messages of its panics contain none of them.
pub(super) fn guarded<T>(secrets: &Secrets, work: impl FnOnce() -> Result<T, Stop>) -> Result<T, Stop> {
    hush_panics(secrets);
    work().map_err(|stop| stop.without(secrets))
}

impl Stop {
    fn without(self, secrets: &Secrets) -> Self {
        Stop { message: secrets.text(&self.message), ..self }
    }
}

/// Removes secrets from the messages of panics from now on.
pub(super) fn hush_panics(secrets: &Secrets) {
    let secrets = secrets.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let is_ours = panic.location().is_some_and(|place| is_of_retake(place.file()));
        let whose = if is_ours { "\nThis is a bug in retake." } else { "" };
        warn(&secrets, &format!("{panic}{whose}"));
    }));
}

/// Whether a source file belongs to this crate, by the compiler's path; a project's own matchers do not.
fn is_of_retake(file: &str) -> bool {
    let sources = file!().trim_end_matches("cli/output.rs").trim_end_matches(r"cli\output.rs");
    file.starts_with(sources)
}

/// Prints text for people to stdout, line by line without secrets and commands. If nobody reads it, that is no failure.
pub(super) fn say(secrets: &Secrets, text: &str) -> Result<(), Stop> {
    let mut out = Scrubbed::new(io::stdout(), secrets.clone());
    printed(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Prints text for programs to stdout unchanged but for secrets. If nobody reads it (`| head`), that is no failure.
pub(super) fn print(secrets: &Secrets, text: &str) -> Result<(), Stop> {
    let mut out = io::stdout();
    printed(out.write_all(secrets.text(text).as_bytes()).and_then(|()| out.flush()))
}

fn printed(written: io::Result<()>) -> Result<(), Stop> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Stop::internal(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints a line to stderr. A closed stderr neither ends the program nor changes its exit code.
pub(super) fn warn(secrets: &Secrets, text: &str) {
    let text = secrets.text(text);
    let text = if settings::is_on_github() { Shield::default().over(&text).into_owned() } else { text };
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubbed() -> Scrubbed<Vec<u8>> {
        Scrubbed::new(Vec::new(), Secrets::new([("A_KEY".to_owned(), "sk-canary-1".to_owned())]))
    }

    #[test]
    fn a_secret_in_two_writes_is_found() {
        let mut out = scrubbed();
        out.write_all(b"it was sk-can").unwrap();
        out.write_all(b"ary-1, you see\nand").unwrap();
        assert_eq!(String::from_utf8_lossy(&out.out), "it was $A_KEY, you see\n");
        out.flush().unwrap();
        assert_eq!(String::from_utf8_lossy(&out.out), "it was $A_KEY, you see\nand");
    }

    #[test]
    fn only_our_own_panics_are_our_fault() {
        assert!(is_of_retake(file!()));
        assert!(!is_of_retake("tests/integration.rs") && !is_of_retake("/registry/tokio/src/runtime.rs"));
    }

    #[test]
    fn what_ends_a_command_holds_no_secret() {
        let secrets = scrubbed().secrets;
        assert_eq!(Stop::usage("no such thing: sk-canary-1").without(&secrets).message, "no such thing: $A_KEY");
    }
}
