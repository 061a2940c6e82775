//! What stands in `providers.yaml` and `setups.yaml`, before anything is checked but its shape.

use serde::Deserialize;

use crate::yaml::{Pairs, Short, Spanned};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProviders {
    #[serde(default)]
    pub(super) capabilities: Pairs<Spanned<Short<RawCapability>>>,
    pub(super) providers: Pairs<RawProvider>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCapability {
    pub(super) description: String,
    #[serde(default)]
    pub(super) of: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProvider {
    pub(super) r#type: Spanned<String>,
    pub(super) base_url: Spanned<String>,
    #[serde(default)]
    pub(super) key: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) key_header: Option<Spanned<RawKeyHeader>>,
    #[serde(default)]
    pub(super) headers: Pairs<Spanned<String>>,
    #[serde(default)]
    pub(super) sdk_env: Pairs<Spanned<String>>,
    #[serde(default)]
    pub(super) lacks: Pairs<Spanned<Short<RawGap>>>,
    #[serde(default)]
    pub(super) broken: Pairs<Spanned<Short<RawGap>>>,
    #[serde(default)]
    pub(super) xfail: Vec<RawExpectedFailure>,
    #[serde(default)]
    pub(super) ignores: Pairs<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    pub(super) quirks: RawQuirks,
    #[serde(default)]
    pub(super) limits: RawLimits,
    #[serde(default)]
    pub(super) retries: RawRetries,
    #[serde(default)]
    pub(super) timeouts: RawTimeouts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    #[serde(default)]
    pub(super) at_once: Option<Spanned<u32>>,
    #[serde(default)]
    pub(super) per_minute: Option<Spanned<u32>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRetries {
    #[serde(default)]
    pub(super) times: Option<u32>,
    #[serde(default)]
    pub(super) patience: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTimeouts {
    #[serde(default)]
    pub(super) connect: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) first_byte: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) gap: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) whole: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKeyHeader {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) prefix: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGap {
    pub(super) reason: Spanned<String>,
    #[serde(default)]
    pub(super) models: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExpectedFailure {
    pub(super) cases: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) models: Vec<String>,
    pub(super) reason: Spanned<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawQuirks {
    #[serde(default)]
    pub(super) drop: Pairs<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    pub(super) usage_when_missing: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) model_list: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) finish_reasons: Pairs<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSetups {
    pub(super) setups: Pairs<RawSetup>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSetup {
    #[serde(default)]
    pub(super) description: String,
    pub(super) provider: Spanned<String>,
    #[serde(default)]
    pub(super) models: RawModels,
    #[serde(default)]
    pub(super) env: Pairs<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawModels {
    #[serde(default)]
    pub(super) text: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) embedding: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) vision: Option<Spanned<String>>,
}
