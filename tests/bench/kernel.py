"""Times a Rust kernel as its user feels it, beside another one, in one run.

    python tests/bench/kernel.py target/release/momentum [--peer PATH/evcxr_jupyter] [--rounds 3]

Needs jupyter_client (tests/run installs it below the build folder, in venv/). Both kernels are
asked in turn, through the same client. Each figure is a median; the last column is ours to theirs.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

PATIENCE = 600

TRIVIAL = [
    "1 + 1",
    "let a = 5;",
    "a + 2",
    'println!("hello");',
    "let b = 2.5_f64;",
    "b * 2.0",
    'let name = String::from("Ada");',
    "name.len()",
    "fn double(x: i32) -> i32 { x * 2 }",
    "double(a)",
    "struct Point { x: f64, y: f64 }",
    "let p = Point { x: 1.0, y: 2.0 };",
    "p.x + p.y",
    "let v = vec![1, 2, 3];",
    "v.iter().sum::<i32>()",
    'format!("{name} {a}")',
    "let t = (1, 'x');",
    "t.0",
    "if a > 3 { 1 } else { 0 }",
    "v.len() + 40",
]

# One cell each that uses a helper of agent memory, of vision, and draws; ours only.
HELPERS = [
    "let mut agent = DictionaryAgent::new(Client::tutor().unwrap());",
    "Cnn::on([1, 28, 28]).conv(8, 3).relu().max_pool(2).classes(10).unwrap().summary()",
    "batch_preview(&fashion_mnist().unwrap().train, 16).unwrap()",
]

# A figure of one's own: what is generic in plotters is compiled in the cell.
PLOT = """plot((320, 200), "a parabola", |canvas| {
    use plotters::prelude::*;
    let mut chart = ChartBuilder::on(canvas).build_cartesian_2d(-1.0..1.0, 0.0..1.0)?;
    let points = (-10..=10).map(|n| f64::from(n) / 10.0).map(|x| (x, x * x));
    chart.draw_series(LineSeries::new(points, &BLUE))?;
    Ok(())
}).unwrap()"""

# A session with a crate from the registry; the first cell has it built, or finds it built.
CRATE = ':dep itoa = "1"\nlet from = 1;'
WITH_CRATE = [
    "itoa::Buffer::new().format(12_u8).len()",
    "let digits = itoa::Buffer::new().format(100 + from).to_string();",
    "digits.len() + 1",
    "let more = vec![digits.clone(), digits];",
    "more.len()",
]
AWAIT = ["async fn later(n: i32) -> i32 { n + 1 }", "later(1).await", "let n = later(2).await;", "later(n).await + 1"]

ERRORS = ['let wrong: i32 = "text";', "missing_name + 1", "let s = String::new(); drop(s); s.len()"]


class Kernel:
    """One kernel process and a client."""

    def __init__(self, argv):
        self.folder = tempfile.TemporaryDirectory()
        spec = Path(self.folder.name) / "kernels" / "bench"
        spec.mkdir(parents=True)
        description = {"argv": argv, "display_name": "bench", "language": "rust"}
        (spec / "kernel.json").write_text(json.dumps(description))
        specs = KernelSpecManager(kernel_dirs=[str(spec.parent)], ensure_native_kernel=False)
        begun = time.perf_counter()
        self.manager = KernelManager(kernel_name="bench", kernel_spec_manager=specs)
        self.manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)
        self.ready = time.perf_counter() - begun
        self.time("1")
        self.first = time.perf_counter() - begun
        self.begun = begun

    def time(self, code, expected="ok"):
        """Seconds from the request to the reply."""
        begun = time.perf_counter()
        reply = self.client.execute_interactive(code, timeout=PATIENCE, output_hook=lambda _: None)
        taken = time.perf_counter() - begun
        status = reply["content"]["status"]
        if status != expected:
            raise SystemExit(f"the cell gave {status}, not {expected}: {code}\n{reply['content']}")
        return taken

    def interrupted(self):
        """Seconds from the interrupt of an endless loop to the reply."""
        request = self.client.execute('println!("here"); loop { std::hint::black_box(0); }')
        while "here" not in self.client.get_iopub_msg(timeout=PATIENCE)["content"].get("text", ""):
            pass
        begun = time.perf_counter()
        self.manager.interrupt_kernel()
        while self.client.get_shell_msg(timeout=PATIENCE)["parent_header"]["msg_id"] != request:
            pass
        return time.perf_counter() - begun

    def memory(self):
        """MiB resident: of the kernel's process, and of all its processes together, at rest."""
        time.sleep(2)
        kernel = self.manager.provisioner.process.pid
        return resident([kernel]), resident(descendants(kernel))

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.folder.cleanup()


