//! Lines of cases, and the end of a run.

use super::*;

#[test]
fn every_kind_of_event() {
    insta::assert_snapshot!(printed(Options::default(), &everything()), @r"
    ============================= test session starts ==============================
    retake 0.1.0 -- mode: replay, stack: ci-tests, setup: together, tgi
    suites: suites (1 file)
    recordings: recordings (18 real)
    collected 11 items / 3 deselected / 8 selected
    recordings: 18, 3 of them simulated
    together answered 429: waiting 1 s

    suites/a.yaml::first[txt=m-True] PASSED                                  [ 12%]
    suites/a.yaml::skipped SKIPPED (Together's completions take no suffix)   [ 25%]
    suites/a.yaml::long_reason SKIPPED (a reason that is longer than wha...) [ 37%]
    suites/a.yaml::wrong[太陽] FAILED                                        [ 50%]
    suites/a.yaml::xfailed XFAIL (known)                                     [ 62%]
    suites/a.yaml::xpassed XPASS (known)                                     [ 75%]
    suites/a.yaml::missing ERROR                                             [ 87%]
    suites/a.yaml::last PASSED                                               [100%]

    ==================================== ERRORS ====================================
    ___________________________________ missing ____________________________________
    missing recording: no recording of POST /v1/chat/completions for this case

    suites/a.yaml:12: missing recording
    rerun: retake test -k 'suites/a.yaml::missing'
    =================================== FAILURES ===================================
    _________________________________ wrong[太陽] __________________________________
    error: $.usage does not hold
      --> suites/a.yaml:14:20
       |
    14 |     expect: {json: {$.usage: 3}}
       |                    ^^^^^^^
      path:     $.usage
      expected: 3
      actual:   4\u{1b}[2J

    suites/a.yaml:12: wrong answer
    rerun: retake test -k 'suites/a.yaml::wrong[太陽]'
    =========================== short test summary info ============================
    FAILED suites/a.yaml::wrong[太陽] - $.usage: expected 3, got 4\u{1b}[2J
    ERROR suites/a.yaml::missing - missing recording: no recording of POST /v1/ch...
    = 1 failed, 2 passed, 2 skipped, 3 deselected, 1 xfailed, 1 xpassed, 1 error in 0.11s =
    ");
}

#[test]
fn an_interrupted_run_names_what_was_given_up() {
    let given_up = Event::CaseGivenUp { id: "suites/a.yaml::second".into() };
    let mut events = head(4, 0).to_vec();
    // The third case finished before the second one was given up.
    events.extend([finished(0, "first", Outcome::Passed), finished(2, "third", Outcome::Passed)]);
    events.extend([given_up, ended(Some(Interruption::User))]);
    insta::assert_snapshot!(printed(Options { no_head: true, ..Options::default() }, &events), @r"
    ============================= test session starts ==============================
    collected 4 items

    suites/a.yaml::first PASSED                                              [ 25%]
    suites/a.yaml::third PASSED                                              [ 50%]

    !!!!!!!!!!!!!!!!!!!!!!!!!!! interrupted by the user !!!!!!!!!!!!!!!!!!!!!!!!!!!!
    given up: suites/a.yaml::second
    ============================== 2 passed in 0.11s ===============================
    ");
}

#[test]
fn every_kind_of_event_in_colour() {
    let options = Options { color: true, ..Options::default() };
    insta::assert_snapshot!(printed(options, &everything()), @r"
    ^[1m============================= test session starts ==============================^[0m
    retake 0.1.0 -- mode: replay, stack: ci-tests, setup: together, tgi
    suites: suites (1 file)
    recordings: recordings (18 real)
    ^[1mcollected 11 items / 3 deselected / 8 selected^[0m
    recordings: 18, 3 of them simulated
    together answered 429: waiting 1 s

    suites/a.yaml::first[txt=m-True] ^[32mPASSED^[0m^[32m                                  [ 12%]^[0m
    suites/a.yaml::skipped ^[33mSKIPPED^[0m (Together's completions take no suffix)^[32m   [ 25%]^[0m
    suites/a.yaml::long_reason ^[33mSKIPPED^[0m (a reason that is longer than wha...)^[32m [ 37%]^[0m
    suites/a.yaml::wrong[太陽] ^[31mFAILED^[0m^[31m                                        [ 50%]^[0m
    suites/a.yaml::xfailed ^[33mXFAIL^[0m (known)^[31m                                     [ 62%]^[0m
    suites/a.yaml::xpassed ^[33mXPASS^[0m (known)^[31m                                     [ 75%]^[0m
    suites/a.yaml::missing ^[31mERROR^[0m^[31m                                             [ 87%]^[0m
    suites/a.yaml::last ^[32mPASSED^[0m^[31m                                               [100%]^[0m

    ==================================== ERRORS ====================================
    ^[31m^[1m___________________________________ missing ____________________________________^[0m
    missing recording: no recording of POST /v1/chat/completions for this case

    ^[31m^[1msuites/a.yaml^[0m:12: missing recording
    rerun: retake test -k 'suites/a.yaml::missing'
    =================================== FAILURES ===================================
    ^[31m^[1m_________________________________ wrong[太陽] __________________________________^[0m
    error: $.usage does not hold
      --> suites/a.yaml:14:20
       |
    14 |     expect: {json: {$.usage: 3}}
       |                    ^^^^^^^
      path:     $.usage
      expected: 3
      actual:   4\u{1b}[2J

    ^[31m^[1msuites/a.yaml^[0m:12: wrong answer
    rerun: retake test -k 'suites/a.yaml::wrong[太陽]'
    ^[36m^[1m=========================== short test summary info ============================^[0m
    ^[31mFAILED^[0m suites/a.yaml::^[1mwrong[太陽]^[0m - $.usage: expected 3, got 4\u{1b}[2J
    ^[31mERROR^[0m suites/a.yaml::^[1mmissing^[0m - missing recording: no recording of POST /v1/ch...
    ^[31m= ^[31m^[1m1 failed^[0m, ^[32m2 passed^[0m, ^[33m2 skipped^[0m, ^[33m3 deselected^[0m, ^[33m1 xfailed^[0m, ^[33m1 xpassed^[0m, ^[31m^[1m1 error^[0m^[31m in 0.11s^[0m^[31m =^[0m
    ");
}

#[test]
fn verbose_shows_reasons_whole() {
    let options = Options { verbosity: 1, ..Options::default() };
    let reason = "a reason that is longer than what remains of the line".to_owned();
    let [started, collected] = head(2, 0);
    let events = [
        started,
        collected,
        finished(0, "long_reason", Outcome::Skipped(reason.clone())),
        finished(1, LONG, Outcome::Skipped(reason)),
        ended(None),
    ];
    insta::assert_snapshot!(printed(options, &events), @"
    ============================= test session starts ==============================
    retake 0.1.0 -- mode: replay, stack: ci-tests, setup: together, tgi
    suites: suites (1 file)
    recordings: recordings (18 real)
    collected 2 items

    suites/a.yaml::long_reason SKIPPED (a reason that is longer than what
    remains of the line)                                                     [ 50%]
    suites/a.yaml::over_long[client_with_models-txt=together/meta-llama/Llama-3.3-70B-Instruct-Turbo-Free-True] SKIPPED (a reason that is longer than what remains of the line) [100%]

    ============================== 2 skipped in 0.11s ==============================
    ");
}

#[test]
fn quiet_prints_letters() {
    let options = Options { verbosity: -1, ..Options::default() };
    insta::assert_snapshot!(printed(options, &everything()), @r"
    recordings: 18, 3 of them simulated
    together answered 429: waiting 1 s
    .ssFxXE.                                                                 [100%]
    ==================================== ERRORS ====================================
    ___________________________________ missing ____________________________________
    missing recording: no recording of POST /v1/chat/completions for this case

    suites/a.yaml:12: missing recording
    rerun: retake test -k 'suites/a.yaml::missing'
    =================================== FAILURES ===================================
    _________________________________ wrong[太陽] __________________________________
    error: $.usage does not hold
      --> suites/a.yaml:14:20
       |
    14 |     expect: {json: {$.usage: 3}}
       |                    ^^^^^^^
      path:     $.usage
      expected: 3
      actual:   4\u{1b}[2J

    suites/a.yaml:12: wrong answer
    rerun: retake test -k 'suites/a.yaml::wrong[太陽]'
    =========================== short test summary info ============================
    FAILED suites/a.yaml::wrong[太陽] - $.usage: expected 3, got 4\u{1b}[2J
    ERROR suites/a.yaml::missing - missing recording: no recording of POST /v1/ch...
    1 failed, 2 passed, 2 skipped, 3 deselected, 1 xfailed, 1 xpassed, 1 error in 0.11s
    ");
}

#[test]
fn quiet_ends_a_line_of_letters_with_the_percent_and_then_says_what_is_due() {
    let options = Options { verbosity: -2, width: 20, ..Options::default() };
    let mut events = vec![Event::Collected { total: 15, deselected: 0 }];
    for index in 0..15 {
        events.push(finished(index, "case", Outcome::Passed));
        if index == 3 {
            events.push(Event::Notice("said between".into()));
        }
    }
    events.push(ended(None));
    insta::assert_snapshot!(printed(options, &events), @r#"
    ............ [ 80%]
    said between
    ...          [100%]
    "#);
}

#[test]
fn an_id_that_is_too_long_is_never_cut() {
    let [started, collected] = head(1, 0);
    let down = failure(Class::ProviderDown, "no connection\nto 127.0.0.1:9");
    let events = [started, collected, finished(0, LONG, Outcome::Failed(down)), ended(None)];
    insta::assert_snapshot!(printed(Options::default(), &events), @"
    ============================= test session starts ==============================
    retake 0.1.0 -- mode: replay, stack: ci-tests, setup: together, tgi
    suites: suites (1 file)
    recordings: recordings (18 real)
    collected 1 item

    suites/a.yaml::over_long[client_with_models-txt=together/meta-llama/Llama-3.3-70B-Instruct-Turbo-Free-True] FAILED [100%]

    =================================== FAILURES ===================================
    _ over_long[client_with_models-txt=together/meta-llama/Llama-3.3-70B-Instruct-Turbo-Free-True] _
    provider down: no connection
      to 127.0.0.1:9

    suites/a.yaml:12: provider down
    rerun: retake test -k 'suites/a.yaml::over_long[client_with_models-txt=together/meta-llama/Llama-3.3-70B-Instruct-Turbo-Free-True]'
    =========================== short test summary info ============================
    FAILED suites/a.yaml::over_long[client_with_models-txt=together/meta-llama/Llama-3.3-70B-Instruct-Turbo-Free-True]
    ============================== 1 failed in 0.11s ===============================
    ");
    let log = printed(Options { ci: true, ..Options::default() }, &events);
    let line = log.lines().find(|line| line.starts_with("FAILED ")).unwrap();
    assert!(line.ends_with("Free-True] - provider down: no connection"), "{line}");
}

#[test]
fn all_skipped_is_yellow() {
    let options = Options { color: true, ..Options::default() };
    let [started, collected] = head(1, 0);
    let events = [started, collected, finished(0, "only", Outcome::Skipped(String::new())), ended(None)];
    insta::assert_snapshot!(printed(options, &events), @"
    ^[1m============================= test session starts ==============================^[0m
    retake 0.1.0 -- mode: replay, stack: ci-tests, setup: together, tgi
    suites: suites (1 file)
    recordings: recordings (18 real)
    ^[1mcollected 1 item^[0m

    suites/a.yaml::only ^[33mSKIPPED^[0m^[33m                                              [100%]^[0m

    ^[33m============================== ^[33m^[1m1 skipped^[0m^[33m in 0.11s^[0m^[33m ==============================^[0m
    ");
}

#[test]
fn nothing_run() {
    let [started, collected] = head(0, 0);
    insta::assert_snapshot!(printed(Options::default(), &[started.clone(), collected, ended(None)]), @"
    ============================= test session starts ==============================
    retake 0.1.0 -- mode: replay, stack: ci-tests, setup: together, tgi
    suites: suites (1 file)
    recordings: recordings (18 real)
    collected 0 items

    ============================ no tests ran in 0.11s =============================
    ");
    let [_, collected] = head(26, 26);
    insta::assert_snapshot!(printed(Options::default(), &[started, collected.clone(), ended(None)]), @"
    ============================= test session starts ==============================
    retake 0.1.0 -- mode: replay, stack: ci-tests, setup: together, tgi
    suites: suites (1 file)
    recordings: recordings (18 real)
    collected 26 items / 26 deselected / 0 selected

    ============================ 26 deselected in 0.11s ============================
    ");
    let options = Options { verbosity: -1, ..Options::default() };
    assert_eq!(printed(options, &[collected, ended(None)]), "\n26 deselected in 0.11s\n");
}

#[test]
fn a_run_that_was_stopped_shows_what_ran() {
    let [started, collected] = head(4, 0);
    let events = [
        started,
        collected,
        finished(0, "first", Outcome::Passed),
        // Case 1 never finished.
        finished(2, "third", Outcome::Failed(failure(Class::RateLimited, "429"))),
        ended(Some(Interruption::Failures(1))),
    ];
    insta::assert_snapshot!(printed(Options::default(), &events), @"
    ============================= test session starts ==============================
    retake 0.1.0 -- mode: replay, stack: ci-tests, setup: together, tgi
    suites: suites (1 file)
    recordings: recordings (18 real)
    collected 4 items

    suites/a.yaml::first PASSED                                              [ 25%]
    suites/a.yaml::third FAILED                                              [ 50%]

    =================================== FAILURES ===================================
    ____________________________________ third _____________________________________
    rate limited: 429

    suites/a.yaml:12: rate limited
    rerun: retake test -k 'suites/a.yaml::third'
    =========================== short test summary info ============================
    FAILED suites/a.yaml::third - rate limited: 429
    !!!!!!!!!!!!!!!!!!!!!!!!!! stopping after 1 failures !!!!!!!!!!!!!!!!!!!!!!!!!!!
    ========================= 1 failed, 1 passed in 0.11s ==========================
    ");
}
