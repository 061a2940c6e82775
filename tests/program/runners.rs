//! The set-up files for Vitest, Jest and node:test, with these runners in old and new versions of Node.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use super::plugin::provider;
use super::world::{Dir, Ran, copy, package};

/// The command line of each runner, and how it counts one failed test.
const RUNNERS: [(&str, &str); 3] = [
    ("node_modules/vitest/vitest.mjs run", "1 failed | 15 passed"),
    ("node_modules/jest/bin/jest.js", "1 failed, 15 passed"),
    ("--import retake-llm/node-test --test a.node.mjs b.node.mjs", "fail 1\n"),
];

/// The folder of the installed clients.
fn clients() -> PathBuf {
    let said = Command::new(package().join("scripts/clients.sh")).arg("where").output().unwrap();
    PathBuf::from(String::from_utf8(said.stdout).unwrap().trim())
}

/// A project with the runners, and the package of this checkout as an installation would have it.
fn project() -> Dir {
    let dir = Dir::new();
    copy(&package().join("tests/clients/runners"), dir.path());
    let modules = dir.path().join("node_modules");
    std::fs::create_dir(&modules).unwrap();
    copy(&package().join("node"), &modules.join("retake-llm"));
    for name in ["vitest", "jest", "openai"] {
        symlink(clients().join("packages/node_modules").join(name), modules.join(name)).unwrap();
    }
    dir
}

fn run(dir: &Dir, node: &str, flags: &str, words: &str, changed: &str) -> Ran {
    let node = clients().join(node).join("node");
    let command = dir.retake(&format!("run {flags} -- {} {words}", node.display()));
    let command = command.env("CHANGED", changed).env("NO_COLOR", "1").env("FORCE_COLOR", "0");
    command.env("OPENAI_API_KEY", "sk-of-the-test-0123456789").run()
}

#[test]
#[ignore = "needs npm packages; .ci/run installs them"]
fn each_test_of_each_runner_is_a_session_of_its_own() {
    for node in ["node20", "node24"] {
        for (words, one_failed) in RUNNERS {
            let dir = project();
            let record = format!("--mode record --provider openai={}", provider());
            // Ten answers, the question that all tests begin with, and the one without an SDK.
            run(&dir, node, &record, words, "").exits(0).says("26 requests, 12 recorded");
            run(&dir, node, "", words, "").exits(0);
            let changes = [("a2", "the recording of this case is stale"), ("bs", "no recording of POST /v1/chat")];
            for (changed, told) in changes {
                let ran = run(&dir, node, "", words, changed).exits(1).says(one_failed);
                // The runner says it as well as retake.
                let all = format!("{}{}", ran.stdout, ran.stderr);
                assert!(all.matches(told).count() > 1, "{node} {words}: {all}");
            }
        }
    }
}

#[test]
#[ignore = "needs npm packages; .ci/run installs them"]
fn without_a_proxy_the_set_up_files_do_nothing_and_one_that_is_gone_is_told() {
    let dir = project();
    let test = "import { test } from 'node:test';\nimport { retake } from 'retake-llm/node-test';\n\
                test('x', async () => { await retake({ faults: [] }); if (retake.mode !== null) throw new Error(); });\n";
    dir.write("plain.mjs", test);
    let run = |url: &str| {
        let mut command = Command::new(clients().join("node20/node"));
        command.args(["--import", "retake-llm/node-test", "--test", "plain.mjs"]).current_dir(dir.path());
        Ran::from(command.env("RETAKE_PROXY_URL", url).output().unwrap())
    };
    run("").exits(0).says("pass 1");
    run("http://127.0.0.1:9").exits(1).says("the proxy at http://127.0.0.1:9 (RETAKE_PROXY_URL) does not answer");
}
