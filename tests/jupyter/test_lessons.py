"""The lessons run under `momentum run`, nbclient and nbconvert with the same outputs."""

import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from outputs import assert_same
from repository import LESSONS, PATIENCE

NAMES = [lesson.name for lesson in LESSONS]


@pytest.fixture(scope="module")
def executed(lessons, momentum) -> dict:
    """Each lesson as bytes, freshly executed by `momentum run`."""
    paths = [lessons / name for name in NAMES]
    subprocess.run([momentum, "run", *paths], check=True, timeout=PATIENCE)
    return {path.name: path.read_bytes() for path in paths}


def parse(content: bytes):
    return nbformat.reads(content.decode(), as_version=nbformat.NO_CONVERT)


def test_there_are_lessons():
    assert len(LESSONS) >= 2


@pytest.mark.parametrize("name", NAMES)
def test_what_run_writes_is_valid(executed, name):
    notebook = parse(executed[name])
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata["momentum"]["status"] == "ok"


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_outputs_are_those_of_a_fresh_run(executed, name):
    (committed,) = [lesson for lesson in LESSONS if lesson.name == name]
    assert_same(parse(executed[name]), parse(committed.read_bytes()))


def test_a_second_run_writes_the_same_bytes(executed, lessons, momentum):
    paths = [lessons / name for name in NAMES]
    subprocess.run([momentum, "run", *paths], check=True, timeout=PATIENCE)
    for path in paths:
        assert path.read_bytes() == executed[path.name], f"{path.name} differs"


@pytest.mark.parametrize("name", NAMES)
def test_nbclient_gets_the_same_outputs(executed, lessons, kernelspec, name):
    ours = parse(executed[name])
    theirs = parse(executed[name])
    for cell in theirs.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    resources = {"metadata": {"path": str(lessons)}}
    NotebookClient(theirs, timeout=PATIENCE, resources=resources).execute()
    nbformat.validate(theirs)
    assert_same(ours, theirs)


@pytest.mark.parametrize("name", NAMES)
def test_nbconvert_gets_the_same_outputs(executed, lessons, kernelspec, name):
    output = f"converted-{name}"
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute"]
    command += [f"--ExecutePreprocessor.timeout={PATIENCE}", "--output", output, lessons / name]
    subprocess.run(command, check=True, timeout=PATIENCE)
    theirs = lessons / output
    try:
        assert_same(parse(executed[name]), parse(theirs.read_bytes()))
    finally:
        theirs.unlink()
