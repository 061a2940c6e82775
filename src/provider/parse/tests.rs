use super::*;
use crate::exchange::{self, BodyPath, Ignored, Request};

fn source(name: &str, text: &str) -> Source {
    Source { name: name.into(), text: text.into() }
}

fn shipped() -> Catalogue {
    parse_providers(&source("providers.yaml", include_str!("../../../suites/providers.yaml")))
        .unwrap_or_else(|error| panic!("{}", error.render(false)))
}

/// A file with one provider; `lines` are added to its entry.
fn with(lines: &str) -> String {
    format!(
        "capabilities: {{tools: functions}}\nproviders:\n  p:\n    type: remote::p\n    base_url: https://p.example/v1\n{lines}"
    )
}

fn wrong(text: &str) -> String {
    parse_providers(&source("providers.yaml", text)).unwrap_err().render(false)
}

fn wrong_setup(text: &str) -> String {
    parse_setups(&source("setups.yaml", text), &shipped()).unwrap_err().render(false)
}

#[test]
fn every_shipped_provider_names_the_variable_of_its_key_or_runs_on_this_machine() {
    let catalogue = shipped();
    for provider in &catalogue.providers {
        let is_here = provider.base_url.starts_with("http://127.0.0.1:");
        assert!(provider.key.is_some() != is_here, "{}", provider.name);
        assert!(provider.base_url.starts_with("https://") != is_here, "{}", provider.name);
    }
    for name in
        ["mistral", "deepseek", "openrouter", "xai", "cohere", "perplexity", "nvidia", "sambanova", "bedrock", "vertex"]
    {
        assert!(catalogue.provider(name).is_some_and(|provider| provider.key.is_some()), "{name}");
    }
}

