//! The configuration, entries, and what they show.

use super::Mistake;

const ENTRY: &str = "entries/day-01.md";
const BUILD: &[&str] = &["build", "--no-run"];

pub(super) const MISTAKES: &[Mistake] = &[
    ("YAML that is none", |place| {
        place.series(false);
        place.write("momentum.yaml", "title: My log: the first\n");
        Ok(place.say(BUILD))
    }),
    ("a key that is not known", |place| {
        place.series(false);
        place.edit("momentum.yaml", "author:", "auther:");
        Ok(place.say(BUILD))
    }),
    ("an output folder outside the series", |place| {
        place.series(false);
        place.edit("momentum.yaml", "out: _site", "out: ../site");
        Ok(place.say(BUILD))
    }),
    ("the site into a folder with other files", |place| {
        place.series(false);
        Ok(place.say(&["build", "--no-run", "--out", "entries"]))
    }),
    ("an entry without its head", |place| {
        place.series(false);
        place.write(ENTRY, "What I learned today.\n");
        Ok(place.say(BUILD))
    }),
    ("a day that is no number", |place| {
        place.series(false);
        place.edit(ENTRY, "day: 1", "day: one");
        Ok(place.say(BUILD))
    }),
    ("a date as one speaks it, in an entry", |place| {
        place.series(false);
        let text = std::fs::read_to_string(place.path().join(ENTRY)).unwrap();
        let date = text.lines().find(|line| line.starts_with("date:")).unwrap().to_owned();
        place.edit(ENTRY, &date, "date: 27.11.2026");
        Ok(place.say(BUILD))
    }),
    ("a day twice", |place| {
        place.series(false);
        let text = std::fs::read_to_string(place.path().join(ENTRY)).unwrap();
        place.write("entries/day-02.md", text);
        Ok(place.say(BUILD))
    }),
    ("a picture that is not there", |place| {
        place.series(false);
        place.add("![A cat](cat.png)");
        Ok(place.say(BUILD))
    }),
    ("a picture of another site", |place| {
        place.series(false);
        place.add("![A cat](https://example.org/cat.png)");
        Ok(place.say(BUILD))
    }),
    ("a link to an entry that is not there", |place| {
        place.series(false);
        place.add("See [the second day](day-02.md).");
        Ok(place.say(BUILD))
    }),
    ("a name that no entry has", |place| {
        place.series(false);
        place.add("See [[day-1]].");
        Ok(place.say(BUILD))
    }),
    ("a heading that is not there", |place| {
        place.series(false);
        place.add("See [above](#practise).");
        Ok(place.say(&["check", "--allow", "stale-output"]))
    }),
    ("a notebook that is not there, in an entry", |place| {
        place.series(false);
        place.add("![Nine](../notebooks/day-01.ipynb#squares)");
        Ok(place.say(BUILD))
    }),
    ("a label that no cell has", |place| {
        place.series(false);
        place.add("![Nine](../notebooks/day-01-first-steps.ipynb#square)");
        Ok(place.say(BUILD))
    }),
    ("an output of a cell that never ran", |place| {
        place.series(false);
        place.add("![Nine](../notebooks/day-01-first-steps.ipynb#squares)");
        Ok(place.say(BUILD))
    }),
    ("an output without its text", |place| {
        place.series(false);
        place.write("entries/cat.png", include_bytes!("../../../docs/day-03.png"));
        place.add("![](cat.png)");
        Ok(place.say(&["check", "--allow", "stale-output"]))
    }),
    ("a key in an entry", |place| {
        place.series(false);
        // In two parts, so that no tool takes it for a key of ours.
        place.add(concat!("I used sk", "-proj-4f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a."));
        Ok(place.say(&["check", "--allow", "stale-output"]))
    }),
];
