use super::*;
use crate::notebook::chain::{chain_next, chain_start};

/// A series of two days with something of everything wrong.
fn series() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("momentum.yaml", "title: Log\n");
    write(
        "entries/day-01.md",
        "---\nday: 1\ntitle: One\ndate: 2026-11-22\n---\n# Part\n\n[ok](#part) [bad](#prt) [two](day-05.md#other)\n\n\
         ![](../notebooks/used.ipynb#sum)\n\n<img src=\"x.png\">\n",
    );
    write(
        "entries/day-05.md",
        "---\nday: 4\ntitle: Four\ndate: 2026-11-20\n---\n[none](../notebooks/usd.ipynb) [out](../../x.md)\n",
    );
    let chain = chain_next(&chain_start(), "//| label: sum\n1");
    let key = "sk-aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3";
    let notebook = |chain: &str, text: &str| {
        format!(
            "{{\"nbformat\": 4, \"nbformat_minor\": 5, \"metadata\": {{\"momentum\": {{\"status\": \"ok\"}}}}, \"cells\": [\n\
             {{\"cell_type\": \"markdown\", \"id\": \"m\", \"metadata\": {{}}, \"source\": \"[gone](gone.ipynb) ![](a.png)\"}},\n\
             {{\"cell_type\": \"code\", \"id\": \"c\", \"source\": \"//| label: sum\\n1\", \"execution_count\": 1,\n\
              \"metadata\": {{\"momentum\": {{\"chain\": \"{chain}\"}}}},\n\
              \"outputs\": [{{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"{text}\"}}]}}]}}"
        )
    };
    write("notebooks/used.ipynb", &notebook("old", "1"));
    write("notebooks/unused.ipynb", &notebook(&chain, key));
    root
}

#[test]
fn every_rule_finds_its_own() {
    let root = series();
    let report = Series::open(root.path()).unwrap().check().unwrap();
    let text = report.to_text(CheckFormat::Text);
    insta::assert_snapshot!(text, @r#"
    entries/day-01.md:8:13: dead-link: this entry has no heading `#prt`
      help: did you mean `part`?
    entries/day-01.md:8:25: dead-link: `entries/day-05.md` has no heading `#other`
    entries/day-01.md:10:1: missing-alt: `../notebooks/used.ipynb#sum` is shown without a text
      help: say what it shows between the brackets: `![what it shows](...)`
    entries/day-01.md:12:1: dead-link: the picture `x.png` is not brought to the page: it is written as HTML
      help: write it as `![what it shows](x.png)`
    entries/day-01.md:12:1: missing-alt: this picture has no `alt` text
      help: say what it shows: `alt="what it shows"`
    entries/day-05.md:2:6: day-number: `day` is 4, but the file is named for day 5
      help: give both the same number
    entries/day-05.md:2:6: day-number: days 2 to 3 are missing: the entry before this one is day 1
      help: number the days without gaps, or allow the rule `day-number`
    entries/day-05.md:4:7: date: day 4 is dated 2026-11-20, before day 1 (2026-11-22)
      help: correct one of the dates
    entries/day-05.md:6:1: dead-link: there is no notebook `notebooks/usd.ipynb`
      help: did you mean `notebooks/used.ipynb` or `notebooks/unused.ipynb`?
    entries/day-05.md:6:32: dead-link: `../../x.md` leads out of the series
    notebooks/unused.ipynb:1:1: unused-notebook: no entry names this notebook or links to it
      help: link it from an entry, name it in `notebooks:`, or move it elsewhere
    notebooks/unused.ipynb:2:72: dead-link: cell 1: there is no notebook `notebooks/gone.ipynb`
      help: did you mean `notebooks/used.ipynb` or `notebooks/unused.ipynb`?
    notebooks/unused.ipynb:2:88: dead-link: cell 1: there is no file `notebooks/a.png`
    notebooks/unused.ipynb:2:88: missing-alt: cell 1: `a.png` is shown without a text
      help: say what it shows between the brackets: `![what it shows](...)`
    notebooks/unused.ipynb:5:66: secret: this looks like an OpenAI key in cell 2 (its output): `sk-a…`, 36 characters
      help: withdraw the key where it was issued, take it out, and read it from an environment variable
    notebooks/used.ipynb:2:72: dead-link: cell 1: there is no notebook `notebooks/gone.ipynb`
      help: did you mean `notebooks/used.ipynb` or `notebooks/unused.ipynb`?
    notebooks/used.ipynb:2:88: dead-link: cell 1: there is no file `notebooks/a.png`
    notebooks/used.ipynb:2:88: missing-alt: cell 1: `a.png` is shown without a text
      help: say what it shows between the brackets: `![what it shows](...)`
    notebooks/used.ipynb:3:23: stale-output: cell 2 (`sum`) does not hold (stale code): the code of this cell, or of one before it, has changed since this was made
      help: run the notebook: momentum run notebooks/used.ipynb
    19 findings in 2 entries and 2 notebooks.
    "#);
    assert!(!text.contains("aB3dE5fG7"));
}

#[test]
fn rules_can_be_allowed() {
    let root = series();
    let mut report = Series::open(root.path()).unwrap().check().unwrap();
    report.allow(&Rule::ALL);
    assert_eq!(report.to_text(CheckFormat::Text), "Nothing found in 2 entries and 2 notebooks.\n");
}

#[test]
fn machines_can_read_it() {
    let root = series();
    let mut report = Series::open(root.path()).unwrap().check().unwrap();
    let all: Vec<Rule> = Rule::ALL.into_iter().filter(|rule| *rule != Rule::Date).collect();
    report.allow(&all);
    insta::assert_snapshot!(report.to_text(CheckFormat::Json), @r#"
    {
      "entries": 2,
      "notebooks": 2,
      "findings": [
        {
          "rule": "date",
          "file": "entries/day-05.md",
          "line": 4,
          "column": 7,
          "message": "day 4 is dated 2026-11-20, before day 1 (2026-11-22)",
          "help": "correct one of the dates"
        }
      ]
    }
    "#);
    report.findings[0].problem.message.push_str("\n100 %");
    insta::assert_snapshot!(report.to_text(CheckFormat::Github), @"::error file=entries/day-05.md,line=4,col=7,title=date::day 4 is dated 2026-11-20, before day 1 (2026-11-22)%0A100 %25%0Ahelp: correct one of the dates");
}

#[test]
fn a_sound_series_has_no_finding() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("entries")).unwrap();
    std::fs::write(root.path().join("momentum.yaml"), "title: Log\n").unwrap();
    for day in [2, 3] {
        let text = format!(
            "---\nday: {day}\ntitle: T\ndate: 2026-11-2{day}\n---\nA text[^1].\n\n[^1]: Note.\n"
        );
        std::fs::write(root.path().join(format!("entries/day-0{day}.md")), text).unwrap();
    }
    let report = Series::open(root.path()).unwrap().check().unwrap();
    assert_eq!(report.findings, []);
}

