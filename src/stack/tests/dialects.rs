//! Awkward replies of real servers: what the store holds, what a check reads, and what a client gets.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::fake::{Answer, Stack, stack};
use crate::wire;

const EVENTS: &[(&str, &str)] = &[("content-type", "text/event-stream")];
const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

fn chunk(choice: Value) -> String {
    let choices = json!([choice]);
    format!(
        "data: {}\n\n",
        json!({"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": choices})
    )
}

fn delta(delta: Value, finish: Option<&str>) -> String {
    chunk(json!({"index": 0, "delta": delta, "finish_reason": finish}))
}

fn stop() -> String {
    delta(json!({}), Some("stop")) + "data: [DONE]\n\n"
}

async fn asked(headers: &'static [(&'static str, &'static str)], body: &str, is_stream: bool) -> (Stack, String) {
    let stack = stack(Answer::Whole(200, headers, body.to_owned())).await;
    let ask = json!({"model": "together/m", "messages": [{"role": "user", "content": "Hi"}], "stream": is_stream})
        .to_string();
    let got = stack.post("/v1/chat/completions", &ask).await;
    (stack, got.body)
}

/// The one completion in the store.
async fn stored(body: &str) -> Option<Value> {
    let (stack, _) = asked(EVENTS, body, true).await;
    only(&stack).await
}

async fn only(stack: &Stack) -> Option<Value> {
    let list = stack.get("/v1/chat/completions").await.json();
    assert!(list["data"].as_array().unwrap().len() <= 1);
    list["data"].get(0).cloned()
}

async fn message<const N: usize>(deltas: [Value; N]) -> Value {
    let body: String = deltas.into_iter().map(|one| delta(one, None)).collect();
    stored(&(body + &stop())).await.unwrap()["choices"][0]["message"].clone()
}

/// The tool calls of a message: ids, names and arguments.
fn calls(message: &Value) -> Vec<[String; 3]> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let call = |call: &Value| {
        let function = if call["custom"].is_object() { &call["custom"] } else { &call["function"] };
        let arguments = if call["custom"].is_object() { &function["input"] } else { &function["arguments"] };
        [text(&call["id"]), text(&function["name"]), text(arguments)]
    };
    message["tool_calls"].as_array().into_iter().flatten().map(call).collect()
}

#[tokio::test]
async fn tool_calls_are_kept_apart_as_clients_keep_them() {
    let paris = json!({"name": "get", "arguments": "{\"city\":\"Paris\"}"});
    let tokyo = json!({"name": "get", "arguments": "{\"city\":\"Tokyo\"}"});
    for (first, second, ids) in [
        (
            json!({"index": 0, "id": "a", "function": paris}),
            json!({"index": 0, "id": "b", "function": tokyo}),
            ["a", "b"],
        ),
        (json!({"function": paris}), json!({"function": tokyo}), ["-", "-"]),
        (json!({"id": "a", "function": paris}), json!({"id": "b", "function": tokyo}), ["a", "b"]),
    ] {
        let both = message([json!({"tool_calls": [first]}), json!({"tool_calls": [second]})]).await;
        let [one, two] = calls(&both).try_into().unwrap();
        assert_eq!([one[0].as_str(), two[0].as_str()], ids);
        assert_eq!([one[2].as_str(), two[2].as_str()], ["{\"city\":\"Paris\"}", "{\"city\":\"Tokyo\"}"]);
    }
}

#[tokio::test]
async fn pieces_of_a_tool_call_are_one_call_with_all_that_it_has() {
    let call = |call: Value| json!({"tool_calls": [call]});
    let named = message([
        call(json!({"index": 0, "id": "a", "function": {"name": "get_", "arguments": ""}})),
        call(json!({"index": 0, "function": {"name": "weather", "arguments": "{}"}})),
    ]);
    assert_eq!(calls(&named.await), [["a", "get_weather", "{}"]]);
    let object = message([call(json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": {"x": 1}}}))]);
    assert_eq!(calls(&object.await), [["a", "f", "{\"x\":1}"]]);
    let custom = message([
        call(json!({"index": 0, "id": "a", "type": "custom", "custom": {"name": "code", "input": "pri"}})),
        call(json!({"index": 0, "custom": {"input": "nt"}})),
    ]);
    let custom = custom.await;
    assert_eq!(
        (calls(&custom), &custom["tool_calls"][0]["type"]),
        (vec![["a", "code", "print"].map(str::to_owned)], &json!("custom"))
    );
    let signed = message([call(
        json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}, "extra_content": {"google": {"thought_signature": "abc"}}}),
    )]);
    assert_eq!(signed.await["tool_calls"][0]["extra_content"]["google"]["thought_signature"], "abc");
}

