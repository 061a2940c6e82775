use serde_json::{Value, json};

use super::*;

fn streamed(events: &[Value]) -> Answer {
    let mut answer = Answer::default();
    events.iter().for_each(|event| answer.push_event(event));
    answer
}

fn chat(delta: Value, finish: Option<&str>) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
}

fn calls(pieces: &[Value]) -> Value {
    let events: Vec<Value> = pieces.iter().map(|piece| chat(json!({"tool_calls": [piece]}), None)).collect();
    streamed(&events).tool_calls()
}

#[test]
fn a_whole_chat_and_a_whole_completion() {
    let chat = Answer::from_json(&json!({
        "choices": [
            {"index": 1, "message": {"role": "assistant", "content": null, "refusal": "no"}, "finish_reason": "stop"},
            {"index": 0, "message": {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"text": "b"}]},
             "finish_reason": "length", "logprobs": {"content": [1]}},
        ],
        "usage": {"total_tokens": 3},
    }));
    assert_eq!(chat.text(), Some("ab"));
    assert_eq!(chat.choices[&1].text, "");
    assert_eq!(chat.choices[&1].refusal.as_deref(), Some("no"));
    assert_eq!(chat.choices[&0].finish_reason.as_deref(), Some("length"));
    assert_eq!(chat.choices[&0].logprobs, Some(json!({"content": [1]})));
    assert_eq!((chat.usage, chat.roles), (Some(json!({"total_tokens": 3})), vec!["assistant".to_owned()]));

    let completion = Answer::from_json(&json!({"choices": [{"text": " blue", "finish_reason": "eos"}]}));
    assert_eq!(completion.text(), Some(" blue"));
    assert_eq!(Answer::from_json(&json!([1])).text(), None);
}

#[test]
fn role_only_first_null_content_and_usage_without_choices() {
    let answer = streamed(&[
        chat(json!({"role": "assistant", "content": null}), None),
        chat(json!({"role": "", "content": "Sa"}), None),
        chat(json!({"content": "turn"}), None),
        chat(json!({}), Some("stop")),
        json!({"choices": [], "usage": {"total_tokens": 5}}),
    ]);
    assert_eq!(answer.text(), Some("Saturn"));
    assert_eq!(answer.roles, ["assistant"]);
    assert_eq!((answer.events, answer.done, answer.error), (5, false, None));
    assert_eq!(answer.choices[&0].finish_reason.as_deref(), Some("stop"));
    assert_eq!(answer.usage, Some(json!({"total_tokens": 5})));
}

#[test]
fn usage_on_every_event_and_null_in_between() {
    let usage = |usage: Value| json!({"choices": [{"index": 0, "text": "x"}], "usage": usage});
    let answer = streamed(&[usage(json!({"n": 0})), usage(json!({"n": 2})), usage(Value::Null)]);
    assert_eq!(answer.usage, Some(json!({"n": 2})));
    assert_eq!(answer.text(), Some("xxx"));
}

#[test]
fn the_words_that_together_says_twice_count_once() {
    let event = json!({"choices": [{"index": 0, "text": "Earth", "delta": {"role": "assistant", "content": "Earth", "token_id": 7}}]});
    assert_eq!(streamed(&[event]).text(), Some("Earth"));
    let completion = json!({"object": "completion.chunk", "choices": [{"index": 0, "text": "E", "delta": {"role": "assistant", "content": "E"}}]});
    let completion = streamed(&[completion.clone(), completion]);
    assert_eq!((completion.text(), completion.roles.len()), (Some("EE"), 1));
}

#[test]
fn interleaved_choices() {
    let piece = |index: u64, text: &str| json!({"choices": [{"index": index, "delta": {"content": text}}]});
    let answer = streamed(&[piece(1, "b"), piece(0, "a"), piece(1, "B"), piece(0, "A")]);
    assert_eq!(answer.text(), Some("aA"));
    assert_eq!(
        answer.choices(),
        json!([
            {"index": 0, "role": null, "text": "aA", "finish_reason": null, "tool_calls": []},
            {"index": 1, "role": null, "text": "bB", "finish_reason": null, "tool_calls": []},
        ])
    );
}

