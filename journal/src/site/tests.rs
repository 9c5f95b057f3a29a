use std::path::{Path, PathBuf};

use super::*;
use crate::Series;
use crate::problem::JournalError;

const SAMPLE: &str = include_str!("../testdata/sample.ipynb");
const FRONT: &str = "---\nday: 2\ntitle: Two\ndate: 2026-11-22\n---\n";

/// A series of one entry and the sample notebook.
fn series(body: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "momentum.yaml", "title: Log\nauthor: A\n");
    write(root.path(), "entries/day-02.md", &format!("{FRONT}{body}"));
    write(root.path(), "notebooks/sample.ipynb", SAMPLE);
    root
}

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn build(root: &Path) -> Result<BuildReport, JournalError> {
    Series::open(root)?.build(&BuildConfig::default())
}

fn read(root: &Path, page: &str) -> String {
    std::fs::read_to_string(root.join("_site").join(page)).unwrap()
}

/// The text of the entry's page between the rail and the links to other days.
fn page_text(root: &Path) -> String {
    let page = read(root, "entries/day-02.html");
    let start = page.find("<div class=\"text\">").unwrap() + "<div class=\"text\">".len();
    let end = page.find("<nav class=\"turn\"").unwrap();
    page[start..end].trim().to_owned()
}

fn errors(body: &str) -> String {
    build(series(body).path()).unwrap_err().to_string()
}

