//! Compares the recordings of an endpoint, to find members that all but one of them have.
//!
//! Recordings are learned one after the other and are not kept. For each place in a reply, only two numbers are kept:
//! how many recordings have it, and the sum of these recordings' numbers. If all recordings but one have a member, the
//! sums differ by the number of that one.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Finding;
use super::asked::Asked;
use super::judge::Reply;
use super::members::{SCHEMAS, schema, tells};
use super::rule;
use super::schema::{Id, type_of};

/// At least this many other recordings must agree.
const FEWEST: u64 = 2;
/// An object with more members than this counts as a map, whose names are data.
const MOST_MEMBERS: usize = 64;

/// The shapes of replies, by group.
#[derive(Debug, Default)]
pub struct Shapes(BTreeMap<Group, Shape>);

/// A group of replies that are compared with each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    /// Provider, model and endpoint.
    name: String,
    is_stream: bool,
    /// The names of the request's members, and the finish reasons. Members that depend on these are compared only where
    /// they are equal. `None` is the group of all contexts.
    context: Option<String>,
}

impl Shapes {
    /// Learns a reply under a unique number, unless it is an error. `name` is provider, model and endpoint; `request`
    /// is the body of the request.
    pub fn learn(&mut self, number: usize, name: &str, request: &[u8], asked: &Asked, reply: &Reply<'_>) {
        let is_good = (200..300).contains(&reply.status) && reply.answer().error.is_none();
        let Some(id) = schema(asked, reply).filter(|_| is_good) else { return };
        let mut group = Group { name: name.to_owned(), is_stream: reply.is_stream(), context: None };
        let body: Value = serde_json::from_slice(request).unwrap_or_default();
        self.0.entry(group.clone()).or_default().learn(number as u64, &body, id, reply.items());
        group.context = Some(context(&body, reply));
        self.0.entry(group).or_default().learn(number as u64, &body, id, reply.items());
    }

    /// The members that one reply lacks and all others have, and those that have another type in one reply, each with
    /// the number of that reply.
    pub fn findings(&self) -> Vec<(usize, Finding)> {
        let mut all = BTreeMap::new();
        for (group, shape) in &self.0 {
            for (number, finding) in shape.findings(group) {
                all.entry((number, finding.rule.id, finding.member.clone())).or_insert(finding);
            }
        }
        all.into_iter().map(|((number, ..), finding)| (number as usize, finding)).collect()
    }
}

/// Whether another finding is already about the dropped member.
pub fn is_told(findings: &[Finding], dropped: &Finding) -> bool {
    let member = dropped.member.as_deref().unwrap_or_default();
    findings.iter().any(|finding| finding.member == dropped.member || tells(finding.rule, member))
}

/// The names of the request's members, and the finish reasons of the choices.
fn context(body: &Value, reply: &Reply<'_>) -> String {
    let mut asked: Vec<&str> = body.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    asked.sort_unstable();
    let ends = reply.answer().choices.values().map(|choice| choice.finish_reason.as_deref().unwrap_or("none"));
    format!("{} {}", asked.join(","), ends.collect::<Vec<_>>().join(","))
}

/// The parts of a request that may change the members of its reply: `tools`, `encoding_format=base64`.
fn options(body: &Value) -> impl Iterator<Item = String> {
    body.as_object().into_iter().flatten().map(|(name, value)| match value {
        Value::Bool(_) => format!("{name}={value}"),
        Value::String(word) if !word.contains(char::is_whitespace) => format!("{name}={word}"),
        _ => name.clone(),
    })
}

/// The recordings that have something in common, as a count and a sum.
#[derive(Debug, Clone, Copy, Default)]
struct Having {
    count: u64,
    /// The sum of their numbers.
    sum: u64,
}

impl Having {
    fn add(&mut self, number: u64) {
        self.count += 1;
        self.sum += number;
    }

    /// The number of the one recording that `others` lacks, if it is one and there are enough others.
    fn only_one_beside(self, others: Having) -> Option<u64> {
        (self.count == others.count + 1 && others.count >= FEWEST).then(|| self.sum - others.sum)
    }
}

/// The shape of the replies of one group: a tree of places. The first place is the reply itself, or any event of a
/// stream.
#[derive(Debug)]
struct Shape {
    /// All recordings, and the recordings by the options of their requests.
    all: Having,
    asked: BTreeMap<String, Having>,
    places: Vec<Place>,
    /// The places where the current recording has objects.
    touched: Vec<usize>,
}

/// A place in replies: `choices[].message`.
#[derive(Debug, Default)]
struct Place {
    path: String,
    is_known: bool,
    is_required: bool,
    varies: bool,
    members: BTreeMap<String, usize>,
    items: Option<usize>,
    /// Objects of different `type`s at one place have different members.
    kinds: BTreeMap<String, usize>,
    /// In the current recording: the number of values, the number of objects, and the type of the values if all have
    /// the same.
    values: usize,
    objects: usize,
    kind: Option<&'static str>,
    /// Recordings with a value here, with a value in every object around it, with an object here, and with values of
    /// each type.
    some: Having,
    always: Having,
    around: Having,
    types: BTreeMap<&'static str, Having>,
}

