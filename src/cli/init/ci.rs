//! The CI file: it installs retake as the folder's people do, and runs the tests from their recordings.

use std::path::Path;

use crate::disk::{self, MOST_TEXT};

use super::kind::{Kind, Node};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The CI file for a folder: its path and its text. GitLab's if the folder's remote is there, else GitHub's. `has_target`
/// says whether a test target of cargo runs the suites.
pub(super) fn file(root: &Path, kind: &Kind, has_target: bool) -> (&'static str, String) {
    let remotes = disk::text(&root.join(".git/config"), MOST_TEXT).unwrap_or_default();
    let is_gitlab = remotes.lines().any(|line| line.trim_start().starts_with("url") && line.contains("gitlab"));
    let job = Job::of(kind, has_target);
    match is_gitlab {
        true => (".gitlab-ci.yml", job.gitlab()),
        false => (".github/workflows/retake.yml", job.github()),
    }
}

/// What a CI job does.
struct Job {
    /// The action that sets a language up, with its input.
    setup: &'static str,
    /// An image that has the language.
    image: &'static str,
    commands: Vec<String>,
}

impl Job {
    fn of(kind: &Kind, has_target: bool) -> Self {
        let python = "      - uses: actions/setup-python@v5\n        with: {python-version: \"3.x\"}\n";
        let with_wheel = |more: Vec<String>| Job { setup: python, image: "python:3", commands: more };
        match kind {
            Kind::Cargo if has_target => Job {
                setup: "      - run: rustup toolchain install stable --profile minimal\n",
                image: "rust:slim",
                commands: vec!["cargo test --test integration".to_owned()],
            },
            Kind::Cargo | Kind::Suites => {
                with_wheel(vec![format!("pip install retake-llm=={VERSION}"), "retake test".to_owned()])
            }
            Kind::Python { install, .. } => {
                let own = install.map(|what| format!("pip install {what}"));
                let ours = format!("pip install retake-llm=={VERSION} pytest");
                with_wheel(own.into_iter().chain([ours, "retake run -- pytest".to_owned()]).collect())
            }
            Kind::Node(Node { runner, is_locked, .. }) => Job {
                setup: "      - uses: actions/setup-node@v4\n        with: {node-version: 24}\n",
                image: "node:24",
                commands: vec![
                    if *is_locked { "npm ci" } else { "npm install" }.to_owned(),
                    format!("npx retake run -- {}", runner.command()),
                ],
            },
        }
    }

    fn github(&self) -> String {
        let head = include_str!("ci/github.yml");
        let steps: String = self.commands.iter().map(|command| format!("      - run: {command}\n")).collect();
        format!("{head}{}{steps}", self.setup)
    }

    fn gitlab(&self) -> String {
        let steps: String = self.commands.iter().map(|command| format!("    - {command}\n")).collect();
        format!(
            "# Recordings answer: no key, no network, no cost.\nretake:\n  image: {}\n  script:\n{steps}",
            self.image
        )
    }
}
