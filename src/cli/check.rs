//! `retake check`: recordings against the rules of their APIs, offline.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::{CheckArgs, CheckBy};
use super::exit::{Exit, Stop};
use super::{load, near, output, rules};
use crate::exchange::{ReadError, Recording, Secrets, host_of, shown_endpoint};
use crate::protocol::{Asked, Finding, Level, Policy, Reply, Shapes, is_told, judge, judge_members};
use crate::provider::Catalogue;
use crate::record::in_memory;
use crate::wire::{self, Reading};

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
    /// How many recordings each group has.
    #[serde(skip)]
    groups: BTreeMap<String, usize>,
    /// What they look like, to be compared.
    #[serde(skip)]
    shapes: Shapes,
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
    /// Which member it is about, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
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
    for (number, file) in files.iter().enumerate() {
        checked.file(number, file, &catalogue, args)?;
    }
    checked.compare(&files, &catalogue, args)?;
    match (args.json, args.by) {
        (true, _) => {
            let text = serde_json::to_string_pretty(&checked).map_err(Stop::internal)? + "\n";
            output::print(&Secrets::default(), &text)?;
        }
        (false, None) => output::say(&Secrets::default(), &checked.listed())?,
        (false, Some(by)) => output::say(&Secrets::default(), &checked.table(by))?,
    }
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

fn read(path: &Path) -> Result<Result<Recording, ReadError>, Stop> {
    in_memory(path).map_err(|why| Stop::usage(format!("cannot read {}: {why}", path.display())))
}

impl Checked {
    fn file(&mut self, number: usize, path: &Path, catalogue: &Catalogue, args: &CheckArgs) -> Result<(), Stop> {
        let file = path.display().to_string();
        let recording = match read(path)? {
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
        let (asked, whose) = asked(path, &recording, catalogue);
        let policy = rules::policy(args.protocol, catalogue, &whose.provider);
        let judged = Judged::new(&recording, asked.known_as(&policy.aliases));
        let body = &recording.exchange.request.body;
        self.shapes.learn(number, &whose.named(), body, &judged.asked, &judged.reply());
        if let Some(by) = args.by {
            *self.groups.entry(by.group(&whose.provider, whose.model.as_deref(), &whose.endpoint)).or_default() += 1;
        }
        self.add(&file, &whose, weighed(&policy, judged.findings, &judged.asked));
        Ok(())
    }

    /// What one recording lacks and all the others have. The few that it concerns are read once more.
    fn compare(&mut self, files: &[PathBuf], catalogue: &Catalogue, args: &CheckArgs) -> Result<(), Stop> {
        for (number, finding) in std::mem::take(&mut self.shapes).findings() {
            let path = &files[number];
            let Ok(recording) = read(path)? else { continue };
            let (asked, whose) = asked(path, &recording, catalogue);
            let policy = rules::policy(args.protocol, catalogue, &whose.provider);
            let judged = Judged::new(&recording, asked.known_as(&policy.aliases));
            if is_told(&judged.findings, &finding) {
                continue;
            }
            self.add(&path.display().to_string(), &whose, weighed(&policy, vec![finding], &judged.asked));
        }
        self.findings.sort_by(|one, other| one.file.cmp(&other.file));
        Ok(())
    }

    fn add(&mut self, file: &str, whose: &Whose, findings: Vec<(Finding, bool, Option<String>)>) {
        self.findings.extend(findings.into_iter().map(|(finding, is_failing, known)| Found {
            file: file.to_owned(),
            provider: whose.provider.clone(),
            model: whose.model.clone(),
            endpoint: whose.endpoint.clone(),
            rule: finding.rule.id,
            member: finding.member,
            level: finding.rule.level.to_string(),
            expected: finding.rule.holds,
            actual: finding.actual,
            known,
            is_failing,
        }));
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
    fn table(&self, by: CheckBy) -> String {
        let mut found: BTreeMap<String, Vec<&Found>> = BTreeMap::new();
        for one in &self.findings {
            found.entry(by.group(&one.provider, one.model.as_deref(), &one.endpoint)).or_default().push(one);
        }
        let header = ["", "recordings", "violations", "deviations", "known", "rules"].map(str::to_owned);
        let rows = self.groups.iter().map(|(name, recordings)| {
            let findings = found.get(name).map_or(&[][..], Vec::as_slice);
            let (violations, deviations, known) = counts(findings.iter().copied());
            let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
            findings.iter().for_each(|found| *rules.entry(found.rule).or_default() += 1);
            let rules: Vec<String> = rules.iter().map(|(rule, count)| format!("{rule} ×{count}")).collect();
            let numbers = [*recordings, violations, deviations, known].map(|count| count.to_string());
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
fn counts<'a>(findings: impl IntoIterator<Item = &'a Found>) -> (usize, usize, usize) {
    let violation = Level::Violation.to_string();
    findings.into_iter().fold((0, 0, 0), |(violations, deviations, known), found| match &found.known {
        Some(_) => (violations, deviations, known + 1),
        None if found.level == violation => (violations + 1, deviations, known),
        None => (violations, deviations + 1, known),
    })
}

/// A recording's reply, read and held to the rules.
struct Judged<'a> {
    asked: Asked,
    status: u16,
    content_type: &'a str,
    reading: Reading,
    findings: Vec<Finding>,
}

impl<'a> Judged<'a> {
    fn new(recording: &'a Recording, asked: Asked) -> Self {
        let reply = &recording.exchange.reply;
        let content_type = reply.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let content_type = content_type.map_or("", |(_, value)| value.as_str());
        let reading = wire::read(content_type, &reply.body);
        let mut judged = Judged { asked, status: reply.status, content_type, reading, findings: Vec::new() };
        let mut findings = judge(&judged.asked, &judged.reply());
        judge_members(&judged.asked, &judged.reply(), &mut findings);
        judged.findings = findings;
        judged
    }

    fn reply(&self) -> Reply<'_> {
        Reply { status: self.status, content_type: self.content_type, reading: &self.reading }
    }
}

/// Whose a recording is.
struct Whose {
    provider: String,
    model: Option<String>,
    endpoint: String,
}

/// What was asked, and whom.
fn asked(path: &Path, recording: &Recording, catalogue: &Catalogue) -> (Asked, Whose) {
    let request = &recording.exchange.request;
    let asked = Asked::new(request.method.as_str(), &request.endpoint, &request.body);
    let whose = Whose {
        provider: provider_of(path, recording, catalogue),
        model: asked.model().map(str::to_owned),
        endpoint: shown_endpoint(&request.endpoint).to_string(),
    };
    (asked, whose)
}

impl Whose {
    /// Those with the same name are compared.
    fn named(&self) -> String {
        format!("{} {} {}", self.provider, self.model.as_deref().unwrap_or_default(), self.endpoint)
    }
}

impl CheckBy {
    /// The group of a recording.
    fn group(self, provider: &str, model: Option<&str>, endpoint: &str) -> String {
        match self {
            CheckBy::Provider => provider.to_owned(),
            CheckBy::Model => format!("{provider}/{}", model.unwrap_or("(no model)")),
            CheckBy::Endpoint => endpoint.to_owned(),
        }
    }
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
            member: None,
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
