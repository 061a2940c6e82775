//! Stored chat completions over HTTP: what is stored, update, delete, messages, filters.

use http::Method;
use serde_json::{Value, json};

use super::fake::{Answer, Got, Stack, request, stack};

/// A stack with the completion `c1`, and the body of its request.
async fn with_one(extra: &str) -> (Stack, String) {
    let body = r#"{"id":"c1","created":5,"model":"m","choices":[{"message":{"content":"a"}}]}"#;
    let stack = stack(Answer::Whole(200, &[], body.into())).await;
    let ask = format!(r#"{{"model":"plain/m","messages":[{{"role":"user","content":"hi"}}]{extra}}}"#);
    assert_eq!(stack.post("/v1/chat/completions", &ask).await.status, 200);
    (stack, ask)
}

async fn delete(stack: &Stack, path: &str) -> Got {
    stack.send(request(Method::DELETE, path, "")).await
}

fn ids(listed: &Got) -> Vec<String> {
    let listed = listed.json();
    listed["data"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_completion_is_stored_unless_the_caller_says_no() {
    for (extra, stored) in
        [("", true), (r#","store":true"#, true), (r#","store":null"#, true), (r#","store":false"#, false)]
    {
        let (stack, ask) = with_one(extra).await;
        assert_eq!(ids(&stack.get("/v1/chat/completions").await).len(), usize::from(stored), "{extra}");
        // The provider gets `store` unchanged and decides itself what to do with it.
        assert_eq!(stack.sent(), ask.replace("plain/", ""));
    }
}

#[tokio::test]
async fn a_stream_that_is_not_to_be_stored_is_not_stored() {
    let event = "data: {\"id\":\"s1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n";
    let chunks = vec![Ok(event.to_owned()), Ok("data: [DONE]\n\n".to_owned())];
    let stack = stack(Answer::Stream(chunks)).await;
    for (store, stored) in [("false", 0), ("true", 1)] {
        let ask = format!(r#"{{"model":"plain/m","messages":[1],"stream":true,"store":{store}}}"#);
        stack.post("/v1/chat/completions", &ask).await;
        assert_eq!(ids(&stack.get("/v1/chat/completions").await).len(), stored);
    }
}

#[tokio::test]
async fn metadata_is_stored_updated_and_filtered_by() {
    let (stack, _) = with_one(r#","metadata":{"run":"7","of":"a b"}"#).await;
    assert_eq!(stack.get("/v1/chat/completions/c1").await.json()["metadata"], json!({"run": "7", "of": "a b"}));
    let found = async |query: &str| ids(&stack.get(&format!("/v1/chat/completions?{query}")).await).len();
    assert_eq!((found("metadata[run]=7&metadata%5Bof%5D=a+b").await, found("metadata[run]=8").await), (1, 0));
    let updated = stack.post("/v1/openai/v1/chat/completions/c1", r#"{"metadata":{"run":"8"}}"#).await;
    assert_eq!((updated.status, &updated.json()["metadata"]), (200, &json!({"run": "8"})));
    assert_eq!((found("metadata[run]=7").await, found("metadata[run]=8").await), (0, 1));
    assert_eq!(stack.post("/v1/chat/completions/c1", r#"{"metadata":null}"#).await.json()["metadata"], json!({}));
    let mut refused = Vec::new();
    for (id, body) in [
        ("c1", "{}"),
        ("c1", r#"{"metadata":{"run":8}}"#),
        ("c1", r#"{"metadata":{},"model":"m"}"#),
        ("c1", "metadata"),
        ("c2", r#"{"metadata":{}}"#),
    ] {
        let got = stack.post(&format!("/v1/chat/completions/{id}"), body).await;
        refused.push(format!("{} {}", got.status, got.json()["error"]["message"].as_str().unwrap()));
    }
    insta::assert_snapshot!(refused.join("\n"), @r#"
    400 the body has no `metadata`, which alone can be updated
    400 `metadata` must be an object whose values are strings
    400 a stored chat completion has no "model" to update; only `metadata` can be updated
    400 the body is not JSON: expected value at line 1 column 1
    404 no chat completion has the id "c2"
    "#);
}

#[tokio::test]
async fn metadata_that_cannot_be_stored_is_refused_before_the_provider_is_asked() {
    let stack = stack(Answer::Whole(200, &[], r#"{"id":"c1","choices":[{"message":{"content":"a"}}]}"#.into())).await;
    let ask = |store: bool| format!(r#"{{"model":"plain/m","messages":[1],"metadata":{{"a":[1]}},"store":{store}}}"#);
    let got = stack.post("/v1/chat/completions", &ask(true)).await;
    assert_eq!((got.status, &got.json()["error"]["param"], stack.times_asked()), (400, &json!("metadata"), 0));
    // If nothing is stored, the member is only for the provider.
    assert_eq!(stack.post("/v1/chat/completions", &ask(false)).await.status, 200);
}

#[tokio::test]
async fn a_deleted_completion_is_gone() {
    let (stack, _) = with_one("").await;
    let deleted = delete(&stack, "/v1/chat/completions/c1").await;
    assert_eq!(deleted.json(), json!({"object": "chat.completion.deleted", "id": "c1", "deleted": true}));
    for path in ["/v1/chat/completions/c1", "/v1/chat/completions/c1/messages"] {
        assert_eq!(stack.get(path).await.status, 404);
    }
    let again = delete(&stack, "/v1/chat/completions/c1").await;
    assert_eq!((again.status, &again.json()["error"]["code"]), (404, &json!("not_found")));
    assert_eq!(ids(&stack.get("/v1/chat/completions").await), [""; 0]);
}

#[tokio::test]
async fn messages_of_a_completion_are_listed() {
    let (stack, _) = with_one("").await;
    let listed = stack.get("/v1/chat/completions/c1/messages?limit=5&order=desc").await;
    let message = json!({"id": "c1-0", "role": "user", "content": "hi", "content_parts": null, "name": null});
    assert_eq!(listed.json()["data"], json!([message]));
    assert_eq!(stack.get("/v1/chat/completions/c1/messages?model=m").await.status, 400);
}

#[tokio::test]
async fn a_method_that_a_path_lacks_is_answered_in_openais_shape() {
    let (stack, _) = with_one("").await;
    for (method, path, allowed) in [
        (Method::DELETE, "/v1/chat/completions", "POST,GET,HEAD"),
        (Method::PUT, "/v1/chat/completions/c1", "GET,HEAD,POST,DELETE"),
        (Method::POST, "/v1/openai/v1/chat/completions/c1/messages", "GET,HEAD"),
    ] {
        let got = stack.send(request(method, path, "{}")).await;
        let error: Value = got.json()["error"].clone();
        assert_eq!((got.status, got.header("allow")), (405, allowed));
        assert_eq!((&error["code"], &error["type"]), (&json!("method_not_supported"), &json!("invalid_request_error")));
    }
}
