//! A real server with a real small model: live, then recorded, then replayed with the server gone.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::world::{Dir, package};

/// The server of `scripts/real-llm.sh`; it ends when its standard input is closed.
struct Server {
    child: Child,
    base: String,
}

impl Server {
    fn start() -> Self {
        let mut child = Command::new(package().join("scripts/real-llm.sh"))
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let ready = lines.into_iter().find_map(|line| line.strip_prefix("READY ").map(str::to_owned));
        Server { child, base: ready.expect("the server says READY") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "installs a server and a model of 196 MB from the package index; .ci/run asks for it"]
fn live_record_and_replay_with_the_server_gone_come_out_alike() {
    let dir = Dir::new();
    dir.copy("suites");
    let server = Server::start();
    let base = format!("test --setup llama-cpp --provider llama-cpp={}/v1", server.base);
    let live = dir.retake(&format!("{base} --mode live")).run().exits(0);
    let recorded = dir.retake(&format!("{base} --mode record")).run().exits(0);
    drop(server);
    let replayed = dir.retake("test --setup llama-cpp").run().exits(0);
    assert!(live.outcomes().len() > 50);
    assert_eq!(recorded.outcomes(), live.outcomes());
    assert_eq!(replayed.outcomes(), live.outcomes());
    let files = dir.files("recordings");
    assert!(files.len() > 25, "{} recordings", files.len());
    assert!(files.iter().all(|(_, bytes)| !String::from_utf8_lossy(bytes).contains("\"origin\": \"simulated\"")));
}
