//! Links that lead nowhere, and pictures without words.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Finding, Rule, cell_place, text_of};
use crate::entry::Entry;
use crate::link::{Target, named};
use crate::linked::Notebooks;
use crate::markdown;
use crate::markdown::raw::{lost_picture, raw_tags};
use crate::markdown::slug;
use crate::notebook::{Cell, CellKind, Notebook};
use crate::page::notebook_page::{here, page_ids, place as place_on};
use crate::problem::Problem;
use crate::reference::{Reference, ReferenceTarget};
use crate::root::folder_of;
use crate::series::Series;
use crate::suggest::did_you_mean;

pub(super) fn findings(series: &Series, notebooks: &Notebooks) -> Vec<Finding> {
    let anchors: BTreeMap<&str, BTreeSet<String>> =
        series.entries.iter().map(|entry| (entry.file.as_str(), entry.anchors())).collect();
    let mut findings = Vec::new();
    for entry in &series.entries {
        for mut reference in entry.references() {
            find_by_name(&mut reference, notebooks, &anchors);
            let place = |message: String| {
                Problem::at(&entry.file, &entry.text, reference.span.clone(), message)
            };
            if let Some((message, help)) = dead(
                series,
                notebooks,
                &anchors,
                entry,
                &reference.target,
                &reference.written,
                reference.by_name,
            ) {
                let mut problem = place(message);
                problem.help = help;
                findings.push(Finding::new(Rule::DeadLink, problem));
            }
            if reference.is_image && reference.text.trim().is_empty() {
                let problem = place(format!("`{}` is shown without a text", reference.written))
                    .with_help("say what it shows between the brackets: `![what it shows](...)`");
                findings.push(Finding::new(Rule::MissingAlt, problem));
            }
        }
        findings.extend(raw(series, notebooks, &anchors, entry));
    }
    let mut ids = PageIds::default();
    for (file, notebook) in notebooks {
        if let Some(notebook) = notebook {
            findings.extend(in_notebook(series, notebooks, &anchors, file, notebook, &mut ids));
        }
    }
    findings
}

/// Puts the file that a `[[name]]` means in place of the name.
pub(super) fn find_by_name(
    reference: &mut Reference,
    notebooks: &Notebooks,
    entries: &BTreeMap<&str, BTreeSet<String>>,
) {
    if !reference.by_name {
        return;
    }
    match &mut reference.target {
        ReferenceTarget::Notebook { file, .. } => {
            if let Some(known) = named(notebooks.keys().map(String::as_str), file) {
                *file = known.to_owned();
            }
        }
        ReferenceTarget::File { file, .. } => {
            if let Some(known) = named(entries.keys().copied(), file).map(str::to_owned) {
                *file = known;
            }
        }
        _ => {}
    }
}

/// Why a reference of an entry leads nowhere, and what it may have meant. `by_name` says
/// that it is written as a `[[name]]`.
fn dead(
    series: &Series,
    notebooks: &Notebooks,
    anchors: &BTreeMap<&str, BTreeSet<String>>,
    entry: &Entry,
    target: &ReferenceTarget,
    written: &str,
    by_name: bool,
) -> Option<(String, Option<String>)> {
    match target {
        ReferenceTarget::Notebook { file, label } => match notebooks.get(file) {
            None => Some((
                format!("there is no notebook `{file}`"),
                did_you_mean(file, notebooks.keys().map(String::as_str)),
            )),
            Some(Some(notebook)) => {
                let label = label.as_ref()?;
                match notebook.cell(label) {
                    Err(numbers) if numbers.is_empty() => Some((
                        format!("no cell of `{file}` is labelled `{label}`"),
                        did_you_mean(label, notebook.labels()),
                    )),
                    _ => None,
                }
            }
            Some(None) => None,
        },
        ReferenceTarget::File { file, fragment } if file.ends_with(".md") => {
            match (anchors.get(file.as_str()), fragment) {
                (None, _) => Some((
                    format!("there is no entry `{file}`"),
                    did_you_mean(file, anchors.keys().copied()),
                )),
                (Some(known), Some(fragment)) => missing_anchor(known, fragment, file),
                _ => None,
            }
        }
        ReferenceTarget::File { .. } if by_name => Some((
            format!("there is no entry of the name `{written}`"),
            did_you_mean(written, series.entries.iter().map(Entry::stem)),
        )),
        ReferenceTarget::File { file, .. } if !series.root.has_file(file) => {
            Some((format!("there is no file `{file}`"), None))
        }
        ReferenceTarget::Anchor(name) if !name.is_empty() => {
            let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
            missing_anchor(anchors.get(entry.file.as_str())?, &name, "this entry")
        }
        ReferenceTarget::Outside => Some((format!("`{written}` leads out of the series"), None)),
        ReferenceTarget::Web(_) => rooted(written),
        _ => None,
    }
}

