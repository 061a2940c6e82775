//! A request of a session and its reply, from sending it to its figures.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::cli::budget::prices;
use crate::cli::hooks::replayed;
use crate::event::Call;
use crate::protocol::Asked;
use crate::provider::Provider;
use crate::proxy::{Observed, ObservedReply};
use crate::run::{self, Answer, Price};
use crate::upstream::Request;

/// What figures of replies depend on.
pub(in crate::cli) struct Terms {
    /// The pace of replay as a multiple of the recorded pace; `None` replays without pauses.
    pub(super) speed: Option<f64>,
    /// What models cost, by provider.
    pub(super) prices: BTreeMap<String, Price>,
}

impl Terms {
    pub(in crate::cli) fn of(providers: impl Iterator<Item = Provider>, speed: Option<f64>) -> Self {
        Terms { speed, prices: providers.map(|provider| (provider.name.clone(), prices(vec![provider]))).collect() }
    }
}

/// A request that a session sent.
pub(super) struct Slot {
    pub(super) observed: Arc<Observed>,
    state: Mutex<State>,
}

enum State {
    UnderWay(Box<Asked>, Box<Call>),
    Done(Box<Call>),
}

impl Slot {
    pub(super) fn new(observed: &Arc<Observed>, request: &Request) -> Self {
        let asked = Asked::new(request.method.as_str(), &request.endpoint, &request.body);
        let call = Call {
            provider: Some(observed.provider.clone()),
            method: request.method.to_string(),
            endpoint: request.endpoint.clone(),
            ..Call::default()
        };
        Slot { observed: Arc::clone(observed), state: Mutex::new(State::UnderWay(Box::new(asked), Box::new(call))) }
    }

    /// The model that the request names.
    pub(super) fn model(&self) -> Option<String> {
        match &*self.lock() {
            State::UnderWay(asked, _) => asked.model().map(str::to_owned),
            State::Done(_) => None,
        }
    }

    /// The figures of what has come. From now on nothing else is kept of it.
    pub(super) fn done(&self, terms: &Terms) -> Call {
        let mut state = self.lock();
        if let State::UnderWay(asked, call) = &mut *state {
            let mut call = std::mem::take(&mut **call);
            let price = terms.prices.get(&self.observed.provider);
            complete(&mut call, std::mem::take(&mut **asked), self.observed.take_reply(), terms.speed, price);
            *state = State::Done(Box::new(call));
        }
        match &*state {
            State::Done(call) => (**call).clone(),
            State::UnderWay(_, call) => (**call).clone(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn complete(call: &mut Call, asked: Asked, reply: ObservedReply, speed: Option<f64>, price: Option<&Price>) {
    let Some((status, headers)) = reply.head else { return };
    let replayed = reply.played.map(|played| replayed(played, speed));
    let answer = Answer {
        status,
        headers,
        sizes: reply.body.iter().map(bytes::Bytes::len).collect(),
        // Half a body would be read as a whole one.
        body: if reply.is_cut { bytes::Bytes::new() } else { reply.body.concat().into() },
        chunks: reply.times,
        broken: reply.broken,
    };
    run::complete(call, &answer, asked, replayed.as_ref(), price);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderMap;

    use super::*;

    #[test]
    fn a_request_without_a_reply_has_no_status() {
        let mut call = Call { method: "GET".into(), ..Call::default() };
        complete(&mut call, Asked::default(), ObservedReply::default(), None, None);
        assert_eq!(call, Call { method: "GET".into(), ..Call::default() });
    }

    #[test]
    fn the_usage_of_a_body_that_was_cut_is_not_known() {
        let body = vec![bytes::Bytes::from_static(
            br#"{"model": "m", "usage": {"prompt_tokens": 3, "completion_tokens": 4}}"#,
        )];
        let reply = |is_cut| ObservedReply {
            head: Some((200, HeaderMap::new())),
            body: body.clone(),
            times: vec![Duration::from_millis(5)],
            is_cut,
            ..ObservedReply::default()
        };
        let usage = |is_cut| {
            let mut call = Call::default();
            complete(&mut call, Asked::default(), reply(is_cut), None, None);
            (call.status, call.usage.map(|usage| usage.input), call.model, call.last_byte)
        };
        let at = Some(Duration::from_millis(5));
        assert_eq!(usage(false), (Some(200), Some(3), Some("m".to_owned()), at));
        assert_eq!(usage(true), (Some(200), None, None, at));
    }
}
