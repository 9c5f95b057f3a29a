"""The built site, served on loopback."""

import http.server
import subprocess
import threading
from functools import partial
from pathlib import Path

import pytest

from repository import PATIENCE, ROOT


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def site(momentum, tmp_path_factory) -> Path:
    """The folder of the site, built from the committed outputs, which all have to hold.

    Helpers that have changed since the lessons were run are let pass: test_lessons compares the
    committed outputs with those of a fresh run.
    """
    folder = tmp_path_factory.mktemp("site") / "site"
    command = [momentum, "build", "--no-run", "--out", folder, ROOT]
    built = subprocess.run(
        command, check=True, timeout=PATIENCE, stderr=subprocess.PIPE, text=True
    )
    warnings = [line for line in built.stderr.splitlines() if "warning:" in line]
    assert [line for line in warnings if "stale environment" not in line] == []
    return folder


@pytest.fixture(scope="session")
def address(site):
    handler = partial(QuietHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
