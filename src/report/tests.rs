use std::time::Duration;

use super::{Collected, Letters, Options, Terminal, Trace, Tree};
use crate::diff::Diff;
use crate::event::{Class, Detail, Event, Failure, Finished, Outcome, Rate, Section};

const LONG: &str = "over_long[client_with_models-txt=together/meta-llama/Llama-3.3-70B-Instruct-Turbo-Free-True]";

/// What is printed of `events`, escape characters as `^`.
fn printed(options: Options, events: &[Event]) -> String {
    let mut terminal = Terminal::new(Vec::new(), options);
    for event in events {
        terminal.handle(event).unwrap();
    }
    String::from_utf8(terminal.into_inner()).unwrap().replace('\x1b', "^")
}

fn failure(class: Class, summary: &str, details: &str) -> Failure {
    let rerun = "retake run -k 'that case'".into();
    Failure {
        class,
        summary: summary.into(),
        details: vec![Detail::Lines(details.into())],
        context: String::new(),
        rerun,
    }
}

fn finished(index: usize, name: &str, outcome: Outcome) -> Event {
    Event::CaseFinished(Finished {
        index,
        id: format!("suites/a.yaml::{name}"),
        file: "suites/a.yaml".into(),
        line: 12,
        outcome,
        duration: Duration::from_millis(20),
        rate: None,
        captured: Vec::new(),
    })
}

fn ended(interrupted: Option<&str>) -> Event {
    Event::Finished { duration: Duration::from_millis(114), interrupted: interrupted.map(Into::into) }
}

fn head(total: usize, deselected: usize) -> [Event; 2] {
    [
        Event::Started { info: vec!["retake 0.1.0 -- mode: replay".into(), "setup: together".into()] },
        Event::Collected { total, deselected },
    ]
}

/// Every kind of event and every outcome; the first two cases finish the wrong way round.
fn everything() -> Vec<Event> {
    let mut events = head(11, 3).to_vec();
    events.push(Event::Notice("recordings: 18, 3 of them simulated".into()));
    events.push(Event::CaseStarted { index: 0, id: "suites/a.yaml::first[txt=m-True]".into() });
    events.push(finished(1, "skipped", Outcome::Skipped("Together's completions take no suffix".into())));
    events.push(Event::Notice("together answered 429: waiting 1 s".into()));
    events.push(finished(0, "first[txt=m-True]", Outcome::Passed));
    let reason = "a reason that is longer than what remains of the line".to_owned();
    events.push(finished(2, "long_reason", Outcome::Skipped(reason)));
    let wrong = failure(Class::WrongAnswer, "$.usage: expected 3, got 4\nmore", "  expected 3\n  actual 4\x1b[2J\n");
    events.push(finished(3, "wrong[太陽]", Outcome::Failed(wrong.clone())));
    events.push(finished(4, "xfailed", Outcome::XFailed { reason: "known".into(), failure: wrong }));
    events.push(finished(5, "xpassed", Outcome::XPassed("known".into())));
    let miss = failure(Class::MissingRecording, "no recording of POST /v1/chat/completions for this case", "");
    events.push(finished(6, "missing", Outcome::Error(miss)));
    events.push(finished(7, "last", Outcome::Passed));
    events.push(ended(None));
    events
}

