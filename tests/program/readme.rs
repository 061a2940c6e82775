//! The README's commands, typed as they stand.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::world::{Dir, Ran, TestCommand, package};

/// What the README's first table says to a Python program's developer, and then its first block.
const PYTHON: [&str; 6] = [
    "pip install retake-llm",
    "retake init",
    "retake run -- pytest",
    "retake run --mode record -- pytest",
    "retake run -- pytest",
    "retake run --block-network -- pytest",
];
const NODE: [&str; 3] = ["npm install --save-dev retake-llm", "npx retake init", "npx retake run -- npx vitest run"];
const SUITES: [&str; 2] = ["retake init", "retake test"];
/// Commands that another test or `.ci/run` types, each with the file in which it stands and how it stands there.
const ELSEWHERE: [(&str, &str, &str); 4] = [
    (
        "cargo test --test integration -- --setup together --pattern openai",
        ".ci/run",
        "--test integration -- --setup together --pattern openai\n",
    ),
    ("cargo test", ".ci/run", "\ncargo test\n"),
    (
        "cargo test --test integration -- --setup together --mode record --recordings tried --provider together=script:examples/together-script.yaml",
        ".ci/run",
        "--setup together --mode record --recordings tried --provider together=script:examples/together-script.yaml\n",
    ),
    (
        "retake test --setup app --stack-config 'command:python3 app.py'",
        "tests/program/app.rs",
        "\"command:python3 app.py\"",
    ),
];
/// Commands that nobody types as they stand, each with the reason.
const NOT_TYPED: [(&str, &str); 7] = [
    ("cargo install --path .", "it compiles for minutes what scripts/release/crate builds as well"),
    ("TOGETHER_API_KEY=… cargo test --test integration -- --setup together --mode record", "it needs a key"),
    ("scripts/real-llm.sh serve --port 8080 --stay &", REAL),
    ("cargo test --test integration -- --setup llama-cpp --mode live", REAL),
    ("cargo test --test integration -- --setup llama-cpp --mode record", REAL),
    ("kill %1", REAL),
    ("cargo test --test integration -- --setup llama-cpp", REAL),
];
const REAL: &str = "tests/program/real.rs does the same with a port and a folder of its own";

/// The commands of the README: its blocks of `sh`, indented lines, lines after a `$`, and its first table.
fn commands() -> Vec<String> {
    let text = std::fs::read_to_string(package().join("README.md")).unwrap();
    let mut found = Vec::new();
    let mut fence = None;
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(kind.to_owned()) };
            continue;
        }
        let command = match &fence {
            Some(kind) if kind == "sh" => Some(line),
            Some(_) => line.strip_prefix("$ "),
            None => line.strip_prefix("    ").filter(|line| !line.starts_with('-') && !line.starts_with("suites/")),
        };
        let words = ["pip ", "npm ", "npx ", "retake ", "cargo "];
        let in_table = line
            .split('`')
            .filter(|_| line.starts_with("| a "))
            .filter(|code| words.iter().any(|word| code.starts_with(word)));
        found.extend(command.into_iter().chain(in_table).map(|line| {
            // What follows is a remark.
            line.split("  #").next().unwrap_or(line).trim().to_owned()
        }));
    }
    found.retain(|line| !line.is_empty());
    found
}

#[test]
fn every_command_of_the_readme_is_typed_or_it_is_known_why_not() {
    let here: Vec<&str> = [&PYTHON[..], &NODE, &SUITES].concat();
    let written = commands();
    for command in written.iter().filter(|command| !here.contains(&command.as_str())) {
        if NOT_TYPED.iter().any(|(known, _)| known == command) {
            continue;
        }
        let known = ELSEWHERE.iter().find(|(known, ..)| known == command);
        let (_, file, piece) = known.unwrap_or_else(|| panic!("nobody types this command of the README: {command}"));
        let text = std::fs::read_to_string(package().join(file)).unwrap();
        assert!(text.contains(piece), "{file} no longer has {piece:?}, for {command}");
    }
    let all = ELSEWHERE.iter().map(|(known, ..)| *known).chain(NOT_TYPED.iter().map(|(known, _)| *known)).chain(here);
    for command in all {
        assert!(written.iter().any(|known| known == command), "the README no longer says {command}");
    }
}

/// Types a line in a shell that has this build, and in place of package installers, which ask an index, programs that do
/// nothing; `npx` starts what is installed.
fn typed(folder: &Path, line: &str, upstream: &str) -> Ran {
    let bin = folder.join(".bin");
    std::fs::create_dir_all(&bin).unwrap();
    let clients =
        String::from_utf8(Command::new(package().join("scripts/clients.sh")).arg("where").output().unwrap().stdout)
            .unwrap();
    let clients = Path::new(clients.trim());
    let vitest = clients.join("packages/node_modules/vitest/vitest.mjs");
    let npx =
        format!("#!/bin/sh\ncase $1 in vitest) shift; exec node {} \"$@\" ;; esac\nexec \"$@\"\n", vitest.display());
    for (name, text) in [("pip", "#!/bin/sh\n"), ("npm", "#!/bin/sh\n"), ("npx", npx.as_str())] {
        std::fs::write(bin.join(name), text).unwrap();
        std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let retake = Path::new(env!("CARGO_BIN_EXE_retake")).parent().unwrap();
    let python = clients.join("openai/bin");
    let path = [&bin, retake, &python].map(|path| path.display().to_string()).join(":");
    let path = format!("{path}:{}", std::env::var("PATH").unwrap_or_default());
    let mut command = TestCommand::of("sh", folder, "-c").arg(line).env("PATH", &path);
    command = command.env("PYTHONPATH", package().join("python").to_str().unwrap());
    // The plugin comes with the wheel; here it is named.
    command = command.env("PYTEST_ADDOPTS", "-p retake.plugin").env("OPENAI_API_KEY", "sk-of-the-test-0123456789");
    if line.contains("--mode record") {
        command = command.env("RETAKE_PROVIDER", &format!("openai={upstream}"));
    }
    command.run()
}

/// A provider that says where humans live.
fn earth() -> String {
    super::server::serve(|_| {
        let reply = r#"{"id":"c","object":"chat.completion","created":1,"model":"gpt-6-luna","choices":[{"index":0,"message":{"role":"assistant","content":"On Earth."},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;
        (200, String::new(), reply.to_owned())
    })
}

#[test]
#[ignore = "needs Python and npm packages; .ci/run installs them"]
fn the_commands_work_as_they_stand() {
    let upstream = earth();
    let python = Dir::new();
    python.write("pyproject.toml", "[project]\nname = \"x\"\nversion = \"0\"\n");
    for line in PYTHON {
        typed(python.path(), line, &upstream).exits(0);
    }
    let node = Dir::new();
    node.write("package.json", r#"{"devDependencies": {"vitest": "*"}}"#);
    let modules = node.path().join("node_modules");
    std::fs::create_dir(&modules).unwrap();
    super::world::copy(&package().join("node"), &modules.join("retake-llm"));
    let clients =
        String::from_utf8(Command::new(package().join("scripts/clients.sh")).arg("where").output().unwrap().stdout)
            .unwrap();
    std::os::unix::fs::symlink(Path::new(clients.trim()).join("packages/node_modules/vitest"), modules.join("vitest"))
        .unwrap();
    for line in NODE {
        typed(node.path(), line, &upstream).exits(0);
    }
    let suites = Dir::new();
    for line in SUITES {
        typed(suites.path(), line, &upstream).exits(0);
    }
}
