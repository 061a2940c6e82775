//! Splits `multipart/form-data` into its parts.

use std::collections::BTreeMap;

use http::HeaderMap;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::wire::hex::hex;

/// The boundary of a multipart body, and whether the body is a form.
pub(super) struct Boundary {
    pub(super) text: String,
    pub(super) is_form: bool,
}

/// The boundary that the headers name.
pub(super) fn boundary(headers: &HeaderMap) -> Option<Boundary> {
    let kind = headers.get(http::header::CONTENT_TYPE)?.to_str().ok()?;
    let media_type = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !media_type.starts_with("multipart/") {
        return None;
    }
    kind.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let text = value.trim().trim_matches('"').to_owned();
        let is_boundary = name.trim().eq_ignore_ascii_case("boundary") && !text.is_empty();
        is_boundary.then(|| Boundary { text, is_form: media_type == "multipart/form-data" })
    })
}

/// A multipart body with every boundary replaced by the same word.
pub(super) fn without_boundary(body: &[u8], boundary: &str) -> Vec<u8> {
    let mark = format!("--{boundary}").into_bytes();
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = find(rest, &mark) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(b"--boundary");
        rest = &rest[at + mark.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// A form as JSON text: an object of its parts by name, with a list if several parts have the same name. `None` if the
/// body is not a form.
///
/// A part has `content`, and if they were sent, `content-type` and `filename`. The content is text, or for bytes that
/// are not UTF-8, an object of their size and hash, so that hours of recorded speech are not held in memory twice.
pub(super) fn form(body: &[u8], boundary: &str) -> Option<String> {
    let mut parts: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for raw in raw_parts(body, boundary)? {
        let (name, part) = part(raw)?;
        parts.entry(name).or_default().push(part);
    }
    let one_or_all = |mut all: Vec<Value>| if all.len() == 1 { all.remove(0) } else { all.into() };
    let parts: Map<String, Value> = parts.into_iter().map(|(name, all)| (name, one_or_all(all))).collect();
    Some(Value::Object(parts).to_string())
}

/// The bytes between the boundaries, headers included.
fn raw_parts<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<&'a [u8]>> {
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    // The first delimiter may stand at the very beginning, with no line end before it.
    let mut rest = match body.strip_prefix(&delimiter[2..]) {
        Some(rest) => rest,
        None => &body[find(body, &delimiter)? + delimiter.len()..],
    };
    let mut parts = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Some(parts);
        }
        rest = after_line(rest)?;
        let end = end_of_part(rest, &delimiter)?;
        parts.push(&rest[..end]);
        rest = &rest[end + delimiter.len()..];
    }
}

/// The text after a delimiter's line, on which only spaces and tabs may follow.
fn after_line(text: &[u8]) -> Option<&[u8]> {
    let blank = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    text[blank..].strip_prefix(b"\r\n")
}

/// Where the next delimiter begins. If its line goes on with other text, it belongs to the part.
fn end_of_part(text: &[u8], delimiter: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + find(&text[from..], delimiter)?;
        let after = &text[at + delimiter.len()..];
        if after.starts_with(b"--") || after_line(after).is_some() {
            return Some(at);
        }
        from = at + delimiter.len();
    }
}

/// The name of a part, and what is compared of it.
fn part(raw: &[u8]) -> Option<(String, Value)> {
    let (head, content) = match raw.strip_prefix(b"\r\n") {
        Some(content) => (&[][..], content),
        None => {
            let end = find(raw, b"\r\n\r\n")?;
            (&raw[..end], &raw[end + 4..])
        }
    };
    let (mut name, mut part) = (None, Map::new());
    part.insert("content".to_owned(), content_of(content));
    for line in std::str::from_utf8(head).ok()?.split("\r\n") {
        let (header, value) = line.split_once(':')?;
        match header.trim().to_ascii_lowercase().as_str() {
            "content-disposition" => {
                let parameters = parameters(value)?;
                name = parameters.get("name").cloned();
                let filename = parameters.get("filename*").map(|text| without_charset(text));
                if let Some(filename) = filename.or_else(|| parameters.get("filename").cloned()) {
                    part.insert("filename".to_owned(), filename.into());
                }
            }
            "content-type" => {
                part.insert("content-type".to_owned(), value.trim().into());
            }
            _ => {}
        }
    }
    Some((name?, part.into()))
}

fn content_of(content: &[u8]) -> Value {
    match std::str::from_utf8(content) {
        Ok(text) => text.into(),
        Err(_) => {
            let hash = hex(&Sha256::digest(content));
            serde_json::json!({"bytes": content.len(), "sha256": hash})
        }
    }
}

/// The parameters of a `form-data` disposition, names in lower case.
fn parameters(value: &str) -> Option<BTreeMap<String, String>> {
    let (kind, mut rest) = value.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    let mut parameters = BTreeMap::new();
    while !rest.trim().is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => quoted_string(quoted)?,
            None => {
                let (value, after) = after.split_once(';').unwrap_or((after, ""));
                (value.trim().to_owned(), after)
            }
        };
        parameters.insert(name.trim().to_ascii_lowercase(), value);
        rest = after.trim_start().trim_start_matches(';');
    }
    Some(parameters)
}

/// Turns `UTF-8''%C3%B6.txt` into `ö.txt`.
fn without_charset(text: &str) -> String {
    let encoded = text.splitn(3, '\'').nth(2).unwrap_or(text);
    percent_encoding::percent_decode_str(encoded).decode_utf8_lossy().into_owned()
}

