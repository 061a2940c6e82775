//! The reports for machines that `--report` asks for: where they go, and that they can go there.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tempfile::SpooledTempFile;

use super::exit::Stop;
use super::near;
use super::output::{self, warn};
use super::settings::Sourcing;
use crate::disk;
use crate::event::Event;
use crate::exchange::Secrets;
use crate::report::{self, Kind, Rendered};

/// The most that GitHub takes of a step's summary is 1 MiB.
const MOST_OF_SUMMARY: usize = (1 << 20) - 1024;
/// Bytes of events that wait in memory for the reports of the end; beyond that they wait in a temporary file.
const MOST_IN_MEMORY: usize = 16 << 20;
/// The file to which a step appends its summary.
const SUMMARY_VARIABLE: &str = "GITHUB_STEP_SUMMARY";

/// A report that the user asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    kind: Kind,
    out: Out,
}

/// Where a report goes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Out {
    Stdout,
    File(PathBuf),
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let (kind, out) = match word.split_once('=') {
            Some((kind, out)) => (kind, Some(out)),
            None => (word, None),
        };
        let kind: Kind = kind
            .parse()
            .map_err(|why| format!("{why}{}; write KIND=FILE", near::one_of(kind, Kind::ALL.map(Kind::name))))?;
        let out = match out {
            None if kind == Kind::Github => Out::Stdout,
            None | Some("") => return Err(format!("where to? write {kind}=FILE")),
            Some("-") => Out::Stdout,
            Some(file) => Out::File(file.into()),
        };
        Ok(Wanted { kind, out })
    }
}

/// Whether one of these reports has stdout for itself, so that people are told on stderr. Annotations of GitHub are lines
/// among other lines.
pub(super) fn take_stdout(wanted: &[Wanted]) -> bool {
    wanted.iter().any(|wanted| wanted.out == Out::Stdout && wanted.kind != Kind::Github)
}

/// Refuses reports on stdout, where a command or the lines of a server are.
pub(super) fn to_files(wanted: &[Wanted], whose: &str) -> Result<(), Stop> {
    match wanted.iter().find(|one| one.out == Out::Stdout && one.kind != Kind::Github) {
        Some(one) => Err(Stop::usage(format!("--report {}=-: stdout is {whose}; name a file", one.kind))),
        None => Ok(()),
    }
}

/// The reports of a run.
pub(super) struct Reports {
    secrets: Secrets,
    /// Reports that get each event as it comes.
    streams: Vec<Stream>,
    /// Reports that are made at the end.
    others: Vec<Wanted>,
    /// The lines of all events, if a report is made at the end: a server may run for long.
    kept: Option<SpooledTempFile>,
    summary: Option<PathBuf>,
    /// What could not be written.
    failures: Vec<String>,
}

/// A report that gets each event as it comes.
struct Stream {
    name: String,
    /// `None` once writing has failed.
    out: Option<Box<dyn io::Write + Send>>,
}

impl Stream {
    fn open(wanted: &Wanted) -> Result<Self, Stop> {
        let (name, out): (String, Box<dyn io::Write + Send>) = match &wanted.out {
            Out::Stdout => ("stdout".to_owned(), Box::new(io::stdout())),
            Out::File(file) => {
                let open = File::create(file).map_err(|error| cannot(wanted, file, &error.to_string()))?;
                (file.display().to_string(), Box::new(open))
            }
        };
        Ok(Stream { name, out: Some(out) })
    }

    /// Writes a line; `Err` says once why that was not possible.
    fn write(&mut self, line: &str) -> Result<(), String> {
        let Some(out) = &mut self.out else { return Ok(()) };
        let Err(error) = out.write_all(line.as_bytes()).and_then(|()| out.flush()) else { return Ok(()) };
        self.out = None;
        match error.kind() {
            // Nobody reads it any more (`| head`), which is no failure.
            io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(format!("the events cannot be written to {}: {error}", self.name)),
        }
    }
}

