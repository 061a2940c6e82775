//! Where a person can send a case's request with `curl`, and which server must run for that.

use crate::event::KeyHeader;
use crate::provider::{Provider, Setup};
use crate::record::Mode;
use crate::run::{Address, Base};
use crate::upstream::without_secrets;

use super::settings::{Elsewhere, Sourcing, add_flag, quoted_if_needed};

/// The default port of `retake stack`.
const STACK: u16 = 8321;
/// A port for `retake script`, which by default takes any free one.
const SCRIPT: u16 = 8322;

/// The address of the provider itself, or of what replaces it.
pub(super) fn of_provider(provider: &Provider, sourcing: &Sourcing) -> Address {
    let key = provider.key.clone().map(|var| {
        let (header, prefix) = provider.key_header.clone();
        KeyHeader { var, header, prefix }
    });
    match sourcing.elsewhere.get(&provider.name) {
        Some(Elsewhere::Script(file)) => {
            let file = quoted_if_needed(&file.to_string_lossy());
            Address {
                base: Base::Server(format!("http://127.0.0.1:{SCRIPT}")),
                start: Some(format!("retake script {file} --port {SCRIPT}")),
            }
        }
        // The query that the user typed may hold a key.
        Some(Elsewhere::Url(url) | Elsewhere::ServedScript(url)) => {
            let url = without_secrets(url.split('?').next().unwrap_or(url)).into_owned();
            Address { base: Base::Provider(url, key), start: None }
        }
        None => Address { base: Base::Provider(without_secrets(&provider.base_url).into_owned(), key), start: None },
    }
}

/// The address of a gateway like the run's own, which ends with the run; `base` is where it listened, if it did.
pub(super) fn of_stack(flags: &str, setup: &Setup, mode: Mode, base: Option<&str>) -> Address {
    let mut start = format!("retake stack{flags}");
    add_flag(&mut start, "--setup", &setup.name);
    if mode != Mode::Replay {
        // Asking once more is no reason to record.
        add_flag(&mut start, "--mode", "live");
    }
    if let Some((_, port)) = base.and_then(|base| base.rsplit_once(':')) {
        add_flag(&mut start, "--port", port);
    }
    let base = base.map_or_else(|| format!("http://127.0.0.1:{STACK}"), str::to_owned);
    Address { base: Base::Server(base), start: Some(start) }
}

/// The address of a running server, or of the user's own one, which this command starts.
pub(super) fn of_server(base: String, command: Option<&str>) -> Address {
    let port = base.rsplit(':').next().unwrap_or_default();
    let start = command.map(|command| format!("PORT={port} {}", command.replace("{port}", port)));
    Address { base: Base::Server(base), start }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup() -> Setup {
        Setup { name: "together".into(), ..Setup::default() }
    }

    #[test]
    fn a_gateway_that_ended_with_the_run_is_started_again() {
        let inside = of_stack(" --suites s", &setup(), Mode::Replay, None);
        assert_eq!(inside.base, Base::Server("http://127.0.0.1:8321".into()));
        assert_eq!(inside.start.as_deref(), Some("retake stack --suites s --setup together"));
        let on_port = of_stack("", &setup(), Mode::Record, Some("http://127.0.0.1:9000"));
        assert_eq!(on_port.base, Base::Server("http://127.0.0.1:9000".into()));
        assert_eq!(on_port.start.as_deref(), Some("retake stack --setup together --mode live --port 9000"));
    }

    #[test]
    fn a_server_that_runs_needs_no_start_and_the_users_own_does() {
        assert_eq!(of_server("http://host:80".into(), None).start, None);
        let own = of_server("http://127.0.0.1:81".into(), Some("python3 app.py {port}"));
        assert_eq!(own.start.as_deref(), Some("PORT=81 python3 app.py 81"));
    }
}
