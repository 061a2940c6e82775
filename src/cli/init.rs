//! `retake init`: sets up a repository whose first run passes without a key. What it writes depends on what is there: a
//! Python project gets a test for pytest, a Node project one for its test runner, any other folder suites.

mod cargo;
mod ci;
mod kind;
mod sample;

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::disk::{self, MOST_TEXT};
use crate::exchange::Secrets;
#[cfg(not(feature = "schema"))]
use crate::features;

#[cfg(feature = "schema")]
use super::args::SchemaOf;
use super::args::{InitArgs, InitKind};
use super::exit::{Exit, Stop};
use super::{load, output, settings};
use cargo::TARGET;
use kind::{Kind, Node};

/// A file of the example: its path and its content.
type Piece = (&'static str, &'static str);

/// The recording that the sample of every language asks for, and the first case of the suite.
const RECORDING: Piece =
    ("recordings/openai/4b34f788f75b.json", include_str!("init/recordings/openai/4b34f788f75b.json"));
/// A suite, its setup and script, and the recordings.
const EXAMPLE: [Piece; 6] = [
    ("suites/chat.yaml", include_str!("init/suites/chat.yaml")),
    ("suites/setups.yaml", include_str!("init/suites/setups.yaml")),
    ("scripts/openai.yaml", include_str!("init/scripts/openai.yaml")),
    ("recordings/openai/a3f38a549114.json", include_str!("init/recordings/openai/a3f38a549114.json")),
    ("recordings/openai/cb0cb51b05c1.json", include_str!("init/recordings/openai/cb0cb51b05c1.json")),
    RECORDING,
];

#[cfg(feature = "schema")]
const SCHEMAS: [(SchemaOf, &str); 5] = [
    (SchemaOf::Suite, "schemas/suite.schema.json"),
    (SchemaOf::Shared, "schemas/shared.schema.json"),
    (SchemaOf::Providers, "schemas/providers.schema.json"),
    (SchemaOf::Setups, "schemas/setups.schema.json"),
    (SchemaOf::Prices, "schemas/prices.schema.json"),
];

const RECORD: &str = "--setup openai --provider openai=script:scripts/openai.yaml";

/// Writes the files that are missing, and says what to type next.
pub(super) fn run(args: &InitArgs) -> Result<Exit, Stop> {
    let kind = match args.kind {
        _ if args.cargo => Kind::Cargo,
        Some(InitKind::Suites) => Kind::Suites,
        Some(InitKind::Python) => Kind::python(&args.dir),
        Some(InitKind::Node) => Kind::Node(Node::of(&args.dir)),
        None => match Kind::of(&args.dir) {
            Kind::Cargo => Kind::Cargo,
            // Whoever has suites already works with them.
            _ if has_suites(&args.dir)? => Kind::Suites,
            kind => kind,
        },
    };
    let mut start = Start { root: &args.dir, said: String::new() };
    match &kind {
        Kind::Python { has_sdk, .. } => start.python(*has_sdk)?,
        Kind::Node(node) => start.node(node)?,
        Kind::Cargo | Kind::Suites => return suites(start, &kind),
    }
    let (path, text) = ci::file(&args.dir, &kind, false);
    start.write(path, &text)?;
    start.ignore()?;
    start.said.push_str(&next_in_language(&args.dir, &kind));
    output::print(&Secrets::default(), &start.said)?;
    Ok(Exit::Ok)
}

/// Suites, for a package of cargo with its test target.
fn suites(mut start: Start<'_>, kind: &Kind) -> Result<Exit, Stop> {
    let root = start.root;
    let example = !has_suites(root)?;
    if example {
        for (path, text) in EXAMPLE {
            start.write(path, text)?;
        }
    } else {
        start.say("kept", "suites/", "it holds suites already, so there is no example");
    }
    start.schemas()?;
    let target = *kind == Kind::Cargo && start.target()?;
    let (path, text) = ci::file(root, kind, target);
    start.write(path, &text)?;
    start.ignore()?;
    if target {
        start.said.push_str(&cargo::manifest_lines(&root.join("Cargo.toml")));
    }
    start.said.push_str(&next(root, target, example));
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

    #[cfg(feature = "schema")]
    fn schemas(&mut self) -> Result<(), Stop> {
        SCHEMAS.iter().try_for_each(|(of, path)| self.write(path, of.text()))
    }

    #[cfg(not(feature = "schema"))]
    fn schemas(&mut self) -> Result<(), Stop> {
        self.say("left", "schemas/", &features::without("schema"));
        Ok(())
    }

    /// A test for pytest, and the recording that answers it.
    fn python(&mut self, has_sdk: bool) -> Result<(), Stop> {
        let (path, text) = sample::python(has_sdk);
        self.write(path, text)?;
        self.write(RECORDING.0, RECORDING.1)
    }

    /// A test for the runner of a Node project, the runner's configuration, and the recording.
    fn node(&mut self, node: &Node) -> Result<(), Stop> {
        let (path, text) = sample::node(node);
        self.write(path, &text)?;
        self.write(RECORDING.0, RECORDING.1)?;
        match (node.config, sample::config(node.runner)) {
            (Some(there), _) => self.say("kept", there, &format!("add to it: {}", sample::setting(node.runner))),
            (None, Some((path, text))) => self.write(path, text)?,
            (None, None) => {}
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

/// ` in FOLDER`, unless it is the current one.
fn place(root: &Path) -> String {
    let here = root.components().all(|part| part == std::path::Component::CurDir);
    if here { String::new() } else { format!(" in {}", settings::quoted_if_needed(&root.to_string_lossy())) }
}

/// The three commands to type next in a project of a language.
fn next_in_language(root: &Path, kind: &Kind) -> String {
    let (npx, install, test) = match kind {
        Kind::Node(node) => {
            let install = if node.has_retake { "" } else { "    npm install --save-dev retake-llm\n" };
            ("npx ", install, node.runner.command())
        }
        _ => ("", "", "pytest"),
    };
    format!(
        "\nNow type{}:\n\n{install}    {npx}retake run -- {test}\n    {npx}retake check\n    {npx}retake doctor\n\n\
         The first answers from recordings/, without a key or a network; what is there was made by a script. The second \
         holds\nrecordings to the rules of their API, the third says what is set up on this machine. With OPENAI_API_KEY \
         set, this\nasks OpenAI, and keeps what it says:\n\n  {npx}retake run --mode record -- {test}\n",
        place(root)
    )
}

/// The two commands to type next.
fn next(root: &Path, target: bool, example: bool) -> String {
    let place = place(root);
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
