use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::event::{
    Call, CaseRef, Chunk, Class, Excerpt, Exchange, Failure, Finding, Finished, Head, Interruption, Mismatch, Outcome,
    Part, Problem, Proof, Recorded, Reply, Request,
};

const SUITE: &str = "suites/a.yaml";

fn started() -> Event {
    let head = Head { mode: "replay".into(), retake: "0.1.0".into(), suites: "suites".into(), ..Head::default() };
    Event::Started(Box::new(head))
}

fn collected(total: usize) -> Event {
    Event::Collected { total, deselected: 0 }
}

fn finished(index: usize, name: &str, outcome: Outcome) -> Finished {
    let case = CaseRef { id: format!("{SUITE}::{name}"), suite: SUITE.into(), line: 3, ..CaseRef::default() };
    Finished { index, case, outcome, duration: Duration::from_millis(20), ..Finished::default() }
}

fn done(finished: Finished) -> Event {
    Event::CaseFinished(Box::new(finished))
}

fn ended(interrupted: Option<Interruption>) -> Event {
    Event::Finished { duration: Duration::from_millis(110), interrupted, proof: Box::default() }
}

/// A run of these cases.
fn run(cases: Vec<Finished>) -> Vec<Event> {
    let mut events = vec![started(), collected(cases.len())];
    events.extend(cases.into_iter().map(done));
    events.push(ended(None));
    events
}

fn failure(problem: Problem) -> Box<Failure> {
    Box::new(Failure { problem, rerun: "retake test".into(), ..Failure::default() })
}

fn message(words: &str) -> Outcome {
    Outcome::Failed(failure(Problem::Message(words.into())))
}

fn mismatch(expected: &str, actual: &str) -> Problem {
    let text = format!("    text: {expected}");
    let place = Excerpt { file: SUITE.into(), line: 9, column: 11, width: expected.chars().count(), text };
    let mismatch =
        Mismatch { place, path: "text".into(), expected: expected.into(), actual: actual.into(), texts: None };
    Problem::Mismatches(vec![mismatch])
}

/// The data of a page, as its script reads it.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

fn between<'p>(page: &'p str, before: &str, after: &str) -> &'p str {
    page.split_once(before).unwrap().1.split_once(after).unwrap().0
}

#[test]
fn the_page_may_run_its_own_script_and_nothing_else() {
    let page = page(&[run(vec![finished(0, "a", Outcome::Passed)])]);
    let policy = between(&page, "http-equiv=\"Content-Security-Policy\" content=\"", "\"");
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    let script = hash(between(&page, "<script type=\"module\">", "</script>"));
    let style = hash(between(&page, "<style>", "</style>"));
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(policy.contains(&format!("script-src 'sha256-{script}'; style-src 'sha256-{style}'")), "{policy}");
    // The only addresses in it are names of formats.
    let addresses: Vec<&str> = page.match_indices("http").map(|(at, _)| &page[at..page.len().min(at + 26)]).collect();
    let is_name = |words: &&str| words.starts_with("http://www.w3.org/2000/svg") || words.starts_with("http-equiv");
    assert!(addresses.iter().all(is_name), "{addresses:?}");
    for way in [" style=", " src=", "@import", "url(", "fetch(", "import("] {
        assert!(!page.contains(way), "{way}");
    }
}

#[test]
fn texts_of_users_and_providers_stay_texts() {
    let name = "a[</script><script>alert(1)</script>-<!--\u{2028}-\"&'-{{data}}]";
    let outcome = message("<img src=x onerror=alert(2)> \u{1b}[2J </pre>");
    let page = page(&[run(vec![finished(0, name, outcome)])]);
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains("<!--") && !page.contains("<img") && !page.contains('\u{1b}'));
    assert!(!between(&page, "id=\"data\">", "</script>").contains(['<', '\u{2028}']));
    let data = data(&page);
    assert_eq!(data["cases"][0][1], name);
    assert_eq!(data["details"][0]["message"], "<img src=x onerror=alert(2)> \u{1b}[2J </pre>");
    assert!(page.contains("a[&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;-&lt;!--"), "{page}");
}

