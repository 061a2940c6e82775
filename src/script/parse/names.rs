//! Checks that every `${…}` of a script uses an existing name.

use serde_json::{Map, Value};

use super::wrong;
use crate::script::model::{Choice, Dialect, Members, What};
use crate::spelling::nearest;
use crate::suite::template::{self, Unclosed};
use crate::yaml::{Error, Place, Source};

/// The names that replies may use.
const IN_REPLIES: [&str; 3] = ["model", "hash", "body"];
/// The names that members of a dialect may use.
const IN_DIALECTS: [&str; 7] = ["model", "hash", "index", "seed", "token_id", "text", "position"];

pub(super) fn of_reply(source: &Source, place: Place, what: &What) -> Result<(), Error> {
    let check = |names: Result<Vec<&str>, Unclosed>| check(source, place, names, &IN_REPLIES);
    let texts = |texts: &[String]| texts.iter().try_for_each(|text| check(template::names_in_text(text)));
    match what {
        What::Choices { choices, usage } => {
            values(usage).try_for_each(|value| check(template::names(value)))?;
            choices.iter().try_for_each(|Choice { text, chunks, tool_calls, .. }| {
                text.iter().try_for_each(|text| check(template::names_in_text(text)))?;
                texts(chunks)?;
                tool_calls.iter().try_for_each(|call| check(template::names(&call.arguments)))
            })
        }
        What::Embeddings { .. } => Ok(()),
        What::Error { error, .. } => values(error).try_for_each(|value| check(template::names(value))),
        What::Json { body, .. } => check(template::names(body)),
        What::Raw { chunks, .. } => texts(chunks),
    }
}

pub(super) fn of_dialect(source: &Source, place: Place, dialect: &Dialect) -> Result<(), Error> {
    let whole = |value| check(source, place, template::names(value), &IN_REPLIES);
    let inside = |value| check(source, place, template::names(value), &IN_DIALECTS);
    dialect.id.iter().try_for_each(|id| check(source, place, template::names_in_text(id), &IN_REPLIES))?;
    values(&dialect.error).try_for_each(whole)?;
    for members in [&dialect.chat, &dialect.completions] {
        let Members { reply, usage, chunk, .. } = members;
        [reply, usage, chunk].into_iter().flat_map(values).try_for_each(whole)?;
        let Members { choice, message, tool_call, chunk_choice, delta, last_choice, last_delta, .. } = members;
        let nested = [choice, message, tool_call, chunk_choice, delta, last_choice, last_delta];
        nested.into_iter().flat_map(values).try_for_each(inside)?;
    }
    let embeddings = &dialect.embeddings;
    values(&embeddings.reply).chain(values(&embeddings.item)).try_for_each(whole)
}

fn values(members: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    members.values()
}

fn check(source: &Source, place: Place, names: Result<Vec<&str>, Unclosed>, known: &[&str]) -> Result<(), Error> {
    let names =
        names.map_err(|unclosed| wrong(source, place, unclosed.to_string(), "close it, or write $${ for ${"))?;
    let unknown = names.into_iter().find(|name| !known.contains(&name.split('.').next().unwrap_or_default()));
    match unknown {
        None => Ok(()),
        Some(name) => {
            let root = name.split('.').next().unwrap_or_default();
            let near = nearest(root, known.iter().copied())
                .map_or_else(String::new, |near| format!("did you mean `{near}`? "));
            let help = format!("{near}Here may stand: {}", known.join(", "));
            Err(wrong(source, place, format!("`${{{name}}}` names nothing"), &help))
        }
    }
}