#[tokio::test]
async fn everything_that_a_message_can_hold_is_kept() {
    let audio = message([
        json!({"audio": {"id": "audio_1", "transcript": "So"}}),
        json!({"audio": {"data": "AAAA", "transcript": "l"}}),
        json!({"audio": {"data": "BBBB", "expires_at": 9}}),
    ]);
    assert_eq!(
        audio.await["audio"],
        json!({"id": "audio_1", "data": "AAAABBBB", "transcript": "Sol", "expires_at": 9})
    );
    let note = json!({"type": "url_citation", "url_citation": {"url": "https://example.com"}});
    let noted =
        message([json!({"content": "Sol"}), json!({"annotations": [note]}), json!({"images": [{"index": 0}]})]).await;
    assert_eq!(
        (&noted["content"], &noted["annotations"], &noted["images"]),
        (&json!("Sol"), &json!([note]), &json!([{"index": 0}]))
    );
    let detail = |text: &str| json!({"type": "reasoning.text", "text": text, "index": 0});
    let thought = message([
        json!({"content": "", "reasoning": "th", "reasoning_details": [detail("th")]}),
        json!({"reasoning": "ink", "reasoning_content": "a", "reasoning_details": [detail("ink")]}),
        json!({"reasoning_content": "b"}),
    ]);
    let thought = thought.await;
    assert_eq!((&thought["reasoning"], &thought["reasoning_content"]), (&json!("think"), &json!("ab")));
    assert_eq!(thought["reasoning_details"], json!([detail("think")]));
    let parts = message([
        json!({"content": [{"type": "text", "text": "So"}, {"type": "reference", "reference_ids": [1]}]}),
        json!({"content": [{"type": "text", "text": "l"}]}),
    ]);
    assert_eq!(
        parts.await["content"],
        json!([{"type": "text", "text": "So"}, {"type": "reference", "reference_ids": [1]}, {"type": "text", "text": "l"}])
    );
    let whole = chunk(json!({"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Sol"}}));
    assert_eq!(stored(&whole).await.unwrap()["choices"][0]["message"]["content"], "Sol");
}

#[tokio::test]
async fn members_of_choices_are_kept_and_those_of_pings_and_padding_are_not() {
    let filtered =
        chunk(json!({"index": 0, "delta": {"content": "a"}, "content_filter_results": {"hate": {"filtered": false}}}));
    let padded = chunk(json!({"index": 0, "delta": {"content": "b"}})).replacen(
        "{\"",
        "{\"obfuscation\":\"JDn\",\"service_tier\":\"default\",\"",
        1,
    );
    let ping = "data: {\"type\":\"ping\",\"cost\":\"0\"}\n\n";
    let kept = stored(&[filtered, padded, ping.to_owned(), stop()].concat()).await.unwrap();
    assert_eq!(kept["choices"][0]["content_filter_results"]["hate"]["filtered"], false);
    assert_eq!((&kept["service_tier"], &kept["created"]), (&json!("default"), &json!(7)));
    assert_eq!([&kept["obfuscation"], &kept["type"], &kept["cost"]], [&Value::Null; 3]);
}

#[tokio::test]
async fn what_failed_or_was_cut_is_not_kept_and_its_words_are_read() {
    let text = delta(json!({"content": "So"}), None);
    for (end, words) in [
        ("", None),
        ("data: {\"id\":\"c1\",\"obje", None),
        ("error: {\"code\":500,\"message\":\"slot failed\"}\n\n", Some("slot failed")),
        ("event: error\ndata: {\"message\":\"overloaded\"}\n\n", Some("overloaded")),
        ("event: error\ndata: overloaded\n\n", Some("overloaded")),
        (
            "data: {\"errors\":[{\"message\":\"no capacity\"}],\"success\":false}\n\ndata: [DONE]\n\n",
            Some("no capacity"),
        ),
        (
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"error\":{\"message\":\"gone\"},\"finish_reason\":\"error\"}]}\n\ndata: [DONE]\n\n",
            Some("gone"),
        ),
    ] {
        let body = format!("{text}{end}");
        let (stack, got) = asked(EVENTS, &body, true).await;
        assert_eq!(only(&stack).await, None, "{end}");
        assert_eq!(got, body.replace("\"m\"", "\"together/m\""));
        assert_eq!(error_read(200, EVENTS, &got).as_deref(), words, "{end}");
    }
    let cmpl = "data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"choices\":[{\"index\":0,\"text\":\"So\",\"finish_reason\":\"stop\"}]}\n\n";
    assert_eq!(stored(cmpl).await, None, "a chat's client sees no text in it");
}