#[test]
fn every_end_of_a_run_has_its_verdict_in_title_and_head() {
    let passed = || finished(0, "a", Outcome::Passed);
    let torn = Finished { outcome: Outcome::Error(failure(mismatch("1", "2"))), ..passed() };
    let cases: [(Vec<Event>, &str, &str); 8] = [
        (run(vec![]), "–", "No cases ran"),
        (run(vec![passed()]), "✓", "Passed"),
        (run(vec![finished(0, "a", Outcome::Skipped("why".into()))]), "–", "All skipped"),
        (run(vec![finished(0, "a", Outcome::XPassed("why".into()))]), "!", "Passed, with reservations"),
        (run(vec![passed(), finished(1, "b", message("no"))]), "✗", "Failed"),
        (vec![started(), collected(2), done(passed()), ended(Some(Interruption::User))], "✗", "Interrupted"),
        (vec![started(), collected(2), done(passed())], "✗", "Broken off"),
        (
            vec![started(), collected(1), Event::CaseTeardown(Box::new(torn)), done(passed()), ended(None)],
            "✗",
            "Failed",
        ),
    ];
    for (events, mark, word) in cases {
        let page = page(&[events]);
        let head = between(&page, "<div class=\"result\">", "</div>");
        assert!(head.contains(mark) && head.contains(&format!("<strong>{word}</strong>")), "{word}: {head}");
        assert!(between(&page, "<title>", "</title>").starts_with(mark), "{word}");
        assert_eq!(data(&page)["runs"][0]["verdict"][2], word);
    }
    assert!(page(&[]).contains("Broken off"), "no run at all is no success");
}

#[test]
fn an_interrupted_run_says_what_did_not_run() {
    let events = vec![
        started(),
        collected(5),
        done(finished(0, "a", Outcome::Passed)),
        Event::CaseGivenUp { id: format!("{SUITE}::b") },
        ended(Some(Interruption::User)),
    ];
    let page = page(&[events]);
    let run = &data(&page)["runs"][0];
    assert_eq!((&run["notRun"], &run["end"]["interrupted"]), (&3.into(), &"interrupted by the user".into()));
    assert_eq!(run["results"][1], serde_json::json!([1, 7, 0]));
    assert!(page.contains("<li class=\"why\">interrupted by the user</li>"), "{page}");
}

