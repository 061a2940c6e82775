//! Parses a script's text into a [`Script`].

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use super::ask;
use super::model::{Dialect, Filter, Rule, Script, Test, When};
use crate::exchange::Auth;
use crate::yaml::{self, Error, Place, Source, Spanned};

mod names;
mod reply;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScript {
    dialect: Option<Spanned<Dialect>>,
    rules: Vec<Spanned<RawRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    name: Option<String>,
    #[serde(default)]
    when: RawWhen,
    times: Option<u32>,
    reply: Spanned<reply::Raw>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawWhen {
    method: Option<Spanned<String>>,
    endpoint: Option<Spanned<String>>,
    auth: Option<RawAuth>,
    malformed: Option<bool>,
    stream: Option<bool>,
    model: Option<Spanned<Value>>,
    system: Option<Spanned<Value>>,
    last_message: Option<Spanned<Value>>,
    last_role: Option<Spanned<Value>>,
    any_message: Option<Spanned<Value>>,
    prompt: Option<Spanned<Value>>,
    input: Option<Spanned<Value>>,
    body: Option<Value>,
    filter: Option<Spanned<String>>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum RawAuth {
    None,
    Key,
}

impl Script {
    /// Reads a script. Errors name the place and the way out.
    pub(crate) fn parse(source: &Source) -> Result<Self, Error> {
        let raw: RawScript = yaml::from_source(source)?;
        let rules = raw.rules.into_iter().map(|raw| rule(source, raw)).collect::<Result<_, _>>()?;
        let dialect = match raw.dialect {
            Some(raw) => {
                names::of_dialect(source, raw.place(), &raw.value)?;
                let headers = reply::headers(source, raw.place(), raw.value.headers)?;
                Dialect { headers: headers.into_iter().collect(), ..raw.value }
            }
            None => Dialect::default(),
        };
        Ok(Script { source: source.clone(), dialect, rules })
    }
}

fn wrong(source: &Source, place: Place, reason: impl Into<String>, help: &str) -> Error {
    Error::at(source, place, 1, reason).help(help)
}

fn rule(source: &Source, raw: Spanned<RawRule>) -> Result<Rule, Error> {
    let place = raw.place();
    let raw = raw.value;
    let reply_place = raw.reply.place();
    let endpoint_place = raw.when.endpoint.as_ref().map(Spanned::place);
    let when = when(source, raw.when)?;
    let reply = reply::reply(source, raw.reply)?;
    names::of_reply(source, reply_place, &reply.what)?;
    if let (Some(endpoint), Some(at)) = (&when.endpoint, endpoint_place)
        && !ask::serves(&reply.what, endpoint)
    {
        let reason = format!("this rule's reply (line {}) has no shape for {endpoint}", reply_place.line);
        let help = "text and choices answer /v1/chat/completions and /v1/completions, tool_calls only the former, \
                    embeddings /v1/embeddings; json, raw and error answer any endpoint";
        return Err(wrong(source, at, reason, help));
    }
    Ok(Rule { place, name: raw.name, when, times: raw.times, reply })
}

fn when(source: &Source, raw: RawWhen) -> Result<When, Error> {
    let test = |raw: Option<Spanned<Value>>| raw.map(|raw| test(source, raw.place(), raw.value)).transpose();
    let method = raw.method.map(|raw| {
        let known = raw.value.parse::<http::Method>().ok().filter(|_| raw.value == raw.value.to_uppercase());
        let wrong =
            || wrong(source, raw.place(), format!("{:?} is not an HTTP method", raw.value), "write GET, POST, …");
        known.ok_or_else(wrong)
    });
    let endpoint = raw.endpoint.map(|raw| match raw.value.starts_with('/') && !raw.value.contains('?') {
        true => Ok(raw.value),
        false => {
            let reason = format!("{:?} is not an endpoint", raw.value);
            Err(wrong(source, raw.place(), reason, "write the path alone, as in /v1/chat/completions"))
        }
    });
    let filter = raw.filter.map(|raw| {
        let path = serde_json_path::JsonPath::parse(&format!("$[?{}]", raw.value)).map_err(|error| {
            let help = "write it as RFC 9535 has it behind `?`, with @ for the body: @.n > 1 && @.stream == true";
            wrong(source, raw.place(), format!("the filter cannot be read: {}", error.message()), help)
        })?;
        Ok(Filter { text: raw.value, path })
    });
    Ok(When {
        method: method.transpose()?,
        endpoint: endpoint.transpose()?,
        auth: raw.auth.map(|auth| match auth {
            RawAuth::None => Auth::None,
            RawAuth::Key => Auth::Provider,
        }),
        malformed: raw.malformed,
        stream: raw.stream,
        model: test(raw.model)?,
        system: test(raw.system)?,
        last_message: test(raw.last_message)?,
        last_role: test(raw.last_role)?,
        any_message: test(raw.any_message)?,
        prompt: test(raw.prompt)?,
        input: test(raw.input)?,
        body: raw.body,
        filter: filter.transpose()?,
    })
}

fn test(source: &Source, place: Place, raw: Value) -> Result<Test, Error> {
    let help = "write a text, which must be equal, or equals, contains, matches, one_of, not";
    let members = match raw {
        Value::String(text) => return Ok(Test { equals: Some(text), ..Test::default() }),
        Value::Object(members) if !members.is_empty() => members,
        other => return Err(wrong(source, place, format!("{other} is no condition on a text"), help)),
    };
    let mut made = Test::default();
    for (name, operand) in members {
        match (name.as_str(), operand) {
            ("equals", Value::String(text)) => made.equals = Some(text),
            ("contains", operand) => {
                made.contains = texts(operand)
                    .ok_or_else(|| wrong(source, place, "contains takes a text or a list of texts", help))?
            }
            ("one_of", operand @ Value::Array(_)) => {
                made.one_of =
                    Some(texts(operand).ok_or_else(|| wrong(source, place, "one_of takes a list of texts", help))?)
            }
            ("matches", Value::String(pattern)) => {
                let regex = Regex::new(&pattern).map_err(|error| {
                    wrong(
                        source,
                        place,
                        format!("{pattern:?} is not a regular expression: {}", last_line(&error)),
                        "mind the escapes",
                    )
                })?;
                made.matches = Some(regex);
            }
            ("not", operand) => made.not = Some(Box::new(test(source, place, operand)?)),
            ("equals" | "one_of" | "matches", operand) => {
                return Err(wrong(source, place, format!("{name} does not take {operand}"), help));
            }
            _ => return Err(wrong(source, place, format!("unknown condition {name:?}"), help)),
        }
    }
    Ok(made)
}

/// The reason alone, without the drawing above it.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn texts(operand: Value) -> Option<Vec<String>> {
    match operand {
        Value::String(text) => Some(vec![text]),
        Value::Array(list) => list.into_iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}
