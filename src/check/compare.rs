//! Compares one value with the operands of a matcher. `matcher` does the rest: named matchers and matchers that contain
//! others.

use std::cmp::Ordering;

use serde_json::{Number, Value};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::pattern::{Unanswered, is_match};
use super::unmet::Unmet;
use super::{Texts, show};
use crate::diff::parting;
use crate::suite::template::{self, Scope};
use crate::suite::{Matcher, ValueType};

/// The most characters of an object or array that a reader can still compare on one line.
const SHORT: usize = 60;

/// Compares a value with the operands of a matcher. `Err` describes the first comparison that fails.
pub(super) fn compare(matcher: &Matcher, value: &Value, scope: &Scope) -> Result<(), Unmet> {
    let fold = matcher.fold;
    if let Some(operand) = &matcher.equals {
        let wanted = filled(operand, scope)?;
        if !equal(&wanted, value, fold) {
            return Err(unequal(&wanted, value, fold));
        }
    }
    if let Some(operand) = &matcher.contains {
        contains(value, &filled(operand, scope)?, fold)?;
    }
    if let Some(operands) = &matcher.one_of {
        let wanted = operands.iter().map(|operand| filled(operand, scope)).collect::<Result<Vec<_>, _>>()?;
        if !wanted.iter().any(|wanted| equal(wanted, value, fold)) {
            return Err(Unmet::new(format!("one of {}", show::value(&Value::Array(wanted))), show::value(value)));
        }
    }
    if let Some(operand) = &matcher.matches {
        matches(&filled(operand, scope)?, value)?;
    }
    compare_numbers(matcher, value, scope)?;
    if let Some(kind) = matcher.r#type
        && !has_type(value, kind)
    {
        return Err(Unmet::new(format!("type {}", type_name(kind)), show::value(value)));
    }
    if let Some(schema) = &matcher.schema {
        validates(&filled(schema, scope)?, value)?;
    }
    Ok(())
}

fn compare_numbers(matcher: &Matcher, value: &Value, scope: &Scope) -> Result<(), Unmet> {
    for (operand, word, holds) in [
        (&matcher.gt, ">", Ordering::is_gt as fn(Ordering) -> bool),
        (&matcher.ge, ">=", Ordering::is_ge),
        (&matcher.lt, "<", Ordering::is_lt),
        (&matcher.le, "<=", Ordering::is_le),
    ] {
        let Some(operand) = operand else { continue };
        let wanted = filled(operand, scope)?;
        let limit = number(&wanted, "operand is")?;
        let words = || (format!("{word} {wanted}"), show::value(value));
        match value.as_number().and_then(|number| order(number, limit)) {
            Some(ordering) if holds(ordering) => {}
            Some(_) => return Err(Unmet::new(words().0, words().1)),
            None => return Err(Unmet::senseless(words().0, words().1)),
        }
    }
    if let Some(approx) = &matcher.approx {
        let wanted = filled(&approx.value, scope)?;
        let limit = number(&wanted, "operand is")?.as_f64().unwrap_or(f64::NAN);
        let words = || (format!("{wanted} within {}", approx.within), show::value(value));
        match value.as_f64() {
            Some(number) if (number - limit).abs() <= approx.within => {}
            Some(_) => return Err(Unmet::new(words().0, words().1)),
            None => return Err(Unmet::senseless(words().0, words().1)),
        }
    }
    Ok(())
}

fn number<'v>(value: &'v Value, what: &str) -> Result<&'v Number, Unmet> {
    value.as_number().ok_or_else(|| Unmet::senseless("a number", format!("the {what} {}", show::value(value))))
}

/// Compares integers exactly, because a float cannot represent every large id and seed. Other numbers are compared as
/// floats.
fn order(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

/// An operand in which every `${…}` is replaced by its value.
pub(super) fn filled(operand: &Value, scope: &Scope) -> Result<Value, Unmet> {
    template::fill(operand, scope).map_err(|unbound| Unmet::senseless("an operand that is set", unbound.to_string()))
}

fn unequal(wanted: &Value, value: &Value, fold: bool) -> Unmet {
    let parted = wanted.as_str().zip(value.as_str()).and_then(|(wanted, actual)| parting(wanted, actual));
    let (expected, actual) = parted.unwrap_or_else(|| (show::value(wanted), show::value(value)));
    Unmet { texts: texts(wanted, value, fold).map(Box::new), ..Unmet::new(expected, actual) }
}

/// Both values in full, if a reader could not compare them on one line each.
fn texts(wanted: &Value, value: &Value, fold: bool) -> Option<Texts> {
    let (expected, actual) = match (wanted, value) {
        (Value::String(wanted), Value::String(actual)) if wanted.contains('\n') || actual.contains('\n') => {
            (wanted.clone(), actual.clone())
        }
        (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => {
            let is_short = |value: &Value| value.to_string().chars().nth(SHORT).is_none();
            if is_short(wanted) && is_short(value) {
                return None;
            }
            (format!("{wanted:#}"), format!("{:#}", aligned(wanted, value, fold)))
        }
        _ => return None,
    };
    Some(Texts { expected, actual })
}

/// `value` with its members in the order of `wanted`, and written like `wanted` where the two count as equal. A
/// comparison by lines then shows real differences only.
fn aligned(wanted: &Value, value: &Value, fold: bool) -> Value {
    match (wanted, value) {
        _ if equal(wanted, value, fold) => wanted.clone(),
        (Value::Array(wanted), Value::Array(items)) => {
            let item = |(at, item)| wanted.get(at).map_or_else(|| Value::clone(item), |of| aligned(of, item, fold));
            items.iter().enumerate().map(item).collect()
        }
        (Value::Object(wanted), Value::Object(members)) => {
            let shared = wanted.iter().filter_map(|(name, of)| Some((name, aligned(of, members.get(name)?, fold))));
            let own = members.iter().filter(|(name, _)| !wanted.contains_key(*name));
            let own = own.map(|(name, value)| (name, value.clone()));
            shared.chain(own).map(|(name, value)| (name.clone(), value)).collect()
        }
        _ => value.clone(),
    }
}

fn matches(pattern: &Value, value: &Value) -> Result<(), Unmet> {
    let Some(pattern) = pattern.as_str() else {
        return Err(Unmet::senseless("a regular expression", show::value(pattern)));
    };
    let wanted = format!("matches /{pattern}/");
    let Some(text) = value.as_str() else {
        return Err(Unmet::senseless(wanted, show::value(value)));
    };
    match is_match(pattern, text) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Unmet::new(wanted, show::value(value))),
        Err(Unanswered::Malformed(why)) => Err(Unmet::senseless("a regular expression", why)),
        Err(Unanswered::TooMuch(steps)) => Err(Unmet::senseless(
            wanted,
            format!(
                "given up: on a text of {} bytes it may take {steps} steps; write fewer or smaller repetitions",
                text.len()
            ),
        )),
    }
}

