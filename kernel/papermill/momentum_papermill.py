"""Parameters of papermill as Rust code.

Installed beside papermill, this makes `papermill in.ipynb out.ipynb -p epochs 5` work on Rust
notebooks: it adds a cell with `let epochs = 5;` behind the one that is tagged `parameters`.
"""

import json
import math



def __getattr__(name: str):
    """`RustEngine`: papermill's own engine. papermill loads it, and with it this module.

    It is looked up when asked for, because papermill may ask in the middle of its own import.
    """
    if name == "RustEngine":
        from papermill.engines import NBClientEngine

        return NBClientEngine
    raise AttributeError(name)


from papermill.translators import Translator, papermill_translators  # noqa: E402


class RustTranslator(Translator):
    """Values as the Rust expressions that a `let` takes."""

    @classmethod
    def translate_str(cls, value):
        escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
        plain = (
            escapes.get(c) or (c if c.isprintable() else f"\\u{{{ord(c):x}}}") for c in value
        )
        return f'"{"".join(plain)}"'

    translate_escaped_str = translate_str

    @classmethod
    def translate_none(cls, value):
        return "None::<String>"

    @classmethod
    def translate_int(cls, value):
        for size in (32, 64, 128):
            if -(2 ** (size - 1)) <= value < 2 ** (size - 1):
                return str(value) if size == 32 else f"{value}_i{size}"
        raise ValueError(f"no Rust integer holds {value}")

    @classmethod
    def translate_float(cls, value):
        if math.isnan(value):
            return "f64::NAN"
        if math.isinf(value):
            return "f64::INFINITY" if value > 0 else "f64::NEG_INFINITY"
        text = repr(value)
        return text if "." in text else f"{text}_f64"

    @classmethod
    def translate_list(cls, value):
        return f"vec![{', '.join(cls.translate(item) for item in value)}]"

    @classmethod
    def translate_dict(cls, value):
        """A JSON value: `json!` is in scope in every cell."""
        return f"json!({json.dumps(value, ensure_ascii=False)})"

    @classmethod
    def comment(cls, text):
        return f"// {text}".strip()

    @classmethod
    def assign(cls, name, value):
        return f"let {name} = {value};"


papermill_translators.register("rust", RustTranslator)
