"""What all Python tests share: the built command, a kernelspec for it, a browser."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from repository import ROOT


def environment_path(name: str, what: str) -> Path:
    """A path that tests/run passes by an environment variable."""
    value = os.environ.get(name)
    if not value:
        pytest.exit(f"{name} is not set: run the tests by tests/run python, which sets {what}")
    return Path(value)


@pytest.fixture(scope="session")
def momentum() -> Path:
    """The built `momentum` command."""
    return environment_path("MOMENTUM_BIN", "the built command")


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where screenshots go."""
    folder = environment_path("MOMENTUM_TEST_OUTPUT", "where screenshots go")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def kernelspec(momentum, tmp_path_factory) -> Path:
    """A kernelspec in a temporary prefix, where every Jupyter program of this run finds it."""
    prefix = tmp_path_factory.mktemp("prefix")
    subprocess.run([momentum, "kernel", "install", "--prefix", prefix], check=True)
    os.environ["JUPYTER_PATH"] = str(prefix / "share" / "jupyter")
    # Nothing of the machine's own user gets in.
    os.environ["JUPYTER_CONFIG_DIR"] = str(tmp_path_factory.mktemp("config"))
    os.environ["JUPYTER_DATA_DIR"] = str(tmp_path_factory.mktemp("data"))
    os.environ["JUPYTER_RUNTIME_DIR"] = str(tmp_path_factory.mktemp("runtime"))
    return prefix / "share" / "jupyter" / "kernels" / "momentum"


@pytest.fixture(scope="session")
def lessons(tmp_path_factory) -> Path:
    """A copy of the notebooks' folder, to be executed and written to, among links to the rest."""
    root = tmp_path_factory.mktemp("repository")
    own = {"notebooks", "target", "_site", ".git"}
    for entry in ROOT.iterdir():
        if entry.name not in own:
            (root / entry.name).symlink_to(entry)
    folder = root / "notebooks"
    ignored = shutil.ignore_patterns(".momentum", ".ipynb_checkpoints")
    shutil.copytree(ROOT / "notebooks", folder, ignore=ignored)
    return folder


@pytest.fixture(scope="session")
def chromium():
    """A real Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright

    program = environment_path("MOMENTUM_CHROMIUM", "the browser's path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
