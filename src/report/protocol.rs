//! The section on protocol rules that replies broke without failing their case.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::layout::{titled, visible_line};
use super::options::Options;
use crate::event::{Finding, Finished};

/// The findings for one rule.
#[derive(Debug)]
struct Entry {
    cases: usize,
    /// The first case.
    first: String,
    actual: String,
    known: Option<String>,
}

/// All findings, by rule and by the provider that is known to break it, if any.
#[derive(Debug, Default)]
pub(super) struct Protocol(BTreeMap<(String, Option<String>), Entry>);

impl Protocol {
    pub(super) fn add(&mut self, finished: &Finished) {
        for Finding { rule, actual, known } in &finished.protocol {
            let provider = known.as_ref().map(|_| finished.case.provider.clone());
            let entry = self.0.entry((rule.clone(), provider)).or_insert_with(|| Entry {
                cases: 0,
                first: finished.case.id.clone(),
                actual: actual.clone(),
                known: known.clone(),
            });
            entry.cases += 1;
        }
    }

    /// Writes the section: new findings, and with `-v` also known ones.
    pub(super) fn write(&self, out: &mut impl Write, options: &Options) -> io::Result<()> {
        let shown: Vec<_> = self.0.iter().filter(|(_, entry)| entry.known.is_none() || options.verbosity > 0).collect();
        if shown.is_empty() {
            return Ok(());
        }
        writeln!(out, "{}", titled('=', "protocol", options.width))?;
        for ((rule, provider), entry) in shown {
            let Entry { cases, first, actual, known } = entry;
            let cases = if *cases == 1 { "1 case".to_owned() } else { format!("{cases} cases") };
            match (provider, known) {
                (Some(provider), Some(reason)) => {
                    let reason = visible_line(reason.trim());
                    writeln!(out, "{rule} (known of {}: {reason}): {cases}", visible_line(provider))?;
                }
                _ => {
                    writeln!(out, "{rule}: {}: {cases}, first {}", visible_line(actual), visible_line(first))?;
                }
            }
        }
        Ok(())
    }
}
