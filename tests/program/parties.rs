//! A project's own providers and setups, which add to those that ship.

use crate::world::{Dir, Running};

/// The providers that a proxy serves here.
fn served(dir: &Dir) -> Vec<String> {
    let reply = Running::start(dir.path(), "serve --port 0").ask("GET", "/", "");
    let home: serde_json::Value = serde_json::from_str(reply.lines().last().unwrap()).unwrap();
    home["prefixes"].as_array().unwrap().iter().map(|prefix| prefix.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_provider_of_ones_own_is_an_address_beside_those_that_ship() {
    let dir = Dir::new();
    let shipped = served(&dir);
    dir.write("suites/providers.yaml", "providers:\n  mine: {base_url: 'http://127.0.0.1:9/v1'}\n");
    let all = served(&dir);
    assert_eq!((all.len(), all.last().unwrap().as_str()), (shipped.len() + 1, "/mine"));
    assert!(all.contains(&"/openai".to_owned()));
    dir.write("suites/providers.yaml", "extends: none\nproviders:\n  mine: {base_url: 'http://127.0.0.1:9/v1'}\n");
    assert_eq!(served(&dir), ["/mine"]);
}

#[test]
fn one_of_a_shipped_name_replaces_it_and_the_users_has_a_variable_that_both_claim() {
    let dir = Dir::new();
    dir.write(
        "suites/providers.yaml",
        "providers:\n  openai: {base_url: 'http://127.0.0.1:9/v1', sdk_env: {OWN: /v1}}\n",
    );
    let variables = |dir: &Dir| {
        let ran = dir.retake("run --mode live -- sh -c").arg("echo $OPENAI_BASE_URL $OWN").run().exits(0);
        ran.stdout.replace(|character: char| character.is_ascii_digit(), "")
    };
    assert_eq!(variables(&dir), "http://...:/openai/v\n");
    let own = "providers:\n  mine: {base_url: 'http://127.0.0.1:9/v1', sdk_env: {OPENAI_BASE_URL: /v1}}\n";
    dir.write("suites/providers.yaml", own);
    assert_eq!(variables(&dir), "http://...:/mine/v\n");
}

#[test]
fn beside_a_projects_own_setups_the_shipped_ones_run_by_name_only() {
    let dir = Dir::new();
    for name in ["suites/chat.yaml", "suites/setups.yaml"] {
        let text = std::fs::read_to_string(crate::world::package().join("src/cli/init").join(name)).unwrap();
        dir.write(name, &text);
    }
    crate::world::copy(&crate::world::package().join("src/cli/init/recordings"), &dir.path().join("recordings"));
    // The shipped setup `gpt` is of the same provider, and asks another model.
    let ran = dir.retake("test").run().exits(0);
    assert_eq!(ran.last_line(), "3 passed");
    assert!(!ran.stdout.contains("gpt-6-sol]"), "{}", ran.stdout);
    dir.retake("test --setup gpt").run().exits(1).says("no recording of");
    let alone = std::fs::read_to_string(dir.path().join("suites/setups.yaml")).unwrap();
    dir.write("suites/setups.yaml", &format!("extends: none\n{alone}"));
    dir.retake("test --setup gpt").run().exits(4).says("no setup `gpt`");
    dir.retake("test").run().exits(0);
}

#[test]
fn a_setup_of_a_provider_that_is_not_there_is_not_there_either() {
    let dir = Dir::new();
    dir.write("suites/chat.yaml", "cases:\n  - name: a\n    request: {get: /v1/models}\n");
    dir.write("suites/providers.yaml", "extends: none\nproviders:\n  openai: {base_url: 'http://127.0.0.1:9/v1'}\n");
    dir.retake("test --setup together").run().exits(4).says("no setup `together`\n  there are: gpt");
}