#[tokio::test]
async fn an_empty_error_beside_a_good_answer_is_none() {
    for member in [
        "\"error\":false,",
        "\"error\":{\"message\":\"\",\"type\":\"\",\"code\":null},",
        "\"detail\":{\"provider\":\"x\"},",
        "\"errors\":[],",
    ] {
        let body = (delta(json!({"content": "Sol"}), None) + &stop()).replace("\"id\"", &format!("{member}\"id\""));
        assert_eq!(stored(&body).await.unwrap()["choices"][0]["message"]["content"], "Sol", "{member}");
        assert_eq!(error_read(200, EVENTS, &body), None, "{member}");
    }
}

#[tokio::test]
async fn text_is_never_changed_in_silence() {
    let event =
        |content: &str| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{content}\"}}}}]}}\n\n");
    let halves = [event("Sol \\ud83c"), event("\\udf1e ok"), stop()].concat();
    assert_eq!(stored(&halves).await.unwrap()["choices"][0]["message"]["content"], "Sol 🌞 ok");
    assert_eq!(stored(&[event("Sol \\ud83c"), event(" ok"), stop()].concat()).await, None);
    let odd = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Sol\"},\"logprobs\":{\"content\":[{\"token\":\"Sol\",\"logprob\":-Infinity}]}}]}\n\n";
    let kept = stored(&(odd.to_owned() + &stop())).await.unwrap();
    assert_eq!(kept["choices"][0]["message"]["content"], "Sol");
    assert_eq!(kept["choices"][0]["logprobs"]["content"][0]["logprob"], Value::Null);
}

#[tokio::test]
async fn a_body_is_read_as_what_it_is_whatever_its_type_says() {
    let whole = |more: &str| {
        format!(
            "{{\"id\":\"c1\",\"model\":\"m\",\"choices\":[{{\"index\":0,\"message\":{{\"content\":\"Sol\"}}}}]{more}}}"
        )
    };
    let stream = delta(json!({"content": "Sol"}), None) + &stop();
    let bom = format!("\u{feff}{}", whole(""));
    for (headers, body, is_stream) in [
        (JSON, stream.as_str(), true),
        (JSON, stream.as_str(), false),
        (EVENTS, &whole(""), true),
        (JSON, &bom, false),
        (JSON, &whole(",\"x_score\":NaN"), false),
    ] {
        let (stack, got) = asked(headers, body, is_stream).await;
        assert!(got.contains("\"together/m\"") && !got.contains("\"m\""), "{got}");
        assert_eq!(got.contains("NaN"), body.contains("NaN"));
        let kept = only(&stack).await.unwrap();
        assert_eq!((&kept["choices"][0]["message"]["content"], &kept["id"]), (&json!("Sol"), &json!("c1")), "{body}");
    }
}

