//! The shipped script for Together's dialect answers the shipped suites.

use super::*;

const TEXT: &str = "meta-llama/Llama-3.3-70B-Instruct-Turbo-Free";
const EMBEDDING: &str = "togethercomputer/m2-bert-80M-32k-retrieval";

fn together() -> Script {
    let text = include_str!("../../../examples/together-script.yaml");
    Script::parse(&Source { name: "examples/together-script.yaml".to_owned(), text: text.into() }).unwrap()
}

fn user(text: &str) -> Value {
    json!([{"role": "user", "content": text}])
}

/// The answer's text, which must be the same whole and streamed.
fn says(messages: Value, more: Value) -> String {
    let script = together();
    let mut body = json!({"model": TEXT, "messages": messages});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, reply) = whole(&script, &request("/v1/chat/completions", &body));
    assert_eq!(status, 200, "{reply}");
    body["stream"] = true.into();
    let streamed = text_of(&events(&script, &request("/v1/chat/completions", &body)), 0);
    let text = reply["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    assert_eq!(text, streamed);
    text
}

fn refused(endpoint: &str, body: &Value) -> (u16, Value) {
    whole(&together(), &request(endpoint, body))
}

#[test]
fn questions_of_the_suites() {
    let says = |question: &str| says(user(question), json!({}));
    assert_eq!(says("Which planet do humans live on?"), "Humans live on Earth.");
    assert!(says("Which planet has rings around it with a name starting with letter S?").contains("Saturn"));
    assert!(says("What's the name of the Sun in latin?").contains("Sol"));
    assert!(says("What is the name of the US captial?").contains("Washington"));
    assert!(says("Hello, world!").starts_with("Hello"));
}

#[test]
fn turns_system_prompts_and_schemas() {
    let turns = json!([
        {"role": "user", "content": "Message A: What is the capital of France?"},
        {"role": "assistant", "content": "The capital of France is Paris."},
        {"role": "user", "content": "Message B: What about Spain?"},
        {"role": "assistant", "content": "The capital of Spain is Madrid."},
        {"role": "user", "content": "Message C: And Italy?"}
    ]);
    assert_eq!(says(turns, json!({"response_format": {"type": "text"}})), "The capital of Italy is Rome.");
    assert!(says(user("Tell me the story of the tortoise and the hare."), json!({"max_tokens": 5})).len() > 10);
    let pirate =
        json!([{"role": "system", "content": "You are a pirate."}, {"role": "user", "content": "How are you?"}]);
    assert!(says(pirate, json!({})).starts_with("Arr"));
    let schema = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": {}}}});
    let text = says(user("Who wrote the first program, and when was she born?"), schema);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!({"name": "Ada Lovelace", "year": 1815}));
}

#[test]
fn counting_is_cut() {
    let count = |more| says(user("Count from 1 to 10, separated by commas."), more);
    assert_eq!(count(json!({"stop": ["5"]})), "1, 2, 3, 4, ");
    assert_eq!(count(json!({"max_tokens": 5})), "1, 2, 3");
    let body = json!({"model": TEXT, "messages": user("Count from 1 to 10"), "max_tokens": 5, "logprobs": 1});
    let (_, reply) = refused("/v1/chat/completions", &body);
    assert_eq!(reply["choices"][0]["finish_reason"], "length");
    assert_eq!(reply["choices"][0]["logprobs"]["content"].as_array().unwrap().len(), 5);
}

