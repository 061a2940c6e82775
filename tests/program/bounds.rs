//! What a provider, a client or nobody can make the program hold, read or wait for.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::world::{Dir, Ran, Running, TestCommand};

/// Far below the 40 s that the slow reply takes, and far above what a loaded machine needs.
const SOON: Duration = Duration::from_secs(20);

/// A provider that answers each connection in its own way, without end if it likes. Returns the base URL, and the count of
/// connections that it has answered so far.
fn provider(
    answer: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let (answer, asked) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (answer, count) = (Arc::clone(&answer), Arc::clone(&count));
            let converse = move || {
                let mut stream = stream.unwrap();
                let _ = head_of(&mut stream);
                count.fetch_add(1, Ordering::SeqCst);
                // Whoever asked may be gone.
                let _ = answer(&mut stream);
            };
            std::thread::Builder::new().stack_size(128 << 10).spawn(converse).unwrap();
        }
    });
    (base, asked)
}

/// Reads a request's head and a short body, as they come in few pieces.
fn head_of(stream: &mut TcpStream) -> std::io::Result<()> {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&all).contains("\r\n\r\n") {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        all.extend_from_slice(&buffer[..count]);
    }
    Ok(())
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";

fn chunk(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(format!("{:x}\r\n", bytes.len()).as_bytes())?;
    stream.write_all(bytes)?;
    stream.write_all(b"\r\n")
}

/// One byte a second for 40 seconds.
fn slow() -> (String, Arc<AtomicUsize>) {
    provider(|stream| {
        stream.write_all(HEAD.as_bytes())?;
        for _ in 0..40 {
            chunk(stream, b"x")?;
            std::thread::sleep(Duration::from_secs(1));
        }
        stream.write_all(b"0\r\n\r\n")
    })
}

/// As fast as it is read, without end.
fn endless() -> (String, Arc<AtomicUsize>) {
    provider(|stream| {
        stream.write_all(HEAD.as_bytes())?;
        let bytes = vec![b'x'; 64 << 10];
        loop {
            chunk(stream, &bytes)?;
        }
    })
}

