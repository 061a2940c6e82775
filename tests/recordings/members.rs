//! Replies whose members are changed and dropped one by one: each time it must be found, by the schema of the endpoint or by
//! what the other recordings have. `RETAKE_MEMBERS=DIR` does the same to the recordings below another folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use retake::exchange;
use retake::protocol::{Asked, Finding, Reply, Shapes, judge, judge_members};
use retake::wire::{self, BodyKind};
use serde_json::{Value, json};

/// Events of a stream and items of a list that are kept at either end: the others are like them.
const KEPT: usize = 2;

/// Members that the references do not have, and what lies below them. The first is a list of models that is no object.
const UNKNOWN: &[&str] = &[
    "[]",
    "timings",
    "prompt",
    "usage.cached_tokens",
    "models",
    "choices[].seed",
    "choices[].delta.token_id",
    "choices[].logprobs.content[].id",
    "choices[].logprobs.content[].top_logprobs[].id",
    "choices[].message.tool_calls[].index",
    "data[].encoding_format",
    "data[].aliases",
    "data[].architecture",
    "data[].meta",
    "data[].tags",
];

/// Members that may be missing.
const OPTIONAL: &[&str] = &[
    "system_fingerprint",
    "usage",
    "usage.prompt_tokens_details",
    "usage.prompt_tokens_details.cached_tokens",
    "choices[].finish_reason",
    "choices[].logprobs",
    "choices[].logprobs.content",
    "choices[].logprobs.content[].bytes",
    "choices[].logprobs.content[].top_logprobs[].bytes",
    "choices[].message.content",
    "choices[].message.refusal",
    "choices[].message.tool_calls",
    "choices[].delta.role",
    "choices[].delta.content",
    "choices[].delta.tool_calls",
    "choices[].delta.tool_calls[].id",
    "choices[].delta.tool_calls[].type",
    "choices[].delta.tool_calls[].function",
    "choices[].delta.tool_calls[].function.name",
    "choices[].delta.tool_calls[].function.arguments",
];

/// A recording's reply, and what it is compared with.
#[derive(Clone)]
struct Taken {
    file: String,
    name: String,
    /// What was asked and how the choices ended.
    context: (BTreeSet<String>, Vec<String>),
    method: String,
    endpoint: String,
    request: Vec<u8>,
    status: u16,
    is_stream: bool,
    /// The reply, or the events.
    items: Vec<Value>,
}

impl Taken {
    fn read(path: &Path) -> Option<Self> {
        let recording = exchange::read(&std::fs::read_to_string(path).ok()?).ok()?;
        let (request, reply) = (&recording.exchange.request, &recording.exchange.reply);
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let content_type = reply.headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, value)| value);
        let reading = wire::read(content_type, &reply.body);
        let is_stream = reading.kind == BodyKind::Events;
        let ends = reading.answer.choices.values().map(|choice| choice.finish_reason.clone().unwrap_or_default());
        let mut items = match reading.json? {
            Value::Array(events) if is_stream => events,
            whole => vec![whole],
        };
        shorten(&mut items);
        items.iter_mut().for_each(shorten_within);
        let options = body.as_object().into_iter().flatten().map(|(name, value)| match value {
            Value::Bool(_) | Value::String(_) if name != "input" && name != "prompt" => format!("{name}={value}"),
            _ => name.clone(),
        });
        let folder = path.parent()?.file_name()?.to_string_lossy().into_owned();
        Some(Taken {
            file: path.display().to_string(),
            name: format!("{folder} {} {}", body["model"], request.endpoint),
            context: (options.collect(), ends.collect()),
            method: request.method.to_string(),
            endpoint: request.endpoint.clone(),
            request: request.body.to_vec(),
            status: reply.status,
            is_stream,
            items,
        })
    }

    fn body(&self) -> (&'static str, String) {
        match self.is_stream {
            true => {
                let events: String = self.items.iter().map(|event| format!("data: {event}\n\n")).collect();
                ("text/event-stream", events + "data: [DONE]\n\n")
            }
            false => ("application/json", self.items[0].to_string()),
        }
    }

    /// What the rules and the schema say; what it looks like is added to `shapes` as that of this number.
    fn findings(&self, number: usize, shapes: &mut Shapes) -> Vec<Finding> {
        let (content_type, body) = self.body();
        let reading = wire::read(content_type, body.as_bytes());
        let asked = Asked::new(&self.method, &self.endpoint, &self.request);
        let reply = Reply { status: self.status, content_type, reading: &reading };
        let mut findings = judge(&asked, &reply);
        judge_members(&asked, &reply, &mut findings);
        shapes.learn(number, &self.name, &self.request, &asked, &reply);
        findings
    }

    fn told(&self) -> BTreeSet<String> {
        self.findings(0, &mut Shapes::default()).iter().map(said).collect()
    }
}

