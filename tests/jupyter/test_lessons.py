"""The lessons run under `momentum run`, nbclient and nbconvert with the same outputs."""

import json
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from outputs import assert_same
from repository import LESSONS, PATIENCE, ROOT

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


@pytest.mark.parametrize("threads", ["1", "2"])
def test_check_runs_all_lessons_again_to_the_same_bytes(momentum, pictures, monkeypatch, threads):
    monkeypatch.setenv("RAYON_NUM_THREADS", threads)
    command = [momentum, "check", ROOT, "--rerun", "--exact", "--format", "json"]
    begun, log = time.monotonic(), [f"threads: {threads}"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr:
            if "Running a copy of" in line:
                log.append(f"{time.monotonic() - begun:7.1f} s  {Path(line.split()[-1]).name}")
        findings = json.loads(process.stdout.read())["findings"]
    log.append(f"{time.monotonic() - begun:7.1f} s  end; findings: {json.dumps(findings)}")
    (pictures / f"rerun-{threads}.txt").write_text("\n".join(log) + "\n")
    assert findings == []
    assert len(log) == len(LESSONS) + 2, log


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
