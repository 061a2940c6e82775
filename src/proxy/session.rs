//! Sessions: each counts its equal requests from one, independently of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::Proxy;
use super::observer::SessionEnd;
use super::refusal::Refusal;
use crate::exchange::SESSION;
use crate::record::{MOST_CASES, Mode, Tape, Usage, Verdict};
use crate::spelling::nearest;

/// How many characters of the reason for a failure are kept.
const MOST_OF_REASON: usize = 16 << 10;
/// How many unused files are named; the others are only counted.
const MOST_NAMED: usize = 100;

/// The running sessions. If there are too many, those idle for longest are dropped: a client that names a new session
/// in every request never ends any.
#[derive(Default)]
pub(super) struct Sessions(Mutex<Running>);

#[derive(Default)]
struct Running {
    names: BTreeMap<String, Session>,
    by_age: BTreeMap<u64, String>,
    last: u64,
}

/// What the use of a session changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Touched {
    /// The session was not running.
    pub(super) is_new: bool,
    /// The session that was let go to make room.
    pub(super) let_go: Option<String>,
}

/// One session.
#[derive(Default)]
struct Session {
    /// When it was last used: a counter, only for the order.
    age: u64,
    /// How many requests it sent.
    asked: usize,
}

impl Running {
    fn touch(&mut self, name: &str) -> Touched {
        self.last += 1;
        if let Some(session) = self.names.get_mut(name) {
            if let Some(name) = self.by_age.remove(&std::mem::replace(&mut session.age, self.last)) {
                self.by_age.insert(self.last, name);
            }
            return Touched { is_new: false, let_go: None };
        }
        let let_go = match self.names.len() >= MOST_CASES {
            true => self.by_age.pop_first().map(|(_, oldest)| oldest),
            false => None,
        };
        if let Some(oldest) = &let_go {
            self.names.remove(oldest);
        }
        self.names.insert(name.to_owned(), Session { age: self.last, asked: 0 });
        self.by_age.insert(self.last, name.to_owned());
        Touched { is_new: true, let_go }
    }
}

impl Sessions {
    /// Starts a session, unless it runs already.
    pub(super) fn start(&self, name: &str) -> Touched {
        let mut running = self.lock();
        if running.names.contains_key(name) { Touched::default() } else { running.touch(name) }
    }

    /// Notes a request of a session, and starts the session if it does not run.
    pub(super) fn asks(&self, name: &str) -> Touched {
        let mut running = self.lock();
        let touched = running.touch(name);
        if let Some(session) = running.names.get_mut(name) {
            session.asked += 1;
        }
        touched
    }

    /// How many sessions run.
    pub(super) fn count(&self) -> usize {
        self.lock().names.len()
    }

    /// Ends a session, and returns how many requests it sent.
    fn end(&self, name: &str) -> Result<usize, Refusal> {
        let mut running = self.lock();
        if let Some(session) = running.names.remove(name) {
            running.by_age.remove(&session.age);
            return Ok(session.asked);
        }
        let near = nearest(name, running.names.keys().map(String::as_str));
        Err(Refusal::unknown_session(name, near))
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The case id that stands for a session.
pub(super) fn case_of(session: &str) -> String {
    format!("{SESSION}{session}")
}

/// How a session ended, as the body of the request that ends it says. An empty body says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) verdict: Verdict,
    reason: Option<String>,
    is_again: bool,
    is_part: bool,
}

/// Reads how a session ended.
pub(super) fn said(body: &[u8]) -> Result<Said, Refusal> {
    let unsaid = Said { verdict: Verdict::Unknown, reason: None, is_again: false, is_part: false };
    if body.trim_ascii().is_empty() {
        return Ok(unsaid);
    }
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| Refusal::bad_outcome(&format!("the body is not JSON ({error})")))?;
    let verdict = match &body["outcome"] {
        Value::Null if body.as_object().is_some_and(serde_json::Map::is_empty) => return Ok(unsaid),
        Value::String(word) if word == "passed" => Verdict::Passed,
        Value::String(word) if word == "failed" => Verdict::Failed,
        Value::Null => return Err(Refusal::bad_outcome("the body says no `outcome`")),
        other => return Err(Refusal::bad_outcome(&format!("{other} is no outcome"))),
    };
    let reason = body["reason"].as_str().map(|reason| reason.chars().take(MOST_OF_REASON).collect());
    Ok(Said { verdict, reason, is_again: body["again"] == true, is_part: body["part"] == true })
}

/// Tells the observer of a session that began, and of the one that was let go for it.
pub(super) fn touched(proxy: &Proxy, name: &str, touched: Touched) {
    let Some(observer) = &proxy.observer else { return };
    if let Some(let_go) = touched.let_go {
        let (verdict, usage) = (Verdict::Unknown, Usage::default());
        let end = SessionEnd { verdict, reason: None, is_again: false, is_part: false, usage };
        observer.session_ended(&let_go, &end);
    }
    if touched.is_new {
        observer.session_began(name);
    }
}

/// Ends a session that was just started and has asked nothing.
pub(super) fn drop_new(proxy: &Proxy, name: &str) {
    // It was started by the same caller, so that it runs.
    let _ = proxy.sessions.end(name);
}

