//! The user's own server as the stack: `--stack-config 'command:…'`.

mod log;

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Child;
#[cfg(unix)]
use tokio::process::Command;

use crate::exchange::Secrets;
use crate::upstream::{ErrorKind, Upstream};

use super::exit::Stop;
use super::interrupt::Interrupts;
use super::settings::AppConfig;
use super::socket::{get, quick};
use super::watchdog::Watchdog;
pub(super) use log::Log;

/// The file for the output of the user's server.
const LOG: &str = ".retake/stack.log";
/// How long a server may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// The user's running server.
pub(super) struct App {
    child: Child,
    watchdog: Watchdog,
    /// `http://127.0.0.1:PORT`.
    pub(super) base: String,
    pub(super) log: Log,
}

impl App {
    /// Starts the server and waits until it is ready. `Err` shows the end of its output.
    pub(super) async fn start(
        config: &AppConfig,
        variables: &[(String, String)],
        secrets: &Secrets,
        interrupts: &Interrupts,
    ) -> Result<Self, Stop> {
        let port = free_port().map_err(|error| Stop::internal(format!("no free port: {error}")))?;
        let (log, [output, errors]) = Log::create(Path::new(LOG), secrets)
            .map_err(|error| Stop::usage(format!("cannot write {LOG}: {error}")))?;
        let no_shell = |error| Stop::usage(format!("cannot start a shell: {error}"));
        let mut watchdog = Watchdog::of_group().map_err(no_shell)?;
        #[cfg(windows)]
        super::output::warn(secrets, super::windows::NO_ASKING);
        let text = config.command.replace("{port}", &port.to_string());
        let mut command = shell(&text);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        // Python buffers its output to a file until it ends.
        command.env("PYTHONUNBUFFERED", "1");
        command.env("PORT", port.to_string()).stdin(Stdio::null()).stdout(output).stderr(errors).kill_on_drop(true);
        watchdog.take_in(&mut command);
        let child = command.spawn().map_err(no_shell)?;
        watchdog.started(&child);
        // This drops our ends of the pipe: once the server closes its own, the output has ended.
        drop(command);
        let mut app = App { child, watchdog, base: format!("http://127.0.0.1:{port}"), log };
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
        let text = self.log.since(0);
        let lines: Vec<String> = text.lines().map(|line| format!("    {line}")).collect();
        match lines.is_empty() {
            true => format!("  it printed nothing ({})", self.log.path().display()),
            false => format!("  it printed ({}):\n{}", self.log.path().display(), lines.join("\n")),
        }
    }

    /// Asks the server to end, and kills it if it does not, or if nobody wants to wait.
    pub(super) async fn end(mut self, interrupts: &Interrupts) {
        self.signal(false);
        tokio::select! {
            _ = self.child.wait() => {}
            () = tokio::time::sleep(GRACE) => {}
            () = interrupts.second() => {}
        }
        // The processes that it started end too.
        self.signal(true);
        // A process that cannot be killed is not waited for.
        let _ = self.child.start_kill();
    }

    #[cfg(unix)]
    fn signal(&mut self, kill: bool) {
        use rustix::process::Signal;
        self.watchdog.tell_all(if kill { Signal::KILL } else { Signal::TERM });
    }

    /// There is no signal here by which a program could be asked to end.
    #[cfg(windows)]
    fn signal(&mut self, _kill: bool) {
        self.watchdog.end_all();
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.signal(true);
    }
}

#[cfg(unix)]
fn shell(text: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", text]);
    command
}

#[cfg(windows)]
use super::windows::shell;

/// A port that is free now.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