#[test]
fn without_scripts_the_failures_are_told_as_the_terminal_tells_them() {
    let failed = Failure { part: Part::Setup, ..*failure(mismatch("3", "4")) };
    let page = page(&[run(vec![finished(0, "wrong", Outcome::Failed(Box::new(failed)))])]);
    insta::assert_snapshot!(between(&page, "<div id=\"fixed\">", "</div>"), @r"

    <h2>Failures</h2>
    <section><h3>suites/a.yaml::wrong</h3>
    <p>setup: text: expected 3, got 4</p>
    <pre>In setup:
    error: text does not hold
     --&gt; suites/a.yaml:9:11
      |
    9 |     text: 3
      |           ^
      path:     text
      expected: 3
      actual:   4
    rerun: retake test -k &#39;suites/a.yaml::wrong&#39;</pre></section>
    ");
}

#[test]
fn a_case_is_a_row_and_what_many_share_is_kept_once() {
    let call = Call {
        method: "POST".into(),
        endpoint: "/v1/chat/completions".into(),
        status: Some(200),
        first_byte: Some(Duration::from_millis(200)),
        last_byte: Some(Duration::from_millis(900)),
        chunks: vec![
            Chunk { at: Duration::from_millis(200), bytes: 10 },
            Chunk { at: Duration::from_millis(900), bytes: 20 },
        ],
        ..Call::default()
    };
    let finding = Finding { rule: "object".into(), actual: "x".into(), known: Some("so it is".into()) };
    let case = |index, name: &str| Finished {
        calls: vec![call.clone()],
        protocol: vec![finding.clone()],
        ..finished(index, name, Outcome::Passed)
    };
    let one = run(vec![case(0, "a"), case(1, "b")]);
    let data = data(&page(&[one.clone(), one]));
    insta::assert_snapshot!(data["texts"], @r#"["suites/a.yaml","","call","POST","/v1/chat/completions","object","x","so it is"]"#);
    insta::assert_snapshot!(data["cases"], @r#"[[0,"a",3,1,1,1],[0,"b",3,1,1,1]]"#);
    insta::assert_snapshot!(data["calls"], @"[[2,null,0,3,4,200,null,200000,900000,null,null,null,null,null,0]]");
    insta::assert_snapshot!(data["streams"], @"[[2,[2000,10,7000,20]]]");
    insta::assert_snapshot!(data["runs"][1]["results"], @"[[0,0,20000,null,null,[0],[5,6,7]],[1,0,20000,null,null,[0],[5,6,7]]]");
    assert_eq!(data["runs"][0]["results"], data["runs"][1]["results"]);
}

#[test]
fn commands_are_those_of_the_terminal() {
    let request =
        Request { method: "POST".into(), url: "http://h/v1/x".into(), body: r#"{"q":1}"#.into(), ..Request::default() };
    let asked = |body: String| Exchange {
        request: Some(Request { body, ..request.clone() }),
        reply: Some(Reply { status: 200, ..Reply::default() }),
        ..Exchange::default()
    };
    let failed = |body: String| {
        let failed = Failure {
            class: Class::StaleRecording,
            record: Some("retake test --mode record".into()),
            exchange: Some(asked(body)),
            ..*failure(Problem::Message("the recording is stale\n  differs at $.a".into()))
        };
        data(&page(&[run(vec![finished(0, "it's", Outcome::Failed(Box::new(failed)))])]))
    };
    let kept = failed(request.body.clone());
    let details = &kept["details"][0];
    // The id has a quote, so the command has another text in its place than the id itself.
    let rerun = kept["texts"][details["rerun"].as_u64().unwrap() as usize].as_str().unwrap();
    assert_eq!(rerun, r"retake test -k 'suites/a.yaml::it'\''s'");
    assert_eq!(details["record"][1], r"retake test --mode record -k 'suites/a.yaml::it'\''s'");
    assert_eq!(details["exchanges"][0]["curl"], "curl 'http://h/v1/x' -d '\u{1}'");
    assert_eq!(
        (&details["exchanges"][0]["asked"], &details["exchanges"][0]["reply"]),
        (&r#"{"q":1}"#.into(), &"200 OK".into())
    );
    let long = &failed("x".repeat(20_000))["details"][0]["exchanges"][0];
    assert!(long["asked"].as_str().unwrap().ends_with("… (cut: 20000 bytes in all)"));
    assert!(long.get("curl").is_none(), "a command with half a body would ask for something else");
}

#[test]
fn very_long_texts_are_cut_which_is_said() {
    let name = format!("long[{}]", "é".repeat(5_000));
    let long = "y".repeat(100_000);
    let cases = vec![
        finished(0, &name, message(&format!("{long}\n{long}"))),
        finished(1, "b", Outcome::Failed(failure(mismatch("1", &long)))),
        finished(2, "c", Outcome::Skipped(long.clone())),
    ];
    let page = page(&[run(cases)]);
    assert!(page.len() < 200_000 + SCRIPT.len() + STYLE.len(), "{}", page.len());
    let data = data(&page);
    // An id is what a case is found by: it stays whole.
    assert_eq!(data["cases"][0][1], name);
    assert!(data["details"][0]["message"].as_str().unwrap().ends_with("… (cut: 200001 bytes in all)"));
    assert!(data["details"][1]["checks"][0][3].as_str().unwrap().ends_with("… (cut: 100000 bytes in all)"));
    let reason = data["runs"][0]["results"][2][3].as_u64().unwrap() as usize;
    assert!(data["texts"][reason].as_str().unwrap().ends_with("… (cut: 100000 bytes in all)"));
}

#[test]
fn ten_thousand_failures_with_long_texts_fit_and_the_last_run_has_its_details_first() {
    let cases = |count: usize| {
        (0..count)
            .map(|index| finished(index, &format!("case_{index}"), message(&format!("{index} {}", "z".repeat(4_000)))))
    };
    let old = run(cases(10).collect());
    let new = run(cases(10_000).collect());
    let page = page(&[old, new]);
    assert!(page.len() < 8_000_000, "{}", page.len());
    let data = data(&page);
    let details = data["details"].as_array().unwrap();
    let is_brief = |result: &Value| details[result[4].as_u64().unwrap() as usize].get("brief").is_some();
    assert!(!is_brief(&data["runs"][1]["results"][0]));
    assert!(is_brief(&data["runs"][1]["results"][9_999]));
    assert!(is_brief(&data["runs"][0]["results"][0]));
    assert!(page.contains("and 9950 more, which the page shows with JavaScript."));
}

#[test]
fn what_a_run_rests_on_is_in_the_page() {
    let proof = Proof { secrets: vec!["A_KEY".into()], revision: Some("abc+".into()), ..Proof::default() };
    let recording = Recorded {
        file: Some("recordings/p/1.json".into()),
        origin: crate::event::Origin::Edited,
        recorded_ms: Some(7),
    };
    let case = Finished {
        calls: vec![Call { recording: Some(recording), ..Call::default() }],
        ..finished(0, "a", Outcome::Passed)
    };
    let end = Event::Finished { duration: Duration::ZERO, interrupted: None, proof: Box::new(proof) };
    let data = data(&page(&[vec![started(), collected(1), done(case), end]]));
    let kept = &data["runs"][0]["end"]["proof"];
    assert_eq!(
        (&kept["secrets"][0], &kept["revision"], &kept["network"]),
        (&"A_KEY".into(), &"abc+".into(), &0.into())
    );
    let row = &data["calls"][0][13];
    let text = |at: usize| &data["texts"][row[at].as_u64().unwrap() as usize];
    assert_eq!((text(0), text(1), &row[2]), (&"recordings/p/1.json".into(), &"edited".into(), &7.into()));
}

/// A live run: each call has times of its own.
fn live(cases: usize, from: u64) -> Vec<Event> {
    let case = |index: usize| {
        let at = Duration::from_micros(from + index as u64);
        let call = Call { method: "POST".into(), endpoint: "/v1/x".into(), last_byte: Some(at), ..Call::default() };
        let outcome = if index.is_multiple_of(4) { message(&format!("{index} is wrong")) } else { Outcome::Passed };
        Finished { calls: vec![call], ..finished(index, &format!("case_{index}"), outcome) }
    };
    run((0..cases).map(case).collect())
}

#[test]
fn a_page_stays_below_its_size_whatever_it_is_made_of_and_says_what_is_left_out() {
    let runs: Vec<Vec<Event>> = (0..4).map(|number| live(400, number * 1_000)).collect();
    let whole = rendered(&runs, usize::MAX);
    assert_eq!(whole.cut, None);
    let (mut most, mut cuts) = (whole.text.len(), Vec::new());
    let least = rendered(&runs, 0).text.len() + 2_000;
    while most > least {
        most -= 2_000;
        let Rendered { text, cut } = rendered(&runs, most);
        assert!(text.len() <= most, "{} bytes of {most}", text.len());
        let (cut, data) = (cut.unwrap(), data(&text));
        let results = |run: &Value| run["results"].as_array().unwrap().clone();
        let newest = results(data["runs"].as_array().unwrap().last().unwrap());
        let failed = newest.iter().filter(|row| row[1] == 2).count();
        // A case that passed goes before one that failed.
        assert!(failed == 100 || failed == newest.len(), "{cut}");
        assert_eq!(data["cut"].as_array().unwrap().len(), cut.split("; ").count());
        if cuts.last() != Some(&cut) {
            cuts.push(cut);
        }
    }
    let first = cuts.first().map(String::as_str);
    assert_eq!(first, Some("it is without calls of earlier runs"));
    assert!(cuts.iter().any(|cut| cut.contains("the 3 oldest runs")), "{cuts:#?}");
    assert!(cuts.last().is_some_and(|cut| cut.contains("those that passed first")), "{cuts:#?}");
}
