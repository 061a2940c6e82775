//! Why a case failed, in one line: the server's own words where there are any.

use serde_json::Value;

use crate::event::{Class, Failure, Mismatch, Problem};
use crate::protocol::rule;

/// Characters of a reason.
const MOST: usize = 160;
/// What stands before a rule's id where a reply broke it.
const RULE: &str = "rule ";

/// Why a case did not pass.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Replies broke these rules, each with what came, and nothing else is wrong.
    Rules(Vec<(String, String)>),
    /// The API does not do it.
    Failed(String),
    /// There was no answer to judge by.
    NotTried(String),
}

pub(super) fn why(failure: &Failure) -> Why {
    let has_reply = failure.exchange.as_ref().is_some_and(|exchange| exchange.reply.is_some());
    let words = match &failure.problem {
        Problem::Mismatches(mismatches) => {
            let rules: Option<Vec<_>> = mismatches.iter().map(broken_rule).collect();
            match rules {
                Some(rules) if !rules.is_empty() => return Why::Rules(rules),
                _ => mismatches.first().map_or_else(String::new, of_mismatch),
            }
        }
        Problem::Message(message) => message.lines().next().unwrap_or_default().to_owned(),
        Problem::StrictPass(reason) => reason.clone(),
    };
    let words = cut(&words);
    let is_refused = match &failure.problem {
        Problem::Mismatches(mismatches) => mismatches.iter().any(|mismatch| mismatch.path == "status"),
        _ => true,
    };
    match failure.class {
        Class::WrongAnswer => Why::Failed(words),
        // Without any reply, a connection that was closed says nothing of what was asked.
        Class::ProtocolViolation | Class::ProviderDown if has_reply => Why::Failed(words),
        Class::RateLimited if is_refused => Why::NotTried(format!("the rate limit was reached: {words}")),
        // A limit that was to be reached.
        Class::RateLimited => Why::Failed(words),
        Class::MissingRecording | Class::StaleRecording => {
            Why::NotTried("no recording of it: --mode record makes one".to_owned())
        }
        Class::ProtocolViolation
        | Class::ProviderDown
        | Class::MissingKey
        | Class::BrokenRecording
        | Class::Harness => Why::NotTried(words),
    }
}

/// The rule that was broken, with what came: of a mismatch that is about a rule.
fn broken_rule(mismatch: &Mismatch) -> Option<(String, String)> {
    let rule = rule(mismatch.path.strip_prefix(RULE)?)?;
    // What a client makes of it stands behind, and is told from the rule.
    let actual = mismatch
        .actual
        .strip_suffix(rule.client)
        .map_or(mismatch.actual.as_str(), |actual| actual.trim_end_matches("; "));
    Some((rule.id.to_owned(), cut(actual)))
}

fn of_mismatch(mismatch: &Mismatch) -> String {
    let Mismatch { path, expected, actual, .. } = mismatch;
    if path == "status" {
        return match actual.split_once(": ") {
            // Where an error was wanted, what came in its place is no reason.
            Some((status, body)) if !status.starts_with('2') => {
                format!("{status} instead of {expected}: {}", server_words(body))
            }
            Some((status, _)) => format!("{status} instead of {expected}"),
            None => format!("{actual} instead of {expected}"),
        };
    }
    if actual == "the path selects nothing" {
        return format!("no `{path}` in the reply");
    }
    format!("{path}: expected {expected}, got {actual}")
}

/// What a body says: the message of its error, though the body may be cut.
fn server_words(body: &str) -> String {
    if let Ok(json) = serde_json::from_str::<Value>(body) {
        let messages = [&json["error"]["message"], &json["message"], &json["detail"], &json["error"]];
        return messages.iter().find_map(|message| message.as_str()).unwrap_or(body).to_owned();
    }
    let rest = body.split_once("\"message\":").map(|(_, rest)| rest.trim_start());
    let quoted = rest.and_then(|rest| serde_json::Deserializer::from_str(rest).into_iter::<String>().next());
    match (quoted, rest) {
        (Some(Ok(message)), _) => message,
        (_, Some(rest)) => rest.trim_start_matches('"').replace("\\n", " ").replace("\\\"", "\""),
        _ => body.to_owned(),
    }
}

/// One line, as long as a person reads.
fn cut(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_words_are_found_in_any_body() {
        for (body, words) in [
            (r#"{"error": {"message": "no such model", "code": 404}}"#, "no such model"),
            (r#"{"detail": "Not Found"}"#, "Not Found"),
            (r#"{"error": "busy"}"#, "busy"),
            (r#"{"error": {"code": 400, "message": "it is \"long\"", "t… (300 characters)"#, "it is \"long\""),
            (r#"{"error": {"message": "cut \"in\"\nthe mid… (300 characters)"#, "cut \"in\" the mid… (300 characters)"),
            ("Internal Server Error", "Internal Server Error"),
            (r#"{"status": 5}"#, r#"{"status": 5}"#),
        ] {
            assert_eq!(server_words(body), words);
        }
    }

    #[test]
    fn what_came_is_told_without_what_a_client_makes_of_it() {
        let client = rule("stream-cut").unwrap().client;
        let mismatch = |path: &str| Mismatch {
            place: Default::default(),
            path: path.to_owned(),
            expected: String::new(),
            actual: format!("half an event; and no more; {client}"),
            texts: None,
        };
        let broken = broken_rule(&mismatch("rule stream-cut"));
        assert_eq!(broken, Some(("stream-cut".to_owned(), "half an event; and no more".to_owned())));
        assert_eq!(broken_rule(&mismatch("text")), None);
    }
}
