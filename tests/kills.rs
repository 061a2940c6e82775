//! A recording process that is ended at random moments, by SIGKILL, SIGTERM and SIGHUP in turn: what is on disk afterwards
//! is whole, and nothing good is lost.
//!
//! `RETAKE_KILLS=1000` kills more often; `RETAKE_KILLS_SEED` repeats the moments of a run that failed.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime};

use retake::exchange::{self, Recording};
use retake::provider::Provider;
use retake::record::{self, Library, Mode};
use retake::upstream::Upstream as _;
use rustix::process::{Pid, Signal};
use tempfile::TempDir;

const PROVIDERS: &str = "providers:\n  kills: {type: remote::kills, base_url: https://kills.example/v1}\n";
const SETUPS: &str = "setups:\n  kills: {provider: kills, models: {text: kills/m}}\n";
/// Whole replies, streams, a refusal, and two replies to one request in turn.
const SUITE: &str = r#"
cases:
  - name: asked
    model: text
    params: {n: [1, 2, 3, 4], stream: [true, false]}
    request: &ask
      post: /v1/chat/completions
      body: {model: m, messages: [{role: user, content: "question ${n}"}], stream: "${stream}"}
    expect: {text: {contains: answer}}
  - name: refused
    model: text
    request: {post: /v1/chat/completions, body: {model: m, messages: [{role: user, content: refuse}]}}
    expect: {error: true}
  - name: repeated
    model: text
    steps:
      - &twice
        request: {post: /v1/chat/completions, body: {model: m, messages: [{role: user, content: twice}]}}
        expect: {text: {contains: first}}
      - {<<: *twice, expect: {text: {contains: second}}}
"#;
const SCRIPT: &str = r#"
rules:
  - {when: {last_message: refuse}, reply: {error: {status: 400, message: "AGE no"}}}
  - {when: {last_message: twice}, times: 1, reply: {text: AGE first}}
  - {when: {last_message: twice}, reply: {text: AGE second}}
  - {when: {stream: true}, reply: {text: "AGE answer in LONG words"}}
  - {when: {}, reply: {text: "AGE answer LONG", delay: 2ms}}
"#;

/// The exit code of a run that the user ended.
const INTERRUPTED: i32 = 2;

/// A user's folder, and the ways to record in it.
struct Project(TempDir);

/// File name → what is in it.
type Files = BTreeMap<String, (Vec<u8>, Recording)>;

impl Project {
    fn new() -> Self {
        let root = TempDir::new().unwrap();
        fs::create_dir(root.path().join("suites")).unwrap();
        let write = |name: &str, text: &str| fs::write(root.path().join(name), text).unwrap();
        write("suites/providers.yaml", PROVIDERS);
        write("suites/setups.yaml", SETUPS);
        write("suites/kills.yaml", SUITE);
        for age in ["old", "new"] {
            let long = if age == "old" { 80 } else { 100 };
            write(&format!("{age}.yaml"), &SCRIPT.replace("AGE", age).replace("LONG", &"long ".repeat(long)));
        }
        Project(root)
    }

