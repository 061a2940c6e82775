//! The messages of failures.

use super::*;

#[test]
fn a_failure_tells_why_there_is_no_text() {
    let choice = json!({"index": 0, "finish_reason": "length", "message": {"content": "", "reasoning_content": "hmm hmm", "refusal": "I won't"}});
    assert_eq!(
        said_of("{text: Sol}", 200, &json!({"choices": [choice]})),
        r#"text: "Sol", not "" (finish_reason length, refusal "I won't", reasoning of 7 characters)"#
    );
    let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let calling =
        json!({"index": 0, "finish_reason": "tool_calls", "message": {"content": null, "tool_calls": [call]}});
    assert_eq!(
        said_of("{text: Sol}", 200, &json!({"choices": [calling]})),
        r#"text: "Sol", not "" (finish_reason tool_calls, tool calls: 1)"#
    );
    let long = "x".repeat(900);
    let said = said_of("{text: Sol}", 200, &json!({"output": long}));
    assert!(said.contains(&long), "{said}");
}

#[test]
fn a_servers_words_stand_beside_every_wrong_member_of_its_error() {
    let error = json!({"error": {"message": "overloaded, come back later", "code": 529}});
    let said = said_of("{error: {code: 503}}", 500, &error);
    assert_eq!(said, r#"error.code: 503, not 529 in {"message":"overloaded, come back later","code":529}"#);
    let long = json!({"error": {"trace": "x".repeat(500), "message": "overloaded"}});
    assert!(said_of("{}", 503, &long).contains("overloaded"));
    assert!(said_of("{}", 200, &long).contains("overloaded"));
    assert!(
        said_of(
            "{error: true, status: 200, text: a, protocol: off}",
            200,
            &json!({"error": "busy", "choices": [{"message": {"content": ""}}]})
        )
        .contains("busy")
    );
}

/// The difference between expected and actual by lines, if it is shown.
fn difference(yaml: &str, body: &Value) -> Option<String> {
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let body = body.to_string();
    let observed = Observed::of(200, &headers, body.as_bytes(), at_once());
    let verdict = check(&expect(yaml), &Scope::new(), &Seen::new(observed), &Policy::default());
    let texts = verdict.mismatches.into_iter().next().expect("it does not hold").texts?;
    let diff = crate::diff::Diff::of(&texts.expected, &texts.actual)?;
    Some(diff.shown(crate::diff::Extent::Changes).iter().map(|line| line.text() + "\n").collect())
}

#[test]
fn what_is_long_is_compared_line_by_line_and_what_is_short_is_not() {
    let short = difference("{json: {$.a: {equals: [1, 2]}}}", &json!({"a": [1, 3]}));
    assert_eq!((short, difference("{json: {$.a: {equals: b}}}", &json!({"a": "c"}))), (None, None));
    let kinds = difference(
        "{json: {$.a: {equals: 1}}}",
        &json!({"a": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]}),
    );
    assert_eq!(kinds, None, "there is nothing to compare");
    let lines = difference("{text: {equals: \"one\\ntwo\\nthree\"}}", &chat("one\n2\nthree")).unwrap();
    assert_eq!(lines, "  one\n- two\n+ 2\n  three\n");
}

#[test]
fn objects_are_compared_as_what_they_mean() {
    let wanted = "{json: {$.a: {fold: true, equals: {name: get_weather, version: 1, arguments: {city: Rome, unit: C}, list: [{x: 1, y: 2}]}}}}";
    let actual = json!({"a": {
        "list": [{"y": 2, "x": 1.0}, {"x": 3}], "version": 1.0,
        "arguments": {"unit": "F", "city": "ROME", "days": 3}, "name": "get_weather",
    }});
    insta::assert_snapshot!(difference(wanted, &actual).unwrap(), @r#"
      ... 3 equal lines
        "arguments": {
          "city": "Rome",
    -     "unit": "C"
    +     "unit": "F",
    +     "days": 3
        },
        "list": [
          {
            "x": 1,
            "y": 2
    +     },
    +     {
    +       "x": 3
          }
        ]
      }
    "#);
}
