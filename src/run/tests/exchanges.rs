//! What is told of requests and replies: of those that fail a case, and of those that do not.

use std::future::pending;

use bytes::Bytes;

use super::*;
use crate::protocol::{Alias, Aliases, Asked, Known as KnownRule, rule};

/// A good chat completion that names another model than the one that was asked, and reports no usage.
const ANOTHER_MODEL: &str = r#"{"id": "c1", "object": "chat.completion", "model": "q/other", "choices": [{"index": 0,
    "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}]}"#;

const CHAT: &str = "\
cases:
- name: chat
  model: text
  request: {post: /v1/chat/completions, body: {model: '${model}', messages: []}}
";

/// The finished case of a suite that has one.
async fn finished(plan: Vec<Planned>, options: Options) -> Box<Finished> {
    let (_, events) = events_of(plan, options, pending(), pending()).await;
    let mut finished = events.into_iter().filter_map(|event| match event {
        Event::CaseFinished(finished) => Some(finished),
        _ => None,
    });
    finished.next().unwrap()
}

/// The finished case of a suite that has one, all of whose requests have this result.
async fn finished_with(suite: &str, comes: Comes) -> Box<Finished> {
    finished(planned(suite, &Fake::new(move |_, _| comes)), options()).await
}

/// A rule that chats of the provider are known to break.
fn known(id: &str) -> KnownRule {
    KnownRule {
        rule: rule(id).unwrap(),
        members: Vec::new(),
        reason: "reported".into(),
        models: Vec::new(),
        endpoints: vec!["/v1/chat/completions".into()],
    }
}

/// The reply that a failure shows.
fn shown(finished: &Finished) -> &event::Reply {
    failure(&finished.outcome).exchange.as_ref().unwrap().reply.as_ref().unwrap()
}

#[tokio::test]
async fn an_error_that_retake_made_up_is_no_answer_of_a_provider() {
    let made_up = Comes::Headed(
        424,
        &[("x-retake-error", "missing-recording")],
        r#"{"error": {"message": "no recording of this request"}}"#,
    );
    for suite in
        ["cases: [{name: a, xfail: known, request: {get: /v1/x}}]", "cases: [{name: a, request: {get: /v1/x}}]"]
    {
        let done = finished_with(suite, made_up).await;
        assert_eq!(told(&done.outcome), ("failed", Some(Class::MissingRecording)));
        let problem = Problem::Message("no recording of this request".into());
        assert_eq!((&failure(&done.outcome).problem, shown(&done).status), (&problem, 424));
    }
    // Text of another shape is shown as it came.
    let plain = Comes::Headed(424, &[("x-retake-error", "internal")], "a bug");
    let done = finished_with("cases: [{name: a, request: {get: /v1/x}}]", plain).await;
    assert_eq!(failure(&done.outcome).problem, Problem::Message("a bug".into()));
    assert_eq!(told(&done.outcome), ("error", Some(Class::Harness)));
}

#[tokio::test]
async fn a_lost_connection_is_what_some_steps_wait_for_also_behind_a_gateway_that_tells_of_it() {
    let (wants, other) = (
        "cases: [{name: a, request: {get: /v1/x}, expect: {broken: true}}]",
        "cases: [{name: a, request: {get: /v1/x}}]",
    );
    let behind = Comes::Headed(502, &[("x-retake-error", "broken-off")], "{}");
    for comes in [Comes::Nothing(ErrorKind::Broken), behind] {
        assert_eq!(told(&finished_with(wants, comes).await.outcome), ("passed", None), "{comes:?}");
        assert_eq!(
            told(&finished_with(other, comes).await.outcome),
            ("failed", Some(Class::ProtocolViolation)),
            "{comes:?}"
        );
    }
    // A request that was never sent lost no connection.
    let unsent = Comes::Headed(424, &[("x-retake-error", "missing-recording")], "{}");
    for comes in [Comes::Nothing(ErrorKind::MissingRecording), unsent] {
        let done = finished_with(wants, comes).await;
        assert_eq!(told(&done.outcome), ("failed", Some(Class::MissingRecording)), "{comes:?}");
    }
}

#[tokio::test]
async fn a_failure_shows_the_headers_that_identify_the_reply_and_no_others() {
    let headers = &[
        ("x-request-id", "r1"),
        ("x-ratelimit-remaining", "0"),
        ("retry-after", "2"),
        ("retry-after-not", "3"),
        ("set-cookie", "session"),
    ];
    let done = finished_with("cases: [{name: a, request: {get: /v1/x}}]", Comes::Headed(429, headers, "{}")).await;
    let mut names: Vec<_> = shown(&done).headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["retry-after", "x-ratelimit-remaining", "x-request-id"]);
}

