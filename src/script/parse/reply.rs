//! Turns the reply of a rule from what the user wrote into its meaning.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::wrong;
use crate::script::model::{Choice, Planned, ToolCall, What};
use crate::yaml::{self, Error, Place, Source, Spanned};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    text: Option<String>,
    #[serde(default)]
    chunks: Vec<String>,
    #[serde(default)]
    tool_calls: Vec<RawCall>,
    finish_reason: Option<String>,
    logprobs: Option<Value>,
    choices: Option<Vec<Spanned<RawChoice>>>,
    usage: Option<Map<String, Value>>,
    embeddings: Option<RawEmbeddings>,
    error: Option<RawError>,
    json: Option<Value>,
    raw: Option<RawBytes>,
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    delay: Option<Spanned<String>>,
    pace: Option<Spanned<String>>,
    break_after: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawChoice {
    text: Option<String>,
    #[serde(default)]
    chunks: Vec<String>,
    #[serde(default)]
    tool_calls: Vec<RawCall>,
    finish_reason: Option<String>,
    logprobs: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCall {
    name: String,
    arguments: Value,
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEmbeddings {
    dimensions: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawError {
    status: u16,
    body: Option<Value>,
    message: Option<String>,
    #[serde(rename = "type")]
    kind: Option<Value>,
    param: Option<Value>,
    code: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBytes {
    status: Option<u16>,
    body: Option<String>,
    chunks: Option<Vec<String>>,
}

pub(super) fn reply(source: &Source, raw: Spanned<Raw>) -> Result<Planned, Error> {
    let place = raw.place();
    let mut raw = raw.value;
    let headers = headers(source, place, std::mem::take(&mut raw.headers))?;
    let time = |raw: Option<Spanned<String>>| raw.map_or(Ok(Duration::ZERO), |raw| duration(source, &raw));
    let (delay, pace) = (time(raw.delay.take())?, time(raw.pace.take())?);
    let break_after = raw.break_after;
    Ok(Planned { what: what(source, place, raw)?, headers, delay, pace, break_after })
}

fn what(source: &Source, place: Place, raw: Raw) -> Result<What, Error> {
    fits_together(source, place, &raw)?;
    let status = |given: Option<u16>| status(source, place, given.unwrap_or(200), 200);
    if let Some(list) = raw.choices {
        let choices = list.into_iter().map(|raw| choice(source, raw.place(), raw.value));
        return Ok(What::Choices { choices: choices.collect::<Result<_, _>>()?, usage: raw.usage.unwrap_or_default() });
    }
    if let Some(RawEmbeddings { dimensions }) = raw.embeddings {
        return match dimensions {
            1..=65_536 => Ok(What::Embeddings { dimensions }),
            _ => Err(wrong(source, place, format!("{dimensions} dimensions"), "from 1 to 65536")),
        };
    }
    if let Some(error) = raw.error {
        return error_of(source, place, error);
    }
    if let Some(body) = raw.json {
        return Ok(What::Json { status: status(raw.status)?, body });
    }
    if let Some(bytes) = raw.raw {
        let chunks = match (bytes.body, bytes.chunks) {
            (body, None) => body.into_iter().collect(),
            (None, Some(chunks)) => chunks,
            (Some(_), Some(_)) => {
                return Err(wrong(source, place, "raw has body and chunks", "give one of the two"));
            }
        };
        return Ok(What::Raw { status: status(bytes.status)?, chunks });
    }
    let Raw { text, chunks, tool_calls, finish_reason, logprobs, .. } = raw;
    let choice = choice(source, place, RawChoice { text, chunks, tool_calls, finish_reason, logprobs })?;
    Ok(What::Choices { choices: vec![choice], usage: raw.usage.unwrap_or_default() })
}

/// Checks that there is exactly one kind of reply, and nothing beside it that would have no effect.
fn fits_together(source: &Source, place: Place, raw: &Raw) -> Result<(), Error> {
    let one = raw.text.is_some() || !raw.chunks.is_empty() || !raw.tool_calls.is_empty();
    let others = [raw.embeddings.is_some(), raw.error.is_some(), raw.json.is_some(), raw.raw.is_some()];
    let kinds = others.iter().filter(|given| **given).count() + usize::from(one) + usize::from(raw.choices.is_some());
    let help = "give text (or chunks, tool_calls), choices, embeddings, error, json or raw: exactly one";
    let complain = |reason: &str, help: &str| Err(wrong(source, place, reason, help));
    match kinds {
        0 => return complain("this reply says nothing", help),
        1 => {}
        _ => return complain("this reply says several things", help),
    }
    if !one && (raw.finish_reason.is_some() || raw.logprobs.is_some()) {
        let help = "put them beside the text, or into the choice they are of";
        return complain("finish_reason and logprobs belong to a choice", help);
    }
    if !one && raw.choices.is_none() && raw.usage.is_some() {
        return complain("usage goes with text, tool_calls and choices only", "put it into the json");
    }
    if raw.status.is_some() && raw.json.is_none() {
        return complain("status goes with json only", "error and raw have a status of their own");
    }
    match &raw.choices {
        Some(choices) if choices.is_empty() => complain("choices is empty", "give at least one"),
        _ => Ok(()),
    }
}

pub(super) fn headers(
    source: &Source,
    place: Place,
    raw: BTreeMap<String, String>,
) -> Result<Vec<(String, String)>, Error> {
    let checked = raw.into_iter().map(|(name, value)| {
        if name.parse::<http::HeaderName>().is_ok() && value.parse::<http::HeaderValue>().is_ok() {
            return Ok((name.to_ascii_lowercase(), value));
        }
        let help = "names have no spaces, values no line breaks";
        Err(wrong(source, place, format!("{name:?}: {value:?} is not a header"), help))
    });
    checked.collect()
}

fn choice(source: &Source, place: Place, raw: RawChoice) -> Result<Choice, Error> {
    if raw.text.is_none() && raw.chunks.is_empty() && raw.tool_calls.is_empty() {
        return Err(wrong(source, place, "this choice says nothing", "give text, chunks or tool_calls"));
    }
    if let Some(text) = &raw.text
        && !raw.chunks.is_empty()
        && raw.chunks.concat() != *text
    {
        let help = "give the same text, or only one of the two";
        return Err(wrong(source, place, format!("the chunks make {:?}, not the text", raw.chunks.concat()), help));
    }
    let calls = raw.tool_calls.into_iter();
    Ok(Choice {
        text: raw.text,
        chunks: raw.chunks,
        tool_calls: calls.map(|raw| ToolCall { name: raw.name, arguments: raw.arguments, id: raw.id }).collect(),
        finish_reason: raw.finish_reason,
        logprobs: raw.logprobs,
    })
}

fn error_of(source: &Source, place: Place, raw: RawError) -> Result<What, Error> {
    let status = status(source, place, raw.status, 400)?;
    let details = raw.kind.is_some() || raw.param.is_some() || raw.code.is_some();
    match (raw.body, raw.message) {
        (Some(body), None) if !details => Ok(What::Json { status, body }),
        (None, Some(message)) => {
            let members = [("message", json!(message)), ("type", json!(raw.kind)), ("param", json!(raw.param))];
            let members = members.into_iter().chain([("code", json!(raw.code))]);
            let error = members.map(|(name, value)| (name.to_owned(), value)).collect();
            Ok(What::Error { status, error })
        }
        _ => {
            let help = "give message with type, param and code for the dialect's shape, or body for another";
            Err(wrong(source, place, "an error has either a message or a body", help))
        }
    }
}

fn status(source: &Source, place: Place, status: u16, least: u16) -> Result<u16, Error> {
    match (least..=599).contains(&status) {
        true => Ok(status),
        false => Err(wrong(source, place, format!("status {status}"), &format!("from {least} to 599"))),
    }
}

fn duration(source: &Source, raw: &Spanned<String>) -> Result<Duration, Error> {
    let no_time = || wrong(source, raw.place(), format!("{:?} is no time", raw.value), yaml::DURATION_HELP);
    yaml::duration(&raw.value).ok_or_else(no_time)
}
