//! Outcomes of cases that fail, and of cases that do not.

use super::*;

const CASES: &str = "\
cases:
- name: plain
  request: {get: /v1/x}
  expect: {json: {$.ok: true}}
- name: xfail
  xfail: known
  request: {get: /v1/x}
  expect: {json: {$.ok: true}}
- name: strict
  xfail: {reason: known, strict: true}
  request: {get: /v1/x}
  expect: {json: {$.ok: true}}
";

/// The outcomes of a case without `xfail`, with `xfail`, and with strict `xfail`.
async fn verdicts(comes: Comes) -> [(&'static str, Option<Class>); 3] {
    let (_, events) = run_of(CASES, options(), &Fake::new(move |_, _| comes)).await;
    let outcomes = outcomes(&events);
    ["plain", "xfail", "strict"].map(|name| told(&outcomes[name]))
}

#[tokio::test]
async fn only_an_answer_can_fail_as_expected() {
    use ErrorKind as Kind;
    let wrong = Comes::Reply(200, r#"{"ok": false}"#);
    let rows = [
        (GOOD, ["passed", "xpassed", "failed"], None),
        (wrong, ["failed", "xfailed", "xfailed"], Some(Class::WrongAnswer)),
        (Comes::Reply(404, "{}"), ["failed", "xfailed", "xfailed"], Some(Class::WrongAnswer)),
        (Comes::Reply(200, "{\"ok\": tr"), ["failed", "xfailed", "xfailed"], Some(Class::ProtocolViolation)),
        (Comes::Reply(429, "{}"), ["failed", "xfailed", "xfailed"], Some(Class::RateLimited)),
        (Comes::Reply(503, "{}"), ["failed", "xfailed", "xfailed"], Some(Class::ProviderDown)),
        (Comes::Nothing(Kind::Connect), ["failed", "xfailed", "xfailed"], Some(Class::ProviderDown)),
        (Comes::Nothing(Kind::Timeout), ["failed", "xfailed", "xfailed"], Some(Class::ProviderDown)),
        (Comes::Nothing(Kind::Broken), ["failed", "xfailed", "xfailed"], Some(Class::ProtocolViolation)),
        (Comes::Nothing(Kind::MissingRecording), ["failed"; 3], Some(Class::MissingRecording)),
        (Comes::Nothing(Kind::StaleRecording), ["failed"; 3], Some(Class::StaleRecording)),
        (Comes::Nothing(Kind::BrokenRecording), ["failed"; 3], Some(Class::BrokenRecording)),
        (Comes::Nothing(Kind::MissingKey), ["failed"; 3], Some(Class::MissingKey)),
        (Comes::Nothing(Kind::NoRule), ["error"; 3], Some(Class::Harness)),
        (Comes::Nothing(Kind::Other), ["error"; 3], Some(Class::Harness)),
        // The stack answered well, but there was no answer below it.
        (Comes::Covered(Kind::MissingRecording), ["failed"; 3], Some(Class::MissingRecording)),
        (Comes::Covered(Kind::MissingKey), ["failed"; 3], Some(Class::MissingKey)),
    ];
    for (comes, words, class) in rows {
        let got = verdicts(comes).await;
        assert_eq!(got.map(|(word, _)| word), words, "{comes:?}");
        // A strict pass is a failure without a fault in the answer.
        let classes = got.map(|(_, class)| class);
        let wanted = if class.is_none() { [None, None, Some(Class::WrongAnswer)] } else { [class; 3] };
        assert_eq!(classes, wanted, "{comes:?}");
    }
}

#[tokio::test]
async fn a_setup_that_fails_is_an_error_unless_that_was_expected() {
    let suite = "\
cases:
- name: plain
  setup: [{request: {post: /v1/made}}]
  request: {get: /v1/x}
- name: xfail
  xfail: known
  setup: [{request: {post: /v1/made}}]
  request: {get: /v1/x}
";
    let fake = Fake::new(|endpoint, _| if endpoint == "/v1/made" { Comes::Reply(500, "{}") } else { GOOD });
    let (_, events) = run_of(suite, options(), &fake).await;
    let outcomes = outcomes(&events);
    assert_eq!(told(&outcomes["plain"]), ("error", Some(Class::ProviderDown)));
    assert_eq!(told(&outcomes["xfail"]), ("xfailed", Some(Class::ProviderDown)));
    assert_eq!(failure(&outcomes["plain"]).part, Part::Setup);
    assert_eq!(fake.asked(), ["/v1/made", "/v1/made"], "what the case is about was not reached");
    assert_eq!(fake.ends(), [CaseEnd::Failed, CaseEnd::FailedAsExpected]);
}

#[tokio::test]
async fn a_failure_is_told_as_data() {
    let suite = "\
cases:
- name: chat
  clients: [openai_client]
  model: text
  needs: [tools]
  params: {city: [Paris]}
  request: {post: /v1/x, body: {m: '${model}', c: '${city}'}}
  expect: {json: {$.ok: false}}
";
    let reply = r#"{"ok": true, "usage": {"prompt_tokens": 3, "completion_tokens": 4}}"#;
    let (_, events) = run_of(suite, options(), &Fake::new(move |_, _| Comes::Reply(200, reply))).await;
    let Some(Event::CaseFinished(done)) = events.iter().find(|event| matches!(event, Event::CaseFinished(_))) else {
        panic!("{events:?}");
    };
    let case = &done.case;
    assert_eq!((case.id.as_str(), case.line), ("s.yaml::chat[openai_client-txt=p/m-Paris]", 2));
    assert_eq!((case.template.as_str(), case.setup.as_str(), case.provider.as_str()), ("chat", "local", "p"));
    assert_eq!((case.model.as_deref(), case.client.as_deref()), (Some("p/m"), Some("openai_client")));
    assert_eq!((&case.parameters, &case.capabilities), (&vec![("city".into(), "Paris".into())], &vec!["tools".into()]));
    let parts: Vec<Part> = done.attempts.iter().flat_map(|attempt| &attempt.parts).map(|part| part.part).collect();
    assert_eq!((done.attempts.len(), parts), (1, vec![Part::Call]));
    let failure = failure(&done.outcome);
    let Problem::Mismatches(mismatches) = &failure.problem else { panic!("{failure:?}") };
    let [mismatch] = &mismatches[..] else { panic!("{mismatches:?}") };
    assert_eq!(
        (mismatch.path.as_str(), mismatch.expected.as_str(), mismatch.actual.as_str()),
        ("$.ok", "false", "true")
    );
    assert_eq!((mismatch.place.line, mismatch.place.column, mismatch.place.width), (8, 19, 11));
    assert_eq!(mismatch.place.text, "  expect: {json: {$.ok: false}}");
    let exchange = failure.exchange.as_ref().unwrap();
    let request = exchange.request.as_ref().unwrap();
    assert_eq!(
        (request.url.as_str(), request.body.as_str()),
        ("http://127.0.0.1:8321/v1/x", r#"{"m":"p/m","c":"Paris"}"#)
    );
    let reply = exchange.reply.as_ref().unwrap();
    assert_eq!((reply.status, reply.usage.map(|usage| (usage.input, usage.output))), (200, Some((3, 4))));
    assert!(reply.first_byte.is_some() && reply.first_byte <= reply.last_byte && reply.recording.is_none());
    assert_eq!((failure.printed.as_deref(), failure.rerun.as_str()), (Some("listening"), "retake test"));
}

#[tokio::test]
async fn an_exchange_names_the_recording_that_answered_and_has_its_times() {
    let suite = "cases: [{name: replayed, request: {post: /v1/x}, expect: {json: {$.ok: false}}}]";
    let (_, events) = run_of(suite, options(), &Fake::new(|_, _| GOOD)).await;
    let outcomes = outcomes(&events);
    let reply = failure(&outcomes["replayed"]).exchange.as_ref().unwrap().reply.as_ref().unwrap();
    let recorded = Recorded {
        file: Some("recordings/p/1.json".into()),
        origin: Origin::Real,
        recorded_ms: Some(1_700_000_000_000),
    };
    assert_eq!((reply.first_byte, reply.recording.as_ref()), (Some(Duration::from_secs(7)), Some(&recorded)));
}

#[tokio::test]
async fn each_request_of_each_attempt_is_told_in_figures_even_without_a_reply() {
    let suite = "cases: [{name: a, steps: [{name: ask, request: {get: /v1/x}}, {request: {get: /v1/y}}]}]";
    let fake = Fake::new(|endpoint, before| match (endpoint, before) {
        ("/v1/x", 0) => Comes::Nothing(ErrorKind::Connect),
        _ => GOOD,
    });
    let options = Options { reruns: 1, ..options() };
    let (_, events) = run_of(suite, options, &fake).await;
    let done = events.iter().filter_map(|event| match event {
        Event::CaseFinished(finished) => Some(&finished.calls),
        _ => None,
    });
    let calls: Vec<_> =
        done.flatten().map(|call| (call.attempt, call.endpoint.clone(), call.step.clone(), call.status)).collect();
    let told = |attempt, endpoint: &str, step: Option<&str>, status| {
        (attempt, endpoint.to_owned(), step.map(str::to_owned), status)
    };
    assert_eq!(
        calls,
        [
            told(0, "/v1/x", Some("ask"), None),
            told(1, "/v1/x", Some("ask"), Some(200)),
            told(1, "/v1/y", None, Some(200)),
        ]
    );
}
