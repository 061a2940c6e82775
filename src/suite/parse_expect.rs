//! Converts expectations from the file's format into the one that `check` uses.

use serde_json::Value;

use super::expect::{
    Approx, ArgumentsExpect, ArgumentsKind, EmbeddingEncoding, EmbeddingsExpect, ErrorExpect, Expect, Matcher, Need,
    PathExpect, ProtocolExpect, StreamExpect, TimeExpect, ToolCallExpect, ToolCallsExpect, UsageExpect, ValueType,
};
use super::raw::{
    RawArguments, RawEmbeddings, RawErrorReply, RawExpect, RawMatcher, RawNeed, RawStream, RawTime, RawToolCall,
    RawToolCalls, RawUsage,
};
use super::reader::{Checked, Reader, readable};
use super::template;
use crate::protocol::{self, Api};
use crate::yaml::{OneOrMore, Pairs, Place, Short, Spanned};

/// Reads the expectations of one step.
pub(super) fn parse_expect(reader: &mut Reader<'_>, scope: &[String], _step: Place, raw: RawExpect) -> Expect {
    let mut parser = ExpectParser { reader, scope };
    Expect {
        status: parser.maybe(raw.status),
        headers: parser.headers(raw.headers),
        json: parser.json(raw.json),
        text: parser.maybe(raw.text),
        stream: raw.stream.and_then(|raw| parser.stream(raw).ok()).map(Box::new),
        model: parser.maybe(raw.model),
        usage: raw.usage.and_then(|raw| parser.usage(raw).ok()).map(Box::new),
        tool_calls: raw.tool_calls.map(|raw| Box::new(parser.tool_calls(raw))),
        embeddings: raw.embeddings.map(|raw| Box::new(parser.embeddings(raw))),
        error: raw.error.and_then(|raw| parser.error_reply(raw).ok()).map(Box::new),
        time: raw.time.map(|raw| Box::new(parser.time(&raw))),
        protocol: raw.protocol.map_or_else(ProtocolExpect::default, |raw| parser.protocol(raw)),
        conforms: raw.conforms.and_then(|raw| parser.conforms(&raw)),
        broken: raw.broken.map(|raw| (raw.value, raw.place)),
    }
}

/// Reads a matcher that is not part of a case, so that it cannot use parameters and captures.
pub(super) fn parse_need(reader: &mut Reader<'_>, raw: RawNeed) -> Need {
    ExpectParser { reader, scope: &[] }.need(raw)
}

struct ExpectParser<'a, 'b> {
    reader: &'a mut Reader<'b>,
    scope: &'a [String],
}

impl ExpectParser<'_, '_> {
    fn protocol(&mut self, raw: Spanned<OneOrMore>) -> ProtocolExpect {
        match raw.value {
            OneOrMore::One(word) if ["off", "false"].contains(&word.as_str()) => ProtocolExpect::Off,
            OneOrMore::One(word) => {
                let reason = format!("`protocol` is `off` or a list of rules, not `{word}`");
                self.reader.error(raw.place, word.chars().count(), reason).push_help(
                    "write `protocol: off`, or the rules that the reply may break, such as `protocol: [usage-missing]`",
                );
                ProtocolExpect::All
            }
            OneOrMore::More(words) => ProtocolExpect::Without(
                words
                    .iter()
                    .filter_map(|word| {
                        let found = protocol::rule(&word.value);
                        if found.is_none() {
                            let known: Vec<&str> = protocol::RULES.iter().map(|rule| rule.id).collect();
                            self.reader.unknown(word, "rule", &known);
                        }
                        found
                    })
                    .collect(),
            ),
        }
    }

    fn conforms(&mut self, raw: &Spanned<String>) -> Option<(Api, Place)> {
        let found = Api::ALL.iter().find(|(_, name)| *name == raw.value);
        if found.is_none() {
            self.reader.unknown(raw, "API", &Api::ALL.map(|(_, name)| name));
        }
        found.map(|(api, _)| (*api, raw.place))
    }

