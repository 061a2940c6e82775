//! The suites that are asked: they are part of the program, so that it judges anywhere.

use std::sync::Arc;

use super::models::Kind;
use crate::cli::exit::Stop;
use crate::provider::Catalogue;
use crate::suite::{self, Known, Suite};
use crate::yaml::Source;

/// Set where a script answers, which can be told to refuse.
pub(super) const SCRIPTED: &str = "CONFORMANCE_SCRIPT";

macro_rules! shipped {
    ($($name:literal),*) => {
        [$((concat!("conformance/", $name), include_str!(concat!("../../../conformance/", $name)))),*]
    };
}

/// In the order of the verdict.
const SHIPPED: [(&str, &str); 9] = shipped![
    "chat.yaml",
    "tools.yaml",
    "media.yaml",
    "audio.yaml",
    "reasoning.yaml",
    "responses.yaml",
    "completions.yaml",
    "embeddings.yaml",
    "errors.yaml"
];

/// Every suite, and which kind of model is text to it.
pub(super) fn suites(catalogue: &Catalogue) -> Result<Vec<(Kind, Arc<Suite>)>, Stop> {
    let known = Known { capabilities: catalogue.capabilities.keys().cloned().collect(), ..Known::default() };
    let parsed = SHIPPED.iter().map(|(name, text)| {
        let source = Arc::new(Source { name: (*name).to_owned(), text: (*text).into() });
        let suite = suite::parse(source, &known).map_err(|errors| {
            Stop::internal(errors.iter().map(|error| error.render(false)).collect::<Vec<_>>().join("\n"))
        })?;
        let kind = match *name {
            "conformance/audio.yaml" => Kind::Audio,
            "conformance/reasoning.yaml" => Kind::Reasoning,
            _ => Kind::Text,
        };
        Ok((kind, Arc::new(suite)))
    });
    parsed.collect()
}
