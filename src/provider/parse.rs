//! Parses YAML into [`Catalogue`] and [`Setup`]s.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde_json::Value;

use super::model::{
    Capability, Catalogue, Dropped, ExpectedFailure, Gap, ListName, Manners, Models, Provider, Quirks, Setup,
};
use super::prices::price;
use super::raw::{
    RawCapability, RawDeviation, RawExpectedFailure, RawGap, RawKeyHeader, RawLimits, RawMask, RawModels, RawProvider,
    RawProviders, RawQuirks, RawRetries, RawSetup, RawSetups, RawTimeouts,
};
use super::upon::{Given, upon};
use super::words::{File, did_you_mean};
use crate::exchange::{Ignored, Mask, Rules};
use crate::protocol::{self, Alias, Known};
use crate::suite;
use crate::wire::headers::is_credential;
use crate::yaml::{self, Error, OneOrMore, Pairs, Short, Source, Spanned};

/// The finish reasons of OpenAI's API.
const FINISH_REASONS: [&str; 5] = ["stop", "length", "tool_calls", "content_filter", "function_call"];

/// Reads `providers.yaml` alone. `Err` is the first mistake.
pub fn parse_providers(source: &Source) -> Result<Catalogue, Error> {
    parse_more_providers(source, &Catalogue::default())
}

/// Reads a `providers.yaml` that adds to `shipped`, unless it extends none. A provider with the name of a shipped one
/// replaces it, or adds to it if it has no address. `Err` is the first mistake.
pub fn parse_more_providers(source: &Source, shipped: &Catalogue) -> Result<Catalogue, Error> {
    let raw: RawProviders = yaml::from_source(source)?;
    let file = File(source);
    let extends = file.extends(raw.extends.as_ref())?;
    let Catalogue { mut capabilities, mut providers } = if extends { shipped.clone() } else { Catalogue::default() };
    for (name, raw) in raw.capabilities.0 {
        capabilities.insert(file.name(&name, "capability")?, capability(&file, raw)?);
    }
    let known: Vec<&str> = capabilities.keys().map(String::as_str).collect();
    for (name, raw) in raw.providers.0 {
        let base = providers.iter().find(|other| other.name == name.value && raw.base_url.is_none()).cloned();
        let own = provider(&file, &name, raw, &known, base.as_ref())?;
        // The user's come last, so that of two that claim one variable theirs has it.
        providers.retain(|other| other.name != own.name);
        providers.push(own);
    }
    Ok(Catalogue { capabilities, providers })
}

/// Reads `setups.yaml`; providers must be in the catalogue. Setups come in file order; `Err` is the first mistake.
pub fn parse_setups(source: &Source, catalogue: &Catalogue) -> Result<Vec<Setup>, Error> {
    let raw: RawSetups = yaml::from_source(source)?;
    let file = File(source);
    let known: Vec<&str> = catalogue.providers.iter().map(|provider| provider.name.as_str()).collect();
    raw.setups.0.into_iter().map(|(name, raw)| setup(&file, &name, raw, &known)).collect()
}

/// Reads a `setups.yaml` that adds to `shipped`, unless it extends none. Those that it adds to are by name only. `Err` is
/// the first mistake.
pub fn parse_more_setups(source: &Source, catalogue: &Catalogue, shipped: &[Setup]) -> Result<Vec<Setup>, Error> {
    let raw: RawSetups = yaml::from_source(source)?;
    let extends = File(source).extends(raw.extends.as_ref())?;
    let mut setups = parse_setups(source, catalogue)?;
    let further = shipped.iter().filter(|other| extends && setups.iter().all(|own| own.name != other.name));
    let further: Vec<Setup> = further.map(|other| Setup { by_name_only: true, ..other.clone() }).collect();
    setups.extend(further);
    Ok(setups)
}

/// The setup of this name; `Err` names the nearest one, and all there are.
pub fn setup_named<'a>(setups: &'a [Setup], name: &str) -> Result<&'a Setup, String> {
    setups.iter().find(|setup| setup.name == name).ok_or_else(|| {
        let known: Vec<&str> = setups.iter().map(|setup| setup.name.as_str()).collect();
        format!("there is no setup `{name}`; {}", did_you_mean(name, &known))
    })
}

