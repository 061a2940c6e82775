use bytes::Bytes;

use super::super::pool::Pool;
use super::*;
use crate::exchange::{Auth, Reply, Request, Rules, key};
use crate::provider::Provider;

fn exchange(body: &str, headers: &[(&str, &str)]) -> Exchange {
    let request = Request {
        method: http::Method::POST,
        endpoint: "/v1/chat/completions".to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{\"model\":\"m\"}"),
        auth: Auth::Provider,
        case: None,
    };
    let reply = Reply {
        status: 200,
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        chunks: vec![],
        end: End::Complete,
    };
    let url = "https://api.together.xyz/v1/v1/chat/completions".to_owned();
    Exchange { request, url, reply, recorded_at: None, origin: Origin::Real }
}

fn entry(nth: u32, exchange: Exchange) -> Arc<Entry> {
    let key = key(&exchange.request, "https://api.together.xyz/v1", &Rules::default());
    Arc::<Pool>::default().depart(None).land(key, nth, exchange)
}

fn file(body: &str, times: Times) -> Option<Recording> {
    Some(Recording {
        exchange: exchange(body, &[]),
        owners: exchange::Owners::ByOrder { times, cases: BTreeSet::new() },
        expected: false,
    })
}

/// Per planned file: the old file it was, its body, its times.
fn planned(old: &[Option<Recording>], new: &[(u32, &str)]) -> Vec<(Option<usize>, String, Times)> {
    let entries: Vec<_> = new.iter().map(|(nth, body)| entry(*nth, exchange(body, &[]))).collect();
    plan(old, &entries, None, &mut |_, reason| panic!("{reason}"))
        .into_iter()
        .map(|planned| {
            let recording = planned.recording.unwrap_or_else(|| file("broken", Times::Any).unwrap());
            let body = String::from_utf8(recording.exchange.reply.body.to_vec()).unwrap();
            (planned.old, body, times_of(&recording))
        })
        .collect()
}

#[test]
fn new_exchanges_take_their_places_among_the_old() {
    use Times::{Any, Count};
    let row = |old: Option<usize>, body: &str, times| (old, body.to_owned(), times);
    assert_eq!(planned(&[], &[(1, "a"), (2, "a"), (3, "b")]), [row(None, "a", Count(2)), row(None, "b", Count(1))]);
    // Equal replies leave files alone, however often they may be given.
    assert_eq!(planned(&[file("a", Any)], &[(1, "a"), (2, "a")]), [row(Some(0), "a", Any)]);
    assert_eq!(planned(&[file("a", Count(3))], &[(1, "a")]), [row(Some(0), "a", Count(3))]);
    // One more of the same is counted; another one gets its file.
    assert_eq!(planned(&[file("a", Count(1))], &[(2, "a")]), [row(Some(0), "a", Count(2))]);
    assert_eq!(planned(&[file("a", Count(1))], &[(2, "b")]), [row(Some(0), "a", Count(1)), row(None, "b", Count(1))]);
    assert_eq!(planned(&[file("a", Any)], &[(1, "b")]), [row(None, "b", Count(1))]);
    // A second file that became equal to the first is merged into it.
    let two = [file("a", Count(1)), file("b", Count(1))];
    assert_eq!(planned(&two, &[(2, "a")]), [row(Some(0), "a", Count(2))]);
    // A file that could not be read holds its place until something takes it.
    let broken = [None, file("b", Count(1))];
    assert_eq!(planned(&broken, &[(1, "a")]), [row(None, "a", Count(1)), row(Some(1), "b", Count(1))]);
    assert_eq!(planned(&broken, &[(2, "a")]), [row(Some(0), "broken", Any), row(None, "a", Count(1))]);
}

#[test]
fn when_and_where_do_not_make_another_reply() {
    let old = exchange("a", &[("date", "Fri"), ("x-ratelimit-remaining", "9"), ("content-type", "text/plain")]);
    let same = exchange("a", &[("content-type", "text/plain"), ("date", "Sat"), ("cf-ray", "1")]);
    assert!(is_same(&same, &old));
    assert!(!is_same(&exchange("a", &[("content-type", "text/html")]), &old));
    let simulated = Exchange { origin: Origin::Simulated, ..old.clone() };
    assert!(is_same(&simulated, &old) && !is_same(&old, &simulated));
}

#[test]
fn a_file_in_which_a_secret_would_remain_is_not_written() {
    let root = tempfile::TempDir::new().unwrap();
    let provider = Provider { name: "together".to_owned(), ..Provider::default() };
    // Part of the format itself, so that no scrubbing takes it away.
    let secrets = Secrets::new([("API_KEY".to_owned(), "is_streaming".to_owned())]);
    let library = Arc::new(Library::open(root.path(), &provider));
    let keeper = Keeper::new(library, secrets, Arc::default());
    let notes = keeper.keep(None, &[entry(1, exchange("a", &[]))]);
    assert!(notes.len() == 1 && notes[0].ends_with("the value of API_KEY would remain in it"), "{notes:?}");
    assert_eq!(keeper.journal().failures(), notes);
    assert_eq!(fs::read_dir(root.path().join("together")).unwrap().count(), 0);
}
