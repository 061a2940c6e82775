//! The pytest plugin with pytest itself, in several processes and in any order.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::server;
use super::world::{Dir, Ran, copy, package};

/// A provider that gives each tool call a fresh id, and wants it back.
fn provider() -> String {
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
        pytest(&dir, "", words, &[]).exits(0).says("40 passed").says("mode replay: 41 recordings used");
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
