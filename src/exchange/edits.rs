//! Applies rules to one body: finds the places that they name, and leaves out or masks what is there.
//!
//! Places are found in a parsed value, but the edits are applied while the raw text is printed: a parsed number would
//! lose digits beyond 64 bits.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use serde_json::value::RawValue;
use serde_json_path::NormalizedPath;

use super::body::Body;
use super::difference::member;
use super::key::Content;
use super::model::Request;
use super::rules::{Mask, Rules, endpoint_of};

/// What the rules do at one place of a body and below it.
#[derive(Debug, Default)]
pub(super) struct Edits {
    is_omitted: bool,
    masks: Vec<u16>,
    members: BTreeMap<String, Edits>,
    elements: BTreeMap<usize, Edits>,
}

impl Edits {
    /// What the rules for this endpoint do to a body; `None` if nothing. `body` is called only if there are such rules.
    pub(super) fn of(rules: &Rules, endpoint: &str, body: impl FnOnce() -> Value) -> Option<Edits> {
        let tree = LazyCell::new(body);
        let mut edits = None;
        for path in rules.ignored_at(endpoint) {
            let edits = edits.get_or_insert_with(Edits::default);
            match path.as_member() {
                Some(name) => edits.members.entry(name.to_owned()).or_default().is_omitted = true,
                None => {
                    for node in path.query().query_located(&tree) {
                        edits.at(node.location()).is_omitted = true;
                    }
                }
            }
        }
        for (number, mask) in rules.masks_at(endpoint) {
            let edits = edits.get_or_insert_with(Edits::default);
            for path in &mask.places {
                for node in path.query().query_located(&tree) {
                    edits.at(node.location()).masks.push(number);
                }
            }
        }
        edits
    }

    fn at(&mut self, path: &NormalizedPath<'_>) -> &mut Edits {
        path.iter().fold(self, |edits, step| match (step.as_name(), step.as_index()) {
            (Some(name), _) => edits.members.entry(name.to_owned()).or_default(),
            (None, index) => edits.elements.entry(index.unwrap_or_default()).or_default(),
        })
    }
}

/// The place that printing has reached, and the edits there.
#[derive(Debug, Default)]
pub(super) struct At<'e> {
    edits: Option<&'e Edits>,
    /// The masks of this place and of the places above it.
    masks: Vec<u16>,
}

impl<'e> At<'e> {
    /// The root of a body.
    pub(super) fn top(edits: Option<&'e Edits>) -> Self {
        At { edits, masks: edits.map(|edits| edits.masks.clone()).unwrap_or_default() }
    }

    pub(super) fn member(&self, name: &str) -> Self {
        self.below(self.edits.and_then(|edits| edits.members.get(name)))
    }

    pub(super) fn element(&self, index: usize) -> Self {
        self.below(self.edits.and_then(|edits| edits.elements.get(&index)))
    }

    fn below(&self, edits: Option<&'e Edits>) -> Self {
        let own = edits.map(|edits| edits.masks.as_slice()).unwrap_or_default();
        At { edits, masks: self.masks.iter().chain(own).copied().collect() }
    }

    /// Whether the value at this place is left out of the comparison.
    pub(super) fn is_omitted(&self) -> bool {
        self.edits.is_some_and(|edits| edits.is_omitted)
    }
}

/// Masks texts, and remembers which masks matched.
#[derive(Debug)]
pub(super) struct Masker<'r> {
    masks: &'r [Mask],
    hits: BTreeSet<u16>,
}

impl<'r> Masker<'r> {
    pub(super) fn new(masks: &'r [Mask]) -> Self {
        Masker { masks, hits: BTreeSet::new() }
    }

    /// The indexes of the masks that matched.
    pub(super) fn hits(&self) -> Vec<u16> {
        self.hits.iter().copied().collect()
    }

    /// A text as it is compared at this place.
    pub(super) fn masked<'t>(&mut self, text: &'t str, at: &At<'_>) -> Cow<'t, str> {
        self.apply(text, &at.masks)
    }

    /// Applies the masks with these indexes to a text.
    ///
    /// Every mask sees the text as it was sent, never what another mask put there. Overlapping matches become one; its
    /// placeholder is that of the longest match, or of the first of equally long ones.
    pub(super) fn apply<'t>(&mut self, text: &'t str, numbers: &[u16]) -> Cow<'t, str> {
        if numbers.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut found = Vec::new();
        for &number in numbers {
            let Some(mask) = self.masks.get(usize::from(number)) else { continue };
            let matches = mask.pattern.find_iter(text).filter(|found| !found.is_empty());
            found.extend(matches.map(|found| (found.start(), found.end(), number)));
        }
        self.hits.extend(found.iter().map(|(_, _, number)| *number));
        found.sort_unstable();
        found.dedup();
        let mut out = String::with_capacity(text.len());
        let (mut done, mut left) = (0, found.as_slice());
        while let Some((&(start, end, _), _)) = left.split_first() {
            let (mut end, mut count) = (end, 1);
            while let Some(&(_, further, _)) = left.get(count).filter(|(start, ..)| *start < end) {
                (end, count) = (end.max(further), count + 1);
            }
            let longest = left[..count].iter().max_by_key(|(start, end, number)| (end - start, u16::MAX - number));
            out.push_str(&text[done..start]);
            out.extend(longest.and_then(|(_, _, number)| self.masks.get(usize::from(*number))).map(Mask::placeholder));
            (done, left) = (end, &left[count..]);
        }
        out.push_str(&text[done..]);
        Cow::Owned(out)
    }
}

