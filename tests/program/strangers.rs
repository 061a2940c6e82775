//! Who is not a client of the proxy's or the stack's: web pages, requests under foreign names, tunnels; and which are let in.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::server::serve;
use super::world::{Dir, Running, TestCommand};

const KEY: &str = "sk-canary-0123456789";

pub(crate) const COMPLETION: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;

/// The request of a web page, whichever server it is for.
const BODY: &str = r#"{"model":"openai/m","messages":[{"role":"user","content":"x"}]}"#;

/// A provider that counts, and a folder in which what it says is recorded.
pub(crate) struct Recorded {
    pub(crate) dir: Dir,
    pub(crate) base: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Recorded {
    /// `headers` come with each of its replies.
    pub(crate) fn new(headers: &'static str) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let base = serve(move |request| {
            seen.lock().unwrap().push(request.head.clone());
            (200, headers.to_owned(), COMPLETION.to_owned())
        });
        Recorded { dir: Dir::new(), base, asked }
    }

    /// `retake WORDS`, which records what the provider says.
    pub(crate) fn command(&self, words: &str) -> TestCommand {
        let words = format!("{words} --port 0 --mode record --provider openai={}", self.base);
        let mut command = self.dir.retake(&words).env("OPENAI_API_KEY", KEY);
        command.0.stderr(Stdio::null());
        command
    }

    pub(crate) fn start(&self, words: &str) -> Running {
        Running::with(self.command(words))
    }

    /// The heads of the requests that reached the provider.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    #[track_caller]
    pub(crate) fn is_untouched(&self) {
        assert_eq!((self.asked(), self.dir.files("recordings").len()), (Vec::new(), 0));
    }
}

