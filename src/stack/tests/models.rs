//! Registered and unregistered models, and what the stack says about itself.

use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use super::fake::{Answer, Got, Stack, request, stack};

const LIST: &str = r#"{"data":[{"id":"m","created":3,"context_length":8}]}"#;

async fn listing() -> Stack {
    stack(Answer::Whole(200, &[], LIST.into())).await
}

async fn unregister(stack: &Stack, id: &str) -> Got {
    stack.send(request(Method::DELETE, &format!("/v1/models/{id}"), "")).await
}

async fn identifiers(stack: &Stack) -> Vec<String> {
    let listed = stack.get("/v1/models").await.json();
    listed["data"].as_array().unwrap().iter().map(|model| model["identifier"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_registered_model_is_listed_and_called_by_its_identifier() {
    let stack = listing().await;
    let ask = r#"{"model_id":"tiny","provider_id":"plain","provider_model_id":"org/tiny-1","model_type":"embedding","metadata":{"embedding_dimension":3}}"#;
    let got = stack.post("/v1/models", ask).await;
    assert_eq!(got.status, 200);
    let Value::Object(mut told) = got.json() else { panic!("{}", got.body) };
    assert!(told.remove("created").and_then(|created| created.as_i64()).is_some_and(|created| created > 1_700_000_000));
    let wanted = json!({
        "id": "tiny", "object": "model", "owned_by": "plain", "identifier": "tiny",
        "provider_resource_id": "org/tiny-1", "provider_id": "plain", "type": "model", "model_type": "embedding",
        "metadata": {"embedding_dimension": 3},
    });
    assert_eq!(Value::Object(told), wanted);
    assert_eq!(identifiers(&stack).await, ["together/m", "plain/m", "tiny"]);
    assert_eq!(stack.get("/v1/models/tiny").await.json(), got.json());
    stack.post("/v1/embeddings", r#"{"model":"tiny","input":"a"}"#).await;
    assert_eq!(stack.sent(), r#"{"model":"org/tiny-1","input":"a"}"#);
}

#[tokio::test]
async fn an_identifier_that_is_no_alias_names_the_provider_once() {
    let stack = listing().await;
    for (ask, identifier, provider_model) in [
        (r#"{"model_id":"plain/x/y"}"#, "plain/x/y", "x/y"),
        (r#"{"model_id":"x/y","provider_id":"plain"}"#, "plain/x/y", "x/y"),
        (r#"{"model_id":"plain/x/y","provider_id":"plain","provider_model_id":"x/y"}"#, "plain/x/y", "x/y"),
        (r#"{"model_id":"plain/x/y","provider_model_id":"z"}"#, "plain/x/y", "z"),
    ] {
        let got = stack.post("/v1/models", ask).await.json();
        assert_eq!(
            (&got["identifier"], &got["provider_resource_id"]),
            (&json!(identifier), &json!(provider_model)),
            "{ask}"
        );
    }
}

#[tokio::test]
async fn a_registration_without_what_it_needs_is_refused() {
    let stack = listing().await;
    let mut all = Vec::new();
    for ask in [
        "{}",
        r#"{"model_id":"x"}"#,
        r#"{"model_id":"x","provider_id":"nobody"}"#,
        r#"{"model_id":"plain/x","model_type":"embedding"}"#,
        r#"{"model_id":"plain/x","model_type":"vision"}"#,
    ] {
        let got = stack.post("/v1/models", ask).await;
        all.push(format!("{} {}", got.status, got.json()["error"]["message"].as_str().unwrap()));
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    400 the body is not a registration of a model: missing field `model_id` at line 1 column 2
    400 which provider has the model "x"? Name it as `provider_id`; the providers here are together, plain
    400 no provider is called "nobody"; the providers here are together, plain
    400 an embedding model must be registered with its `embedding_dimension` in `metadata`
    400 the body is not a registration of a model: unknown variant `vision`, expected `llm` or `embedding` at line 1 column 43
    "#);
}

#[tokio::test]
async fn an_unregistered_model_is_gone_until_it_is_registered_again() {
    let stack = listing().await;
    let gone = unregister(&stack, "plain/m").await;
    assert_eq!(gone.json(), json!({"id": "plain/m", "object": "model", "deleted": true}));
    assert_eq!(identifiers(&stack).await, ["together/m"]);
    let ask = r#"{"model":"plain/m","prompt":"x"}"#;
    for got in [
        stack.get("/v1/models/plain/m").await,
        stack.post("/v1/completions", ask).await,
        unregister(&stack, "plain/m").await,
    ] {
        assert_eq!((got.status, &got.json()["error"]["code"]), (404, &json!("model_not_found")));
        assert!(got.body.contains("was unregistered"), "{}", got.body);
    }
    assert_eq!(unregister(&stack, "plain/nobody").await.status, 404);
    stack.post("/v1/models", r#"{"model_id":"plain/m"}"#).await;
    assert_eq!(identifiers(&stack).await, ["together/m", "plain/m"]);
    assert_eq!(stack.post("/v1/completions", ask).await.status, 200);
}

#[tokio::test]
async fn version_and_routes_are_told() {
    let stack = listing().await;
    assert_eq!(stack.get("/v1/version").await.json(), json!({"version": env!("CARGO_PKG_VERSION")}));
    let listed = stack.get("/v1/inspect/routes").await.json();
    let routes = listed["data"].as_array().unwrap();
    let has = |method: &str, route: &str, types: &[&str]| {
        let wanted = json!({"route": route, "method": method, "provider_types": types});
        assert!(routes.contains(&wanted), "{wanted} in {listed}");
    };
    has("POST", "/v1/openai/v1/chat/completions", &["remote::together", "remote::plain"]);
    has("DELETE", "/v1/models/{id:path}", &["remote::together", "remote::plain"]);
    has("GET", "/v1/inspect/routes", &[]);
    // The stack answers each of these routes.
    for route in routes {
        let path = route["route"].as_str().unwrap().replace("{id:path}", "x").replace("{id}", "x");
        let method = route["method"].as_str().unwrap().parse().unwrap();
        let got = stack.send(request(method, &path, "{}")).await;
        assert!(got.status != 405 && !got.body.contains("unknown_url"), "{route}: {}", got.body);
    }
}

#[tokio::test]
async fn a_stream_ends_without_done_for_a_client_that_cannot_read_it() {
    let event = "data: {\"id\":\"s1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n";
    let chunks = [event, "data: [DONE]\n\n"].map(|chunk| Ok(chunk.to_owned())).to_vec();
    let stack = stack(Answer::Stream(chunks)).await;
    for (agent, done) in [("LlamaStackClient/Python 0.2.21", false), ("OpenAI/Python 1.107.0", true)] {
        let ask = r#"{"model":"plain/m","messages":[1],"stream":true}"#;
        let mut ask = request(Method::POST, "/v1/openai/v1/chat/completions", ask);
        ask.headers.insert(HeaderName::from_static("user-agent"), HeaderValue::from_static(agent));
        let got = stack.send(ask).await;
        assert_eq!(got.body.ends_with("data: [DONE]\n\n"), done, "{agent}");
        assert!(got.body.starts_with("data: {\"id\":\"s1\""), "{}", got.body);
        assert!(stack.store.delete("s1").await.unwrap(), "stored before the end");
    }
}
