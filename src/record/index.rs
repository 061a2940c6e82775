//! An index of the requests that the files of a folder answer, by content. Pure.
//!
//! A file's name only makes it quick to find. For each file the index has the hash of its request, so that it is found
//! under any name; the cases that it is for; and a sketch of its words, which finds similar requests when nothing
//! answers.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::index_file::{escaped, unescaped};
use super::sketch::mixed;
use crate::exchange::Origin;

/// What the index has about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The file's name in its folder.
    pub(super) name: Arc<str>,
    /// The kind of file.
    pub(super) kind: Kind,
    /// When it was last changed, in nanoseconds since 1970.
    pub(super) modified: u64,
    /// The size of the file in bytes.
    pub(super) length: u64,
}

/// The kind of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A recording.
    Recording(Recorded),
    /// Another kind of file, with nothing wrong.
    OtherFile {
        /// The kind in the singular: `VCR cassette`.
        name: Arc<str>,
        /// The file is about HTTP, but retake does not read files of its tool.
        is_http: bool,
    },
    /// It should be a recording and cannot be read, with the reason.
    Broken(Arc<str>),
}

/// What the index has about a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recorded {
    /// The hash of its request's canonical text.
    pub(super) hash: u64,
    /// The hash of method and endpoint.
    pub(super) place: u64,
    /// A sketch of its request's words: sketches of similar requests differ in few bits.
    pub(super) sketch: u64,
    /// The origin; `None` if the file was edited by hand.
    pub(super) origin: Option<Origin>,
    /// The host that answered.
    pub(super) host: Arc<str>,
    /// The cases that it names.
    pub(super) cases: Cases,
}

/// The names of cases in one text: of very many files, few are ever asked for their cases.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Cases(pub(super) Box<str>);

impl Cases {
    pub(super) fn of<'a>(cases: impl Iterator<Item = &'a str>) -> Self {
        Cases(cases.map(escaped).collect::<Vec<_>>().join("\t").into())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.0.split('\t').filter(|case| !case.is_empty()).map(unescaped)
    }
}

/// The files of one folder.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: Vec<Option<Entry>>,
    /// For each entry, `place` and sketch side by side: finding the nearest entry reads all of them.
    sketches: Vec<Option<(u64, u64)>>,
    by_name: HashMap<Arc<str>, u32, BuildHasherDefault<Quick>>,
    /// The last entry that was added with this hash; `before` leads to the one added before it.
    by_hash: HashMap<u64, u32, BuildHasherDefault<Quick>>,
    before: Vec<Option<u32>>,
    /// Made on first use.
    by_case: OnceCell<HashMap<String, Vec<u32>>>,
    hosts: Vec<(Arc<str>, usize)>,
}

/// Hashes keys that are hashes already, or names made from one. Nobody can gain from collisions.
#[derive(Default)]
pub(super) struct Quick(u64);

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut whole = [0; 8];
            whole[..part.len()].copy_from_slice(part);
            self.write_u64(u64::from_le_bytes(whole));
        }
    }

    fn write_u64(&mut self, part: u64) {
        self.0 = mixed(self.0.rotate_left(5) ^ part);
    }
}

/// The part of a case's id that all its spellings share: without the path of the suite and the provider.
fn gist(case: &str) -> &str {
    let name = case.split_once("::").map_or(case, |(_, name)| name);
    let name = name.strip_prefix("test_").unwrap_or(name);
    name.split(['[', '=']).next().unwrap_or(name)
}

