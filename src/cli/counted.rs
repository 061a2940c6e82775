//! What lies in the folder of recordings, in words.

use std::path::Path;

use crate::exchange::host_of;
use crate::provider::Catalogue;
use crate::record::Summary;

/// Kinds of files and hosts that are named.
const MOST_NAMED: usize = 5;

/// The line of the head that counts recordings, and a line for each kind of file that is none.
pub(super) fn lines(folder: &Path, summary: &Summary, catalogue: &Catalogue) -> Vec<String> {
    let Summary { real, simulated, edited, .. } = summary;
    let edited = if *edited > 0 { format!(", {edited} edited") } else { String::new() };
    let more = if summary.more { ", among the first 5000 files" } else { "" };
    let mut lines =
        vec![format!("recordings: {} ({real} real, {simulated} simulated{edited}{more})", folder.display())];
    let known: Vec<String> = catalogue.providers.iter().map(|provider| host_of(&provider.base_url)).collect();
    let strange = summary.hosts.iter().filter(|(host, _)| !known.contains(host));
    for (host, count) in strange.take(MOST_NAMED) {
        let recordings = if *count == 1 { "1 recording is".to_owned() } else { format!("{count} recordings are") };
        lines.push(format!(
            "{recordings} of {host}, which is no provider's host: --provider NAME=https://{host}/v1 says whose they are"
        ));
    }
    for (what, count) in summary.others.iter().take(MOST_NAMED) {
        let files = if *count == 1 { "1 file is" } else { "files are" };
        let count = if *count == 1 { String::new() } else { format!("{count} ") };
        lines.push(format!("{count}{files} no recording of HTTP: {what}"));
    }
    lines
}