    fn maybe(&mut self, raw: Option<RawNeed>) -> Option<Need> {
        raw.map(|raw| self.need(raw))
    }

    fn need(&mut self, raw: RawNeed) -> Need {
        let place = raw.place;
        let matcher = match raw.value {
            Short::Plain(value) => Matcher { equals: Some(self.operand(place, value)), ..Matcher::default() },
            Short::Full(raw) => self.matcher(place, *raw),
        };
        Need { matcher: Box::new(matcher), place }
    }

    fn operand(&mut self, place: Place, value: Value) -> Box<Value> {
        Box::new(self.value(place, value))
    }

    /// Checks that the names in a value are declared, and returns the value.
    fn value(&mut self, place: Place, value: Value) -> Value {
        self.reader.names(self.scope, place, template::names(&value));
        value
    }

    fn inner(&mut self, raw: Option<Box<RawNeed>>) -> Option<Box<Matcher>> {
        raw.map(|raw| self.need(*raw).matcher)
    }

    /// Reads a matcher of a length or a count, which is compared with numbers.
    fn size(&mut self, raw: Option<Box<RawNeed>>, what: &str) -> Option<Box<Matcher>> {
        let raw = raw?;
        let place = raw.place;
        let matcher = self.need(*raw).matcher;
        if matcher.equals.as_ref().is_some_and(|value| !is_number_or_name(value)) {
            self.reader
                .error(place, 1, format!("`{what}` is compared with a number"))
                .push_help(format!("write `{what}: 3` or `{what}: {{gt: 0}}`"));
        }
        Some(matcher)
    }

    fn number(&mut self, raw: Option<Spanned<Value>>, what: &str) -> Option<Box<Value>> {
        let raw = raw?;
        if !is_number_or_name(&raw.value) {
            self.reader.error(raw.place, 1, format!("`{what}` wants a number")).push_help(format!("write `{what}: 3`"));
        }
        Some(self.operand(raw.place, raw.value))
    }

    fn matcher(&mut self, place: Place, raw: RawMatcher) -> Matcher {
        let errors = self.reader.errors.len();
        let is_named = raw.is.is_some();
        let matcher = Matcher {
            equals: raw.equals.map(|value| self.operand(place, value)),
            contains: raw.contains.map(|value| self.operand(place, value)),
            matches: raw.matches.map(|text| Box::new(self.regex(text))),
            length: self.size(raw.length, "length"),
            gt: self.number(raw.gt, "gt"),
            ge: self.number(raw.ge, "ge"),
            lt: self.number(raw.lt, "lt"),
            le: self.number(raw.le, "le"),
            r#type: raw.r#type.and_then(|word| self.value_type(&word).ok()),
            approx: raw.approx.map(|raw| Box::new(Approx { value: self.value(place, raw.value), within: raw.within })),
            one_of: raw.one_of.map(|values| values.into_iter().map(|value| self.value(place, value)).collect()),
            any: self.inner(raw.any),
            all: self.inner(raw.all),
            not: self.inner(raw.not),
            exists: raw.exists,
            count: self.size(raw.count, "count"),
            schema: raw.schema.and_then(|schema| self.schema(schema).ok()).map(Box::new),
            is: raw.is.and_then(|name| self.reader.named_matcher(&name).ok()).map(Box::new),
            fold: raw.fold,
        };
        // If its parts or the matcher that it names had mistakes, those reports are more useful than this one.
        if matcher.is_empty() && !is_named && self.reader.errors.len() == errors {
            self.reader
                .error(place, 1, "this matcher asks for nothing")
                .push_help("write a value, or for example `{contains: …}`");
        }
        matcher
    }

    fn regex(&mut self, text: Spanned<String>) -> Value {
        let parsed = regex::Regex::new(&text.value);
        match parsed {
            // An expression with `${…}` can be parsed only after the replacement.
            Err(error) if !text.value.contains("${") => {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.reader
                    .error(
                        text.place,
                        text.value.chars().count(),
                        format!("`{}` is not a regular expression: {reason}", text.value),
                    )
                    .push_help("the syntax is that of the Rust crate regex; quote what is meant literally with `\\`");
            }
            _ => {}
        }
        self.value(text.place, Value::String(text.value))
    }

