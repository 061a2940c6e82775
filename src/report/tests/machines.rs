//! Reports for machines, over every outcome.

use super::*;
use crate::event::{Call, Origin, Part, Proof, RecordingCounts, UsedRecording};
use crate::report::github::annotations;
use crate::report::junit::{self, Most};
use crate::report::record::Record;
use crate::report::{Kind, Rendered, markdown, render};

/// Every outcome, with what belongs to a case.
fn run() -> Vec<Event> {
    let mut events = everything();
    events.insert(4, {
        let Event::CaseFinished(torn) =
            finished(0, "first[txt=m-True]", Outcome::Error(failure(Class::WrongAnswer, "torn")))
        else {
            unreachable!("it was made as one")
        };
        Event::CaseTeardown(torn)
    });
    let flaky = failure(Class::ProviderDown, "no connection");
    events.insert(events.len() - 1, finished(8, "flaky", Outcome::Flaky(flaky)));
    for (number, event) in events.iter_mut().enumerate() {
        let (Event::CaseFinished(finished) | Event::CaseTeardown(finished)) = event else { continue };
        finished.case.setup = "s".into();
        finished.case.provider = "p".into();
        finished.case.model = (number % 2 == 0).then(|| "p/m-3.3".into());
        finished.case.capabilities = if number % 3 == 0 { vec!["tools".into()] } else { Vec::new() };
        finished.recordings.used = vec!["recordings/p/1.json".into()];
        finished.calls = vec![Call { part: Part::Call, status: Some(200), ..Call::default() }];
    }
    let used = [(Origin::Real, true, None), (Origin::Simulated, false, Some(1_700_000_000_000))];
    let used: Vec<UsedRecording> = (0..)
        .zip(used)
        .map(|(number, (origin, imported, recorded_ms))| UsedRecording {
            file: format!("recordings/p/{number}.json"),
            origin,
            imported,
            recorded_ms,
        })
        .collect();
    let proof = Proof {
        recordings: RecordingCounts::of(&used, Some(3)),
        used,
        protocol: Some("standard".into()),
        secrets: vec!["A_KEY".into()],
        revision: Some("0a1b+".into()),
        ..Proof::default()
    };
    let interrupted = Some(Interruption::Failures(3));
    let duration = Duration::from_millis(114);
    events.pop();
    events.push(Event::CaseGivenUp { id: "suites/a.yaml::late".into() });
    events.push(Event::Finished { duration, interrupted, proof: Box::new(proof) });
    events
}

fn rendered(kind: Kind) -> String {
    render(kind, &[run()], "sub/").text
}