/// Whether two values are equal as JSON: 1 equals 1.0, and the order of members does not matter.
fn equal(a: &Value, b: &Value, fold: bool) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || (x.is_f64() || y.is_f64()) && x.as_f64() == y.as_f64(),
        (Value::String(x), Value::String(y)) => x == y || fold && folded(x) == folded(y),
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| equal(x, y, fold)),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, x)| y.get(key).is_some_and(|y| equal(x, y, fold)))
        }
        _ => a == b,
    }
}

fn contains(value: &Value, wanted: &Value, fold: bool) -> Result<(), Unmet> {
    let words = || (format!("contains {}", show::value(wanted)), show::value(value));
    let holds = match (value, wanted) {
        (Value::String(_), Value::String(part)) if part.is_empty() => {
            return Err(Unmet::senseless("a text to look for", "an empty one, which stands in every text"));
        }
        (Value::String(text), Value::String(part)) => {
            text.contains(part.as_str()) || fold && folded(text).contains(&folded(part))
        }
        (Value::Array(items), wanted) => items.iter().any(|item| equal(item, wanted, fold)),
        (Value::Object(_), Value::Object(_)) => has_subset(value, wanted, fold),
        _ => return Err(Unmet::senseless(words().0, words().1)),
    };
    if holds { Ok(()) } else { Err(Unmet::new(words().0, words().1)) }
}

/// Whether `value` has at least the members of `wanted`, at every level. Arrays must have the same length.
pub(super) fn has_subset(value: &Value, wanted: &Value, fold: bool) -> bool {
    match (value, wanted) {
        (Value::Object(members), Value::Object(wanted)) => {
            wanted.iter().all(|(key, wanted)| members.get(key).is_some_and(|value| has_subset(value, wanted, fold)))
        }
        (Value::Array(items), Value::Array(wanted)) => {
            items.len() == wanted.len() && items.iter().zip(wanted).all(|(item, wanted)| has_subset(item, wanted, fold))
        }
        _ => equal(value, wanted, fold),
    }
}

/// The text in lower case and without diacritics: "Sōl" becomes "sol".
fn folded(text: &str) -> String {
    text.nfd().filter(|c| !is_combining_mark(*c)).collect::<String>().to_lowercase()
}

/// Without the feature, a suite with a schema is rejected when it is read.
#[cfg(not(feature = "schema"))]
pub(super) fn validates(_: &Value, _: &Value) -> Result<(), Unmet> {
    Err(Unmet::senseless("a JSON Schema", crate::features::without("schema")))
}

/// Validates a value against a JSON Schema, draft 2020-12. A string is parsed as JSON first. A `$ref` to another
/// document is an error: nothing is downloaded.
#[cfg(feature = "schema")]
pub(super) fn validates(schema: &Value, value: &Value) -> Result<(), Unmet> {
    let validator = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .offline()
        .build(schema)
        .map_err(|error| Unmet::senseless("a JSON Schema", show::cut(&error.to_string())))?;
    let read;
    let value = match value {
        Value::String(text) => {
            read = serde_json::from_str(text)
                .map_err(|error| Unmet::new("JSON that validates", format!("{error}: {}", show::cut(text))))?;
            &read
        }
        other => other,
    };
    match validator.iter_errors(value).next() {
        None => Ok(()),
        Some(error) => {
            let place = error.instance_path().to_string();
            let said = show::cut(&error.to_string());
            let actual = if place.is_empty() { said } else { format!("{said} (at {place})") };
            Err(Unmet::new("validates against the schema", actual))
        }
    }
}

fn has_type(value: &Value, kind: ValueType) -> bool {
    match kind {
        ValueType::Null => value.is_null(),
        ValueType::Boolean => value.is_boolean(),
        ValueType::Integer => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0),
        ValueType::Number => value.is_number(),
        ValueType::String => value.is_string(),
        ValueType::Array => value.is_array(),
        ValueType::Object => value.is_object(),
    }
}

pub(super) fn type_name(kind: ValueType) -> &'static str {
    match kind {
        ValueType::Null => "null",
        ValueType::Boolean => "boolean",
        ValueType::Integer => "integer",
        ValueType::Number => "number",
        ValueType::String => "string",
        ValueType::Array => "array",
        ValueType::Object => "object",
    }
}
