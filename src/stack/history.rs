//! The store's reads: listing and retrieving chat completions.

use http::StatusCode;
use percent_encoding::percent_decode_str;

use super::refusal::Refusal;
use super::splice::{Edits, Members, quote};
use super::store::{Completion, Order, PageError, PageRequest, Store, StoreError};
use crate::upstream::ErrorKind;

/// `GET /v1/chat/completions`: the body.
pub(super) async fn list(store: &Store, query: Option<&str>) -> Result<String, Refusal> {
    let request = read_query(query.unwrap_or_default())?;
    let page = store.list(&request).await.map_err(|error| match error {
        PageError::UnknownAfter(_) => Refusal::invalid(error.to_string()).param("after"),
        PageError::Store(error) => error.into(),
    })?;
    let id = |completion: Option<&Completion>| completion.map_or_else(|| "null".to_owned(), |found| quote(&found.id));
    let data: Vec<String> = page.completions.iter().map(with_messages).collect();
    Ok(format!(
        r#"{{"object":"list","data":[{}],"has_more":{},"first_id":{},"last_id":{}}}"#,
        data.join(","),
        page.has_more,
        id(page.completions.first()),
        id(page.completions.last())
    ))
}

/// `GET /v1/chat/completions/{id}`: the body.
pub(super) async fn retrieve(store: &Store, id: &str) -> Result<String, Refusal> {
    let found = store.get(id).await?;
    found.as_ref().map(with_messages).ok_or_else(|| {
        let message = format!("no chat completion has the id {id:?}");
        Refusal::of(StatusCode::NOT_FOUND, "invalid_request_error", message).param("completion_id").code("not_found")
    })
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        Refusal {
            own: Some(ErrorKind::Other),
            ..Refusal::of(StatusCode::INTERNAL_SERVER_ERROR, "retake_store", message)
        }
    }
}

fn with_messages(kept: &Completion) -> String {
    let Ok(members) = Members::parse(&kept.completion) else { return kept.completion.clone() };
    let mut edits = Edits::new(&kept.completion);
    edits.set(&members, "input_messages", kept.input_messages.clone());
    edits.apply().unwrap_or_else(|| kept.completion.clone())
}

/// The most that one page holds.
const MOST: u32 = 1000;

fn read_query(query: &str) -> Result<PageRequest, Refusal> {
    let mut request = PageRequest { limit: 20, ..PageRequest::default() };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value);
        match decoded(name).as_str() {
            "after" => request.after = Some(value),
            "model" => request.model = Some(value),
            "limit" => {
                request.limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit)).ok_or_else(|| {
                    let message = format!("`limit` must be a whole number from 1 to {MOST}, not {value:?}");
                    Refusal::invalid(message).param("limit")
                })?;
            }
            "order" => {
                request.order = match value.as_str() {
                    "asc" => Order::Ascending,
                    "desc" => Order::Descending,
                    _ => {
                        let message = format!("`order` must be \"asc\" or \"desc\", not {value:?}");
                        return Err(Refusal::invalid(message).param("order"));
                    }
                };
            }
            other => {
                // A filter that is passed over in silence would give wrong answers.
                let known = "after, limit, model, order";
                return Err(Refusal::invalid(format!(
                    "the query parameter {other:?} is not known here; known are {known}"
                )));
            }
        }
    }
    Ok(request)
}

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_or_refused() {
        let read = read_query("after=a%2Fb&limit=3&model=p%2Fm+x&order=asc").unwrap();
        let wanted =
            PageRequest { after: Some("a/b".into()), limit: 3, model: Some("p/m x".into()), order: Order::Ascending };
        assert_eq!(read, wanted);
        assert_eq!(read_query("").unwrap(), PageRequest { limit: 20, ..PageRequest::default() });
        let refused = ["limit=0", "limit=1001", "limit=x", "order=up", "metadata%5Ba%5D=b"]
            .map(|query| read_query(query).unwrap_err().message);
        insta::assert_snapshot!(refused.join("\n"), @r#"
        `limit` must be a whole number from 1 to 1000, not "0"
        `limit` must be a whole number from 1 to 1000, not "1001"
        `limit` must be a whole number from 1 to 1000, not "x"
        `order` must be "asc" or "desc", not "up"
        the query parameter "metadata[a]" is not known here; known are after, limit, model, order
        "#);
    }

    #[test]
    fn messages_go_into_the_completion_as_they_are() {
        let kept = Completion {
            id: "a".into(),
            created: 1,
            model: "m".into(),
            completion: r#"{"id":"a", "n":1E5}"#.into(),
            input_messages: r#"[ {"role":"user"} ]"#.into(),
        };
        assert_eq!(with_messages(&kept), r#"{"id":"a", "n":1E5,"input_messages":[ {"role":"user"} ]}"#);
    }
}