/// Sends bytes and reads until the server ends the connection.
pub(crate) fn raw(server: &Running, text: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

/// A request with these lines in its head, and no `Host` of its own.
fn ask(server: &Running, method: &str, path: &str, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let length = BODY.len();
    raw(
        server,
        &format!("{method} {path} HTTP/1.1\r\n{lines}connection: close\r\ncontent-length: {length}\r\n\r\n{BODY}"),
    )
}

#[track_caller]
fn is_refused(reply: &str, status: u16, name: &str) {
    assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{reply}");
    assert!(reply.contains(&format!("x-retake-error: {name}\r\n")), "{reply}");
    assert!(!reply.contains("access-control-"), "{reply}");
    let body: serde_json::Value = serde_json::from_str(reply.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(body["error"]["type"], format!("retake_{}", name.replace('-', "_")));
    assert_eq!(body["error"]["code"], name);
    assert!(!reply.contains("chatcmpl"), "{reply}");
}

/// The servers, each with a path that its provider answers.
const SERVERS: [(&str, &str); 2] = [("serve", "/openai/v1/chat/completions"), ("stack", "/v1/chat/completions")];

#[test]
fn what_a_web_page_sends_reaches_no_provider_and_leaves_no_recording() {
    for (words, path) in SERVERS {
        let world = Recorded::new("access-control-allow-origin: *\r\n");
        let server = world.start(words);
        let page = ["Content-Type: text/plain", "Origin: https://evil.example"];
        is_refused(&ask(&server, "POST", path, &[&page[..], &["Host: evil.example"]].concat()), 403, "foreign-host");
        is_refused(&ask(&server, "POST", path, &[&page[..], &["Host: localhost"]].concat()), 403, "foreign-page");
        for site in ["cross-site", "same-site"] {
            let line = format!("Sec-Fetch-Site: {site}");
            is_refused(&ask(&server, "POST", path, &["Host: localhost", &line]), 403, "foreign-page");
        }
        let preflight = ["Host: localhost", "Origin: http://localhost:3000", "Access-Control-Request-Method: POST"];
        is_refused(&ask(&server, "OPTIONS", path, &preflight), 403, "foreign-page");
        world.is_untouched();
    }
}

#[test]
fn no_path_is_open_to_a_page_nor_under_a_foreign_name() {
    let world = Recorded::new("");
    let proxy = world.start("serve");
    let stack = world.start("stack");
    let of_proxy = [
        ("GET", "/"),
        ("GET", "/health"),
        ("POST", "/session/a"),
        ("POST", "/session/a/finish"),
        ("GET", "/nowhere/x"),
    ];
    let of_stack = [
        ("GET", "/v1/health"),
        ("GET", "/v1/chat/completions"),
        ("GET", "/v1/models"),
        ("GET", "/x"),
        ("PUT", "/v1/models"),
    ];
    let all = of_proxy.map(|place| (&proxy, place)).into_iter().chain(of_stack.map(|place| (&stack, place)));
    for (server, (method, path)) in all {
        is_refused(&ask(server, method, path, &["Host: rebound.example:8322"]), 403, "foreign-host");
        is_refused(&ask(server, method, path, &["Host: localhost", "Origin: null"]), 403, "foreign-page");
        is_refused(&ask(server, method, path, &[]), 400, "bad-host");
        is_refused(&ask(server, method, path, &["Host: localhost", "Host: localhost"]), 400, "bad-host");
        let old = raw(server, &format!("{method} {path} HTTP/1.0\r\n\r\n"));
        assert!(old.starts_with("HTTP/1.0 400 ") && old.contains("x-retake-error: bad-host"), "{old}");
        let whole = format!("http://evil.example{path}");
        is_refused(&ask(server, method, &whole, &["Host: localhost"]), 403, "foreign-host");
    }
    world.is_untouched();
}

#[tokio::test]
async fn the_address_of_an_http_2_request_is_its_host() {
    let world = Recorded::new("");
    let _ = rustls::crypto::ring::default_provider().install_default();
    for (words, path) in SERVERS {
        let server = world.start(words);
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).http2_prior_knowledge();
        let client = client.resolve("evil.example", ([127, 0, 0, 1], 0).into()).build().unwrap();
        let ask = async |host: &str, origin: Option<&str>| {
            let message = client.post(format!("http://{host}:{}{path}", server.port)).body(BODY);
            let message = origin.into_iter().fold(message, |message, origin| message.header("origin", origin));
            let reply = message.header("content-type", "application/json").send().await.unwrap();
            (reply.version(), reply.status().as_u16())
        };
        assert_eq!(ask("evil.example", None).await, (reqwest::Version::HTTP_2, 403));
        assert_eq!(ask("127.0.0.1", Some("https://evil.example")).await, (reqwest::Version::HTTP_2, 403));
        world.is_untouched();
    }
    let server = world.start("serve");
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).http2_prior_knowledge().build().unwrap();
    assert_eq!(client.get(server.url("/health")).send().await.unwrap().status(), 200);
}

#[test]
fn a_page_that_is_allowed_asks_as_any_client_and_may_read_the_reply() {
    let origin = "Origin: http://localhost:3000";
    for (words, path) in SERVERS {
        let world = Recorded::new("access-control-allow-origin: *\r\naccess-control-allow-credentials: true\r\n");
        let server = world.start(&format!("{words} --allow-origin http://localhost:3000"));
        let asks =
            ["Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,x-stainless-os"];
        let preflight = ask(&server, "OPTIONS", path, &[&["Host: localhost", origin], &asks[..]].concat());
        assert!(preflight.starts_with("HTTP/1.1 204 "), "{preflight}");
        for line in [
            "access-control-allow-origin: http://localhost:3000\r\n",
            "access-control-allow-methods: POST\r\n",
            "access-control-allow-headers: authorization,x-stainless-os\r\n",
        ] {
            assert!(preflight.contains(line), "no {line} in {preflight}");
        }
        world.is_untouched();
        let page = ["Host: localhost", origin, "Sec-Fetch-Site: same-site", "Content-Type: application/json"];
        let read = |reply: &str| {
            assert!(reply.starts_with("HTTP/1.1 200 ") && reply.contains("chatcmpl-"), "{reply}");
            let lines: Vec<String> =
                reply.lines().filter(|line| line.starts_with("access-control-")).map(str::to_owned).collect();
            lines
        };
        let told = ["access-control-allow-origin: http://localhost:3000", "access-control-expose-headers: *"];
        assert_eq!(read(&ask(&server, "POST", path, &page)), told);
        is_refused(
            &ask(&server, "POST", path, &["Host: localhost", "Origin: http://localhost:3001"]),
            403,
            "foreign-page",
        );
        server.end();
        assert_eq!(world.asked().len(), 1);
        // Nor does a recording say which pages may read it.
        let player = format!("{words} --port 0 --allow-origin http://localhost:3000");
        let player = Running::start(world.dir.path(), &player);
        assert_eq!(read(&ask(&player, "POST", path, &page)), told);
        assert_eq!(read(&ask(&player, "POST", path, &["Host: localhost", "Content-Type: application/json"])), [""; 0]);
    }
}