/// Why an address that starts with `/` is none to rely on.
fn rooted(written: &str) -> Option<(String, Option<String>)> {
    if !written.starts_with('/') || written.starts_with("//") {
        return None;
    }
    let message = format!(
        "`{written}` leads out of the site wherever it is not at the top of its server, and from disk"
    );
    let help = "write where it is from here (`day-01.md`, `../notebooks/a.ipynb`), or the whole address (`https://...`)";
    Some((message, Some(help.to_owned())))
}

fn missing_anchor(
    known: &BTreeSet<String>,
    name: &str,
    file: &str,
) -> Option<(String, Option<String>)> {
    // Footnotes have anchors of their own; a wrong one is no link but text.
    if known.contains(name) || name.starts_with("fn-") || ["main", "toc", "ran"].contains(&name) {
        return None;
    }
    let file = if file == "this entry" { file.to_owned() } else { format!("`{file}`") };
    let help = did_you_mean(name, known.iter().map(String::as_str));
    Some((format!("{file} has no heading `#{name}`"), help))
}

/// What raw HTML of an entry refers to, and pictures without `alt` in it.
fn raw(
    series: &Series,
    notebooks: &Notebooks,
    anchors: &BTreeMap<&str, BTreeSet<String>>,
    entry: &Entry,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for tag in raw_tags(entry.body()) {
        let span = entry.body_start + tag.span.start..entry.body_start + tag.span.end;
        let mut add = |rule, message: String, help: Option<String>| {
            let mut problem = Problem::at(&entry.file, &entry.text, span.clone(), message);
            problem.help = help;
            findings.push(Finding::new(rule, problem));
        };
        if tag.name == "img" {
            if let Some((message, help)) = lost_picture(&tag) {
                add(Rule::DeadLink, message, Some(help));
            }
            if tag.attribute("alt").is_none() {
                let help = "say what it shows: `alt=\"what it shows\"`".to_owned();
                add(Rule::MissingAlt, "this picture has no `alt` text".to_owned(), Some(help));
            }
        }
        let Some(href) = tag.attribute("href").filter(|_| tag.name == "a") else { continue };
        let target = ReferenceTarget::of(folder_of(&entry.file), href);
        if let Some((message, help)) = dead(series, notebooks, anchors, entry, &target, href, false)
        {
            add(Rule::DeadLink, message, help);
        } else if let ReferenceTarget::Notebook { file, .. } | ReferenceTarget::File { file, .. } =
            &target
        {
            let message = format!("the link to `{file}` leads to no page: it is written as HTML");
            add(Rule::DeadLink, message, Some(format!("write it as `[...]({href})`")));
        }
    }
    findings
}

/// What `#...` can name on the pages of notebooks, by file; of those that were asked for it.
#[derive(Default)]
struct PageIds(HashMap<String, HashSet<String>>);

