//! JSON Schemas of the users' files, made from the types that read them. Only the tests that keep `schemas/` up to date
//! use this, so the program itself is built without it.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::Spanned;
use super::shapes::{Listed, OneOrMore, Pairs, Short};

/// The durations that [`super::duration`] reads.
pub(crate) const DURATION_PATTERN: &str = r"^[0-9]*\.?[0-9]+ ?(ms|s|m)$";

/// `oneOf` for a mapping that must have exactly one of these keys.
pub(crate) fn one_of_keys(keys: &[&str]) -> Value {
    keys.iter().map(|key| json!({"required": [key]})).collect()
}

/// `anyOf` for a value that is compared as a number, perhaps only after its `${name}` is filled in.
pub(crate) fn number_or_name() -> Value {
    json!([{"type": "number"}, {"type": "string", "pattern": r"\$\{"}])
}

/// The schema of a file that `T` reads. `explicit_null`: a key without a value is an error, and does not count as
/// absent.
pub(crate) fn of<T: JsonSchema>(title: &str, explicit_null: bool) -> Value {
    let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<T>();
    schema.insert("title".into(), title.into());
    let mut value = schema.to_value();
    tidy(&mut value, explicit_null);
    let text = value.to_string().replace("/definitions/Raw", "/definitions/").replace("\"Raw", "\"");
    serde_json::from_str(&text).unwrap_or(value)
}

/// Removes members without information, and those that come only from `Option`.
fn tidy(schema: &mut Value, explicit_null: bool) {
    match schema {
        Value::Object(members) => {
            members.retain(|name, value| name != "default" || *value == json!(true));
            // If a text is expected, YAML's `5` and `true` are read as the text that was written.
            let is_chosen = members.contains_key("enum");
            if members.get("type") == Some(&json!("string")) && !is_chosen {
                members.insert("type".into(), json!(["string", "number", "boolean"]));
            }
            if explicit_null {
                refuse_null(members);
            }
            members.values_mut().for_each(|value| tidy(value, explicit_null));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| tidy(item, explicit_null)),
        _ => {}
    }
}

/// For `Option`, the generator says "or null"; here it must only mean "or absent".
fn refuse_null(members: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = members.get_mut("type")
        && types.len() == 2
    {
        types.retain(|name| name != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            members.insert("type".into(), one);
        }
    }
    let Some(Value::Array(ways)) = members.get_mut("anyOf") else { return };
    ways.retain(|way| way != &json!({"type": "null"}));
    // Draft 7 ignores everything beside a `$ref`.
    if let [only] = ways.as_slice() {
        let only = only.clone();
        members.shift_remove("anyOf");
        members.insert("allOf".into(), json!([only]));
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<V: JsonSchema> JsonSchema for Pairs<V> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("PairsOf{}", V::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "additionalProperties": generator.subschema_for::<V>()})
    }
}

impl<T: JsonSchema> JsonSchema for Short<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrShort", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [generator.subschema_for::<T>(), {"not": {"type": "object"}}]})
    }
}

impl JsonSchema for OneOrMore {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "OneOrMore".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = json!({"type": "string"});
        json_schema!({"anyOf": [text, {"type": "array", "minItems": 1, "items": text}]})
    }
}

impl<T: JsonSchema> JsonSchema for Listed<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrList", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        // A mapping among the values needs an `id` that can be part of a case's id.
        let id = json!({"not": {"type": ["array", "object"]}});
        let items = json!({"anyOf": [{"not": {"type": "object"}}, {"required": ["id"], "properties": {"id": id}}]});
        json_schema!({"anyOf": [{"type": "array", "minItems": 1, "items": items}, generator.subschema_for::<T>()]})
    }
}
