//! Events that are stored and read again.

use super::*;
use crate::event::{Attempt, KeyHeader, Origin, Part, PartTime, Recorded, StreamEnd, StreamEvent, Tries, Usage};

/// Failures with all possible data.
fn rich() -> Vec<Event> {
    let event = |at: Option<u64>, data: &str| StreamEvent { at: at.map(Duration::from_micros), data: data.into() };
    let stream = StreamEnd { before: 3, events: vec![event(Some(1_234_567), "{\"a\": 1}"), event(None, "[DONE]")] };
    let mut exchange = exchange();
    exchange.step = Some("ask".into());
    if let (Some(request), Some(reply)) = (&mut exchange.request, &mut exchange.reply) {
        request.key = Some(KeyHeader { var: "A_KEY".into(), header: "authorization".into(), prefix: "Bearer ".into() });
        request.start = Some("retake stack --setup together".into());
        request.headers = vec![("content-type".into(), "application/json".into())];
        request.body = "{\"q\": \"it's\"}".into();
        reply.headers = vec![("x-request-id".into(), "r-1".into())];
        (reply.first_byte, reply.last_byte) = (Some(Duration::from_micros(20_001)), Some(Duration::from_secs(2)));
        reply.usage = Some(Usage { input: 3, output: 4 });
        reply.stream = Some(stream);
        reply.recording = Some(Recorded {
            file: Some("recordings/p/1.json".into()),
            origin: Origin::Edited,
            recorded_ms: Some(1_700_000_000_000),
        });
    }
    let texts = Texts { expected: "one\ntwo".into(), actual: "one\nthree".into() };
    let wrong = Failure {
        part: Part::Setup,
        tries: Some(Tries { passed: 1, tries: 3, needed: 2 }),
        step: Some(Excerpt { file: "suites/a.yaml".into(), line: 3, column: 1, width: 4, text: "name".into() }),
        exchange: Some(exchange.clone()),
        printed: Some("listening\nworking".into()),
        record: Some("retake test --mode record".into()),
        ..*mismatch("text", "…", "…", Some(texts))
    };
    let stale = failure(Class::StaleRecording, "the recording is stale\n  differs at $.a");
    let stale = Failure { step: wrong.step.clone(), record: wrong.record.clone(), ..*stale };
    let strict = Failure { problem: Problem::StrictPass("known".into()), ..Failure::default() };
    let mut cases = vec![
        finished(0, "wrong", Outcome::Error(Box::new(wrong))),
        finished(1, "stale", Outcome::Failed(Box::new(stale))),
        finished(2, "strict", Outcome::Failed(Box::new(strict))),
        finished(3, "flaky", Outcome::Flaky(failure(Class::ProviderDown, "no connection"))),
        finished(4, "passed", Outcome::Passed),
    ];
    for case in &mut cases {
        let Event::CaseFinished(finished) = case else { continue };
        let part = |part, ms| PartTime { part, duration: Duration::from_millis(ms) };
        let parts = vec![part(Part::Setup, 1), part(Part::Call, 20), part(Part::Teardown, 3)];
        finished.attempts = vec![Attempt { started_ms: 1_700_000_000_123, parts }];
        finished.rate = Some(Rate { passed: 1, tries: 3 });
        finished.captured.exchanges = vec![exchange.clone()];
        finished.recordings.used = vec!["recordings/together/1.json".into()];
        finished.case.model = Some("together/m".into());
        finished.case.parameters = vec![("city,country".into(), "Paris-France".into())];
    }
    let Some(Event::CaseFinished(torn)) = cases.first().cloned() else { unreachable!("it was put there") };
    let mut events = head(5, 0).to_vec();
    events.extend([Event::CaseRerun(torn.clone()), Event::CaseTeardown(torn)]);
    events.extend(cases);
    events.extend([Event::CaseGivenUp { id: "suites/a.yaml::x".into() }, ended(Some(Interruption::Stepwise))]);
    events
}

/// Every kind of event, as lines of JSON.
fn kept(events: &[Event]) -> String {
    events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect()
}

