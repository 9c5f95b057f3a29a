"""Whatever a cell does, the variables from before it are there, and the next cell runs.

docs/faults.md is the table of what was seen. To accept changes: MOMENTUM_UPDATE=1 tests/run python -- -k faults, then
read the diff.
"""

import json
import os
import re
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from kernel_client import Kernel, Result
from repository import PATIENCE, ROOT

LIBC = """unsafe extern "C" {
    fn close(descriptor: i32) -> i32; fn raise(signal: i32) -> i32; fn getpid() -> i32;
    fn kill(process: i32, signal: i32) -> i32; fn pause() -> i32; fn fork() -> i32;
    fn signal(signal: i32, handler: usize) -> usize; fn _exit(code: i32) -> !;
}
"""


@dataclass
class Fault:
    """One thing that a cell does, and what its reader is told."""

    name: str
    code: str
    ename: str
    evalue: str
    interrupt: bool = False


FAULTS = [
    Fault("panic", 'panic!("on purpose");', "Panic", "on purpose"),
    Fault("unwrap of nothing", "let n: Option<i32> = None; n.unwrap();", "Panic", "unwrap"),
    Fault("index out of bounds", "let at = keep.len() + 1; keep[at];", "Panic", "index out of bounds"),
    Fault("overflow", "let big = i32::MAX - keep[0] + 1; big + 1;", "Panic", "overflow"),
    Fault("division by zero", "let zero = keep[0] - 1; 1 / zero;", "Panic", "divide by zero"),
    Fault("panic after a change", "keep.push(9); panic!();", "Panic", "explicit panic"),
    Fault("panic after a move", "let moved = keep; panic!();", "Panic", "explicit panic"),
    Fault("panic after a drop", "drop(keep); panic!();", "Panic", "explicit panic"),
    Fault("panic in a drop", "struct D; impl Drop for D { fn drop(&mut self) { panic!(\"in drop\") } } { D; }", "Panic", "in drop"),
    Fault("borrowed twice", "{ let c = std::cell::RefCell::new(1); let _a = c.borrow_mut(); let _b = c.borrow_mut(); }", "Panic", "borrow"),
    Fault("panic within a panic", "struct E; impl Drop for E { fn drop(&mut self) { panic!(\"two\") } } let e = E; panic!(\"one\");", "Crash", "SIGABRT"),
    Fault("abort", "keep.clear(); std::process::abort();", "Crash", "SIGABRT"),
    Fault("exit 3", "keep.clear(); std::process::exit(3);", "Crash", "exit code 3"),
    Fault("exit 0", "std::process::exit(0);", "Crash", "exit code 0"),
    Fault("exit in a thread", "std::thread::spawn(|| std::process::exit(4)).join().unwrap();", "Crash", "exit code 4"),
    Fault("null pointer", "unsafe { *std::hint::black_box(std::ptr::null_mut::<u8>()) = 1; }", "(Crash|Panic)", "(SIGSEGV|SIGABRT|null)"),
    Fault("wild pointer", "unsafe { *std::hint::black_box(64 as *mut u8) = 1; }", "Crash", "SIGSEGV"),
    Fault("illegal instruction", 'unsafe { std::arch::asm!("ud2"); }', "Crash", "signal 4"),
    Fault("full stack", "fn deep(n: u64) -> u64 { std::hint::black_box(n) + deep(n + 1) } deep(0);", "Crash", "SIGABRT"),
    Fault("full stack in a thread", "fn deeper(n: u64) -> u64 { std::hint::black_box(n) + deeper(n + 1) } std::thread::spawn(|| deeper(0)).join().unwrap();", "Crash", "(SIGABRT|SIGSEGV)"),
    Fault("more memory than there is", "let b = std::hint::black_box(Vec::<u8>::with_capacity(1 << 46)); b.len();", "Crash", "SIGABRT"),
    Fault("over the memory limit", "let mut v: Vec<Vec<u8>> = vec![]; loop { v.push(Vec::with_capacity(256 << 20)); }", "Crash", "SIGABRT"),
    Fault("closed standard output", LIBC + "unsafe { close(1); }", "Crash", "(closed|exit code)"),
    Fault("closed standard error", LIBC + "unsafe { close(2); }", "Crash", "(closed|exit code)"),
    Fault("closed every descriptor", LIBC + "for d in 0..64 { unsafe { close(d); } }", "Crash", "(closed|exit code)"),
    Fault("killed itself", LIBC + "unsafe { kill(getpid(), 9); }", "Crash", "SIGKILL"),
    Fault("asked itself to end", LIBC + "unsafe { raise(15); }", "Crash", "signal 15"),
    Fault("endless loop", 'println!("here"); loop { std::hint::black_box(0); }', "KeyboardInterrupt", "interrupted", True),
    Fault("long sleep", 'println!("here"); std::thread::sleep(std::time::Duration::from_secs(600));', "KeyboardInterrupt", "interrupted", True),
    Fault("blocked for ever", LIBC + 'println!("here"); loop { unsafe { pause(); } }', "KeyboardInterrupt", "interrupted", True),
    Fault("threads at work", 'println!("here"); std::thread::scope(|s| { for _ in 0..4 { s.spawn(|| loop { std::hint::black_box(0); }); } });', "KeyboardInterrupt", "interrupted", True),
    Fault("ignores interrupts", LIBC + 'unsafe { signal(2, 1); } println!("here"); loop { std::hint::black_box(0); }', "KeyboardInterrupt", "interrupted", True),
    Fault("over the time limit", "loop { std::hint::black_box(0); }", "Timeout", "ran longer than 20s"),
]

