//! An answer put together, whole or from a stream, in whatever dialect it came.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What a chat completion or a text completion says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// By index; choices of a stream may come interleaved.
    pub choices: BTreeMap<u64, Choice>,
    /// The last `usage` that was an object.
    pub usage: Option<Value>,
    /// Roles that messages or deltas named, in order of first appearance.
    pub roles: Vec<String>,
    /// JSON events of the stream; 1 for a whole reply.
    pub chunks: usize,
    /// The first event or body that was an error (`error` or `detail`).
    pub error: Option<Value>,
}

/// One of several answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// As named first.
    pub role: Option<String>,
    /// Message content, or the text of a completion.
    pub text: String,
    /// As named last.
    pub finish_reason: Option<String>,
    /// In order of their index.
    pub tool_calls: Vec<ToolCall>,
}

/// A function that the model asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToolCall {
    /// `index` of a streamed piece, where it was given.
    index: Option<u64>,
    /// The id that its result refers to.
    pub id: Option<String>,
    /// The function's name.
    pub name: String,
    /// JSON text, as the model wrote it.
    pub arguments: String,
}

impl Answer {
    /// A whole reply, or the events of a stream given one by one to [`Answer::push`].
    pub fn of(body: &Value) -> Self {
        let mut answer = Answer::default();
        answer.push(body);
        answer
    }

    /// Takes a whole reply or one event of a stream.
    pub fn push(&mut self, event: &Value) {
        self.chunks += 1;
        if let Some(error) = ["error", "detail"].iter().filter_map(|key| event.get(key)).find(|error| !error.is_null())
        {
            self.error.get_or_insert_with(|| error.clone());
        }
        if let Some(usage) = event.get("usage").filter(|usage| usage.is_object()) {
            self.usage = Some(usage.clone());
        }
        for (position, choice) in event["choices"].as_array().into_iter().flatten().enumerate() {
            let index = choice["index"].as_u64().unwrap_or(position as u64);
            let said = [&choice["delta"], &choice["message"]].into_iter().find(|said| said.is_object());
            if let Some(role) = said.and_then(|said| said["role"].as_str())
                && !self.roles.iter().any(|known| known == role)
            {
                self.roles.push(role.to_owned());
            }
            // Some chat deltas also carry the choice's `text`, and some text completions a `delta`: the object says which.
            let is_text =
                matches!(event["object"].as_str(), Some("text_completion" | "text.completion" | "completion.chunk"));
            self.choices.entry(index).or_default().push(choice, said.filter(|_| !is_text));
        }
    }

    /// The text of the first choice.
    pub fn text(&self) -> Option<&str> {
        self.choices.values().next().map(|choice| choice.text.as_str())
    }

    /// The choices as an array of `{index, role, text, finish_reason, tool_calls}`.
    pub fn choices_json(&self) -> Value {
        let choice = |(index, choice): (&u64, &Choice)| {
            json!({
                "index": index,
                "role": choice.role,
                "text": choice.text,
                "finish_reason": choice.finish_reason,
                "tool_calls": choice.tool_calls_json(),
            })
        };
        self.choices.iter().map(choice).collect()
    }
}

