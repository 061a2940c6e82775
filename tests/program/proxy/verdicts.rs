//! Whose a recording is, and when it takes its place: sessions and commands that end well or not.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::provider::Provider;
use super::run::Waiting;
use super::{post, serve};
use crate::world::{Dir, Running};

/// A provider whose every answer is another one, and a folder.
async fn world() -> (Provider, Dir) {
    (Provider::start().await, Dir::new())
}

fn recorder(dir: &Dir, provider: &Provider) -> Running {
    serve(dir, &format!("--mode record --provider ollama=http://127.0.0.1:{}/v1", provider.port))
}

/// Asks on behalf of a session; status and text.
async fn ask(proxy: &Running, session: &str, last: &str, body: &str) -> (u16, String) {
    let path = format!("/session/{session}/ollama/v1/{last}");
    let reply = post(proxy, &path, body).await;
    (reply.status().as_u16(), reply.text().await.unwrap())
}

async fn finish(proxy: &Running, session: &str, body: &str) -> Value {
    let reply = post(proxy, &format!("/session/{session}/finish"), body).await;
    serde_json::from_str(&reply.text().await.unwrap()).unwrap()
}

const PASSED: &str = "{\"outcome\": \"passed\"}";
const FAILED: &str = "{\"outcome\": \"failed\"}";

#[tokio::test]
async fn two_sessions_that_begin_alike_replay_as_they_were_recorded() {
    let (provider, dir) = world().await;
    let mut heard = BTreeMap::new();
    let proxy = recorder(&dir, &provider);
    for (session, weather) in [("a", "sunny"), ("b", "rainy")] {
        let call = ask(&proxy, session, "counted", "{\"say\": \"U\"}").await;
        let next = json!({"say": "U", "call": call.1, "weather": weather}).to_string();
        let answer = ask(&proxy, session, "counted", &next).await;
        heard.insert(session, (call, next, answer));
        assert_eq!(finish(&proxy, session, PASSED).await["notes"], json!([]));
    }
    proxy.end();
    assert_eq!(provider.calls(), 3, "what both ask is asked once");
    let player = serve(&dir, "");
    for (session, (call, next, answer)) in heard {
        assert_eq!(ask(&player, session, "counted", "{\"say\": \"U\"}").await, call);
        assert_eq!(ask(&player, session, "counted", &next).await, answer);
        assert_eq!(finish(&player, session, "").await["missed"], json!([]));
    }
}

