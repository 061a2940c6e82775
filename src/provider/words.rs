//! The parts that `providers.yaml` and `setups.yaml` are made of, each checked at its place.

use std::time::Duration;

use serde_json::Value;

use crate::exchange::BodyPath;
use crate::spelling::nearest;
use crate::suite;
use crate::yaml::{self, Error, Place, Source, Spanned};

/// The file that is read, to make its errors.
pub(super) struct File<'a>(pub(super) &'a Source);

impl File<'_> {
    /// An error that underlines a word.
    pub(super) fn wrong(&self, word: &Spanned<String>, reason: impl Into<String>, help: impl Into<String>) -> Error {
        Error::at(self.0, word.place, word.value.chars().count(), reason).help(help)
    }

    /// An error at a place without a word.
    pub(super) fn wrong_at(&self, place: Place, reason: impl Into<String>, help: impl Into<String>) -> Error {
        Error::at(self.0, place, 1, reason).help(help)
    }

    /// A word that must be a known one.
    pub(super) fn one_of(&self, word: &Spanned<String>, what: &str, known: &[&str]) -> Result<String, Error> {
        if known.contains(&word.value.as_str()) {
            return Ok(word.value.clone());
        }
        Err(self.wrong(word, format!("unknown {what} `{}`", word.value), did_you_mean(&word.value, known)))
    }

    /// Whether the file adds to what ships.
    pub(super) fn extends(&self, word: Option<&Spanned<String>>) -> Result<bool, Error> {
        let word = word.map(|word| self.one_of(word, "base to extend", &["shipped", "none"])).transpose()?;
        Ok(word.as_deref() != Some("none"))
    }

    /// The name of a provider or setup, as used in model ids, file names and flags.
    pub(super) fn name(&self, word: &Spanned<String>, what: &str) -> Result<String, Error> {
        let fine = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
        let starts_well = word.value.starts_with(|first: char| first.is_ascii_alphanumeric());
        if starts_well && word.value.chars().all(fine) {
            return Ok(word.value.clone());
        }
        let help = "use letters, digits, `_`, `-` and `.`, a letter or digit first";
        Err(self.wrong(word, format!("`{}` cannot name a {what}", word.value), help))
    }

    /// Text for people.
    pub(super) fn reason(&self, word: &Spanned<String>, what: &str) -> Result<String, Error> {
        let text = word.value.trim();
        if text.is_empty() {
            let help = "one line, as a user is to read it after SKIPPED or XFAIL";
            return Err(self.wrong(word, format!("{what} has no reason"), help));
        }
        Ok(text.to_owned())
    }

    /// `https://host[:port]/path`, without a `/` at its end.
    pub(super) fn base_url(&self, word: &Spanned<String>) -> Result<String, Error> {
        const HELP: &str = "write it whole, with the API's version part: `https://api.example.com/v1`";
        let text = word.value.trim_end_matches('/');
        if !text.starts_with("http://") && !text.starts_with("https://") {
            return Err(self.wrong(word, "a base URL starts with `http://` or `https://`", HELP));
        }
        let uri: http::Uri =
            text.parse().map_err(|error| self.wrong(word, format!("this is not a URL: {error}"), HELP))?;
        if uri.host().is_none_or(str::is_empty) {
            return Err(self.wrong(word, "this URL names no host", HELP));
        }
        if text.contains(['?', '#']) {
            let help = "endpoints are appended to it; a query cannot stand in the middle";
            return Err(self.wrong(word, "a base URL has neither query nor fragment", help));
        }
        Ok(text.to_owned())
    }

    /// The name of an environment variable.
    pub(super) fn variable(&self, word: &Spanned<String>) -> Result<String, Error> {
        let fine = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let starts_well = word.value.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        if starts_well && word.value.chars().all(fine) {
            return Ok(word.value.clone());
        }
        let help = "give the variable's name, such as TOGETHER_API_KEY: never the key itself";
        Err(self.wrong(word, "this cannot name an environment variable", help))
    }

    /// A header's name, in lower case.
    pub(super) fn header_name(&self, word: &Spanned<String>) -> Result<String, Error> {
        match http::HeaderName::from_bytes(word.value.as_bytes()) {
            Ok(name) => Ok(name.as_str().to_owned()),
            Err(_) => {
                Err(self.wrong(word, format!("`{}` cannot name a header", word.value), "letters, digits and `-` can"))
            }
        }
    }

    /// A header's value, or the first part of one.
    pub(super) fn header_value(&self, word: &Spanned<String>) -> Result<String, Error> {
        match http::HeaderValue::from_str(&word.value) {
            Ok(_) => Ok(word.value.clone()),
            Err(_) => Err(self.wrong(word, "this cannot stand in a header", "visible ASCII characters and spaces can")),
        }
    }

    /// A number of requests.
    pub(super) fn at_least_one(&self, count: &Spanned<u32>) -> Result<u32, Error> {
        match count.value {
            0 => Err(self.wrong_at(
                count.place,
                "a limit of 0 lets no request through",
                "write 1 or more, or leave it out",
            )),
            count => Ok(count),
        }
    }

    /// A time.
    pub(super) fn duration(&self, word: &Spanned<String>) -> Result<Duration, Error> {
        let no_time = || self.wrong(word, format!("`{}` is no time", word.value), yaml::DURATION_HELP);
        yaml::duration(&word.value).ok_or_else(no_time)
    }

    /// A part of a body: the name of a top-level member, or a JSONPath such as `$.metadata.trace`.
    pub(super) fn field_path(&self, word: &Spanned<String>) -> Result<BodyPath, Error> {
        let path = match word.value.strip_prefix('$') {
            None => BodyPath::member(&word.value),
            Some(steps) => match loose_path(steps).map(|path| BodyPath::parse(&path)) {
                Some(Ok(path)) => path,
                _ => suite::body_path(self.0, word)?,
            },
        };
        if word.value.is_empty() || path.text() == "$" {
            let help = "a name of the body's own members, or a path such as `$.metadata.trace` or `$.messages[*].name`";
            return Err(self.wrong(word, format!("`{}` leads to no part of a body", word.value), help));
        }
        Ok(path)
    }

    /// An endpoint: the API's own path.
    pub(super) fn endpoint(&self, word: &Spanned<String>) -> Result<String, Error> {
        if word.value.starts_with('/') && !word.value.contains(char::is_whitespace) {
            return Ok(word.value.clone());
        }
        let help = format!("it is the API's own path and starts with `/`, such as `/v1/{}`", word.value.trim());
        Err(self.wrong(word, format!("`{}` is not an endpoint", word.value), help))
    }
}

