//! The token usage that a reply reports.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::body::BodyKind;
use super::{lenient, ndjson, sse};

/// Token counts of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Input tokens.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
}

/// The usage that a reply, whole or streamed, reports in the format of OpenAI, Anthropic or Ollama. `None` if it
/// reports none.
pub fn usage(content_type: &str, body: &[u8]) -> Option<Usage> {
    match BodyKind::of(content_type, body) {
        BodyKind::Whole => of_all(std::iter::once(String::from_utf8_lossy(body))),
        BodyKind::Events => of_all(sse::parse(body).into_iter().filter_map(|segment| match segment.kind {
            sse::Kind::Event(event) => event.data.map(Cow::Owned),
            sse::Kind::Quiet => None,
        })),
        BodyKind::Lines => of_all(ndjson::parse(body).into_iter().map(|line| Cow::Owned(line.text))),
    }
}

/// Parts of a stream report the usage so far: the highest count is the usage.
fn of_all<'t>(texts: impl Iterator<Item = Cow<'t, str>>) -> Option<Usage> {
    // Most events of a stream report no usage and need not be parsed.
    let texts = texts.filter(|text| text.contains("usage") || text.contains("eval_count"));
    let parts = texts.filter_map(|text| match serde_json::from_str::<Counts>(&text) {
        Ok(Counts(value)) => of(&value),
        Err(_) => of(&lenient::read(&text).ok()?.value),
    });
    parts.reduce(|a, b| Usage { input: a.input.max(b.input), output: a.output.max(b.output) })
}

/// The names of a count, by the API: OpenAI's chat, OpenAI's Responses and Anthropic's Messages, Ollama's own.
const INPUT: [&str; 3] = ["prompt_tokens", "input_tokens", "prompt_eval_count"];
const OUTPUT: [&str; 3] = ["completion_tokens", "output_tokens", "eval_count"];
const TOTAL: &str = "total_tokens";
/// Anthropic counts tokens read from a cache or written to one beside the input.
const CACHED: [&str; 2] = ["cache_read_input_tokens", "cache_creation_input_tokens"];

/// The members of a reply's object that can hold counts: of a long answer, most is something else.
struct Counts(Value);

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Counts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Counts, A::Error> {
                let mut kept = Map::new();
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    let name = name.as_ref();
                    let is_count =
                        [INPUT.as_slice(), &OUTPUT, &CACHED, &[TOTAL]].iter().any(|names| names.contains(&name));
                    if is_count || ["usage", "message", "response"].contains(&name) {
                        kept.insert(name.to_owned(), map.next_value()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Counts(kept.into()))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

fn of(value: &Value) -> Option<Usage> {
    let places = [&value["usage"], &value["message"]["usage"], &value["response"]["usage"]];
    let usage = places.into_iter().find(|usage| usage.is_object()).unwrap_or(value);
    let count = |names: &[&str]| names.iter().find_map(|name| usage[*name].as_u64());
    let (input, output) = (count(&INPUT), count(&OUTPUT));
    let beside = CACHED.map(|name| count(&[name]).unwrap_or(0));
    let beside = beside.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
    let total = count(&[TOTAL]);
    if input.is_none() && output.is_none() && total.is_none() {
        return None;
    }
    let output = output.unwrap_or(0);
    let input = input.unwrap_or_else(|| total.unwrap_or(0).saturating_sub(output)).saturating_add(beside);
    Some(Usage { input, output })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(body: &str) -> Option<(u64, u64)> {
        usage("application/json", body.as_bytes()).map(|usage| (usage.input, usage.output))
    }

    #[test]
    fn whole_replies_of_several_apis() {
        let chat = r#"{"usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8, "prompt_tokens_details": {"cached_tokens": 2}}}"#;
        assert_eq!(json(chat), Some((3, 5)));
        assert_eq!(json(r#"{"usage": {"prompt_tokens": 4, "total_tokens": 4}}"#), Some((4, 0)), "embeddings");
        assert_eq!(json(r#"{"usage": {"total_tokens": 9}}"#), Some((9, 0)));
        let messages = r#"{"usage": {"input_tokens": 1, "cache_read_input_tokens": 10, "output_tokens": 2}}"#;
        assert_eq!(json(messages), Some((11, 2)));
        let lenient = r#"{"logprob": NaN, "usage": {"prompt_tokens": 3, "completion_tokens": 5}}"#;
        assert_eq!(json(lenient), Some((3, 5)), "what is not quite JSON is read as far as it is");
        assert_eq!(json(r#"{"done": true, "prompt_eval_count": 6, "eval_count": 7}"#), Some((6, 7)));
    }

    #[test]
    fn none_is_none() {
        for body in [
            "",
            "usage",
            "{}",
            r#"{"usage": null}"#,
            r#"{"usage": {}}"#,
            r#"{"usage": {"prompt_tokens": -1, "completion_tokens": -1, "total_tokens": -1}}"#,
            r#"{"choices": [{"message": {"content": "usage"}}]}"#,
        ] {
            assert_eq!(json(body), None, "{body}");
        }
    }

    #[test]
    fn streams_report_at_their_end_or_bit_by_bit() {
        let of = |kind: &str, body: &str| usage(kind, body.as_bytes()).map(|usage| (usage.input, usage.output));
        let last = "data: {\"choices\": [], \"usage\": null}\n\ndata: {\"usage\": {\"prompt_tokens\": 1, \"completion_tokens\": 2}}\n\ndata: [DONE]\n\n";
        assert_eq!(of("text/event-stream; charset=utf-8", last), Some((1, 2)));
        let messages = "event: message_start\ndata: {\"message\": {\"usage\": {\"input_tokens\": 25, \"output_tokens\": 1}}}\n\n\
                        event: message_delta\ndata: {\"usage\": {\"output_tokens\": 15}}\n\n";
        assert_eq!(of("text/event-stream", messages), Some((25, 15)));
        let responses = "data: {\"response\": {\"usage\": {\"input_tokens\": 3, \"output_tokens\": 4}}}\n\n";
        assert_eq!(of("text/event-stream", responses), Some((3, 4)));
        let lines = "{\"done\":false}\n{\"done\":true,\"prompt_eval_count\":6,\"eval_count\":7}\n";
        assert_eq!(of("application/x-ndjson", lines), Some((6, 7)));
        assert_eq!(of("text/event-stream", "data: {\"choices\": []}\n\ndata: [DONE]\n\n"), None);
    }
}
