//! Ends of cases to verdicts.

use std::collections::BTreeMap;

use super::reason::{Why, why};
use super::verdict::{Broken, Can, CaseEnd, Row};
use crate::event::{Finished, Outcome};
use crate::protocol::rule;

/// What stands for a capability where a case needs none: every other one builds on it.
pub(crate) const CHAT: &str = "chat";

/// A case that was tried.
#[derive(Debug, Clone)]
pub(crate) struct Tried {
    /// What came of it.
    pub(crate) finished: Finished,
    /// What it asked: `/v1/chat/completions`.
    pub(crate) endpoints: Vec<String>,
}

/// A verdict for each capability that a case is about: the last one that it needs. In the order of the cases. A case that
/// fails although it needs something else that the API cannot do says nothing about its own.
pub(crate) fn judge(descriptions: &BTreeMap<String, String>, tried: &[Tried]) -> Vec<Row> {
    let mut groups: Vec<(&str, Vec<&Tried>)> = Vec::new();
    for case in tried {
        let about = case.finished.case.capabilities.last().map_or(CHAT, String::as_str);
        match groups.iter_mut().find(|(capability, _)| *capability == about) {
            Some((_, cases)) => cases.push(case),
            None => groups.push((about, vec![case])),
        }
    }
    let alone: Vec<Row> = groups.iter().map(|(about, cases)| row(about, descriptions, cases, &[])).collect();
    let cannot: Vec<&str> = alone
        .iter()
        .filter(|row| row.verdict == Can::No && !row.works_in_part())
        .map(|row| row.capability.as_str())
        .collect();
    groups.iter().map(|(about, cases)| row(about, descriptions, cases, &cannot)).collect()
}

fn row(about: &str, descriptions: &BTreeMap<String, String>, cases: &[&Tried], cannot: &[&str]) -> Row {
    let mut row = Row {
        capability: about.to_owned(),
        description: descriptions.get(about).cloned().unwrap_or_else(|| "chat completions".to_owned()),
        verdict: Can::NotTried,
        reason: None,
        rules: Vec::new(),
        cases: Vec::new(),
    };
    for tried in cases {
        let mut end = end(tried, &mut row.rules);
        let needed =
            tried.finished.case.capabilities.iter().find(|need| *need != about && cannot.contains(&need.as_str()));
        if let Some(need) = needed.filter(|_| end.verdict == Can::No) {
            (end.verdict, end.reason) = (Can::NotTried, Some(format!("it needs {need}")));
        }
        row.cases.push(end);
    }
    let count = |can| row.cases.iter().filter(|case| case.verdict == can).count();
    let (yes, no, deviates) = (count(Can::Yes), count(Can::No), count(Can::Deviates));
    row.verdict = match (yes, no, deviates) {
        (_, 1.., _) => Can::No,
        _ if !row.rules.is_empty() => Can::Deviates,
        (1.., ..) | (_, _, 1..) => Can::Yes,
        _ => Can::NotTried,
    };
    let first = |can| row.cases.iter().find(|case| case.verdict == can);
    row.reason = match row.verdict {
        Can::Yes | Can::Deviates => None,
        Can::NotTried => first(Can::NotTried).and_then(|case| case.reason.clone()),
        Can::No => first(Can::No).and_then(|case| {
            let reason = case.reason.as_deref()?;
            let all = yes + no + deviates;
            Some(if no < all {
                format!("{} ({no} of {all} cases fails so): {reason}", case.name)
            } else {
                reason.to_owned()
            })
        }),
    };
    row
}

/// What came of a case; rules that it broke are added to those of its capability.
fn end(Tried { finished, endpoints }: &Tried, rules: &mut Vec<Broken>) -> CaseEnd {
    let case = &finished.case;
    let told = finished.protocol.iter().map(|finding| (finding.rule.clone(), finding.actual.clone()));
    let mut broken: Vec<(String, String)> = told.collect();
    let (mut verdict, mut reason, mut status) = (Can::Yes, None, None);
    match &finished.outcome {
        Outcome::Passed | Outcome::Flaky(_) | Outcome::XPassed(_) => {}
        Outcome::Skipped(why) => (verdict, reason) = (Can::NotTried, Some(why.clone())),
        Outcome::Failed(failure) | Outcome::Error(failure) | Outcome::XFailed { failure, .. } => {
            status = failure.exchange.as_ref().and_then(|exchange| exchange.reply.as_ref()).map(|reply| reply.status);
            match why(failure) {
                Why::Rules(found) => broken.extend(found),
                Why::Failed(why) => (verdict, reason) = (Can::No, Some(why)),
                Why::NotTried(why) => (verdict, reason) = (Can::NotTried, Some(why)),
            }
        }
    }
    if verdict == Can::Yes && !broken.is_empty() {
        verdict = Can::Deviates;
    }
    for (id, actual) in &broken {
        add(rules, id, actual, endpoints);
    }
    let mut ids: Vec<String> = broken.into_iter().map(|(id, _)| id).collect();
    ids.dedup();
    let model = case.model.clone();
    CaseEnd { id: case.id.clone(), name: case.template.clone(), model, verdict, reason, status, rules: ids }
}

