//! Interception: the certificate authority of the user, and what a client's environment needs to go by the proxy.

mod environment;
mod java;
mod roots;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use crate::authority::{self, Authority};
use crate::proxy::Interception;

use super::args::{CaArgs, CaCommand, NetworkArgs};
use super::exit::{Exit, Stop};
use super::output;
use super::settings::Sourcing;

/// Names the folder of the user's state.
const STATE: &str = "RETAKE_STATE_DIR";

/// The interception of one run or server, with the files that its clients read.
pub(super) struct Intercepting {
    pub(super) interception: Arc<Interception>,
    certificate: String,
    folder: TempDir,
}

impl Intercepting {
    pub(super) fn new(args: &NetworkArgs) -> Result<Self, Stop> {
        let folder = tempfile::Builder::new().prefix("retake-").tempdir().map_err(Stop::internal)?;
        // Without a home, an authority lasts as long as the run.
        let state = state().unwrap_or_else(|| folder.path().join("state"));
        let authority = Authority::open(&state).map_err(Stop::usage)?;
        let certificate = authority.certificate().to_owned();
        let allowed = args.block_network.then(|| args.allow_network.clone());
        let interception = Arc::new(Interception::new(authority, allowed, outer()));
        Ok(Intercepting { interception, certificate, folder })
    }

    /// The variables with which clients use the proxy at this address, and trust it.
    pub(super) fn environment(&self, base: &str) -> Result<Vec<(String, String)>, Stop> {
        let port = base.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        port.into_iter().for_each(|port| self.interception.listens_at(port));
        environment::variables(base, &self.certificate, self.folder.path(), &Sourcing::inherited)
            .map_err(|error| Stop::internal(format!("cannot write {}: {error}", self.folder.path().display())))
    }
}

/// The network proxy that the user's environment names, if retake can speak to it.
fn outer() -> Option<http::Uri> {
    let names = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    let value = names.iter().find_map(|name| Sourcing::inherited(name).filter(|value| !value.is_empty()))?;
    let value = if value.contains("://") { value } else { format!("http://{value}") };
    value.parse::<http::Uri>().ok().filter(|uri| uri.scheme_str() == Some("http") && uri.host().is_some())
}

/// The folder for what retake keeps for a user between runs; `None` if the user has no home.
pub(super) fn state() -> Option<PathBuf> {
    let folder = |name: &str| Sourcing::inherited(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || folder("HOME");
    folder(STATE).or_else(|| {
        if cfg!(windows) {
            Some(folder("LOCALAPPDATA")?.join("retake"))
        } else if cfg!(target_os = "macos") {
            Some(home()?.join("Library/Application Support/retake"))
        } else {
            let state = folder("XDG_STATE_HOME").filter(|path| path.is_absolute());
            Some(state.or_else(|| Some(home()?.join(".local/state")))?.join("retake"))
        }
    })
}

/// `retake ca`.
pub(super) fn ca(args: &CaArgs) -> Result<Exit, Stop> {
    let folder = state().ok_or_else(|| {
        Stop::usage(format!("no folder for a certificate authority: neither HOME nor {STATE} is set"))
    })?;
    let said = match args.command {
        CaCommand::Path => {
            Authority::open(&folder).map_err(Stop::usage)?;
            format!("{}\n", authority::certificate_in(&folder).display())
        }
        CaCommand::Show => Authority::open(&folder).map_err(Stop::usage)?.certificate().to_owned(),
        CaCommand::Remove => removed(&folder)?,
    };
    output::print(&crate::exchange::Secrets::default(), &said)?;
    Ok(Exit::Ok)
}

fn removed(folder: &Path) -> Result<String, Stop> {
    match authority::remove(folder) {
        Ok(true) => Ok(format!("removed from {}; the next run makes another\n", folder.display())),
        Ok(false) => Ok(format!("there is none in {}\n", folder.display())),
        Err(error) => Err(Stop::internal(format!("{}: {error}", folder.display()))),
    }
}
