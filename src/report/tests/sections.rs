//! The sections below the lines of cases, and lists of cases.

use super::*;

#[test]
fn letters_decide_what_the_short_summary_lists() {
    let letters = Letters::parse(["A"]).unwrap();
    let text = printed(Options { letters, ..Options::default() }, &everything());
    let (_, summary) = text.split_once("short test summary info").unwrap();
    insta::assert_snapshot!(summary, @r"
     ============================
    PASSED suites/a.yaml::first[txt=m-True]
    PASSED suites/a.yaml::last
    SKIPPED [1] suites/a.yaml:12: Together's completions take no suffix
    SKIPPED [1] suites/a.yaml:12: a reason that is longer than what remains of th...
    XFAIL suites/a.yaml::xfailed - known
    XPASS suites/a.yaml::xpassed - known
    ERROR suites/a.yaml::missing - missing recording: no recording of POST /v1/ch...
    FAILED suites/a.yaml::wrong[太陽] - $.usage: expected 3, got 4\u{1b}[2J
    = 1 failed, 2 passed, 2 skipped, 3 deselected, 1 xfailed, 1 xpassed, 1 error in 0.11s =
    ");
    let letters = Letters::parse(["N"]).unwrap();
    assert!(!printed(Options { letters, ..Options::default() }, &everything()).contains("short test summary"));
}

#[test]
fn what_was_captured_of_passed_cases_is_shown_as_pytest_does() {
    let mut passed = finished(0, "passed[a]", Outcome::Passed);
    if let Event::CaseFinished(finished) = &mut passed {
        finished.captured.exchanges.push(exchange());
        finished.captured.printed = Some("listening\x1b[2J\n".into());
    }
    let [started, collected] = head(3, 0);
    let silent = finished(1, "silent", Outcome::Passed);
    let wrong = finished(2, "wrong", Outcome::Failed(mismatch("$.a", "1", "2", None)));
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
      request:  curl 'https://host/v1/models'
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
    let wrong = Box::new(Failure { exchange: Some(exchange()), ..*mismatch("$.a", "1", "2", None) });
    let [started, collected] = head(1, 0);
    let mut case = finished(0, "wrong", Outcome::Failed(wrong));
    if let Event::CaseFinished(finished) = &mut case {
        finished.recordings.used = (1..8).map(|number| format!("recordings/together/{number}.json")).collect();
    }
    let events = [started, collected, case, ended(None)];
    let of = |trace| {
        let text = printed(Options { trace, ..Options::default() }, &events);
        let at = text.find("\n\n").unwrap();
        text[at..].split_once("[100%]\n").unwrap().1.to_owned()
    };
    insta::assert_snapshot!(of(Trace::Long), @"

    =================================== FAILURES ===================================
    ____________________________________ wrong _____________________________________
    error: $.a does not hold
      --> suites/a.yaml:14:20
       |
    14 |     expect: {json: {$.a: 1}}
       |                    ^^^
      path:     $.a
      expected: 1
      actual:   2
      reply:    200 OK
      request:  curl 'https://host/v1/models'
      replayed: recordings/together/1.json
                recordings/together/2.json
                recordings/together/3.json
                recordings/together/4.json
                recordings/together/5.json
                and 2 more

    suites/a.yaml:12: wrong answer
    rerun: retake test -k 'suites/a.yaml::wrong'
    =========================== short test summary info ============================
    FAILED suites/a.yaml::wrong - $.a: expected 1, got 2
    ============================== 1 failed in 0.11s ===============================
    ");
    insta::assert_snapshot!(of(Trace::Short), @"

    =================================== FAILURES ===================================
    ____________________________________ wrong _____________________________________
    error: $.a does not hold
      --> suites/a.yaml:14:20
       |
    14 |     expect: {json: {$.a: 1}}
       |                    ^^^
      path:     $.a
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
    let rerun = |index, name| match finished(index, name, Outcome::Failed(Box::default())) {
        Event::CaseFinished(finished) => Event::CaseRerun(finished),
        other => other,
    };
    let wrong = mismatch("$.a", "1", "2", None);
    let events = [
        started,
        collected,
        rerun(1, "flaky"),
        rated(finished(0, "often", Outcome::Passed), 9, 10),
        finished(1, "flaky", Outcome::Flaky(failure(Class::ProviderDown, "no connection"))),
        rated(finished(2, "seldom", Outcome::Failed(wrong)), 2, 10),
        finished(3, "last", Outcome::Passed),
        ended(None),
    ];
    insta::assert_snapshot!(printed(Options { letters: Letters::parse(["a"]).unwrap(), ..Options::default() }, &events), @"
    ============================= test session starts ==============================
    retake 0.1.0 -- mode: replay, stack: ci-tests, setup: together, tgi
    suites: suites (1 file)
    recordings: recordings (18 real)
    collected 4 items

    suites/a.yaml::often PASSED (9/10)                                       [ 25%]
    suites/a.yaml::flaky RERUN                                               [ 25%]
    suites/a.yaml::flaky FLAKY (provider down: no connection)                [ 50%]
    suites/a.yaml::seldom FAILED (2/10)                                      [ 75%]
    suites/a.yaml::last PASSED                                               [100%]

    =================================== FAILURES ===================================
    ____________________________________ seldom ____________________________________
    error: $.a does not hold
      --> suites/a.yaml:14:20
       |
    14 |     expect: {json: {$.a: 1}}
       |                    ^^^
      path:     $.a
      expected: 1
      actual:   2

    suites/a.yaml:12: wrong answer
    rerun: retake test -k 'suites/a.yaml::seldom'
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
    let texts = Texts { expected: format!("same\n{}", numbers(0)), actual: format!("same\n{}", numbers(50)) };
    let wrong = mismatch("text", "…", "…", Some(texts));
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