impl Reports {
    /// Reports to these places, which are tried now and not after the run has cost money. `streams`: events are written
    /// as they come.
    pub(super) fn open(wanted: &[Wanted], secrets: Secrets, streams: bool) -> Result<Self, Stop> {
        distinct(wanted)?;
        let mut reports = Reports {
            secrets,
            streams: Vec::new(),
            others: Vec::new(),
            kept: None,
            summary: None,
            failures: Vec::new(),
        };
        if wanted.iter().any(|one| one.kind == Kind::Github) {
            reports.summary = Sourcing::inherited(SUMMARY_VARIABLE).filter(|file| !file.is_empty()).map(PathBuf::from);
        }
        // All places are tried before the first file is emptied.
        for one in wanted {
            if let Out::File(file) = &one.out {
                try_out(file).map_err(|why| cannot(one, file, &why))?;
            }
        }
        if let Some(file) = &reports.summary {
            append(file, "").map_err(|error| {
                Stop::usage(format!("the summary of the job cannot be written to ${SUMMARY_VARIABLE}: {error}"))
            })?;
        }
        for one in wanted {
            if one.kind == Kind::Jsonl && streams {
                reports.streams.push(Stream::open(one)?);
            } else {
                reports.others.push(one.clone());
            }
        }
        Ok(reports)
    }

    /// Whether none was asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_empty() && self.others.is_empty()
    }

    /// Takes an event.
    pub(super) fn handle(&mut self, event: &Event) {
        if self.is_empty() {
            return;
        }
        let line = scrubbed(&self.secrets, event);
        self.failures.extend(self.streams.iter_mut().filter_map(|stream| stream.write(&line).err()));
        if !self.others.is_empty() {
            let kept = self.kept.get_or_insert_with(|| SpooledTempFile::new(MOST_IN_MEMORY));
            if let Err(error) = kept.write_all(line.as_bytes()) {
                // Reports of half a run would be wrong.
                self.others.clear();
                self.failures.push(format!("no temporary file can hold the events for the reports: {error}"));
            }
        }
    }

    /// Writes what is made at the end. `Err` says what could not be written.
    pub(super) fn end(&mut self) -> Result<(), String> {
        if !self.others.is_empty() || self.summary.is_some() {
            let events = self.kept.take().map_or_else(Vec::new, |kept| self.read_again(kept));
            self.render(&[events]);
        }
        self.said()
    }

    /// Renders runs that were kept.
    pub(super) fn of_runs(mut self, runs: &[Vec<Event>]) -> Result<(), String> {
        self.render(runs);
        self.said()
    }

    /// The events that were kept aside. What is reported is what a kept run would say, to the last digit of a time.
    fn read_again(&mut self, mut kept: SpooledTempFile) -> Vec<Event> {
        let lines = kept.rewind().map(|()| BufReader::new(kept).lines());
        let lines = lines.and_then(|lines| lines.collect::<io::Result<Vec<String>>>()).unwrap_or_else(|error| {
            self.failures.push(format!("the events cannot be read again for the reports: {error}"));
            Vec::new()
        });
        lines.into_iter().filter_map(|line| serde_json::from_str(&line).ok()).collect()
    }

    fn said(&self) -> Result<(), String> {
        if self.failures.is_empty() { Ok(()) } else { Err(self.failures.join("\n")) }
    }

    fn render(&mut self, runs: &[Vec<Event>]) {
        let folder = folder_in_repository();
        for wanted in std::mem::take(&mut self.others) {
            let Rendered { text, cut } = report::render(wanted.kind, runs, &folder);
            if let Some(cut) = cut {
                warn(&self.secrets, &format!("warning: the report {} is cut: {cut}", wanted.kind));
            }
            let written = match &wanted.out {
                Out::Stdout => to_stdout(&text),
                Out::File(file) => replace(file, &text),
            };
            if let Err(error) = written {
                let place = match &wanted.out {
                    Out::Stdout => "stdout".to_owned(),
                    Out::File(file) => file.display().to_string(),
                };
                self.failures.push(format!("the report {} cannot be written to {place}: {error}", wanted.kind));
            }
        }
        if let Some(file) = self.summary.take() {
            let before =
                fs::metadata(&file).map_or(0, |metadata| usize::try_from(metadata.len()).unwrap_or(usize::MAX));
            let Rendered { text, cut } = report::job_summary(runs, MOST_OF_SUMMARY.saturating_sub(before));
            if let Some(cut) = cut {
                warn(&self.secrets, &format!("warning: the summary of the job is cut: {cut}"));
            }
            if let Err(error) = append(&file, &text) {
                self.failures.push(format!("the summary of the job cannot be written: {error}"));
            }
        }
    }
}

