//! Mistakes in the user's files: each with file, line, column, reason and way out, before any case runs.

use super::world::{self, Dir, package};

/// Every file of `tests/corpus/invalid` is a suite with one mistake, and every folder a folder of suites with one;
/// beside it stands what is said of it.
/// `UPDATE_CORPUS=1 cargo test` writes what is said now.
#[test]
fn each_mistake_is_told_where_it_is() {
    let corpus = package().join("tests/corpus/invalid");
    let place =
        regex::Regex::new(r"(bad\.yaml|providers\.yaml|setups\.yaml|prices\.yaml|shared/\w+\.\w+):\d+:\d+").unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(&corpus).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_dir() && path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        count += 1;
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let dir = Dir::new();
        // A file may stand for one of the files beside the suites instead.
        let target = match name.split('-').next() {
            Some("providers") => "suites/providers.yaml",
            Some("setups") => "suites/setups.yaml",
            Some("prices") => "suites/prices.yaml",
            _ => "suites/bad.yaml",
        };
        dir.write("suites/fine.yaml", "cases:\n  - name: fine\n    request: {get: /v1/models}\n");
        if path.is_dir() {
            world::copy(&path, &dir.path().join("suites"));
        } else {
            dir.write(target, &std::fs::read_to_string(&path).unwrap());
        }
        let ran = dir.retake("test --setup together").run();
        let expected_path = path.with_extension("stderr");
        if std::env::var_os("UPDATE_CORPUS").is_some() {
            std::fs::write(&expected_path, &ran.stderr).unwrap();
        }
        let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
        if ran.code != 4 || ran.stderr != expected || !ran.stdout.is_empty() {
            wrong.push(format!("{name}: exit {}\n--- expected\n{expected}\n--- said\n{}", ran.code, ran.stderr));
        }
        let caret = ran.stderr.lines().any(|line| line.trim_start_matches([' ', '|']).starts_with('^'));
        if !place.is_match(&ran.stderr) || !caret || !ran.stderr.contains("= help: ") {
            wrong.push(format!("{name}: no file, line, column, caret and way out in\n{}", ran.stderr));
        }
    }
    assert!(count >= 40, "the corpus is gone: {count} files");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
