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


def test_fifty_megabytes_pass_whole_and_in_order(kernel):
    """Lines are numbered, so that what is lost or out of order is seen."""
    result = kernel.ok(
        "use std::io::Write;\n"
        "let mut out = std::io::stdout().lock();\n"
        'let filler = "x".repeat(990);\n'
        'for n in 0..50_000 { writeln!(out, "{n:09}{filler}").unwrap(); }\n'
        "drop(out);"
    )
    text = result.text("stdout")
    assert len(text) == 50_000 * 1000
    lines = text.splitlines()
    assert all(line.startswith(f"{n:09}") for n, line in enumerate(lines))


def test_a_slow_client_holds_up_the_cell_and_not_the_kernels_memory(fresh_kernel):
    """The kernel waits for its clients instead of keeping what they have not taken."""
    process = psutil.Process(fresh_kernel.manager.provisioner.pid)
    fresh_kernel.ok("1 + 1")
    client = fresh_kernel.client
    cell = client.execute(
        "use std::io::Write;\n"
        "let mut out = std::io::stdout().lock();\n"
        'let line = "y".repeat(999);\n'
        'for _ in 0..300_000 { writeln!(out, "{line}").unwrap(); }'
    )
    highest, length = 0, 0
    while True:
        message = client.get_iopub_msg(timeout=PATIENCE)
        if message["parent_header"].get("msg_id") != cell:
            continue
        if message["msg_type"] == "stream":
            length += len(message["content"]["text"])
            highest = max(highest, process.memory_info().rss >> 20)
            time.sleep(0.002)
        elif message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            break
    assert length > 0
    assert highest < 400, f"{highest} MB"


def test_user_expressions_and_history_switches(fresh_kernel):
    fresh_kernel.ok("let n = 20;")
    expressions = {"twice": "n * 2", "wrong": "missing"}
    reply = fresh_kernel.ok("n + 1", user_expressions=expressions).reply
    assert reply["user_expressions"]["twice"]["data"]["text/plain"] == "40"
    assert reply["user_expressions"]["wrong"]["status"] == "error"
    silent = fresh_kernel.ok('println!("quiet"); 1', silent=True)
    assert {kind for kind, _ in silent.messages} == {"status"}
    fresh_kernel.ok("3", store_history=False)
    tail = fresh_kernel.client.history(reply=True, timeout=30, hist_access_type="tail", n=9)
    assert [entry[2] for entry in tail["content"]["history"]] == ["let n = 20;", "n + 1"]


def test_stop_on_error_can_be_switched_off(fresh_kernel):
    client = fresh_kernel.client
    fresh_kernel.ok("1 + 1")
    ids = [client.execute('panic!("go on")', stop_on_error=False), client.execute("1")]
    replies = {}
    while len(replies) < len(ids):
        message = client.get_shell_msg(timeout=PATIENCE)
        replies[message["parent_header"]["msg_id"]] = message["content"]["status"]
    assert [replies[id] for id in ids] == ["error", "ok"]


def test_questions_and_passwords(fresh_kernel):
    client = fresh_kernel.client
    for code, password in (('input("Name? ")', False), ('password("Key? ")', True)):
        client.execute(code, allow_stdin=True)
        question = client.get_stdin_msg(timeout=PATIENCE)["content"]
        assert question == {"prompt": code.split('"')[1], "password": password}
        client.input("Ada")
        assert client.get_shell_msg(timeout=PATIENCE)["content"]["status"] == "ok"


def test_forged_and_replayed_messages_are_refused(fresh_kernel):
    fresh_kernel.ok("let mut n = 0;")
    session, socket = fresh_kernel.client.session, fresh_kernel.client.shell_channel.socket
    good = session.serialize(session.msg("execute_request", {"code": "n += 1;"}))
    forged = list(good)
    forged[1] = b"0" * len(forged[1])
    for frames in (forged, good, good, good):
        socket.send_multipart(frames)
    assert fresh_kernel.value("n") == "1"


def test_history(fresh_kernel):
    for code in ("let a = 1;", "let b = 2;", "a + b"):
        fresh_kernel.ok(code)
    tail = fresh_kernel.client.history(reply=True, timeout=30, hist_access_type="tail", n=2)
    assert [entry[1:] for entry in tail["content"]["history"]] == [[2, "let b = 2;"], [3, "a + b"]]
    some = fresh_kernel.client.history(
        reply=True, timeout=30, hist_access_type="range", session=0, start=1, stop=2
    )
    assert [entry[2] for entry in some["content"]["history"]] == ["let a = 1;"]


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
