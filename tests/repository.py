"""Where things are in this repository, and how patient its tests are."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))

# Seconds. A first cell may have to wait for the helpers to be compiled; only a hang takes longer.
PATIENCE = 1200