fn capability(file: &File<'_>, raw: Spanned<Short<RawCapability>>) -> Result<Capability, Error> {
    match raw.value {
        Short::Plain(Value::String(description)) => Ok(Capability { description, of_stack: false }),
        Short::Full(full) => {
            let of = full.of.map(|of| file.one_of(&of, "part that offers a capability", &["provider", "stack"]));
            Ok(Capability { description: full.description, of_stack: of.transpose()?.as_deref() == Some("stack") })
        }
        Short::Plain(_) => Err(file.wrong_at(
            raw.place,
            "a capability wants a description",
            "write `name: what it is`, or `name: {description: what it is, of: stack}`",
        )),
    }
}

/// A provider, which adds to `base` if there is one.
fn provider(
    file: &File<'_>,
    name: &Spanned<String>,
    raw: RawProvider,
    known: &[&str],
    base: Option<&Provider>,
) -> Result<Provider, Error> {
    let base_url = match (&raw.base_url, base) {
        (Some(url), _) => file.base_url(url)?,
        (None, Some(base)) => base.base_url.clone(),
        (None, None) => {
            let help = "add its address with the version, as in `base_url: https://api.example.com/v1`; only what ships with \
                        retake has one already";
            return Err(file.wrong(name, "`base_url` is missing", help));
        }
    };
    let given = Given { r#type: raw.r#type.is_some(), key: raw.key.is_some(), litellm: raw.litellm.is_some() };
    if let Some(empty) = raw.r#type.as_ref().filter(|kind| kind.value.trim().is_empty()) {
        return Err(file.wrong(empty, "a provider's type is empty", "such as `remote::together`"));
    }
    let kind = raw.r#type.map_or_else(|| format!("remote::{}", name.value), |kind| kind.value);
    let key_header = match (&raw.key, raw.key_header) {
        (_, None) => ("authorization".to_owned(), "Bearer ".to_owned()),
        (Some(_), Some(header)) => key_header(file, &header.value)?,
        (None, Some(header)) => {
            let help = "add `key: NAME_OF_THE_VARIABLE`, or leave `key_header` out";
            return Err(file.wrong_at(header.place, "a key header without a key", help));
        }
    };
    let lacks = gaps(file, raw.lacks, known)?;
    let broken = gaps(file, raw.broken, known)?;
    let rules = Rules {
        ignores: by_endpoint(file, raw.ignores, |word| file.field_path(word))?
            .into_iter()
            .map(|(endpoint, fields)| Ignored { endpoint, fields })
            .collect(),
        masks: masks(file, raw.masks)?,
        match_headers: match_headers(file, raw.match_headers, &key_header.0)?,
    };
    let own = Provider {
        name: file.name(name, "provider")?,
        r#type: kind,
        base_url,
        hosts: raw.hosts.into_iter().map(|host| host_pattern(file, host)).collect::<Result<_, _>>()?,
        key: raw.key.map(|key| file.variable(&key)).transpose()?,
        key_header,
        headers: headers(file, raw.headers)?,
        sdk_env: sdk_env(file, raw.sdk_env)?,
        sdk_keys: raw.sdk_keys.iter().map(|name| file.variable(name)).collect::<Result<_, _>>()?,
        lacks,
        broken,
        deviates: deviations(file, raw.deviates)?,
        aliases: raw.aliases.0.into_iter().map(|(asked, told)| alias(file, asked, told)).collect::<Result<_, _>>()?,
        xfail: raw.xfail.into_iter().map(|raw| expected_failure(file, raw)).collect::<Result<_, _>>()?,
        rules,
        quirks: quirks(file, raw.quirks)?,
        manners: manners(file, raw.limits, raw.retries, raw.timeouts)?,
        prices: raw.prices.0.into_iter().map(|(model, raw)| price(file, model, &raw)).collect::<Result<_, _>>()?,
        listed: BTreeMap::new(),
        litellm: list_names(file, name, raw.litellm)?,
        embedding_dimensions: raw
            .embedding_dimensions
            .0
            .into_iter()
            .map(|(model, length)| embedding_dimension(file, model, &length))
            .collect::<Result<_, _>>()?,
    };
    Ok(match base {
        Some(base) => upon(own, given, base.clone()),
        None => own,
    })
}

