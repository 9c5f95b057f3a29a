"""Cut the committed subset out of Fashion-MNIST.

    python3 cut_fashion.py FOLDER_WITH_THE_FOUR_GZIP_IDX_FILES

Writes fashion/*.gz beside this script: the first 600 training images and the first 100 test images
of each of the ten classes, in their original order (so the classes stay mixed). Prints the SHA-256
of each file written. Standard library only.
"""

import gzip
import hashlib
import pathlib
import struct
import sys

PER_CLASS = {"train": 600, "t10k": 100}
N_CLASSES = 10


def read(path):
    return gzip.decompress(path.read_bytes())


def write(path, raw):
    data = gzip.compress(raw, compresslevel=9, mtime=0)
    partial = path.with_suffix(".partial")
    partial.write_bytes(data)
    partial.replace(path)
    print(hashlib.sha256(data).hexdigest(), path.name)


def cut(source, target, part, per_class):
    images = read(source / f"{part}-images-idx3-ubyte.gz")
    labels = read(source / f"{part}-labels-idx1-ubyte.gz")
    magic, n, height, width = struct.unpack(">IIII", images[:16])
    assert magic == 0x803 and struct.unpack(">II", labels[:8]) == (0x801, n), "not the IDX files"
    size = height * width
    seen = [0] * N_CLASSES
    kept = []
    for i, label in enumerate(labels[8:]):
        if seen[label] < per_class:
            seen[label] += 1
            kept.append(i)
    assert seen == [per_class] * N_CLASSES, seen
    pixels = b"".join(images[16 + i * size : 16 + (i + 1) * size] for i in kept)
    write(
        target / f"{part}-images-idx3-ubyte.gz",
        struct.pack(">IIII", 0x803, len(kept), height, width) + pixels,
    )
    write(
        target / f"{part}-labels-idx1-ubyte.gz",
        struct.pack(">II", 0x801, len(kept)) + bytes(labels[8 + i] for i in kept),
    )


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    target = pathlib.Path(__file__).parent / "fashion"
    target.mkdir(exist_ok=True)
    for part, per_class in PER_CLASS.items():
        cut(pathlib.Path(sys.argv[1]), target, part, per_class)


main()
