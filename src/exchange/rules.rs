//! The declared rules under which requests count as the same: which fields are left out of the comparison, which texts
//! are masked, and which headers are compared.

use std::fmt;

use regex::Regex;
use serde_json::Value;
use serde_json_path::{JsonPath, ParseError};
use sha2::{Digest as _, Sha256};

/// Raise this number when the same rules give other canonical texts, so that indexes on disk are rebuilt.
const EDITION: &str = "retake rules 1";

/// The declared rules for requests to one provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Fields that make no difference to an answer and are left out.
    pub ignores: Vec<Ignored>,
    /// Masks for texts that change from run to run.
    pub masks: Vec<Mask>,
    /// Request headers that are compared, names in lower case.
    pub match_headers: Vec<String>,
}

impl Rules {
    /// These rules plus the masks of a suite. The masks of these rules come first, so that their indexes in
    /// [`Key::hits`](super::Key::hits) stay the same.
    pub fn with_masks(&self, more: &[Mask]) -> Rules {
        let masks = self.masks.iter().chain(more).cloned().collect();
        Rules { masks, ..self.clone() }
    }

    /// A number that is the same for equal rules, in this process and in any other. The line on which a mask is
    /// declared makes no difference.
    pub fn fingerprint(&self) -> u64 {
        let ignored = |ignored: &Ignored| vec![Value::from(ignored.endpoint.as_str()), texts(&ignored.fields)];
        let ignores: Value = self.ignores.iter().map(ignored).collect();
        let masks: Value = self.masks.iter().map(Mask::as_json).collect();
        let text = Value::from(vec![EDITION.into(), ignores, masks, self.match_headers.clone().into()]).to_string();
        Sha256::digest(text.as_bytes())[..8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    /// Whether any of them is for requests to this endpoint, which may have a query.
    pub fn concern(&self, endpoint: &str) -> bool {
        let path = endpoint_of(endpoint);
        !self.match_headers.is_empty() || self.ignored_at(path).next().is_some() || self.masks_at(path).next().is_some()
    }

    /// The paths to what is left out of a request to this endpoint.
    pub(super) fn ignored_at<'r>(&'r self, endpoint: &'r str) -> impl Iterator<Item = &'r BodyPath> {
        self.ignores.iter().filter(move |ignored| fits(&ignored.endpoint, endpoint)).flat_map(|ignored| &ignored.fields)
    }

    /// The masks for a request to this endpoint, each with its index among all masks. The endpoint may have a query.
    pub fn masks_of<'r>(&'r self, endpoint: &'r str) -> impl Iterator<Item = (u16, &'r Mask)> {
        self.masks_at(endpoint_of(endpoint))
    }

    pub(super) fn masks_at<'r>(&'r self, endpoint: &'r str) -> impl Iterator<Item = (u16, &'r Mask)> {
        let numbered = (0..u16::MAX).zip(&self.masks);
        numbered.filter(move |(_, mask)| mask.endpoint.as_ref().is_none_or(|wanted| fits(wanted, endpoint)))
    }
}

/// An endpoint as rules name it: without its query, and with one slash at the start.
pub(super) fn endpoint_of(endpoint: &str) -> &str {
    shown_endpoint(endpoint.split('?').next().unwrap_or_default())
}

/// An endpoint for people: `//v1/x`, at the root of its server, becomes `/v1/x`.
pub fn shown_endpoint(endpoint: &str) -> &str {
    if endpoint.starts_with("//") { &endpoint[1..] } else { endpoint }
}

/// Whether a pattern matches a whole text; `*` in the pattern matches any text.
pub fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(start) else { return false };
    // The next piece may match anywhere in the rest.
    (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| fits(rest, &text[at..]))
}

/// Request fields that make no difference to a provider's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// The endpoint, with `*` for any text: `/v1/embeddings`.
    pub endpoint: String,
    /// The places of the fields in the body.
    pub fields: Vec<BodyPath>,
}

