"""`momentum build --pdf`: the journal of this repository on paper, made by typst."""

import os
import subprocess
import sys
from pathlib import Path

import pypdfium2
import pytest

from repository import PATIENCE, ROOT


@pytest.fixture(scope="module")
def pdf(momentum, tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    typst = folder / "typst"
    command = Path(__file__).with_name("typst_command.py")
    typst.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{command}" "$@"\n')
    typst.chmod(0o755)
    files = []
    for name in ("one.pdf", "two.pdf"):
        subprocess.run(
            [momentum, "build", "--no-run", "--out", folder / "site", f"--pdf={folder / name}", ROOT],
            check=True,
            timeout=PATIENCE,
            env={**os.environ, "MOMENTUM_TYPST": str(typst)},
        )
        files.append(folder / name)
    return files


def test_two_builds_give_the_same_bytes(pdf):
    assert pdf[0].read_bytes() == pdf[1].read_bytes()


def test_the_pages_hold_the_days_and_their_figures(pdf, pictures):
    document = pypdfium2.PdfDocument(pdf[0])
    assert len(document) >= 6
    texts = []
    n_pictures = 0
    for number, page in enumerate(document):
        texts.append(page.get_textpage().get_text_range())
        image = page.render(scale=1.2).to_pil()
        image.save(pictures / f"paper-{number + 1:02}.png")
        colours = image.convert("L").getcolors(256)
        assert len(colours) > 5, f"page {number + 1} is empty"
        n_pictures += sum(1 for _ in page.get_objects())
    text = "\n".join(texts)
    assert "Momentum Learning" in texts[0]
    assert "DAY 2" in text and "The trace of the loop, step by step" in text.replace("\r\n", " ")
    assert "Cell curves of notebooks/day-02-cnn.ipynb: fresh" in text.replace("\r\n", " ")
    assert n_pictures > 100
