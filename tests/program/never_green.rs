//! Replies that servers really give and that a careless check is content with: what each breaks is told, and what breaks
//! nothing is green, whether the provider is asked directly or by the gateway.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::world::{Dir, Ran};

/// Names a folder of captures, `NAME.req` and `NAME.resp` each, and of `EXPECT.md`, whose table says what each must be.
const FOLDER: &str = "RETAKE_DIALECTS";

/// What becomes of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comes {
    /// It fails, and these words are in the report.
    Violation(&'static str),
    /// It passes, and fails a strict run, with these words.
    Deviation(&'static str),
    Passed,
}
use Comes::{Deviation, Passed, Violation};

/// A request with a reply as it looks on the wire.
struct Dialect {
    name: String,
    path: &'static str,
    /// The request's body but for its model, which is the name.
    body: Value,
    /// Head and body.
    reply: Vec<u8>,
    /// What a suite asks of it.
    expect: String,
}

/// Answers each request with the reply of the dialect that its model names. Returns the base URL.
fn serve(dialects: &[Dialect]) -> String {
    let replies: BTreeMap<String, Vec<u8>> =
        dialects.iter().map(|dialect| (dialect.name.clone(), dialect.reply.clone())).collect();
    let replies = Arc::new(replies);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let replies = Arc::clone(&replies);
            std::thread::spawn(move || answer(stream.unwrap(), &replies));
        }
    });
    base
}

fn answer(mut stream: TcpStream, replies: &BTreeMap<String, Vec<u8>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        let line = line.to_ascii_lowercase();
        length = line.strip_prefix("content-length:").map_or(length, |text| text.trim().parse().unwrap());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let unknown = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec();
    let _ = stream.write_all(asked["model"].as_str().and_then(|model| replies.get(model)).unwrap_or(&unknown));
}

/// A folder whose one suite has a case for each dialect. Behind a gateway, a model is `odd/NAME`.
fn folder(dialects: &[Dialect], is_direct: bool) -> Dir {
    let dir = Dir::new();
    let base = serve(dialects);
    dir.write(
        "suites/providers.yaml",
        &format!("providers:\n  odd: {{type: remote::odd, base_url: {base}, retries: {{times: 0}}}}\n"),
    );
    dir.write("suites/setups.yaml", "setups:\n  odd: {provider: odd, models: {text: odd/m}}\n");
    let mut suite = String::from("cases:\n");
    for Dialect { name, path, body, expect, .. } in dialects {
        let mut body = body.clone();
        body["model"] = if is_direct { name.clone().into() } else { format!("odd/{name}").into() };
        let _ = writeln!(suite, "  - name: {name}\n    request: {{post: {path}, body: {body}}}\n    expect: {expect}");
    }
    dir.write("suites/dialects.yaml", &suite);
    dir
}

/// The word of each case, by its name, and the whole report.
fn run(dialects: &[Dialect], stack: &str, words: &str) -> (BTreeMap<String, String>, Ran) {
    let dir = folder(dialects, stack == "direct");
    let ran = dir.retake(&format!("test --setup odd --mode live --stack-config {stack} {words}")).run();
    let name = |id: &str| id.rsplit("::").next().unwrap_or_default().to_owned();
    (ran.outcomes().iter().map(|(id, word)| (name(id), word.clone())).collect(), ran)
}

/// The account of a failure of a case, below the line with its name.
fn account<'a>(ran: &'a Ran, name: &str) -> &'a str {
    let rest = ran.stdout.split_once(&format!("_ {name} _")).map_or("", |(_, rest)| rest);
    let end = rest.find("\n____").or_else(|| rest.find("\n====")).unwrap_or(rest.len());
    &rest[..end]
}

const STACKS: [&str; 2] = ["direct", "ci-tests"];

