//! Removes secrets from everything that is recorded or shown.
//!
//! A secret is found in plain text, percent-encoded, JSON-escaped (several times, or only some of its characters, in
//! any mixture), in hex, and inside base64, wherever in the encoded data it starts, also if the base64 is wrapped or
//! encoded twice. Each becomes `$VARIABLE`. A credential that nobody declared, but that its name or its form gives
//! away, becomes `$CREDENTIAL`.
//!
//! | file | holds |
//! |---|---|
//! | `message` | what is kept of a request, a reply and an exchange |
//! | `finder`, `forms`, `view` | where a value occurs in a text; how it may be written; a text without its escapes |
//! | `formats`, `credentials` | credentials known by their form; credentials known by their name |
//! | `walk`, `pieces` | the JSON in a body; texts that a body splits into pieces |
//! | `edits` | replaces parts of a body, and moves the chunk edges |

mod credentials;
mod edits;
mod finder;
mod formats;
mod forms;
mod message;
mod pieces;
mod view;
mod walk;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::wire::BodyKind;
use credentials::{PLACEHOLDER, Values};
use edits::{Edit, in_order, replaced};
use finder::{Finder, Hit, Views};
use pieces::{Joined, bytes_in_numbers};
use walk::scalars;

pub use message::keeps_reply_header;
pub(super) use message::without_credentials;

/// Messages show this in place of a variable, for a secret that a message itself carried.
const OF_MESSAGE: &str = "a credential that came with it";

/// How many messages' secrets are remembered.
const MOST_REMEMBERED: usize = 32;

/// The values that must never be recorded or shown, each with the variable it came from.
#[derive(Clone, Default)]
pub struct Secrets {
    declared: Arc<Finder>,
    /// The secrets that a message itself carries.
    carried: Option<Arc<Finder>>,
    /// The secrets that recent messages carried: a client sends the same key again and again.
    before: Arc<Mutex<HashMap<Values, Option<Arc<Finder>>>>>,
    /// Request headers that are kept in addition to the usual ones.
    kept_headers: Vec<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.finders().flat_map(Finder::variables)).finish()
    }
}

impl Secrets {
    /// Secrets from pairs of variable and value. Values shorter than 8 characters are ignored.
    pub fn new(values: impl IntoIterator<Item = (String, String)>) -> Self {
        let values = values.into_iter().map(|(variable, value)| {
            let placeholder = format!("${variable}");
            (variable, placeholder, value)
        });
        Secrets { declared: Arc::new(Finder::new(values)), ..Secrets::default() }
    }

    /// The variable whose value is in `bytes`, in any form.
    pub fn find(&self, bytes: &[u8]) -> Option<&str> {
        self.hits(bytes, &Views::of(bytes)).first().map(|hit| hit.value.variable.as_str())
    }

