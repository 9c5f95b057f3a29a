"""What each way of compiling a small cell takes, one after the other, without a kernel.

    python tests/bench/levers.py [--rounds 15]

Needs helpers that are built (`momentum kernel install`). Each row changes one thing of the row
above it. What the kernel does beyond the last row (a compiler that waits with the helpers loaded,
cells from the cache) is in kernel.py's figures. Medians, in milliseconds.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

CELL = """#![allow(unused_imports, unused_mut, dead_code)]
use momentum_cells::prelude::*;
#[unsafe(no_mangle)]
pub extern "C" fn run_user_code_0(store: *mut momentum_cells::variables::VariableStore) {
    let number = 20 + 1; // ROUND
    println!("{}", number * 2);
}
"""

MANIFEST = """[package]
name = "ctx"
version = "1.0.0"
edition = "2024"
[lib]
crate-type = ["cdylib"]
[profile.dev]
opt-level = 2
debug = false
strip = "debuginfo"
rpath = true
codegen-units = 16
incremental = true
"""


def cache() -> Path:
    named = os.environ.get("MOMENTUM_CACHE_DIR")
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(named) if named else base / "momentum"


def newest_helpers() -> Path:
    sets = [path.parent for path in (cache() / "helpers").glob("*/set.json")]
    if not sets:
        raise SystemExit(f"no helpers below {cache()}/helpers: run `momentum kernel install` first")
    return max(sets, key=lambda path: path.stat().st_mtime)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    helpers = newest_helpers()
    toolchain = json.loads((helpers / "set.json").read_text()).get("toolchain", {})
    rustc = toolchain.get("rustc", "rustc")
    print(subprocess.run([rustc, "--version"], capture_output=True, text=True, check=True).stdout.strip())
    externs = [
        "--extern", f"momentum_cells={helpers}/libmomentum_cells.so", "-L", f"dependency={helpers}/dependencies",
    ]  # fmt: skip
    common = [rustc, "--crate-name", "ctx", "--edition", "2024", "--crate-type", "cdylib", "-Cprefer-dynamic", *externs]
    bare = ["-shared", "--eh-frame-hdr", "-Bsymbolic", "-o", "cell.so", "cell.o"]
    lld = next(Path(subprocess.run([rustc, "--print", "sysroot"], capture_output=True, text=True, check=True).stdout.strip()).glob("lib/rustlib/*/bin/rust-lld"), None)  # fmt: skip
    evcxrs = ["--emit=link", "-Copt-level=2", "-Ccodegen-units=16", "src/lib.rs", "-o", "cell.so"]
    plain = ["-Ccodegen-units=1", "src/lib.rs", "-o"]
    obj = [*common, "--emit=obj", "-Copt-level=0", *plain, "cell.o"]
    rows = {
        "cargo build, as evcxr calls it": [["cargo", "build", "--quiet"]],
        "rustc, called directly": [[*common, *evcxrs]],
        "not optimised": [[*common, "--emit=link", "-Copt-level=0", *plain, "cell.so"]],
        "  the same with debug information": [[*common, "--emit=link", "-Copt-level=0", "-g", *plain, "cell.so"]],
        "an object file, linked by a plain ld": [obj, ["ld", *bare]],
        "  linked by Rust's lld": [obj, [str(lld), "-flavor", "gnu", *bare]],
        "  the cell optimised (opt 3)": [[*common, "--emit=obj", "-Copt-level=3", *plain, "cell.o"], ["ld", *bare]],
        "  the type check alone": [[*common, "--emit=metadata", "src/lib.rs", "-o", "cell.rmeta"]],
        "  the compiler does nothing": [[rustc, "--version"]],
    }
    if lld is None:
        del rows["  linked by Rust's lld"]
    times = {name: [] for name in rows}
    with tempfile.TemporaryDirectory() as folder:
        crate = Path(folder)
        (crate / "src").mkdir()
        (crate / "Cargo.toml").write_text(MANIFEST)
        flags = "\x1f".join(["-Cprefer-dynamic", *externs])
        environment = {**os.environ, "CARGO_ENCODED_RUSTFLAGS": flags, "CARGO_TARGET_DIR": "target", "RUSTC": rustc}
        for number in range(-1, rounds):
            for name, commands in rows.items():
                (crate / "src/lib.rs").write_text(CELL.replace("ROUND", f"{name} {number}"))
                begun = time.perf_counter()
                for command in commands:
                    subprocess.run(command, cwd=crate, env=environment, check=True, capture_output=True)
                if number >= 0:
                    times[name].append((time.perf_counter() - begun) * 1e3)
    for name, values in times.items():
        print(f"{name:45}{statistics.median(values):8.0f}")


if __name__ == "__main__":
    main()
