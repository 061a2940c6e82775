//! Finds values in a text, in any form, in time linear in the text.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memchr2;

use super::forms::Forms;
use super::view::View;

/// Shorter values do not count as secrets. `_NONE_`, `test` or `dummy` stand where no key is needed; they occur in
/// ordinary text, and replacing them would falsify recordings without protecting anything.
const SHORTEST: usize = 8;

/// Values that are searched for together.
#[derive(Default)]
pub(super) struct Finder {
    values: Vec<Value>,
    automata: OnceLock<Automata>,
}

pub(super) struct Value {
    pub(super) variable: String,
    pub(super) placeholder: String,
    value: String,
}

/// A place where a value occurs.
pub(super) struct Hit<'a> {
    pub(super) range: Range<usize>,
    pub(super) value: &'a Value,
}

impl Finder {
    /// A finder of these values, given as (variable, placeholder, value).
    pub(super) fn new(values: impl IntoIterator<Item = (String, String, String)>) -> Self {
        let values =
            values.into_iter().map(|(variable, placeholder, value)| (variable, placeholder, value.trim().to_owned()));
        let values = values.filter(|(_, _, value)| value.len() >= SHORTEST);
        let values = values.map(|(variable, placeholder, value)| Value { variable, placeholder, value });
        Finder { values: values.collect(), automata: OnceLock::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|value| value.variable.as_str())
    }

    /// The values, each with its placeholder.
    pub(super) fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|value| (value.value.as_str(), value.placeholder.as_str()))
    }

    /// Adds every place in the source where a value occurs.
    pub(super) fn find<'f>(&'f self, source: &[u8], views: &Views, hits: &mut Vec<Hit<'f>>) {
        if self.values.is_empty() {
            return;
        }
        let automata = self.automata.get_or_init(|| Automata::new(&self.values));
        let hit = |range: Range<usize>, owner: usize| Hit { range, value: &self.values[owner] };
        hits.extend(automata.written.find(source).map(|(range, owner)| hit(range, owner)));
        if views.is_escaped {
            let found = automata.meant.find(&views.meant.bytes);
            hits.extend(found.map(|(range, owner)| hit(views.meant.raw(&range), owner)));
        }
        if let Some(view) = views.unwrapped.get_or_init(|| views.meant.unwrapped()) {
            let found = automata.encoded.find(&view.bytes);
            hits.extend(found.map(|(range, owner)| hit(view.raw(&range), owner)));
        }
    }
}

/// The forms in which a text is searched.
pub(super) struct Views {
    pub(super) meant: View,
    is_escaped: bool,
    /// Made on first use.
    unwrapped: OnceCell<Option<View>>,
}

impl Views {
    pub(super) fn of(source: &[u8]) -> Self {
        let is_escaped = memchr2(b'\\', b'%', source).is_some();
        let meant = if is_escaped { View::unescaped(source) } else { View::plain(source) };
        Views { meant, is_escaped, unwrapped: OnceCell::new() }
    }
}

/// One automaton for each form in which a text is searched.
struct Automata {
    written: Automaton,
    meant: Automaton,
    encoded: Automaton,
}

struct Automaton {
    automaton: Option<AhoCorasick>,
    /// For each pattern, the index of its value.
    owners: Vec<usize>,
}

impl Automata {
    fn new(values: &[Value]) -> Self {
        let forms: Vec<Forms> = values.iter().map(|value| Forms::of(&value.value)).collect();
        let all = |of: fn(&Forms) -> [&[Vec<u8>]; 2]| {
            let patterns = forms.iter().enumerate();
            patterns.flat_map(move |(owner, forms)| of(forms).into_iter().flatten().map(move |form| (form, owner)))
        };
        Automata {
            written: Automaton::new(all(|forms| [&forms.written, &forms.encoded])),
            meant: Automaton::new(all(|forms| [&forms.meant, &forms.encoded])),
            encoded: Automaton::new(all(|forms| [&forms.encoded, &[]])),
        }
    }
}

impl Automaton {
    fn new<'p>(patterns: impl Iterator<Item = (&'p Vec<u8>, usize)>) -> Self {
        let (patterns, owners): (Vec<&[u8]>, Vec<usize>) =
            patterns.map(|(pattern, owner)| (pattern.as_slice(), owner)).unzip();
        // Of two matches with the same start the longer one wins, so that a value that contains another one is found
        // whole.
        let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(patterns).ok();
        Automaton { automaton, owners }
    }

    fn find<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = (Range<usize>, usize)> + 't {
        let found = self.automaton.iter().flat_map(move |automaton| automaton.find_iter(text));
        found.map(|hit| (hit.range(), self.owners[hit.pattern().as_usize()]))
    }
}
