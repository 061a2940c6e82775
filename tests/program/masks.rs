//! Masks: requests that change from day to day and from machine to machine, as those of coding agents do.

use serde_json::json;

use super::world::{Dir, Ran, Running, TestCommand};

const PROVIDERS: &str = r#"
providers:
  agent:
    type: remote::agent
    base_url: https://agent.example/v1
    ignores: {/v1/messages: [$.metadata.user_id]}
    masks:
      /v1/messages:
      - place: $.system[*].text
        pattern: ["Today's date: \\d{4}-\\d{2}-\\d{2}", 'Working directory: \S+', 'Platform: \w+']
"#;
const SCRIPT: &str = "rules: [{when: {}, reply: {json: {id: msg_1, type: message}}}]\n";

fn folder() -> Dir {
    let dir = Dir::new();
    dir.write("suites/providers.yaml", PROVIDERS);
    dir.write("suites/setups.yaml", "setups:\n  agent: {provider: agent, models: {text: agent/m}}\n");
    dir.write("script.yaml", SCRIPT);
    dir
}

/// What an agent asks on a day, in a folder, on a platform.
fn asked(day: &str, folder: &str, platform: &str, user: &str, instruction: &str) -> String {
    let environment = format!("Working directory: {folder}\nPlatform: {platform}\nToday's date: {day}");
    json!({
        "model": "m", "max_tokens": 8,
        "system": [{"type": "text", "text": instruction}, {"type": "text", "text": environment}],
        "messages": [{"role": "user", "content": "Fix the test."}],
        "metadata": {"user_id": user},
    })
    .to_string()
}

fn serve(dir: &Dir, words: &str) -> Running {
    Running::with(TestCommand::new(dir.path(), &format!("serve --port 0 {words}")))
}

#[test]
fn an_agent_is_answered_on_another_day_in_another_folder_and_a_changed_instruction_is_not() {
    let dir = folder();
    let recorder = serve(&dir, "--mode record --provider agent=script:script.yaml");
    let then = asked("2026-11-25", "/home/ann/app", "linux", "user_1_session_2", "You are a careful engineer.");
    let reply = recorder.ask("POST", "/agent/v1/messages", &then);
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    recorder.end();
    let kept = dir.files("recordings").remove(0).1;
    assert!(String::from_utf8_lossy(&kept).contains("/home/ann/app"), "it is kept as it was sent");

    let player = serve(&dir, "");
    let now = asked("2027-01-02", "/Users/bob/src/app", "darwin", "user_7_session_9", "You are a careful engineer.");
    let again = player.ask("POST", "/agent/v1/messages", &now);
    assert!(again.starts_with("HTTP/1.1 200"), "{again}");
    let changed = asked("2026-11-25", "/home/ann/app", "linux", "user_1_session_2", "You are a hasty engineer.");
    let refused = player.ask("POST", "/agent/v1/messages", &changed);
    assert!(refused.starts_with("HTTP/1.1 424"), "{refused}");
    for words in ["You are a hasty engineer.", "masked: ", "/home/ann/app", "suites/providers.yaml:"] {
        assert!(refused.contains(words), "no {words:?} in {refused}");
    }
}

const SUITE: &str = "masks: [{place: $..content, pattern: 'run \\w+'}]
cases:
  - name: greets
    model: text
    request: {post: /v1/chat/completions, body: {model: m, messages: [{role: user, content: NAME, hello}]}}
    expect: {protocol: off}
";

fn test(dir: &Dir, words: &str) -> Ran {
    dir.retake(&format!("test --setup agent --stack-config direct {words}")).run()
}

#[test]
fn a_suite_masks_what_its_own_cases_ask_and_a_mask_that_hits_nothing_is_an_error() {
    let dir = folder();
    // The agent's own masks have nothing to do here.
    dir.write("suites/providers.yaml", PROVIDERS.split("    masks:").next().unwrap());
    let suite = |name: &str| dir.write("suites/a.yaml", &SUITE.replace("NAME, hello", &format!("\"hello {name}\"")));
    suite("run one");
    let recorded = test(&dir, "--mode record --provider agent=script:script.yaml").exits(0);
    recorded.says("mask: `run \\w+` (suites/a.yaml:1)");
    suite("run two");
    test(&dir, "").exits(0).says("1 passed");
    suite("jog two");
    test(&dir, "").exits(1).says("stale recording").says("masked nothing: `run");
    test(&dir, "--mode record --provider agent=script:script.yaml")
        .exits(1)
        .says("error: the mask `run \\w+` (suites/a.yaml:1) hit nothing");
}

#[test]
fn a_command_that_is_recorded_twice_shows_what_to_mask() {
    let dir = folder();
    dir.write("suites/providers.yaml", PROVIDERS.split("    ignores:").next().unwrap());
    let words = "run --twice --provider agent=script:script.yaml -- sh -c";
    // What asks is the shell: the second time, on another day.
    let body = asked("DAY", "/home/ann/app", "linux", "u", "You are a careful engineer.");
    dir.write("body.json", &body);
    let script = "n=$(cat n 2>/dev/null || echo 1); echo $((n+1)) > n; sed \"s/DAY/2026-11-0$n/\" body.json | \
                  curl -sf -H 'content-type: application/json' -d @- $RETAKE_PROXY_URL/agent/v1/messages";
    if std::process::Command::new("curl").arg("--version").output().is_err() {
        eprintln!("not shown here: there is no curl");
        return;
    }
    let ran = dir.retake(words).arg(script).run().exits(0);
    ran.says("agent: 1 request was recorded twice, aside.").says("masks:").says("\\d{4}-\\d{2}-\\d{2}");
    assert!(dir.files("recordings").is_empty());
}
