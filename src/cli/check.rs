//! `retake check`: recordings against the rules of their APIs, offline.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::{CheckArgs, CheckBy};
use super::exit::{Exit, Stop};
use super::{load, near, output, rules};
use crate::exchange::{self, ReadError, Recording, Secrets, host_of, shown_endpoint};
use crate::protocol::{Asked, Finding, Level, Policy, Reply, judge};
use crate::provider::Catalogue;
use crate::wire;

/// What was found in all files.
#[derive(Debug, Default, Serialize)]
struct Checked {
    /// Files that are recordings.
    recordings: usize,
    findings: Vec<Found>,
    /// Files that should be recordings and cannot be read.
    unreadable: Vec<Unread>,
    /// Files of other tools.
    other_files: Vec<Unread>,
    #[serde(skip)]
    groups: BTreeMap<String, Group>,
}

/// A rule that a recording breaks.
#[derive(Debug, Clone, Serialize)]
struct Found {
    file: String,
    provider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    endpoint: String,
    rule: &'static str,
    level: String,
    expected: &'static str,
    actual: String,
    /// Why its provider is known to break it.
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<String>,
    #[serde(skip)]
    is_failing: bool,
}

#[derive(Debug, Serialize)]
struct Unread {
    file: String,
    reason: String,
}

/// Recordings that have something in common.
#[derive(Debug, Default)]
struct Group {
    recordings: usize,
    findings: Vec<Found>,
}

pub(super) fn run(args: &CheckArgs) -> Result<Exit, Stop> {
    let color = std::io::stderr().is_terminal();
    let catalogue = load::catalogue(&args.suites, color)?;
    let mut files = Vec::new();
    for path in &args.paths {
        walk(path, &mut files)?;
    }
    files.sort();
    files.dedup();
    let mut checked = Checked::default();
    for file in &files {
        checked.file(file, &catalogue, args)?;
    }
    let text = match (args.json, args.by) {
        (true, _) => serde_json::to_string_pretty(&checked).map_err(Stop::internal)? + "\n",
        (false, None) => checked.listed(),
        (false, Some(_)) => checked.table(),
    };
    output::print(&Secrets::default(), &text)?;
    let is_red = checked.findings.iter().any(|found| found.is_failing) || !checked.unreadable.is_empty();
    Ok(match checked.recordings {
        _ if is_red => Exit::Failed,
        0 => Exit::NothingSelected,
        _ => Exit::Ok,
    })
}

/// Every `.json` file there, or the file itself.
fn walk(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Stop> {
    let wrong = |error: std::io::Error| {
        let near = if path.exists() { String::new() } else { near::path(path) };
        Stop::usage(format!("cannot read {}: {error}{near}", path.display()))
    };
    if !std::fs::metadata(path).map_err(wrong)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !is_hidden && (path.is_dir() || path.extension().is_some_and(|extension| extension == "json")) {
            walk(&path, files)?;
        }
    }
    Ok(())
}

impl Checked {
    fn file(&mut self, path: &Path, catalogue: &Catalogue, args: &CheckArgs) -> Result<(), Stop> {
        let file = path.display().to_string();
        let text = load::read(path)?.text;
        let recording = match exchange::read(&text) {
            Ok(recording) => recording,
            Err(ReadError::Broken(why)) => {
                self.unreadable.push(Unread { file, reason: why.to_string() });
                return Ok(());
            }
            Err(ReadError::OtherFile(what)) => {
                self.other_files.push(Unread { file, reason: what.to_string() });
                return Ok(());
            }
        };
        self.recordings += 1;
        let provider = provider_of(path, &recording, catalogue);
        let policy = rules::policy(args.protocol, catalogue, &provider);
        let (asked, findings) = judged(&recording, &policy);
        let endpoint = shown_endpoint(&recording.exchange.request.endpoint).to_string();
        let found = weighed(&policy, findings, &asked).into_iter().map(|(finding, is_failing, known)| Found {
            file: file.clone(),
            provider: provider.clone(),
            model: asked.model().map(str::to_owned),
            endpoint: endpoint.clone(),
            rule: finding.rule.id,
            level: finding.rule.level.to_string(),
            expected: finding.rule.holds,
            actual: finding.actual,
            known,
            is_failing,
        });
        let found: Vec<Found> = found.collect();
        let group = match args.by {
            None => {
                self.findings.extend(found);
                return Ok(());
            }
            Some(CheckBy::Provider) => provider,
            Some(CheckBy::Model) => format!("{provider}/{}", asked.model().unwrap_or("(no model)")),
            Some(CheckBy::Endpoint) => endpoint,
        };
        let group = self.groups.entry(group).or_default();
        group.recordings += 1;
        group.findings.extend(found.iter().cloned());
        self.findings.extend(found);
        Ok(())
    }

    /// A line for each finding, and one that counts.
    fn listed(&self) -> String {
        let mut out = String::new();
        for Found { file, rule, level, expected, actual, known, .. } in &self.findings {
            let known = known.as_ref().map_or_else(String::new, |reason| format!(" (known: {reason})"));
            let _ = writeln!(out, "{file}: {level} {rule}{known}\n    expected: {expected}\n    actual:   {actual}");
        }
        self.unread(&mut out);
        let _ = writeln!(out, "{}", self.counted());
        out
    }

