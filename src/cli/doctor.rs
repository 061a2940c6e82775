//! `retake doctor`: what is set up on this machine, tried and not guessed.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};
use std::thread;

use tempfile::TempDir;

use super::args::DoctorArgs;
use super::exit::{Exit, Stop};
use super::intercept::state;
use super::settings::Sourcing;
use super::{load, output, retired, settings};
use crate::authority;
use crate::exchange::Secrets;

/// A request to a provider that no recording answers: whoever sees retake's refusal came to the proxy, and trusted it.
const ASKED: &str = "https://api.openai.com/v1/models";
/// The status of that refusal.
const REFUSED: &str = "424";

/// A client that is tried: its program, how it tells its version, and a request with it that prints the status.
struct Client {
    name: &'static str,
    version: &'static [&'static str],
    ask: &'static [&'static str],
}

const CLIENTS: [Client; 3] = [
    Client { name: "python3", version: &["python3", "-c", PYTHON_VERSIONS], ask: &["python3", "-c", PYTHON] },
    Client { name: "node", version: &["node", "--version"], ask: &["node", "-e", NODE] },
    Client {
        name: "curl",
        version: &["curl", "--version"],
        ask: &["curl", "--silent", "--show-error", "--output", NOWHERE, "--write-out", "%{http_code}", ASKED],
    },
];

const NOWHERE: &str = if cfg!(windows) { "NUL" } else { "/dev/null" };
const PYTHON: &str = "import urllib.error, urllib.request\n\
                      try:\n    print(urllib.request.urlopen('https://api.openai.com/v1/models').status)\n\
                      except urllib.error.HTTPError as error:\n    print(error.code)\n\
                      except Exception as error:\n    print(error)\n";
const PYTHON_VERSIONS: &str = "import importlib.metadata, sys\n\
                               print('%d.%d.%d' % sys.version_info[:3])\n\
                               for name in ('pytest', 'retake-llm', 'openai'):\n\
                               \x20   try: print(name, importlib.metadata.version(name))\n\
                               \x20   except Exception: pass\n";
const NODE: &str = "fetch('https://api.openai.com/v1/models').then((r) => console.log(r.status), \
                    (e) => console.log(e.cause?.message || e.message))";

/// How one client fared.
struct Tried {
    name: &'static str,
    /// `None`: it is not installed.
    versions: Option<String>,
    /// `Err`: what it said instead of the status of the refusal.
    trusts: Result<(), String>,
}

/// Tells what is set up. It exits with 1 if a client that is installed does not come to the proxy or does not trust it.
pub(super) fn run(args: &DoctorArgs) -> Result<Exit, Stop> {
    let mut out = String::new();
    let program = std::env::current_exe().map_err(Stop::internal)?;
    let _ = writeln!(out, "retake {} at {}", env!("CARGO_PKG_VERSION"), program.display());
    for (what, folder) in [("suites", &args.suites), ("recordings", &args.recordings)] {
        let _ = writeln!(out, "{what}: {}", told_of_folder(folder));
    }
    out.push_str(&certificate());
    let parties = load::parties_of(&args.suites, settings::color(None))?;
    out.push_str(&keys(
        parties
            .catalogue
            .providers
            .iter()
            .filter_map(|provider| Some((provider.name.as_str(), provider.key.as_deref()?))),
    ));
    let own = parties.setups.iter().filter(|setup| !setup.by_name_only);
    for line in retired::lines(own, &parties.catalogue, retired::today()) {
        let _ = writeln!(out, "{line}");
    }
    for (port, whose) in [(8321, "retake stack"), (8322, "retake serve")] {
        let is_free = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        let _ =
            writeln!(out, "port {port} ({whose}): {}", if is_free { "free" } else { "taken; --port names another" });
    }
    let nothing = TempDir::new().map_err(Stop::internal)?;
    let running: Vec<_> = CLIENTS
        .map(|client| {
            let (program, folder) = (program.clone(), nothing.path().to_owned());
            thread::spawn(move || tried(&client, &program, &folder))
        })
        .into();
    let mut is_well = true;
    for client in running {
        let tried = client.join().map_err(|_| Stop::internal("a client could not be tried"))?;
        is_well &= tried.versions.is_none() || tried.trusts.is_ok();
        out.push_str(&tried.line());
    }
    output::print(&Secrets::default(), &out)?;
    Ok(if is_well { Exit::Ok } else { Exit::Failed })
}

