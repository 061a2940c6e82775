//! The meaning of the arguments and of the environment: only this module reads the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use libtest_mimic::ColorSetting;

use crate::exchange::Secrets;
use crate::provider::{Catalogue, Manners, Setup};
use crate::record::{MOST_RECORDED, Mode, Size};
use crate::report::quote;
use crate::spelling::nearest;
use crate::upstream::{secrets_in, without_secrets};

use super::args::{LiveArgs, RunArgs, SelectArgs, SourceArgs};
use super::exit::Stop;
use super::load::{read, unknown};
use super::near;

/// What the clients of a run call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StackChoice {
    /// The gateway in this process, without a socket.
    InProcess,
    /// The gateway on a loopback port, started here or running already.
    Server(u16),
    /// The provider itself.
    Direct,
    /// A server that already runs.
    Url(String),
    /// The user's own server, started for the run.
    Command(AppConfig),
}

/// How to start the user's server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AppConfig {
    /// A shell command; `{port}` in it is the port to listen on, which is also in `$PORT`.
    pub(super) command: String,
    /// A path that answers with 2xx once the server is ready.
    pub(super) health: String,
    /// How long the server may take to become ready.
    pub(super) patience: Duration,
}

impl StackChoice {
    pub(super) fn of(args: &RunArgs) -> Result<Self, Stop> {
        let Some(command) = args.stack_config.strip_prefix("command:") else { return Self::parse(&args.stack_config) };
        let wrong = |why: &str| Err(Stop::usage(format!("--stack-config {}: {why}", args.stack_config)));
        if command.trim().is_empty() {
            return wrong("the command that starts your server is missing, as in `command:python3 app.py`");
        }
        if args.workers > 1 {
            return wrong(
                "requests of your server do not say for which case they are: cases run one at a time, so leave -n out",
            );
        }
        if !args.stack_health.starts_with('/') {
            return Err(Stop::usage(format!("--stack-health {}: a path begins with `/`", args.stack_health)));
        }
        Ok(StackChoice::Command(AppConfig {
            command: command.trim().to_owned(),
            health: args.stack_health.clone(),
            patience: args.stack_timeout,
        }))
    }

    /// Whether cases use paths as they are written, without features of retake's own gateway.
    pub(super) fn is_bare(&self) -> bool {
        matches!(self, StackChoice::Direct | StackChoice::Command(_))
    }

    fn parse(text: &str) -> Result<Self, Stop> {
        let wrong = |why: &str| {
            Stop::usage(format!(
                "--stack-config {text}: {why}\n  it is one of: ci-tests, server:ci-tests, server:ci-tests:PORT, direct, a URL, or command:COMMAND"
            ))
        };
        match text.split(':').collect::<Vec<_>>().as_slice() {
            ["ci-tests"] => Ok(StackChoice::InProcess),
            ["direct"] => Ok(StackChoice::Direct),
            ["server", "ci-tests"] => Ok(StackChoice::Server(8321)),
            ["server", "ci-tests", port] => {
                port.parse().map(StackChoice::Server).map_err(|_| wrong(&format!("`{port}` is not a port")))
            }
            ["http" | "https", ..] => {
                let uri: http::Uri = text.parse().map_err(|error| wrong(&format!("{error}")))?;
                if uri.host().is_none() {
                    return Err(wrong("the URL names no host"));
                }
                Ok(StackChoice::Url(text.trim_end_matches('/').to_owned()))
            }
            [first, ..] => {
                let near = near::one_of(first, ["ci-tests", "server:ci-tests", "server", "direct", "command"]);
                Err(wrong(&format!("unknown stack{near}")))
            }
            [] => Err(wrong("unknown stack")),
        }
    }
}

/// What replaces a provider's declared base URL.
#[derive(Debug, Clone)]
pub(super) enum Elsewhere {
    /// Another base URL, with its version part.
    Url(String),
    /// The base URL of a script that another retake serves.
    ServedScript(String),
    /// A script.
    Script(PathBuf),
}

/// The variables with the secrets that give clients access to the proxy and to the stack.
pub(super) const TOKEN_VARIABLE: &str = "RETAKE_TOKEN";
pub(super) const KEYS_VARIABLE: &str = "RETAKE_STACK_KEYS";