/// The line of the event without secrets. Values are scrubbed before they are encoded, so that no encoding of a report
/// can hide one.
fn scrubbed(secrets: &Secrets, event: &Event) -> String {
    let line = report::line(event);
    if matches!(secrets.bytes(line.as_bytes()), std::borrow::Cow::Borrowed(_)) {
        return line;
    }
    let Ok(mut value) = serde_json::from_str::<serde_json::Value>(&line) else { return line };
    texts(&mut value, &|text| secrets.text(text));
    format!("{value}\n")
}

/// Changes every text in a value; the names of members are retake's own.
fn texts(value: &mut serde_json::Value, change: &impl Fn(&str) -> String) {
    match value {
        serde_json::Value::String(text) => *text = change(text),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| texts(item, change)),
        serde_json::Value::Object(members) => members.values_mut().for_each(|member| texts(member, change)),
        _ => {}
    }
}

/// No two reports may go to the same place.
fn distinct(wanted: &[Wanted]) -> Result<(), Stop> {
    let mut places = BTreeSet::new();
    for one in wanted {
        let place = match &one.out {
            Out::Stdout => PathBuf::from("-"),
            Out::File(file) => std::path::absolute(file).unwrap_or_else(|_| file.clone()),
        };
        if !places.insert(place) {
            let name = match &one.out {
                Out::Stdout => "stdout".to_owned(),
                Out::File(file) => file.display().to_string(),
            };
            return Err(Stop::usage(format!("--report: two reports go to {name}: give each a file of its own")));
        }
    }
    Ok(())
}

fn cannot(wanted: &Wanted, file: &Path, why: &str) -> Stop {
    Stop::usage(format!("--report {}={}: {why}", wanted.kind, file.display()))
}

/// Finds out whether a file can be written, and makes its folder.
fn try_out(file: &Path) -> Result<(), String> {
    if let Some(what) = disk::irregular(file).ok().flatten() {
        return Err(format!("it is {what}: name a file, or write `-` for stdout"));
    }
    let folder = folder_of(file);
    fs::create_dir_all(folder).map_err(|error| format!("no folder can be made at {}: {error}", folder.display()))?;
    let is_read_only = fs::metadata(file).is_ok_and(|metadata| metadata.permissions().readonly());
    if is_read_only {
        return Err("the file is read-only".to_owned());
    }
    beside(file).map(drop).map_err(|error| format!("cannot write in {}: {error}", folder.display()))
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A new file beside a place, which is gone when it is dropped.
fn beside(file: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".retake-").suffix(".tmp");
    // Temporary files are private by default; a report is for everyone, as far as the umask allows.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder_of(file))
}

/// Writes a file beside its place, and renames it: nobody ever reads half of it. A link stays one.
pub(super) fn replace(file: &Path, text: &str) -> io::Result<()> {
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let mut new = beside(&target)?;
    new.write_all(text.as_bytes())?;
    new.as_file().sync_all()?;
    new.persist(&target).map_err(|error| error.error)?;
    Ok(())
}

