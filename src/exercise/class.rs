//! Grading a class: the notebooks of many, into JSON and a page.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anstream::eprintln;
use miette::{IntoDiagnostic, Result, miette};
use momentum_lessons::{Catalogue, ClassReport, Student, write_whole};

use super::check::{Grader, lesson_of};

/// One notebook that was handed in.
struct HandedIn {
    student: String,
    path: PathBuf,
}

/// Grades all notebooks of a folder; whether all is passed.
pub(super) fn grade(
    catalogue: &Catalogue,
    grader: &mut Grader,
    folder: &Path,
    lesson: Option<&str>,
    report: Option<&Path>,
) -> Result<bool> {
    let mut lessons: BTreeMap<String, Vec<HandedIn>> = BTreeMap::new();
    let found = notebooks(folder).map_err(|error| {
        miette!(
            help = "name the folder that holds STUDENT/LESSON.ipynb or STUDENT.ipynb",
            "cannot list what was handed in, in `{}`: {error}",
            folder.display()
        )
    })?;
    for handed_in in found {
        let source = match lesson {
            Some(lesson) => Some(catalogue.lesson(lesson).into_diagnostic()?),
            None => lesson_of(catalogue, &handed_in.path),
        };
        match source {
            Some(source) => lessons.entry(source.lesson()).or_default().push(handed_in),
            None => eprintln!("{}: no lesson has this name; pass over", handed_in.path.display()),
        }
    }
    if lessons.is_empty() {
        return Err(miette!(
            help = "expected STUDENT/LESSON.ipynb below it, or STUDENT.ipynb and the lesson's name as argument",
            "there is no notebook to grade in `{}`",
            folder.display()
        ));
    }
    let mut reports = Vec::new();
    for (lesson, handed_in) in lessons {
        let source = catalogue.lesson(&lesson).into_diagnostic()?;
        let mut students = Vec::new();
        for HandedIn { student, path } in handed_in {
            eprintln!("Grading {}", path.display());
            let (grades, problem) = match grader.grade(source, &path, None, &mut |_| {}) {
                Ok(grades) => (grades, None),
                Err(failure) => (Vec::new(), Some(failure.to_string())),
            };
            students.push(Student { name: student, grades, problem });
        }
        let exercises = source.exercises().iter().map(|exercise| exercise.name.clone()).collect();
        reports.push(ClassReport { lesson, exercises, students });
    }
    println!("{}", serde_json::to_string_pretty(&reports).into_diagnostic()?);
    if let Some(path) = report {
        let pages: Vec<_> = reports.iter().map(ClassReport::to_html).collect();
        write_whole(path, &pages.concat()).into_diagnostic()?;
        eprintln!("Wrote {}", path.display());
    }
    let all = |report: &ClassReport| {
        report
            .students
            .iter()
            .all(|s| s.problem.is_none() && s.n_passed() == report.exercises.len())
    };
    Ok(reports.iter().all(all))
}

/// `STUDENT.ipynb` and `STUDENT/*.ipynb`, by name. Links are left out.
fn notebooks(folder: &Path) -> std::io::Result<Vec<HandedIn>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let (entry, mut paths) = (entry?, Vec::new());
        let kind = entry.file_type()?;
        let student = entry.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if kind.is_file() {
            paths.push(entry.path());
        } else if kind.is_dir() {
            for inner in fs::read_dir(entry.path())? {
                let inner = inner?;
                if inner.file_type()?.is_file() {
                    paths.push(inner.path());
                }
            }
        }
        paths.retain(|path| path.extension().is_some_and(|kind| kind == "ipynb"));
        let student = |path| HandedIn { student: student.clone(), path };
        found.extend(paths.into_iter().map(student));
    }
    found.sort_by(|a, b| (&a.student, &a.path).cmp(&(&b.student, &b.path)));
    Ok(found)
}