/// A match of a mask in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masked {
    /// The place from the root of the body: `$.system[0].text`.
    pub path: String,
    /// The index of the mask in [`Rules::masks`].
    pub mask: u16,
    /// The text of its first match there.
    pub text: String,
}

/// Where masks match in a request, and what, for messages.
pub fn masked(request: &Request, rules: &Rules) -> Vec<Masked> {
    let body = Body::of(request);
    let body = match body.content() {
        Content::Json { text, .. } => tree(text),
        Content::Text(text) => text.into(),
        Content::Empty | Content::Binary(_) => return Vec::new(),
    };
    let mut found = Vec::new();
    if let Some(edits) = Edits::of(rules, endpoint_of(&request.endpoint), || body.clone()) {
        find_masked(&body, &At::top(Some(&edits)), "$", &rules.masks, &mut found);
    }
    found
}

fn find_masked(value: &Value, at: &At<'_>, path: &str, masks: &[Mask], out: &mut Vec<Masked>) {
    if at.is_omitted() {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                find_masked(value, &at.member(name), &member(path, name), masks, out);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                find_masked(item, &at.element(index), &format!("{path}[{index}]"), masks, out);
            }
        }
        Value::String(text) => {
            for number in at.masks.iter().copied().collect::<BTreeSet<u16>>() {
                let pattern = masks.get(usize::from(number)).map(|mask| &mask.pattern);
                let first = pattern.and_then(|pattern| pattern.find_iter(text).find(|found| !found.is_empty()));
                let found =
                    first.map(|found| Masked { path: path.to_owned(), mask: number, text: found.as_str().to_owned() });
                out.extend(found);
            }
        }
        _ => {}
    }
}

/// JSON text as a value to find places in. A number too large for a float becomes null.
pub(super) fn tree(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| tree_by_parts(text))
}

fn tree_by_parts(text: &str) -> Value {
    match text.trim_start().as_bytes().first() {
        Some(b'{') => {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).unwrap_or_default();
            members.into_iter().map(|(name, raw)| (name, tree_by_parts(raw.get()))).collect()
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            items.into_iter().map(|raw| tree_by_parts(raw.get())).collect()
        }
        _ => serde_json::from_str(text).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::rules::{BodyPath, mask_pattern};
    use super::*;

    fn masked(patterns: &[&str], text: &str) -> (String, Vec<u16>) {
        let masks: Vec<Mask> = patterns
            .iter()
            .map(|pattern| Mask {
                endpoint: None,
                places: vec![BodyPath::parse("$").unwrap()],
                pattern: mask_pattern(pattern).unwrap(),
                file: "f".into(),
                line: 1,
            })
            .collect();
        let rules = Rules { masks, ..Rules::default() };
        let edits = Edits::of(&rules, "/", || json!(text)).unwrap();
        let mut masker = Masker::new(&rules.masks);
        let out = masker.masked(text, &At::top(Some(&edits))).into_owned();
        (out, masker.hits())
    }

    #[test]
    fn every_match_is_masked_and_nothing_else() {
        assert_eq!(masked(&["[0-9]+"], "a 1 b 22"), ("a ⟦[0-9]+⟧ b ⟦[0-9]+⟧".into(), vec![0]));
        assert_eq!(masked(&["[0-9]+"], "none"), ("none".into(), vec![]));
        assert_eq!(masked(&["ö+"], "aööb"), ("a⟦ö+⟧b".into(), vec![0]));
    }

    #[test]
    fn masks_do_not_look_at_each_others_placeholders() {
        assert_eq!(masked(&["x{4}", "[0-9]"], "xxxx 1"), ("⟦x{4}⟧ ⟦[0-9]⟧".into(), vec![0, 1]));
    }

    #[test]
    fn matches_that_overlap_are_called_by_the_longest() {
        let (path, date) = (r"/\S+", r"\d+-\d+");
        for text in ["cwd /a/b", "cwd /a/1-2/b"] {
            assert_eq!(masked(&[date, path], text).0, r"cwd ⟦/\S+⟧", "{text}");
        }
        assert_eq!(masked(&["abc", "cd"], "abcd"), ("⟦abc⟧".into(), vec![0, 1]));
        assert_eq!(masked(&["ab", "cd"], "abcd"), ("⟦ab⟧⟦cd⟧".into(), vec![0, 1]));
        assert_eq!(masked(&["a.", ".b"], "ab"), ("⟦a.⟧".into(), vec![0, 1]));
    }

    #[test]
    fn a_value_is_read_whatever_its_numbers_and_depth() {
        assert_eq!(tree(r#" {"a": [1e999, {"b": -1e999}], "c": "x"}"#), json!({"a": [null, {"b": null}], "c": "x"}));
        let deep = format!("{}1{}", "[".repeat(128), "]".repeat(128));
        assert!(tree(&deep).is_array());
    }

    #[test]
    fn a_body_is_read_only_where_a_rule_asks_for_it() {
        let never = || panic!("no rule is about this");
        assert!(Edits::of(&Rules::default(), "/v1/x", never).is_none());
        let fields = vec![BodyPath::member("a")];
        let rules =
            Rules { ignores: vec![super::super::Ignored { endpoint: "/v1/x".into(), fields }], ..Rules::default() };
        assert!(Edits::of(&rules, "/v1/y", never).is_none());
        assert!(Edits::of(&rules, "/v1/x", never).unwrap().members["a"].is_omitted);
    }
}
