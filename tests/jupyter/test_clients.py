"""Clients as people use them: jupyter console, papermill, nbconvert, VS Code's and Quarto's messages."""

import json
import subprocess
import sys

import nbformat
import pexpect
from nbclient import NotebookClient

from repository import PATIENCE
from written import notebook


def test_jupyter_console(kernelspec):
    command = [sys.executable, "-m", "jupyter", "console", "--kernel", "momentum", "--simple-prompt"]
    console = pexpect.spawn(command[0], command[1:], encoding="utf-8", timeout=300, echo=False)
    console.expect(r"In \[1\]: ")
    console.sendline('let name = "Ada"; println!("hello {name}");')
    console.expect("hello Ada")
    console.expect(r"In \[2\]: ")
    console.sendline("6 * 7")
    console.expect(r"Out\[2\]: 42")
    console.expect(r"In \[3\]: ")
    console.sendline("let n: i32 = name;")
    console.expect("mismatched types")
    console.expect(r"In \[4\]: ")
    console.sendline('input("Who? ")')
    console.expect(r"Who\? ")
    console.sendline("Grace")
    console.expect('"Grace"')
    console.expect(r"In \[5\]: ")
    console.sendeof()
    console.expect("Do you really want to exit")
    console.sendline("y")
    console.expect(pexpect.EOF)
    console.close()


PARAMETERS = {
    "epochs": 7,
    "rate": 0.5,
    "name": 'Ada "the first" é\n',
    "big": 5_000_000_000,
    "flag": True,
    "sizes": [1, 2, 3],
    "options": {"a": [1, None]},
}


