//! The tests that processes run: a process announces each of its tests, and its requests are that test's.
//!
//! A test runner cannot give each test a client of its own: clients are made when modules are imported, or once for many
//! tests. So the address that a process gives its clients names the process, and the process says which test it runs.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::exchange::fits;

/// What the name of a process begins with, where the name of a session is expected. No client escapes this character.
pub(super) const PROCESS: char = '~';

/// How many troubles of a test are kept.
const MOST_TROUBLES: usize = 20;

/// The running tests, by the names of their sessions.
#[derive(Default)]
pub(super) struct Tests(Mutex<HashMap<String, Test>>);

/// One running test.
#[derive(Debug, Default)]
pub(super) struct Test {
    /// The process that runs it, if one said so.
    pub(super) process: Option<String>,
    /// The running test of this process within which it begins: a fixture for many tests begins within the first.
    within: Option<String>,
    /// Counts the tests that began before.
    number: u64,
    /// The hosts, with `*` for any text, that it may reach besides those of providers.
    pub(super) allowed: Vec<String>,
    /// Kind and message of each request that the proxy could not answer.
    troubles: Vec<(&'static str, String)>,
    /// The hosts that were refused to it.
    blocked: BTreeSet<String>,
}

impl Tests {
    /// Begins a test. `Err` is the session of another test that its process runs.
    pub(super) fn begin(&self, session: &str, test: Test) -> Result<(), String> {
        let mut tests = self.lock();
        let current = test.process.as_deref().and_then(|process| current(&tests, process));
        if let Some(other) = current.filter(|current| Some(*current) != test.within.as_deref()) {
            return Err(other.to_owned());
        }
        let number = tests.values().map(|test| test.number + 1).max().unwrap_or_default();
        tests.insert(session.to_owned(), Test { number, ..test });
        Ok(())
    }

    pub(super) fn end(&self, session: &str) {
        self.lock().remove(session);
    }

    /// The session of a request that names this session or process; `None` if the process runs no test.
    pub(super) fn session_of(&self, name: String) -> Option<String> {
        if !name.starts_with(PROCESS) {
            return Some(name);
        }
        current(&self.lock(), &name).map(str::to_owned)
    }

    /// Notes a request of a test that the proxy could not answer.
    pub(super) fn troubled(&self, session: &str, kind: &'static str, message: &str) {
        if let Some(test) = self.lock().get_mut(session)
            && test.troubles.len() < MOST_TROUBLES
        {
            test.troubles.push((kind, message.to_owned()));
        }
    }

    /// Notes a host that was refused to a test: no trouble by itself, but what its failure may come from.
    pub(super) fn blocked(&self, session: &str, host: &str) {
        if let Some(test) = self.lock().get_mut(session)
            && test.blocked.len() < MOST_TROUBLES
        {
            test.blocked.insert(host.to_owned());
        }
    }

    /// Whether a test may reach a host that is no provider's.
    pub(super) fn lets_pass(&self, session: &str, host: &str) -> bool {
        self.lock().get(session).is_some_and(|test| test.allowed.iter().any(|pattern| fits(pattern, host)))
    }

