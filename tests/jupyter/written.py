"""Notebooks written for a test."""

import nbformat


def notebook(*sources: str):
    """A notebook of code cells for this kernel."""
    cells = [nbformat.v4.new_code_cell(source, id=f"cell-{n}") for n, source in enumerate(sources)]
    metadata = {
        "kernelspec": {"name": "momentum", "display_name": "Rust (Momentum)", "language": "rust"},
        "language_info": {"name": "rust"},
    }
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)
