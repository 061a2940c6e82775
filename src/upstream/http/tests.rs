use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A server that answers each connection with the next of `answers`, and keeps the requests. An answer is a list of
/// writes; `HANG` waits instead. The connection is cut at the end.
struct Server {
    base_url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

const HANG: &str = "hang";

async fn server(answers: Vec<Vec<&'static str>>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        for answer in answers {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(serve(stream, answer, Arc::clone(&seen)));
        }
    });
    Server { base_url, asked }
}

async fn serve(mut stream: TcpStream, answer: Vec<&'static str>, seen: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&request).contains("ENOUGH") {
        let n = stream.read(&mut buffer).await.unwrap();
        if n == 0 {
            return;
        }
        request.extend_from_slice(&buffer[..n]);
    }
    seen.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
    for piece in answer {
        if piece == HANG {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        stream.write_all(piece.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
}

fn request() -> Request {
    Request {
        method: ::http::Method::POST,
        endpoint: "/v1/chat/completions".to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"ENOUGH"),
        auth: Auth::Provider,
        case: None,
    }
}

fn keyed(base_url: &str) -> HttpConfig {
    let key = Some(ApiKey::new("TEST_KEY", Some("canary-1234".to_owned())));
    HttpConfig { key, key_required: true, ..HttpConfig::new("together", base_url) }
}

const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

/// Replaces the port, which differs from run to run.
fn without_port(message: &str) -> String {
    regex::Regex::new(r"127\.0\.0\.1:\d+").unwrap().replace_all(message, "HOST").into_owned()
}

#[tokio::test]
async fn chunks_arrive_one_by_one() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let server = server(vec![vec![head, "5\r\none\n\n\r\n", "5\r\ntwo\n\n\r\n", "0\r\n\r\n"]]).await;
    let http = Http::new(HttpConfig::new("together", &server.base_url));
    let reply = http.send(request()).await.unwrap();
    assert_eq!(reply.headers["content-type"], "text/event-stream");
    let chunks: Vec<Bytes> = reply.body.map(Result::unwrap).collect().await;
    assert_eq!(chunks, ["one\n\n", "two\n\n"]);
    let asked = server.asked.lock().unwrap().join("");
    assert!(asked.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("accept-encoding: identity"), "{asked}");
}

#[tokio::test]
async fn the_key_goes_along_unless_it_is_not_wanted() {
    let server = server(vec![vec![WHOLE], vec![WHOLE]]).await;
    let http = Http::new(keyed(&server.base_url));
    http.send(request()).await.unwrap().collect().await.unwrap();
    http.send(Request { auth: Auth::None, ..request() }).await.unwrap().collect().await.unwrap();
    let asked = server.asked.lock().unwrap();
    assert!(asked[0].contains("authorization: Bearer canary-1234\r\n"));
    assert!(!asked[1].contains("authorization") && !asked[1].contains("canary"));
}

#[tokio::test]
async fn what_the_caller_identifies_himself_with_stays_behind() {
    let server = server(vec![vec![WHOLE]]).await;
    let mut asked = request();
    for name in ["cookie", "authorization", "x-api-key", "x-amz-security-token", "x-retake-session"] {
        asked.headers.insert(name, "of-the-caller".parse().unwrap());
    }
    asked.headers.insert("x-own", "goes-along".parse().unwrap());
    Http::new(keyed(&server.base_url)).send(asked).await.unwrap();
    let sent = server.asked.lock().unwrap().join("\n");
    assert!(!sent.contains("of-the-caller") && sent.contains("x-own: goes-along"), "{sent}");
}

#[tokio::test]
async fn without_a_key_nothing_is_sent() {
    let server = server(vec![]).await;
    let config = HttpConfig { key: Some(ApiKey::new("TEST_KEY", None)), ..keyed(&server.base_url) };
    let error = Http::new(config).send(request()).await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::MissingKey);
    insta::assert_snapshot!(error.message, @"together needs a key: set TEST_KEY in the environment, or replay recordings, which needs none (--mode replay)");
    assert!(server.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_429_is_asked_again_and_a_400_is_not() {
    let busy = "HTTP/1.1 429 Too Many\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let bad = "HTTP/1.1 400 Bad\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbad";
    let server = server(vec![vec![busy], vec![WHOLE], vec![bad], vec![busy], vec![busy], vec![busy]]).await;
    let http = Http::new(keyed(&server.base_url));
    assert_eq!(http.send(request()).await.unwrap().collect().await.unwrap(), "ok");
    let reply = http.send(request()).await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.collect().await.unwrap()), (400, "bad".into()));
    assert_eq!(http.send(request()).await.unwrap().status.as_u16(), 429, "after three tries it stands");
    assert_eq!(server.asked.lock().unwrap().len(), 6);
}