fn append(file: &Path, text: &str) -> io::Result<()> {
    File::options().append(true).create(true).open(file)?.write_all(text.as_bytes())
}

fn to_stdout(text: &str) -> io::Result<()> {
    match output::print(&Secrets::default(), text) {
        Ok(()) => Ok(()),
        Err(stop) => Err(io::Error::other(stop.message)),
    }
}

/// Where the working directory lies below the root that GitHub's annotations count from: `` or `sub/`.
fn folder_in_repository() -> String {
    let root = Sourcing::inherited("GITHUB_WORKSPACE").filter(|root| !root.is_empty());
    let below = root.zip(std::env::current_dir().ok()).and_then(|(root, here)| {
        let root = fs::canonicalize(root).ok()?;
        Some(fs::canonicalize(here).ok()?.strip_prefix(root).ok()?.to_string_lossy().replace('\\', "/"))
    });
    below.filter(|below| !below.is_empty()).map_or_else(String::new, |below| format!("{below}/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CaseRef, Finished};

    fn wanted(word: &str) -> Result<Wanted, String> {
        word.parse()
    }

    #[test]
    fn a_report_is_a_kind_and_a_place() {
        assert_eq!(wanted("junit=a=b.xml"), Ok(Wanted { kind: Kind::Junit, out: Out::File("a=b.xml".into()) }));
        assert_eq!(wanted("ctrf=-"), Ok(Wanted { kind: Kind::Ctrf, out: Out::Stdout }));
        assert_eq!(wanted("github"), Ok(Wanted { kind: Kind::Github, out: Out::Stdout }));
        assert!(wanted("junit").is_err_and(|why| why.contains("junit=FILE")));
        assert!(wanted("junti=x").is_err_and(|why| why.contains("junit")));
    }

    #[test]
    fn a_stream_that_cannot_be_written_is_told_once_and_one_that_nobody_reads_is_no_failure() {
        struct Broken(io::ErrorKind);
        impl io::Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let told = |kind| {
            let mut stream = Stream { name: "run.jsonl".to_owned(), out: Some(Box::new(Broken(kind))) };
            [stream.write("{}\n"), stream.write("{}\n")].map(|written| written.err().unwrap_or_default())
        };
        let [first, second] = told(io::ErrorKind::StorageFull);
        assert!(first.starts_with("the events cannot be written to run.jsonl: ") && second.is_empty(), "{first}");
        assert_eq!(told(io::ErrorKind::BrokenPipe), ["", ""]);
    }

    #[test]
    fn two_reports_go_to_two_places() {
        let all = |words: &[&str]| words.iter().map(|word| wanted(word).unwrap()).collect::<Vec<_>>();
        assert!(distinct(&all(&["junit=a", "ctrf=b", "github"])).is_ok());
        for same in [["junit=a", "ctrf=./a"], ["github", "tap=-"]] {
            assert!(distinct(&all(&same)).is_err_and(|stop| stop.message.contains("two reports")), "{same:?}");
        }
    }

    #[test]
    fn a_secret_is_in_no_event_however_a_report_would_write_it() {
        let secret = "sk-<can&ary>\"1'%,:|`é";
        let secrets = Secrets::new([("A_KEY".to_owned(), secret.to_owned())]);
        let case = CaseRef { id: format!("a.yaml::x[{secret}]"), ..CaseRef::default() };
        let nested = serde_json::json!({ "said": secret }).to_string();
        let event = Event::CaseFinished(Box::new(Finished {
            case: CaseRef { parameters: vec![("p".into(), nested)], ..case },
            ..Finished::default()
        }));
        let line = scrubbed(&secrets, &event);
        assert!(secrets.find(line.as_bytes()).is_none(), "{line}");
        let Ok(Event::CaseFinished(finished)) = serde_json::from_str(&line) else { panic!("another event: {line}") };
        assert_eq!(finished.case.id, "a.yaml::x[$A_KEY]");
    }
}
