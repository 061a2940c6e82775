//! The proxy as a network proxy: clients that name a provider's host in their code.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use base64::Engine as _;
use reqwest::{Certificate, Proxy};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::provider::Provider;
use super::run::Waiting;
use super::{CANARY, client};
use crate::world::{Dir, Running, TestCommand};

const CHAT: &str = "https://api.openai.com/v1/chat/completions";
/// The provider of these tests counts what it is asked there.
const COUNTED: &str = "https://api.openai.com/v1/counted";
const HI: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;

/// `retake run` whose command waits, with the address of its proxy and the file of roots.
struct Intercepted {
    waiting: Waiting,
    proxy: String,
    roots: String,
}

impl Intercepted {
    fn start(dir: &Dir, flags: &str) -> Self {
        let command = dir.retake(&format!("run {flags} -- sh -c"));
        Intercepted::with(command.env("OPENAI_API_KEY", CANARY).env("AZURE_API_KEY", CANARY))
    }

    /// The same with `retake run FLAGS -- sh -c` that is prepared already.
    fn with(command: TestCommand) -> Self {
        let waiting = Waiting::with(command, "HTTPS_PROXY $SSL_CERT_FILE");
        let (proxy, roots) = waiting.said().split_once(' ').unwrap();
        let (proxy, roots) = (proxy.to_owned(), roots.to_owned());
        Intercepted { waiting, proxy, roots }
    }

    /// A client that trusts what it is told to trust, with a user name for the proxy.
    fn client(&self, user: &str) -> reqwest::ClientBuilder {
        let _ = client();
        let proxy = match user {
            "" => self.proxy.clone(),
            user => self.proxy.replace("http://", &format!("http://{user}@")),
        };
        let roots = Certificate::from_pem_bundle(&std::fs::read(&self.roots).unwrap()).unwrap();
        reqwest::Client::builder().proxy(Proxy::all(proxy).unwrap()).tls_certs_only(roots)
    }

    async fn post(&self, url: &str, body: &str) -> reqwest::Response {
        self.client("").build().unwrap().post(url).body(body.to_owned()).send().await.unwrap()
    }

    /// What comes back for bytes that are sent as they are.
    fn raw(&self, sent: &str) -> String {
        let mut stream = TcpStream::connect(self.proxy.trim_start_matches("http://")).unwrap();
        stream.write_all(sent.as_bytes()).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        said
    }
}

