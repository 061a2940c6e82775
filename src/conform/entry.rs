//! Verdicts to an entry of `providers.yaml`.

use std::fmt::Write as _;

use super::judge::CHAT;
use super::verdict::{Broken, Can, Row};
use crate::protocol::Level;

/// Statuses that say that there is no such endpoint, for whatever model.
const NO_ENDPOINT: [u16; 3] = [404, 405, 501];

/// Whose entry it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named<'a> {
    /// The provider's name.
    pub(crate) name: &'a str,
    /// `remote::openai`.
    pub(crate) r#type: &'a str,
    /// With the API's version part, without secrets.
    pub(crate) base_url: &'a str,
    /// The variable with its key.
    pub(crate) key: Option<&'a str>,
}

/// The entry, indented as it stands below `providers:`.
pub(crate) fn entry(named: &Named<'_>, rows: &[Row]) -> String {
    let Named { name, r#type, base_url, key } = named;
    let mut out = format!("  {name}:\n    type: {type}\n    base_url: {}\n", quoted(base_url));
    if let Some(key) = key {
        let _ = writeln!(out, "    key: {key}");
    }
    let no = |works: bool| rows.iter().filter(move |row| row.verdict == Can::No && row.works_in_part() == works);
    gaps(&mut out, "lacks", no(false));
    gaps(&mut out, "broken", no(true));
    deviates(&mut out, rows);
    out
}

fn gaps<'a>(out: &mut String, key: &str, rows: impl Iterator<Item = &'a Row>) {
    // What no case needs by name, none can lack.
    let rows: Vec<&Row> = rows.filter(|row| row.capability != CHAT).collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(out, "    {key}:");
    for row in rows {
        let reason = quoted(row.reason.as_deref().unwrap_or_default());
        let models = models(row);
        let _ = match models.is_empty() {
            true => writeln!(out, "      {}: {reason}", row.capability),
            false => writeln!(out, "      {}: {{reason: {reason}, models: [{}]}}", row.capability, listed(&models)),
        };
    }
}

/// The models that a capability was missing from; none where it is missing whatever the model.
fn models(row: &Row) -> Vec<String> {
    let failed: Vec<_> = row.cases.iter().filter(|case| case.verdict == Can::No).collect();
    let is_of_all = |status: Option<u16>| status.is_some_and(|status| NO_ENDPOINT.contains(&status));
    if failed.iter().any(|case| case.model.is_none() || is_of_all(case.status)) {
        return Vec::new();
    }
    let mut models: Vec<String> = failed.iter().filter_map(|case| case.model.clone()).collect();
    models.dedup();
    models
}

fn deviates(out: &mut String, rows: &[Row]) {
    let mut rules: Vec<Broken> = Vec::new();
    for broken in rows.iter().flat_map(|row| &row.rules) {
        match rules.iter_mut().find(|known| known.rule == broken.rule) {
            Some(known) => {
                let new: Vec<_> =
                    broken.endpoints.iter().filter(|endpoint| !known.endpoints.contains(endpoint)).cloned().collect();
                known.endpoints.extend(new);
            }
            None => rules.push(broken.clone()),
        }
    }
    if rules.is_empty() {
        return;
    }
    rules.sort_by(|a, b| (a.level, &a.rule).cmp(&(b.level, &b.rule)));
    let _ = writeln!(out, "    deviates:");
    for Broken { rule, level, expected, actual, client, endpoints } in rules {
        if level == Level::Violation {
            let _ = writeln!(out, "      # a violation: {client}");
        }
        let reason = quoted(&format!("expected {expected}, got {actual}"));
        let _ = writeln!(out, "      {rule}: {{reason: {reason}, endpoints: [{}]}}", listed(&endpoints));
    }
}

fn listed(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ")
}

/// A text as YAML: plain where it can stand so, else in JSON's quotes, which are YAML's.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/_.-".contains(c);
    match text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') && text.chars().all(is_plain) {
        true if !["true", "false", "null"].contains(&text) => text.to_owned(),
        _ => serde_json::Value::from(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conform::verdict::CaseEnd;
    use crate::protocol::rule;
    use crate::provider::parse_providers;
    use crate::yaml::Source;

    fn row(capability: &str, cases: &[(Can, Option<u16>)], rules: &[(&str, &str)]) -> Row {
        let case = |(verdict, status): &(Can, Option<u16>)| CaseEnd {
            id: String::new(),
            name: String::new(),
            model: Some("big/model:1".to_owned()),
            verdict: *verdict,
            reason: None,
            status: *status,
            rules: Vec::new(),
        };
        let broken = |(id, endpoint): &(&str, &str)| {
            let known = rule(id).unwrap();
            Broken {
                rule: (*id).to_owned(),
                level: known.level,
                expected: known.holds,
                actual: "a \"b\": {c}".to_owned(),
                client: known.client,
                endpoints: vec![(*endpoint).to_owned()],
            }
        };
        Row {
            capability: capability.to_owned(),
            description: String::new(),
            verdict: cases.iter().map(|(can, _)| *can).find(|can| *can == Can::No).unwrap_or(cases[0].0),
            reason: Some("400: `no`".to_owned()),
            rules: rules.iter().map(broken).collect(),
            cases: cases.iter().map(case).collect(),
        }
    }

    #[test]
    fn what_is_missing_broken_or_deviates_stands_where_the_providers_file_has_it() {
        let rows = [
            row(CHAT, &[(Can::Yes, None), (Can::No, Some(400))], &[]),
            row("suffix", &[(Can::No, Some(400))], &[]),
            row("responses", &[(Can::No, Some(404))], &[]),
            row("tools", &[(Can::Yes, None), (Can::No, Some(200))], &[("usage-missing", "/v1/chat/completions")]),
            row(
                "embeddings",
                &[(Can::Deviates, None)],
                &[("usage-missing", "/v1/embeddings"), ("embeddings-order", "/v1/embeddings")],
            ),
            row("seed", &[(Can::NotTried, None)], &[]),
        ];
        let named = Named { name: "p", r#type: "remote::p", base_url: "http://127.0.0.1:80/v1", key: Some("P_KEY") };
        let entry = entry(&named, &rows);
        insta::assert_snapshot!(format!("providers:\n{entry}"), @r#"
        providers:
          p:
            type: remote::p
            base_url: "http://127.0.0.1:80/v1"
            key: P_KEY
            lacks:
              suffix: {reason: "400: `no`", models: ["big/model:1"]}
              responses: "400: `no`"
            broken:
              tools: {reason: "400: `no`", models: ["big/model:1"]}
            deviates:
              # a violation: users who go by position take the vector of another input
              embeddings-order: {reason: "expected vectors in the order of their index, got a \"b\": {c}", endpoints: [/v1/embeddings]}
              usage-missing: {reason: "expected usage, got a \"b\": {c}", endpoints: [/v1/chat/completions, /v1/embeddings]}
        "#);
        let capabilities = "capabilities: {suffix: a, responses: b, tools: c}\n";
        let file = Source { name: "p.yaml".into(), text: format!("{capabilities}providers:\n{entry}").into() };
        let catalogue = parse_providers(&file).map_err(|error| error.render(false)).unwrap();
        let provider = &catalogue.providers[0];
        assert_eq!(provider.lacks["suffix"].models, ["big/model:1"]);
        assert_eq!((provider.lacks.len(), provider.broken.len(), provider.deviates.len()), (2, 1, 2));
    }
}
