//! Reads faults, which are injected on the way from a provider and are the same in every run.

use std::sync::Arc;

use serde::Deserialize;

use super::raw::{RawFault, RawMalformed, RawStall, RawStatus, RawStop};
use super::reader::{Checked, Reader, readable};
use crate::exchange::{Cut, Fault, What};
use crate::yaml::{self, Error, Short, Source, Spanned};

const KINDS: &str = "stop, stall, slow, drop_end, malformed, status, reset";

/// Reads a list of faults, or one, from YAML or JSON. `Err` is the first mistake.
pub(crate) fn parse_faults(source: &Source) -> Result<Vec<Fault>, Error> {
    #[derive(Deserialize)]
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    #[serde(deny_unknown_fields)]
    struct RawFaults {
        #[serde(default)]
        faults: Vec<Spanned<RawFault>>,
    }
    let raw: RawFaults = yaml::from_source(source)?;
    let known = super::Known::default();
    let mut reader = Reader::new(Arc::new(source.clone()), &known);
    let faults = readable(raw.faults.into_iter().map(|raw| lower_fault(&mut reader, raw)));
    match reader.errors.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(faults),
    }
}

pub(super) fn lower_fault(reader: &mut Reader<'_>, raw: Spanned<RawFault>) -> Checked<Fault> {
    let (place, raw) = (raw.place, raw.value);
    let (after_calls, times) = (raw.after_calls, raw.times);
    let given = [
        raw.stop.is_some(),
        raw.stall.is_some(),
        raw.slow.is_some(),
        raw.drop_end.is_some(),
        raw.malformed.is_some(),
        raw.status.is_some(),
        raw.reset.is_some(),
    ];
    if given.iter().filter(|given| **given).count() != 1 {
        return Err(reader.error(place, 1, "a fault is exactly one thing").push_help(format!("write one of: {KINDS}")));
    }
    if raw.times == Some(0) {
        return Err(reader
            .error(place, 1, "a fault that hits no call is none")
            .push_help("write `times: 1` or more, or leave it out"));
    }
    let what = match raw {
        RawFault { stop: Some(raw), .. } => lower_stop(reader, raw)?,
        RawFault { stall: Some(raw), .. } => lower_stall(reader, raw)?,
        RawFault { slow: Some(time), .. } => What::Slow(reader.duration(&time)?),
        RawFault { malformed: Some(raw), .. } => lower_malformed(reader, raw)?,
        RawFault { status: Some(raw), .. } => lower_status(reader, raw)?,
        RawFault { drop_end: Some(Spanned { value: true, .. }), .. } => What::DropEnd,
        RawFault { reset: Some(Spanned { value: true, .. }), .. } => What::Reset,
        _ => {
            return Err(reader
                .error(place, 1, "this fault is switched off")
                .push_help("write `true`, or leave it out"));
        }
    };
    Ok(Fault { after_calls, times, what })
}

fn lower_cut(reader: &mut Reader<'_>, place: yaml::Place, events: Option<usize>, bytes: Option<usize>) -> Checked<Cut> {
    match (events, bytes) {
        (Some(events), None) => Ok(Cut::Events(events)),
        (None, Some(bytes)) => Ok(Cut::Bytes(bytes)),
        _ => Err(reader
            .error(place, 1, "where in the body is not said")
            .push_help("write either `after_events: 3` or `after_bytes: 10`")),
    }
}

fn lower_stop(reader: &mut Reader<'_>, raw: Spanned<RawStop>) -> Checked<What> {
    let Spanned { value, place } = raw;
    Ok(What::Stop(lower_cut(reader, place, value.after_events, value.after_bytes)?))
}

fn lower_stall(reader: &mut Reader<'_>, raw: Spanned<RawStall>) -> Checked<What> {
    let Spanned { value, place } = raw;
    let cut = lower_cut(reader, place, value.after_events, value.after_bytes)?;
    Ok(What::Stall(cut, reader.duration(&value.r#for)?))
}

fn lower_malformed(reader: &mut Reader<'_>, raw: Spanned<RawMalformed>) -> Checked<What> {
    let Spanned { value, place } = raw;
    if value.event == 0 {
        return Err(reader
            .error(place, 1, "events are counted from 1")
            .push_help("write `malformed: {event: 1}` for the first"));
    }
    Ok(What::Malformed(value.event))
}

fn lower_status(reader: &mut Reader<'_>, raw: Spanned<Short<RawStatus>>) -> Checked<What> {
    let Spanned { value, place } = raw;
    let (code, retry_after) = match value {
        Short::Plain(code) => (code.as_u64().and_then(|code| u16::try_from(code).ok()), None),
        Short::Full(raw) => (Some(raw.code), raw.retry_after),
    };
    match code.filter(|code| (400..600).contains(code)) {
        Some(code) => Ok(What::Status { code, retry_after }),
        None => {
            let help = "write `status: 500`, or `status: {code: 429, retry_after: 1}` with seconds to wait";
            Err(reader.error(place, 1, "a status that is a fault is 400 to 599").push_help(help))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(text: &str) -> Result<Vec<Fault>, String> {
        let source = Source { name: "f".into(), text: text.into() };
        parse_faults(&source).map_err(|error| error.reason)
    }

    #[test]
    fn every_fault_can_be_written_as_yaml_and_as_json() {
        let all = "faults:\n- {stop: {after_events: 3}}\n- {stall: {after_bytes: 1, for: 2s}, after_calls: 1}\n- {slow: 50ms}\n\
                   - {drop_end: true}\n- {malformed: {event: 2}}\n- {status: 500}\n- {reset: true, times: 2}";
        let whats: Vec<What> = read(all).unwrap().into_iter().map(|fault| fault.what).collect();
        assert_eq!(
            whats,
            [
                What::Stop(Cut::Events(3)),
                What::Stall(Cut::Bytes(1), Duration::from_secs(2)),
                What::Slow(Duration::from_millis(50)),
                What::DropEnd,
                What::Malformed(2),
                What::Status { code: 500, retry_after: None },
                What::Reset,
            ]
        );
        let json = r#"{"faults": [{"status": {"code": 429, "retry_after": 1}, "times": 1}]}"#;
        let what = What::Status { code: 429, retry_after: Some(1) };
        assert_eq!(read(json), Ok(vec![Fault { after_calls: 0, times: Some(1), what }]));
    }

    #[test]
    fn what_makes_no_sense_says_so() {
        for (text, reason) in [
            ("{}", "exactly one thing"),
            ("{reset: true, slow: 1s}", "exactly one thing"),
            ("{reset: false}", "switched off"),
            ("{stop: {}}", "where in the body"),
            ("{stop: {after_events: 1, after_bytes: 1}}", "where in the body"),
            ("{slow: 3}", "is no time"),
            ("{malformed: {event: 0}}", "from 1"),
            ("{status: 200}", "400 to 599"),
            ("{reset: true, times: 0}", "hits no call"),
            ("{rest: true}", "unknown"),
        ] {
            let said = read(&format!("faults: [{text}]")).unwrap_err();
            assert!(said.contains(reason), "{text}: {said}");
        }
    }
}
