"""The kernel that a test talks to, and `momentum run`."""

import subprocess
from pathlib import Path

import nbformat
import pytest

from kernel_client import Kernel
from repository import PATIENCE
from written import notebook


@pytest.fixture(scope="module")
def kernel(kernelspec):
    kernel = Kernel()
    yield kernel
    kernel.close()


@pytest.fixture
def fresh_kernel(kernelspec):
    kernel = Kernel()
    yield kernel
    kernel.close()


@pytest.fixture
def run_notebook(momentum):
    """Runs `momentum run` on files; returns the finished process."""

    def run(*arguments) -> subprocess.CompletedProcess:
        command = [momentum, "run", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)

    return run


@pytest.fixture
def write(tmp_path):
    """Writes a notebook of the given cells; returns its path."""

    def write(*sources: str, name: str = "test.ipynb") -> Path:
        path = tmp_path / name
        nbformat.write(notebook(*sources), path)
        return path

    return write
