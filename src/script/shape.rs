//! Completions and embeddings in OpenAI's form, with a dialect's members.

use base64::Engine as _;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::ask::{self, Ask, number_of_text};
use super::model::{Choice, Dialect, Logprobs, Members};
use super::pieces;
use crate::suite::template::{self, Scope};

/// A body with its status and content type.
pub(super) struct Body {
    pub(super) status: u16,
    pub(super) r#type: Option<&'static str>,
    pub(super) chunks: Vec<Bytes>,
}

impl Body {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Body { status, r#type: Some("application/json"), chunks: vec![body.to_string().into()] }
    }
}

/// One choice, to be sent whole or in pieces.
pub(super) struct Made {
    /// The text in the pieces of a stream; `None` if there is no text.
    pub(super) pieces: Option<Vec<String>>,
    /// `{id, type, function}`
    pub(super) calls: Vec<Value>,
    pub(super) finish_reason: String,
    /// The given logprobs; missing ones are made from the pieces.
    pub(super) logprobs: Option<Value>,
}

/// The parts from which a reply is made.
pub(super) struct Maker<'a> {
    pub(super) dialect: &'a Dialect,
    pub(super) ask: &'a Ask<'a>,
    pub(super) scope: &'a Scope,
    pub(super) members: &'a Members,
    /// Whether it is a chat and not a text completion.
    pub(super) chat: bool,
}

pub(super) fn completion(
    dialect: &Dialect,
    ask: &Ask<'_>,
    choices: &[Choice],
    usage: &Map<String, Value>,
    scope: &Scope,
) -> Result<Body, String> {
    if ask.body.is_none() {
        return Err("the request's body is not a JSON object".to_owned());
    }
    let chat = ask.path == ask::CHAT;
    let members = if chat { &dialect.chat } else { &dialect.completions };
    let maker = Maker { dialect, ask, scope, members, chat };
    let wanted = ask.member("n").and_then(Value::as_u64).map_or(choices.len(), |n| n.clamp(1, 128) as usize);
    let made = choices.iter().cycle().take(wanted).enumerate().map(|(index, choice)| maker.make(index, choice));
    let made: Vec<Made> = made.collect::<Result<_, _>>()?;
    let usage = maker.usage(&made, usage)?;
    match ask.streams() {
        true => maker.stream(&made, &usage),
        false => Ok(Body::json(200, &maker.whole(&made, usage)?)),
    }
}

