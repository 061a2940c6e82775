//! Durations as users write them, in files and flags.

use std::time::Duration;

/// The way out for texts that [`duration`] rejects.
pub(crate) const DURATION_HELP: &str = "write a number with `ms`, `s` or `m`, such as `10s`";

/// Reads `200ms`, `1.5s`, `2m`: a duration of up to a day. `None` for anything else.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &text[number.len()..] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    let seconds = number.trim().parse::<f64>().ok()? * unit;
    (0.0..=86_400.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_or_refused() {
        for (text, milliseconds) in
            [("200ms", 200), ("1.5s", 1500), ("2 m", 120_000), ("0s", 0), ("86400s", 86_400_000)]
        {
            assert_eq!(duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "10", "s", "10 sec", "-1s", "NaNs", "infs", "90000s", "1h", "10s "] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