#[test]
fn log_probabilities_are_joined() {
    let piece = |logprobs: Value| json!({"choices": [{"index": 0, "text": "", "logprobs": logprobs}]});
    let answer = streamed(&[
        piece(json!({"content": [1], "refusal": null})),
        piece(Value::Null),
        piece(json!({"content": [2], "refusal": null})),
    ]);
    assert_eq!(answer.choices[&0].logprobs, Some(json!({"content": [1, 2], "refusal": null})));
}

#[test]
fn errors_in_a_stream() {
    let error = json!({"message": "no such model"});
    assert_eq!(streamed(&[json!({"error": error})]).error, Some(error));
    assert_eq!(streamed(&[json!({"error": null, "choices": []})]).error, None);
    assert_eq!(streamed(&[json!({"error": "", "detail": "no"})]).error, Some(json!("no")));
    let named = json!({"type": "error", "message": "overloaded"});
    assert_eq!(streamed(std::slice::from_ref(&named)).error, Some(named));
}

#[test]
fn tool_call_pieces_by_index() {
    let made = calls(&[
        json!({"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}}),
        json!({"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}),
        json!({"index": 0, "type": "function", "function": {"name": "f", "arguments": "\"x\":1}"}}),
        json!({"index": 1, "id": "", "function": {"arguments": "{}"}}),
    ]);
    assert_eq!(
        made,
        json!([
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}},
            {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ])
    );
}

#[test]
fn tool_call_pieces_without_index_or_with_one_for_all() {
    let by_id = calls(&[
        json!({"id": "a", "function": {"name": "f", "arguments": "{"}}),
        json!({"id": "b", "function": {"name": "g", "arguments": "{"}}),
        json!({"id": "a", "function": {"arguments": "}"}}),
        json!({"function": {"arguments": " "}}),
        json!({"id": "b", "function": {"arguments": "}"}}),
    ]);
    assert_eq!(by_id.pointer("/0/function/arguments"), Some(&json!("{}")));
    assert_eq!(by_id.pointer("/1/function/arguments"), Some(&json!("{ }")));

    let all_zero = calls(&[
        json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}),
        json!({"index": 0, "id": "b", "function": {"name": "f", "arguments": "["}}),
        json!({"index": 0, "function": {"arguments": "]"}}),
    ]);
    assert_eq!(all_zero.as_array().map(Vec::len), Some(2));
    assert_eq!(all_zero.pointer("/1/function/arguments"), Some(&json!("[]")));
}

#[test]
fn whole_tool_calls_are_never_merged() {
    let call =
        |arguments: Value| json!({"id": "x", "type": "function", "function": {"name": "f", "arguments": arguments}});
    let message = json!({"content": null, "tool_calls": [call(json!("{}")), call(json!({"a": 1}))]});
    let answer = Answer::from_json(&json!({"choices": [{"index": 0, "message": message}]}));
    assert_eq!(answer.choices[&0].tool_calls.len(), 2);
    assert_eq!(answer.choices[&0].tool_calls[1].arguments, "{\"a\":1}");
    assert_eq!(answer.text(), Some(""));
}

#[test]
fn a_completion_has_the_members_of_the_events_with_choices() {
    let event = |created: Value, tier: Value, content: &str| {
        let choices = json!([{"index": 0, "delta": {"content": content}, "finish_reason": null}]);
        json!({"id": "c1", "object": "x", "created": created, "service_tier": tier, "obfuscation": "pad", "choices": choices})
    };
    let mut answer = streamed(&[
        json!({"type": "ping", "created": 5, "ping": 1}),
        event(json!(0), json!("flex"), "So"),
        event(json!(7), json!("default"), "l"),
        event(json!(8), Value::Null, ""),
    ]);
    answer.finish();
    assert_eq!((answer.created(), answer.is_chat()), (Some(7), true));
    let whole = answer.completion("c2", 9, "p/m").unwrap();
    assert_eq!(
        whole,
        json!({
            "id": "c2", "object": "chat.completion", "created": 9, "model": "p/m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Sol"}, "logprobs": null, "finish_reason": null}],
            "service_tier": "default",
        })
    );
    assert_eq!(streamed(&[event(json!(0), Value::Null, "a")]).created(), None, "0 says nothing");
    let text = Answer::from_json(&json!({"choices": [{"text": "a"}]}));
    assert_eq!((text.is_chat(), text.completion("c", 1, "m")), (false, None), "it is not a chat");
}

