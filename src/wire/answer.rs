//! An OpenAI-shaped answer put together: from one JSON object, or from the events of a stream.
//!
//! Servers differ in which fields they leave out, repeat or set to null; reading is lenient, so that whether a dialect
//! is right is for the checks to say.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A chat completion or text completion.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// The choices by index.
    pub choices: BTreeMap<u64, Choice>,
    /// The last `usage` that was not null.
    pub usage: Option<Value>,
    /// The roles that messages or deltas named, each once, in order of first appearance.
    pub roles: Vec<String>,
    /// How many JSON events were put in.
    pub chunks: usize,
    /// `[DONE]` came.
    pub done: bool,
    /// The first error: the value of `error` or `detail`, or the whole event when its `type` or `object` is `error`.
    pub error: Option<Value>,
}

/// One choice.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Choice {
    /// The first role that was named.
    pub role: Option<String>,
    /// The text; empty when the content is null.
    pub text: String,
    /// The words of a refusal, when there is one.
    pub refusal: Option<String>,
    /// The last finish reason that was not null.
    pub finish_reason: Option<String>,
    /// The tool calls, in order of first appearance.
    pub tool_calls: Vec<ToolCall>,
    /// The log probabilities; those of a stream with their arrays joined.
    pub logprobs: Option<Value>,
}

/// One tool call.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ToolCall {
    /// Its id.
    pub id: Option<String>,
    /// Its `type`, where one was named.
    pub kind: Option<String>,
    /// The function's name.
    pub name: String,
    /// The arguments as text: JSON, if the model got it right.
    pub arguments: String,
    /// The number that a stream's pieces bear.
    index: Option<u64>,
}

impl Answer {
    /// Reads a whole reply (`choices[].message` or `choices[].text`).
    pub fn from_json(reply: &Value) -> Self {
        let mut answer = Answer::default();
        answer.push_event(reply);
        answer
    }

    /// Adds one JSON event of a stream (`choices[].delta` or `choices[].text`).
    pub fn push_event(&mut self, event: &Value) {
        self.chunks += 1;
        if self.error.is_none() {
            self.error = error_in(event);
        }
        if !event["usage"].is_null() {
            self.usage = Some(event["usage"].clone());
        }
        let is_text_completion =
            matches!(event["object"].as_str(), Some("text_completion" | "text.completion" | "completion.chunk"));
        for (position, choice) in event["choices"].as_array().into_iter().flatten().enumerate() {
            let index = choice["index"].as_u64().unwrap_or(position as u64);
            self.push_choice(index, choice, is_text_completion);
        }
    }

    /// Notes that `[DONE]` came.
    pub fn push_done(&mut self) {
        self.done = true;
    }

    /// The text of choice 0. `None` when there is no such choice.
    pub fn text(&self) -> Option<&str> {
        self.choices.get(&0).map(|choice| choice.text.as_str())
    }

    /// The tool calls of choice 0 as an OpenAI `tool_calls` array; empty when there are none.
    pub fn tool_calls(&self) -> Value {
        self.choices.get(&0).map_or_else(|| json!([]), Choice::tool_calls)
    }

    /// The choices as an array of `{index, role, text, finish_reason, tool_calls}`.
    pub fn choices(&self) -> Value {
        let choice = |(index, choice): (&u64, &Choice)| {
            json!({
                "index": index,
                "role": choice.role,
                "text": choice.text,
                "finish_reason": choice.finish_reason,
                "tool_calls": choice.tool_calls(),
            })
        };
        self.choices.iter().map(choice).collect()
    }

    fn push_choice(&mut self, index: u64, piece: &Value, is_text_completion: bool) {
        let choice = self.choices.entry(index).or_default();
        // Together's events, of chats and of completions, say the same words in `delta.content` and in `text`: only
        // one of them counts.
        if is_text_completion && piece["text"].is_string() {
            choice.text.push_str(piece["text"].as_str().unwrap_or_default());
            name_role(&piece["delta"], &mut choice.role, &mut self.roles);
        } else if piece["delta"].is_object() {
            choice.push_message(&piece["delta"], &mut self.roles);
            for call in piece["delta"]["tool_calls"].as_array().into_iter().flatten() {
                choice.push_tool_call(call);
            }
        } else if piece["message"].is_object() {
            choice.push_message(&piece["message"], &mut self.roles);
            // Whole calls, never pieces of one another, even when a server gives them all the same id.
            for call in piece["message"]["tool_calls"].as_array().into_iter().flatten() {
                choice.tool_calls.push(ToolCall::default());
                choice.push_to_last_call(call);
            }
        } else {
            choice.text.push_str(piece["text"].as_str().unwrap_or_default());
        }
        match &piece["finish_reason"] {
            Value::Null => {}
            Value::String(reason) => choice.finish_reason = Some(reason.clone()),
            other => choice.finish_reason = Some(other.to_string()),
        }
        if !piece["logprobs"].is_null() {
            join_logprobs(choice.logprobs.get_or_insert(Value::Null), &piece["logprobs"]);
        }
    }
}