    #[cfg(not(feature = "schema"))]
    fn schema(&mut self, schema: Spanned<Value>) -> Checked<Value> {
        use crate::features;
        Err(self.reader.error(schema.place, 1, features::without("schema")).push_help(features::help("schema")))
    }

    #[cfg(feature = "schema")]
    fn schema(&mut self, schema: Spanned<Value>) -> Checked<Value> {
        match jsonschema::meta::validate(&schema.value) {
            Ok(()) => Ok(self.value(schema.place, schema.value)),
            Err(error) => {
                let reason = format!("this is not a JSON Schema: {error}");
                Err(self
                    .reader
                    .error(schema.place, 1, reason)
                    .push_help("see json-schema.org; draft 2020-12 is the default"))
            }
        }
    }

    fn value_type(&mut self, word: &Spanned<String>) -> Checked<ValueType> {
        const TYPES: [(&str, ValueType); 7] = [
            ("null", ValueType::Null),
            ("boolean", ValueType::Boolean),
            ("integer", ValueType::Integer),
            ("number", ValueType::Number),
            ("string", ValueType::String),
            ("array", ValueType::Array),
            ("object", ValueType::Object),
        ];
        let found = TYPES.iter().find(|(name, _)| *name == word.value).map(|(_, kind)| *kind);
        found.ok_or_else(|| self.reader.unknown(word, "type", &TYPES.map(|(name, _)| name)))
    }

    fn headers(&mut self, raw: Pairs<RawNeed>) -> Vec<(String, Need)> {
        let read = |(name, need): (Spanned<String>, RawNeed)| {
            self.reader.header(&name);
            (name.value, self.need(need))
        };
        raw.0.into_iter().map(read).collect()
    }

    fn json(&mut self, raw: Pairs<RawNeed>) -> Vec<PathExpect> {
        let read = |(text, need): (Spanned<String>, RawNeed)| {
            let need = self.need(need);
            let path = self.reader.json_path(&text)?;
            Ok(PathExpect { path, need: Need { place: text.place, ..need } })
        };
        let mut paths: Vec<PathExpect> = readable(raw.0.into_iter().map(read));
        paths.shrink_to_fit();
        paths
    }

    fn stream(&mut self, raw: Spanned<Short<RawStream>>) -> Checked<StreamExpect> {
        let place = raw.place;
        let is_name = |text: &str| text.starts_with("${") && text.ends_with('}');
        let (is_stream, raw) = match raw.value {
            Short::Full(raw) => (Value::Bool(true), raw),
            Short::Plain(value @ Value::Bool(_)) => (value, RawStream::default()),
            Short::Plain(Value::String(text)) if is_name(&text) => {
                (self.value(place, Value::String(text)), RawStream::default())
            }
            Short::Plain(_) => {
                return Err(self
                    .reader
                    .error(place, 1, "`stream` is `true`, `false`, a parameter or a mapping")
                    .push_help("write `stream: true`, `stream: ${stream}` or `stream: {chunks: {gt: 1}}`"));
            }
        };
        Ok(StreamExpect {
            place,
            is_stream,
            chunks: self.maybe(raw.chunks),
            events: self.maybe(raw.events),
            finish_reasons: self.maybe(raw.finish_reasons),
            usage: self.maybe(raw.usage),
            roles: self.maybe(raw.roles),
            choices: self.maybe(raw.choices),
            done: raw.done,
        })
    }

    fn usage(&mut self, raw: Spanned<Short<RawUsage>>) -> Checked<UsageExpect> {
        let place = raw.place;
        let raw = match raw.value {
            Short::Full(raw) => raw,
            Short::Plain(Value::Bool(true)) => RawUsage::default(),
            Short::Plain(_) => {
                return Err(self
                    .reader
                    .error(place, 1, "`usage` is `true` or a mapping")
                    .push_help("write `usage: true`, `usage: {adds_up: true}` or `usage: {total_tokens: {gt: 0}}`"));
            }
        };
        let counts = [
            ("prompt_tokens", raw.prompt_tokens),
            ("completion_tokens", raw.completion_tokens),
            ("total_tokens", raw.total_tokens),
        ];
        let counts = counts.into_iter().filter_map(|(name, raw)| Some((name, self.need(raw?)))).collect();
        Ok(UsageExpect { place, adds_up: raw.adds_up, counts })
    }

