//! The rules for the metadata of a stored chat completion, from OpenAI's reference.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::refusal::Refusal;

/// Metadata by key.
pub type Metadata = BTreeMap<String, String>;

const MOST_PAIRS: usize = 16;
const LONGEST_KEY: usize = 64;
const LONGEST_VALUE: usize = 512;

/// Reads a `metadata` member; `null` means no metadata.
pub(super) fn read(value: &RawValue) -> Result<Metadata, Refusal> {
    let refused = |message: String| Refusal::invalid(message).param("metadata");
    let read: Result<Option<Metadata>, _> = serde_json::from_str(value.get());
    let metadata = read.map_err(|_| refused("`metadata` must be an object whose values are strings".to_owned()))?;
    let metadata = metadata.unwrap_or_default();
    if metadata.len() > MOST_PAIRS {
        return Err(refused(format!("`metadata` has {} pairs; {MOST_PAIRS} are the most", metadata.len())));
    }
    for (key, value) in &metadata {
        if key.chars().count() > LONGEST_KEY {
            return Err(refused(format!("the `metadata` key {key:?} is longer than {LONGEST_KEY} characters")));
        }
        if value.chars().count() > LONGEST_VALUE {
            return Err(refused(format!(
                "the `metadata` value under {key:?} is longer than {LONGEST_VALUE} characters"
            )));
        }
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(text: &str) -> Result<Metadata, String> {
        read(&RawValue::from_string(text.to_owned()).unwrap()).map_err(|refusal| refusal.message)
    }

    #[test]
    fn an_object_of_strings_is_metadata_and_null_is_none() {
        assert_eq!(reading("null").unwrap(), Metadata::new());
        assert_eq!(reading(r#"{"run":"7"}"#).unwrap(), Metadata::from([("run".into(), "7".into())]));
        let longest = format!(r#"{{"{}":"{}"}}"#, "k".repeat(64), "ü".repeat(512));
        assert_eq!(reading(&longest).unwrap().len(), 1);
    }

    #[test]
    fn what_openai_refuses_is_refused() {
        let pairs: Vec<String> = (0..17).map(|n| format!(r#""{n}":"""#)).collect();
        let all = [
            r#"{"run":7}"#.to_owned(),
            r#"["run"]"#.to_owned(),
            format!("{{{}}}", pairs.join(",")),
            format!(r#"{{"{}":""}}"#, "k".repeat(65)),
            format!(r#"{{"a":"{}"}}"#, "v".repeat(513)),
        ]
        .map(|text| reading(&text).unwrap_err().replace(&"k".repeat(65), "k…"));
        insta::assert_snapshot!(all.join("\n"), @r#"
        `metadata` must be an object whose values are strings
        `metadata` must be an object whose values are strings
        `metadata` has 17 pairs; 16 are the most
        the `metadata` key "k…" is longer than 64 characters
        the `metadata` value under "a" is longer than 512 characters
        "#);
    }
}
