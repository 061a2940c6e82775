//! Models of setups that their providers retire.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::provider::{Catalogue, Setup};

/// How many days before its end a model is told.
const SOON: i64 = 90;

/// The day that it is, in UTC.
pub(super) fn today() -> Date {
    jiff::Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// A line for each model of a setup that is retired or soon will be, by what `prices.yaml` says.
pub(super) fn lines<'s>(
    setups: impl IntoIterator<Item = &'s Setup>,
    catalogue: &Catalogue,
    today: Date,
) -> Vec<String> {
    let mut lines = Vec::new();
    for setup in setups {
        for model in setup.models.all() {
            let line = line(setup, model, catalogue, today);
            // One model may be for several axes.
            lines.extend(line.filter(|line| !lines.contains(line)));
        }
    }
    lines
}

/// `warning: gpt-4o of setup gpt will be retired on 2027-01-14, in 46 days: gpt-6-luna replaces it (suites/setups.yaml:18)`.
fn line(setup: &Setup, routed: &str, catalogue: &Catalogue, today: Date) -> Option<String> {
    let (provider, model) = routed.split_once('/')?;
    let listed = catalogue.provider(provider)?.listed.get(model)?;
    let date = listed.retired?;
    let days = date.duration_since(today).as_hours() / 24;
    let when = match days {
        ..=0 => format!("is retired since {date}"),
        1 => format!("will be retired on {date}, in 1 day"),
        2..=SOON => format!("will be retired on {date}, in {days} days"),
        _ => return None,
    };
    let successor = listed.successor.as_ref().map_or_else(String::new, |model| format!(": {model} replaces it"));
    let place = setup.places.iter().find(|(named, _)| named == routed);
    let place = place.map_or_else(String::new, |(_, place)| format!(" ({place})"));
    Some(format!("warning: {model} of setup {} {when}{successor}{place}", setup.name))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::provider::{Listed, Models, Provider};

    fn told(retired: Date, today: Date) -> Vec<String> {
        let listed = Listed { retired: Some(retired), successor: Some("new".into()), ..Listed::default() };
        let provider =
            Provider { name: "p".into(), listed: [("x/old".to_owned(), listed)].into(), ..Provider::default() };
        let catalogue = Catalogue { providers: vec![provider], ..Catalogue::default() };
        let models =
            Models { text: Some("p/x/old".into()), vision: Some("p/x/old".into()), embedding: Some("p/e".into()) };
        let places = vec![("p/x/old".to_owned(), "setups.yaml:4".to_owned())];
        lines([&Setup { name: "s".into(), models, places, ..Setup::default() }], &catalogue, today)
    }

    #[test]
    fn a_model_is_told_once_from_90_days_before_its_end() {
        let end = date(2027, 1, 14);
        for (today, line) in [
            (date(2026, 10, 15), None),
            (date(2026, 10, 16), Some("will be retired on 2027-01-14, in 90 days")),
            (date(2027, 1, 13), Some("will be retired on 2027-01-14, in 1 day")),
            (date(2027, 1, 14), Some("is retired since 2027-01-14")),
            (date(2028, 1, 14), Some("is retired since 2027-01-14")),
        ] {
            let whole = line.map(|line| format!("warning: x/old of setup s {line}: new replaces it (setups.yaml:4)"));
            assert_eq!(told(end, today), Vec::from_iter(whole), "{today}");
        }
    }
}
