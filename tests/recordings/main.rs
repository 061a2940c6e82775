//! The recordings that ship: they load, bear their right names, and answer nothing but their own request.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod members;

use std::path::{Path, PathBuf};

use retake::exchange::{self, BodyPath, Recording};
use retake::provider::{Catalogue, Provider, parse_providers};
use retake::record::{self, Library, Mode};
use retake::upstream::{ErrorKind, Upstream};
use retake::yaml::Source;
use serde_json::{Value, json};

fn catalogue() -> Catalogue {
    let text = include_str!("../../suites/providers.yaml");
    parse_providers(&Source { name: "providers.yaml".into(), text: text.into() }).expect("the providers that ship")
}

fn roots() -> [PathBuf; 2] {
    ["recordings", "examples/weather-app/recordings"].map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
}

/// A recording, where it lies.
struct Shipped {
    root: PathBuf,
    provider: Provider,
    stem: String,
    recording: Recording,
}

fn shipped() -> Vec<Shipped> {
    let providers = catalogue().providers;
    let places = roots().into_iter().flat_map(|root| providers.iter().map(move |provider| (root.clone(), provider)));
    let mut found = Vec::new();
    for (root, provider) in places {
        let Ok(entries) = std::fs::read_dir(root.join(&provider.name)) else { continue };
        for entry in entries {
            let path = entry.expect("an entry").path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a readable file");
            let recording = exchange::read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let asked = exchange::read_request(&text).expect("what can be read whole");
            assert_eq!(asked.owners, recording.owners, "{}", path.display());
            assert_eq!((asked.origin, asked.expected), (recording.exchange.origin, recording.expected));
            assert_eq!(asked.request.body, recording.exchange.request.body, "{}", path.display());
            assert!(!recording.is_edited(), "{}", path.display());
            found.push(Shipped { root: root.clone(), provider: provider.clone(), stem, recording });
        }
    }
    assert!(found.len() >= 30, "the recordings are gone: {} found", found.len());
    found
}

#[test]
fn each_bears_the_name_that_its_request_gives() {
    for Shipped { provider, stem, recording, .. } in shipped() {
        let key = exchange::key(&recording.exchange.request, &provider.base_url, &provider.rules);
        assert_eq!(stem.split('-').next(), Some(key.name.as_str()));
    }
}

#[test]
fn each_is_given_back_byte_for_byte_when_it_is_written_again() {
    for Shipped { stem, recording, .. } in shipped() {
        let again = exchange::read(&exchange::write(&recording)).unwrap_or_else(|error| panic!("{stem}: {error}"));
        assert_eq!(again.exchange.reply, recording.exchange.reply, "{stem}");
        assert_eq!(again.exchange.request.body, recording.exchange.request.body, "{stem}");
    }
}

/// Every leaf of a body, and what it could be instead.
fn changed(body: &Value) -> Vec<(String, Value)> {
    fn walk(value: &Value, pointer: &str, found: &mut Vec<(String, Value)>) {
        match value {
            Value::Object(members) if !members.is_empty() => {
                members.iter().for_each(|(key, value)| {
                    walk(value, &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), found)
                });
            }
            Value::Array(items) if !items.is_empty() => {
                items.iter().enumerate().for_each(|(index, item)| walk(item, &format!("{pointer}/{index}"), found));
            }
            Value::Bool(value) => found.push((pointer.to_owned(), json!(!value))),
            Value::Number(number) => found.push((pointer.to_owned(), json!(number.as_f64().unwrap_or_default() + 1.0))),
            Value::String(text) => {
                found.push((pointer.to_owned(), json!(format!("{text} "))));
                found.push((pointer.to_owned(), json!(text.to_uppercase() + "x")));
            }
            _ => found.push((pointer.to_owned(), json!("something"))),
        }
    }
    let mut found = Vec::new();
    walk(body, "", &mut found);
    found
}

/// Of a member of the body itself; what ships ignores no deeper one.
fn pointer_of(path: &BodyPath) -> String {
    format!("/{}", path.as_member().unwrap_or_else(|| panic!("no pointer for {path:?}")))
}

/// What a provider is declared to ignore at an endpoint.
fn ignored(provider: &Provider, endpoint: &str) -> Vec<String> {
    let ignores = provider.rules.ignores.iter().filter(|ignored| ignored.endpoint == endpoint);
    ignores.flat_map(|ignored| &ignored.fields).map(pointer_of).collect()
}

