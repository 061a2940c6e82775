//! A request and its reply as lines: the reply, the end of a stream, the request as a `curl` command.

use std::fmt::Write as _;

use crate::event::{Exchange, KeyHeader, Reply, Request, StreamEnd, StreamEvent};

/// Characters shown of a body.
const MOST_OF_BODY: usize = 16 << 10;
/// Characters shown of an event of a stream.
const MOST_CHARACTERS: usize = 160;

/// The lines, indented.
pub(super) fn lines(exchange: &Exchange) -> String {
    let mut lines = String::new();
    if let Some(name) = &exchange.step {
        let _ = writeln!(lines, "  step:     {name}");
    }
    if let Some(reply) = &exchange.reply {
        let _ = writeln!(lines, "  reply:    {}", reply_line(reply));
        for (index, line) in reply.body.iter().flat_map(|body| body_lines(body)).enumerate() {
            let _ = writeln!(lines, "  {:<9} {line}", if index == 0 { "body:" } else { "" });
        }
        // Of a body that is shown, the end is shown already.
        let stream = reply.stream.iter().filter(|_| reply.body.is_none());
        for (index, line) in stream.flat_map(stream_lines).enumerate() {
            let _ = writeln!(lines, "  {:<9} {line}", if index == 0 { "stream:" } else { "" });
        }
    }
    if let Some(request) = &exchange.request {
        if let Some(start) = &request.start {
            let _ = writeln!(lines, "  start:    {start}");
        }
        let _ = writeln!(lines, "  request:  {}", curl(request));
    }
    lines
}

/// `200 OK, model: …, x-request-id: …`
pub(super) fn reply_line(reply: &Reply) -> String {
    let status = http::StatusCode::from_u16(reply.status);
    let mut line = status.map_or_else(|_| reply.status.to_string(), |status| status.to_string());
    if let Some(model) = &reply.model {
        let _ = write!(line, ", model: {model}");
    }
    for (name, value) in &reply.headers {
        let _ = write!(line, ", {name}: {value}");
    }
    line
}

/// The lines of a body that say something; of a very long one the first ones.
pub(super) fn body_lines(body: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut length = 0;
    for line in body.lines().filter(|line| !line.trim().is_empty()) {
        let room = MOST_OF_BODY.saturating_sub(length);
        if line.chars().nth(room).is_some() {
            lines.push(format!("{}… ({} bytes in all)", line.chars().take(room).collect::<String>(), body.len()));
            break;
        }
        length += line.chars().count();
        lines.push(line.to_owned());
    }
    if lines.is_empty() { vec!["(empty)".to_owned()] } else { lines }
}

fn stream_lines(stream: &StreamEnd) -> Vec<String> {
    let before = match stream.before {
        0 => None,
        1 => Some("(1 event before these)".to_owned()),
        count => Some(format!("({count} events before these)")),
    };
    before.into_iter().chain(stream.events.iter().map(stream_line)).collect()
}

fn stream_line(event: &StreamEvent) -> String {
    let text = event.data.replace(['\n', '\r'], " ");
    let shown = match text.char_indices().nth(MOST_CHARACTERS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    };
    match event.at {
        Some(time) => format!("{:>6} ms  {shown}", time.as_millis()),
        None => shown,
    }
}

/// The request as a `curl` command for a POSIX shell, with the key as `$VAR`.
pub(super) fn curl(request: &Request) -> String {
    let mut line = String::from("curl");
    // The method that curl uses by default.
    let implied = if request.body.is_empty() { "GET" } else { "POST" };
    if request.method != implied {
        let _ = write!(line, " -X {}", request.method);
    }
    let _ = write!(line, " {}", quote(&request.url));
    if let Some(KeyHeader { var, header, prefix }) = &request.key {
        let _ = write!(line, " -H \"{header}: {prefix}${var}\"");
    }
    for (name, value) in &request.headers {
        let _ = write!(line, " -H {}", quote(&format!("{name}: {value}")));
    }
    if !request.body.is_empty() {
        let _ = write!(line, " -d {}", quote(&request.body));
    }
    line
}

/// Quotes a word for a POSIX shell.
pub(crate) fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn request() -> Request {
        Request {
            method: "POST".into(),
            endpoint: "/v1/x".into(),
            url: "https://host/v1/x".into(),
            headers: vec![("content-type".into(), "application/json".into())],
            body: r#"{"q":"it's"}"#.into(),
            ..Request::default()
        }
    }

    #[test]
    fn curl_shows_the_variable_and_never_a_key() {
        let key = KeyHeader { var: "A_KEY".into(), header: "x-api-key".into(), prefix: String::new() };
        insta::assert_snapshot!(
            curl(&Request { key: Some(key), ..request() }),
            @r#"curl 'https://host/v1/x' -H "x-api-key: $A_KEY" -H 'content-type: application/json' -d '{"q":"it'\''s"}'"#
        );
        let delete = Request { method: "DELETE".into(), body: String::new(), headers: Vec::new(), ..request() };
        assert_eq!(curl(&delete), "curl -X DELETE 'https://host/v1/x'");
    }

    #[test]
    fn the_last_events_of_a_stream_stand_below_each_other_with_their_times() {
        let event = |at: Option<u64>, data: &str| StreamEvent { at: at.map(Duration::from_millis), data: data.into() };
        let stream = StreamEnd {
            before: 7,
            events: vec![event(Some(20), "{\"a\":1}"), event(None, &"x".repeat(200)), event(Some(1200), "[DONE]")],
        };
        let headers = vec![("x-request-id".to_owned(), "r1".to_owned())];
        let reply = Reply { status: 200, headers, stream: Some(stream), ..Reply::default() };
        let exchange = Exchange {
            step: Some("ask".into()),
            request: Some(Request { start: Some("retake stack".into()), ..request() }),
            reply: Some(reply),
            ..Exchange::default()
        };
        insta::assert_snapshot!(lines(&exchange).replace(&"x".repeat(160), "[160 x]"), @r#"
          step:     ask
          reply:    200 OK, x-request-id: r1
          stream:   (7 events before these)
                        20 ms  {"a":1}
                    [160 x]…
                      1200 ms  [DONE]
          start:    retake stack
          request:  curl 'https://host/v1/x' -H 'content-type: application/json' -d '{"q":"it'\''s"}'
        "#);
    }

    #[test]
    fn a_body_without_a_text_is_shown_whole_in_the_place_of_its_end() {
        let stream = StreamEnd { before: 0, events: vec![StreamEvent { at: None, data: "[DONE]".into() }] };
        let body = "data: {\"a\": 1}\n\ndata: [DONE]\n\n".to_owned();
        let reply =
            Reply { status: 200, model: Some("m".into()), body: Some(body), stream: Some(stream), ..Reply::default() };
        let shown = |reply: Reply| lines(&Exchange { reply: Some(reply), ..Exchange::default() });
        insta::assert_snapshot!(shown(reply.clone()), @r#"
          reply:    200 OK, model: m
          body:     data: {"a": 1}
                    data: [DONE]
        "#);
        assert!(shown(Reply { body: Some(String::new()), ..reply.clone() }).ends_with("  body:     (empty)\n"));
        let long = shown(Reply { body: Some("é".repeat(20_000)), ..reply });
        assert!(long.ends_with(&format!("{}… (40000 bytes in all)\n", "é".repeat(MOST_OF_BODY))));
    }
}
