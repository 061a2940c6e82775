//! `retake script`: a scripted provider on loopback.

use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::script::{self, Script};

use super::args::ScriptArgs;
use super::exit::{Exit, Stop};
use super::interrupt::Interrupts;
use super::socket::{bind, ready};
use super::{block_on, load, settings};

/// Serves until it is told to end.
pub(super) fn run(args: &ScriptArgs) -> Result<Exit, Stop> {
    let source = load::read(&args.file)?;
    let script = Script::parse(&source).map_err(|error| Stop::usage(error.render(settings::color(None))))?;
    block_on(async {
        let listener = bind(Ipv4Addr::LOCALHOST.into(), args.port).await?;
        let interrupts = Interrupts::listen_quietly().map_err(Stop::internal)?;
        ready(&listener)?;
        tokio::select! {
            biased;
            () = interrupts.second() => Err(Stop::interrupted()),
            served = script::serve(listener, Arc::new(script), interrupts.first()) => {
                served.map(|()| Exit::Ok).map_err(Stop::internal)
            }
        }
    })
}
