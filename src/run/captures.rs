//! What is captured of a case, for those who want to see it although it passed.

use crate::event::Section;

/// Of each part of a case the last exchange.
pub(super) struct Captures {
    is_wanted: bool,
    /// The part that runs.
    part: &'static str,
    exchanges: Vec<(&'static str, String)>,
}

impl Captures {
    /// Nothing yet, and nothing at all where it is not wanted.
    pub(super) fn new(is_wanted: bool) -> Self {
        Captures { is_wanted, part: "call", exchanges: Vec::new() }
    }

    /// From now on this part of the case runs.
    pub(super) fn of(&mut self, part: &'static str) -> &mut Self {
        self.part = part;
        self
    }

    pub(super) fn keep(&mut self, exchange: impl FnOnce() -> String) {
        if self.is_wanted {
            self.exchanges.retain(|(other, _)| *other != self.part);
            self.exchanges.push((self.part, exchange()));
        }
    }

    /// As sections, with what the stack printed.
    pub(super) fn sections(self, printed: impl FnOnce() -> Option<String>) -> Vec<Section> {
        if !self.is_wanted {
            return Vec::new();
        }
        let printed = printed().map(|text| Section { title: "stdout call".to_owned(), text });
        let section = |(part, text)| Section { title: format!("exchange {part}"), text };
        self.exchanges.into_iter().map(section).chain(printed).collect()
    }
}
