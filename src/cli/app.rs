//! The user's own server as the stack: `--stack-config 'command:…'`.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use crate::upstream::{ErrorKind, Upstream};

use super::exit::Stop;
use super::interrupt::Interrupts;
use super::settings::AppConfig;
use super::socket::{get, quick};

/// Where the output of the user's server goes.
const LOG: &str = ".retake/stack.log";
/// How much of the log is shown when the server does not start.
const TAIL: u64 = 2_000;
/// How long a server may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// The user's server while it runs.
pub(super) struct App {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub(super) base: String,
    pub(super) log: PathBuf,
}

impl App {
    /// Starts the server and waits until it is ready. `Err` shows the end of its output.
    pub(super) async fn start(
        config: &AppConfig,
        variables: &[(String, String)],
        interrupts: &Interrupts,
    ) -> Result<Self, Stop> {
        let port = free_port().map_err(|error| Stop::internal(format!("no free port: {error}")))?;
        let log = PathBuf::from(LOG);
        let output = create(&log).map_err(|error| Stop::usage(format!("cannot write {}: {error}", log.display())))?;
        let errors = output.try_clone().map_err(Stop::internal)?;
        let text = config.command.replace("{port}", &port.to_string());
        let mut command = Command::new("sh");
        command.args(["-c", &text]).envs(variables.iter().map(|(name, value)| (name, value)));
        // Python holds back what it prints into a file, until it ends.
        command.env("PYTHONUNBUFFERED", "1");
        command.env("PORT", port.to_string()).stdin(Stdio::null()).stdout(output).stderr(errors).kill_on_drop(true);
        // A group of its own, so that all of it can be ended.
        #[cfg(unix)]
        command.process_group(0);
        let child = command.spawn().map_err(|error| Stop::usage(format!("cannot start a shell: {error}")))?;
        let mut app = App { child, base: format!("http://127.0.0.1:{port}"), log };
        let ready = tokio::select! {
            ready = app.ready(config) => ready.map_err(|why| format!("the stack `{text}` {why}\n{}", app.tail())),
            () = interrupts.first() => {
                app.end(interrupts).await;
                return Err(Stop::interrupted());
            }
        };
        match ready {
            Ok(()) => Ok(app),
            Err(why) => {
                app.end(interrupts).await;
                Err(Stop::usage(why))
            }
        }
    }

    async fn ready(&mut self, config: &AppConfig) -> Result<(), String> {
        let http = quick("your server", &self.base);
        let start = Instant::now();
        let mut last = "no connection".to_owned();
        while start.elapsed() < config.patience {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("ended before it was ready ({status})"));
            }
            match http.send(get(&config.health)).await {
                Ok(reply) if reply.status.is_success() => return Ok(()),
                Ok(reply) => last = format!("it answered {}", reply.status),
                Err(error) if error.kind == ErrorKind::Connect => {}
                Err(error) => last = error.message,
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (health, patience) = (&config.health, config.patience);
        Err(format!(
            "was not ready within {patience:?}: GET {health} gave no 2xx, {last}. It must listen on 127.0.0.1 at $PORT or \
             {{port}}; its health path is set with --stack-health, the time with --stack-timeout"
        ))
    }

    /// The end of the log, each line indented.
    fn tail(&self) -> String {
        let text = Log { path: self.log.clone() }.since(0);
        let lines: Vec<String> = text.lines().map(|line| format!("    {line}")).collect();
        match lines.is_empty() {
            true => format!("  it printed nothing ({})", self.log.display()),
            false => format!("  it printed ({}):\n{}", self.log.display(), lines.join("\n")),
        }
    }

    /// Asks the server to end, and kills it when it does not or nobody wants to wait.
    pub(super) async fn end(mut self, interrupts: &Interrupts) {
        self.signal(false);
        tokio::select! {
            _ = self.child.wait() => return,
            () = tokio::time::sleep(GRACE) => {}
            () = interrupts.second() => {}
        }
        self.signal(true);
        // Who cannot be killed is not waited for.
        let _ = self.child.start_kill();
    }

    #[cfg(unix)]
    fn signal(&mut self, kill: bool) {
        use rustix::process::{Pid, Signal, kill_process_group};
        let group = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(group) = group {
            // Who is gone already needs no signal.
            let _ = kill_process_group(group, if kill { Signal::KILL } else { Signal::TERM });
        }
    }

    #[cfg(not(unix))]
    fn signal(&mut self, _kill: bool) {
        let _ = self.child.start_kill();
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.signal(true);
    }
}

/// What a server prints.
pub(super) struct Log {
    pub(super) path: PathBuf,
}

impl Log {
    /// How much there is by now, in bytes; nothing where it cannot be read.
    pub(super) fn length(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// What came after so many bytes; of much, the end.
    pub(super) fn since(&self, start: u64) -> String {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(&self.path)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(TAIL).max(start)))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
    }
}

/// A port that nobody has now.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn create(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    File::create(path)
}
