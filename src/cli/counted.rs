//! Describes the folder of recordings.

use std::path::Path;

use crate::exchange::host_of;
use crate::provider::Catalogue;
use crate::record::{ENDS_READ, Summary, TapeSet};

/// How many kinds of files and hosts are named.
const MOST_NAMED: usize = 5;

/// Lines about unusual files among the recordings of these tapes, without their count.
pub(super) fn strange(folder: &Path, tapes: &TapeSet, catalogue: &Catalogue) -> Vec<String> {
    lines(folder, &tapes.summary(), catalogue).split_off(1)
}

/// The line that counts recordings, and a line for each other kind of file.
pub(super) fn lines(folder: &Path, summary: &Summary, catalogue: &Catalogue) -> Vec<String> {
    let Summary { real, simulated, edited, .. } = summary;
    let edited = if *edited > 0 { format!(", {edited} edited") } else { String::new() };
    let more = if summary.more { format!(", among the first {ENDS_READ} files") } else { String::new() };
    let mut lines =
        vec![format!("recordings: {} ({real} real, {simulated} simulated{edited}{more})", folder.display())];
    let known: Vec<String> = catalogue.providers.iter().map(|provider| host_of(&provider.base_url)).collect();
    let strange = summary.hosts.iter().filter(|(host, _)| !known.contains(host));
    for (host, count) in strange.take(MOST_NAMED) {
        let recordings = if *count == 1 { "1 recording is".to_owned() } else { format!("{count} recordings are") };
        let names = catalogue.providers.iter().map(|provider| provider.name.as_str());
        let name = names.filter(|name| host.contains(name)).max_by_key(|name| name.len()).unwrap_or("NAME");
        lines.push(format!(
            "{recordings} of {host}, which is not a provider's host: --provider {name}=https://{host}/v1 says whose they are"
        ));
    }
    for ((name, is_http), count) in summary.other_files.iter().take(MOST_NAMED) {
        let (plural, verb) = if *count == 1 { ("", "is") } else { ("s", "are") };
        let what = if *is_http { "of another tool, and not read" } else { "not HTTP" };
        lines.push(format!("{count} {name}{plural} {verb} {what}"));
    }
    if let Some(first) = summary.broken.first() {
        let files = if summary.broken.len() == 1 { "1 file" } else { "files" };
        let count = if summary.broken.len() == 1 { String::new() } else { format!("{} ", summary.broken.len()) };
        lines.push(format!("{count}{files} cannot be read, first {first}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_lies_among_recordings_is_called_by_its_name() {
        let catalogue = Catalogue {
            providers: vec![crate::provider::Provider {
                base_url: "https://api.groq.com/openai/v1".to_owned(),
                ..Default::default()
            }],
            ..Catalogue::default()
        };
        let summary = Summary {
            real: 3,
            simulated: 30,
            edited: 1,
            other_files: [(("tool recording".to_owned(), false), 12), (("VCR cassette".to_owned(), true), 1)].into(),
            broken: vec!["r/a.json: the file is empty".to_owned(), "r/b.json: x".to_owned()],
            hosts: [("api.groq.com".to_owned(), 4), ("me.azure.com".to_owned(), 10)].into(),
            more: false,
        };
        insta::assert_snapshot!(lines(Path::new("r"), &summary, &catalogue).join("\n"), @"
        recordings: r (3 real, 30 simulated, 1 edited)
        10 recordings are of me.azure.com, which is not a provider's host: --provider =https://me.azure.com/v1 says whose they are
        1 VCR cassette is of another tool, and not read
        12 tool recordings are not HTTP
        2 files cannot be read, first r/a.json: the file is empty
        ");
    }
}
