//! Holds `src/` to the table in `docs/architecture.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

/// Module → (kind, what it may use), as the document says.
fn table() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let text = include_str!("../docs/architecture.md");
    let row = Regex::new(r"(?m)^\| (\w+) \| (pure|edge) \| ?([\w, ]*?) ?\|$").expect("a valid pattern");
    row.captures_iter(text)
        .map(|cells| {
            let uses = cells[3].split(", ").map(str::trim).filter(|m| !m.is_empty()).map(str::to_owned).collect();
            (cells[1].to_owned(), (cells[2].to_owned(), uses))
        })
        .collect()
}

fn sources(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_file() {
        files.push(path.to_owned());
        return;
    }
    for entry in std::fs::read_dir(path).expect("a readable folder") {
        sources(&entry.expect("an entry").path(), files);
    }
}

/// The source without what is compiled for tests alone. As rustfmt writes it, an item of several lines ends with a brace
/// that stands below its beginning.
fn without_tests(source: &str) -> String {
    let mut kept = Vec::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let (attribute, indent) = (line.trim_start(), line.len() - line.trim_start().len());
        if !["#[cfg(test)]", "#[cfg(all(test"].iter().any(|start| attribute.starts_with(start)) {
            kept.push(line);
            continue;
        }
        let end = format!("{}}}", &line[..indent]);
        let item = lines.find(|line| !line.trim_start().starts_with("#["));
        if item.is_some_and(|line| !line.ends_with([';', ',', '}'])) {
            lines.find(|line| *line == end);
        }
    }
    kept.join("\n")
}

#[test]
fn what_stands_below_a_test_is_looked_at_too() {
    let source = "use a;\n#[cfg(test)]\nuse b;\nuse c;\n#[cfg(test)]\n#[path = \"x\"]\nmod tests {\n    fn d() {\n    }\n}\nuse e;\n\
                  #[cfg(all(test, unix))]\nmod f;\nstruct G {\n    #[cfg(test)]\n    h: u8,\n    i: u8,\n}";
    assert_eq!(without_tests(source), "use a;\nuse c;\nuse e;\nstruct G {\n    i: u8,\n}");
}

/// Every source file with its top-level module.
fn modules() -> Vec<(String, String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    files
        .into_iter()
        .filter_map(|file| {
            let short = file.strip_prefix(&src).expect("below src").with_extension("");
            let module = short.components().next()?.as_os_str().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&file).expect("readable source");
            // What a module uses in its own tests is its own affair.
            let is_test = short.components().any(|part| part.as_os_str().to_string_lossy().ends_with("tests"));
            let text = if is_test { String::new() } else { without_tests(&text) };
            (module != "lib" && module != "main").then(|| (module, short.display().to_string(), text))
        })
        .collect()
}

