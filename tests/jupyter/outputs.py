"""Outputs in a form in which two runs of one notebook can be compared."""


def _text(value):
    return "".join(value) if isinstance(value, list) else value


def plain(output: dict) -> dict:
    """One output with its texts joined and without what Jupyter adds."""
    kind = output["output_type"]
    if kind == "stream":
        return {"kind": kind, "name": output["name"], "text": _text(output["text"])}
    if kind == "error":
        keys = ("ename", "evalue", "traceback")
        return {"kind": kind, **{key: output[key] for key in keys}}
    data = {mime: _text(value) for mime, value in output["data"].items()}
    return {"kind": kind, "data": data, "metadata": dict(output.get("metadata", {}))}


def merged(outputs: list) -> list:
    """The outputs of a cell; printed texts that follow each other in one stream are one text."""
    result = []
    for output in map(plain, outputs):
        last = result[-1] if result else None
        if (
            last
            and output["kind"] == last["kind"] == "stream"
            and output["name"] == last["name"]
        ):
            last["text"] += output["text"]
        else:
            result.append(output)
    return result


def assert_same(ours, theirs):
    """Compares two runs of one notebook, cell by cell and output by output."""
    assert len(ours.cells) == len(theirs.cells)
    for n, (our, their) in enumerate(zip(ours.cells, theirs.cells), start=1):
        assert our.source == their.source, f"cell {n}: not the same notebook"
        if our.cell_type != "code":
            continue
        assert our.execution_count == their.execution_count, f"cell {n}: execution count"
        assert merged(our.outputs) == merged(their.outputs), f"cell {n}: outputs differ"
