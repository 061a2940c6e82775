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
fn only_events_that_carry_something_are_chunks() {
    let answer = streamed(&[
        chat(json!({"role": "assistant", "content": ""}), None),
        chat(json!({"content": "a"}), None),
        chat(json!({"reasoning_content": "b"}), None),
        chat(json!({"tool_calls": [{"index": 0}]}), None),
        chat(json!({}), Some("stop")),
        json!({"choices": [{"index": 0, "text": "c"}]}),
        json!({"choices": [], "usage": {}}),
    ]);
    assert_eq!((answer.events, answer.chunks), (7, 4));
}
