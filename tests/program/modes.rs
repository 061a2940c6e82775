//! Record, replay, and what happens when they part.

use std::process::Stdio;

use super::world::{Dir, Ran, package};

const SCRIPTED: &str = "--setup together --provider together=script:examples/together-script.yaml";

fn folder() -> Dir {
    let dir = Dir::new();
    dir.copy("suites");
    dir.copy("examples");
    dir
}

fn run(dir: &Dir, words: &str) -> Ran {
    dir.retake(&format!("test {words}")).run()
}

#[test]
fn what_is_recorded_is_replayed_with_the_same_outcomes_and_recorded_again_as_the_same_files() {
    let dir = folder();
    let live = run(&dir, &format!("{SCRIPTED} --mode live")).exits(0);
    let recorded = run(&dir, &format!("{SCRIPTED} --mode record")).exits(0);
    let files = dir.files("recordings");
    assert!(files.len() > 20, "{} files", files.len());
    let replayed = run(&dir, "--setup together").exits(0);
    assert_eq!(recorded.outcomes(), live.outcomes());
    assert_eq!(replayed.outcomes(), live.outcomes());
    run(&dir, &format!("{SCRIPTED} --mode record")).exits(0);
    let again = dir.files("recordings");
    assert!(again == files, "recording twice changed a file");
}

#[test]
fn a_changed_prompt_is_a_stale_recording_and_never_the_old_answer() {
    let dir = folder();
    dir.copy("recordings");
    let suite = std::fs::read_to_string(package().join("suites/inference/sanity.yaml")).unwrap();
    dir.write(
        "suites/inference/sanity.yaml",
        &suite.replace("Which planet do humans live on?", "Which planet do we live on?"),
    );
    let ran = run(&dir, "--setup together -k non_streaming_01").exits(1);
    ran.says("stale recording")
        .says("$.messages[0].content")
        .says("Which planet do humans live on?")
        .says("--mode record")
        .says("2 failed");
}

