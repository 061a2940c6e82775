use bytes::Bytes;
use http::HeaderMap;
use proptest::prelude::*;

use super::*;
use crate::exchange::{BodyPath, Ignored, Mask, mask_pattern};

const TOGETHER: &str = "https://api.together.xyz/v1";

fn request(method: Method, endpoint: &str, body: &str) -> Request {
    Request {
        method,
        endpoint: endpoint.to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::from(body.to_owned()),
        auth: Auth::Provider,
        case: None,
    }
}

fn ignoring(endpoint: &str, paths: &[&str]) -> Rules {
    let path = |text: &&str| {
        if text.starts_with('$') { BodyPath::parse(text).unwrap() } else { BodyPath::member(text) }
    };
    let fields = paths.iter().map(path).collect();
    Rules { ignores: vec![Ignored { endpoint: endpoint.to_owned(), fields }], ..Rules::default() }
}

fn masking(masks: &[(&str, &str)]) -> Rules {
    let mask = |(place, pattern): &(&str, &str)| Mask {
        endpoint: Some("/v1/x".to_owned()),
        places: vec![BodyPath::parse(place).unwrap()],
        pattern: mask_pattern(pattern).unwrap(),
        file: "providers.yaml".to_owned(),
        line: 1,
    };
    Rules { masks: masks.iter().map(mask).collect(), ..Rules::default() }
}

fn under(rules: &Rules, body: &str) -> Key {
    key(&request(Method::POST, "/v1/x", body), TOGETHER, rules)
}

#[test]
fn what_is_ignored_may_lie_deep() {
    let rules = ignoring("/v1/x", &["$.messages[*].id", "$.metadata.trace"]);
    let key_of = |body: &str| under(&rules, body).canonical;
    let plain =
        r#"{"a": 1, "messages": [{"id": 1, "text": "a"}, {"text": "b"}], "metadata": {"trace": "x", "user": 1}}"#;
    let other =
        r#"{"a": 1, "messages": [{"text": "a"}, {"id": [2], "text": "b"}], "metadata": {"user": 1, "trace": {}}}"#;
    assert_eq!(key_of(plain), key_of(other));
    for changed in [("\"a\": 1", "\"a\": 2"), ("\"text\": \"b\"", "\"text\": \"c\""), ("\"user\"", "\"id\"")] {
        assert_ne!(key_of(plain), key_of(&plain.replacen(changed.0, changed.1, 1)), "{changed:?}");
    }
}

fn post(endpoint: &str, body: &str) -> Key {
    key(&request(Method::POST, endpoint, body), TOGETHER, &Rules::default())
}

