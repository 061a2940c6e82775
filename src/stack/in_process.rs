//! The gateway as an upstream: called without a socket.

use axum::Router;
use axum::body::Body;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::StreamExt;
use tower::ServiceExt;

use crate::upstream::{self, Error, ErrorKind, Reply, Request, Upstream};

/// Marks a request that came through no socket, so that only this process can have sent it.
#[derive(Clone, Copy)]
pub(super) struct Inside;

/// A router that answers requests. [`Request::endpoint`] is here a path of the gateway, with its prefix.
pub struct InProcess {
    router: Router,
}

impl InProcess {
    /// An upstream of that router.
    pub fn new(router: Router) -> Self {
        InProcess { router }
    }
}

impl Upstream for InProcess {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Reply, Error>> {
        let router = self.router.clone();
        async move {
            let request = convert(request)?;
            let response = match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let (parts, body) = response.into_parts();
            let body = body.into_data_stream().map(|chunk| chunk.map_err(broken)).boxed();
            Ok(Reply { status: parts.status, headers: parts.headers, body })
        }
        .boxed()
    }
}

fn convert(request: Request) -> Result<http::Request<Body>, Error> {
    let wrong =
        |what: &str| Error::new(ErrorKind::Other, format!("the stack cannot be asked {:?}: {what}", request.endpoint));
    if !request.endpoint.starts_with('/') {
        return Err(wrong("a path must begin with a slash"));
    }
    let uri: http::Uri = request.endpoint.parse().map_err(|error: http::uri::InvalidUri| wrong(&error.to_string()))?;
    let mut headers = request.headers.clone();
    upstream::mark(&mut headers, &request);
    let mut converted = http::Request::new(Body::from(request.body));
    *converted.method_mut() = request.method;
    *converted.uri_mut() = uri;
    *converted.headers_mut() = headers;
    converted.extensions_mut().insert(Inside);
    Ok(converted)
}

/// Why a body broke off: the error of the upstream below the gateway, if it is one.
fn broken(error: axum::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if let Some(said) = error.downcast_ref::<Error>() {
            return said.clone();
        }
        cause = error.source();
    }
    Error::new(ErrorKind::Broken, format!("the stack's reply broke off: {error}"))
}
