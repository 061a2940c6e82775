//! What the official SDKs make of the replies of `tests/corpus/dialects.yaml`, beside the rules that these break.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use retake::protocol::{Asked, Level, RULES, Reply, judge};
use retake::wire;
use serde_json::{Map, Value, json};

use super::server::serve_bytes;
use super::world::package;

#[path = "../corpus/dialects.rs"]
#[allow(dead_code, reason = "an SDK chooses the method itself")]
mod corpus;

use corpus::{Dialect, dialects};

/// Members of an outcome that a user came for; the others tell of the answer.
const ANSWER: [&str; 4] = ["text", "calls", "vectors", "models"];

/// Violations that the SDKs read as they were meant: other clients do not.
const NO_SDK_MINDS: [(&str, &str); 2] = [
    ("event-type", "clients that go by the content type read no events"),
    ("text-after-finish", "clients that stop at the finish_reason lose the rest"),
];

/// Deviations that one way of one SDK does not read, where every other reads what was meant.
const ONE_WAY_MINDS: [(&str, &str); 1] = [("object", "`stream()` of the Python SDK skips events with another")];

/// What one SDK made of the replies: way → outcome for each, in their order.
struct Made {
    /// The programs' packages with their versions.
    versions: Map<String, Value>,
    outcomes: Vec<Map<String, Value>>,
}

/// Runs a program of `tests/sdks` with what it shall ask: a path and a body for each reply.
fn made(kind: &str, program: &str, asked: &[(&str, &Value)], replies: &[Vec<u8>]) -> Made {
    let replies = replies.to_vec();
    let url = serve_bytes(move |asked| {
        let at: usize = asked.path.split('/').nth(1).unwrap().parse().unwrap();
        replies[at].clone()
    });
    let questions = asked.iter().enumerate().map(|(at, (path, body))| {
        let base = format!("{url}/{at}");
        json!({"base": base, "path": path, "body": body})
    });
    let questions = Value::from(questions.collect::<Vec<_>>()).to_string();
    let mut child = Command::new(package().join("scripts/sdks.sh"))
        .arg(kind)
        .arg(package().join("tests/sdks").join(program))
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(questions.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let mut lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut next = || lines.next().map(|line| serde_json::from_slice(line).unwrap());
    let versions = next().expect("the SDKs are installed");
    let outcomes: Vec<_> = std::iter::from_fn(next).collect();
    assert_eq!(outcomes.len(), asked.len(), "an outcome for each");
    Made { versions, outcomes }
}

/// Python's and Node's.
fn both(asked: &[(&str, &Value)], replies: &[Vec<u8>]) -> [Made; 2] {
    [("python", "dialects_python.py"), ("node", "dialects_node.mjs")]
        .map(|(kind, program)| made(kind, program, asked, replies))
}

fn of_the_corpus(dialects: &[Dialect]) -> [Made; 2] {
    let asked: Vec<_> = dialects.iter().map(|dialect| (dialect.path.as_str(), &dialect.body)).collect();
    let replies: Vec<_> = dialects.iter().map(response).collect();
    both(&asked, &replies)
}

fn response(Dialect { content_type, reply, .. }: &Dialect) -> Vec<u8> {
    let length = reply.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), reply].concat()
}

/// Whether a user has the answer that was meant.
fn is_lived_with(outcome: &Value, means: &Map<String, Value>) -> bool {
    let is_meant = |name: &&str| means.get(*name).is_none_or(|meant| outcome[*name] == *meant);
    outcome.get("raised").is_none() && ANSWER.iter().all(is_meant)
}

/// Every way as the table tells it; once where all are alike.
fn cell(ways: &Map<String, Value>, tell: impl Fn(&Value) -> String) -> String {
    let told: Vec<(&String, String)> = ways.iter().map(|(way, outcome)| (way, tell(outcome))).collect();
    if told.iter().all(|(_, what)| *what == told[0].1) {
        return told[0].1.clone();
    }
    told.iter().map(|(way, what)| format!("{way}: {what}")).collect::<Vec<_>>().join("; ")
}