    /// A row for each group.
    fn table(&self) -> String {
        let header = ["", "recordings", "violations", "deviations", "known", "rules"].map(str::to_owned);
        let rows = self.groups.iter().map(|(name, group)| {
            let (violations, deviations, known) = counts(&group.findings);
            let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
            group.findings.iter().for_each(|found| *rules.entry(found.rule).or_default() += 1);
            let rules: Vec<String> = rules.iter().map(|(rule, count)| format!("{rule} ×{count}")).collect();
            let numbers = [group.recordings, violations, deviations, known].map(|count| count.to_string());
            let [recordings, violations, deviations, known] = numbers;
            [name.clone(), recordings, violations, deviations, known, rules.join(", ")]
        });
        let rows: Vec<[String; 6]> = std::iter::once(header).chain(rows).collect();
        let mut out = String::new();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: [usize; 6] = std::array::from_fn(width);
        for row in &rows {
            let mut line = format!("{:<width$}", row[0], width = widths[0]);
            for (cell, width) in row[1..5].iter().zip(&widths[1..5]) {
                let _ = write!(line, "  {cell:>width$}", width = *width);
            }
            let _ = writeln!(out, "{}", format!("{line}  {}", row[5]).trim_end());
        }
        self.unread(&mut out);
        let _ = writeln!(out, "{}", self.counted());
        out
    }

    fn unread(&self, out: &mut String) {
        for Unread { file, reason } in &self.unreadable {
            let _ = writeln!(out, "{file}: cannot be read: {reason}");
        }
        for Unread { file, reason } in &self.other_files {
            let _ = writeln!(out, "{file}: left aside: {reason}");
        }
    }

    fn counted(&self) -> String {
        let (violations, deviations, known) = counts(&self.findings);
        let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        let unreadable = match self.unreadable.len() {
            0 => String::new(),
            count => format!(", {} that cannot be read", plural(count, "file")),
        };
        format!(
            "{}: {}, {}, {known} known{unreadable}",
            plural(self.recordings, "recording"),
            plural(violations, "violation"),
            plural(deviations, "deviation")
        )
    }
}

/// Violations, deviations, and what is known of a provider.
fn counts(findings: &[Found]) -> (usize, usize, usize) {
    let known = findings.iter().filter(|found| found.known.is_some()).count();
    let violation = Level::Violation.to_string();
    let violations = findings.iter().filter(|found| found.known.is_none() && found.level == violation).count();
    (violations, findings.len() - known - violations, known)
}

/// What was asked, and the rules that the reply breaks.
fn judged(recording: &Recording, policy: &Policy) -> (Asked, Vec<Finding>) {
    let (request, reply) = (&recording.exchange.request, &recording.exchange.reply);
    let asked = Asked::new(request.method.as_str(), &request.endpoint, &request.body).known_as(&policy.aliases);
    let content_type = reply.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let content_type = content_type.map_or("", |(_, value)| value.as_str());
    let reading = wire::read(content_type, &reply.body);
    let findings = judge(&asked, &Reply { status: reply.status, content_type, reading: &reading });
    (asked, findings)
}

/// Every finding, with whether it fails and why it is known.
fn weighed(policy: &Policy, findings: Vec<Finding>, asked: &Asked) -> Vec<(Finding, bool, Option<String>)> {
    let weighed = policy.weigh(findings, Some(&[]), asked);
    let failing = weighed.failing.into_iter().map(|finding| (finding, true, None));
    let told = weighed.told.into_iter().map(|finding| (finding, false, None));
    let known = weighed.known.into_iter().map(|(finding, reason)| (finding, false, Some(reason)));
    failing.chain(told).chain(known).collect()
}

/// The provider whose host answered; else the one that the folder is named for.
fn provider_of(path: &Path, recording: &Recording, catalogue: &Catalogue) -> String {
    let folder = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let folder = folder.unwrap_or_default();
    let host = host_of(&recording.exchange.url);
    let by_host = catalogue.providers.iter().find(|provider| host_of(&provider.base_url) == host);
    match catalogue.provider(&folder).or(by_host) {
        Some(provider) => provider.name.clone(),
        None => folder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::rule;

    #[test]
    fn findings_are_counted_by_level_and_apart_where_they_are_known() {
        let found = |level: Level, known: Option<&str>| Found {
            file: "r/p/1.json".into(),
            provider: "p".into(),
            model: None,
            endpoint: "/v1/models".into(),
            rule: rule("models-list").unwrap().id,
            level: level.to_string(),
            expected: "a list",
            actual: "none".into(),
            known: known.map(str::to_owned),
            is_failing: false,
        };
        let all = [found(Level::Violation, None), found(Level::Deviation, None), found(Level::Violation, Some("why"))];
        assert_eq!(counts(&all), (1, 1, 1));
    }
}