const PLANETS: &str = "cases:
  - name: planet
    clients: [openai_client, client_with_models]
    model: text
    request:
      post: /v1/chat/completions
      body: {model: \"${model}\", messages: [{role: user, content: Which planet do humans live on?}]}
    expect: {status: 200}
";

#[test]
fn a_case_that_was_changed_after_it_was_recorded_has_a_stale_recording_and_a_new_one_a_missing() {
    let dir = folder();
    dir.write("suites/inference/planets.yaml", PLANETS);
    run(&dir, &format!("{SCRIPTED} --mode record suites/inference/planets.yaml")).exits(0);
    run(&dir, "--setup together suites/inference/planets.yaml").exits(0);
    let new = PLANETS.replace("cases:\n", "").replace("name: planet", "name: another").replace("Which", "What");
    let changed = PLANETS.replace("humans", "we");
    dir.write("suites/inference/planets.yaml", &format!("{changed}{new}"));
    for stack in ["", "--stack-config direct", "--stack-config server:ci-tests:0"] {
        let words = format!("test --setup together suites/inference/planets.yaml {stack}");
        let ran = dir.retake(&words).env("COLUMNS", "400").run().exits(1);
        let of = |name: &str| {
            let lines = ran.stdout.lines().filter(|line| line.starts_with("FAILED") && line.contains(name));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let (stale, missing) = (of("::planet["), of("::another["));
        assert!(stale.len() == 2 && stale.iter().all(|line| line.contains(" - stale recording: ")), "{stale:?}");
        assert!(
            missing.len() == 2 && missing.iter().all(|line| line.contains(" - missing recording: ")),
            "{missing:?}"
        );
        ran.says("to record it anew: ").says("recording of this case: recordings/together/");
    }
}

#[test]
fn a_broken_recording_fails_only_the_cases_that_need_it_and_names_the_place() {
    let dir = folder();
    dir.copy("recordings");
    let file = "recordings/together/511eb1b92e34.json";
    let text = std::fs::read_to_string(dir.path().join(file)).unwrap();
    dir.write(file, &text.replacen("\"response\": {", "\"response\": {{", 1));
    let ran = run(&dir, "--setup together --pattern openai").exits(1);
    assert!(ran.last_line().starts_with("1 failed, 29 passed, 17 skipped"), "{}", ran.last_line());
    ran.says("511eb1b92e34.json").says("broken recording");
}

#[test]
fn record_if_missing_says_first_that_it_is_missing_and_then_what_to_set() {
    let dir = folder();
    let ran = run(&dir, "--setup together --mode record-if-missing -k non_streaming_01").exits(1);
    let text = ran.stdout;
    let missing = text.find("missing recording").expect("says that it is missing");
    let key = text.find("TOGETHER_API_KEY").expect("names the variable");
    assert!(missing < key, "{text}");
    assert!(dir.files("recordings").is_empty());
}

#[test]
fn record_if_missing_records_what_is_missing_and_replays_it_without_the_provider() {
    let dir = folder();
    run(&dir, &format!("{SCRIPTED} --mode record-if-missing -k chat_system_prompt")).exits(0);
    assert_eq!(dir.files("recordings").len(), 1);
    run(&dir, "--setup together --mode record-if-missing -k chat_system_prompt").exits(0);
}

#[test]
fn live_without_a_key_names_the_variable_and_asks_nobody() {
    let dir = folder();
    let base = "--setup together --mode live --provider together=http://127.0.0.1:9/v1 -k chat_system_prompt";
    run(&dir, base).exits(1).says("missing key").says("TOGETHER_API_KEY");
}

#[test]
fn a_simulated_recording_says_so_in_the_file() {
    let dir = folder();
    run(&dir, &format!("{SCRIPTED} --mode record -k chat_system_prompt")).exits(0);
    let files = dir.files("recordings");
    assert!(String::from_utf8_lossy(&files[0].1).contains("\"origin\": \"simulated\""));
}

#[test]
fn modes_that_cannot_know_the_setup_ask_for_it() {
    folder().retake("test --mode record").run().exits(4).says("--setup NAME");
}

#[test]
fn recordings_that_nothing_uses_are_named_and_can_be_removed() {
    let dir = folder();
    run(&dir, &format!("{SCRIPTED} --mode record")).exits(0);
    let used = dir.files("recordings");
    let stale = std::fs::read_to_string(dir.path().join(&used[0].0)).unwrap();
    dir.write("recordings/together/0123456789ab.json", &stale);
    let whole = run(&dir, "--setup together").exits(0);
    assert!(whole.last_line().contains("passed"));
    whole.says("1 recording used by no case of this run (-v names them, --prune removes them)");
    run(&dir, "--setup together -v").exits(0).says("recordings/together/0123456789ab.json");
    let part = run(&dir, "--setup together -k sanity").exits(0);
    assert!(!part.stdout.contains("used by no case"), "a part cannot tell");
    run(&dir, "--setup together -k sanity --prune").exits(4).says("--prune wants a whole run");
    run(&dir, &format!("{SCRIPTED} --mode record --prune")).exits(0).says("removed 1 recording that");
    assert!(dir.files("recordings") == used);
}

#[test]
fn recorders_of_several_processes_lose_nothing() {
    let dir = folder();
    let alone = folder();
    run(&alone, &format!("{SCRIPTED} --mode record")).exits(0);
    let words = ["", "-k sanity", "-k streaming", "-k embeddings", "-k tool", ""];
    let started: Vec<_> = words
        .iter()
        .map(|words| {
            let mut command = dir.retake(&format!("test {SCRIPTED} --mode record -n 2 {words}"));
            command.0.stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in started {
        assert!(child.wait().unwrap().success());
    }
    let names = |dir: &Dir| dir.files("recordings").into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(&dir), names(&alone));
    run(&dir, "--setup together").exits(0);
}

#[test]
fn a_long_answer_that_is_another_one_is_shown_line_by_line() {
    let dir = folder();
    let reply = "{\"a\": \"one\\ntwo\\nthree\"}";
    dir.write(
        "script.yaml",
        &format!("rules:\n  - when: {{endpoint: /v1/chat/completions}}\n    reply: {{json: {reply}}}\n"),
    );
    let suite = PLANETS.replace("{status: 200}", "{json: {$.a: {equals: \"one\\n2\\nthree\"}}}");
    dir.write("suites/inference/planets.yaml", &suite);
    let words = "--setup together --mode live --provider together=script:script.yaml suites/inference/planets.yaml";
    let ran = run(&dir, &format!("{words} --stack-config direct")).exits(1);
    ran.says("  differs:  - expected, + actual\n      one\n    - 2\n    + two\n      three\n");
}

#[test]
fn passed_cases_show_their_last_exchanges_to_who_asks() {
    let dir = folder();
    let part = |name: &str| {
        format!(
            "    {name}:\n      - {{name: {name} it, request: {{post: /v1/chat/completions, body: {{model: m, stream: true, messages: [{{role: user, content: planet}}]}}}}}}\n"
        )
    };
    let steps: String = ["setup", "steps", "teardown"].map(part).concat();
    dir.write("suites/inference/planets.yaml", &format!("cases:\n  - name: planet\n{steps}"));
    dir.write("script.yaml", "rules:\n  - when: {endpoint: /v1/chat/completions}\n    reply: {text: Earth.}\n");
    let words = "--setup together --mode live --provider together=script:script.yaml suites/inference/planets.yaml";
    let ran = run(&dir, &format!("{words} -rA --stack-config direct")).exits(0);
    let (_, passes) = ran.stdout.split_once("= PASSES =").expect("passed cases");
    let (passes, short) = passes.split_once("short test summary info").expect("the short summary");
    for (title, step) in
        [("exchange setup", "setup it"), ("exchange call", "steps it"), ("exchange teardown", "teardown it")]
    {
        let (_, section) = passes.split_once(&format!("- Captured {title} -")).expect(title);
        let section = section.split_once("- Captured ").map_or(section, |(section, _)| section);
        assert!(section.contains(&format!("step:     {step}\n  reply:    200 OK")), "{section}");
        assert!(section.contains("stream:   (") && section.contains("request:  curl "), "{section}");
    }
    assert!(short.contains("PASSED suites/inference/planets.yaml::planet"), "{short}");
    assert!(!run(&dir, &format!("{words} -rp --stack-config direct")).exits(0).stdout.contains("PASSES"));
}

#[test]
fn a_case_that_fails_as_expected_for_want_of_a_reply_cannot_be_recorded() {
    let dir = Dir::new();
    dir.write(
        "suites/a.yaml",
        "cases:\n- name: gone\n  model: text\n  xfail: the provider is down\n  \
         request: {post: /v1/chat/completions, body: {model: \"${model}\", messages: [{role: user, content: hi}]}}\n",
    );
    let provider = "{type: remote::odd, base_url: 'http://127.0.0.1:9/v1', retries: {times: 0}}";
    dir.write("suites/providers.yaml", &format!("providers:\n  odd: {provider}\n"));
    dir.write("suites/setups.yaml", "setups:\n  odd: {provider: odd, models: {text: odd/m}}\n");
    for stack in ["direct", "ci-tests"] {
        let ran = dir.retake(&format!("test --setup odd --mode record --stack-config {stack}")).run().exits(1);
        let ran = ran.says("1 xfailed").says("error: POST /v1/chat/completions: no reply came");
        assert!(ran.stdout.contains("replay misses this request"), "{stack}");
        dir.retake(&format!("test --setup odd --stack-config {stack}")).run().exits(1).says("missing recording");
        // Live, nothing is recorded, and nothing is lacking.
        dir.retake(&format!("test --setup odd --mode live --stack-config {stack}")).run().exits(0);
    }
}
