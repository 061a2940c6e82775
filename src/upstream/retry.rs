//! Decides whether to retry a request, and after how long. Pure: the clock and the random numbers are inputs.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

/// How often and after which pauses a request is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// The number of tries, the first one included; 1 never retries.
    pub tries: u32,
    /// The longest first pause; for each further pause the limit doubles.
    pub base: Duration,
    /// The longest pause that we choose ourselves.
    pub cap: Duration,
    /// If a server asks for a longer wait than this, there is no retry, and its answer counts.
    pub patience: Duration,
}

impl Retries {
    /// For live runs: three tries.
    pub fn live() -> Self {
        Retries {
            tries: 3,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(8),
            patience: Duration::from_secs(60),
        }
    }

    /// For a proxy, whose client retries by itself: one try.
    pub fn never() -> Self {
        Retries { tries: 1, ..Retries::live() }
    }
}

/// The outcome of one try.
#[derive(Debug, Clone, Copy)]
pub(super) enum Came<'a> {
    /// A reply.
    Reply(StatusCode, &'a HeaderMap),
    /// No reply: the transport failed before any byte came.
    Nothing,
}

/// How long to wait before the next try; `None` if this outcome is final. `tried` counts the tries made so far; `dice`
/// is in `0.0..1.0`.
pub(super) fn pause(policy: &Retries, tried: u32, came: Came<'_>, now: SystemTime, dice: f64) -> Option<Duration> {
    if tried >= policy.tries {
        return None;
    }
    let Came::Reply(status, headers) = came else {
        return Some(backoff(policy, tried, dice));
    };
    if !worth_asking_again(status) || text(headers, "x-should-retry") == Some("false") {
        return None;
    }
    match wished(headers, now) {
        Some(wish) => (wish <= policy.patience).then_some(wish),
        None => Some(backoff(policy, tried, dice)),
    }
}

fn worth_asking_again(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
}

/// Exponential with full jitter: anywhere between zero and the limit, so that clients that failed together do not come
/// back together.
fn backoff(policy: &Retries, tried: u32, dice: f64) -> Duration {
    let doublings = tried.saturating_sub(1).min(16);
    let bound = policy.base.saturating_mul(1 << doublings).min(policy.cap);
    bound.mul_f64(dice.clamp(0.0, 1.0))
}

/// The pause that the server asks for: `retry-after-ms`, else `Retry-After` in seconds or as an HTTP date.
fn wished(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    if let Some(milliseconds) = text(headers, "retry-after-ms").and_then(|text| text.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(milliseconds / 1000.0).ok();
    }
    let wish = text(headers, "retry-after")?;
    if let Ok(seconds) = wish.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let then = jiff::fmt::rfc2822::parse(wish).ok()?.timestamp();
    Some(SystemTime::from(then).duration_since(now).unwrap_or(Duration::ZERO))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn after(status: u16, pairs: &[(&'static str, &str)]) -> Option<Duration> {
        let headers = headers(pairs);
        pause(&Retries::live(), 1, Came::Reply(StatusCode::from_u16(status).unwrap(), &headers), NOW, 0.5)
    }

    #[test]
    fn only_429_5xx_and_silence_are_asked_again() {
        for (status, again) in [(200, false), (400, false), (401, false), (404, false), (408, false), (424, false)] {
            assert_eq!(after(status, &[]).is_some(), again, "{status}");
        }
        for (status, again) in [(429, true), (500, true), (501, false), (502, true), (503, true), (529, true)] {
            assert_eq!(after(status, &[]).is_some(), again, "{status}");
        }
        assert!(pause(&Retries::live(), 1, Came::Nothing, NOW, 0.5).is_some());
    }

    #[test]
    fn pauses_double_up_to_the_cap_and_are_jittered() {
        let policy = Retries { tries: 99, ..Retries::live() };
        let pauses: Vec<u128> =
            (1..8).map(|tried| pause(&policy, tried, Came::Nothing, NOW, 1.0).unwrap().as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
        assert_eq!(pause(&policy, 3, Came::Nothing, NOW, 0.0), Some(Duration::ZERO));
        assert_eq!(pause(&policy, 3, Came::Nothing, NOW, 0.25), Some(Duration::from_millis(500)));
        assert!(pause(&policy, 98, Came::Nothing, NOW, 1.0).is_some(), "no overflow");
    }

    #[test]
    fn tries_are_counted() {
        assert!(pause(&Retries::live(), 2, Came::Nothing, NOW, 0.5).is_some());
        assert_eq!(pause(&Retries::live(), 3, Came::Nothing, NOW, 0.5), None);
        assert_eq!(pause(&Retries::never(), 1, Came::Nothing, NOW, 0.5), None);
    }

    #[test]
    fn the_servers_wish_is_honoured() {
        assert_eq!(after(429, &[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(after(429, &[("retry-after", "0")]), Some(Duration::ZERO));
        assert_eq!(after(503, &[("retry-after", "0.25")]), Some(Duration::from_millis(250)));
        assert_eq!(after(429, &[("retry-after-ms", "120"), ("retry-after", "7")]), Some(Duration::from_millis(120)));
        assert_eq!(after(429, &[("retry-after", "Thu, 01 Jan 1970 00:00:09 GMT")]), Some(Duration::from_secs(9)));
        let late = NOW + Duration::from_secs(60);
        let past = headers(&[("retry-after", "Thu, 01 Jan 1970 00:00:09 GMT")]);
        let came = Came::Reply(StatusCode::TOO_MANY_REQUESTS, &past);
        assert_eq!(pause(&Retries::live(), 1, came, late, 0.5), Some(Duration::ZERO));
    }

    #[test]
    fn a_wish_beyond_patience_ends_it() {
        assert_eq!(after(429, &[("retry-after", "61")]), None);
        assert_eq!(after(429, &[("retry-after", "Fri, 01 Jan 2100 00:00:00 GMT")]), None);
    }

    #[test]
    fn nonsense_falls_back_to_our_own_pause() {
        for wish in ["soon", "-1", "", "NaN", "99999999999999999999999999"] {
            assert_eq!(after(429, &[("retry-after", wish)]), Some(Duration::from_millis(250)), "{wish:?}");
        }
    }

    #[test]
    fn a_server_may_forbid_it() {
        assert_eq!(after(429, &[("x-should-retry", "false"), ("retry-after", "0")]), None);
        assert!(after(429, &[("x-should-retry", "true")]).is_some());
    }
}
