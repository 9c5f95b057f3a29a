"""`momentum run` on small notebooks: what it writes, and what it says when a cell fails."""

import os
import secrets
from pathlib import Path

import nbformat

from outputs import merged


def test_outputs_are_written_in_place(run_notebook, write):
    path = write('println!("hello");\n6 * 7')
    done = run_notebook(path)
    assert done.returncode == 0, done.stderr
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    (cell,) = notebook.cells
    assert cell.execution_count == 1
    assert merged(cell.outputs) == [
        {"kind": "stream", "name": "stdout", "text": "hello\n"},
        {"kind": "execute_result", "data": {"text/plain": "42"}, "metadata": {}},
    ]
    assert len(cell.metadata["momentum"]["chain"]) == 64
    assert notebook.metadata["momentum"]["status"] == "ok"


def test_two_runs_write_the_same_bytes(run_notebook, write):
    path = write("let x = 1;", "x + 1")
    assert run_notebook(path).returncode == 0
    first = path.read_bytes()
    assert run_notebook(path).returncode == 0
    assert path.read_bytes() == first


def test_a_failing_cell_stops_the_notebook_and_is_named(run_notebook, write):
    path = write("let fine = 1;", "let a = fine;\nlet b: String = a;", "fine")
    done = run_notebook(path)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "test.ipynb" in said and "cell [2] `cell-1`" in said and "cell [2]:2:17" in said, said
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata["momentum"]["status"] == "failed"
    assert [cell.execution_count for cell in notebook.cells] == [1, 2, None]
    assert notebook.cells[1].outputs[-1].output_type == "error"


def test_the_next_cell_is_compiled_while_one_runs(run_notebook, write):
    cache = os.environ.get("MOMENTUM_CACHE_DIR") or Path.home() / ".cache/momentum"
    number = secrets.randbelow(10**9)
    waiting = f"""{{
    let begun = std::time::Instant::now();
    let name = format!("next_{{}}", {number - 1} + 1);
    let compiled = || std::fs::read_dir("{cache}/cells").unwrap().flatten().any(|entry| {{
        entry.path().extension().is_some_and(|kind| kind == "rs")
            && std::fs::read_to_string(entry.path()).is_ok_and(|text| text.contains(&name))
    }});
    while !compiled() {{
        assert!(begun.elapsed().as_secs() < 300, "nothing was compiled ahead");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }}
    }}"""
    path = write(waiting, f"let next_{number} = 1;", f"next_{number} + 1")
    done = run_notebook(path)
    assert done.returncode == 0, done.stderr
    assert nbformat.read(path, as_version=4).cells[2].outputs[-1].data["text/plain"] == "2"


def test_allow_errors_goes_on(run_notebook, write):
    path = write('panic!("on purpose")', "1 + 1")
    done = run_notebook("--allow-errors", path)
    assert done.returncode == 0, done.stderr
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[0].outputs[-1].output_type == "error"
    assert notebook.cells[1].outputs[-1].data["text/plain"] == "2"


def test_a_cell_may_be_tagged_to_raise(run_notebook, write):
    path = write('panic!("on purpose")', "1 + 1")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].metadata["tags"] = ["raises-exception"]
    nbformat.write(notebook, path)
    done = run_notebook(path)
    assert done.returncode == 0, done.stderr
    assert nbformat.read(path, as_version=4).cells[1].outputs[-1].data["text/plain"] == "2"


def test_what_is_no_notebook_is_left_alone(run_notebook, tmp_path):
    path = tmp_path / "broken.ipynb"
    path.write_text('{"cells": [')
    done = run_notebook(path)
    assert done.returncode != 0
    assert "broken.ipynb" in done.stderr, done.stderr
    assert path.read_text() == '{"cells": ['


def test_nothing_is_left_behind(run_notebook, write, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    path = write("let x = 1;", "x + 1", "std::process::abort();")
    assert run_notebook(path).returncode != 0
    assert list(temporary.iterdir()) == []


def test_crashes_are_told_and_the_next_cell_runs(run_notebook, write):
    path = write("fn seven() -> i32 { 7 }", "std::process::abort();", "std::process::exit(3);", "seven()")
    assert run_notebook("--allow-errors", path).returncode == 0
    cells = nbformat.read(path, as_version=4).cells
    assert "SIGABRT" in cells[1].outputs[-1].evalue
    assert "exit code 3" in cells[2].outputs[-1].evalue
    assert cells[3].outputs[-1].data["text/plain"] == "7"


def test_a_panic_names_the_line_of_the_cell_that_defined_the_function(run_notebook, write):
    path = write("fn half(n: i32) -> i32 {\n    assert!(n % 2 == 0, \"odd: {n}\");\n    n / 2\n}", "let x = half(3);")
    assert run_notebook(path).returncode != 0
    error = nbformat.read(path, as_version=4).cells[1].outputs[-1]
    assert error.ename == "Panic"
    assert error.evalue == "cell [1], line 2: odd: 3"


def test_a_cell_that_reads_input_finds_none(run_notebook, write):
    path = write("let mut line = String::new();\nstd::io::stdin().read_line(&mut line).unwrap()", 'input("Who?")')
    assert run_notebook(path).returncode == 0
    cells = nbformat.read(path, as_version=4).cells
    assert [cell.outputs[-1].data["text/plain"] for cell in cells] == ["0", '""']


def test_the_time_to_compile_is_no_part_of_the_time_limit(run_notebook, write, tmp_path):
    slow = tmp_path / "slow"
    (slow / "src").mkdir(parents=True)
    (slow / "Cargo.toml").write_text('[package]\nname = "slow"\nversion = "0.1.0"\nedition = "2024"\n')
    (slow / "build.rs").write_text("fn main() { std::thread::sleep(std::time::Duration::from_secs(4)) }")
    (slow / "src/lib.rs").write_text("pub fn one() -> u8 { 1 }")
    path = write(f':dep slow = {{ path = "{slow}" }}\nslow::one()', "loop { std::hint::black_box(0); }")
    done = run_notebook("--time-limit=3s", path)
    assert "the cell ran longer than 3s" in done.stdout + done.stderr
    first, second = nbformat.read(path, as_version=4).cells
    assert first.outputs[-1].data["text/plain"] == "1"
    assert second.outputs[-1].output_type == "error"


def test_a_cell_may_await(run_notebook, write):
    path = write("async fn seven() -> u8 { 7 }", "let n = seven().await;\nn + 1")
    done = run_notebook(path)
    assert done.returncode == 0, done.stderr
    assert nbformat.read(path, as_version=4).cells[1].outputs[-1].data["text/plain"] == "8"


def test_a_crate_from_the_registry(run_notebook, write):
    path = write(':dep itoa = "1"\nlet mut buffer = itoa::Buffer::new();\nlet text = buffer.format(128).to_string();\ntext')
    done = run_notebook(path)
    assert done.returncode == 0, done.stderr
    assert nbformat.read(path, as_version=4).cells[0].outputs[-1].data["text/plain"] == '"128"'