#[test]
fn what_lost_some_of_its_text_is_no_completion() {
    let halves = |last: &str| {
        let mut answer = streamed(&[
            chat(json!({"content": "\u{10F83C}"}), None),
            chat(json!({"content": "fine", "reasoning": last}), Some("stop")),
        ]);
        answer.finish();
        answer
    };
    // Half of a character is kept as a private-use character until its other half comes.
    assert_eq!(halves("").completion("c", 1, "m"), None);
    assert_eq!(halves("and").completion("c", 1, "m"), None, "a text that is whole mends no other one");
    let mut good = streamed(&[chat(json!({"content": "fine"}), Some("stop"))]);
    good.finish();
    assert!(good.completion("c", 1, "m").is_some());
    good.damage();
    assert_eq!(good.completion("c", 1, "m"), None);
}

#[test]
fn half_a_character_is_missed_wherever_a_text_may_stand() {
    for (member, half) in [
        ("audio", json!({"id": "a", "transcript": "\u{10F83C}"})),
        ("reasoning_details", json!([{"type": "reasoning.text", "text": "\u{10F83C}"}])),
        ("content", json!([{"type": "text", "text": "\u{10F83C}"}])),
        ("tool_calls", json!([{"index": 0, "id": "c", "function": {"name": "f", "arguments": "\u{10F83C}"}}])),
        ("function_call", json!({"name": "\u{10F83C}", "arguments": "{}"})),
    ] {
        let mut answer = streamed(&[chat(json!({member: half}), Some("stop"))]);
        assert!(answer.completion("c", 1, "m").is_some(), "{member}: the other half may come");
        answer.finish();
        assert_eq!(answer.completion("c", 1, "m"), None, "{member}");
    }
    let answer =
        streamed(&[chat(json!({"content": "\u{10F83C}"}), None), chat(json!({"content": "\u{10FF1E}"}), None)]);
    assert_eq!(answer.text(), Some("\u{1F31E}"), "they are one as soon as they meet");
}

/// The message of the whole completion that a stream of these deltas is.
fn message(deltas: &[Value]) -> Value {
    let events: Vec<Value> = deltas.iter().map(|delta| chat(delta.clone(), None)).collect();
    streamed(&events).completion("c", 1, "m").unwrap()["choices"][0]["message"].clone()
}

#[test]
fn content_is_null_where_something_else_was_said_and_empty_where_nothing_was() {
    let said = |delta: Value| message(&[json!({"content": ""}), delta])["content"].clone();
    assert_eq!(said(json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}}]})), Value::Null);
    assert_eq!(said(json!({"function_call": {"name": "f"}})), Value::Null);
    assert_eq!(said(json!({"audio": {"id": "a"}})), Value::Null);
    assert_eq!(said(json!({"refusal": "no"})), json!(""), "a text came, and it is empty");
    assert_eq!(said(json!({"content": "Hi", "function_call": {"name": "f"}})), json!("Hi"));
    assert_eq!(message(&[json!({"role": "assistant"})])["content"], Value::Null);
}

