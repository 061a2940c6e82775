use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde::Deserialize;
use serde_json::Value;

use super::*;
use crate::yaml;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Shape {
    text: String,
    letter: char,
    optional: Option<u8>,
    small: i16,
    large: u64,
    ratio: f32,
    flags: Vec<bool>,
    pairs: BTreeMap<String, i64>,
    kind: Kind,
    any: Value,
    two: (u8, String),
    wrapped: Wrapped,
    nothing: (),
    inner: Option<Box<Inner>>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[default]
    First,
    Second,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
struct Wrapped(String);

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner {
    needed: u32,
    #[serde(default)]
    shape: Shape,
}

const TEXTS: &[&str] = &[
    "text: plain\nletter: x\noptional: 7\nsmall: -3\nlarge: 18446744073709551615\nratio: 0.5\n",
    "text: 1.10\nany: 1.10\n",
    "text: 'a\\nb'\nany: {a: [1, -2, 0.5, true, null, x], b: {}}\n",
    "flags: [true, False]\npairs: {a: 1, b: -2}\nkind: second\ntwo: [1, b]\nwrapped: w\nnothing: ~\n",
    "inner: {needed: 1, shape: {inner: {needed: 2}}}\n",
    "any: &a {x: 1}\npairs: *a\n",
    "pairs: {<<: {a: 1}, b: 2}\n",
    "optional: ~\ninner:\n",
    "",
    "{}",
    "[]",
    "text: [a]\n",
    "text:\n",
    "letter: xy\n",
    "optional: 256\n",
    "small: x\n",
    "large: -1\n",
    "ratio: wide\n",
    "flags: {a: 1}\n",
    "flags: [yes]\n",
    "pairs: [1]\n",
    "pairs: {a: 1, a: 2}\n",
    "kind: third\n",
    "kind: {second: 1}\n",
    "kind: {second: }\n",
    "two: [1]\n",
    "two: [1, b, c]\n",
    "nothing: 1\n",
    "inner: {}\n",
    "inner: {needed: 1, shape: {inner: {nedeed: 2}}}\n",
    "inner:\n  needed: 1\n  shape:\n    txet: a\n",
    "text: a\ntext: b\n",
    "txt: a\n",
    "text: *nowhere\n",
    "text: {a: 1\n",
    "text: a\n---\ntext: b\n",
    "any: .nan\n",
    "? [a]\n: 1\n",
    "text: !!int x\n",
    "any: !!binary aGk=\n",
];

/// The error in all its parts, and what was read.
fn told<T: std::fmt::Debug>(read: Result<T, serde_yaml::Error>) -> String {
    format!("{:?}", read.map_err(|error| (error.to_string(), format!("{:?}", error.without_snippet()))))
}

#[test]
fn a_type_reads_the_same_as_from_the_crate_itself() {
    for text in TEXTS {
        let options = || yaml::options(text.len());
        let erased: Result<Shape, _> = from_text(text, options(), PhantomData);
        let direct: Result<Shape, _> = serde_yaml::from_str_with_options(text, options());
        // The crate's errors of a string have a snippet; they are compared without.
        assert_eq!(told(erased), told(direct), "{text:?}");
    }
}

#[test]
fn a_place_is_the_same_as_from_the_crate_itself() {
    let text = "a: &x {k: ü}\nb:\n  - 1\n  -   [2]\nc: *x\n\"d\": |\n  block\n";
    let options = || yaml::options(text.len());
    let ours: yaml::Pairs<yaml::Spanned<Value>> = from_text(text, options(), PhantomData).unwrap();
    let theirs: BTreeMap<String, serde_yaml::Spanned<Value>> =
        serde_yaml::from_str_with_options(text, options()).unwrap();
    assert_eq!((ours.0.len(), theirs.len()), (4, 4));
    for ((key, ours), (name, theirs)) in ours.0.iter().zip(&theirs) {
        assert_eq!((&key.value, &ours.value, ours.place), (name, &theirs.value, yaml::place(theirs.referenced)));
        assert_eq!(key.place.column, 1);
    }
}