/// All settings for providers from flags and environment.
pub(super) struct Sourcing {
    pub(super) mode: Mode,
    pub(super) recordings: PathBuf,
    pub(super) elsewhere: BTreeMap<String, Elsewhere>,
    /// Scripts that answer before everything else, by provider.
    pub(super) by_hand: BTreeMap<String, PathBuf>,
    /// The flags for live requests.
    pub(super) manners: Manners,
    /// The pace of replay as a multiple of the recorded pace; `None` means at once.
    pub(super) speed: Option<f64>,
    /// The secrets that give clients access, each with its variable.
    own: Vec<(String, String)>,
    /// Replies of more bytes are passed on, but not recorded.
    pub(super) max_recording_size: Size,
    env: BTreeMap<String, String>,
}

impl Sourcing {
    pub(super) fn new(args: &SourceArgs, catalogue: &Catalogue) -> Result<Self, Stop> {
        let mode = args.mode.parse().map_err(|error| {
            let near = near::one_of(&args.mode, Mode::ALL.map(Mode::name));
            Stop::usage(format!("--mode {}: {error}{near}", args.mode))
        })?;
        // The default folder may be missing in a new repository; a folder that the user names must exist.
        if mode == Mode::Replay && args.recordings.as_os_str() != "recordings" && !args.recordings.is_dir() {
            let (folder, near) = (args.recordings.display(), near::path(&args.recordings));
            return Err(Stop::usage(format!(
                "no folder of recordings at {folder}{near}\n  record into it with --mode record, or name another with --recordings DIR"
            )));
        }
        let mut elsewhere = BTreeMap::new();
        for word in &args.provider {
            let (name, place) = of_provider("--provider", word, "NAME=BASE_URL or NAME=script:FILE", catalogue)?;
            let is_url = |place: &str| place.starts_with("http://") || place.starts_with("https://");
            let place = match place.strip_prefix("script:") {
                Some(url) if is_url(url) => Elsewhere::ServedScript(url.trim_end_matches('/').to_owned()),
                Some(file) => {
                    read(file.as_ref())?;
                    Elsewhere::Script(file.into())
                }
                None if is_url(place) => Elsewhere::Url(place.trim_end_matches('/').to_owned()),
                None => {
                    let (word, place) = (without_secrets(word), without_secrets(place));
                    return Err(Stop::usage(format!(
                        "--provider {word}: `{place}` is not a URL (http://… or https://…, with the API's version part) and no script:FILE or script:URL"
                    )));
                }
            };
            elsewhere.insert(name.to_owned(), place);
        }
        let mut by_hand = BTreeMap::new();
        for word in &args.script {
            let (name, file) = of_provider("--script", word, "PROVIDER=FILE", catalogue)?;
            by_hand.insert(name.to_owned(), PathBuf::from(file));
        }
        if let Some(speed) = args.replay_speed.filter(|speed| !speed.is_finite() || *speed <= 0.0) {
            return Err(Stop::usage(format!(
                "--replay-speed {speed}: it is a multiple of the recorded pace, such as 1 or 10; leave it out to replay at once"
            )));
        }
        Ok(Sourcing {
            mode,
            recordings: args.recordings.clone(),
            elsewhere,
            by_hand,
            manners: manners(&args.live),
            speed: args.replay_speed,
            own: Vec::new(),
            max_recording_size: args.max_recording_size,
            env: BTreeMap::new(),
        })
    }

    /// Adds a setup's environment for variables that the real one does not set.
    pub(super) fn with_env(&mut self, setup: &Setup) {
        self.env.extend(setup.env.clone());
    }

    /// Counts the secrets that give clients access among the secrets.
    pub(super) fn guard(&mut self, variable: &str, values: impl IntoIterator<Item = String>) {
        self.own.extend(values.into_iter().map(|value| (variable.to_owned(), value)));
    }

    /// Whether there are recordings of a provider.
    pub(super) fn has_recordings(&self, provider: &str) -> bool {
        let folder = self.recordings.join(provider);
        std::fs::read_dir(folder).is_ok_and(|mut entries| {
            entries.any(|entry| entry.is_ok_and(|entry| entry.path().extension().is_some_and(|e| e == "json")))
        })
    }

    /// All keys that a provider could use, and the secrets that give clients access: none may be recorded or shown.
    pub(super) fn secrets(&self, catalogue: &Catalogue) -> Secrets {
        self.secrets_with(catalogue, [])
    }