#[test]
fn parts_go_on_while_they_are_of_one_kind_and_hold_text() {
    let parts = |name: &str, parts: &[Value]| {
        let deltas: Vec<Value> = parts.iter().map(|part| json!({name: [part]})).collect();
        message(&deltas)[name].clone()
    };
    let text = |text: &str| json!({"type": "text", "text": text});
    let image = json!({"type": "image_url", "image_url": {"url": "data:"}});
    assert_eq!(parts("content", &[text("a"), text("b")]), json!([text("ab")]));
    assert_eq!(
        parts("content", &[text("a"), image.clone(), image.clone(), text("b")]),
        json!([text("a"), image, image, text("b")])
    );
    let thought = json!({"type": "thinking", "thinking": "b"});
    assert_eq!(parts("content", &[text("a"), thought.clone()]), json!([text("a"), thought]));
    let nth = |index: u64| json!({"type": "reasoning.text", "index": index, "text": "a"});
    assert_eq!(parts("reasoning_details", &[nth(0), nth(1)]), json!([nth(0), nth(1)]));
}

#[test]
fn content_that_comes_as_text_and_as_parts_is_one_list_of_parts() {
    let image = json!({"type": "image_url", "image_url": {"url": "data:"}});
    let pieces = [json!("a"), json!([image]), json!("b"), json!(""), json!("c")];
    let deltas = pieces.map(|content| json!({"content": content}));
    let parts = json!([{"type": "text", "text": "a"}, image, {"type": "text", "text": "bc"}]);
    assert_eq!(message(&deltas)["content"], parts);
    let image_alone = [json!([image]), json!("")].map(|content| json!({"content": content}));
    assert_eq!(message(&image_alone)["content"], json!([image]), "no text is no part");
}

#[test]
fn of_members_only_known_texts_are_joined() {
    let deltas = [
        json!({"reasoning": "So", "name": "x", "note": {"data": "a"}, "audio": {"data": "QQ", "id": "1"}, "seen": null}),
        json!({"reasoning": "l", "name": "x", "note": {"data": "b"}, "audio": {"data": "==", "id": "1"}, "seen": null}),
    ];
    let message = message(&deltas);
    assert_eq!(
        message,
        json!({
            "role": "assistant", "content": null, "reasoning": "Sol", "name": "x", "note": {"data": "b"},
            "audio": {"data": "QQ==", "id": "1"}, "seen": null,
        })
    );
}

#[test]
fn what_together_repeats_beside_a_message_is_no_further_member() {
    let choice = json!({"index": 0, "message": {"content": "a"}, "text": [], "finish_reason": "stop", "seed": 7});
    let answer = Answer::from_json(&json!({"choices": [choice]}));
    let whole = answer.completion("c", 1, "m").unwrap()["choices"][0].clone();
    assert_eq!((&whole["seed"], whole.get("text")), (&json!(7), None));
}

#[test]
fn the_input_of_a_custom_tool_is_any_text() {
    let custom = json!({"id": "a", "type": "custom", "custom": {"name": "sql", "input": "select 1"}});
    let answer = Answer::from_json(&json!({"choices": [{"message": {"tool_calls": [custom]}}]}));
    assert!(answer.choices[&0].tool_calls[0].is_custom());
    assert_eq!(answer.tool_calls(), json!([custom]));
}

#[test]
fn only_events_that_carry_something_are_chunks() {
    for (event, carries) in [
        (chat(json!({"role": "assistant", "content": ""}), None), false),
        (chat(json!({"content": "a"}), None), true),
        (chat(json!({"reasoning_content": "b"}), None), true),
        (chat(json!({"tool_calls": [{"index": 0}]}), None), true),
        (chat(json!({"tool_calls": []}), None), false),
        (chat(json!({"audio": {"data": "QQ=="}}), None), true),
        (chat(json!({"audio": {}}), None), false),
        (chat(json!({}), Some("stop")), false),
        (json!({"choices": [{"index": 0, "text": "c"}]}), true),
        (json!({"choices": [], "usage": {}}), false),
    ] {
        let answer = streamed(std::slice::from_ref(&event));
        assert_eq!((answer.events, answer.chunks), (1, usize::from(carries)), "{event}");
    }
}
