//! The same session typed to pytest itself.

use std::path::Path;
use std::process::Command;

use super::{project, typed};
use crate::world::{Dir, Ran};

/// The suite of this session, as pytest has it.
const TESTS: &str = r#"
import pytest



@pytest.mark.quick
def test_good():
    pass

@pytest.mark.quick
@pytest.mark.known
@pytest.mark.parametrize("p", [1, 2], ids=["stream=False", "a b*"])
def test_bad(p):
    assert False

@pytest.mark.skip(reason="not today")
def test_away():
    pass

@pytest.mark.xfail(reason="it never did")
def test_known_trouble():
    assert False
"#;

fn installed(dir: &Dir) -> std::path::PathBuf {
    let venv = dir.path().join("venv");
    let run = |command: &mut Command| assert!(command.output().is_ok_and(|out| out.status.success()));
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    run(Command::new(venv.join("bin/pip")).args(["install", "--quiet", "pytest"]));
    venv.join("bin/pytest")
}

fn pytest(program: &Path, dir: &Dir, words: &[&str]) -> Ran {
    let mut command = Command::new(program);
    for name in ["CI", "BUILD_NUMBER", "COLUMNS", "PYTEST_ADDOPTS"] {
        command.env_remove(name);
    }
    command.current_dir(dir.path()).arg("test_first.py").args(words);
    Ran::from(command.output().unwrap())
}

#[test]
#[ignore = "installs pytest from the package index; .ci/run asks for it"]
fn pytest_ends_alike() {
    let (ours, theirs) = (project(), Dir::new());
    theirs.write("test_first.py", TESTS);
    theirs.write("pytest.ini", "[pytest]\nmarkers =\n  quick\n  known\n");
    let program = installed(&theirs);
    let sessions: &[&[&str]] = &[
        &[],
        &["--lf"],
        &["--lf", "--collect-only", "-q"],
        &["--ff", "-x"],
        &["--maxfail=2"],
        &["-k", "good or away"],
        &["-k", "bad and not away", "-q"],
        &["-k", "good and"],
        &["-k", "absent"],
        &["-m", "quick and not known"],
        &["-m", "quic"],
        &["--collect-only", "-k", "bad"],
        &["--co", "-q"],
        &["-rA", "--tb=no"],
        &["-v", "-q", "--tb=line"],
        &["--no-such-flag"],
        &["--sw"],
        &["--sw"],
        &["--sw", "--sw-skip"],
    ];
    for words in sessions {
        let all: Vec<&str> = ["suites/a/first.yaml"].iter().chain(*words).copied().collect();
        let (mine, other) = (typed(&ours, &all), pytest(&program, &theirs, words));
        let shown = || format!("{words:?}\n{}\n{}\n--- pytest\n{}", mine.stdout, mine.stderr, other.stdout);
        assert_eq!(mine.code, other.code, "{}", shown());
        // A mistake is told before anything else here.
        if mine.code == 4 {
            continue;
        }
        assert_eq!(mine.last_line(), other.last_line(), "{}", shown());
        let head = |ran: &Ran, word: &str| {
            let line = ran.stdout.lines().find(|line| line.contains(word)).unwrap_or_default();
            line.split([',', '(']).next().unwrap_or_default().split(" in ").next().unwrap_or_default().trim().to_owned()
        };
        for word in ["collected ", "run-last-failure: ", "stepwise: ", "stopping after", "!! Interrupted"] {
            assert_eq!(head(&mine, word), head(&other, word), "{}", shown());
        }
    }
}
