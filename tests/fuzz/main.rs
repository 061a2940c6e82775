//! Whatever comes, from a file, a provider or a client: no panic, no endless work, and what was kept comes back.
//!
//! So many inputs are tried of each kind as `RETAKE_FUZZ_ROUNDS` says, 400 without it; `RETAKE_FUZZ_SEED` makes others of
//! them. What fails is written below the target folder, and its path said.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod mutate;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use mutate::Dice;
use retake::exchange::{self, Auth, End, Exchange, Named, Origin, Owners, Recording, Reply, Request, Rules, Secrets};
use retake::provider::parse_providers;
use retake::upstream::{endpoint_at, url_at};
use retake::wire::{self, ndjson, sse};
use retake::yaml::Source;

/// What takes longer than this for at most a mebibyte does not end.
const LONGEST: Duration = Duration::from_secs(20);
const BASE: &str = "https://api.example.com/v1";

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// The files below folders of the package with one of these endings.
fn seeds(folders: &[&str], endings: &[&str]) -> Vec<Vec<u8>> {
    fn add(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add(&path, endings, found);
            } else if path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known)) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    folders.iter().for_each(|folder| add(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), endings, &mut found));
    // The order in which a system lists a folder is its own affair; which inputs are tried is not.
    found.sort();
    assert!(found.len() > 5, "the seeds are gone: {folders:?}");
    found.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Tries mutants of these seeds.
fn tried(name: &str, seeds: &[Vec<u8>], holds: impl Fn(&[u8], &mut Dice)) {
    let first = number("RETAKE_FUZZ_SEED", 1) << 32;
    for round in 0..number("RETAKE_FUZZ_ROUNDS", 400) {
        let mut dice = Dice::new(first + round);
        let input = dice.mutant(seeds);
        let begun = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| holds(&input, &mut dice)));
        if result.is_err() || begun.elapsed() > LONGEST {
            panic!("{name}, round {round}, after {:?}: {}", begun.elapsed(), kept(name, &input).display());
        }
    }
}

/// Keeps an input that failed.
fn kept(name: &str, input: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}"));
    std::fs::write(&path, input).unwrap();
    path
}

fn recordings() -> Vec<Vec<u8>> {
    seeds(&["recordings", "examples/weather-app/recordings"], &["json"])
}

/// The replies in the recordings that ship, with what they are.
fn replies() -> Vec<(String, Vec<u8>)> {
    let read = |bytes: Vec<u8>| exchange::read(&String::from_utf8(bytes).unwrap()).unwrap().exchange.reply;
    let kind = |reply: &Reply| {
        let found = reply.headers.iter().find(|(name, _)| name == "content-type");
        found.map_or_else(String::new, |(_, value)| value.clone())
    };
    let mut all: Vec<(String, Vec<u8>)> =
        recordings().into_iter().map(read).map(|reply| (kind(&reply), reply.body.to_vec())).collect();
    all.push(("application/x-ndjson".to_owned(), b"{\"message\":{\"content\":\"a\"}}\n{\"done\":true}\n".to_vec()));
    all
}

/// What two exchanges have in common when one of them was written and read.
fn told(exchange: &Exchange) -> String {
    let Exchange { request, url, reply, recorded_at, origin } = exchange;
    format!(
        "{} {url} {} {:?} {:?} {recorded_at:?} {origin:?} {reply:?}",
        request.method, request.endpoint, request.body, request.auth
    )
}

#[test]
fn a_recording_that_can_be_read_is_the_same_once_it_is_written() {
    let read = Cell::new(0);
    tried("recording", &recordings(), |input, _| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        let head = exchange::read_request(text);
        let Ok(recording) = exchange::read(text) else { return };
        assert!(head.is_ok(), "what can be read whole can be read for the index");
        read.set(read.get() + 1);
        let key = |of: &Recording| exchange::key(&of.exchange.request, BASE, &Rules::default());
        let again = exchange::read(&exchange::write(&recording)).expect("what retake writes, it reads");
        assert_eq!(key(&again), key(&recording));
        assert_eq!(told(&again.exchange), told(&recording.exchange));
    });
    assert!(read.get() > 0, "none of them could be read, so that nothing was shown");
}

#[test]
fn a_reply_is_read_in_one_way_whole_or_in_pieces_and_kept_byte_for_byte() {
    let replies = replies();
    let bodies: Vec<Vec<u8>> = replies.iter().map(|(_, body)| body.clone()).collect();
    let secrets = Secrets::new([("A_KEY".to_owned(), "sk-canary-0123456789".to_owned())]);
    tried("reply", &bodies, |input, dice| {
        let kind = &dice.one_of(&replies).0;
        let reading = wire::read(kind, input);
        let _ = (reading.ending(), wire::usage(kind, input));
        let (mut events, mut lines) = (sse::Parser::new(), ndjson::Parser::new());
        let (mut pieces, mut rows, mut rest) = (Vec::new(), Vec::new(), input);
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(dice.below(rest.len()) + 1);
            pieces.extend(events.feed(piece));
            rows.extend(lines.feed(piece));
            rest = after;
        }
        pieces.extend(events.finish());
        rows.extend(lines.finish());
        assert_eq!(pieces, sse::parse(input));
        assert_eq!(rows, ndjson::parse(input));
        let kept = Recording::new(exchange_of(b"{}", kind, input), Owners::Named(Named::default()));
        let again = exchange::read(&exchange::write(&kept)).expect("what retake writes, it reads");
        assert_eq!(again.exchange.reply.body, input);
        assert!(secrets.find(&secrets.bytes(input)).is_none());
    });
}

