//! Events of runs that nobody made: providers that differ, streams, failures of every class, and as many cases as wanted.

use std::collections::HashSet;
use std::time::Duration;

use retake::event::*;

/// The day on which the last run began.
const BEGAN: u64 = 1_795_860_000_000;
const DAY: u64 = 86_400_000;

/// A template of the suites: file, line, name, capabilities, and whether it streams.
type Template = (&'static str, u32, &'static str, &'static [&'static str], bool);

const TEMPLATES: [Template; 16] = [
    ("suites/inference/sanity.yaml", 8, "chat_system_prompt", &[], false),
    ("suites/inference/sanity.yaml", 31, "chat_multi_turn", &[], false),
    ("suites/inference/sanity.yaml", 54, "chat_stop_sequence", &["stop"], false),
    ("suites/inference/sanity.yaml", 77, "chat_logprobs", &["logprobs"], false),
    ("suites/inference/streaming.yaml", 12, "chat_streaming", &["streaming"], true),
    ("suites/inference/streaming.yaml", 40, "chat_streaming_usage", &["streaming", "stream_usage"], true),
    ("suites/inference/streaming.yaml", 66, "chat_streaming_n", &["streaming", "n", "streaming_n"], true),
    ("suites/inference/tool_calls.yaml", 15, "tool_call_single", &["tools"], false),
    ("suites/inference/tool_calls.yaml", 48, "tool_call_parallel", &["tools", "parallel_tool_calls"], false),
    ("suites/inference/tool_calls.yaml", 83, "tool_call_streaming", &["tools", "streaming_tools"], true),
    ("suites/inference/structured.yaml", 9, "json_schema_strict", &["json_schema"], false),
    ("suites/inference/structured.yaml", 37, "json_object", &["json_object"], false),
    ("suites/inference/media.yaml", 11, "image_url", &["vision"], false),
    ("suites/inference/media.yaml", 44, "file_input", &["file_input"], false),
    ("suites/inference/completions.yaml", 10, "completion_suffix", &["completions", "suffix"], false),
    ("suites/store/store.yaml", 6, "store_then_list", &["store"], false),
];