#[test]
fn a_name_in_double_brackets_is_no_dead_link() {
    let root = series();
    let body =
        "[[day-05]], [[used.ipynb#sum|the cell]]\n\n![[used.ipynb#sum|The sum]]\n\n[[day-7]]\n";
    let text = format!("---\nday: 1\ntitle: One\ndate: 2026-11-20\n---\n{body}");
    std::fs::write(root.path().join("entries/day-01.md"), text).unwrap();
    let report = Series::open(root.path()).unwrap().check().unwrap();
    let found = report.findings.iter().filter(|one| one.problem.file.ends_with("day-01.md"));
    let found: Vec<String> =
        found.map(|one| format!("{} {}", one.rule, one.problem.message)).collect();
    insta::assert_snapshot!(found.join("\n"), @"dead-link there is no entry of the name `day-7`");
    assert!(
        report
            .findings
            .iter()
            .all(|one| !one.problem.file.ends_with("/used.ipynb")
                || one.rule != Rule::UnusedNotebook)
    );
}

#[test]
fn raw_html_is_looked_at_too() {
    let root = series();
    let body = "<img alt=\"a\" src=\"../pictures/a.png\"> <a href=\"day-05.md\">x</a> <a href=\"#no\">y</a>\n\n\
                <p><a\nhref=\"day-07.md\">z</a> <a href=\"https://example.org\">w</a> <a id=\"q\">q</a></p>\n\n[root](/about)\n";
    let text = format!("---\nday: 1\ntitle: One\ndate: 2026-11-20\n---\n{body}");
    std::fs::write(root.path().join("entries/day-01.md"), text).unwrap();
    let series = Series::open(root.path()).unwrap();
    let mut report = series.check().unwrap();
    report.findings.retain(|one| one.problem.file.ends_with("day-01.md"));
    insta::assert_snapshot!(report.to_text(CheckFormat::Text), @r#"
    entries/day-01.md:6:1: dead-link: the picture `../pictures/a.png` is not brought to the page: it is written as HTML
      help: write it as `![a](../pictures/a.png)`
    entries/day-01.md:6:39: dead-link: the link to `entries/day-05.md` leads to no page: it is written as HTML
      help: write it as `[...](day-05.md)`
    entries/day-01.md:6:65: dead-link: this entry has no heading `#no`
      help: did you mean `q`?
    entries/day-01.md:8:4: dead-link: there is no entry `entries/day-07.md`
      help: did you mean `entries/day-01.md` or `entries/day-05.md`?
    entries/day-01.md:11:1: dead-link: `/about` leads out of the site wherever it is not at the top of its server, and from disk
      help: write where it is from here (`day-01.md`, `../notebooks/a.ipynb`), or the whole address (`https://...`)
    5 findings in 2 entries and 2 notebooks.
    "#);
    let refused = series.build(&BuildConfig::default()).unwrap_err().to_string();
    assert!(refused.contains("write it as `![a](../pictures/a.png)`"), "{refused}");
}

/// A notebook as people write them: a list of contents on top, with Jupyter's anchors.
#[test]
fn anchors_of_notebooks_are_those_of_their_pages() {
    let root = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("momentum.yaml", "title: Log\n");
    write(
        "entries/a.md",
        "---\nday: 1\ntitle: T\ndate: 2026-11-22\nnotebooks: [../notebooks/a.ipynb, ../notebooks/b.ipynb]\n---\n## Part\n",
    );
    let notebook = |text: &str| {
        format!(
            r##"{{"nbformat": 4, "nbformat_minor": 5, "metadata": {{}}, "cells": [
{{"cell_type": "markdown", "id": "m", "metadata": {{}}, "source": {}}},
{{"cell_type": "code", "id": "c1", "source": "1", "execution_count": 1, "outputs": [], "metadata": {{"tags": ["sum"]}}}}]}}"##,
            serde_json::Value::from(text)
        )
    };
    let text = "# The Title\n\n[a](#NumPy-and-Matplotlib-examples) [b](#What's-new%3F) [c](#c1) [d](#x) \
                [e](#The-Title) [f](#nowhere)\n\n## NumPy and Matplotlib examples\n\n## What's new?\n\n<a id=\"x\"></a>\n";
    write("notebooks/a.ipynb", &notebook(text));
    write(
        "notebooks/b.ipynb",
        &notebook(
            "[g](a.ipynb#NumPy-and-Matplotlib-examples) [h](a.ipynb#c1) [i](a.ipynb#none) [j](../entries/a.md#prt)",
        ),
    );
    let series = Series::open(root.path()).unwrap();
    let mut report = series.check().unwrap();
    report.findings.retain(|one| one.rule == Rule::DeadLink);
    insta::assert_snapshot!(report.to_text(CheckFormat::Text), @r#"
    notebooks/a.ipynb:2:173: dead-link: cell 1: `notebooks/a.ipynb` has no heading and no cell `#nowhere`
      help: there are: `main`, `numpy-and-matplotlib-examples`, `sum`, `whats-new`, `x`
    notebooks/b.ipynb:2:128: dead-link: cell 1: `notebooks/a.ipynb` has no heading and no cell `#none`
      help: there are: `main`, `numpy-and-matplotlib-examples`, `sum`, `whats-new`, `x`
    notebooks/b.ipynb:2:146: dead-link: cell 1: `entries/a.md` has no heading `#prt`
      help: did you mean `part`?
    3 findings in 1 entry and 2 notebooks.
    "#);
    series.build(&BuildConfig::default()).unwrap();
    let hrefs = |page: &str| {
        let html = std::fs::read_to_string(root.path().join("_site/notebooks").join(page)).unwrap();
        let start = html.find("<div class=\"cell text\">").unwrap();
        let links = html[start..].split("<a href=\"").skip(1);
        links.filter_map(|link| link.split('"').next()).map(str::to_owned).collect::<Vec<_>>()
    };
    insta::assert_snapshot!(hrefs("a.html").join("\n"), @r#"
    #numpy-and-matplotlib-examples
    #whats-new
    #sum
    #x
    #main
    #nowhere
    #sum
    ../feed.xml
    ../feed.json
    "#);
    insta::assert_snapshot!(hrefs("b.html").join("\n"), @r#"
    ../notebooks/a.html#numpy-and-matplotlib-examples
    ../notebooks/a.html#sum
    ../notebooks/a.html#none
    ../entries/a.html#prt
    #sum
    ../feed.xml
    ../feed.json
    "#);
}
