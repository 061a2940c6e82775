//! Clients as their users write them, with the provider's URL in the code: recorded by `retake run`, and answered from the
//! recordings where there is no network. The table of `docs/clients.md` comes from here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use serde_json::Value;

use super::server::Server;
use super::world::{Dir, Ran, TestCommand, package};

/// A program of `tests/clients`.
struct Client {
    name: &'static str,
    /// The file that pins its package, and the package; none where the machine brings it.
    pin: Option<(&'static str, &'static str)>,
    /// What runs it, as `scripts/clients.sh` names it.
    runs: &'static str,
    file: &'static str,
    /// The variable from which it has its base URL where the code names none.
    variable: Option<&'static str>,
}

const FRAMEWORKS: &str = "requirements.txt";
const OPENAI: Option<(&str, &str)> = Some(("requirements-openai.txt", "openai"));
const PACKAGES: &str = "package.json";

const fn python(package: &'static str, file: &'static str, variable: Option<&'static str>) -> Client {
    Client { name: package, pin: Some((FRAMEWORKS, package)), runs: "python", file, variable }
}

const fn openai(name: &'static str, file: &'static str, variable: &'static str) -> Client {
    Client { name, pin: OPENAI, runs: "openai", file, variable: Some(variable) }
}

const fn node(runs: &'static str, package: &'static str, file: &'static str, variable: Option<&'static str>) -> Client {
    Client { name: package, pin: Some((PACKAGES, package)), runs, file, variable }
}

const fn ai(runs: &'static str, name: &'static str, file: &'static str, variable: Option<&'static str>) -> Client {
    Client { name, ..node(runs, "ai", file, variable) }
}

const fn bare(name: &'static str, runs: &'static str, file: &'static str) -> Client {
    Client { name, pin: None, runs, file, variable: None }
}

const CLIENTS: &[Client] = &[
    openai("openai", "python/openai_sync.py", "OPENAI_BASE_URL"),
    openai("openai, async", "python/openai_async.py", "OPENAI_BASE_URL"),
    openai("openai, Azure", "python/openai_azure.py", "AZURE_OPENAI_ENDPOINT"),
    python("anthropic", "python/anthropic_sdk.py", Some("ANTHROPIC_BASE_URL")),
    python("google-genai", "python/google_genai.py", Some("GOOGLE_GEMINI_BASE_URL")),
    python("mistralai", "python/mistral_sdk.py", None),
    python("ollama", "python/ollama_sdk.py", Some("OLLAMA_HOST")),
    python("litellm", "python/litellm_sdk.py", Some("OPENAI_BASE_URL")),
    python("langchain-openai", "python/langchain_openai_sdk.py", Some("OPENAI_API_BASE")),
    python("llama-index-llms-openai", "python/llama_index_sdk.py", Some("OPENAI_API_BASE")),
    python("pydantic-ai-slim", "python/pydantic_ai_sdk.py", Some("OPENAI_BASE_URL")),
    python("instructor", "python/instructor_sdk.py", Some("OPENAI_BASE_URL")),
    python("openai-agents", "python/openai_agents.py", Some("OPENAI_BASE_URL")),
    python("boto3", "python/boto3_bedrock.py", None),
    python("requests", "python/requests_raw.py", None),
    python("httpx", "python/httpx_raw.py", None),
    python("aiohttp", "python/aiohttp_raw.py", None),
    bare("urllib", "python", "python/urllib_raw.py"),
    node("node24", "openai", "node/openai_sdk.mjs", Some("OPENAI_BASE_URL")),
    node("node24", "@anthropic-ai/sdk", "node/anthropic_sdk.mjs", Some("ANTHROPIC_BASE_URL")),
    node("node24", "@google/genai", "node/google_genai.mjs", Some("GOOGLE_GEMINI_BASE_URL")),
    ai("node24", "ai, with `@ai-sdk/openai`", "node/ai_openai.mjs", Some("OPENAI_BASE_URL")),
    ai("node24", "ai, with `@ai-sdk/groq`", "node/ai_groq.mjs", None),
    bare("fetch", "node24", "node/fetch_raw.mjs"),
    node("node24", "axios", "node/axios_raw.mjs", None),
    node("node20", "openai", "node/openai_sdk.mjs", Some("OPENAI_BASE_URL")),
    ai("node20", "ai, with `@ai-sdk/openai`", "node/ai_openai.mjs", Some("OPENAI_BASE_URL")),
    bare("fetch", "node20", "node/fetch_raw.mjs"),
    node("node20", "axios", "node/axios_raw.mjs", None),
    bare("curl", "sh", "curl.sh"),
];

