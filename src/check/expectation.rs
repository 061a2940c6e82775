//! Every expectation of a step, in the order a reader asks: did it come, is it the protocol, is it right.

use serde_json::{Value, json};

use super::embeddings::{cosine, flaw, vector, vectors};
use super::matcher::{Unmet, filled, has_subset, meets, nodes_meet, validates};
use super::{Fault, Mismatch, Seen, Verdict, show};
use crate::suite::template::Scope;
use crate::suite::{
    ArgumentsExpect, ArgumentsKind, EmbeddingEncoding, EmbeddingsExpect, ErrorExpect, Expect, Need, StreamExpect,
    ToolCallsExpect,
};
use crate::yaml::Place;

/// Checks a reply. Names in operands are filled in from `scope`.
pub fn check(expect: &Expect, scope: &Scope, seen: &Seen<'_>) -> Verdict {
    let mut checker = Checker { scope, seen, mismatches: Vec::new() };
    checker.status(expect);
    checker.protocol(expect);
    for (name, need) in &expect.headers {
        checker.header(name, need);
    }
    if let Some(error) = &expect.error {
        checker.error(error);
    }
    if let Some(stream) = &expect.stream {
        checker.stream(stream);
    }
    for item in &expect.json {
        let Some(json) = seen.json() else { continue };
        let nodes = item.path.query(json).all();
        let result = nodes_meet(&item.need.matcher, &nodes, scope);
        checker.record(item.need.place, &item.text, result);
    }
    if let Some(need) = &expect.text {
        let text = seen.text().map_or(Value::Null, Value::from);
        checker.need(need, "text", &text);
    }
    if let Some(calls) = &expect.tool_calls {
        checker.tool_calls(calls);
    }
    if let Some(embeddings) = &expect.embeddings {
        checker.embeddings(embeddings);
    }
    Verdict { mismatches: checker.mismatches }
}

struct Checker<'a> {
    scope: &'a Scope,
    seen: &'a Seen<'a>,
    mismatches: Vec<Mismatch>,
}