/// Ends a session and reports the outcome.
pub(super) async fn finish(proxy: &Proxy, name: &str, said: Said) -> Result<Value, Refusal> {
    let asked = proxy.sessions.end(name)?;
    proxy.tests.end(name);
    let Said { verdict, reason, is_again, is_part } = said;
    let usage = proxy.tapes.finish(&case_of(name), verdict).await;
    usage.notes.iter().for_each(|note| (proxy.note)(note));
    if let Some(observer) = &proxy.observer {
        observer.session_ended(name, &SessionEnd { verdict, reason, is_again, is_part, usage: usage.clone() });
    }
    let tapes: Vec<Arc<Tape>> = proxy.providers.iter().map(|(_, tape)| Arc::clone(tape)).collect();
    let (session, mode) = (name.to_owned(), proxy.mode);
    // Folders may be large, and their disks slow.
    let said = tokio::task::spawn_blocking(move || report(&session, mode, (verdict, asked), &tapes, &usage)).await;
    said.map_err(|error| Refusal::from(internal(&error.to_string())))
}

fn internal(why: &str) -> crate::upstream::Error {
    crate::upstream::Error::new(crate::upstream::ErrorKind::Other, format!("the session could not be summed up: {why}"))
}

fn report(
    session: &str,
    mode: Mode,
    (verdict, asked): (Verdict, usize),
    tapes: &[Arc<Tape>],
    came_to: &Usage,
) -> Value {
    let short = |tape: &Tape, paths: &BTreeSet<std::path::PathBuf>| -> Vec<String> {
        paths.iter().map(|path| tape.library().short(path)).collect()
    };
    let named = |paths| tapes.first().map(|tape| short(tape, paths)).unwrap_or_default();
    let mut unused: Vec<String> = Vec::new();
    if mode != Mode::Live {
        for tape in tapes {
            let files = tape.library().files().into_iter();
            let left = files.filter(|file| !came_to.used.contains(file) && !came_to.written.contains(file));
            unused.extend(left.map(|file| tape.library().short(&file)));
        }
        // Two providers may share one folder.
        unused.sort();
        unused.dedup();
    }
    let missed: Vec<Value> = came_to
        .misses
        .iter()
        .map(|miss| json!({"name": miss.name, "kind": miss.kind.name(), "message": miss.message}))
        .collect();
    json!({
        "session": session,
        "outcome": match verdict {
            Verdict::Passed => Some("passed"),
            Verdict::Failed => Some("failed"),
            Verdict::Unknown => None,
        },
        "requests": asked,
        "used": named(&came_to.used),
        "recorded": named(&came_to.written),
        "unused": {"count": unused.len(), "files": &unused[..unused.len().min(MOST_NAMED)]},
        "missed": missed,
        "notes": came_to.notes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_says_how_and_why() {
        let said_by = |body: &str| said(body.as_bytes()).map(|said| (said.verdict, said.reason, said.is_again));
        assert_eq!(said_by(" "), Ok((Verdict::Unknown, None, false)));
        assert_eq!(said_by("{}"), Ok((Verdict::Unknown, None, false)));
        let failed = r#"{"outcome": "failed", "reason": "1 is not 2", "again": true}"#;
        assert_eq!(said_by(failed), Ok((Verdict::Failed, Some("1 is not 2".into()), true)));
        for bad in ["no", r#"{"outcome": 1}"#, r#"{"reason": "x"}"#] {
            assert!(said_by(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_session_runs_from_its_start_to_its_end() {
        let sessions = Sessions::default();
        assert!(sessions.start("a").is_new && !sessions.start("a").is_new);
        assert!(!sessions.asks("a").is_new && sessions.asks("b").is_new);
        assert_eq!(sessions.count(), 2);
        assert_eq!((sessions.end("a"), sessions.end("b")), (Ok(1), Ok(1)));
        assert!(sessions.start("test_alpha").is_new);
        assert!(sessions.end("test_alpah").is_err_and(|refusal| refusal.message.contains("\"test_alpha\"")));
        assert!(sessions.end("a").is_err() && sessions.start("a").is_new);
    }

    #[test]
    fn sessions_that_never_end_are_let_go_the_longest_idle_first() {
        let sessions = Sessions::default();
        sessions.asks("lively");
        let mut let_go = Vec::new();
        for number in 0..2 * MOST_CASES {
            let_go.extend(sessions.asks(&number.to_string()).let_go);
            sessions.asks("lively");
        }
        assert_eq!((let_go.len(), let_go[0].as_str()), (MOST_CASES + 1, "0"));
        assert_eq!((sessions.count(), sessions.lock().by_age.len()), (MOST_CASES, MOST_CASES));
        assert!(sessions.end("0").is_err() && sessions.end("lively").is_ok());
        assert!(sessions.end(&(2 * MOST_CASES - 1).to_string()).is_ok());
    }

    #[test]
    fn a_session_ends_as_its_body_says_and_only_an_empty_one_says_nothing() {
        let of = |body: &str| said(body.as_bytes()).map(|said| said.verdict).map_err(|refusal| refusal.message);
        for (body, is) in [
            ("", Verdict::Unknown),
            (" \n", Verdict::Unknown),
            ("{}", Verdict::Unknown),
            (r#"{"outcome": "passed"}"#, Verdict::Passed),
            (r#"{"outcome": "failed", "more": 1}"#, Verdict::Failed),
        ] {
            assert_eq!(of(body), Ok(is), "{body}");
        }
        for (body, why) in [
            ("passed", "not JSON"),
            ("[]", "says no `outcome`"),
            (r#"{"result": "passed"}"#, "says no `outcome`"),
            (r#"{"outcome": null, "result": "passed"}"#, "says no `outcome`"),
            (r#"{"outcome": "green"}"#, "\"green\" is no outcome"),
            (r#"{"outcome": true}"#, "true is no outcome"),
        ] {
            assert!(of(body).is_err_and(|said| said.contains(why)), "{body}");
        }
        assert_eq!(case_of("a"), "session a");
    }
}
