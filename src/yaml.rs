//! The only module that uses the YAML crate: parses text into typed values, with errors that show the user's line.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::de::{DeserializeOwned, DeserializeSeed};

mod duration;
mod erased;
mod explain;
mod extent;
mod shapes;

pub(crate) use duration::{DURATION_HELP, duration};
pub(crate) use shapes::{Listed, OneOrMore, Pairs, Short, present};

/// A file's name and text, kept for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The path as shown to the user.
    pub name: String,
    /// The whole text.
    pub text: Arc<str>,
}

/// A place in a file. Lines and columns count from 1, columns in characters. `0, 0` means "somewhere in the file".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl Place {
    /// The place of a byte of `text`.
    pub fn of_byte(text: &str, byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Place { line: before.matches('\n').count() as u32 + 1, column: before[line_start..].chars().count() as u32 + 1 }
    }

    /// The byte of `text` at this place; the end of the line or of the text if the place is beyond it.
    pub fn to_byte(self, text: &str) -> usize {
        let Some(line) = self.line.checked_sub(1) else { return 0 };
        let mut start = 0;
        for _ in 0..line {
            match text[start..].find('\n') {
                Some(end) => start += end + 1,
                None => return text.len(),
            }
        }
        self.in_line(text, start)
    }

    /// The byte at this column in the line that begins at `start`.
    fn in_line(self, text: &str, start: usize) -> usize {
        let line = text[start..].split('\n').next().unwrap_or_default();
        let column = self.column.saturating_sub(1) as usize;
        start + line.char_indices().nth(column).map_or(line.trim_end_matches('\r').len(), |(byte, _)| byte)
    }
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// The place of the value; for an alias, the place of the alias.
    pub place: Place,
}

impl<T> Spanned<T> {
    /// The place of the value.
    pub fn place(&self) -> Place {
        self.place
    }
}

fn place(location: serde_yaml::Location) -> Place {
    Place { line: location.line() as u32, column: location.column() as u32 }
}

/// An error in a user's file: place, reason and way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The file.
    pub file: Source,
    /// The place.
    pub place: Place,
    /// How many characters the caret underlines, at least 1.
    pub width: usize,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub help: Option<String>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file.name, self.place.line, self.place.column, self.reason)
    }
}

impl std::error::Error for Error {}

impl Error {
    /// An error at a place of a file.
    pub fn at(file: &Source, place: Place, width: usize, reason: impl Into<String>) -> Self {
        let place = if place.line == 0 { Place { line: 1, column: 1 } } else { place };
        Error { file: file.clone(), place, width: width.max(1), reason: reason.into(), help: None }
    }

    /// An error that underlines everything from a place to its end on that line.
    pub fn of(file: &Source, place: Place, reason: impl Into<String>) -> Self {
        let error = Error::at(file, place, 1, reason);
        let start = error.place.to_byte(&file.text);
        let (before, rest) = file.text.split_at(start);
        let before = before.rsplit('\n').next().unwrap_or_default();
        let rest = rest.split(['\n', '\r']).next().unwrap_or_default();
        Error { width: extent::extent(before, rest), ..error }
    }

    /// The same error with a way out.
    pub fn help(self, help: impl Into<String>) -> Self {
        Error { help: Some(help.into()), ..self }
    }

    /// The reason, the line with a caret under the place, and the way out.
    pub fn render(&self, color: bool) -> String {
        // Terminals show tabs in different widths: one space keeps the caret under its character.
        let text = self.file.text.replace(['\t', '\u{feff}'], " ");
        let start = self.place.to_byte(&self.file.text).min(text.len());
        // A byte order mark has three bytes; here it becomes one.
        let start = if text.len() == self.file.text.len() { start } else { self.place.to_byte(&text) };
        let rest = text[start..].split(['\n', '\r']).next().unwrap_or_default();
        let length = rest.char_indices().nth(self.width).map_or(rest.len(), |(byte, _)| byte);
        let annotation = AnnotationKind::Primary.span(start..start + length);
        let snippet = Snippet::source(&text).path(&self.file.name).annotation(annotation);
        let mut group = Level::ERROR.primary_title(self.reason.as_str()).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }
}

/// Reads a whole file as one value.
pub fn from_source<T: DeserializeOwned>(source: &Source) -> Result<T, Error> {
    from_source_with(source, PhantomData)
}

