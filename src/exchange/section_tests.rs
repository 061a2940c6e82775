//! How versions are handled, and what edits by hand lead to. Some of these files have versions that do not exist yet.

use proptest::prelude::*;

use crate::exchange::{Origin, Owners, ReadError, Recording, Times, read, read_request, write};

const BODY: &str = "data: {\"a\":1}\n\n: ping\n\ndata: [DONE]\n\n";

/// A file of this version, with more members at each place that can have unknown ones.
fn file(version: &str, more: &str) -> String {
    let (comma, more) = if more.is_empty() { ("", "") } else { (", ", more) };
    format!(
        r#"{{
  "request": {{"method": "POST", "url": "https://x.ai/v1/v1/chat/completions", "headers": {{}},
    "body": {{"model": "m"}}, "endpoint": "/v1/chat/completions"{comma}{more}, "model": "m"}},
  "response": {{"body": [{{"__type__": "t", "__data__": {{"a": 1}}}}], "is_streaming": true{comma}{more}}}{comma}{more},
  "retake": {{"version": {version}, "status": 200, "headers": {{"content-type": "text/event-stream"}},
    "segments": [{{"count": 1}}, {{"text": ": ping\n\ndata: [DONE]\n\n"{comma}{more}}}]{comma}{more}, "origin": "real"}}
}}
"#
    )
}

fn reason(text: &str) -> String {
    let error = read(text).unwrap_err().to_string();
    assert_eq!(read_request(text).map(|_| ()).unwrap_err().to_string(), error);
    error
}

#[test]
fn versions_one_and_one_point_anything_are_read_for_ever() {
    for version in ["1", "\"1\"", "\"1.0\"", "\"1.1\"", "\"1.2\"", "\"1.10\"", "\"1.999\""] {
        let recording = read(&file(version, "")).unwrap();
        assert_eq!(recording.exchange.reply.body, BODY, "{version}");
        assert!(!recording.is_edited());
    }
}