    /// The state of a test, as JSON; `None` if it does not run.
    pub(super) fn told(&self, session: &str) -> Option<Value> {
        let tests = self.lock();
        let test = tests.get(session)?;
        let troubles = test.troubles.iter().map(|(kind, message)| json!({"kind": kind, "message": message}));
        let troubles: Vec<Value> = troubles.collect();
        Some(json!({"session": session, "for": test.process, "troubles": troubles, "blocked": test.blocked}))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Test>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The session of the test that a process began last and has not ended.
fn current<'t>(tests: &'t HashMap<String, Test>, process: &str) -> Option<&'t str> {
    let of_process = tests.iter().filter(|(_, test)| test.process.as_deref() == Some(process));
    of_process.max_by_key(|(_, test)| test.number).map(|(session, _)| session.as_str())
}

/// The members of the body that starts a session which concern the test, and the body without them. A body that is no
/// JSON object stays as it is.
pub(super) fn announced(body: &[u8]) -> Result<(Test, Vec<u8>), String> {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(body) else {
        return Ok((Test::default(), body.to_vec()));
    };
    let process = match members.shift_remove("for") {
        None => None,
        Some(Value::String(name)) if name.starts_with(PROCESS) && name.len() > 1 => Some(name),
        Some(other) => return Err(format!("`for` is {other}, and the name of a process begins with {PROCESS}")),
    };
    let within = match members.shift_remove("within") {
        None => None,
        Some(Value::String(session)) => Some(session),
        Some(other) => return Err(format!("`within` is {other}, and not the name of a session")),
    };
    let allowed = match members.shift_remove("allow_hosts") {
        None => Vec::new(),
        Some(list) => {
            serde_json::from_value(list).map_err(|error| format!("`allow_hosts` is no list of hosts: {error}"))?
        }
    };
    let rest = if members.is_empty() { Vec::new() } else { Value::Object(members).to_string().into_bytes() };
    Ok((Test { process, within, allowed, ..Test::default() }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(process: &str) -> Test {
        Test { process: Some(process.to_owned()), ..Test::default() }
    }

    #[test]
    fn a_request_of_a_process_is_of_the_test_that_it_runs() {
        let tests = Tests::default();
        let session = |name: &str| tests.session_of(name.to_owned());
        assert_eq!((session("a"), session("~gw0")), (Some("a".to_owned()), None));
        tests.begin("a", of("~gw0")).unwrap();
        tests.begin("b", of("~gw1")).unwrap();
        assert_eq!((session("~gw0").as_deref(), session("~gw1").as_deref()), (Some("a"), Some("b")));
        assert_eq!(tests.begin("c", of("~gw0")), Err("a".to_owned()));
        tests.end("a");
        assert_eq!(session("~gw0"), None);
        tests.begin("c", of("~gw0")).unwrap();
        assert_eq!(session("~gw0").as_deref(), Some("c"));
    }

    #[test]
    fn a_fixture_within_a_test_has_the_requests_until_it_ends() {
        let tests = Tests::default();
        let session = || tests.session_of("~p".to_owned());
        let within = |name: &str| Test { within: Some(name.to_owned()), ..of("~p") };
        tests.begin("test", of("~p")).unwrap();
        tests.begin("outer", within("test")).unwrap();
        assert_eq!(tests.begin("other", within("test")), Err("outer".to_owned()));
        tests.begin("inner", within("outer")).unwrap();
        for name in ["inner", "outer", "test"] {
            assert_eq!(session().as_deref(), Some(name));
            tests.end(name);
        }
        assert_eq!(session(), None);
    }

    #[test]
    fn a_test_has_its_own_troubles_and_hosts() {
        let tests = Tests::default();
        tests.begin("a", Test { allowed: vec!["*.example".to_owned()], ..of("~p") }).unwrap();
        tests.troubled("a", "missing-recording", "none");
        tests.troubled("b", "missing-recording", "not of a test");
        tests.blocked("a", "x.test");
        let told = json!({
            "session": "a",
            "for": "~p",
            "troubles": [{"kind": "missing-recording", "message": "none"}],
            "blocked": ["x.test"],
        });
        assert_eq!(tests.told("a"), Some(told));
        assert_eq!(tests.told("b"), None);
        assert!(
            tests.lets_pass("a", "x.example") && !tests.lets_pass("a", "x.test") && !tests.lets_pass("b", "x.example")
        );
    }

    #[test]
    fn what_is_announced_is_taken_out_of_the_body() {
        let (test, rest) = announced(br#"{"for": "~p", "faults": [{"status": 500}], "allow_hosts": ["h"]}"#).unwrap();
        assert_eq!((test.process.as_deref(), test.allowed), (Some("~p"), vec!["h".to_owned()]));
        assert_eq!(rest, br#"{"faults":[{"status":500}]}"#);
        assert!(announced(br#"{"for": "~p"}"#).unwrap().1.is_empty());
        assert_eq!(announced(b"faults: []").unwrap().1, b"faults: []");
        for bad in [r#"{"for": "p"}"#, r#"{"for": 1}"#, r#"{"for": "~"}"#, r#"{"allow_hosts": "h"}"#] {
            assert!(announced(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_kept_of_a_test_is_bounded() {
        let tests = Tests::default();
        tests.begin("a", of("~p")).unwrap();
        for number in 0..2 * MOST_TROUBLES {
            tests.troubled("a", "missing-recording", "none");
            tests.blocked("a", &format!("{number}.example"));
        }
        let told = tests.told("a").unwrap();
        let count = |what: &str| told[what].as_array().unwrap().len();
        assert_eq!((count("troubles"), count("blocked")), (MOST_TROUBLES, MOST_TROUBLES));
    }

    #[test]
    fn a_test_that_says_within_which_it_begins_may_begin_there() {
        let tests = Tests::default();
        tests.begin("test", of("~p")).unwrap();
        let (fixture, rest) = announced(br#"{"for": "~p", "within": "test"}"#).unwrap();
        assert!(rest.is_empty());
        assert_eq!(tests.begin("fixture", fixture), Ok(()));
        assert_eq!(tests.session_of("~p".to_owned()).as_deref(), Some("fixture"));
        assert!(announced(br#"{"within": 1}"#).is_err());
    }
}
