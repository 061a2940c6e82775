//! What is taken out of one request and its reply before they are kept: the secrets of the run, and what the client sent
//! of its own, which nobody declared.

use std::borrow::Cow;

use crate::exchange::{Exchange, Request, Secrets, credentials};

/// The secrets of one request.
pub(super) struct Scrubbing<'s> {
    usual: Cow<'s, Secrets>,
    own: Option<Secrets>,
}

impl<'s> Scrubbing<'s> {
    /// The usual ones, with the credentials of this request's own. `match_headers` are kept, because they count.
    pub(super) fn new(usual: &'s Secrets, request: &Request, match_headers: &[String]) -> Self {
        let own = credentials(&request.headers);
        let own = (!own.is_empty()).then(|| Secrets::new(own).keeping(match_headers));
        Scrubbing { usual: Cow::Borrowed(usual), own }
    }

    /// The same for another thread.
    pub(super) fn into_owned(self) -> Scrubbing<'static> {
        Scrubbing { usual: Cow::Owned(self.usual.into_owned()), own: self.own }
    }

    pub(super) fn request(&self, request: &Request) -> Request {
        let scrubbed = self.usual.request(request);
        match &self.own {
            Some(own) => own.request(&scrubbed),
            None => scrubbed,
        }
    }

    pub(super) fn exchange(&self, exchange: &Exchange) -> Exchange {
        let scrubbed = self.usual.exchange(exchange);
        match &self.own {
            Some(own) => own.exchange(&scrubbed),
            None => scrubbed,
        }
    }

    pub(super) fn text(&self, text: &str) -> String {
        let text = self.own.as_ref().map_or(Cow::Borrowed(text), |own| own.text(text).into());
        self.usual.text(&text)
    }
}