#[tokio::test]
async fn errors_of_every_form_have_the_servers_words_on_every_stack() {
    for (headers, body, words) in [
        (
            JSON,
            r#"[{"error":{"code":400,"message":"Invalid JSON payload","status":"INVALID_ARGUMENT"}}]"#,
            "Invalid JSON payload",
        ),
        (
            JSON,
            r#"{"success":false,"errors":[{"code":7003,"message":"Could not route"}],"result":null}"#,
            "Could not route",
        ),
        (JSON, r#""slow down""#, "slow down"),
        (JSON, "{\"detail\": \"gone\"}", "gone"),
        (EVENTS, "data: {\"error\":{\"message\":\"slow down\",\"code\":\"429\"}}\n\n", "slow down"),
        (&[("content-type", "text/plain")], "Bad Gateway", "Bad Gateway"),
    ] {
        assert_eq!(error_read(429, headers, body).as_deref(), Some(words), "direct: {body}");
        let stack = stack(Answer::Whole(429, headers, body.to_owned())).await;
        let got = stack
            .post("/v1/chat/completions", r#"{"model":"together/m","messages":[{"role":"user","content":"Hi"}]}"#)
            .await;
        assert_eq!((got.status, got.json()["error"]["message"].as_str()), (429, Some(words)), "gateway: {body}");
    }
}

/// The message that checks read from the reply that the caller got.
fn error_read(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Option<String> {
    let error = wire::read(headers[0].1, body.as_bytes()).error(status, body)?;
    Some(error["message"].as_str().unwrap_or_default().to_owned())
}

/// Deltas of one choice: text, tool calls with and without index, reasoning.
fn any_delta() -> impl Strategy<Value = Value> {
    let text = "[a-zé🌞\"]{0,4}";
    prop_oneof![
        text.prop_map(|text| json!({"content": text})),
        text.prop_map(|text| json!({"reasoning_content": text})),
        (0..3_u64, proptest::option::of("call_[a-c]"), text).prop_map(
            |(index, id, text)| json!({"tool_calls": [{"index": index, "id": id, "function": {"arguments": text}}]})
        ),
        ("call_[a-c]", "[fg]", text).prop_map(
            |(id, name, text)| json!({"tool_calls": [{"id": id, "function": {"name": name, "arguments": text}}]})
        ),
        Just(json!({"role": "assistant", "content": null})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// The stored completion, read as one whole reply, equals what the checks read from the stream.
    #[test]
    fn store_and_checks_agree_on_every_stream(deltas in proptest::collection::vec((0..2_u64, any_delta()), 1..8)) {
        let role = |index: u64| chunk(json!({"index": index, "delta": {"role": "assistant"}, "finish_reason": null}));
        let mut body = role(0) + &role(1);
        for (index, one) in &deltas {
            body += &chunk(json!({"index": index, "delta": one, "finish_reason": null}));
        }
        body += &stop();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let kept = runtime.block_on(stored(&body)).unwrap();
        let streamed = wire::read("text/event-stream", body.as_bytes()).answer;
        let whole = wire::Answer::from_json(&kept);
        prop_assert_eq!(whole.choices(), streamed.choices());
        let content: String = deltas.iter().filter(|(index, _)| *index == 0).filter_map(|(_, one)| one["content"].as_str()).collect();
        prop_assert_eq!(streamed.text(), Some(content.as_str()));
    }
}

/// A body without its transfer coding.
fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|end| end == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(line + 2..line + 2 + size)?);
        rest = rest.get(line + 2 + size + 2..)?;
    }
}

/// The streams of chats in the shipped recordings, and in the folder that `RETAKE_CAPTURES` names, if it is set.
fn streams_of_servers() -> Vec<(String, Vec<u8>)> {
    fn walk(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() { walk(&entry.path(), found) } else { found.push(entry.path()) }
        }
    }
    let package = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    walk(&package.join("recordings"), &mut files);
    if let Some(folder) = std::env::var_os("RETAKE_CAPTURES") {
        walk(folder.as_ref(), &mut files);
    }
    let body = |path: &std::path::PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        if path.extension().is_some_and(|end| end == "resp") {
            let head = bytes.windows(4).position(|end| end == b"\r\n\r\n")?;
            let is_chunked = bytes[..head].windows(7).any(|word| word == b"chunked");
            let body = &bytes[head + 4..];
            return if is_chunked { unchunked(body) } else { Some(body.to_vec()) };
        }
        let recording = crate::exchange::read(std::str::from_utf8(&bytes).ok()?).ok()?;
        Some(recording.exchange.reply.body.to_vec())
    };
    let all = files.iter().filter_map(|path| Some((path.display().to_string(), body(path)?)));
    all.filter(|(_, body)| {
        wire::BodyKind::of("", body).is_stream()
            && std::str::from_utf8(body).is_ok()
            && wire::read("", body).answer.is_chat()
    })
    .collect()
}

#[tokio::test]
async fn store_and_checks_agree_on_the_streams_of_real_servers() {
    let streams = streams_of_servers();
    assert!(streams.len() > 10, "{}", streams.len());
    for (name, body) in streams {
        let reading = wire::read("text/event-stream", &body);
        let kept = stored(&String::from_utf8(body).unwrap()).await;
        if reading.ending() != wire::Ending::Whole {
            assert_eq!(kept, None, "{name}");
            continue;
        }
        let whole = wire::Answer::from_json(&kept.unwrap_or_else(|| panic!("{name} is not stored")));
        assert_eq!(whole.choices(), reading.answer.choices(), "{name}");
    }
}