/// The provider's base path behind the stand-in's origin, as `providers.yaml` has it.
const BASE_PATHS: [(&str, &str); 8] = [
    ("openai", "/v1"),
    ("azure", "/openai/v1"),
    ("anthropic", "/v1"),
    ("gemini", "/v1beta/openai"),
    ("mistral", "/v1"),
    ("groq", "/openai/v1"),
    ("ollama", "/v1"),
    ("bedrock", "/openai/v1"),
];

/// The key in the programs of `tests/clients`.
const KEY: &str = "sk-example-7f3a9c1e52d04b68";

/// Stands in programs on the lines that name the base URL of an SDK.
const MARK: &str = "hard-coded";

impl Client {
    fn path(&self) -> PathBuf {
        package().join("tests/clients").join(self.file)
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path()).expect("a program of tests/clients")
    }

    /// As a command behind `retake run … --`.
    fn command(&self, program: &Path) -> [String; 3] {
        let script = package().join("scripts/clients.sh");
        [script.to_string_lossy().into_owned(), self.runs.to_owned(), program.to_string_lossy().into_owned()]
    }

    /// What puts help into the environment of programs of this kind that do not use a proxy of their own accord.
    fn helper(&self) -> &'static str {
        if self.runs.starts_with("node") { "`--import`" } else { "`sitecustomize`" }
    }

    /// How a row begins: language, name and version.
    fn head(&self) -> String {
        let versions = pinned("node.txt");
        let language = match self.runs {
            "python" | "openai" => "Python".to_owned(),
            "sh" => "shell".to_owned(),
            node => format!("Node {}", versions.iter().find(|version| node.ends_with(&version[..2])).expect("a Node")),
        };
        let (name, more) =
            self.name.split_once(", ").map_or((self.name, String::new()), |(name, more)| (name, format!(" ({more})")));
        let version = self.pin.map_or_else(|| "any".to_owned(), |(file, package)| version(file, package));
        format!("| {language} | `{name}`{more} | {version} |")
    }
}

/// The lines of a file of pins.
fn pinned(file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(package().join("tests/clients").join(file)).expect("a file of pins");
    text.lines().map(str::to_owned).collect()
}

fn version(file: &str, package: &str) -> String {
    let is_it = |name: &str| name.split('[').next() == Some(package);
    let lines = pinned(file);
    let mut versions = lines.iter().filter_map(|line| match file {
        PACKAGES => line.trim().trim_end_matches(',').split_once(": "),
        _ => line.split_once("=="),
    });
    let found = versions.find(|(name, _)| is_it(name.trim_matches('"')));
    found.unwrap_or_else(|| panic!("{file} pins no {package}")).1.trim_matches('"').to_owned()
}

/// What a client was seen to do.
struct Seen {
    /// What it made of the provider's replies while they were recorded.
    live: Value,
    dir: Dir,
}

/// Runs a function for every client, a few at a time. Fails with all that went wrong.
fn each<T: Send>(of: impl Fn(usize, &Client) -> Result<T, String> + Sync) -> Vec<T> {
    let next = Mutex::new(0..CLIENTS.len());
    let done = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let Some(at) = next.lock().unwrap().next() else { return };
                    let made = of(at, &CLIENTS[at]);
                    done.lock().unwrap().insert(at, made);
                }
            });
        }
    });
    let (good, bad): (Vec<_>, Vec<_>) = done.into_inner().unwrap().into_values().partition(Result::is_ok);
    let bad: Vec<String> = bad.into_iter().filter_map(Result::err).collect();
    assert!(bad.is_empty(), "{}", bad.join("\n\n"));
    good.into_iter().filter_map(Result::ok).collect()
}

/// `retake run` in an environment that leads nowhere by itself.
fn retake_run(dir: &Dir, words: &str) -> TestCommand {
    without_network_settings(dir.retake(words)).env("RETAKE_STATE_DIR", &dir.path().join("state").to_string_lossy())
}

