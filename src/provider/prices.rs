//! `prices.yaml`, read and written; prices in `providers.yaml`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::civil::Date;

use super::model::{Catalogue, Listed, Price};
use super::raw::{RawListed, RawPrice, RawPrices};
use super::words::{File, did_you_mean};
use crate::yaml::{self, Error, Place, Source, Spanned};

/// The catalogue with what a `prices.yaml` says of its models; entries of before with the same id are replaced. `Err` is
/// the first mistake.
pub fn with_prices(source: &Source, mut catalogue: Catalogue) -> Result<Catalogue, Error> {
    let raw: RawPrices = yaml::from_source(source)?;
    let file = File(source);
    for (name, models) in raw.prices.0 {
        let Some(provider) = catalogue.providers.iter_mut().find(|provider| provider.name == name.value) else {
            let known: Vec<&str> = catalogue.providers.iter().map(|provider| provider.name.as_str()).collect();
            let help = format!("take it out; {}", did_you_mean(&name.value, &known));
            return Err(file.wrong(&name, format!("unknown provider `{}`", name.value), help));
        };
        for (model, raw) in models.0 {
            let listed = listed(&file, raw)?;
            provider.listed.insert(model.value, listed);
        }
    }
    Ok(catalogue)
}

fn listed(file: &File<'_>, raw: Spanned<RawListed>) -> Result<Listed, Error> {
    let RawListed { input, output, retired, successor } = raw.value;
    let price = match (input, output) {
        (None, None) => None,
        (Some(input), output) => Some(checked(file, raw.place, input, output.unwrap_or_default())?),
        (None, Some(_)) => {
            return Err(file.wrong_at(
                raw.place,
                "a price of output without one of input",
                "write both: `{input: 0.15, output: 0.60}`",
            ));
        }
    };
    let retired = retired.map(|word| {
        let no_date = || file.wrong(&word, format!("`{}` is no date", word.value), "write it as 2027-01-14");
        date(&word.value).ok_or_else(no_date)
    });
    Ok(Listed { price, retired: retired.transpose()?, successor: successor.map(|word| word.value) })
}

/// A price in `providers.yaml`.
pub(super) fn price(
    file: &File<'_>,
    model: Spanned<String>,
    raw: &Spanned<RawPrice>,
) -> Result<(String, Price), Error> {
    Ok((model.value, checked(file, raw.place, raw.value.input, raw.value.output)?))
}

fn checked(file: &File<'_>, place: Place, input: f64, output: f64) -> Result<Price, Error> {
    if [input, output].iter().any(|dollars| !dollars.is_finite() || *dollars < 0.0) {
        let help = "US dollars per million tokens, such as `{input: 0.15, output: 0.60}`";
        return Err(file.wrong_at(place, "this is no price", help));
    }
    Ok(Price { input, output })
}

/// `2027-01-14`, and no other form of a date.
pub(super) fn date(text: &str) -> Option<Date> {
    text.parse::<Date>().ok().filter(|date| date.to_string() == text)
}

/// The lines of a `prices.yaml` below its head, sorted by provider and model.
pub fn prices_file(models: &BTreeMap<(String, String), Listed>) -> String {
    let mut out = String::from("prices:\n");
    let mut last = None;
    for ((provider, model), listed) in models {
        if last != Some(provider) {
            let _ = writeln!(out, "  {}:", scalar(provider));
            last = Some(provider);
        }
        let _ = writeln!(out, "    {}: {listed}", scalar(model));
    }
    out
}

impl std::fmt::Display for Listed {
    /// As in the file: `{input: 2.5, output: 10, retired: 2027-01-14, successor: gpt-6-luna}`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let price = self.price.map(|price| format!("input: {}, output: {}", price.input, price.output));
        let retired = self.retired.map(|date| format!("retired: {date}"));
        let successor = self.successor.as_ref().map(|model| format!("successor: {}", scalar(model)));
        write!(f, "{{{}}}", [price, retired, successor].into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// Words that YAML, or an older version of it, takes for something else than a text.
const NO_TEXTS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];

/// A text as YAML, quoted unless it can only be a text.
fn scalar(text: &str) -> String {
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|character| character.is_ascii_alphanumeric() || "._/-".contains(character))
        && !NO_TEXTS.contains(&text.to_lowercase().as_str());
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Provider;