impl Maker<'_> {
    fn make(&self, index: usize, choice: &Choice) -> Result<Made, String> {
        let text = |text: &String| template::fill_text(text, self.scope).map_err(|unbound| unbound.to_string());
        let mut pieces = match (&choice.text, choice.chunks.is_empty()) {
            (None, true) => None,
            (Some(whole), true) => Some(pieces::split(&text(whole)?)),
            (_, false) => Some(choice.chunks.iter().map(text).collect::<Result<Vec<_>, _>>()?),
        };
        let cut = pieces.as_mut().is_some_and(|pieces| self.cut(pieces));
        let calls = choice.tool_calls.iter().enumerate().map(|(position, call)| {
            let arguments = template::fill(&call.arguments, self.scope).map_err(|unbound| unbound.to_string())?;
            let arguments = arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned);
            let id = call.id.clone().unwrap_or_else(|| {
                let number = |part| self.ask.number(&format!("call {index} {position} {part}"));
                format!("call_{:08x}{:016x}", number(0) as u32, number(1))
            });
            Ok(json!({"id": id, "type": "function", "function": {"name": call.name, "arguments": arguments}}))
        });
        let calls = calls.collect::<Result<Vec<_>, String>>()?;
        let finish_reason = match &choice.finish_reason {
            Some(reason) => reason.clone(),
            None if cut => "length".to_owned(),
            None if !calls.is_empty() => "tool_calls".to_owned(),
            None => self.dialect.finish_reason.clone(),
        };
        let logprobs = match &choice.logprobs {
            Some(given) => Some(given.clone()),
            None => pieces.as_ref().filter(|_| self.wants_logprobs()).map(|pieces| self.logprobs(pieces)),
        };
        Ok(Made { pieces, calls, finish_reason, logprobs })
    }

    /// Cuts the text where the request's `stop` or `max_tokens` ends it; true if `max_tokens` did.
    fn cut(&self, pieces: &mut Vec<String>) -> bool {
        let text = pieces.concat();
        let stops = match self.ask.member("stop") {
            Some(Value::String(stop)) => vec![stop.as_str()],
            Some(Value::Array(stops)) => stops.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let stops = stops.into_iter().filter(|stop| !stop.is_empty());
        if let Some(end) = stops.filter_map(|stop| text.find(stop)).min() {
            pieces::keep(pieces, end);
        }
        let most = self.ask.member("max_completion_tokens").or(self.ask.member("max_tokens")).and_then(Value::as_u64);
        let most = most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
        let too_long = pieces.len() > most;
        pieces.truncate(most);
        too_long
    }

    pub(super) fn wants_logprobs(&self) -> bool {
        match self.ask.member("logprobs") {
            Some(Value::Bool(wanted)) => *wanted,
            Some(Value::Number(_)) => true,
            _ => false,
        }
    }

    pub(super) fn logprobs(&self, pieces: &[String]) -> Value {
        let probable = |piece: &String| -((number_of_text(piece) % 4000) as f64) / 10_000.0;
        if self.chat && self.dialect.logprobs == Logprobs::Content {
            let others = self.ask.member("top_logprobs").and_then(Value::as_u64).unwrap_or(0).min(20) as usize;
            let token =
                |token: &str, logprob: f64| json!({"token": token, "logprob": logprob, "bytes": token.as_bytes()});
            let content = pieces.iter().map(|piece| {
                let mut entry = token(piece, probable(piece));
                let first = std::iter::once((piece.clone(), probable(piece)));
                // The alternatives are invented; only their number matters.
                let rest = (1..others).map(|rank| (format!("{piece}{rank}"), probable(piece) - rank as f64));
                let top: Vec<Value> = first.chain(rest).take(others).map(|(text, p)| token(&text, p)).collect();
                entry["top_logprobs"] = top.into();
                entry
            });
            return json!({"content": content.collect::<Vec<_>>(), "refusal": null});
        }
        let ids: Vec<u64> = pieces.iter().map(|piece| token_id(piece)).collect();
        let logprobs: Vec<f64> = pieces.iter().map(probable).collect();
        match self.dialect.logprobs {
            Logprobs::Tokens => json!({"token_ids": ids, "tokens": pieces, "token_logprobs": logprobs}),
            Logprobs::Content => {
                let starts = pieces.iter().scan(0, |start, piece| {
                    *start += piece.chars().count();
                    Some(*start - piece.chars().count())
                });
                let offsets: Vec<usize> = starts.collect();
                json!({"tokens": pieces, "token_logprobs": logprobs, "top_logprobs": null, "text_offset": offsets})
            }
        }
    }

    fn usage(&self, made: &[Made], given: &Map<String, Value>) -> Result<Value, String> {
        let text: String = self.ask.messages().iter().map(ask::message_text).chain(self.ask.prompt()).collect();
        let count = |name: &str, counted: usize| given.get(name).cloned().unwrap_or_else(|| counted.into());
        let words = |made: &Made| {
            let calls = made.calls.iter().map(|call| pieces::split(&call["function"].to_string()).len()).sum::<usize>();
            made.pieces.as_ref().map_or(0, Vec::len) + calls
        };
        let prompt = count("prompt_tokens", pieces::split(&text).len());
        let completion = count("completion_tokens", made.iter().map(words).sum());
        let total = prompt.as_u64().unwrap_or(0) + completion.as_u64().unwrap_or(0);
        let total = count("total_tokens", usize::try_from(total).unwrap_or(usize::MAX));
        let mut usage = json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total});
        put(&mut usage, &self.members.usage, self.scope)?;
        put(&mut usage, given, self.scope)?;
        Ok(usage)
    }

    fn whole(&self, made: &[Made], usage: Value) -> Result<Value, String> {
        let mut choices = Vec::new();
        for (index, made) in made.iter().enumerate() {
            let scope = self.scope_of(index, made.pieces.iter().flatten().map(String::as_str).collect());
            let text = made.pieces.as_ref().map(|pieces| pieces.concat());
            let mut choice = json!({"index": index});
            if self.chat {
                choice["message"] = self.message(text, &made.calls, &scope)?;
            } else {
                choice["text"] = text.unwrap_or_default().into();
            }
            choice["logprobs"] = made.logprobs.clone().unwrap_or(Value::Null);
            choice["finish_reason"] = made.finish_reason.as_str().into();
            put(&mut choice, &self.members.choice, &scope)?;
            choices.push(choice);
        }
        let object = if self.chat { "chat.completion" } else { "text_completion" };
        let mut reply = self.head(object)?;
        reply["choices"] = choices.into();
        reply["usage"] = usage;
        put(&mut reply, &self.members.reply, self.scope)?;
        Ok(reply)
    }

    fn message(&self, text: Option<String>, calls: &[Value], scope: &Scope) -> Result<Value, String> {
        let mut message = json!({"role": "assistant", "content": text});
        put(&mut message, &self.members.message, scope)?;
        let mut told = Vec::new();
        for (position, call) in calls.iter().enumerate() {
            let mut scope = scope.clone();
            scope.insert("position".to_owned(), position.into());
            let mut call = call.clone();
            put(&mut call, &self.members.tool_call, &scope)?;
            told.push(call);
        }
        // This comes after the dialect's members, which may set a value for messages without calls (`tool_calls: []`).
        if !told.is_empty() {
            message["tool_calls"] = told.into();
        }
        Ok(message)
    }

    pub(super) fn head(&self, object: &str) -> Result<Value, String> {
        let id = match &self.dialect.id {
            Some(id) => template::fill_text(id, self.scope).map_err(|unbound| unbound.to_string())?,
            None => format!("{}-{}", if self.chat { "chatcmpl" } else { "cmpl" }, self.ask.hash()),
        };
        Ok(json!({"id": id, "object": object, "created": self.dialect.created, "model": self.ask.model()}))
    }

    pub(super) fn scope_of(&self, index: usize, text: Vec<&str>) -> Scope {
        let text = text.concat();
        let mut scope = Scope::new();
        for name in ["hash", "model"] {
            scope.insert(name.to_owned(), self.scope.get(name).cloned().unwrap_or_default());
        }
        scope.insert("index".to_owned(), index.into());
        scope.insert("seed".to_owned(), self.ask.number(&format!("seed {index}")).into());
        scope.insert("token_id".to_owned(), token_id(&text).into());
        scope.insert("text".to_owned(), text.into());
        scope
    }
}

