//! Whole calls: what the provider gets, what the caller gets, errors and keys.

use http::{HeaderMap, HeaderValue, Method};
use serde_json::json;

use super::fake::{Answer, request, stack, stack_with};
use crate::exchange::Auth;
use crate::upstream::{ERROR_HEADER, Error, ErrorKind, Request};

const CHAT: &str = r#"{"id":"c1","created":5,"model":"meta/L","choices":[{"index":0,"finish_reason":"eos","seed":18168036348581554000,"message":{"role":"assistant","content":"hi"}}],"usage":{"total_tokens":3}}"#;
const ASK: &str = r#"{"model":"together/meta/L","messages":[{"role":"user","content":"Hello"}],"temperature":1E0}"#;

fn ok(body: &str) -> Answer {
    Answer::Whole(200, &[], body.to_owned())
}

#[tokio::test]
async fn a_chat_goes_out_and_comes_back_and_is_kept() {
    for prefix in ["/v1", "/v1/openai/v1"] {
        let stack = stack(ok(CHAT)).await;
        let got = stack.post(&format!("{prefix}/chat/completions"), ASK).await;
        assert_eq!(got.status, 200);
        assert_eq!(got.body, CHAT.replace("meta/L", "together/meta/L").replace("eos", "stop"));
        assert_eq!(stack.sent(), ASK.replace("together/", ""));
        assert_eq!(stack.upstream.asked.lock().unwrap().last().unwrap().endpoint, "/v1/chat/completions");
        let kept = stack.store.get("c1").await.unwrap().unwrap();
        assert_eq!((kept.completion.as_str(), kept.model.as_str(), kept.created), (&*got.body, "together/meta/L", 5));
        assert_eq!(kept.input_messages, r#"[{"role":"user","content":"Hello"}]"#);
    }
}

#[tokio::test]
async fn embeddings_lose_what_together_refuses_and_gain_what_it_lacks() {
    let stack = stack(ok(r#"{"model":"e","data":[{"index":0,"embedding":[1.0,0.25]}]}"#)).await;
    let ask = r#"{"input":["a"],"model":"together/e","user":"u","dimensions":2,"encoding_format":"base64"}"#;
    let got = stack.post("/v1/embeddings", ask).await;
    assert_eq!(stack.sent(), r#"{"input":["a"],"model":"e"}"#);
    insta::assert_snapshot!(got.body, @r#"{"model":"together/e","data":[{"index":0,"embedding":"AACAPwAAgD4="}],"usage":{"prompt_tokens":-1,"total_tokens":-1}}"#);
    stack.post("/v1/embeddings", &ask.replace("together/", "plain/")).await;
    assert_eq!(stack.sent(), ask.replace("together/", ""));
}

#[tokio::test]
async fn refusals_never_reach_the_provider() {
    let stack = stack(ok(CHAT)).await;
    let mut all = Vec::new();
    for (path, body) in [
        ("/v1/chat/completions", r#"{"model": "together/m", "messages": [}"#),
        ("/v1/chat/completions", r#"{"model": "together/m", "messages": []}"#),
        ("/v1/chat/completions", r#"{"model": "togehter/m", "messages": [1]}"#),
        ("/v1/chat/completions", r#"{"model": "plain", "messages": [1]}"#),
        ("/v1/embeddings", r#"{"model": "together/m", "input": []}"#),
        ("/v1/embeddings", r#"{"model": "together/m", "input": "a", "encoding_format": "int8"}"#),
        ("/v1/embeddings", r#"{"model": "nothing-like-it", "input": "a"}"#),
    ] {
        let got = stack.post(path, body).await;
        let error = &got.json()["error"];
        assert_eq!(got.header(ERROR_HEADER), "");
        all.push(format!("{} {} {} {}", got.status, error["code"], error["param"], error["message"]));
    }
    assert_eq!(stack.times_asked(), 0);
    insta::assert_snapshot!(all.join("\n"), @r#"
    400 null null "the body is not JSON: expected value at line 1 column 38"
    400 null "messages" "`messages` is empty; at least one message is needed"
    404 "model_not_found" "model" "the model \"togehter/m\" does not exist: a model is named provider/model, and no provider is called \"togehter\"; did you mean \"together/m\"?"
    404 "model_not_found" "model" "the model \"plain\" does not exist: after the provider the name of its model is missing, as in \"plain/model\""
    400 null "input" "`input` is empty; a text, or at least one in a list, is needed"
    400 null "encoding_format" "`encoding_format` must be \"float\" or \"base64\""
    404 "model_not_found" "model" "the model \"nothing-like-it\" does not exist: a model is named provider/model, and no provider is called \"nothing-like-it\"; the providers here are together, plain"
    "#);
}

#[tokio::test]
async fn provider_errors_pass_with_status_and_limits() {
    let own = r#"{"id": "x", "error": {"message": "slow down", "code": 429}}"#;
    let headers = &[("retry-after", "7"), ("x-ratelimit-limit", "1"), ("x-request-id", "r"), ("set-cookie", "s")];
    let stack_ = stack(Answer::Whole(429, headers, own.to_owned())).await;
    let got = stack_.post("/v1/chat/completions", ASK).await;
    assert_eq!((got.status, got.body.as_str()), (429, own));
    let names = ["retry-after", "x-ratelimit-limit", "x-request-id", "set-cookie"].map(|name| got.header(name));
    assert_eq!(names, ["7", "1", "r", ""]);

    let stack_ = stack(Answer::Whole(500, &[("content-type", "text/plain")], "Internal Server Error".into())).await;
    let got = stack_.post("/v1/completions", r#"{"model":"plain/m","prompt":"x"}"#).await;
    assert_eq!((got.status, got.header("content-type")), (500, "application/json"));
    assert_eq!(got.json()["error"]["message"], "Internal Server Error");
    assert!(stack_.store.get("c1").await.unwrap().is_none());
}

#[tokio::test]
async fn no_answer_is_marked_as_our_own() {
    for (kind, status) in [
        (ErrorKind::MissingRecording, 424),
        (ErrorKind::MissingKey, 401),
        (ErrorKind::Connect, 502),
        (ErrorKind::Timeout, 504),
    ] {
        let stack = stack(Answer::None(Error::new(kind, "the whole\nmessage"))).await;
        let got = stack.post("/v1/chat/completions", ASK).await;
        assert_eq!(
            (got.status, got.header(ERROR_HEADER), got.header("x-should-retry")),
            (status, kind.name(), "false")
        );
        assert_eq!(got.json()["error"]["message"], "the whole\nmessage");
    }
}

#[tokio::test]
async fn case_and_auth_arrive_and_keys_do_not() {
    let stack = stack_with(ok(CHAT), &["ours"]).await;
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Bearer ours"));
    headers.insert("x-trace", HeaderValue::from_static("t"));
    let asked = Request {
        headers,
        auth: Auth::None,
        case: Some("a.yaml::grüße[x y%]".into()),
        ..request(Method::POST, "/v1/chat/completions?api-version=2&api_key=s", ASK)
    };
    assert_eq!(stack.send(asked).await.status, 200);
    let asked = stack.upstream.asked.lock().unwrap().pop().unwrap();
    assert_eq!((asked.auth, asked.case.as_deref()), (Auth::None, Some("a.yaml::grüße[x y%]")));
    assert_eq!(asked.endpoint, "/v1/chat/completions?api-version=2");
    let names: Vec<&str> = asked.headers.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["x-trace", "content-type"]);
}

#[tokio::test]
async fn with_keys_only_health_is_open() {
    let stack = stack_with(ok(CHAT), &["ours"]).await;
    assert_eq!(stack.get("/v1/openai/v1/health").await.status, 200);
    for path in ["/v1/models", "/v1/providers", "/v1/chat/completions", "/nowhere", "/v1/chat/completions/health"] {
        let got = stack.get(path).await;
        assert_eq!((got.status, &got.json()["error"]["code"]), (401, &json!("missing_api_key")), "{path}");
    }
    let mut wrong = request(Method::POST, "/v1/chat/completions", ASK);
    wrong.headers.insert("authorization", HeaderValue::from_static("Bearer theirs"));
    assert_eq!(stack.send(wrong).await.json()["error"]["code"], "invalid_api_key");
    assert_eq!(stack.times_asked(), 0);
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there() {
    let stack = stack(ok(CHAT)).await;
    let got = stack.get("/v1/responses").await;
    assert_eq!((got.status, &got.json()["error"]["code"]), (404, &json!("unknown_url")));
    let got = stack.send(request(Method::DELETE, "/v1/chat/completions", "")).await;
    assert_eq!((got.status, got.header("allow")), (405, "POST,GET,HEAD"));
    assert_eq!(got.json()["error"]["code"], "method_not_supported");
    assert_eq!(stack.get("/v1/embeddings").await.header("allow"), "POST");
}

#[tokio::test]
async fn what_is_no_json_passes_as_it_is() {
    let stack = stack(Answer::Whole(200, &[("content-type", "text/html")], "<html>".into())).await;
    let got = stack.post("/v1/chat/completions", ASK).await;
    assert_eq!((got.status, got.body.as_str(), got.header("content-type")), (200, "<html>", "text/html"));
}
