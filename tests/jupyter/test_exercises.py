"""Exercises from the learner's side and the teacher's: holes, hints, checks, a class graded shut in."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from repository import PATIENCE, ROOT
from submissions import LONGEST, SETUP, SUBMISSIONS, TRIPLE, Submission

SOURCES = ROOT / "tests" / "lessons"


@pytest.fixture
def study(momentum, tmp_path):
    """Runs `momentum exercise` in a folder of its own, with progress of its own."""

    def run(*arguments, lessons=SOURCES, succeeds=True) -> str:
        environment = {**os.environ, "MOMENTUM_DATA_DIR": str(tmp_path / "data"), "NO_COLOR": "1"}
        command = [momentum, "exercise", "--lessons", lessons, *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, timeout=PATIENCE, capture_output=True, text=True
        )
        assert (done.returncode == 0) == succeeds, done.stdout + done.stderr
        return done.stdout if succeeds or done.stdout else done.stderr

    return run


def fill(notebook: Path, name: str, text: str) -> None:
    """Writes an exercise's cell as a learner does in Jupyter."""
    content = json.loads(notebook.read_text())
    for cell in content["cells"]:
        if f"//| exercise: {name}\n" in "".join(cell["source"]):
            cell["source"] = text.splitlines(keepends=True)
    notebook.write_text(json.dumps(content))


def test_a_learners_way(study, tmp_path):
    assert "○ triple" in study("list")
    study("start", "grading")
    mine = tmp_path / "exercises" / "grading.ipynb"
    content = mine.read_text()
    assert "wrapping_mul" not in content and "<summary>Hint</summary>" in content
    assert "○ triple" in study("check", "grading", succeeds=False)
    fill(mine, "triple", TRIPLE.replace("* 3", "* 2"))
    assert "three times two is six" in study("check", "grading", "--exercise", "triple", succeeds=False)
    assert "Hint 1 of 1: Three times as much." in study("hint", "triple")
    fill(mine, "triple", TRIPLE)
    fill(mine, "longest", LONGEST)
    assert study("check", "grading").count("✔") == 2
    assert "2 of 2" in study("progress")
    before = mine.read_bytes()
    assert "is there already" in study("start", "grading")
    assert mine.read_bytes() == before
    study("reset", "grading")
    assert (tmp_path / "exercises" / "grading.before-reset-1.ipynb").read_bytes() == before
    assert "wrapping_mul" in study("solution", "grading/triple")
    assert "there is no lesson `gradin`" in study("start", "gradin", succeeds=False)


def test_a_class_is_graded(study, tmp_path, pictures):
    students = tmp_path / "students"
    for name, submission in SUBMISSIONS.items():
        (students / name).mkdir(parents=True)
        (students / name / "grading.ipynb").write_bytes(submission.content())
    report = pictures / "grades.html"
    arguments = ["--all", students, "--report", report, "--time-limit", "4s", "--output-limit", "1M"]
    (graded,) = json.loads(study("check", *arguments, succeeds=False))
    assert graded["exercises"] == ["triple", "longest"]
    by_name = {student["name"]: student for student in graded["students"]}
    assert sorted(by_name) == sorted(SUBMISSIONS)
    wrong = {}
    for name, submission in SUBMISSIONS.items():
        student = by_name[name]
        if submission.outcomes is None:
            if submission.problem not in student.get("problem", ""):
                wrong[name] = student
            continue
        outcomes = tuple(grade["outcome"] for grade in student["grades"])
        if outcomes != submission.outcomes:
            wrong[name] = student["grades"]
    assert not wrong, json.dumps(wrong, indent=1)
    assert not Path("/var/tmp/momentum-escaped").exists()
    assert report.read_text().count("<tr>") == len(SUBMISSIONS) + 1


def test_the_cells_of_a_grader_see_no_file_of_the_user(study, tmp_path):
    (tmp_path / "secret").write_text("swordfish")
    (tmp_path / "handed-in").mkdir()
    (tmp_path / "handed-in" / "data.txt").write_text("of the lesson")
    cells = [
        SETUP,
        'assert_eq!(std::fs::read_to_string("data.txt").unwrap(), "of the lesson");',
        "//| exercise: triple\nfn triple(n: i64) -> i64 { "
        f'assert!(std::fs::read_to_string("{tmp_path / "secret"}").is_err(), "it can be read"); n * 3 }}',
        LONGEST,
    ]
    notebook = tmp_path / "handed-in" / "grading.ipynb"
    notebook.write_bytes(Submission(cells).content())
    grades = json.loads(study("check", notebook, "--json"))
    assert [grade["outcome"] for grade in grades] == ["passed", "passed"]


def test_every_solution_passes_and_every_hole_teaches(study):
    proof = study("prove", lessons=ROOT / "notebooks" / "solutions")
    assert "✘" not in proof and proof.count("✔") >= 6


def test_the_learners_notebooks_are_those_of_the_sources(study):
    said = study("publish", ROOT / "notebooks", lessons=ROOT / "notebooks" / "solutions")
    assert "Wrote" not in said, said