#[test]
fn every_use_is_in_the_table() {
    let table = table();
    let used = Regex::new(r"\bcrate::(?:\{([^}]*)\}|(\w+))").expect("a valid pattern");
    let mut wrong = Vec::new();
    for (module, file, text) in modules() {
        let Some((_, allowed)) = table.get(&module) else {
            wrong.push(format!("{file}: module `{module}` is not in docs/architecture.md"));
            continue;
        };
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        for found in used.captures_iter(&code) {
            let names = found.get(1).or(found.get(2)).map_or("", |m| m.as_str());
            for name in names.split(',').filter_map(|path| path.trim().split("::").next()) {
                if !name.is_empty() && name != module && table.contains_key(name) && !allowed.contains(name) {
                    wrong.push(format!("{file}: `{module}` uses `{name}`, which docs/architecture.md does not allow"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_has_no_module_that_is_gone_and_no_cycle() {
    let table = table();
    assert!(table.len() > 10, "the table was not found");
    let found: BTreeSet<String> = modules().into_iter().map(|(module, ..)| module).collect();
    let known: BTreeSet<String> = table.keys().cloned().collect();
    assert_eq!(found, known);
    // Repeatedly take away what uses nothing that is left: what remains is a cycle.
    let mut left = table.clone();
    loop {
        let free: Vec<String> = left
            .iter()
            .filter(|(_, (_, uses))| uses.iter().all(|m| !left.contains_key(m)))
            .map(|(m, _)| m.clone())
            .collect();
        if free.is_empty() {
            break;
        }
        left.retain(|module, _| !free.contains(module));
    }
    assert!(left.is_empty(), "a cycle among {:?}", left.keys());
}

#[test]
fn pure_modules_touch_nothing_outside() {
    let table = table();
    let outside = Regex::new(
        r"\b(std::(fs|net|env|process|thread)|tokio|reqwest|sqlx|axum|SystemTime|Instant::now|Timestamp::now|async fn|println!|eprintln!)",
    )
    .expect("a valid pattern");
    let mut wrong = Vec::new();
    for (module, file, text) in modules() {
        if table.get(&module).is_some_and(|(kind, _)| kind == "pure") {
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
            wrong.extend(outside.find_iter(&code).map(|found| format!("{file}: {}", found.as_str())));
        }
    }
    assert!(wrong.is_empty(), "pure modules reach outside:\n{}", wrong.join("\n"));
}

/// A FIFO among the user's files would be waited for without end, and a device has none: `disk` looks before it opens.
#[test]
fn files_are_opened_for_reading_in_one_place() {
    let opens = Regex::new(r"(\bfs::read(_to_string)?|\bfs::File::open|[^:\w]File::open)\(").expect("a valid pattern");
    let table = table();
    let mut wrong = Vec::new();
    for (module, file, text) in modules() {
        // What is pure has no files, and `File` means something else there.
        if module != "disk" && table.get(&module).is_some_and(|(kind, _)| kind == "edge") {
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
            wrong.extend(opens.find_iter(&code).map(|found| format!("src/{file}.rs: {}", found.as_str())));
        }
    }
    assert!(wrong.is_empty(), "read files with `crate::disk`:\n{}", wrong.join("\n"));
}

#[test]
fn the_map_stays_a_map() {
    let lib = include_str!("../src/lib.rs");
    let map = lib.lines().filter(|line| !line.starts_with("//!")).count();
    assert!(map < 60, "src/lib.rs is the map, one line a module, after the tour");
}

/// Names that a module hands on, each with the file that defines it.
fn handed_on(text: &str) -> BTreeMap<String, String> {
    let found = Regex::new(r"pub(?:\([a-z]+\))? use ([a-z_]+)::(?:\{([^}]*)\}|(\w+));").expect("a valid pattern");
    found
        .captures_iter(text)
        .filter(|cells| !["crate", "super", "self"].contains(&&cells[1]))
        .flat_map(|cells| {
            let names = cells.get(2).or(cells.get(3)).map_or("", |names| names.as_str()).to_owned();
            let file = cells[1].to_owned();
            names.split(',').map(|name| (name.trim().to_owned(), file.clone())).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn inside_a_module_names_are_imported_from_the_file_that_defines_them() {
    let all = modules();
    let imports = Regex::new(r"(?m)^use super::(?:\{([^}]*)\}|(\w+));").expect("a valid pattern");
    let mut wrong = Vec::new();
    for (_, hub, text) in &all {
        let folder = hub.strip_suffix("mod").unwrap_or(&format!("{hub}/")).to_owned();
        let names = handed_on(text);
        let beside = |file: &str| file.strip_prefix(&folder).is_some_and(|rest| rest != "mod" && !rest.contains('/'));
        for (_, file, text) in all.iter().filter(|(_, file, _)| beside(file)) {
            for found in imports.captures_iter(text) {
                let imported = found.get(1).or(found.get(2)).map_or("", |names| names.as_str());
                for name in imported.split(',').map(str::trim) {
                    // A file may define what bears its own name: then the file is imported.
                    let is_elsewhere = |home: &&String| *home != name && !file.ends_with(&format!("/{home}"));
                    let Some(home) = names.get(name).filter(is_elsewhere) else { continue };
                    wrong.push(format!("src/{file}.rs: `super::{name}` is `super::{home}::{name}`"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
