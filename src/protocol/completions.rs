//! Chat completions and completions, whole and streamed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::asked::{Asked, Endpoint};
use super::judge::{Findings, Reply};
use super::model::is_same_model;
use super::{rule, tool_calls, usage};
use crate::wire::{adds_something, words};

pub(super) fn judge(asked: &Asked, endpoint: Endpoint, reply: &Reply<'_>, findings: &mut Findings) {
    let items = reply.items();
    for (at, item) in items.iter().enumerate().filter(|(_, item)| !item.is_object()) {
        findings.add(&rule::EVENT_OBJECT, format!("event {at} is {item}"));
    }
    choices(endpoint, reply, findings);
    if reply.is_stream() {
        stream(reply, findings);
    }
    if reply.is_stream() && endpoint == Endpoint::Chat {
        roles(reply, findings);
    }
    tool_calls::judge(reply, findings);
    names(asked, endpoint, reply, findings);
    let is_promised = !reply.is_stream() || asked.wants_usage;
    usage::judge(items, is_promised, findings);
}

/// Every choice of every item, with the position of the item and the index of the choice.
pub(super) fn pieces(items: &[Value]) -> impl Iterator<Item = (usize, u64, &Value)> {
    items.iter().enumerate().flat_map(|(at, item)| {
        let choices = item["choices"].as_array().into_iter().flatten().enumerate();
        choices.map(move |(position, choice)| (at, choice["index"].as_u64().unwrap_or(position as u64), choice))
    })
}

fn choices(endpoint: Endpoint, reply: &Reply<'_>, findings: &mut Findings) {
    let mut is_empty = true;
    for (at, _, choice) in pieces(reply.items()) {
        is_empty = false;
        let (is_formed, wanted) = match endpoint {
            Endpoint::Completions => (choice["text"].is_string(), "`text`"),
            _ if reply.is_stream() => (choice["delta"].is_object(), "`delta`"),
            _ => (choice["message"].is_object(), "`message`"),
        };
        if !is_formed {
            let members: Vec<&str> = choice.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            findings.add(&rule::CHOICE_FORM, format!("event {at}: no {wanted} among {}", members.join(", ")));
        }
        let content = &choice[if reply.is_stream() { "delta" } else { "message" }]["content"];
        if endpoint == Endpoint::Chat && !content.is_null() && !content.is_string() {
            findings.add(&rule::CONTENT_TEXT, format!("event {at}: {content}"));
        }
    }
    if is_empty {
        findings.add(&rule::CHOICES_EMPTY, "none");
    }
}

/// The finish reasons of a choice in a stream.
#[derive(Default)]
struct End {
    reasons: usize,
    /// The last event that has one.
    at: usize,
}

fn stream(reply: &Reply<'_>, findings: &mut Findings) {
    let mut ends: BTreeMap<u64, Option<End>> = BTreeMap::new();
    for (at, index, choice) in pieces(reply.items()) {
        let end = ends.entry(index).or_default();
        if !choice["finish_reason"].is_null() {
            let end = end.get_or_insert_default();
            (end.reasons, end.at) = (end.reasons + 1, at);
        } else if let Some(end) = end.as_ref().filter(|_| adds_something(choice)) {
            let finish = end.at;
            findings
                .add(&rule::TEXT_AFTER_FINISH, format!("event {at} goes on, and event {finish} has a finish_reason"));
        }
    }
    let unfinished: Vec<String> =
        ends.iter().filter(|(_, end)| end.is_none()).map(|(index, _)| format!("choice {index}")).collect();
    // A stream that was cut off cannot have its last events.
    if !unfinished.is_empty() && !findings.has(&rule::STREAM_CUT) {
        findings.add(&rule::FINISH_MISSING, format!("{} has none", unfinished.join(", ")));
    }
    for (index, end) in &ends {
        if let Some(End { reasons: 2.., .. }) = end {
            let reasons = end.as_ref().map_or(0, |end| end.reasons);
            findings.add(&rule::FINISH_REPEATED, format!("choice {index} has {reasons}"));
        }
    }
    match reply.answer().dones {
        0 if !findings.has(&rule::STREAM_CUT) && !findings.has(&rule::EVENT_OBJECT) => {
            findings.add(&rule::DONE_MISSING, "the stream ends without it");
        }
        0 | 1 => {}
        dones => findings.add(&rule::DONE_REPEATED, format!("{dones} times")),
    }
}

fn roles(reply: &Reply<'_>, findings: &mut Findings) {
    let mut has_role: BTreeMap<u64, bool> = BTreeMap::new();
    for (_, index, choice) in pieces(reply.items()).filter(|(_, _, choice)| choice["delta"].is_object()) {
        *has_role.entry(index).or_default() |= choice["delta"]["role"].is_string();
    }
    let without: Vec<String> =
        has_role.iter().filter(|(_, has_role)| !**has_role).map(|(index, _)| format!("choice {index}")).collect();
    if !without.is_empty() {
        findings.add(&rule::ROLE_MISSING, format!("{} has none", without.join(", ")));
    }
}

fn names(asked: &Asked, endpoint: Endpoint, reply: &Reply<'_>, findings: &mut Findings) {
    // Events without choices are pings, token usage, or the content filter's results for the prompt.
    let items: Vec<&Value> =
        reply.items().iter().filter(|item| item["choices"].as_array().is_some_and(|all| !all.is_empty())).collect();
    let all = |name: &str| -> BTreeSet<&str> { items.iter().filter_map(|item| words(&item[name])).collect() };
    let listed = |names: &BTreeSet<&str>| names.iter().copied().collect::<Vec<_>>().join(", ");
    let ids = all("id");
    match ids.len() {
        0 if !items.is_empty() => findings.add(&rule::ID_MISSING, "none"),
        0 | 1 => {}
        _ => findings.add(&rule::ID_CHANGES, listed(&ids)),
    }
    let models = all("model");
    if models.len() > 1 {
        findings.add(&rule::MODEL_CHANGES, listed(&models));
    } else if let (Some(model), Some(wanted)) = (models.first(), &asked.model)
        && !is_same_model(wanted, model, &asked.aliases)
    {
        findings.add(&rule::MODEL_OTHER, format!("{model}, and {wanted} was asked"));
    }
    let object = match endpoint {
        Endpoint::Completions => "text_completion",
        _ if reply.is_stream() => "chat.completion.chunk",
        _ => "chat.completion",
    };
    let mut others = items.iter().map(|item| &item["object"]).filter(|said| *said != object);
    // A missing `object` is worse than a wrong one, so it is reported first.
    if let Some(other) = others.clone().find(|said| said.is_null()).or_else(|| others.next()) {
        let other = if other.is_null() { "none".to_owned() } else { other.to_string() };
        findings.add(&rule::OBJECT, format!("{other} for \"{object}\""));
    }
}
