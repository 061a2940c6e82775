//! A streamed chat completion, put together as the whole one that it means.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The chunks of one chat completion so far.
#[derive(Debug, Default)]
pub(super) struct Gather {
    /// `id`, `created`, `usage` and the like: the last value that is not null.
    top: Map<String, Value>,
    choices: BTreeMap<u64, Choice>,
    failed: bool,
}

#[derive(Debug, Default)]
struct Choice {
    role: Option<String>,
    /// Members of the message that are text: `content`, `refusal`, `reasoning`, …
    texts: Map<String, Value>,
    calls: Calls,
    function_call: Option<Call>,
    logprobs: Map<String, Value>,
    finish_reason: Value,
}

#[derive(Debug, Default)]
struct Calls(BTreeMap<u64, Call>);

#[derive(Debug, Default)]
struct Call {
    id: String,
    kind: String,
    name: String,
    arguments: String,
}

/// Members of a delta that are pieces of a text.
const TEXTS: [&str; 4] = ["content", "refusal", "reasoning_content", "reasoning"];

impl Gather {
    /// Takes the data of one event. What is no chunk (`[DONE]`, other JSON) changes nothing.
    pub(super) fn push(&mut self, data: &str) {
        let Ok(Value::Object(chunk)) = serde_json::from_str(data) else { return };
        if chunk.get("error").is_some_and(|error| !error.is_null()) {
            self.failed = true;
            return;
        }
        for (index, choice) in array(chunk.get("choices")).enumerate() {
            let index = choice.get("index").and_then(Value::as_u64).unwrap_or(index as u64);
            self.choices.entry(index).or_default().push(choice);
        }
        for (name, value) in chunk {
            let first_stays = matches!(name.as_str(), "id" | "created") && self.top.contains_key(&name);
            if name != "choices" && name != "object" && !value.is_null() && !first_stays {
                self.top.insert(name, value);
            }
        }
    }

    /// The completion, with the model id that the caller used. `None` when no choice came, or an error did.
    pub(super) fn completion(&self, model: &str) -> Option<Value> {
        if self.failed || self.choices.is_empty() {
            return None;
        }
        let mut whole = Map::new();
        whole.insert("id".into(), self.top.get("id").cloned().unwrap_or_default());
        whole.insert("object".into(), "chat.completion".into());
        whole.insert("created".into(), self.top.get("created").cloned().unwrap_or_default());
        whole.insert("model".into(), model.into());
        whole.insert("choices".into(), self.choices.iter().map(|(index, choice)| choice.whole(*index)).collect());
        for (name, value) in &self.top {
            if !whole.contains_key(name) {
                whole.insert(name.clone(), value.clone());
            }
        }
        Some(Value::Object(whole))
    }
}

impl Choice {
    fn push(&mut self, choice: &Value) {
        if let Some(reason) = choice.get("finish_reason").filter(|reason| !reason.is_null()) {
            self.finish_reason = reason.clone();
        }
        if let Some(Value::Object(logprobs)) = choice.get("logprobs") {
            for (name, value) in logprobs {
                let so_far = self.logprobs.entry(name.clone()).or_insert(Value::Null);
                match (so_far, value) {
                    (Value::Array(all), Value::Array(more)) => all.extend(more.iter().cloned()),
                    (so_far, Value::Null) if !so_far.is_null() => {}
                    (so_far, value) => *so_far = value.clone(),
                }
            }
        }
        let Some(Value::Object(delta)) = choice.get("delta") else { return };
        if self.role.is_none() {
            self.role = text(delta.get("role")).map(str::to_owned);
        }
        for name in TEXTS {
            if let Some(piece) = text(delta.get(name)) {
                match self.texts.entry(name).or_insert_with(|| Value::String(String::new())) {
                    Value::String(all) => all.push_str(piece),
                    other => *other = piece.into(),
                }
            }
        }
        for call in array(delta.get("tool_calls")) {
            self.calls.push(call);
        }
        if let Some(call) = delta.get("function_call").filter(|call| call.is_object()) {
            self.function_call.get_or_insert_default().function(call);
        }
    }

    fn whole(&self, index: u64) -> Value {
        let mut message = Map::new();
        message.insert("role".into(), self.role.as_deref().unwrap_or("assistant").into());
        let called = !self.calls.0.is_empty() || self.function_call.is_some();
        // As a whole reply has it: a message that only calls tools has no content, rather than an empty one.
        let content = self.texts.get("content").filter(|content| !(called && content.as_str() == Some("")));
        message.insert("content".into(), content.cloned().unwrap_or_default());
        for (name, value) in self.texts.iter().filter(|(name, _)| *name != "content") {
            message.insert(name.clone(), value.clone());
        }
        if !self.calls.0.is_empty() {
            message.insert("tool_calls".into(), self.calls.0.values().map(Call::whole).collect());
        }
        if let Some(call) = &self.function_call {
            message.insert("function_call".into(), json!({"name": call.name, "arguments": call.arguments}));
        }
        let logprobs = if self.logprobs.is_empty() { Value::Null } else { self.logprobs.clone().into() };
        json!({"index": index, "message": message, "logprobs": logprobs, "finish_reason": self.finish_reason})
    }
}