/// An exchange with such a request and such a reply.
fn exchange_of(asked: &[u8], kind: &str, body: &[u8]) -> Exchange {
    let mut headers = http::HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    Exchange {
        request: Request {
            method: http::Method::POST,
            endpoint: "/v1/chat/completions".to_owned(),
            headers,
            body: asked.to_vec().into(),
            auth: Auth::Provider,
            case: None,
        },
        url: format!("{BASE}/v1/chat/completions"),
        reply: Reply {
            status: 200,
            headers: vec![("content-type".to_owned(), kind.to_owned())],
            body: body.to_vec().into(),
            large: None,
            chunks: Vec::new(),
            end: End::Complete,
        },
        recorded_at: None,
        origin: Origin::Real,
    }
}

#[test]
fn a_request_has_one_key_and_is_found_again_under_it() {
    let form = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n\
                --b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--b--\r\n";
    let asked =
        |bytes: Vec<u8>| exchange::read(&String::from_utf8(bytes).unwrap()).unwrap().exchange.request.body.to_vec();
    let mut bodies: Vec<Vec<u8>> = recordings().into_iter().map(asked).collect();
    bodies.push(form.into());
    let kinds =
        ["application/json", "multipart/form-data; boundary=b", "multipart/form-data; boundary=\"", "text/plain", ""];
    tried("request", &bodies, |input, dice| {
        let mut exchange = exchange_of(input, "application/json", b"{}");
        exchange.request.headers.insert("content-type", dice.one_of(&kinds).parse().unwrap());
        let key = |of: &Exchange| exchange::key(&of.request, BASE, &Rules::default());
        let kept = Recording::new(exchange.clone(), Owners::Named(Named::default()));
        let again = exchange::read(&exchange::write(&kept)).expect("what retake writes, it reads");
        assert_eq!(key(&again.exchange), key(&exchange));
    });
}

#[test]
fn no_path_of_a_client_leads_to_another_server() {
    let paths = [
        "/v1/chat/completions?limit=2",
        "/v1/models/a%2Fb",
        "//evil.example/v1",
        "/\\evil.example",
        "/@evil.example",
        "/v1/../../x",
        "/openai/v1?key=1#f",
        "http://evil.example/v1/models",
    ];
    let seeds: Vec<Vec<u8>> = paths.iter().map(|path| path.as_bytes().to_vec()).collect();
    let bases = [BASE, "http://127.0.0.1:8080", "https://user:pw@api.example.com:8443/a/v1/?x=1"];
    tried("path", &seeds, |input, dice| {
        let path = String::from_utf8_lossy(input).into_owned();
        let base = dice.one_of(&bases);
        let endpoint = endpoint_at(base, &path);
        for asked in [&path, &endpoint] {
            let asked = if asked.starts_with('/') { asked.clone() } else { format!("/{asked}") };
            let Some(url) = url_at(base, &asked) else { continue };
            let host =
                |url: &str| reqwest::Url::parse(url).ok().map(|url| (url.host_str().map(str::to_owned), url.port()));
            assert_eq!(host(&url), host(base), "{base} and {asked} give {url}");
            assert!(!url.contains("pw@"), "{url}");
        }
    });
}

#[test]
fn a_file_of_providers_is_read_or_refused() {
    let mut files = seeds(&["tests/corpus/invalid", "suites"], &["yaml"]);
    files.push(include_bytes!("../../suites/providers.yaml").to_vec());
    tried("providers", &files, |input, _| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        if let Err(error) = parse_providers(&Source { name: "providers.yaml".into(), text: text.into() }) {
            assert!(error.render(false).contains("providers.yaml"));
        }
    });
}

/// Suites are read by the program, so many of them at once: a panic says that it is a bug in retake.
#[test]
fn suites_are_read_or_refused() {
    let files = seeds(&["tests/corpus/invalid", "suites", "examples/weather-app/suites"], &["yaml", "csv", "jsonl"]);
    let first = number("RETAKE_FUZZ_SEED", 1) << 32;
    for batch in 0..number("RETAKE_FUZZ_ROUNDS", 400).div_ceil(100) {
        let folder = tempfile::TempDir::new().unwrap();
        std::fs::create_dir_all(folder.path().join("suites/shared")).unwrap();
        for number in 0..100 {
            let mut dice = Dice::new(first + batch * 100 + number);
            let name = match number % 10 {
                0 => format!("suites/shared/{number}.yaml"),
                1 => format!("suites/shared/{number}.csv"),
                _ => format!("suites/{number}.yaml"),
            };
            std::fs::write(folder.path().join(name), dice.mutant(&files)).unwrap();
        }
        let begun = Instant::now();
        let mut command = Command::new("timeout");
        command.args(["120", env!("CARGO_BIN_EXE_retake"), "test", "--setup", "together", "--collect-only"]);
        let ran = command.current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        let is_fine = matches!(ran.status.code(), Some(0 | 4 | 5)) && !said.contains("bug in retake");
        if !is_fine {
            let kept = folder.keep();
            panic!("{:?} after {:?} in {}\n{said}", ran.status, begun.elapsed(), kept.display());
        }
    }
}
