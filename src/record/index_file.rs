//! An index as text, to be stored. Pure.

use std::borrow::Cow;
use std::sync::Arc;

use super::index::{Cases, Entry, Index, Kind, Recorded};
use crate::exchange::Origin;

/// The first line of an index file; a file with another one is not an index of this version.
const HEAD: &str = "retake index 1";

/// The index as text, one line per file. `rules` identifies the rules for the match: other rules give other hashes.
pub(super) fn write(index: &Index, rules: u64) -> String {
    let mut out = format!("{HEAD}\t{}\t{rules:x}\n", env!("CARGO_PKG_VERSION"));
    for entry in index.entries() {
        let Entry { name, modified, length, kind } = entry;
        out.push_str(&format!("{}\t{modified:x}\t{length:x}\t", escaped(name)));
        match kind {
            Kind::Broken(why) => out.push_str(&format!("-\t{}", escaped(why))),
            Kind::OtherFile { name, is_http } => {
                out.push_str(&format!("{}\t{}", if *is_http { 't' } else { 'n' }, escaped(name)));
            }
            Kind::Recording(recorded) => {
                let Recorded { hash, place, sketch, origin, host, cases } = recorded;
                let origin = match origin {
                    Some(Origin::Real) => 'r',
                    Some(Origin::Simulated) => 's',
                    None => 'e',
                };
                out.push_str(&format!("{origin}\t{hash:x}\t{place:x}\t{sketch:x}\t{}", escaped(host)));
                if !cases.0.is_empty() {
                    out.push('\t');
                    out.push_str(&cases.0);
                }
            }
        }
        out.push('\n');
    }
    out
}

/// Reads an index from its text; `None` if it has another version or other rules, or is incomplete.
pub(super) fn read(text: &str, rules: u64) -> Option<Index> {
    let (head, rest) = text.split_once('\n')?;
    if head != format!("{HEAD}\t{}\t{rules:x}", env!("CARGO_PKG_VERSION")) || !text.ends_with('\n') {
        return None;
    }
    let mut index = Index::with_room(rest.lines().count());
    for line in rest.lines() {
        index.put(entry(line)?);
    }
    Some(index)
}

fn entry(line: &str) -> Option<Entry> {
    let number = |digits: &str| u64::from_str_radix(digits, 16).ok();
    // The cases follow the host; they stay as one text.
    let mut parts = line.splitn(9, '\t');
    let name = shared(parts.next()?);
    let (modified, length) = (number(parts.next()?)?, number(parts.next()?)?);
    let origin = match parts.next()? {
        "-" => {
            let kind = Kind::Broken(unescaped(parts.next()?).into());
            return Some(Entry { name, kind, modified, length });
        }
        word @ ("t" | "n") => {
            let kind = Kind::OtherFile { name: unescaped(parts.next()?).into(), is_http: word == "t" };
            return Some(Entry { name, kind, modified, length });
        }
        "r" => Some(Origin::Real),
        "s" => Some(Origin::Simulated),
        "e" => None,
        _ => return None,
    };
    let (hash, place, sketch) = (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
    let host = shared(parts.next()?);
    let cases = Cases(parts.next().unwrap_or_default().into());
    let kind = Kind::Recording(Recorded { hash, place, sketch, origin, host, cases });
    Some(Entry { name, kind, modified, length })
}

fn shared(text: &str) -> Arc<str> {
    if text.contains('\\') { unescaped(text).into() } else { text.into() }
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('\t', r"\t").replace('\n', r"\n").replace('\r', r"\r")
}

pub(super) fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(ch) = rest.next() {
        out.push(match (ch, ch == '\\') {
            (_, true) => match rest.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                other => other.unwrap_or('\\'),
            },
            (ch, false) => ch,
        });
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::index::tests::recorded;
    use super::*;

    #[test]
    fn an_index_of_other_rules_or_one_that_is_cut_is_none() {
        let mut index = Index::default();
        index.put(recorded("a.json", "hi", &["c"]));
        let text = write(&index, 1);
        assert!(read(&text, 1).is_some() && read(&text, 2).is_none());
        assert!((0..text.len()).all(|end| read(&text[..end], 1).is_none_or(|index| index.len() == 0)));
    }

    proptest! {
        #[test]
        fn an_index_reads_as_it_was_written(names in proptest::collection::btree_set(".{1,6}", 0..14), what in ".{0,9}", cases in proptest::collection::vec("[a-c\t\\\\:]{0,6}", 0..3)) {
            let mut index = Index::default();
            for (at, name) in names.iter().enumerate() {
                let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
                let mut entry = recorded(name, &what, &cases);
                if let Kind::Recording(recorded) = &mut entry.kind {
                    recorded.origin = [Some(Origin::Real), Some(Origin::Simulated), None][at / 4 % 3];
                }
                let kind = match at % 4 {
                    0 => Kind::Broken(what.as_str().into()),
                    1 => Kind::OtherFile { name: what.as_str().into(), is_http: true },
                    2 => Kind::OtherFile { name: what.as_str().into(), is_http: false },
                    _ => entry.kind,
                };
                index.put(Entry { kind, ..entry });
            }
            let back = read(&write(&index, 5), 5).unwrap();
            prop_assert_eq!(back.entries().collect::<Vec<_>>(), index.entries().collect::<Vec<_>>());
        }
    }
}