#[tokio::test]
async fn a_call_tells_part_model_end_and_price_of_its_exchange() {
    let reply = r#"{"id": "c1", "object": "chat.completion", "model": "p/m", "choices": [{"index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": "Hello"}}], "usage": {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}}"#;
    let suite = CHAT.to_owned() + "  teardown: [{request: {delete: /v1/made}}]\n";
    let done = finished_with(&suite, Comes::Reply(200, reply)).await;
    let [call, teardown] = &done.calls[..] else { panic!("{:?}", done.calls) };
    assert_eq!(
        (call.part, call.method.as_str(), teardown.part, teardown.method.as_str()),
        (Part::Call, "POST", Part::Teardown, "DELETE")
    );
    assert_eq!(
        (call.model.as_deref(), call.finish_reason.as_deref(), call.usd),
        (Some("p/m"), Some("stop"), Some(0.5))
    );
    // The gateway gives the caller's name of the model in the body, and the provider's in a header.
    let done = finished_with(CHAT, Comes::Headed(200, &[("x-retake-model", "q/n")], reply)).await;
    assert_eq!(done.calls[0].model.as_deref(), Some("q/n"));
    // What says nothing has neither.
    let done = finished_with(CHAT, Comes::Reply(404, "{}")).await;
    assert_eq!((&done.calls[0].model, &done.calls[0].finish_reason, done.calls[0].usd), (&None, &None, None));
}

#[tokio::test]
async fn the_body_is_shown_where_a_text_is_missing_that_was_expected() {
    let silent = r#"{"id": "c1", "object": "chat.completion", "model": "p/m", "choices": [{"index": 0, "finish_reason": "length",
        "message": {"role": "assistant", "content": null}}], "usage": {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}}"#;
    let spoken: &str = Box::leak(silent.replace("null", "\"Hello\"").into_boxed_str());
    let body_of = async |expect: &str, reply: &'static str| {
        let done = finished_with(&format!("{CHAT}  expect: {{{expect}}}\n"), Comes::Reply(200, reply)).await;
        assert_eq!(shown(&done).model.as_deref(), Some("p/m"));
        shown(&done).body.clone()
    };
    assert_eq!(body_of("text: {contains: Paris}", silent).await.as_deref(), Some(silent));
    assert_eq!(body_of("tool_calls: {calls: [{name: pay}]}", silent).await.as_deref(), Some(silent));
    assert_eq!(body_of("json: {$.id: c2}", silent).await, None, "the expectation shows what it found");
    assert_eq!(body_of("text: {contains: Paris}", spoken).await, None, "the text is shown");
}

#[tokio::test]
async fn a_case_that_passes_against_a_strict_xfail_says_so_and_how_to_run_it_again() {
    let suite = "cases: [{name: a, xfail: {reason: known, strict: true}, request: {get: /v1/x}}]";
    let done = finished_with(suite, GOOD).await;
    let failure = failure(&done.outcome);
    assert_eq!((&failure.problem, failure.rerun.as_str()), (&Problem::StrictPass("known".into()), "retake test"));
}

#[tokio::test]
async fn a_broken_rule_is_shown_at_the_step_since_no_line_of_the_suite_states_it() {
    let done = finished_with(CHAT, Comes::Reply(200, "{\"choices\": []}")).await;
    assert_eq!(told(&done.outcome), ("failed", Some(Class::ProtocolViolation)));
    let failure = failure(&done.outcome);
    let Problem::Mismatches(mismatches) = &failure.problem else { panic!("{failure:?}") };
    let step = failure.step.as_ref().unwrap();
    assert_eq!((&mismatches[0].place, step.line, step.file.as_str()), (step, 4, "s.yaml"));
}

#[tokio::test]
async fn rules_that_fail_no_case_are_told_once_and_those_known_as_broken_with_the_reason() {
    let rules = |finished: &Finished| -> Vec<(String, Option<String>)> {
        finished.protocol.iter().map(|finding| (finding.rule.clone(), finding.known.clone())).collect()
    };
    let told = |rule: &str, known: Option<&str>| (rule.to_owned(), known.map(str::to_owned));
    let twice = format!("{CHAT}  steps:\n")
        + &"  - request: {post: /v1/chat/completions, body: {model: '${model}'}}\n".repeat(2);
    let twice = twice.replace("  request: {post: /v1/chat/completions, body: {model: '${model}', messages: []}}\n", "");
    let fake = Fake::new(|_, _| Comes::Reply(200, ANOTHER_MODEL));
    let done = finished(planned(&twice, &fake), options()).await;
    assert_eq!(rules(&done), [told("model-other", None), told("usage-missing", None)]);

    let plan = |direct: bool| -> Vec<Planned> {
        let known: Arc<[KnownRule]> = ["model-other", "object", "id-missing"].map(known).into();
        let with_known = |planned: Planned| {
            let target = Target { direct, ..target(&fake) };
            Planned {
                policy: Policy { known: known.clone(), ..Policy::default() },
                target: Arc::new(target),
                ..planned
            }
        };
        planned(&twice, &fake).into_iter().map(with_known).collect()
    };
    let done = finished(plan(true), options()).await;
    assert_eq!(rules(&done), [told("usage-missing", None), told("model-other", Some("reported"))]);
    assert_eq!(done.kept_rules, ["id-missing", "object"], "of both replies, each once");
    // Replies of a gateway do not show what the provider keeps.
    assert_eq!(finished(plan(false), options()).await.kept_rules, Vec::<String>::new());
}

