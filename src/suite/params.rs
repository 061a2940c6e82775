//! Reads the values of parameters from a list in the suite, a named list, or the rows of a data file.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::model::{Param, ParamValue};
use super::raw::{RawFound, RawParam};
use super::reader::{Checked, Reader, Reported, readable};
use crate::spelling::nearest;
use crate::yaml::{Error, Listed, Pairs, Place, Source, Spanned};

/// A row of a data file and its line.
type Row = (u32, Value);

impl Reader<'_> {
    pub(super) fn params(&mut self, raw: Pairs<RawParam>) -> Vec<Param> {
        let mut params = Vec::new();
        for (name, values) in raw.0 {
            let width = name.value.chars().count();
            let names: Vec<String> = name.value.split(',').map(|name| name.trim().to_owned()).collect();
            for one in &names {
                if one == "model" || one == "env" || one.is_empty() || one.contains(['.', '}', ' ']) {
                    self.error(name.place, width, format!("`{one}` cannot name a parameter"))
                        .push_help("`model` and `env` are taken, and a name holds no dot, space or brace");
                }
            }
            for (at, one) in names.iter().enumerate() {
                let is_taken = |param: &Param| param.names.contains(one);
                if names[..at].contains(one) || params.iter().any(is_taken) {
                    self.error(name.place, width, format!("a second parameter named `{one}`"))
                        .push_help("only one of the two would be used; rename one of them");
                }
            }
            let before = self.errors.len();
            let values = self.values(&names, values, false);
            if values.is_empty() && self.reported_since(before).is_none() {
                self.error(name.place, width, format!("`{}` has no values", name.value))
                    .push_help("a parameter without values makes no case; give at least one");
            }
            params.push(Param { names, values });
        }
        params
    }

    /// The values, from any of these sources. `is_shared` says that this is a named list, which cannot refer to
    /// another.
    fn values(&mut self, names: &[String], raw: RawParam, is_shared: bool) -> Vec<ParamValue> {
        match raw.value {
            Listed::List(items) => {
                let mut seen = HashSet::new();
                readable(items.into_iter().map(|item| {
                    let place = item.place;
                    let value = self.value(names, item)?;
                    let width = value.id.chars().count();
                    self.once(&value.id, &mut seen, place, width);
                    Ok(value)
                }))
            }
            Listed::Found(RawFound { file: Some(path), r#use: None }) => self.of_file(names, &path).unwrap_or_default(),
            Listed::Found(RawFound { file: None, r#use: Some(name) }) if !is_shared => {
                let Ok((source, found)) = self.named_param(&name) else { return Vec::new() };
                let place = found.place;
                self.elsewhere(&source, place, |reader| reader.values(names, found, true))
            }
            Listed::Found(_) => {
                let (reason, help) = if is_shared {
                    ("a list of values with a name is a list or a file", "write the list, or `{file: questions.jsonl}`")
                } else {
                    ("values are found in one place", "write a list, `{file: questions.jsonl}` or `{use: NAME}`")
                };
                self.error(raw.place, 1, reason).push_help(help);
                Vec::new()
            }
        }
    }

    /// The values in a data file.
    fn of_file(&mut self, names: &[String], path: &Spanned<String>) -> Checked<Vec<ParamValue>> {
        let source = self.file(path)?;
        let width = path.value.chars().count();
        match rows(&source, &path.value) {
            Ok(rows) if rows.is_empty() => Err(self
                .error(path.place, width, format!("`{}` holds no rows", path.value))
                .push_help("a parameter without values makes no case; write at least one row")),
            Ok(rows) => Ok(self.elsewhere(&source, Place::default(), |reader| reader.table(names, rows))),
            Err(Unread::Kind) => Err(self
                .error(path.place, width, format!("`{}` is not a kind of data file", path.value))
                .push_help("data files are named `….jsonl` (a JSON value a line) or `….csv`")),
            Err(Unread::Row(error)) => Err(self.report(error)),
        }
    }

    fn once(&mut self, id: &str, seen: &mut HashSet<String>, place: Place, width: usize) {
        if !seen.insert(id.to_owned()) {
            self.error(place, width, format!("`{id}` stands here twice"))
                .push_help("two cases would have the same id; give one of them another `id`");
        }
    }

    /// Reads a value that is written in YAML.
    fn value(&mut self, names: &[String], raw: Spanned<Value>) -> Checked<ParamValue> {
        let place = raw.place;
        match (names, raw.value) {
            (_, Value::Object(mut members)) => match members.shift_remove("id") {
                Some(id) => {
                    let id = self.id(&id, place);
                    let value = self.chosen(names, place, members);
                    Ok(ParamValue { id: id?, value: value? })
                }
                None => Err(self
                    .error(place, 1, "a parameter value that is a mapping needs an `id`")
                    .push_help("add `id: …`: it stands in the case's id")),
            },
            ([_], value) => match scalar_id(&value) {
                Some(id) => Ok(ParamValue { id, value }),
                None => Err(self
                    .error(place, 1, "a list cannot stand in a case's id")
                    .push_help("write `{id: name, value: […]}`")),
            },
            (_, Value::Array(items)) => {
                self.count(names, place, items.len())?;
                let ids: Option<Vec<String>> = items.iter().map(scalar_id).collect();
                match ids {
                    Some(ids) => Ok(ParamValue { id: ids.join("-"), value: Value::Array(items) }),
                    None => Err(self
                        .error(place, 1, "a list or a mapping cannot stand in a case's id")
                        .push_help(format!("write `{{id: name, {}: …}}`", names.join(": …, ")))),
                }
            }
            (_, _) => Err(self.wrong_count(names, place, 1)),
        }
    }

    /// Checks that the `id` of a value can be part of a case's id.
    fn id(&mut self, id: &Value, place: Place) -> Checked<String> {
        scalar_id(id).ok_or_else(|| {
            let what = if id.is_array() { "a list" } else { "a mapping" };
            self.error(place, 1, format!("the `id` of this value is {what}"))
                .push_help("write a text, a number or a boolean, such as `id: earth`: it stands in the case's id")
        })
    }

    /// Checks that there is one value for each name.
    fn count(&mut self, names: &[String], place: Place, count: usize) -> Checked<()> {
        if count == names.len() { Ok(()) } else { Err(self.wrong_count(names, place, count)) }
    }

    fn wrong_count(&mut self, names: &[String], place: Place, count: usize) -> Reported {
        let reason = format!("{count} value{} for {} names", if count == 1 { "" } else { "s" }, names.len());
        self.error(place, 1, reason).push_help(format!("write a list of one value each for {}", names.join(", ")))
    }

    /// The value of a mapping whose `id` was removed: the mapping itself, its `value`, or the members with the
    /// parameters' names.
    fn chosen(&mut self, names: &[String], place: Place, mut members: Map<String, Value>) -> Checked<Value> {
        if names.len() == 1 {
            // `{id: x, value: true}` gives a scalar an id. Otherwise, the members are the value.
            let only_value = if members.len() == 1 { members.shift_remove("value") } else { None };
            return Ok(only_value.unwrap_or(Value::Object(members)));
        }
        let mut values = Vec::new();
        for name in names {
            let Some(value) = members.get(name) else {
                let near = nearest(name, members.keys().map(String::as_str))
                    .map_or_else(String::new, |near| format!("did you mean `{near}`? "));
                let there: Vec<&str> = members.keys().map(String::as_str).collect();
                let help = format!("{near}There are: {}", there.join(", "));
                return Err(self.error(place, 1, format!("`{name}` is missing here")).push_help(help));
            };
            values.push(value.clone());
        }
        Ok(Value::Array(values))
    }

    /// The rows of a data file as values.
    fn table(&mut self, names: &[String], rows: Vec<Row>) -> Vec<ParamValue> {
        let mut seen = HashSet::new();
        readable(rows.into_iter().zip(1_usize..).map(|((line, row), number)| {
            let place = Place { line, column: 1 };
            let value = self.row(names, place, number, row)?;
            self.once(&value.id, &mut seen, place, 1);
            Ok(value)
        }))
    }

    /// Reads a row of a data file. Without an `id`, the row's number is its id.
    fn row(&mut self, names: &[String], place: Place, number: usize, row: Value) -> Checked<ParamValue> {
        let number = number.to_string();
        match row {
            Value::Object(mut members) => {
                let id = members.shift_remove("id").map(|id| self.id(&id, place)).transpose();
                let value = self.chosen(names, place, members);
                Ok(ParamValue { id: id?.filter(|id| !id.is_empty()).unwrap_or(number), value: value? })
            }
            Value::Array(items) if names.len() > 1 => {
                self.count(names, place, items.len())?;
                Ok(ParamValue { id: number, value: Value::Array(items) })
            }
            value => {
                self.count(names, place, 1)?;
                Ok(ParamValue { id: number, value })
            }
        }
    }
}

/// Why the rows could not be read.
enum Unread {
    Kind,
    Row(Error),
}

fn rows(source: &Arc<Source>, path: &str) -> Result<Vec<Row>, Unread> {
    let ends_with = |end: &str| path.to_ascii_lowercase().ends_with(end);
    let read = match () {
        () if ends_with(".jsonl") => json_lines(source),
        () if ends_with(".csv") => comma_separated(source),
        () => return Err(Unread::Kind),
    };
    read.map_err(Unread::Row)
}

fn json_lines(source: &Source) -> Result<Vec<Row>, Error> {
    let text = source.text.trim_start_matches('\u{feff}');
    let lines = text.lines().zip(1_u32..).filter(|(line, _)| !line.trim().is_empty());
    let read = |(text, line): (&str, u32)| {
        serde_json::from_str(text).map(|value| (line, value)).map_err(|error| {
            let column = u32::try_from(error.column()).unwrap_or(u32::MAX).max(1);
            let said = error.to_string();
            let reason = said.split(" at line ").next().unwrap_or_default();
            Error::at(source, Place { line, column }, 1, format!("this line is not JSON: {reason}"))
                .help("write one JSON value a line")
        })
    };
    lines.map(read).collect()
}

fn comma_separated(source: &Source) -> Result<Vec<Row>, Error> {
    let text = source.text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(text.as_bytes());
    let wrong = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        let place = Place { line: u32::try_from(line).unwrap_or(u32::MAX), column: 1 };
        let reason = match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("{len} field{} here, and {expected_len} in the first line", if *len == 1 { "" } else { "s" })
            }
            _ => error.to_string(),
        };
        Error::at(source, place, 1, reason).help("put a field that holds a comma between double quotes")
    };
    let names: Vec<String> = reader.headers().map_err(wrong)?.iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(wrong)?;
        let line = record.position().map_or(1, csv::Position::line);
        let fields = names.iter().cloned().zip(record.iter().map(Value::from));
        rows.push((u32::try_from(line).unwrap_or(u32::MAX), Value::Object(fields.collect())));
    }
    Ok(rows)
}

/// A scalar as part of an id, as pytest writes it.
fn scalar_id(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.replace(['\n', '\r'], " "),
        Value::Number(number) => number.to_string(),
        Value::Array(_) | Value::Object(_) => return None,
    })
}
