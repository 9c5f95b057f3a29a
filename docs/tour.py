#!/usr/bin/env python3
"""Makes docs/tour.svg: the first five minutes in a terminal, from what real commands really say.

    python3 docs/tour.py target/release/momentum docs/tour.svg

Each command runs in a pseudo-terminal of its own. What it writes, and when, becomes an SVG that
plays by itself (CSS only, no script), in the reader's choice of light or dark, and stands still at
its last frame for readers who ask for reduced motion. Long pauses are shortened.
"""

import html
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from fcntl import ioctl
from pathlib import Path

COMMANDS = [
    "momentum init my-log",
    "cd my-log",
    "momentum build",
    "momentum new 'Convolutions by hand'",
    "momentum check --allow stale-output --allow unused-notebook",
    "sed -i 's/#squares/#sqares/' entries/day-01.md && momentum build",
    "sed -i 's/#sqares/#squares/' entries/day-01.md && momentum build --strict",
    "momentum exercise start day-02-cnn && momentum exercise hint map-side",
    "momentum exercise check day-02-cnn",
    "momentum tour --no-open",
]
COLUMNS, ROWS = 88, 26
# Pixels.
ADVANCE, LINE, MARGIN, TITLE, SIZE = 8.4, 19, 16, 30, 14
# Seconds: for a typed letter, the longest pause, after a command, at the end.
KEY, LONGEST, AFTER, HOLD = 0.045, 0.9, 1.1, 7.0

STYLES = {"1": "b", "2": "d", "31": "r", "32": "g", "33": "y", "34": "u", "35": "m", "36": "c"}
ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")