/// Text in a request that changes from run to run, such as a date. It is recorded, but left out when requests are
/// compared.
#[derive(Debug, Clone)]
pub struct Mask {
    /// The endpoint, with `*` for any text; `None` means every endpoint.
    pub endpoint: Option<String>,
    /// The places in the body whose texts, there and below, are searched.
    pub places: Vec<BodyPath>,
    /// What the text looks like.
    pub pattern: Regex,
    /// The file that declares the mask, as the user knows it.
    pub file: String,
    /// The line of that file, from 1.
    pub line: u32,
}

impl Mask {
    /// The text that replaces a match in the comparison. It contains the pattern, so that matches of two masks never
    /// count as the same, and a failing comparison explains itself.
    pub fn placeholder(&self) -> String {
        format!("⟦{}⟧", self.pattern)
    }

    /// Everything that determines what the mask does.
    fn as_json(&self) -> Value {
        let endpoint = self.endpoint.clone().map_or(Value::Null, Value::from);
        vec![endpoint, texts(&self.places), self.pattern.as_str().into()].into()
    }
}

impl PartialEq for Mask {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json() && (&self.file, self.line) == (&other.file, other.line)
    }
}

impl Eq for Mask {}

/// Pattern and place in the user's file: `` `\d{4}` (suites/providers.yaml:12) ``.
impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({}:{})", self.pattern, self.file, self.line)
    }
}

/// Compiles the pattern of a mask. `Err` says why the text is not a good pattern.
pub fn mask_pattern(text: &str) -> Result<Regex, String> {
    if text.is_empty() {
        return Err("an empty pattern masks nothing".to_owned());
    }
    let pattern = Regex::new(text).map_err(|error| {
        // The regex crate draws the pattern with a caret; the reason is in its last line.
        let error = error.to_string();
        let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("`{text}` is not a regular expression: {reason}")
    })?;
    // `x*` matches before every character, and `\b` between any two words.
    if ["", "a 1"].into_iter().flat_map(|sample| pattern.find_iter(sample)).any(|found| found.is_empty()) {
        return Err(format!("`{text}` matches the empty text, which is everywhere"));
    }
    Ok(pattern)
}

/// A place in a body: a JSONPath of RFC 9535.
#[derive(Clone, PartialEq, Eq)]
pub struct BodyPath {
    text: String,
    query: JsonPath,
    /// The name, if the place is a top-level member: then no path needs to be followed.
    member: Option<String>,
}

impl BodyPath {
    /// Reads a JSONPath.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Ok(BodyPath { text: text.to_owned(), query: JsonPath::parse(text)?, member: None })
    }

    /// A top-level member of the body, with any characters in its name.
    pub fn member(name: &str) -> Self {
        let text = format!("$[{}]", Value::from(name));
        let query = JsonPath::parse(&text).unwrap_or_default();
        BodyPath { text, query, member: Some(name.to_owned()) }
    }

    /// The JSONPath as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The name, if it was made with [`BodyPath::member`].
    pub fn as_member(&self) -> Option<&str> {
        self.member.as_deref()
    }

    pub(super) fn query(&self) -> &JsonPath {
        &self.query
    }
}

impl fmt::Debug for BodyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BodyPath({})", self.text)
    }
}

