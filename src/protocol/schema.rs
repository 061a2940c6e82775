//! Reads the JSON Schemas of replies (`schemas/wire`) and validates values against them. Only the keywords that these
//! files use are supported.
//!
//! A `null` member counts as absent, and `required` applies only to members that may not be null. The schemas list the
//! enumerations of the API references as `examples`, so that new values are valid. `discriminator` chooses the schema
//! of an object by its `type`. An object of an unknown type needs to match only the general schema.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

/// The position of a schema in [`Schemas`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(usize);

/// A set of JSON types, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Types(u8);

const TYPES: [(&str, u8); 7] =
    [("null", 1), ("boolean", 2), ("integer", 4), ("number", 12), ("string", 16), ("array", 32), ("object", 64)];

/// A schema. Without types, values of any type are valid.
#[derive(Debug, Default)]
struct Schema {
    types: Types,
    constant: Option<String>,
    required: Vec<String>,
    members: HashMap<String, Member>,
    /// The schema of members that are not in `members`, as in a map (`additionalProperties`).
    others: Option<Id>,
    items: Option<Id>,
    /// The schemas of objects by their `type` (`discriminator`).
    kinds: HashMap<String, Id>,
}

/// What a schema says about a member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub(super) schema: Id,
    /// Whether its presence depends on the request and the answer (`x-varies`).
    pub(super) varies: bool,
}

/// Schemas that refer to each other.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    all: Vec<Schema>,
    roots: HashMap<&'static str, Id>,
}

/// How a value breaks a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It has another type.
    Type,
    /// A required member is missing.
    Missing,
    /// It is not the only allowed text (`const`).
    Value,
}

/// A fault that values of a reply have at one path.
#[derive(Debug)]
pub(super) struct Breach {
    pub(super) fault: Fault,
    /// `choices[].message.role`; empty for the value itself.
    pub(super) path: String,
    /// The first value with the fault.
    pub(super) actual: String,
    /// Whether that value is null.
    pub(super) is_null: bool,
    /// The number of values with the fault.
    pub(super) count: usize,
    /// The position of the first in the list of validated values.
    pub(super) first: usize,
}

impl Types {
    fn of(value: &Value) -> Self {
        Types(match value {
            Value::Null => 1,
            Value::Bool(_) => 2,
            Value::Number(number) if number.is_f64() && number.as_f64().is_some_and(|float| float.fract() != 0.0) => 8,
            Value::Number(_) => 4,
            Value::String(_) => 16,
            Value::Array(_) => 32,
            Value::Object(_) => 64,
        })
    }

    fn holds(self, value: &Value) -> bool {
        self.0 == 0 || self.0 & Types::of(value).0 != 0
    }

    fn may_be_null(self) -> bool {
        self.0 == 0 || self.0 & 1 != 0
    }

    /// The types as text: `a string`, `a string or an array`. Null is left out.
    fn named(self) -> String {
        let is_number = self.0 & 8 != 0;
        let names = TYPES
            .iter()
            .filter(|(name, bits)| self.0 & bits == *bits && *name != "null" && !(is_number && *name == "integer"));
        names.map(|(name, _)| with_article(name)).collect::<Vec<_>>().join(" or ")
    }
}

fn with_article(name: &str) -> String {
    format!("{} {name}", if name.starts_with(['a', 'i', 'o']) { "an" } else { "a" })
}

/// The type of a value, as JSON Schema calls it.
pub(super) fn type_of(value: &Value) -> &'static str {
    let bits = Types::of(value).0;
    TYPES.iter().find(|(_, known)| known & bits == bits).map_or("null", |(name, _)| name)
}