impl Index {
    /// An empty index for so many files.
    pub(super) fn with_room(files: usize) -> Self {
        Index {
            entries: Vec::with_capacity(files),
            sketches: Vec::with_capacity(files),
            by_name: HashMap::with_capacity_and_hasher(files, BuildHasherDefault::default()),
            before: Vec::with_capacity(files),
            ..Index::default()
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Entry> {
        self.entries[*self.by_name.get(name)? as usize].as_ref()
    }

    /// Adds a file, or replaces its old entry.
    pub(super) fn put(&mut self, mut entry: Entry) {
        self.remove(&entry.name);
        let at = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let (mut sketch, mut before) = (None, None);
        if let Kind::Recording(recorded) = &mut entry.kind {
            self.count_host(recorded);
            sketch = Some((recorded.place, recorded.sketch));
            before = self.by_hash.insert(recorded.hash, at);
            if let Some(by_case) = self.by_case.get_mut() {
                add_cases(by_case, recorded, at);
            }
        }
        self.by_name.insert(Arc::clone(&entry.name), at);
        self.entries.push(Some(entry));
        self.sketches.push(sketch);
        self.before.push(before);
    }

    /// Counts the host, and shares its name among entries: there are few hosts.
    fn count_host(&mut self, recorded: &mut Recorded) {
        match self.hosts.iter_mut().find(|(host, _)| *host == recorded.host) {
            Some((host, count)) => {
                recorded.host = Arc::clone(host);
                *count += 1;
            }
            None => self.hosts.push((Arc::clone(&recorded.host), 1)),
        }
    }

    /// Removes a file. References to its entry stay, and lead to nothing.
    pub(super) fn remove(&mut self, name: &str) {
        let Some(at) = self.by_name.remove(name) else { return };
        self.sketches[at as usize] = None;
        if let Some(Kind::Recording(recorded)) = self.entries[at as usize].take().map(|entry| entry.kind)
            && let Some((_, count)) = self.hosts.iter_mut().find(|(host, _)| *host == recorded.host)
        {
            *count -= 1;
        }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().flatten()
    }

    /// The recordings, with their entries.
    pub(super) fn recordings(&self) -> impl Iterator<Item = (&Entry, &Recorded)> {
        self.entries().filter_map(recording)
    }

    /// How many recordings come from hosts for which `is_meant` is true.
    pub(super) fn count(&self, is_meant: impl Fn(&str) -> bool) -> usize {
        self.hosts.iter().filter(|(host, _)| is_meant(host)).map(|(_, count)| count).sum()
    }

    /// The names of the files whose request has this hash, sorted.
    pub(super) fn asked(&self, hash: u64) -> Vec<Arc<str>> {
        let mut names = Vec::new();
        let mut next = self.by_hash.get(&hash).copied();
        while let Some(at) = next {
            names.extend(self.entries[at as usize].as_ref().map(|entry| Arc::clone(&entry.name)));
            next = self.before[at as usize];
        }
        names.sort_unstable();
        names
    }

    /// The recordings that may belong to a case, by what the spellings of its id share.
    pub(super) fn of_case(&self, case: &str) -> impl Iterator<Item = (&Entry, &Recorded)> {
        let by_case = self.by_case.get_or_init(|| {
            let mut by_case = HashMap::new();
            for (at, entry) in self.entries.iter().enumerate() {
                if let Some((_, recorded)) = entry.as_ref().and_then(recording) {
                    add_cases(&mut by_case, recorded, at as u32);
                }
            }
            by_case
        });
        let at = by_case.get(gist(case)).into_iter().flatten();
        at.filter_map(|at| self.entries[*at as usize].as_ref()).filter_map(recording)
    }

    /// The names of at most `most` files with the nearest requests: those of the same method and endpoint first.
    pub(super) fn near(&self, place: u64, sketch: u64, most: usize) -> Vec<Arc<str>> {
        // Distances have few values: counting them is quicker than sorting.
        let far = |(its_place, its_sketch): (u64, u64)| {
            usize::from(its_place != place) * 65 + (its_sketch ^ sketch).count_ones() as usize
        };
        let mut counts = [0_usize; 130];
        self.sketches.iter().flatten().for_each(|its| counts[far(*its)] += 1);
        let mut left = most;
        let farthest = counts.iter().position(|count| {
            let is_last = *count >= left;
            left = left.saturating_sub(*count);
            is_last
        });
        let farthest = farthest.unwrap_or(counts.len());
        let is_near =
            |(at, its): (usize, &Option<(u64, u64)>)| its.map(far).filter(|far| *far <= farthest).map(|far| (far, at));
        let mut near: Vec<(usize, usize)> = self.sketches.iter().enumerate().filter_map(is_near).collect();
        near.sort_unstable();
        near.truncate(most);
        near.iter().filter_map(|(_, at)| self.entries[*at].as_ref()).map(|entry| Arc::clone(&entry.name)).collect()
    }
}

fn add_cases(by_case: &mut HashMap<String, Vec<u32>>, recorded: &Recorded, at: u32) {
    for case in recorded.cases.iter() {
        let gist = gist(&case);
        match by_case.get_mut(gist) {
            // A recording that a thousand cases of one name share stands here once.
            Some(known) if known.last() == Some(&at) => {}
            Some(known) => known.push(at),
            None => drop(by_case.insert(gist.to_owned(), vec![at])),
        }
    }
}

fn recording(entry: &Entry) -> Option<(&Entry, &Recorded)> {
    match &entry.kind {
        Kind::Recording(recorded) => Some((entry, recorded)),
        Kind::OtherFile { .. } | Kind::Broken(_) => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::sketch::{hash, sketch};
    use super::*;

    pub(in crate::record) fn recorded(name: &str, asked: &str, cases: &[&str]) -> Entry {
        let cases = Cases::of(cases.iter().copied());
        let kind = Kind::Recording(Recorded {
            hash: hash(asked),
            place: hash("POST /v1/x"),
            sketch: sketch(asked),
            origin: Some(Origin::Real),
            host: "h.example".into(),
            cases,
        });
        Entry { name: name.into(), kind, modified: 7, length: 9 }
    }

    #[test]
    fn a_file_is_found_by_what_it_was_asked_and_for_whom_until_it_goes() {
        let mut index = Index::default();
        index.put(recorded("b.json", "hi", &["suites/a.yaml::x[txt=together/m]"]));
        index.put(recorded("a.json", "hi", &[]));
        index.put(recorded("c.json", "other", &["one"]));
        let names = |index: &Index| index.asked(hash("hi")).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&index), ["a.json", "b.json"]);
        for spelling in ["a.yaml::x[txt=m]", "tests/test_a.py::test_x[y]"] {
            assert_eq!(index.of_case(spelling).map(|(entry, _)| &*entry.name).collect::<Vec<_>>(), ["b.json"]);
        }
        assert_eq!(index.of_case("one").count(), 1);
        index.put(recorded("d.json", "shared", &["test_a.py::test_each[1]", "test_a.py::test_each[2]"]));
        assert_eq!(index.of_case("test_a.py::test_each[2]").count(), 1);
        index.put(recorded("e.json", "second step", &["test_a.py::test_each[2]"]));
        assert_eq!(index.of_case("test_a.py::test_each[2]").count(), 2);
        index.remove("e.json");
        index.put(recorded("b.json", "new", &[]));
        assert_eq!((names(&index), index.of_case("a.yaml::x").count(), index.len()), (vec!["a.json".to_owned()], 0, 4));
        index.remove("a.json");
        assert!(names(&index).is_empty() && index.get("a.json").is_none());
    }

    #[test]
    fn the_nearest_are_those_with_nearly_the_same_words() {
        let mut index = Index::default();
        let asked = |planet: &str| {
            format!(
                r#"{{"model": "m", "messages": [{{"role": "user", "content": "Which rings does {planet} have?"}}]}}"#
            )
        };
        for number in 0..500 {
            let text =
                format!(r#"{{"model": "m", "messages": [{{"role": "user", "content": "Tell tale {number}"}}]}}"#);
            index.put(recorded(&format!("{number}.json"), &text, &[]));
        }
        index.put(recorded("saturn.json", &asked("Saturn"), &[]));
        let near = index.near(hash("POST /v1/x"), sketch(&asked("Jupiter")), 8);
        assert_eq!((near.len(), &*near[0]), (8, "saturn.json"));
        let far = index.near(hash("POST /v1/y"), sketch(&asked("Jupiter")), 1_000);
        assert_eq!((far.len(), &*far[0]), (501, "saturn.json"));
    }

    #[test]
    fn requests_of_the_same_endpoint_are_nearer_than_any_other() {
        let mut index = Index::default();
        let at = |name: &str, place: &str, sketch: u64| {
            let mut entry = recorded(name, name, &[]);
            if let Kind::Recording(recorded) = &mut entry.kind {
                (recorded.place, recorded.sketch) = (hash(place), sketch);
            }
            entry
        };
        index.put(at("elsewhere.json", "POST /v1/y", 0));
        index.put(at("farthest.json", "POST /v1/x", u64::MAX));
        index.put(at("farther.json", "POST /v1/x", u64::MAX << 1));
        let near = |most| index.near(hash("POST /v1/x"), 0, most).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(near(1), ["farther.json"]);
        assert_eq!(near(3), ["farther.json", "farthest.json", "elsewhere.json"]);
    }

    #[test]
    fn recordings_are_counted_by_their_host_until_they_go() {
        let mut index = Index::default();
        let of_host = |name: &str, host: &str| {
            let mut entry = recorded(name, name, &[]);
            if let Kind::Recording(recorded) = &mut entry.kind {
                recorded.host = host.into();
            }
            entry
        };
        for (name, host) in [("a.json", "a"), ("b.json", "b"), ("c.json", "b"), ("d.json", "b")] {
            index.put(of_host(name, host));
        }
        let counts =
            |index: &Index| [index.count(|host| host == "a"), index.count(|host| host == "b"), index.count(|_| true)];
        assert_eq!(counts(&index), [1, 3, 4]);
        index.put(of_host("d.json", "a"));
        index.remove("c.json");
        assert_eq!(counts(&index), [2, 1, 3]);
    }
}
