//! Links in the repository's Markdown files.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folders that are not part of the repository.
const SKIPPED: &[&str] = &[".git", ".tools", ".plume", "target", "node_modules", ".venv"];

/// A link that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLink {
    /// The Markdown file, relative to the root.
    pub file: PathBuf,
    /// Counted from 1.
    pub line: usize,
    /// The link as written.
    pub target: String,
}

/// All Markdown files below `root`, sorted.
///
/// # Errors
/// When a folder cannot be read.
pub fn markdown_files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            if path.is_dir() {
                if !SKIPPED.contains(&name) {
                    folders.push(path);
                }
            } else if name.ends_with(".md") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The links of `file` whose file or anchor does not exist.
///
/// # Errors
/// When a Markdown file cannot be read.
pub fn dead_links(root: &Path, file: &Path) -> io::Result<Vec<DeadLink>> {
    let text = fs::read_to_string(file)?;
    let folder = file.parent().unwrap_or(root);
    let mut dead = Vec::new();
    for (line, target) in links(&text) {
        if target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
        let aimed = if path.is_empty() { file.to_owned() } else { folder.join(path) };
        let alive = aimed.exists()
            && (anchor.is_empty() || !aimed.is_file() || anchors(&fs::read_to_string(&aimed)?).contains(anchor));
        if !alive {
            let file = file.strip_prefix(root).unwrap_or(file).to_owned();
            dead.push(DeadLink { file, line, target });
        }
    }
    Ok(dead)
}

/// Targets of inline links with their line, code blocks and code spans left out.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let mut rest = without_code_spans(line);
        while let Some(start) = rest.find("](") {
            let after = rest.split_off(start.saturating_add(2));
            let Some(end) = after.find(')') else { break };
            let target = after.get(..end).unwrap_or_default().split_whitespace().next().unwrap_or_default();
            found.push((number, target.to_owned()));
            rest = after.get(end..).unwrap_or_default().to_owned();
        }
    }
    found
}

/// Anchors of a Markdown text's headings, as hosting sites make them: lower case, punctuation gone, spaces as hyphens.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, line) in prose(text) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let slug: String = title
            .trim()
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        found.insert(slug);
    }
    found
}

/// Lines outside fenced code blocks, counted from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    })
}

fn without_code_spans(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_code_are_not_links() {
        let text = "[a](one.md) and `[b](two.md)`\n```\n[c](three.md)\n```\n[d](four.md \"title\")[e](#five)";
        let found: Vec<_> = links(text).into_iter().map(|(line, target)| format!("{line} {target}")).collect();
        assert_eq!(found, ["1 one.md", "5 four.md", "5 #five"]);
    }

    #[test]
    fn a_dead_file_and_a_dead_anchor_are_found() {
        let root = std::env::temp_dir().join(format!("plume-links-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        let file = root.join("a.md");
        fs::write(&file, "# One title, here\n[x](#one-title-here) [y](#two)\n[z](gone.md) [w](a.md#one-title-here)")
            .unwrap();

        let dead = dead_links(&root, &file).unwrap();

        fs::remove_dir_all(&root).unwrap();
        let dead: Vec<_> = dead.into_iter().map(|d| (d.line, d.target)).collect();
        assert_eq!(dead, [(2, "#two".to_owned()), (3, "gone.md".to_owned())]);
    }
}