def test_papermill_writes_parameters_in_rust(kernelspec, tmp_path):
    """papermill finds its Rust by kernel/papermill, installed beside it."""
    book = notebook(
        'let epochs = 1;\nlet rate = 0.1;\nlet name = "nobody";\nlet big = 1_i64;\nlet flag = false;\n'
        "let sizes = vec![0];\nlet options = json!({});",
        "(epochs, rate, name, big, flag, sizes.clone(), options.to_string())",
    )
    book.cells[0].metadata["tags"] = ["parameters"]
    path, written = tmp_path / "in.ipynb", tmp_path / "out.ipynb"
    nbformat.write(book, path)
    given = tmp_path / "parameters.json"
    given.write_text(json.dumps(PARAMETERS))
    command = [sys.executable, "-m", "papermill", path, written, "-f", given, "--no-progress-bar"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    cells = nbformat.read(written, as_version=4).cells
    assert "injected-parameters" in cells[1].metadata["tags"]
    assert "let epochs = 7;" in cells[1].source
    assert cells[2].outputs[0].data["text/plain"] == (
        '(7, 0.5, "Ada \\"the first\\" é\\n", 5000000000, true, [1, 2, 3], "{\\"a\\":[1,null]}")'
    )


def test_nbconvert_to_html_shows_pictures_with_their_words(kernelspec, tmp_path):
    figure = (
        "use plotters::prelude::*;\n"
        'show(plot((320, 200), "a line that rises", |canvas| {\n'
        "    let mut chart = ChartBuilder::on(canvas).build_cartesian_2d(0..10, 0..10)?;\n"
        "    chart.draw_series(LineSeries::new((0..10).map(|n| (n, n)), &BLUE))?;\n"
        "    Ok(())\n"
        "})?);"
    )
    path = tmp_path / "figure.ipynb"
    nbformat.write(notebook(figure, 'table("Squares", ["n", "<n²>"], (1..3).map(|n| [n, n * n]))'), path)
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--execute", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    page = path.with_suffix(".html").read_text()
    assert "data:image/svg+xml" in page or "<polyline" in page
    assert '<th scope="col"' in page and "&lt;n²&gt;" in page


def test_the_messages_of_vs_code(fresh_kernel):
    """VS Code itself is not here: these are the messages that its Jupyter extension sends, in its
    order (jupyterlab's services: kernel info, silent set-up code, cells, completion, hover)."""
    client = fresh_kernel.client
    info = client.kernel_info(reply=True, timeout=30)["content"]
    assert info["status"] == "ok" and info["language_info"]["codemirror_mode"] == "rust"
    silent = {"silent": True, "store_history": False, "allow_stdin": False, "stop_on_error": False}
    assert client.execute("1 + 1", reply=True, timeout=PATIENCE, **silent)["content"]["status"] == "ok"
    cell = fresh_kernel.run("let x = 1;\nx", allow_stdin=True, stop_on_error=False)
    assert cell.reply["execution_count"] == 1, "set-up code does not count"
    session = client.session
    for kind, content in [
        ("comm_info_request", {"target_name": "jupyter.widget"}),
        ("comm_info_request", {}),
        ("history_request", {"hist_access_type": "range", "session": 0, "start": 1, "stop": 10, "raw": True, "output": False}),
        ("is_complete_request", {"code": "fn f() {"}),
        ("complete_request", {"code": "x.", "cursor_pos": 2}),
        ("inspect_request", {"code": "x", "cursor_pos": 1, "detail_level": 0}),
    ]:
        message = session.msg(kind, content)
        message["metadata"] = {"cellId": "vscode-notebook-cell:Untitled-1.ipynb#W0sZmlsZQ"}
        session.send(client.shell_channel.socket, message)
        while True:
            reply = client.get_shell_msg(timeout=PATIENCE)
            if reply["parent_header"]["msg_id"] == message["header"]["msg_id"]:
                break
        assert reply["msg_type"] == kind.replace("request", "reply")
        assert reply["content"]["status"] in ("ok", "incomplete")
    interrupt = session.msg("interrupt_request", {})
    session.send(client.control_channel.socket, interrupt)
    assert client.get_control_msg(timeout=30)["content"]["status"] == "ok"
    assert fresh_kernel.value("1 + 1") == "2"


def test_the_way_of_quarto(kernelspec):
    """Quarto itself is not here (its package on PyPI fetches the program from elsewhere): this is
    what its notebook.py does with nbclient, in its order. It takes the `#|` lines off a cell, asks
    for inline expressions with an empty cell, and opens a comm that no Rust kernel knows."""
    book = notebook("let n = 20;\nn + 1", "let wrong: i32 = n;\npanic!(\"meant to\");", 'show(svg("<svg/>", "a figure"));')
    client = NotebookClient(book, resources={"metadata": {}}, timeout=PATIENCE)
    client.allow_errors, client.record_timing = False, False
    client.create_kernel_manager()
    client.start_new_kernel()
    client.start_new_kernel_client()
    try:
        info = client.wait_for_reply(client.kc.kernel_info())
        assert info["content"]["language_info"]["name"] == "rust"
        opened = {"comm_id": "quarto_comm", "target_name": "quarto_kernel_setup", "data": {"options": {}}}
        client.kc.shell_channel.send(client.kc.session.msg("comm_open", opened))
        book.cells.insert(0, nbformat.v4.new_code_cell(""))
        setup, first, failing, figure = book.cells
        client.execute_cell(setup, 0, execution_count=1, store_history=False)
        assert setup.outputs == []
        client.execute_cell(first, 1, execution_count=2, store_history=True)
        assert first.outputs[0].data["text/plain"] == "21"
        inline = client.kc.execute("", user_expressions={"0": "n * 2"})
        reply = client.wait_for_reply(inline)["content"]
        assert reply["user_expressions"]["0"]["data"]["text/plain"] == "40"
        failing.metadata["tags"] = ["raises-exception"]
        client.execute_cell(failing, 2, execution_count=3, store_history=True)
        assert failing.outputs[-1].output_type == "error"
        client.execute_cell(figure, 3, execution_count=4, store_history=True)
        assert figure.outputs[0].data["image/svg+xml"] == "<svg/>"
    finally:
        client._cleanup_kernel()
