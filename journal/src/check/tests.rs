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
    18 findings in 2 entries and 2 notebooks.
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
