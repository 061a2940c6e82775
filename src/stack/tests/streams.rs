//! Streamed replies: relayed at once, changed event by event, kept before their end.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream::StreamExt;
use http::Method;

use super::fake::{Answer, request, stack};
use crate::upstream::{Error, ErrorKind, Upstream};

const ASK: &str = r#"{"model":"together/m","messages":[{"role":"user","content":"Hi"}],"stream":true}"#;
const EVENTS: [&str; 5] = [
    ": keep-alive\n\n",
    "event: x\ndata: {\"id\":\"s1\",\"created\":9,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Sō\"},\"seed\":18168036348581554000}]}\n\n",
    "data: {\"id\":\"s1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"l\"},\"finish_reason\":\"eos\"}]}\n\n",
    "data: {\"choices\": [], \"usage\": {\"total_tokens\": 4}, \"x\": 1E5}\n\n",
    "data: [DONE]\n\n",
];

fn chunks(pieces: &[&str]) -> Answer {
    Answer::Stream(pieces.iter().map(|piece| Ok((*piece).to_owned())).collect())
}

fn wanted(pieces: &[&str]) -> Vec<String> {
    pieces.iter().map(|piece| piece.replace("\"m\"", "\"together/m\"").replace("eos", "stop")).collect()
}

async fn got(answer: Answer) -> Vec<Result<Bytes, Error>> {
    let stack = stack(answer).await;
    let reply = stack.client.send(request(Method::POST, "/v1/chat/completions", ASK)).await.unwrap();
    assert_eq!(reply.status.as_u16(), 200);
    reply.body.collect().await
}

#[tokio::test]
async fn chunk_edges_stay_where_they_are_and_only_what_must_changes() {
    for pieces in [EVENTS.to_vec(), vec![&*EVENTS[..3].concat(), &*EVENTS[3..].concat()]] {
        let out: Vec<Bytes> = got(chunks(&pieces)).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(out, wanted(&pieces));
    }
}

#[tokio::test]
async fn odd_splits_come_to_the_same_bytes() {
    let all = EVENTS.concat();
    for size in [1, 7, 64] {
        let pieces = all.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
        let out = got(Answer::Bytes(pieces)).await.into_iter().map(Result::unwrap).collect::<Vec<_>>().concat();
        assert_eq!(String::from_utf8(out).unwrap(), wanted(&EVENTS).concat());
    }
}