#[test]
fn names_are_those_that_python_gives() {
    let chat = "/v1/chat/completions";
    let model = "meta-llama/Llama-3.3-70B-Instruct-Turbo-Free";
    let multi_turn = format!(
        r#"{{"model":"{model}","messages":[{{"role":"user","content":"Message A: What is the capital of France?"}},{{"role":"assistant","content":"The capital of France is Paris."}},{{"role":"user","content":"Message B: What about Spain?"}},{{"role":"assistant","content":"The capital of Spain is Madrid."}},{{"role":"user","content":"Message C: And Italy?"}}],"response_format":{{"type":"text"}},"stream":true}}"#
    );
    assert_eq!(post(chat, &multi_turn).name, "7550dd0d24bc");
    let completion = format!(
        r#"{{"model":"{model}","prompt":"Respond to this question and explain your answer. Complete the sentence using one word: Roses are red, violets are ","max_tokens":50,"stream":true}}"#
    );
    assert_eq!(post("/v1/completions", &completion).name, "511eb1b92e34");
    let hello =
        format!(r#"{{"stream":true,"messages":[{{"content":"Hello, world!","role":"user"}}],"model":"{model}"}}"#);
    assert_eq!(post(chat, &hello).name, "6730dcde0b73");
}

#[test]
fn canonical_text_is_python_json() {
    insta::assert_snapshot!(
        post("/v1/completions", r#"{"prompt": "sōl", "temperature": 1e-5}"#).canonical,
        @r#"{"body": {"extra_body": {}, "prompt": "s\u014dl", "temperature": 1e-05}, "endpoint": "/v1/v1/completions", "method": "POST"}"#
    );
    insta::assert_snapshot!(
        key(&request(Method::GET, "/v1/models?limit=2", ""), "http://localhost:11434/", &Rules::default()).canonical,
        @r#"{"body": {}, "endpoint": "/v1/models?limit=2", "method": "GET"}"#
    );
}

#[test]
fn what_is_below_the_base_and_what_is_at_the_root_of_the_server_are_two_requests() {
    let groq =
        |endpoint| key(&request(Method::POST, endpoint, "{}"), "https://api.groq.com/openai/v1", &Rules::default());
    let (below, at_root) = (groq("/v1/chat/completions"), groq("//v1/chat/completions"));
    assert_ne!(below, at_root);
}

#[test]
fn extra_body_is_the_same_absent_or_empty() {
    assert_eq!(post("/v1/completions", "{}"), post("/v1/completions", r#"{"extra_body": { }}"#));
    assert_eq!(post("/v1/chat/completions", "{}"), post("/v1/chat/completions", r#"{"extra_body":{}}"#));
    assert_ne!(post("/v1/completions", "{}"), post("/v1/completions", r#"{"extra_body":{"a":1}}"#));
}

#[test]
fn only_declared_fields_are_ignored_and_only_there() {
    let ignores = ignoring("/v1/embeddings", &["encoding_format"]);
    let key_of = |endpoint: &str, body: &str| key(&request(Method::POST, endpoint, body), TOGETHER, &ignores);
    let asked = r#"{"input":"a","encoding_format":"base64"}"#;
    assert_eq!(key_of("/v1/embeddings", asked), key_of("/v1/embeddings", r#"{"input":"a"}"#));
    assert_ne!(key_of("/v1/other", asked), key_of("/v1/other", r#"{"input":"a"}"#));
    assert_ne!(
        key_of("/v1/embeddings", r#"{"input":{"encoding_format":1}}"#),
        key_of("/v1/embeddings", r#"{"input":{}}"#)
    );
}

#[test]
fn a_call_without_key_is_another_request() {
    let mut without = request(Method::POST, "/v1/embeddings", "{}");
    without.auth = Auth::None;
    assert_eq!(
        key(&without, TOGETHER, &Rules::default()).canonical,
        r#"{"auth": "none", "body": {}, "endpoint": "/v1/v1/embeddings", "method": "POST"}"#
    );
}

#[test]
fn bodies_of_different_kinds_never_meet() {
    let bodies: [&[u8]; 6] = [b"{\"a\":", b"\xff\xfe", b"\"x\"", b"x", b"{\"__base64__\":\"//4=\"}", b"[]"];
    let mut seen = std::collections::BTreeSet::new();
    for body in bodies {
        let mut request = request(Method::POST, "/v1/x", "");
        request.body = Bytes::from_static(body);
        assert!(seen.insert(key(&request, TOGETHER, &Rules::default()).canonical), "{body:?}");
    }
}

#[test]
fn names_of_this_machine_are_one_host() {
    for url in ["http://localhost:11434/v1", "http://127.0.0.1:11434", "http://0.0.0.0:11434/", "http://[::1]:11434"] {
        assert_eq!(host_of(url), "localhost:11434");
    }
    assert_eq!(host_of("https://user:word@API.together.xyz/v1"), "api.together.xyz");
}

#[test]
fn a_path_of_a_rule_may_have_indexes_and_filters() {
    let body = r#"{"messages": [{"role": "system", "id": 1}, {"role": "user", "id": 2, "text": "a"}], "n": [1, 2]}"#;
    for (path, same, other) in [
        ("$.messages[0].id", ("\"id\": 1", "\"id\": 9"), ("\"id\": 2", "\"id\": 9")),
        ("$.messages[-1].id", ("\"id\": 2", "\"id\": 9"), ("\"id\": 1", "\"id\": 9")),
        ("$.messages[?@.role == 'user'].id", ("\"id\": 2", "\"id\": 9"), ("\"id\": 1", "\"id\": 9")),
        ("$..id", ("\"id\": 2", "\"id\": {}"), ("\"text\"", "\"texts\"")),
        ("$.messages[?@.role == 'system']", ("{\"role\": \"system\", \"id\": 1}, ", ""), ("\"id\": 2", "\"id\": 9")),
        ("$.n[0]", ("[1, 2]", "[7, 2]"), ("[1, 2]", "[1, 3]")),
    ] {
        let rules = ignoring("/v1/x", &[path]);
        let changed = |(from, to): (&str, &str)| {
            assert!(body.contains(from), "{from}");
            under(&rules, &body.replacen(from, to, 1))
        };
        assert_eq!(under(&rules, body), changed(same), "{path}");
        assert_ne!(under(&rules, body), changed(other), "{path}");
    }
    let list = ignoring("/v1/x", &["$[*].id"]);
    assert_eq!(under(&list, r#"[{"id": 1, "a": 2}]"#), under(&list, r#"[{"a": 2}]"#));
}

#[test]
fn what_a_mask_matches_is_shown_by_its_pattern_and_the_rest_counts() {
    let rules = masking(&[("$..text", r"\d{4}-\d{2}-\d{2}"), ("$.system", r"/\S+"), ("$.nowhere", "x")]);
    let body = |date: &str, folder: &str, rest: &str| {
        let system = serde_json::json!([{"text": format!("It is {date}.")}, format!("in {folder} now")]);
        let messages = serde_json::json!([{"content": [{"text": format!("{date}, {rest}")}]}]);
        serde_json::json!({"2026-01-02": 1, "system": system, "messages": messages}).to_string()
    };
    let plain = body("2026-01-02", "/srv/ann", "be brief");
    let key = under(&rules, &plain);
    insta::assert_snapshot!(key.canonical, @r#"{"body": {"2026-01-02": 1, "messages": [{"content": [{"text": "\u27e6\\d{4}-\\d{2}-\\d{2}\u27e7, be brief"}]}], "system": [{"text": "It is \u27e6\\d{4}-\\d{2}-\\d{2}\u27e7."}, "in \u27e6/\\S+\u27e7 now"]}, "endpoint": "/v1/v1/x", "method": "POST"}"#);
    assert_eq!(key.hits, [0, 1]);
    assert_eq!(key, under(&rules, &body("1999-12-31", "/data/b-c/", "be brief")));
    assert_ne!(key, under(&rules, &body("2026-01-02", "/srv/ann", "be long")));
    assert_ne!(key, under(&rules, &body("today", "/srv/ann", "be brief")));
    assert_ne!(key, under(&rules, &plain.replace("\"2026-01-02\":", "\"1999-12-31\":")), "a name is not text");
    assert_eq!(under(&rules, r#"{"n": 1}"#).hits, Vec::<u16>::new());
    let other = Rules { masks: rules.masks.clone(), ..ignoring("/v1/x", &["system"]) };
    assert_eq!(under(&other, &plain).hits, [0], "what is left out is not masked");
}

#[test]
fn a_mask_may_have_an_index_or_a_filter_and_stands_for_all_that_is_below() {
    let body = |first: u32, second: u32| {
        serde_json::json!({"messages": [
            {"role": "system", "content": format!("run {first}")},
            {"role": "user", "content": format!("run {second}")},
        ]})
        .to_string()
    };
    for place in ["$.messages[0].content", "$.messages[?@.role == 'system'].content", "$.messages[0]"] {
        let rules = masking(&[(place, r"run \d+")]);
        assert_eq!(under(&rules, &body(1, 2)), under(&rules, &body(9, 2)), "{place}");
        assert_ne!(under(&rules, &body(1, 2)), under(&rules, &body(1, 9)), "{place}");
    }
    let all = masking(&[("$", r"run \d+")]);
    assert_eq!(under(&all, &body(1, 2)), under(&all, &body(8, 9)));
    assert_eq!(under(&all, "run 1 is not JSON"), under(&all, "run 2 is not JSON"));
    assert_ne!(under(&all, "run 1 is not JSON"), under(&all, "run 1 is not text"));
}

#[test]
fn numbers_beyond_64_bits_count_under_rules_too() {
    let rules = Rules { masks: masking(&[("$..text", "x+")]).masks, ..ignoring("/v1/x", &["$..trace"]) };
    let body = |digit: u8, text: &str| {
        let seed = format!("1234567890123456789012345678{digit}");
        format!(r#"{{"a": [{{"seed": {seed}, "f": 1e999, "text": "{text}", "trace": {digit}}}]}}"#)
    };
    let key = under(&rules, &body(1, "x"));
    assert!(key.canonical.contains("12345678901234567890123456781") && key.canonical.contains("Infinity"));
    assert_eq!(key, under(&rules, &body(1, "xxx")));
    assert_ne!(key, under(&rules, &body(2, "x")));
}

#[test]
fn rules_are_for_their_endpoint_whatever_its_query_and_its_place_on_the_server() {
    let rules = masking(&[("$.a", r"\d")]);
    let of = |endpoint: &str, text: &str| {
        key(&request(Method::POST, endpoint, &format!("{{\"a\": \"{text}\"}}")), TOGETHER, &rules).canonical
    };
    for endpoint in ["/v1/x", "/v1/x?beta=true", "//v1/x"] {
        assert_eq!(of(endpoint, "1"), of(endpoint, "2"), "{endpoint}");
    }
    assert_ne!(of("/v1/y", "1"), of("/v1/y", "2"));
}

#[test]
fn a_header_counts_only_where_it_is_declared() {
    let rules = Rules { match_headers: vec!["x-team".into(), "anthropic-beta".into()], ..Rules::default() };
    let with = |values: &[&str]| {
        let mut request = request(Method::POST, "/v1/x", "{}");
        for value in values {
            request.headers.append("anthropic-beta", value.parse().unwrap());
        }
        request.headers.insert("x-trace", "1".parse().unwrap());
        request
    };
    let of = |values: &[&str]| key(&with(values), TOGETHER, &rules);
    assert_eq!(
        of(&["a, \"b\""]).canonical,
        r#"{"body": {}, "endpoint": "/v1/v1/x", "headers": {"anthropic-beta": "a, \"b\""}, "method": "POST"}"#
    );
    assert_eq!(of(&["a", "b"]), of(&["a, b"]));
    assert_ne!(of(&["a"]), of(&["b"]));
    assert_eq!(of(&[]), under(&Rules::default(), "{}"));
    let without_rule = |values: &[&str]| key(&with(values), TOGETHER, &Rules::default());
    assert_eq!(without_rule(&["a"]), without_rule(&["b"]));
}

#[test]
fn no_body_is_not_an_empty_object_where_the_method_carries_one() {
    let rules = Rules::default();
    for method in [Method::POST, Method::PUT, Method::PATCH] {
        let [empty, object] = ["", "{}"].map(|body| request(method.clone(), "/v1/completions", body));
        let keys = [&empty, &object].map(|request| key(request, TOGETHER, &rules));
        assert_ne!(keys[0], keys[1]);
        assert!(keys[0].canonical.starts_with("{\"body\": null, "));
        assert_eq!(older_key(&empty, TOGETHER, &rules), Some(keys[1].clone()));
        assert_eq!(older_key(&object, TOGETHER, &rules), None);
    }
    for method in [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS] {
        let [empty, object] = ["", "{}"].map(|body| request(method.clone(), "/v1/x", body));
        assert_eq!(key(&empty, TOGETHER, &rules), key(&object, TOGETHER, &rules));
        assert_eq!(older_key(&empty, TOGETHER, &rules), None);
    }
    assert_ne!(post("/v1/x", ""), post("/v1/x", "null"));
}

/// A form with these parts: name, filename, content.
fn form(boundary: &str, parts: &[(&str, Option<&str>, &[u8])]) -> Request {
    let mut request = request(Method::POST, "/v1/x", "");
    let kind = format!("multipart/form-data; boundary={boundary}");
    request.headers.insert("content-type", kind.parse().unwrap());
    let mut body = Vec::new();
    for (name, filename, content) in parts {
        let filename = filename.map_or_else(String::new, |filename| format!("; filename=\"{filename}\""));
        let head = format!("Content-Disposition: form-data; name=\"{name}\"{filename}");
        body.extend(format!("--{boundary}\r\n{head}\r\n\r\n").into_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend(format!("--{boundary}--\r\n").into_bytes());
    request.body = body.into();
    request
}

#[test]
fn a_form_is_compared_by_its_parts() {
    let plain = |request: &Request| key(request, TOGETHER, &Rules::default());
    let speech = |boundary: &str, filename: &str, bytes: &[u8]| {
        form(boundary, &[("file", Some(filename), bytes), ("model", None, b"whisper-1")])
    };
    let first = speech("abc", "a.wav", b"\xff\x01");
    insta::assert_snapshot!(plain(&first).canonical, @r#"{"body": {"file": {"content": {"bytes": 2, "sha256": "437cb43a30226e639b33d84533cfc3ddd970a40055b9c8c0bf7e3795cf184eb6"}, "filename": "a.wav"}, "model": {"content": "whisper-1"}}, "endpoint": "/v1/v1/x", "form": true, "method": "POST"}"#);
    assert_eq!(plain(&first), plain(&speech("------xyz", "a.wav", b"\xff\x01")));
    assert_ne!(plain(&first), plain(&speech("abc", "b.wav", b"\xff\x01")));
    assert_ne!(plain(&first), plain(&speech("abc", "a.wav", b"\xff\x02")));
    let ignoring = ignoring("/v1/x", &["$.file.filename"]);
    let of = |request: &Request| key(request, TOGETHER, &ignoring);
    assert_eq!(of(&first), of(&speech("d", "/data/1234.wav", b"\xff\x01")));
    assert_ne!(of(&first), of(&speech("d", "a.wav", b"\xff\x02")));
    let masking = masking(&[("$.prompt.content", r"\d+")]);
    let asked = |text: &str| key(&form("x", &[("prompt", None, text.as_bytes())]), TOGETHER, &masking);
    assert_eq!(asked("run 1"), asked("run 22"));
    let like = under(&Rules::default(), r#"{"prompt": {"content": "x"}}"#);
    assert_ne!(like, plain(&form("x", &[("prompt", None, b"x")])), "a body that looks like a form is none");
}

#[test]
fn a_form_has_an_older_key_by_its_bytes() {
    let [first, second] = ["abc", "xyz"].map(|boundary| form(boundary, &[("model", None, b"whisper-1")]));
    let older = |request: &Request| older_key(request, TOGETHER, &Rules::default()).unwrap();
    assert_eq!(older(&first), older(&second));
    assert!(older(&first).canonical.starts_with(r#"{"body": "--boundary\r\nContent-Disposition"#));
}

#[test]
fn a_form_that_is_malformed_is_compared_by_its_bytes_without_its_boundary() {
    let broken = |boundary: &str, text: &str| {
        let mut request = form(boundary, &[]);
        request.body = format!("--{boundary}\r\n\r\n{text}\r\n--{boundary}--\r\n").into();
        request
    };
    let of = |request: &Request| key(request, TOGETHER, &Rules::default());
    assert_eq!(of(&broken("abc123", "hello")), of(&broken("xyz", "hello")));
    assert_ne!(of(&broken("abc123", "hello")), of(&broken("abc123", "hullo")));
    assert_eq!(older_key(&broken("abc", "hello"), TOGETHER, &Rules::default()), None);
}

#[test]
fn a_compressed_body_is_what_is_in_it() {
    let packed = |body: &str, level: u32| {
        let mut pack = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
        std::io::Write::write_all(&mut pack, body.as_bytes()).unwrap();
        let mut request = request(Method::POST, "/v1/x", "");
        request.headers.insert("content-encoding", "gzip".parse().unwrap());
        request.body = pack.finish().unwrap().into();
        request
    };
    let of = |request: &Request| key(request, TOGETHER, &Rules::default());
    let body = r#"{"a": "aaaaaaaaaaaaaaaaaaaaaaaaaa", "b": 1}"#;
    let first = packed(body, 9);
    assert_eq!(of(&first), of(&packed(&body.replace(": ", ":"), 0)));
    assert_eq!(of(&first), under(&Rules::default(), body));
    assert_ne!(of(&first), of(&packed(&body.replace('1', "2"), 9)));
    let older = older_key(&first, TOGETHER, &Rules::default()).unwrap();
    assert!(older.canonical.contains("__base64__"));
    let mut broken = first.clone();
    broken.body = broken.body.slice(..broken.body.len() - 4);
    assert!(of(&broken).canonical.contains("__base64__"));
    assert_ne!(of(&broken), of(&first));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "[a-c0-9 ]{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-c]", inner, 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let places = ["$", "$.a", "$..b", "$.*", "$.a[0]", "$[-1]", "$..[?@.a]", "$.a[*].b"];
    let place = (0..places.len()).prop_map(move |at| places[at]);
    let pattern = prop_oneof![Just("[0-9]+"), Just("a"), Just("[a-c]+ "), Just("x")];
    let masks = proptest::collection::vec((place.clone(), pattern), 0..3);
    (masks, proptest::collection::vec(place, 0..2)).prop_map(|(masks, mut ignored)| {
        ignored.retain(|place| *place != "$");
        Rules { masks: masking(&masks).masks, ..ignoring("/v1/x", &ignored) }
    })
}

proptest! {
    #[test]
    fn any_body_has_a_key_and_member_order_does_not_count(a in ".*", b in any::<f64>(), raw in proptest::collection::vec(any::<u8>(), 0..64)) {
        let (a, b) = (serde_json::to_string(&a).unwrap(), serde_json::to_string(&b).unwrap());
        prop_assert_eq!(
            post("/v1/x", &format!("{{\"a\":{a},\"b\":{b}}}")),
            post("/v1/x", &format!("{{ \"b\" : {b} , \"a\" : {a} }}"))
        );
        let mut request = request(Method::POST, "/v1/x", "");
        request.body = raw.into();
        prop_assert_eq!(key(&request, TOGETHER, &Rules::default()).name.len(), 12);
    }

    #[test]
    fn any_rules_give_any_body_a_key_that_spaces_do_not_change(body in any_json(), rules in any_rules()) {
        let compact = under(&rules, &body.to_string());
        prop_assert_eq!(&compact, &under(&rules, &serde_json::to_string_pretty(&body).unwrap()));
        // The canonical text must be JSON: messages show parts of it.
        let canonical: Value = serde_json::from_str(&compact.canonical).unwrap();
        prop_assert!(canonical.get("body").is_some());
        if compact.hits.is_empty() && rules.ignores[0].fields.is_empty() {
            prop_assert_eq!(&compact, &under(&Rules::default(), &body.to_string()));
        }
    }

    #[test]
    fn what_a_mask_matches_may_change_and_nothing_else(
        before in "[a-z ]{0,9}",
        after in "[a-z ]{0,9}",
        one in 0..1_000_000_u32,
        two in 0..1_000_000_u32,
    ) {
        let rules = masking(&[("$..text", "[0-9]+")]);
        let body = |number: u32, end: &str| {
            serde_json::json!({"a": [{"text": format!("{before}{number}{after}{end}")}]}).to_string()
        };
        prop_assert_eq!(under(&rules, &body(one, "")), under(&rules, &body(two, "")));
        prop_assert_ne!(under(&rules, &body(one, "")), under(&rules, &body(one, "!")));
    }
}