impl Calls {
    fn push(&mut self, call: &Value) {
        let id = text(call.get("id")).unwrap_or_default();
        let last = self.0.last_key_value().map(|(index, call)| (*index, call.id.as_str()));
        let index = call.get("index").and_then(Value::as_u64).unwrap_or(match last {
            // Some APIs leave the index out: another id is another call, the rest goes on with the last one.
            Some((index, known)) if !id.is_empty() && id != known => index.saturating_add(1),
            Some((index, _)) => index,
            None => 0,
        });
        let so_far = self.0.entry(index).or_default();
        if so_far.id.is_empty() {
            so_far.id = id.to_owned();
        }
        if so_far.kind.is_empty() {
            so_far.kind = text(call.get("type")).unwrap_or_default().to_owned();
        }
        if let Some(function) = call.get("function") {
            so_far.function(function);
        }
    }
}

impl Call {
    fn function(&mut self, function: &Value) {
        if self.name.is_empty() {
            self.name = text(function.get("name")).unwrap_or_default().to_owned();
        }
        self.arguments.push_str(text(function.get("arguments")).unwrap_or_default());
    }

    fn whole(&self) -> Value {
        let kind = if self.kind.is_empty() { "function" } else { &self.kind };
        json!({"id": self.id, "type": kind, "function": {"name": self.name, "arguments": self.arguments}})
    }
}

fn array(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(chunks: &[&str]) -> String {
        let mut gather = Gather::default();
        chunks.iter().for_each(|chunk| gather.push(chunk));
        gather.completion("p/m").map_or("nothing".into(), |value| value.to_string())
    }

    #[test]
    fn text_of_several_choices_with_usage() {
        let whole = gathered(&[
            r#"{"id":"c1","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Sō"},"logprobs":{"content":[{"token":"Sō"}]}}],"usage":null}"#,
            r#"{"id":"c1","choices":[{"index":1,"delta":{"content":"Sun"},"finish_reason":null}]}"#,
            r#"{"id":"c1","choices":[{"index":0,"delta":{"content":"l","token_id":1},"finish_reason":"stop","logprobs":{"content":[{"token":"l"}]}}]}"#,
            r#"{"id":"c1","choices":[{"index":1,"delta":{},"finish_reason":"length"}]}"#,
            r#"{"id":"c1","choices":[],"usage":{"total_tokens":3}}"#,
            "[DONE]",
        ]);
        insta::assert_snapshot!(whole, @r#"{"id":"c1","object":"chat.completion","created":7,"model":"p/m","choices":[{"index":0,"message":{"role":"assistant","content":"Sōl"},"logprobs":{"content":[{"token":"Sō"},{"token":"l"}]},"finish_reason":"stop"},{"index":1,"message":{"role":"assistant","content":"Sun"},"logprobs":null,"finish_reason":"length"}],"usage":{"total_tokens":3}}"#);
    }

    #[test]
    fn tool_calls_by_index_and_without_one() {
        let whole = gathered(&[
            r#"{"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"","tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{"}}]}}]}"#,
            r#"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":""}}]}}]}"#,
            r#"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"type":"function","function":{"name":"f","arguments":"}"}}]}}]}"#,
            r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
        ]);
        insta::assert_snapshot!(whole, @r#"{"id":"c","object":"chat.completion","created":null,"model":"p/m","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"g","arguments":""}}]},"logprobs":null,"finish_reason":"tool_calls"}]}"#);
        let whole = gathered(&[
            r#"{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","function":{"name":"g","arguments":"{}"}}]}}]}"#,
        ]);
        insta::assert_snapshot!(whole, @r#"{"id":null,"object":"chat.completion","created":null,"model":"p/m","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]},"logprobs":null,"finish_reason":null}]}"#);
    }

    #[test]
    fn an_error_or_no_choice_is_no_completion() {
        assert_eq!(gathered(&[]), "nothing");
        assert_eq!(gathered(&["[DONE]", "not json", r#"{"choices":[]}"#]), "nothing");
        assert_eq!(
            gathered(&[r#"{"choices":[{"delta":{"content":"a"}}]}"#, r#"{"error":{"message":"m"}}"#]),
            "nothing"
        );
    }
}
