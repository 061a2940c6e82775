//! Checks a reply against the rules for every endpoint, then calls the checks of its endpoint.

use serde_json::Value;

use super::asked::{Asked, Endpoint};
use super::rule::{self, Rule};
use super::{Finding, completions, others};
use crate::wire::{Answer, BodyKind, Flaw, FlawKind, Reading};

/// The most findings of one rule that are reported for a reply. More of them would say little new.
const MOST_OF_A_RULE: usize = 3;
/// The most characters of a value that a finding shows.
const MOST_CHARACTERS: usize = 200;
/// The most characters of a server's error that a finding shows. Few errors are longer.
const MOST_OF_ERROR: usize = 2000;

/// A parsed reply.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The content type; empty if there is none.
    pub content_type: &'a str,
    /// The parsed body.
    pub reading: &'a Reading,
}

impl<'a> Reply<'a> {
    pub(super) fn answer(&self) -> &'a Answer {
        &self.reading.answer
    }

    pub(super) fn is_stream(&self) -> bool {
        self.reading.kind.is_stream()
    }

    /// The JSON events of a stream, or the one value of a whole reply.
    pub(super) fn items(&self) -> &'a [Value] {
        match &self.reading.json {
            Some(Value::Array(items)) if self.is_stream() => items,
            Some(value) if !self.is_stream() => std::slice::from_ref(value),
            _ => &[],
        }
    }
}

/// The findings so far.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn add(&mut self, rule: &'static Rule, actual: impl Into<String>) {
        if self.0.iter().filter(|finding| finding.rule == rule).count() < MOST_OF_A_RULE {
            self.0.push(Finding { rule, member: None, actual: actual.into() });
        }
    }

    pub(super) fn has(&self, rule: &Rule) -> bool {
        self.0.iter().any(|finding| finding.rule == rule)
    }
}

/// Every rule that a reply breaks: first the rules about a complete body, then about the requested kind of reply, then
/// about its content.
pub fn judge(asked: &Asked, reply: &Reply<'_>) -> Vec<Finding> {
    let mut findings = Findings::default();
    body(asked, reply, &mut findings);
    if !(200..300).contains(&reply.status) {
        return findings.0;
    }
    if let Some(error) = &reply.answer().error {
        findings.add(
            &rule::ERROR_IN_SUCCESS,
            format!("{} and an error: {}", reply.status, cut_after(&error.to_string(), MOST_OF_ERROR)),
        );
        // An error is not an answer. That it has no choices either need not be reported.
        return findings.0;
    }
    let Some(endpoint) = asked.endpoint else { return findings.0 };
    let is_readable = !findings.has(&rule::BODY_JSON) && !findings.has(&rule::STREAM_EMPTY);
    if !is_readable {
        return findings.0;
    }
    if asked.is_stream != reply.is_stream() {
        let came = if reply.is_stream() { "a stream" } else { "one whole reply" };
        let was_asked = if asked.is_stream { "a stream" } else { "one whole reply" };
        findings.add(&rule::STREAM_ASKED, format!("{came}, and {was_asked} was asked for"));
    }
    match endpoint {
        Endpoint::Chat | Endpoint::Completions => completions::judge(asked, endpoint, reply, &mut findings),
        Endpoint::Embeddings => others::embeddings(asked, reply, &mut findings),
        Endpoint::Models => others::models(reply, &mut findings),
        Endpoint::Responses | Endpoint::Messages => others::events_to_the_end(reply, &mut findings),
    }
    findings.0
}

/// The rules for every body that the reply breaks. The rules of its endpoint are not checked.
pub fn judge_body(asked: &Asked, reply: &Reply<'_>) -> Vec<Finding> {
    let mut findings = Findings::default();
    body(asked, reply, &mut findings);
    findings.0
}

fn body(asked: &Asked, reply: &Reply<'_>, findings: &mut Findings) {
    let reading = reply.reading;
    let is_good = (200..300).contains(&reply.status);
    if let Some(why) = reading.not_json.as_ref().filter(|_| is_good && asked.endpoint.is_some()) {
        findings.add(&rule::BODY_JSON, why.as_str());
    }
    let is_json = reply.content_type.contains("json");
    if asked.endpoint.is_some() && is_good && reading.kind == BodyKind::Whole && reading.json.is_some() && !is_json {
        findings.add(&rule::BODY_TYPE, content_type(reply));
    }
    if reading.kind == BodyKind::Events
        && !reply.content_type.is_empty()
        && BodyKind::declared(reply.content_type) != BodyKind::Events
    {
        findings.add(&rule::EVENT_TYPE, content_type(reply));
    }
    for Flaw { kind, actual, text } in &reading.flaws {
        let rule = match kind {
            FlawKind::NoEvent => &rule::EVENT_FORM,
            FlawKind::Cut => &rule::STREAM_CUT,
            FlawKind::AfterDone => &rule::EVENT_AFTER_DONE,
            FlawKind::NotUtf8 => &rule::EVENT_UTF8,
            FlawKind::NotJson => &rule::EVENT_JSON,
        };
        let text = text.as_ref().map_or_else(String::new, |text| format!(": {}", cut(text)));
        findings.add(rule, format!("{actual}{text}"));
    }
    if reply.is_stream() && reply.answer().events == 0 && reading.flaws.is_empty() && reply.answer().error.is_none() {
        findings.add(&rule::STREAM_EMPTY, "the stream is empty");
    }
}

fn content_type(reply: &Reply<'_>) -> String {
    match reply.content_type {
        "" => "no content type".to_owned(),
        content_type => format!("content-type {content_type}"),
    }
}

/// A server's text, cut if it is long.
pub(super) fn cut(text: &str) -> String {
    cut_after(text, MOST_CHARACTERS)
}

fn cut_after(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
