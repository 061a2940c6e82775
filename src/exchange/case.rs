//! The case ids that recordings store, and which ids mean the same case.

/// The prefix of a case id that is the name of a proxy client's session.
pub const SESSION: &str = "session ";

/// The case id that a recording stores: without the part that depends on where the suite lies on this machine.
pub fn case_label(case: &str) -> String {
    let case = case.strip_prefix(SESSION).unwrap_or(case);
    let Some((path, rest)) = case.split_once("::") else { return case.to_owned() };
    let mut path = path;
    while let Some(rest) = path.strip_prefix("./").or_else(|| path.strip_prefix("../")) {
        path = rest;
    }
    if path.starts_with('/') || path.get(1..3) == Some(":/") {
        path = path.rsplit('/').next().unwrap_or(path);
    }
    format!("{path}::{rest}")
}

/// Whether a recorded case id means the case that now asks `provider`. The suite may have another path, the gateway
/// puts the provider before the model and a direct run does not, and a Python test has its own file and a name that
/// begins with `test_`.
pub fn is_same_case(recorded: &str, asks: &str, provider: &str) -> bool {
    let asks = asks.strip_prefix(SESSION).unwrap_or(asks);
    if recorded == asks {
        return true;
    }
    let (Some((recorded, its)), Some((asks, own))) = (recorded.split_once("::"), asks.split_once("::")) else {
        return false;
    };
    let is_python = |path: &str| path.ends_with(".py");
    let is_one_file = is_python(recorded) != is_python(asks) || ends_with(recorded, asks) || ends_with(asks, recorded);
    is_one_file && plain(its, provider) == plain(own, provider)
}

/// Whether the last parts of `path` are those of `end`.
fn ends_with(path: &str, end: &str) -> bool {
    let end = end.trim_start_matches("./").trim_start_matches("../");
    path.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

fn plain(name: &str, provider: &str) -> String {
    name.strip_prefix("test_").unwrap_or(name).replacen(&format!("={provider}/"), "=", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_does_not_say_where_on_a_machine_the_suite_lies() {
        for (case, label) in [
            ("suites/a.yaml::b[c]", "suites/a.yaml::b[c]"),
            ("./suites/a.yaml::b", "suites/a.yaml::b"),
            ("../../suites/a.yaml::b", "suites/a.yaml::b"),
            ("/home/me/suites/a.yaml::b[x/y]", "a.yaml::b[x/y]"),
            ("C:/me/suites/a.yaml::b", "a.yaml::b"),
            ("session one", "one"),
            ("session tests/test_a.py::b", "tests/test_a.py::b"),
        ] {
            assert_eq!(case_label(case), label);
        }
    }

    #[test]
    fn one_case_may_go_by_several_ids() {
        let id = "suites/a.yaml::chat[openai_client-txt=together/meta/m-1]";
        for same in [
            id,
            "a.yaml::chat[openai_client-txt=together/meta/m-1]",
            "/home/me/suites/a.yaml::chat[openai_client-txt=together/meta/m-1]",
            "suites/a.yaml::chat[openai_client-txt=meta/m-1]",
            "tests/integration/test_a.py::test_chat[openai_client-txt=together/meta/m-1]",
        ] {
            assert!(is_same_case(same, id, "together") && is_same_case(id, same, "together"), "{same}");
        }
        for other in [
            "suites/b.yaml::chat[openai_client-txt=together/meta/m-1]",
            "suites/aa.yaml::chat[openai_client-txt=together/meta/m-1]",
            "suites/a.yaml::chat[openai_client-txt=together/meta/m-2]",
            "suites/a.yaml::chat[openai_client-txt=groq/meta/m-1]",
            "suites/a.yaml::chat[llama_stack_client-txt=together/meta/m-1]",
            "suites/a.yaml::chat",
            "session chat",
            "",
        ] {
            assert!(!is_same_case(other, id, "together"), "{other}");
        }
        assert!(is_same_case("a", "session a", "p") && !is_same_case("a", "session b", "p"));
    }
}