/// Reads a whole file with a seed.
pub(crate) fn from_source_with<'s, S: DeserializeSeed<'s>>(source: &'s Source, seed: S) -> Result<S::Value, Error> {
    erased::from_text(&source.text, options(source.text.len()), seed).map_err(|error| explain::explain(source, &error))
}

/// Limits for a text of this many bytes. The crate's default limits are for small files. Limits that grow with the text
/// also stop a few lines whose aliases expand endlessly.
fn options(length: usize) -> serde_yaml::Options {
    let nodes = 250_000 + length;
    serde_yaml::options! {
        strict_booleans: true,
        budget: serde_yaml::budget! {
            max_nodes: nodes,
            max_events: 4 * nodes,
            max_aliases: nodes,
            max_anchors: nodes,
            max_merge_keys: nodes,
            max_recorded_anchor_events: 4 * nodes,
            max_total_scalar_bytes: (64 << 20) + length,
            // An anchor that every case uses is a normal use of anchors.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: 4 * nodes,
        },
    }
}

#[cfg(test)]
pub(crate) mod schema;
#[cfg(test)]
pub(crate) use schema::{DURATION_PATTERN, number_or_name, one_of_keys};

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only the errors are looked at")]
    struct Shape {
        name: Spanned<String>,
        #[serde(default)]
        done: bool,
    }

    fn source(text: &str) -> Source {
        Source { name: "a.yaml".into(), text: text.into() }
    }

    fn wrong(text: &str) -> String {
        from_source::<Shape>(&source(text)).unwrap_err().render(false)
    }

    #[test]
    fn mistakes_show_their_line() {
        insta::assert_snapshot!(wrong("name: x\ndoen: true\n"), @r"
        error: unknown key `doen`
         --> a.yaml:2:1
          |
        2 | doen: true
          | ^^^^
          |
          = help: did you mean `done`? The keys here are: name, done
        ");
        for (text, place, reason) in [
            ("done: true\n", "a.yaml:1:1", "`name` is missing"),
            ("name: x\nname: y\n", "a.yaml:2:1", "`name` stands here twice"),
            ("name: x\ndone: yes\n", "a.yaml:2:7", "write `true` or `false`"),
            ("name: [x\n", "a.yaml:", "error: "),
            ("", "a.yaml:1:1", "error: "),
        ] {
            let said = wrong(text);
            assert!(said.contains(place) && said.contains(reason), "{text:?}: {said}");
        }
    }

    #[test]
    fn values_keep_order_and_numbers() {
        let value: Value = from_source(&source("z: 18168036348581554000\na: [0.1, -3, no, on]\n")).unwrap();
        assert_eq!(value.to_string(), r#"{"z":18168036348581554000,"a":[0.1,-3,"no","on"]}"#);
        assert_eq!(value["a"][2], json!("no"));
    }

    #[test]
    fn places_go_both_ways() {
        let text = "a: ü\r\nbc: d\n";
        let place = Place::of_byte(text, text.find('d').unwrap());
        assert_eq!(place, Place { line: 2, column: 5 });
        assert_eq!(place.to_byte(text), text.find('d').unwrap());
        for line in 0..5 {
            for column in 0..9 {
                let place = Place { line, column };
                assert!(text.is_char_boundary(place.to_byte(text)));
            }
        }
    }

    #[test]
    fn a_large_file_is_read_and_one_that_explodes_is_not() {
        let numbers: Vec<u8> = from_source(&source(&"- 1\n".repeat(260_000))).unwrap();
        assert_eq!(numbers.len(), 260_000);
        let aliases: Vec<Value> = from_source(&source(&format!("- &a [1, 2]\n{}", "- *a\n".repeat(1_000)))).unwrap();
        assert_eq!(aliases.len(), 1_001);
        let levels: String =
            (1..9).map(|n| format!("l{n}: &l{n} [{}]\n", vec![format!("*l{}", n - 1); 10].join(","))).collect();
        let said = from_source::<Value>(&source(&format!("l0: &l0 [1]\n{levels}"))).unwrap_err().to_string();
        assert!(said.starts_with("a.yaml:"), "{said}");
    }

    #[test]
    fn odd_places_never_panic() {
        for text in ["", "\u{feff}a: 1", "\ta\n", "a\r\nb", "ü"] {
            for line in 0..4 {
                for column in 0..6 {
                    let error = Error::at(&source(text), Place { line, column }, 3, "r").help("h");
                    assert!(error.render(false).contains('r') && error.render(true).contains('r'));
                }
            }
        }
    }
}