def descendants(process):
    found = [process]
    for line in subprocess.run(
        ["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout.splitlines():
        child, parent = map(int, line.split())
        if parent in found:
            found.append(child)
    return found


def resident(processes):
    """Proportional set size: a page that several share counts once."""
    total = 0
    for process in processes:
        try:
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total / 1024


def distinct(number):
    """A trivial cell that no earlier one equals."""
    return f"let x{number} = {number} * 3; x{number} + {number}"


def measure(name, argv, options):
    """All rows of one kernel in one round, in milliseconds or MiB."""
    ours = name == "momentum"
    rows = {}
    kernel = Kernel(argv)
    rows["start until ready, ms"] = kernel.ready * 1e3
    rows["start to first trivial result, ms"] = kernel.first * 1e3
    rows["resident after start (kernel), MiB"], rows["resident after start (all), MiB"] = kernel.memory()
    times = [kernel.time(code) for code in TRIVIAL]
    rows["trivial cell, ms"] = statistics.median(times) * 1e3
    rows["trivial cell that defines variables, ms"] = (
        statistics.median(t for t, c in zip(times, TRIVIAL) if c.startswith("let")) * 1e3
    )
    rows["compile error, ms"] = statistics.median(kernel.time(c, "error") for c in ERRORS) * 1e3
    kernel.close()
    if ours:
        kernel = Kernel(argv)
        kernel.time(HELPERS[1])
        rows["start to first result of a helper cell, ms"] = (time.perf_counter() - kernel.begun) * 1e3
        rows["helper cell, ms"] = statistics.median(kernel.time(c) for c in HELPERS) * 1e3
        rows["plot cell, ms"] = kernel.time(PLOT) * 1e3
        rows["interrupt to reply, ms"] = kernel.interrupted() * 1e3
        kernel.close()
    kernel = Kernel(argv)
    rows["cell that adds a crate built in an earlier session, ms"] = kernel.time(CRATE) * 1e3
    rows["cell in a session with a crate, ms"] = statistics.median(map(kernel.time, WITH_CRATE)) * 1e3
    kernel.close()
    kernel = Kernel(argv)
    rows["cell with .await, ms"] = statistics.median([kernel.time(code) for code in AWAIT][2:]) * 1e3
    kernel.close()
    # Again from a fresh kernel: nothing but compiling and running.
    kernel = Kernel(argv)
    again = [kernel.time(code) for code in TRIVIAL]
    rows["the same cells again in a new kernel, ms a cell"] = statistics.median(again) * 1e3
    kernel.close()
    if options.cells:
        kernel = Kernel(argv)
        many = [kernel.time(distinct(n)) for n in range(options.cells)]
        first, last = statistics.median(many[1:11]) * 1e3, statistics.median(many[-10:]) * 1e3
        rows[f"of {options.cells} cells with a new variable each: 2nd to 11th, ms"] = first
        rows["  the last ten, ms"] = last
        rows["  the last ten, in per cent of the first"] = 100 * last / first
        kernel.close()
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("momentum", help="path of our binary")
    parser.add_argument("--peer", help="path of evcxr_jupyter")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cells", type=int, default=0, help="length of the long session (200)")
    options = parser.parse_args()
    kernels = {"momentum": [options.momentum, "kernel", "serve", "{connection_file}"]}
    if options.peer:
        kernels["peer"] = [options.peer, "--control_file", "{connection_file}"]
    # Fresh outputs: what an earlier run of this script compiled must not help the first round.
    seen = {name: {} for name in kernels}
    for _ in range(options.rounds):
        for name, argv in kernels.items():
            with tempfile.TemporaryDirectory() as cells:
                os.environ["MOMENTUM_CELL_CACHE"] = cells
                for row, value in measure(name, argv, options).items():
                    seen[name].setdefault(row, []).append(value)
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout
    print(f"{datetime.date.today()}, {os.cpu_count()} cores, {platform.machine()}, {rustc.strip()}")
    for name, argv in kernels.items():
        version = subprocess.run([argv[0], "--version"], capture_output=True, text=True, check=False)
        print(f"{name}: {version.stdout.strip() or argv[0]}")
    print(f"{'median of ' + str(options.rounds) + ' rounds':58}{'ours':>10}{'peer':>10}{'ratio':>8}")
    for row, values in seen["momentum"].items():
        ours = statistics.median(values)
        line = f"{row:58}{ours:10.0f}"
        if row in seen.get("peer", {}):
            peer = statistics.median(seen["peer"][row])
            line += f"{peer:10.0f}{ours / peer:8.2f}"
        print(line)


if __name__ == "__main__":
    sys.exit(main())
