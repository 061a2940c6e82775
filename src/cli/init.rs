//! `retake init`: sets up a repository whose first run passes without a key.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::disk::{self, MOST_TEXT};
use crate::exchange::Secrets;

use super::args::{InitArgs, SchemaOf};
use super::exit::{Exit, Stop};
use super::{load, output, settings};

/// A file of the example: its path and its content.
type Piece = (&'static str, &'static str);

/// A suite, its setup and script, and the recordings.
const EXAMPLE: [Piece; 6] = [
    ("suites/chat.yaml", include_str!("init/suites/chat.yaml")),
    ("suites/setups.yaml", include_str!("init/suites/setups.yaml")),
    ("scripts/openai.yaml", include_str!("init/scripts/openai.yaml")),
    ("recordings/openai/36ecde242306.json", include_str!("init/recordings/openai/36ecde242306.json")),
    ("recordings/openai/981be4c32fac.json", include_str!("init/recordings/openai/981be4c32fac.json")),
    ("recordings/openai/def92403e1c1.json", include_str!("init/recordings/openai/def92403e1c1.json")),
];

const SCHEMAS: [(SchemaOf, &str); 4] = [
    (SchemaOf::Suite, "schemas/suite.schema.json"),
    (SchemaOf::Shared, "schemas/shared.schema.json"),
    (SchemaOf::Providers, "schemas/providers.schema.json"),
    (SchemaOf::Setups, "schemas/setups.schema.json"),
];

const TARGET: &str = "tests/integration.rs";
const RECORD: &str = "--setup openai --provider openai=script:scripts/openai.yaml";

/// Writes the files that are missing, and says what to type next.
pub(super) fn run(args: &InitArgs) -> Result<Exit, Stop> {
    let manifest = args.dir.join("Cargo.toml");
    // A workspace without a package of its own has no tests: its suites run with `retake test`, or in a member's test
    // target.
    let is_package =
        disk::text(&manifest, MOST_TEXT).is_ok_and(|text| text.lines().any(|line| line.trim() == "[package]"));
    let cargo = args.cargo || is_package;
    let mut start = Start { root: &args.dir, said: String::new() };
    let example = !has_suites(&args.dir)?;
    if example {
        for (path, text) in EXAMPLE {
            start.write(path, text)?;
        }
    } else {
        start.say("kept", "suites/", "it holds suites already, so there is no example");
    }
    for (of, path) in SCHEMAS {
        start.write(path, of.text())?;
    }
    let target = cargo && start.target()?;
    start.write(".github/workflows/retake.yml", &workflow(target))?;
    start.ignore()?;
    if target {
        start.said.push_str(&manifest_lines(&manifest));
    }
    start.said.push_str(&next(&args.dir, target, example));
    output::print(&Secrets::default(), &start.said)?;
    Ok(Exit::Ok)
}

/// Whether the folder already has suites or their data, with which the example must not be mixed.
fn has_suites(root: &Path) -> Result<bool, Stop> {
    let folder = root.join("suites");
    let mut files = Vec::new();
    if folder.is_dir() {
        load::walk(&folder, &mut files)?;
    }
    // Files of the example from an earlier run do not count, so that missing ones are added.
    Ok(files.iter().any(|file| EXAMPLE.iter().all(|(path, _)| root.join(path) != *file)))
}

/// The folder that is being set up, and the messages so far.
struct Start<'a> {
    root: &'a Path,
    said: String,
}