impl Schemas {
    /// Reads schemas, each with the path that others use in `$ref`. `Err` says which one cannot be read, and why.
    pub(super) fn read(files: &[(&'static str, &str)]) -> Result<Self, String> {
        let mut texts = BTreeMap::new();
        for (path, text) in files {
            let value: Value = serde_json::from_str(text).map_err(|error| format!("{path}: {error}"))?;
            texts.insert(*path, value);
        }
        let mut reader = Reader { texts: &texts, read: BTreeMap::new(), all: Vec::new() };
        let mut roots = HashMap::new();
        for (path, _) in files {
            roots.insert(*path, reader.at(path, "")?);
        }
        Ok(Schemas { all: reader.all, roots })
    }

    /// The schema of this path.
    pub(super) fn root(&self, path: &str) -> Option<Id> {
        self.roots.get(path).copied()
    }

    /// The schema for an object: the one for its `type` if there is one, else `id` itself.
    pub(super) fn of_object(&self, id: Id, object: &Map<String, Value>) -> Id {
        let kind = object.get("type").and_then(Value::as_str).and_then(|kind| self.all[id.0].kinds.get(kind));
        kind.map_or(id, |kind| *kind)
    }

    /// What the schema says about a member.
    pub(super) fn member(&self, id: Id, name: &str) -> Option<Member> {
        self.all[id.0].members.get(name).copied()
    }

    /// Whether the schema requires a member.
    pub(super) fn requires(&self, id: Id, name: &str) -> bool {
        let schema = &self.all[id.0];
        let may_be_null = |member: &Member| self.all[member.schema.0].types.may_be_null();
        schema.required.iter().any(|required| required == name) && !schema.members.get(name).is_some_and(may_be_null)
    }

    /// The schema of an array's items.
    pub(super) fn items(&self, id: Id) -> Option<Id> {
        self.all[id.0].items
    }

    /// Whether it is the schema of a map, whose member names are data.
    pub(super) fn is_map(&self, id: Id) -> bool {
        self.all[id.0].others.is_some()
    }

    /// Validates values against a schema, in order. Each fault is reported once for each path.
    pub(super) fn breaches(&self, id: Id, values: &[Value]) -> Vec<Breach> {
        let mut walk = Walk { schemas: self, path: Vec::new(), at: 0, found: Vec::new() };
        for (at, value) in values.iter().enumerate() {
            walk.at = at;
            walk.value(id, value);
        }
        walk.found
    }
}

/// Schemas that are being read.
struct Reader<'a> {
    texts: &'a BTreeMap<&'static str, Value>,
    /// Schemas that were read, by file and JSON Pointer.
    read: BTreeMap<(String, String), Id>,
    all: Vec<Schema>,
}

impl Reader<'_> {
    /// The schema at a JSON Pointer of a file. It is read only once, because schemas may refer to themselves.
    fn at(&mut self, file: &str, pointer: &str) -> Result<Id, String> {
        let key = (file.to_owned(), pointer.to_owned());
        if let Some(id) = self.read.get(&key) {
            return Ok(*id);
        }
        let texts = self.texts;
        let text = texts.get(file).and_then(|text| text.pointer(pointer));
        let text = text.ok_or_else(|| format!("{file}: there is no {pointer}"))?;
        let id = self.reserve();
        self.read.insert(key, id);
        self.fill(id, file, text)?;
        Ok(id)
    }

    fn reserve(&mut self) -> Id {
        self.all.push(Schema::default());
        Id(self.all.len() - 1)
    }

    fn schema(&mut self, file: &str, text: &Value) -> Result<Id, String> {
        if let Some(reference) = text["$ref"].as_str() {
            return self.referred(file, reference);
        }
        let id = self.reserve();
        self.fill(id, file, text)?;
        Ok(id)
    }

