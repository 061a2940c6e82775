//! Compares two recordings of the same requests, and proposes what to declare.

use std::fmt::Write as _;

use serde_json::Value;

use crate::exchange::{Changes, Exchange, Field, Remedy, Rules, changes};

/// How many characters of a value are shown.
const MOST_CHARACTERS: usize = 60;
/// How many changed fields of replies are shown; they need no remedy.
const MOST_REPLY_FIELDS: usize = 12;

/// Describes what changed between two recordings of the same requests to a provider, and what to do about it. `rules`
/// are already declared: the provider's, and masks of suites.
pub(super) fn account(provider: &str, rules: &Rules, first: &[Exchange], second: &[Exchange]) -> String {
    let changed = &changes(first, second, rules);
    let out = &mut String::new();
    let requests = match changed.pairs {
        1 => "1 request was".to_owned(),
        count => format!("{count} requests were"),
    };
    let _ = writeln!(out, "\n{provider}: {requests} recorded twice, aside.");
    for request in &changed.unpaired {
        let _ = writeln!(out, "  {request}");
    }
    if changed.requests.is_empty() {
        let _ = writeln!(out, "  No request changed: replay finds them all.");
    } else {
        let _ = writeln!(out, "  Fields of requests that changed:");
        changed.requests.iter().for_each(|field| field_line(field, out));
    }
    propose_ignores(provider, changed, out);
    propose_masks(provider, changed, out);
    if !changed.replies.is_empty() {
        let _ =
            writeln!(out, "  Fields of replies that changed. They are replayed as recorded; expect no exact value of:");
        changed.replies.iter().take(MOST_REPLY_FIELDS).for_each(|field| field_line(field, out));
        if let Some(more) = changed.replies.len().checked_sub(MOST_REPLY_FIELDS).filter(|more| *more > 0) {
            let _ = writeln!(out, "    and {more} more fields");
        }
    }
    std::mem::take(out)
}