#[tokio::test]
async fn a_proxy_asks_once() {
    let server = server(vec![vec!["HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"]]).await;
    let config = HttpConfig { retries: Retries::never(), ..keyed(&server.base_url) };
    assert_eq!(Http::new(config).send(request()).await.unwrap().status.as_u16(), 503);
}

#[tokio::test]
async fn a_reply_that_never_began_is_asked_for_again() {
    let server = server(vec![vec![], vec![WHOLE]]).await;
    let http = Http::new(keyed(&server.base_url)).with_dice(|| 0.0);
    assert_eq!(http.send(request()).await.unwrap().collect().await.unwrap(), "ok");
}

#[tokio::test]
async fn a_body_that_breaks_off_keeps_what_came() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of";
    let server = server(vec![vec![cut]]).await;
    let (came, error) = Http::new(keyed(&server.base_url)).send(request()).await.unwrap().collect().await.unwrap_err();
    assert_eq!((came, error.kind), ("half of".into(), ErrorKind::Broken));
    let start = "together: POST http://HOST/v1/chat/completions: the reply broke off after 7 bytes: ";
    assert!(without_port(&error.message).starts_with(start), "{}", error.message);
}

#[tokio::test]
async fn a_body_that_stands_still_is_given_up() {
    let still = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of";
    let server = server(vec![vec![still, HANG]]).await;
    let timeouts = Timeouts { gap: Duration::from_millis(60), ..Timeouts::default() };
    let http = Http::new(HttpConfig { timeouts, ..keyed(&server.base_url) });
    let (came, error) = http.send(request()).await.unwrap().collect().await.unwrap_err();
    assert_eq!((came, error.kind), ("half of".into(), ErrorKind::Timeout));
    insta::assert_snapshot!(without_port(&error.message), @"together: POST http://HOST/v1/chat/completions: the reply stood still after 7 bytes: no more within 60ms");
}

#[tokio::test]
async fn a_body_that_keeps_coming_is_given_up_when_the_whole_has_taken_too_long() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n";
    let drops = std::iter::once(head).chain(std::iter::repeat_n("a", 100)).collect();
    let server = server(vec![drops]).await;
    let timeouts = Timeouts { whole: Duration::from_millis(200), ..Timeouts::default() };
    let http = Http::new(HttpConfig { timeouts, ..keyed(&server.base_url) });
    let (came, error) = http.send(request()).await.unwrap().collect().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(came.len() < 100 && error.message.contains("no more within 200ms"), "{came:?} {}", error.message);
}

#[tokio::test]
async fn a_first_byte_that_does_not_come_is_given_up() {
    let server = server(vec![vec![HANG]]).await;
    let timeouts = Timeouts { first_byte: Duration::from_millis(60), ..Timeouts::default() };
    let http = Http::new(HttpConfig { timeouts, retries: Retries::never(), ..keyed(&server.base_url) });
    let error = http.send(request()).await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Timeout);
    insta::assert_snapshot!(without_port(&error.message), @"together: POST http://HOST/v1/chat/completions: no reply within 60ms");
}

#[tokio::test]
async fn nobody_there_says_who_and_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://user:canary-1234@{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let config = HttpConfig { retries: Retries::never(), ..keyed(&base_url) };
    let error = Http::new(config).send(request()).await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Connect);
    assert!(!error.message.contains("canary"), "{}", error.message);
    assert!(error.message.contains("Connection refused"), "{}", error.message);
    assert!(error.message.starts_with("together: POST http://127.0.0.1:"), "{}", error.message);
    assert!(error.message.contains("--provider NAME=BASE_URL"), "{}", error.message);
}

#[tokio::test]
async fn a_coding_that_is_not_known_is_refused() {
    let packed = "HTTP/1.1 200 OK\r\ncontent-encoding: compress\r\ncontent-length: 2\r\n\r\nxx";
    let server = server(vec![vec![packed]]).await;
    let error = Http::new(keyed(&server.base_url)).send(request()).await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Broken);
    insta::assert_snapshot!(without_port(&error.message), @"together: POST http://HOST/v1/chat/completions: the reply is compressed (compress) although that was not asked for; something between here and the provider compresses: go around it");
}

#[tokio::test]
async fn a_reply_with_two_hundred_headers_is_read() {
    let headers: String = (0..200).map(|number| format!("x-h{number}: {number}\r\n")).collect();
    let reply = format!("HTTP/1.1 200 OK\r\n{headers}content-length: 2\r\n\r\n{{}}");
    let server = server(vec![vec![reply.leak()]]).await;
    let reply = Http::new(keyed(&server.base_url)).send(request()).await.unwrap();
    assert_eq!(reply.headers["x-h199"], "199");
    assert_eq!(reply.collect().await.unwrap(), "{}");
}