    /// The schema of a `$ref`: `#/$defs/choice` in this file, `common.json#/$defs/usage` in a file of the same folder.
    fn referred(&mut self, file: &str, reference: &str) -> Result<Id, String> {
        let (other, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let other = if other.is_empty() { file.to_owned() } else { format!("{folder}/{other}") };
        self.at(&other, pointer)
    }

    fn fill(&mut self, id: Id, file: &str, text: &Value) -> Result<(), String> {
        let mut schema = Schema::default();
        for (keyword, value) in text.as_object().ok_or_else(|| format!("{file}: {text} is no schema"))? {
            match keyword.as_str() {
                "type" => schema.types = types(value).ok_or_else(|| format!("{file}: {value} is no type"))?,
                "const" => schema.constant = value.as_str().map(str::to_owned),
                "required" => schema.required = names(value),
                "items" => schema.items = Some(self.schema(file, value)?),
                "additionalProperties" => schema.others = Some(self.schema(file, value)?),
                "properties" => {
                    for (name, text) in value.as_object().into_iter().flatten() {
                        let member = Member { schema: self.schema(file, text)?, varies: text["x-varies"] == true };
                        schema.members.insert(name.clone(), member);
                    }
                }
                "discriminator" => {
                    for (name, reference) in value["mapping"].as_object().into_iter().flatten() {
                        let kind = self.referred(file, reference.as_str().unwrap_or_default())?;
                        schema.kinds.insert(name.clone(), kind);
                    }
                }
                "$schema" | "title" | "$comment" | "$defs" | "examples" | "x-varies" => {}
                _ => return Err(format!("{file}: `{keyword}` is not read")),
            }
        }
        self.all[id.0] = schema;
        Ok(())
    }
}

fn types(value: &Value) -> Option<Types> {
    let bits = |name: &String| TYPES.iter().find(|(known, _)| known == name).map(|(_, bits)| *bits);
    names(value).iter().try_fold(0, |all, name| Some(all | bits(name)?)).map(Types)
}

/// One name or a list of them.
fn names(value: &Value) -> Vec<String> {
    let names = value.as_array().map_or_else(|| vec![value], |names| names.iter().collect());
    names.into_iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A step on the path to a value.
#[derive(Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    Item,
    /// A member whose name is data.
    Any,
}

struct Walk<'a> {
    schemas: &'a Schemas,
    path: Vec<Step<'a>>,
    at: usize,
    found: Vec<Breach>,
}

impl<'a> Walk<'a> {
    fn value(&mut self, id: Id, value: &'a Value) {
        let schemas = self.schemas;
        let schema = &schemas.all[id.0];
        if !schema.types.holds(value) {
            let actual = format!("{}, and the reference has {}", shown(value), schema.types.named());
            return self.found(Fault::Type, actual, value.is_null());
        }
        match value {
            Value::Object(object) => self.object(schemas.of_object(id, object), object),
            Value::Array(items) => {
                let Some(id) = schema.items else { return };
                self.path.push(Step::Item);
                items.iter().for_each(|item| self.value(id, item));
                self.path.pop();
            }
            Value::String(word) if schema.constant.as_ref().is_some_and(|wanted| wanted != word) => {
                let wanted = schema.constant.as_deref().unwrap_or_default();
                self.found(Fault::Value, format!("{}, and the reference has \"{wanted}\"", shown(value)), false);
            }
            _ => {}
        }
    }

    fn object(&mut self, id: Id, object: &'a Map<String, Value>) {
        let schemas = self.schemas;
        let schema = &schemas.all[id.0];
        for name in &schema.required {
            if object.get(name).is_none_or(Value::is_null) && schemas.requires(id, name) {
                self.path.push(Step::Member(name));
                let is_null = object.contains_key(name);
                self.found(Fault::Missing, if is_null { "null" } else { "none" }.to_owned(), is_null);
                self.path.pop();
            }
        }
        for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
            let (step, id) = match (schema.members.get(name), schema.others) {
                (Some(member), _) => (Step::Member(name), member.schema),
                (None, Some(id)) => (Step::Any, id),
                (None, None) => continue,
            };
            self.path.push(step);
            self.value(id, value);
            self.path.pop();
        }
    }

    fn found(&mut self, fault: Fault, actual: String, is_null: bool) {
        let path = written(&self.path);
        match self.found.iter_mut().find(|breach| breach.fault == fault && breach.path == path) {
            Some(breach) => breach.count += 1,
            None => self.found.push(Breach { fault, path, actual, is_null, count: 1, first: self.at }),
        }
    }
}

