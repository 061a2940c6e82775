//! The pytest plugin with pytest itself, in several processes and in any order.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::server;
use super::world::{Dir, Ran, Running, copy, package};

/// A provider that gives each tool call a fresh id, and wants it back.
pub(crate) fn provider() -> String {
    let count = AtomicUsize::new(0);
    server::serve(move |asked| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let body: Value = serde_json::from_slice(&asked.body).unwrap();
        let messages = body["messages"].as_array().unwrap();
        let last = &messages[messages.len() - 1];
        let (message, finish) = match last["role"].as_str() {
            Some("tool") => {
                let called = &messages[messages.len() - 2]["tool_calls"][0]["id"];
                assert_eq!(*called, last["tool_call_id"]);
                let text = format!("For {}, a coat.", last["content"].as_str().unwrap());
                (json!({"role": "assistant", "content": text}), "stop")
            }
            _ => {
                let call = json!({"id": format!("call_{number}"), "type": "function",
                    "function": {"name": "weather", "arguments": "{}"}});
                (json!({"role": "assistant", "content": null, "tool_calls": [call]}), "tool_calls")
            }
        };
        let reply = json!({"id": format!("chat-{number}"), "object": "chat.completion", "created": 1, "model": "gpt-4o",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}});
        (200, String::new(), reply.to_string())
    })
}

/// `retake run FLAGS -- pytest WORDS`, with the plugin of this checkout.
fn pytest(dir: &Dir, flags: &str, words: &str, variables: &[(&str, &str)]) -> Ran {
    let script = package().join("scripts/clients.sh");
    let line = format!("run {flags} -- {} openai -m pytest -p retake.plugin {words}", script.display());
    let path = package().join("python");
    let mut command = dir.retake(&line).env("PYTHONPATH", path.to_str().unwrap());
    for (name, value) in variables {
        command = command.env(name, value);
    }
    command.run()
}

fn app() -> Dir {
    let dir = Dir::new();
    copy(&package().join("examples/pytest-app"), dir.path());
    dir
}

#[test]
#[ignore = "needs Python packages; .ci/run installs them"]
fn forty_tests_in_four_processes_and_any_order_keep_their_own_replies() {
    let dir = app();
    let record = format!("--mode record --provider openai={}", provider());
    let recorded = pytest(&dir, &record, "-n 4 -p randomly", &[("OPENAI_API_KEY", "sk-of-the-test-0123456789")]);
    recorded.exits(0).says("40 passed").says("41 recorded");
    for words in ["-n 4 -p randomly", "-n 2 -p no:randomly", "-p randomly"] {
        pytest(&dir, "", words, &[]).exits(0).says("40 passed").says("mode replay: 41 of 41 recordings used");
    }
    // One changed prompt is one failed test, with retake's words in place of the client's.
    let changed = pytest(&dir, "", "-n 4 -p randomly", &[("CHANGED", "7")]).exits(1).says("1 failed, 39 passed");
    let changed = changed.says("FAILED test_app.py::test_the_advice_is_for_the_weather[7] - retake: stale-rec");
    let changed =
        changed.says("recorded: \"What should I wear today?\"").says("asked:    \"What should I wear tonight?\"");
    assert!(!changed.stdout.contains("Traceback") && !changed.stdout.contains("_base_client.py"), "{}", changed.stdout);
}

const FIXTURE: &str = r#"
import pytest
from app import what_to_wear

@pytest.fixture(scope="module")
def advice():
    return what_to_wear("3 degrees")

@pytest.mark.parametrize("n", range(6))
def test_each(advice, n):
    assert "3 degrees" in advice
    assert f"{n} degrees" in what_to_wear(f"{n} degrees")
"#;

#[test]
#[ignore = "needs Python packages; .ci/run installs them"]
fn a_fixture_for_many_tests_is_replayed_in_any_order_of_them() {
    let dir = app();
    dir.write("test_fixture.py", FIXTURE);
    let record = format!("--mode record --provider openai={}", provider());
    let key = [("OPENAI_API_KEY", "sk-of-the-test-0123456789")];
    pytest(&dir, &record, "-p no:randomly -n 2 test_fixture.py", &key).exits(0).says("6 passed");
    for words in ["--randomly-seed=1", "--randomly-seed=2 -n 3", "-p no:randomly"] {
        pytest(&dir, "", &format!("{words} test_fixture.py"), &[]).exits(0).says("6 passed");
    }
}

const MARKS: &str = r#"
import pytest
from app import client, what_to_wear

def ask(text):
    try:
        what_to_wear("1 degrees", text)
    except Exception:
        pass

@pytest.mark.retake(mode="live")
def test_live_only():
    assert False