    fn source(text: &str) -> Source {
        Source { name: "prices.yaml".into(), text: text.into() }
    }

    fn catalogue() -> Catalogue {
        let written = vec![("old-*".to_owned(), Price { input: 7.0, output: 7.0 })];
        let provider = Provider { name: "openai".into(), prices: written, ..Provider::default() };
        Catalogue { providers: vec![provider], ..Catalogue::default() }
    }

    fn wrong(text: &str) -> String {
        with_prices(&source(text), catalogue()).unwrap_err().render(false)
    }

    #[test]
    fn a_file_adds_to_the_prices_that_are_written_by_hand_and_replaces_an_older_file() {
        let older = "prices: {openai: {new-1: {input: 1}, kept: {input: 4, output: 5}}}";
        let file = "prices:\n  openai:\n    new-1: {input: 2, output: 3}\n    old-1: {input: 9}\n    gone: {retired: 2026-02-16}\n";
        let read = with_prices(&source(older), catalogue()).unwrap();
        let read = with_prices(&source(file), read).unwrap();
        let provider = read.provider("openai").unwrap();
        let price = |input, output| Some(Price { input, output });
        assert_eq!(
            ["new-1", "old-1", "kept", "gone", "other"].map(|model| provider.price(model)),
            [price(2.0, 3.0), price(7.0, 7.0), price(4.0, 5.0), None, None]
        );
        assert_eq!(provider.listed["gone"].retired, date("2026-02-16"));
    }

    #[test]
    fn a_mistake_is_shown_in_its_line() {
        let of = |entry: &str| wrong(&format!("prices:\n  openai:\n    m: {entry}\n"));
        for (said, line, reason) in [
            (of("{retired: soon}"), "prices.yaml:3:18", "`soon` is no date"),
            (of("{retired: 20270114}"), "prices.yaml:3:18", "`20270114` is no date"),
            (of("{input: -1}"), "prices.yaml:3:8", "this is no price"),
            (of("{output: 1}"), "prices.yaml:3:8", "output without one of input"),
            (of("{input: 1, inptu: 2}"), "prices.yaml:3", "did you mean `input`"),
            (wrong("prices:\n  opnai: {}\n"), "prices.yaml:2:3", "did you mean `openai`"),
        ] {
            assert!(said.contains(line) && said.contains(reason), "{said}");
        }
    }

    #[test]
    fn what_is_written_is_read_again_whatever_models_are_called() {
        let listed = |retired: Option<&str>, successor: Option<&str>| Listed {
            price: Some(Price { input: 0.15, output: 10.0 }),
            retired: retired.and_then(date),
            successor: successor.map(str::to_owned),
        };
        let names = [
            "gpt-4o",
            "no",
            "1e5",
            "a: b",
            "llama3.2:3b",
            "*x",
            "null",
            "x #y",
            "ft:gpt",
            "On",
            "a\"b\\",
            "Qwen/Q-1.5",
        ];
        let mut models: BTreeMap<_, _> =
            names.map(|name| (("openai".to_owned(), name.to_owned()), listed(None, Some(name)))).into();
        models.insert(("openai".into(), "dated-1".into()), Listed { price: None, ..listed(Some("2027-01-14"), None) });
        let text = prices_file(&models);
        let read = with_prices(&source(&text), catalogue()).unwrap();
        let expected: BTreeMap<String, Listed> =
            models.into_iter().map(|((_, model), listed)| (model, listed)).collect();
        assert_eq!(read.providers[0].listed, expected, "{text}");
        assert!(text.contains("\n    Qwen/Q-1.5: {input: 0.15, output: 10, successor: Qwen/Q-1.5}\n"), "{text}");
        assert!(text.contains("\n    dated-1: {retired: 2027-01-14}\n"), "{text}");
    }
}
