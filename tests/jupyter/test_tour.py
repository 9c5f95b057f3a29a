"""evcxr's tour of its kernel, in our own words: each thing that it shows, with evcxr's results.

The tour itself is `evcxr_jupyter/samples/evcxr_jupyter_tour.ipynb` in evcxr's repository. Its
crates come from the network, so a crate of this test's own takes their place.
"""

import os
import time
from pathlib import Path

import pytest

from kernel_client import Kernel


def test_streams_and_a_value(kernel):
    result = kernel.ok('println!("Hello world");\neprintln!("Hello error");\nformat!("Hello {}", "world")')
    assert result.text("stdout") == "Hello world\n"
    assert result.text("stderr") == "Hello error\n"
    assert result.of("execute_result")[0]["data"]["text/plain"] == '"Hello world"'


def test_a_variable_is_changed_by_a_later_cell(kernel):
    kernel.ok('let mut message = "Hello ".to_owned();')
    kernel.ok('message.push_str("world!");')
    assert kernel.value("message") == '"Hello world!"'


def test_a_function_is_defined_again(kernel):
    function = "pub fn fib(x: i32) -> i32 {\n    if x <= 2 {%d} else {fib(x - 2) + fib(x - 1)}\n}"
    kernel.ok(function % 0)
    assert kernel.value("(1..13).map(fib).collect::<Vec<i32>>()") == str([0] * 12)
    kernel.ok(function % 1)
    numbers = "let values = (1..13).map(fib).collect::<Vec<i32>>();\nvalues"
    assert kernel.value(numbers) == "[1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144]"


def test_a_thread_goes_on_between_cells(kernel):
    kernel.ok(
        "use std::sync::{Mutex, Arc};\n"
        "let counter = Arc::new(Mutex::new(0i32));\n"
        "std::thread::spawn({\n"
        "    let counter = Arc::clone(&counter);\n"
        "    move || {\n"
        "        for i in 1..300 {\n"
        "            *counter.lock().unwrap() += 1;\n"
        "            std::thread::sleep(std::time::Duration::from_millis(100));\n"
        "        }\n"
        "}});"
    )
    first = int(kernel.value("*counter.lock()?"))
    time.sleep(0.5)
    assert int(kernel.value("*counter.lock()?")) > first >= 1


