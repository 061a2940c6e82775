//! What the program does without a feature of the package, and with it. `.ci/run` runs it with all and with none.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "program/world.rs"]
#[allow(dead_code, reason = "the tests of the whole program use all of it")]
mod world;

use world::{Dir, package};

#[test]
fn stored_completions_are_listed_by_the_gateway_of_a_run() {
    let dir = Dir::new();
    dir.copy("recordings");
    for name in ["inference/store.yaml", "setups.yaml", "providers.yaml"] {
        dir.write(&format!("suites/{name}"), &std::fs::read_to_string(package().join("suites").join(name)).unwrap());
    }
    let ran = dir.retake("test --setup together --suite store").run().exits(0);
    assert!(ran.stdout.contains(" passed") && !ran.stdout.contains(" failed"), "{}", ran.stdout);
}

#[test]
fn a_folder_that_was_set_up_passes() {
    let dir = Dir::new();
    let said = dir.retake("init").run().exits(0).stdout;
    let has_schemas = dir.path().join("schemas/suite.schema.json").exists();
    assert_eq!(has_schemas, cfg!(feature = "schema"), "{said}");
    assert_eq!(said.contains("built without the feature `schema`"), !has_schemas, "{said}");
    dir.retake("test").run().exits(0);
}

#[cfg(not(feature = "stack"))]
#[test]
fn without_stack_the_command_says_how_to_get_it() {
    for words in ["stack", "stack --setup together --port 0", "stack --help"] {
        let ran = Dir::new().retake(words).run().exits(4).says("built without the feature `stack`");
        assert!(ran.stderr.contains("cargo install retake --features stack"), "{}", ran.stderr);
    }
    assert!(!Dir::new().retake("--help").run().exits(0).stdout.contains("\n  stack"));
}

#[cfg(not(feature = "schema"))]
#[test]
fn without_schema_whatever_needs_it_says_how_to_get_it() {
    for words in ["schema suite", "schema --help", "conform --provider x=http://127.0.0.1:9/v1"] {
        let ran = Dir::new().retake(words).run().exits(4).says("built without the feature `schema`");
        assert!(ran.stderr.contains("cargo install retake --features schema"), "{}", ran.stderr);
    }
    let dir = Dir::new();
    let suite = "cases:\n- name: a\n  request: {get: /v1/models}\n  expect: {text: {schema: {type: object}}}\n";
    dir.write("suites/a.yaml", suite);
    let ran = dir.retake("test --setup together").run().exits(4).says("suites/a.yaml:4:27");
    assert!(ran.stderr.contains("built without the feature `schema`"), "{}", ran.stderr);
}

#[cfg(all(feature = "schema", feature = "stack"))]
#[test]
fn with_all_features_every_command_is_there() {
    let help = Dir::new().retake("--help").run().exits(0).stdout;
    for command in ["stack", "schema", "conform"] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
    }
    let printed = Dir::new().retake("schema suite").run().exits(0).stdout;
    assert_eq!(printed, std::fs::read_to_string(package().join("schemas/suite.schema.json")).unwrap());
}
