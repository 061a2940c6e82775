//! An answer as a whole `chat.completion` object.

use serde_json::{Map, Value, json};

use super::Answer;
use super::message::Choice;
use super::tool_call::ToolCall;

impl Answer {
    /// The whole chat completion, with this id and with the model id that the caller used. `None` when a client got no
    /// usable answer: the server sent an error, text was lost, or no choice holds a chat message.
    pub fn completion(&self, id: &str, created: i64, model: &str) -> Option<Value> {
        if self.error.is_some() || self.is_damaged || !self.is_chat() {
            return None;
        }
        let mut whole = Map::new();
        whole.insert("id".into(), id.into());
        whole.insert("object".into(), "chat.completion".into());
        whole.insert("created".into(), created.into());
        whole.insert("model".into(), model.into());
        whole.insert("choices".into(), self.choices.iter().map(|(index, choice)| choice.whole(*index)).collect());
        for (name, value) in &self.top {
            if !whole.contains_key(name) {
                whole.insert(name.clone(), value.clone());
            }
        }
        if let Some(usage) = &self.usage {
            whole.insert("usage".into(), usage.clone());
        }
        Some(Value::Object(whole))
    }
}

impl Choice {
    fn whole(&self, index: u64) -> Value {
        let mut message = Map::new();
        message.insert("role".into(), self.role.as_deref().unwrap_or("assistant").into());
        message.insert("content".into(), self.content());
        if let Some(refusal) = &self.refusal {
            message.insert("refusal".into(), refusal.as_str().into());
        }
        message.extend(self.members.clone());
        if !self.tool_calls.is_empty() {
            message.insert("tool_calls".into(), self.tool_calls());
        }
        if let Some(call) = &self.function_call {
            message.insert("function_call".into(), ToolCall::function_json(call));
        }
        let mut choice = Map::new();
        choice.insert("index".into(), index.into());
        choice.insert("message".into(), message.into());
        choice.insert("logprobs".into(), self.logprobs.clone().unwrap_or_default());
        choice.insert("finish_reason".into(), json!(self.finish_reason));
        choice.extend(self.extra.clone());
        choice.into()
    }

    /// The content as a whole reply has it: null, not an empty text, for a message with only tool calls or audio.
    fn content(&self) -> Value {
        let has_other =
            !self.tool_calls.is_empty() || self.function_call.is_some() || self.members.contains_key("audio");
        match &self.parts {
            Some(parts) => parts.clone().into(),
            None if self.text.is_empty() && (has_other || !self.has_content) => Value::Null,
            None => self.text.as_str().into(),
        }
    }
}
