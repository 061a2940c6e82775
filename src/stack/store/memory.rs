//! Chat completions in memory, for a gateway that lasts as long as a run.

use std::collections::HashMap;

use super::{Completion, Metadata, Order, PageRequest, Place};

/// All completions of a store.
#[derive(Default)]
pub(super) struct Memory {
    completions: HashMap<String, (Place, Completion)>,
    /// The places of deleted completions.
    deleted: HashMap<String, Place>,
    /// How many have arrived.
    arrived: i64,
}

impl Memory {
    pub(super) fn put(&mut self, completion: &Completion) {
        self.arrived += 1;
        let place = (completion.created, self.arrived);
        self.completions.insert(completion.id.clone(), (place, completion.clone()));
    }

    pub(super) fn get(&self, id: &str) -> Option<Completion> {
        self.completions.get(id).map(|(_, completion)| completion.clone())
    }

    pub(super) fn set_metadata(&mut self, id: &str, metadata: &Metadata) -> Option<Completion> {
        let (_, completion) = self.completions.get_mut(id)?;
        completion.metadata = metadata.clone();
        Some(completion.clone())
    }

    pub(super) fn delete(&mut self, id: &str) -> bool {
        let deleted = self.completions.remove(id);
        if let Some((place, _)) = deleted {
            self.deleted.insert(id.to_owned(), place);
        }
        deleted.is_some()
    }

    pub(super) fn place(&self, id: &str) -> Option<Place> {
        self.completions.get(id).map(|(place, _)| *place).or_else(|| self.deleted.get(id).copied())
    }

    /// One more than the limit.
    pub(super) fn list(&self, request: &PageRequest, after: Option<Place>) -> Vec<Completion> {
        let is_wanted = |(place, completion): &&(Place, Completion)| {
            let is_after = after.is_none_or(|after| match request.order {
                Order::Ascending => *place > after,
                Order::Descending => *place < after,
            });
            let has = |(key, value): (&String, &String)| completion.metadata.get(key) == Some(value);
            is_after
                && request.model.as_ref().is_none_or(|model| completion.model == *model)
                && request.metadata.iter().all(has)
        };
        let mut found: Vec<&(Place, Completion)> = self.completions.values().filter(is_wanted).collect();
        found.sort_by_key(|(place, _)| *place);
        if request.order == Order::Descending {
            found.reverse();
        }
        found.into_iter().take(request.limit as usize + 1).map(|(_, completion)| completion.clone()).collect()
    }
}
