//! Checks a reply against the schema of its endpoint.

use std::sync::LazyLock;

use super::Finding;
use super::asked::{Asked, Endpoint};
use super::judge::Reply;
use super::rule::{self, Level, Rule};
use super::schema::{Breach, Fault, Id, Schemas};
use crate::wire::BodyKind;

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../schemas/wire/", $path)))),*]
    };
}

const FILES: &[(&str, &str)] = files![
    "openai/common.json",
    "openai/chat-completion.json",
    "openai/chat-completion-chunk.json",
    "openai/completion.json",
    "openai/completion-chunk.json",
    "openai/embeddings.json",
    "openai/embeddings-base64.json",
    "openai/models.json",
    "openai/response.json",
    "openai/response-stream-event.json",
    "openai/error.json",
    "anthropic/message.json",
    "anthropic/message-stream-event.json",
    "anthropic/error.json",
];

/// All schemas. A test makes sure that they can be read.
pub(super) static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| Schemas::read(FILES).unwrap_or_default());

/// APIs whose replies have schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// OpenAI's: chat completions, completions, embeddings, models, responses.
    OpenAi,
    /// Anthropic's: messages.
    Anthropic,
}

impl Api {
    /// Every API with its name in suites.
    pub const ALL: [(Api, &str); 2] = [(Api::OpenAi, "openai"), (Api::Anthropic, "anthropic")];

    /// The API of the requested endpoint; `None` if the endpoint has no rules.
    pub fn of(asked: &Asked) -> Option<Self> {
        asked.endpoint.map(|endpoint| match endpoint {
            Endpoint::Messages => Api::Anthropic,
            _ => Api::OpenAi,
        })
    }

    /// Its name in suites.
    pub fn name(self) -> &'static str {
        Api::ALL.iter().find(|(api, _)| *api == self).map_or("", |(_, name)| name)
    }
}

/// Adds findings about members of the reply that break the schema of its endpoint. If two rules cover the same fault,
/// only the finding of the more severe rule is kept.
pub fn judge_members(asked: &Asked, reply: &Reply<'_>, findings: &mut Vec<Finding>) {
    let Some(id) = schema(asked, reply) else { return };
    // The schema is not for an error in place of an answer, and not for a body that could not be parsed.
    if [&rule::ERROR_IN_SUCCESS, &rule::BODY_JSON].iter().any(|rule| findings.iter().any(|f| f.rule == *rule)) {
        return;
    }
    let is_good = (200..300).contains(&reply.status);
    // Values that JSON does not allow, such as NaN, are read as null. They are already reported.
    let is_flawed = findings.iter().any(|finding| finding.rule == &rule::EVENT_JSON);
    for breach in SCHEMAS.breaches(id, reply.items()) {
        if is_flawed && breach.is_null {
            continue;
        }
        let rule = match breach.fault {
            _ if !is_good => &rule::ERROR_FORM,
            Fault::Type => &rule::MEMBER_TYPE,
            Fault::Missing => &rule::MEMBER_MISSING,
            Fault::Value => &rule::MEMBER_VALUE,
        };
        if is_told(findings, &breach) {
            continue;
        }
        if breach.fault == Fault::Type {
            findings.retain(|finding| finding.rule.level != Level::Deviation || !tells(finding.rule, &breach.path));
        }
        let actual = told(reply, &breach);
        findings.push(Finding { rule, member: Some(breach.path), actual });
    }
}

/// Those of all `findings` that are about members that break the schema, whichever rule reports them.
pub fn of_schema(asked: &Asked, reply: &Reply<'_>, mut findings: Vec<Finding>) -> Vec<Finding> {
    let mut alone = Vec::new();
    judge_members(asked, reply, &mut alone);
    judge_members(asked, reply, &mut findings);
    let is_same = |finding: &Finding, other: &Finding| {
        other.member == finding.member || other.member.as_ref().is_some_and(|member| tells(finding.rule, member))
    };
    findings.retain(|finding| alone.iter().any(|other| is_same(finding, other)));
    findings
}

