//! Which recording answers which case.

use super::super::order::{Answer, Asker, answer, spelt_out};
use super::*;
use crate::exchange::{Named, Repeats, Times};

fn named(cases: &[(&str, &str)], anyone: &str) -> Owners {
    let cases = cases.iter().map(|(case, repeats)| ((*case).to_owned(), repeats.parse().unwrap())).collect();
    let anyone = if anyone.is_empty() { Repeats::default() } else { anyone.parse().unwrap() };
    Owners::Named(Named { anyone, cases, and_further: false })
}

fn by_order(times: Times, cases: &[&str]) -> Owners {
    Owners::ByOrder { times, cases: cases.iter().map(|case| (*case).to_owned()).collect() }
}

fn shelf(owners: Vec<Owners>) -> Vec<Arc<Found>> {
    owners.into_iter().enumerate().map(|(at, owners)| found(&format!("{at}.json"), &at.to_string(), owners)).collect()
}

/// The index of the file that answers, or a description of the result.
fn ask_for(files: &[Arc<Found>], label: Option<&str>, nth: u32) -> String {
    match answer(files, &Asker { label, provider: "together", nth, lender: None }) {
        Answer::File { at, lender } => lender.map_or_else(|| at.to_string(), |lender| format!("{at} of {lender}")),
        Answer::NoReply { known, first_gap } => format!("none of {known}, gap {first_gap:?}"),
        Answer::Unknown => "unknown".to_owned(),
    }
}

#[test]
fn a_case_gets_its_own_replies_and_no_more_of_them() {
    let files = shelf(vec![named(&[("s.yaml::a", "1"), ("s.yaml::b", "1-2")], ""), named(&[("s.yaml::a", "2")], "")]);
    let of = |case, nth| ask_for(&files, Some(case), nth);
    assert_eq!([of("s.yaml::a", 1), of("s.yaml::a", 2), of("s.yaml::b", 2)], ["0", "1", "0"]);
    assert_eq!(of("s.yaml::a", 3), "none of 2, gap None");
    // The same case with another path, and with the gateway's name of the model.
    assert_eq!(of("x/s.yaml::a", 2), "1");
    // A renamed case gets the recordings of the first case in the files.
    assert_eq!([of("s.yaml::new", 1), of("s.yaml::new", 2)], ["0 of s.yaml::a", "1 of s.yaml::a"]);
    assert_eq!(ask_for(&files, None, 2), "1 of s.yaml::a");
    assert_eq!(ask_for(&[], None, 1), "unknown");
}

#[test]
fn whoever_was_lent_a_reply_goes_on_with_the_same_lender() {
    let files = shelf(vec![named(&[("a", "1")], ""), named(&[("b", "1")], "")]);
    let asker = Asker { label: Some("c"), provider: "together", nth: 1, lender: Some("b") };
    assert_eq!(answer(&files, &asker), Answer::File { at: 1, lender: Some("b") });
}

#[test]
fn what_is_for_no_case_is_for_everyone_who_has_none_of_its_own() {
    let files = shelf(vec![named(&[("a", "1")], ""), named(&[], "1"), named(&[], "3")]);
    assert_eq!(
        [ask_for(&files, Some("a"), 1), ask_for(&files, Some("b"), 1), ask_for(&files, None, 1)],
        ["0", "1", "1"]
    );
    assert_eq!(ask_for(&files, None, 2), "none of 2, gap Some(2)");
    // Without a case, a single reply is given again and again.
    assert_eq!(ask_for(&files[1..2], None, 7), "0");
    assert_eq!(ask_for(&files[1..2], Some("b"), 2), "none of 1, gap None");
}

#[test]
fn files_of_older_retakes_answer_everyone_in_their_order() {
    let files = shelf(vec![by_order(Times::Count(2), &["s.yaml::a"]), by_order(Times::Any, &[])]);
    for case in [Some("s.yaml::a"), Some("s.yaml::b"), None] {
        let got: Vec<String> = (1..5).map(|nth| ask_for(&files, case, nth)).collect();
        assert_eq!(got, ["0", "0", "1", "1"], "{case:?}");
    }
    let spelt = spelt_out(&files);
    assert_eq!((spelt[0].cases["s.yaml::a"].to_string(), spelt[0].anyone.is_empty()), ("1-2".to_owned(), true));
    assert_eq!((spelt[1].anyone.to_string(), spelt[1].and_further), ("3".to_owned(), true));
}

#[test]
fn of_other_tools_files_the_one_that_names_the_test_comes_first() {
    let files = shelf(vec![by_order(Times::Any, &["t.py::test_a"]), by_order(Times::Any, &["t.py::test_b"])]);
    assert_eq!(ask_for(&files, Some("t.py::test_b"), 3), "1");
    assert_eq!(ask_for(&files, Some("t.py::test_c"), 3), "0");
}

#[test]
fn a_recording_for_further_requests_answers_from_its_first_one_on() {
    let Owners::Named(first) = named(&[("a", "1")], "") else { panic!("it names its cases") };
    let Owners::Named(further) = named(&[("a", "2")], "") else { panic!("it names its cases") };
    let further = Named { and_further: true, ..further };
    let files = shelf(vec![Owners::Named(further.clone()), Owners::Named(first)]);
    let of = |nth| ask_for(&files, Some("a"), nth);
    assert_eq!([of(1), of(2), of(3), of(40)], ["1", "0", "0", "0"]);
    // Those of another tool that hold one reply for any number of requests are such recordings.
    let spelt = spelt_out(&shelf(vec![by_order(Times::Any, &["a"]), by_order(Times::Count(1), &["a"])]));
    assert_eq!(spelt.iter().map(|named| named.and_further).collect::<Vec<_>>(), [true, false]);
}
