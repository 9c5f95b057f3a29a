use std::path::{Path, PathBuf};

use super::*;
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
    <pre class="stream" tabindex="0" role="region" aria-label="Printed text"><span class="ansi-2">ok</span> after 12 steps
    <span class="ansi-bold ansi-3">warning</span>: the rate is high &lt;b&gt;</pre>
    </div>
    <figcaption>
    <p class="caption">Printed</p>
    <p class="provenance"><span><i class="dot fresh"></i>as last run</span><span><a href="../notebooks/sample.html#log">sample › log [4]</a></span><span>momentum-kernel 0.1.0</span><span>rustc 1.95.0</span><span>helpers 0.1.0+1f2e3d4c5b6a</span><span>chain cb4af154b0aa</span></p>
    <details><summary>Code of this cell</summary>
    <pre class="code" tabindex="0" role="region" aria-label="Code, rust"><code><span class="hl-macro">println</span><span class="hl-macro">!</span>(<span class="hl-string">"<span class="hl-escape">\u{1b}</span>[32mok<span class="hl-escape">\u{1b}</span>[0m after {} steps"</span>, <span class="hl-constant">12</span>);</code></pre>
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
    entries/day-02.md:17:61: the link `javascript:x` is not a web or mail address
    entries/day-02.md:17:79: the formula cannot be drawn: parsing error: unknown primitive command found
    entries/day-02.md:19:1: `../../outside.ipynb#x` leads out of the series
      help: link to files below the folder with the configuration only
    entries/day-02.md:19:29: `../../../etc/passwd` leads out of the series
      help: link to files below the folder with the configuration only
    entries/day-02.md:19:54: a notebook link takes no options, but it has `?x=1`
      help: write `notebook.ipynb#label`
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
    assert_eq!(found, [(6, 1, CellState::Stale), (8, 5, CellState::Stale)]);
    let text = page_text(root.path());
    assert!(text.contains("figure class=\"output stale\"") && text.contains("value unproven"));
    let strict = BuildConfig { strict: true, ..BuildConfig::default() };
    let error = Series::open(root.path()).unwrap().build(&strict).unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"
    entries/day-02.md:6:1: the output of `late` in `notebooks/sample.ipynb` is stale
      help: run the notebook: momentum run notebooks/sample.ipynb
    entries/day-02.md:8:5: the output of `late` in `notebooks/sample.ipynb` is stale
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
    entries/day-03.md:2:6: day 2 is `entries/day-02.md` already
    entries/day-03.md:4:1: there is no notebook `n.ipynb`
      help: there are: `notebooks/sample.ipynb`
    ");
    assert_eq!(read(root.path(), "entries/day-02.html"), before);
    // A repaired series replaces the site whole: nothing of the old one stays.
    std::fs::remove_file(root.path().join("entries/day-03.md")).unwrap();
    write(root.path(), "_site/leftover.html", "old");
    write(root.path(), "._site.new/half.html", "of a build that was killed");
    build(root.path()).unwrap();
    assert!(!root.path().join("_site/leftover.html").exists());
    assert!(!root.path().join("._site.new").exists());
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
            .build(&BuildConfig { out: Some(out.clone()), strict: false })
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
        for bad in ["<script", "onclick", "src=\"http", "src=\"//", "url(http", "@import"] {
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