/// The schema of the reply, or of every event of a stream.
pub(super) fn schema(asked: &Asked, reply: &Reply<'_>) -> Option<Id> {
    let endpoint = asked.endpoint?;
    let is_good = (200..300).contains(&reply.status);
    let path = match (endpoint, reply.reading.kind) {
        (_, BodyKind::Lines) => return None,
        (_, BodyKind::Events) if !is_good => return None,
        (Endpoint::Messages, BodyKind::Whole) if !is_good => "anthropic/error.json",
        (_, BodyKind::Whole) if !is_good => "openai/error.json",
        (Endpoint::Chat, BodyKind::Whole) => "openai/chat-completion.json",
        (Endpoint::Chat, BodyKind::Events) => "openai/chat-completion-chunk.json",
        (Endpoint::Completions, BodyKind::Whole) => "openai/completion.json",
        (Endpoint::Completions, BodyKind::Events) => "openai/completion-chunk.json",
        (Endpoint::Embeddings, _) if asked.wants_base64 => "openai/embeddings-base64.json",
        (Endpoint::Embeddings, _) => "openai/embeddings.json",
        (Endpoint::Models, _) => "openai/models.json",
        (Endpoint::Responses, BodyKind::Whole) => "openai/response.json",
        (Endpoint::Responses, BodyKind::Events) => "openai/response-stream-event.json",
        (Endpoint::Messages, BodyKind::Whole) => "anthropic/message.json",
        (Endpoint::Messages, BodyKind::Events) => "anthropic/message-stream-event.json",
    };
    SCHEMAS.root(path)
}

/// Rules that state the same about a member as its schema. The empty name is the reply itself.
const SAME: &[(&Rule, &[&str])] = &[
    (&rule::CHOICES_EMPTY, &["choices"]),
    (&rule::CHOICE_FORM, &["choices[].message", "choices[].delta", "choices[].text"]),
    (&rule::CONTENT_TEXT, &["choices[].message.content", "choices[].delta.content"]),
    (&rule::EMBEDDINGS_INDEX, &["data[].index"]),
    (&rule::EVENT_OBJECT, &[""]),
    (&rule::ID_MISSING, &["id"]),
    (&rule::MODELS_LIST, &["", "data", "data[]", "data[].id"]),
    (&rule::OBJECT, &["object"]),
    (&rule::TOOL_CALL_ARGUMENTS_OBJECT, &["tool_calls[].function.arguments"]),
    (&rule::TOOL_CALL_ARGUMENTS_TEXT, &["tool_calls[].function.arguments"]),
    (&rule::TOOL_CALL_ID, &["tool_calls[].id"]),
    (&rule::TOOL_CALL_INDEX, &["tool_calls[].index"]),
    (&rule::TOOL_CALL_NAME, &["tool_calls[].function.name"]),
    (&rule::USAGE_MISSING, &["usage"]),
];

/// Whether a rule is about this member.
pub(super) fn tells(rule: &Rule, path: &str) -> bool {
    let in_choice = path.strip_prefix("choices[].message.").or_else(|| path.strip_prefix("choices[].delta."));
    let is_it = |member: &&str| path == *member || in_choice == Some(member);
    SAME.iter().any(|(same, members)| *same == rule && members.iter().any(is_it))
}

fn is_told(findings: &[Finding], breach: &Breach) -> bool {
    let is_graver = |rule: &Rule| breach.fault != Fault::Type || rule.level == Level::Violation;
    findings.iter().any(|finding| is_graver(finding.rule) && tells(finding.rule, &breach.path))
}

