//! A server that plays back bytes: HTTP/1.1 by hand, so that nothing tidies up what a capture holds.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// Longer than anything here takes, so that a test which waits in vain says so.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What the server does on a connection, once it has read the request. At the end it closes.
pub(crate) enum Step {
    /// Writes these bytes.
    Write(Vec<u8>),
    /// Lets time pass, so that the reader sees what was written as a read of its own.
    Pause(Duration),
    /// Goes on when it is told to.
    Wait(Receiver<()>),
}

/// A request as it came over the wire.
pub(crate) struct Asked {
    /// `POST /v1/chat/completions HTTP/1.1`
    pub(crate) line: String,
    pub(crate) body: Vec<u8>,
}

/// Answers each connection with the next answer.
pub(crate) struct Server {
    pub(crate) base_url: String,
    asked: Receiver<Asked>,
}

impl Server {
    pub(crate) fn start(answers: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (sender, asked) = channel();
        thread::spawn(move || {
            for answer in answers {
                let Ok((stream, _)) = listener.accept() else { return };
                let sender = sender.clone();
                thread::spawn(move || serve(stream, answer, &sender));
            }
        });
        Server { base_url, asked }
    }

    /// The next request that came.
    pub(crate) fn asked(&self) -> Asked {
        self.asked.recv_timeout(PATIENCE).expect("the server was asked")
    }
}

fn serve(mut stream: TcpStream, answer: Vec<Step>, asked: &Sender<Asked>) {
    stream.set_nodelay(true).unwrap();
    let Some(request) = request(&mut stream) else { return };
    // A test that does not care what was asked has let go of the other end.
    let _ = asked.send(request);
    for step in answer {
        match step {
            // Who went away hears nothing more.
            Step::Write(bytes) if stream.write_all(&bytes).is_err() => return,
            Step::Write(_) => {}
            Step::Pause(pause) => thread::sleep(pause),
            Step::Wait(signal) => drop(signal.recv_timeout(PATIENCE)),
        }
    }
}

fn request(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 65536];
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        let Some(end) = find(&bytes, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = head.lines().filter_map(|line| line.split_once(':'));
        let mut length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = length.next().map_or(0, |(_, value)| value.trim().parse().unwrap());
        let body = &bytes[end + 4..];
        if body.len() >= length {
            let line = head.lines().next()?.to_owned();
            return Some(Asked { line, body: body.to_vec() });
        }
    }
}

/// Where `needle` begins.
pub(crate) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}
