//! Node ids and paths as in pytest: `suites/inference`, `…/sanity.yaml`, `…yaml::name`, `…yaml::name[params]`.

/// A file, folder, template or case, as named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    path: String,
    name: Option<String>,
}

impl Node {
    /// Reads an argument. Any text can be a node; [`Node::holds`] and [`Node::selects`] tell whether it exists.
    pub(crate) fn new(word: &str) -> Self {
        let (path, name) = match word.split_once("::") {
            Some((path, name)) => (path, Some(name.to_owned())),
            None => (word, None),
        };
        Node { path: plain(path), name }
    }

    /// Whether it is written like a path to a suite's file.
    pub(crate) fn is_path(&self) -> bool {
        self.path.ends_with(".yaml") || self.path.ends_with(".yml")
    }

    /// Whether a suite's file is this one, or lies in this folder.
    pub(crate) fn holds(&self, file: &str) -> bool {
        let file = plain(file);
        let below = || file.strip_prefix(&self.path).is_some_and(|rest| rest.starts_with('/'));
        // Only a file has cases.
        file == self.path || self.name.is_none() && (self.path == "." || below())
    }

    /// Whether it selects the case with this id: all cases of a file or folder, all of a template, or just one.
    pub(crate) fn selects(&self, id: &str) -> bool {
        let Some((file, of_case)) = id.split_once("::") else { return false };
        let named = |name: &String| {
            of_case == name || of_case.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('['))
        };
        self.holds(file) && self.name.as_ref().is_none_or(named)
    }
}

/// A path in the form that ids use.
fn plain(path: &str) -> String {
    let path = path.replace('\\', "/");
    let path = path.trim_end_matches('/');
    let mut path = path;
    while let Some(rest) = path.strip_prefix("./") {
        path = rest;
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "suites/inference/sanity.yaml::chat[openai_client-a::b]";

    #[test]
    fn each_level_selects_what_is_below_it() {
        for word in [
            "suites",
            "./suites/",
            "suites/inference",
            "suites\\inference",
            "suites/inference/sanity.yaml",
            "suites/inference/sanity.yaml::chat",
            ID,
            ".",
        ] {
            assert!(Node::new(word).selects(ID), "{word}");
        }
        for word in [
            "suite",
            "suites/inf",
            "suites/inference/sanity",
            "suites/inference::chat",
            "suites/inference/sanity.yaml::cha",
            "suites/inference/sanity.yaml::chat[openai_client]",
            "",
        ] {
            assert!(!Node::new(word).selects(ID), "{word}");
        }
    }
}
