//! The first minutes of a new user.

use std::path::Path;
use std::process::Command;

use super::world::{Dir, Ran, TestCommand, package};

/// The two commands that `retake init` prints.
fn printed(ran: &Ran) -> Vec<String> {
    let after = ran.stdout.split("Now type").nth(1).unwrap_or_default();
    after.lines().filter_map(|line| line.strip_prefix("    ")).map(str::to_owned).collect()
}

/// Types a line in a shell that finds this build's `retake`.
fn typed(folder: &Path, line: &str) -> Ran {
    let bin = Path::new(env!("CARGO_BIN_EXE_retake")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = TestCommand::new(folder, "").0;
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(line).current_dir(folder).env("PATH", path).stdin(std::process::Stdio::null());
    // The same environment without keys or settings that any command typed here has.
    for (name, value) in command.env("TERM", "dumb").get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    Ran::from(shell.output().unwrap())
}

#[test]
fn an_empty_folder_is_green_with_the_two_commands_that_init_prints() {
    let dir = Dir::new();
    let ran = dir.retake("init").run().exits(0);
    let commands = printed(&ran);
    assert_eq!(commands.len(), 2, "{}", ran.stdout);
    for line in &commands {
        let ran = typed(dir.path(), line).exits(0);
        assert_eq!(ran.last_line(), "3 passed", "{line}");
    }
    // What was recorded just now is what the next run answers from, with the gateway or without.
    dir.retake("test --stack-config direct").run().exits(0).says("(0 real, 3 simulated)").says("3 passed");
}

#[test]
fn the_recordings_that_init_writes_are_those_that_its_script_makes() {
    let dir = Dir::new();
    dir.retake("init").run().exits(0);
    let names = |dir: &Dir| dir.files("recordings").into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let written = names(&dir);
    std::fs::remove_dir_all(dir.path().join("recordings")).unwrap();
    dir.retake("record --setup openai --provider openai=script:scripts/openai.yaml").run().exits(0);
    assert_eq!(names(&dir), written);
}

#[test]
fn init_never_overwrites() {
    let dir = Dir::new();
    dir.write(".github/workflows/retake.yml", "mine");
    dir.write(".gitignore", "/target");
    dir.write("suites/chat.yaml", "cases: []");
    let ran = dir.retake("init").run().exits(0);
    for kept in ["suites/chat.yaml", ".github/workflows/retake.yml"] {
        assert!(ran.stdout.lines().any(|line| line.starts_with("kept") && line.contains(kept)), "{}", ran.stdout);
    }
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    assert_eq!((read(".github/workflows/retake.yml"), read("suites/chat.yaml")), ("mine".into(), "cases: []".into()));
    assert_eq!(read(".gitignore"), "/target\n.retake/\n");
    let before = dir.files("");
    dir.retake("init").run().exits(0);
    assert_eq!(dir.files(""), before);
}

#[test]
fn init_mixes_no_example_with_suites_of_ones_own() {
    let dir = Dir::new();
    dir.write("suites/mine.yaml", "cases: [{name: a, skip: not yet, request: {get: /v1/models}}]");
    let ran = dir.retake("init").run().exits(0).says("suites/");
    assert_eq!(dir.files("suites").len(), 1);
    assert!(dir.files("recordings").is_empty() && !dir.files("schemas").is_empty());
    assert_eq!(printed(&ran), ["retake test --list", "retake test"]);
}

#[test]
fn a_python_or_node_project_gets_a_test_in_its_own_language() {
    let files = |name: &str, text: &str, words: &str| {
        let dir = Dir::new();
        dir.write(name, text);
        let ran = dir.retake(&format!("init {words}")).run().exits(0);
        let names: Vec<String> = dir.files("").into_iter().map(|(name, _)| name).collect();
        (dir, ran, names.join(" "))
    };
    let (dir, ran, names) = files("pyproject.toml", "[project]\nname = \"x\"\n", "");
    assert!(names.contains("tests/test_planets.py") && !names.contains("suites"), "{names}");
    assert_eq!(printed(&ran), ["retake run -- pytest", "retake check", "retake doctor"]);
    assert!(typed(dir.path(), "retake check").exits(0).stdout.contains('1'));
    let (_, ran, names) = files("package.json", r#"{"devDependencies": {"vitest": "4"}}"#, "");
    assert!(names.contains("tests/planets.test.mjs") && names.contains("vitest.config.mjs"), "{names}");
    assert_eq!(printed(&ran)[..2], ["npm install --save-dev retake-llm", "npx retake run -- npx vitest run"]);
    let (_, ran, _) = files("package.json", r#"{"jest": {}, "devDependencies": {"retake-llm": "0"}}"#, "");
    ran.says("kept   package.json").says("setupFilesAfterEnv: [\"retake-llm/jest\"]");
    let (_, _, names) = files("package.json", "{}", "--kind suites");
    assert!(names.contains("suites/chat.yaml") && !names.contains("tests/"), "{names}");
    let (dir, _, _) = files(".git/config", "[remote \"origin\"]\n\turl = git@gitlab.example:a/b.git\n", "");
    let ci = std::fs::read_to_string(dir.path().join(".gitlab-ci.yml")).unwrap();
    assert!(ci.contains("  script:\n    - pip install retake-llm==") && ci.contains("    - retake test\n"), "{ci}");
}

#[test]
fn what_init_writes_and_says_names_no_place_of_the_machine_that_built_it() {
    for (name, text) in [("a", ""), ("pyproject.toml", ""), ("package.json", "{}")] {
        let dir = Dir::new();
        dir.write(name, text);
        let ran = dir.retake("init").run().exits(0);
        let all: Vec<u8> = dir.files("").into_iter().flat_map(|(_, bytes)| bytes).collect();
        let all = format!("{}{}", ran.stdout, String::from_utf8_lossy(&all));
        assert!(!all.contains(package().to_str().unwrap()), "{name}");
    }
}

#[test]
fn the_doctor_tells_keys_ports_and_clients() {
    let dir = Dir::new();
    let command = dir.retake("doctor").env("GROQ_API_KEY", "sk-canary-of-the-doctor").env("PATH", "/nowhere");
    let ran =
        command.run().exits(0).says("keys: groq (GROQ_API_KEY)").says("python3: not found").says("no folder suites");
    assert!(!ran.stdout.contains("sk-canary"), "{}", ran.stdout);
    ran.says("port 8322 (retake serve): ").says("certificate: ");
}

/// What stands in for a client that has roots of its own.
#[cfg(unix)]
#[test]
fn the_doctor_tells_a_client_that_does_not_trust() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = Dir::new();
    let client = dir
        .write("bin/curl", "#!/bin/sh\n[ \"$1\" = --version ] && echo curl 1 && exit\necho not trusted >&2; exit 60\n");
    std::fs::set_permissions(&client, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ran = dir.retake("doctor").env("PATH", &format!("{}:/bin:/usr/bin", dir.path().join("bin").display())).run();
    ran.exits(1).says("curl (curl 1): does not come to the proxy, or does not trust it: not trusted");
}

#[test]
fn every_shell_completes_commands_and_flags() {
    let dir = Dir::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = dir.retake(&format!("completions {shell}")).run().exits(0);
        for word in ["record", "setup", "stack-config", "twice"] {
            assert!(ran.stdout.contains(word), "{shell} does not complete {word}");
        }
    }
    dir.retake("completions bsah").run().exits(4).says("a similar value exists: 'bash'");
}

#[test]
fn bash_offers_what_fits() {
    let dir = Dir::new();
    let ask = "eval \"$(retake completions bash)\"\nCOMP_WORDS=(retake test --stack-c); COMP_CWORD=2; _retake retake --stack-c test; \
               echo ${COMPREPLY[@]}";
    if Command::new("bash").arg("--version").output().is_err() {
        return;
    }
    dir.write("ask.sh", ask);
    assert_eq!(typed(dir.path(), "bash ask.sh").exits(0).stdout.trim(), "--stack-config");
}

#[test]
fn a_folder_that_cannot_be_written_says_so() {
    let dir = Dir::new();
    dir.write("file", "");
    dir.retake("init file").run().exits(4).says("cannot create the folder file").says("retake init DIR");
}

#[test]
fn a_package_gets_a_test_target_and_a_workspace_none() {
    for (manifest, commands) in
        [("[workspace]\nmembers = []\n", "retake test"), ("[package]\nname = \"a\"\n", "cargo test --test integration")]
    {
        let dir = Dir::new();
        dir.write("Cargo.toml", manifest);
        let ran = dir.retake("init").run().exits(0);
        assert_eq!(printed(&ran)[0], commands, "{manifest}");
        assert_eq!(ran.stdout.contains("[[test]]"), !dir.files("tests").is_empty(), "{}", ran.stdout);
        let workflow = std::fs::read_to_string(dir.path().join(".github/workflows/retake.yml")).unwrap();
        assert!(workflow.contains(&format!("- run: {commands}\n")), "{workflow}");
    }
}

#[test]
fn a_test_target_of_ones_own_stays() {
    let dir = Dir::new();
    dir.write("Cargo.toml", "[package]\nname = \"a\"\n");
    dir.write("tests/integration.rs", "#[test] fn mine() {}");
    let ran = dir.retake("init").run().exits(0).says("kept   tests/integration.rs");
    assert_eq!(printed(&ran)[0], "retake test");
}

#[test]
fn init_names_another_folder_in_what_it_prints() {
    let dir = Dir::new();
    dir.retake("init new").run().exits(0).says("Now type in new:");
    typed(&dir.path().join("new"), "retake test").exits(0);
}

/// Builds a package of its own that depends on this one: minutes when nothing of it was built before.
#[test]
#[ignore = "builds retake as a dependency of another package"]
fn a_package_is_green_with_the_two_commands_that_init_prints() {
    let dir = Dir::new();
    dir.write("Cargo.toml", "[package]\nname = \"gateway\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[profile.dev]\ndebug = \"line-tables-only\"\n");
    dir.write("src/lib.rs", "");
    let ran = dir.retake("init").run().exits(0);
    let (_, lines) = ran.stdout.split_once("Cargo.toml:\n").unwrap();
    let lines = lines.split("Now type").next().unwrap().replace("    ", "");
    let manifest = std::fs::read_to_string(dir.path().join("Cargo.toml")).unwrap();
    dir.write("Cargo.toml", &format!("{manifest}{lines}"));
    std::fs::copy(package().join("Cargo.lock"), dir.path().join("Cargo.lock")).unwrap();
    // With the same profile, what was built for this package serves that one too.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    for line in printed(&ran) {
        let line = format!("CARGO_TARGET_DIR={:?} {line}", target.display().to_string());
        let ran = typed(dir.path(), &line).exits(0);
        assert_eq!(ran.last_line(), "3 passed", "{line}");
    }
    assert!(dir.files("tests").iter().all(|(_, text)| text.iter().filter(|byte| **byte == b'\n').count() == 5));
}

#[test]
fn a_folder_without_suites_is_told_how_to_get_one() {
    let dir = Dir::new();
    dir.retake("test").run().exits(4).says("no folder of suites at suites").says("`retake init`");
    std::fs::create_dir(dir.path().join("suites")).unwrap();
    dir.retake("test").run().exits(5).says("no suites in suites").says("retake init");
    dir.retake("init").run().exits(0);
    let ran = dir.retake("test").run().exits(0);
    assert!(!ran.stderr.contains("retake init"), "{}", ran.stderr);
}
