//! A sample test for the test runner of the folder.

use super::kind::{Node, Runner};

const NODE: &str = include_str!("node/ask.js");

/// The sample for pytest.
pub(super) fn python(has_sdk: bool) -> (&'static str, &'static str) {
    let text = match has_sdk {
        true => include_str!("python/test_planets_sdk.py"),
        false => include_str!("python/test_planets.py"),
    };
    ("tests/test_planets.py", text)
}

/// The sample for a runner of Node.
pub(super) fn node(node: &Node) -> (&'static str, String) {
    let (imports, check) = match node.runner {
        Runner::Vitest => (
            "import { expect, test } from \"vitest\";",
            "expect(await ask(\"Which planet do humans live on?\")).toContain(\"Earth\");",
        ),
        Runner::Jest => ("", "expect(await ask(\"Which planet do humans live on?\")).toContain(\"Earth\");"),
        Runner::NodeTest => (
            "import assert from \"node:assert\";\nimport { test } from \"node:test\";",
            "assert.match(await ask(\"Which planet do humans live on?\"), /Earth/);",
        ),
    };
    let path = match (node.runner, node.is_module) {
        (Runner::Jest, true) => "tests/planets.test.cjs",
        (Runner::Jest, false) => "tests/planets.test.js",
        _ => "tests/planets.test.mjs",
    };
    let imports = if imports.is_empty() { String::new() } else { format!("{imports}\n") };
    (path, NODE.replace("IMPORTS\n", &imports).replace("CHECK", check))
}

/// The configuration with which a runner uses the set-up file: its path and text.
pub(super) fn config(runner: Runner) -> Option<(&'static str, &'static str)> {
    match runner {
        Runner::Vitest => {
            Some(("vitest.config.mjs", "export default { test: { setupFiles: [\"retake-llm/vitest\"] } };\n"))
        }
        Runner::Jest => Some(("jest.config.cjs", "module.exports = { setupFilesAfterEnv: [\"retake-llm/jest\"] };\n")),
        Runner::NodeTest => None,
    }
}

/// What has to be added to a configuration that is there already.
pub(super) fn setting(runner: Runner) -> &'static str {
    match runner {
        Runner::Vitest => "test: { setupFiles: [\"retake-llm/vitest\"] }",
        _ => "setupFilesAfterEnv: [\"retake-llm/jest\"]",
    }
}
