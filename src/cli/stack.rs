//! `retake stack`: runs only the gateway.

use crate::access;
use crate::exchange::Secrets;
use crate::provider::{Provider, Setup};
use crate::record::{Mode, Staging, Verdict};
use crate::stack::Store;
use crate::upstream;

use super::args::StackArgs;
use super::exit::{Exit, Stop};
use super::interrupt::Interrupts;
use super::load::Parties;
use super::output::{guarded, warn};
use super::settings::{KEYS_VARIABLE, Sourcing, named_setup};
use super::socket::{bind, guard, ready};
use super::tapes::{Tapes, providers_of};
use super::wire::router;
use super::{block_on, ending, load, settings};

/// Serves until it is told to end.
pub(super) fn run(args: &StackArgs) -> Result<Exit, Stop> {
    let parties = load::parties(&args.source, settings::color(None))?;
    let mut sourcing = Sourcing::new(&args.source, &parties.catalogue)?;
    access::may_listen("the stack", args.host, !args.keys.is_empty()).map_err(|why| {
        Stop::usage(format!("{why}\n  give it keys with --keys or RETAKE_STACK_KEYS, or bind 127.0.0.1"))
    })?;
    let setup = args.setup.as_ref().map(|name| named_setup(name, &parties.setups)).transpose()?;
    if let Some(setup) = setup {
        sourcing.with_env(setup);
    }
    sourcing.guard(KEYS_VARIABLE, args.keys.clone());
    let secrets = sourcing.secrets(&parties.catalogue);
    guarded(&secrets, || serve(args, &parties, &sourcing, setup, &secrets))
}

fn serve(
    args: &StackArgs,
    parties: &Parties,
    sourcing: &Sourcing,
    setup: Option<&Setup>,
    secrets: &Secrets,
) -> Result<Exit, Stop> {
    let guard = guard(args.host, &args.access)?;
    let names = match setup {
        Some(setup) => providers_of(setup, &parties.catalogue),
        None => able(sourcing, &parties.catalogue),
    };
    if names.is_empty() {
        return Err(Stop::usage(
            "no provider can answer in this mode: none has recordings or a key that is set\n  name a setup with --setup NAME",
        ));
    }
    let record = format!("retake stack{} --mode record", flags(args));
    let tapes = Tapes::for_clients(sourcing, secrets.clone(), record, Staging::Server, settings::color(None));
    let mut providers: Vec<(Provider, upstream::Shared)> = Vec::new();
    for provider in names.iter().filter_map(|name| parties.catalogue.provider(name)) {
        providers.push((provider.clone(), tapes.of(provider)?));
    }
    block_on(async {
        let store = Store::open(&args.store, secrets.clone()).await.map_err(|error| {
            Stop::usage(format!(
                "{error}\n  move it away, with the -wal and -shm files beside it, and an empty one is made; or name another \
                 with --store FILE"
            ))
        })?;
        let router = router(providers, store, args.keys.clone(), guard, sourcing.mode, !args.no_done);
        let listener = bind(args.host, args.port).await?;
        let interrupts = Interrupts::listen_quietly().map_err(Stop::internal)?;
        ready(&listener)?;
        let conclude = tapes.set.conclude(Verdict::Unknown, "");
        ending::serve(listener, router, &tapes.set, secrets, &interrupts, conclude).await?;
        for note in tapes.set.take_notes() {
            warn(secrets, &note);
        }
        // Each failure was printed as a note.
        Ok(if tapes.set.failures().is_empty() { Exit::Ok } else { Exit::Failed })
    })
}

/// The flags, without the mode, as they can be typed again.
fn flags(args: &StackArgs) -> String {
    let mut line = settings::again(&args.source);
    if let Some(setup) = &args.setup {
        settings::add_flag(&mut line, "--setup", setup);
    }
    line
}

/// The providers that can answer: in replay those with recordings, otherwise those whose key is set or that need none.
fn able(sourcing: &Sourcing, catalogue: &crate::provider::Catalogue) -> Vec<String> {
    let able = catalogue.providers.iter().filter(|provider| match sourcing.mode {
        Mode::Replay => sourcing.has_recordings(&provider.name),
        _ => {
            sourcing.elsewhere.contains_key(&provider.name)
                || provider.key.as_ref().is_none_or(|var| sourcing.var(var).is_some())
        }
    });
    able.map(|provider| provider.name.clone()).collect()
}