impl Choice {
    fn push(&mut self, choice: &Value, said: Option<&Value>) {
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.finish_reason = Some(reason.to_owned());
        }
        let Some(said) = said else {
            self.text.push_str(choice["text"].as_str().unwrap_or_default());
            return;
        };
        if self.role.is_none() {
            self.role = said["role"].as_str().map(str::to_owned);
        }
        match &said["content"] {
            Value::String(text) => self.text.push_str(text),
            // Content in parts: what is text counts.
            Value::Array(parts) => {
                parts.iter().filter_map(|part| part["text"].as_str()).for_each(|text| self.text.push_str(text))
            }
            _ => {}
        }
        for call in said["tool_calls"].as_array().into_iter().flatten() {
            self.push_call(call);
        }
    }

    fn push_call(&mut self, piece: &Value) {
        let id = piece["id"].as_str().filter(|id| !id.is_empty());
        let index = piece["index"].as_u64();
        let known = self.tool_calls.iter().position(|call| match (index, id) {
            // One index can stand for two calls where a server forgets to count: then the ids tell them apart.
            (Some(index), Some(id)) => call.index == Some(index) && call.id.as_deref().is_none_or(|known| known == id),
            (Some(index), None) => call.index == Some(index),
            (None, Some(id)) => call.id.as_deref() == Some(id),
            (None, None) => false,
        });
        // A piece that names neither goes on with the last call, unless it begins one by a name.
        let starts = piece["function"]["name"].as_str().is_some_and(|name| !name.is_empty());
        let position = known.or_else(|| {
            (index.is_none() && id.is_none() && !starts).then(|| self.tool_calls.len().checked_sub(1)).flatten()
        });
        let position = position.unwrap_or_else(|| {
            self.tool_calls.push(ToolCall { index, ..ToolCall::default() });
            self.tool_calls.len() - 1
        });
        let call = &mut self.tool_calls[position];
        if call.id.is_none() {
            call.id = id.map(str::to_owned);
        }
        if call.name.is_empty() {
            call.name = piece["function"]["name"].as_str().unwrap_or_default().to_owned();
        }
        match &piece["function"]["arguments"] {
            Value::String(text) => call.arguments.push_str(text),
            Value::Null => {}
            // Ollama's way: the arguments as JSON.
            other => call.arguments.push_str(&other.to_string()),
        }
    }

    /// As an OpenAI `tool_calls` array.
    pub fn tool_calls_json(&self) -> Value {
        let call = |call: &ToolCall| {
            let function = json!({"name": call.name, "arguments": call.arguments});
            json!({"id": call.id, "type": "function", "function": function})
        };
        self.tool_calls.iter().map(call).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streamed(events: &[Value]) -> Answer {
        let mut answer = Answer::default();
        events.iter().for_each(|event| answer.push(event));
        answer
    }

    fn delta(index: u64, delta: Value) -> Value {
        json!({"object": "chat.completion.chunk", "choices": [{"index": index, "delta": delta, "finish_reason": null}]})
    }

    #[test]
    fn choices_of_a_stream_are_kept_apart() {
        let answer = streamed(&[
            delta(0, json!({"role": "assistant", "content": null})),
            delta(1, json!({"role": "assistant"})),
            delta(1, json!({"content": "b"})),
            delta(0, json!({"content": "a"})),
            json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": null}),
            json!({"choices": [], "usage": {"total_tokens": 3}}),
        ]);
        assert_eq!(answer.text(), Some("a"));
        assert_eq!(answer.choices[&1].text, "b");
        assert_eq!(answer.choices[&0].finish_reason.as_deref(), Some("stop"));
        assert_eq!(answer.usage, Some(json!({"total_tokens": 3})));
        assert_eq!((answer.roles, answer.chunks), (vec!["assistant".to_owned()], 6));
    }

    #[test]
    fn text_that_comes_twice_counts_once() {
        let chat = json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "text": "Hi", "delta": {"content": "Hi"}}]});
        assert_eq!(Answer::of(&chat).text(), Some("Hi"));
        let text =
            json!({"object": "completion.chunk", "choices": [{"index": 0, "text": "Hi", "delta": {"content": "Hi"}}]});
        assert_eq!(Answer::of(&text).text(), Some("Hi"));
        let whole = json!({"object": "text_completion", "choices": [{"index": 0, "text": "Hi"}]});
        assert_eq!(Answer::of(&whole).text(), Some("Hi"));
    }

    #[test]
    fn tool_calls_are_put_together_by_index_id_or_order() {
        let call = |piece: Value| delta(0, json!({"tool_calls": [piece]}));
        let by_index = streamed(&[
            call(json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}})),
            call(json!({"index": 1, "id": "b", "function": {"name": "g", "arguments": "[]"}})),
            call(json!({"index": 0, "function": {"arguments": "}"}})),
        ]);
        let by_id = streamed(&[
            call(json!({"id": "a", "function": {"name": "f", "arguments": "{"}})),
            call(json!({"id": "b", "function": {"name": "g", "arguments": "[]"}})),
            call(json!({"id": "a", "function": {"arguments": "}"}})),
        ]);
        let by_order = streamed(&[
            call(json!({"function": {"name": "f", "arguments": "{"}})),
            call(json!({"function": {"arguments": "}"}})),
            call(json!({"function": {"name": "g", "arguments": []}})),
        ]);
        for answer in [by_index, by_id, by_order] {
            let calls: Vec<_> =
                answer.choices[&0].tool_calls.iter().map(|c| (c.name.as_str(), c.arguments.as_str())).collect();
            assert_eq!(calls, [("f", "{}"), ("g", "[]")]);
        }
    }

    #[test]
    fn errors_inside_a_stream_are_seen() {
        let answer = streamed(&[json!({"error": {"message": "no"}})]);
        assert_eq!(answer.error, Some(json!({"message": "no"})));
        assert_eq!(Answer::of(&json!({"detail": "no"})).error, Some(json!("no")));
        assert_eq!(Answer::of(&json!({"error": null})).error, None);
    }
}
