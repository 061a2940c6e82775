//! Whether a new reply differs from the old one, and whether it may replace it. Pure.

use super::plan::Trust;
use crate::exchange::{Exchange, Origin, has_end_mark, trouble};

/// Reply headers that differ even between equal replies: time, machine, remaining quota.
const PASSING_HEADERS: [&str; 14] = [
    "age",
    "cf-cache-status",
    "cf-ray",
    "date",
    "expires",
    "openai-processing-ms",
    "request-id",
    "server-timing",
    "traceparent",
    "via",
    "x-amzn-requestid",
    "x-envoy-upstream-service-time",
    "x-request-id",
    "x-trace-id",
];
const PASSING_HEADER_PREFIXES: [&str; 3] = ["x-ratelimit-", "anthropic-ratelimit-", "ratelimit-"];

/// Whether two exchanges differ at most in when and how fast they happened.
pub(super) fn is_same(new: &Exchange, old: &Exchange) -> bool {
    let lasting = |exchange: &Exchange| {
        let mut headers: Vec<(String, String)> =
            exchange.reply.headers.iter().filter(|(name, _)| is_lasting_header(name)).cloned().collect();
        headers.sort();
        headers
    };
    // A real recording replaces an equal simulated one, because its label is better.
    let better_label = old.origin == Origin::Simulated && new.origin == Origin::Real;
    !better_label
        && (new.reply.status, &new.reply.end) == (old.reply.status, &old.reply.end)
        && new.reply.has_same_body(&old.reply)
        && lasting(new) == lasting(old)
}

fn is_lasting_header(name: &str) -> bool {
    !PASSING_HEADERS.contains(&name) && !PASSING_HEADER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Why the new exchange must not replace the old one. A case that ended well records whatever it received; if the
/// outcome is not known, nothing better is replaced.
pub(super) fn worse(new: &Exchange, old: &Exchange, trust: Trust) -> Option<String> {
    if old.origin == Origin::Real && new.origin == Origin::Simulated {
        return Some("it is real and the new one simulated".to_owned());
    }
    if trust != Trust::Unknown || trouble(&old.reply).is_some() {
        return None;
    }
    if let Some(why) = trouble(&new.reply) {
        return Some(why);
    }
    let has_lost_mark = has_end_mark(&old.reply) && !has_end_mark(&new.reply) && new.reply.status == old.reply.status;
    has_lost_mark.then(|| "the new stream ended without `[DONE]`".to_owned())
}
