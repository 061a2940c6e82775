//! Providers on loopback: the test's own, and real ones.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use super::world::package;

/// A request as it came.
pub(crate) struct Asked {
    pub(crate) path: String,
    /// Its header lines, names in the case they were sent in.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// Answers every request with a status, header lines (each with its line end) and a body of JSON. Returns the base URL.
pub(crate) fn serve(answer: impl Fn(&Asked) -> (u16, String, String) + Send + Sync + 'static) -> String {
    let base = serve_bytes(move |asked| {
        let (status, headers, body) = answer(asked);
        let length = body.len();
        format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
        )
        .into_bytes()
    });
    format!("{base}/v1")
}

/// Answers every request with these bytes, head and all. Returns the server's URL.
pub(crate) fn serve_bytes(answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || converse(stream.unwrap(), answer.as_ref()));
        }
    });
    format!("http://{address}")
}

fn converse(mut stream: TcpStream, answer: &dyn Fn(&Asked) -> Vec<u8>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        let value = line.to_ascii_lowercase().strip_prefix("content-length:").map(|text| text.trim().to_owned());
        length = value.map_or(length, |text| text.parse().unwrap());
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let path = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
    // Whoever asked may be gone.
    let _ = stream.write_all(&answer(&Asked { path, head, body }));
}

/// A program that says READY and where it listens, and ends when its standard input is closed.
pub(crate) struct Server {
    child: Child,
    pub(crate) base: String,
}

impl Server {
    pub(crate) fn start(program: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let ready = lines.into_iter().find_map(|line| line.strip_prefix("READY ").map(str::to_owned));
        Server { child, base: ready.expect("the server says READY") }
    }

    /// The server of `scripts/real-llm.sh`.
    pub(crate) fn llama_cpp() -> Self {
        Server::start(&package().join("scripts/real-llm.sh"), &["serve"])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