impl PageIds {
    /// Why nothing on the notebook's page is called that.
    fn missing(&mut self, notebook: &Notebook, name: &str) -> Option<(String, Option<String>)> {
        let ids = self.0.entry(notebook.file.clone());
        let ids = ids.or_insert_with(|| page_ids(notebook));
        if place_on(notebook, ids, name).is_some() {
            return None;
        }
        let mut known: Vec<&str> = ids.iter().map(String::as_str).collect();
        known.sort_unstable();
        let message = format!("`{}` has no heading and no cell `#{name}`", notebook.file);
        Some((message, did_you_mean(&slug(name), known)))
    }
}

/// The links and pictures of a notebook's text cells.
fn in_notebook(
    series: &Series,
    notebooks: &Notebooks,
    anchors: &BTreeMap<&str, BTreeSet<String>>,
    file: &str,
    notebook: &Notebook,
    ids: &mut PageIds,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut text = None;
    for cell in notebook.cells.iter().filter(|cell| cell.kind == CellKind::Markdown) {
        for link in markdown::links(&cell.source) {
            let mut add = |rule, message: String, help: Option<String>| {
                let text = text.get_or_insert_with(|| text_of(series, file));
                let message = format!("cell {}: {message}", cell.number);
                let at = text.as_ref().and_then(|text| place(text, cell, &link.target));
                let mut problem = match (&text, at) {
                    (Some(text), Some(at)) => {
                        Problem::at(file, text, at..at + link.target.len(), message)
                    }
                    _ => Problem::of_file(file, message),
                };
                problem.help = help;
                findings.push(Finding::new(rule, problem));
            };
            match Target::parse(folder_of(file), &link.target) {
                Target::Notebook { file, .. } if !notebooks.contains_key(&file) => {
                    let help = did_you_mean(&file, notebooks.keys().map(String::as_str));
                    add(Rule::DeadLink, format!("there is no notebook `{file}`"), help);
                }
                Target::Notebook { file, label: Some(label), .. } => {
                    if let Some(Some(notebook)) = notebooks.get(&file)
                        && let Some((message, help)) = ids.missing(notebook, &label)
                    {
                        add(Rule::DeadLink, message, help);
                    }
                }
                Target::Here => {
                    let name = here(&link.target);
                    if !name.is_empty()
                        && let Some((message, help)) = ids.missing(notebook, &name)
                    {
                        add(Rule::DeadLink, message, help);
                    }
                }
                Target::File { file, fragment: Some(fragment) }
                    if anchors.contains_key(file.as_str()) =>
                {
                    let missing = missing_anchor(&anchors[file.as_str()], &fragment, &file);
                    if let Some((message, help)) = missing {
                        add(Rule::DeadLink, message, help);
                    }
                }
                Target::Elsewhere => {
                    if let Some((message, help)) = rooted(&link.target) {
                        add(Rule::DeadLink, message, help);
                    }
                }
                Target::File { file, .. }
                    if !anchors.contains_key(file.as_str())
                        && !file.starts_with("attachment:")
                        && !series.root.has_file(&file) =>
                {
                    add(Rule::DeadLink, format!("there is no file `{file}`"), None);
                }
                Target::Outside => {
                    let message = format!("`{}` leads out of the series", link.target);
                    add(Rule::DeadLink, message, None);
                }
                _ => {}
            }
            if link.is_image && link.text.trim().is_empty() {
                let help = "say what it shows between the brackets: `![what it shows](...)`";
                let message = format!("`{}` is shown without a text", shortened(&link.target));
                add(Rule::MissingAlt, message, Some(help.to_owned()));
            }
        }
    }
    findings
}

/// Where a target stands in the text of the notebook, at or after the cell's id.
fn place(text: &str, cell: &Cell, target: &str) -> Option<usize> {
    let from = cell_place(text, cell.id.as_deref()).unwrap_or(0);
    let quoted = serde_json::Value::from(target).to_string();
    let bare = &quoted[1..quoted.len() - 1];
    text[from..].find(bare).map(|at| from + at).or_else(|| text.find(bare))
}

fn shortened(target: &str) -> String {
    if target.chars().count() <= 60 {
        target.to_owned()
    } else {
        target.chars().take(59).chain(['…']).collect()
    }
}