#[tokio::test]
async fn a_request_that_differs_in_one_leaf_is_never_answered() {
    let mut asked = 0;
    let names: Vec<String> = shipped().into_iter().map(|shipped| shipped.stem).collect();
    for Shipped { root, provider, stem, recording } in shipped() {
        let tape = record::wire(Mode::Replay, Library::open(&root, &provider), None, record::Options::default());
        let mut request = recording.exchange.request.clone();
        let ignored = ignored(&provider, &request.endpoint);
        request.case = Some("unchanged".into());
        assert!(
            tape.send(request.clone()).await.is_ok() || stem.contains('-'),
            "{stem} does not answer its own request"
        );
        let Ok(body) = serde_json::from_slice::<Value>(&request.body) else { continue };
        for (pointer, value) in changed(&body) {
            // An absent `extra_body` and an empty one are the same; so is what the provider is declared to ignore.
            if pointer == "/extra_body" || ignored.iter().any(|field| pointer.starts_with(field)) {
                continue;
            }
            let mut other = body.clone();
            *other.pointer_mut(&pointer).expect("a leaf") = value;
            let request = retake::upstream::Request {
                body: other.to_string().into(),
                case: Some(pointer.clone()),
                ..request.clone()
            };
            match tape.send(request.clone()).await {
                Err(error) => assert_eq!(error.kind, ErrorKind::MissingRecording, "{stem} {pointer}: {error}"),
                // Turned around, `stream` may ask what was recorded too: then that file answers, and not this one.
                Ok(_) => {
                    let key = exchange::key(&request, &provider.base_url, &provider.rules);
                    assert!(
                        key.name != stem && names.contains(&key.name),
                        "{stem} answered although {pointer} differs"
                    );
                }
            }
            asked += 1;
        }
    }
    assert!(asked > 200, "{asked} changes");
    println!("{asked} changes, none answered");
}

/// A recording as llama-stack's tools write it, with what they write in other ways at other times.
fn as_another_tool_writes_it(text: &str, case: &str, undoubled: bool, without_extra_body: bool) -> String {
    let mut file: Value = serde_json::from_str(text).expect("a recording");
    let members = file.as_object_mut().expect("an object");
    members.shift_remove("retake");
    members.insert("test_id".to_owned(), case.into());
    let request = &mut members["request"];
    let url = request["url"].as_str().expect("a URL").replace("https://api.together.xyz", "https://elsewhere.example");
    request["url"] = if undoubled { url.replace("/v1/v1/", "/v1/") } else { url }.into();
    if without_extra_body {
        request["body"].as_object_mut().expect("a body").shift_remove("extra_body");
    }
    file.to_string()
}

#[tokio::test]
async fn files_of_another_tool_answer_their_own_requests_under_any_name_and_of_another_host() {
    let answering = |shipped: &Shipped| {
        let exchange = &shipped.recording.exchange;
        let is_answer = exchange.reply.status == 200 && exchange.request.method == "POST";
        shipped.provider.name == "together" && is_answer && !shipped.stem.contains('-')
    };
    let shipped: Vec<Shipped> = shipped().into_iter().filter(answering).collect();
    assert!(shipped.len() > 15, "{} recordings", shipped.len());
    for (form, (undoubled, without_extra_body)) in
        [(false, false), (true, false), (false, true)].into_iter().enumerate()
    {
        let folder = tempfile::TempDir::new().expect("a folder");
        for (number, Shipped { root, provider, stem, .. }) in shipped.iter().enumerate() {
            let text = std::fs::read_to_string(root.join(&provider.name).join(format!("{stem}.json"))).expect("a file");
            let name = match form {
                0 => stem.repeat(6)[..64].to_owned(),
                1 => format!("my own recording {number}"),
                _ => format!("models-{stem}-{number}"),
            };
            let text = as_another_tool_writes_it(&text, &format!("t.py::test_{number}"), undoubled, without_extra_body);
            std::fs::write(folder.path().join(format!("{name}.json")), text).expect("a file");
        }
        let provider = &shipped[0].provider;
        // Whose a flat file is, `--provider together=https://elsewhere.example/v1` says.
        let open = |elsewhere| {
            let library = Library::at(folder.path(), provider, elsewhere);
            record::wire(Mode::Replay, library, None, record::Options::default())
        };
        let (tape, stranger) = (open(Some("https://elsewhere.example/v1")), open(None));
        assert_eq!(stranger.library().summary().hosts["elsewhere.example"], shipped.len());
        let mut asked = 0;
        for (number, Shipped { stem, recording, .. }) in shipped.iter().enumerate() {
            let mut request = recording.exchange.request.clone();
            request.case = Some(format!("t.py::test_{number}"));
            assert!(stranger.send(request.clone()).await.is_err(), "{stem} is of another host");
            let reply = tape.send(request.clone()).await.unwrap_or_else(|error| panic!("{stem}: {error}"));
            let body = reply.collect().await.expect("a whole body");
            assert_eq!(packed(&body), packed(&recording.exchange.reply.body), "{stem}");
            let body: Value = serde_json::from_slice(&request.body).expect("JSON");
            let ignored = ignored(provider, &request.endpoint);
            for (pointer, value) in changed(&body) {
                // Turned around, `stream` asks what another file was asked.
                let is_left_out = ["/extra_body", "/stream"].contains(&pointer.as_str());
                if is_left_out || ignored.iter().any(|field| pointer.starts_with(field)) {
                    continue;
                }
                let mut other = body.clone();
                *other.pointer_mut(&pointer).expect("a leaf") = value;
                let other = retake::upstream::Request { body: other.to_string().into(), ..request.clone() };
                assert!(tape.send(other).await.is_err(), "{stem} answered although {pointer} differs");
                asked += 1;
            }
        }
        assert!(asked > 150, "{asked} changes");
    }
}

/// A body without the white space that no other tool keeps.
fn packed(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().filter(|ch| !ch.is_whitespace()).collect()
}
