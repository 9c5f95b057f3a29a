//! A class: the grades of all who handed in, as JSON and as a page.

use std::fmt::Write as _;

use serde::Serialize;

use crate::grade::{Grade, Outcome};

/// What one person handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Student {
    /// Their name: that of the file or folder.
    pub name: String,
    /// How their exercises stand.
    pub grades: Vec<Grade>,
    /// Why the notebook could not be graded, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Student {
    /// How many exercises are solved.
    pub fn n_passed(&self) -> usize {
        self.grades.iter().filter(|grade| grade.outcome.is_passed()).count()
    }
}

/// The grades of a class in one lesson.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassReport {
    /// The lesson's name.
    pub lesson: String,
    /// Its exercises, in order.
    pub exercises: Vec<String>,
    /// Everybody, by name.
    pub students: Vec<Student>,
}

impl ClassReport {
    /// As JSON, for other programs.
    pub fn to_json(&self) -> String {
        // A structure of texts and numbers always serialises.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// As one HTML page that needs nothing else: a table of everybody, then what was said to whom.
    pub fn to_html(&self) -> String {
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>Grades: {lesson}</title>\n<style>\n{STYLE}</style>\n<h1>{lesson}</h1>\n<p>{n} handed in.</p>\n<div class=\"wide\"><table>\n<caption>Each exercise of each notebook</caption>\n<thead><tr><th scope=\"col\">Name</th><th scope=\"col\">Passed</th>",
            lesson = escaped(&self.lesson),
            n = self.students.len(),
        );
        for exercise in &self.exercises {
            let _ = write!(page, "<th scope=\"col\">{}</th>", escaped(exercise));
        }
        page.push_str("</tr></thead>\n<tbody>\n");
        for student in &self.students {
            let (name, n_passed) = (escaped(&student.name), student.n_passed());
            let _ = write!(page, "<tr><th scope=\"row\">{name}</th>");
            match &student.problem {
                Some(problem) => {
                    let span = self.exercises.len() + 1;
                    let _ = write!(
                        page,
                        "<td class=\"broken\" colspan=\"{span}\">{}</td>",
                        escaped(problem)
                    );
                }
                None => {
                    let _ = write!(page, "<td>{n_passed} of {}</td>", self.exercises.len());
                    for exercise in &self.exercises {
                        let grade = student.grades.iter().find(|g| g.exercise == *exercise);
                        let outcome = grade.map_or(&Outcome::Missing, |grade| &grade.outcome);
                        let _ = write!(
                            page,
                            "<td class=\"{}\">{}</td>",
                            class(outcome),
                            outcome.title()
                        );
                    }
                }
            }
            page.push_str("</tr>\n");
        }
        page.push_str("</tbody></table></div>\n<h2>What was said</h2>\n");
        for student in &self.students {
            let said: Vec<_> = student
                .grades
                .iter()
                .filter_map(|grade| Some((&grade.exercise, grade.outcome.message()?)))
                .collect();
            if said.is_empty() {
                continue;
            }
            let _ = write!(page, "<h3>{}</h3>\n<dl>\n", escaped(&student.name));
            for (exercise, message) in said {
                let _ = writeln!(
                    page,
                    "<dt>{}</dt><dd><pre>{}</pre></dd>",
                    escaped(exercise),
                    escaped(message)
                );
            }
            page.push_str("</dl>\n");
        }
        page.push_str("</html>\n");
        page
    }
}

fn class(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::NotStarted | Outcome::Missing => "none",
        Outcome::Failed { .. } => "failed",
        Outcome::DoesNotCompile { .. } | Outcome::Broken { .. } | Outcome::Refused { .. } => {
            "broken"
        }
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

const STYLE: &str = ":root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
caption { text-align: left; padding-bottom: .5rem; opacity: .8; }
th, td { border: 1px solid #8886; padding: .3rem .6rem; text-align: left; font-weight: normal; }
thead th { font-weight: 600; }
.passed { background: #2a93; }
.failed { background: #d913; }
.broken { background: #c333; }
.none { opacity: .7; }
dt { font-weight: 600; }
dd { margin: 0 0 .8rem; }
pre { white-space: pre-wrap; margin: 0; }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_students_write_is_text_in_the_page() {
        let grades = vec![Grade {
            exercise: "one".into(),
            outcome: Outcome::Failed { message: "<script>alert(1)</script>".into() },
        }];
        let students = vec![
            Student { name: "Ada & Co".into(), grades, problem: None },
            Student { name: "Bob".into(), grades: Vec::new(), problem: Some("not JSON".into()) },
        ];
        let report =
            ClassReport { lesson: "day-01".into(), exercises: vec!["one".into()], students };
        let page = report.to_html();
        assert!(!page.contains("<script>") && page.contains("&lt;script&gt;"));
        assert!(page.contains("<th scope=\"row\">Ada &amp; Co</th><td>0 of 1</td><td class=\"failed\">not yet right</td>"));
        assert!(page.contains("<td class=\"broken\" colspan=\"2\">not JSON</td>"));
        insta::assert_snapshot!(report.to_json(), @r#"
        {
          "lesson": "day-01",
          "exercises": [
            "one"
          ],
          "students": [
            {
              "name": "Ada & Co",
              "grades": [
                {
                  "exercise": "one",
                  "outcome": "failed",
                  "message": "<script>alert(1)</script>"
                }
              ]
            },
            {
              "name": "Bob",
              "grades": [],
              "problem": "not JSON"
            }
          ]
        }
        "#);
    }
}
