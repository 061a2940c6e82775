//! `retake script`: a scripted provider on loopback.

use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::script::{self, Script};

use super::args::ScriptArgs;
use super::exit::{Exit, Stop};
use super::socket::{bind, ended, ready};
use super::{block_on, load, settings};

/// Serves until it is told to end.
pub(super) fn run(args: &ScriptArgs) -> Result<Exit, Stop> {
    let source = load::read(&args.file)?;
    let script = Script::parse(&source).map_err(|error| Stop::usage(error.render(settings::color(None))))?;
    block_on(async {
        let listener = bind(Ipv4Addr::LOCALHOST.into(), args.port).await?;
        ready(&listener)?;
        script::serve(listener, Arc::new(script), ended()).await.map_err(Stop::internal)?;
        Ok(Exit::Ok)
    })
}
