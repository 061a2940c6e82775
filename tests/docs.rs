//! Holds the pages for users to each other: links, headings, and the book's table of contents.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// What a page says, without what only looks like Markdown.
struct Page {
    headings: BTreeSet<String>,
    links: Vec<(usize, String)>,
}

/// A span of code is blanked: what looks like a link in it is none. Its text stays in headings.
static CODE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(`+)[^`]+`+").expect("a valid pattern"));
static LINK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\]\(\s*<?([^)>\s]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)").expect("a valid pattern"));
static LINKED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[([^\]]*)\]\([^)]*\)").expect("a valid pattern"));
static HEADING: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^#{1,6} (.+?)\s*#*$").expect("a valid pattern"));

impl Page {
    fn of(text: &str) -> Self {
        let mut page = Page { headings: BTreeSet::new(), links: Vec::new() };
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut is_fenced = false;
        for (number, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                is_fenced = !is_fenced;
            }
            if is_fenced || line.starts_with("    ") {
                continue;
            }
            if let Some(heading) = HEADING.captures(line) {
                let anchor = anchor(&heading[1]);
                let before = seen.entry(anchor.clone()).or_default();
                page.headings.insert(if *before == 0 { anchor } else { format!("{anchor}-{before}") });
                *before += 1;
            }
            let line = CODE.replace_all(line, |code: &Captures<'_>| " ".repeat(code[0].len()));
            let targets = LINK.captures_iter(&line).filter_map(|link| link.get(1).or(link.get(2)));
            page.links.extend(targets.map(|target| (number + 1, target.as_str().to_owned())));
        }
        page
    }
}

/// A heading's anchor, as GitHub and mdBook make it.
fn anchor(heading: &str) -> String {
    let text = LINKED.replace_all(heading, "$1").to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn markdown(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            markdown(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
}

/// The pages for users, by their path from the root.
fn pages() -> BTreeMap<PathBuf, Page> {
    let mut files: Vec<PathBuf> = ["README.md", "SECURITY.md", "CHANGELOG.md"].map(|name| root().join(name)).into();
    markdown(&root().join("docs"), &mut files);
    markdown(&root().join("examples"), &mut files);
    let page = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).expect("a readable page");
        (file.strip_prefix(root()).expect("below the root").to_owned(), Page::of(&text))
    };
    files.into_iter().map(page).collect()
}

/// Where a link of a page leads: the file, from the root, and the heading. `None` where it leaves the repository.
fn target(page: &Path, link: &str) -> Option<(PathBuf, String)> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let joined = if file.is_empty() { page.to_owned() } else { page.with_file_name("").join(file) };
    let mut path = PathBuf::new();
    for part in joined.components() {
        match part {
            Component::ParentDir if path.pop() => {}
            part => path.push(part),
        }
    }
    Some((path, heading.to_owned()))
}

fn links(pages: &BTreeMap<PathBuf, Page>) -> impl Iterator<Item = (&Path, usize, &str, PathBuf, String)> {
    pages.iter().flat_map(|(path, page)| {
        page.links.iter().filter_map(|(line, link)| {
            let (file, heading) = target(path, link)?;
            Some((path.as_path(), *line, link.as_str(), file, heading))
        })
    })
}

#[test]
fn every_relative_link_leads_to_a_file_and_to_a_heading_in_it() {
    let pages = pages();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (page, line, link, file, heading) in links(&pages) {
        count += 1;
        if !root().join(&file).exists() {
            wrong.push(format!("{}:{line}: {link}: there is no {}", page.display(), file.display()));
        } else if !heading.is_empty() && !pages.get(&file).is_some_and(|page| page.headings.contains(&heading)) {
            wrong.push(format!("{}:{line}: {link}: {} has no such heading", page.display(), file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 100, "links were not found");
}

/// mdBook takes files of its own folder along, and no others.
#[test]
fn no_page_of_the_book_links_out_of_the_book() {
    let pages = pages();
    let wrong: Vec<String> = links(&pages)
        .filter(|(page, _, _, file, _)| page.starts_with("docs") && !file.starts_with("docs"))
        .map(|(page, line, link, ..)| format!("{}:{line}: {link}: name the path as code", page.display()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_page_of_docs_is_in_the_book_once() {
    let pages = pages();
    let summary = Path::new("docs/SUMMARY.md");
    let mut listed: Vec<PathBuf> =
        links(&pages).filter(|(page, ..)| *page == summary).map(|(_, _, _, file, _)| file).collect();
    let mut there: Vec<PathBuf> =
        pages.keys().filter(|page| page.starts_with("docs") && *page != summary).cloned().collect();
    listed.sort();
    there.sort();
    assert_eq!(listed, there);
}

#[test]
fn links_and_headings_are_found_where_they_count() {
    let page = Page::of(
        "# `data: [DONE]`\n## A [page](a.md)\n## Twice\n## Twice\n\
         see [b](b.md#x), `[no](c.md)`\n\n    [no](d.md)\n\n```\n# no\n[no](e.md)\n```\n[ref]: f.md\n",
    );
    let headings: Vec<&str> = page.headings.iter().map(String::as_str).collect();
    assert_eq!(headings, ["a-page", "data-done", "twice", "twice-1"]);
    let links: Vec<(usize, &str)> = page.links.iter().map(|(line, link)| (*line, link.as_str())).collect();
    assert_eq!(links, [(2, "a.md"), (5, "b.md#x"), (13, "f.md")]);
}
