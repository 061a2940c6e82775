use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::answer::answer;
use super::model::*;
use super::serve::router;
use super::*;
use crate::exchange::{Auth, End, Request};
use crate::upstream::http::{ApiKey, Http, HttpConfig};
use crate::upstream::{ERROR_HEADER, ErrorKind, ORIGIN_HEADER, Upstream};
use crate::yaml::Source;

mod together;

fn source(text: &str) -> Source {
    Source { name: "script.yaml".to_owned(), text: text.into() }
}

fn script(text: &str) -> Script {
    Script::parse(&source(text)).unwrap_or_else(|error| panic!("{error}"))
}

fn request(endpoint: &str, body: &Value) -> Request {
    Request {
        method: Method::POST,
        endpoint: endpoint.to_owned(),
        headers: HeaderMap::new(),
        body: body.to_string().into(),
        auth: Auth::Provider,
        case: None,
    }
}

fn chat(text: &str, more: Value) -> Request {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": text}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request("/v1/chat/completions", &body)
}

fn whole(script: &Script, request: &Request) -> (u16, Value) {
    let answer = answer(script, request, &[]).unwrap();
    (answer.status, serde_json::from_slice(&answer.chunks.concat()).unwrap())
}

fn events(script: &Script, request: &Request) -> Vec<Value> {
    let answer = answer(script, request, &[]).unwrap();
    assert_eq!(answer.headers[0], ("content-type".to_owned(), "text/event-stream".to_owned()));
    let (last, events) = answer.chunks.split_last().unwrap();
    assert_eq!(last, "data: [DONE]\n\n");
    events.iter().map(|chunk| serde_json::from_slice(&chunk[b"data: ".len()..]).unwrap()).collect()
}

fn text_of(events: &[Value], index: u64) -> String {
    let choices = events.iter().flat_map(|event| event["choices"].as_array().unwrap());
    let choices = choices.filter(|choice| choice["index"] == index);
    choices.filter_map(|choice| choice["delta"]["content"].as_str().or(choice["text"].as_str())).collect()
}

const HELLO: &str = "rules: [{reply: {text: Hello there.}}]";

