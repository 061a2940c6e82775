//! The public API of a test target, as another package uses it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::process::ExitCode;

use retake::Harness;
use serde_json::Value;

/// Letters first, and the checksum of ISO 13616.
fn is_iban(value: &Value) -> Result<(), String> {
    let text: String = value.as_str().ok_or("it is not text")?.chars().filter(|c| !c.is_whitespace()).collect();
    let (head, tail) = text.split_at_checked(4).ok_or("it is too short")?;
    let mut rest = 0;
    for c in tail.chars().chain(head.chars()) {
        let digit = c.to_digit(36).ok_or("letters and digits only")?;
        rest = (rest * if digit < 10 { 10 } else { 100 } + digit) % 97;
    }
    if rest == 1 { Ok(()) } else { Err("the checksum is wrong".into()) }
}

/// Runs a suite whose answer must meet `need`, in a folder without providers, setups or recordings of its own.
fn run(need: &str) -> ExitCode {
    run_with(need, &[])
}

/// The same with more flags.
fn run_with(need: &str, more: &[&str]) -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    let suite = format!(
        "cases:\n  - name: account\n    model: text\n    request: {{post: /v1/chat/completions, body: {{model: '${{model}}', messages: [{{role: user, content: pay}}]}}}}\n    expect: {{text: {need}}}\n"
    );
    let script = "rules: [{reply: {text: GB82 WEST 1234 5698 7654 32}}]";
    std::fs::create_dir(folder.path().join("suites")).unwrap();
    std::fs::write(folder.path().join("suites/bank.yaml"), suite).unwrap();
    std::fs::write(folder.path().join("script.yaml"), script).unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    Harness::new()
        .matcher("is_iban", is_iban)
        .matcher("is_short", |value| match value.as_str() {
            Some(text) if text.len() < 9 => Ok(()),
            _ => Err("it is longer".into()),
        })
        .matcher("is_broken", |_| panic!("a mistake in the matcher"))
        .run(
            [
                "integration".to_owned(),
                "--mode=live".into(),
                "--setup=gpt".into(),
                format!("--suites={}", at("suites")),
                format!("--provider=openai=script:{}", at("script.yaml")),
            ]
            .into_iter()
            .chain(more.iter().map(|flag| (*flag).to_owned())),
        )
}

#[test]
fn a_test_target_reports_as_the_program_does() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep/junit.xml");
    let report = format!("--report=junit={}", file.display());
    assert_eq!(run_with("{is: is_iban}", &[&report]), ExitCode::SUCCESS);
    let report = quick_junit::Report::deserialize_from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!((report.tests, report.failures), (1, 0));
    assert_eq!(run_with("{is: is_iban}", &["--report=junit=/"]), ExitCode::from(4));
}

#[test]
fn a_matcher_of_ones_own_is_asked() {
    for (need, code) in [
        ("{is: is_iban}", 0),
        ("{is: is_iban, contains: WEST}", 0),
        ("{not: {is: is_short}}", 0),
        ("{is: is_short}", 1),
        ("{not: {is: is_iban}}", 1),
        // What cannot be asked holds in neither way.
        ("{is: is_broken}", 1),
        ("{not: {is: is_broken}}", 1),
        // A name that nobody registered is told before any case runs.
        ("{is: is_ibna}", 4),
    ] {
        assert_eq!(run(need), ExitCode::from(code), "{need}");
    }
}