fn host_pattern(file: &File<'_>, host: Spanned<String>) -> Result<String, Error> {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-*".contains(&byte);
    // A pattern without a name of its own would take the place of every server.
    let is_own = host.value.bytes().any(|byte| byte.is_ascii_alphanumeric()) && host.value.contains('.');
    match host.value.bytes().all(is_part) && is_own {
        true => Ok(host.value),
        false => {
            Err(file.wrong(&host, "this is no host", "a name in lower case, with `*` for any text: *.openai.azure.com"))
        }
    }
}

fn key_header(file: &File<'_>, raw: &RawKeyHeader) -> Result<(String, String), Error> {
    let prefix = raw.prefix.as_ref().map(|prefix| file.header_value(prefix)).transpose()?;
    Ok((file.header_name(&raw.name)?, prefix.unwrap_or_default()))
}

fn headers(file: &File<'_>, raw: Pairs<Spanned<String>>) -> Result<BTreeMap<String, String>, Error> {
    let mut headers = BTreeMap::new();
    for (name, value) in raw.0 {
        let lower = file.header_name(&name)?;
        if headers.insert(lower, file.header_value(&value)?).is_some() {
            let help = "names of headers are the same in any case; keep one";
            return Err(file.wrong(&name, format!("header `{}` stands here twice", name.value), help));
        }
    }
    Ok(headers)
}

fn sdk_env(file: &File<'_>, raw: Pairs<Spanned<String>>) -> Result<BTreeMap<String, String>, Error> {
    let mut variables = BTreeMap::new();
    for (variable, path) in raw.0 {
        let fine = path.value.is_empty() || path.value.starts_with('/') && !path.value.ends_with('/');
        if !fine || path.value.contains(char::is_whitespace) {
            let help = "write the path that the SDK wants after the server's address: `/v1`, or \"\" for none";
            return Err(file.wrong(&path, format!("`{}` is not such a path", path.value), help));
        }
        variables.insert(file.variable(&variable)?, path.value);
    }
    Ok(variables)
}

fn gaps(file: &File<'_>, raw: Pairs<Spanned<Short<RawGap>>>, known: &[&str]) -> Result<BTreeMap<String, Gap>, Error> {
    let mut gaps = BTreeMap::new();
    for (capability, raw) in raw.0 {
        let name = file.one_of(&capability, "capability", known)?;
        let place = raw.place;
        let (reason, models) = match raw.value {
            Short::Plain(Value::String(value)) => (Spanned { value, place }, Vec::new()),
            Short::Full(full) => (full.reason, full.models),
            Short::Plain(_) => {
                let help = "write `capability: why`, or `capability: {reason: why, models: [a, b]}`";
                return Err(file.wrong_at(place, format!("`{name}` wants a reason"), help));
            }
        };
        let reason = file.reason(&reason, &format!("`{name}`"))?;
        gaps.insert(name, Gap { reason, models });
    }
    Ok(gaps)
}

fn deviations(file: &File<'_>, raw: Pairs<Spanned<Short<RawDeviation>>>) -> Result<Vec<Known>, Error> {
    let known: Vec<&str> = protocol::RULES.iter().map(|rule| rule.id).collect();
    let mut deviations = Vec::new();
    for (key, raw) in raw.0 {
        let (id, members) = key.value.split_once(' ').unwrap_or((&key.value, ""));
        let members =
            members.split(',').map(str::trim).filter(|member| !member.is_empty()).map(str::to_owned).collect();
        let id = Spanned { value: id.to_owned(), place: key.place };
        let Some(rule) = protocol::rule(&file.one_of(&id, "rule", &known)?) else { continue };
        let place = raw.place;
        let full = match raw.value {
            Short::Plain(Value::String(value)) => {
                RawDeviation { reason: Spanned { value, place }, models: Vec::new(), endpoints: Vec::new() }
            }
            Short::Full(full) => full,
            Short::Plain(_) => {
                let help = "write `rule: why`, or `rule: {reason: why, models: [a, b], endpoints: [/v1/embeddings]}`";
                return Err(file.wrong_at(place, format!("`{}` wants a reason", rule.id), help));
            }
        };
        let reason = file.reason(&full.reason, &format!("`{}`", rule.id))?;
        deviations.push(Known { rule, members, reason, models: full.models, endpoints: full.endpoints });
    }
    Ok(deviations)
}

