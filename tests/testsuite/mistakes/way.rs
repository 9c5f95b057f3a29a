//! Commands, folders and names.

use super::Mistake;

pub(super) const MISTAKES: &[Mistake] = &[
    ("a folder without a series", |place| Ok(place.say(&["build"]))),
    ("a folder that is not there", |place| Ok(place.say(&["serve", "my-lgo"]))),
    ("a command that is misspelled", |place| Ok(place.say(&["biuld"]))),
    ("an option that is misspelled", |place| Ok(place.say(&["build", "--stric"]))),
    ("an argument that is forgotten", |place| Ok(place.say(&["run"]))),
    ("a series is made twice", |place| {
        place.series(false);
        Ok(place.say(&["init"]))
    }),
    ("a series is made where a file is", |place| {
        place.write("my-log", "notes");
        Ok(place.say(&["init", "my-log"]))
    }),
    ("a day without a title", |place| {
        place.series(false);
        Ok(place.say(&["new", " "]))
    }),
    ("a date as one speaks it", |place| {
        place.series(false);
        Ok(place.say(&["new", "Recall", "--date", "23.11.2026"]))
    }),
    ("a day that is not there", |place| {
        place.series(false);
        Ok(place.say(&["post", "9"]))
    }),
    ("a platform that is not known", |place| Ok(place.say(&["post", "1", "--for", "twitter"]))),
    ("a rule that is not known", |place| Ok(place.say(&["check", "--allow", "stale"]))),
    ("a limit with a unit that is none", |place| {
        Ok(place.say(&["run", "a.ipynb", "--memory-limit", "4Q"]))
    }),
    ("a time without its unit", |place| Ok(place.say(&["run", "a.ipynb", "--time-limit", "90"]))),
    ("the clone of Momentum was moved", |place| {
        let mut command = place.command(&["exercise", "list"]);
        command.env("MOMENTUM_SOURCE", "moved-away");
        Ok(place.say_by(command, "momentum exercise list"))
    }),
];