fn recordings(dir: &Dir) -> Vec<(String, Value)> {
    let files = dir.files("recordings").into_iter();
    files.map(|(name, bytes)| (name, serde_json::from_slice(&bytes).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_the_same_by_host_and_by_prefix() {
    let (dir, provider) = (Dir::new(), Provider::start().await);
    let record = format!("--mode record --provider openai=http://127.0.0.1:{}/v1", provider.port);
    let run = Intercepted::start(&dir, &record);
    let reply = run.post(COUNTED, HI).await;
    assert_eq!((reply.status().as_u16(), reply.version()), (200, reqwest::Version::HTTP_2));
    let recorded = reply.bytes().await.unwrap();
    run.waiting.end(0).exits(0).says("openai: 1 request, 1 recorded");
    assert_eq!(recordings(&dir).len(), 1);
    // In replay there is no provider: the address leads nowhere.
    let run = Intercepted::start(&dir, "--provider openai=http://127.0.0.1:9/v1");
    let again = run.client("").http1_only().build().unwrap().post(COUNTED).body(HI).send().await.unwrap();
    assert_eq!((again.status().as_u16(), again.version()), (200, reqwest::Version::HTTP_11));
    assert_eq!(again.bytes().await.unwrap(), recorded);
    run.waiting.end(0).exits(0);
    let prefixed = Waiting::start(&dir, "", "OPENAI_BASE_URL");
    assert_eq!(prefixed.reply("/counted", HI).await.bytes().await.unwrap(), recorded);
    prefixed.end(0).exits(0);
    // And a request by its prefix records the file that a request by its host is answered from.
    let command = dir.retake(&format!("run {record} -- sh -c")).env("OPENAI_API_KEY", CANARY);
    let prefixed = Waiting::with(command, "OPENAI_BASE_URL");
    assert_eq!(prefixed.ask_with("/counted", HI).await, 200);
    prefixed.end(0).exits(0);
    let run = Intercepted::start(&dir, "");
    assert_eq!(run.post(COUNTED, HI).await.status().as_u16(), 200);
    run.waiting.end(0).exits(0);
    assert_eq!((recordings(&dir).len(), provider.calls()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_tls_is_answered_in_a_tunnel_and_by_its_whole_url() {
    let (dir, provider) = (Dir::new(), Provider::start().await);
    let run =
        Intercepted::start(&dir, &format!("--mode record --provider openai=http://127.0.0.1:{}/v1", provider.port));
    let head = format!("host: api.openai.com\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{HI}", HI.len());
    let said = run.raw(&format!("POST http://api.openai.com/v1/chat/completions HTTP/1.1\r\n{head}"));
    assert!(said.starts_with("HTTP/1.1 200") && said.contains("/v1/chat/completions"), "{said}");
    let said = run.raw(&format!(
        "CONNECT api.openai.com:443 HTTP/1.1\r\nhost: api.openai.com:443\r\n\r\nPOST /v1/embeddings HTTP/1.1\r\n{head}"
    ));
    assert!(said.contains("/v1/embeddings"), "{said}");
    run.waiting.end(0).exits(0).says("openai: 2 requests, 2 recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_name_for_the_proxy_is_the_session() {
    let (dir, provider) = (Dir::new(), Provider::start().await);
    let run =
        Intercepted::start(&dir, &format!("--mode record --provider openai=http://127.0.0.1:{}/v1", provider.port));
    let client = run.client("tests%2Fa.py%3A%3Atest_b").build().unwrap();
    assert_eq!(client.post(CHAT).body(HI).send().await.unwrap().status().as_u16(), 200);
    let client = run.client("x").build().unwrap();
    let said = client.post(CHAT).header("x-retake-session", "y").body(HI).send().await.unwrap();
    assert!(super::error(said, 400, "bad-session").await.contains("\"x\""));
    run.waiting.end(0).exits(1);
    let recorded = recordings(&dir);
    assert!(recorded[0].1["retake"]["cases"].to_string().contains("tests/a.py::test_b"), "{recorded:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_hosts_are_reached_untouched_and_told() {
    let (dir, provider) = (Dir::new(), Provider::start().await);
    let run = Intercepted::start(&dir, "--mode record --provider openai=http://127.0.0.1:9/v1");
    let url = format!("127.0.0.1:{}", provider.port);
    let request = "GET /own HTTP/1.1\r\nhost: x\r\nx-own: 1\r\nx-api-key: canary\r\nconnection: close\r\n\r\n";
    let said = run.raw(&format!("CONNECT {url} HTTP/1.1\r\nhost: {url}\r\n\r\n{request}"));
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.contains(r#""x-api-key":"canary""#), "{said}");
    let whole = request.replace("/own", &format!("http://{url}/own?a=1"));
    let said = run.raw(&whole);
    assert!(said.contains(r#""path":"/own?a=1""#) && said.contains(r#""x-api-key":"canary""#), "{said}");
    let ran = run.waiting.end(0).exits(0);
    ran.says(&format!("reached without retake: {url} (2)")).says("no request came to the proxy");
    assert!(recordings(&dir).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_hosts_are_refused_where_the_network_is_blocked() {
    let (dir, provider) = (Dir::new(), Provider::start().await);
    let run = Intercepted::start(&dir, "--block-network --allow-network *.invalid");
    let connect =
        |host: &str| run.raw(&format!("CONNECT {host} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"));
    let said = connect("example.com:443");
    assert!(said.starts_with("HTTP/1.1 403") && said.contains("--allow-network example.com"), "{said}");
    // Nothing can be there, but it was tried.
    assert!(connect("a.invalid:443").starts_with("HTTP/1.1 502"));
    let here = format!("127.0.0.1:{}", provider.port);
    let said = run.raw(&format!(
        "CONNECT {here} HTTP/1.1\r\nhost: {here}\r\n\r\nGET /own HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    ));
    assert!(said.contains(r#""path":"/own""#), "this machine can be reached: {said}");
    let ran = run.waiting.end(0).exits(0);
    ran.says("refused, because they are no provider's: example.com (1)")
        .says(&format!("reached without retake: {here} (1)"))
        .says("asked without retake, in vain: a.invalid (1)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_trust_the_certificate_is_named() {
    let dir = Dir::new();
    let run = Intercepted::start(&dir, "");
    let _ = client();
    let proxy = Proxy::all(&run.proxy).unwrap();
    let distrusting = reqwest::Client::builder().proxy(proxy).tls_certs_only([]).user_agent("own/1").build().unwrap();
    assert!(distrusting.post(CHAT).body(HI).send().await.is_err());
    let ran = run.waiting.end(0).exits(1);
    ran.says("did not trust retake's certificate for api.openai.com").says("`retake ca path`");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_of_a_customer_is_asked_only_where_the_user_said_so() {
    let (dir, provider) = (Dir::new(), Provider::start().await);
    let url = "https://mine.openai.azure.com/openai/v1/chat/completions";
    let run = Intercepted::start(&dir, "--mode record");
    let said = super::error(run.post(url, HI).await, 421, "no-address").await;
    assert!(said.contains("--provider azure=https://mine.openai.azure.com/openai/v1"), "{said}");
    run.waiting.end(0).exits(1);
    let elsewhere = "--mode record --provider azure=https://other.openai.azure.com/openai/v1";
    let run = Intercepted::start(&dir, elsewhere);
    super::error(run.post(url, HI).await, 421, "no-address").await;
    run.waiting.end(0).exits(1);
    let here = format!("--mode record --provider azure=http://127.0.0.1:{}/openai/v1", provider.port);
    let run = Intercepted::start(&dir, &here);
    assert_eq!(run.post(url, HI).await.status().as_u16(), 200);
    run.waiting.end(0).exits(0);
    // In replay nobody is asked, so that it makes no difference where the customer's host is.
    let run = Intercepted::start(&dir, "");
    assert_eq!(run.post(&url.replace("mine", "yours"), HI).await.status().as_u16(), 200);
    run.waiting.end(0).exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_own_credential_reaches_its_provider_and_no_file() {
    let (dir, provider) = (Dir::new(), Provider::start().await);
    let record = format!("run --mode record --provider openai=http://127.0.0.1:{}/v1 -- sh -c", provider.port);
    let run = Intercepted::with(dir.retake(&record));
    let key = "sk-proj-a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6";
    let client = run.client("").build().unwrap();
    let reply = client.post(CHAT).bearer_auth(key).body(HI).send().await.unwrap().text().await.unwrap();
    assert!(reply.contains(&format!("Bearer {key}")), "{reply}");
    let ran = run.waiting.end(0).exits(0);
    assert!(!dir.files("recordings").iter().any(|(_, bytes)| String::from_utf8_lossy(bytes).contains(key)));
    assert!(!ran.stderr.contains(key));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authoritys_key_is_in_its_own_file_alone() {
    let (dir, provider) = (Dir::new(), Provider::start().await);
    let state_folder = dir.path().join("state");
    let mut command = dir
        .retake(&format!("run --mode record --provider openai=http://127.0.0.1:{}/v1 -- sh -c", provider.port))
        .env("RETAKE_STATE_DIR", state_folder.to_str().unwrap());
    command.0.env("OPENAI_API_KEY", CANARY);
    let run = Intercepted::with(command);
    run.post(CHAT, HI).await;
    let key = std::fs::read_to_string(state_folder.join("ca-key.pem")).unwrap();
    let secret = key.lines().nth(1).unwrap().to_owned();
    let der = base64::engine::general_purpose::STANDARD.decode(&secret).unwrap();
    let bundles = std::path::Path::new(&run.roots).parent().unwrap().to_owned();
    for entry in std::fs::read_dir(&bundles).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let bytes = std::fs::read(&entry).unwrap();
        let is_in = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(!is_in(secret.as_bytes()) && !is_in(&der), "{}", entry.display());
    }
    let ran = run.waiting.end(0).exits(0);
    assert!(!bundles.exists(), "the files of a run go with it");
    let holders: Vec<String> = dir
        .files("")
        .into_iter()
        .filter(|(_, bytes)| String::from_utf8_lossy(bytes).contains(&secret))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(holders, ["state/ca-key.pem"]);
    assert!(!ran.stdout.contains(&secret) && !ran.stderr.contains(&secret));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_interception_the_environment_names_no_proxy() {
    let dir = Dir::new();
    let ran =
        dir.retake("run --no-intercept -- sh -c").arg("echo proxy=$HTTPS_PROXY node=$NODE_OPTIONS").run().exits(0);
    let outer = std::env::var("HTTPS_PROXY").unwrap_or_default();
    let node = std::env::var("NODE_OPTIONS").unwrap_or_default();
    ran.says(format!("proxy={outer} node={node}").trim_end());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_of_protocols_is_refused_by_name() {
    let dir = Dir::new();
    let run = Intercepted::start(&dir, "");
    let client = run.client("").http1_only().build().unwrap();
    let asked = client.get("https://api.openai.com/v1/realtime").header("upgrade", "websocket");
    let said = super::error(asked.header("connection", "upgrade").send().await.unwrap(), 501, "no-upgrade").await;
    assert!(said.contains("websocket"), "{said}");
    run.waiting.end(0).exits(1);
}

/// A server that switches to a protocol, says which key it saw, and then echoes.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
            if !head.contains("upgrade: websocket") {
                stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").unwrap();
                continue;
            }
            let knows = head.contains(&format!("authorization: bearer {CANARY}"));
            let reply = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n";
            write!(stream, "{reply}sec-websocket-accept: echoed\r\n\r\nkey {knows}\n").unwrap();
            std::thread::spawn(move || {
                let mut reader = stream.try_clone().unwrap();
                std::io::copy(&mut reader, &mut stream)
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_of_protocols_passes_in_live_mode() {
    let dir = Dir::new();
    let run = Intercepted::start(&dir, &format!("--mode live --provider openai=http://127.0.0.1:{}/v1", echo()));
    let intercepted = run.client("").http1_only().build().unwrap();
    let urls = ["https://api.openai.com".to_owned(), format!("{}/openai", run.proxy)];
    for (client, url) in [intercepted, client()].into_iter().zip(urls) {
        let asked = client.get(format!("{url}/v1/realtime?model=m")).header("upgrade", "websocket");
        let asked = asked.header("connection", "upgrade").header("sec-websocket-key", "k").bearer_auth("made-up");
        let reply = asked.send().await.unwrap();
        assert_eq!(
            (reply.status().as_u16(), &reply.headers()["sec-websocket-accept"]),
            (101, &"echoed".parse().unwrap())
        );
        let mut stream = reply.upgrade().await.unwrap();
        stream.write_all(b"there and back").await.unwrap();
        let mut said = vec![0; "key true\nthere and back".len()];
        stream.read_exact(&mut said).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&said), "key true\nthere and back");
        // A server that does not switch answers.
        let refused =
            client.get(format!("{url}/v1/realtime")).header("upgrade", "other").header("connection", "upgrade");
        assert_eq!(refused.send().await.unwrap().status(), 400);
    }
    run.waiting.end(0).exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_of_a_newer_http_is_answered_without_it() {
    let (dir, provider) = (Dir::new(), Provider::start().await);
    let run =
        Intercepted::start(&dir, &format!("--mode record --provider openai=http://127.0.0.1:{}/v1", provider.port));
    let asked = client().post(format!("{}/openai/v1/counted", run.proxy)).body(HI);
    let asked = asked
        .header("upgrade", "h2c")
        .header("http2-settings", "AAEAAA")
        .header("connection", "upgrade, http2-settings");
    assert_eq!(asked.send().await.unwrap().status(), 200);
    run.waiting.end(0).exits(0);
    assert_eq!(recordings(&dir).len(), 1);
}

#[test]
fn a_server_intercepts_when_it_is_told_to() {
    let dir = Dir::new();
    let connect = "CONNECT api.openai.com:443 HTTP/1.1\r\nhost: api.openai.com:443\r\n";
    let asked = |serve: &Running, more: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", serve.port)).unwrap();
        write!(stream, "{connect}{more}\r\n").unwrap();
        let mut said = [0; 12];
        stream.read_exact(&mut said).unwrap();
        String::from_utf8_lossy(&said).into_owned()
    };
    let plain = Running::start(dir.path(), "serve --port 0");
    assert_eq!(asked(&plain, ""), "HTTP/1.1 501");
    let mut open = Running::start(dir.path(), "serve --port 0 --intercept");
    assert_eq!(asked(&open, ""), "HTTP/1.1 200");
    let lines: Vec<String> = std::iter::from_fn(|| Some(open.line())).take_while(|l| !l.contains("no_proxy")).collect();
    assert!(lines.contains(&format!("export HTTPS_PROXY=http://127.0.0.1:{}", open.port)), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("export REQUESTS_CA_BUNDLE=/")), "{lines:?}");
    let guarded = Running::start(dir.path(), "serve --port 0 --intercept --token 4f9a1c07d2e85b63");
    assert_eq!(asked(&guarded, ""), "HTTP/1.1 407");
    // `:4f9a1c07d2e85b63`
    assert_eq!(asked(&guarded, "proxy-authorization: Basic OjRmOWExYzA3ZDJlODViNjM=\r\n"), "HTTP/1.1 200");
}

#[test]
fn the_authority_can_be_found_shown_and_removed() {
    let dir = Dir::new();
    let ca = |word: &str| dir.retake(&format!("ca {word}")).env("RETAKE_STATE_DIR", "own").run();
    ca("path").exits(0).says("own/ca.pem");
    let shown = ca("show").exits(0).stdout;
    assert_eq!(
        shown,
        String::from_utf8(dir.files("own").iter().find(|(name, _)| name == "own/ca.pem").unwrap().1.clone()).unwrap()
    );
    ca("remove").exits(0).says("removed from own");
    ca("remove").exits(0).says("there is none in own");
    dir.write("own/ca.pem", "no certificate");
    dir.write("own/ca-key.pem", "no key");
    ca("path").exits(4).says("own/ca-key.pem: ").says("retake ca remove");
}