impl Default for Shape {
    fn default() -> Self {
        Shape { all: Having::default(), asked: BTreeMap::new(), places: vec![Place::default()], touched: Vec::new() }
    }
}

impl Shape {
    fn learn(&mut self, number: u64, request: &Value, id: Id, values: &[Value]) {
        self.all.add(number);
        for option in options(request) {
            self.asked.entry(option).or_default().add(number);
        }
        for value in values {
            self.value(0, Some(id), value);
        }
        for at in std::mem::take(&mut self.touched) {
            if self.places[at].objects > 0 {
                self.places[at].around.add(number);
            }
            let objects = self.places[at].objects;
            for member in self.places[at].members.values().copied().collect::<Vec<_>>() {
                let member = &mut self.places[member];
                if member.values > 0 {
                    member.some.add(number);
                    member.types.entry(member.kind.unwrap_or("several")).or_default().add(number);
                }
                if member.values == objects {
                    member.always.add(number);
                }
                (member.values, member.kind) = (0, None);
            }
            self.places[at].objects = 0;
        }
    }

    fn value(&mut self, at: usize, id: Option<Id>, value: &Value) {
        match value {
            Value::Object(object) => self.object(at, id, object),
            Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
                let place = match self.places[at].items {
                    Some(place) => place,
                    None => {
                        let path = format!("{}[]", self.places[at].path);
                        let place = self.add(Place { path, ..Place::default() });
                        *self.places[at].items.insert(place)
                    }
                };
                let id = id.and_then(|id| SCHEMAS.items(id));
                items.iter().for_each(|item| self.value(place, id, item));
            }
            _ => {}
        }
    }

    fn object(&mut self, at: usize, id: Option<Id>, object: &Map<String, Value>) {
        let id = id.map(|id| SCHEMAS.of_object(id, object));
        if id.is_some_and(|id| SCHEMAS.is_map(id)) || object.len() > MOST_MEMBERS {
            return;
        }
        let at = match object.get("type").and_then(Value::as_str) {
            Some(kind) => self.kind(at, kind),
            None => at,
        };
        if self.places[at].objects == 0 {
            self.touched.push(at);
        }
        self.places[at].objects += 1;
        for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
            let known = id.and_then(|id| SCHEMAS.member(id, name));
            let member = match self.places[at].members.get(name) {
                Some(member) => *member,
                None => {
                    let place = Place {
                        path: joined(&self.places[at].path, name),
                        is_known: known.is_some(),
                        is_required: id.is_some_and(|id| SCHEMAS.requires(id, name)),
                        varies: known.is_some_and(|known| known.varies),
                        ..Place::default()
                    };
                    let place = self.add(place);
                    self.places[at].members.insert(name.clone(), place);
                    place
                }
            };
            self.see(member, value);
            self.value(member, known.map(|known| known.schema), value);
        }
    }

    /// Counts a value of the current recording.
    fn see(&mut self, at: usize, value: &Value) {
        let kind = match type_of(value) {
            "integer" => "number",
            kind => kind,
        };
        let place = &mut self.places[at];
        place.kind = (place.values == 0 || place.kind == Some(kind)).then_some(kind);
        place.values += 1;
    }

    fn kind(&mut self, at: usize, kind: &str) -> usize {
        if let Some(place) = self.places[at].kinds.get(kind) {
            return *place;
        }
        let path = self.places[at].path.clone();
        let place = self.add(Place { path, ..Place::default() });
        self.places[at].kinds.insert(kind.to_owned(), place);
        place
    }

    fn add(&mut self, place: Place) -> usize {
        self.places.push(place);
        self.places.len() - 1
    }

    /// Whether all other requests have an option that this one lacks. Then their replies may have more members because
    /// of it.
    fn asks_less(&self, number: u64) -> bool {
        self.asked.values().any(|asked| self.all.only_one_beside(*asked) == Some(number))
    }

    fn findings(&self, group: &Group) -> Vec<(u64, Finding)> {
        let mut found = Vec::new();
        for around in &self.places {
            let members = around.members.values().map(|member| &self.places[*member]);
            for member in members.filter(|member| group.context.is_some() || !member.varies) {
                let lacking = member.lacking(around.around, group.is_stream);
                if let Some((number, finding)) = lacking.filter(|(number, _)| !self.asks_less(*number)) {
                    found.push((number, finding));
                }
                found.extend(member.changed());
            }
        }
        found
    }
}

impl Place {
    /// The one recording that lacks this member, among all that have the object around it.
    fn lacking(&self, all: Having, is_stream: bool) -> Option<(u64, Finding)> {
        let nowhere = all.only_one_beside(self.some).map(|number| (number, "none"));
        // In a stream, the server chooses which events have the member.
        let is_everywhere = !is_stream && !self.varies;
        let somewhere =
            || all.only_one_beside(self.always).filter(|_| is_everywhere).map(|number| (number, "not everywhere"));
        let (number, actual) = nowhere.or_else(somewhere).filter(|_| !self.is_required)?;
        let actual = format!("`{}`: {actual}; {} others have it", self.path, all.count - 1);
        Some((number, Finding { rule: &rule::MEMBER_DROPPED, member: Some(self.path.clone()), actual }))
    }

