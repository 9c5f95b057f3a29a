"""Where things are in this repository, and how patient its tests are."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def has_library_sources() -> bool:
    """Whether the toolchain has the standard library's sources, which completion reads."""
    root = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True).stdout
    return (Path(root.strip()) / "lib/rustlib/src/rust/library/std").is_dir()


# Seconds. A first cell may have to wait for the helpers to be compiled; only a hang takes longer.
PATIENCE = 1200