@pytest.mark.retake(faults=[{"status": 429}])
def test_fault():
    with pytest.raises(Exception, match="429"):
        client.with_options(max_retries=0).chat.completions.create(model="gpt-4o", messages=[])

@pytest.mark.retake(faults=[{"stauts": 429}])
def test_mistyped():
    pass

@pytest.mark.xfail
def test_expected_to_fail():
    ask("never asked")
    assert False

def test_swallowed():
    ask("never asked either")

@pytest.fixture
def late():
    yield
    ask("never asked in teardown")

def test_teardown(late):
    pass

def test_fine():
    pass
"#;

#[test]
#[ignore = "needs Python packages; .ci/run installs them"]
fn what_is_not_recorded_fails_the_very_test_and_phase_that_asked() {
    let dir = app();
    dir.write("test_marks.py", MARKS);
    let ran = pytest(&dir, "", "-p no:randomly -rA test_marks.py", &[]).exits(1);
    for line in [
        "PASSED test_marks.py::test_fault",
        "PASSED test_marks.py::test_fine",
        "PASSED test_marks.py::test_teardown",
        "ERROR test_marks.py::test_teardown - retake: missing-recording",
        "ERROR test_marks.py::test_mistyped - Failed: retake: error: unknown key",
        "FAILED test_marks.py::test_expected_to_fail - retake: missing-recording",
        "FAILED test_marks.py::test_swallowed - retake: missing-recording",
        "retake: it needs mode live, and this is mode replay",
        "2 failed, 3 passed, 1 skipped, 2 errors",
    ] {
        assert!(ran.stdout.contains(line), "{line}\n{}", ran.stdout);
    }
}

#[test]
#[ignore = "needs Python packages; .ci/run installs them"]
fn mistakes_are_told_with_their_place() {
    let dir = app();
    dir.write("test_bad.py", "import pytest\n\n@pytest.mark.retake(modus=1)\ndef test_x():\n    pass\n");
    let ran = pytest(&dir, "", "--strict-markers test_bad.py", &[]).exits(4);
    ran.says(
        "test_bad.py:3: @pytest.mark.retake of test_x: unknown argument `modus`: there are faults, mode, allow_hosts",
    );
    // Without a proxy the plugin does nothing.
    let script = package().join("scripts/clients.sh");
    let run = |url: &str| {
        let mut command = Command::new(&script);
        command.args(["openai", "-m", "pytest", "-p", "retake.plugin", "-q", "test_plain.py"]).current_dir(dir.path());
        command.env("PYTHONPATH", package().join("python")).env("RETAKE_PROXY_URL", url);
        Ran::from(command.output().unwrap())
    };
    dir.write("test_plain.py", "def test_x():\n    pass\n");
    run("").exits(0).says("1 passed");
    run("http://127.0.0.1:9").exits(4).says("the proxy at http://127.0.0.1:9 (RETAKE_PROXY_URL) does not answer");
}

/// pytest beside a server that goes on after it, as a developer has it who runs tests again and again.
fn beside(server: &Running, dir: &Dir, words: &str) -> Command {
    let mut command = Command::new(package().join("scripts/clients.sh"));
    let plugin = ["openai", "-m", "pytest", "-p", "retake.plugin", "-p", "no:randomly", "-p", "no:cacheprovider"];
    command.args(plugin).args(words.split(' ')).current_dir(dir.path());
    command.env("PYTHONPATH", package().join("python"));
    command.env("RETAKE_PROXY_URL", format!("http://127.0.0.1:{}", server.port));
    command.env("OPENAI_BASE_URL", server.url("/openai/v1"));
    command
}

const ASKING: &str = r#"
import json, os, time, urllib.request

def ask(text):
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}]}
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    return json.load(urllib.request.urlopen(request))["choices"][0]["message"]
"#;

fn recorder(dir: &Dir) -> Running {
    let words = format!("serve --port 0 --mode record --provider openai={}", provider());
    Running::with(dir.retake(&words).env("OPENAI_API_KEY", "sk-of-the-test-0123456789"))
}