fn said(finding: &Finding) -> String {
    format!("{} {}", finding.rule.id, finding.actual)
}

fn shorten(items: &mut Vec<Value>) {
    if items.len() > 2 * KEPT {
        items.drain(KEPT..items.len() - KEPT);
    }
}

/// Long lists of numbers.
fn shorten_within(value: &mut Value) {
    match value {
        Value::Array(items) => {
            if items.iter().all(Value::is_number) {
                shorten(items);
            }
            items.iter_mut().for_each(shorten_within);
        }
        Value::Object(members) => members.values_mut().for_each(shorten_within),
        _ => {}
    }
}

/// The first and the last place of each member and item: its path, and a JSON Pointer with the number of the item before it.
fn places(items: &[Value]) -> BTreeMap<String, Vec<(usize, String)>> {
    fn walk(value: &Value, path: &str, at: (usize, &str), found: &mut BTreeMap<String, Vec<(usize, String)>>) {
        let mut visit = |inner: &Value, path: String, pointer: String| {
            let places = found.entry(path.clone()).or_default();
            places.truncate(1);
            places.push((at.0, pointer.clone()));
            walk(inner, &path, (at.0, &pointer), found);
        };
        match value {
            Value::Array(items) => items.iter().enumerate().for_each(|(number, item)| {
                visit(item, format!("{path}[]"), format!("{}/{number}", at.1));
            }),
            Value::Object(members) => members.iter().filter(|(_, value)| !value.is_null()).for_each(|(name, value)| {
                let dot = if path.is_empty() { "" } else { "." };
                visit(value, format!("{path}{dot}{name}"), format!("{}/{}", at.1, name.replace('/', "~1")));
            }),
            _ => {}
        }
    }
    let mut found = BTreeMap::new();
    items.iter().enumerate().for_each(|(number, item)| walk(item, "", (number, ""), &mut found));
    found
}

/// A value of other types than this one's.
fn others(value: &Value) -> Vec<Value> {
    [json!("5"), json!(5), json!(true), json!({"a": 1}), json!(["a"])]
        .into_iter()
        .filter(|other| std::mem::discriminant(other) != std::mem::discriminant(value))
        .collect()
}

fn is_below(path: &str, list: &[&str]) -> bool {
    list.iter()
        .any(|known| path.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])))
}

fn is_unknown(taken: &Taken, path: &str) -> bool {
    // Together gives members of a chat in completions, and the other way round.
    let is_chat = taken.endpoint.ends_with("chat/completions");
    let of_other = if is_chat { path == "choices[].text" } else { is_below(path, &["choices[].delta"]) };
    of_other || is_below(path, UNKNOWN)
}

fn folder() -> PathBuf {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings");
    std::env::var_os("RETAKE_MEMBERS").map_or(shipped, PathBuf::from)
}

/// Each path once for each kind of reply: what ships is much alike, and another folder is tried out in full.
#[derive(Default)]
struct Tried(BTreeSet<String>);

impl Tried {
    fn is_new(&mut self, taken: &Taken, path: &str) -> bool {
        let is_all = std::env::var_os("RETAKE_MEMBERS").is_some();
        is_all || self.0.insert(format!("{} {} {path}", taken.name, taken.is_stream))
    }
}

fn taken() -> Vec<Taken> {
    let mut found = Vec::new();
    for provider in std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        for entry in std::fs::read_dir(provider).unwrap() {
            found.extend(Taken::read(&entry.unwrap().path()));
        }
    }
    found.retain(|taken| taken.status == 200);
    assert!(found.len() > 10, "the recordings are gone: {}", found.len());
    found
}

