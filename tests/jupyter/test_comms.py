"""Comms: both ways, between cells and while a cell waits, as a widget's client speaks them."""

import time

import pytest

from repository import PATIENCE


class Widgets:
    """A client's side of comms: what it hears, and what it says."""

    def __init__(self, kernel):
        self.client = kernel.client

    def say(self, kind: str, content: dict, buffers: list | None = None) -> str:
        message = self.client.session.msg(kind, content)
        self.client.session.send(self.client.shell_channel.socket, message, buffers=buffers)
        return message["header"]["msg_id"]

    def until_idle(self, parent: str) -> list:
        """What is broadcast for a message, up to its idle."""
        heard = []
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") != parent:
                continue
            if message["msg_type"] == "status":
                if message["content"]["execution_state"] == "idle":
                    return heard
            else:
                heard.append(message)
        raise AssertionError("no idle")

    def tell(self, kind: str, content: dict, buffers: list | None = None) -> list:
        return self.until_idle(self.say(kind, content, buffers))


@pytest.fixture
def widgets(fresh_kernel):
    return Widgets(fresh_kernel)


def test_a_client_opens_a_comm_with_a_cells_target(fresh_kernel, widgets):
    fresh_kernel.ok(
        "comm::register(\"doubler\", |line, opening| {\n"
        "    println!(\"opened with {}\", opening.data);\n"
        "    line.on_message(|line, message| {\n"
        "        let n = message.data[\"n\"].as_i64().unwrap();\n"
        "        let bytes = message.buffers.iter().map(|b| b.iter().rev().copied().collect()).collect();\n"
        "        line.send_with(json!({\"n\": n * 2}), bytes);\n"
        "    });\n"
        "});"
    )
    opened = widgets.tell("comm_open", {"comm_id": "c1", "target_name": "doubler", "data": {"a": 1}})
    assert [m["content"] for m in opened] == [{"name": "stdout", "text": 'opened with {"a":1}\n'}]
    (answer,) = widgets.tell("comm_msg", {"comm_id": "c1", "data": {"n": 21}}, [b"abc"])
    assert answer["msg_type"] == "comm_msg"
    assert answer["content"] == {"comm_id": "c1", "data": {"n": 42}}
    assert [bytes(b) for b in answer["buffers"]] == [b"cba"]
    info = fresh_kernel.client.comm_info(reply=True, timeout=30)["content"]
    assert info["comms"] == {"c1": {"target_name": "doubler"}}
    widgets.tell("comm_close", {"comm_id": "c1", "data": {}})
    assert fresh_kernel.client.comm_info(reply=True, timeout=30)["content"]["comms"] == {}


def test_what_no_target_wants_is_closed(widgets):
    (answer,) = widgets.tell("comm_open", {"comm_id": "c1", "target_name": "nobody", "data": {}})
    assert (answer["msg_type"], answer["content"]["comm_id"]) == ("comm_close", "c1")
    assert widgets.tell("comm_msg", {"comm_id": "c1", "data": {}}) == []


def test_a_widget_as_ipywidgets_speaks_it(fresh_kernel, widgets):
    """The kernel holds a slider's model; the client sends what the user does to its view."""
    cell = fresh_kernel.ok(
        "use std::sync::{Arc, Mutex};\n"
        "let value = Arc::new(Mutex::new(3_i64));\n"
        "let slider = comm::open_with(\n"
        "    \"jupyter.widget\",\n"
        "    json!({\"state\": {\"_model_name\": \"IntSliderModel\", \"value\": 3}, \"buffer_paths\": []}),\n"
        "    json!({\"version\": \"2.1.0\"}),\n"
        "    vec![],\n"
        ");\n"
        "let kept = Arc::clone(&value);\n"
        "slider.on_message(move |line, message| {\n"
        "    if message.data[\"method\"] == \"update\" {\n"
        "        let n = message.data[\"state\"][\"value\"].as_i64().unwrap();\n"
        "        *kept.lock().unwrap() = n;\n"
        "        line.send(json!({\"method\": \"echo_update\", \"state\": {\"value\": n}, \"buffer_paths\": []}));\n"
        "    }\n"
        "});\n"
        "show(Bundle::text(\"a slider\").with(\n"
        "    \"application/vnd.jupyter.widget-view+json\",\n"
        "    json!({\"version_major\": 2, \"version_minor\": 0, \"model_id\": slider.id()}),\n"
        "));"
    )
    (opened,) = cell.of("comm_open")
    assert opened["target_name"] == "jupyter.widget"
    assert opened["data"]["state"]["value"] == 3
    (view,) = cell.of("display_data")
    model = view["data"]["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert model == opened["comm_id"]
    for n in (7, 8, 9):
        data = {"method": "update", "state": {"value": n}, "buffer_paths": []}
        (echo,) = widgets.tell("comm_msg", {"comm_id": model, "data": data})
        assert echo["content"]["data"]["state"] == {"value": n}
    assert fresh_kernel.value("*value.lock().unwrap()") == "9"


def test_a_cell_waits_for_a_message(fresh_kernel, widgets):
    cell = fresh_kernel.client.execute(
        'let line = comm::open("questions", json!({}));\n'
        'println!("waiting on {}", line.id());\n'
        "let heard = line.recv().map(|message| message.data[\"answer\"].to_string());\n"
        "heard"
    )
    fresh_kernel.until_printed("waiting on")
    comm_info = {"comm_id": "momentum-comm-1", "data": {"answer": 42}}
    widgets.say("comm_msg", comm_info)
    heard = widgets.until_idle(cell)
    (result,) = [m["content"] for m in heard if m["msg_type"] == "execute_result"]
    assert result["data"]["text/plain"] == 'Some("42")'


def test_a_cell_that_waits_can_be_interrupted(fresh_kernel):
    fresh_kernel.client.execute(
        'let line = comm::open("questions", json!({}));\nprintln!("waiting");\nline.recv();\nloop {}'
    )
    fresh_kernel.until_printed("waiting")
    fresh_kernel.manager.interrupt_kernel()
    assert fresh_kernel.client.get_shell_msg(timeout=60)["content"]["status"] == "error"
    assert fresh_kernel.value("6 * 7") == "42"


def test_a_callback_that_panics_is_told_and_the_next_one_runs(fresh_kernel, widgets):
    fresh_kernel.ok(
        'comm::register("strict", |line, _| {\n'
        "    line.on_message(|line, message| line.send(json!({\"n\": message.data[\"n\"].as_i64().unwrap()})));\n"
        "});"
    )
    widgets.tell("comm_open", {"comm_id": "c1", "target_name": "strict", "data": {}})
    (told,) = widgets.tell("comm_msg", {"comm_id": "c1", "data": {"n": "none"}})
    assert told["content"]["name"] == "stderr" and "panic in a comm's callback" in told["content"]["text"]
    (answer,) = widgets.tell("comm_msg", {"comm_id": "c1", "data": {"n": 1}})
    assert answer["content"]["data"] == {"n": 1}


def test_a_big_message_passes(fresh_kernel, widgets):
    fresh_kernel.ok(
        'comm::register("count", |line, message| line.send(json!({"bytes": message.buffers[0].len()})));'
    )
    content = {"comm_id": "c1", "target_name": "count", "data": {}}
    (answer,) = widgets.tell("comm_open", content, [bytes(3_000_000)])
    assert answer["content"]["data"] == {"bytes": 3_000_000}
