//! An entry that adds to a provider that ships. Pure.

use std::collections::BTreeMap;

use super::model::{Provider, Quirks};
use crate::exchange::Rules;

/// Which members that a provider has but once stand in the entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    pub(super) r#type: bool,
    pub(super) key: bool,
    pub(super) litellm: bool,
}

/// What an entry says, and what `base` says beside it: where both speak of the same thing, the entry counts.
pub(super) fn upon(entry: Provider, given: Given, base: Provider) -> Provider {
    let (key, key_header) = match given.key {
        true => (entry.key, entry.key_header),
        false => (base.key, base.key_header),
    };
    Provider {
        name: entry.name,
        r#type: if given.r#type { entry.r#type } else { base.r#type },
        base_url: entry.base_url,
        hosts: both(entry.hosts, base.hosts),
        key,
        key_header,
        headers: map(entry.headers, base.headers),
        sdk_env: map(entry.sdk_env, base.sdk_env),
        sdk_keys: both(entry.sdk_keys, base.sdk_keys),
        lacks: map(entry.lacks, base.lacks),
        broken: map(entry.broken, base.broken),
        deviates: both(entry.deviates, base.deviates),
        aliases: both(entry.aliases, base.aliases),
        xfail: both(entry.xfail, base.xfail),
        rules: Rules {
            ignores: both(entry.rules.ignores, base.rules.ignores),
            masks: both(entry.rules.masks, base.rules.masks),
            match_headers: both(entry.rules.match_headers, base.rules.match_headers),
        },
        quirks: Quirks {
            drop: both(entry.quirks.drop, base.quirks.drop),
            usage_when_missing: both(entry.quirks.usage_when_missing, base.quirks.usage_when_missing),
            bare_model_list: entry.quirks.bare_model_list || base.quirks.bare_model_list,
            finish_reasons: map(entry.quirks.finish_reasons, base.quirks.finish_reasons),
        },
        manners: entry.manners.or(base.manners),
        // The first that matches counts.
        prices: both(entry.prices, base.prices),
        listed: base.listed,
        // An entry that says nothing has its own name here, which is the base's.
        litellm: if given.litellm { entry.litellm } else { base.litellm },
        embedding_dimensions: both(entry.embedding_dimensions, base.embedding_dimensions),
    }
}

fn both<T>(mut entry: Vec<T>, base: Vec<T>) -> Vec<T> {
    entry.extend(base);
    entry
}

fn map<V>(entry: BTreeMap<String, V>, mut base: BTreeMap<String, V>) -> BTreeMap<String, V> {
    base.extend(entry);
    base
}