/// How an outcome differs from what was meant.
fn difference(outcome: &Value, means: &Map<String, Value>) -> String {
    if let Some(class) = outcome["raised"].as_str() {
        return match outcome["by"].as_str() {
            Some("SDK") => format!("raises {class}"),
            _ => format!("{class} in the user's code"),
        };
    }
    let others: Vec<_> = means.iter().filter(|(name, meant)| outcome[name.as_str()] != **meant).collect();
    match others.as_slice() {
        [] => "as meant".to_owned(),
        all if all.len() == means.len() && all.iter().all(|(name, _)| is_none(&outcome[name.as_str()])) => {
            "nothing".to_owned()
        }
        some => {
            some.iter().map(|(name, meant)| member(name, &outcome[name.as_str()], meant)).collect::<Vec<_>>().join(", ")
        }
    }
}

fn is_none(value: &Value) -> bool {
    value.is_null() || *value == "" || value.as_array().is_some_and(Vec::is_empty)
}

/// `finish "stop"`, `no text`, `call name "weatherweather"`.
fn member(name: &str, value: &Value, meant: &Value) -> String {
    match (name, value.as_array(), meant.as_array()) {
        ("calls", Some(calls), Some(meant)) if calls.len() == meant.len() => {
            let of = |(call, meant): (&Value, &Value)| {
                let meant = meant.as_object().unwrap().clone();
                let others = meant.into_iter().filter(|(name, meant)| call[name.as_str()] != *meant);
                others.map(|(name, meant)| member(&format!("call {name}"), &call[&name], &meant)).collect::<Vec<_>>()
            };
            calls.iter().zip(meant).flat_map(of).collect::<Vec<_>>().join(", ")
        }
        ("calls", Some(calls), _) => format!("{} calls", calls.len()),
        // The SDK for Node gives a call without an id one of its own, another each time.
        ("call id", ..) if value.as_str().is_some_and(|id| id.len() > 32) => "call id made up".to_owned(),
        _ if is_none(value) => format!("no {name}"),
        _ => format!("{name} {value}"),
    }
}

fn table(dialects: &[Dialect], [python, node]: &[Made; 2]) -> String {
    let versions = |made: &Made| {
        let each = made.versions.iter().map(|(name, version)| format!("{name} {}", version.as_str().unwrap()));
        each.collect::<Vec<_>>().join(", ")
    };
    let (of_python, of_node) = (versions(python), versions(node));
    let mut table = format!("| reply | rule | Python: {of_python} | Node: {of_node} |\n|---|---|---|---|\n");
    for ((dialect, python), node) in dialects.iter().zip(&python.outcomes).zip(&node.outcomes) {
        let tell = |outcome: &Value| difference(outcome, &dialect.means);
        table += &format!("{} {} | {} |\n", head(dialect), cell(python, tell), cell(node, tell));
    }
    table
}

/// What a row begins with.
fn head(dialect: &Dialect) -> String {
    let rules: Vec<_> = dialect.breaks.iter().map(|id| format!("`{id}`")).collect();
    let rules = if rules.is_empty() { "none".to_owned() } else { rules.join(", ") };
    format!("| {} | {rules} |", dialect.name)
}

fn page() -> PathBuf {
    package().join("docs/sdks.md")
}

#[test]
fn the_table_of_the_sdks_has_every_reply_of_the_corpus() {
    let page = std::fs::read_to_string(page()).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    let dialects = dialects();
    assert_eq!(rows.len(), dialects.len());
    for (row, dialect) in rows.iter().zip(&dialects) {
        assert!(
            row.starts_with(&head(dialect)),
            "{row}: run `UPDATE_SDKS=1 cargo test --test program -- --ignored dialects::`"
        );
    }
}

#[test]
#[ignore = "installs SDKs from the package indexes; .ci/run asks for it"]
fn the_table_of_the_sdks_is_what_they_do() {
    let dialects = dialects();
    let table = table(&dialects, &of_the_corpus(&dialects));
    let text = std::fs::read_to_string(page()).unwrap();
    let (before, _) = text.split_once("| reply |").unwrap();
    let made = format!("{before}{table}");
    if std::env::var_os("UPDATE_SDKS").is_some() {
        std::fs::write(page(), made).unwrap();
        return;
    }
    assert_eq!(text, made, "docs/sdks.md: UPDATE_SDKS=1 puts in what the SDKs do");
}