#[test]
fn every_kind_of_event() {
    insta::assert_snapshot!(printed(Options::default(), &everything()), @r#"
    ============================= test session starts ==============================
    retake 0.1.0 -- mode: replay
    setup: together
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
    no recording of POST /v1/chat/completions for this case

    suites/a.yaml:12: missing recording
    rerun: retake run -k 'that case'
    =================================== FAILURES ===================================
    _________________________________ wrong[太陽] __________________________________
      expected 3
      actual 4\u{1b}[2J

    suites/a.yaml:12: wrong answer
    rerun: retake run -k 'that case'
    =========================== short test summary info ============================
    FAILED suites/a.yaml::wrong[太陽] - $.usage: expected 3, got 4
    ERROR suites/a.yaml::missing - no recording of POST /v1/chat/completions for ...
    = 1 failed, 2 passed, 2 skipped, 3 deselected, 1 xfailed, 1 xpassed, 1 error in 0.11s =
    "#);
}

#[test]
fn an_interrupted_run_names_what_was_given_up() {
    let given_up = Event::CaseGivenUp { id: "suites/a.yaml::second".into() };
    let mut events = head(4, 0).to_vec();
    // The third finished before the second was given up.
    events.extend([finished(0, "first", Outcome::Passed), finished(2, "third", Outcome::Passed)]);
    events.extend([given_up, ended(Some("interrupted by the user"))]);
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
    insta::assert_snapshot!(printed(options, &everything()), @r#"
    ^[1m============================= test session starts ==============================^[0m
    retake 0.1.0 -- mode: replay
    setup: together
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
    no recording of POST /v1/chat/completions for this case

    ^[31m^[1msuites/a.yaml^[0m:12: missing recording
    rerun: retake run -k 'that case'
    =================================== FAILURES ===================================
    ^[31m^[1m_________________________________ wrong[太陽] __________________________________^[0m
      expected 3
      actual 4\u{1b}[2J

    ^[31m^[1msuites/a.yaml^[0m:12: wrong answer
    rerun: retake run -k 'that case'
    ^[36m^[1m=========================== short test summary info ============================^[0m
    ^[31mFAILED^[0m suites/a.yaml::^[1mwrong[太陽]^[0m - $.usage: expected 3, got 4
    ^[31mERROR^[0m suites/a.yaml::^[1mmissing^[0m - no recording of POST /v1/chat/completions for ...
    ^[31m= ^[31m^[1m1 failed^[0m, ^[32m2 passed^[0m, ^[33m2 skipped^[0m, ^[33m3 deselected^[0m, ^[33m1 xfailed^[0m, ^[33m1 xpassed^[0m, ^[31m^[1m1 error^[0m^[31m in 0.11s^[0m^[31m =^[0m
    "#);
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
    insta::assert_snapshot!(printed(options, &events), @r#"
    ============================= test session starts ==============================
    retake 0.1.0 -- mode: replay
    setup: together
    collected 2 items

    suites/a.yaml::long_reason SKIPPED (a reason that is longer than what
    remains of the line)                                                     [ 50%]
    suites/a.yaml::over_long[client_with_models-txt=together/meta-llama/Llama-3.3-70B-Instruct-Turbo-Free-True] SKIPPED (a reason that is longer than what remains of the line) [100%]

    ============================== 2 skipped in 0.11s ==============================
    "#);
}

#[test]
fn quiet_prints_letters() {
    let options = Options { verbosity: -1, ..Options::default() };
    insta::assert_snapshot!(printed(options, &everything()), @r#"
    recordings: 18, 3 of them simulated
    together answered 429: waiting 1 s
    .ssFxXE.                                                                 [100%]
    ==================================== ERRORS ====================================
    ___________________________________ missing ____________________________________
    no recording of POST /v1/chat/completions for this case

    suites/a.yaml:12: missing recording
    rerun: retake run -k 'that case'
    =================================== FAILURES ===================================
    _________________________________ wrong[太陽] __________________________________
      expected 3
      actual 4\u{1b}[2J

    suites/a.yaml:12: wrong answer
    rerun: retake run -k 'that case'
    =========================== short test summary info ============================
    FAILED suites/a.yaml::wrong[太陽] - $.usage: expected 3, got 4
    ERROR suites/a.yaml::missing - no recording of POST /v1/chat/completions for ...
    1 failed, 2 passed, 2 skipped, 3 deselected, 1 xfailed, 1 xpassed, 1 error in 0.11s
    "#);
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
    let down = failure(Class::ProviderDown, "no connection", "no connection to 127.0.0.1:9");
    let events = [started, collected, finished(0, LONG, Outcome::Failed(down)), ended(None)];
    insta::assert_snapshot!(printed(Options::default(), &events), @r#"
    ============================= test session starts ==============================
    retake 0.1.0 -- mode: replay
    setup: together
    collected 1 item

    suites/a.yaml::over_long[client_with_models-txt=together/meta-llama/Llama-3.3-70B-Instruct-Turbo-Free-True] FAILED [100%]

    =================================== FAILURES ===================================
    _ over_long[client_with_models-txt=together/meta-llama/Llama-3.3-70B-Instruct-Turbo-Free-True] _
    no connection to 127.0.0.1:9

    suites/a.yaml:12: provider down
    rerun: retake run -k 'that case'
    =========================== short test summary info ============================
    FAILED suites/a.yaml::over_long[client_with_models-txt=together/meta-llama/Llama-3.3-70B-Instruct-Turbo-Free-True]
    ============================== 1 failed in 0.11s ===============================
    "#);
    let log = printed(Options { ci: true, ..Options::default() }, &events);
    let line = log.lines().find(|line| line.starts_with("FAILED ")).unwrap();
    assert!(line.ends_with("Free-True] - no connection"), "{line}");
}

#[test]
fn all_skipped_is_yellow() {
    let options = Options { color: true, ..Options::default() };
    let [started, collected] = head(1, 0);
    let events = [started, collected, finished(0, "only", Outcome::Skipped(String::new())), ended(None)];
    insta::assert_snapshot!(printed(options, &events), @r#"
    ^[1m============================= test session starts ==============================^[0m
    retake 0.1.0 -- mode: replay
    setup: together
    ^[1mcollected 1 item^[0m

    suites/a.yaml::only ^[33mSKIPPED^[0m^[33m                                              [100%]^[0m

    ^[33m============================== ^[33m^[1m1 skipped^[0m^[33m in 0.11s^[0m^[33m ==============================^[0m
    "#);
}

#[test]
fn nothing_run() {
    let [started, collected] = head(0, 0);
    insta::assert_snapshot!(printed(Options::default(), &[started.clone(), collected, ended(None)]), @r#"
    ============================= test session starts ==============================
    retake 0.1.0 -- mode: replay
    setup: together
    collected 0 items

    ============================ no tests ran in 0.11s =============================
    "#);
    let [_, collected] = head(26, 26);
    insta::assert_snapshot!(printed(Options::default(), &[started, collected.clone(), ended(None)]), @r#"
    ============================= test session starts ==============================
    retake 0.1.0 -- mode: replay
    setup: together
    collected 26 items / 26 deselected / 0 selected

    ============================ 26 deselected in 0.11s ============================
    "#);
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
        finished(2, "third", Outcome::Failed(failure(Class::RateLimited, "429", ""))),
        ended(Some("stopping after 1 failures")),
    ];
    insta::assert_snapshot!(printed(Options::default(), &events), @r#"
    ============================= test session starts ==============================
    retake 0.1.0 -- mode: replay
    setup: together
    collected 4 items

    suites/a.yaml::first PASSED                                              [ 25%]
    suites/a.yaml::third FAILED                                              [ 50%]

    =================================== FAILURES ===================================
    ____________________________________ third _____________________________________
    429

    suites/a.yaml:12: rate limited
    rerun: retake run -k 'that case'
    =========================== short test summary info ============================
    FAILED suites/a.yaml::third - 429
    !!!!!!!!!!!!!!!!!!!!!!!!!! stopping after 1 failures !!!!!!!!!!!!!!!!!!!!!!!!!!!
    ========================= 1 failed, 1 passed in 0.11s ==========================
    "#);
}

#[test]
fn letters_decide_what_the_short_summary_lists() {
    let letters = Letters::parse(["A"]).unwrap();
    let text = printed(Options { letters, ..Options::default() }, &everything());
    let (_, summary) = text.split_once("short test summary info").unwrap();
    insta::assert_snapshot!(summary, @"
     ============================
    PASSED suites/a.yaml::first[txt=m-True]
    PASSED suites/a.yaml::last
    SKIPPED [1] suites/a.yaml:12: Together's completions take no suffix
    SKIPPED [1] suites/a.yaml:12: a reason that is longer than what remains of th...
    XFAIL suites/a.yaml::xfailed - known
    XPASS suites/a.yaml::xpassed - known
    ERROR suites/a.yaml::missing - no recording of POST /v1/chat/completions for ...
    FAILED suites/a.yaml::wrong[太陽] - $.usage: expected 3, got 4
    = 1 failed, 2 passed, 2 skipped, 3 deselected, 1 xfailed, 1 xpassed, 1 error in 0.11s =
    ");
    let letters = Letters::parse(["N"]).unwrap();
    assert!(!printed(Options { letters, ..Options::default() }, &everything()).contains("short test summary"));
}

#[test]
fn what_was_captured_of_passed_cases_is_shown_as_pytest_does() {
    let mut passed = finished(0, "passed[a]", Outcome::Passed);
    if let Event::CaseFinished(finished) = &mut passed {
        let section = |title: &str, text: &str| Section { title: title.into(), text: text.into() };
        finished.captured =
            vec![section("exchange call", "  reply:    200 OK\n"), section("stdout call", "listening\x1b[2J\n")];
    }
    let [started, collected] = head(3, 0);
    let silent = finished(1, "silent", Outcome::Passed);
    let wrong = finished(2, "wrong", Outcome::Failed(failure(Class::WrongAnswer, "$.a: expected 1, got 2", "")));
    let events = [started, collected, passed, silent, wrong, ended(None)];
    let of = |letters: &str, trace| {
        let letters = Letters::parse([letters]).unwrap();
        let text = printed(Options { letters, trace, ..Options::default() }, &events);
        text.split_once("[100%]\n").unwrap().1.to_owned()
    };
    insta::assert_snapshot!(of("P", Trace::Line), @r"

    =================================== FAILURES ===================================
    suites/a.yaml:12: $.a: expected 1, got 2
    ==================================== PASSES ====================================
    __________________________________ passed[a] ___________________________________
    ---------------------------- Captured exchange call ----------------------------
      reply:    200 OK
    ----------------------------- Captured stdout call -----------------------------
    listening\u{1b}[2J
    ========================= 1 failed, 2 passed in 0.11s ==========================
    ");
    assert!(
        of("A", Trace::Short).contains("= PASSES =") && of("A", Trace::Short).contains("PASSED suites/a.yaml::silent")
    );
    for letters in ["p", "a", "fE", "N", "PN"] {
        assert!(!of(letters, Trace::Short).contains("PASSES"), "{letters}");
    }
    assert!(!of("P", Trace::No).contains("PASSES"));
}

#[test]
fn traces_tell_more_or_less() {
    let mut wrong = failure(Class::WrongAnswer, "$.a: expected 1, got 2", "  expected: 1\n  actual:   2");
    wrong.context = "  request:  curl".into();
    let [started, collected] = head(1, 0);
    let events = [started, collected, finished(0, "wrong", Outcome::Failed(wrong)), ended(None)];
    let of = |trace| {
        let text = printed(Options { trace, ..Options::default() }, &events);
        let at = text.find("\n\n").unwrap();
        text[at..].split_once("[100%]\n").unwrap().1.to_owned()
    };
    insta::assert_snapshot!(of(Trace::Long), @"

    =================================== FAILURES ===================================
    ____________________________________ wrong _____________________________________
      expected: 1
      actual:   2
      request:  curl

    suites/a.yaml:12: wrong answer
    rerun: retake run -k 'that case'
    =========================== short test summary info ============================
    FAILED suites/a.yaml::wrong - $.a: expected 1, got 2
    ============================== 1 failed in 0.11s ===============================
    ");
    insta::assert_snapshot!(of(Trace::Short), @"

    =================================== FAILURES ===================================
    ____________________________________ wrong _____________________________________
      expected: 1
      actual:   2
    =========================== short test summary info ============================
    FAILED suites/a.yaml::wrong - $.a: expected 1, got 2
    ============================== 1 failed in 0.11s ===============================
    ");
    insta::assert_snapshot!(of(Trace::Line), @"

    =================================== FAILURES ===================================
    suites/a.yaml:12: $.a: expected 1, got 2
    =========================== short test summary info ============================
    FAILED suites/a.yaml::wrong - $.a: expected 1, got 2
    ============================== 1 failed in 0.11s ===============================
    ");
    insta::assert_snapshot!(of(Trace::No), @"

    =========================== short test summary info ============================
    FAILED suites/a.yaml::wrong - $.a: expected 1, got 2
    ============================== 1 failed in 0.11s ===============================
    ");
}

#[test]
fn the_slowest_are_listed() {
    let [started, collected] = head(3, 0);
    let mut events = vec![started, collected];
    for (index, ms) in [1, 2500, 30].into_iter().enumerate() {
        let mut event = finished(index, &format!("c{index}"), Outcome::Passed);
        if let Event::CaseFinished(finished) = &mut event {
            finished.duration = Duration::from_millis(ms);
        }
        events.push(event);
    }
    events.push(ended(None));
    let of = |durations| {
        let text = printed(Options { durations: Some(durations), ..Options::default() }, &events);
        text.split_once("[100%]\n").unwrap().1.to_owned()
    };
    insta::assert_snapshot!(of(0), @"

    ============================== slowest durations ===============================
    2.50s call     suites/a.yaml::c1
    0.03s call     suites/a.yaml::c2

    (1 duration < 0.005s hidden.  Use -vv to show these durations.)
    ============================== 3 passed in 0.11s ===============================
    ");
    insta::assert_snapshot!(of(1), @"

    ============================= slowest 1 durations ==============================
    2.50s call     suites/a.yaml::c1
    ============================== 3 passed in 0.11s ===============================
    ");
}

#[test]
fn cases_that_ran_again_and_again() {
    let [started, collected] = head(4, 0);
    let rated = |mut event: Event, passed, tries| {
        if let Event::CaseFinished(finished) = &mut event {
            finished.rate = Some(Rate { passed, tries });
        }
        event
    };
    let rerun = |index, name| match finished(index, name, Outcome::Failed(Failure::default())) {
        Event::CaseFinished(finished) => Event::CaseRerun(finished),
        other => other,
    };
    let wrong = failure(Class::WrongAnswer, "$.a: expected 1, got 2", "");
    let events = [
        started,
        collected,
        rerun(1, "flaky"),
        rated(finished(0, "often", Outcome::Passed), 9, 10),
        finished(1, "flaky", Outcome::Flaky("provider down: no connection".into())),
        rated(finished(2, "seldom", Outcome::Failed(wrong)), 2, 10),
        finished(3, "last", Outcome::Passed),
        ended(None),
    ];
    insta::assert_snapshot!(printed(Options { letters: Letters::parse(["a"]).unwrap(), ..Options::default() }, &events), @"
    ============================= test session starts ==============================
    retake 0.1.0 -- mode: replay
    setup: together
    collected 4 items

    suites/a.yaml::often PASSED (9/10)                                       [ 25%]
    suites/a.yaml::flaky RERUN                                               [ 25%]
    suites/a.yaml::flaky FLAKY (provider down: no connection)                [ 50%]
    suites/a.yaml::seldom FAILED (2/10)                                      [ 75%]
    suites/a.yaml::last PASSED                                               [100%]

    =================================== FAILURES ===================================
    ____________________________________ seldom ____________________________________
    $.a: expected 1, got 2

    suites/a.yaml:12: wrong answer
    rerun: retake run -k 'that case'
    =========================== rerun test summary info ============================
    RERUN suites/a.yaml::flaky
    =========================== short test summary info ============================
    FLAKY suites/a.yaml::flaky - provider down: no connection
    FAILED suites/a.yaml::seldom - $.a: expected 1, got 2
    ================ 1 failed, 2 passed, 1 flaky, 1 rerun in 0.11s =================
    ");
}

#[test]
fn what_would_run_is_a_tree() {
    let case = |id: &str, skip: Option<&str>| Collected { id: id.into(), skip: skip.map(Into::into) };
    let cases = [
        case("suites/a/x.yaml::one[p-1]", None),
        case("suites/a/x.yaml::two", Some("no can do")),
        case("suites/y.yaml::three", None),
    ];
    let of = |verbosity, deselected| {
        let mut out = Vec::new();
        let tree = Tree { cases: &cases, deselected, duration: Duration::from_millis(10) };
        tree.write(&mut out, &Options { verbosity, ..Options::default() }).unwrap();
        String::from_utf8(out).unwrap()
    };
    insta::assert_snapshot!(of(0, 2), @"

    <Dir suites>
      <Dir a>
        <Suite x.yaml>
          <Case one[p-1]>
          <Case two> SKIPPED (no can do)
      <Suite y.yaml>
        <Case three>

    ================= 3/5 tests collected (2 deselected) in 0.01s ==================
    ");
    insta::assert_snapshot!(of(-1, 0), @"
    suites/a/x.yaml::one[p-1]
    suites/a/x.yaml::two SKIPPED (no can do)
    suites/y.yaml::three

    3 tests collected in 0.01s
    ");
    insta::assert_snapshot!(of(-2, 0), @"
    suites/a/x.yaml: 2
    suites/y.yaml: 1
    ");
}

#[test]
fn differences_are_coloured_and_cut_and_whole_at_vv() {
    let numbers = |from: usize| (from..from + 25).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n");
    let mut wrong = failure(Class::WrongAnswer, "text: expected …, got …", "  path:     text");
    wrong
        .details
        .extend(Diff::of(&format!("same\n{}", numbers(0)), &format!("same\n{}", numbers(50))).map(Detail::Diff));
    let [started, collected] = head(1, 0);
    let events = [started, collected, finished(0, "wrong", Outcome::Failed(wrong)), ended(None)];
    let of = |options: Options| {
        let text = printed(Options { trace: Trace::Short, ..options }, &events);
        let text = text.split_once("differs:").unwrap().1;
        text.split_once("====").unwrap().0.to_owned()
    };
    let cut = of(Options::default());
    assert_eq!(cut.lines().count(), 32, "{cut}");
    assert!(
        cut.starts_with("  - expected, + actual\n      same\n    - line 0\n") && cut.contains("    + line 53\n"),
        "{cut}"
    );
    assert!(cut.ends_with("      ... 21 more lines, use -vv to show\n"), "{cut}");
    assert_eq!(of(Options { verbosity: 2, ..Options::default() }).lines().count(), 52);
    assert_eq!(of(Options { ci: true, ..Options::default() }).lines().count(), 52);
    let painted = of(Options { color: true, ..Options::default() });
    assert!(painted.contains("    ^[31m- line 0^[0m\n") && painted.contains("    ^[32m+ line 50^[0m\n"));
}
