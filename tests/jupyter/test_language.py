"""Completion and inspection: what rust-analyzer knows of a cell, and that no cell waits for it."""

import time

import psutil
import pytest

from repository import PATIENCE, has_library_sources


def complete(kernel, code: str, cursor: int | None = None) -> dict:
    return kernel.client.complete(code, cursor, reply=True, timeout=PATIENCE)["content"]


def inspect(kernel, code: str, cursor: int | None = None) -> dict:
    return kernel.client.inspect(code, cursor, reply=True, timeout=PATIENCE)["content"]


@pytest.fixture(scope="module")
def session(kernel):
    """A kernel that has run some cells."""
    kernel.ok("let wonderful = vec![1, 2, 3];")
    kernel.ok("/// Twice as much.\nfn doubled(n: i64) -> i64 { n * 2 }")
    kernel.ok("pub struct Shape { pub sides: u32 }\nimpl Shape { pub fn corners(&self) -> u32 { self.sides } }")
    kernel.ok("let square = Shape { sides: 4 };")
    return kernel


def roles(kernel) -> set:
    """The roles of a kernel's processes; compilers come and go with the cells."""
    root = psutil.Process(kernel.manager.provisioner.pid)
    found = set()
    for process in [root, *root.children(recursive=True)]:
        try:
            if process.name() != "rustc":
                found.add(process.environ().get("MOMENTUM_ROLE", "kernel"))
        except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
            continue  # it ended meanwhile
    return found


def test_nothing_of_it_is_started_before_it_is_asked_for(fresh_kernel):
    """How much memory it all takes is measured by tests/bench/kernel.py: here it would depend on the moment."""
    fresh_kernel.ok("1 + 1")
    assert roles(fresh_kernel) == {"kernel", "supervisor", "worker"}
    complete(fresh_kernel, "std::")
    assert "analyst" in roles(fresh_kernel)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("wonderf", "wonderful"),  # a variable
        ("doub", "doubled"),  # a function of an earlier cell
        ("square.co", "corners"),  # a method of an earlier cell's type
        ("square.si", "sides"),  # a field
        ("sho", "show"),  # a helper
        ("vision::", "data"),  # a helper's module
        ("Bundle::te", "text"),  # a helper's function
        ("let inner = 5; inn", "inner"),  # the cell's own
        ("fn f(argument: u8) { argu", "argument"),  # half-typed
        (":va", ":vars"),  # a command
    ],
)
def test_completion_knows_the_session_and_the_helpers(session, code, expected):
    assert expected in complete(session, code)["matches"]


@pytest.mark.skipif(not has_library_sources(), reason="rust-src is not installed")
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("std::collections::Ha", "HashMap"),
        ("wonderful.le", "len"),
        ("wonderful.iter().ma", "map"),
        ("let text = String::new(); text.spl", "split"),
        ("Strin", "String"),
    ],
)
def test_completion_knows_the_standard_library(session, code, expected):
    assert expected in complete(session, code)["matches"]


def test_completions_have_types_and_replace_code_points(session):
    code = "/* é𝕏 */ wonderf + 1"
    content = complete(session, code, 15)
    assert code[content["cursor_start"] : content["cursor_end"]] == "wonderf"
    (typed,) = [t for t in content["metadata"]["_jupyter_types_experimental"] if t["text"] == "wonderful"]
    assert (typed["type"], typed["start"], typed["end"]) == ("instance", 9, 16)
    assert "Vec<i32" in typed["signature"]
    found = complete(session, "doubl")["metadata"]["_jupyter_types_experimental"]
    typed = next(t for t in found if t["text"].startswith("doubled"))
    assert typed["type"] == "function" and typed["signature"].startswith("fn doubled(n: i64)")


def test_inspection_has_type_and_documentation(session):
    content = inspect(session, "doubled(3)", 2)
    assert content["found"]
    text, markdown = content["data"]["text/plain"], content["data"]["text/markdown"]
    assert "fn doubled(n: i64) -> i64" in text and "Twice as much." in text
    assert "defined in cell [" in text and "```rust" in markdown and "```" not in text
    assert "wonderful: " in inspect(session, "é + wonderful", 6)["data"]["text/plain"]
    # Within a call's parentheses, the function is meant.
    assert "fn show" in inspect(session, "show(", 5)["data"]["text/plain"]
    assert "Shows a value in the notebook" in inspect(session, "show")["data"]["text/plain"]
    assert inspect(session, "no_such_name_anywhere")["found"] is False


def test_a_running_cell_does_not_hold_it_up_nor_it_a_cell(session):
    complete(session, "doub")
    client = session.client
    cell = client.execute('println!("begun");\nstd::thread::sleep(std::time::Duration::from_secs(4));')
    session.until_printed("begun")
    asked = client.complete("doub")
    first = client.get_shell_msg(timeout=PATIENCE)
    assert first["parent_header"]["msg_id"] == asked, "answered while the cell ran"
    assert "doubled" in first["content"]["matches"]
    # While it runs, the last word on the kernel's state is that it is busy.
    states = []
    while True:
        message = client.get_iopub_msg(timeout=PATIENCE)
        if message["msg_type"] == "status":
            states.append((message["content"]["execution_state"], message["parent_header"]["msg_id"]))
            if states[-1] == ("idle", cell):
                break
    at = states.index(("idle", asked))
    assert states[at + 1 :] == [("busy", cell), ("idle", cell)]
    assert client.get_shell_msg(timeout=PATIENCE)["content"]["status"] == "ok"


def test_a_cell_does_not_wait_for_the_first_question(fresh_kernel):
    fresh_kernel.ok("1 + 1")
    fresh_kernel.client.complete("std::collections::")
    cell = fresh_kernel.client.execute("2 + 2")
    first = fresh_kernel.client.get_shell_msg(timeout=PATIENCE)
    # The analyst takes seconds to start: the cell overtakes the question.
    assert first["parent_header"]["msg_id"] == cell


def test_an_analyst_that_dies_is_started_again(session):
    complete(session, "doub")
    root = psutil.Process(session.manager.provisioner.pid)
    (analyst,) = [p for p in root.children() if p.environ().get("MOMENTUM_ROLE") == "analyst"]
    analyst.kill()
    assert "corners" in complete(session, "square.co")["matches"]
    assert session.value("1 + 1") == "2"


def test_no_analyst_outlives_its_kernel(fresh_kernel):
    complete(fresh_kernel, "std::")
    root = psutil.Process(fresh_kernel.manager.provisioner.pid)
    family = root.children(recursive=True)
    root.kill()
    deadline = time.monotonic() + 30
    while any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in family):
        assert time.monotonic() < deadline, family
        time.sleep(0.1)
