//! What the proxy costs: replay through it against a bare server with constant bytes, on the same HTTP library, under
//! the same load, in the same run; and that it stays small, quick to start and right with many recordings and many
//! sessions. Exits with 1 where it falls short.
//!
//!     cargo bench --bench proxy
#![allow(clippy::unwrap_used, missing_docs, reason = "a measurement that cannot go on panics")]

mod load;
mod recorded;
mod server;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use load::{Ask, Rate};
use recorded::{Kind, Many};
use server::Server;

/// Kept-alive connections of the load.
const CONNECTIONS: usize = 16;
/// Turns that each server takes, one after the other, so that a busy machine slows both.
const TURNS: usize = 7;
/// How long a turn is.
const TURN: Duration = Duration::from_millis(1_500);
/// Recordings in the large folder.
const MANY: usize = 100_000;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, kind] = words.as_slice()
        && word == server::BARE
    {
        server::bare(kind);
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut findings = Findings(true);
    runtime.block_on(async {
        against_bare(Kind::Json, 0.8, &mut findings).await;
        against_bare(Kind::Stream, 0.7, &mut findings).await;
        with_many(&mut findings).await;
        soak(&mut findings).await;
    });
    if findings.0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether everything was as it is to be.
struct Findings(bool);

impl Findings {
    fn add(&mut self, what: &str, good: bool) {
        println!("{} {what}", if good { "ok  " } else { "FAIL" });
        self.0 &= good;
    }
}

/// The same load on the bare server and on the proxy, in turns; the median of each counts.
async fn against_bare(kind: Kind, least: f64, findings: &mut Findings) {
    let folder = Many::write(kind, 64);
    let bare = Server::bare(kind);
    let proxy = Server::proxy(folder.path());
    let asks: Vec<Ask> = (0..64).map(|number| recorded::ask(kind, number)).collect();
    let (mut plain, mut through) = (Vec::new(), Vec::new());
    for turn in 0..=TURNS {
        let one = load::rate(&bare, &asks, CONNECTIONS, TURN).await;
        let other = load::rate(&proxy, &asks, CONNECTIONS, TURN).await;
        if turn > 0 {
            plain.push(one);
            through.push(other);
        }
    }
    let (plain, through) = (Rate::median(plain), Rate::median(through));
    let ratio = through.per_second / plain.per_second;
    let what =
        format!("{kind}: {through} through the proxy, {plain} of the bare server, ratio {ratio:.2} (at least {least})");
    findings.add(&what, ratio >= least);
}

/// Start, memory and answers with a large folder.
async fn with_many(findings: &mut Findings) {
    let began = Instant::now();
    let few = Many::write(Kind::Json, 64);
    let many = Many::write(Kind::Json, MANY);
    println!("     {MANY} recordings written in {:.1?}", began.elapsed());
    let starts: Vec<Duration> = (0..5).map(|_| Server::proxy(many.path()).started_in).collect();
    let start = starts.iter().min().copied().unwrap_or_default();
    let what = format!("{MANY} recordings: starts in {start:.1?} (at most 200 ms)");
    findings.add(&what, start <= Duration::from_millis(200));
    let (proxy, small) = (Server::proxy(many.path()), Server::proxy(few.path()));
    let memory = proxy.memory_mb();
    let what = format!("{MANY} recordings: {memory:.1} MB before the first request (at most 60)");
    findings.add(&what, memory <= 60.0);
    // Each once, all over the folder: none is at hand yet.
    let cold: Vec<Ask> = (0..5_000).map(|number| recorded::ask(Kind::Json, number * (MANY / 5_000))).collect();
    let cold = load::each_once(&proxy, &cold, CONNECTIONS).await;
    println!("     {MANY} recordings: {cold} the first time, {:.1} MB afterwards", proxy.memory_mb());
    let asks: Vec<Ask> = (0..64).map(|number| recorded::ask(Kind::Json, number)).collect();
    let (mut in_many, mut in_few) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        in_many.push(load::rate(&proxy, &asks, CONNECTIONS, TURN).await);
        in_few.push(load::rate(&small, &asks, CONNECTIONS, TURN).await);
    }
    let (in_many, in_few) = (Rate::median(in_many), Rate::median(in_few));
    let ratio = in_many.per_second / in_few.per_second;
    let what = format!("{MANY} recordings: {in_many}, with 64 recordings {in_few}, ratio {ratio:.2} (at least 0.9)");
    findings.add(&what, ratio >= 0.9);
}

/// Sessions beside each other, each of which asks some things once and some again and again.
async fn soak(findings: &mut Findings) {
    const REQUESTS: usize = 10_000;
    let folder = Many::write(Kind::Repeats, 40);
    let proxy = Server::proxy(folder.path());
    load::sessions(&proxy, CONNECTIONS, REQUESTS / 4).await;
    let before = proxy.memory_mb();
    let began = Instant::now();
    let mistakes = load::sessions(&proxy, CONNECTIONS, REQUESTS).await;
    let (took, after) = (began.elapsed(), proxy.memory_mb());
    let what = format!("{REQUESTS} requests of {CONNECTIONS} clients in sessions: {mistakes} mistakes, in {took:.1?}");
    findings.add(&what, mistakes == 0);
    let what = format!("memory from {before:.1} to {after:.1} MB over these requests (at most 2 more)");
    findings.add(&what, after <= before + 2.0);
}