#[tokio::test]
async fn equal_requests_at_once_keep_their_places() {
    for session in ["/session/s", ""] {
        let (provider, dir) = world().await;
        let proxy = recorder(&dir, &provider);
        let asked = (0..4).map(async |at| {
            tokio::time::sleep(std::time::Duration::from_millis(150 * at)).await;
            post(&proxy, &format!("{session}/ollama/v1/late"), "{}").await.text().await.unwrap()
        });
        let live = join_all(asked).await;
        assert_eq!(live, ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}", "{\"n\":4}"]);
        proxy.end();
        assert_eq!(dir.files("recordings").len(), 4);
        let player = serve(&dir, "");
        for reply in live {
            let again = post(&player, &format!("{session}/ollama/v1/late"), "{}").await;
            assert_eq!(again.text().await.unwrap(), reply);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_threads_of_one_session_and_four_recorders_of_one_folder_mix_up_nothing() {
    let (provider, dir) = world().await;
    let recorders: Vec<Running> = (0..4).map(|_| recorder(&dir, &provider)).collect();
    let body =
        |at: usize, thread: usize, number: usize| json!({"by": at, "thread": thread, "number": number}).to_string();
    let mut heard = BTreeMap::new();
    for (at, proxy) in recorders.iter().enumerate() {
        let threads = (0..4).map(async |thread| {
            let mut heard = Vec::new();
            for number in 0..40 {
                let body = body(at, thread, number);
                heard.push((body.clone(), ask(proxy, "one", "counted", &body).await.1));
            }
            heard
        });
        heard.extend(join_all(threads).await.into_iter().flatten());
    }
    for proxy in recorders {
        finish(&proxy, "one", PASSED).await;
        proxy.end();
    }
    // Beside so many lies an index.
    assert_eq!((heard.len(), dir.files("recordings/ollama").len()), (640, 640));
    let player = serve(&dir, "");
    for (body, reply) in heard {
        assert_eq!(ask(&player, "one", "counted", &body).await.1, reply);
    }
}

#[tokio::test]
async fn what_a_session_recorded_takes_its_place_when_it_passed() {
    let (provider, dir) = world().await;
    let proxy = recorder(&dir, &provider);
    ask(&proxy, "s", "counted", "{}").await;
    finish(&proxy, "s", PASSED).await;
    let good = dir.files("recordings");
    assert_eq!(good.len(), 1);

    ask(&proxy, "s", "counted", "{}").await;
    let said = finish(&proxy, "s", FAILED).await;
    assert_eq!((&said["outcome"], dir.files("recordings") == good), (&json!("failed"), true));
    assert!(said["notes"][0].as_str().unwrap().contains("kept as it was, because"), "{said}");

    ask(&proxy, "s", "counted", "{}").await;
    let said = finish(&proxy, "s", PASSED).await;
    assert_eq!(said["recorded"].as_array().unwrap().len(), 1, "{said}");
    assert!(dir.files("recordings") != good && dir.files("recordings").len() == 1);
}

#[tokio::test]
async fn an_outcome_that_is_none_is_refused() {
    let (provider, dir) = world().await;
    let proxy = recorder(&dir, &provider);
    for (body, why) in
        [("{\"outcome\": \"ok\"}", "\"ok\" is no outcome"), ("passed", "not JSON"), ("[1]", "says no `outcome`")]
    {
        post(&proxy, "/session/s", "").await;
        let reply = post(&proxy, "/session/s/finish", body).await;
        let message = super::error(reply, 400, "bad-outcome").await;
        assert!(message.contains(why) && message.contains("passed"), "{message}");
        finish(&proxy, "s", "").await;
    }
}

#[tokio::test]
async fn an_error_that_a_passed_session_saw_is_part_of_its_recording() {
    let (provider, dir) = world().await;
    let proxy = recorder(&dir, &provider);
    // As an SDK asks again.
    assert_eq!(ask(&proxy, "s", "limited", "{}").await.0, 429);
    assert_eq!(ask(&proxy, "s", "limited", "{}").await.0, 200);
    let said = finish(&proxy, "s", PASSED).await;
    assert!(said["notes"][0].as_str().unwrap().contains("although the provider answered 429"), "{said}");
    proxy.end();
    let player = serve(&dir, "");
    assert_eq!(ask(&player, "s", "limited", "{}").await.0, 429);
    assert_eq!(ask(&player, "s", "limited", "{}").await, (200, "{\"n\":2}".to_owned()));
}

#[tokio::test]
async fn a_command_that_fails_leaves_the_recordings_as_they_were() {
    let (provider, dir) = world().await;
    let flags = format!("--mode record --provider ollama=http://127.0.0.1:{}/v1", provider.port);
    let start = |more: &str| Waiting::start(&dir, &format!("{flags} {more}"), "OLLAMA_HOST");
    let failing = start("");
    failing.ask("/v1/counted").await;
    failing.end(3).exits(3).says("not written, because the command ended with 3 (--keep-failed keeps it all the same)");
    assert!(dir.files("recordings").is_empty());

    let passing = start("");
    passing.ask("/v1/counted").await;
    assert!(dir.files("recordings").is_empty(), "the command has not ended");
    passing.end(0).exits(0);
    let good = dir.files("recordings");
    assert_eq!(good.len(), 1);

    let failing = start("");
    failing.ask("/v1/counted").await;
    failing.end(1).exits(1).says("kept as it was, because the command ended with 1");
    assert!(dir.files("recordings") == good);

    let forced = start("--keep-failed");
    forced.ask("/v1/counted").await;
    forced.end(1).exits(1);
    assert!(dir.files("recordings") != good);
}

#[tokio::test]
async fn where_nobody_finishes_a_session_what_it_recorded_is_there_at_once() {
    let (provider, dir) = world().await;
    let mut proxy = recorder(&dir, &provider);
    let heard = ask(&proxy, "s", "counted", "{}").await;
    proxy.kill();
    let player = serve(&dir, "");
    assert_eq!(ask(&player, "s", "counted", "{}").await, heard);
}