/// Adds members to an object with their `${…}` filled in: a member of the same name is replaced, others are appended.
pub(super) fn put(into: &mut Value, members: &Map<String, Value>, scope: &Scope) -> Result<(), String> {
    for (name, value) in members {
        into[name] = template::fill(value, scope).map_err(|unbound| unbound.to_string())?;
    }
    Ok(())
}

/// A number for a piece, as if from a vocabulary.
fn token_id(piece: &str) -> u64 {
    number_of_text(piece) % 128_000
}

pub(super) fn embeddings(dialect: &Dialect, ask: &Ask<'_>, dimensions: usize, scope: &Scope) -> Result<Body, String> {
    let inputs = ask.inputs();
    let dimensions = match ask.member("dimensions").and_then(Value::as_u64) {
        Some(wanted) => usize::try_from(wanted).unwrap_or(usize::MAX).min(dimensions),
        None => dimensions,
    };
    let packed = dialect.embeddings.base64 && ask.member("encoding_format").is_some_and(|format| format == "base64");
    let mut data = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        let vector = pieces::vector(input, dimensions);
        let embedding = if packed {
            let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
            base64::engine::general_purpose::STANDARD.encode(bytes).into()
        } else {
            Value::Array(vector.into_iter().map(pieces::number).collect())
        };
        let mut item = json!({"object": "embedding", "index": index, "embedding": embedding});
        put(&mut item, &dialect.embeddings.item, scope)?;
        data.push(item);
    }
    let mut reply = json!({"object": "list", "data": data, "model": ask.model()});
    if dialect.embeddings.usage {
        let tokens: usize = inputs.iter().map(|input| pieces::split(input.as_str().unwrap_or_default()).len()).sum();
        reply["usage"] = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    }
    put(&mut reply, &dialect.embeddings.reply, scope)?;
    Ok(Body::json(200, &reply))
}
