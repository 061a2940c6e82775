//! What is done in another way on Windows: how a program is found and started, and how the user says that it is to end.

use std::io;
use std::path::PathBuf;

use tokio::process::Command;
use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close};

/// What a user of `command:` should know: on other systems the server can clean up.
pub(super) const NO_ASKING: &str = "retake: on Windows the server is ended at once, with what it started: there is no signal that asks it to end first";

/// The file that a shell would start. The system itself adds no ending but `.exe`, and npm's programs end with `.cmd`.
pub(super) fn found(program: &str) -> PathBuf {
    // What is not found fails when it is started.
    which::which(program).unwrap_or_else(|_| PathBuf::from(program))
}

/// A command line for the system's shell.
pub(super) fn shell(text: &str) -> Command {
    let mut command = Command::new("cmd");
    // The outer quotes go with /S; all within stays as it was typed.
    command.args(["/D", "/S", "/C"]).raw_arg(format!("\"{text}\""));
    command
}

/// Ctrl-C, Ctrl-Break and the closing of the window.
pub(super) struct Console {
    interrupt: CtrlC,
    stop: CtrlBreak,
    close: CtrlClose,
}

impl Console {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Console { interrupt: ctrl_c()?, stop: ctrl_break()?, close: ctrl_close()? })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.stop.recv() => {}
            _ = self.close.recv() => {}
        }
    }
}
