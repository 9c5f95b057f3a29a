"""A running kernel, and what its cells did."""

import time
from dataclasses import dataclass, field

from jupyter_client.manager import start_new_kernel

from repository import PATIENCE


@dataclass
class Result:
    """What one cell did."""

    reply: dict
    messages: list = field(default_factory=list)

    def of(self, kind: str) -> list:
        return [content for name, content in self.messages if name == kind]

    def text(self, name: str) -> str:
        return "".join(c["text"] for c in self.of("stream") if c["name"] == name)


class Kernel:
    """A running kernel and one client."""

    def __init__(self):
        self.manager, self.client = start_new_kernel(kernel_name="momentum", startup_timeout=60)

    def run(self, code: str, **options) -> Result:
        messages = []
        reply = self.client.execute_interactive(
            code,
            timeout=PATIENCE,
            output_hook=lambda m: messages.append((m["msg_type"], m["content"])),
            **options,
        )
        return Result(reply["content"], messages)

    def ok(self, code: str, **options) -> Result:
        result = self.run(code, **options)
        assert result.reply["status"] == "ok", result.reply
        return result

    def value(self, code: str) -> str:
        (shown,) = self.ok(code).of("execute_result")
        return shown["data"]["text/plain"]

    def until_printed(self, text: str):
        """Waits until a cell that runs has printed a text."""
        deadline = time.monotonic() + PATIENCE
        printed = ""
        while text not in printed:
            assert time.monotonic() < deadline, f"never printed {text!r}"
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["msg_type"] == "stream":
                printed += message["content"]["text"]

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=False)
