//! Whether a stream may end with `data: [DONE]`.

use http::{HeaderMap, header};

/// The first version of llama-stack's client that knows `[DONE]`. Older ones read it as JSON and fail; llama-stack
/// servers of that time just close the connection.
const KNOWS_DONE: (u32, u32) = (0, 7);

/// Whether the caller, by its User-Agent, can read `data: [DONE]`.
pub(super) fn knows_done(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = agent.strip_prefix("Async").unwrap_or(agent);
    // `LlamaStackClient/Python 0.2.21`
    let Some(client) = name.strip_prefix("LlamaStackClient/") else { return true };
    version(client.split_whitespace().nth(1).unwrap_or_default()).is_some_and(|version| version >= KNOWS_DONE)
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llama_stacks_client_before_0_7_alone_cannot_read_done() {
        let knows = |agent: &str| {
            let headers = [(header::USER_AGENT, agent.parse().unwrap())].into_iter().collect();
            knows_done(&headers)
        };
        for agent in [
            "LlamaStackClient/Python 0.2.21",
            "AsyncLlamaStackClient/Python 0.6.1",
            "LlamaStackClient/JS 0.3.0",
            "LlamaStackClient/Python",
        ] {
            assert!(!knows(agent), "{agent}");
        }
        for agent in ["LlamaStackClient/Python 0.7.0", "LlamaStackClient/JS 1.0.0", "OpenAI/Python 1.107.0", "curl/8"] {
            assert!(knows(agent), "{agent}");
        }
        assert!(knows_done(&HeaderMap::new()));
    }
}
