//! What is said of a mistyped word: the one that was meant.

use super::world::TestCommand;
use super::world::package;

#[test]
fn a_mistyped_word_is_answered_with_the_one_that_was_meant() {
    for (words, code, meant) in [
        ("tset", 4, "'test'"),
        ("test --patern openai", 4, "'--pattern'"),
        ("test --color alwyas", 4, "'always'"),
        ("test --setup togehter", 4, "`together`"),
        ("stack --setup togehter", 4, "`together`"),
        ("test --setup together --suite saniti", 4, "`sanity`"),
        ("test --setup together --subdirs inferense", 4, "`inference`"),
        ("test --setup together --mode replya", 4, "`replay`"),
        ("test --setup together --stack-config diretc", 4, "`direct`"),
        ("test --setup together --stack-config ci-test", 4, "`ci-tests`"),
        ("test --provider opnai=http://localhost/v1", 4, "`openai`"),
        ("test --setup together --text-model togehter/x", 4, "`together`"),
        ("test --setup gpt --text-model gpt-6-sol", 4, "`openai/gpt-6-sol`"),
        ("test --suites suitse", 4, "`suites`"),
        ("script examples/together-scrpt.yaml", 4, "`examples/together-script.yaml`"),
        (
            "test --setup together --provider together=script:examples/together-scrpt.yaml",
            4,
            "`examples/together-script.yaml`",
        ),
        ("test --setup together --suite streeming.yaml", 4, "`streaming.yaml`"),
        ("test --setup together --suite inference/streeming", 4, "`inference/streaming`"),
        ("test --setup together --suite suites/inference/streeming.yaml", 4, "`suites/inference/streaming.yaml`"),
        (
            "test --setup together suites/inference/sanity.yaml::model_list",
            4,
            "suites/inference/sanity.yaml::models_list",
        ),
        ("test --setup together --recordings recrodings", 4, "`recordings`"),
        ("test --setup together --tb shrot", 4, "`short`"),
        ("test --setup together -m opnai", 5, "`openai`"),
        ("test --setup together --co --deselect suites/inference/sanitty.yaml", 0, "suites/inference/sanity.yaml"),
        ("schema shraed", 4, "'shared'"),
        ("test --setup together -k chat_systm", 5, "`chat_system`"),
        ("test --setup together opnai_chat", 5, "`openai_chat`"),
        ("serve --env OPENAI_BASE_URL=opnai/v1", 4, "`openai`"),
    ] {
        let ran = TestCommand::new(package(), words).run().exits(code);
        let near = ["did you mean ", "exists: "].iter().any(|way| ran.stderr.contains(&format!("{way}{meant}")));
        assert!(near, "{words}: no {meant} in\n{}", ran.stderr);
    }
}
