"""typst's command line, as far as `momentum build --pdf` calls it, over the compiler on PyPI."""

import os
import sys

import typst

arguments = sys.argv[1:]
if arguments[:1] == ["--version"]:
    print("typst", typst.__version__)
    sys.exit()
assert arguments[0] == "compile", arguments
options = {"--root": None, "--font-path": None}
names = []
rest = iter(arguments[1:])
for argument in rest:
    if argument in options:
        options[argument] = next(rest)
    elif argument != "--ignore-system-fonts":
        names.append(argument)
source, target = names
try:
    typst.compile(
        source,
        output=target,
        root=options["--root"],
        font_paths=[options["--font-path"]],
        ignore_system_fonts="--ignore-system-fonts" in arguments,
        timestamp=int(os.environ["SOURCE_DATE_EPOCH"]),
    )
except typst.TypstError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