impl Choice {
    /// The tool calls as an OpenAI `tool_calls` array.
    pub fn tool_calls(&self) -> Value {
        self.tool_calls.iter().map(ToolCall::to_json).collect()
    }

    fn push_message(&mut self, message: &Value, roles: &mut Vec<String>) {
        name_role(message, &mut self.role, roles);
        match &message["content"] {
            Value::String(text) => self.text.push_str(text),
            Value::Array(parts) => {
                self.text.extend(parts.iter().filter_map(|part| part["text"].as_str()));
            }
            _ => {}
        }
        if let Some(refusal) = message["refusal"].as_str() {
            self.refusal.get_or_insert_default().push_str(refusal);
        }
    }

    fn push_tool_call(&mut self, piece: &Value) {
        match self.find_tool_call(piece) {
            Some(at) => self.tool_calls[at].push(piece),
            None => {
                self.tool_calls.push(ToolCall { index: piece["index"].as_u64(), ..ToolCall::default() });
                self.push_to_last_call(piece);
            }
        }
    }

    fn push_to_last_call(&mut self, piece: &Value) {
        if let Some(call) = self.tool_calls.last_mut() {
            call.push(piece);
        }
    }

    /// The call that a piece belongs to: by `index`, else by id, else the last one. A new id together with a name
    /// starts a new call, because some servers give every call the index 0.
    fn find_tool_call(&self, piece: &Value) -> Option<usize> {
        let (index, calls) = (piece["index"].as_u64(), &self.tool_calls);
        let id = words(&piece["id"]);
        let name = words(&piece["function"]["name"]);
        let is_id = |call: &ToolCall| call.id.as_deref() == id;
        match (index, id) {
            (Some(_), _) => {
                let at = calls.iter().rposition(|call| call.index == index)?;
                let starts_anew = id.is_some() && name.is_some() && calls[at].id.is_some() && !is_id(&calls[at]);
                (!starts_anew).then_some(at)
            }
            (None, Some(_)) => calls.iter().rposition(is_id),
            (None, None) if name.is_some() => None,
            (None, None) => calls.len().checked_sub(1),
        }
    }
}

impl ToolCall {
    fn push(&mut self, piece: &Value) {
        if self.id.is_none() {
            self.id = words(&piece["id"]).map(str::to_owned);
        }
        if self.kind.is_none() {
            self.kind = words(&piece["type"]).map(str::to_owned);
        }
        // A gateway may repeat the whole name on every piece; names that come in pieces are joined.
        if let Some(name) = words(&piece["function"]["name"]).filter(|name| *name != self.name) {
            self.name.push_str(name);
        }
        match &piece["function"]["arguments"] {
            Value::Null => {}
            Value::String(text) => self.arguments.push_str(text),
            other => self.arguments.push_str(&other.to_string()),
        }
    }

    /// As in an OpenAI `tool_calls` array, fit to be handed back: a type that the server left out is `function`.
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "type": self.kind.as_deref().unwrap_or("function"),
            "function": {"name": self.name, "arguments": self.arguments},
        })
    }
}

/// What a body or an event says went wrong. Empty strings and nulls say nothing.
fn error_in(event: &Value) -> Option<Value> {
    let said = |value: &&Value| !value.is_null() && value.as_str() != Some("");
    let is_error = event["type"] == "error" || event["object"] == "error";
    [&event["error"], &event["detail"]].into_iter().find(said).or(is_error.then_some(event)).cloned()
}

fn name_role(message: &Value, own: &mut Option<String>, roles: &mut Vec<String>) {
    let Some(role) = words(&message["role"]) else { return };
    own.get_or_insert_with(|| role.to_owned());
    if !roles.iter().any(|known| known == role) {
        roles.push(role.to_owned());
    }
}

/// A string that says something: servers write "" where they mean nothing.
fn words(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// Arrays are joined, objects member by member; of anything else the last counts.
fn join_logprobs(all: &mut Value, piece: &Value) {
    match (all, piece) {
        (Value::Array(all), Value::Array(piece)) => all.extend(piece.iter().cloned()),
        (Value::Object(all), Value::Object(piece)) => {
            for (key, value) in piece {
                join_logprobs(all.entry(key.as_str()).or_insert(Value::Null), value);
            }
        }
        (_, Value::Null) => {}
        (all, piece) => *all = piece.clone(),
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!((answer.chunks, answer.done, answer.error), (5, false, None));
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
        let call = |arguments: Value| json!({"id": "x", "type": "function", "function": {"name": "f", "arguments": arguments}});
        let message = json!({"content": null, "tool_calls": [call(json!("{}")), call(json!({"a": 1}))]});
        let answer = Answer::from_json(&json!({"choices": [{"index": 0, "message": message}]}));
        assert_eq!(answer.choices[&0].tool_calls.len(), 2);
        assert_eq!(answer.choices[&0].tool_calls[1].arguments, "{\"a\":1}");
        assert_eq!(answer.text(), Some(""));
    }
}
