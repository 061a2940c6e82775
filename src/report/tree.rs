//! `--collect-only`: the cases that would run.

use std::io::{self, Write};
use std::time::Duration;

use super::layout::{session_duration, titled, visible_line};
use super::options::Options;
use super::paint::{Style, paint};

/// A case that was collected.
#[derive(Debug, Clone)]
pub(crate) struct Collected {
    /// Its id.
    pub id: String,
    /// Why it will not run, if that is known.
    pub skip: Option<String>,
}

/// The cases of a session.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    /// The cases, in order.
    pub cases: &'a [Collected],
    /// How many other cases were left out.
    pub deselected: usize,
    /// How long it took to find them.
    pub duration: Duration,
}

impl Tree<'_> {
    /// Writes a tree; with `-q` only ids, with `-qq` only the count of each file.
    pub(crate) fn write(&self, out: &mut impl Write, options: &Options) -> io::Result<()> {
        match options.verbosity {
            0.. => self.tree(out)?,
            -1 => self.cases.iter().try_for_each(|case| writeln!(out, "{}{}", visible_line(&case.id), skip(case)))?,
            _ => self.counts(out)?,
        }
        if options.verbosity >= -1 {
            writeln!(out)?;
            self.last(out, options)?;
        }
        out.flush()
    }

    fn tree(&self, out: &mut impl Write) -> io::Result<()> {
        let mut open: Vec<&str> = Vec::new();
        writeln!(out)?;
        for case in self.cases {
            let (file, name) = case.id.split_once("::").unwrap_or(("", &case.id));
            let path: Vec<&str> = file.split('/').collect();
            let same = open.iter().zip(&path).take_while(|(a, b)| a == b).count();
            for (depth, part) in path.iter().enumerate().skip(same) {
                let kind = if depth + 1 == path.len() { "Suite" } else { "Dir" };
                writeln!(out, "{:indent$}<{kind} {}>", "", visible_line(part), indent = 2 * depth)?;
            }
            writeln!(out, "{:indent$}<Case {}>{}", "", visible_line(name), skip(case), indent = 2 * path.len())?;
            open = path;
        }
        Ok(())
    }

    fn counts(&self, out: &mut impl Write) -> io::Result<()> {
        let file = |case: &Collected| case.id.split_once("::").map_or(String::new(), |(file, _)| file.to_owned());
        for cases in self.cases.chunk_by(|a, b| file(a) == file(b)) {
            writeln!(out, "{}: {}", visible_line(&file(&cases[0])), cases.len())?;
        }
        writeln!(out)
    }

    /// `30/47 tests collected (17 deselected) in 0.01s`
    fn last(&self, out: &mut impl Write, options: &Options) -> io::Result<()> {
        let (here, total) = (self.cases.len(), self.cases.len() + self.deselected);
        let words = match (here, self.deselected) {
            (0, 0) => "no tests collected".to_owned(),
            (0, away) => format!("no tests collected ({away} deselected)"),
            (1, 0) => "1 test collected".to_owned(),
            (_, 0) => format!("{here} tests collected"),
            (_, away) => {
                format!("{here}/{total} test{} collected ({away} deselected)", if total == 1 { "" } else { "s" })
            }
        };
        let words = format!("{words} in {}", session_duration(self.duration));
        let style = if here == 0 { Style::Yellow } else { Style::Green };
        let line = if options.verbosity < 0 { words } else { titled('=', &words, options.width) };
        writeln!(out, "{}", paint(&line, style, options.color))
    }
}

fn skip(case: &Collected) -> String {
    case.skip.as_ref().map_or_else(String::new, |reason| format!(" SKIPPED ({})", visible_line(reason)))
}