#[test]
#[ignore = "installs SDKs from the package indexes; .ci/run asks for it"]
fn a_rule_is_a_violation_where_an_sdk_raises_or_its_user_has_another_answer() {
    let dialects = dialects();
    let made = of_the_corpus(&dialects);
    // How many ways of reading a reply do not give what it means.
    let minds = |at: usize| {
        let outcomes = made.iter().flat_map(|made| made.outcomes[at].values());
        outcomes.filter(|outcome| !is_lived_with(outcome, &dialects[at].means)).count()
    };
    for (at, dialect) in dialects.iter().enumerate().filter(|(_, dialect)| dialect.breaks.is_empty()) {
        assert_eq!(minds(at), 0, "{} breaks no rule", dialect.name);
    }
    // SDKs hand members out as they come: what a user's code makes of them, they do not show.
    for rule in RULES.iter().filter(|rule| !rule.is_about_members()) {
        let alone = dialects.iter().enumerate().filter(|(_, dialect)| dialect.breaks == [rule.id]);
        let most = alone.map(|(at, _)| minds(at)).max().expect("a reply that breaks it alone");
        let is_listed = |list: &[(&str, &str)]| list.iter().any(|(id, _)| *id == rule.id);
        let wanted = match rule.level {
            Level::Violation if is_listed(&NO_SDK_MINDS) => most == 0,
            Level::Violation => most > 0,
            Level::Deviation if is_listed(&ONE_WAY_MINDS) => most == 1,
            Level::Deviation => most == 0,
        };
        assert!(wanted, "{} is a {}, and {most} ways of the SDKs do not read what is meant", rule.id, rule.level);
    }
}

/// Names a folder of captures: requests as `NAME.req`, replies as `NAME.resp`, as they came.
const FOLDER: &str = "RETAKE_DIALECTS";

#[test]
#[ignore = "a tool: RETAKE_DIALECTS names a folder of captures, and what SDKs and rules make of them is printed"]
fn captures_are_told_beside_the_sdks() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let mut replies: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    replies.retain(|path| path.extension().is_some_and(|end| end == "resp"));
    replies.sort();
    assert!(!replies.is_empty(), "{FOLDER} names a folder without captures");
    let asked: Vec<(String, Value)> = replies.iter().map(|path| question(&path.with_extension("req"))).collect();
    let asked: Vec<(&str, &Value)> = asked.iter().map(|(path, body)| (path.as_str(), body)).collect();
    let bytes: Vec<Vec<u8>> = replies.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let [python, node] = both(&asked, &bytes);
    println!("| capture | rules | Python | Node |\n|---|---|---|---|");
    for (at, path) in replies.iter().enumerate() {
        let name = path.file_stem().unwrap().to_string_lossy();
        let found = findings(asked[at], &bytes[at]);
        println!("| {name} | {found} | {} | {} |", cell(&python.outcomes[at], whole), cell(&node.outcomes[at], whole));
    }
}

/// An outcome in full.
fn whole(outcome: &Value) -> String {
    match outcome["raised"].as_str() {
        Some(class) => format!("{class} by {}: {}", outcome["by"].as_str().unwrap(), outcome["message"]),
        None => outcome.to_string(),
    }
}

fn halves(message: &[u8]) -> (String, &[u8]) {
    let end = message.windows(4).position(|end| end == b"\r\n\r\n").expect("a head");
    (String::from_utf8_lossy(&message[..end]).into_owned(), &message[end + 4..])
}

/// The path and the body of a request.
fn question(file: &Path) -> (String, Value) {
    let bytes = std::fs::read(file).unwrap();
    let (head, body) = halves(&bytes);
    (head.split(' ').nth(1).unwrap().to_owned(), serde_json::from_slice(body).unwrap())
}

/// The rules that a captured reply breaks.
fn findings((path, body): (&str, &Value), reply: &[u8]) -> String {
    let (head, rest) = halves(reply);
    let value = |name: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
        line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
    };
    let content = if value("transfer-encoding") == "chunked" { unchunked(rest) } else { rest.to_vec() };
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let reading = wire::read(value("content-type"), &content);
    let asked = Asked::new("POST", path, body.to_string().as_bytes());
    let found = judge(&asked, &Reply { status, content_type: value("content-type"), reading: &reading });
    let mut told: Vec<_> = found.iter().map(|one| format!("{} ({})", one.rule.id, one.rule.level)).collect();
    told.dedup();
    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
}

/// A body without its transfer coding.
fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|end| end == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap().trim(), 16).unwrap();
        let Some(chunk) = rest.get(line + 2..line + 2 + size).filter(|chunk| !chunk.is_empty()) else { break };
        body.extend_from_slice(chunk);
        rest = &rest[line + 2 + size + 2..];
    }
    body
}
