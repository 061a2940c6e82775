//! What the proxy costs: replay through it against a bare server with constant bytes, on the same HTTP library, under
//! the same load, in the same run; and that it stays small, quick to start and right with many recordings and many
//! sessions. Exits with 1 where it falls short.
//!
//!     cargo bench --bench proxy [-- json stream intercepted many soak]
#![allow(clippy::unwrap_used, missing_docs, reason = "a measurement that cannot go on panics")]

mod load;
mod recorded;
mod server;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use load::Rate;
use recorded::{Ask, Kind, Many};
use server::Server;

/// What is measured; the words on the command line choose among them.
const PARTS: [&str; 5] = ["json", "stream", "intercepted", "many", "soak"];
/// Kept-alive connections of the load.
const CONNECTIONS: usize = 16;
/// Turns that each of two servers takes, one after the other.
const TURNS: usize = 15;
/// How long a turn is.
const TURN: Duration = Duration::from_millis(700);
/// Recordings in the large folder.
const MANY: usize = 100_000;
/// Those that are asked for once.
const ONCE: usize = 20_000;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, kind] = words.as_slice()
        && word == server::BARE
    {
        server::bare(kind);
        return ExitCode::SUCCESS;
    }
    let all = !words.iter().any(|word| PARTS.contains(&word.as_str()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut findings = Findings(true);
    runtime.block_on(async {
        for part in PARTS.into_iter().filter(|part| all || words.iter().any(|word| word == part)) {
            match part {
                "json" => against_bare(Kind::Json, 0.8, &mut findings).await,
                "stream" => against_bare(Kind::Stream, 0.7, &mut findings).await,
                "intercepted" => intercepted(&mut findings).await,
                "many" => with_many(&mut findings).await,
                _ => soak(&mut findings).await,
            }
        }
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

/// The same load on the bare server and on the proxy.
async fn against_bare(kind: Kind, least: f64, findings: &mut Findings) {
    let folder = Many::write(kind, 64);
    let bare = Server::bare(kind);
    let proxy = Server::proxy(folder.path());
    let asks: Vec<Ask> = (0..64).map(|number| recorded::ask(kind, number)).collect();
    let Beside { rate: through, other: plain, ratio } = beside(&proxy, &bare, &asks).await;
    let what =
        format!("{kind}: {through} through the proxy, {plain} of the bare server, ratio {ratio:.2} (at least {least})");
    findings.add(&what, ratio >= least);
}

/// Clients that use the proxy as their network proxy, with TLS, beside those that have its address.
async fn intercepted(findings: &mut Findings) {
    let folder = Many::write(Kind::Json, 64);
    let (plain, tunnelled) = (Server::proxy(folder.path()), Server::intercepting(folder.path()));
    let asks: Vec<Ask> = (0..64).map(|number| recorded::ask(Kind::Json, number)).collect();
    let Beside { rate, other, ratio } = beside(&tunnelled, &plain, &asks).await;
    let what = format!("intercepted JSON: {rate}, by the proxy's address {other}, ratio {ratio:.2} (at least 0.6)");
    findings.add(&what, ratio >= 0.6);
    let folder = Many::write(Kind::Stream, 64);
    let (plain, tunnelled) = (Server::proxy(folder.path()), Server::intercepting(folder.path()));
    let asks: Vec<Ask> = (0..64).map(|number| recorded::ask(Kind::Stream, number)).collect();
    let [direct, through] = load::first_bytes([&plain, &tunnelled], &asks, 2_000).await;
    let more = through.saturating_sub(direct);
    let what = format!(
        "intercepted stream: first byte after {through:.1?}, by the proxy's address {direct:.1?} (at most 2 ms more)"
    );
    findings.add(&what, more <= Duration::from_millis(2));
}

/// Two servers under the same load.
struct Beside {
    rate: Rate,
    other: Rate,
    /// The median of the turns' ratios: what slows the machine down for a while slows both in the same turn.
    ratio: f64,
}

async fn beside(one: &Server, other: &Server, asks: &[Ask]) -> Beside {
    let mut rates = Vec::new();
    for turn in 0..=TURNS {
        let other = load::rate(other, asks, CONNECTIONS, TURN).await;
        let rate = load::rate(one, asks, CONNECTIONS, TURN).await;
        // The first turn warms both.
        if turn > 0 {
            rates.push((rate, other));
        }
    }
    let median = |of: &dyn Fn(&(Rate, Rate)) -> f64| {
        let mut all: Vec<f64> = rates.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Beside {
        rate: Rate(median(&|(rate, _)| rate.0)),
        other: Rate(median(&|(_, other)| other.0)),
        ratio: median(&|(rate, other)| rate.0 / other.0),
    }
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
    let cold: Vec<Ask> = (0..ONCE).map(|number| recorded::ask(Kind::Json, number * (MANY / ONCE))).collect();
    let cold = load::each_once(&proxy, &cold, CONNECTIONS).await;
    let memory = proxy.memory_mb();
    let what = format!("{MANY} recordings: {cold} the first time; {memory:.1} MB after {ONCE} of them (at most 100)");
    findings.add(&what, memory <= 100.0);
    let asks: Vec<Ask> = (0..64).map(|number| recorded::ask(Kind::Json, number)).collect();
    let Beside { rate: in_many, other: in_few, ratio } = beside(&proxy, &small, &asks).await;
    let what = format!("{MANY} recordings: {in_many}, with 64 recordings {in_few}, ratio {ratio:.2} (at least 0.85)");
    findings.add(&what, ratio >= 0.85);
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