#[test]
#[ignore = "needs Python packages; .ci/run installs them"]
fn a_test_that_a_killed_pytest_left_open_runs_again() {
    let dir = app();
    let body = "\ndef test_long():\n    ask('hi')\n    open('asked', 'w').close()\n    time.sleep(float(os.environ['LONG']))\n";
    dir.write("test_long.py", &format!("{ASKING}{body}"));
    let serve = recorder(&dir);
    for signal in ["KILL", "INT"] {
        let mut killed = beside(&serve, &dir, "test_long.py").env("LONG", "60").stdout(Stdio::null()).spawn().unwrap();
        while !dir.path().join("asked").exists() {
            assert!(killed.try_wait().unwrap().is_none(), "it ends before it asked");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::fs::remove_file(dir.path().join("asked")).unwrap();
        let pid = killed.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
        killed.wait().unwrap();
        // An interrupted test is no passed one: its reply is not kept.
        let ran = Ran::from(beside(&serve, &dir, "test_long.py").env("LONG", "0").output().unwrap());
        ran.exits(0).says("1 passed").says("1 recorded");
        std::fs::remove_file(dir.path().join("asked")).unwrap();
    }
    serve.end();
}

#[test]
#[ignore = "needs Python packages; .ci/run installs them"]
fn a_test_that_runs_again_asks_again_from_the_first_reply() {
    let dir = app();
    let body = "\ntries = []\n\ndef test_flaky():\n    ask('hi')\n    tries.append(1)\n    assert len(tries) == 2\n";
    dir.write("test_flaky.py", &format!("{ASKING}{body}"));
    let serve = recorder(&dir);
    let ran = Ran::from(beside(&serve, &dir, "--reruns 2 test_flaky.py").output().unwrap());
    ran.exits(0).says("1 passed, 1 rerun").says("1 recorded");
    serve.end();
    assert_eq!(dir.files("recordings").len(), 1);
    let serve = Running::start(dir.path(), "serve --port 0");
    let ran = Ran::from(beside(&serve, &dir, "--reruns 2 test_flaky.py").output().unwrap());
    ran.exits(0).says("1 passed, 1 rerun").says("mode replay: 1 of 1 recordings used");
    serve.end();
}

#[test]
#[ignore = "needs Python packages; .ci/run installs them"]
fn a_proxy_that_dies_fails_its_tests_and_not_pytest() {
    let dir = app();
    let body = "\ndef test_before():\n    ask('hi')\n\ndef test_dies():\n    os.kill(int(os.environ['PROXY']), 9)\n    \
                time.sleep(0.3)\n\ndef test_after():\n    pass\n";
    dir.write("test_dies.py", &format!("{ASKING}{body}"));
    let mut serve = recorder(&dir);
    let ran = beside(&serve, &dir, "-rA test_dies.py").env("PROXY", serve.child.id().to_string()).output().unwrap();
    let ran = Ran::from(ran).exits(1).says("PASSED test_dies.py::test_before");
    for test in ["test_dies", "test_after"] {
        let failed = ["FAILED", "ERROR"].map(|word| format!("{word} test_dies.py::{test} - "));
        assert!(failed.iter().any(|line| ran.stdout.contains(line)), "{test}\n{}", ran.stdout);
    }
    ran.says("does not answer");
    serve.kill();
}

#[test]
#[ignore = "needs Python packages; .ci/run installs them"]
fn a_blocked_host_is_named_in_the_test_that_fails_for_it_and_may_be_allowed() {
    let dir = app();
    let test = r#"
import httpx2, pytest

def ask():
    try:
        return httpx2.get("http://other.invalid/").status_code
    except httpx2.HTTPError:
        return 0

def test_needs_it():
    assert ask() == 200

@pytest.mark.retake(allow_hosts=["*.invalid"])
def test_may():
    assert ask() != 403

def test_lives_without():
    assert ask() == 403
"#;
    dir.write("test_blocked.py", test);
    let ran =
        pytest(&dir, "--block-network", "-p no:randomly test_blocked.py", &[]).exits(1).says("1 failed, 2 passed");
    let ran = ran.says("--block-network refused other.invalid");
    assert_eq!(ran.stdout.matches("@pytest.mark.retake(allow_hosts=['other.invalid").count(), 1, "{}", ran.stdout);
}

#[test]
#[ignore = "needs Python packages; .ci/run installs them"]
fn a_thousand_tests_in_four_processes_keep_their_own_replies() {
    let dir = app();
    let test = "from app import what_to_wear\nimport pytest\n\n@pytest.mark.parametrize('n', range(1000))\n\
                def test_each(n):\n    assert f'{n} degrees' in what_to_wear(f'{n} degrees')\n";
    dir.write("test_many.py", test);
    let record = format!("--mode record --provider openai={}", provider());
    let key = [("OPENAI_API_KEY", "sk-of-the-test-0123456789")];
    let recorded = pytest(&dir, &record, "-q -n 4 -p randomly test_many.py", &key).exits(0).says("1000 passed");
    recorded.says("1001 recorded");
    let replayed = pytest(&dir, "", "-q -n 4 -p randomly test_many.py", &[]).exits(0).says("1000 passed");
    replayed.says("mode replay: 1001 of 1001 recordings used");
}

#[test]
#[ignore = "needs Python packages; .ci/run installs them"]
fn a_run_that_asked_for_nothing_says_so() {
    let dir = app();
    dir.write("test_silent.py", "def test_x():\n    pass\n");
    pytest(&dir, "", "test_silent.py", &[]).exits(0).says("no test asked the proxy at http://127.0.0.1:");
}
