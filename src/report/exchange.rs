//! A request and its reply as lines: the reply, the end of a stream, the request as a `curl` command.

use std::fmt::Write as _;

use crate::event::{Exchange, KeyHeader, Reply, Request, StreamEnd, StreamEvent};

/// How many characters of a stream's event are shown.
const MOST_CHARACTERS: usize = 160;

/// The lines, indented.
pub(super) fn lines(exchange: &Exchange) -> String {
    let mut lines = String::new();
    if let Some(name) = &exchange.step {
        let _ = writeln!(lines, "  step:     {name}");
    }
    if let Some(reply) = &exchange.reply {
        let _ = writeln!(lines, "  reply:    {}", reply_line(reply));
        for (index, line) in reply.stream.iter().flat_map(stream_lines).enumerate() {
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

/// `200 OK, x-request-id: …`
fn reply_line(reply: &Reply) -> String {
    let status = http::StatusCode::from_u16(reply.status);
    let mut line = status.map_or_else(|_| reply.status.to_string(), |status| status.to_string());
    for (name, value) in &reply.headers {
        let _ = write!(line, ", {name}: {value}");
    }
    line
}

fn stream_lines(stream: &StreamEnd) -> Vec<String> {
    let before = (stream.before > 0).then(|| format!("({} events before these)", stream.before));
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
fn curl(request: &Request) -> String {
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
}
