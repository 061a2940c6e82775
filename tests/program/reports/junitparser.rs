//! JUnit as Python's `junitparser` reads it.

use std::process::Command;

use super::{project, test};
use crate::world::Ran;

const READ: &str = r#"
import sys
from junitparser import JUnitXml
for suite in JUnitXml.fromfile(sys.argv[1]):
    suite.update_statistics()
    print(suite.name, suite.tests, suite.failures, suite.errors, suite.skipped)
    names = [case.name for case in suite]
    assert len(set(names)) == len(names), names
    for case in suite:
        results = [type(result).__name__ + ":" + str(result.type) for result in case.result]
        print(" ", case.classname, case.name.split("[")[0], *results, *["flaky" for _ in case.flaky_failures()] if hasattr(case, "flaky_failures") else [])
"#;

#[test]
#[ignore = "needs python3 and the package index; .ci/run asks for it"]
fn junit_is_read_by_junitparser() {
    let dir = project();
    test(&dir, "--report junit=junit.xml").run().exits(1);
    dir.write("read.py", READ);
    let venv = dir.path().join("venv");
    let run = |command: &mut Command| assert!(command.output().is_ok_and(|out| out.status.success()), "{command:?}");
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    run(Command::new(venv.join("bin/pip")).args(["install", "--quiet", "junitparser"]));
    let mut python = Command::new(venv.join("bin/python"));
    let ran = Ran::from(python.current_dir(dir.path()).args(["read.py", "junit.xml"]).output().unwrap()).exits(0);
    let ran = ran.says("suites/a/first.v1.yaml 10 3 0 2").says("suites/second.yaml");
    assert!(ran.stdout.contains("suites.a.first_v1 known Skipped:pytest.xfail"), "{}", ran.stdout);
    assert!(ran.stdout.contains("suites.a.first_v1 fails Failure:wrong answer"), "{}", ran.stdout);
}
