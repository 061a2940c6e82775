//! Finds the recordings nearest to a request that none answers.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::index::Index;
use super::library::{Library, Place, place_of};
use super::recorded;
use super::sketch::sketch;
use super::view::View;
use crate::exchange::{self, Key, Request, host_of};

/// How many requests are compared in full to find the nearest: all if there are no more, else those with the nearest
/// words.
const MOST_NEAR: usize = 200;
const NEAR: usize = 6;
/// How many recordings of the case are compared, to find what it asked before.
const MOST_OF_CASE: usize = 64;

/// The request of a recording, for finding the nearest one.
pub(super) struct AskedOfFile {
    pub(super) path: PathBuf,
    pub(super) request: Request,
    pub(super) canonical: String,
    /// The cases that recorded it.
    pub(super) cases: BTreeSet<String>,
}

impl Library {
    /// The recordings to compare with a request that none answers: those of its case, and those with the nearest words.
    /// The second number is how many recordings there are in all.
    pub(super) fn near(
        &self,
        view: &View,
        key: &Key,
        request: &Request,
        label: Option<&str>,
    ) -> (Vec<AskedOfFile>, usize) {
        let (mut near, mut count) = (Vec::new(), 0);
        for place in Place::ALL {
            let (names, ours) = self.indexed(view, place, |index| self.names_near(index, place, key, request, label));
            count += ours;
            near.extend(names.iter().filter_map(|name| self.asked(view, place, name)));
        }
        (near, count)
    }

    fn names_near(
        &self,
        index: &Index,
        place: Place,
        key: &Key,
        request: &Request,
        label: Option<&str>,
    ) -> (BTreeSet<Arc<str>>, usize) {
        let is_ours = |host: &str| place == Place::Own || self.is_own_host(host);
        let ours = index.count(is_ours);
        if ours <= MOST_NEAR {
            return (index.recordings().map(|(entry, _)| Arc::clone(&entry.name)).collect(), ours);
        }
        let of_case = label.into_iter().flat_map(|label| index.of_case(label)).take(MOST_OF_CASE);
        let near = index.near(place_of(request), sketch(&key.canonical), NEAR).into_iter();
        (near.chain(of_case.map(|(entry, _)| Arc::clone(&entry.name))).collect(), ours)
    }

    /// The request of a file; `None` if the file cannot be read. A request that needs that file gets its error.
    fn asked(&self, view: &View, place: Place, name: &str) -> Option<AskedOfFile> {
        let path = self.shelf(place).path(name);
        let text = recorded::text(&path).ok()?;
        let recorded = exchange::read_request(&text).ok()?;
        if place == Place::Flat && !self.is_own_host(&host_of(&recorded.url)) {
            return None;
        }
        let canonical = self.key_under(&view.rules, &recorded.request).canonical;
        let cases = recorded.owners.cases().map(str::to_owned).collect();
        Some(AskedOfFile { path, request: recorded.request, canonical, cases })
    }
}
