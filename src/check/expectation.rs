//! Checks all expectations of a step: first that the reply is complete, then the protocol, then the content.

use serde_json::{Value, json};

use super::compare::filled;
use super::matcher::{is_singular, meets, nodes_meet};
use super::nodes::nodes;
use super::seen::Seen;
use super::unmet::Unmet;
use super::{Mismatch, MismatchKind, Verdict, show};
use crate::protocol::{Finding, Policy, Weighed};
use crate::suite::template::Scope;
use crate::suite::{ErrorExpect, Expect, Need, StreamExpect};
use crate::wire::BodyKind;
use crate::yaml::Place;

/// Checks a reply. `scope` has the values for `${…}` in operands. If the status is wrong, the content is not checked:
/// an error reply fails the other expectations too, and those failures would hide the reason.
pub(crate) fn check(expect: &Expect, scope: &Scope, seen: &Seen<'_>, policy: &Policy) -> Verdict {
    let mut checker = Checker { scope, seen, policy, mismatches: Vec::new(), protocol: Weighed::default() };
    checker.status(expect);
    if let Some(why) = seen.broken.filter(|_| !expect.may_break()) {
        checker.protocol_violation("body", "a body that comes to its end", format!("it broke off: {why}"));
    }
    if let Some((true, place)) = expect.broken
        && seen.broken.is_none()
    {
        checker.push(
            place,
            "broken",
            Unmet::new("a body that breaks off", "it came to its end"),
            MismatchKind::WrongAnswer,
        );
    }
    if checker.mismatches.iter().all(|mismatch| mismatch.path != "status") {
        checker.all(expect);
    }
    Verdict { mismatches: checker.mismatches, protocol: checker.protocol }
}

pub(super) struct Checker<'a> {
    pub(super) scope: &'a Scope,
    pub(super) seen: &'a Seen<'a>,
    pub(super) policy: &'a Policy,
    mismatches: Vec<Mismatch>,
    pub(super) protocol: Weighed,
}