TABLE = []
DOCUMENT = ROOT / "docs/faults.md"
HEAD = """# What cells can do, and what is left

Written by [`tests/jupyter/test_faults.py`](../tests/jupyter/test_faults.py) from what it saw. Before each of these cells
there are two variables, `keep` (a vector that some of the cells change, move or drop) and `other` (a text). After it both
are as they were, and a cell that uses and changes them runs. The kernel is started with `--memory-limit=3G --time-limit=20s`;
where the reply is `KeyboardInterrupt`, the reader interrupts.

| the cell | does this | the reply | variables | next cell |
|---|---|---|---|---|
"""


def row(fault, reply: dict) -> str:
    code = fault.code.removeprefix(LIBC).replace("|", "\\|")
    said = re.sub(r"cell \[\d+\], ", "", reply["evalue"])
    return f"| {fault.name} | `{code}` | {reply['ename']}: {said} | as before | runs |"


class Limited(Kernel):
    """A kernel with limits of memory and time."""

    def __init__(self, program: str, folder: Path, time_limit="20s"):
        spec = folder / "kernels" / "limited"
        spec.mkdir(parents=True)
        argv = [program, "kernel", "serve", "--memory-limit=3G", f"--time-limit={time_limit}", "{connection_file}"]
        description = {"argv": argv, "display_name": "limited", "language": "rust", "interrupt_mode": "message"}
        (spec / "kernel.json").write_text(json.dumps(description))
        specs = KernelSpecManager(kernel_dirs=[str(spec.parent)], ensure_native_kernel=False)
        self.manager = KernelManager(kernel_name="limited", kernel_spec_manager=specs)
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)


@pytest.fixture(scope="module")
def limited(kernelspec, momentum, tmp_path_factory):
    kernel = Limited(str(momentum), tmp_path_factory.mktemp("limited"))
    yield kernel
    kernel.close()


def interrupted(kernel, code: str) -> Result:
    """Runs a cell and interrupts it once it has printed "here"; it must end within seconds."""
    request = kernel.client.execute(code)
    kernel.until_printed("here")
    kernel.manager.interrupt_kernel()
    begun = time.monotonic()
    while True:
        reply = kernel.client.get_shell_msg(timeout=PATIENCE)
        if reply["parent_header"].get("msg_id") == request:
            break
    assert time.monotonic() - begun < 30
    return Result(reply["content"])


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_nothing_is_lost(limited, fault):
    limited.ok("let mut keep = vec![1, 2, 3]; let other = String::from(\"kept\");")
    result = interrupted(limited, fault.code) if fault.interrupt else limited.run(fault.code)
    assert result.reply["status"] == "error", result.reply
    assert re.fullmatch(fault.ename, result.reply["ename"]), result.reply
    assert re.search(fault.evalue, result.reply["evalue"]), result.reply
    # The variables are as they were, although the cell may have changed, moved or dropped them.
    assert limited.value("(keep.clone(), other.clone())") == '([1, 2, 3], "kept")'
    limited.ok("keep.push(4); let next = keep.len();")
    assert limited.value("next") == "4"
    TABLE.append(row(fault, result.reply))


def test_the_document_tells_what_was_seen():
    if len(TABLE) < len(FAULTS):
        pytest.skip("only some of the faults were tried")
    text = HEAD + "\n".join(TABLE) + "\n"
    if os.environ.get("MOMENTUM_UPDATE"):
        DOCUMENT.write_text(text)
    assert DOCUMENT.read_text() == text


def test_a_cell_that_fails_leaves_its_folder_as_it_was(limited):
    before = limited.value("std::env::current_dir().unwrap()")
    limited.run('std::env::set_current_dir("/").unwrap(); panic!();')
    assert limited.value("std::env::current_dir().unwrap()") == before


def test_helpers_work_after_a_cell_that_failed(limited):
    """Their threads are not copied: they start new ones."""
    limited.ok("let mut agent = DictionaryAgent::new(Client::tutor().unwrap()); let net = lenet5().unwrap(); let data = fashion_mnist().unwrap();")
    limited.ok('agent.say("My name is Ada.").unwrap(); evaluate(&net, &data.test.first(50)).unwrap();')
    assert limited.run("std::process::abort();").reply["status"] == "error"
    limited.ok("let _ = evaluate(&net, &data.test.first(50)).unwrap();")
    assert "Ada" in limited.value('format!("{:?}", agent.say("What is my name?").unwrap())')