#[test]
fn in_a_container_the_token_is_what_lets_in() {
    let world = Recorded::new("");
    let proxy = world.start("serve --host 0.0.0.0 --token 4f9a1c07d2e85b63");
    let stack = world.start("stack --host 0.0.0.0 --keys 4f9a1c07d2e85b63");
    let key = "Authorization: Bearer 4f9a1c07d2e85b63";
    for (server, path) in [(&proxy, SERVERS[0].1), (&stack, SERVERS[1].1)] {
        let reply = ask(server, "POST", path, &["Host: retake:8080", "Content-Type: application/json", key]);
        assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
        is_refused(&ask(server, "POST", path, &["Host: retake:8080"]), 403, "foreign-host");
        // A probe asks an address, and its own key is another matter.
        assert!(ask(server, "POST", path, &["Host: 10.1.2.3:8080"]).starts_with("HTTP/1.1 401 "));
    }
    assert!(ask(&stack, "GET", "/v1/health", &["Host: 10.1.2.3:8080"]).starts_with("HTTP/1.1 200 "));
    // The token is the proxy's, and no provider's.
    assert!(world.asked().iter().all(|head| !head.contains("4f9a1c07d2e85b63")), "{:?}", world.asked());
}

#[test]
fn a_name_can_be_allowed() {
    let world = Recorded::new("");
    for (words, path) in SERVERS {
        let server = world.start(&format!("{words} --allow-host retake.test"));
        let reply = ask(&server, "POST", path, &["Host: retake.test:8080", "Content-Type: application/json"]);
        assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
        is_refused(&ask(&server, "POST", path, &["Host: evil.test"]), 403, "foreign-host");
    }
    world
        .dir
        .retake("serve --port 0 --allow-host http://retake")
        .run()
        .exits(4)
        .says("--allow-host http://retake: write");
    world
        .dir
        .retake("stack --port 0 --allow-origin localhost:3000")
        .run()
        .exits(4)
        .says("such as http://localhost:3000");
}

#[test]
fn a_tunnel_is_refused_and_its_connection_ends() {
    let world = Recorded::new("");
    for (words, _) in SERVERS {
        let server = world.start(words);
        // What is said into the tunnel before its answer is nobody's request.
        let hello = "CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n\r\n\u{16}\u{3}\u{1}hello";
        let reply = raw(&server, hello);
        is_refused(&reply, 501, "no-connect");
        assert_eq!(reply.matches("HTTP/1.1 ").count(), 1, "{reply}");
        assert!(reply.contains("connection: close") && reply.contains("OPENAI_BASE_URL"), "{reply}");
    }
    world.is_untouched();
}