const MODELS: [(&str, &str); 5] = [
    ("llama-cpp", "llama-cpp/SmolLM2-135M-Instruct"),
    ("openai", "openai/gpt-4o-mini"),
    ("openai", "openai/gpt-4.1"),
    ("together", "together/meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    ("together", "together/Qwen/Qwen2.5-7B-Instruct-Turbo"),
];

/// What follows is the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// Runs, oldest first, each of about `count` cases.
pub(crate) fn runs(number: usize, count: usize) -> Vec<Vec<Event>> {
    (0..number).map(|at| run(count, number - 1 - at)).collect()
}

/// One run; `back` says how many came after it.
fn run(count: usize, back: usize) -> Vec<Event> {
    let mut dice = Dice(back as u64 + 1);
    let began = BEGAN - back as u64 * DAY;
    let head = Head {
        format: FORMAT,
        retake: "0.1.0".into(),
        mode: "replay".into(),
        stack: "ci-tests".into(),
        setups: vec!["llama-cpp".into(), "openai".into(), "together".into()],
        suites: "suites".into(),
        files: 7,
        argv: ["retake", "test", "--pattern", "openai"].map(String::from).to_vec(),
        started_ms: began,
        notes: vec!["recordings: recordings (81 real, 30 simulated)".into()],
        ..Head::default()
    };
    let mut events = vec![Event::Started(Box::new(head)), Event::Collected { total: count + 19, deselected: 19 }];
    events.push(Event::Notice("spent: 18,211 tokens, $0.0213".into()));
    for index in 0..count {
        let case = case(index);
        events.push(Event::CaseStarted { index, id: case.id.clone() });
        events.extend(ended(index, case, back, began, &mut dice));
    }
    let recordings = counted(&events);
    let proof = Proof {
        network_requests: 0,
        recordings,
        protocol: Some("strict".into()),
        secrets: vec!["OPENAI_API_KEY".into(), "TOGETHER_API_KEY".into()],
        revision: Some(format!("3f9c2ab71d0e4c5f8a6b7c8d9e0f1a2b3c4d5e{back:02}")),
        ..Proof::default()
    };
    let duration = Duration::from_millis(1_840 + 13 * back as u64);
    events.push(Event::Finished { duration, interrupted: None, proof: Box::new(proof) });
    events
}

/// The recordings that calls name, each once.
fn counted(events: &[Event]) -> RecordingCounts {
    let mut counts = RecordingCounts { imported: 12, unused: Some(5), ..RecordingCounts::default() };
    let mut seen = HashSet::new();
    for event in events {
        let Event::CaseFinished(finished) = event else { continue };
        for kept in finished.calls.iter().filter_map(|call| call.recording.as_ref()) {
            if seen.insert(kept.file.clone()) {
                match kept.origin {
                    Origin::Real => counts.real += 1,
                    Origin::Simulated => counts.simulated += 1,
                    Origin::Edited => counts.edited += 1,
                }
                counts.oldest_ms = counts.oldest_ms.min(kept.recorded_ms).or(kept.recorded_ms);
            }
        }
    }
    counts
}

fn case(index: usize) -> CaseRef {
    let (suite, line, template, capabilities, _) = TEMPLATES[index % TEMPLATES.len()];
    let (provider, model) = MODELS[index / TEMPLATES.len() % MODELS.len()];
    let round = index / TEMPLATES.len() / MODELS.len();
    let client = if round.is_multiple_of(2) { "openai_client" } else { "client_with_models" };
    let city = ["Paris-France", "Tokyo-Japan", "São Paulo-Brazil"][round / 2 % 3];
    let again = if round < 6 { String::new() } else { format!("-{}", round / 6) };
    CaseRef {
        id: format!("{suite}::{template}[{client}-txt={model}-{city}{again}]"),
        suite: suite.into(),
        line,
        template: template.into(),
        setup: provider.into(),
        provider: provider.into(),
        model: Some(model.into()),
        client: Some(client.into()),
        parameters: vec![("txt".into(), model.into()), ("city,country".into(), format!("{city}{again}"))],
        capabilities: capabilities.iter().map(|name| (*name).to_owned()).collect(),
        is_session: false,
    }
}

/// How a case ends, by what its provider can do.
fn ended(index: usize, case: CaseRef, back: usize, began: u64, dice: &mut Dice) -> Vec<Event> {
    let streams = TEMPLATES[index % TEMPLATES.len()].4;
    let (template, provider) = (case.template.as_str(), case.provider.as_str());
    let is_small = provider == "llama-cpp";
    let outcome = match template {
        "file_input" if provider != "openai" => Outcome::Skipped(format!("{provider} takes no files in messages")),
        "completion_suffix" if provider == "together" => {
            Outcome::Skipped("Together's completions take no suffix".into())
        }
        "image_url" if is_small => Outcome::Skipped("SmolLM2 sees no pictures".into()),
        "tool_call_parallel" if is_small => Outcome::XFailed {
            reason: "SmolLM2 calls one tool at most".into(),
            failure: wrong(&case, "$.choices[0].message.tool_calls", "length 2", "length 1"),
        },
        "json_schema_strict" if is_small && index.is_multiple_of(3) => {
            Outcome::XPassed("SmolLM2 follows no schema".into())
        }
        "chat_streaming_n" if provider == "together" => Outcome::Failed(refused(&case)),
        "json_object" if case.model.as_deref() == Some(MODELS[4].1) => Outcome::Failed(differing(&case)),
        "chat_logprobs" if provider == "openai" && back == 0 && index < 400 => {
            Outcome::Failed(wrong(&case, "$.choices[0].logprobs.content", "at least 1 item", "null"))
        }
        "chat_multi_turn" if index % 23 == 1 => Outcome::Error(missing(&case)),
        "tool_call_single" if index % 29 == 7 => {
            Outcome::Flaky(message(&case, Class::ProviderDown, "no connection to api.openai.com"))
        }
        _ => Outcome::Passed,
    };
    let mut finished =
        Finished { index, outcome, duration: Duration::from_micros(900 + dice.below(40_000)), ..Finished::default() };
    finished.attempts = vec![Attempt { started_ms: began, parts: Vec::new() }];
    if !matches!(finished.outcome, Outcome::Skipped(_)) {
        let call = call(&case, index, streams, began, dice);
        finished.recordings.used.extend(call.recording.as_ref().and_then(|kept| kept.file.clone()));
        finished.calls.push(call);
    }
    let finding = |rule: &str, actual: &str, known: Option<&str>| Finding {
        rule: rule.into(),
        actual: actual.into(),
        known: known.map(str::to_owned),
    };
    if template == "chat_streaming_usage" && provider == "together" {
        finished.protocol.push(finding(
            "usage-choices",
            "usage beside a choice",
            Some("Together sends usage with its last choice"),
        ));
    }
    if template == "tool_call_streaming" && is_small {
        finished.protocol.push(finding("tool-call-index", "no index", None));
    }
    let torn = (template == "store_then_list" && index.is_multiple_of(31)).then(|| {
        let failure = Failure { part: Part::Teardown, ..*message(&case, Class::WrongAnswer, "DELETE answered 500") };
        Event::CaseTeardown(Box::new(Finished {
            outcome: Outcome::Error(Box::new(failure)),
            index,
            case: case.clone(),
            ..Finished::default()
        }))
    });
    finished.case = case;
    torn.into_iter().chain([Event::CaseFinished(Box::new(finished))]).collect()
}

fn call(case: &CaseRef, index: usize, streams: bool, began: u64, dice: &mut Dice) -> Call {
    let slow = 1 + (case.provider.len() as u64 % 5);
    let first = 60_000 * slow + dice.below(180_000 * slow);
    let mut chunks = Vec::new();
    let mut at = first;
    if streams {
        for _ in 0..12 + dice.below(40) {
            at += if dice.below(25) == 0 { 220_000 } else { 2_000 + dice.below(28_000) };
            chunks.push(Chunk { at: Duration::from_micros(at), bytes: 90 + dice.below(160) as usize });
        }
    } else {
        at += 400_000 + dice.below(1_500_000);
    }
    let simulated = case.provider == "together" && index.is_multiple_of(4);
    let output = 12 + dice.below(220);
    Call {
        method: "POST".into(),
        endpoint: "/v1/chat/completions".into(),
        status: Some(200),
        model: case.model.clone(),
        first_byte: Some(Duration::from_micros(first)),
        last_byte: Some(Duration::from_micros(at)),
        chunks,
        finish_reason: Some(if case.template.starts_with("tool") { "tool_calls" } else { "stop" }.into()),
        usage: Some(Usage { input: 30 + dice.below(300), output }),
        usd: (case.provider != "llama-cpp").then_some(output as f64 * 6e-7),
        recording: Some(Recorded {
            file: Some(format!("recordings/{}/{:012x}.json", case.provider, index % 113 * 7_919_317)),
            origin: if simulated { Origin::Simulated } else { Origin::Real },
            recorded_ms: Some(began - (index as u64 * 37 % 64) * DAY - 3_600_000),
        }),
        ..Call::default()
    }
}

fn exchange(case: &CaseRef, status: u16, body: Option<&str>) -> Exchange {
    let asked = format!(
        r#"{{"model":"{}","messages":[{{"role":"system","content":"Answer in JSON."}},{{"role":"user","content":"What's the capital?"}}],"seed":9007199254740993,"stream":false}}"#,
        case.model.as_deref().unwrap_or_default()
    );
    Exchange {
        request: Some(Request {
            method: "POST".into(),
            endpoint: "/v1/chat/completions".into(),
            url: "http://127.0.0.1:8321/v1/chat/completions".into(),
            start: Some(format!("retake stack --setup {}", case.setup)),
            headers: vec![("content-type".into(), "application/json".into())],
            key: Some(KeyHeader {
                var: "OPENAI_API_KEY".into(),
                header: "authorization".into(),
                prefix: "Bearer ".into(),
            }),
            body: asked,
        }),
        reply: Some(Reply {
            status,
            headers: vec![("x-request-id".into(), "req_8f2c11".into())],
            first_byte: Some(Duration::from_millis(212)),
            last_byte: Some(Duration::from_millis(1_303)),
            model: case.model.clone(),
            body: body.map(str::to_owned),
            usage: Some(Usage { input: 41, output: 17 }),
            recording: Some(Recorded {
                file: Some(format!("recordings/{}/36ecde242306.json", case.provider)),
                origin: Origin::Real,
                recorded_ms: Some(BEGAN - 12 * DAY),
            }),
            stream: body.is_none().then(|| StreamEnd {
                before: 9,
                events: vec![
                    StreamEvent {
                        at: Some(Duration::from_millis(1_290)),
                        data: r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#.into(),
                    },
                    StreamEvent { at: Some(Duration::from_millis(1_303)), data: "[DONE]".into() },
                ],
            }),
        }),
        ..Exchange::default()
    }
}

fn place(case: &CaseRef, after: u32, text: &str, underlined: &str) -> Excerpt {
    let at = text.find(underlined).unwrap_or(0);
    Excerpt {
        file: case.suite.clone(),
        line: case.line + after,
        column: text[..at].chars().count() as u32 + 1,
        width: underlined.chars().count(),
        text: text.into(),
    }
}

fn failure(case: &CaseRef, class: Class, problem: Problem) -> Failure {
    Failure { class, problem, rerun: format!("retake test --setup {}", case.setup), ..Failure::default() }
}

fn wrong(case: &CaseRef, path: &str, expected: &str, actual: &str) -> Box<Failure> {
    let text = format!("      {path}: {{ matches: {expected} }}");
    let place = place(case, 14, &text, expected);
    let check = Mismatch { place, path: path.into(), expected: expected.into(), actual: actual.into(), texts: None };
    let body = r#"{"id":"chatcmpl-1","choices":[{"index":0,"message":{"role":"assistant","content":"Paris"},"logprobs":null}]}"#;
    let exchange = Some(exchange(case, 200, Some(body)));
    Box::new(Failure { exchange, ..failure(case, Class::WrongAnswer, Problem::Mismatches(vec![check])) })
}

fn differing(case: &CaseRef) -> Box<Failure> {
    let text = "      text: { json: { city: Paris, country: France, people: 2102650 } }";
    let whole = "{\n  \"city\": \"Paris\",\n  \"country\": \"France\",\n  \"people\": 2102650\n}";
    let other = "{\n  \"city\": \"Paris\",\n  \"country\": \"FR\",\n  \"people\": \"2.1 million\",\n  \"note\": \"<script>alert(1)</script>\"\n}";
    let texts = Texts { expected: whole.into(), actual: other.into() };
    let short = |words: &str| words.replace('\n', " ");
    let checks = vec![
        Mismatch {
            place: place(case, 12, text, "{ json: { city: Paris, country: France, people: 2102650 } }"),
            path: "text".into(),
            expected: short(whole),
            actual: short(other),
            texts: Some(texts),
        },
        Mismatch {
            place: place(case, 13, "      finish_reason: stop", "stop"),
            path: "$.choices[0].finish_reason".into(),
            expected: "\"stop\"".into(),
            actual: "\"length\"".into(),
            texts: None,
        },
    ];
    let failed = failure(case, Class::WrongAnswer, Problem::Mismatches(checks));
    Box::new(Failure {
        exchange: Some(exchange(case, 200, None)),
        printed: Some("INFO  stack: POST /v1/chat/completions 200".into()),
        ..failed
    })
}

fn message(case: &CaseRef, class: Class, words: &str) -> Box<Failure> {
    let step = Some(place(case, 4, "      request: { model: ${txt}, messages: ${messages} }", "request"));
    Box::new(Failure { step, ..failure(case, class, Problem::Message(words.into())) })
}

fn refused(case: &CaseRef) -> Box<Failure> {
    let check = Mismatch {
        place: place(case, 9, "      status: 200", "200"),
        path: "status".into(),
        expected: "200".into(),
        actual: "400 (n > 1 is not supported when streaming)".into(),
        texts: None,
    };
    let body = r#"{"error":{"message":"n > 1 is not supported when streaming","type":"invalid_request_error","param":"n","code":null}}"#;
    let failed = failure(case, Class::WrongAnswer, Problem::Mismatches(vec![check]));
    Box::new(Failure { exchange: Some(exchange(case, 400, Some(body))), ..failed })
}

fn missing(case: &CaseRef) -> Box<Failure> {
    let words = "no recording of POST /v1/chat/completions for this case\n  nearest: recordings/openai/36ecde242306.json\n  differs at $.messages[1].content: \"What's the capital?\", recorded: \"What is the capital?\"";
    let record = Some(format!("retake test --setup {} --mode record", case.setup));
    Box::new(Failure {
        record,
        exchange: Some(Exchange { reply: None, ..exchange(case, 0, None) }),
        ..*message(case, Class::MissingRecording, words)
    })
}