fn field_line(field: &Field, out: &mut String) {
    let shown = |value: &Option<Value>| value.as_ref().map_or_else(|| "(absent)".to_owned(), shown);
    let remedy = match field.remedy {
        Remedy::None | Remedy::Ignore => "",
        Remedy::FromReply => "\n      came in a reply before, so that replay repeats it: nothing is to be done",
        Remedy::Mask => "\n      is part of what is asked, and changed only in what changes from run to run: mask it",
        Remedy::Fix => {
            "\n      is part of what is asked: make it constant in the test or the app (its clock, its ids, its order)"
        }
    };
    let (times, old, new) = (field.count, shown(&field.old), shown(&field.new));
    let _ = writeln!(out, "    {} {} ({times} times): {old} then {new}{remedy}", field.endpoint, field.path);
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// The lines for `providers.yaml` with fields to ignore.
fn propose_ignores(provider: &str, changed: &Changes, out: &mut String) {
    let lines = by_endpoint(changed, Remedy::Ignore, |field| Value::from(field.path.as_str()).to_string());
    if !lines.is_empty() {
        out.push_str(
            "  If these make no difference to an answer, say so in suites/providers.yaml; they are then no part of the \
             match:\n",
        );
        let _ = writeln!(out, "\n    {}:\n      ignores:\n{lines}", provider);
    }
}

/// The lines for `providers.yaml` with masks.
fn propose_masks(provider: &str, changed: &Changes, out: &mut String) {
    let lines = by_endpoint(changed, Remedy::Mask, |field| {
        let patterns: Vec<String> =
            field.masks.iter().map(|pattern| format!("'{}'", pattern.replace('\'', "''"))).collect();
        let patterns = match patterns.as_slice() {
            [one] => one.clone(),
            all => format!("[{}]", all.join(", ")),
        };
        format!("{{place: {}, pattern: {patterns}}}", Value::from(field.path.as_str()))
    });
    if !lines.is_empty() {
        out.push_str(
            "  These texts changed only in dates, times, ids, folders or systems. Masks in suites/providers.yaml compare them \
             without those; a word before a pattern makes it narrower:\n",
        );
        let _ = writeln!(out, "\n    {}:\n      masks:\n{lines}", provider);
    }
}

/// A line of YAML for each field with this remedy, grouped by endpoint.
fn by_endpoint(changed: &Changes, remedy: Remedy, line: impl Fn(&Field) -> String) -> String {
    let (mut out, mut at) = (String::new(), "");
    for field in changed.requests.iter().filter(|field| field.remedy == remedy) {
        if field.endpoint != at {
            let _ = writeln!(out, "        {}:", field.endpoint);
            at = &field.endpoint;
        }
        let _ = writeln!(out, "          - {}", line(field));
    }
    out
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};
    use serde_json::json;

    use super::*;
    use crate::exchange::{Auth, End, Origin, Reply, Request};
    use crate::provider::parse_providers;
    use crate::yaml::Source;

    fn rules(rules: &str) -> Rules {
        let text = format!("providers:\n    p:\n      type: remote::p\n      base_url: https://p.example/v1\n{rules}");
        let source = Source { name: "providers.yaml".into(), text: text.into() };
        let catalogue = parse_providers(&source).unwrap_or_else(|error| panic!("{}", error.render(false)));
        catalogue.providers.into_iter().next().unwrap().rules
    }

    fn exchange(body: Value, reply: &str) -> Exchange {
        let request = Request {
            method: Method::POST,
            endpoint: "/v1/messages?beta=true".to_owned(),
            headers: HeaderMap::new(),
            body: body.to_string().into(),
            auth: Auth::Provider,
            case: None,
        };
        let reply = Reply {
            status: 200,
            headers: Vec::new(),
            body: json!({"id": reply}).to_string().into(),
            large: None,
            chunks: Vec::new(),
            end: End::Complete,
        };
        Exchange { request, url: String::new(), reply, recorded_at: None, origin: Origin::Real }
    }

    fn asked(day: &str, folder: &str, trace: u32) -> Vec<Exchange> {
        let system = json!([{"text": "Be brief."}, {"text": format!("Today is {day}. You work in {folder}.")}]);
        let body = json!({"model": "m", "system": system, "metadata": {"user_id": trace}, "seed": trace});
        vec![exchange(body, &format!("msg_{trace}"))]
    }

    #[test]
    fn what_is_proposed_can_be_pasted_and_helps() {
        let (first, second) = (asked("2026-01-02", "/srv/ann/b", 1), asked("2026-01-03", "/data/c/d", 2));
        let said = account("p", &rules(""), &first, &second);
        insta::assert_snapshot!(said, @r#"

        p: 1 request was recorded twice, aside.
          Fields of requests that changed:
            /v1/messages $.metadata.user_id (1 times): 1 then 2
            /v1/messages $.seed (1 times): 1 then 2
            /v1/messages $.system[*].text (1 times): "Today is 2026-01-02. You work in /srv/ann/b." then "Today is 2026-01-03. You work in /data/c/d."
              is part of what is asked, and changed only in what changes from run to run: mask it
          If these make no difference to an answer, say so in suites/providers.yaml; they are then no part of the match:

            p:
              ignores:
                /v1/messages:
                  - "$.metadata.user_id"
                  - "$.seed"

          These texts changed only in dates, times, ids, folders or systems. Masks in suites/providers.yaml compare them without those; a word before a pattern makes it narrower:

            p:
              masks:
                /v1/messages:
                  - {place: "$.system[*].text", pattern: ['\d{4}-\d{2}-\d{2}', '~?\B(?:/[\w.@+-]+)+/?']}

          Fields of replies that changed. They are replayed as recorded; expect no exact value of:
            /v1/messages $.id (1 times): "msg_1" then "msg_2"
        "#);
        let is_proposed = |line: &&str| {
            line.starts_with("      ignores") || line.starts_with("      masks") || line.starts_with("        ")
        };
        let pasted: String = said.lines().filter(is_proposed).map(|line| format!("{line}\n")).collect();
        let said = account("p", &rules(&pasted), &first, &second);
        assert!(said.contains("No request changed"), "{pasted}\n{said}");
    }
}