fn without_network_settings(mut command: TestCommand) -> TestCommand {
    for (name, _) in std::env::vars() {
        let upper = name.to_ascii_uppercase();
        if upper.ends_with("_PROXY") || upper.ends_with("_BASE_URL") || upper.ends_with("_API_BASE") {
            command.0.env_remove(name);
        }
    }
    // litellm would ask GitHub for its list of prices.
    command.env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
}

/// `retake run` where loopback is all the network there is.
fn isolated(dir: &Dir, words: &str) -> TestCommand {
    if !can_isolate() {
        return retake_run(dir, words);
    }
    let mut command = TestCommand::of("unshare", dir.path(), "-rn sh -c").arg("ip link set lo up && exec \"$@\"");
    command = command.arg("sh").arg(env!("CARGO_BIN_EXE_retake")).args(words);
    without_network_settings(command).env("RETAKE_STATE_DIR", &dir.path().join("state").to_string_lossy())
}

/// Whether this machine lets a program have a network namespace of its own.
fn can_isolate() -> bool {
    let tried = Command::new("unshare").args(["-rn", "sh", "-c", "ip link set lo up"]).output();
    tried.is_ok_and(|output| output.status.success())
}

fn words(command: TestCommand, words: &[String]) -> TestCommand {
    words.iter().fold(command, |command, word| command.arg(word))
}

/// What a program made of a chat and of a stream.
fn parsed(ran: &Ran) -> Option<Value> {
    let line = ran.stdout.lines().rfind(|line| line.starts_with('{'))?;
    let parsed: Value = serde_json::from_str(line).ok()?;
    let is_there = |name: &str| parsed.get(name).is_some_and(|value| !value.is_null());
    (is_there("chat") && is_there("stream")).then_some(parsed)
}

/// What a client made of the provider's replies while they were recorded.
fn recorded(client: &Client, providers: &str) -> Result<Seen, String> {
    let dir = Dir::new();
    dir.copy("suites");
    let command = retake_run(&dir, &format!("run --mode record --block-network {providers} --"));
    let ran = words(command, &client.command(&client.path())).run();
    let failed = |why: &str| {
        let Client { name, runs, .. } = client;
        Err(format!("{name} ({runs}), recorded: {why}, exit {}\n{}\n{}", ran.code, ran.stdout, ran.stderr))
    };
    let Some(live) = parsed(&ran).filter(|_| ran.code == 0) else { return failed("no answer") };
    if !live.to_string().contains("Paris") {
        return failed("another answer than the provider's");
    }
    let recordings = dir.files("recordings");
    if recordings.len() < 2 {
        return failed("no recordings");
    }
    if recordings.iter().any(|(_, bytes)| String::from_utf8_lossy(bytes).contains(KEY)) {
        return failed("the key is in a recording");
    }
    Ok(Seen { live, dir })
}

/// Runs a client's program with its recordings and without a network; it shall make the same of them.
fn replay(client: &Client, seen: &Seen, flags: &str, before: &str, program: &Path) -> Result<(), String> {
    let command = isolated(&seen.dir, &format!("run --mode replay {flags} -- {before}"));
    let ran = words(command, &client.command(program)).run();
    let made = parsed(&ran);
    if ran.code == 0 && made.as_ref() == Some(&seen.live) {
        return Ok(());
    }
    let Client { name, runs, .. } = client;
    let live = &seen.live;
    let (code, out, err) = (ran.code, ran.stdout, ran.stderr);
    Err(format!("{name} ({runs}), replayed with `{flags} -- {before}`: exit {code}\nlive {live}\nnow {out}\n{err}"))
}

/// The rest of a row.
fn replayed(client: &Client, seen: &Seen) -> Result<String, String> {
    let path = client.path();
    let without_help = "env -u PYTHONPATH -u NODE_OPTIONS";
    let by_interception = if !client.text().contains("https://") {
        replay(client, seen, "", "", &path)?;
        "–".to_owned()
    } else if replay(client, seen, "", without_help, &path).is_ok() {
        "yes".to_owned()
    } else {
        replay(client, seen, "", "", &path)?;
        format!("yes, with {}", client.helper())
    };
    let by_variable = match client.variable {
        Some(variable) => {
            replay(client, seen, "--no-intercept", "", &without_url(client, &seen.dir))?;
            format!("`{variable}`")
        }
        None => "no".to_owned(),
    };
    let digests = seen.live.get("sha256").map_or("parsed alike", |_| "byte for byte");
    Ok(format!(" {by_interception} | {by_variable} | {digests} |"))
}

