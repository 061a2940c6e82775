//! Switches to other protocols, as WebSocket clients ask for: what is said after that passes in both directions.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::Proxy;
use super::refusal::Refusal;
use super::service::{Served, relayed, request};
use super::session::case_of;
use crate::upstream::{Connection, Switched, Upstream as _, end_to_end};

/// The protocol that a request asks to switch to. Newer versions of HTTP, which Java's client offers with each request,
/// are no more than offers: the answer is the same without them.
pub(super) fn wanted(headers: &HeaderMap) -> Option<HeaderValue> {
    let value = headers.get(header::UPGRADE)?;
    let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
    let is_http = |protocol: &str| ["h2c", "http/", "tls/"].iter().any(|own| protocol.trim().starts_with(own));
    (!text.split(',').all(is_http)).then(|| value.clone())
}

/// Asks a provider to switch. The body of such a request is empty.
pub(super) async fn answer(
    proxy: &Proxy,
    mut head: Parts,
    session: Option<&str>,
    (provider, tape): Served<'_>,
    rest: &str,
) -> Result<Response, Refusal> {
    let upgrade = head.extensions.remove::<OnUpgrade>();
    let wanted = wanted(&head.headers);
    // What is passed on loses the headers of one hop.
    let mut request = request(proxy, head, Bytes::new(), session.map(case_of), provider, rest);
    if let Some(wanted) = &wanted {
        request.headers.insert(header::UPGRADE, wanted.clone());
    }
    let (headers, there) = match tape.switch(request).await.map_err(Refusal::from)? {
        Switched::Not(reply) => return Ok(relayed(reply, None).await),
        Switched::To(headers, there) => (headers, there),
    };
    let protocol = headers.get(header::UPGRADE).cloned().or(wanted);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = end_to_end(headers, |_| true);
    if let Some(protocol) = protocol {
        response.headers_mut().insert(header::UPGRADE, protocol);
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    if let Some(upgrade) = upgrade {
        tokio::spawn(passed_on(there, upgrade));
    }
    Ok(response)
}

/// Passes bytes in both directions until either side closes.
pub(super) async fn passed_on(mut there: impl Connection, upgrade: OnUpgrade) {
    let Ok(upgraded) = upgrade.await else { return };
    let mut here = TokioIo::new(upgraded);
    // Whoever closed knows why.
    let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_version_of_http_is_only_offered() {
        let wants = |value: &'static str| {
            wanted(&HeaderMap::from_iter([(header::UPGRADE, HeaderValue::from_static(value))])).is_some()
        };
        assert!(wants("websocket") && wants("WebSocket") && wants("h2c, websocket"));
        assert!(!wants("h2c") && !wants("HTTP/2.0, h2c") && wanted(&HeaderMap::new()).is_none());
    }
}
