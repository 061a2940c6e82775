//! Rules for tool calls: whether SDKs can join their pieces, and whether a user can call the tools.

use std::collections::BTreeMap;

use serde_json::Value;

use super::completions::pieces;
use super::judge::{Findings, Reply, cut};
use super::rule;
use crate::wire::words;

pub(super) fn judge(reply: &Reply<'_>, findings: &mut Findings) {
    if reply.is_stream() {
        in_pieces(reply.items(), findings);
    }
    for (at, _, choice) in pieces(reply.items()) {
        let calls = if reply.is_stream() { &choice["delta"]["tool_calls"] } else { &choice["message"]["tool_calls"] };
        for call in calls.as_array().into_iter().flatten() {
            let arguments = &call["function"]["arguments"];
            if !arguments.is_null() && !arguments.is_string() {
                findings.add(&rule::TOOL_CALL_ARGUMENTS_TEXT, format!("event {at}: {}", cut(&arguments.to_string())));
            }
        }
    }
    whole(reply, findings);
}

/// What the pieces of one call have brought so far.
#[derive(Default)]
struct Pieces<'a> {
    id: Option<&'a str>,
    name: Option<&'a str>,
    arguments: usize,
}

/// Checks the pieces of a stream, which SDKs join by index.
fn in_pieces(items: &[Value], findings: &mut Findings) {
    let mut known: BTreeMap<(u64, u64), Pieces<'_>> = BTreeMap::new();
    for (at, choice_index, choice) in pieces(items) {
        for piece in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let Some(index) = piece["index"].as_u64() else {
                findings.add(&rule::TOOL_CALL_INDEX, format!("event {at}: a piece without an index"));
                continue;
            };
            let next = known.range((choice_index, 0)..=(choice_index, u64::MAX)).count() as u64;
            if index > next {
                findings.add(&rule::TOOL_CALL_INDEX, format!("event {at}: index {index}, and the next is {next}"));
            }
            let call = known.entry((choice_index, index)).or_default();
            let id = words(&piece["id"]);
            let name = words(&piece["function"]["name"]).or(words(&piece["custom"]["name"]));
            match (call.id, id) {
                (Some(before), Some(now)) if before != now => {
                    findings
                        .add(&rule::TOOL_CALL_MERGED, format!("event {at}: index {index} is {now}, and was {before}"));
                }
                (Some(before), Some(_)) => {
                    findings.add(&rule::TOOL_CALL_REPEATED, format!("event {at}: the id {before} again"));
                }
                _ => {}
            }
            if let (Some(before), Some(now)) = (call.name, name)
                && call.id.is_none_or(|before| id.is_none_or(|now| now == before))
            {
                findings.add(&rule::TOOL_CALL_REPEATED, format!("event {at}: the name {now}, and it had {before}"));
            }
            call.id = call.id.or(id);
            call.name = call.name.or(name);
            call.arguments += piece["function"]["arguments"].as_str().map_or(0, str::len);
        }
    }
}

/// Checks the joined calls.
fn whole(reply: &Reply<'_>, findings: &mut Findings) {
    for (index, choice) in &reply.answer().choices {
        let calls = &choice.tool_calls;
        for (at, call) in calls.iter().enumerate() {
            let place = if calls.len() == 1 { format!("choice {index}") } else { format!("choice {index}, call {at}") };
            match &call.id {
                None => findings.add(&rule::TOOL_CALL_ID, format!("{place}: none")),
                Some(id) if calls[..at].iter().any(|other| other.id.as_ref() == Some(id)) => {
                    findings.add(&rule::TOOL_CALL_ID_DOUBLED, format!("{place}: {id} again"));
                }
                Some(_) => {}
            }
            if call.name.is_empty() {
                findings.add(&rule::TOOL_CALL_NAME, format!("{place}: none"));
            }
            // If the token limit cut off the arguments, that is not a fault of the server.
            let is_cut = choice.finish_reason.as_deref() == Some("length");
            if !call.is_custom() && !is_cut && !is_object(&call.arguments) {
                let actual = format!("{place}: {}", cut(&call.arguments));
                findings.add(&rule::TOOL_CALL_ARGUMENTS_OBJECT, actual);
            }
        }
        if !calls.is_empty() && choice.finish_reason.as_deref() == Some("stop") {
            findings.add(&rule::FINISH_TOOL_CALLS, format!("choice {index} ends with `stop`"));
        }
    }
}

fn is_object(arguments: &str) -> bool {
    serde_json::from_str::<Value>(arguments).is_ok_and(|value| value.is_object())
}