#[test]
fn tools() {
    let tools = json!([{"type": "function", "function": {"name": "get_weather"}}]);
    let ask = |messages: Value, choice: Value, stream: bool| {
        let body =
            json!({"model": TEXT, "messages": messages, "tools": tools, "tool_choice": choice, "stream": stream});
        request("/v1/chat/completions", &body)
    };
    let calls = |messages: Value, choice: Value| {
        let (_, reply) = whole(&together(), &ask(messages, choice, false));
        let calls = reply["choices"][0]["message"]["tool_calls"].as_array().unwrap().clone();
        calls.iter().map(|call| call["function"]["arguments"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let tokyo = "What's the weather in Tokyo? Use the get_weather function to get the weather.";
    assert_eq!(calls(user(tokyo), Value::Null), [r#"{"city":"Tokyo"}"#]);
    assert_eq!(calls(user("Tell me something."), json!("required")), [r#"{"city":"Tokyo"}"#]);
    assert_eq!(calls(user("Tell me about the weather in Oslo."), json!("required")), [r#"{"city":"Oslo"}"#]);
    assert_eq!(calls(user(tokyo), json!("none")), [""; 0]);
    let rain = "Is it likely to rain in Bergen in November? Answer in one sentence.";
    assert!(says(user(rain), json!({"tools": tools, "tool_choice": "none"})).contains("November"));
    let both = user("What is the weather in Paris and in Tokyo?");
    assert_eq!(calls(both, Value::Null), [r#"{"city":"Paris"}"#, r#"{"city":"Tokyo"}"#]);
    let streamed = events(&together(), &ask(user(tokyo), Value::Null, true));
    let last = streamed.last().unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "tool_calls");
    assert!(last["usage"]["total_tokens"].is_u64() && last["choices"][0]["seed"].is_u64());
    let handed_back = json!([
        {"role": "user", "content": tokyo},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function",
            "function": {"name": "get_weather", "arguments": "{\"city\":\"Tokyo\"}"}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "{\"celsius\": 18}"}
    ]);
    assert_eq!(says(handed_back, json!({"tools": tools})), "It is 18 degrees in Tokyo.");
}

#[test]
fn roses_are_red() {
    let prompt = "Respond to this question and explain your answer. Complete the sentence using one word: \
                  Roses are red, violets are ";
    let body = json!({"model": TEXT, "prompt": prompt, "max_tokens": 50, "stream": true});
    let streamed = events(&together(), &request("/v1/completions", &body));
    let text = text_of(&streamed, 0);
    assert!(text.contains("blue") && text.len() > 10, "{text}");
    assert_eq!(streamed.last().unwrap()["choices"][0]["finish_reason"], "length", "there is more than 50 tokens");
    assert_eq!(streamed[0]["choices"][0]["delta"]["content"], streamed[0]["choices"][0]["text"]);
    assert_eq!(streamed[0]["object"], "completion.chunk");
}

#[test]
fn the_dialect() {
    let body = json!({"model": TEXT, "messages": user("Hello, world!")});
    let (_, reply) = whole(&together(), &request("/v1/chat/completions", &body));
    assert_eq!(reply["prompt"], json!([]));
    assert!(reply["choices"][0]["seed"].is_u64());
    assert_eq!(reply["choices"][0]["message"]["tool_calls"], json!([]));
    let body = json!({"model": TEXT, "messages": user("Hello, world!"), "stream": true});
    let streamed = events(&together(), &request("/v1/chat/completions", &body));
    let (first, last) = (&streamed[0], streamed.last().unwrap());
    assert_eq!(first["choices"][0]["delta"]["role"], "assistant");
    assert!(first["choices"][0]["delta"]["token_id"].is_u64());
    assert_eq!(first["choices"][0]["text"], first["choices"][0]["delta"]["content"]);
    assert!(first["usage"].is_null() && first["choices"][0]["seed"].is_null());
    assert!(last["usage"]["total_tokens"].is_u64(), "usage unasked, on the last chunk");
    assert_eq!(last["choices"][0]["delta"]["token_id"], 128_009);
    let body = json!({"model": TEXT, "messages": user("Hello, world!"), "stream": true,
        "stream_options": {"include_usage": true}});
    let asked = events(&together(), &request("/v1/chat/completions", &body));
    assert_eq!(asked.last().unwrap()["choices"], json!([]));
    let body = json!({"model": EMBEDDING, "input": "Test encoding format", "encoding_format": "base64"});
    let (_, reply) = whole(&together(), &request("/v1/embeddings", &body));
    assert_eq!(reply["data"][0]["embedding"].as_array().unwrap().len(), 768);
    assert!(reply.get("usage").is_none());
    let models = Request { method: Method::GET, body: Bytes::new(), ..request("/v1/models", &Value::Null) };
    assert_eq!(whole(&together(), &models).1.as_array().unwrap().len(), 2);
}

#[test]
fn what_together_refuses() {
    let keyless = json!({"model": TEXT, "messages": user("Hello")});
    let keyless = Request { auth: Auth::None, ..request("/v1/chat/completions", &keyless) };
    let (status, body) = whole(&together(), &keyless);
    assert_eq!((status, body["id"].as_str().unwrap().len()), (401, 16));
    insta::assert_snapshot!(body["error"], @r#"{"message":"Missing API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY) You can find your API key at https://api.together.xyz/settings/api-keys.","type":"invalid_request_error","param":null,"code":"missing_api_key"}"#);
    let (status, body) = refused("/v1/chat/completions", &json!({"model": "none/such", "messages": user("Hi")}));
    assert_eq!((status, &body["error"]["code"]), (404, &json!("model_not_available")));
    assert!(body["error"]["message"].as_str().unwrap().contains("none/such"));
    let malformed = Request { body: "{\"model\":".into(), ..request("/v1/chat/completions", &Value::Null) };
    assert_eq!(whole(&together(), &malformed).0, 400);
    for (endpoint, body) in [
        ("/v1/chat/completions", json!({"model": TEXT, "messages": user("Hello"), "n": 2, "stream": true})),
        ("/v1/chat/completions", json!({"model": TEXT, "messages": []})),
        ("/v1/chat/completions", json!({"messages": user("Hello")})),
        ("/v1/embeddings", json!({"model": EMBEDDING, "input": "a", "user": "me"})),
        ("/v1/embeddings", json!({"model": EMBEDDING, "input": "a", "dimensions": 16})),
        ("/v1/embeddings", json!({"model": EMBEDDING, "input": []})),
    ] {
        assert_eq!(refused(endpoint, &body).0, 400, "{body}");
    }
}

#[test]
fn odd_bodies_are_answered_or_refused_but_never_panic() {
    let script = together();
    let odd = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("é\u{0}"),
        json!([]),
        json!([[]]),
        json!([1, "a", null, {}]),
        json!({}),
        json!({"content": [{"text": 1}], "role": 7}),
    ];
    let members = [
        "model",
        "messages",
        "prompt",
        "input",
        "n",
        "stop",
        "max_tokens",
        "stream",
        "stream_options",
        "logprobs",
        "top_logprobs",
        "tools",
        "tool_choice",
        "response_format",
        "encoding_format",
        "dimensions",
    ];
    for endpoint in ["/v1/chat/completions", "/v1/completions", "/v1/embeddings"] {
        for (member, value) in members.iter().flat_map(|member| odd.iter().map(move |value| (member, value))) {
            for stream in [true, false] {
                let mut body =
                    json!({"model": TEXT, "messages": user("Hello"), "prompt": "Roses are red", "input": "a"});
                body["stream"] = stream.into();
                body[*member] = value.clone();
                let _ = answer(&script, &request(endpoint, &body), &[]);
            }
        }
    }
}
