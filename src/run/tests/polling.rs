//! Cases that run several times, or send a request several times.

use super::*;

#[tokio::test]
async fn enough_tries_are_made_to_know_and_no_more() {
    let suite = "cases: [{name: a, repeat: 5, pass_rate: 0.6, request: {get: /v1/x}, expect: {status: 200}}]";
    let of = async |fails: &'static [usize]| {
        let fake = Fake::new(move |_, nth| if fails.contains(&nth) { Comes::Reply(404, "{}") } else { GOOD });
        let (_, events) = run_of(suite, options(), &fake).await;
        let Some(Event::CaseFinished(done)) = events.get(1) else { panic!("{events:?}") };
        assert_eq!((fake.ends().len(), done.attempts.len()), (1, fake.asked().len()), "all tries are one case");
        (told(&done.outcome).0, done.rate.unwrap(), fake.asked().len())
    };
    let rate = |passed, tries| Rate { passed, tries };
    assert_eq!(of(&[]).await, ("passed", rate(3, 3), 3));
    assert_eq!(of(&[0, 2]).await, ("passed", rate(3, 5), 5));
    assert_eq!(of(&[0, 1, 2]).await, ("failed", rate(0, 3), 3));
    assert_eq!(of(&[1, 3, 4]).await, ("failed", rate(2, 5), 5));
}

#[tokio::test]
async fn what_no_further_try_can_mend_ends_them() {
    let suite = "cases: [{name: a, repeat: 5, pass_rate: 0.2, request: {get: /v1/x}}]";
    let fake = Fake::new(|_, _| Comes::Nothing(ErrorKind::MissingRecording));
    let (_, events) = run_of(suite, options(), &fake).await;
    assert_eq!(told(&outcomes(&events)["a"]), ("failed", Some(Class::MissingRecording)));
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn tries_that_were_not_enough_are_told() {
    let suite = "cases: [{name: a, repeat: 3, request: {get: /v1/x}, expect: {status: 200}}]";
    let fake = Fake::new(|_, nth| if nth == 1 { Comes::Reply(404, "{}") } else { GOOD });
    let (_, events) = run_of(suite, options(), &fake).await;
    let outcomes = outcomes(&events);
    let tries = failure(&outcomes["a"]).tries.unwrap();
    assert_eq!((tries.passed, tries.tries, tries.needed), (1, 2, 3));
}

#[tokio::test]
async fn only_trouble_of_the_transport_runs_a_case_again() {
    let suite = "\
cases:
- {name: limited, request: {get: /v1/limited}}
- {name: wrong, request: {get: /v1/wrong}, expect: {status: 200}}
- {name: down, request: {get: /v1/down}}
";
    let fake = Fake::new(|endpoint, nth| match (endpoint, nth) {
        ("/v1/limited", 0) => Comes::Reply(429, "{}"),
        ("/v1/wrong", _) => Comes::Reply(404, "{}"),
        ("/v1/down", _) => Comes::Nothing(ErrorKind::Connect),
        _ => GOOD,
    });
    let (_, events) = run_of(suite, Options { reruns: 2, ..options() }, &fake).await;
    assert_eq!(
        kinds(&events),
        [
            "started limited",
            "rerun limited",
            "flaky limited",
            "started wrong",
            "failed wrong",
            "started down",
            "rerun down",
            "rerun down",
            "failed down",
            "finished None"
        ]
    );
    assert_eq!(told(&outcomes(&events)["limited"]), ("flaky", Some(Class::RateLimited)));
    use CaseEnd::{Failed, Passed};
    // Each run of the case is settled before the next one begins.
    assert_eq!(fake.ends(), [Failed, Passed, Failed, Failed, Failed, Failed]);
}

#[tokio::test]
async fn a_step_asks_until_its_expectation_holds_and_no_longer_than_it_may() {
    let suite = "cases: [{name: a, request: {get: /v1/x}, expect: {json: {$.ok: true}}, eventually: 5s}]";
    let fake = Fake::new(|_, nth| if nth < 2 { Comes::Reply(200, r#"{"ok": false}"#) } else { GOOD });
    let (_, events) = run_of(suite, options(), &fake).await;
    assert_eq!((told(&outcomes(&events)["a"]).0, fake.asked().len()), ("passed", 3));
    // Asking again does not repair a recording.
    let fake = Fake::new(|_, _| Comes::Nothing(ErrorKind::StaleRecording));
    let (_, events) = run_of(suite, options(), &fake).await;
    assert_eq!((told(&outcomes(&events)["a"]).0, fake.asked().len()), ("failed", 1));
    let brief = suite.replace("5s", "40ms");
    let fake = Fake::new(|_, _| Comes::Reply(404, "{}"));
    let (_, events) = run_of(&brief, options(), &fake).await;
    assert_eq!(told(&outcomes(&events)["a"]).0, "failed");
    assert!((2..6).contains(&fake.asked().len()), "{:?}", fake.asked());
}

#[tokio::test]
async fn a_case_without_time_for_another_try_tells_what_the_last_one_was_answered() {
    let suite = "cases: [{name: a, request: {get: /v1/x}, expect: {status: 200}, eventually: 5s}]";
    let fake = Fake::new(|_, nth| if nth == 0 { Comes::Reply(404, "{}") } else { Comes::Silence });
    // Less than the first pause.
    let brief = Options { case_timeout: case::POLL.0 / 2, ..options() };
    let (_, events) = run_of(suite, brief, &fake).await;
    assert_eq!((told(&outcomes(&events)["a"]), fake.asked().len()), (("failed", Some(Class::WrongAnswer)), 1));
}
