//! The run that the project started from.

use super::world::{TestCommand, package};

/// The 47 cases and their outcomes: the name of the case with its parameters, and the word.
const LOG: &str = include_str!("seed-log.tsv");

fn log() -> Vec<(String, String)> {
    let mut cases: Vec<_> = LOG
        .lines()
        .map(|line| {
            let mut cells = line.split('\t');
            let mut next = || cells.next().expect("three cells");
            (format!("{}[{}]", next(), next()), next().to_owned())
        })
        .collect();
    cases.sort();
    cases
}

/// As the report tells them, without the file in front.
fn told(outcomes: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut cases: Vec<_> =
        outcomes.into_iter().map(|(id, word)| (id.split_once("::").expect("a file").1.to_owned(), word)).collect();
    cases.sort();
    cases
}

#[test]
fn the_47_cases_come_out_as_in_the_log() {
    let ran = TestCommand::new(package(), "test --setup together --pattern openai").run().exits(0);
    assert!(ran.last_line().starts_with("30 passed, 17 skipped, "), "{}", ran.last_line());
    assert_eq!(told(ran.outcomes()), log());
}

#[test]
fn the_head_counts_real_and_simulated_recordings() {
    TestCommand::new(package(), "test --setup together --pattern openai")
        .run()
        .exits(0)
        .says("3 real, ")
        .says(" simulated");
}

#[test]
fn every_skipped_case_says_why() {
    let ran = TestCommand::new(package(), "test --setup together --pattern openai").run().exits(0);
    let skipped: Vec<_> = ran.stdout.lines().filter(|line| line.contains(" SKIPPED")).collect();
    assert_eq!(skipped.len(), 17);
    for line in skipped {
        assert!(line.contains("SKIPPED ("), "no reason: {line}");
    }
}

#[test]
fn the_same_cases_run_without_a_gateway() {
    let ran =
        TestCommand::new(package(), "test --setup together --pattern openai --stack-config direct").run().exits(0);
    // What only the gateway has, its store, is skipped: 8 cases.
    assert!(ran.last_line().starts_with("22 passed, 25 skipped, "), "{}", ran.last_line());
}
