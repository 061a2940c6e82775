//! What many cases have in common, kept once.

use std::collections::HashMap;

use serde_json::Value;

use super::html::cut;

/// Characters kept of a reason, a name, a message in one line.
const MOST_OF_LINE: usize = 2_000;

/// Characters kept of a reason in a list, and where no room is left.
const MOST_OF_REASON: usize = 600;
const LEAST_OF_REASON: usize = 100;

/// Texts and rows, each once, by number.
#[derive(Debug, Default)]
pub(super) struct Table {
    numbers: HashMap<String, usize>,
    kept: Vec<String>,
}

impl Table {
    pub(super) fn number(&mut self, text: &str) -> usize {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.kept.len();
        self.numbers.insert(text.to_owned(), number);
        self.kept.push(text.to_owned());
        number
    }

    pub(super) fn find(&self, text: &str) -> Option<usize> {
        self.numbers.get(text).copied()
    }

    pub(super) fn count(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn texts(&self) -> Value {
        Value::from(self.kept.clone())
    }

    /// The rows as they are, for texts that are JSON already.
    pub(super) fn rows(&self) -> String {
        format!("[{}]", self.kept.join(",\n"))
    }
}

/// Bytes for what may be large, so that a page of very many cases can still be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// For the details of cases.
    pub(super) details: usize,
    /// For the pieces of streams.
    pub(super) streams: usize,
    /// For reasons beyond their first characters.
    pub(super) reasons: usize,
}

/// All that cases refer to.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) texts: Table,
    pub(super) calls: Table,
    pub(super) streams: Table,
    pub(super) details: Table,
    /// What is left of it.
    pub(super) room: Room,
    /// Calls whose pieces are left out for want of room.
    pub(super) bare_streams: usize,
}

impl Store {
    pub(super) fn new(room: Room) -> Self {
        Store {
            texts: Table::default(),
            calls: Table::default(),
            streams: Table::default(),
            details: Table::default(),
            room,
            bare_streams: 0,
        }
    }

    /// The number of a text, of which a very long one is cut.
    pub(super) fn text(&mut self, text: &str) -> Value {
        Value::from(self.texts.number(&cut(text, MOST_OF_LINE)))
    }

    /// The number of a reason in a list.
    pub(super) fn reason(&mut self, reason: &str) -> Value {
        let whole = cut(reason, MOST_OF_REASON);
        if self.texts.find(&whole).is_some() || whole.len() <= LEAST_OF_REASON {
            return self.text(&whole);
        }
        match self.room.reasons.checked_sub(whole.len()) {
            Some(room) => {
                self.room.reasons = room;
                self.text(&whole)
            }
            None => self.text(&cut(reason, LEAST_OF_REASON)),
        }
    }

    /// The number of a text, or null.
    pub(super) fn maybe(&mut self, text: Option<&str>) -> Value {
        text.map_or(Value::Null, |text| self.text(text))
    }

    pub(super) fn list<'t>(&mut self, texts: impl IntoIterator<Item = &'t String>) -> Value {
        texts.into_iter().map(|text| self.text(text)).collect::<Vec<_>>().into()
    }
}

/// A row without the nulls and empty lists at its end.
pub(super) fn row(mut cells: Vec<Value>) -> Value {
    let is_empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    while cells.last().is_some_and(is_empty) {
        cells.pop();
    }
    cells.into()
}
