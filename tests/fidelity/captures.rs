//! Exchanges captured from real servers: `NN_name.req`, `NN_name.resp` as it came, and `NN_name.meta.json` with how
//! it came, as `"reads": [[seconds, bytes], …]`. They do not ship; a checkout that has them says where.

use std::path::{Path, PathBuf};
use std::time::Duration;

use retake::protocol::{Asked, Mode, Policy, Reply, Shapes, judge, judge_members};
use retake::provider::parse_providers;
use retake::wire;
use retake::yaml::Source;
use serde_json::Value;

use super::reply::Sent;
use super::server::{Server, Step, find};
use super::{http, request, round_trip};

/// Names the folder that holds a folder of captures for each server.
const FOLDER: &str = "RETAKE_CAPTURES";

/// Reads that came apart by this much or more come apart here too, by this much.
const APART: Duration = Duration::from_millis(1);

struct Capture {
    name: String,
    /// The request line, as the server must get it again.
    line: String,
    request: retake::upstream::Request,
    reply: Vec<u8>,
    steps: Vec<Step>,
}

fn folder() -> PathBuf {
    std::env::var_os(FOLDER).unwrap_or_else(|| panic!("{FOLDER} names no folder of captures")).into()
}

/// Every file below a server's folder whose name ends so, in order.
fn replies(root: &Path) -> Vec<PathBuf> {
    let entries = |path: &Path| std::fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries(root)
        .flat_map(|server| entries(&server).collect::<Vec<_>>())
        .filter(|path| path.extension().is_some_and(|end| end == "resp"))
        .collect();
    found.sort();
    found
}

fn capture(root: &Path, path: &Path) -> Capture {
    let name = path.with_extension("").strip_prefix(root).unwrap().display().to_string();
    let beside = |end| std::fs::read(path.with_extension(end)).unwrap_or_else(|error| panic!("{name}.{end}: {error}"));
    let (asked, reply) = (beside("req"), beside("resp"));
    let meta: Value = serde_json::from_slice(&beside("meta.json")).unwrap();
    let head_end = find(&asked, b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(asked[..head_end].to_vec()).unwrap();
    let (line, headers) = head.split_once("\r\n").unwrap();
    let mut words = line.split(' ');
    let mut request = request(words.next().unwrap(), words.next().unwrap(), asked[head_end + 4..].to_vec());
    for (name, value) in headers.lines().filter_map(|line| line.split_once(':')) {
        request.headers.append(name.parse::<http::HeaderName>().unwrap(), value.trim().parse().unwrap());
    }
    let steps = steps(&reply, meta["reads"].as_array().expect("reads"));
    Capture { name, line: line.to_owned(), request, reply, steps }
}

/// The reply read by read.
fn steps(reply: &[u8], reads: &[Value]) -> Vec<Step> {
    let (mut steps, mut at, mut last) = (Vec::new(), 0, None);
    for read in reads {
        let (seconds, size) = (read[0].as_f64().unwrap(), read[1].as_u64().unwrap() as usize);
        if last.is_some_and(|last| seconds - last >= APART.as_secs_f64()) {
            steps.push(Step::Pause(APART));
        }
        steps.push(Step::Write(reply[at..at + size].to_vec()));
        (at, last) = (at + size, Some(seconds));
    }
    assert_eq!(at, reply.len(), "the reads are the reply");
    steps
}

#[tokio::test]
#[ignore = "RETAKE_CAPTURES names a folder of captures"]
async fn every_capture_is_recorded_and_replayed_as_it_came() {
    let root = folder();
    let paths = replies(&root);
    assert!(!paths.is_empty(), "{} holds no captures", root.display());
    let mut captures: Vec<Capture> = paths.iter().map(|path| capture(&root, path)).collect();
    let server = Server::start(captures.iter_mut().map(|capture| std::mem::take(&mut capture.steps)).collect());
    let (mut chunks, mut unequal) = (0, Vec::new());
    for capture in &captures {
        let sent = Sent::parse(&capture.reply);
        match round_trip(http(&server.base_url), capture.request.clone(), &sent).await {
            Ok(heard) => chunks += heard.chunks.len(),
            Err(reason) => unequal.push(format!("{}: {reason}", capture.name)),
        }
        let asked = server.asked();
        if (&asked.line, asked.body.as_slice()) != (&capture.line, &capture.request.body[..]) {
            unequal.push(format!("{}: the server was asked something else: {}", capture.name, asked.line));
        }
    }
    let equal = captures.len() - unequal.len().min(captures.len());
    assert!(unequal.is_empty(), "{equal} of {} captures equal; the others:\n{}", captures.len(), unequal.join("\n"));
    println!("{} captures: byte-equal, {chunks} chunks with equal edges and order", captures.len());
}

/// What real servers do another way than the references stands in `providers.yaml`, and nothing else is found.
#[test]
#[ignore = "RETAKE_CAPTURES names a folder of captures"]
fn what_captures_break_is_known_of_their_servers() {
    let text = include_str!("../../suites/providers.yaml");
    let catalogue = parse_providers(&Source { name: "providers.yaml".into(), text: text.into() }).unwrap();
    let root = folder();
    let (mut shapes, mut known, mut news) = (Shapes::default(), 0, Vec::new());
    let captures: Vec<Capture> = replies(&root).iter().map(|path| capture(&root, path)).collect();
    assert!(!captures.is_empty(), "{} holds no captures", root.display());
    for (number, Capture { name, request, reply, .. }) in captures.iter().enumerate() {
        let server = name.split('/').next().unwrap().replace('.', "-");
        let asked = Asked::new(request.method.as_str(), &request.endpoint, &request.body);
        let sent = Sent::parse(reply);
        let content_type = sent.headers.iter().find(|(name, _)| name == "content-type");
        let content_type = content_type.map_or("", |(_, value)| std::str::from_utf8(value).unwrap());
        let reading = wire::read(content_type, &sent.chunks.concat());
        let reply = Reply { status: sent.status, content_type, reading: &reading };
        let mut findings = judge(&asked, &reply);
        judge_members(&asked, &reply, &mut findings);
        shapes.learn(number, &format!("{server} {}", request.endpoint), &request.body, &asked, &reply);
        let deviates = catalogue.provider(&server).map(|provider| provider.deviates.clone()).unwrap_or_default();
        let policy = Policy { mode: Mode::Strict, known: deviates.into(), ..Policy::default() };
        let weighed = policy.weigh(findings, Some(&[]), &asked);
        known += weighed.known.len();
        news.extend(weighed.failing.iter().map(|finding| format!("{name}: {} {}", finding.rule.id, finding.actual)));
    }
    let compared = shapes.findings();
    let compared = compared.iter().map(|(number, finding)| format!("{}: {}", captures[*number].name, finding.actual));
    news.extend(compared);
    assert!(news.is_empty(), "of {} captures:\n{}", captures.len(), news.join("\n"));
    println!("{} captures: {known} findings, all known of their servers", captures.len());
}