#[test]
fn a_member_of_another_type_is_found_by_the_schema() {
    let (mut tried, mut missed, mut paths) = (0, BTreeSet::new(), Tried::default());
    for taken in taken() {
        let usual = taken.told();
        for (path, places) in places(&taken.items) {
            if is_unknown(&taken, &path) || !paths.is_new(&taken, &path) {
                continue;
            }
            for (number, pointer) in places {
                for other in others(taken.items[number].pointer(&pointer).unwrap()) {
                    let mut mutant = taken.clone();
                    *mutant.items[number].pointer_mut(&pointer).unwrap() = other.clone();
                    tried += 1;
                    if mutant.told().is_subset(&usual) {
                        missed.insert(format!("{}: {path}: {other}", taken.file));
                    }
                }
            }
        }
    }
    assert!(missed.is_empty(), "{} of {tried} missed:\n{}", missed.len(), Vec::from_iter(missed).join("\n"));
    println!("{tried} changed types, all found");
}

#[test]
fn a_required_member_that_is_missing_is_found_by_the_schema() {
    let (mut tried, mut missed, mut paths) = (0, BTreeSet::new(), Tried::default());
    for taken in taken() {
        let usual = taken.told();
        for (path, places) in places(&taken.items) {
            let may_be_missing = path.ends_with("[]") || OPTIONAL.contains(&path.as_str()) || is_unknown(&taken, &path);
            if may_be_missing || !paths.is_new(&taken, &path) {
                continue;
            }
            for (number, pointer) in places {
                let mut mutant = taken.clone();
                remove(&mut mutant.items[number], &pointer);
                tried += 1;
                if mutant.told().is_subset(&usual) {
                    missed.insert(format!("{}: {path}", taken.file));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{} of {tried} missed:\n{}", missed.len(), Vec::from_iter(missed).join("\n"));
    println!("{tried} required members dropped, all found");
}

/// Takes a member out.
fn remove(value: &mut Value, pointer: &str) {
    let (around, name) = pointer.rsplit_once('/').unwrap();
    value.pointer_mut(around).unwrap().as_object_mut().unwrap().remove(&name.replace("~1", "/"));
}

/// Takes a member out wherever it stands.
fn remove_all(value: &mut Value, path: &str) {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let bare = name.trim_end_matches("[]");
    if rest.is_empty() {
        value.as_object_mut().map(|members| members.shift_remove(bare));
        return;
    }
    match value.get_mut(bare) {
        Some(Value::Array(items)) => items.iter_mut().for_each(|item| remove_all(item, rest)),
        Some(inner) => remove_all(inner, rest),
        None => {}
    }
}

#[test]
fn a_member_that_all_others_have_is_found_by_comparison_when_one_lacks_it_or_has_another_type() {
    let all = taken();
    let (mut tried, mut missed) = (0, BTreeSet::new());
    for (at, taken) in all.iter().enumerate() {
        let alike: Vec<&Taken> = all
            .iter()
            .enumerate()
            .filter(|(other, it)| {
                *other != at && (&it.name, it.is_stream, &it.context) == (&taken.name, taken.is_stream, &taken.context)
            })
            .map(|(_, it)| it)
            .collect();
        for path in places(&taken.items).into_keys().filter(|path| !path.ends_with("[]")) {
            let all_have_it = alike.len() >= 2 && alike.iter().all(|other| places(&other.items).contains_key(&path));
            if !all_have_it {
                continue;
            }
            let mut mutant = taken.clone();
            mutant.items.iter_mut().for_each(|item| remove_all(item, &path));
            let mut shapes = Shapes::default();
            alike.iter().enumerate().for_each(|(number, other)| drop(other.findings(number + 1, &mut shapes)));
            let told = mutant.findings(0, &mut shapes);
            let compared: Vec<_> = shapes.findings().into_iter().filter(|(number, _)| *number == 0).collect();
            tried += 1;
            if compared.is_empty() && told.iter().map(said).collect::<BTreeSet<_>>().is_subset(&taken.told()) {
                missed.insert(format!("{}: {path}", taken.file));
            }
        }
    }
    assert!(missed.is_empty(), "{} of {tried} missed:\n{}", missed.len(), Vec::from_iter(missed).join("\n"));
    assert!(tried > 50, "{tried}");
    println!("{tried} members that all others have dropped, all found");
}