#[test]
fn a_newer_minor_keeps_its_version_and_what_is_not_known_of_it_when_it_is_written_again() {
    let text = file("\"1.7\"", r#""later": {"by": ["1E5", 1E5, null]}, "n": 9314001608812126000"#);
    let recording = read(&text).unwrap();
    assert_eq!(recording.exchange.reply.body, BODY);
    assert_eq!(read_request(&text).unwrap().owners, recording.owners);
    let again = write(&recording);
    insta::assert_snapshot!(again, @r#"
    {
      "request": {
        "method": "POST",
        "url": "https://x.ai/v1/v1/chat/completions",
        "headers": {},
        "body": {
          "model": "m"
        },
        "endpoint": "/v1/chat/completions",
        "later": {
          "by": [
            "1E5",
            1E5,
            null
          ]
        },
        "n": 9314001608812126000,
        "model": "m"
      },
      "response": {
        "body": [
          {"__type__": "openai.types.chat.chat_completion_chunk.ChatCompletionChunk", "__data__": {"a":1}}
        ],
        "later": {
          "by": [
            "1E5",
            1E5,
            null
          ]
        },
        "n": 9314001608812126000,
        "is_streaming": true
      },
      "later": {
        "by": [
          "1E5",
          1E5,
          null
        ]
      },
      "n": 9314001608812126000,
      "retake": {
        "version": "1.7",
        "status": 200,
        "headers": {"content-type": "text/event-stream"},
        "chunks": [],
        "segments": [
          {"count": 1},
          {"text": ": ping\n\ndata: [DONE]\n\n", "later": {"by":["1E5",1E5,null]}, "n": 9314001608812126000}
        ],
        "end": "complete",
        "ended": "terminal",
        "digest": "sha256:c460e493897a4bbbe8a56a751ca07eff268944e4c7e7e9ab6f5b7eca9dc98624",
        "later": {
          "by": [
            "1E5",
            1E5,
            null
          ]
        },
        "n": 9314001608812126000,
        "origin": "real"
      }
    }
    "#);
    assert_eq!(write(&read(&again).unwrap()), again);
    let cases = ["a.yaml::b".to_owned()].into();
    let shared = write(&Recording { owners: Owners::ByOrder { times: Times::Count(1), cases }, ..recording });
    assert_eq!(shared.matches("\"later\"").count(), 5);
    assert!(shared.contains("\"version\": \"1.7\"") && shared.ends_with("\"origin\": \"real\"\n  }\n}\n"), "{shared}");
}

#[test]
fn a_reply_that_is_recorded_anew_has_our_version_and_nothing_of_the_old_file() {
    let old = read(&file("\"1.7\"", "\"later\": 1")).unwrap();
    let text = write(&Recording::new(old.exchange, old.owners));
    assert!(text.contains("\"version\": \"1.1\"") && !text.contains("later"), "{text}");
}

#[test]
fn another_body_has_its_own_segments() {
    let mut recording = read(&file("\"1.7\"", "\"later\": 1")).unwrap();
    recording.exchange.reply.body = "data: {\"a\":2}\n\n".into();
    recording.exchange.reply.chunks = Vec::new();
    let text = write(&recording);
    assert!(text.contains("\"segments\": [\n      {\"count\": 1}\n    ]"), "{text}");
    assert_eq!(read(&text).unwrap().exchange.reply.body, recording.exchange.reply.body);
}

#[test]
fn in_a_known_version_what_is_unknown_in_our_section_is_a_typo_and_elsewhere_it_is_kept() {
    let in_section = |version: &str| file(version, "").replace("\"origin\"", "\"originn\"");
    let in_segment = |version: &str| file(version, "").replace("\"count\"", "\"cout\"");
    let all = [
        reason(&in_section("1")),
        reason(&in_section("\"1.1\"")),
        read(&in_segment("1")).unwrap_err().to_string(),
        reason(&in_section("\"1.7\"").replace("\"status\"", "\"status\": 1, \"status\"")),
        read(&in_segment("\"1.7\"")).unwrap_err().to_string(),
        reason(&in_section("\"1.7\"").replace("\"originn\": \"real\"", "\"auth\": \"oauth\"")),
    ];
    insta::assert_snapshot!(all.join("\n"), @"
    line 6, column 74: unknown member `originn`: the `retake` section has `version`, `status`, `headers`, `recorded_at`, `auth`, `times`, `repeat`, `repeats`, `cases`, `expected`, `chunks`, `segments`, `end`, `ended`, `digest`, `origin`; correct it, or take it out
    line 6, column 74: unknown member `originn`: the `retake` section has `version`, `status`, `headers`, `recorded_at`, `auth`, `times`, `repeat`, `repeats`, `cases`, `expected`, `chunks`, `segments`, `end`, `ended`, `digest`, `origin`; correct it, or take it out
    line 6, column 20: unknown member `cout`: a segment has `count`, `before`, `after`, `spaced`, `text`, `base64`, `item`; correct it, or take it out
    line 5, column 55: the member `status` stands here twice: take one out
    line 6, column 17: a segment has one of `count`, `text` and `base64`, and `item` only beside the latter two; the file has version 1.7, and this retake knows 1.1: a newer retake may read it
    line 6, column 87: unknown variant `oauth`, expected `provider` or `none`; the file has version 1.7, and this retake knows 1.1: a newer retake may read it
    ");
    let beside = file("1", "").replace("\"model\": \"m\"}},", "\"model\": \"m\"}}, \"note\": \"of a user\",");
    let beside = beside.replacen("\"is_streaming\"", "\"note\": 1, \"is_streaming\"", 1);
    let again = write(&read(&beside).unwrap());
    assert!(again.contains("\"note\": 1,\n    \"is_streaming\": true"), "{again}");
}

#[test]
fn a_newer_major_is_refused_with_what_to_do() {
    let all = ["2", "\"2.0\"", "\"10.3\"", "0", "\"one\"", "null", "[1]"].map(|version| reason(&file(version, "")));
    insta::assert_snapshot!(all.join("\n"), @r#"
    line 5, column 25: the recording has version 2.0, and this retake reads up to 1.x: update retake, or record the exchange anew
    line 5, column 25: the recording has version 2.0, and this retake reads up to 1.x: update retake, or record the exchange anew
    line 5, column 25: the recording has version 10.3, and this retake reads up to 1.x: update retake, or record the exchange anew
    line 5, column 25: the recording has version 0.0, and this retake reads up to 1.x: update retake, or record the exchange anew
    line 5, column 25: `"one"` is not a version: this retake writes "1.1"
    line 5, column 13: missing field `version`
    line 5, column 25: `[1]` is not a version: this retake writes "1.1"
    "#);
}

/// A recording as it is written.
fn written() -> String {
    let recording = read(&file("\"1.1\"", "")).unwrap();
    write(&recording)
}

#[test]
fn an_edit_of_the_reply_by_hand_is_told_and_stays_told() {
    let text = written();
    assert!(!read(&text).unwrap().is_edited());
    for (from, to) in [
        ("{\"a\":1}", "{\"a\":2}"),
        ("\"status\": 200", "\"status\": 500"),
        ("\"content-type\": ", "\"x\": \"y\", \"content-type\": "),
        ("\"end\": \"complete\"", "\"end\": {\"broken\": \"lost\"}"),
        (": ping", ": pong"),
        ("\"origin\": \"real\"", "\"origin\": \"simulated\""),
    ] {
        let edited = text.replace(from, to);
        assert_ne!(edited, text, "{from}");
        let recording = read(&edited).unwrap();
        assert!(recording.is_edited(), "{to}");
        let cases = ["a.yaml::b".to_owned()].into();
        let shared = Recording { owners: Owners::ByOrder { times: Times::Any, cases }, ..recording };
        assert!(read(&write(&shared)).unwrap().is_edited(), "{to}");
        let anew = Recording::new(shared.exchange, shared.owners);
        assert!(!read(&write(&anew)).unwrap().is_edited(), "{to}");
    }
}

#[test]
fn what_is_no_part_of_the_reply_may_change() {
    let text = written();
    for (from, to) in [
        ("\"status\": 200", "\"expected\": true, \"status\": 200"),
        ("\"chunks\": []", "\"chunks\": [[10, 1], [27, 2]]"),
        ("\"status\": 200", "\"recorded_at\": \"2026-11-21T07:00:00Z\", \"status\": 200"),
        ("\"status\": 200", "\"cases\": [\"a.yaml::b\"], \"status\": 200"),
    ] {
        assert!(text.contains(from) && !read(&text.replace(from, to)).unwrap().is_edited(), "{to}");
    }
    assert!(!read(&crate::wire::json::pretty(&text, 0)).unwrap().is_edited());
    let older = text.lines().filter(|line| !line.contains("\"digest\"")).collect::<Vec<_>>().join("\n");
    assert!(!read(&older.replace("\"a\":1", "\"a\":2")).unwrap().is_edited());
}

#[test]
fn the_digest_is_what_the_documentation_says() {
    let recording = read(&file("1", "")).unwrap();
    let head =
        r#"{"end": "complete", "headers": [["content-type", "text/event-stream"]], "origin": "real", "status": 200}"#;
    let hash = <sha2::Sha256 as sha2::Digest>::digest(format!("{head}\n{BODY}"));
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(write(&recording).contains(&format!("\"digest\": \"sha256:{hex}\"")));
}

#[test]
fn origin_comes_last_in_every_file() {
    let mut recording = read(&file("\"1.7\"", "\"later\": {\"a\": 1}")).unwrap();
    recording.exchange.origin = Origin::Simulated;
    assert!(write(&recording).ends_with("    \"origin\": \"simulated\"\n  }\n}\n"));
}

proptest! {
    #[test]
    fn no_section_makes_reading_panic(at in 0..700_usize, with in "[\\[\\]{}\",:0-9a-z.]{0,3}", newer in any::<bool>()) {
        let good = file(if newer { "\"1.7\"" } else { "\"1.1\"" }, if newer { "\"later\": [1]" } else { "" });
        let at = at.min(good.len());
        let text = format!("{}{with}{}", &good[..at], &good[(at + with.len()).min(good.len())..]);
        match (read(&text), read_request(&text)) {
            (Ok(recording), Ok(asked)) => {
                prop_assert_eq!(&recording.owners, &asked.owners);
                prop_assert_eq!(recording.exchange.request.body, asked.request.body);
            }
            (Err(ReadError::Broken(_)), _) => {}
            (Err(ReadError::OtherFile(a)), Err(ReadError::OtherFile(b))) => prop_assert_eq!(a, b),
            (read, asked) => prop_assert!(false, "{:?} and {:?}", read.map(|_| ()), asked.map(|_| ())),
        }
    }
}
