//! A completion has the same id everywhere: in the reply, in the list, and where it is retrieved.

use serde_json::Value;

use super::fake::{Answer, Stack, stack};

const ASK: &str = r#"{"model":"together/m","messages":[{"role":"user","content":"Hi"}],"stream":true}"#;
const WHOLE: &str = r#"{"model":"together/m","messages":[{"role":"user","content":"Hi"}]}"#;

fn stream(ids: &[&str]) -> Answer {
    let event = |(at, id): (usize, &&str)| {
        let finish = if at + 1 == ids.len() { "\"stop\"" } else { "null" };
        format!(
            "data: {{{id}\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"a\"}},\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let events: String = ids.iter().enumerate().map(event).collect();
    Answer::Whole(200, &[("content-type", "text/event-stream")], events + "data: [DONE]\n\n")
}

/// The ids that the caller reads, without empty ones, each once.
fn seen(body: &str) -> Vec<String> {
    let data = body.lines().filter_map(|line| line.strip_prefix("data: ").or(line.starts_with('{').then_some(line)));
    let mut ids: Vec<String> = data
        .filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .filter_map(|event| event["id"].as_str().filter(|id| !id.is_empty()).map(str::to_owned))
        .collect();
    ids.dedup();
    ids
}

async fn listed(stack: &Stack) -> Vec<String> {
    let list = stack.get("/v1/chat/completions?order=asc").await.json();
    let ids: Vec<String> =
        list["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap_or("none").to_owned()).collect();
    assert_eq!(list["first_id"].as_str(), ids.first().map(String::as_str));
    for id in &ids {
        assert_eq!(stack.get(&format!("/v1/chat/completions/{id}")).await.json()["id"], id.as_str());
    }
    ids
}

#[tokio::test]
async fn the_first_id_that_says_something_is_the_id() {
    for ids in [["\"id\":\"\",", "\"id\":\"c1\",", "\"id\":\"c1\","], ["", "\"id\":\"c1\",", ""]] {
        let stack = stack(stream(&ids)).await;
        let got = stack.post("/v1/chat/completions", ASK).await;
        assert_eq!((seen(&got.body), listed(&stack).await), (vec!["c1".to_owned()], vec!["c1".to_owned()]));
    }
}

#[tokio::test]
async fn a_completion_without_an_id_gets_one() {
    for (answer, ask) in [
        (stream(&["\"id\":\"\",", "\"id\":\"\","]), ASK),
        (stream(&["", ""]), ASK),
        (Answer::Whole(200, &[], r#"{"id":"","choices":[{"message":{"content":"a"}}]}"#.into()), WHOLE),
        (Answer::Whole(200, &[], r#"{"choices":[{"message":{"content":"a"}}]}"#.into()), WHOLE),
    ] {
        let stack = stack(answer).await;
        let got = stack.post("/v1/chat/completions", ask).await;
        let ids = seen(&got.body);
        assert!(ids.len() == 1 && ids[0].starts_with("chatcmpl-"), "{}", got.body);
        assert_eq!(listed(&stack).await, ids);
    }
}

#[tokio::test]
async fn an_id_that_the_store_has_already_is_replaced_everywhere() {
    let whole = Answer::Whole(200, &[], r#"{"id":"c1","choices":[{"message":{"content":"a"}}]}"#.into());
    for (answer, ask) in [(stream(&["\"id\":\"c1\",", "\"id\":\"c1\","]), ASK), (whole, WHOLE)] {
        let stack = stack(answer).await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.extend(seen(&stack.post("/v1/chat/completions", ask).await.body));
        }
        assert_eq!((ids.len(), ids[0].as_str()), (3, "c1"));
        let mut listed = listed(&stack).await;
        listed.sort();
        ids.sort();
        ids.dedup();
        assert_eq!(listed, ids);
    }
}

#[tokio::test]
async fn another_id_within_a_stream_is_not_hidden() {
    let stack = stack(stream(&["\"id\":\"c1\",", "\"id\":\"c2\","])).await;
    let got = stack.post("/v1/chat/completions", ASK).await;
    assert_eq!(seen(&got.body), ["c1", "c2"]);
}