/// The text up to the closing quote, and the rest after it. A backslash escapes only quotes and backslashes: in a
/// Windows path it is an ordinary character.
fn quoted_string(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        match (char, chars.peek()) {
            ('"', _) => return Some((out, &text[at + 1..])),
            ('\\', Some((_, next @ ('"' | '\\')))) => {
                out.push(*next);
                chars.next();
            }
            _ => out.push(char),
        }
    }
    None
}

/// Where `part` begins in `bytes`; `part` is not empty.
fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let first = *part.first()?;
    let mut from = 0;
    loop {
        let at = from + bytes.get(from..)?.iter().position(|byte| *byte == first)?;
        if bytes[at..].starts_with(part) {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form_of(body: &str) -> Option<Value> {
        form(body.replace('\n', "\r\n").as_bytes(), "B").map(|text| serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn a_form_is_its_parts_by_name() {
        let body = "--B\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\ncontent-type: text/plain\n\n\
                    hello\n--Bx\n--B\nContent-Disposition: form-data; name=\"tag[]\"\n\none\n--B  \n\
                    content-disposition: form-data;name=\"tag[]\"\nContent-Length: 0\n\n\n--B--\nepilogue";
        insta::assert_snapshot!(form_of(body).unwrap(), @r#"{"file":{"content":"hello\r\n--Bx","filename":"a.txt","content-type":"text/plain"},"tag[]":[{"content":"one"},{"content":""}]}"#);
        assert_eq!(form_of(&format!("preamble\n{body}")), form_of(body));
        assert_eq!(form_of("--B--\n"), Some(serde_json::json!({})));
    }

    #[test]
    fn bytes_that_are_no_text_are_compared_by_their_hash() {
        let body = b"--B\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n\xff\xfe\r\n--B--";
        insta::assert_snapshot!(form(body, "B").unwrap(), @r#"{"f":{"content":{"bytes":2,"sha256":"b3d510ef04275ca8e698e5b3cbb0ece3949ef9252f0cdc839e9ee347409a2209"}}}"#);
    }

    #[test]
    fn names_are_read_as_clients_write_them() {
        for (written, name, filename) in [
            (r#"name="a;b"; filename="c d.txt""#, "a;b", Some("c d.txt")),
            (r#"name=a; filename=b.txt"#, "a", Some("b.txt")),
            (r#"filename="C:\dir\a.txt"; name="a \"b\" \\""#, r#"a "b" \"#, Some(r"C:\dir\a.txt")),
            (r#"NAME="a"; filename="x"; filename*=UTF-8''%C3%B6.txt"#, "a", Some("UTF-8''%C3%B6.txt")),
            (r#"name="""#, "", None),
        ] {
            let read = parameters(&format!(" form-data; {written}")).unwrap();
            assert_eq!(read.get("name").map(String::as_str), Some(name), "{written}");
            assert_eq!(read.get("filename*").or(read.get("filename")).map(String::as_str), filename, "{written}");
        }
    }

    #[test]
    fn a_filename_beyond_ascii_is_read() {
        let body = "--B\nContent-Disposition: form-data; name=\"a\"; filename=\"o.txt\"; filename*=UTF-8''%C3%B6.txt\n\n\n--B--";
        assert_eq!(form_of(body).unwrap()["a"]["filename"], "ö.txt");
    }

    #[test]
    fn what_is_malformed_is_no_form() {
        let part = "Content-Disposition: form-data; name=\"a\"\n\nx";
        for body in [
            String::new(),
            "hello".to_owned(),
            "--B".to_owned(),
            "--B\n".to_owned(),
            format!("--B\n{part}"),
            format!("--B\n{part}\n--B"),
            "--B\n\nno header\n--B--".to_owned(),
            "--B\nContent-Disposition: form-data\n\nx\n--B--".to_owned(),
            "--B\nContent-Disposition: attachment; name=\"a\"\n\nx\n--B--".to_owned(),
            "--B\nContent-Disposition: form-data; name=\"a\n\nx\n--B--".to_owned(),
            "--B\nno header at all\n\nx\n--B--".to_owned(),
        ] {
            assert_eq!(form_of(&body), None, "{body:?}");
        }
    }

    #[test]
    fn the_boundary_stands_in_the_content_type() {
        let of = |kind: &str| {
            let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, kind.parse().unwrap())]);
            boundary(&headers).map(|boundary| (boundary.text, boundary.is_form))
        };
        assert_eq!(of("multipart/form-data; boundary=abc"), Some(("abc".into(), true)));
        assert_eq!(of("Multipart/Form-Data; charset=x; Boundary=\"a b\""), Some(("a b".into(), true)));
        assert_eq!(of("multipart/mixed; boundary=abc"), Some(("abc".into(), false)));
        for other in ["multipart/form-data", "multipart/form-data; boundary=", "application/json; boundary=abc"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_parts_come_back(parts in proptest::collection::btree_map("[a-z]{1,4}", proptest::collection::vec(any::<u8>(), 0..40), 0..5)) {
            let boundary = "~never in random bytes~";
            let mut body = Vec::new();
            for (name, content) in &parts {
                body.extend(format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n").into_bytes());
                body.extend(content);
                body.extend(b"\r\n");
            }
            body.extend(format!("--{boundary}--\r\n").into_bytes());
            let read: Map<String, Value> = serde_json::from_str(&form(&body, boundary).unwrap()).unwrap();
            prop_assert_eq!(read.len(), parts.len());
            for (name, content) in &parts {
                prop_assert_eq!(&read[name]["content"], &content_of(content));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(body in "(--B|\r\n|: |;|=|\"|content-disposition|form-data|name|--|\\PC){0,24}") {
            let _ = form(body.as_bytes(), "B");
            let _ = without_boundary(body.as_bytes(), "B");
        }
    }
}
