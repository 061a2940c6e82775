//! Parses the queries of lists.

use percent_encoding::percent_decode_str;

use super::refusal::Refusal;
use super::store::{Order, PageRequest};

/// The most entries of one page.
const MOST: u32 = 1000;

/// The query of `GET /v1/chat/completions`.
pub(super) fn of_completions(query: Option<&str>) -> Result<PageRequest, Refusal> {
    read(query, "after, limit, model, metadata[key], order", |request, name, value| {
        if name == "model" {
            request.model = Some(value);
        } else if let Some(key) = name.strip_prefix("metadata[").and_then(|rest| rest.strip_suffix(']')) {
            request.metadata.insert(key.to_owned(), value);
        } else {
            return false;
        }
        true
    })
}

/// The query of `GET /v1/chat/completions/{id}/messages`.
pub(super) fn of_messages(query: Option<&str>) -> Result<PageRequest, Refusal> {
    read(query, "after, limit, order", |_, _, _| false)
}

/// Reads the parameters that every list takes. `filter` takes further ones, and returns whether it knows them.
fn read(
    query: Option<&str>,
    known: &str,
    filter: impl Fn(&mut PageRequest, &str, String) -> bool,
) -> Result<PageRequest, Refusal> {
    let mut request = PageRequest { limit: 20, ..PageRequest::default() };
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name), decoded(value));
        match name.as_str() {
            "after" => request.after = Some(value),
            "limit" => request.limit = limit(&value)?,
            "order" => request.order = order(&value)?,
            name => {
                // Ignoring a filter silently would give wrong answers.
                if !filter(&mut request, name, value) {
                    let message = format!("the query parameter {name:?} is not known here; known are {known}");
                    return Err(Refusal::invalid(message));
                }
            }
        }
    }
    Ok(request)
}

fn limit(value: &str) -> Result<u32, Refusal> {
    value.parse().ok().filter(|limit| (1..=MOST).contains(limit)).ok_or_else(|| {
        let message = format!("`limit` must be a whole number from 1 to {MOST}, not {value:?}");
        Refusal::invalid(message).param("limit")
    })
}

fn order(value: &str) -> Result<Order, Refusal> {
    match value {
        "asc" => Ok(Order::Ascending),
        "desc" => Ok(Order::Descending),
        _ => {
            let message = format!("`order` must be \"asc\" or \"desc\", not {value:?}");
            Err(Refusal::invalid(message).param("order"))
        }
    }
}

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Metadata;

    #[test]
    fn queries_are_read_or_refused() {
        let query = "after=a%2Fb&limit=3&model=p%2Fm+x&order=desc&metadata%5Brun%5D=7&metadata[of]=a%26b";
        let wanted = PageRequest {
            after: Some("a/b".into()),
            limit: 3,
            model: Some("p/m x".into()),
            metadata: Metadata::from([("run".into(), "7".into()), ("of".into(), "a&b".into())]),
            order: Order::Descending,
        };
        assert_eq!(of_completions(Some(query)).unwrap(), wanted);
        let bare = PageRequest { limit: 20, order: Order::Ascending, ..PageRequest::default() };
        assert_eq!((of_completions(None).unwrap(), of_messages(Some("")).unwrap()), (bare.clone(), bare));
        let refused = ["limit=0", "limit=1001", "limit=x", "order=up", "metadata=b", "user=me"]
            .map(|query| of_completions(Some(query)).unwrap_err().message);
        insta::assert_snapshot!(refused.join("\n"), @r#"
        `limit` must be a whole number from 1 to 1000, not "0"
        `limit` must be a whole number from 1 to 1000, not "1001"
        `limit` must be a whole number from 1 to 1000, not "x"
        `order` must be "asc" or "desc", not "up"
        the query parameter "metadata" is not known here; known are after, limit, model, metadata[key], order
        the query parameter "user" is not known here; known are after, limit, model, metadata[key], order
        "#);
        let refused = of_messages(Some("model=m")).unwrap_err().message;
        assert_eq!(refused, "the query parameter \"model\" is not known here; known are after, limit, order");
    }
}