#[test]
fn a_whole_reply() {
    let (status, body) = whole(&script(HELLO), &chat("Hi", json!({})));
    assert_eq!(status, 200);
    let id = body["id"].as_str().unwrap();
    assert!(id.starts_with("chatcmpl-") && id.len() == 25, "{id}");
    assert_eq!(body["created"], 1_767_225_600);
    assert_eq!(body["model"], "m");
    let message = json!({"role": "assistant", "content": "Hello there."});
    let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"});
    assert_eq!(body["choices"], json!([choice]));
    assert_eq!(body["usage"], json!({"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}));
}

#[test]
fn a_streamed_reply() {
    let events = events(&script(HELLO), &chat("Hi", json!({"stream": true})));
    let deltas: Vec<&Value> = events.iter().map(|event| &event["choices"][0]["delta"]).collect();
    assert_eq!(
        deltas,
        [
            &json!({"role": "assistant", "content": ""}),
            &json!({"content": "Hello"}),
            &json!({"content": " there"}),
            &json!({"content": "."}),
            &json!({})
        ]
    );
    assert_eq!(events[4]["choices"][0]["finish_reason"], "stop");
    assert!(events.iter().all(|event| event.get("usage").is_none() && event["object"] == "chat.completion.chunk"));
}

#[test]
fn usage_of_a_stream_when_asked_for() {
    let more = json!({"stream": true, "stream_options": {"include_usage": true}});
    let events = events(&script(HELLO), &chat("Hi", more));
    let (last, others) = events.split_last().unwrap();
    assert!(others.iter().all(|event| event["usage"].is_null()));
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["completion_tokens"], 3);
}

#[test]
fn text_completions() {
    let script = script(HELLO);
    let body = |more: Value| {
        let mut body = json!({"model": "m", "prompt": "Say"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request("/v1/completions", &body)
    };
    let (_, reply) = whole(&script, &body(json!({})));
    assert_eq!((&reply["object"], &reply["choices"][0]["text"]), (&json!("text_completion"), &json!("Hello there.")));
    let events = events(&script, &body(json!({"stream": true})));
    assert_eq!(text_of(&events, 0), "Hello there.");
    assert_eq!(events.last().unwrap()["choices"][0]["finish_reason"], "stop");
    let (_, reply) = whole(&script, &body(json!({"logprobs": 1})));
    assert_eq!(reply["choices"][0]["logprobs"]["text_offset"], json!([0, 5, 11]));
}

#[test]
fn stop_and_max_tokens_are_honoured() {
    let script = script("rules: [{reply: {text: '1, 2, 3, 4, 5, 6'}}]");
    let choice = |more: Value| whole(&script, &chat("Count", more)).1["choices"][0].clone();
    let stopped = choice(json!({"stop": ["9", "5"]}));
    assert_eq!((&stopped["message"]["content"], &stopped["finish_reason"]), (&json!("1, 2, 3, 4, "), &json!("stop")));
    let cut = choice(json!({"max_tokens": 5}));
    assert_eq!((&cut["message"]["content"], &cut["finish_reason"]), (&json!("1, 2, 3"), &json!("length")));
    assert_eq!(choice(json!({"max_tokens": 500}))["finish_reason"], "stop");
    assert_eq!(choice(json!({"max_completion_tokens": 1}))["message"]["content"], "1");
    let streamed = events(&script, &chat("Count", json!({"stream": true, "stop": "3"})));
    assert_eq!(text_of(&streamed, 0), "1, 2, ");
}

#[test]
fn several_choices_take_turns_in_a_stream() {
    let script = script("rules: [{reply: {choices: [{chunks: [a, b]}, {text: c, finish_reason: eos}]}}]");
    let (_, body) = whole(&script, &chat("Hi", json!({})));
    assert_eq!(body["choices"].as_array().unwrap().len(), 2);
    assert_eq!(whole(&script, &chat("Hi", json!({"n": 3}))).1["choices"][2]["message"]["content"], "ab");
    assert_eq!(whole(&script, &chat("Hi", json!({"n": 1}))).1["choices"].as_array().unwrap().len(), 1);
    let events = events(&script, &chat("Hi", json!({"n": 2, "stream": true})));
    assert_eq!((text_of(&events, 0), text_of(&events, 1)), ("ab".to_owned(), "c".to_owned()));
    let order: Vec<u64> = events.iter().map(|event| event["choices"][0]["index"].as_u64().unwrap()).collect();
    assert_eq!(order, [0, 1, 0, 1, 0, 1, 0]);
}

#[test]
fn logprobs_when_asked_for() {
    let script = script(HELLO);
    let (_, body) = whole(&script, &chat("Hi", json!({"logprobs": true, "top_logprobs": 2})));
    let content = body["choices"][0]["logprobs"]["content"].as_array().unwrap();
    assert_eq!(content.len(), 3);
    assert_eq!((&content[0]["token"], content[0]["top_logprobs"].as_array().unwrap().len()), (&json!("Hello"), 2));
    assert!(content.iter().all(|entry| entry["logprob"].as_f64().unwrap() <= 0.0));
    let events = events(&script, &chat("Hi", json!({"logprobs": true, "stream": true})));
    assert_eq!(events[1]["choices"][0]["logprobs"]["content"][0]["token"], "Hello");
}

const CALLS: &str = "
rules:
  - reply:
      tool_calls:
        - {name: get_weather, arguments: {city: Paris}}
        - {name: get_weather, arguments: '{broken', id: call_2}
";

#[test]
fn tool_calls_whole_and_streamed() {
    let script = script(CALLS);
    let (_, body) = whole(&script, &chat("Weather?", json!({})));
    let choice = &body["choices"][0];
    assert_eq!((&choice["finish_reason"], &choice["message"]["content"]), (&json!("tool_calls"), &Value::Null));
    let calls = choice["message"]["tool_calls"].as_array().unwrap();
    assert_eq!(calls[0]["function"], json!({"name": "get_weather", "arguments": "{\"city\":\"Paris\"}"}));
    assert_eq!(calls[1]["function"]["arguments"], "{broken");
    assert_eq!((calls[0]["id"].as_str().unwrap().len(), &calls[1]["id"]), (29, &json!("call_2")));
    let events = events(&script, &chat("Weather?", json!({"stream": true})));
    let deltas: Vec<&Value> = events.iter().map(|event| &event["choices"][0]["delta"]["tool_calls"][0]).collect();
    assert_eq!(deltas.len(), 6);
    assert_eq!(
        (&deltas[1]["function"]["name"], &deltas[2]["function"]["arguments"]),
        (&json!("get_weather"), &json!("{\"city\":\"Paris\"}"))
    );
    assert_eq!(deltas[3]["index"], 1);
}

#[test]
fn embeddings() {
    let script = script("rules: [{reply: {embeddings: {dimensions: 8}}}]");
    let ask = |body: Value| whole(&script, &request("/v1/embeddings", &body)).1;
    let body = ask(json!({"model": "e", "input": ["a", "b"]}));
    let data = body["data"].as_array().unwrap();
    assert_eq!((data.len(), data[0]["embedding"].as_array().unwrap().len()), (2, 8));
    assert_ne!(data[0]["embedding"], data[1]["embedding"]);
    assert_eq!(data[0]["embedding"], ask(json!({"model": "e", "input": "a"}))["data"][0]["embedding"]);
    assert_eq!(body["usage"], json!({"prompt_tokens": 2, "total_tokens": 2}));
    assert_eq!(ask(json!({"input": [1, 2]}))["data"].as_array().unwrap().len(), 1, "tokens are one input");
    assert_eq!(ask(json!({"input": "a", "dimensions": 4}))["data"][0]["embedding"].as_array().unwrap().len(), 4);
    let packed = ask(json!({"input": "a", "encoding_format": "base64"}));
    assert_eq!(packed["data"][0]["embedding"].as_str().unwrap().len(), 44, "8 × 4 bytes");
}

#[test]
fn errors_json_and_raw() {
    let script = script(
        "
dialect: {error: {id: '${hash}'}, headers: {X-Region: eu}}
rules:
  - {when: {last_message: error}, reply: {error: {status: 429, message: 'slow down, ${model}', type: rate, code: 7}, headers: {Retry-After: '3'}}}
  - {when: {last_message: json}, reply: {status: 201, json: [1, '${body.n}']}}
  - {when: {last_message: raw}, reply: {raw: {status: 500, chunks: [\"<h\", \"tml>\"]}, headers: {content-type: text/html}}}
",
    );
    let (status, body) = whole(&script, &chat("error", json!({})));
    assert_eq!((status, body["id"].as_str().unwrap().len()), (429, 16));
    assert_eq!(body["error"], json!({"message": "slow down, m", "type": "rate", "param": null, "code": 7}));
    let headers = answer(&script, &chat("error", json!({})), &[]).unwrap().headers;
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-type", "x-region", "retry-after"]);
    assert_eq!(whole(&script, &chat("json", json!({"n": 2}))), (201, json!([1, 2])));
    let raw = answer(&script, &chat("raw", json!({})), &[]).unwrap();
    assert_eq!((raw.status, &raw.chunks[..]), (500, &[Bytes::from("<h"), Bytes::from("tml>")][..]));
}

#[test]
fn equal_requests_get_equal_bytes() {
    let script = script(CALLS);
    let ask = |text| answer(&script, &chat(text, json!({"stream": true})), &[]).unwrap();
    assert_eq!(ask("a"), ask("a"));
    assert_ne!(ask("a").chunks, ask("b").chunks, "ids differ");
}

#[test]
fn conditions() {
    let matches = |when: &str, request: &Request| {
        answer(&script(&format!("rules: [{{when: {when}, reply: {{json: 1}}}}]")), request, &[]).is_ok()
    };
    let hello = chat("Hello, Bob", json!({"n": 2, "temperature": 0, "tools": [{"a": 1}]}));
    for (when, expected) in [
        ("{}", true),
        ("{method: POST}", true),
        ("{method: GET}", false),
        ("{endpoint: /v1/chat/completions}", true),
        ("{endpoint: /v1/completions}", false),
        ("{auth: key}", true),
        ("{auth: none}", false),
        ("{malformed: true}", false),
        ("{stream: false}", true),
        ("{stream: true}", false),
        ("{model: m}", true),
        ("{model: {not: m}}", false),
        ("{model: {one_of: [a, m]}}", true),
        ("{last_message: Hello}", false),
        ("{last_message: {contains: [Hello, Bob]}}", true),
        ("{last_message: {contains: [Hello, Eve]}}", false),
        ("{last_message: {matches: '(?i)bob$'}}", true),
        ("{last_role: user}", true),
        ("{system: {contains: x}}", false),
        ("{system: {not: {contains: x}}}", true),
        ("{body: {temperature: 0.0, tools: [{}]}}", true),
        ("{body: {tools: []}}", false),
        ("{filter: '@.n > 1 && !@.stream'}", true),
        ("{filter: '@.n > 2'}", false),
        ("{prompt: {matches: .}}", false),
    ] {
        assert_eq!(matches(when, &hello), expected, "{when}");
    }
    let broken = Request { body: "{oops".into(), ..hello.clone() };
    assert!(matches("{malformed: true}", &broken) && !matches("{model: m}", &broken));
    let empty = Request { body: Bytes::new(), method: Method::GET, ..hello };
    assert!(!matches("{malformed: true}", &empty) && matches("{method: GET}", &empty));
    let parts = json!({"messages": [{"role": "system", "content": [{"type": "text", "text": "Be a pirate"}]}]});
    assert!(matches("{system: {contains: pirate}}", &request("/v1/chat/completions", &parts)));
    let inputs = request("/v1/embeddings", &json!({"input": ["a", "b"]}));
    assert!(matches("{input: b}", &inputs) && !matches("{input: c}", &inputs));
}

#[test]
fn without_a_rule_the_nearest_are_told() {
    let script = script(
        "
rules:
  - {name: earth, when: {last_message: {contains: planet}}, reply: {text: Earth}}
  - {name: sun, when: {stream: true, last_message: {contains: Sun}}, reply: {text: Sol}}
  - {when: {endpoint: /v1/embeddings}, reply: {embeddings: {dimensions: 2}}}
",
    );
    let none = answer(&script, &chat("Who?", json!({})), &[]).unwrap_err();
    insta::assert_snapshot!(none, @r#"
    no rule of script.yaml answers POST /v1/chat/completions (m)
      line 3, "earth": last_message is "Who?", not containing "planet"
      line 5, this rule: endpoint is /v1/chat/completions, not /v1/embeddings
      line 4, "sun": stream is false, last_message is "Who?", not containing "Sun"
    "#);
}

#[test]
fn a_rule_that_cannot_be_filled_in_says_so() {
    let script = script("rules: [{name: n, reply: {text: 'Hi ${body.user}'}}]");
    let none = answer(&script, &chat("Hi", json!({})), &[]).unwrap_err();
    insta::assert_snapshot!(none, @r#"script.yaml:1: "n" matches, but `${body.user}` is not set"#);
}

#[test]
fn breaking_off() {
    let script = script("rules: [{reply: {text: a b c, break_after: 2, delay: 200ms, pace: 0.5s}}]");
    let answer = answer(&script, &chat("Hi", json!({"stream": true})), &[]).unwrap();
    assert_eq!(answer.chunks.len(), 2);
    assert_eq!(answer.end, End::Broken("the script breaks off after 2 chunks".to_owned()));
    assert_eq!((answer.delay, answer.pace), (Duration::from_millis(200), Duration::from_millis(500)));
}

fn complaint(text: &str) -> String {
    Script::parse(&source(text)).map(|_| "no error".to_owned()).unwrap_or_else(|error| error.to_string())
}

#[test]
fn scripts_that_make_no_sense_say_where() {
    let errors = [
        "rules:\n  - reply: {text: a, json: 1}",
        "rules:\n  - reply: {}",
        "rules:\n  - when: {last_message: 7}\n    reply: {text: a}",
        "rules:\n  - when: {last_message: {has: a}}\n    reply: {text: a}",
        "rules:\n  - when: {last_message: {matches: '('}}\n    reply: {text: a}",
        "rules:\n  - when: {filter: '@.n >'}\n    reply: {text: a}",
        "rules:\n  - when: {endpoint: /v1/embeddings}\n    reply: {text: a}",
        "rules:\n  - when: {endpoint: v1}\n    reply: {text: a}",
        "rules:\n  - when: {method: post}\n    reply: {text: a}",
        "rules:\n  - reply: {text: a, delay: soon}",
        "rules:\n  - reply: {text: a, chunks: [b]}",
        "rules:\n  - reply: {error: {status: 200, message: a}}",
        "rules:\n  - reply: {json: 1, headers: {'a b': c}}",
        "rules:\n  - reply: {text: 'Hi ${user}'}",
        "rules:\n  - reply: {json: ['${model']}",
        "dialect:\n  chat: {reply: {seed: '${seed}'}}\nrules: []",
        "rules:\n  - reply: {raw: {body: a, chunks: [a]}}",
        "rules:\n  - reply: {json: 1, usage: {total_tokens: 1}}",
        "rules:\n  - reply: {error: {status: 400, body: {}, code: a}}",
    ]
    .map(complaint);
    insta::assert_snapshot!(errors.join("\n"), @r#"
    script.yaml:2:12: this reply says several things
    script.yaml:2:12: this reply says nothing
    script.yaml:2:26: 7 is no condition on a text
    script.yaml:2:26: unknown condition "has"
    script.yaml:2:26: "(" is not a regular expression: unclosed group
    script.yaml:2:20: the filter cannot be read: in long-hand segment, expected closing ']'
    script.yaml:2:22: this rule's reply (line 3) has no shape for /v1/embeddings
    script.yaml:2:22: "v1" is not an endpoint
    script.yaml:2:20: "post" is not an HTTP method
    script.yaml:2:29: "soon" is no time
    script.yaml:2:12: the chunks make "b", not the text
    script.yaml:2:12: status 200
    script.yaml:2:12: "a b": "c" is not a header
    script.yaml:2:12: `${user}` names nothing
    script.yaml:2:12: `${` is never closed
    script.yaml:2:3: `${seed}` names nothing
    script.yaml:2:12: raw has body and chunks
    script.yaml:2:12: usage goes with text, tool_calls and choices only
    script.yaml:2:12: an error has either a message or a body
    "#);
}

#[test]
fn scripts_with_wrong_members_say_where() {
    for (text, place) in [
        ("rules:\n  - reply: {text: a, finish: b}", "script.yaml:2:22: "),
        ("rules:\n  - when: {streams: true}\n    reply: {text: a}", "script.yaml:2:12: "),
        ("rules:\n  - when: {}", "script.yaml:2:5: "),
        ("dialect: {done: perhaps}\nrules: []", "script.yaml:1:17: "),
        ("rules: [", "script.yaml:1:8: "),
    ] {
        let complaint = complaint(text);
        assert!(complaint.starts_with(place), "{complaint}");
    }
}

#[tokio::test]
async fn a_rule_for_one_time_answers_once() {
    let scripted =
        Scripted::new(script("rules: [{times: 1, reply: {text: first}}, {times: 1, reply: {text: second}}]"));
    for expected in ["first", "second"] {
        let reply = scripted.send(chat("Hi", json!({}))).await.unwrap();
        assert_eq!(reply.headers[ORIGIN_HEADER], "simulated");
        let body: Value = serde_json::from_slice(&reply.collect().await.unwrap()).unwrap();
        assert_eq!(body["choices"][0]["message"]["content"], expected);
    }
    let error = scripted.send(chat("Hi", json!({}))).await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::NoRule);
    assert!(error.message.contains("it has answered 1 times, which is all"), "{}", error.message);
}

/// A script behind a socket, and an upstream that calls it.
async fn listening(text: &str) -> Http {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, script(text), std::future::pending()));
    let key = Some(ApiKey::new("TEST_KEY", Some("k".to_owned())));
    // Marker headers are trusted only from a server that is known to be a retake.
    Http::new(HttpConfig { key, is_retake: true, ..HttpConfig::new("script", base_url) })
}

#[tokio::test]
async fn on_a_socket_chunks_stay_chunks() {
    let http = listening("rules: [{when: {auth: key}, reply: {chunks: [Hel, lo], pace: 5ms}}]").await;
    let reply = http.send(chat("Hi", json!({"stream": true}))).await.unwrap();
    assert_eq!(reply.headers[ORIGIN_HEADER], "simulated");
    assert_eq!(reply.headers["content-type"], "text/event-stream");
    let chunks: Vec<Bytes> = reply.body.map(Result::unwrap).collect().await;
    let expected = answer(&script("rules: [{reply: {chunks: [Hel, lo]}}]"), &chat("Hi", json!({"stream": true})), &[]);
    assert_eq!(chunks, expected.unwrap().chunks);
}

#[tokio::test]
async fn on_a_socket_a_call_without_a_key_is_seen_and_a_break_arrives() {
    let http = listening(
        "rules: [{when: {auth: none}, reply: {error: {status: 401, message: no}}}, {reply: {text: a b, break_after: 1}}]",
    )
    .await;
    let keyless = Request { auth: Auth::None, ..chat("Hi", json!({})) };
    assert_eq!(http.send(keyless).await.unwrap().status.as_u16(), 401);
    let (came, error) = http.send(chat("Hi", json!({"stream": true}))).await.unwrap().collect().await.unwrap_err();
    assert!(came.starts_with(b"data: ") && error.kind == ErrorKind::Broken);
}

#[tokio::test]
async fn on_a_socket_no_rule_is_marked() {
    let http = listening("rules: []").await;
    let error = http.send(chat("Hi", json!({}))).await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::NoRule, "{}", error.message);
    assert!(error.message.starts_with("the script has no answer: no rule of script.yaml"), "{}", error.message);
    let app = router(Arc::new(Scripted::new(script("rules: []"))));
    let request = axum::extract::Request::post("/v1/x").body(axum::body::Body::empty()).unwrap();
    let response = tower::ServiceExt::oneshot(app, request).await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()[ERROR_HEADER]), (404, &"no-rule".parse().unwrap()));
}