/// What litellm's list calls the provider of this name.
fn list_names(
    file: &File<'_>,
    provider: &Spanned<String>,
    raw: Option<Spanned<OneOrMore>>,
) -> Result<Vec<ListName>, Error> {
    let Some(raw) = raw else { return Ok(vec![ListName { name: provider.value.clone(), owner: None }]) };
    let help = "write `NAME`, or `NAME=OWNER` if the provider calls its models OWNER/MODEL and the list does not";
    let wrong = |word| file.wrong(word, "this names no provider of litellm's list", help);
    let texts = OneOrMore::texts(raw);
    texts.iter().map(|word| ListName::parse(&word.value).ok_or_else(|| wrong(word))).collect()
}

fn alias(file: &File<'_>, asked: Spanned<String>, told: Spanned<OneOrMore>) -> Result<Alias, Error> {
    let place = told.place;
    let told: Vec<String> = match told.value {
        OneOrMore::One(name) => vec![name],
        OneOrMore::More(names) => names.into_iter().map(|name| name.value).collect(),
    };
    if asked.value.trim().is_empty() || told.is_empty() || told.iter().any(|name| name.trim().is_empty()) {
        let help = "write the model that is asked and what its replies call it: `small: meta-llama/Llama-3.1-8B`";
        return Err(file.wrong_at(place, "an alias wants the names of models", help));
    }
    Ok(Alias { asked: asked.value, told })
}

fn expected_failure(file: &File<'_>, raw: RawExpectedFailure) -> Result<ExpectedFailure, Error> {
    if raw.cases.value.is_empty() {
        let help = "name at least one case: `cases: [chat_system_prompt]`";
        return Err(file.wrong_at(raw.cases.place, "no cases are named here", help));
    }
    for case in &raw.cases.value {
        let (name, value) = case.value.split_once('[').unwrap_or((&case.value, "]"));
        if name.is_empty() || !value.ends_with(']') || case.value.contains("::") {
            let help = "write the case's name, or its name with one parameter value: `inference_store[True]`";
            return Err(file.wrong(case, format!("`{}` names no case", case.value), help));
        }
    }
    let cases = raw.cases.value.into_iter().map(|case| case.value).collect();
    Ok(ExpectedFailure { cases, models: raw.models, reason: file.reason(&raw.reason, "`xfail`")? })
}

/// Fields by endpoint, each read by `field`.
fn by_endpoint<T>(
    file: &File<'_>,
    raw: Pairs<Spanned<Vec<Spanned<String>>>>,
    field: impl Fn(&Spanned<String>) -> Result<T, Error>,
) -> Result<Vec<(String, Vec<T>)>, Error> {
    let mut all = Vec::new();
    for (endpoint, fields) in raw.0 {
        if fields.value.is_empty() {
            let help = "name members of the body, or leave the endpoint out";
            return Err(file.wrong_at(fields.place, "no fields are named here", help));
        }
        let fields = fields.value.iter().map(&field).collect::<Result<_, _>>()?;
        all.push((file.endpoint(&endpoint)?, fields));
    }
    Ok(all)
}

fn masks(file: &File<'_>, raw: Pairs<Spanned<Vec<RawMask>>>) -> Result<Vec<Mask>, Error> {
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    for (endpoint, masks) in raw.0 {
        let endpoint = file.endpoint(&endpoint)?;
        if masks.value.is_empty() {
            let help = "write `{place: $.system, pattern: '…'}`, or leave the endpoint out";
            return Err(file.wrong_at(masks.place, "no masks are named here", help));
        }
        for RawMask { place, pattern } in masks.value {
            all.extend(suite::masks(file.0, Some(&endpoint), place, pattern, &mut errors));
        }
    }
    match errors.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(all),
    }
}

fn match_headers(file: &File<'_>, raw: Vec<Spanned<String>>, key_header: &str) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for word in raw {
        let name = file.header_name(&word)?;
        if is_credential(&name) || name == key_header {
            let help = "name a header that holds no key: what counts stands in recordings, and keys never do";
            return Err(file.wrong(&word, format!("`{}` carries a key or a cookie", word.value), help));
        }
        if names.contains(&name) {
            let help = "names of headers are the same in any case; keep one";
            return Err(file.wrong(&word, format!("header `{}` stands here twice", word.value), help));
        }
        names.push(name);
    }
    Ok(names)
}

