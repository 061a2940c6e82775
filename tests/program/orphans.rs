//! What was started ends with retake, however retake ends; and what it prints is kept without secrets.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::interrupt::lives;
use super::world::{Dir, TestCommand};

const SIGNALS: [&str; 4] = ["-HUP", "-QUIT", "-ABRT", "-KILL"];
const BRIEF: Duration = Duration::from_secs(20);

/// A script that starts another process, as a server with workers does, and says which the two are.
const WITH_WORKER: &str = "sleep 600 & echo $$ $! > pids.new; mv pids.new pids; wait";

/// The processes that the script has said, once it has.
fn pids(dir: &Dir) -> Vec<String> {
    let (file, begun) = (dir.path().join("pids"), Instant::now());
    while !file.exists() {
        assert!(begun.elapsed() < BRIEF, "it was not started");
        std::thread::sleep(Duration::from_millis(20));
    }
    let text = std::fs::read_to_string(file).unwrap();
    text.split_whitespace().map(str::to_owned).collect()
}

fn all_end(pids: &[String], why: &str) {
    let begun = Instant::now();
    while pids.iter().any(|pid| lives(pid)) {
        assert!(begun.elapsed() < BRIEF, "{why}: one of {pids:?} still runs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn tell(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

/// `retake WORDS…` in a session without a terminal, as in CI: this very process, so that its id is known.
fn without_terminal(dir: &Dir, words: &str) -> TestCommand {
    TestCommand::of("setsid", dir.path(), &format!("{} {words}", env!("CARGO_BIN_EXE_retake")))
}

#[test]
fn a_server_of_the_users_ends_with_retake_however_it_ends() {
    for signal in SIGNALS {
        let dir = Dir::new();
        dir.write("suites/a.yaml", "cases: [{name: a, request: {get: /v1/a}}]");
        dir.write("start.sh", WITH_WORKER);
        let command = dir.retake("test --setup together --stack-config").arg("command:sh start.sh");
        let mut child = command.0;
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let pids = pids(&dir);
        tell(signal, &child.id().to_string());
        child.wait().unwrap();
        all_end(&pids, signal);
    }
}

#[test]
fn a_command_ends_with_retake_however_it_ends() {
    for signal in SIGNALS {
        let dir = Dir::new();
        let mut command = without_terminal(&dir, "run -- sh -c").arg(WITH_WORKER).0;
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let pids = pids(&dir);
        tell(signal, &child.id().to_string());
        child.wait().unwrap();
        all_end(&pids, signal);
    }
}

#[test]
fn what_a_command_leaves_behind_is_its_own_affair_until_it_is_told_to_end() {
    let dir = Dir::new();
    without_terminal(&dir, "run -- sh -c").arg("sleep 600 > /dev/null 2>&1 & echo $! > pids").run().exits(0);
    let left = pids(&dir);
    assert!(lives(&left[0]), "a command that has ended well may leave a server running");
    tell("-KILL", &left[0]);
}

#[test]
fn a_command_on_a_terminal_ends_with_retake_too() {
    let has_script = |word: &str| Path::new("/usr/bin").join(word).exists();
    if !has_script("script") || !has_script("ps") {
        return;
    }
    let dir = Dir::new();
    dir.write("worker.sh", WITH_WORKER);
    let line = format!("echo $$ > retake.pid; exec {} run -- sh worker.sh", env!("CARGO_BIN_EXE_retake"));
    let mut command = TestCommand::of("script", dir.path(), "-q -c").arg(&line).arg("/dev/null").0;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let pids = pids(&dir);
    // The command stays in the group of the terminal, which is retake's.
    let retake = std::fs::read_to_string(dir.path().join("retake.pid")).unwrap();
    let group = |pid: &str| Command::new("ps").args(["-o", "pgid=", "-p", pid]).output().unwrap().stdout;
    assert_eq!(group(retake.trim()), group(&pids[0]));
    tell("-KILL", retake.trim());
    all_end(&pids, "on a terminal");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_the_server_prints_is_kept_without_secrets_for_its_owner_alone() {
    let dir = Dir::new();
    dir.write("suites/a.yaml", "cases: [{name: a, request: {get: /v1/a}}]");
    // In two pieces of one line, and on both ends.
    dir.write(
        "start.sh",
        "printf 'key sk-canary-'; sleep 0.1; echo 0123456789; echo again $TOGETHER_API_KEY >&2; exit 3",
    );
    let log = dir.write(".retake/stack.log", "of a former run");
    std::fs::set_permissions(&log, std::fs::Permissions::from_mode(0o644)).unwrap();
    let command = dir.retake("test --setup together --mode live --stack-config").arg("command:sh start.sh");
    let ran = command.env("TOGETHER_API_KEY", "sk-canary-0123456789").run().exits(4);
    ran.says("ended before it was ready").says("key $TOGETHER_API_KEY");
    let kept = std::fs::read_to_string(&log).unwrap();
    assert_eq!(kept, "key $TOGETHER_API_KEY\nagain $TOGETHER_API_KEY\n");
    assert_eq!(std::fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
}