fn written(steps: &[Step<'_>]) -> String {
    let mut path = String::new();
    for step in steps {
        let name = match step {
            Step::Item => {
                path.push_str("[]");
                continue;
            }
            Step::Member(name) => name,
            Step::Any => "*",
        };
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
    }
    path
}

/// The most characters of a value that are shown.
const MOST_CHARACTERS: usize = 60;

/// A value as text: `the string "0"`, `an object`.
fn shown(value: &Value) -> String {
    let name = type_of(value);
    if value.is_null() || value.is_object() || value.is_array() {
        return if value.is_null() { "null".to_owned() } else { with_article(name) };
    }
    let text = value.to_string();
    let cut = text.char_indices().nth(MOST_CHARACTERS).map_or(text.clone(), |(at, _)| format!("{}…", &text[..at]));
    format!("the {name} {cut}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ONE: &str = r##"{
        "type": "object",
        "required": ["id", "note", "parts"],
        "properties": {
            "id": {"type": "string"},
            "note": {"type": ["string", "null"]},
            "kind": {"type": "string", "const": "one"},
            "count": {"type": "integer"},
            "score": {"type": "number"},
            "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}},
            "inner": {"$ref": "two.json#"},
            "words": {"type": "object", "additionalProperties": {"type": "integer"}}
        },
        "$defs": {
            "part": {"type": "object", "required": ["type"], "properties": {"type": {"type": "string"}},
                     "discriminator": {"propertyName": "type", "mapping": {"text": "#/$defs/text"}}},
            "text": {"type": "object", "required": ["type", "text"],
                     "properties": {"type": {"type": "string"}, "text": {"type": "string"}}}
        }
    }"##;
    const TWO: &str = r##"{"type": "object", "properties": {"next": {"$ref": "#"}, "word": {"type": "string"}}}"##;

    fn broken(value: Value) -> Vec<String> {
        let schemas = Schemas::read(&[("a/one.json", ONE), ("a/two.json", TWO)]).unwrap();
        let breaches = schemas.breaches(schemas.root("a/one.json").unwrap(), &[value]);
        breaches.iter().map(|breach| format!("{:?} {} {}", breach.fault, breach.path, breach.actual)).collect()
    }

    #[test]
    fn a_value_that_is_as_it_must_be_breaks_nothing() {
        let whole = json!({"id": "a", "note": null, "kind": "one", "count": 1.0, "score": 2, "parts": [
            {"type": "text", "text": "a"}, {"type": "a new one", "text": 5}], "words": {"a": 1}, "more": [1]});
        assert_eq!(broken(whole), Vec::<String>::new());
    }

    #[test]
    fn null_counts_as_absent_and_only_what_may_not_be_null_is_required() {
        assert_eq!(broken(json!({"id": null, "parts": [], "count": null})), ["Missing id null"]);
        assert_eq!(
            broken(json!({"note": 5, "parts": []})),
            ["Missing id none", "Type note the integer 5, and the reference has a string"]
        );
    }

    #[test]
    fn each_fault_is_told_with_its_place_once() {
        let parts =
            json!([{"type": "text"}, {"type": "text", "text": 5}, {"text": "a"}, {"type": "text", "text": true}, 7]);
        assert_eq!(
            broken(json!({"id": "a", "parts": parts, "kind": "two", "count": 1.5, "words": {"a": "b", "c": []}})),
            [
                "Missing parts[].text none",
                "Type parts[].text the integer 5, and the reference has a string",
                "Missing parts[].type none",
                "Type parts[] the integer 7, and the reference has an object",
                "Value kind the string \"two\", and the reference has \"one\"",
                "Type count the number 1.5, and the reference has an integer",
                "Type words.* the string \"b\", and the reference has an integer",
            ]
        );
        assert_eq!(broken(json!([])), ["Type  an array, and the reference has an object"]);
    }

    #[test]
    fn a_schema_may_refer_to_another_and_to_itself() {
        let inner = json!({"next": {"next": {"word": 5}}});
        assert_eq!(
            broken(json!({"id": "a", "parts": [], "inner": inner})),
            ["Type inner.next.next.word the integer 5, and the reference has a string"]
        );
    }

    #[test]
    fn what_is_not_read_is_refused_with_its_file() {
        let wrong = |text: &str| Schemas::read(&[("a/one.json", text)]).unwrap_err();
        assert_eq!(wrong(r#"{"pattern": "a"}"#), "a/one.json: `pattern` is not read");
        assert_eq!(wrong(r#"{"type": "text"}"#), "a/one.json: \"text\" is no type");
        assert_eq!(wrong(r##"{"items": {"$ref": "b.json#/$defs/c"}}"##), "a/b.json: there is no /$defs/c");
        assert!(wrong("{").starts_with("a/one.json: EOF"));
    }
}