/// The program without the lines in which it names a base URL.
fn without_url(client: &Client, dir: &Dir) -> PathBuf {
    let text = client.text();
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains(MARK)).collect();
    let name = client.path().file_name().expect("a file").to_string_lossy().into_owned();
    dir.write(&format!("variable_{}_{name}", client.runs), &(lines.join("\n") + "\n"))
}

/// The flags that send `retake` to the stand-in's ports.
fn providers(stand_in: &Server) -> String {
    let urls: Value = serde_json::from_str(&stand_in.base).expect("the stand-in's addresses");
    let flag = |(name, path): &(&str, &str)| format!("--provider {name}={}{path}", urls[name].as_str().expect("a URL"));
    BASE_PATHS.iter().map(flag).collect::<Vec<_>>().join(" ")
}

fn stand_in() -> Server {
    Server::start(Path::new("python3"), &[&package().join("tests/clients/stand_in.py").to_string_lossy()])
}

fn page() -> PathBuf {
    package().join("docs/clients.md")
}

/// What the table begins with.
const HEADING: &str =
    "| | client | version | URL in the code | URL from a variable | replayed |\n|---|---|---|---|---|---|\n";

#[test]
fn the_table_of_the_clients_has_every_client_at_its_version() {
    let page = std::fs::read_to_string(page()).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert_eq!(rows.len(), CLIENTS.len());
    for (row, client) in rows.iter().zip(CLIENTS) {
        let head = client.head();
        let way_out = "run `UPDATE_CLIENTS=1 cargo test --test program -- --ignored clients::every_client`";
        assert!(row.starts_with(&head), "{row} should begin with {head}: {way_out}");
    }
}

#[test]
fn the_variables_of_the_clients_are_those_of_providers() {
    let providers = std::fs::read_to_string(package().join("suites/providers.yaml")).unwrap();
    for variable in CLIENTS.iter().filter_map(|client| client.variable) {
        assert!(providers.contains(&format!("{variable}: ")), "no provider has {variable}");
    }
}

#[test]
#[ignore = "installs clients from the package indexes; .ci/run asks for it"]
fn every_client_is_recorded_unchanged_and_replayed_without_a_network() {
    if !can_isolate() {
        eprintln!("no network namespaces here: the providers are gone, but the network is not");
    }
    let stand_in = stand_in();
    let providers = providers(&stand_in);
    let seen = each(|_, client| recorded(client, &providers));
    drop(stand_in);
    let rows = each(|at, client| Ok(format!("{}{}\n", client.head(), replayed(client, &seen[at])?)));
    let made = format!("{HEADING}{}", rows.concat());
    let text = std::fs::read_to_string(page()).unwrap();
    let (before, _) = text.split_once(HEADING).expect("the table's heading");
    if std::env::var_os("UPDATE_CLIENTS").is_some() {
        std::fs::write(page(), format!("{before}{made}")).unwrap();
        return;
    }
    assert_eq!(text, format!("{before}{made}"), "docs/clients.md: UPDATE_CLIENTS=1 puts in what the clients do");
}

#[test]
#[ignore = "installs clients from the package indexes; .ci/run asks for it"]
fn a_changed_question_and_a_client_that_is_not_intercepted_get_nothing() {
    let client = CLIENTS.iter().find(|client| client.name == "requests").unwrap();
    let stand_in = stand_in();
    let seen = recorded(client, &providers(&stand_in)).unwrap();
    drop(stand_in);
    assert_eq!(replay(client, &seen, "", "", &client.path()), Ok(()));
    // Where the network cannot be taken away, this would ask the real provider.
    if can_isolate() {
        assert!(replay(client, &seen, "--no-intercept", "", &client.path()).is_err());
    }
    let changed = seen.dir.write("changed.py", &client.text().replace("Which town", "Which village"));
    let ran = words(isolated(&seen.dir, "run --"), &client.command(&changed)).run();
    assert_ne!(ran.code, 0, "{}", ran.stdout);
    ran.says("missing-recording").says("Which village is near Paris?");
}