#[test]
fn what_a_client_stumbles_over_is_never_green_and_what_it_does_not_is() {
    let rows = rows();
    let dialects: Vec<Dialect> = rows.iter().map(|(name, ask, reply, _)| dialect(name, *ask, reply)).collect();
    for stack in STACKS {
        let (standard, told) = run(&dialects, stack, "--tb long");
        let (strict, failed) = run(&dialects, stack, "--protocol strict --tb long");
        for (name, _, _, comes) in &rows {
            let words = [standard.get(*name), strict.get(*name)].map(|word| word.map_or("-", String::as_str));
            let wanted = match comes {
                Violation(_) => ["FAILED", "FAILED"],
                Deviation(_) => ["PASSED", "FAILED"],
                Passed => ["PASSED", "PASSED"],
            };
            assert_eq!(words, wanted, "{stack}: {name}\n{}\n{}", account(&told, name), account(&failed, name));
            if let Violation(rule) | Deviation(rule) = comes {
                assert!(
                    account(&failed, name).contains(rule),
                    "{stack}: {name}: no {rule:?} in {}",
                    account(&failed, name)
                );
            }
        }
    }
}

#[test]
fn the_model_that_answered_can_be_asked_for_on_every_stack() {
    let named = |model: &str| Sent::Json(chat(&json!({"model": model})));
    let asking = |name: &str, reply: &Sent, expect: &str| Dialect {
        expect: expect.to_owned(),
        ..dialect(name, Ask::Whole, reply)
    };
    let streamed = Sent::Events(text("Sol") + &stop() + DONE);
    let dialects = [
        asking("dated", &named("NAME-2024-08-06"), "{model: dated}"),
        asking("cheaper", &named("mini"), "{model: cheaper}"),
        asking("cheaper_known", &named("mini"), "{model: mini}"),
        asking("alias", &named("meta/llama-8b"), "{model: alias}"),
        Dialect { expect: "{model: {matches: ^streamed$}}".to_owned(), ..dialect("streamed", Ask::Stream, &streamed) },
    ];
    for stack in ["direct", "ci-tests", "server:ci-tests:0"] {
        let dir = folder(&dialects, stack == "direct");
        let providers = std::fs::read_to_string(dir.path().join("suites/providers.yaml")).unwrap();
        let with_alias = providers.replace("retries:", "aliases: {alias: llama-8b}, retries:");
        dir.write("suites/providers.yaml", &with_alias);
        let ran = dir.retake(&format!("test --setup odd --mode live --stack-config {stack}")).run().exits(1);
        ran.says("1 failed, 4 passed")
            .says("model: expected \"cheaper\", got \"mini\"")
            .says("reply:    200 OK, model: mini");
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
enum Ask {
    /// A chat as a stream that holds `Sol` in more than one chunk.
    Stream,
    /// A chat in one piece.
    Whole,
    /// A chat as a stream with a tool call in it.
    Tools,
    /// Vectors of three texts.
    Embeddings,
}

fn dialect(name: &str, ask: Ask, reply: &Sent) -> Dialect {
    let messages = json!([{"role": "user", "content": "What's the name of the Sun in latin?"}]);
    let (path, body, expect) = match ask {
        Ask::Stream => (
            "/v1/chat/completions",
            json!({"messages": messages, "stream": true}),
            "{text: {contains: Sol}, stream: {chunks: {gt: 1}}}",
        ),
        Ask::Whole => ("/v1/chat/completions", json!({"messages": messages}), "{text: {contains: Sol}, stream: false}"),
        Ask::Tools => {
            ("/v1/chat/completions", json!({"messages": messages, "stream": true, "tools": []}), "{tool_calls: {}}")
        }
        Ask::Embeddings => ("/v1/embeddings", json!({"input": ["a", "b", "c"]}), "{embeddings: {finite: true}}"),
    };
    let (kind, text) = match reply {
        Sent::Events(text) => ("text/event-stream", text),
        Sent::Json(text) => ("application/json", text),
    };
    let reply =
        format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n{}", text.replace("NAME", name));
    Dialect { name: name.to_owned(), path, body, reply: reply.into_bytes(), expect: expect.to_owned() }
}

/// A body; `NAME` in it stands for the model.
enum Sent {
    Events(String),
    Json(String),
}

/// An event of a chat with these choices, and further members.
fn event(choices: &Value, more: &Value) -> String {
    let mut event =
        json!({"id": "c-1", "object": "chat.completion.chunk", "created": 7, "model": "NAME", "choices": choices});
    for (name, value) in more.as_object().into_iter().flatten() {
        event[name] = value.clone();
    }
    format!("data: {event}\n\n")
}

/// Many servers say it in every event.
fn with_role(mut delta: Value) -> Value {
    delta["role"] = "assistant".into();
    delta
}

fn delta(delta: Value, finish: Option<&str>) -> String {
    event(&json!([{"index": 0, "delta": with_role(delta), "finish_reason": finish}]), &Value::Null)
}

fn text(text: &str) -> String {
    delta(json!({"content": text}), None)
}

fn stop() -> String {
    delta(json!({}), Some("stop"))
}

const DONE: &str = "data: [DONE]\n\n";

/// The events of a chat in two pieces, with these before, between, and at the end.
fn sol(end: &str) -> Sent {
    Sent::Events(text("So") + &text("l") + end)
}

fn calls(pieces: &[Value], finish: &str) -> Sent {
    let pieces = pieces.iter().map(|piece| delta(json!({"tool_calls": [piece]}), None)).collect::<String>();
    Sent::Events(pieces + &delta(json!({}), Some(finish)) + DONE)
}

fn call(index: u64, id: &str, name: &str, arguments: &Value) -> Value {
    json!({"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

fn chat(more: &Value) -> String {
    let mut reply = json!({
        "id": "c-1", "object": "chat.completion", "created": 7, "model": "NAME",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Sol"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        reply[name] = value.clone();
    }
    reply.to_string()
}

fn vectors(indexes: &[Value], usage: &Value) -> Sent {
    let vector = |(at, index): (usize, &Value)| {
        let mut item = json!({"object": "embedding", "embedding": [0.5, at as f64 + 1.0]});
        if !index.is_null() {
            item["index"] = index.clone();
        }
        item
    };
    let data: Vec<Value> = indexes.iter().enumerate().map(vector).collect();
    Sent::Json(json!({"object": "list", "model": "NAME", "data": data, "usage": usage}).to_string())
}

type Row = (&'static str, Ask, Sent, Comes);

fn rows() -> Vec<Row> {
    let mut rows = streams();
    rows.extend(tools());
    rows.extend(wholes());
    rows
}

fn streams() -> Vec<Row> {
    let end = || stop() + DONE;
    let again = |id: &str, model: &str| {
        let more = json!({"id": id, "model": model});
        event(&json!([{"index": 0, "delta": {"role": "assistant", "content": "l"}, "finish_reason": null}]), &more)
    };
    let usage = |total: u64| json!({"usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": total}});
    let with = |more: &Value| {
        let piece = |text: &str| {
            event(&json!([{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": null}]), more)
        };
        Sent::Events(piece("So") + &piece("l") + &end())
    };
    let bare = |text: &str, finish: Value| {
        let more = json!({"object": "text_completion"});
        event(&json!([{"index": 0, "text": text, "finish_reason": finish}]), &more)
    };
    let azure =
        event(&json!([]), &json!({"id": "", "model": "", "object": "", "created": 0, "prompt_filter_results": []}));
    vec![
        ("good", Ask::Stream, sol(&end()), Passed),
        ("azure_first", Ask::Stream, Sent::Events(azure + &text("So") + &text("l") + &end()), Passed),
        ("error_false", Ask::Stream, with(&json!({"error": false})), Passed),
        ("error_empty", Ask::Stream, with(&json!({"error": {"message": "", "code": null}})), Passed),
        ("no_end", Ask::Stream, sol(""), Violation("rule finish-missing")),
        ("no_finish", Ask::Stream, sol(DONE), Violation("rule finish-missing")),
        ("no_done", Ask::Stream, sol(&stop()), Deviation("rule done-missing")),
        ("done_twice", Ask::Stream, sol(&(end() + DONE)), Deviation("rule done-repeated")),
        ("done_quoted", Ask::Stream, sol(&(stop() + "data: \"[DONE]\"\n\n")), Violation("rule event-object")),
        ("goes_on_after_done", Ask::Stream, sol(&(end() + &text("!"))), Violation("rule event-after-done")),
        ("finish_twice", Ask::Stream, sol(&(stop() + &end())), Deviation("rule finish-repeated")),
        (
            "finish_each",
            Ask::Stream,
            Sent::Events(
                delta(json!({"content": "So"}), Some("stop")) + &delta(json!({"content": "l"}), Some("stop")) + DONE,
            ),
            Deviation("rule finish-repeated"),
        ),
        ("cut", Ask::Stream, sol("data: {\"id\""), Violation("rule stream-cut")),
        (
            "named_error",
            Ask::Stream,
            sol("event: error\ndata: {\"message\": \"overloaded\"}\n\n"),
            Violation("overloaded"),
        ),
        (
            "errors",
            Ask::Stream,
            sol(&format!("data: {}\n\n{DONE}", json!({"errors": [{"message": "no room"}], "success": false}))),
            Violation("no room"),
        ),
        (
            "choice_error",
            Ask::Stream,
            sol(&(event(
                &json!([{"index": 0, "delta": {"role": "assistant"}, "finish_reason": "error", "error": {"message": "worker lost"}}]),
                &Value::Null,
            ) + DONE)),
            Violation("worker lost"),
        ),
        (
            "model_switch",
            Ask::Stream,
            Sent::Events(text("So") + &again("c-1", "another") + &end()),
            Deviation("rule model-changes"),
        ),
        ("other_model", Ask::Stream, with(&json!({"model": "another"})), Deviation("rule model-")),
        (
            "id_changes",
            Ask::Stream,
            Sent::Events(text("So") + &again("c-2", "NAME") + &end()),
            Deviation("rule id-changes"),
        ),
        (
            "id_empty",
            Ask::Stream,
            {
                let piece = |delta: Value, finish: Option<&str>| {
                    event(
                        &json!([{"index": 0, "delta": with_role(delta), "finish_reason": finish}]),
                        &json!({"id": ""}),
                    )
                };
                Sent::Events(
                    piece(json!({"content": "So"}), None)
                        + &piece(json!({"content": "l"}), None)
                        + &piece(json!({}), Some("stop"))
                        + DONE,
                )
            },
            Deviation("rule id-missing"),
        ),
        (
            "two_answers",
            Ask::Stream,
            Sent::Events(text("Sol") + &stop() + &again("c-2", "NAME") + &end()),
            Violation("rule text-after-finish"),
        ),
        (
            "text_in_chat",
            Ask::Stream,
            Sent::Events(bare("So", Value::Null) + &bare("l", "stop".into()) + DONE),
            Violation("rule choice-form"),
        ),
        (
            "no_choices",
            Ask::Stream,
            Sent::Events(event(&json!([]), &Value::Null) + DONE),
            Violation("rule choices-empty"),
        ),
        (
            "all_at_once",
            Ask::Stream,
            Sent::Events(delta(json!({"role": "assistant", "content": ""}), None) + &text("Sol") + &end()),
            Violation("stream.chunks"),
        ),
        ("usage_each", Ask::Stream, with(&usage(10)), Deviation("rule usage-repeated")),
        ("usage_sum", Ask::Stream, sol(&(stop() + &event(&json!([]), &usage(99)) + DONE)), Deviation("rule usage-sum")),
        ("json_for_stream", Ask::Stream, Sent::Json(chat(&Value::Null)), Violation("rule stream-asked")),
    ]
}

fn tools() -> Vec<Row> {
    let city = |name: &str| json!(format!("{{\"city\": \"{name}\"}}"));
    let paris = || call(0, "a", "get_weather", &city("Paris"));
    let bare = |more: Value| {
        let mut piece = json!({"type": "function", "function": {"name": "get_weather", "arguments": "{}"}});
        for (name, value) in more.as_object().into_iter().flatten() {
            piece[name] = value.clone();
        }
        piece
    };
    let one = |piece: Value| calls(&[piece], "tool_calls");
    vec![
        ("call", Ask::Tools, one(paris()), Passed),
        ("two_calls", Ask::Tools, calls(&[paris(), call(1, "b", "get_weather", &city("Rome"))], "tool_calls"), Passed),
        (
            "one_index",
            Ask::Tools,
            calls(&[paris(), call(0, "b", "get_weather", &city("Rome"))], "tool_calls"),
            Violation("rule tool-call-merged"),
        ),
        ("no_index", Ask::Tools, one(bare(json!({"id": "a"}))), Violation("rule tool-call-index")),
        ("from_1", Ask::Tools, one(call(1, "a", "get_weather", &city("Paris"))), Violation("rule tool-call-index")),
        ("no_id", Ask::Tools, one(bare(json!({"index": 0}))), Violation("rule tool-call-id")),
        (
            "id_twice",
            Ask::Tools,
            calls(&[paris(), call(1, "a", "get_weather", &city("Rome"))], "tool_calls"),
            Violation("rule tool-call-id-doubled"),
        ),
        ("no_name", Ask::Tools, one(call(0, "a", "", &city("Paris"))), Violation("rule tool-call-name")),
        (
            "name_again",
            Ask::Tools,
            calls(&[call(0, "a", "get_weather", &json!("{")), call(0, "a", "get_weather", &json!("}"))], "tool_calls"),
            Violation("rule tool-call-repeated"),
        ),
        (
            "arguments_object",
            Ask::Tools,
            one(call(0, "a", "get_weather", &json!({"city": "Paris"}))),
            Violation("rule tool-call-arguments-text"),
        ),
        (
            "arguments_scalar",
            Ask::Tools,
            one(call(0, "a", "get_weather", &json!("5"))),
            Violation("rule tool-call-arguments-object"),
        ),
        ("ends_with_stop", Ask::Tools, calls(&[paris()], "stop"), Deviation("rule finish-tool-calls")),
        (
            "legacy_call",
            Ask::Tools,
            Sent::Events(
                delta(json!({"function_call": {"name": "get_weather", "arguments": "{}"}}), None)
                    + &delta(json!({}), Some("function_call"))
                    + DONE,
            ),
            Violation("`function_call` of old: get_weather"),
        ),
    ]
}

fn wholes() -> Vec<Row> {
    let usage = json!({"prompt_tokens": 3, "total_tokens": 3});
    let [one, two, three] = [json!(0), json!(1), json!(2)];
    vec![
        ("whole", Ask::Whole, Sent::Json(chat(&Value::Null)), Passed),
        (
            "whole_error_empty",
            Ask::Whole,
            Sent::Json(chat(&json!({"error": {"message": "", "type": "", "code": null}}))),
            Passed,
        ),
        ("whole_error_none", Ask::Whole, Sent::Json(chat(&json!({"error": {}}))), Passed),
        ("whole_detail", Ask::Whole, Sent::Json(chat(&json!({"detail": {"region": "x"}}))), Passed),
        ("whole_bom", Ask::Whole, Sent::Json(format!("\u{feff}{}", chat(&Value::Null))), Passed),
        ("dated", Ask::Whole, Sent::Json(chat(&json!({"model": "NAME-2024-08-06"}))), Passed),
        (
            "whole_nan",
            Ask::Whole,
            Sent::Json(chat(&json!({"score": "NAN"})).replace("\"NAN\"", "NaN")),
            Violation("JSON cannot say"),
        ),
        (
            "whole_other_model",
            Ask::Whole,
            Sent::Json(chat(&json!({"model": "another"}))),
            Deviation("rule model-other"),
        ),
        ("events_for_whole", Ask::Whole, sol(&(stop() + DONE)), Violation("rule stream-asked")),
        ("vectors", Ask::Embeddings, vectors(&[one.clone(), two.clone(), three.clone()], &usage), Passed),
        (
            "vectors_shuffled",
            Ask::Embeddings,
            vectors(&[three.clone(), one.clone(), two.clone()], &usage),
            Violation("rule embeddings-order"),
        ),
        (
            "vectors_no_index",
            Ask::Embeddings,
            vectors(&[Value::Null, Value::Null, Value::Null], &usage),
            Violation("rule embeddings-index"),
        ),
        (
            "vectors_usage",
            Ask::Embeddings,
            vectors(&[one, two, three], &json!({"prompt_tokens": 3, "total_tokens": 0})),
            Deviation("rule usage-sum"),
        ),
    ]
}

/// A dialect of a folder of captures.
fn captured(folder: &Path, name: &str) -> Dialect {
    let read = |end: &str| std::fs::read(folder.join(format!("{name}.{end}"))).unwrap();
    let request = read("req");
    let at = request.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    let body: Value = serde_json::from_slice(&request[at..]).unwrap();
    let path = if request[..at].windows(10).any(|word| word == b"embeddings") {
        "/v1/embeddings"
    } else {
        "/v1/chat/completions"
    };
    let is_stream = body["stream"] == true;
    let expect = match path {
        "/v1/embeddings" => "{embeddings: {finite: true}}".to_owned(),
        _ if body["tools"].is_array() => "{tool_calls: {}}".to_owned(),
        // The one whose fault is that a suite which counts its chunks is content with it.
        _ if name.contains("fake_stream") => "{text: {contains: Sol}, stream: {chunks: {gt: 1}}}".to_owned(),
        _ => format!("{{text: {{contains: Sol}}, stream: {is_stream}}}"),
    };
    let model = body["model"].as_str().unwrap().to_owned();
    Dialect { name: model, path, body, reply: read("resp"), expect }
}

#[test]
#[ignore = "RETAKE_DIALECTS names a folder of captures"]
fn captures_come_out_as_their_table_says() {
    let folder = std::env::var_os(FOLDER).unwrap_or_else(|| panic!("{FOLDER} names no folder of captures"));
    let folder = Path::new(&folder);
    let table = std::fs::read_to_string(folder.join("EXPECT.md")).unwrap();
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        Some((cells.next()?, cells.next()?)).filter(|(name, _)| folder.join(format!("{name}.req")).is_file())
    });
    let rows: Vec<(String, &str, Dialect)> =
        rows.map(|(name, letters)| (name.to_owned(), letters, captured(folder, name))).collect();
    let names: Vec<(String, &str, String)> =
        rows.iter().map(|(name, letters, dialect)| (name.clone(), *letters, dialect.name.clone())).collect();
    let dialects: Vec<Dialect> = rows.into_iter().map(|(_, _, dialect)| dialect).collect();
    let mut wrong = Vec::new();
    for stack in STACKS {
        let (standard, told) = run(&dialects, stack, "--tb long");
        let (strict, failed) = run(&dialects, stack, "--protocol strict --tb long");
        for (name, letters, case) in &names {
            let words = [standard.get(case), strict.get(case)].map(|word| word.map_or("-", String::as_str));
            let account = account(&failed, case);
            let rule = account.lines().find_map(|line| line.trim().strip_prefix("path:")).unwrap_or_default().trim();
            println!("{stack:<9} {name:<26} {letters:<3} {:<7} {:<7} {rule}", words[0], words[1]);
            let is_right = match () {
                () if letters.contains('G') => words[1] == "FAILED",
                () if letters.contains('R') => words[0] == "PASSED",
                () => words[1] != "-",
            };
            if !is_right {
                wrong.push(format!("{stack} {name} {letters}: {words:?}\n{account}"));
            }
        }
        println!("{}", told.stdout.split("= protocol =").nth(1).unwrap_or_default());
    }
    assert!(names.len() > 50 && wrong.is_empty(), "{} captures\n{}", names.len(), wrong.join("\n"));
}
