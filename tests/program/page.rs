//! The page of a run in a real browser. Needs Chromium, and Node with what `scripts/page.sh install` installs:
//! `cargo test --test program -- --ignored page::`.

#[path = "../corpus/runs.rs"]
mod corpus;

use std::path::Path;
use std::process::Command;

use retake::event::Event;
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
fn pictures_of_it_on_a_desk_on_a_phone_and_in_the_dark() {
    let printed = browsed("pictures.mjs", &corpus::runs(4, 160));
    assert!(printed.ends_with("all done\n"), "{printed}");
}
#[test]
#[ignore]
fn zz_keep() {
    std::fs::write("target/tmp/page/page.html", page(&corpus::runs(4, 160))).unwrap();
}
#[test]
#[ignore]
fn zz_one() {
    std::fs::write("target/tmp/page/one.html", page(&corpus::runs(1, 160))).unwrap();
}