fn add(rules: &mut Vec<Broken>, id: &str, actual: &str, endpoints: &[String]) {
    let Some(known) = rule(id) else { return };
    let at = rules.iter().position(|broken| broken.rule == id).unwrap_or_else(|| {
        rules.push(Broken {
            rule: id.to_owned(),
            level: known.level,
            expected: known.holds,
            actual: actual.to_owned(),
            client: known.client,
            endpoints: Vec::new(),
        });
        rules.len() - 1
    });
    for endpoint in endpoints {
        if !rules[at].endpoints.contains(endpoint) {
            rules[at].endpoints.push(endpoint.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CaseRef, Class, Exchange, Failure, Finding, Mismatch, Problem, Reply};

    fn tried(name: &str, needs: &[&str], outcome: Outcome, told: &[&str]) -> Tried {
        let case = CaseRef {
            id: format!("conformance/a.yaml::{name}"),
            template: name.to_owned(),
            model: Some("m".to_owned()),
            capabilities: needs.iter().map(|need| (*need).to_owned()).collect(),
            ..CaseRef::default()
        };
        let finding = |rule: &&str| Finding { rule: (*rule).to_owned(), actual: "none".to_owned(), known: None };
        let protocol = told.iter().map(finding).collect();
        let finished = Finished { case, outcome, protocol, ..Finished::default() };
        Tried { finished, endpoints: vec![format!("/v1/{name}")] }
    }

    fn failed(class: Class, path: &str, status: u16) -> Outcome {
        let mismatch = Mismatch {
            place: Default::default(),
            path: path.to_owned(),
            expected: "2xx".to_owned(),
            actual: format!("{status}: {{\"error\": {{\"message\": \"no\"}}}}"),
            texts: None,
        };
        let exchange = Exchange { reply: Some(Reply { status, ..Reply::default() }), ..Exchange::default() };
        let problem = Problem::Mismatches(vec![mismatch]);
        Outcome::Failed(Box::new(Failure { class, problem, exchange: Some(exchange), ..Failure::default() }))
    }

    fn no_answer(class: Class) -> Outcome {
        let problem = Problem::Message("nobody answers\nparticulars".to_owned());
        Outcome::Failed(Box::new(Failure { class, problem, ..Failure::default() }))
    }

    fn told(tried: &[Tried]) -> Vec<String> {
        let rows = judge(&BTreeMap::new(), tried);
        rows.iter()
            .map(|row| {
                let rules = row.rules.iter().map(|broken| format!(" {} {:?}", broken.rule, broken.endpoints));
                let reason = row.reason.as_deref().unwrap_or_default();
                format!("{} {:?} {reason}{}", row.capability, row.verdict, rules.collect::<String>())
            })
            .collect()
    }

    #[test]
    fn a_case_is_about_the_last_that_it_needs() {
        let passed = || Outcome::Passed;
        assert_eq!(
            told(&[
                tried("a", &[], passed(), &[]),
                tried("b", &["tools"], passed(), &["usage-missing"]),
                tried("c", &["streaming", "tools"], passed(), &["usage-missing"]),
                tried("d", &["n"], failed(Class::WrongAnswer, "status", 400), &[]),
                tried("e", &["stop"], failed(Class::ProtocolViolation, "rule finish-missing", 200), &[]),
                tried("f", &["seed"], Outcome::Skipped("no model".to_owned()), &[]),
            ]),
            [
                "chat Yes ",
                "tools Deviates  usage-missing [\"/v1/b\", \"/v1/c\"]",
                "n No 400 instead of 2xx: no",
                "stop Deviates  finish-missing [\"/v1/e\"]",
                "seed NotTried no model",
            ]
        );
    }

    #[test]
    fn what_builds_on_something_missing_is_not_tried_and_what_fails_in_part_is_named() {
        let no = || failed(Class::WrongAnswer, "text", 200);
        assert_eq!(
            told(&[
                tried("a", &["tools"], no(), &[]),
                tried("b", &["tools", "parallel_tool_calls"], no(), &[]),
                tried("c", &["n"], Outcome::Passed, &[]),
                tried("d", &["n"], failed(Class::WrongAnswer, "status", 400), &[]),
                // Though something it needs fails in part, it may do it.
                tried("e", &["n", "streaming_n"], failed(Class::WrongAnswer, "status", 400), &[]),
            ])[1..],
            [
                "parallel_tool_calls NotTried it needs tools",
                "n No d (1 of 2 cases fails so): 400 instead of 2xx: no",
                "streaming_n No 400 instead of 2xx: no",
            ]
        );
    }

    #[test]
    fn only_an_answer_says_what_an_api_cannot_do() {
        for (outcome, verdict) in [
            (failed(Class::ProviderDown, "status", 500), Can::No),
            (failed(Class::RateLimited, "status", 429), Can::NotTried),
            (failed(Class::RateLimited, "header retry-after", 429), Can::No),
            (no_answer(Class::ProviderDown), Can::NotTried),
            (no_answer(Class::MissingRecording), Can::NotTried),
            (no_answer(Class::MissingKey), Can::NotTried),
            (no_answer(Class::Harness), Can::NotTried),
            (no_answer(Class::ProtocolViolation), Can::NotTried),
            (failed(Class::ProtocolViolation, "body", 200), Can::No),
        ] {
            assert_eq!(
                judge(&BTreeMap::new(), &[tried("a", &["n"], outcome.clone(), &[])])[0].verdict,
                verdict,
                "{outcome:?}"
            );
        }
    }
}
