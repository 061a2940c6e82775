//! Models, providers, health, and the store over HTTP.

use serde_json::json;

use super::fake::{Answer, stack};
use crate::upstream::{ERROR_HEADER, Error, ErrorKind};

const LIST: &str = r#"[{"id":"meta/L-70B","object":"model","created":3,"organization":"Meta","type":"chat","context_length":131072,"pricing":{}}]"#;

#[tokio::test]
async fn models_of_all_and_the_errors_of_some() {
    let stack = stack(Answer::Whole(200, &[], LIST.into())).await;
    let got = stack.get("/v1/models").await.json();
    // `plain` is not declared to answer with a bare array.
    insta::assert_snapshot!(got, @r#"{"object":"list","data":[{"id":"together/meta/L-70B","object":"model","created":3,"owned_by":"Meta","identifier":"together/meta/L-70B","provider_resource_id":"meta/L-70B","provider_id":"together","type":"model","model_type":"llm","metadata":{"context_length":131072}}],"errors":[{"provider":"plain","message":"the model list of plain is a bare array: its quirks must say `bare_model_list: true`"}]}"#);
    let endpoints: Vec<String> = stack
        .upstream
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|asked| format!("{} {}", asked.method, asked.endpoint))
        .collect();
    assert_eq!(endpoints, ["GET /v1/models", "GET /v1/models"]);
}

#[tokio::test]
async fn one_model_by_an_id_with_slashes() {
    let stack = stack(Answer::Whole(200, &[], LIST.into())).await;
    let one = json!({
        "id": "together/meta/L-70B", "object": "model", "created": 3, "owned_by": "Meta",
        "identifier": "together/meta/L-70B", "provider_resource_id": "meta/L-70B", "provider_id": "together",
        "type": "model", "model_type": "llm", "metadata": {"context_length": 131072},
    });
    assert_eq!(stack.get("/v1/models/together/meta/L-70B").await.json(), one);
    assert_eq!(stack.get("/v1/openai/v1/models/together%2Fmeta%2FL-70B").await.json(), one);
    let mut all = Vec::new();
    for id in ["together/meta/L-7OB", "together/zzzzzz", "nobody/x", "together", "plain/x", "%ff"] {
        let got = stack.get(&format!("/v1/models/{id}")).await;
        all.push(format!("{} {}", got.status, got.json()["error"]["message"].as_str().unwrap()));
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    404 together has no model "together/meta/L-7OB"; did you mean "together/meta/L-70B"?
    404 together has no model "together/zzzzzz"; `GET /v1/models` lists the 1 that it has
    404 the model "nobody/x" does not exist: a model is named provider/model, and no provider is called "nobody"; the providers here are together, plain
    404 the model "together" does not exist: after the provider the name of its model is missing, as in "together/model"
    502 the model list of plain is a bare array: its quirks must say `bare_model_list: true`
    400 Invalid URL: Invalid UTF-8 in `id`
    "#);
}

#[tokio::test]
async fn a_provider_that_fails_is_listed_as_failed() {
    let stack_ = stack(Answer::None(Error::new(ErrorKind::MissingKey, "TOGETHER_API_KEY is not set"))).await;
    let got = stack_.get("/v1/models").await;
    assert_eq!((got.status, &got.json()["data"]), (200, &json!([])));
    assert_eq!(got.json()["errors"][0], json!({"provider": "together", "message": "TOGETHER_API_KEY is not set"}));
    let got = stack_.get("/v1/models/together/x").await;
    assert_eq!((got.status, got.header(ERROR_HEADER)), (401, "missing-key"));

    let refused = stack(Answer::Whole(403, &[], r#"{"error":{"message":"no"}}"#.into())).await;
    assert_eq!(
        refused.get("/v1/models").await.json()["errors"][1],
        json!({"provider": "plain", "message": "answered 403 Forbidden when asked for its models: no"})
    );
}

#[tokio::test]
async fn providers_and_health_tell_no_secrets() {
    let stack = stack(Answer::Whole(200, &[], LIST.into())).await;
    let got = stack.get("/v1/providers").await.json();
    insta::assert_snapshot!(got["data"][0], @r#"{"api":"inference","provider_id":"together","provider_type":"remote::together","config":{"base_url":"https://api.together.xyz/v1","key_variable":"TOGETHER_API_KEY"},"health":{"status":"Not Implemented","message":"providers are not probed"}}"#);
    assert_eq!(stack.get("/v1/providers/plain").await.json()["provider_type"], "remote::plain");
    assert_eq!(stack.get("/v1/providers/x").await.status, 404);
    let health = stack.get("/v1/health").await.json();
    assert_eq!((&health["status"], &health["name"]), (&json!("OK"), &json!("retake")));
    assert_eq!(stack.times_asked(), 0);
}

#[tokio::test]
async fn kept_completions_are_listed_and_retrieved() {
    let body = r#"{"id":"c/1","created":5,"model":"m","choices":[{"seed":18168036348581554000,"message":{}}]}"#;
    let stack = stack(Answer::Whole(200, &[], body.into())).await;
    stack.post("/v1/chat/completions", r#"{"model":"plain/m","messages":[{"a":1E5}]}"#).await;
    let entry = r#"{"id":"c/1","created":5,"model":"plain/m","choices":[{"seed":18168036348581554000,"message":{}}],"metadata":{},"input_messages":[{"a":1E5}]}"#;
    let list = format!(r#"{{"object":"list","data":[{entry}],"has_more":false,"first_id":"c/1","last_id":"c/1"}}"#);
    assert_eq!(stack.get("/v1/openai/v1/chat/completions?limit=1&model=plain%2Fm").await.body, list);
    assert_eq!(stack.get("/v1/chat/completions/c%2F1").await.body, entry);
    let empty = r#"{"object":"list","data":[],"has_more":false,"first_id":null,"last_id":null}"#;
    assert_eq!(stack.get("/v1/chat/completions?model=together/m").await.body, empty);
    let bad = ["?limit=0", "?after=nobody", "?order=up", "/nobody"];
    let mut statuses = Vec::new();
    for rest in bad {
        statuses.push(stack.get(&format!("/v1/chat/completions{rest}")).await.status);
    }
    assert_eq!(statuses, [400, 400, 400, 404]);
}
