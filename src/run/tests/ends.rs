//! How cases and runs end: teardown, deadlines, enough failures, interruptions.

use super::*;

const FOUR: &str = "\
cases:
- {name: a, request: {get: /v1/a}, expect: {status: 200}}
- {name: b, request: {get: /v1/b}, expect: {status: 200}}
- {name: c, request: {get: /v1/c}, expect: {status: 200}}
- {name: d, request: {get: /v1/d}, expect: {status: 200}}
";

#[tokio::test]
async fn a_run_ends_when_enough_has_failed() {
    let fake = Fake::new(|endpoint, _| if endpoint == "/v1/b" { GOOD } else { Comes::Reply(404, "{}") });
    let (ended, events) = run_of(FOUR, Options { max_failures: Some(2), ..options() }, &fake).await;
    assert_eq!(ended, Ended::Done);
    let told = kinds(&events);
    assert_eq!(told[5..], ["failed c", "finished Some(Failures(2))"], "{told:?}");
    assert_eq!(fake.asked(), ["/v1/a", "/v1/b", "/v1/c"]);
    let stepwise = Options { max_failures: Some(1), is_stepwise: true, ..options() };
    let (_, events) = run_of(FOUR, stepwise, &fake).await;
    assert_eq!(kinds(&events), ["started a", "failed a", "finished Some(Stepwise)"]);
}

#[tokio::test]
async fn an_expected_failure_is_not_one_that_ends_a_run() {
    let suite = FOUR.replace("name: ", "xfail: known, name: ");
    let fake = Fake::new(|_, _| Comes::Reply(404, "{}"));
    let (_, events) = run_of(&suite, Options { max_failures: Some(1), ..options() }, &fake).await;
    assert_eq!((fake.asked().len(), kinds(&events).last().unwrap().as_str()), (4, "finished None"));
}

#[tokio::test]
async fn a_failed_teardown_is_an_error_beside_the_outcome_and_counts() {
    let suite = "\
cases:
- name: a
  request: {get: /v1/a}
  capture: {id: $.id}
  teardown:
  - request: {delete: '/v1/first/${id}'}
  - request: {delete: /v1/last}
- {name: b, request: {get: /v1/b}}
";
    let fake = Fake::new(|endpoint, _| if endpoint == "/v1/last" { Comes::Reply(500, "{}") } else { GOOD });
    let (_, events) = run_of(suite, Options { max_failures: Some(1), ..options() }, &fake).await;
    assert_eq!(kinds(&events), ["started a", "teardown a", "passed a", "finished Some(Failures(1))"]);
    assert_eq!(fake.asked(), ["/v1/a", "/v1/last", "/v1/first/x1"], "the last that is written comes first");
    assert_eq!(fake.ends(), [CaseEnd::Failed], "what it recorded is not kept");
    let Event::CaseTeardown(torn) = &events[1] else { panic!("{events:?}") };
    assert_eq!(failure(&torn.outcome).part, Part::Teardown);
}

#[tokio::test]
async fn a_case_that_failed_is_torn_down_but_for_what_was_never_made() {
    let suite = "\
cases:
- name: a
  steps:
  - {request: {post: /v1/made}, expect: {status: 200}, capture: {id: $.id}}
  - request: {get: /v1/x}
  teardown:
  - request: {delete: '/v1/made/${id}'}
  - request: {delete: /v1/all}
";
    let fake = Fake::new(|endpoint, _| if endpoint == "/v1/made" { Comes::Reply(404, "{}") } else { GOOD });
    let (_, events) = run_of(suite, options(), &fake).await;
    assert_eq!(kinds(&events), ["started a", "failed a", "finished None"]);
    assert_eq!(fake.asked(), ["/v1/made", "/v1/all"]);
}

#[tokio::test]
async fn a_case_whose_time_is_over_fails_and_is_torn_down() {
    let suite = "\
cases:
- name: a
  request: {get: /v1/slow}
  teardown: [{request: {delete: /v1/made}}]
- {name: b, request: {get: /v1/b}}
";
    let fake = Fake::new(|endpoint, _| match endpoint {
        "/v1/slow" => Comes::Silence,
        // The teardown has time of its own.
        "/v1/made" => Comes::Late,
        _ => GOOD,
    });
    let brief = Options { case_timeout: Duration::from_millis(50), ..options() };
    let (_, events) = run_of(suite, brief, &fake).await;
    assert!(!kinds(&events).contains(&"teardown a".to_owned()), "{events:?}");
    let outcomes = outcomes(&events);
    assert_eq!((told(&outcomes["a"]), told(&outcomes["b"])), (("failed", Some(Class::ProviderDown)), ("passed", None)));
    let Problem::Message(message) = &failure(&outcomes["a"]).problem else { panic!("{outcomes:?}") };
    assert!(message.contains("--timeout"), "{message}");
    assert_eq!(fake.asked(), ["/v1/slow", "/v1/made", "/v1/b"]);
}