#[test]
fn junit_has_every_outcome() {
    insta::assert_snapshot!(rendered(Kind::Junit), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="retake" tests="10" skipped="3" failures="1" errors="2" timestamp="1970-01-01T00:00:00.000+00:00" time="0.114">
        <testsuite name="suites/a.yaml" tests="10" skipped="3" errors="2" failures="1" time="0.200">
            <properties>
                <property name="retake" value="0.1.0"/>
                <property name="mode" value="replay"/>
                <property name="stack" value="ci-tests"/>
                <property name="setups" value="together, tgi"/>
                <property name="suites" value="suites"/>
                <property name="recordings" value="1 real, 1 simulated; 1 of them from another tool"/>
                <property name="oldest-recording" value="2023-11-14T22:13:20Z"/>
                <property name="unused-recordings" value="3"/>
                <property name="network-requests" value="0"/>
                <property name="protocol-rules" value="standard"/>
                <property name="secrets-removed" value="A_KEY"/>
                <property name="revision" value="0a1b+"/>
                <property name="interrupted" value="stopping after 3 failures; given up: 1"/>
            </properties>
            <testcase name="first[txt=m-True]" classname="suites.a" time="0.020">
                <properties>
                    <property name="setup" value="s"/>
                    <property name="provider" value="p"/>
                    <property name="recording" value="recordings/p/1.json"/>
                </properties>
            </testcase>
            <testcase name="first[txt=m-True] (teardown)" classname="suites.a" time="0.020">
                <properties>
                    <property name="setup" value="s"/>
                    <property name="provider" value="p"/>
                    <property name="model" value="p/m-3.3"/>
                    <property name="recording" value="recordings/p/1.json"/>
                </properties>
                <error message="torn" type="wrong answer">torn
    rerun: retake test -k &apos;suites/a.yaml::first[txt=m-True]&apos;</error>
            </testcase>
            <testcase name="flaky" classname="suites.a" time="0.020">
                <properties>
                    <property name="setup" value="s"/>
                    <property name="provider" value="p"/>
                    <property name="model" value="p/m-3.3"/>
                    <property name="recording" value="recordings/p/1.json"/>
                </properties>
                <flakyFailure message="provider down: no connection" type="provider down">provider down: no connection
    rerun: retake test -k &apos;suites/a.yaml::flaky&apos;</flakyFailure>
            </testcase>
            <testcase name="last" classname="suites.a" time="0.020">
                <properties>
                    <property name="setup" value="s"/>
                    <property name="provider" value="p"/>
                    <property name="recording" value="recordings/p/1.json"/>
                </properties>
            </testcase>
            <testcase name="long_reason" classname="suites.a" time="0.020">
                <properties>
                    <property name="setup" value="s"/>
                    <property name="provider" value="p"/>
                    <property name="model" value="p/m-3.3"/>
                    <property name="recording" value="recordings/p/1.json"/>
                </properties>
                <skipped message="a reason that is longer than what remains of the line" type="skip"/>
            </testcase>
            <testcase name="missing" classname="suites.a" time="0.020">
                <properties>
                    <property name="setup" value="s"/>
                    <property name="provider" value="p"/>
                    <property name="model" value="p/m-3.3"/>
                    <property name="capability" value="tools"/>
                    <property name="recording" value="recordings/p/1.json"/>
                </properties>
                <error message="missing recording: no recording of POST /v1/chat/completions for this case" type="missing recording">missing recording: no recording of POST /v1/chat/completions for this case
    rerun: retake test -k &apos;suites/a.yaml::missing&apos;</error>
            </testcase>
            <testcase name="skipped" classname="suites.a" time="0.020">
                <properties>
                    <property name="setup" value="s"/>
                    <property name="provider" value="p"/>
                    <property name="recording" value="recordings/p/1.json"/>
                </properties>
                <skipped message="Together&apos;s completions take no suffix" type="skip"/>
            </testcase>
            <testcase name="wrong[太陽]" classname="suites.a" time="0.020">
                <properties>
                    <property name="setup" value="s"/>
                    <property name="provider" value="p"/>
                    <property name="capability" value="tools"/>
                    <property name="recording" value="recordings/p/1.json"/>
                </properties>
                <failure message="$.usage: expected 3, got 4" type="wrong answer">error: $.usage does not hold
      --&gt; suites/a.yaml:14:20
       |
    14 |     expect: {json: {$.usage: 3}}
       |                    ^^^^^^^
      path:     $.usage
      expected: 3
      actual:   4
    rerun: retake test -k &apos;suites/a.yaml::wrong[太陽]&apos;</failure>
            </testcase>
            <testcase name="xfailed" classname="suites.a" time="0.020">
                <properties>
                    <property name="setup" value="s"/>
                    <property name="provider" value="p"/>
                    <property name="model" value="p/m-3.3"/>
                    <property name="recording" value="recordings/p/1.json"/>
                </properties>
                <skipped message="known" type="pytest.xfail">error: $.usage does not hold
      --&gt; suites/a.yaml:14:20
       |
    14 |     expect: {json: {$.usage: 3}}
       |                    ^^^^^^^
      path:     $.usage
      expected: 3
      actual:   4
    rerun: retake test -k &apos;suites/a.yaml::xfailed&apos;</skipped>
            </testcase>
            <testcase name="xpassed" classname="suites.a" time="0.020">
                <properties>
                    <property name="setup" value="s"/>
                    <property name="provider" value="p"/>
                    <property name="recording" value="recordings/p/1.json"/>
                    <property name="xpassed" value="known"/>
                </properties>
            </testcase>
        </testsuite>
    </testsuites>
    "#);
}

#[test]
fn tap_has_every_outcome() {
    insta::assert_snapshot!(rendered(Kind::Tap), @r#"
    TAP version 14
    1..10
    ok 1 - suites/a.yaml::first[txt=m-True]
      ---
      duration_ms: 20.000
      setup: "s"
      provider: "p"
      replayed: ["recordings/p/1.json"]
      ...
    not ok 2 - suites/a.yaml::first[txt=m-True] (teardown)
      ---
      duration_ms: 20.000
      setup: "s"
      provider: "p"
      model: "p/m-3.3"
      message: "torn"
      severity: fail
      class: "wrong answer"
      rerun: "retake test -k 'suites/a.yaml::first[txt=m-True]'"
      trace:
        - "torn"
        - "rerun: retake test -k 'suites/a.yaml::first[txt=m-True]'"
      replayed: ["recordings/p/1.json"]
      ...
    ok 3 - suites/a.yaml::flaky
      ---
      duration_ms: 20.000
      setup: "s"
      provider: "p"
      model: "p/m-3.3"
      message: "provider down: no connection"
      class: "provider down"
      rerun: "retake test -k 'suites/a.yaml::flaky'"
      trace:
        - "provider down: no connection"
        - "rerun: retake test -k 'suites/a.yaml::flaky'"
      replayed: ["recordings/p/1.json"]
      ...
    ok 4 - suites/a.yaml::last
      ---
      duration_ms: 20.000
      setup: "s"
      provider: "p"
      replayed: ["recordings/p/1.json"]
      ...
    ok 5 - suites/a.yaml::long_reason # SKIP a reason that is longer than what remains of the line
      ---
      duration_ms: 20.000
      setup: "s"
      provider: "p"
      model: "p/m-3.3"
      replayed: ["recordings/p/1.json"]
      ...
    not ok 6 - suites/a.yaml::missing
      ---
      duration_ms: 20.000
      setup: "s"
      provider: "p"
      model: "p/m-3.3"
      message: "missing recording: no recording of POST /v1/chat/completions for this case"
      severity: fail
      class: "missing recording"
      rerun: "retake test -k 'suites/a.yaml::missing'"
      trace:
        - "missing recording: no recording of POST /v1/chat/completions for this case"
        - "rerun: retake test -k 'suites/a.yaml::missing'"
      replayed: ["recordings/p/1.json"]
      ...
    ok 7 - suites/a.yaml::skipped # SKIP Together's completions take no suffix
      ---
      duration_ms: 20.000
      setup: "s"
      provider: "p"
      replayed: ["recordings/p/1.json"]
      ...
    not ok 8 - suites/a.yaml::wrong[太陽]
      ---
      duration_ms: 20.000
      setup: "s"
      provider: "p"
      message: "$.usage: expected 3, got 4\u001b[2J"
      severity: fail
      class: "wrong answer"
      at: {file: "suites/a.yaml", line: 14, column: 20}
      rerun: "retake test -k 'suites/a.yaml::wrong[太陽]'"
      trace:
        - "error: $.usage does not hold"
        - "  --> suites/a.yaml:14:20"
        - "   |"
        - "14 |     expect: {json: {$.usage: 3}}"
        - "   |                    ^^^^^^^"
        - "  path:     $.usage"
        - "  expected: 3"
        - "  actual:   4\u001b[2J"
        - "rerun: retake test -k 'suites/a.yaml::wrong[太陽]'"
      replayed: ["recordings/p/1.json"]
      ...
    not ok 9 - suites/a.yaml::xfailed # TODO known
      ---
      duration_ms: 20.000
      setup: "s"
      provider: "p"
      model: "p/m-3.3"
      message: "$.usage: expected 3, got 4\u001b[2J"
      severity: todo
      class: "wrong answer"
      at: {file: "suites/a.yaml", line: 14, column: 20}
      rerun: "retake test -k 'suites/a.yaml::xfailed'"
      trace:
        - "error: $.usage does not hold"
        - "  --> suites/a.yaml:14:20"
        - "   |"
        - "14 |     expect: {json: {$.usage: 3}}"
        - "   |                    ^^^^^^^"
        - "  path:     $.usage"
        - "  expected: 3"
        - "  actual:   4\u001b[2J"
        - "rerun: retake test -k 'suites/a.yaml::xfailed'"
      replayed: ["recordings/p/1.json"]
      ...
    ok 10 - suites/a.yaml::xpassed # TODO known
      ---
      duration_ms: 20.000
      setup: "s"
      provider: "p"
      replayed: ["recordings/p/1.json"]
      ...
    # retake: 0.1.0
    # mode: replay
    # stack: ci-tests
    # setups: together, tgi
    # suites: suites
    # recordings: 1 real, 1 simulated; 1 of them from another tool
    # oldest recording: 2023-11-14T22:13:20Z
    # unused recordings: 3
    # network requests: 0
    # protocol rules: standard
    # secrets removed: A_KEY
    # revision: 0a1b+
    Bail out! stopping after 3 failures; given up: 1
    "#);
}

#[test]
fn annotations_have_what_failed_and_what_is_odd() {
    insta::assert_snapshot!(rendered(Kind::Github), @r#"
    ::error file=sub/suites/a.yaml,line=12,title=first[txt=m-True] (teardown)::torn%0Arerun: retake test -k 'suites/a.yaml::first[txt=m-True]'
    ::error file=sub/suites/a.yaml,line=12,title=missing::missing recording: no recording of POST /v1/chat/completions for this case%0Arerun: retake test -k 'suites/a.yaml::missing'
    ::error file=sub/suites/a.yaml,line=14,col=20,endColumn=27,title=wrong[太陽]::$.usage: expected 3, got 4\u{1b}[2J%0Arerun: retake test -k 'suites/a.yaml::wrong[太陽]'
    ::warning title=retake::not every case was run: stopping after 3 failures; given up: 1
    ::warning file=sub/suites/a.yaml,line=12,title=flaky::it passed when it was run again: provider down: no connection%0Arerun: retake test -k 'suites/a.yaml::flaky'
    ::warning file=sub/suites/a.yaml,line=12,title=xpassed::it passed although a failure was expected: known
    "#);
}

#[test]
fn a_comment_has_the_table_the_failures_and_what_it_rests_on() {
    insta::assert_snapshot!(rendered(Kind::Markdown), @r#"
    ### ❌ retake: 1 failed, 2 passed, 1 flaky, 2 skipped, 3 deselected, 1 xfailed, 1 xpassed, 2 errors in 0.11s

    **Not every case was run:** `stopping after 3 failures; given up: 1`

    | capability | `p` | `p/m-3.3` |
    |---|---|---|
    | `tools` | ❌ 1 | ❌ 1 |
    | `nothing in particular` | ✅ 3 ⏭️ 1 | ❌ 1 ✅ 1 🟡 1 ⏭️ 1 |

    ✅ passed, ❌ failed, 🟡 failed as expected, ⏭️ skipped

    #### Failures

    - `suites/a.yaml::first[txt=m-True] (teardown)`
      `torn`
      rerun: `retake test -k 'suites/a.yaml::first[txt=m-True]'`
    - `suites/a.yaml::missing`
      `missing recording: no recording of POST /v1/chat/completions for this case`
      rerun: `retake test -k 'suites/a.yaml::missing'`
    - `suites/a.yaml::wrong[太陽]`
      `$.usage: expected 3, got 4\u{1b}[2J`
      rerun: `retake test -k 'suites/a.yaml::wrong[太陽]'`

    #### Worth a look

    - `suites/a.yaml::flaky`
      `passed when it was run again: provider down: no connection`
      rerun: `retake test -k 'suites/a.yaml::flaky'`
    - `suites/a.yaml::xpassed`
      `passed although a failure was expected: known`

    <details><summary>What this rests on</summary>

    | | |
    |---|---|
    | retake | `0.1.0` |
    | mode | `replay` |
    | stack | `ci-tests` |
    | setups | `together, tgi` |
    | suites | `suites` |
    | recordings | `1 real, 1 simulated; 1 of them from another tool` |
    | oldest recording | `2023-11-14T22:13:20Z` |
    | unused recordings | `3` |
    | network requests | `0` |
    | protocol rules | `standard` |
    | secrets removed | `A_KEY` |
    | revision | `0a1b+` |

    </details>
    "#);
}

/// A run of many cases, every fourth of which fails at length.
fn long(count: usize) -> Vec<Event> {
    let mut events = head(count, 0).to_vec();
    events.extend((0..count).map(|number| {
        let outcome = match number % 4 {
            0 => Outcome::Failed(failure(Class::WrongAnswer, &"no such thing \u{ffff}\u{1b}[2J <&> ".repeat(20))),
            _ => Outcome::Passed,
        };
        let mut event = finished(number, &format!("case_{number}"), outcome);
        if let Event::CaseFinished(finished) = &mut event {
            (finished.case.setup, finished.case.provider) = ("s".into(), "p".into());
        }
        event
    }));
    events.push(ended(None));
    events
}

#[test]
fn what_is_too_large_for_its_readers_is_cut_step_by_step_and_says_so() {
    let events = long(400);
    let record = Record::of(&events);
    let whole = junit::xml(&record, Most::default());
    assert_eq!(whole.cut, None);
    let length = whole.text.len();
    let cut = |objects: usize, bytes: usize| {
        let Rendered { text, cut } = junit::xml(&record, Most { objects, bytes });
        let report = quick_junit::Report::deserialize_from_str(&text).unwrap();
        assert_eq!(report.failures, 100, "what failed is never left out");
        assert!(text.len() <= bytes && text.contains("<property name=\"cut\""));
        (report.tests, cut.unwrap())
    };
    let (tests, why) = cut(10_000, length - 1);
    assert!(tests == 400 && why.starts_with("properties of cases that passed"), "{why}");
    let (tests, why) = cut(10_000, length / 2);
    assert!(tests == 400 && why.contains("explained of failures"), "{why}");
    let (tests, why) = cut(350, length);
    assert!(tests < 400 && why.contains("cases that did not fail are left out"), "{why}");
}

#[test]
fn a_comment_stays_below_its_limit_and_counts_what_is_left_out() {
    let events = long(4_000);
    let record = Record::of(&events);
    for most in [markdown::MOST_OF_COMMENT, 20_000, 5_000, 700, 0] {
        let Rendered { text, cut } = markdown::page(&record, most);
        assert!(text.len() <= most && cut.is_some(), "{most}: {}", text.len());
        assert!(most < 5_000 || text.contains("more\n") && text.contains("_Cut to stay below"), "{text}");
    }
}

#[test]
fn github_shows_ten_of_each_level_and_one_line_counts_the_rest() {
    let mut events = long(100);
    let odd = (100..113).map(|number| finished(number, &format!("odd_{number}"), Outcome::XPassed("x".into())));
    events.splice(102..102, odd);
    let text = annotations(&Record::of(&events), "");
    let count = |level: &str| text.lines().filter(|line| line.starts_with(&format!("::{level} "))).count();
    assert_eq!([count("error"), count("warning"), count("notice")], [10, 10, 1]);
    assert!(text.ends_with("and 15 more failures and 3 more warnings: the summary of the job and the log have them\n"));
}

#[test]
fn the_order_of_a_report_is_not_that_in_which_cases_ended() {
    let mut events = long(8);
    let forward = render(Kind::Junit, &[events.clone()], "").text;
    events[2..10].reverse();
    assert_eq!(render(Kind::Junit, &[events], "").text, forward);
}

#[test]
fn a_case_of_two_setups_has_two_names() {
    let mut events = long(1);
    let Some(Event::CaseFinished(other)) = events.get(2).cloned() else { panic!("no case") };
    let mut other = other;
    (other.index, other.case.setup) = (1, "other".into());
    events.insert(3, Event::CaseFinished(other));
    let report = quick_junit::Report::deserialize_from_str(&render(Kind::Junit, &[events], "").text).unwrap();
    let names: Vec<&str> = report.test_suites[0].test_cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["case_0 (other)", "case_0 (s)"]);
}
