//! Keys out of everything that is kept or shown.
//!
//! A secret is found in plain, percent-encoded, JSON-escaped (however many times, or in part: character by character,
//! in any mixture), in hex, and inside base64, wherever in the encoded data it starts, also where that is wrapped or
//! encoded twice. Each becomes `$VARIABLE`. What nobody declared and yet is a credential, by its name or by what it looks
//! like, becomes `$CREDENTIAL`.
//!
//! | file | holds |
//! |---|---|
//! | `message` | what is kept of a request, a reply and an exchange |
//! | `finder`, `forms`, `view` | where a value stands in a text; how it may be written; a text without its escapes |
//! | `formats`, `credentials` | what looks like a credential; what travels under a name for one |
//! | `walk`, `pieces` | the JSON in a body; the texts that it tells in pieces |
//! | `edits` | replacing, with the marks of chunks |

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

/// Whose value it is that a message carried.
const OF_MESSAGE: &str = "a credential that came with it";

/// How many are remembered of what messages carried.
const MOST_REMEMBERED: usize = 32;

/// The values that must never be kept nor shown, each with the variable it came from.
#[derive(Clone, Default)]
pub struct Secrets {
    declared: Arc<Finder>,
    /// What a message itself carries.
    carried: Option<Arc<Finder>>,
    /// What messages carried lately: a client comes with the same key again and again.
    before: Arc<Mutex<HashMap<Values, Option<Arc<Finder>>>>>,
    /// Request headers that are kept besides the usual ones.
    kept_headers: Vec<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.finders().flat_map(Finder::variables)).finish()
    }
}

impl Secrets {
    /// Secrets from (variable, value). Values shorter than 8 characters are left out.
    pub fn new(values: impl IntoIterator<Item = (String, String)>) -> Self {
        let values = values.into_iter().map(|(variable, value)| {
            let placeholder = format!("${variable}");
            (variable, placeholder, value)
        });
        Secrets { declared: Arc::new(Finder::new(values)), ..Secrets::default() }
    }

    /// The variable whose value is in `bytes`, in whatever form.
    pub fn find(&self, bytes: &[u8]) -> Option<&str> {
        self.hits(bytes, &Views::of(bytes)).first().map(|hit| hit.value.variable.as_str())
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

    /// The variable whose value a body tells in pieces, or in numbers, so that it is in none of its parts. A body that was
    /// scrubbed tells no more in pieces; its numbers cannot be others without a lie.
    fn find_in_pieces(&self, body: &[u8], kind: BodyKind) -> Option<&str> {
        if self.finders().all(Finder::is_empty) {
            return None;
        }
        self.find(&Joined::of(body, kind).text).or_else(|| self.find(&bytes_in_numbers(body, kind)))
    }

    /// With what else must not be kept, because it came with a message.
    fn with(&self, values: Values) -> Cow<'_, Self> {
        if values.is_empty() {
            return Cow::Borrowed(self);
        }
        // What a request carried counts for its reply too.
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

    /// What is to be done to a text.
    fn edits(&self, bytes: &[u8]) -> Vec<Edit> {
        self.edits_and(bytes, formats::credentials)
    }

    /// What is to be done to a text where `credentials` says what else is none of it.
    fn edits_and(&self, bytes: &[u8], credentials: fn(&[u8]) -> Vec<Range<usize>>) -> Vec<Edit> {
        let views = Views::of(bytes);
        let mut edits: Vec<Edit> = self.hits(bytes, &views).into_iter().map(Edit::from).collect();
        let credentials = credentials(&views.meant.bytes).into_iter();
        edits.extend(credentials.map(|range| Edit { range: views.meant.raw(&range), text: PLACEHOLDER.to_owned() }));
        in_order(edits)
    }

    /// What is to be done to a body, so that it is also well-formed and tells no secret in pieces.
    fn edits_of_body(&self, body: &[u8], kind: BodyKind) -> Vec<Edit> {
        let mut edits = self.edits(body);
        let joined = Joined::of(body, kind);
        // What has no length of its own could go on into the next text of a list, which is none of its pieces.
        let undeclared = if kind.is_stream() { formats::keys } else { |_: &[u8]| Vec::new() };
        for Edit { range, text } in self.edits_and(&joined.text, undeclared) {
            // The first piece says what it was; the others lose their share.
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

/// A number of JSON of which a part is replaced becomes a string as a whole: the rest would be no JSON.
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