#[tokio::test]
async fn an_interrupted_case_is_given_up_and_torn_down_and_none_begins_after_it() {
    let suite = "\
cases:
- name: a
  request: {get: /v1/slow}
  teardown: [{request: {delete: /v1/made}}]
- {name: b, request: {get: /v1/b}}
";
    let fake = Fake::new(|endpoint, _| if endpoint == "/v1/slow" { Comes::Silence } else { GOOD });
    let stop = fake.is_asked.notified();
    let (ended, events) = until(suite, options(), &fake, stop, std::future::pending()).await;
    assert_eq!(ended, Ended::Stopped);
    assert_eq!(kinds(&events), ["started a", "given up a", "finished Some(User)"]);
    assert_eq!(fake.asked(), ["/v1/slow", "/v1/made"]);
    assert_eq!(fake.ends(), [], "nothing of it is settled");
}

#[tokio::test]
async fn a_case_that_comes_to_its_end_after_the_interruption_counts_and_none_begins_after_it() {
    let suite = "\
cases:
- name: a
  request: {get: /v1/a}
  teardown: [{request: {delete: /v1/made}}]
- {name: b, skip: not now, request: {get: /v1/b}}
";
    let fake = Fake::new(|endpoint, _| if endpoint == "/v1/made" { Comes::Late } else { GOOD });
    let stop = async {
        fake.is_asked.notified().await;
        fake.is_asked.notified().await;
    };
    let (ended, events) = until(suite, options(), &fake, stop, std::future::pending()).await;
    assert_eq!((ended, fake.asked()), (Ended::Stopped, vec!["/v1/a".to_owned(), "/v1/made".to_owned()]));
    assert_eq!(kinds(&events), ["started a", "passed a", "finished Some(User)"]);
}

#[tokio::test]
async fn told_twice_to_stop_nothing_is_waited_for() {
    let suite = "cases: [{name: a, request: {get: /v1/slow}, teardown: [{request: {delete: /v1/slow}}]}]";
    let fake = Fake::new(|_, _| Comes::Silence);
    let began = Instant::now();
    let (ended, events) = until(suite, options(), &fake, fake.is_asked.notified(), std::future::ready(())).await;
    assert_eq!((ended, kinds(&events).last().unwrap().as_str()), (Ended::Stopped, "finished Some(User)"));
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_worker_that_dies_is_no_green_run() {
    let fake = Fake::new(|endpoint, _| if endpoint == "/v1/b" { Comes::Panic } else { GOOD });
    let (ended, events) = run_of(FOUR, options(), &fake).await;
    assert_eq!((ended, kinds(&events).last().unwrap().as_str()), (Ended::Broken, "finished Some(WorkerDied)"));
}

#[tokio::test]
async fn trouble_below_the_stack_is_that_of_the_case_that_asked() {
    let fake = Fake::new(|endpoint, _| if endpoint == "/v1/b" { Comes::Covered(ErrorKind::MissingKey) } else { GOOD });
    let (_, events) = run_of(FOUR, Options { workers: 4, ..options() }, &fake).await;
    let mut told = kinds(&events);
    told.retain(|kind| !kind.starts_with("started"));
    told.sort();
    assert_eq!(told, ["failed b", "finished None", "passed a", "passed c", "passed d"]);
}

/// Room for this many cases.
#[derive(Debug)]
struct Room {
    left: Mutex<usize>,
    closed: Mutex<Vec<String>>,
}

impl Purse for Room {
    fn open<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), String>> {
        let mut left = held(&self.left);
        let room = left.checked_sub(1).ok_or_else(|| "nothing is left".to_owned());
        *left = left.saturating_sub(1);
        std::future::ready(room.map(drop)).boxed()
    }
    fn close(&self, case: &str) {
        held(&self.closed).push(case.to_owned());
    }
}

#[tokio::test]
async fn cases_for_which_nothing_is_left_are_skipped_and_say_so() {
    let room = Arc::new(Room { left: Mutex::new(2), closed: Mutex::default() });
    let fake = Fake::new(|_, _| GOOD);
    let (_, events) = run_of(FOUR, Options { purse: Some(room.clone()), ..options() }, &fake).await;
    let told: Vec<String> = kinds(&events).into_iter().filter(|kind| !kind.starts_with("started")).collect();
    assert_eq!(told, ["passed a", "passed b", "skipped c", "skipped d", "finished None"]);
    assert_eq!(outcomes(&events)["c"], Outcome::Skipped("nothing is left".into()));
    assert_eq!(*held(&room.closed), ["s.yaml::a", "s.yaml::b"]);
}
