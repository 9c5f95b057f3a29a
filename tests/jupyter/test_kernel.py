"""The kernel as `jupyter_client` sees it: the protocol, with real Rust cells."""

import json
import os
import subprocess
import time

import psutil
import pytest
from jupyter_client.kernelspec import KernelSpecManager

from repository import PATIENCE


def test_jupyter_finds_the_kernelspec(kernelspec, momentum):
    spec = KernelSpecManager().get_kernel_spec("momentum")
    assert momentum.samefile(spec.argv[0])
    assert spec.argv[1:] == ["kernel", "serve", "{connection_file}"]
    assert (spec.display_name, spec.language) == ("Rust (Momentum)", "rust")
    assert spec.interrupt_mode == "message"
    for logo in ("logo-32x32.png", "logo-64x64.png"):
        assert (kernelspec / logo).read_bytes().startswith(b"\x89PNG")


def test_uninstall_removes_what_install_wrote(momentum, tmp_path):
    environment = {**os.environ, "JUPYTER_DATA_DIR": str(tmp_path)}
    folder = tmp_path / "kernels" / "momentum"
    subprocess.run([momentum, "kernel", "install"], check=True, env=environment)
    assert json.loads((folder / "kernel.json").read_text())["language"] == "rust"
    subprocess.run([momentum, "kernel", "uninstall"], check=True, env=environment)
    assert not folder.exists()


def test_kernel_info(kernel):
    content = kernel.client.kernel_info(reply=True, timeout=30)["content"]
    assert content["status"] == "ok"
    assert content["protocol_version"] >= "5.4"
    assert content["implementation"] == "momentum"
    assert content["language_info"]["name"] == "rust"
    assert content["language_info"]["file_extension"] == ".rs"


def test_values_variables_and_counts(kernel):
    first = kernel.ok("let x = 20;")
    second = kernel.ok("x * 2 + 2")
    assert second.of("execute_result")[0]["data"]["text/plain"] == "42"
    assert second.reply["execution_count"] == first.reply["execution_count"] + 1


def test_streams_are_whole_and_in_order(kernel):
    result = kernel.ok('for n in 0..2000 { println!("out {n}"); }\neprintln!("careful");')
    assert result.text("stdout") == "".join(f"out {n}\n" for n in range(2000))
    assert result.text("stderr") == "careful\n"


def test_a_compile_error_names_the_cells_line(kernel):
    result = kernel.run("let a = 1;\nlet b: i32 = missing;")
    assert result.reply["status"] == "error"
    (error,) = result.of("error")
    report = "\n".join(error["traceback"])
    assert "missing" in report and "2" in report, report


def test_a_panic_leaves_the_kernel_usable(kernel):
    result = kernel.run('panic!("on purpose")')
    assert result.reply["status"] == "error"
    assert "on purpose" in "\n".join([result.reply["evalue"], *result.reply["traceback"]])
    assert kernel.value("1 + 1") == "2"


def test_rich_display(kernel):
    """The display protocol of ARCHITECTURE.md: one line of JSON behind a record separator."""
    message = json.dumps({"display": {"data": {"text/html": "<b>bold</b>"}, "id": "one"}})
    result = kernel.ok(f'println!("before");\nprintln!("\\u{{1e}}{{}}", r#"{message}"#);')
    (shown,) = result.of("display_data")
    assert shown["data"] == {"text/html": "<b>bold</b>"}
    assert shown["transient"] == {"display_id": "one"}
    assert result.text("stdout") == "before\n"


def test_stdin(kernel):
    code = 'let name = input("Who? ");\nname.len()'
    asked = []

    def answer(message):
        asked.append(message["content"])
        kernel.client.input("Ada")

    result = kernel.run(code, allow_stdin=True, stdin_hook=answer)
    assert result.reply["status"] == "ok", result.reply
    assert result.of("execute_result")[0]["data"]["text/plain"] == "3"
    assert [(one["prompt"], one["password"]) for one in asked] == [("Who? ", False)]


def test_history(fresh_kernel):
    for code in ("let a = 1;", "let b = 2;", "a + b"):
        fresh_kernel.ok(code)
    tail = fresh_kernel.client.history(reply=True, timeout=30, hist_access_type="tail", n=2)
    assert [entry[1:] for entry in tail["content"]["history"]] == [[2, "let b = 2;"], [3, "a + b"]]
    some = fresh_kernel.client.history(
        reply=True, timeout=30, hist_access_type="range", session=0, start=1, stop=2
    )
    assert [entry[2] for entry in some["content"]["history"]] == ["let a = 1;"]


def test_completion_counts_code_points(kernel):
    kernel.ok("let wonderful_number = 7;")
    code = "/* é𝕏 */ wonderful_n"
    content = kernel.client.complete(code, reply=True, timeout=PATIENCE)["content"]
    assert "wonderful_number" in content["matches"]
    assert code[content["cursor_start"] : content["cursor_end"]] == "wonderful_n"


def test_inspection_shows_a_definition(kernel):
    kernel.ok("fn doubled(n: i64) -> i64 { n * 2 }")
    content = kernel.client.inspect("doubled", 7, reply=True, timeout=PATIENCE)["content"]
    assert content["found"] is True
    assert "fn doubled(n: i64) -> i64" in content["data"]["text/plain"]


@pytest.mark.parametrize(
    ("code", "status"),
    [("1 + 1", "complete"), ("fn f() {", "incomplete"), ("let x = );", "invalid")],
)
def test_is_complete(kernel, code, status):
    asked = kernel.client.is_complete(code)
    while (reply := kernel.client.get_shell_msg(timeout=PATIENCE))["parent_header"]["msg_id"] != asked:
        pass
    assert reply["content"]["status"] == status


def test_comm_info_is_empty(kernel):
    content = kernel.client.comm_info(reply=True, timeout=30)["content"]
    assert content == {"status": "ok", "comms": {}}


def test_interrupt_stops_a_cell_and_the_next_one_runs(fresh_kernel):
    fresh_kernel.client.execute('println!("running");\nloop { std::hint::spin_loop(); }')
    fresh_kernel.until_printed("running")
    assert fresh_kernel.client.hb_channel.is_beating()
    fresh_kernel.manager.interrupt_kernel()
    reply = fresh_kernel.client.get_shell_msg(timeout=60)["content"]
    assert reply["status"] == "error"
    assert fresh_kernel.value("6 * 7") == "42"


def test_a_failed_cell_aborts_those_that_wait(fresh_kernel):
    client = fresh_kernel.client
    fresh_kernel.ok("1 + 1")
    ids = [client.execute(code) for code in ('panic!("stop here")', "1", "2")]
    replies = {}
    while len(replies) < len(ids):
        message = client.get_shell_msg(timeout=PATIENCE)
        replies[message["parent_header"]["msg_id"]] = message["content"]["status"]
    assert [replies[id] for id in ids] == ["error", "aborted", "aborted"]


def test_restart_forgets_and_shutdown_leaves_no_process(fresh_kernel):
    fresh_kernel.ok("let kept = 1;")
    process = psutil.Process(fresh_kernel.manager.provisioner.pid)
    family = [process, *process.children(recursive=True)]
    fresh_kernel.manager.restart_kernel()
    fresh_kernel.client.wait_for_ready(timeout=60)
    assert fresh_kernel.run("kept").reply["status"] == "error"
    # The first kernel has gone, and its children with it.
    deadline = time.monotonic() + 30
    while any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in family):
        assert time.monotonic() < deadline, [p for p in family if p.is_running()]
        time.sleep(0.1)