fn quirks(file: &File<'_>, raw: RawQuirks) -> Result<Quirks, Error> {
    let model_list = raw.model_list.map(|word| file.one_of(&word, "form of a model list", &["bare", "object"]));
    let mut finish_reasons = BTreeMap::new();
    for (theirs, ours) in raw.finish_reasons.0 {
        finish_reasons.insert(theirs.value, file.one_of(&ours, "finish reason of OpenAI's", &FINISH_REASONS)?);
    }
    Ok(Quirks {
        drop: by_endpoint(file, raw.drop, |word| Ok(word.value.clone()))?
            .into_iter()
            .map(|(endpoint, members)| Dropped { endpoint, members })
            .collect(),
        usage_when_missing: raw
            .usage_when_missing
            .iter()
            .map(|endpoint| file.endpoint(endpoint))
            .collect::<Result<_, _>>()?,
        bare_model_list: model_list.transpose()?.as_deref() == Some("bare"),
        finish_reasons,
    })
}

fn manners(file: &File<'_>, limits: RawLimits, retries: RawRetries, times: RawTimeouts) -> Result<Manners, Error> {
    let count = |raw: Option<Spanned<u32>>| raw.map(|raw| file.at_least_one(&raw)).transpose();
    let time = |raw: Option<Spanned<String>>| raw.map(|raw| file.duration(&raw)).transpose();
    Ok(Manners {
        at_once: count(limits.at_once)?,
        per_minute: count(limits.per_minute)?,
        retries: retries.times,
        patience: time(retries.patience)?,
        connect: time(times.connect)?,
        first_byte: time(times.first_byte)?,
        gap: time(times.gap)?,
        whole: time(times.whole)?,
    })
}

fn embedding_dimension(
    file: &File<'_>,
    model: Spanned<String>,
    raw: &Spanned<u32>,
) -> Result<(String, NonZeroU32), Error> {
    let length = NonZeroU32::new(raw.value).ok_or_else(|| {
        file.wrong_at(raw.place, "no vector has the length 0", "write how many numbers a vector of the model has")
    })?;
    Ok((model.value, length))
}

fn setup(file: &File<'_>, name: &Spanned<String>, raw: RawSetup, providers: &[&str]) -> Result<Setup, Error> {
    let mut env = BTreeMap::new();
    let name = file.name(name, "setup")?;
    let provider = file.one_of(&raw.provider, "provider", providers)?;
    let named = [&raw.models.text, &raw.models.embedding, &raw.models.vision].into_iter().flatten();
    let places = named.map(|model| (model.value.clone(), format!("{}:{}", file.0.name, model.place.line))).collect();
    let models = models(file, raw.models, providers)?;
    for (variable, value) in raw.env.0 {
        env.insert(file.variable(&variable)?, value.value);
    }
    Ok(Setup { name, description: raw.description, provider, models, env, places, by_name_only: false })
}

fn models(file: &File<'_>, raw: RawModels, providers: &[&str]) -> Result<Models, Error> {
    let checked = |model: Option<Spanned<String>>| model.map(|model| routed(file, model, providers)).transpose();
    Ok(Models { text: checked(raw.text)?, embedding: checked(raw.embedding)?, vision: checked(raw.vision)? })
}

/// A model with the gateway's name: a known provider, `/`, and the provider's own id.
fn routed(file: &File<'_>, model: Spanned<String>, providers: &[&str]) -> Result<String, Error> {
    let (first, rest) = model.value.split_once('/').unwrap_or((&model.value, ""));
    if !providers.contains(&first) {
        let help = format!("write it as provider/model: {}", did_you_mean(first, providers));
        return Err(file.wrong(&model, format!("`{}` starts with no provider's name", model.value), help));
    }
    if rest.is_empty() {
        let help = format!("add the provider's own id of the model: `{first}/…`");
        return Err(file.wrong(&model, format!("`{}` names no model", model.value), help));
    }
    Ok(model.value)
}

#[cfg(test)]
mod tests;