    fn recordings(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Records into a folder what a script of this age answers.
    fn record(&self, age: &str, recordings: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_retake"));
        command.current_dir(self.0.path()).env_clear().stdin(Stdio::null());
        command.args(["test", "--setup", "kills", "--stack-config", "direct", "--mode", "record"]);
        command.args(["--recordings", recordings, "--provider", &format!("kills=script:{age}.yaml")]);
        command
    }

    fn record_to_the_end(&self, age: &str, recordings: &str) {
        let output = self.record(age, recordings).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    /// What a script of this age leaves behind, and how long that takes when nobody kills.
    fn known(&self, age: &str) -> (Files, Duration) {
        let start = Instant::now();
        self.record_to_the_end(age, age);
        let taken = start.elapsed();
        (look(&self.recordings(age)).unwrap().0, taken)
    }

    /// Ends a recording run after `delay`, unless it has ended. After SIGKILL nothing in it can tidy up.
    fn end(&self, recordings: &str, delay: Duration, signal: Signal) -> ExitStatus {
        let mut command = self.record("new", recordings);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(delay);
        // An error says that it has ended.
        let _ = rustix::process::kill_process(Pid::from_child(&child), signal);
        child.wait().unwrap()
    }
}

/// The recordings in a folder, each of which must be whole, and the names of temporary files.
fn look(recordings: &Path) -> Result<(Files, Vec<String>), String> {
    let (mut files, mut temporary) = (Files::new(), Vec::new());
    let Ok(entries) = fs::read_dir(recordings.join("kills")) else { return Ok((files, temporary)) };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with(".retake-") {
            temporary.push(name);
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let text = std::str::from_utf8(&bytes).map_err(|error| format!("{name}: {error}"))?;
        let recording = exchange::read(text).map_err(|error| format!("{name} is torn: {error}"))?;
        let key = exchange::key(&recording.exchange.request, "https://kills.example/v1", &exchange::Rules::default());
        let stem = name.strip_suffix(".json").ok_or_else(|| format!("{name} is no recording"))?;
        if stem.split('-').next() != Some(key.name.as_str()) {
            return Err(format!("{name} has the name of another request than {}", key.name));
        }
        files.insert(name, (bytes, recording));
    }
    Ok((files, temporary))
}

/// Asks each request of the files again, as often as there are replies to it.
async fn replay(recordings: &Path, files: &Files) -> Result<(), String> {
    let provider =
        Provider { name: "kills".into(), base_url: "https://kills.example/v1".into(), ..Provider::default() };
    let tape = record::wire(Mode::Replay, Library::open(recordings, &provider), None, record::Options::default());
    let order = |name: &str| (name.split(['-', '.']).next().unwrap_or_default().to_owned(), name.len());
    let mut names: Vec<&String> = files.keys().collect();
    names.sort_by_key(|name| order(name));
    for name in names {
        let recorded = &files[name].1.exchange;
        let mut request = recorded.request.clone();
        request.case = Some("asked again".to_owned());
        let reply = tape.send(request).await.map_err(|error| format!("{name}: {error}"))?;
        let status = reply.status.as_u16();
        let body = reply.collect().await.map_err(|(_, error)| format!("{name}: {error}"))?;
        if (status, &body) != (recorded.reply.status, &recorded.reply.body) {
            return Err(format!("{name} is not what its own request is answered with"));
        }
    }
    Ok(())
}

/// What good recordings there were and what they are to become.
struct Known {
    old: Files,
    new: Files,
}

impl Known {
    /// Each file is the old one, byte for byte, or gives the new reply; none is missing that was there.
    fn check(&self, files: &Files, before: &Files) -> Result<(), String> {
        for (name, (bytes, recording)) in files {
            let is_old = before.get(name).is_some_and(|(old, _)| old == bytes);
            let is_new = self.new.get(name).is_some_and(|(_, new)| is_same(new, recording));
            if !is_old && !is_new {
                return Err(format!("{name} is neither the old recording nor the new one"));
            }
        }
        match before.keys().find(|name| !files.contains_key(*name)) {
            Some(name) => Err(format!("{name} is lost")),
            None => Ok(()),
        }
    }

    fn count_new(&self, files: &Files) -> usize {
        files.iter().filter(|(name, (_, recording))| is_same(&self.new[*name].1, recording)).count()
    }
}

/// All but the times.
fn is_same(a: &Recording, b: &Recording) -> bool {
    let (a, b) = (&a.exchange.reply, &b.exchange.reply);
    (a.status, &a.body, &a.end) == (b.status, &b.body, &b.end)
}

/// Chance that can be had again.
struct Dice(u64);

impl Dice {
    /// A number in `0.0..1.0` (SplitMix64).
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

/// What came of all rounds.
#[derive(Debug, Default)]
struct Seen {
    rounds: u64,
    /// Runs that were killed before they ended by themselves.
    killed: u64,
    /// Of these, such as had written a part of the new files.
    in_the_middle: u64,
    /// Recordings read and replayed.
    files: usize,
    /// Files that were being written, which the next run took away.
    temporary: usize,
}

#[tokio::test]
async fn a_kill_at_any_moment_leaves_whole_files_and_loses_no_recording() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let seed = number("RETAKE_KILLS_SEED").unwrap_or(now.as_millis() as u64);
    let kills = number("RETAKE_KILLS").unwrap_or(30);
    println!("RETAKE_KILLS_SEED={seed}");
    let project = Project::new();
    let (known, typical) = {
        let ((old, first), (new, second)) = (project.known("old"), project.known("new"));
        (Known { old, new }, first.min(second))
    };
    assert!(known.new.len() == 11 && known.old.keys().eq(known.new.keys()), "{:?}", known.new.keys());
    assert_eq!(known.count_new(&known.old), 0, "old and new can be told apart");
    let (mut dice, mut seen) = (Dice(seed), Seen::default());
    while seen.killed < kills {
        let delay = typical.mul_f64(dice.roll());
        let told = one_round(&project, &known, delay, &mut seen).await;
        let round = seen.rounds;
        told.unwrap_or_else(|reason| panic!("round {round}: {delay:?}, RETAKE_KILLS_SEED={seed}: {reason}"));
        assert!(seen.rounds < 100 + 3 * kills, "most runs ended before they were killed: {seen:?}");
    }
    println!("killed within {typical:?}: {seen:?}");
    let folder = project.recordings("killed").join("kills");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(".retake-left-behind.tmp"), "{").unwrap();
    swept(&project, &known).unwrap();
}

async fn one_round(project: &Project, known: &Known, delay: Duration, seen: &mut Seen) -> Result<(), String> {
    seen.rounds += 1;
    let recordings = project.recordings("killed");
    // What is there before: nothing, or good recordings of another age.
    let nothing = Files::new();
    let before = if seen.rounds.is_multiple_of(2) { &known.old } else { &nothing };
    fs::create_dir_all(recordings.join("kills")).unwrap();
    for (name, (bytes, _)) in before {
        fs::write(recordings.join("kills").join(name), bytes).unwrap();
    }
    // Half of them cannot be caught.
    let signal = [Signal::KILL, Signal::TERM, Signal::KILL, Signal::HUP][seen.rounds as usize / 2 % 4];
    let status = project.end("killed", delay, signal);
    let is_interrupted = signal != Signal::KILL && status.code() == Some(INTERRUPTED);
    if status.signal().is_none() && !status.success() && !is_interrupted {
        return Err(format!("the run failed by itself: {status}"));
    }
    let (files, temporary) = look(&recordings)?;
    known.check(&files, before)?;
    replay(&recordings, &files).await?;
    let is_killed = status.signal().is_some() || is_interrupted;
    seen.killed += u64::from(is_killed);
    seen.in_the_middle += u64::from(is_killed && (1..known.new.len()).contains(&known.count_new(&files)));
    seen.files += files.len();
    seen.temporary += temporary.len();
    if !temporary.is_empty() {
        swept(project, known)?;
    }
    fs::remove_dir_all(&recordings).map_err(|error| error.to_string())
}

/// The next whole run takes temporary files away and has every recording.
fn swept(project: &Project, known: &Known) -> Result<(), String> {
    project.record_to_the_end("new", "killed");
    let (files, left) = look(&project.recordings("killed"))?;
    if left.is_empty() && known.count_new(&files) == known.new.len() {
        return Ok(());
    }
    Err(format!("a whole run after it left {left:?} and {} recordings", files.len()))
}