    fn tool_calls(&mut self, raw: Spanned<RawToolCalls>) -> ToolCallsExpect {
        let (place, raw) = (raw.place, raw.value);
        let count = self.maybe(raw.count);
        let read = |call: Spanned<RawToolCall>| {
            let name = self.maybe(call.value.name);
            let arguments = call.value.arguments.and_then(|raw| self.arguments(raw).ok());
            ToolCallExpect { place: call.place, name, arguments }
        };
        ToolCallsExpect { place, choice: raw.choice, count, calls: raw.calls.into_iter().map(read).collect() }
    }

    fn arguments(&mut self, raw: Spanned<RawArguments>) -> Checked<ArgumentsExpect> {
        let (place, raw) = (raw.place, raw.value);
        let kind = match (raw.schema, raw.subset, raw.equals) {
            (Some(schema), None, None) => ArgumentsKind::Schema(self.schema(Spanned { value: schema, place })?),
            (None, Some(subset), None) => ArgumentsKind::Subset(self.value(place, subset)),
            (None, None, Some(equals)) => ArgumentsKind::Equals(self.value(place, equals)),
            _ => {
                return Err(self
                    .reader
                    .error(place, 1, "`arguments` has exactly one of schema, subset, equals")
                    .push_help("write `arguments: {subset: {city: Tokyo}}`, for example"));
            }
        };
        Ok(ArgumentsExpect { place, kind })
    }

    fn time(&mut self, raw: &RawTime) -> TimeExpect {
        let mut read = |raw: &Option<Spanned<String>>| {
            let raw = raw.as_ref()?;
            Some((self.reader.duration(raw).ok()?, raw.place))
        };
        TimeExpect { first_byte: read(&raw.first_byte), gap: read(&raw.gap), whole: read(&raw.whole) }
    }

    fn embeddings(&mut self, raw: Spanned<RawEmbeddings>) -> EmbeddingsExpect {
        let (place, raw) = (raw.place, raw.value);
        EmbeddingsExpect {
            place,
            count: self.maybe(raw.count),
            dimensions: self.maybe(raw.dimensions),
            finite: raw.finite,
            encoding: raw.encoding.and_then(|word| match word.value.as_str() {
                "float" => Some(EmbeddingEncoding::Float),
                "base64" => Some(EmbeddingEncoding::Base64),
                _ => {
                    self.reader.unknown(&word, "encoding", &["float", "base64"]);
                    None
                }
            }),
            differ: raw.differ,
            differs_from: raw.differs_from.map(|value| self.value(place, value)),
            cosine: self.maybe(raw.cosine),
            cosine_with: raw.cosine_with.map(|value| self.value(place, value)),
        }
    }

    fn error_reply(&mut self, raw: Spanned<Short<RawErrorReply>>) -> Checked<ErrorExpect> {
        let place = raw.place;
        let raw = match raw.value {
            Short::Full(raw) => raw,
            Short::Plain(Value::Bool(true)) => RawErrorReply::default(),
            Short::Plain(_) => {
                return Err(self
                    .reader
                    .error(place, 1, "`error` is `true` or a mapping")
                    .push_help("write `error: true` or `error: {message: {contains: …}}`"));
            }
        };
        Ok(ErrorExpect {
            place,
            message: self.maybe(raw.message),
            r#type: self.maybe(raw.r#type),
            code: self.maybe(raw.code),
            param: self.maybe(raw.param),
        })
    }
}

fn is_number_or_name(value: &Value) -> bool {
    value.is_number() || value.as_str().is_some_and(|text| text.starts_with("${"))
}