impl Start<'_> {
    fn say(&mut self, did: &str, path: &str, why: &str) {
        let line = format!("{did:<6} {path:<38} {why}");
        self.said.push_str(line.trim_end());
        self.said.push('\n');
    }

    /// Writes a file if it is missing.
    fn write(&mut self, path: &str, text: &str) -> Result<(), Stop> {
        let file = self.root.join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(|error| cannot("create the folder", folder, &error))?;
        }
        match OpenOptions::new().write(true).create_new(true).open(&file) {
            Ok(mut open) => {
                open.write_all(text.as_bytes()).map_err(|error| cannot("write", &file, &error))?;
                self.say("wrote", path, "");
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                self.say("kept", path, "it is there already");
            }
            Err(error) => return Err(cannot("write", &file, &error)),
        }
        Ok(())
    }

    /// Writes the test target. Another one of that name is left alone; then there is none of ours.
    fn target(&mut self) -> Result<bool, Stop> {
        let file = self.root.join(TARGET);
        let other = disk::text(&file, MOST_TEXT).is_ok_and(|text| !text.contains("retake::"));
        if other {
            self.say("kept", TARGET, "it is there already and not about retake; call retake::cli::harness()");
            self.say("", "", "from the main function of another test target with `harness = false`");
        } else {
            self.write(TARGET, include_str!("init/integration.rs"))?;
        }
        Ok(!other)
    }

    /// Makes git ignore the files that runs leave behind.
    fn ignore(&mut self) -> Result<(), Stop> {
        const LINE: &str = ".retake/";
        let file = self.root.join(".gitignore");
        let text = match disk::text(&file, MOST_TEXT) {
            Ok(text) => text,
            Err(why) if why.is_missing() => return self.write(".gitignore", &format!("{LINE}\n")),
            Err(why) => return Err(cannot("read", &file, &why)),
        };
        if text.lines().any(|line| line.trim().trim_matches('/') == ".retake") {
            self.say("kept", ".gitignore", "it names .retake/ already");
            return Ok(());
        }
        let line = if text.is_empty() || text.ends_with('\n') { format!("{LINE}\n") } else { format!("\n{LINE}\n") };
        let mut open = OpenOptions::new().append(true).open(&file).map_err(|error| cannot("open", &file, &error))?;
        open.write_all(line.as_bytes()).map_err(|error| cannot("write", &file, &error))?;
        self.say("added", ".gitignore", "a line for .retake/");
        Ok(())
    }
}

fn cannot(what: &str, path: &Path, error: &dyn std::fmt::Display) -> Stop {
    Stop::usage(format!("cannot {what} {}: {error}\n  name another folder with `retake init DIR`", path.display()))
}

/// The CI file: it runs the test target if there is one, else the program.
fn workflow(target: bool) -> String {
    let head = include_str!("init/workflow.yml");
    if target {
        return format!("{head}      - run: cargo test --test integration\n");
    }
    let version = env!("CARGO_PKG_VERSION");
    format!("{head}      - run: cargo install --locked retake@{version}\n      - run: retake test\n")
}

/// The lines that Cargo.toml lacks for the test target.
fn manifest_lines(manifest: &Path) -> String {
    let text = disk::text(manifest, MOST_TEXT).unwrap_or_default();
    let mut lines = String::new();
    if !text.contains("retake") {
        lines.push_str(&format!("    [dev-dependencies]\n    retake = {}\n\n", requirement()));
    }
    if !text.contains("name = \"integration\"") {
        lines.push_str("    [[test]]\n    name = \"integration\"\n    harness = false\n\n");
    }
    if lines.is_empty() {
        lines
    } else {
        format!("\nAdd to {}:\n\n{}", manifest.display(), lines.trim_end_matches('\n')) + "\n"
    }
}

/// The dependency with which another package gets this very program: the checkout from which it was built, as long as
/// that exists, else the published version. Cargo marks the sources that it fetched itself with `.cargo-ok`.
fn requirement() -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    if source.join("Cargo.toml").is_file() && !source.join(".cargo-ok").exists() {
        format!("{{ path = {:?} }}", source.display().to_string())
    } else {
        format!("{:?}", env!("CARGO_PKG_VERSION"))
    }
}

/// The two commands to type next.
fn next(root: &Path, target: bool, example: bool) -> String {
    let here = root.components().all(|part| part == std::path::Component::CurDir);
    let place =
        if here { String::new() } else { format!(" in {}", settings::quoted_if_needed(&root.to_string_lossy())) };
    let (test, record) = match target {
        true => ("cargo test --test integration", "cargo test --test integration -- --mode record"),
        false => ("retake test", "retake record"),
    };
    if !example {
        let dash = if target { " --" } else { "" };
        return format!("\nNow type{place}:\n\n    {test}{dash} --list\n    {test}\n");
    }
    format!(
        "\nNow type{place}:\n\n    {test}\n    {record} {RECORD}\n\n\
         The first answers from recordings, without a key or a network. They are simulated: the second makes them again,\n\
         from a script in OpenAI's place. With OPENAI_API_KEY set and without --provider it asks OpenAI itself.\n"
    )
}
