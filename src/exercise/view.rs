//! How exercises look in a terminal.

use momentum_lessons::{Grade, LessonProgress, Outcome, Record};

/// Characters of a lesson's bar.
const BAR: usize = 20;

/// A text in a colour of the terminal; what is written goes through `anstream`, which knows whether
/// there is a terminal.
pub(super) fn paint(colour: &str, text: &str) -> String {
    format!("\u{1b}[{colour}m{text}\u{1b}[0m")
}

/// A lesson with a bar.
pub(super) fn lesson_line(lesson: &LessonProgress) -> String {
    let LessonProgress { lesson: name, n_passed, n_exercises, next } = lesson;
    let full = (BAR * n_passed).checked_div(*n_exercises).unwrap_or(BAR);
    let bar = paint("32", &"█".repeat(full)) + &paint("2", &"░".repeat(BAR - full));
    let next = match next {
        Some(next) => format!("next: {next}"),
        None => "done".to_owned(),
    };
    format!("{name:<28} {bar} {n_passed:>2} of {n_exercises:<2}  {next}")
}

/// An exercise with what is known of it.
pub(super) fn exercise_line(name: &str, record: Option<&Record>) -> String {
    let Some(record) = record else { return format!("○ {name}") };
    let mut notes = Vec::new();
    let mark = match &record.passed {
        Some(day) => {
            notes.push(format!("passed on {day}"));
            paint("32", "✔")
        }
        None => paint("33", "◐"),
    };
    if record.attempts > 0 {
        let plural = if record.attempts == 1 { "" } else { "s" };
        notes.push(format!("{} check{plural}", record.attempts));
    }
    if record.hints > 0 {
        notes.push(format!("{} hint{}", record.hints, if record.hints == 1 { "" } else { "s" }));
    }
    if record.solution_seen {
        notes.push("solution seen".to_owned());
    }
    format!("{mark} {name:<26} {}", paint("2", &notes.join(", ")))
}

/// A grade with what was said.
pub(super) fn grade_lines(grade: &Grade) -> String {
    let (mark, colour) = match &grade.outcome {
        Outcome::Passed => ("✔", "32"),
        Outcome::NotStarted | Outcome::Missing => ("○", "2"),
        Outcome::Failed { .. } => ("✘", "33"),
        _ => ("✘", "31"),
    };
    let title = grade.outcome.title();
    let mut text = format!("{} {:<26} {title}", paint(colour, mark), grade.exercise);
    for line in grade.outcome.message().into_iter().flat_map(str::lines) {
        text.push_str("\n      ");
        text.push_str(line);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn lines_say_what_is_known() {
        let lesson = |n_passed, next: Option<&str>| LessonProgress {
            lesson: "day-02-cnn".into(),
            n_passed,
            n_exercises: 3,
            next: next.map(str::to_owned),
        };
        insta::assert_snapshot!(plain(&lesson_line(&lesson(1, Some("count")))), @"day-02-cnn                   ██████░░░░░░░░░░░░░░  1 of 3   next: count");
        insta::assert_snapshot!(plain(&lesson_line(&lesson(3, None))), @"day-02-cnn                   ████████████████████  3 of 3   done");
        let record = Record {
            attempts: 2,
            passed: Some("2026-11-27".into()),
            hints: 1,
            solution_seen: false,
        };
        insta::assert_snapshot!(plain(&exercise_line("count", Some(&record))), @"✔ count                      passed on 2026-11-27, 2 checks, 1 hint");
        let outcome = Outcome::Failed { message: "one comes\nbefore two".into() };
        let grade = Grade { exercise: "one".into(), outcome };
        insta::assert_snapshot!(plain(&grade_lines(&grade)), @"
        ✘ one                        not yet right
              one comes
              before two
        ");
    }
}
