//! Reads events that were kept, one JSON object a line.

use serde::Deserialize;

use super::{Event, FORMAT, Head};

/// What a reader knows of a line before it knows the event.
#[derive(Deserialize)]
struct Envelope<'e> {
    #[serde(borrow)]
    event: std::borrow::Cow<'e, str>,
}

/// The head of a run, as far as versions of any format agree on it.
#[derive(Deserialize)]
struct AnyHead {
    format: u32,
    #[serde(default)]
    retake: String,
}

/// The names of the events that this version knows; others are passed over.
const KNOWN: [&str; 9] = [
    "started",
    "collected",
    "case_started",
    "case_rerun",
    "case_teardown",
    "case_finished",
    "case_given_up",
    "notice",
    "finished",
];

/// Why kept events cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unread {
    /// The line, from 1.
    pub(crate) line: usize,
    /// The column, from 1; 0 if it is the whole line.
    pub(crate) column: usize,
    /// What is wrong, and the way out.
    pub(crate) reason: String,
}

/// Runs that were read.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Read {
    /// The events of each run, in order.
    pub(crate) runs: Vec<Vec<Event>>,
    /// The last line is not whole and was left out: the process was killed while it wrote.
    pub(crate) is_torn: bool,
}

/// Reads the events of one run, or of several that stand one after the other.
pub(crate) fn read(text: &str) -> Result<Read, Unread> {
    let mut read = Read::default();
    let last = if text.ends_with('\n') { 0 } else { text.lines().count() };
    for (line, number) in text.lines().zip(1..) {
        if line.trim().is_empty() {
            continue;
        }
        let event = match event(line) {
            Ok(event) => event,
            Err(Fault::Json(_)) if number == last && !read.runs.is_empty() => {
                read.is_torn = true;
                break;
            }
            Err(fault) => return Err(fault.at(number)),
        };
        match (event, read.runs.last_mut()) {
            (Some(event @ Event::Started(_)), _) => read.runs.push(vec![event]),
            (Some(event), Some(run)) => run.push(event),
            (None, Some(_)) => {}
            (_, None) => return Err(Fault::NoHead.at(number)),
        }
    }
    match read.runs.is_empty() {
        true => Err(Unread {
            line: 1,
            column: 0,
            reason: "there is no event in it: was the run ended before it began?".into(),
        }),
        false => Ok(read),
    }
}

enum Fault {
    Json(serde_json::Error),
    Newer(AnyHead),
    NoHead,
}

impl Fault {
    fn at(self, line: usize) -> Unread {
        const OUT: &str = "take the line out, or make the file anew with `retake test --report jsonl=FILE`";
        let (column, reason) = match self {
            Fault::Json(error) => {
                let (column, said) = (error.column(), error.to_string());
                let said = said.split(" at line ").next().unwrap_or_default().to_owned();
                (column, format!("not an event: {said}\n  {OUT}"))
            }
            Fault::Newer(AnyHead { format, retake }) => (
                0,
                format!(
                    "these events are of format {format}, by retake {retake}, and this version reads up to {FORMAT}\n  \
                     update retake, or render them with the version that wrote them"
                ),
            ),
            Fault::NoHead => (
                0,
                "a run begins with the event `started`, and this line comes before any\n  give whole files that `--report \
                 jsonl=FILE` wrote"
                    .to_owned(),
            ),
        };
        Unread { line, column, reason }
    }
}

/// The event of a line; `None` if this version does not know it.
fn event(line: &str) -> Result<Option<Event>, Fault> {
    let Envelope { event } = serde_json::from_str(line).map_err(Fault::Json)?;
    if event == "started" {
        #[derive(Deserialize)]
        struct Begun {
            data: AnyHead,
        }
        let Begun { data } = serde_json::from_str(line).map_err(Fault::Json)?;
        if data.format > FORMAT {
            return Err(Fault::Newer(data));
        }
    }
    match KNOWN.contains(&&*event) {
        true => serde_json::from_str(line).map(Some).map_err(Fault::Json),
        false => Ok(None),
    }
}

impl Head {
    /// Its number and the number of shards, if it is one: `2/4`.
    pub(super) fn shard(&self) -> Option<(usize, usize)> {
        let (part, parts) = self.shard.as_deref()?.split_once('/')?;
        Some((part.parse().ok()?, parts.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Interruption;

    fn started(format: u32) -> String {
        let head = Head { format, retake: "0.9.0".into(), ..Head::default() };
        serde_json::to_string(&Event::Started(Box::new(head))).unwrap()
    }

    fn why(text: &str) -> (usize, String) {
        read(text).map_or_else(|why| (why.line, why.reason), |read| (0, format!("{} runs", read.runs.len())))
    }

    #[test]
    fn what_is_not_known_is_passed_over_and_what_is_newer_or_broken_is_named_with_its_line() {
        let head = started(FORMAT);
        let more = head.replacen("\"data\":{", "\"more\":1,\"data\":{\"else\":[],", 1);
        assert_eq!(why(&format!("{more}\n{{\"event\":\"dreamt\",\"data\":7}}\n\n")), (0, "1 runs".into()));
        assert_eq!(why(&format!("{head}\n{head}\n")), (0, "2 runs".into()));
        let (line, reason) = why(&format!("{head}\n{}\n", started(FORMAT + 1)));
        assert!(line == 2 && reason.contains("by retake 0.9.0") && reason.contains("update retake"), "{reason}");
        let (line, reason) = why(&format!("{head}\n{{\"event\":\"collected\",\"data\":{{}}}}\n"));
        assert!(
            line == 2 && reason.contains("missing field `total`") && reason.contains("take the line out"),
            "{reason}"
        );
        assert_eq!(why("{\"event\":\"notice\",\"data\":\"x\"}\n").0, 1);
        assert!(why("").1.contains("no event"));
    }

    #[test]
    fn a_last_line_that_a_killed_process_left_half_written_is_left_out() {
        let torn = read(&format!("{}\n{{\"event\":\"not", started(FORMAT))).unwrap();
        assert!(torn.is_torn && torn.runs.len() == 1 && torn.runs[0].len() == 1);
        assert_eq!(why(&format!("{}\n{{\"event\":\"not\n", started(FORMAT))).0, 2, "a whole line is no such thing");
    }

    #[test]
    fn every_event_is_known() {
        let names: Vec<String> = [
            Event::Notice(String::new()),
            Event::Collected { total: 0, deselected: 0 },
            Event::CaseStarted { index: 0, id: String::new() },
            Event::CaseRerun(Box::default()),
            Event::CaseTeardown(Box::default()),
            Event::CaseFinished(Box::default()),
            Event::CaseGivenUp { id: String::new() },
            Event::Finished {
                duration: Default::default(),
                interrupted: Some(Interruption::Cut),
                proof: Box::default(),
            },
            Event::Started(Box::default()),
        ]
        .iter()
        .map(|event| serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned())
        .collect();
        assert!(names.len() == KNOWN.len() && names.iter().all(|name| KNOWN.contains(&name.as_str())), "{names:?}");
    }
}
