//! Undeclared credentials that are recognised by their form: keys of providers, tokens, signatures of URLs.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::{memchr3, memmem};
use regex::bytes::{Captures, Regex};

use super::credentials::is_random;
use crate::wire::headers::{is_credential_parameter, is_signature};

/// The prefixes of providers' keys, and the rest of the key. A letter or digit before the prefix makes it another word:
/// `task-…` is not a key.
const KEYS: [&str; 17] = [
    // OpenAI, Anthropic, OpenRouter, DeepSeek and others that use the same form.
    r"sk-[A-Za-z0-9_-]{16,}",
    r"gsk_[A-Za-z0-9]{20,}",
    r"AIza[A-Za-z0-9_-]{35}",
    r"ya29\.[A-Za-z0-9_-]{20,}",
    r"hf_[A-Za-z0-9]{30,}",
    r"xai-[A-Za-z0-9]{20,}",
    r"pplx-[A-Za-z0-9]{20,}",
    r"r8_[A-Za-z0-9]{30,}",
    r"nvapi-[A-Za-z0-9_-]{30,}",
    r"csk-[A-Za-z0-9]{30,}",
    r"fw_[A-Za-z0-9]{20,}",
    r"tgp_v1_[A-Za-z0-9_-]{20,}",
    r"(?:AKIA|ASIA)[A-Z0-9]{16}",
    r"gh[pousr]_[A-Za-z0-9]{30,}",
    r"github_pat_[A-Za-z0-9_]{22,}",
    r"glpat-[A-Za-z0-9_-]{20,}",
    r"xox[abprs]-[A-Za-z0-9-]{20,}",
];

/// Prefixes whose keys may have few digits or none; keys of AWS have only capitals and digits.
const WITHOUT_DIGITS: [&[u8]; 3] = [b"AKIA", b"ASIA", b"hf_"];

/// No key is shorter: `sk-` and 16 letters.
const SHORTEST: usize = 19;

static KEY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&KEYS.map(|key| format!("(?:{key})")).join("|")).ok());

/// A parameter of a URL, which may occur in any text.
static PARAMETER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"[?&;]([A-Za-z][A-Za-z0-9_.-]{1,40})=([^\s"'<>&;#\\)\]}`]{8,})"#).ok());

/// A JSON Web Token.
static JWT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}").ok());

/// Where such credentials stand in a text whose escapes have been undone.
pub(super) fn credentials(text: &[u8]) -> Vec<Range<usize>> {
    let mut found = keys(text);
    // Most texts are short and hold neither: to look for a byte costs less than to begin a search.
    if let Some(regex) = PARAMETER.as_ref().filter(|_| memchr3(b'?', b'&', b';', text).is_some()) {
        found.extend(regex.captures_iter(text).filter_map(|captures| signature(&captures)));
    }
    if let Some(regex) = JWT.as_ref().filter(|_| memmem::find(text, b"eyJ").is_some()) {
        found.extend(regex.find_iter(text).map(|hit| hit.range()).filter(|range| is_token(&text[..range.start])));
    }
    found
}

/// Like [`credentials`], for keys only.
pub(super) fn keys(text: &[u8]) -> Vec<Range<usize>> {
    if text.len() < SHORTEST {
        return Vec::new();
    }
    let found = KEY.iter().flat_map(|regex| regex.find_iter(text)).map(|hit| hit.range());
    found.filter(|range| is_key(text, range)).collect()
}

fn is_key(text: &[u8], range: &Range<usize>) -> bool {
    // Base64 and paths can contain text that looks like a key.
    let before = text[..range.start].last();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/');
    let goes_on = text.get(range.end).is_some_and(u8::is_ascii_alphanumeric);
    let key = &text[range.clone()];
    if before.is_some_and(is_word) || goes_on {
        return false;
    }
    is_random(key) || WITHOUT_DIGITS.iter().any(|start| key.starts_with(start) && is_varied(key))
}

fn is_varied(key: &[u8]) -> bool {
    let mut seen = [false; 256];
    key.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count() >= 10
}