#[tokio::test]
async fn an_event_is_given_on_before_the_next_one_comes() {
    let (give, given) = tokio::sync::mpsc::unbounded_channel();
    let stack = stack(Answer::Channel(Arc::new(Mutex::new(Some(given))))).await;
    // The head waits for the first bytes of the body, which may name the model.
    give.send(Bytes::from(EVENTS[0])).unwrap();
    let mut reply = stack.client.send(request(Method::POST, "/v1/chat/completions", ASK)).await.unwrap();
    for (at, (event, wanted)) in EVENTS.iter().zip(wanted(&EVENTS)).enumerate() {
        if at > 0 {
            give.send(Bytes::from(*event)).unwrap();
        }
        assert_eq!(reply.body.next().await.unwrap().unwrap(), wanted);
        let kept = stack.store.get("s1").await.unwrap();
        // It is stored when the chunk with `[DONE]` arrives, while the connection is still open.
        assert_eq!(kept.is_some(), *event == EVENTS[4]);
    }
    let kept = stack.store.get("s1").await.unwrap().unwrap();
    insta::assert_snapshot!(kept.completion, @r#"{"id":"s1","object":"chat.completion","created":9,"model":"together/m","choices":[{"index":0,"message":{"role":"assistant","content":"Sōl"},"logprobs":null,"finish_reason":"stop","seed":18168036348581554000}],"x":100000.0,"usage":{"total_tokens":4}}"#);
    assert_eq!(kept.input_messages, r#"[{"role":"user","content":"Hi"}]"#);
}

#[tokio::test]
async fn the_model_that_answered_is_told_beside_the_callers_name_of_it() {
    let header = |got: &super::fake::Got| got.header("x-retake-model").to_owned();
    let streamed = stack(chunks(&EVENTS[1..])).await.post("/v1/chat/completions", ASK).await;
    assert_eq!((header(&streamed).as_str(), streamed.body), ("m", wanted(&EVENTS[1..]).concat()));
    let alive = stack(chunks(&EVENTS)).await.post("/v1/chat/completions", ASK).await;
    assert_eq!(header(&alive), "", "what keeps the connection alive is not held back");
    let lie: &[(&str, &str)] = &[("x-retake-model", "a-lie")];
    let body = r#"{"id":"w","model":"m-2024-08-06","choices":[{"message":{"content":"a"}}],"data":[]}"#;
    for (path, ask) in [
        ("/v1/chat/completions", ASK.to_owned()),
        ("/v1/chat/completions", ASK.replace("true", "false")),
        ("/v1/embeddings", r#"{"model":"together/m","input":"a"}"#.to_owned()),
    ] {
        let got = stack(Answer::Whole(200, lie, body.into())).await.post(path, &ask).await;
        assert_eq!(
            (header(&got).as_str(), got.json()["model"].as_str()),
            ("m-2024-08-06", Some("together/m")),
            "{path}"
        );
    }
    for (status, body) in [(200, r#"{"choices":[]}"#), (429, r#"{"error":{"message":"busy"}}"#)] {
        let got = stack(Answer::Whole(status, lie, body.into())).await.post("/v1/chat/completions", ASK).await;
        assert_eq!(header(&got), "", "only the gateway says which model answered");
    }
}

#[tokio::test]
async fn without_done_it_is_kept_before_the_end_of_the_connection() {
    let stack = stack(chunks(&EVENTS[..4])).await;
    let mut reply = stack.client.send(request(Method::POST, "/v1/chat/completions", ASK)).await.unwrap();
    while let Some(chunk) = reply.body.next().await {
        chunk.unwrap();
    }
    assert!(stack.store.get("s1").await.unwrap().is_some());
}

#[tokio::test]
async fn what_breaks_off_above_breaks_off_here_and_is_not_kept() {
    let error = Error::new(ErrorKind::Broken, "connection reset");
    let broken = Answer::Stream(vec![Ok(EVENTS[1].into()), Ok("data: {\"id".into()), Err(error)]);
    let stack = stack(broken).await;
    let reply = stack.client.send(request(Method::POST, "/v1/chat/completions", ASK)).await.unwrap();
    let (before, error) = reply.collect().await.unwrap_err();
    assert_eq!(before, wanted(&[EVENTS[1], "data: {\"id"]).concat());
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Broken, "connection reset"));
    assert!(stack.store.get("s1").await.unwrap().is_none());
}

#[tokio::test]
async fn streams_with_nothing_or_an_error_pass_and_are_not_kept() {
    let error = "data: {\"error\": {\"message\": \"404\"}}\n\n";
    for pieces in [vec![], vec![error], vec!["\n", "\r\n"], vec!["data: no blank line"]] {
        let stack = stack(chunks(&pieces)).await;
        let got = stack.post("/v1/openai/v1/chat/completions", ASK).await;
        assert_eq!((got.status, got.body), (200, pieces.concat()));
        let listed = stack.get("/v1/chat/completions").await.json();
        assert_eq!(listed["data"].as_array().unwrap().len(), 0);
    }
}

#[tokio::test]
async fn a_stream_that_was_asked_and_answered_whole_is_whole() {
    let body = r#"{"id":"w","model":"m","choices":[{"message":{"content":"a"}}]}"#;
    let stack = stack(Answer::Whole(200, &[], body.into())).await;
    let got = stack.post("/v1/chat/completions", ASK).await;
    assert_eq!(got.body, body.replace("\"m\"", "\"together/m\""));
    assert!(stack.store.get("w").await.unwrap().is_some());
}

#[tokio::test]
async fn a_reply_that_is_larger_than_the_stack_can_hold_breaks_off() {
    let piece = "x".repeat(1 << 20);
    let got = got(Answer::Stream((0..40).map(|_| Ok(piece.clone())).collect())).await;
    let error = got.last().unwrap().as_ref().unwrap_err();
    assert!(error.message.contains("larger than 32 MiB"), "{}", error.message);
}
