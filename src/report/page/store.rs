//! What many cases have in common, kept once.

use std::collections::HashMap;

use serde_json::Value;

use super::html::cut;

/// Characters kept of a reason, a name, a message in one line.
const MOST_OF_LINE: usize = 2_000;

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

    pub(super) fn texts(&self) -> Value {
        Value::from(self.kept.clone())
    }

    /// The rows as they are, for texts that are JSON already.
    pub(super) fn rows(&self) -> String {
        format!("[{}]", self.kept.join(",\n"))
    }
}

/// All that cases refer to.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) texts: Table,
    pub(super) calls: Table,
    pub(super) streams: Table,
    pub(super) details: Vec<String>,
    /// Bytes left for the details of cases, and for streams.
    pub(super) room_for_details: usize,
    pub(super) room_for_streams: usize,
    /// Calls whose pieces are left out for want of room.
    pub(super) bare_streams: usize,
}

impl Store {
    pub(super) fn new(room_for_details: usize, room_for_streams: usize) -> Self {
        Store {
            texts: Table::default(),
            calls: Table::default(),
            streams: Table::default(),
            details: Vec::new(),
            room_for_details,
            room_for_streams,
            bare_streams: 0,
        }
    }

    /// The number of a text, of which a very long one is cut.
    pub(super) fn text(&mut self, text: &str) -> Value {
        Value::from(self.texts.number(&cut(text, MOST_OF_LINE)))
    }

    /// The same, or null.
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