fn told_of_folder(folder: &std::path::Path) -> String {
    let mut files = Vec::new();
    match folder.is_dir().then(|| load::walk(folder, &mut files)) {
        None => format!("no folder {}", folder.display()),
        Some(Err(stop)) => stop.message,
        Some(Ok(())) => format!("{} ({} files)", folder.display(), files.len()),
    }
}

fn certificate() -> String {
    let Some(folder) = state() else {
        return "certificate: made for each run, because this user has no home\n".to_owned();
    };
    let file = authority::certificate_in(&folder);
    match file.exists() {
        true => format!("certificate: {}\n", file.display()),
        false => format!("certificate: none yet; the first `retake run` makes it in {}\n", folder.display()),
    }
}

/// Which providers' keys are in the environment; their values are shown nowhere.
fn keys<'a>(providers: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let is_set = |variable: &str| Sourcing::inherited(variable).is_some_and(|value| !value.trim().is_empty());
    let (set, unset): (Vec<_>, Vec<_>) = providers.partition(|(_, variable)| is_set(variable));
    let named = |all: Vec<(&str, &str)>| match all.is_empty() {
        true => "none".to_owned(),
        false => all.iter().map(|(name, variable)| format!("{name} ({variable})")).collect::<Vec<_>>().join(", "),
    };
    format!("keys: {}\n  without: {}\n", named(set), named(unset))
}

fn tried(client: &Client, program: &std::path::Path, nothing: &std::path::Path) -> Tried {
    let name = client.name;
    let Some(versions) = said(&mut command(client.version)) else {
        return Tried { name, versions: None, trusts: Ok(()) };
    };
    // curl adds the versions of its libraries.
    let versions: Vec<&str> = versions.lines().map(|line| line.split(" (").next().unwrap_or(line)).collect();
    let versions = &versions[..if name == "curl" { 1 } else { versions.len() }];
    let mut run = Command::new(program);
    run.args(["run", "--mode", "replay", "--recordings"]).arg(nothing).arg("--").args(client.ask);
    // What the user has set for other runs is not what is tried.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RETAKE_") && name != "RETAKE_STATE_DIR" {
            run.env_remove(name);
        }
    }
    let answer = output_of(&mut run).unwrap_or_else(|| "it did not start".to_owned());
    let trusts = if answer.lines().any(|line| line.trim() == REFUSED) { Ok(()) } else { Err(answer) };
    Tried { name, versions: Some(versions.join(", ")), trusts }
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

/// What a command that succeeds writes to stdout.
fn said(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What a command writes, whatever becomes of it.
fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let said = if out.trim().is_empty() { err } else { out };
    Some(said.trim().to_owned())
}

impl Tried {
    fn line(&self) -> String {
        let Some(versions) = &self.versions else { return format!("{}: not found\n", self.name) };
        match &self.trusts {
            Ok(()) => format!("{} ({versions}): comes to the proxy, and trusts it\n", self.name),
            Err(said) => {
                let said = said.lines().next().unwrap_or("nothing");
                format!("{} ({versions}): does not come to the proxy, or does not trust it: {said}\n", self.name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_fails_is_told_with_its_own_words() {
        let tried = |trusts| Tried { name: "node", versions: Some("v24".to_owned()), trusts };
        assert_eq!(tried(Ok(())).line(), "node (v24): comes to the proxy, and trusts it\n");
        let said = tried(Err("self-signed certificate\nmore".to_owned())).line();
        assert!(said.ends_with("does not trust it: self-signed certificate\n"), "{said}");
        assert_eq!(Tried { name: "node", versions: None, trusts: Ok(()) }.line(), "node: not found\n");
    }
}
