//! What a folder is, from the files that it holds: who works there, and with which test runner.

use std::path::Path;

use serde_json::Value;

use crate::disk::{self, MOST_TEXT};

/// Whose folder it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A cargo package: suites, and a test target that runs them.
    Cargo,
    /// A Python project: tests for pytest.
    Python {
        /// Whether it uses OpenAI's SDK.
        has_sdk: bool,
        /// How its own dependencies are installed: arguments of `pip install`.
        install: Option<&'static str>,
    },
    /// A Node project.
    Node(Node),
    /// Any other folder: suites alone.
    Suites,
}

/// What `package.json` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) runner: Runner,
    /// Files `.js` are ES modules.
    pub(super) is_module: bool,
    /// The npm package of retake is among the dependencies.
    pub(super) has_retake: bool,
    /// The runner is configured in this file already.
    pub(super) config: Option<&'static str>,
    /// There is a lock file of npm.
    pub(super) is_locked: bool,
}

/// A test runner of Node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runner {
    Vitest,
    Jest,
    NodeTest,
}

impl Runner {
    /// The command that runs all tests.
    pub(super) fn command(self) -> &'static str {
        match self {
            Runner::Vitest => "npx vitest run",
            Runner::Jest => "npx jest",
            Runner::NodeTest => "node --import retake-llm/node-test --test",
        }
    }
}

impl Kind {
    /// The kind of this folder.
    pub(super) fn of(root: &Path) -> Self {
        let is_there = |name: &str| root.join(name).exists();
        if ["pyproject.toml", "requirements.txt", "setup.py"].into_iter().any(is_there) {
            return Kind::python(root);
        }
        if is_there("package.json") {
            return Kind::Node(Node::of(root));
        }
        // A workspace without a package of its own has no tests: its suites run with `retake test`, or in a member's
        // test target.
        let manifest = disk::text(&root.join("Cargo.toml"), MOST_TEXT).unwrap_or_default();
        if manifest.lines().any(|line| line.trim() == "[package]") { Kind::Cargo } else { Kind::Suites }
    }

    /// A Python project in this folder, which need not have begun.
    pub(super) fn python(root: &Path) -> Self {
        let text = |name: &str| disk::text(&root.join(name), MOST_TEXT).ok();
        let (project, listed) = (text("pyproject.toml").unwrap_or_default(), text("requirements.txt"));
        let is_project = project.lines().any(|line| line.trim() == "[project]") || root.join("setup.py").exists();
        let install = match &listed {
            Some(_) => Some("-r requirements.txt"),
            None => is_project.then_some("."),
        };
        Kind::Python { has_sdk: names_openai(&project) || names_openai(&listed.unwrap_or_default()), install }
    }
}

/// Whether a list of Python dependencies has the package `openai`, and not only one whose name begins so.
fn names_openai(text: &str) -> bool {
    let words = text.split(|ch: char| !(ch.is_alphanumeric() || matches!(ch, '-' | '_' | '.')));
    words.into_iter().any(|word| word == "openai")
}

impl Node {
    /// A Node project in this folder, which need not have begun.
    pub(super) fn of(root: &Path) -> Self {
        let text = disk::text(&root.join("package.json"), MOST_TEXT).unwrap_or_default();
        let package: Value = serde_json::from_str(&text).unwrap_or_default();
        let is_there = |name: &str| root.join(name).exists();
        let has =
            |name: &str| ["dependencies", "devDependencies"].iter().any(|list| package[*list].get(name).is_some());
        let script = package["scripts"]["test"].as_str().unwrap_or_default();
        let runner = match () {
            () if has("vitest") || script.contains("vitest") => Runner::Vitest,
            () if has("jest") || script.contains("jest") || package.get("jest").is_some() => Runner::Jest,
            () => Runner::NodeTest,
        };
        let configs: &[&'static str] = match runner {
            Runner::Vitest => &VITEST,
            Runner::Jest => &JEST,
            Runner::NodeTest => &[],
        };
        let in_package = (runner == Runner::Jest && package.get("jest").is_some()).then_some("package.json");
        Node {
            runner,
            is_module: package["type"] == "module",
            has_retake: has("retake-llm"),
            config: configs.iter().copied().find(|name| is_there(name)).or(in_package),
            is_locked: is_there("package-lock.json"),
        }
    }
}

const VITEST: [&str; 8] = [
    "vitest.config.ts",
    "vitest.config.mts",
    "vitest.config.js",
    "vitest.config.mjs",
    "vite.config.ts",
    "vite.config.mts",
    "vite.config.js",
    "vite.config.mjs",
];
const JEST: [&str; 5] = ["jest.config.ts", "jest.config.js", "jest.config.cjs", "jest.config.mjs", "jest.config.json"];

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn kind(files: &[(&str, &str)]) -> Kind {
        let dir = TempDir::new().unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        Kind::of(dir.path())
    }

    #[test]
    fn a_folder_is_known_by_its_files() {
        assert_eq!(kind(&[]), Kind::Suites);
        assert_eq!(kind(&[("Cargo.toml", "[workspace]\n")]), Kind::Suites);
        assert_eq!(kind(&[("Cargo.toml", "[package]\nname = \"a\"\n")]), Kind::Cargo);
        let python = |has_sdk, install| Kind::Python { has_sdk, install };
        let project = "[project]\ndependencies = [\"openai>=1\"]\n";
        assert_eq!(kind(&[("pyproject.toml", project), ("Cargo.toml", "[package]\n")]), python(true, Some(".")));
        assert_eq!(kind(&[("pyproject.toml", "[tool.ruff]\n")]), python(false, None));
        assert_eq!(kind(&[("requirements.txt", "openai-agents\n")]), python(false, Some("-r requirements.txt")));
    }

    #[test]
    fn a_runner_is_known_by_the_dependencies_and_the_script() {
        let node = |package: &str, config: &str| match kind(&[("package.json", package), (config, "")]) {
            Kind::Node(node) => node,
            other => panic!("{other:?}"),
        };
        let vitest =
            node(r#"{"devDependencies": {"vitest": "4", "retake-llm": "0"}, "type": "module"}"#, "vite.config.ts");
        let config = Some("vite.config.ts");
        assert_eq!(
            vitest,
            Node { runner: Runner::Vitest, is_module: true, has_retake: true, config, is_locked: false }
        );
        let jest = node(r#"{"scripts": {"test": "jest"}, "jest": {}}"#, "package-lock.json");
        let config = Some("package.json");
        assert_eq!(jest, Node { runner: Runner::Jest, is_module: false, has_retake: false, config, is_locked: true });
        assert_eq!(node("not JSON", "x").runner, Runner::NodeTest);
    }
}
