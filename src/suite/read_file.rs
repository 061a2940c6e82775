//! Reads a suite file case by case. The raw form of a case is dropped as soon as the case is read, because the raw
//! forms of all cases would take several times the memory of the result.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::model::Template;
use super::raw::{RawTemplate, RawTop};
use super::reader::Reader;
use crate::yaml::{self, Error, Place, Source, Spanned};

/// The result of reading a file.
pub(super) enum Read {
    /// Its cases.
    Cases(Vec<Template>),
    /// The shared definitions, because some of them are below the cases. The file must be read again with them.
    Top(RawTop),
}

/// Reads the file. `top` has the shared definitions, if they are already known.
pub(super) fn read(reader: &mut Reader<'_>, source: &Source, top: Option<RawTop>) -> Result<Read, Error> {
    let is_known = top.is_some();
    if let Some(top) = top {
        reader.share(top);
    }
    yaml::from_source_with(source, Whole { reader, is_known })
}

/// A key at the top of a suite.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum TopKey {
    Anchors,
    Include,
    Secrets,
    Masks,
    Matchers,
    Steps,
    Params,
    Cases,
}

/// The file as a whole.
struct Whole<'r, 'k> {
    reader: &'r mut Reader<'k>,
    is_known: bool,
}

impl<'de> DeserializeSeed<'de> for Whole<'_, '_> {
    type Value = Read;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Read, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_, '_> {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read, A::Error> {
        let (mut top, mut cases, mut is_below) = (RawTop::default(), None, false);
        while let Some(key) = map.next_key()? {
            is_below |= cases.is_some() && !matches!(key, TopKey::Anchors);
            match key {
                TopKey::Anchors => drop(map.next_value::<IgnoredAny>()?),
                TopKey::Include => top.include = map.next_value()?,
                TopKey::Secrets => top.secrets = map.next_value()?,
                TopKey::Masks => top.masks = map.next_value()?,
                TopKey::Matchers => top.matchers = map.next_value()?,
                TopKey::Steps => top.steps = map.next_value()?,
                TopKey::Params => top.params = map.next_value()?,
                TopKey::Cases => {
                    if !self.is_known {
                        self.reader.share(top.clone());
                    }
                    cases = Some(map.next_value_seed(Cases { reader: &mut *self.reader })?);
                }
            }
        }
        let cases = cases.ok_or_else(|| A::Error::missing_field("cases"))?;
        Ok(if is_below && !self.is_known { Read::Top(top) } else { Read::Cases(cases) })
    }
}

/// The list of cases.
struct Cases<'r, 'k> {
    reader: &'r mut Reader<'k>,
}

impl<'de> DeserializeSeed<'de> for Cases<'_, '_> {
    type Value = Vec<Template>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Cases<'_, '_> {
    type Value = Vec<Template>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let (mut templates, mut names) = (Vec::new(), HashSet::new());
        let mut next: Option<Spanned<Box<RawTemplate>>> = seq.next_element()?;
        while let Some(case) = next {
            // A case ends where the next one begins.
            next = seq.next_element()?;
            let end = next.as_ref().map(|case| case.place).filter(|end| *end > case.place);
            templates.push(self.reader.case(case, end, &mut names));
        }
        templates.shrink_to_fit();
        Ok(templates)
    }
}

/// The place of the list of cases.
pub(super) fn place_of_cases(source: &Source) -> Place {
    #[derive(Deserialize)]
    struct Top {
        cases: Spanned<IgnoredAny>,
    }
    yaml::from_source::<Top>(source).map_or(Place::default(), |top| top.cases.place)
}

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    use super::*;
    use crate::suite::{Known, Suite, parse};

    fn read(text: &str) -> Result<Suite, Vec<String>> {
        let source = Source { name: "s.yaml".into(), text: text.into() };
        parse(source.into(), &Known::default()).map_err(|errors| errors.iter().map(|error| error.to_string()).collect())
    }

    const CASES: &str = "cases:\n- {name: a, steps: [{use: ask}]}\n- {name: b, steps: [{use: ask}, {use: ask}]}\n";
    const SHARED: &str =
        "steps: {ask: {request: {get: /}, expect: {text: {is: short}}}}\nmatchers: {short: {length: 1}}\n";

    #[test]
    fn what_cases_share_may_stand_above_or_below_them() {
        for text in [format!("{SHARED}{CASES}"), format!("{CASES}{SHARED}")] {
            let suite = read(&text).unwrap();
            let steps: Vec<_> = suite.templates.iter().map(|template| template.steps.len()).collect();
            assert_eq!(steps, [1, 2], "{text}");
        }
        let wrong = format!("{CASES}{}", SHARED.replace("length: 1", "length: x"));
        assert_eq!(read(&wrong).unwrap_err(), ["s.yaml:5:28: `length` is compared with a number"]);
    }

    #[test]
    fn a_list_without_cases_is_told_where_it_stands() {
        assert_eq!(read("anchors: 1\ncases: []\n").unwrap_err(), ["s.yaml:2:8: there are no cases here"]);
        assert_eq!(read("anchors: 1\n").unwrap_err().len(), 1);
    }

    #[test]
    fn the_keys_are_those_of_the_schema() {
        let schema = crate::suite::schema();
        for name in schema["properties"].as_object().unwrap().keys() {
            let name: StrDeserializer<'_, Error> = name.as_str().into_deserializer();
            assert!(TopKey::deserialize(name).is_ok(), "{name:?}");
        }
        let unknown: StrDeserializer<'_, Error> = "case".into_deserializer();
        let said = TopKey::deserialize(unknown).map(drop).unwrap_err().to_string();
        assert_eq!(said.matches('`').count() / 2 - 1, schema["properties"].as_object().unwrap().len(), "{said}");
    }
}