    /// The same with the secrets of suites, by the names of their variables.
    pub(super) fn secrets_with<'n>(
        &self,
        catalogue: &Catalogue,
        names: impl IntoIterator<Item = &'n String>,
    ) -> Secrets {
        let keys = catalogue.providers.iter().filter_map(|provider| provider.key.clone());
        let vars: BTreeSet<String> = keys.chain(names.into_iter().cloned()).collect();
        let vars: Vec<_> = vars.into_iter().filter_map(|var| self.var(&var).map(|value| (var, value))).collect();
        let typed = self.elsewhere.values().filter_map(|place| match place {
            Elsewhere::Url(url) | Elsewhere::ServedScript(url) => Some(url),
            Elsewhere::Script(_) => None,
        });
        let urls = catalogue.providers.iter().map(|provider| &provider.base_url).chain(typed);
        // A value that is in a variable is named after the variable.
        let is_new = |value: &String| vars.iter().all(|(_, known)| known.trim() != value);
        let in_urls: Vec<String> = urls.flat_map(|url| secrets_in(url)).filter(is_new).collect();
        let in_urls = in_urls.into_iter().map(|value| ("RETAKE_PROVIDER".to_owned(), value));
        let let_in = [TOKEN_VARIABLE, KEYS_VARIABLE].into_iter().filter_map(|var| Some((var, self.var(var)?)));
        let each = |(var, values): (&str, String)| {
            let values: Vec<String> = values.split(',').chain([values.as_str()]).map(str::to_owned).collect();
            values.into_iter().map(move |value| (var.to_owned(), value)).collect::<Vec<_>>()
        };
        Secrets::new(vars.into_iter().chain(in_urls).chain(let_in.flat_map(each)).chain(self.own.iter().cloned()))
    }

    /// A variable of the real environment, for processes that are started from here. An empty value stays empty.
    pub(super) fn inherited(name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    /// A variable from the real environment, else from the setup's. An empty value counts as unset.
    pub(super) fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().or_else(|| self.env.get(name).cloned()).filter(|value| !value.is_empty())
    }
}

/// The provider that a flag's value names, and the rest of the value.
fn of_provider<'w>(flag: &str, word: &'w str, form: &str, catalogue: &Catalogue) -> Result<(&'w str, &'w str), Stop> {
    let Some((name, rest)) = word.split_once('=') else {
        return Err(Stop::usage(format!("{flag} {}: write it as {form}", without_secrets(word))));
    };
    if catalogue.provider(name).is_none() {
        let known: Vec<String> = catalogue.providers.iter().map(|provider| provider.name.clone()).collect();
        return Err(Stop::usage(unknown("provider", name, &known)));
    }
    Ok((name, rest))
}

fn manners(args: &LiveArgs) -> Manners {
    Manners {
        at_once: args.at_once,
        per_minute: args.per_minute,
        retries: args.retries,
        patience: args.patience,
        connect: args.connect_timeout,
        first_byte: args.first_byte_timeout,
        gap: args.gap_timeout,
        whole: args.whole_timeout,
    }
}

/// The setups to run: the named one, with the models that flags replace, or all that have recordings.
pub(super) fn setups(
    select: &SelectArgs,
    sourcing: &Sourcing,
    catalogue: &Catalogue,
    all: &[Setup],
) -> Result<Vec<Setup>, Stop> {
    let mut chosen: Vec<Setup> = match &select.setup {
        Some(name) => vec![named_setup(name, all)?.clone()],
        None if sourcing.mode != Mode::Replay => {
            return Err(Stop::usage(format!(
                "--mode {}: name the setup with --setup NAME; only replay runs every setup that has recordings",
                sourcing.mode
            )));
        }
        None => {
            let runs = |setup: &&Setup| !setup.by_name_only && sourcing.has_recordings(&setup.provider);
            all.iter().filter(runs).cloned().collect()
        }
    };
    if chosen.is_empty() {
        return Err(Stop::usage(format!(
            "no setup has recordings in {} (name a setup with --setup NAME, or another folder with --recordings DIR)",
            sourcing.recordings.display()
        )));
    }
    for setup in &mut chosen {
        for (slot, given, flag) in [
            (&mut setup.models.text, &select.text_model, "--text-model"),
            (&mut setup.models.embedding, &select.embedding_model, "--embedding-model"),
            (&mut setup.models.vision, &select.vision_model, "--vision-model"),
        ] {
            let Some(model) = given else { continue };
            let provider = model.split('/').next().unwrap_or_default();
            if !model.contains('/') || catalogue.provider(provider).is_none() {
                let known: Vec<String> = catalogue.providers.iter().map(|provider| provider.name.clone()).collect();
                return Err(Stop::usage(format!(
                    "{flag} {model}: write it as provider/model; {}",
                    same_model(model, all).unwrap_or_else(|| unknown("provider", provider, &known))
                )));
            }
            *slot = Some(model.clone());
        }
    }
    Ok(chosen)
}

