//! The two nouns of a whole-program test: a folder of the user's, and a command typed in it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use tempfile::TempDir;

/// Where the package lies.
pub(crate) fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder of the user's.
pub(crate) struct Dir(TempDir);

impl Dir {
    pub(crate) fn new() -> Self {
        Dir(TempDir::new().expect("a temporary folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, folders included.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// A copy of a folder of the package.
    pub(crate) fn copy(&self, name: &str) {
        copy(&package().join(name), &self.path().join(name));
    }

    /// Every file below, by its path from here, with its bytes; not what a folder of recordings tells git.
    pub(crate) fn files(&self, below: &str) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        list(&self.path().join(below), self.path(), &mut found);
        found.sort();
        found
    }

    /// `retake WORDS…` typed here.
    pub(crate) fn retake(&self, words: &str) -> TestCommand {
        TestCommand::new(self.path(), words)
    }
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

fn list(folder: &Path, root: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            list(&path, root, found);
        } else if !path.ends_with(".gitattributes") {
            let name = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
            found.push((name, std::fs::read(&path).expect("a file")));
        }
    }
}

/// A command of the user's, in an environment without keys, colours or settings.
pub(crate) struct TestCommand(pub(crate) Command);

impl TestCommand {
    pub(crate) fn new(folder: &Path, words: &str) -> Self {
        TestCommand::of(env!("CARGO_BIN_EXE_retake"), folder, words)
    }

    /// Another program than `retake`.
    pub(crate) fn of(program: &str, folder: &Path, words: &str) -> Self {
        let mut command = Command::new(program);
        command.current_dir(folder).args(words.split_whitespace()).stdin(Stdio::null());
        for (name, _) in std::env::vars() {
            let ours = name.starts_with("RETAKE_") || name.ends_with("_API_KEY") || name.starts_with("NEXTEST");
            if ours
                || ["CI", "BUILD_NUMBER", "COLUMNS", "FORCE_COLOR", "PY_COLORS", "NO_COLOR"].contains(&name.as_str())
            {
                command.env_remove(name);
            }
        }
        // The user's own state stays as it is.
        command.env("RETAKE_STATE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/state"));
        TestCommand(command)
    }

    /// More words.
    pub(crate) fn args(mut self, words: &str) -> Self {
        self.0.args(words.split_whitespace());
        self
    }

    /// One more word, spaces and all.
    pub(crate) fn arg(mut self, word: &str) -> Self {
        self.0.arg(word);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(mut self) -> Ran {
        Ran::from(self.0.output().expect("the program starts"))
    }
}

/// A program that runs until the test ends.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) port: u16,
    out: BufReader<ChildStdout>,
}

impl Running {
    /// Starts `retake WORDS…` and waits for its `READY http://127.0.0.1:PORT`.
    pub(crate) fn start(folder: &Path, words: &str) -> Self {
        Running::with(TestCommand::new(folder, words))
    }

    /// The same with a command that is prepared already.
    pub(crate) fn with(command: TestCommand) -> Self {
        let mut command = command.0;
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
        assert!(line.starts_with("READY http://127.0.0.1:"), "{line}");
        Running { child, port: port.expect("a port"), out }
    }

    /// The next line that it writes.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// Where a path of it is.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the program answers");
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .expect("the program answers");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("the program answers");
        reply
    }

    /// Tells it to end, and waits until it has: everything is written then.
    pub(crate) fn end(self) {
        self.ends(0);
    }

    /// The same where it has something to complain of.
    pub(crate) fn ends(mut self, code: i32) {
        let told = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill");
        assert!(told.success());
        assert_eq!(self.child.wait().expect("it ends").code(), Some(code));
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the program answers");
        self.child.wait().expect("the program answers");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that has ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// Demands an exit code, and shows everything when it is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Demands words on stdout or stderr.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        let all = format!("{}\n{}", self.stdout, self.stderr);
        assert!(all.contains(words), "no {words:?} in\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// The last line without its time: `= 30 passed, 17 skipped =`.
    pub(crate) fn last_line(&self) -> String {
        let line = self.stdout.lines().last().unwrap_or_default().trim_matches(['=', ' ']);
        line.split(" in ").next().unwrap_or_default().to_owned()
    }

    /// Case id → word, from the lines of the report.
    pub(crate) fn outcomes(&self) -> Vec<(String, String)> {
        let words = ["PASSED", "FAILED", "SKIPPED", "XFAIL", "XPASS", "ERROR", "FLAKY"];
        let line_of = |line: &str| {
            let (id, rest) = line
                .split_once("] ")
                .map(|(id, rest)| (format!("{id}]"), rest))
                .or_else(|| line.split_once(' ').map(|(id, rest)| (id.to_owned(), rest)))?;
            let word = rest.split([' ', '[']).next()?;
            (id.contains("::") && words.contains(&word)).then(|| (id, word.to_owned()))
        };
        let mut found: Vec<_> = self.stdout.lines().filter_map(line_of).collect();
        found.sort();
        found
    }
}