fn wait_for(what: &str, check: impl Fn() -> bool) {
    let begun = Instant::now();
    while !check() {
        assert!(begun.elapsed() < Duration::from_secs(300), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Asks through the program, and leaves the reply to be read.
fn ask(port: u16, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let body = r#"{"model":"together/m","messages":[{"role":"user","content":"hi"}]}"#;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost:{port}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

fn read_some(stream: &mut TcpStream, bytes: usize) {
    let mut buffer = vec![0; bytes];
    stream.read_exact(&mut buffer).unwrap();
}

fn tell(child: &Child, signal: &str) {
    assert!(Command::new("kill").arg(signal).arg(child.id().to_string()).status().unwrap().success());
}

fn serving(dir: &Dir, words: &str) -> Running {
    let mut command = dir.retake(&format!("{words} --port 0")).env("TOGETHER_API_KEY", "key-of-the-test");
    command.0.stderr(Stdio::piped());
    Running::with(command)
}

fn ended(running: &mut Running) -> (Option<i32>, String) {
    let told = Instant::now();
    let status = running.child.wait().unwrap();
    assert!(told.elapsed() < SOON, "{:?}", told.elapsed());
    let mut said = String::new();
    running.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (status.code(), said)
}

/// The recordings: every one is whole, and nothing else lies there.
fn recorded(dir: &Dir) -> Vec<serde_json::Value> {
    let files = dir.files("recordings").into_iter();
    files
        .map(|(name, bytes)| serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{name}: {error}")))
        .collect()
}

#[test]
fn a_server_that_is_told_to_end_gives_a_reply_its_grace_and_records_it_as_broken_off() {
    for (signal, has_client) in [("-INT", false), ("-TERM", true)] {
        let (dir, (base, _)) = (Dir::new(), slow());
        let mut serve = serving(&dir, &format!("serve --mode record --provider together={base}"));
        let mut client = ask(serve.port, "/together/v1/chat/completions");
        read_some(&mut client, 12);
        let client = has_client.then_some(client);
        tell(&serve.child, signal);
        let (code, said) = ended(&mut serve);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("1 reply has 3 s to end; once more ends at once"), "{said}");
        assert!(
            said.contains("1 reply had not ended when it was told to end:\n  POST /v1/chat/completions (together)"),
            "{said}"
        );
        let recorded = recorded(&dir);
        assert_eq!(recorded.len(), 1, "{said}");
        assert_eq!(recorded[0]["retake"]["end"]["broken"], "retake was told to end while it came");
        drop(client);
    }
}

#[test]
fn a_server_that_is_told_twice_ends_at_once_and_leaves_nothing_half_written() {
    let (dir, (base, _)) = (Dir::new(), slow());
    let mut serve = serving(&dir, &format!("serve --mode record --provider together={base}"));
    let mut client = ask(serve.port, "/together/v1/chat/completions");
    read_some(&mut client, 12);
    tell(&serve.child, "-INT");
    std::thread::sleep(Duration::from_millis(300));
    let told = Instant::now();
    tell(&serve.child, "-INT");
    let (code, said) = ended(&mut serve);
    assert_eq!(code, Some(2), "{said}");
    assert!(told.elapsed() < Duration::from_millis(2_500), "{:?}", told.elapsed());
    assert!(said.contains("interrupted by the user") && recorded(&dir).is_empty(), "{said}");
}

#[test]
fn a_gateway_that_is_told_to_end_does_so_while_a_reply_is_under_way() {
    for mode in ["record", "live"] {
        let (dir, (base, asked)) = (Dir::new(), slow());
        let words = format!("stack --setup together --mode {mode} --provider together={base} --store store.db");
        let mut stack = serving(&dir, &words);
        let client = ask(stack.port, "/v1/chat/completions");
        wait_for("it is asked", || asked.load(Ordering::SeqCst) > 0);
        tell(&stack.child, "-TERM");
        let (code, said) = ended(&mut stack);
        assert_eq!(code, Some(0), "{said}");
        recorded(&dir);
        drop(client);
    }
}

/// `retake run` with a command that asks, does not wait for the reply, and does `then`.
fn running(dir: &Dir, base: &str, asked: &AtomicUsize, then: &str) -> Child {
    // What asks is not a program of the test's machine: the shell only says where to.
    let command = dir.retake(&format!("run --mode record --provider together={base} -- sh -c"));
    let mut command = command.arg(&format!("echo $RETAKE_PROXY_URL; read line; {then}")).0;
    command.env("TOGETHER_API_KEY", "key-of-the-test");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut byte = [0];
    while child.stdout.as_mut().unwrap().read(&mut byte).unwrap() > 0 && byte[0] != b'\n' {
        line.push(char::from(byte[0]));
    }
    let port = line.trim().rsplit(':').next().unwrap().parse().unwrap();
    let mut client = ask(port, "/together/v1/chat/completions");
    wait_for("it is asked", || asked.load(Ordering::SeqCst) > 0);
    read_some(&mut client, 12);
    drop(client);
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    child
}

#[test]
fn what_still_arrives_when_the_command_has_ended_is_waited_for_ten_seconds_and_named() {
    let (dir, (base, asked)) = (Dir::new(), slow());
    let child = running(&dir, &base, &asked, "exit 0");
    let begun = Instant::now();
    let ran = Ran::from(child.wait_with_output().unwrap()).exits(0);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let ran = ran
        .says("1 reply had not ended when the command had ended 10 s before:\n  POST /v1/chat/completions (together)");
    ran.says("recorded as far as it came, because the reply broke off");
    assert_eq!(recorded(&dir)[0]["retake"]["end"]["broken"], "retake was told to end while it came");
}

#[test]
fn a_run_whose_command_has_ended_ends_sooner_when_told_and_at_once_when_told_again() {
    let (dir, (base, asked)) = (Dir::new(), slow());
    let child = running(&dir, &base, &asked, "exit 0");
    std::thread::sleep(Duration::from_secs(1));
    let begun = Instant::now();
    tell(&child, "-INT");
    Ran::from(child.wait_with_output().unwrap()).exits(0).says("1 reply had not ended");
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
    // A command that ends because it was told so.
    let (dir, (base, asked)) = (Dir::new(), slow());
    let child = running(&dir, &base, &asked, "exec sleep 600");
    std::thread::sleep(Duration::from_millis(300));
    for _ in 0..2 {
        tell(&child, "-TERM");
        std::thread::sleep(Duration::from_millis(500));
    }
    let begun = Instant::now();
    Ran::from(child.wait_with_output().unwrap()).exits(143);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(recorded(&dir).is_empty());
}

#[test]
fn a_recording_run_that_is_told_to_end_does_not_wait_for_a_slow_reply() {
    for stack in ["direct", "ci-tests", "server:ci-tests:0"] {
        let (dir, (base, asked)) = (Dir::new(), slow());
        dir.write(
            "suites/a.yaml",
            "cases: [{name: a, request: {post: /v1/chat/completions, body: {model: together/m, messages: [{role: user, content: hi}]}}}]",
        );
        let words = format!("test --setup together --mode record --stack-config {stack} --provider together={base}");
        let mut command = dir.retake(&words).env("TOGETHER_API_KEY", "key-of-the-test").0;
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for("it is asked", || asked.load(Ordering::SeqCst) > 0);
        let told = Instant::now();
        tell(&child, "-INT");
        Ran::from(child.wait_with_output().unwrap()).exits(2).says("interrupted by the user");
        assert!(told.elapsed() < SOON, "{stack} {:?}", told.elapsed());
        assert!(recorded(&dir).is_empty());
    }
}

#[test]
fn a_case_that_is_out_of_time_does_not_wait_for_its_slow_reply() {
    let (dir, (base, _)) = (Dir::new(), slow());
    dir.write("suites/a.yaml", "cases: [{name: a, request: {post: /v1/chat/completions, body: {model: m}}}]");
    let words =
        format!("test --setup together --mode record --stack-config direct --timeout 1 --provider together={base}");
    let begun = Instant::now();
    dir.retake(&words).env("TOGETHER_API_KEY", "key-of-the-test").run().exits(1);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert!(recorded(&dir).is_empty());
}

#[cfg(target_os = "linux")]
mod memory {
    use super::*;

    /// MiB that may be held beyond what an idle server holds.
    const MOST: usize = 100;
    /// MiB of a reply that is recorded: a build that is not optimized searches it for secrets at a few MiB a second.
    const LARGE: usize = if cfg!(debug_assertions) { 120 } else { 400 };

    fn status(running: &Running, name: &str) -> usize {
        let text = std::fs::read_to_string(format!("/proc/{}/status", running.child.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() >> 10
    }

    /// What it held at most beyond `idle`.
    fn grown(running: &Running, idle: usize, what: &str) {
        let most = status(running, "VmHWM").saturating_sub(idle);
        println!("{what}: at most {most} MiB above {idle} MiB when idle");
        assert!(most < MOST, "{what}: {most} MiB above {idle} MiB");
    }

    /// A recording server that has answered once, so that all of its code and its threads are there, and what it holds then.
    fn recorder(dir: &Dir, base: &str) -> (Running, usize) {
        let (first, _) = provider(|stream| {
            stream.write_all(HEAD.as_bytes())?;
            chunk(stream, b"x")?;
            stream.write_all(b"0\r\n\r\n")
        });
        let words = format!("serve --port 0 --mode record --provider together={base} --provider ollama={first}");
        let mut command = TestCommand::new(dir.path(), &words).env("TOGETHER_API_KEY", "key-of-the-test");
        command.0.stderr(Stdio::null());
        let running = Running::with(command);
        let mut client = ask(running.port, "/ollama/v1/x");
        read_to_end(&mut client);
        std::thread::sleep(Duration::from_millis(500));
        let idle = status(&running, "VmRSS");
        (running, idle)
    }

    /// Reads a reply in chunks.
    fn read_to_end(client: &mut TcpStream) {
        let (mut all, mut buffer) = (Vec::new(), [0; 16 << 10]);
        while !all.ends_with(b"\r\n0\r\n\r\n") {
            let count = client.read(&mut buffer).unwrap();
            assert!(count > 0, "{}", String::from_utf8_lossy(&all));
            all.extend_from_slice(&buffer[..count]);
        }
    }

    #[test]
    fn an_endless_reply_takes_no_more_memory_whether_its_client_reads_it_or_not() {
        let (dir, (base, _)) = (Dir::new(), endless());
        let (serve, idle) = recorder(&dir, &base);
        let stalled = ask(serve.port, "/together/v1/chat/completions");
        std::thread::sleep(Duration::from_secs(3));
        grown(&serve, idle, "an endless reply that nobody reads");
        drop(stalled);
        let mut read = ask(serve.port, "/together/v1/other");
        read_some(&mut read, 300 << 20);
        grown(&serve, idle, "an endless reply that is read");
        drop(read);
        serve.end();
    }

    /// Answers with so many MiB of speech.
    fn speech(size: usize) -> String {
        let (base, _) = provider(move |stream| {
            let length = size << 20;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes())?;
            (0..size).try_for_each(|number| stream.write_all(&piece(number)))
        });
        base
    }

    /// A MiB that differs from the one before it.
    fn piece(number: usize) -> Vec<u8> {
        vec![0x80 | number as u8; 1 << 20]
    }

    /// Reads so many MiB of speech in chunks, which are the right ones.
    fn hear(client: &TcpStream, size: usize) {
        let mut client = BufReader::new(client);
        let line = |client: &mut BufReader<&TcpStream>| {
            let mut line = String::new();
            client.read_line(&mut line).unwrap();
            line.trim_end().to_owned()
        };
        while !line(&mut client).is_empty() {}
        let (mut heard, mut number) = (Vec::new(), 0);
        loop {
            let length = u64::from_str_radix(&line(&mut client), 16).unwrap();
            if length == 0 {
                break;
            }
            client.by_ref().take(length).read_to_end(&mut heard).unwrap();
            assert_eq!(line(&mut client), "");
            while heard.len() >= 1 << 20 {
                let rest = heard.split_off(1 << 20);
                assert!(heard == piece(number), "MiB {number} is another one");
                (heard, number) = (rest, number + 1);
            }
        }
        assert_eq!((number, heard.len()), (size, 0));
    }

    #[test]
    fn a_reply_beyond_the_limit_is_relayed_whole_within_the_bound() {
        let (dir, base) = (Dir::new(), speech(400));
        let (serve, idle) = recorder(&dir, &format!("{base} --max-recording-size 64MiB"));
        let client = ask(serve.port, "/together/v1/audio/speech");
        hear(&client, 400);
        grown(&serve, idle, "a reply of 400 MiB, of which 64 may be recorded");
        drop(client);
        serve.end();
        assert!(dir.files("recordings/together").is_empty());
    }

    #[test]
    fn a_reply_larger_than_the_bound_is_recorded_and_replayed_within_it() {
        let (dir, base) = (Dir::new(), speech(LARGE));
        let (serve, idle) = recorder(&dir, &base);
        let client = ask(serve.port, "/together/v1/audio/speech");
        hear(&client, LARGE);
        let folder = dir.path().join("recordings/together");
        let is_there = || {
            let entries = std::fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
            entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')).count() == 1
        };
        wait_for("it is recorded", is_there);
        grown(&serve, idle, &format!("recording a reply of {LARGE} MiB"));
        drop(client);
        serve.end();

        let mut command =
            TestCommand::new(dir.path(), "serve --port 0 --mode replay --provider together=http://127.0.0.1:1/v1");
        command.0.stderr(Stdio::null());
        let serve = Running::with(command);
        let idle = status(&serve, "VmRSS");
        hear(&ask(serve.port, "/together/v1/audio/speech"), LARGE);
        grown(&serve, idle, &format!("replaying a reply of {LARGE} MiB"));
        serve.end();
    }

    #[test]
    fn large_replies_are_recorded_within_the_bound() {
        // Bytes that are no text, as base64, and events.
        let event = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a word or two\"}}]}\n\n";
        let stream = [&event.repeat(4_000)[..], b"data: [DONE]\n\n"].concat();
        for (kind, body) in [("audio/mpeg", vec![0x80; 5 << 20]), ("text/event-stream", stream)] {
            let length = body.len();
            let (base, _) = provider(move |stream| {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n");
                stream.write_all(head.as_bytes())?;
                stream.write_all(&body)
            });
            let dir = Dir::new();
            let (serve, idle) = recorder(&dir, &base);
            let mut clients: Vec<TcpStream> =
                (0..3).map(|number| ask(serve.port, &format!("/together/v1/{number}"))).collect();
            clients.iter_mut().for_each(|client| read_some(client, length));
            let folder = dir.path().join("recordings/together");
            wait_for("they are recorded", || {
                let entries = std::fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
                entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')).count() == 3
            });
            grown(&serve, idle, kind);
            drop(clients);
            serve.end();
        }
    }

    #[test]
    fn a_thousand_streams_at_once_stay_within_the_bound_and_are_all_recorded() {
        const STREAMS: usize = 1_000;
        /// As many connections as a system surely holds until they are accepted.
        const AT_ONCE: usize = 50;
        let all_asked = Arc::new(AtomicBool::new(false));
        let go = Arc::clone(&all_asked);
        let (base, asked) = provider(move |stream| {
            while !go.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(50));
            }
            stream.write_all(HEAD.replace("text/plain", "text/event-stream").as_bytes())?;
            let event = format!(
                "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n",
                "word ".repeat(20)
            );
            for _ in 0..20 {
                chunk(stream, event.as_bytes())?;
                std::thread::sleep(Duration::from_millis(200));
            }
            chunk(stream, b"data: [DONE]\n\n")?;
            stream.write_all(b"0\r\n\r\n")
        });
        let dir = Dir::new();
        let (serve, idle) = recorder(&dir, &base);
        let path = |number| format!("/together/v1/chat/completions?n={number}");
        let mut clients = Vec::new();
        while clients.len() < STREAMS {
            let first = clients.len();
            clients.extend((first..first + AT_ONCE).map(|number| ask(serve.port, &path(number))));
            wait_for("all are asked", || asked.load(Ordering::SeqCst) >= clients.len());
        }
        all_asked.store(true, Ordering::SeqCst);
        clients.iter_mut().for_each(read_to_end);
        grown(&serve, idle, "1,000 streams at once");
        drop(clients);
        serve.end();
        // And the first one.
        assert_eq!(recorded(&dir).len(), STREAMS + 1);
    }
}
