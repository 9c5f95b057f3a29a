"""What is said of typical mistakes: one snapshot for all of them (mistakes.txt).

To accept changes: MOMENTUM_UPDATE=1 tests/run python -- -k mistakes, then read the diff.
"""

import os
import re
from pathlib import Path

import pytest

from mistakes import MISTAKES

SNAPSHOT = Path(__file__).parent / "mistakes.txt"
# The compiler's lints on a last expression point at code that evcxr generates around it.
WITHOUT_PLACE = {"a division by zero", "an overflow"}
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
INTERNALS = ["evcxr", "src/lib.rs", "ctx::", "run_user_code", "momentum_cells", "MomentumProbe"]


def numbered(text: str, first: int) -> str:
    """The report with the cells' numbers counted from the mistake's own first cell."""
    return re.sub(r"cell \[(\d+)\]", lambda m: f"cell [{int(m[1]) - first + 1}]", text)


@pytest.fixture(scope="module")
def reports(kernel) -> dict:
    """For each mistake, the error's name, its line and the report with its colours."""
    found = {}
    for name, before, cell in MISTAKES:
        first = None
        for code in before:
            count = kernel.ok(code).reply["execution_count"]
            first = first or count
        result = kernel.run(cell)
        first = first or result.reply["execution_count"]
        assert result.reply["status"] == "error", f"{name}: it went well"
        (error,) = result.of("error")
        assert error["traceback"] == result.reply["traceback"]
        texts = ["\n".join(error["traceback"]), error["evalue"]]
        report, value = (numbered(text, first) for text in texts)
        found[name] = (error["ename"], value, report, "\n".join([*before, cell]))
    return found


def test_there_are_enough():
    assert len(MISTAKES) >= 25


def test_reports_are_as_they_were(reports):
    texts = []
    for name, (ename, value, report, code) in reports.items():
        texts.append(f"## {name}\n\n{code}\n\n{ename}: {value}\n\n{COLOURS.sub('', report)}\n")
    text = "\n".join(line.rstrip() for line in "\n".join(texts).splitlines()) + "\n"
    if os.environ.get("MOMENTUM_UPDATE"):
        SNAPSHOT.write_text(text)
    assert text == SNAPSHOT.read_text()


@pytest.mark.parametrize("name", [name for name, _, _ in MISTAKES])
def test_a_report_has_colours_a_place_and_no_internals(reports, name):
    ename, value, report, _ = reports[name]
    assert COLOURS.search(report), "no colours"
    for internal in INTERNALS:
        assert internal not in report + value
    if ename in ("CompileError", "Panic") and name not in WITHOUT_PLACE:
        assert re.search(r"cell \[\d+\]", report), report
        assert re.match(r"cell \[\d+\], line \d+: ", value), value