    /// The one recording whose values have another type than those of all others. Members that the schema knows are
    /// left out.
    fn changed(&self) -> Option<(u64, Finding)> {
        let mut types: Vec<_> = self.types.iter().collect();
        types.sort_by_key(|(_, having)| having.count);
        let [(other, one), (usual, all)] = types[..] else { return None };
        if self.is_known || one.count != 1 || all.count < FEWEST {
            return None;
        }
        let actual = format!("`{}`: {other}; {} others have {usual}", self.path, all.count);
        Some((one.sum, Finding { rule: &rule::MEMBER_CHANGED, member: Some(self.path.clone()), actual }))
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::read;

    /// The findings about chat completions, each given with its request.
    fn told(replies: &[(Value, Value)]) -> Vec<String> {
        let mut shapes = Shapes::default();
        for (number, (request, reply)) in replies.iter().enumerate() {
            let request = request.to_string();
            let asked = Asked::new("POST", "/v1/chat/completions", request.as_bytes());
            let reading = read("application/json", reply.to_string().as_bytes());
            let reply = Reply { status: 200, content_type: "application/json", reading: &reading };
            shapes.learn(number, "p m /v1/chat/completions", request.as_bytes(), &asked, &reply);
        }
        shapes.findings().iter().map(|(number, f)| format!("{number} {} {}", f.rule.id, f.actual)).collect()
    }

    fn chat(message: Value, besides: Value) -> Value {
        let mut reply = json!({"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]});
        for (name, value) in besides.as_object().into_iter().flatten() {
            reply[name] = value.clone();
        }
        reply
    }

    fn alike(besides: &[Value]) -> Vec<String> {
        let replies =
            besides.iter().map(|besides| (json!({"model": "m"}), chat(json!({"content": "a"}), besides.clone())));
        told(&replies.collect::<Vec<_>>())
    }

    #[test]
    fn a_member_that_one_lacks_and_at_least_two_others_have_is_told() {
        let has = json!({"system_fingerprint": "f", "timings": {"ms": 1}});
        let lacks = json!({"system_fingerprint": null, "timings": {"ms": 1}});
        assert_eq!(
            alike(&[has.clone(), lacks.clone(), has.clone()]),
            ["1 member-dropped `system_fingerprint`: none; 2 others have it"]
        );
        assert_eq!(alike(&[has.clone(), lacks.clone()]), Vec::<String>::new(), "one other is no custom");
        assert_eq!(alike(&[has.clone(), lacks.clone(), lacks, has]), Vec::<String>::new(), "two lack it");
    }

    #[test]
    fn a_member_counts_only_where_what_is_around_it_is_there() {
        let has = json!({"timings": {"ms": 1, "n": 1}});
        assert_eq!(
            alike(&[has.clone(), json!({"timings": {"n": 1}}), has.clone(), json!({}), json!({})]),
            ["1 member-dropped `timings.ms`: none; 2 others have it"]
        );
        let twice = json!({"list": [{"a": 1, "b": 1}, {"a": 1, "b": 1}]});
        assert_eq!(
            alike(&[twice.clone(), twice, json!({"list": [{"a": 1, "b": 1}, {"b": 1}]})]),
            ["2 member-dropped `list[].a`: not everywhere; 2 others have it"]
        );
    }

    #[test]
    fn what_depends_on_the_question_is_compared_where_the_questions_are_alike() {
        let called = json!({"content": null, "tool_calls": [{"id": "a", "type": "function"}]});
        let tools = json!({"model": "m", "tools": []});
        let (text, call) = (chat(json!({"content": "a"}), json!({})), chat(called, json!({})));
        let plain = json!({"model": "m"});
        assert_eq!(
            told(&[(plain.clone(), text.clone()), (plain.clone(), text.clone()), (tools.clone(), call)]),
            Vec::<String>::new(),
            "a text that no call has"
        );
        let more = json!({"scores": [{"a": 1}]});
        let scored = chat(json!({"content": "a"}), more);
        let asked = json!({"model": "m", "scores": true});
        assert_eq!(
            told(&[(asked.clone(), scored.clone()), (asked, scored), (plain, text)]),
            Vec::<String>::new(),
            "they asked for it"
        );
    }

    #[test]
    fn a_member_that_no_schema_knows_and_that_changes_its_type_is_told() {
        let usual = json!({"seed": 5, "created": 5});
        assert_eq!(
            alike(&[usual.clone(), json!({"seed": "5", "created": 5}), usual.clone()]),
            ["1 member-changed `seed`: string; 2 others have number"]
        );
        assert_eq!(alike(&[usual.clone(), json!({"seed": 5.5, "created": "5"}), usual]), Vec::<String>::new());
    }
}
