//! `retake watch`: what runs again when a file is saved.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::world::Dir;

/// A watch under way, and the lines that it writes.
struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Watch {
    fn start(dir: &Dir, words: &str) -> Self {
        let mut command = dir.retake(words).0;
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let errors = sender.clone();
        std::thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        std::thread::spawn(move || {
            BufReader::new(err).lines().map_while(Result::ok).try_for_each(|line| errors.send(line))
        });
        Watch { child, lines }
    }

    /// The lines up to the first one with these words, that one included.
    fn until(&self, words: &str) -> String {
        let mut said = String::new();
        loop {
            match self.lines.recv_timeout(Duration::from_secs(30)) {
                Ok(line) => said.push_str(&format!("{line}\n")),
                Err(error) => panic!("no {words:?} ({error}) in\n{said}"),
            }
            if said.lines().last().is_some_and(|line| line.contains(words)) {
                return said;
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tell(child: &Child, signal: &str) {
    assert!(Command::new("kill").arg(signal).arg(child.id().to_string()).status().unwrap().success());
}

/// A suite of one case, which a recording of the example answers.
fn other(name: &str) -> String {
    format!(
        "cases:\n  - {name}\n    model: text\n    request:\n      post: /v1/chat/completions\n      body:\n        model: ${{model}}\n        messages: [{{role: user, content: 'Which planet has rings and begins with S?'}}]\n"
    )
}

#[test]
fn a_saved_file_runs_again_what_it_touches() {
    let dir = Dir::new();
    dir.retake("init").run().exits(0);
    dir.write("suites/other.yaml", &other("name: rings"));
    let mut watch = Watch::start(&dir, "watch --setup openai");
    watch.until("4 passed");
    watch.until("watching suites and recordings");

    // A suite: its own cases.
    dir.write("suites/other.yaml", &other("name: rings_again"));
    let said = watch.until("1 passed");
    assert!(said.contains("changed: suites/other.yaml") && said.contains("::rings_again"), "{said}");

    // One that is broken says so, and the watch goes on.
    dir.write("suites/other.yaml", &other("nmae: rings"));
    watch.until("did you mean `name`?");
    dir.write("suites/other.yaml", &other("name: rings"));
    watch.until("1 passed");

    // Anything else: everything.
    let setups = std::fs::read_to_string(dir.path().join("suites/setups.yaml")).unwrap();
    dir.write("suites/setups.yaml", &format!("{setups}\n# later\n"));
    assert!(watch.until("4 passed").contains("changed: suites/setups.yaml"));
    std::fs::remove_file(dir.path().join("recordings/openai/a3f38a549114.json")).unwrap();
    let said = watch.until("1 failed, 3 passed");
    assert!(said.contains("changed: recordings/openai/a3f38a549114.json"), "{said}");

    tell(&watch.child, "-INT");
    assert_eq!(watch.child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_a_suite_reads_is_watched_wherever_it_is() {
    let dir = Dir::new();
    dir.retake("init").run().exits(0);
    let case = "{name: a, params: {what: {use: all}}, model: text, request: {post: /v1/chat/completions, body: {model: '${model}', \
                messages: [{role: user, content: '${what.what}'}]}}, expect: {text: {contains: hi}}}";
    dir.write("suites/deep/own.yaml", &format!("include: [../../common/lists.yaml]\ncases: [{case}]\n"));
    dir.write("common/lists.yaml", "params: {all: {file: ../data/all.csv}}\n");
    dir.write("data/all.csv", "id,what\nx,one\n");
    dir.write("hi.yaml", "rules: [{when: {last_message: {contains: one}}, reply: {text: hi}}]\n");
    let watch = Watch::start(&dir, "watch --setup openai --script openai=hi.yaml");
    watch.until("4 passed");
    watch.until("watching");

    // What only one suite reads, by way of what it includes.
    dir.write("data/all.csv", "id,what\nx,one\ny,another one\n");
    let said = watch.until("2 passed");
    assert!(said.contains("changed: data/all.csv") && said.contains("-y] PASSED"), "{said}");
    dir.write("common/lists.yaml", "params: {all: [{id: z, what: one}]}\n");
    assert!(watch.until("1 passed").contains("changed: common/lists.yaml"));
    // A script may answer any of them.
    dir.write("hi.yaml", "rules: [{when: {last_message: {contains: one}}, reply: {text: hi there}}]\n");
    assert!(watch.until("4 passed").contains("changed: hi.yaml"));
    std::fs::remove_file(dir.path().join("common/lists.yaml")).unwrap();
    watch.until("there is no file");
    dir.write("common/lists.yaml", "params: {all: [{id: z, what: one}, {id: y, what: one more}]}\n");
    watch.until("2 passed");
}

#[test]
fn a_run_that_records_does_not_wake_itself() {
    let dir = Dir::new();
    dir.retake("init").run().exits(0);
    std::fs::remove_dir_all(dir.path().join("recordings")).unwrap();
    let words = "watch --setup openai --mode record --provider openai=script:scripts/openai.yaml";
    let watch = Watch::start(&dir, words);
    watch.until("watching");
    assert_eq!(watch.lines.recv_timeout(Duration::from_millis(1500)).ok(), None);
    // The script that answers is read again.
    let script = std::fs::read_to_string(dir.path().join("scripts/openai.yaml")).unwrap();
    dir.write("scripts/openai.yaml", &script.replace("Humans live on Earth.", "Humans live on Mars."));
    assert!(watch.until("2 failed, 1 passed").contains("changed: scripts/openai.yaml"));
}
