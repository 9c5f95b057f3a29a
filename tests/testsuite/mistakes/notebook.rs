//! Files that are no notebooks, or not ours.

use super::Mistake;

pub(super) const MISTAKES: &[Mistake] = &[
    ("a notebook that is not there", |place| {
        place.notebook("day-01.ipynb", &["1"]);
        Ok(place.say(&["run", "day-1.ipynb"]))
    }),
    ("a folder for a notebook", |place| Ok(place.say(&["run", "."]))),
    ("a text for a notebook", |place| {
        place.write("day-01.md", "# Day 1\n");
        Ok(place.say(&["run", "day-01.md"]))
    }),
    ("an empty file for a notebook", |place| {
        place.write("day-01.ipynb", "");
        Ok(place.say(&["run", "day-01.ipynb"]))
    }),
    ("a notebook that was cut", |place| {
        place.write("day-01.ipynb", "{\"cells\": [\n");
        Ok(place.say(&["run", "day-01.ipynb"]))
    }),
    ("a notebook with marks of a merge", |place| {
        place.write("day-01.ipynb", "{\n<<<<<<< HEAD\n \"cells\": [],\n=======\n \"cells\": []\n");
        Ok(place.say(&["run", "day-01.ipynb"]))
    }),
    ("other JSON for a notebook", |place| {
        place.write("package.ipynb", "{\"name\": \"x\"}");
        Ok(place.say(&["run", "package.ipynb"]))
    }),
    ("a notebook of an old format", |place| {
        place.write("old.ipynb", "{\"nbformat\": 3, \"worksheets\": []}");
        Ok(place.say(&["run", "old.ipynb"]))
    }),
    ("a notebook in Python", |place| {
        place.notebook("day-01.ipynb", &["import numpy"]);
        place.edit("day-01.ipynb", "rust", "python");
        Ok(place.say(&["run", "day-01.ipynb"]))
    }),
];