/// The text of a finding: ``event 2: `choices[].index`: none (3 times)``.
fn told(reply: &Reply<'_>, breach: &Breach) -> String {
    let event = if reply.is_stream() { format!("event {}: ", breach.first) } else { String::new() };
    let member = if breach.path.is_empty() { String::new() } else { format!("`{}`: ", breach.path) };
    let times = if breach.count > 1 { format!(" ({} times)", breach.count) } else { String::new() };
    format!("{event}{member}{}{times}", breach.actual)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::judge::judge;
    use super::*;
    use crate::wire::read;

    #[test]
    fn every_schema_can_be_read() {
        let schemas = Schemas::read(FILES);
        assert!(schemas.is_ok(), "{schemas:?}");
        assert!(FILES.iter().all(|(path, _)| SCHEMAS.root(path).is_some()));
    }

    /// The findings of all rules about a reply, as text.
    fn told(path: &str, request: &Value, status: u16, body: &str) -> Vec<String> {
        let asked = Asked::new("POST", path, request.to_string().as_bytes());
        let content_type = if request["stream"] == true { "text/event-stream" } else { "application/json" };
        let reading = read(content_type, body.as_bytes());
        let reply = Reply { status, content_type, reading: &reading };
        let mut findings = judge(&asked, &reply);
        judge_members(&asked, &reply, &mut findings);
        findings.iter().map(|finding| format!("{} {}", finding.rule.id, finding.actual)).collect()
    }

    fn chat(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut reply = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Sol"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}});
        change(&mut reply);
        told("/v1/chat/completions", &json!({"model": "m"}), 200, &reply.to_string())
    }

    #[test]
    fn members_of_a_chat_are_held_to_its_schema() {
        assert_eq!(chat(|_| {}), Vec::<String>::new());
        assert_eq!(
            chat(|reply| reply["created"] = json!("1")),
            ["member-type `created`: the string \"1\", and the reference has an integer"]
        );
        assert_eq!(
            chat(|reply| reply["choices"][0]["message"] = json!({"content": "Sol"})),
            ["member-missing `choices[].message.role`: none"]
        );
        assert_eq!(
            chat(|reply| reply["usage"]["total_tokens"] = Value::Null),
            ["member-missing `usage.total_tokens`: null"]
        );
    }

    #[test]
    fn a_fault_is_told_once_by_the_graver_rule() {
        assert_eq!(chat(|reply| reply["id"] = Value::Null), ["id-missing none"]);
        assert_eq!(
            chat(|reply| reply["id"] = json!(5)),
            ["member-type `id`: the integer 5, and the reference has a string"]
        );
        assert_eq!(chat(|reply| reply["object"] = json!("chat")), ["object \"chat\" for \"chat.completion\""]);
        assert_eq!(chat(|reply| reply["choices"] = Value::Null), ["choices-empty none"]);
        let call = json!([{"id": "a", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]);
        let with_call = |reply: &mut Value| {
            reply["choices"][0]["message"]["tool_calls"] = call;
            reply["choices"][0]["finish_reason"] = json!("tool_calls");
        };
        assert_eq!(chat(with_call), ["tool-call-arguments-text event 0: {\"a\":1}"]);
        assert_eq!(chat(|reply| reply["error"] = json!({"message": "busy"})).len(), 1, "an error is no answer");
    }

    #[test]
    fn events_are_held_to_the_schema_of_events_and_told_once_for_each_member() {
        let event = |choice: Value| json!({"id": "c", "object": "chat.completion.chunk", "created": "now", "model": "m", "choices": [choice]});
        let events = [
            event(json!({"index": 0, "delta": {"role": "assistant", "content": "Sol"}})),
            event(json!({"delta": {"refusal": ["!"]}, "finish_reason": null})),
            event(json!({"delta": {}, "finish_reason": "stop"})),
        ];
        let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        assert_eq!(
            told("/v1/chat/completions", &json!({"stream": true}), 200, &(body + "data: [DONE]\n\n")),
            [
                "member-type event 0: `created`: the string \"now\", and the reference has an integer (3 times)",
                "member-missing event 1: `choices[].index`: none (2 times)",
                "member-type event 1: `choices[].delta.refusal`: an array, and the reference has a string",
            ]
        );
    }

    #[test]
    fn vectors_are_texts_where_base64_was_asked_for() {
        let reply = json!({"object": "list", "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1},
                           "data": [{"object": "embedding", "index": 0, "embedding": "AAAA"}]});
        let told = |request: Value| told("/v1/embeddings", &request, 200, &reply.to_string());
        assert_eq!(told(json!({"encoding_format": "base64"})), Vec::<String>::new());
        assert_eq!(
            told(json!({})),
            ["member-type `data[].embedding`: the string \"AAAA\", and the reference has an array"]
        );
    }

    #[test]
    fn errors_have_a_form_too_and_a_rule_of_their_own() {
        let error = |path: &str, body: Value| told(path, &json!({}), 400, &body.to_string());
        let openai = json!({"error": {"message": "no", "type": "invalid_request_error", "param": null, "code": 400}});
        assert_eq!(
            error("/v1/completions", openai),
            ["error-form `error.code`: the integer 400, and the reference has a string"]
        );
        assert_eq!(error("/v1/completions", json!({"detail": "no"})), ["error-form `error`: none"]);
        let anthropic = json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}});
        assert_eq!(error("/v1/messages", anthropic), Vec::<String>::new());
        assert_eq!(told("/v1/completions", &json!({}), 502, "Bad Gateway"), Vec::<String>::new());
    }

    #[test]
    fn messages_and_responses_are_held_to_theirs() {
        let message = json!({"id": "m", "type": "message", "role": "assistant", "model": "c", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": 5}, {"type": "new"}, {"type": "tool_use", "id": "t", "name": "f"}],
            "usage": {"input_tokens": 1, "output_tokens": 2}});
        assert_eq!(
            told("/v1/messages", &json!({}), 200, &message.to_string()),
            [
                "member-type `content[].text`: the integer 5, and the reference has a string",
                "member-missing `content[].input`: none",
            ]
        );
        let events = [
            json!({"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0,
                   "sequence_number": 4, "delta": 5, "logprobs": []}),
            json!({"type": "response.not_known_yet", "delta": 5}),
            json!({"item_id": "i"}),
        ];
        let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        let told = told("/v1/responses", &json!({"stream": true}), 200, &body);
        assert_eq!(
            told[1..],
            [
                "member-type event 0: `delta`: the integer 5, and the reference has a string",
                "member-missing event 2: `type`: none",
            ]
        );
        assert!(told[0].starts_with("stream-end"), "{told:?}");
    }
}
