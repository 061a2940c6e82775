//! A real browser with a page that tries to call the proxy and the stack. Needs Chromium: `cargo test --test program --
//! --ignored browser::`.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

use super::strangers::Recorded;
use super::world::Running;

/// What a page can try: a simple request, one with a preflight, one whose reply it cannot read, a picture, and a form.
const PAGE: &str = r#"<!doctype html><title>page</title><pre id="out"></pre><iframe name="hidden"></iframe>
<form id="form" method="post" enctype="text/plain" target="hidden"><input name='{"model":"openai/m","messages":[{"role":"user","content":"x"}],"x":"' value='"}'></form>
<script>
const body = '{"model":"openai/m","messages":[{"role":"user","content":"x"}]}', out = document.getElementById("out");
const say = (what, came) => out.textContent += what + ": " + came + "\n";
const attempt = async (what, url, options) => {
  try {
    const reply = await fetch(url, options);
    say(what, reply.type + " " + reply.status + " " + (await reply.text()).slice(0, 40));
  } catch (error) { say(what, "refused"); }
};
(async () => {
  for (const url of URLS) {
    await attempt("simple", url, {method: "POST", body, headers: {"content-type": "text/plain"}});
    await attempt("json", url, {method: "POST", body, headers: {"content-type": "application/json", authorization: "Bearer any"}});
    await attempt("blind", url, {method: "POST", body, mode: "no-cors"});
    await attempt("get", url, {});
    await new Promise(done => { const picture = new Image(); picture.onload = picture.onerror = done; picture.src = url; });
    const frame = document.querySelector("iframe"), form = document.getElementById("form");
    const soon = new Promise(done => setTimeout(done, 300));
    await Promise.race([soon, new Promise(done => { frame.onload = done; form.action = url; form.submit(); })]);
  }
  say("all", "done");
})();
</script>"#;

/// Serves the page, which tries these URLs, on a port of its own.
fn page(urls: &[String]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let html = PAGE.replace("URLS", &format!("{urls:?}"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 8192]);
            let length = html.len();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n";
            let _ = stream.write_all(format!("{head}content-length: {length}\r\n\r\n{html}").as_bytes());
        }
    });
    port
}

/// The document that Chromium has made of a URL.
fn seen(url: &str) -> String {
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new("timeout");
    command.args([
        "120",
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
    ]);
    command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    command.args(["--disable-dev-shm-usage", "--no-proxy-server", "--host-resolver-rules=MAP evil.example 127.0.0.1"]);
    command.arg(format!("--user-data-dir={}", profile.path().display()));
    let output = command.args(["--virtual-time-budget=20000", "--dump-dom", url]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The lines that the page wrote.
fn said(document: &str) -> Vec<&str> {
    let out = document.split("<pre id=\"out\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    out.unwrap_or_default().lines().collect()
}

fn urls(host: &str, proxy: &Running, stack: &Running) -> Vec<String> {
    let proxied = ["/openai/v1/chat/completions", "/session/a", "/health"];
    let at = |server: &Running, path: &str| format!("http://{host}:{}{path}", server.port);
    let stacked = ["/v1/chat/completions", "/v1/health"].map(|path| at(stack, path));
    proxied.map(|path| at(proxy, path)).into_iter().chain(stacked).collect()
}

#[test]
#[ignore = "needs Chromium"]
fn a_page_of_another_origin_calls_nothing_and_reads_nothing() {
    let world = Recorded::new("access-control-allow-origin: *\r\n");
    let (proxy, stack) = (world.start("serve"), world.start("stack"));
    for host in ["127.0.0.1", "localhost", "evil.example"] {
        let urls = urls(host, &proxy, &stack);
        let page = page(&urls);
        for of_page in ["127.0.0.1", "evil.example"] {
            let document = seen(&format!("http://{of_page}:{page}/"));
            let lines = said(&document);
            assert_eq!(lines.last(), Some(&"all: done"), "{document}");
            assert_eq!(lines.len(), 4 * urls.len() + 1, "{document}");
            // A reply that the page cannot read says neither whether nor how it was answered.
            let is_refused = |line: &&&str| line.ends_with(": refused") || line.starts_with("blind: opaque 0");
            assert_eq!(lines.iter().filter(is_refused).count(), 4 * urls.len(), "{lines:#?}");
        }
    }
    // A name that leads here of a sudden, so that the page is of the server's own origin.
    for url in urls("evil.example", &proxy, &stack) {
        let document = seen(&url);
        assert!(document.contains("foreign-host"), "{url}: {document}");
    }
    world.is_untouched();
}

#[test]
#[ignore = "needs Chromium"]
fn a_page_that_is_allowed_calls_and_reads() {
    // Only the page's own port tells its origin.
    let world = Recorded::new("access-control-allow-origin: https://elsewhere.example\r\n");
    let (proxy, stack) = (world.start("serve --allow-origin *"), world.start("stack --allow-origin *"));
    let urls = [
        format!("http://127.0.0.1:{}/openai/v1/chat/completions", proxy.port),
        format!("http://localhost:{}/v1/chat/completions", stack.port),
    ];
    let document = seen(&format!("http://localhost:{}/", page(&urls)));
    let lines = said(&document);
    let read = |what: &str| lines.iter().filter(|line| line.starts_with(&format!("{what}: cors 200 "))).count();
    assert_eq!((read("simple"), read("json")), (2, 2), "{document}");
    let asked = world.asked();
    assert!(asked.iter().all(|head| !head.starts_with("OPTIONS")), "{asked:?}");
    // Everything that was refused above is let in here, the form too: a browser did send it.
    let of = |words: &str| asked.iter().filter(|head| head.to_ascii_lowercase().contains(words)).count();
    assert!(of("post /v1/chat/completions") >= 8 && of("content-type: text/plain") >= 5, "{asked:#?}");
}
