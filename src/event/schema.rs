//! The JSON Schema of kept events. Only the test that keeps `schemas/` up to date uses it.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::{Event, FORMAT};

/// The schema of a line.
pub(crate) fn schema() -> Value {
    let settings = SchemaSettings::draft07().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Event>();
    let title = format!("An event of a run of retake, format {FORMAT}: a line of a report of the kind jsonl");
    schema.insert("title".into(), title.into());
    schema.to_value()
}
