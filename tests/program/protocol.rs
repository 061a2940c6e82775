//! Selection, exit codes, and the libtest protocol.

use super::world::{Dir, TestCommand, package};

fn test(words: &str) -> TestCommand {
    TestCommand::new(package(), &format!("test {words}"))
}

#[test]
fn nothing_selected_is_exit_5() {
    test("--setup together -k no_such_case").run().exits(5).says("deselected");
}

#[test]
fn a_wrong_expression_is_exit_4_in_pytests_words() {
    let ran = test("--setup together").arg("-k").arg("nowhere nothing").run().exits(4);
    ran.says("Wrong expression passed to '-k': nowhere nothing: at column 9: expected end of input; got identifier");
}

#[test]
fn unknown_names_are_exit_4_with_the_nearest() {
    test("--setup togehter").run().exits(4).says("did you mean `together`?");
    test("--setup together --suite santy").run().exits(4).says("did you mean `sanity`?");
    test("--setup together --subdirs infrence").run().exits(4).says("inference");
    test("--setup together --provider togethr=http://x/v1").run().exits(4).says("did you mean `together`?");
    test("--setup together --mode repaly").run().exits(4).says("replay");
    test("--setup together --stack-config nowhere").run().exits(4).says("it is one of");
    test("--setup together --text-model gpt-4o").run().exits(4).says("provider/model");
    test("--setup together --recordings nowhere").run().exits(4).says("no folder of recordings at nowhere");
    test("--no-such-flag").run().exits(4);
}

#[test]
fn every_printed_id_is_accepted_back() {
    let all = test("--setup together").run().exits(0).outcomes();
    assert!(all.len() > 47);
    for (id, word) in all.iter().step_by(7) {
        let one = test("--setup together").arg("-k").arg(id).run().exits(0).outcomes();
        assert!(one.contains(&(id.clone(), word.clone())), "{id}");
        assert!(one.iter().all(|(other, _)| other.contains(id.as_str())), "{id} selects {one:?}");
    }
}

#[test]
fn flags_have_environment_twins() {
    let by_flag = test("--setup together --pattern embeddings --suite embeddings").run().exits(0);
    let by_env = test("")
        .env("RETAKE_SETUP", "together")
        .env("RETAKE_PATTERN", "embeddings")
        .env("RETAKE_SUITE", "embeddings")
        .run()
        .exits(0);
    assert_eq!(by_flag.outcomes(), by_env.outcomes());
}

#[test]
fn listing_speaks_libtest_and_nothing_else() {
    let all = test("--setup together --pattern openai --list --format terse").run().exits(0).stdout;
    assert_eq!(all.lines().count(), 47);
    assert!(all.lines().all(|line| line.ends_with(": test")), "{all}");
    let ignored = test("--setup together --pattern openai --list --format terse --ignored").run().exits(0).stdout;
    assert_eq!(ignored.lines().count(), 17);
    assert!(ignored.lines().all(|line| all.contains(line)));
}

#[test]
fn exact_runs_one_case() {
    let name = "suites/inference/store.yaml::inference_store[client_with_models-txt=together/meta-llama/Llama-3.3-70B-Instruct-Turbo-Free-True]";
    let ran = test("--setup together").arg("--exact").arg(name).arg("--nocapture").run().exits(0);
    assert_eq!(ran.outcomes(), [(name.to_owned(), "PASSED".to_owned())]);
}

/// What IDEs, cargo's wrappers and habit add to a run of 8 cases, 4 of which are asked for by `True`.
#[test]
fn what_libtest_takes_is_taken_in_peace() {
    let all = "8 passed, 58 deselected";
    for (words, last) in [
        ("--nocapture", all),
        ("--no-capture", all),
        ("--show-output", all),
        ("--report-time", all),
        ("--report-time=plain", all),
        ("--ensure-time", all),
        ("--shuffle", all),
        ("--shuffle --shuffle-seed 5", all),
        ("--shuffle-seed=5", all),
        ("--format json -Z unstable-options", all),
        ("-Zunstable-options --format=junit", all),
        ("--format terse --show-output --logfile none.log", all),
        ("--test-threads 2", all),
        ("--test-threads=1", all),
        ("--include-ignored", all),
        ("--exclude-should-panic", all),
        ("--force-run-in-process", all),
        ("--fail-fast", all),
        ("--test", all),
        ("--quiet", all),
        ("-q", all),
        ("--color never", all),
        ("--color=auto", all),
        ("True", "4 passed, 62 deselected"),
        ("tool_calls[ Free-False]", "6 passed, 60 deselected"),
        ("--skip True", "4 passed, 62 deselected"),
        ("--skip True --skip=tool_calls", "2 passed, 64 deselected"),
    ] {
        let ran = test("--setup together -k inference_store").args(words).run().exits(0);
        assert_eq!(ran.last_line(), last, "{words}");
    }
    let always = test("--setup together -k inference_store --color always").run().exits(0);
    assert!(always.stdout.contains("\u{1b}[32mPASSED"), "{}", always.stdout);
    assert!(!package().join("none.log").exists());
}

#[test]
fn several_ids_can_be_exact() {
    let id = |what| {
        format!(
            "suites/inference/store.yaml::inference_store[client_with_models-txt=together/meta-llama/Llama-3.3-70B-Instruct-Turbo-Free-{what}]"
        )
    };
    let exact = |command: TestCommand| command.arg("--exact").run().exits(0).outcomes();
    let both = exact(test("--setup together").arg(&id("True")).arg(&id("False")));
    assert_eq!(both, [id("False"), id("True")].map(|id| (id, "PASSED".to_owned())));
    // A part of an id is not an id.
    test("--setup together --exact").arg(&id("Tru")).run().exits(5);
    let left =
        test("--setup together -k client_with_models --suite store --exact --skip").arg(&id("True")).run().exits(0);
    assert!(left.outcomes().iter().all(|(other, _)| *other != id("True")));
    assert_eq!(left.outcomes().len(), 3);
}

#[test]
fn without_a_setup_every_setup_that_has_recordings_runs() {
    let ran = test("").run().exits(0);
    assert!(ran.outcomes().iter().any(|(id, _)| id.contains("together/")));
}

#[test]
fn no_recordings_at_all_is_a_mistake_and_no_success() {
    let dir = Dir::new();
    dir.copy("suites");
    dir.retake("test").run().exits(4).says("no setup has recordings");
}

#[test]
fn quiet_and_colour_are_as_asked() {
    let quiet = test("--setup together --pattern openai -q").run().exits(0);
    assert!(!quiet.stdout.contains("test session starts"));
    assert!(quiet.stdout.lines().last().unwrap().starts_with("30 passed, 17 skipped, "));
    let plain = test("--setup together --pattern openai").run().exits(0);
    assert!(!plain.stdout.contains('\u{1b}'));
    let coloured = test("--setup together --pattern openai --color=yes").run().exits(0);
    assert!(coloured.stdout.contains("\u{1b}[32mPASSED"));
    let asked_not_to = test("--setup together --pattern openai").env("NO_COLOR", "1").run().exits(0);
    assert!(!asked_not_to.stdout.contains('\u{1b}'));
}