/// The setup's model that was meant, if only its name was typed, without the provider.
fn same_model(typed: &str, all: &[Setup]) -> Option<String> {
    let models = all.iter().flat_map(|setup| [&setup.models.text, &setup.models.embedding, &setup.models.vision]);
    let models: Vec<&str> = models.flatten().map(String::as_str).collect();
    let bare = |model: &'_ str| model.split_once('/').map_or(model.to_owned(), |(_, name)| name.to_owned());
    let found = models.iter().find(|model| bare(model) == typed).copied().or_else(|| nearest(typed, models))?;
    Some(format!("did you mean `{found}`?"))
}

/// The flags for files, folders and providers, as they can be typed again. They are written out even if they came from
/// the environment, which the next shell may not have.
pub(super) fn again(source: &SourceArgs) -> String {
    let mut line = String::new();
    if source.suites.as_os_str() != "suites" {
        add_flag(&mut line, "--suites", &source.suites.to_string_lossy());
    }
    if source.recordings.as_os_str() != "recordings" {
        add_flag(&mut line, "--recordings", &source.recordings.to_string_lossy());
    }
    if let Some(speed) = source.replay_speed {
        add_flag(&mut line, "--replay-speed", &speed.to_string());
    }
    if source.max_recording_size != MOST_RECORDED {
        add_flag(&mut line, "--max-recording-size", &source.max_recording_size.to_string());
    }
    for script in &source.script {
        add_flag(&mut line, "--script", script);
    }
    for provider in &source.provider {
        add_flag(&mut line, "--provider", &without_secrets(provider));
    }
    line
}

/// Whether the output goes into the log of a job on GitHub, whose runner reads it for commands.
pub(super) fn is_on_github() -> bool {
    Sourcing::inherited("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// Adds a flag with its value to a command line.
pub(super) fn add_flag(line: &mut String, flag: &str, value: &str) {
    line.push_str(&format!(" {flag} {}", quoted_if_needed(value)));
}

/// A word as it can be typed, quoted if a shell would read it differently.
pub(super) fn quoted_if_needed(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { quote(word) }
}

/// The setup of this name.
pub(super) fn named_setup<'s>(name: &str, all: &'s [Setup]) -> Result<&'s Setup, Stop> {
    let known: Vec<String> = all.iter().map(|setup| setup.name.clone()).collect();
    all.iter().find(|setup| setup.name == name).ok_or_else(|| Stop::usage(unknown("setup", name, &known)))
}

/// Whether to colour: the flag, then PY_COLORS, NO_COLOR, FORCE_COLOR, then whether stdout is a terminal.
pub(super) fn color(setting: Option<ColorSetting>) -> bool {
    let set = |name: &str| std::env::var(name).is_ok_and(|value| !value.is_empty());
    match setting {
        Some(ColorSetting::Always) => true,
        Some(ColorSetting::Never) => false,
        _ => match std::env::var("PY_COLORS").as_deref() {
            Ok("1") => true,
            Ok("0") => false,
            _ if set("NO_COLOR") => false,
            _ if set("FORCE_COLOR") => true,
            _ => std::io::stdout().is_terminal(),
        },
    }
}

/// The width of the report in columns: `COLUMNS`, else 80.
pub(super) fn width() -> usize {
    std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|width| *width >= 20).unwrap_or(80)
}

/// Whether this is a CI run, for which pytest does not cut summary lines.
pub(super) fn ci() -> bool {
    ["CI", "BUILD_NUMBER"].iter().any(|name| std::env::var(name).is_ok_and(|value| !value.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_read_as_written() {
        let parse = |text| StackChoice::parse(text).map_err(|stop| stop.message);
        assert_eq!(parse("ci-tests"), Ok(StackChoice::InProcess));
        assert_eq!(parse("direct"), Ok(StackChoice::Direct));
        assert_eq!(parse("server:ci-tests"), Ok(StackChoice::Server(8321)));
        assert_eq!(parse("server:ci-tests:9000"), Ok(StackChoice::Server(9000)));
        assert_eq!(parse("http://127.0.0.1:1/"), Ok(StackChoice::Url("http://127.0.0.1:1".into())));
        for bad in ["server:ci-tests:x", "server:ci-tests:70000", "server", "elsewhere", "", "http://"] {
            assert!(parse(bad).is_err_and(|message| message.contains("it is one of")), "{bad}");
        }
    }
}