/// A path of names and `[*]` in the form of RFC 9535, whatever the names contain: `$.trace-id` becomes `$["trace-id"]`.
/// `None` for any other path.
fn loose_path(mut rest: &str) -> Option<String> {
    let mut path = "$".to_owned();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("[*]") {
            path.push_str("[*]");
            rest = after;
            continue;
        }
        let (name, after) = match rest.strip_prefix("[\"") {
            Some(quoted) => quoted.split_once("\"]").filter(|(name, _)| !name.contains('\\'))?,
            None => {
                let name = rest.strip_prefix('.')?;
                name.split_at(name.find(['.', '[']).unwrap_or(name.len()))
            }
        };
        if name.is_empty() || name.contains(['*', ']', '?', '"']) {
            return None;
        }
        path.push_str(&format!("[{}]", Value::from(name)));
        rest = after;
    }
    Some(path)
}

/// "did you mean `x`? There are: x, y"
pub(super) fn did_you_mean(word: &str, known: &[&str]) -> String {
    let near = nearest(word, known.iter().copied()).map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    let all = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    format!("{near}There are: {all}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_names_or_paths() {
        let source = Source { name: "f".into(), text: "x".into() };
        let read = |text: &str| {
            let word = Spanned { value: text.to_owned(), place: Place { line: 1, column: 1 } };
            File(&source).field_path(&word).map(|path| path.text().to_owned()).map_err(|error| error.reason)
        };
        for (text, path) in [
            ("user", r#"$["user"]"#),
            ("a.b", r#"$["a.b"]"#),
            ("a-b", r#"$["a-b"]"#),
            ("$.metadata.trace-id", r#"$["metadata"]["trace-id"]"#),
            (r#"$.messages[*]["a b"].id"#, r#"$["messages"][*]["a b"]["id"]"#),
            ("$.a[0].b", "$.a[0].b"),
            ("$.a[?@.role == 'user'].id", "$.a[?@.role == 'user'].id"),
            ("$..id", "$..id"),
            ("$.a[*]", r#"$["a"][*]"#),
            (r#"$["a\\"]"#, r#"$["a\\"]"#),
        ] {
            assert_eq!(read(text).as_deref(), Ok(path));
        }
        for text in ["", "$", "$.", "$a", "$.a[", "$[\"a", "$.a[?"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