#[test]
fn what_only_retake_says_is_believed_of_no_provider_and_of_no_recording() {
    let lie = "x-retake-error: missing-recording\r\nx-retake-origin: simulated\r\nx-retake-model: lie\r\nx-retake-more: 1\r\n\
               x-own: 1\r\n";
    for (words, path) in SERVERS {
        let world = Recorded::new(lie);
        let server = world.start(words);
        let lines = ["Host: localhost", "Content-Type: application/json"];
        let is_plain = |reply: &str| {
            assert!(reply.starts_with("HTTP/1.1 200 ") && reply.contains("x-own: 1"), "{reply}");
            // The stack says itself which model answered.
            let rest = reply.replacen("x-retake-model: m\r\n", "", usize::from(words == "stack"));
            assert!(!rest.contains("x-retake-"), "{reply}");
        };
        is_plain(&ask(&server, "POST", path, &lines));
        server.end();
        let (name, bytes) = world.dir.files("recordings").remove(0);
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains("x-retake-") && text.contains("\"origin\": \"real\""), "{text}");
        // As if the file came from a retake that kept them.
        let edited = text.replace("\"x-own\"", "\"x-retake-error\": \"missing-recording\", \"x-own\"");
        assert_ne!(edited, text);
        world.dir.write(&name, &edited);
        let player = Running::start(world.dir.path(), &format!("{words} --port 0"));
        is_plain(&ask(&player, "POST", path, &lines));
    }
}

#[test]
fn a_check_reads_a_providers_reply_whatever_it_claims_of_retake() {
    let base = serve(|_| (200, "x-retake-error: missing-recording\r\n".to_owned(), COMPLETION.to_owned()));
    let dir = Dir::new();
    let ask =
        "request: {post: /v1/chat/completions, body: {model: \"${model}\", messages: [{role: user, content: x}]}}";
    dir.write("suites/a.yaml", &format!("cases: [{{name: a, model: text, {ask}, expect: {{text: hi}}}}]"));
    for stack in ["ci-tests", "direct", "server:ci-tests:0"] {
        for words in [format!("--mode record --provider together={base}"), String::new()] {
            let words = format!("test --setup together --stack-config {stack} {words}");
            dir.retake(&words).env("TOGETHER_API_KEY", KEY).run().exits(0).says("1 passed");
        }
    }
}

#[test]
fn a_red_run_is_red_where_nothing_can_be_kept_of_it() {
    let base = serve(|_| (200, String::new(), COMPLETION.to_owned()));
    let dir = Dir::new();
    let ask = "request: {post: /v1/chat/completions, body: {model: \"${model}\", messages: []}}";
    dir.write("suites/a.yaml", &format!("cases: [{{name: a, model: text, {ask}, expect: {{text: no}}}}]"));
    dir.write(".retake", "a file where the folder should be");
    let words = format!("test --setup together --mode live --provider together={base}");
    let ran = dir.retake(&words).env("TOGETHER_API_KEY", KEY).run().exits(1);
    assert!(ran.stderr.contains("warning: cannot write ./.retake/lastfailed.json"), "{}", ran.stderr);
}

#[test]
fn a_store_that_is_damaged_is_told_at_the_start_with_its_name_and_the_way_out() {
    let dir = Dir::new();
    let words = "stack --port 0 --provider openai=http://127.0.0.1:9/v1 --mode live --store kept/store.db";
    dir.write("kept/store.db", &"no database at all. ".repeat(500));
    let ran = dir.retake(words).run().exits(4);
    ran.says("the store kept/store.db cannot be opened: ").says("move it away").says("--store FILE");
}

#[test]
fn strangers_are_told_of_and_fill_no_log() {
    let world = Recorded::new("");
    let log = world.dir.path().join("stderr");
    let mut command = world.command("serve");
    command.0.stderr(std::fs::File::create(&log).unwrap());
    let server = Running::with(command);
    for _ in 0..30 {
        is_refused(&ask(&server, "GET", "/health", &["Host: evil.example"]), 403, "foreign-host");
    }
    server.end();
    let told = std::fs::read_to_string(&log).unwrap();
    assert_eq!(told.matches("retake: foreign-host: the request's `Host` is \"evil.example\"").count(), 20, "{told}");
}