#[test]
fn events_that_were_kept_and_read_again_print_the_same() {
    for events in [everything(), rich()] {
        let read: Vec<Event> = kept(&events).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read, events);
        for verbosity in [-1, 0, 1, 2] {
            let letters = Letters::parse(["A"]).unwrap();
            let options = Options { verbosity, letters, durations: Some(0), ..Options::default() };
            let text = printed(options.clone(), &events);
            assert!(text.contains("short test summary info"), "{text}");
            assert_eq!(printed(options, &read), text);
        }
    }
}

#[test]
fn a_kept_event_says_its_kind_and_the_format_its_version() {
    let lines = kept(&rich());
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((&first["event"], &first["data"]["format"]), (&"started".into(), &1.into()));
    insta::assert_snapshot!(lines.lines().nth(1).unwrap(), @r#"{"event":"collected","data":{"total":5,"deselected":0}}"#);
    let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!((&last["data"]["duration_us"], &last["data"]["interrupted"]), (&114_000.into(), &"stepwise".into()));
}

#[test]
fn a_member_that_is_not_known_is_passed_over() {
    let text = kept(&rich()).replace("\"index\":", "\"of_a_newer_one\": {\"a\": [1]}, \"index\":");
    let read: Vec<Event> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(text.contains("of_a_newer_one") && read == rich(), "{text}");
}

#[test]
fn a_failure_shows_everything_that_is_known_of_it() {
    let text = printed(Options::default(), &rich());
    insta::assert_snapshot!(text.split_once("= ERRORS =").unwrap().1, @r#"
    ===================================
    ____________________________________ wrong _____________________________________
    1 of 3 tries passed, at least 2 must; the last failed so:
    In setup:
    error: text does not hold
      --> suites/a.yaml:14:20
       |
    14 |     expect: {json: {text: …}}
       |                    ^^^^
      path:     text
      differs:  - expected, + actual
          one
        - two
        + three
      step:     ask
      reply:    200 OK, x-request-id: r-1
      stream:   (3 events before these)
                  1234 ms  {"a": 1}
                [DONE]
      start:    retake stack --setup together
      request:  curl -X GET 'https://host/v1/models' -H "authorization: Bearer $A_KEY" -H 'content-type: application/json' -d '{"q": "it'\''s"}'
      the stack printed:
        listening
        working
      replayed: recordings/together/1.json

    suites/a.yaml:12: wrong answer
    rerun: retake test -k 'suites/a.yaml::wrong'
    ____________________________________ wrong _____________________________________
    1 of 3 tries passed, at least 2 must; the last failed so:
    In setup:
    error: text does not hold
      --> suites/a.yaml:14:20
       |
    14 |     expect: {json: {text: …}}
       |                    ^^^^
      path:     text
      differs:  - expected, + actual
          one
        - two
        + three
      step:     ask
      reply:    200 OK, x-request-id: r-1
      stream:   (3 events before these)
                  1234 ms  {"a": 1}
                [DONE]
      start:    retake stack --setup together
      request:  curl -X GET 'https://host/v1/models' -H "authorization: Bearer $A_KEY" -H 'content-type: application/json' -d '{"q": "it'\''s"}'
      the stack printed:
        listening
        working
      replayed: recordings/together/1.json

    suites/a.yaml:12: wrong answer
    rerun: retake test -k 'suites/a.yaml::wrong'
    =================================== FAILURES ===================================
    ____________________________________ stale _____________________________________
    error: stale recording: the recording is stale
     --> suites/a.yaml:3:1
      |
    3 | name
      | ^^^^
        differs at $.a
        to record it anew: retake test --mode record -k 'suites/a.yaml::stale'
      replayed: recordings/together/1.json

    suites/a.yaml:12: stale recording
    rerun: retake test -k 'suites/a.yaml::stale'
    ____________________________________ strict ____________________________________
    [XPASS(strict)] known
      replayed: recordings/together/1.json

    suites/a.yaml:12: wrong answer
    =========================== short test summary info ============================
    FAILED suites/a.yaml::stale - stale recording: the recording is stale
    FAILED suites/a.yaml::strict - [XPASS(strict)] known
    ERROR suites/a.yaml::wrong - setup: text: expected …, got …
    ERROR suites/a.yaml::wrong - setup: text: expected …, got …
    !!!!!!!! Interrupted: Test failed, continuing from this test next run. !!!!!!!!!
    given up: suites/a.yaml::x
    =========== 2 failed, 1 passed, 1 flaky, 2 errors, 1 rerun in 0.11s ============
    "#);
}
