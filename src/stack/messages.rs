//! The messages of a stored chat completion, as OpenAI lists them.

use serde_json::value::RawValue;

use super::history::page_body;
use super::json_edit::{Edits, Members, quote};
use super::refusal::Refusal;
use super::store::{Completion, Order, PageRequest};

/// The body with the page of messages that `request` asks for.
pub(super) fn list(kept: &Completion, request: &PageRequest) -> Result<String, Refusal> {
    let messages: Vec<&RawValue> = serde_json::from_str(&kept.input_messages).unwrap_or_default();
    let mut entries: Vec<(String, String)> = messages
        .into_iter()
        .enumerate()
        .filter_map(|(index, message)| {
            let id = format!("{}-{index}", kept.id);
            Some((id.clone(), entry(message.get(), &id)?))
        })
        .collect();
    if request.order == Order::Descending {
        entries.reverse();
    }
    if let Some(after) = &request.after {
        let Some(at) = entries.iter().position(|(id, _)| id == after) else {
            let message = format!("the chat completion {:?} has no message with the id {after:?}", kept.id);
            return Err(Refusal::invalid(message).param("after"));
        };
        entries.drain(..=at);
    }
    let has_more = entries.len() > request.limit as usize;
    entries.truncate(request.limit as usize);
    Ok(page_body(&entries, has_more))
}

/// A message with the members that OpenAI adds; `None` if it is not an object, as some providers may accept.
fn entry(message: &str, id: &str) -> Option<String> {
    let members = Members::parse(message).ok()?;
    let mut edits = Edits::new(message);
    edits.set(&members, "id", quote(id));
    // OpenAI's `content` is text or null: content in parts gets a name of its own.
    match members.get("content").filter(|content| content.get().starts_with('[')) {
        Some(parts) => {
            edits.replace(parts, "null".to_owned());
            edits.set(&members, "content_parts", parts.get().to_owned());
        }
        None => edits.set(&members, "content_parts", "null".to_owned()),
    }
    if members.get("name").is_none() {
        edits.set(&members, "name", "null".to_owned());
    }
    edits.apply()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(messages: &str) -> Completion {
        Completion { id: "c".into(), input_messages: messages.into(), ..Completion::default() }
    }

    fn request(after: Option<&str>, limit: u32, order: Order) -> PageRequest {
        PageRequest { after: after.map(str::to_owned), limit, order, ..PageRequest::default() }
    }

    fn ids(kept: &Completion, request: &PageRequest) -> (Vec<String>, bool) {
        let page: serde_json::Value = serde_json::from_str(&list(kept, request).unwrap()).unwrap();
        let data = page["data"].as_array().unwrap();
        let ids = data.iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect();
        (ids, page["has_more"].as_bool().unwrap())
    }

    #[test]
    fn messages_keep_their_bytes_and_parts_stand_apart_from_content() {
        let kept = kept(
            r#"[{"role":"user","content":"hi","x":1E5},{"role":"user","name":"n","content":[{"type":"text","text":"a"}]}]"#,
        );
        let page = list(&kept, &request(None, 20, Order::Ascending)).unwrap();
        insta::assert_snapshot!(page, @r#"{"object":"list","data":[{"role":"user","content":"hi","x":1E5,"id":"c-0","content_parts":null,"name":null},{"role":"user","name":"n","content":null,"id":"c-1","content_parts":[{"type":"text","text":"a"}]}],"has_more":false,"first_id":"c-0","last_id":"c-1"}"#);
    }

    #[test]
    fn messages_come_in_pages_of_either_order() {
        let kept = kept(r#"[{"role":"a"},7,{"role":"b"},{"role":"c"}]"#);
        let of = |after, limit, order| ids(&kept, &request(after, limit, order));
        assert_eq!(of(None, 2, Order::Ascending), (vec!["c-0".into(), "c-2".into()], true));
        assert_eq!(of(Some("c-2"), 2, Order::Ascending), (vec!["c-3".into()], false));
        assert_eq!(of(Some("c-2"), 2, Order::Descending), (vec!["c-0".into()], false));
        let refused = list(&kept, &request(Some("d-0"), 2, Order::Ascending)).unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.param), (400, Some("after")));
    }
}
