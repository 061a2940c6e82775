//! What providers answer below a gateway, kept for the checks of the case that asked: a gateway gives its caller's own name
//! of the model, an id of its own, and so hides what its provider's reply breaks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_stream::stream;
use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::StreamExt as _;
use http::header::CONTENT_TYPE;

use crate::protocol::{self, Asked, Rule};
use crate::provider::Quirks;
use crate::run::Heard;
use crate::upstream::{Error, Reply, Request, Shared, Upstream};

/// What was heard, by the case that asked.
#[derive(Debug, Default)]
pub(super) struct Witness(Mutex<HashMap<String, Vec<Heard>>>);

impl Witness {
    /// The same upstream, overheard. `quirks` are those that the gateway knows of its provider.
    pub(super) fn around(self: &Arc<Self>, inner: Shared, quirks: &Quirks) -> Shared {
        Arc::new(Overheard { inner, mended: mended(quirks), witness: Arc::clone(self) })
    }

    /// What came to its end for this case since this was last asked.
    pub(super) fn take(&self, case: &str) -> Vec<Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(case).unwrap_or_default()
    }

    fn keep(&self, case: String, heard: Heard) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(case).or_default().push(heard);
    }
}

/// The rules whose breach the gateway is told to mend.
fn mended(quirks: &Quirks) -> Arc<[&'static Rule]> {
    let mends = [("models-list", quirks.bare_model_list), ("usage-missing", !quirks.usage_when_missing.is_empty())];
    mends.into_iter().filter(|(_, is_mended)| *is_mended).filter_map(|(id, _)| protocol::rule(id)).collect()
}

struct Overheard {
    inner: Shared,
    mended: Arc<[&'static Rule]>,
    witness: Arc<Witness>,
}

impl Upstream for Overheard {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Reply, Error>> {
        let asked = Asked::new(request.method.as_str(), &request.endpoint, &request.body);
        let Some(case) = request.case.clone().filter(|_| asked.is_known()) else { return self.inner.send(request) };
        let (witness, mended) = (Arc::clone(&self.witness), Arc::clone(&self.mended));
        async move {
            let Reply { status, headers, mut body } = self.inner.send(request).await?;
            let content_type = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
            let content_type = content_type.unwrap_or_default().into_owned();
            let body = stream! {
                let mut chunks: Vec<Bytes> = Vec::new();
                while let Some(chunk) = body.next().await {
                    match chunk {
                        Ok(bytes) => {
                            chunks.push(bytes.clone());
                            yield Ok(bytes);
                        }
                        // What broke off ends anywhere: the client's own reply tells of it.
                        Err(error) => {
                            yield Err(error);
                            return;
                        }
                    }
                }
                let body = chunks.concat().into();
                witness.keep(case, Heard { asked, status: status.as_u16(), content_type, body, mended });
            };
            Ok(Reply { status, headers, body: body.boxed() })
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::exchange::Auth;
    use crate::upstream::ErrorKind;

    struct Replies(&'static [Result<&'static str, ()>]);

    impl Upstream for Replies {
        fn send(&self, _: Request) -> BoxFuture<'_, Result<Reply, Error>> {
            let chunk = |chunk: &Result<&'static str, ()>| {
                chunk.map(Bytes::from).map_err(|()| Error::new(ErrorKind::Broken, "cut"))
            };
            let body = stream::iter(self.0.iter().map(chunk).collect::<Vec<_>>()).boxed();
            async { Ok(Reply { status: StatusCode::OK, headers: HeaderMap::new(), body }) }.boxed()
        }
    }

    async fn heard(chunks: &'static [Result<&'static str, ()>], path: &str, case: Option<&str>) -> Vec<String> {
        let witness = Arc::new(Witness::default());
        let upstream = witness.around(Arc::new(Replies(chunks)), &Quirks::default());
        let request = Request {
            method: http::Method::POST,
            endpoint: path.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"{\"model\": \"m\"}"),
            auth: Auth::Provider,
            case: case.map(str::to_owned),
        };
        let given = upstream.send(request).await.unwrap().collect().await;
        assert_eq!(given.is_ok(), chunks.iter().all(Result::is_ok));
        let told =
            |heard: Heard| format!("{} {}", heard.asked.model().unwrap_or("-"), String::from_utf8_lossy(&heard.body));
        let heard: Vec<String> = witness.take("a").into_iter().map(told).collect();
        assert!(witness.take("a").is_empty(), "it is taken once");
        heard
    }

    #[tokio::test]
    async fn what_comes_whole_is_heard_by_its_case() {
        let chat = "/v1/chat/completions";
        assert_eq!(heard(&[Ok("{}"), Ok(" ")], chat, Some("a")).await, ["m {} "]);
        let nothing: [&str; 0] = [];
        assert_eq!(heard(&[Ok("{}"), Err(())], chat, Some("a")).await, nothing, "it broke off");
        assert_eq!(heard(&[Ok("{}")], chat, None).await, nothing, "nobody's");
        assert_eq!(heard(&[Ok("{}")], chat, Some("b")).await, nothing, "another case's");
        assert_eq!(heard(&[Ok("{}")], "/v1/tools", Some("a")).await, nothing, "no rule is known there");
    }

    #[test]
    fn what_the_quirks_of_a_provider_say_is_mended() {
        let ids = |quirks: &Quirks| mended(quirks).iter().map(|rule| rule.id).collect::<Vec<_>>();
        assert!(ids(&Quirks::default()).is_empty());
        let usage_when_missing = vec!["/v1/embeddings".to_owned()];
        let quirks = Quirks { bare_model_list: true, usage_when_missing, ..Quirks::default() };
        assert_eq!(ids(&quirks), ["models-list", "usage-missing"]);
    }
}