def run(command: str, folder: Path, environment: dict) -> list[tuple[float, str]]:
    """What a command writes to its terminal: seconds since its start, text."""
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    began = time.monotonic()
    child = subprocess.Popen(
        ["bash", "-c", command], cwd=folder, env=environment, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    written = []
    while True:
        if select.select([master], [], [], 0.1)[0]:
            try:
                data = os.read(master, 1 << 16)
            except OSError:
                data = b""
            if not data:
                break
            written.append((time.monotonic() - began, data))
    child.wait()
    os.close(master)
    # Letters may be cut between two reads: decode the whole, then give the pieces back their times.
    times, text = [], b"".join(data for _, data in written)
    for at, data in written:
        times.extend([at] * len(data))
    pieces, start = [], 0
    for piece in text.decode().splitlines(keepends=True):
        pieces.append((times[start], piece))
        start += len(piece.encode())
    return pieces


def spans(line: str) -> list[tuple[str, str]]:
    """Style and text of the parts of a line."""
    found, style, at = [], "", 0
    for match in ESCAPE.finditer(line):
        if match.start() > at:
            found.append((style, line[at : match.start()]))
        codes = [code.lstrip("0") for code in match[1].split(";")]
        style = next((STYLES[code] for code in codes if code in STYLES), "")
        at = match.end()
    if at < len(line):
        found.append((style, line[at:]))
    for _, text in found:
        if "\x1b" in text or any(ord(c) < 32 for c in text):
            sys.exit(f"this terminal does not know {text!r}")
    return found


def wrapped(parts: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """The lines on the screen of a line that may be longer."""
    lines, room = [[]], COLUMNS
    for style, text in parts:
        while text:
            if room == 0:
                lines.append([])
                room = COLUMNS
            lines[-1].append((style, text[:room]))
            text, room = text[room:], room - len(text[:room])
    return lines


def record(program: Path) -> tuple[list[dict], float]:
    """The lines of the screen, each with the time at which it appears, and the time of the end."""
    lines, now = [], 0.6
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        (folder / "bin").mkdir()
        (folder / "bin" / "momentum").symlink_to(program)
        environment = {
            **os.environ,
            "MOMENTUM_DATA_DIR": str(folder / "data"),
            "JUPYTER_DATA_DIR": str(folder / "jupyter"),
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "TERM": "xterm-256color",
        }
        for name in ("NO_COLOR", "SSH_CONNECTION", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
            environment.pop(name, None)
        for command in COMMANDS:
            for n, part in enumerate(wrapped([("b", command)])):
                lines.append({"at": now, "parts": part, "typed": n == 0})
                now += KEY * sum(len(text) for _, text in part)
            now += 0.3
            if command.startswith("cd "):
                folder = folder / command[3:]
                continue
            last = 0.0
            for at, text in run(command, folder, environment):
                now += min(at - last, LONGEST)
                last = at
                # A line that is written over shows what stands there in the end.
                shown = text.rstrip("\r\n").split("\r")[-1].replace(home, "~").rstrip()
                for part in wrapped(spans(shown)):
                    lines.append({"at": now, "parts": part, "typed": False})
            now += AFTER
    return lines, now


def svg(lines: list[dict], end: float) -> str:
    """The picture."""
    total = end + HOLD
    width, height = MARGIN * 2 + COLUMNS * ADVANCE, TITLE + MARGIN * 2 + ROWS * LINE
    share = lambda at: f"{100 * at / total:.2f}%"
    style, body, scrolls = [], [], [(0.0, 0)]
    for n, line in enumerate(lines):
        y = LINE * n + SIZE
        style.append(f"@keyframes l{n}{{0%{{opacity:0}}{share(line['at'])},to{{opacity:1}}}}")
        texts, column = [], 0
        prompt = '<tspan class="c">$ </tspan>' if line["typed"] else ""
        column += 2 if line["typed"] else 0
        for kind, text in line["parts"]:
            name = f' class="{kind}"' if kind else ""
            texts.append(f"<tspan{name}>{html.escape(text)}</tspan>" if kind else html.escape(text))
        content = prompt + "".join(texts)
        if content:
            body.append(f'<text y="{y}" style="animation-name:l{n}">{content}</text>')
        if line["typed"]:
            n_letters = sum(len(text) for _, text in line["parts"])
            begin, done = line["at"], line["at"] + KEY * n_letters
            style.append(
                f"@keyframes t{n}{{0%,{share(begin)}{{transform:none;"
                f"animation-timing-function:steps({n_letters})}}"
                f"{share(done)},to{{transform:translateX({n_letters * ADVANCE:.1f}px)}}}}"
            )
            style.append(f"@keyframes c{n}{{0%,{share(begin)}{{opacity:1}}{share(done)},to{{opacity:0}}}}")
            body.append(
                f'<g class="k" style="animation-name:c{n}"><rect class="w" x="{2 * ADVANCE:.1f}" '
                f'y="{LINE * n}" width="{n_letters * ADVANCE + 4:.1f}" height="{LINE}" '
                f'style="animation-name:t{n}"/></g>'
            )
        if n >= ROWS:
            scrolls.append((line["at"], n - ROWS + 1))
    last = scrolls[-1][1] * LINE
    steps = "".join(f"{share(at)}{{transform:translateY(-{rows * LINE}px)}}" for at, rows in scrolls)
    style.append(f"@keyframes s{{{steps}to{{transform:translateY(-{last}px)}}}}")
    commands = "; ".join(COMMANDS)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}" role="img" aria-labelledby="t d">
<!-- Made by docs/tour.py from what these commands said. -->
<title id="t">The first five minutes in a terminal</title>
<desc id="d">{html.escape(commands)}</desc>
<style>
svg{{--bg:#fbfbf9;--fg:#24292f;--dim:#6e7781;--bar:#e8e8e4;--r:#c0262d;--g:#1a7f37;--y:#8a5b00;--u:#0958b3;--m:#7a3fb0;--c:#0a7277}}
@media (prefers-color-scheme:dark){{svg{{--bg:#15181d;--fg:#dde1e6;--dim:#8b949e;--bar:#22272e;--r:#ff7b72;--g:#5fd07a;--y:#e3b341;--u:#79b8ff;--m:#d2a8ff;--c:#56d4dd}}}}
text{{font:{SIZE}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:var(--fg);white-space:pre}}
.b{{font-weight:600}}.d{{fill:var(--dim)}}.r{{fill:var(--r)}}.g{{fill:var(--g)}}.y{{fill:var(--y)}}.u{{fill:var(--u)}}.m{{fill:var(--m)}}.c{{fill:var(--c)}}
.w{{fill:var(--bg)}}
.p text,.p .k,.p .w,.p{{animation:{total:.1f}s step-end infinite}}
.p .w{{animation-timing-function:linear}}
.p{{animation-name:s}}
{"".join(style)}
@media (prefers-reduced-motion:reduce){{.p text{{animation:none}}.p .k{{animation:none;opacity:0}}.p .w{{animation:none}}.p{{animation:none;transform:translateY(-{last}px)}}}}
</style>
<rect width="100%" height="100%" rx="8" fill="var(--bg)"/>
<path d="M0 {TITLE}V8a8 8 0 0 1 8-8h{width - 16:.0f}a8 8 0 0 1 8 8v{TITLE - 8}z" fill="var(--bar)"/>
<g fill="var(--dim)"><circle cx="18" cy="15" r="5"/><circle cx="36" cy="15" r="5"/><circle cx="54" cy="15" r="5"/></g>
<svg x="{MARGIN}" y="{TITLE + MARGIN}" width="{COLUMNS * ADVANCE:.0f}" height="{ROWS * LINE}" overflow="hidden"><g class="p">
{chr(10).join(body)}
</g></svg>
</svg>
"""


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    picture = svg(*record(Path(sys.argv[1]).resolve()))
    if len(picture) > 200_000:
        sys.exit(f"{len(picture)} bytes are too many")
    target = Path(sys.argv[2])
    new = target.with_suffix(".svg.new")
    new.write_text(picture)
    new.replace(target)
    print(f"{target}: {len(picture)} bytes")


if __name__ == "__main__":
    main()
