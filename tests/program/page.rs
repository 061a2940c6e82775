//! The page of a run in a real browser. Needs Chromium, and Node with what `scripts/page.sh install` installs:
//! `cargo test --test program -- --ignored page::`.

#[path = "../corpus/runs.rs"]
mod corpus;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use retake::event::{CaseRef, Event, Failure, Finished, Interruption, Outcome, Problem};
use retake::report::page;

use super::world::{Dir, package};

/// Runs a program of `tests/page` on the page of these runs, and returns what it printed.
fn browsed(program: &str, runs: &[Vec<Event>]) -> String {
    let dir = Dir::new();
    let file = dir.write("page.html", &page(runs));
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&pictures).unwrap();
    let mut command = Command::new(package().join("scripts/page.sh"));
    command.arg("run").arg(package().join("tests/page").join(program)).arg(&file).arg(&pictures);
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    printed
}

#[test]
#[ignore = "needs Chromium and Node"]
fn a_reader_finds_filters_opens_and_follows_with_mouse_and_keyboard() {
    let printed = browsed("reader.mjs", &corpus::runs(1, 160));
    assert!(printed.ends_with("all done\n"), "{printed}");
}

#[test]
#[ignore = "needs Chromium and Node"]
fn two_runs_and_two_providers_stand_side_by_side() {
    let printed = browsed("sides.mjs", &corpus::runs(2, 160));
    assert!(printed.ends_with("all done\n"), "{printed}");
}

#[test]
#[ignore = "needs Chromium and Node"]
fn pictures_of_it_on_a_desk_on_a_phone_and_in_the_dark() {
    let printed = browsed("pictures.mjs", &corpus::runs(4, 160));
    assert!(printed.ends_with("all done\n"), "{printed}");
}
/// A case by its name in the suites, with its outcome.
fn case(index: usize, name: &str, outcome: Outcome) -> Event {
    let case =
        CaseRef { id: format!("suites/a.yaml::{name}"), suite: "suites/a.yaml".into(), line: 3, ..CaseRef::default() };
    Event::CaseFinished(Box::new(Finished { index, case, outcome, ..Finished::default() }))
}

fn failed(message: &str) -> Outcome {
    Outcome::Failed(Box::new(Failure { problem: Problem::Message(message.into()), ..Failure::default() }))
}

#[test]
#[ignore = "needs Chromium and Node"]
fn pages_of_odd_runs_say_what_they_are() {
    let whole = corpus::runs(1, 20).remove(0);
    let cut_off = whole[..12].to_vec();
    let mut stopped = cut_off.clone();
    stopped.push(Event::CaseGivenUp { id: "suites/a.yaml::slow".into() });
    stopped.push(Event::Finished {
        duration: Duration::from_secs(75),
        interrupted: Some(Interruption::User),
        proof: Box::default(),
    });
    let around = |cases: Vec<Event>| {
        let count = Event::Collected { total: cases.len(), deselected: 0 };
        let ends = whole.last().cloned();
        vec![vec![whole[0].clone(), count].into_iter().chain(cases).chain(ends).collect()]
    };
    let huge = "z".repeat(3 << 20);
    let script = "</script><script>document.title = 'taken'</script>";
    let long = format!("long[{}]", "x".repeat(5_000));
    let pages: [(Vec<Vec<Event>>, &[&str]); 7] = [
        (Vec::new(), &["There are no runs."]),
        (around(Vec::new()), &["No cases ran", "No case has run."]),
        (around(vec![case(0, "one", Outcome::Passed)]), &["Passed", "1 case", "suites/a.yaml::one", "Nothing failed."]),
        (vec![cut_off], &["Broken off", "The run has no end", "says nothing of what it rests on"]),
        (
            vec![stopped],
            &["Interrupted", "interrupted by the user", "cases did not run", "given up", "took 1 min 15 s"],
        ),
        (
            around(vec![case(0, &long, Outcome::Passed), case(1, "huge", failed(&huge))]),
            &["(cut: 3145728 bytes in all)"],
        ),
        (around(vec![case(0, script, failed(script))]), &[script]),
    ];
    for (runs, words) in pages {
        let printed = browsed("opens.mjs", &runs);
        for word in words {
            assert!(printed.contains(word), "{word}: {printed}");
        }
    }
}