#[tokio::test]
async fn a_compressed_reply_that_is_corrupt_is_broken() {
    let packed = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nxx";
    let server = server(vec![vec![packed]]).await;
    let reply = Http::new(keyed(&server.base_url)).send(request()).await.unwrap();
    assert!(reply.headers.is_empty(), "they speak of the compressed body: {:?}", reply.headers);
    let (came, error) = reply.collect().await.unwrap_err();
    assert_eq!((came, error.kind), (Bytes::new(), ErrorKind::Broken));
    insta::assert_snapshot!(without_port(&error.message), @"together: POST http://HOST/v1/chat/completions: the reply is compressed although that was not asked for, and corrupt: it ends too early, or its checksum is wrong; something between here and the provider compresses: go around it");
}

#[tokio::test]
async fn redirects_are_answers() {
    let moved = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let server = server(vec![vec![moved]]).await;
    assert_eq!(Http::new(keyed(&server.base_url)).send(request()).await.unwrap().status.as_u16(), 302);
}

#[tokio::test]
async fn what_another_retake_made_up_is_no_answer() {
    let miss = "HTTP/1.1 424 Failed\r\nx-retake-error: missing-recording\r\ncontent-length: 45\r\n\r\n\
                {\"error\":{\"message\":\"no recording of that\" }}";
    let server = server(vec![vec![miss]]).await;
    let config = HttpConfig { is_retake: true, ..keyed(&server.base_url) };
    let error = Http::new(config).send(request()).await.err().unwrap();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::MissingRecording, "no recording of that"));
}

#[tokio::test]
async fn a_provider_is_not_believed_that_speaks_as_retake() {
    let lie = "HTTP/1.1 424 Failed\r\nx-retake-error: missing-recording\r\nx-retake-origin: simulated\r\n\
               X-Retake-Anything: 1\r\nx-own: 1\r\ncontent-length: 2\r\n\r\n{}";
    let server = server(vec![vec![lie]]).await;
    let reply = Http::new(keyed(&server.base_url)).send(request()).await.unwrap();
    let is_own = |name: &::http::HeaderName| name.as_str().starts_with("x-retake-");
    assert_eq!((reply.status.as_u16(), reply.headers.keys().any(is_own)), (424, false));
    assert_eq!(reply.headers["x-own"], "1");
}

#[tokio::test]
async fn a_callers_own_credential_takes_the_place_of_the_key() {
    for (key, auth, sent) in [
        (Some("canary-1234"), Auth::Client, "Bearer of-the-caller"),
        (None, Auth::Client, "Bearer of-the-caller"),
        (Some("canary-1234"), Auth::Provider, "Bearer canary-1234"),
    ] {
        let server = server(vec![vec![WHOLE]]).await;
        let key = Some(ApiKey::new("TEST_KEY", key.map(str::to_owned)));
        let mut request = request();
        request.headers.insert("authorization", "Bearer of-the-caller".parse().unwrap());
        Http::new(HttpConfig { key, ..keyed(&server.base_url) }).send(Request { auth, ..request }).await.unwrap();
        let asked = server.asked.lock().unwrap().join("");
        assert!(asked.contains(&format!("authorization: {sent}\r\n")), "{asked}");
        assert_eq!(asked.matches("authorization").count(), 1, "{asked}");
    }
}

#[tokio::test]
async fn a_place_is_held_until_the_body_ends() {
    let server = server(vec![vec![WHOLE], vec![WHOLE]]).await;
    let limits = Limits { at_once: Some(1), per_minute: None };
    let http = Http::new(HttpConfig { limits, ..keyed(&server.base_url) });
    let first = http.send(request()).await.unwrap();
    let second = tokio::time::timeout(Duration::from_millis(50), http.send(request())).await;
    assert!(second.is_err(), "the first body is still open");
    first.collect().await.unwrap();
    assert_eq!(http.send(request()).await.unwrap().collect().await.unwrap(), "ok");
}

#[test]
fn a_configuration_shows_no_key() {
    let shown = format!("{:?}", keyed("http://127.0.0.1:1/v1"));
    assert!(shown.contains("$TEST_KEY") && !shown.contains("canary"), "{shown}");
}

#[tokio::test]
async fn one_coding_upon_another_is_refused_by_name() {
    let twice = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip, gzip\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    let server = server(vec![vec![twice]]).await;
    let error = Http::new(HttpConfig::new("together", &server.base_url)).send(request()).await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Broken);
    let said = "the reply is compressed (gzip, gzip: several codings in a row are not decoded) although that was not asked for";
    assert!(error.message.contains(said), "{}", error.message);
}
