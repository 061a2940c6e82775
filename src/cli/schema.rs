//! `retake schema`: schemas with which editors complete and check the users' files.

use crate::exchange::Secrets;

use super::args::{SchemaArgs, SchemaOf};
use super::exit::{Exit, Stop};
use super::output;

impl SchemaOf {
    /// The schema, as in `schemas/`.
    pub(super) fn text(self) -> &'static str {
        match self {
            SchemaOf::Suite => include_str!("../../schemas/suite.schema.json"),
            SchemaOf::Shared => include_str!("../../schemas/shared.schema.json"),
            SchemaOf::Providers => include_str!("../../schemas/providers.schema.json"),
            SchemaOf::Setups => include_str!("../../schemas/setups.schema.json"),
            SchemaOf::Prices => include_str!("../../schemas/prices.schema.json"),
            SchemaOf::Events => include_str!("../../schemas/events.schema.json"),
        }
    }
}

/// Prints a schema.
pub(super) fn run(args: &SchemaArgs) -> Result<Exit, Stop> {
    output::print(&Secrets::default(), args.of.text())?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use serde_json::Value;

    use super::*;
    use crate::yaml::{self, Source};
    use crate::{event, provider, suite};

    const ALL: [SchemaOf; 6] =
        [SchemaOf::Suite, SchemaOf::Shared, SchemaOf::Providers, SchemaOf::Setups, SchemaOf::Prices, SchemaOf::Events];

    fn file_name(of: SchemaOf) -> &'static str {
        match of {
            SchemaOf::Suite => "suite.schema.json",
            SchemaOf::Shared => "shared.schema.json",
            SchemaOf::Providers => "providers.schema.json",
            SchemaOf::Setups => "setups.schema.json",
            SchemaOf::Prices => "prices.schema.json",
            SchemaOf::Events => "events.schema.json",
        }
    }

    fn package() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    }

    /// `UPDATE_SCHEMAS=1 cargo test --lib schema` writes the current schemas.
    #[test]
    fn the_schemas_say_what_the_types_say() {
        let [providers, setups, prices] = provider::schemas();
        let made = [suite::schema(), suite::shared_schema(), providers, setups, prices, event::schema()];
        for (of, made) in ALL.into_iter().zip(made) {
            let made = format!("{made:#}\n");
            if std::env::var_os("UPDATE_SCHEMAS").is_some() {
                std::fs::write(package().join("schemas").join(file_name(of)), &made).unwrap();
            } else {
                assert!(made == of.text(), "{} is stale: UPDATE_SCHEMAS=1 cargo test --lib schema", file_name(of));
            }
        }
    }

    fn kind(file: &Path) -> SchemaOf {
        if is_shared(file) {
            return SchemaOf::Shared;
        }
        match file.file_stem().unwrap().to_string_lossy().split('-').next() {
            Some("providers") => SchemaOf::Providers,
            Some("setups") => SchemaOf::Setups,
            Some("prices") => SchemaOf::Prices,
            _ => SchemaOf::Suite,
        }
    }

    fn is_shared(file: &Path) -> bool {
        file.parent().unwrap().ends_with("shared")
    }

    /// The schema's errors for a file; `None` if it is not YAML at all.
    fn said(file: &Path) -> Option<Vec<String>> {
        let text = std::fs::read_to_string(file).unwrap();
        let value: Value = yaml::from_source(&Source { name: "f".into(), text: text.into() }).ok()?;
        let schema: Value = serde_json::from_str(kind(file).text()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors = validator.iter_errors(&value);
        Some(errors.map(|error| format!("{}: {} {error}", file.display(), error.instance_path())).collect())
    }

    fn yaml_files(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .flat_map(|path| if path.is_dir() { yaml_files(&path) } else { vec![path] })
            .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
            .collect()
    }

    #[test]
    fn every_file_that_ships_fits_its_schema() {
        let folders = ["suites", "conformance", "examples/weather-app/suites", "src/cli/init/suites"];
        let files: Vec<PathBuf> = folders.iter().flat_map(|folder| yaml_files(&package().join(folder))).collect();
        assert!(files.len() > 8, "{files:?}");
        let wrong: Vec<String> = files.iter().flat_map(|file| said(file).expect("YAML")).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn a_plain_number_may_stand_for_a_text_as_it_does_for_the_parser() {
        let text = "cases: [{name: 5, request: {get: /v1/models, headers: {x: 8, y: true}}}]";
        let source = Source { name: "f".into(), text: text.into() };
        assert!(suite::parse(source.clone().into(), &suite::Known::default()).is_ok());
        let schema: Value = serde_json::from_str(SchemaOf::Suite.text()).unwrap();
        assert!(jsonschema::is_valid(&schema, &yaml::from_source::<Value>(&source).unwrap()));
    }

    /// Files with a right form and a wrong meaning: a schema cannot detect that.
    const MEANING: &[&str] = &[
        "bad-json-schema",
        "bad-jsonpath",
        "bad-regex",
        "capture-used-too-early",
        "data-file-of-nothing",
        "data-row",
        "data-row-id",
        "data-table",
        "duplicate-case",
        "duplicate-parameter-value",
        "if-unknown-capability",
        "include-of-nothing",
        "included-cases",
        "included-step",
        "length-of-text",
        "mask-regex",
        "matcher-made-of-itself",
        "member-of-a-plain-value",
        "member-that-one-value-lacks",
        "named-matcher-that-counts",
        "named-step-that-uses",
        "parameter-list-value",
        "parameter-named-twice",
        "pass-rate-alone",
        "prices-unknown-provider",
        "providers-bad-price",
        "providers-bad-xfail",
        "providers-gap-without-reason",
        "providers-ignored-path",
        "providers-mask-of-nothing",
        "providers-match-key",
        "providers-unknown-capability",
        "secret-by-no-name",
        "secret-in-named-matcher",
        "secret-not-declared",
        "secret-of-a-typo",
        "setups-unknown-model-provider",
        "setups-unknown-provider",
        "table-cell-without-id",
        "table-mapping-without-name",
        "table-row-too-short",
        "too-many-cases",
        "undeclared-member",
        "undeclared-model",
        "undeclared-model-of-a-typo",
        "undeclared-parameter",
        "unknown-capability",
        "unknown-named-matcher",
        "unknown-own-matcher",
        "unknown-step",
        "unknown-values",
        "unterminated-parameter",
    ];

    #[test]
    fn what_is_wrong_in_shape_is_refused_by_the_schema_too() {
        let mut passed: Vec<String> = yaml_files(&package().join("tests/corpus/invalid"))
            .iter()
            .filter(|file| !is_shared(file))
            .filter(|file| said(file).is_some_and(|errors| errors.is_empty()))
            .map(|file| file.file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        passed.sort();
        assert_eq!(passed, MEANING);
    }

    #[test]
    fn an_included_file_holds_what_suites_share_and_nothing_else() {
        let schema: Value = serde_json::from_str(SchemaOf::Shared.text()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for (text, fits) in [
            ("{}", true),
            ("anchors: {a: &a {get: /v1/models}}\nsteps: {list: {request: *a}}", true),
            ("params: {city: [Paris, {id: big, value: 1}], country: {file: countries.csv}}\nsecrets: [TOKEN]", true),
            ("matchers: {date: {matches: '^\\d'}, dates: {type: array, all: {is: date}}}", true),
            ("cases: [{name: a, request: {get: /v1/models}}]", false),
            ("include: [more.yaml]", false),
            ("steps: {list: {request: {gett: /v1/models}}}", false),
            ("matchers: {date: {match: a}}", false),
            ("params: {city: {files: a.csv}}", false),
        ] {
            let source = Source { name: "f".into(), text: text.into() };
            assert_eq!(validator.is_valid(&yaml::from_source::<Value>(&source).unwrap()), fits, "{text}");
            // The parser agrees, as far as the form goes.
            let files = suite::Files::new(move |_, _| Ok(Source { name: "shared/f.yaml".into(), text: text.into() }));
            let known = suite::Known { files, ..suite::Known::default() };
            let text = "include: [shared/f.yaml]\ncases: [{name: a, request: {get: /v1/models}}]";
            let suite = Source { name: "a.yaml".into(), text: text.into() };
            assert_eq!(suite::parse(suite.into(), &known).is_ok(), fits, "{text}");
        }
    }
}