#[test]
fn what_a_file_leaves_out_ships_or_follows_from_the_name() {
    let more = |text: &str| parse_more_providers(&source("providers.yaml", text), &shipped()).unwrap();
    let names = |catalogue: &Catalogue| catalogue.providers.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
    let mine = more("capabilities: {tools: mine}\nproviders:\n  openai: {base_url: 'http://h/v1'}\n");
    let mut expected = names(&shipped());
    expected.retain(|name| name != "openai");
    expected.push("openai".to_owned());
    assert_eq!(names(&mine), expected);
    let openai = mine.provider("openai").unwrap();
    assert_eq!((openai.r#type.as_str(), openai.key.as_deref(), openai.sdk_env.len()), ("remote::openai", None, 0));
    assert_eq!(mine.capabilities.len(), shipped().capabilities.len());
    assert_eq!(mine.capabilities["tools"].description, "mine");
    // Without an address, an entry adds to what ships.
    let more_of = more(
        "providers:\n  anthropic: {masks: {/v1/messages: [{place: $.system, pattern: a}]}, prices: {'*': {input: 1, output: 2}}}\n",
    );
    let (own, before) = (more_of.provider("anthropic").unwrap(), shipped().provider("anthropic").unwrap().clone());
    assert_eq!(
        (&own.base_url, &own.key, &own.key_header, &own.r#type),
        (&before.base_url, &before.key, &before.key_header, &before.r#type)
    );
    assert_eq!((own.rules.masks.len(), own.lacks.len()), (before.rules.masks.len() + 1, before.lacks.len()));
    assert_eq!(own.price("claude-any"), Some(crate::provider::Price { input: 1.0, output: 2.0 }));
    let why =
        parse_more_providers(&source("providers.yaml", "providers:\n  mine: {masks: {}}\n"), &shipped()).unwrap_err();
    assert!(why.render(false).contains("`base_url` is missing"), "{}", why.render(false));
    let alone = more("extends: none\nproviders: {mine: {base_url: 'http://h/v1'}}\n");
    assert_eq!((names(&alone), alone.capabilities.len()), (vec!["mine".to_owned()], 0));
}

#[test]
fn shipped_setups_beside_own_ones_are_by_name_only() {
    let catalogue = shipped();
    let ships = [("gpt", "openai"), ("ours", "together")];
    let ships = ships.map(|(name, of)| Setup { name: name.into(), provider: of.into(), ..Setup::default() });
    let more = |text: &str| {
        let setups = parse_more_setups(&source("setups.yaml", text), &catalogue, &ships).unwrap();
        setups.into_iter().map(|one| (one.name, one.provider, one.by_name_only)).collect::<Vec<_>>()
    };
    let own = ("ours".to_owned(), "groq".to_owned(), false);
    let of_retake = ("gpt".to_owned(), "openai".to_owned(), true);
    assert_eq!(more("setups: {ours: {provider: groq}}\n"), [own.clone(), of_retake]);
    assert_eq!(more("extends: none\nsetups: {ours: {provider: groq}}\n"), [own]);
}

#[test]
fn what_ships_is_whole() {
    let catalogue = shipped();
    let setups = parse_setups(&source("setups.yaml", include_str!("../../../suites/setups.yaml")), &catalogue)
        .unwrap_or_else(|error| panic!("{}", error.render(false)));
    let names: Vec<&str> = setups.iter().map(|setup| setup.name.as_str()).collect();
    let expected = [
        "together",
        "gpt",
        "ollama",
        "ollama-vision",
        "vllm",
        "tgi",
        "azure",
        "anthropic",
        "gemini",
        "groq",
        "fireworks",
        "cerebras",
        "databricks",
        "llama-cpp",
        "llama-cpp-python",
        "llama-stack",
    ];
    assert_eq!(names, expected);
    assert!(setups.iter().all(|setup| !setup.description.is_empty()));
    let used = |provider: &Provider| setups.iter().any(|setup| setup.provider == provider.name);
    // Of a provider without a setup nothing is claimed but its address.
    assert!(catalogue.providers.iter().all(|provider| used(provider) || provider.lacks.is_empty()));
    assert!(catalogue.capabilities["store"].of_stack && !catalogue.capabilities["tools"].of_stack);
}

#[test]
fn together_is_as_it_was_found() {
    let catalogue = shipped();
    let together = catalogue.provider("together").unwrap();
    let lacks: Vec<&str> = together.lacks.keys().map(String::as_str).collect();
    let expected = [
        "embedding_base64",
        "embedding_dimensions",
        "embedding_user",
        "file_input",
        "guided_choice",
        "prompt_logprobs",
        "streaming_n",
        "suffix",
    ];
    assert_eq!(lacks, expected);
    assert_eq!(together.key.as_deref(), Some("TOGETHER_API_KEY"));
    assert_eq!(together.key_header, ("authorization".to_owned(), "Bearer ".to_owned()));
    assert_eq!(
        together.rules.ignores,
        [Ignored { endpoint: "/v1/embeddings".into(), fields: vec![BodyPath::member("encoding_format")] }]
    );
    assert_eq!(together.quirks.usage_when_missing, ["/v1/embeddings"]);
    assert!(together.quirks.bare_model_list);
    assert_eq!(together.quirks.finish_reasons["eos"], "stop");
}

#[test]
fn everything_a_provider_may_say() {
    let text = with(
        "    key: P_KEY\n    key_header: {name: Api-Key}\n    headers: {X-Version: \"2\"}\n    lacks: {tools: {reason: none, models: [small]}}\n    broken: {tools: odd}\n    quirks: {model_list: object}\n    embedding_dimensions: {\"e-*\": 8}\n",
    )
    .replace("/v1\n", "/v1/\n");
    let catalogue = parse_providers(&source("providers.yaml", &text)).unwrap();
    let provider = catalogue.provider("p").unwrap();
    assert_eq!(provider.base_url, "https://p.example/v1");
    assert_eq!(provider.key_header, ("api-key".to_owned(), String::new()));
    assert_eq!(provider.headers["x-version"], "2");
    assert_eq!(provider.lacks["tools"], Gap { reason: "none".into(), models: vec!["small".into()] });
    assert_eq!(provider.broken["tools"], Gap { reason: "odd".into(), models: vec![] });
    assert!(!provider.quirks.bare_model_list);
    assert_eq!((provider.embedding_dimension("e-1").unwrap().get(), provider.embedding_dimension("x")), (8, None));
}

#[test]
fn what_a_provider_declares_about_requests_are_its_rules() {
    let text = with(
        "    ignores: {/v1/x: [user, $.metadata.trace-id, \"$.messages[?@.role == 'user'].id\"]}\n    masks:\n      /v1/x:\n        - {place: $..text, pattern: '\\d+'}\n        - {place: [$.a, $.b], pattern: [x, y]}\n    match_headers: [Anthropic-Beta]\n",
    );
    let catalogue =
        parse_providers(&source("providers.yaml", &text)).unwrap_or_else(|error| panic!("{}", error.render(false)));
    let rules = &catalogue.provider("p").unwrap().rules;
    let paths = |paths: &[BodyPath]| paths.iter().map(|path| path.text().to_owned()).collect::<Vec<_>>().join(" ");
    assert_eq!(
        paths(&rules.ignores[0].fields),
        r#"$["user"] $["metadata"]["trace-id"] $.messages[?@.role == 'user'].id"#
    );
    let masks: Vec<String> = rules
        .masks
        .iter()
        .map(|mask| format!("{} {} {mask}", mask.endpoint.as_deref().unwrap_or_default(), paths(&mask.places)))
        .collect();
    insta::assert_snapshot!(masks.join("\n"), @r"
    /v1/x $..text `\d+` (providers.yaml:9)
    /v1/x $.a $.b `x` (providers.yaml:10)
    /v1/x $.a $.b `y` (providers.yaml:10)
    ");
    assert_eq!(rules.match_headers, ["anthropic-beta"]);
}

#[test]
fn a_mistake_shows_its_line_and_the_way_out() {
    insta::assert_snapshot!(wrong(&with("    lacks: {tolls: it has none}\n")), @r"
    error: unknown capability `tolls`
     --> providers.yaml:6:13
      |
    6 |     lacks: {tolls: it has none}
      |             ^^^^^
      |
      = help: did you mean `tools`? There are: tools
    ");
    insta::assert_snapshot!(wrong(&with("    litellm: [p, vertex_ai=]\n")), @r"
    error: this names no provider of litellm's list
     --> providers.yaml:6:18
      |
    6 |     litellm: [p, vertex_ai=]
      |                  ^^^^^^^^^^
      |
      = help: write `NAME`, or `NAME=OWNER` if the provider calls its models OWNER/MODEL and the list does not
    ");
    insta::assert_snapshot!(wrong(&with("    embedding_dimensions: {e: 0}\n")), @r"
    error: no vector has the length 0
     --> providers.yaml:6:31
      |
    6 |     embedding_dimensions: {e: 0}
      |                               ^
      |
      = help: write how many numbers a vector of the model has
    ");
    insta::assert_snapshot!(wrong(&with("").replace("https://p.", "p.")), @r"
    error: a base URL starts with `http://` or `https://`
     --> providers.yaml:5:15
      |
    5 |     base_url: p.example/v1
      |               ^^^^^^^^^^^^
      |
      = help: write it whole, with the API's version part: `https://api.example.com/v1`
    ");
    insta::assert_snapshot!(wrong_setup("setups:\n  x:\n    provider: togehter\n"), @r"
    error: unknown provider `togehter`
     --> setups.yaml:3:15
      |
    3 |     provider: togehter
      |               ^^^^^^^^
      |
      = help: did you mean `together`? There are: together, openai, ollama, vllm, tgi, azure, anthropic, gemini, groq, fireworks, cerebras, mistral, deepseek, openrouter, xai, cohere, perplexity, nvidia, sambanova, bedrock, vertex, databricks, llama-cpp, llama-cpp-python, llama-stack
    ");
    insta::assert_snapshot!(wrong_setup("setups:\n  x:\n    provider: together\n    models: {text: somebody/x}\n"), @r"
    error: `somebody/x` starts with no provider's name
     --> setups.yaml:4:20
      |
    4 |     models: {text: somebody/x}
      |                    ^^^^^^^^^^
      |
      = help: write it as provider/model: There are: together, openai, ollama, vllm, tgi, azure, anthropic, gemini, groq, fireworks, cerebras, mistral, deepseek, openrouter, xai, cohere, perplexity, nvidia, sambanova, bedrock, vertex, databricks, llama-cpp, llama-cpp-python, llama-stack
    ");
}

#[test]
fn each_mistake_is_told() {
    let mut missed = Vec::new();
    for (lines, place, reason) in [
        ("    base_uri: x\n", "6:5", "unknown key `base_uri`"),
        ("    type: y\n", "6:5", "stands here twice"),
        ("  p:\n    type: x\n    base_url: https://x.example\n", "6:3", "`p` stands here twice"),
        ("    lacks: {tools: \" \"}\n", "6:20", "`tools` has no reason"),
        ("    lacks: {tools: 3}\n", "6:20", "`tools` wants a reason"),
        ("    lacks: {tools: {models: [a]}}\n", "6:21", "`reason` is missing"),
        ("    broken: {tool: x}\n", "6:14", "did you mean `tools`?"),
        ("    headers: {\"a b\": x}\n", "6:15", "`a b` cannot name a header"),
        ("    headers: {a: x, A: y}\n", "6:21", "header `A` stands here twice"),
        ("    headers: {a: \"x\\ny\"}\n", "6:18", "cannot stand in a header"),
        ("    key: sk-1234\n", "6:10", "never the key itself"),
        ("    key_header: {name: a}\n", "6:17", "a key header without a key"),
        ("    ignores: {v1/embeddings: [user]}\n", "6:15", "`v1/embeddings` is not an endpoint"),
        ("    ignores: {/v1/embeddings: []}\n", "6:31", "no fields are named here"),
        ("    ignores: {/v1/x: [\"$.a[?]\"]}\n", "6:28", "is not a JSONPath"),
        ("    ignores: {/v1/x: [$]}\n", "6:23", "leads to no part of a body"),
        ("    masks: {v1/x: [{place: $, pattern: a}]}\n", "6:13", "`v1/x` is not an endpoint"),
        ("    masks: {/v1/x: []}\n", "6:20", "no masks are named here"),
        (
            "    masks: {/v1/x: [{place: $, pattern: \"(\"}]}\n",
            "6:41",
            "`(` is not a regular expression: unclosed group",
        ),
        ("    masks: {/v1/x: [{place: $, pattern: \"\"}]}\n", "6:41", "an empty pattern masks nothing"),
        ("    masks: {/v1/x: [{place: $, pattern: a*}]}\n", "6:41", "matches the empty text"),
        (
            "    masks: {/v1/x: [{place: system, pattern: a}]}\n",
            "6:29",
            "`system` is not a JSONPath, which begins with `$`",
        ),
        ("    masks: {/v1/x: [{place: $}]}\n", "6:22", "`pattern` is missing"),
        ("    masks: {/v1/x: [{plaec: $, pattern: a}]}\n", "6:22", "did you mean `place`?"),
        ("    match_headers: [a b]\n", "6:21", "`a b` cannot name a header"),
        ("    match_headers: [x, X]\n", "6:24", "header `X` stands here twice"),
        ("    match_headers: [X-Api-Key]\n", "6:21", "`X-Api-Key` carries a key or a cookie"),
        ("    key: K\n    key_header: {name: x-my}\n    match_headers: [X-My]\n", "8:21", "`X-My` carries a key"),
        ("    quirks: {usage_when_missing: [embeddings]}\n", "6:35", "such as `/v1/embeddings`"),
        ("    quirks: {model_list: baer}\n", "6:26", "did you mean `bare`?"),
        ("    quirks: {finish_reasons: {eos: stopped}}\n", "6:36", "unknown finish reason of OpenAI's `stopped`"),
        ("  a/b:\n    type: x\n    base_url: https://x.example\n", "6:3", "`a/b` cannot name a provider"),
    ] {
        let said = wrong(&with(lines));
        if !(said.contains(&format!("providers.yaml:{place}\n")) && said.contains(reason)) {
            missed.push(format!("{place} {reason}\n{said}"));
        }
    }
    for url in ["ftp://x", "https://", "https:///v1", "not a url", "https://x/v1?api-version=1", "https://x/#y", ""] {
        let said = wrong(&with("").replace("https://p.example/v1", &format!("{url:?}")));
        assert!(said.contains("providers.yaml:5:15\n"), "{url}: {said}");
    }
    for (text, place, reason) in [
        ("setups:\n  x: {}\n", "2:6", "`provider` is missing"),
        ("setups:\n  x: {provider: together, modles: {}}\n", "2:27", "did you mean `models`?"),
        ("setups:\n  x: {provider: together, models: {txt: a}}\n", "2:36", "unknown key `txt`"),
        ("setups:\n  x: {provider: together, models: {text: together/}}\n", "2:42", "names no model"),
        ("setups:\n  x: {provider: together, env: {A-B: c}}\n", "2:33", "cannot name an environment variable"),
        ("setups:\n  x: {provider: tgi}\n  x: {provider: tgi}\n", "3:3", "`x` stands here twice"),
        ("setups:\n  \"x y\": {provider: tgi}\n", "2:3", "`x y` cannot name a setup"),
        ("", "1:1", ""),
    ] {
        let said = wrong_setup(text);
        if !(said.contains(&format!("setups.yaml:{place}\n")) && said.contains(reason)) {
            missed.push(format!("{place} {reason}\n{said}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n\n"));
}

#[test]
fn a_capability_is_a_line_or_a_mapping() {
    let wrong_capability = |text: &str| wrong(&format!("capabilities: {{a: {text}}}\nproviders: {{}}\n"));
    assert!(wrong_capability("3").contains("a capability wants a description"));
    assert!(wrong_capability("{description: x, of: stakc}").contains("did you mean `stack`?"));
    assert!(parse_providers(&source("p", "capabilities: {a: x}\nproviders: {}\n")).is_ok());
}

#[test]
fn a_setup_that_is_not_there_names_the_nearest() {
    let setups = ["together", "tgi"].map(|name| Setup { name: name.into(), ..Setup::default() });
    assert_eq!(setup_named(&setups, "tgi").unwrap().name, "tgi");
    let said = setup_named(&setups, "togehter").unwrap_err();
    assert_eq!(said, "there is no setup `togehter`; did you mean `together`? There are: together, tgi");
    assert_eq!(setup_named(&[], "x").unwrap_err(), "there is no setup `x`; There are: none");
}

#[test]
fn sdks_are_told_where_to_go_by_variables_that_they_read() {
    let catalogue = shipped();
    let path = |provider: &str, variable: &str| catalogue.provider(provider).unwrap().sdk_env[variable].clone();
    assert_eq!(path("openai", "OPENAI_BASE_URL"), "/v1");
    assert_eq!(path("anthropic", "ANTHROPIC_BASE_URL"), "");
    let mut seen = std::collections::BTreeSet::new();
    assert!(catalogue.providers.iter().flat_map(|provider| provider.sdk_env.keys()).all(|name| seen.insert(name)));
    for bad in ["v1", "/v1/", "/a b"] {
        let text = wrong(&with(&format!("    sdk_env: {{P_BASE_URL: {bad}}}")));
        assert!(text.contains("is not such a path"), "{text}");
    }
    assert!(wrong(&with("    sdk_env: {P-URL: /v1}")).contains("cannot name an environment variable"));
}

/// The request of an agent: its prompt names the day, the folder and the system.
fn agents_request(day: &str, folder: &str, system: &str, user: &str, task: &str) -> Request {
    let environment = format!("Working directory: {folder}\nPlatform: {system}\nToday's date: {day}");
    let body = serde_json::json!({
        "model": "claude-sonnet-4-5",
        "system": [{"type": "text", "text": "You write code."}, {"type": "text", "text": environment}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": task}]}],
        "metadata": {"user_id": user},
        "max_tokens": 32000,
        "stream": true,
    });
    Request {
        method: http::Method::POST,
        endpoint: "/v1/messages?beta=true".to_owned(),
        headers: http::HeaderMap::new(),
        body: body.to_string().into(),
        auth: crate::exchange::Auth::Provider,
        case: None,
    }
}

#[test]
fn an_agent_is_answered_on_another_day_in_another_folder_and_on_another_system() {
    let text = with(
        "    ignores: {/v1/messages: [$.metadata.user_id]}\n    masks:\n      /v1/messages:\n        - {place: \"$.system[*].text\", pattern: 'date: \\d{4}-\\d{2}-\\d{2}'}\n        - {place: \"$.system[*].text\", pattern: ['directory: \\S+', 'Platform: \\S+']}\n",
    );
    let catalogue =
        parse_providers(&source("providers.yaml", &text)).unwrap_or_else(|error| panic!("{}", error.render(false)));
    let anthropic = catalogue.provider("p").unwrap();
    let of = |request: Request| exchange::key(&request, &anthropic.base_url, &anthropic.rules);
    let recorded = of(agents_request("2026-01-02", "/home/ann/app", "linux", "user_1", "Add a test."));
    let asked = of(agents_request("2027-11-30", "/Users/bob/src/app", "darwin", "user_2", "Add a test."));
    assert_eq!(recorded, asked);
    assert_eq!(asked.hits, [0, 1, 2]);
    assert_ne!(recorded, of(agents_request("2026-01-02", "/home/ann/app", "linux", "user_1", "Add two tests.")));
    assert_ne!(recorded, of(agents_request("in May", "/home/ann/app", "linux", "user_1", "Add a test.")));
}
