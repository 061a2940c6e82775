//! The composition root: which upstream answers, behind which stack. The mode is chosen here and nowhere else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::provider::{Catalogue, Provider, Setup};
use crate::run::{Target, Witness};
use crate::script::{Script, Scripted};
use crate::stack::{self, Gateway, GatewayConfig, InProcess, Store};
use crate::tape::{self, Mode, Tape};
use crate::upstream::{self, http as http_upstream};

use super::exit::Stop;
use super::load::read;
use super::settings::{Elsewhere, Sourcing, StackChoice};

/// One tape per provider, shared by every setup that uses it.
pub(super) struct Tapes<'a> {
    pub(super) sourcing: &'a Sourcing,
    pub(super) color: bool,
    /// The command that records, shown when a recording is missing; `{case}` stands for the case.
    pub(super) record_command: String,
    open: BTreeMap<String, Arc<Tape>>,
}

impl<'a> Tapes<'a> {
    pub(super) fn new(sourcing: &'a Sourcing, color: bool, record_command: String) -> Self {
        Tapes { sourcing, color, record_command, open: BTreeMap::new() }
    }

    /// The tape of a provider, opened once.
    pub(super) fn of(&mut self, provider: &Provider) -> Result<Arc<Tape>, Stop> {
        if let Some(tape) = self.open.get(&provider.name) {
            return Ok(tape.clone());
        }
        let tape = Arc::new(self.open(provider)?);
        self.open.insert(provider.name.clone(), tape.clone());
        Ok(tape)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Arc<Tape>)> {
        self.open.iter().map(|(name, tape)| (name.as_str(), tape))
    }

    fn open(&self, provider: &Provider) -> Result<Tape, Stop> {
        let _ = provider;
        todo!()
    }
}