fn texts(paths: &[BodyPath]) -> Value {
    paths.iter().map(|path| Value::from(path.text.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(endpoint: Option<&str>, place: &str, pattern: &str, line: u32) -> Mask {
        Mask {
            endpoint: endpoint.map(str::to_owned),
            places: vec![BodyPath::parse(place).unwrap()],
            pattern: mask_pattern(pattern).unwrap(),
            file: "providers.yaml".to_owned(),
            line,
        }
    }

    #[test]
    fn equal_rules_have_equal_fingerprints_and_others_have_others() {
        let ignored = |field: &str| Ignored { endpoint: "/v1/x".into(), fields: vec![BodyPath::member(field)] };
        let rules = [
            Rules::default(),
            Rules { ignores: vec![ignored("a")], ..Rules::default() },
            Rules { ignores: vec![ignored("b")], ..Rules::default() },
            Rules { masks: vec![mask(None, "$.a", "x", 1)], ..Rules::default() },
            Rules { masks: vec![mask(Some("/v1/x"), "$.a", "x", 1)], ..Rules::default() },
            Rules { masks: vec![mask(None, "$.b", "x", 1)], ..Rules::default() },
            Rules { masks: vec![mask(None, "$.a", "y", 1)], ..Rules::default() },
            Rules { match_headers: vec!["x".into()], ..Rules::default() },
        ];
        let all: std::collections::BTreeSet<u64> = rules.iter().map(Rules::fingerprint).collect();
        assert_eq!(all.len(), rules.len());
        assert_eq!(rules[3].fingerprint(), Rules::default().with_masks(&[mask(None, "$.a", "x", 9)]).fingerprint());
        // An index that another process wrote is recognised by this number.
        assert_eq!(Rules::default().fingerprint(), 17_450_305_445_440_390_276);
    }

    #[test]
    fn masks_of_a_suite_come_after_those_of_the_provider() {
        let provider = Rules { masks: vec![mask(Some("/v1/x"), "$.a", "x", 1)], ..Rules::default() };
        let both = provider.with_masks(&[mask(None, "$.b", "y", 2)]);
        let at = |endpoint: &str| both.masks_at(endpoint).map(|(number, _)| number).collect::<Vec<_>>();
        assert_eq!((at("/v1/x"), at("/v1/y")), (vec![0, 1], vec![1]));
        assert_eq!(both.masks[1].to_string(), "`y` (providers.yaml:2)");
    }

    #[test]
    fn rules_concern_the_endpoints_that_they_name() {
        let ignores = vec![Ignored { endpoint: "/v1/x*".into(), fields: vec![BodyPath::member("a")] }];
        let headers = Rules { match_headers: vec!["x".into()], ..Rules::default() };
        let everywhere = Rules { masks: vec![mask(None, "$.a", "x", 1)], ..Rules::default() };
        for (rules, concerned) in [
            (Rules::default(), [false, false]),
            (Rules { ignores, ..Rules::default() }, [true, false]),
            (Rules { masks: vec![mask(Some("/v1/x"), "$.a", "x", 1)], ..Rules::default() }, [true, false]),
            (everywhere, [true, true]),
            (headers, [true, true]),
        ] {
            assert_eq!(["/v1/x?a=b", "/v1/y"].map(|endpoint| rules.concern(endpoint)), concerned, "{rules:?}");
        }
    }

    #[test]
    fn an_endpoint_of_a_rule_has_no_query_and_one_slash() {
        for endpoint in ["/v1/x", "//v1/x", "/v1/x?a=b", "//v1/x?a=b"] {
            assert_eq!(endpoint_of(endpoint), "/v1/x");
        }
        assert!(fits("/v1beta/models/*:generateContent", "/v1beta/models/gemini-2.0-flash:generateContent"));
        assert!(fits("/*", "/v1/x") && !fits("/v1/*/y", "/v1/x"));
    }

    #[test]
    fn a_pattern_that_masks_nothing_or_everything_is_refused() {
        for (pattern, reason) in [
            ("", "an empty pattern masks nothing"),
            ("x*", "matches the empty text"),
            (r"\b", "matches the empty text"),
            ("(?:a|)", "matches the empty text"),
            ("$", "matches the empty text"),
            ("(", "`(` is not a regular expression: unclosed group"),
            ("[z-a]", "invalid character class range"),
        ] {
            let said = mask_pattern(pattern).unwrap_err();
            assert!(said.contains(reason), "{pattern}: {said}");
        }
        assert!(mask_pattern(r"\d{4}-\d{2}-\d{2}").is_ok());
    }

    #[test]
    fn any_name_can_be_a_member() {
        for name in ["user", "a.b", "it's \"it\"", "größe", "\u{1}\n", "a\\b"] {
            let value: Value =
                [(name, Value::from(1))].into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            let found = BodyPath::member(name).query().query(&value).all();
            assert_eq!(found, [&Value::from(1)], "{name:?}");
        }
    }
}