def test_threads_of_earlier_cells_are_named_when_they_are_gone(limited):
    limited.ok('let worker = std::thread::Builder::new().name("my-worker".into()).spawn(|| { std::thread::park(); }).unwrap();')
    result = limited.run("panic!();")
    assert "my-worker" in "\n".join(result.reply["traceback"])


def test_a_flood_of_output_ends_with_a_notice(fresh_kernel):
    result = fresh_kernel.ok(
        'use std::io::Write; let line = [b\'x\'; 1 << 16]; let mut out = std::io::stdout().lock();'
        "for _ in 0..(1 << 14) { out.write_all(&line).unwrap(); }"
    )
    shown = sum(len(c["text"]) for c in result.of("stream") if c["name"] == "stdout")
    assert 100 << 20 < shown <= 128 << 20
    assert "what follows is not kept" in result.text("stderr")
    assert fresh_kernel.value("1 + 1") == "2"


def test_a_build_in_progress_is_interrupted(fresh_kernel, tmp_path):
    crate = tmp_path / "slow"
    (crate / "src").mkdir(parents=True)
    (crate / "Cargo.toml").write_text('[package]\nname = "slow"\nversion = "0.1.0"\nedition = "2021"\nbuild = "build.rs"\n')
    (crate / "build.rs").write_text("fn main() { std::thread::sleep(std::time::Duration::from_secs(600)); }")
    (crate / "src/lib.rs").write_text("")
    fresh_kernel.ok("let kept = 7;")
    timer = threading.Timer(6.0, fresh_kernel.manager.interrupt_kernel)
    timer.start()
    begun = time.monotonic()
    result = fresh_kernel.run(f':dep slow = {{ path = "{crate}" }}')
    assert result.reply["status"] == "error", result.reply
    assert time.monotonic() - begun < 60
    assert fresh_kernel.value("kept") == "7"
    # The build script that slept is gone with its cargo.
    assert not [p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(crate)]


def test_numbers_are_those_beside_the_cells(fresh_kernel):
    fresh_kernel.run("?show")
    fresh_kernel.ok("1 + 1", silent=True)
    fresh_kernel.ok("2 + 2", user_expressions={"three": "1 + 2"})
    result = fresh_kernel.run('let wrong: i32 = "text";')
    assert f"cell [{result.reply['execution_count']}]:1:18" in "".join(result.reply["traceback"]), result.reply


def test_the_time_to_answer_is_no_part_of_the_time_limit(kernelspec, momentum, tmp_path):
    kernel = Limited(str(momentum), tmp_path, time_limit="3s")
    try:
        def answer(_):
            time.sleep(5)
            kernel.client.input("Ada")

        reply = kernel.client.execute_interactive(
            'input("name? ").len()', timeout=PATIENCE, stdin_hook=answer, output_hook=lambda _: None
        )
        assert reply["content"]["status"] == "ok", reply["content"]
    finally:
        kernel.close()


def processes_of(kernel):
    parent = psutil.Process(kernel.manager.provisioner.process.pid)
    return [parent, *parent.children(recursive=True)]


def session_folders():
    folder = Path(os.environ.get("TMPDIR", "/tmp"))
    return {entry for entry in folder.glob("momentum-*") if (entry / "session.lock").exists()}


def test_a_killed_kernel_leaves_nothing_behind(kernelspec):
    before = session_folders()
    kernel = Kernel()
    kernel.ok('let child = std::process::Command::new("sleep").arg("600").spawn().unwrap();')
    kernel.client.execute("loop { std::hint::black_box(0); }")
    time.sleep(1)
    processes = processes_of(kernel)
    assert any(process.name() == "sleep" for process in processes)
    assert len(processes) >= 5 and len(session_folders() - before) == 1
    kernel.manager.provisioner.process.send_signal(signal.SIGKILL)
    gone, alive = psutil.wait_procs(processes, timeout=PATIENCE)
    assert not alive, [process.cmdline() for process in alive]
    deadline = time.monotonic() + PATIENCE
    while session_folders() - before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not session_folders() - before
    kernel.client.stop_channels()
    kernel.manager.cleanup_resources()


def test_a_killed_worker_is_replaced(fresh_kernel):
    fresh_kernel.ok("let kept = vec![1];")
    own = int(fresh_kernel.value("std::process::id()"))
    timer = threading.Timer(1.0, os.kill, (own, signal.SIGKILL))
    timer.start()
    result = fresh_kernel.run("std::thread::sleep(std::time::Duration::from_secs(600));")
    assert result.reply["ename"] == "Crash"
    assert fresh_kernel.value("kept") == "[1]"


def test_ten_kernels_at_once(kernelspec):
    kernels = [Kernel() for _ in range(10)]
    try:
        for number, kernel in enumerate(kernels):
            kernel.client.execute(f"let mine = {number};")
        for number, kernel in enumerate(kernels):
            assert kernel.value("mine * 2") == str(number * 2)
    finally:
        processes = [process for kernel in kernels for process in processes_of(kernel)]
        for kernel in kernels:
            kernel.close()
    gone, alive = psutil.wait_procs(processes, timeout=PATIENCE)
    assert not alive, [process.cmdline() for process in alive]