#[tokio::test]
async fn a_rule_that_one_of_several_replies_breaks_is_not_kept() {
    let suite = "\
cases:
- name: chat
  model: text
  steps:
  - request: {post: /v1/chat/completions, body: {model: '${model}'}}
  - request: {post: /v1/chat/completions, body: {model: p/other}}
";
    let keeps: &str = Box::leak(ANOTHER_MODEL.replace("q/other", "p/m").into_boxed_str());
    let fake = Fake::new(move |_, _| Comes::Reply(200, keeps));
    let policy = Policy { known: [known("model-other")].into(), ..Policy::default() };
    let plan = planned(suite, &fake).into_iter().map(|planned| Planned { policy: policy.clone(), ..planned }).collect();
    assert_eq!(finished(plan, options()).await.kept_rules, Vec::<String>::new());
}

#[tokio::test]
async fn a_provider_behind_a_gateway_is_held_to_the_rules_unless_a_fault_stood_between() {
    let body = r#"{"model": "p/m"}"#.as_bytes();
    let heard = |reply: &'static str| Heard {
        asked: Asked::new("POST", "/v1/chat/completions", body),
        status: 200,
        content_type: "application/json".into(),
        body: Bytes::from_static(reply.as_bytes()),
        mended: [].into(),
    };
    let fake = Fake::new(|_, _| GOOD);
    let suite = "cases: [{name: a, request: {get: /v1/x}}]";
    held(&fake.heard).push(heard("{\"choices\": []}"));
    let done = finished(planned(suite, &fake), options()).await;
    assert_eq!(told(&done.outcome), ("failed", Some(Class::ProtocolViolation)));
    held(&fake.heard).push(heard("{\"choices\": []}"));
    let faulty = suite.replace("{get: /v1/x}", "{get: /v1/x}, faults: [{drop_end: true}]");
    assert_eq!(told(&finished(planned(&faulty, &fake), options()).await.outcome), ("passed", None));

    // Its models may have further names there too.
    let of_aliases = async |aliases: Aliases| {
        held(&fake.heard).push(heard(ANOTHER_MODEL));
        let policy = Policy { aliases, ..Policy::default() };
        let plan =
            planned(suite, &fake).into_iter().map(|planned| Planned { policy: policy.clone(), ..planned }).collect();
        let done = finished(plan, options()).await;
        done.protocol.iter().any(|finding| finding.rule == "model-other")
    };
    assert!(of_aliases(Aliases::default()).await);
    assert!(!of_aliases([Alias { asked: "m".into(), told: vec!["q/other".into()] }].into()).await);
}

#[tokio::test]
async fn captures_of_a_passed_case_are_the_last_exchange_of_each_part_and_what_the_stack_printed() {
    let suite = "\
cases:
- name: a
  setup: [{request: {post: /v1/made}}]
  steps: [{request: {get: /v1/first}}, {request: {get: /v1/last}}]
";
    let fake = Fake::new(|_, _| GOOD);
    let wanted = finished(planned(suite, &fake), Options { captures: true, ..options() }).await.captured;
    let told: Vec<_> = wanted
        .exchanges
        .iter()
        .map(|exchange| {
            (
                exchange.part,
                exchange.request.as_ref().unwrap().endpoint.as_str(),
                exchange.reply.as_ref().unwrap().status,
            )
        })
        .collect();
    assert_eq!(told, [(Part::Setup, "/v1/made", 200), (Part::Call, "/v1/last", 200)]);
    assert_eq!(wanted.printed.as_deref(), Some("listening"));
    assert_eq!(finished(planned(suite, &fake), options()).await.captured, event::Captured::default());
    // The report of a failure has them already.
    let failing = Fake::new(|_, _| Comes::Reply(404, "{}"));
    let done = finished(planned(suite, &failing), Options { captures: true, ..options() }).await;
    assert_eq!(done.captured, event::Captured::default());
}
