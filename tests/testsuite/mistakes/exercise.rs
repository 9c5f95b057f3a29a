//! Lessons, exercises and classes.

use super::Mistake;

pub(super) const MISTAKES: &[Mistake] = &[
    ("a lesson that is misspelled", |place| Ok(place.say(&["exercise", "start", "day-02-cn"]))),
    ("an exercise that is misspelled", |place| {
        Ok(place.say(&["exercise", "hint", "day-02-cnn/map-sde"]))
    }),
    ("a lesson that was not begun", |place| Ok(place.say(&["exercise", "check", "day-02-cnn"]))),
    ("a folder without lessons", |place| Ok(place.say(&["exercise", "list", "--lessons", "."]))),
    ("a folder of lessons that is not there", |place| {
        Ok(place.say(&["exercise", "list", "--lessons", "lessons"]))
    }),
    ("a class that is not there", |place| {
        Ok(place.say(&["exercise", "check", "--all", "students"]))
    }),
    ("a class that handed in nothing", |place| {
        std::fs::create_dir(place.path().join("students")).unwrap();
        Ok(place.say(&["exercise", "check", "--all", "students"]))
    }),
    ("a record of progress that was cut", |place| {
        std::fs::write(place.beside("data").join("progress.json"), "{\"format\": 1,").unwrap();
        Ok(place.say(&["exercise", "progress"]))
    }),
    ("a record of progress of a later version", |place| {
        std::fs::write(place.beside("data").join("progress.json"), "{\"format\": 9}").unwrap();
        Ok(place.say(&["exercise", "progress"]))
    }),
    ("a solution that is not yet right", |place| {
        let lessons = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lessons");
        let begun = place.command(&["exercise", "start", "grading", "--lessons", lessons]).output();
        assert!(begun.unwrap().status.success());
        let notebook = "exercises/grading.ipynb";
        let text = std::fs::read_to_string(place.path().join(notebook)).unwrap();
        let hole = text.find("todo!").expect("the lesson has a hole");
        place.write(
            notebook,
            text[..hole].to_owned() + &text[hole..].replacen("todo!", "panic!", 1),
        );
        let arguments = ["exercise", "check", "grading", "--exercise", "triple"];
        let command = [&arguments[..], &["--lessons", lessons]].concat();
        Ok(place.say_by(place.command(&command), &super::place::typed(&arguments)))
    }),
];