impl Checker<'_> {
    fn push(&mut self, place: Place, path: &str, unmet: Unmet, fault: Fault) {
        let (expected, actual) = unmet;
        self.mismatches.push(Mismatch { place, path: path.to_owned(), expected, actual, fault });
    }

    fn record(&mut self, place: Place, path: &str, result: Result<(), Unmet>) {
        if let Err(unmet) = result {
            self.push(place, path, unmet, Fault::WrongAnswer);
        }
    }

    fn need(&mut self, need: &Need, path: &str, value: &Value) {
        self.record(need.place, path, meets(&need.matcher, value, self.scope));
    }

    fn maybe(&mut self, need: &Option<Need>, path: &str, value: &Value) {
        if let Some(need) = need {
            self.need(need, path, value);
        }
    }

    fn protocol_violation(&mut self, path: &str, expected: &str, actual: impl Into<String>) {
        self.push(Place::default(), path, (expected.to_owned(), actual.into()), Fault::ProtocolViolation);
    }

    /// Without `status`, 2xx; with `error` alone, 4xx or 5xx.
    fn status(&mut self, expect: &Expect) {
        let status = self.seen.status;
        if let Some(need) = &expect.status {
            return self.need(need, "status", &status.into());
        }
        let (fine, place, wanted) = match &expect.error {
            Some(error) => ((400..600).contains(&status), error.place, "4xx or 5xx"),
            None => ((200..300).contains(&status), Place::default(), "2xx"),
        };
        if !fine {
            let body = show::cut(self.seen.body_text().trim());
            let actual = if body.is_empty() { status.to_string() } else { format!("{status}: {body}") };
            self.push(place, "status", (wanted.to_owned(), actual), Fault::WrongAnswer);
        }
    }

    /// What every reply must be, whatever was asked of it.
    fn protocol(&mut self, expect: &Expect) {
        let seen = self.seen;
        if let Some(why) = seen.broken {
            self.protocol_violation("body", "a body that comes to its end", format!("it broke off: {why}"));
        }
        let reads_json = !expect.json.is_empty()
            || expect.text.is_some()
            || expect.tool_calls.is_some()
            || expect.embeddings.is_some()
            || expect.stream.is_some();
        if let Some(why) = &seen.not_json
            && (reads_json || seen.is_stream)
        {
            self.protocol_violation("body", "JSON", format!("{why}: {}", show::cut(seen.body_text().trim())));
        }
        if seen.is_stream && seen.answer.chunks == 0 && seen.not_json.is_none() {
            self.protocol_violation("stream", "at least one event", "the stream is empty");
        }
        if (200..300).contains(&seen.status)
            && expect.error.is_none()
            && let Some(error) = &seen.answer.error
        {
            let actual = format!("{} and an error: {}", seen.status, show::value(error));
            self.protocol_violation("body", "no error in a good reply", actual);
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
        let result = nodes_meet(&need.matcher, &values.iter().collect::<Vec<_>>(), self.scope);
        self.record(need.place, &path, result);
    }

    /// `{error: {…}}`, `{error: "…"}`, `{detail: …}` or plain text, here or inside a stream.
    fn error(&mut self, expect: &ErrorExpect) {
        let error = match &self.seen.answer.error {
            Some(Value::String(message)) => json!({"message": message}),
            Some(error) if error.is_object() => error.clone(),
            Some(other) => json!({"message": other.to_string()}),
            None => json!({"message": self.seen.body_text()}),
        };
        if self.seen.answer.error.is_none() && self.seen.body_text().trim().is_empty() {
            self.push(
                expect.place,
                "error",
                ("an error".to_owned(), "an empty body".to_owned()),
                Fault::ProtocolViolation,
            );
        }
        for (need, name) in
            [(&expect.message, "message"), (&expect.r#type, "type"), (&expect.code, "code"), (&expect.param, "param")]
        {
            self.maybe(need, &format!("error.{name}"), &error[name]);
        }
    }

    fn stream(&mut self, expect: &StreamExpect) {
        let seen = self.seen;
        if !seen.is_stream {
            let kind = seen
                .headers
                .get("content-type")
                .map_or("no content type".into(), |kind| String::from_utf8_lossy(kind.as_bytes()));
            let unmet = ("an event stream".to_owned(), format!("{} with {kind}", seen.status));
            return self.push(expect.place, "stream", unmet, Fault::ProtocolViolation);
        }
        let answer = &seen.answer;
        let reasons: Vec<_> = answer.choices.values().map(|choice| choice.finish_reason.clone()).collect();
        self.maybe(&expect.chunks, "stream.chunks", &answer.chunks.into());
        self.maybe(&expect.finish_reasons, "stream.finish_reasons", &json!(reasons));
        self.maybe(&expect.usage, "stream.usage", &answer.usage.clone().unwrap_or_default());
        self.maybe(&expect.roles, "stream.roles", &json!(answer.roles));
        self.maybe(&expect.choices, "stream.choices", &answer.choices_json());
        if let Some(done) = expect.done
            && done != seen.done
        {
            let words = |done| if done { "ends with [DONE]" } else { "ends without [DONE]" }.to_owned();
            self.push(expect.place, "stream.done", (words(done), words(seen.done)), Fault::WrongAnswer);
        }
    }

    fn tool_calls(&mut self, expect: &ToolCallsExpect) {
        let calls = self.seen.tool_calls();
        let calls = calls.as_array().map_or(&[][..], Vec::as_slice);
        self.maybe(&expect.count, "tool_calls.count", &calls.len().into());
        for (index, wanted) in expect.calls.iter().enumerate() {
            let path = format!("tool_calls[{index}]");
            let Some(call) = calls.get(index) else {
                let unmet = (
                    "a tool call".to_owned(),
                    format!("only {} came; the text is {:?}", calls.len(), self.seen.text().unwrap_or_default()),
                );
                self.push(wanted.place, &path, unmet, Fault::WrongAnswer);
                continue;
            };
            self.maybe(&wanted.name, &format!("{path}.name"), &call["function"]["name"]);
            let text = call["function"]["arguments"].as_str().unwrap_or_default();
            // A function without parameters may be called with nothing at all.
            match serde_json::from_str(if text.is_empty() { "{}" } else { text }) {
                Ok(arguments) => self.arguments(wanted.arguments.as_ref(), &path, &arguments),
                Err(error) => {
                    let unmet = ("arguments that are JSON".to_owned(), format!("{error}: {}", show::cut(text)));
                    self.push(wanted.place, &format!("{path}.arguments"), unmet, Fault::ProtocolViolation);
                }
            }
        }
    }

    fn arguments(&mut self, expect: Option<&ArgumentsExpect>, path: &str, arguments: &Value) {
        let Some(expect) = expect else { return };
        let scope = self.scope;
        let result = match &expect.kind {
            ArgumentsKind::Schema(schema) => filled(schema, scope).and_then(|schema| validates(&schema, arguments)),
            ArgumentsKind::Subset(subset) => {
                filled(subset, scope).and_then(|subset| match has_subset(arguments, &subset, false) {
                    true => Ok(()),
                    false => Err((format!("at least {}", show::value(&subset)), show::value(arguments))),
                })
            }
            ArgumentsKind::Equals(wanted) => {
                let matcher = crate::suite::Matcher { equals: Some(wanted.clone()), ..Default::default() };
                meets(&matcher, arguments, scope)
            }
        };
        self.record(expect.place, &format!("{path}.arguments"), result);
    }

    fn embeddings(&mut self, expect: &EmbeddingsExpect) {
        let Some(json) = self.seen.json() else { return };
        let found = match vectors(json) {
            Ok(found) => found,
            Err(why) => {
                return self.push(expect.place, "embeddings", ("vectors".to_owned(), why), Fault::ProtocolViolation);
            }
        };
        if found.is_empty() && expect.count.is_none() {
            self.push(
                expect.place,
                "embeddings",
                ("vectors".to_owned(), "there are none".to_owned()),
                Fault::WrongAnswer,
            );
        }
        self.maybe(&expect.count, "embeddings.count", &found.len().into());
        for (index, vector) in found.iter().enumerate() {
            self.maybe(&expect.dimensions, &format!("embeddings[{index}].dimensions"), &vector.numbers.len().into());
            let problem = flaw(vector).filter(|_| expect.finite == Some(true));
            if let Some(why) = problem {
                let unmet = ("finite numbers, not all zero".to_owned(), why.to_owned());
                self.push(expect.place, &format!("embeddings[{index}]"), unmet, Fault::WrongAnswer);
            }
            if let Some(encoding) = expect.encoding
                && encoding != vector.encoding
            {
                let unmet = (encoding_name(encoding).to_owned(), encoding_name(vector.encoding).to_owned());
                self.push(expect.place, &format!("embeddings[{index}].encoding"), unmet, Fault::WrongAnswer);
            }
        }
        if expect.differ == Some(true) {
            let twin = found
                .iter()
                .enumerate()
                .find_map(|(i, a)| found[i + 1..].iter().position(|b| a.numbers == b.numbers).map(|j| (i, i + 1 + j)));
            if let Some((i, j)) = twin {
                let unmet = ("vectors that differ".to_owned(), format!("vectors {i} and {j} are equal"));
                self.push(expect.place, "embeddings.differ", unmet, Fault::WrongAnswer);
            }
        }
        self.against_another(
            expect,
            found.first().map_or(&[], |v| &v.numbers),
            found.get(1).map(|v| v.numbers.as_slice()),
        );
    }

    /// `differs_from` and `cosine`: the first vector against a captured one, or the second.
    fn against_another(&mut self, expect: &EmbeddingsExpect, first: &[f64], second: Option<&[f64]>) {
        let captured = |operand: &Value| {
            filled(operand, self.scope).and_then(|value| {
                vector(&value)
                    .map(|vector| vector.numbers)
                    .map_err(|why| ("a vector".to_owned(), format!("the operand {why}")))
            })
        };
        if let Some(operand) = &expect.differs_from {
            let result = match captured(operand) {
                Ok(other) if other == first => Err(("a vector that differs".to_owned(), "the same vector".to_owned())),
                Ok(_) => Ok(()),
                Err(unmet) => Err(unmet),
            };
            self.record(expect.place, "embeddings.differs_from", result);
        }
        let Some(need) = &expect.cosine else { return };
        let other = match &expect.cosine_with {
            Some(operand) => captured(operand),
            None => second.map(<[f64]>::to_vec).ok_or(("a second vector".to_owned(), "there is one only".to_owned())),
        };
        match other {
            Ok(other) => self.need(need, "embeddings.cosine", &json!(cosine(first, &other))),
            Err(unmet) => self.push(need.place, "embeddings.cosine", unmet, Fault::WrongAnswer),
        }
    }
}

fn encoding_name(encoding: EmbeddingEncoding) -> &'static str {
    match encoding {
        EmbeddingEncoding::Float => "float",
        EmbeddingEncoding::Base64 => "base64",
    }
}

#[cfg(test)]
#[path = "expectation_tests.rs"]
mod tests;
