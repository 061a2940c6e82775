//! What lies where files are expected and is none, or not the one that is meant: named, and never waited for.

use std::os::unix::fs::symlink;
use std::process::Command;

use super::world::{Dir, Ran};

const LFS: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
const SUITE: &str = "cases:\n  - name: sun\n    request: {post: /v1/chat/completions, body: {model: m, messages: [{role: user, content: sun}]}}\n";

/// Runs in a folder in which something stands in the place of a file.
fn run(dir: &Dir, words: &str) -> Ran {
    // What waits for a FIFO would wait for ever.
    let words = format!("60 {} test --setup together --stack-config direct {words}", env!("CARGO_BIN_EXE_retake"));
    super::world::TestCommand::of("timeout", dir.path(), &words).run()
}

fn fifo(dir: &Dir, name: &str) {
    let path = dir.write(name, "");
    std::fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn link(dir: &Dir, to: &str, name: &str) {
    let path = dir.write(name, "");
    std::fs::remove_file(&path).unwrap();
    symlink(to, path).unwrap();
}

#[test]
fn a_suite_or_what_it_names_is_a_regular_file() {
    let including = "include: [shared/s.yaml]\ncases: [{name: a, request: {get: /v1/a}}]";
    let with_data = "cases: [{name: a, params: {q: {file: shared/d.csv}}, request: {get: /v1/a}}]";
    for (suite, name) in [
        (SUITE, "suites/b.yaml"),
        (SUITE, "suites/providers.yaml"),
        (including, "suites/shared/s.yaml"),
        (with_data, "suites/shared/d.csv"),
    ] {
        let dir = Dir::new();
        dir.write("suites/a.yaml", suite);
        fifo(&dir, name);
        let file = name.rsplit('/').next().unwrap();
        run(&dir, "").exits(4).says(file).says("it is a FIFO (named pipe), and only regular files are read");
        std::fs::remove_file(dir.path().join(name)).unwrap();
        link(&dir, "/dev/zero", name);
        run(&dir, "").exits(4).says(file).says("it is a device, and only regular files are read");
        std::fs::remove_file(dir.path().join(name)).unwrap();
        dir.write(name, LFS);
        run(&dir, "").exits(4).says(file).says("a pointer of Git LFS").says("`git lfs pull`");
        dir.write(name, "a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> other\n");
        run(&dir, "").exits(4).says(file).says("line 2: git's conflict markers stand here");
    }
}

/// A folder with one good recording, and the path of its file.
fn recorded() -> (Dir, String) {
    let dir = Dir::new();
    dir.write("suites/a.yaml", SUITE);
    dir.write("script.yaml", "rules:\n  - reply: {text: Sol}\n");
    run(&dir, "--mode record --provider together=script:script.yaml").exits(0);
    let name = dir.files("recordings")[0].0.clone();
    (dir, name)
}

#[test]
fn what_stands_in_the_place_of_a_recording_is_named_and_not_counted_as_one() {
    let (dir, name) = recorded();
    let text = std::fs::read_to_string(dir.path().join(&name)).unwrap();
    let late = text.replacen("\"chunks\": [[", "\"chunks\": [[0, 86400001], [", 1);
    assert_ne!(late, text);
    for (spoilt, why) in [
        (LFS.to_owned(), "a pointer of Git LFS, and the file itself was not fetched: run `git lfs pull`"),
        (format!("\u{feff}{text}"), "begins with a byte order mark (BOM): save it as UTF-8 without one"),
        (text.replacen('\n', "\n<<<<<<< HEAD\n=======\n>>>>>>> b\n", 1), "git's conflict markers stand here"),
        (late, "a chunk that came after 86400001 ms, which is more than a day"),
    ] {
        dir.write(&name, &spoilt);
        let ran = run(&dir, "").exits(1).says("broken recording").says(&name).says(why);
        ran.says("(0 real, 0 simulated)").says("1 file cannot be read");
    }
    std::fs::remove_file(dir.path().join(&name)).unwrap();
    fifo(&dir, &name);
    let ran = run(&dir, "").exits(1).says("broken recording").says(&name).says("it is a FIFO (named pipe)");
    ran.says("(0 real, 0 simulated)").says("1 file cannot be read");
    std::fs::remove_file(dir.path().join(&name)).unwrap();
    link(&dir, "/nowhere", &name);
    run(&dir, "").exits(1).says("broken recording").says(&name).says("it is a link to a file that is not there");
}

#[test]
fn what_cannot_be_read_is_not_real_among_thousands_either() {
    let (dir, name) = recorded();
    let folder = dir.path().join(&name).parent().unwrap().to_owned();
    for number in 0..5_001 {
        std::fs::write(folder.join(format!("{number:012x}.json")), LFS).unwrap();
    }
    std::fs::remove_file(folder.join("000000000000.json")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.join("000000000000.json")).status().unwrap().success());
    let ran = run(&dir, "").exits(0).says("0 real").says("files cannot be read");
    ran.says("it is a FIFO (named pipe)");
}
