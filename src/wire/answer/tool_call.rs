//! Tool calls, merged from their pieces.

use serde_json::{Map, Value};

use super::merge::{merge, words};

/// One tool call.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ToolCall {
    /// Its id.
    pub id: Option<String>,
    /// Its `type`, if the server sent one.
    pub kind: Option<String>,
    /// The name of the function or of the custom tool.
    pub name: String,
    /// The arguments of a function as text (JSON, if the model got it right), or the input of a custom tool.
    pub arguments: String,
    /// The `index` of the call in the pieces of a stream.
    index: Option<u64>,
    is_custom: bool,
    /// Other members that the server sent, such as a thought signature.
    extra: Map<String, Value>,
}

const KNOWN: [&str; 5] = ["index", "id", "type", "function", "custom"];

/// Adds a piece to the call that it belongs to.
pub(super) fn push(calls: &mut Vec<ToolCall>, piece: &Value) {
    match find(calls, piece) {
        Some(at) => calls[at].push(piece),
        None => push_whole(calls, piece),
    }
}

/// Adds a call that is complete in itself, even when a server gives all calls the same id.
pub(super) fn push_whole(calls: &mut Vec<ToolCall>, call: &Value) {
    let mut new = ToolCall { index: call["index"].as_u64(), ..ToolCall::default() };
    new.push(call);
    calls.push(new);
}

/// Finds the call that a piece belongs to: by `index`, else by id, else the last one. A new id together with a name
/// starts a new call, because some servers give every call the index 0.
fn find(calls: &[ToolCall], piece: &Value) -> Option<usize> {
    let index = piece["index"].as_u64();
    let id = words(&piece["id"]);
    let name = words(&piece["function"]["name"]).or(words(&piece["custom"]["name"]));
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

impl ToolCall {
    fn push(&mut self, piece: &Value) {
        if self.id.is_none() {
            self.id = words(&piece["id"]).map(str::to_owned);
        }
        if self.kind.is_none() {
            self.kind = words(&piece["type"]).map(str::to_owned);
        }
        self.is_custom |= piece["custom"].is_object();
        self.named(&piece["function"], "arguments");
        self.named(&piece["custom"], "input");
        for (name, value) in piece.as_object().into_iter().flatten() {
            if !KNOWN.contains(&name.as_str()) {
                merge(self.extra.entry(name).or_insert(Value::Null), value);
            }
        }
    }

    /// Adds a `function` object; the older `function_call` has the same form.
    pub(super) fn function(&mut self, function: &Value) {
        self.named(function, "arguments");
    }

    fn named(&mut self, function: &Value, arguments: &str) {
        // A gateway may repeat the whole name on every piece; names that come in pieces are joined.
        if let Some(name) = words(&function["name"]).filter(|name| *name != self.name) {
            self.name.push_str(name);
        }
        match &function[arguments] {
            Value::Null => {}
            Value::String(text) => self.arguments.push_str(text),
            // Some servers send an object where a string is promised.
            other => self.arguments.push_str(&other.to_string()),
        }
    }

    /// All texts that were merged from pieces.
    pub(super) fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        [&mut self.name, &mut self.arguments].into_iter()
    }

    /// As an element of OpenAI's `tool_calls` that can be sent back: a missing type becomes `function`.
    pub fn to_json(&self) -> Value {
        let mut call = Map::new();
        call.insert("id".into(), self.id.clone().into());
        if self.is_custom {
            call.insert("type".into(), self.kind.as_deref().unwrap_or("custom").into());
            call.insert("custom".into(), serde_json::json!({"name": self.name, "input": self.arguments}));
        } else {
            call.insert("type".into(), self.kind.as_deref().unwrap_or("function").into());
            call.insert("function".into(), self.function_json());
        }
        call.extend(self.extra.clone());
        call.into()
    }

    /// Whether this is a call of a custom tool, whose input is any text.
    pub fn is_custom(&self) -> bool {
        self.is_custom
    }

    /// Name and arguments.
    pub(super) fn function_json(&self) -> Value {
        serde_json::json!({"name": self.name, "arguments": self.arguments})
    }
}