#[test]
fn an_output_is_linked_in_with_what_made_it() {
    let root = series(
        "It got ![accuracy](../notebooks/sample.ipynb#accuracy) right.\n\n![Printed](../notebooks/sample.ipynb#log)\n\n[How](../notebooks/sample.ipynb#log)\n",
    );
    build(root.path()).unwrap();
    insta::assert_snapshot!(page_text(root.path()), @r#"
    <p>It got <a class="value" href="../notebooks/sample.html#accuracy" title="accuracy">0.8912</a> right.</p>
    <figure class="output fresh">
    <div class="plate">
    <pre class="stream" tabindex="0" role="group" aria-label="Printed text"><span class="ansi-2">ok</span> after 12 steps
    <span class="ansi-bold ansi-3">warning</span>: the rate is high &lt;b&gt;</pre>
    </div>
    <figcaption>
    <p class="caption">Printed</p>
    <p class="provenance"><span><i class="dot fresh"></i>as last run</span><span><a href="../notebooks/sample.html#log">sample › log [4]</a></span><span>when it ran, and how long, is not recorded here</span><span>momentum-kernel 0.1.0</span><span>rustc 1.95.0</span><span>helpers 0.1.0+1f2e3d4c5b6a</span><span>chain cb4af154b0aa</span></p>
    <details><summary>Code of this cell</summary>
    <pre class="code" tabindex="0" role="group" aria-label="Code, rust"><code><span class="hl-macro">println</span><span class="hl-macro">!</span>(<span class="hl-string">"<span class="hl-escape">\u{1b}</span>[32mok<span class="hl-escape">\u{1b}</span>[0m after {} steps"</span>, <span class="hl-constant">12</span>);</code></pre>
    </details>
    </figcaption>
    </figure>
    <p><a href="../notebooks/sample.html#log">How</a></p>
    "#);
}

#[test]
fn labels_tags_and_ids_name_a_cell() {
    let check = |target: &str, expected: &str| {
        let root = series(&format!("x ![]({target})\n"));
        build(root.path()).unwrap();
        assert!(page_text(root.path()).contains(expected), "{target}");
    };
    check("../notebooks/sample.ipynb#accuracy", "href=\"../notebooks/sample.html#accuracy\"");
    // By the cell's id: the anchor is still the label.
    check("../notebooks/sample.ipynb#c3", "href=\"../notebooks/sample.html#accuracy\"");
    check("./../notebooks/../notebooks/sample.ipynb#accuracy", ">0.8912</a>");
}

#[test]
fn pictures_bring_their_own_alternative_text() {
    let root = series("![The caption](../notebooks/sample.ipynb#curves)\n");
    build(root.path()).unwrap();
    let text = page_text(root.path());
    assert!(text.contains("alt=\"Two rising curves: the CNN ends above the MLP.\""), "{text}");
    let start = text.find("../files/").unwrap() + 3;
    let svg = read(root.path(), &text[start..start + text[start..].find('"').unwrap()]);
    assert!(svg.starts_with("<svg") && !svg.contains("script"));
}

#[test]
fn every_problem_is_reported_at_once_and_in_order() {
    insta::assert_snapshot!(errors(
        "![a](../notebooks/sampel.ipynb#curves)\n\nText ![b](../notebooks/sample.ipynb#curve) and\n[c](../notebooks/sample.ipynb#acuracy).\n\n\
         Inline ![d](../notebooks/sample.ipynb#curves).\n\n![e](../notebooks/sample.ipynb#unrun)\n\n![f](../notebooks/sample.ipynb)\n\n\
         [g](day-03.md) ![h](https://example.org/x.png) ![i](no.png) [j](javascript:x) $\\nosuch$\n\n\
         ![k](../../outside.ipynb#x) [l](../../../etc/passwd) ![m](../notebooks/sample.ipynb?x=1#log)\n"
    ), @"
    entries/day-02.md:6:1: there is no notebook `notebooks/sampel.ipynb`
      help: did you mean `notebooks/sample.ipynb`?
    entries/day-02.md:8:6: no cell of `notebooks/sample.ipynb` is labelled `curve`
      help: did you mean `curves`?
    entries/day-02.md:9:1: no cell of `notebooks/sample.ipynb` is labelled `acuracy`
      help: did you mean `accuracy`?
    entries/day-02.md:11:8: only a short text can stand within a sentence, but cell `curves` shows a picture, a table or other rich output
      help: put the image in a paragraph of its own, with blank lines around it
    entries/day-02.md:13:1: cell `unrun` of `notebooks/sample.ipynb` has no output: it has never been run
      help: run the notebook: momentum run notebooks/sample.ipynb
    entries/day-02.md:15:1: say which cell of `notebooks/sample.ipynb` is meant: `#label` after its name
      help: there are: `curves`, `shapes`, `accuracy`, `log`, `late`, `fails`, `unrun`
    entries/day-02.md:17:1: there is no entry `entries/day-03.md`
      help: did you mean `entries/day-02.md`?
    entries/day-02.md:17:16: the picture `https://example.org/x.png` is not a file of the series
      help: save it beside the entry: pages fetch nothing from elsewhere
    entries/day-02.md:17:48: there is no picture `entries/no.png`
      help: a picture's path is relative to the entry: save it there, or correct the path
    entries/day-02.md:17:61: the link `javascript:x` is not a web or mail address
    entries/day-02.md:17:79: the formula cannot be drawn: parsing error: unknown primitive command found
    entries/day-02.md:19:1: `../../outside.ipynb#x` leads out of the series
      help: link to files below the folder with the configuration only
    entries/day-02.md:19:29: `../../../etc/passwd` leads out of the series
      help: link to files below the folder with the configuration only
    entries/day-02.md:19:54: a link to an output has no option `x`
      help: there are: `mime`, `output`, `code`, `lines`, `format`
    ");
}

#[test]
fn problems_carry_their_span_and_text() {
    let error = build(series("Ä ![b](../notebooks/sample.ipynb#curve)\n").path()).unwrap_err();
    let problem = &error.problems()[0];
    assert_eq!((problem.line, problem.column), (6, 3));
    let text = problem.text.as_ref().unwrap();
    assert_eq!(&text[problem.span.clone()], "![b](../notebooks/sample.ipynb#curve)");
}

#[test]
fn stale_outputs_are_marked_and_refused_when_strict() {
    let root = series(
        "![Late](../notebooks/sample.ipynb#late)\n\nNow ![x](../notebooks/sample.ipynb#late).\n",
    );
    let report = build(root.path()).unwrap();
    let found: Vec<_> =
        report.unproven.iter().map(|one| (one.line, one.column, one.state)).collect();
    assert_eq!(found, [(6, 1, CellState::StaleCode), (8, 5, CellState::StaleCode)]);
    let text = page_text(root.path());
    assert!(text.contains("figure class=\"output stale\"") && text.contains("value unproven"));
    let strict = BuildConfig { strict: true, ..BuildConfig::default() };
    let error = Series::open(root.path()).unwrap().build(&strict).unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"
    entries/day-02.md:6:1: the output of `late` in `notebooks/sample.ipynb` does not hold (stale code): the code of this cell, or of one before it, has changed since this was made
      help: run the notebook: momentum run notebooks/sample.ipynb
    entries/day-02.md:8:5: the output of `late` in `notebooks/sample.ipynb` does not hold (stale code): the code of this cell, or of one before it, has changed since this was made
      help: run the notebook: momentum run notebooks/sample.ipynb
    ");
}

#[test]
fn a_broken_entry_leaves_the_last_good_site() {
    let root = series("Good.\n");
    build(root.path()).unwrap();
    let before = read(root.path(), "entries/day-02.html");
    write(root.path(), "entries/day-03.md", "---\nday: 2\n---\n![x](../n.ipynb#y)\n");
    insta::assert_snapshot!(build(root.path()).unwrap_err().to_string(), @"
    entries/day-03.md:2:1: `title` is missing
      help: add a line such as `title: What I learned`
    entries/day-03.md:2:1: `date` is missing
      help: add a line such as `date: 2026-11-22`
    entries/day-03.md:2:6: day 2 is `entries/day-02.md` already; give this entry another number
    entries/day-03.md:4:1: there is no notebook `n.ipynb`
      help: there are: `notebooks/sample.ipynb`
    ");
    assert_eq!(read(root.path(), "entries/day-02.html"), before);
    // A repaired series replaces the site whole: nothing of the old one stays.
    std::fs::remove_file(root.path().join("entries/day-03.md")).unwrap();
    write(root.path(), "_site/leftover.html", "old");
    write(root.path(), "._site.double/half.html", "of a build that was killed");
    std::fs::remove_file(root.path().join("._site.double/.momentum-site")).unwrap();
    build(root.path()).unwrap();
    assert!(!root.path().join("_site/leftover.html").exists());
    build(root.path()).unwrap();
    for left in ["_site/leftover.html", "_site/half.html", "._site.double/half.html"] {
        assert!(!root.path().join(left).exists(), "{left}");
    }
}

#[test]
fn what_is_not_a_site_is_never_replaced() {
    let root = series("Good.\n");
    write(root.path(), "_site/thesis.txt", "years of work");
    assert!(matches!(build(root.path()), Err(JournalError::ForeignOutput { .. })));
    assert!(root.path().join("_site/thesis.txt").exists());
    for out in [".", "entries", "notebooks"] {
        write(root.path(), "momentum.yaml", &format!("title: Log\nout: {out}\n"));
        assert!(matches!(build(root.path()), Err(JournalError::OutputPath { .. })), "{out}");
    }
}

#[cfg(unix)]
#[test]
fn links_out_of_the_root_are_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "secret.ipynb", SAMPLE);
    let root = series("![x](../notebooks/way/secret.ipynb#log)\n");
    std::os::unix::fs::symlink(outside.path(), root.path().join("notebooks/way")).unwrap();
    assert!(build(root.path()).unwrap_err().to_string().contains("there is no notebook"));
    let root = series("Text.\n");
    std::os::unix::fs::symlink(outside.path(), root.path().join("_site")).unwrap();
    assert!(matches!(build(root.path()), Err(JournalError::OutputPath { .. })));
}

#[test]
fn two_builds_are_the_same_bytes() {
    let root = series(
        "![a](../notebooks/sample.ipynb#curves)\n\n![b](../notebooks/sample.ipynb#shapes)\n",
    );
    let all = |out: PathBuf| -> Vec<(String, Vec<u8>)> {
        let report = Series::open(root.path())
            .unwrap()
            .build(&BuildConfig { out: Some(out.clone()), ..BuildConfig::default() })
            .unwrap();
        report
            .pages
            .iter()
            .map(|page| (page.clone(), std::fs::read(out.join(page)).unwrap()))
            .collect()
    };
    assert_eq!(all(root.path().join("one")), all(root.path().join("two")));
}

#[test]
fn no_page_fetches_or_runs_anything() {
    let root = series(
        "<script>x</script><b onclick=\"x\">raw</b> <img src=\"https://example.org/x\">\n\n\
         ![b](../notebooks/sample.ipynb#shapes)\n\n![b](../notebooks/sample.ipynb#fails)\n",
    );
    let report = build(root.path()).unwrap();
    for page in report.pages.iter().filter(|page| page.ends_with(".html")) {
        let html = read(root.path(), page);
        assert!(html.contains("Content-Security-Policy"), "{page}");
        for bad in ["<script>", "onclick", "src=\"http", "src=\"//", "url(http", "@import"] {
            assert!(!html.contains(bad), "{page} has {bad}");
        }
    }
    assert!(page_text(root.path()).contains("<b>raw</b>"));
}

#[test]
fn the_notebooks_of_a_series_are_found() {
    let root = series("[a](extra.ipynb)\n");
    write(root.path(), "entries/extra.ipynb", SAMPLE);
    write(root.path(), "notebooks/deep/more.ipynb", SAMPLE);
    let series = Series::open(root.path()).unwrap();
    let found = series.notebooks().unwrap();
    let names: Vec<_> =
        found.iter().map(|path| path.strip_prefix(series.root()).unwrap()).collect();
    let expected = ["entries/extra.ipynb", "notebooks/deep/more.ipynb", "notebooks/sample.ipynb"];
    assert_eq!(names, expected.map(Path::new));
}

#[test]
fn the_feed_has_no_clock_in_it() {
    let root = series("Text.\n");
    build(root.path()).unwrap();
    insta::assert_snapshot!(read(root.path(), "feed.xml"), @r#"
    <?xml version="1.0" encoding="utf-8"?>
    <feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">
    <title>Log</title>
    <id>urn:uuid:d710a3f9-e2f0-889c-9d62-278bc98e8499</id>
    <updated>2026-11-22T00:00:00Z</updated>
    <author><name>A</name></author>
    <link rel="self" href="feed.xml"/>
    <link rel="alternate" type="text/html" href="index.html"/>
    <entry>
    <title>Day 2: Two</title>
    <id>urn:uuid:01d08025-ec22-89a1-bb87-09b5265204a9</id>
    <published>2026-11-22T00:00:00Z</published>
    <updated>2026-11-22T00:00:00Z</updated>
    <link rel="alternate" type="text/html" href="entries/day-02.html"/>
    <summary></summary>
    </entry>
    </feed>
    "#);
}

#[test]
fn only_what_changed_is_written_again() {
    let root = series("Day two.\n");
    write(
        root.path(),
        "entries/day-03.md",
        "---\nday: 3\ntitle: Three\ndate: 2026-11-23\n---\nDay three.\n",
    );
    let mut site = Site::open(root.path(), BuildConfig::default()).unwrap();
    let changed = |site: &mut Site| site.build().unwrap().changed;
    assert!(changed(&mut site).contains(&"index.html".to_owned()));
    assert_eq!(changed(&mut site), [""; 0]);
    write(root.path(), "entries/day-02.md", &format!("{FRONT}Day two, again.\n"));
    assert_eq!(changed(&mut site), ["entries/day-02.html", "search/days-0.js"]);
    // A title stands on other pages too.
    let text = FRONT.replace("title: Two", "title: Zwei");
    write(root.path(), "entries/day-02.md", &format!("{text}Day two, again.\n"));
    let pages = [
        "calendar.html",
        "calendar/2026.html",
        "entries/day-02.html",
        "entries/day-03.html",
        "feed.json",
        "feed.xml",
        "index.html",
        "search/days-0.js",
    ];
    assert_eq!(changed(&mut site), pages);
    // Another process knows as much, with or without the cache.
    assert_eq!(build(root.path()).unwrap().changed, [""; 0]);
    std::fs::remove_dir_all(root.path().join(".momentum")).unwrap();
    assert_eq!(build(root.path()).unwrap().changed, [""; 0]);
    std::fs::remove_file(root.path().join("entries/day-03.md")).unwrap();
    let gone = changed(&mut site);
    assert!(gone.contains(&"entries/day-03.html".to_owned()), "{gone:?}");
    assert!(!root.path().join("_site/entries/day-03.html").exists());
}

#[test]
fn an_incremental_site_is_that_of_a_full_build() {
    let root = series("One ![a](../notebooks/sample.ipynb#curves)\n\n![b](p.svg)\n");
    write(root.path(), "entries/p.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
    let wrong = Series::open(root.path()).unwrap().build(&BuildConfig::default());
    assert!(wrong.is_err());
    write(
        root.path(),
        "entries/day-02.md",
        &format!("{FRONT}![a](../notebooks/sample.ipynb#curves)\n\n![b](p.svg)\n"),
    );
    build(root.path()).unwrap();
    write(root.path(), "entries/p.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"><g/></svg>");
    let edited = SAMPLE.replace("0.8912", "0.9001");
    write(root.path(), "notebooks/sample.ipynb", &edited);
    write(
        root.path(),
        "entries/day-01.md",
        "---\nday: 1\ntitle: One\ndate: 2026-11-21\n---\n[next](day-02.md)\n",
    );
    let report = build(root.path()).unwrap();
    let full = BuildConfig {
        out: Some(root.path().join("full")),
        cache: Some(root.path().join("none")),
        ..BuildConfig::default()
    };
    Series::open(root.path()).unwrap().build(&full).unwrap();
    for page in &report.pages {
        let other = std::fs::read_to_string(root.path().join("full").join(page)).unwrap();
        assert_eq!(read(root.path(), page), other, "{page}");
    }
}

#[test]
fn a_killed_build_leaves_the_old_site_whole() {
    let root = series("Old.\n");
    build(root.path()).unwrap();
    let before = read(root.path(), "entries/day-02.html");
    // As a killed build leaves it: the double half written, its marker gone.
    let double = root.path().join("._site.double");
    std::fs::remove_file(double.join(".momentum-site")).unwrap();
    std::fs::remove_file(double.join("entries/day-02.html")).unwrap();
    std::fs::write(double.join("entries/day-02.html"), "half").unwrap();
    assert_eq!(read(root.path(), "entries/day-02.html"), before);
    write(root.path(), "entries/day-02.md", &format!("{FRONT}New.\n"));
    build(root.path()).unwrap();
    assert!(read(root.path(), "entries/day-02.html").contains("New."));
    assert!(read(root.path(), "index.html").contains("Two"));
}

#[test]
fn builds_at_the_same_time_do_not_disturb_each_other() {
    let root = series("Text ![b](p.svg).\n");
    write(root.path(), "entries/p.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| build(root.path()).unwrap());
        }
    });
    assert!(read(root.path(), "entries/day-02.html").contains("Text"));
    assert_eq!(build(root.path()).unwrap().changed, [""; 0]);
}

#[test]
fn links_choose_what_they_show() {
    let page = |body: &str| {
        let root = series(body);
        build(root.path()).unwrap_or_else(|error| panic!("{body}: {error}"));
        page_text(root.path())
    };
    let sample = "../notebooks/sample.ipynb";
    assert!(page(&format!("It is ![a]({sample}?format=.1%#accuracy).\n")).contains(">89.1%</a>"));
    assert!(page(&format!("It is ![a]({sample}#accuracy?format=.2f).\n")).contains(">0.89</a>"));
    let lines = page(&format!("![a]({sample}?lines=2#log)\n"));
    assert!(lines.contains("the rate is high") && !lines.contains("after 12 steps"), "{lines}");
    assert!(page(&format!("![a]({sample}?code=show#log)\n")).contains("<details open>"));
    assert!(
        page(&format!("![a]({sample}?mime=text/plain#curves)\n")).contains("<pre class=\"result\"")
    );
    assert!(page("![[sample.ipynb#log|Printed]]\n").contains("<p class=\"caption\">Printed</p>"));
    assert!(page("So ![[sample.ipynb#accuracy]].\n").contains(">0.8912</a>"));
    assert!(
        page("By [[sample.ipynb#accuracy|that cell]].\n")
            .contains("<a href=\"../notebooks/sample.html#accuracy\">that cell</a>")
    );
    assert!(page("In [[day-02]].\n").contains("<a href=\"../entries/day-02.html\">day-02</a>"));
    assert!(page(&format!("![a]({sample}#cell-4)\n")).contains("class=\"output"));
    insta::assert_snapshot!(
        errors(&format!(
            "![a]({sample}?outptu=1#log)\n\n![a]({sample}?output=9#log)\n\n![a]({sample}?mime=image/gif#curves)\n\n\
             ![a]({sample}?lines=50-60#log)\n\n![a]({sample}?format=.1f#log)\n\n![[nosuch.ipynb#log]]\n"
        )),
        @"
    entries/day-02.md:6:1: a link to an output has no option `outptu`
      help: did you mean `output`?
    entries/day-02.md:8:1: cell `log` of `notebooks/sample.ipynb`: it has 1 outputs, not 9
    entries/day-02.md:10:1: cell `curves` of `notebooks/sample.ipynb`: it has no output as image/gif; it has image/svg+xml, text/plain
    entries/day-02.md:12:1: cell `log` of `notebooks/sample.ipynb`: its text has 2 lines, so none from line 50
    entries/day-02.md:14:1: cell `log` of `notebooks/sample.ipynb`: `format` is for a value within a sentence
    entries/day-02.md:16:1: there is no notebook `entries/nosuch.ipynb`
      help: there are: `notebooks/sample.ipynb`
    "
    );
}

#[test]
fn a_diagram_is_drawn_and_its_source_kept() {
    let root = series("```mermaid\nflowchart LR\n  A[Read] --> B[Write]\n```\n");
    build(root.path()).unwrap();
    let text = page_text(root.path());
    assert!(
        text.contains("alt=\"Diagram (flowchart)\"") && text.contains("Source of this diagram")
    );
    assert!(errors("```mermaid\nnosuchdiagram\n```\n").contains("the diagram cannot be drawn"));
}

#[test]
fn only_trusted_notebooks_may_act() {
    let html = r#"{"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "code", "source": "//| label: w", "metadata": {}, "outputs": [{"output_type": "display_data", "metadata": {}, "data": {"text/html": "<b onclick='x()'>w</b><script>x()</script>"}}]}]}"#;
    let root = series("![w](../notebooks/widget.ipynb#w)\n");
    write(root.path(), "notebooks/widget.ipynb", html);
    build(root.path()).unwrap();
    let page = read(root.path(), "entries/day-02.html");
    assert!(!page.contains("onclick") && !page.contains("script-src 'self' 'unsafe-inline'"));
    write(root.path(), "momentum.yaml", "title: Log\ntrusted: [notebooks/widget.ipynb]\n");
    build(root.path()).unwrap();
    for page in ["entries/day-02.html", "notebooks/widget.html"] {
        let page = read(root.path(), page);
        assert!(page.contains("onclick") && page.contains("script-src 'self' 'unsafe-inline'"));
    }
    assert!(!read(root.path(), "notebooks/sample.html").contains("script-src 'self' 'unsafe"));
}

#[test]
fn comments_are_off_until_they_are_configured() {
    let root = series("Text.\n");
    build(root.path()).unwrap();
    assert!(!read(root.path(), "entries/day-02.html").contains("giscus"));
    let comments = "comments: {repo: a/b, repo_id: R_1, category: C, category_id: DIC_1}\n";
    write(root.path(), "momentum.yaml", &format!("title: Log\n{comments}"));
    build(root.path()).unwrap();
    let page = read(root.path(), "entries/day-02.html");
    assert!(page.contains("frame-src https://giscus.app") && page.contains("data-repo=\"a/b\""));
    assert!(!read(root.path(), "index.html").contains("giscus"));
}

#[test]
fn outputs_without_a_record_are_not_said_to_be_as_last_run() {
    let root =
        series("![a](../notebooks/plain.ipynb#a)\n\n![Printed](../notebooks/sample.ipynb#log)\n");
    let notebook = r#"{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", "id": "a", "source": "1", "metadata": {}, "execution_count": 1, "outputs": [{"output_type": "stream", "name": "stdout", "text": "1"}]}]}"#;
    write(root.path(), "notebooks/plain.ipynb", notebook);
    let tally = || {
        build(root.path()).unwrap();
        let index = read(root.path(), "index.html");
        let start = index.find("linked output").unwrap();
        index[start..].lines().next().unwrap().to_owned()
    };
    insta::assert_snapshot!(tally(), @r#"linked outputs</span> <span><i class="dot fresh"></i>1 as last run</span> <span><i class="dot unrecorded"></i>1 not recorded</span></p>"#);
    write(root.path(), "entries/day-02.md", &format!("{FRONT}![a](../notebooks/plain.ipynb#a)\n"));
    insta::assert_snapshot!(tally(), @r#"linked output</span> <span><i class="dot unrecorded"></i>1 not recorded</span></p>"#);
}