def test_a_crate_is_added(kernel, tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "coding"\nversion = "0.1.0"\nedition = "2024"\n')
    (tmp_path / "src/lib.rs").write_text("pub fn encode(b: &[u8]) -> String { format!(\"{b:02x?}\") }\n")
    value = kernel.value(f':dep coding = {{ path = "{tmp_path}" }}\ncoding::encode(&vec![1, 2, 3, 4])')
    assert value == '"[01, 02, 03, 04]"'


def test_a_crate_is_one_for_all_cells_and_is_built_again_when_its_source_changes(fresh_kernel, tmp_path):
    """evcxr links a copy of it into each cell, with statics of their own."""
    (tmp_path / "src").mkdir()
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "counting"\nversion = "0.1.0"\nedition = "2024"\n')
    source = (
        "use std::sync::atomic::{AtomicU32, Ordering};\n"
        "static N: AtomicU32 = AtomicU32::new(0);\n"
        "#[derive(Debug)] pub struct Step(pub u32);\n"
        "pub fn next() -> Step { Step(N.fetch_add(%d, Ordering::SeqCst)) }\n"
    )
    (tmp_path / "src/lib.rs").write_text(source % 1)
    fresh_kernel.ok(f':dep counting = {{ path = "{tmp_path}" }}\nlet first = counting::next();')
    fresh_kernel.ok("let second = counting::next();")
    assert fresh_kernel.value("(first.0, second.0, counting::next())") == "(0, 1, Step(2))"
    fresh_kernel.ok("let plain = first.0 + second.0;")
    (tmp_path / "src/lib.rs").write_text(source % 10)
    assert fresh_kernel.value("counting::next().0 + counting::next().0") == "10"
    assert fresh_kernel.value("plain") == "1"


def crate(folder: Path, name: str, source: str, build: str = "") -> str:
    """Writes a crate; gives the command that adds it."""
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text(f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2024"\n')
    (folder / "src/lib.rs").write_text(source)
    if build:
        (folder / "build.rs").write_text(build)
    return f':dep {name} = {{ path = "{folder}" }}\n'


def test_a_crate_comes_before_the_helpers_of_its_name(fresh_kernel, tmp_path):
    add = crate(tmp_path, "serde_json", "pub fn whose() -> u8 { 1 }\n")
    assert fresh_kernel.value('serde_json::json!({"a": 1})["a"].is_number()') == "true"
    assert fresh_kernel.value(f"{add}serde_json::whose()") == "1"
    fresh_kernel.ok("let whose = serde_json::whose();")
    assert fresh_kernel.value("whose") == "1"


def test_what_is_generic_in_a_crate_calls_its_c(fresh_kernel, tmp_path):
    """Also what the C compiler was told to hide."""
    add = crate(
        tmp_path,
        "with_c",
        "use std::ffi::c_int;\n"
        "unsafe extern \"C\" { fn shown(n: c_int) -> c_int; fn hidden(n: c_int) -> c_int; }\n"
        "pub fn both<T: Into<c_int>>(n: T) -> c_int { let n = n.into(); unsafe { shown(n) * hidden(n) } }\n",
        "use std::process::Command;\n"
        "fn main() {\n"
        '    let out = std::env::var("OUT_DIR").unwrap();\n'
        '    let c = "int shown(int n) { return n + 1; }\\n\\\n'
        '        __attribute__((visibility(\\"hidden\\"))) int hidden(int n) { return n + 2; }\\n";\n'
        '    std::fs::write(format!("{out}/a.c"), c).unwrap();\n'
        '    let run = |program: &str, words: &[&str]| assert!(Command::new(program).args(words).current_dir(&out).status().unwrap().success());\n'
        '    run("cc", &["-fPIC", "-c", "a.c", "-o", "a.o"]);\n'
        '    run("ar", &["rcs", "liba.a", "a.o"]);\n'
        '    println!("cargo:rustc-link-search=native={out}");\n'
        '    println!("cargo:rustc-link-lib=static=a");\n'
        "}\n",
    )
    assert fresh_kernel.value(f"{add}with_c::both(1)") == "6"
    assert fresh_kernel.value("with_c::both(2_i16)") == "12"


def test_where_crates_cannot_be_kept_cargo_builds_the_cells(kernelspec, tmp_path, monkeypatch):
    cache = Path(os.environ.get("MOMENTUM_CACHE_DIR", Path.home() / ".cache/momentum"))
    own = tmp_path / "cache"
    own.mkdir()
    (own / "helpers").symlink_to(cache / "helpers")
    (own / "crates").write_text("not a folder")
    monkeypatch.setenv("MOMENTUM_CACHE_DIR", str(own))
    (tmp_path / "src").mkdir()
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "plain"\nversion = "0.1.0"\nedition = "2024"\n')
    (tmp_path / "src/lib.rs").write_text("pub fn two() -> i32 { 2 }\n")
    kernel = Kernel()
    try:
        kernel.ok(f':dep plain = {{ path = "{tmp_path}" }}\nlet two = plain::two();')
        assert kernel.value("two + plain::two()") == "4"
    finally:
        kernel.close()


def test_timers_ring_after_a_cell_was_undone(fresh_kernel):
    """The threads that would ring them are gone with the process that had them."""
    sleep = "tokio::time::sleep(std::time::Duration::from_millis(1)).await; 5"
    assert fresh_kernel.value(sleep) == "5"
    fresh_kernel.run('panic!("on purpose")')
    assert fresh_kernel.value(sleep) == "5"
    assert fresh_kernel.value("tokio::spawn(async { 6 }).await?") == "6"


def test_types_and_variables_of_earlier_cells_are_the_same_after_a_crate_came(fresh_kernel, tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "late"\nversion = "0.1.0"\nedition = "2024"\n')
    (tmp_path / "src/lib.rs").write_text("pub fn one() -> i32 { 1 }\n")
    fresh_kernel.ok("#[derive(Debug)]\npub struct Own(i32);\nlet own = Own(41);")
    assert fresh_kernel.value(f':dep late = {{ path = "{tmp_path}" }}\nown.0 + late::one()') == "42"
    assert fresh_kernel.value("own") == "Own(41)"


def test_another_crates_trait_shows_its_types_and_ours_all_others(fresh_kernel, tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "evcxr_dot"\nversion = "0.1.0"\nedition = "2024"\n')
    (tmp_path / "src/lib.rs").write_text(
        "#[derive(Debug)] pub struct Dot;\n"
        "pub trait DotDisplay { fn evcxr_display(&self); }\n"
        "impl DotDisplay for Dot { fn evcxr_display(&self) {\n"
        '    println!("EVCXR_BEGIN_CONTENT text/html\\n<b>.</b>\\nEVCXR_END_CONTENT");\n'
        "} }\n"
    )
    (shown,) = fresh_kernel.ok(
        f':dep evcxr_dot = {{ path = "{tmp_path}" }}\nuse evcxr_dot::DotDisplay;\nevcxr_dot::Dot'
    ).of("execute_result")
    assert shown["data"]["text/html"] == "<b>.</b>"
    assert fresh_kernel.value("1 + 1") == "2"
    (shown,) = fresh_kernel.ok('table("t", ["n"], [[1]])').of("execute_result")
    assert "<table" in shown["data"]["text/html"]


def test_a_type_shows_itself_as_html(kernel):
    kernel.ok(
        "use std::fmt::Debug;\n"
        "pub struct Matrix<T> {pub values: Vec<T>, pub row_size: usize}\n"
        "impl<T: Debug> Matrix<T> {\n"
        "    pub fn evcxr_display(&self) {\n"
        "        let mut html = String::new();\n"
        '        html.push_str("<table>");\n'
        "        for r in 0..(self.values.len() / self.row_size) {\n"
        '            html.push_str("<tr>");\n'
        "            for c in 0..self.row_size {\n"
        '                html.push_str("<td>");\n'
        '                html.push_str(&format!("{:?}", self.values[r * self.row_size + c]));\n'
        '                html.push_str("</td>");\n'
        "            }\n"
        '            html.push_str("</tr>");\n'
        "        }\n"
        '        html.push_str("</table>");\n'
        '        println!("EVCXR_BEGIN_CONTENT text/html\\n{}\\nEVCXR_END_CONTENT", html);\n'
        "    }\n"
        "}"
    )
    result = kernel.ok("let m = Matrix {values: vec![1,2,3,4], row_size: 2};\nm")
    (shown,) = result.of("execute_result")
    rows = "".join(f"<tr><td>{a}</td><td>{b}</td></tr>" for a, b in ((1, 2), (3, 4)))
    assert shown["data"]["text/html"] == f"<table>{rows}</table>"


def test_an_error_points_at_the_argument(kernel):
    result = kernel.run('let mut s = String::new();\ns.push_str(format!("foo {}", 42));')
    (error,) = result.of("error")
    report = "\n".join(error["traceback"])
    assert "mismatched types" in error["evalue"] and "expected `&str`, found `String`" in report


def test_a_question_mark_ends_a_cell_with_its_error(kernel):
    result = kernel.run('let port: u16 = "99999".parse()?;')
    assert result.reply["status"] == "error"
    assert "number too large" in result.text("stderr") + "\n".join(result.reply["traceback"])


@pytest.mark.parametrize(
    ("command", "part"),
    [
        (":vars", "message"),
        (":help", ":dep"),
        (":version", "0.22"),
        (":timing", "Timing"),
        (":timing", "Timing"),
        (":opt 1", "1"),
        (":opt 0", "0"),
    ],
)
def test_commands(kernel, command, part):
    (shown,) = kernel.ok(command).of("execute_result")
    assert part.lower() in shown["data"]["text/plain"].lower()


def test_clear_forgets_variables_and_functions(fresh_kernel):
    fresh_kernel.ok("let kept = 1;\nfn one() -> i32 { 1 }")
    fresh_kernel.ok(":clear")
    assert fresh_kernel.run("kept").reply["status"] == "error"
    assert fresh_kernel.run("one()").reply["status"] == "error"
    assert fresh_kernel.value("1 + 1") == "2"
