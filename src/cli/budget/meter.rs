//! Counts the cost of live replies.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use http::header::CONTENT_TYPE;

use super::price;
use super::spending::Spending;
use crate::matrix::{self, Estimate};
use crate::provider::Provider;
use crate::upstream::{self, Error, ErrorKind, Reply, Request, Upstream};
use crate::wire;

/// An upstream that counts the cost of a live one.
pub(in crate::cli) struct Meter {
    live: upstream::Shared,
    /// The providers for prices.
    providers: Vec<Provider>,
    spending: Arc<Spending>,
}

impl Meter {
    /// Counts the replies of `live`.
    pub(in crate::cli) fn around(
        live: upstream::Shared,
        providers: Vec<Provider>,
        spending: Arc<Spending>,
    ) -> upstream::Shared {
        Arc::new(Meter { live, providers, spending })
    }

    /// The bill for a request; `None` if it calls no model.
    fn bill(&self, request: &Request) -> Option<Bill> {
        let body: serde_json::Value = serde_json::from_slice(&request.body).ok()?;
        let estimate = matrix::estimate_request(&request.endpoint, &body)?;
        let model = body["model"].as_str()?;
        let (provider, model) = price::whose(&self.providers, model)?;
        let (provider, model) = (provider.clone(), model.to_owned());
        let spending = Arc::clone(&self.spending);
        Some(Bill {
            spending,
            case: request.case.clone(),
            provider,
            model,
            estimate,
            kind: String::new(),
            body: Vec::new(),
            is_free: false,
        })
    }
}

impl Upstream for Meter {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Reply, Error>> {
        async move {
            let Some(mut bill) = self.bill(&request) else { return self.live.send(request).await };
            let reply = self.live.send(request).await.inspect_err(|error| {
                // A provider that did not answer in time may have done the work all the same.
                bill.is_free = error.kind != ErrorKind::Timeout;
            })?;
            bill.is_free = reply.status.as_u16() >= 400;
            let kind = reply.headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
            bill.kind = String::from_utf8_lossy(kind.unwrap_or_default()).into_owned();
            let body = stream::unfold((reply.body, bill), |(mut body, mut bill)| async move {
                // At the end of the body the bill is dropped and so paid, before the client sees the end.
                let chunk = body.next().await?;
                if let Ok(bytes) = &chunk {
                    bill.body.extend_from_slice(bytes);
                }
                Some((chunk, (body, bill)))
            });
            Ok(Reply { body: body.boxed(), ..reply })
        }
        .boxed()
    }
}

/// It is paid when it is dropped: an abandoned request was sent all the same.
struct Bill {
    spending: Arc<Spending>,
    case: Option<String>,
    provider: Provider,
    model: String,
    /// The estimated tokens of the request, without a price.
    estimate: Estimate,
    kind: String,
    body: Vec<u8>,
    /// Whether it costs nothing unless the reply reports usage: there is no answer, or it is an error.
    is_free: bool,
}

impl Drop for Bill {
    fn drop(&mut self) {
        let reported = wire::usage(&self.kind, &self.body);
        let (input, output) = match reported {
            Some(usage) => (usage.input, usage.output),
            None if self.is_free => return,
            None => (self.estimate.input, self.estimate.output),
        };
        let sum = matrix::cost(&self.provider, &self.model, input, output);
        if sum.is_none() {
            self.spending.has_no_price(format!("{}/{}", self.provider.name, self.model));
        }
        let sum = sum.unwrap_or(Estimate { input, output, dollars: 0.0 });
        self.spending.pay(self.case.as_deref(), sum, reported.is_some());
    }
}