/// The value of a signature, whatever it looks like. The value of another key parameter only if it is long and random,
/// because quoted code has `?key=YOUR_API_KEY`.
fn signature(captures: &Captures<'_>) -> Option<Range<usize>> {
    let (name, value) = (captures.get(1)?, captures.get(2)?);
    let text = std::str::from_utf8(name.as_bytes()).ok()?;
    let is_long = value.len() >= 16 && is_random(value.as_bytes());
    let counts = is_signature(text) && is_random(value.as_bytes()) || is_long && is_credential_parameter(text);
    counts.then(|| value.range())
}

/// Whether the text says that a token follows: `Authorization: Bearer …`, `"access_token": "…"`. A token without such
/// words before it is ordinary text.
fn is_token(before: &[u8]) -> bool {
    let near = &before[before.len().saturating_sub(40)..];
    let near = String::from_utf8_lossy(near).to_ascii_lowercase();
    let word = near.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ':' | '=' | '`'));
    ["bearer", "token", "authorization", "jwt", "assertion"].iter().any(|end| word.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        credentials(text.as_bytes()).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn keys_of_providers_are_known() {
        let random = "a8Fq2LkZ0pWmX7vT1cRb9YdNe4Gh6JsU3oQiKxE5tM8b";
        let upper = "Q7ZK2M9XW4TB6YLR";
        for key in [
            format!("sk-{random}"),
            format!("sk-ant-api03-{random}"),
            format!("sk-proj-{random}"),
            "sk-canary-0123456789".to_owned(),
            format!("gsk_{random}"),
            format!("AIza{}", &random[..35]),
            format!("hf_{random}"),
            format!("xai-{random}"),
            format!("pplx-{random}"),
            format!("r8_{random}"),
            format!("AKIA{upper}"),
            format!("ASIA{upper}"),
            format!("ya29.{random}"),
            format!("ghp_{random}"),
        ] {
            for (before, after) in [("", ""), ("key: ", "."), ("\"", "\""), ("Bearer ", "\n"), ("?key=", "&a=b")] {
                let text = format!("{before}{key}{after}");
                let mut all = found(&text);
                // It is found by its form and by the name of its parameter.
                all.dedup();
                assert_eq!(all, [key.as_str()], "{before}{key}{after}");
            }
        }
    }

    #[test]
    fn ids_and_made_up_text_stay() {
        for text in [
            "call_a8Fq2LkZ0pWmX7vT1cRb9YdN",
            "chatcmpl-a8Fq2LkZ0pWmX7vT1cRb9YdNe4Gh6",
            "req_011CQa8Fq2LkZ0pWmX7vT1cR",
            "toolu_01A8Fq2LkZ0pWmX7vT1cRb9Y",
            "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
            "task-a8Fq2LkZ0pWmX7vT1cRb9YdNe4Gh6JsU3o",
            "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "sk-your-key-goes-in-here-please",
            "sk-1111111111111111111111111111",
            "sk-ant-...",
            "Incorrect API key provided: sk-abcd****************wxyz.",
            "https://x.example/a?key=YOUR_API_KEY_GOES_HERE&q=1",
            "https://x.example/a?api-version=2024-10-21-preview&next_page_token=a8Fq2LkZ0pWmX7vT1cRb",
            "iVBORw0KGgo/AIzaa8Fq2LkZ0pWmX7vT1cRb9YdNe4Gh6JsU3oQ",
            "a token such as eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N is three parts",
        ] {
            assert_eq!(found(text), Vec::<&str>::new(), "{text}");
        }
    }

    #[test]
    fn signatures_of_urls_and_tokens_that_are_said_to_be_some_are_known() {
        let url = "https://b.example/i.png?se=2026-01-01&sp=r&sig=a8Fq%2BLkZ0pWm&sv=1";
        assert_eq!(found(url), ["a8Fq%2BLkZ0pWm"]);
        let amazon =
            "https://s3/x?X-Amz-Credential=AKX2/20260101&X-Amz-Date=20260101T000000Z&X-Amz-Signature=9f86d081884c";
        assert_eq!(found(amazon), ["AKX2/20260101", "20260101T000000Z", "9f86d081884c"]);
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N";
        assert_eq!(found(&format!("{{\"access_token\": \"{jwt}\"}}")), [jwt]);
        assert_eq!(found(&format!("authorization: Bearer {jwt}")), [jwt]);
    }
}