impl Checker<'_> {
    fn all(&mut self, expect: &Expect) {
        self.protocol(expect);
        if let Some((api, place)) = expect.conforms {
            self.conforms(api, place, expect);
        }
        for (name, need) in &expect.headers {
            self.header(name, need);
        }
        if let Some(error) = &expect.error {
            self.error(error);
        }
        if let Some(stream) = &expect.stream {
            self.stream(stream);
        }
        for item in &expect.json {
            let Some(json) = self.seen.json() else { continue };
            let is_singular = is_singular(&item.path.text);
            let result = nodes(&item.path, json)
                .and_then(|nodes| nodes_meet(&item.need.matcher, &nodes, is_singular, self.scope));
            self.record(item.need.place, &item.path.text, result);
        }
        if let Some(need) = &expect.model {
            self.model(need);
        }
        if let Some(need) = &expect.text {
            self.text(need);
        }
        if let Some(usage) = &expect.usage {
            self.usage(usage);
        }
        if let Some(calls) = &expect.tool_calls {
            self.tool_calls(calls);
        }
        if let Some(embeddings) = &expect.embeddings {
            self.embeddings(embeddings);
        }
        if let Some(time) = &expect.time {
            self.time(time);
        }
    }

    pub(super) fn push(&mut self, place: Place, path: &str, unmet: Unmet, kind: MismatchKind) {
        let Unmet { expected, actual, texts, .. } = unmet;
        self.mismatches.push(Mismatch { place, path: path.to_owned(), expected, actual, kind, texts });
    }

    pub(super) fn record(&mut self, place: Place, path: &str, result: Result<(), Unmet>) {
        if let Err(unmet) = result {
            self.push(place, path, unmet, MismatchKind::WrongAnswer);
        }
    }

    pub(super) fn need(&mut self, need: &Need, path: &str, value: &Value) {
        self.record(need.place, path, meets(&need.matcher, value, self.scope));
    }

    pub(super) fn maybe(&mut self, need: &Option<Need>, path: &str, value: &Value) {
        if let Some(need) = need {
            self.need(need, path, value);
        }
    }

    fn protocol_violation(&mut self, path: &str, expected: &str, actual: impl Into<String>) {
        self.push(Place::default(), path, Unmet::new(expected, actual), MismatchKind::ProtocolViolation);
    }

    /// Checks the status. Without `status`, it must be 2xx, or 4xx or 5xx if an error is expected.
    fn status(&mut self, expect: &Expect) {
        let status = self.seen.status;
        let body = show::body(self.seen.body_text());
        let with_body = |status: String| if body.is_empty() { status } else { format!("{status}: {body}") };
        if let Some(need) = &expect.status {
            let result = meets(&need.matcher, &status.into(), self.scope);
            let result = result.map_err(|unmet| Unmet { actual: with_body(unmet.actual), ..unmet });
            return self.record(need.place, "status", result);
        }
        let (fine, place, wanted) = match &expect.error {
            Some(error) => ((400..600).contains(&status), error.place, "4xx or 5xx"),
            None => ((200..300).contains(&status), Place::default(), "2xx"),
        };
        if !fine {
            self.push(place, "status", Unmet::new(wanted, with_body(status.to_string())), MismatchKind::WrongAnswer);
        }
    }

    /// Checks what every reply must meet, whatever the step expects.
    fn protocol(&mut self, expect: &Expect) {
        let seen = self.seen;
        let reads_json = !expect.json.is_empty()
            || expect.text.is_some()
            || expect.tool_calls.is_some()
            || expect.embeddings.is_some()
            || expect.usage.is_some()
            || expect.stream.as_ref().is_some_and(|stream| stream.is_stream != Value::Bool(false));
        let not_json = seen.reading.not_json.as_ref().filter(|_| reads_json);
        let not_json = not_json.map(|why| format!("{why}: {}", show::cut(seen.body_text().trim())));
        let is_told = not_json.is_some();
        if let Some(actual) = not_json {
            self.protocol_violation("body", "JSON", actual);
        }
        // An incomplete body may break many rules. That it is incomplete is already reported.
        if seen.broken.is_some() {
            return;
        }
        let findings = seen.findings(expect.error.is_some());
        let weighed = self.policy.weigh(findings, expect.protocol.ignored(), &seen.asked);
        for finding in weighed.failing.iter().filter(|finding| !is_told || finding.rule.id != "body-json") {
            let Finding { rule, actual, .. } = finding;
            let place = format!("rule {}", rule.id);
            self.protocol_violation(&place, rule.holds, format!("{actual}; {}", rule.client));
        }
        self.protocol = weighed;
    }

    /// Reports that the reply has no choice with this index, and so no text and no tool call. A body that is not JSON
    /// is reported elsewhere.
    pub(super) fn no_choice(&mut self, place: Place, path: &str, index: u64) {
        if self.seen.reading.not_json.is_none() {
            let unmet = Unmet::new(format!("a choice {index}"), show::body(self.seen.body_text()));
            self.push(place, path, unmet, MismatchKind::ProtocolViolation);
        }
    }

    fn header(&mut self, name: &str, need: &Need) {
        let path = format!("header {name}");
        let values: Vec<Value> = self
            .seen
            .headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned().into())
            .collect();
        let result = nodes_meet(&need.matcher, &values.iter().collect::<Vec<_>>(), false, self.scope);
        self.record(need.place, &path, result);
    }

    fn error(&mut self, expect: &ErrorExpect) {
        let Some(error) = self.seen.error() else {
            let body = self.seen.body_text().trim();
            let actual = if body.is_empty() { "an empty body".to_owned() } else { show::body(body) };
            return self.push(expect.place, "error", Unmet::new("an error", actual), MismatchKind::ProtocolViolation);
        };
        for (need, name) in
            [(&expect.message, "message"), (&expect.r#type, "type"), (&expect.code, "code"), (&expect.param, "param")]
        {
            let is_absent = error.get(name).is_none();
            // Some servers omit members that are null in OpenAI's errors. A missing member counts as null, except for
            // `exists`.
            let wanted = need.as_ref().filter(|need| !(is_absent && need.matcher.exists == Some(false)));
            if let Some(need) = wanted {
                let result = match is_absent && need.matcher.exists.is_some() {
                    true => nodes_meet(&need.matcher, &[], false, self.scope),
                    false => meets(&need.matcher, &error[name], self.scope),
                };
                let result = result.map_err(|unmet| Unmet {
                    actual: format!("{} in {}", unmet.actual, show::body(&error.to_string())),
                    ..unmet
                });
                self.record(need.place, &format!("error.{name}"), result);
            }
        }
    }

    fn stream(&mut self, expect: &StreamExpect) {
        let seen = self.seen;
        let wanted = match filled(&expect.is_stream, self.scope) {
            Ok(Value::Bool(wanted)) => wanted,
            Ok(other) => {
                let unmet = Unmet::senseless("`true` or `false`", show::value(&other));
                return self.push(expect.place, "stream", unmet, MismatchKind::WrongAnswer);
            }
            Err(unmet) => return self.push(expect.place, "stream", unmet, MismatchKind::WrongAnswer),
        };
        if seen.reading.kind.is_stream() != wanted || wanted && seen.reading.kind != BodyKind::Events {
            let kind = seen
                .headers
                .get("content-type")
                .map_or("no content type".into(), |kind| String::from_utf8_lossy(kind.as_bytes()));
            let body = show::cut(seen.body_text().trim());
            let actual = format!("{} with {kind}: {body}", seen.status);
            let unmet = Unmet::new(if wanted { "an event stream" } else { "one whole reply" }, actual);
            return self.push(expect.place, "stream", unmet, MismatchKind::ProtocolViolation);
        }
        if !wanted {
            return;
        }
        let answer = &seen.reading.answer;
        let reasons: Vec<_> = answer.choices.values().map(|choice| choice.finish_reason.clone()).collect();
        // For other protocols, it is not known which events carry content. There, all events count.
        let has_chunks = seen.asked.is_completion() || !answer.choices.is_empty();
        let chunks = if has_chunks { answer.chunks } else { answer.events };
        self.maybe(&expect.chunks, "stream.chunks", &chunks.into());
        self.maybe(&expect.events, "stream.events", &answer.events.into());
        self.maybe(&expect.finish_reasons, "stream.finish_reasons", &json!(reasons));
        self.maybe(&expect.usage, "stream.usage", &answer.usage.clone().unwrap_or_default());
        self.maybe(&expect.roles, "stream.roles", &json!(answer.roles));
        self.maybe(&expect.choices, "stream.choices", &answer.choices());
        if let Some(done) = expect.done
            && done != answer.done
        {
            let words = |done| if done { "ends with [DONE]" } else { "ends without [DONE]" }.to_owned();
            self.push(
                expect.place,
                "stream.done",
                Unmet::new(words(done), words(answer.done)),
                MismatchKind::WrongAnswer,
            );
        }
    }
}