    /// The variables that hold the declared secrets, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.declared.variables().map(str::to_owned).collect();
        names.sort();
        names.dedup();
        names
    }

    /// `bytes` with every secret replaced.
    pub fn bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        match self.edits(bytes) {
            edits if edits.is_empty() => Cow::Borrowed(bytes),
            edits => Cow::Owned(replaced(bytes, &edits)),
        }
    }

    /// `text` with every secret replaced.
    pub fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }

    /// The variable whose value a body contains only in pieces or as numbers, so that no single part holds it. A
    /// scrubbed body has no secret in pieces left; its numbers cannot be changed without falsifying them.
    fn find_in_pieces(&self, body: &[u8], kind: BodyKind) -> Option<&str> {
        if self.finders().all(Finder::is_empty) {
            return None;
        }
        self.find(&Joined::of(body, kind).text).or_else(|| self.find(&bytes_in_numbers(body, kind)))
    }

    /// These secrets and the values that a message carried.
    fn with(&self, values: Values) -> Cow<'_, Self> {
        if values.is_empty() {
            return Cow::Borrowed(self);
        }
        // The secrets that a request carried are removed from its reply too.
        let chain = self.carried.iter().flat_map(|finder| finder.values());
        let mut all = values;
        all.extend(chain.map(|(value, placeholder)| (value.to_owned(), placeholder.to_owned())));
        let values = all;
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner).get(&values).cloned();
        let carried = before.unwrap_or_else(|| {
            let carried = self.carried(&values);
            let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
            if before.len() >= MOST_REMEMBERED {
                before.clear();
            }
            before.insert(values, carried.clone());
            carried
        });
        match carried {
            None => Cow::Borrowed(self),
            carried => Cow::Owned(Secrets { carried, ..self.clone() }),
        }
    }

    fn carried(&self, values: &Values) -> Option<Arc<Finder>> {
        let declared = Secrets { carried: None, ..self.clone() };
        let news = values.iter().filter(|(value, _)| declared.find(value.as_bytes()).is_none());
        let news = news.map(|(value, placeholder)| (OF_MESSAGE.to_owned(), placeholder.clone(), value.clone()));
        let finder = Finder::new(news);
        (!finder.is_empty()).then(|| Arc::new(finder))
    }

    fn finders(&self) -> impl Iterator<Item = &Finder> {
        std::iter::once(&*self.declared).chain(self.carried.as_deref())
    }

    /// The replacements in a text.
    fn edits(&self, bytes: &[u8]) -> Vec<Edit> {
        self.edits_and(bytes, formats::credentials)
    }

    /// The replacements in a text; `credentials` finds those that nobody declared.
    fn edits_and(&self, bytes: &[u8], credentials: fn(&[u8]) -> Vec<Range<usize>>) -> Vec<Edit> {
        let views = Views::of(bytes);
        let mut edits: Vec<Edit> = self.hits(bytes, &views).into_iter().map(Edit::from).collect();
        let credentials = credentials(&views.meant.bytes).into_iter();
        edits.extend(credentials.map(|range| Edit { range: views.meant.raw(&range), text: PLACEHOLDER.to_owned() }));
        in_order(edits)
    }

    /// The replacements in a body, which stays well-formed; they include secrets that are split into pieces.
    fn edits_of_body(&self, body: &[u8], kind: BodyKind) -> Vec<Edit> {
        let mut edits = self.edits(body);
        let joined = Joined::of(body, kind);
        // A credential whose form has no fixed length could run on into the next text of a list, which is no piece of
        // it.
        let undeclared = if kind.is_stream() { formats::keys } else { |_: &[u8]| Vec::new() };
        for Edit { range, text } in self.edits_and(&joined.text, undeclared) {
            // The first piece gets the placeholder; the others lose their share of the secret.
            let texts = std::iter::once(text).chain(std::iter::repeat(String::new()));
            edits.extend(joined.shares(&range).zip(texts).map(|(range, text)| Edit { range, text }));
        }
        with_quotes(in_order(edits), body, kind)
    }

    fn hits(&self, bytes: &[u8], views: &Views) -> Vec<Hit<'_>> {
        let mut hits = Vec::new();
        self.finders().for_each(|finder| finder.find(bytes, views, &mut hits));
        hits.sort_by(|a, b| a.range.start.cmp(&b.range.start).then(b.range.end.cmp(&a.range.end)));
        hits
    }
}

impl From<Hit<'_>> for Edit {
    fn from(hit: Hit<'_>) -> Self {
        Edit { range: hit.range, text: hit.value.placeholder.clone() }
    }
}

/// A JSON number with a replaced part becomes a string as a whole: the rest would not be JSON.
fn with_quotes(mut edits: Vec<Edit>, body: &[u8], kind: BodyKind) -> Vec<Edit> {
    if edits.iter().all(|edit| !body[edit.range.clone()].iter().any(u8::is_ascii_digit)) {
        return edits;
    }
    let mut numbers = Vec::new();
    let touched = |range: &Range<usize>, is_text: bool| {
        let next = edits.partition_point(|edit| edit.range.end <= range.start);
        !is_text && edits.get(next).is_some_and(|edit| edit.range.start < range.end && edit.range.start >= range.start)
    };
    scalars(body, kind, touched, |scalar| numbers.push(scalar.range));
    for range in numbers {
        let first = edits.partition_point(|edit| edit.range.end <= range.start);
        if let Some(edit) = edits.get_mut(first) {
            let text = format!("\"{}\"", edit.text);
            *edit = Edit { range: range.start..range.end.max(edit.range.end), text };
        }
    }
    in_order(edits)
}

#[cfg(test)]
mod tests;
