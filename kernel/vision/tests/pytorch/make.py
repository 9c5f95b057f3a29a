"""Make the stored PyTorch results that tests/gradients.rs compares with.

    pip install torch safetensors numpy && python3 make.py

Writes one small safetensors file for each case beside this script: inputs, weights, outputs and
gradients, computed on the CPU in double precision and stored as f32.
"""

import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
CONVOLUTIONS = {
    "conv_plain": dict(x=(2, 3, 7, 6), out=4, side=3, stride=1, padding=0, dilation=1, groups=1),
    "conv_stride_2": dict(x=(3, 2, 9, 8), out=5, side=3, stride=2, padding=1, dilation=1, groups=1),
    "conv_dilated": dict(x=(1, 2, 9, 9), out=3, side=3, stride=1, padding=2, dilation=2, groups=1),
    "conv_groups": dict(x=(9, 4, 6, 5), out=6, side=3, stride=1, padding=1, dilation=1, groups=2),
    "conv_pointwise": dict(x=(2, 6, 4, 4), out=3, side=1, stride=1, padding=0, dilation=1, groups=1),
}


def random(generator, *shape):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def save(name, tensors):
    tensors = {key: value.detach().to(torch.float32).contiguous() for key, value in tensors.items()}
    save_file(tensors, HERE / f"{name}.safetensors")


def convolution(name, generator, x, out, side, **options):
    x = random(generator, *x).requires_grad_()
    weight = random(generator, out, x.shape[1] // options["groups"], side, side).requires_grad_()
    bias = random(generator, out).requires_grad_()
    y = F.conv2d(x, weight, bias, **options)
    upstream = random(generator, *y.shape)
    (y * upstream).sum().backward()
    save(name, dict(x=x, weight=weight, bias=bias, y=y, upstream=upstream,
                    d_x=x.grad, d_weight=weight.grad, d_bias=bias.grad))


def network(name, generator):
    """conv(4, 3).padding(1).relu().max_pool(2).linear(5), mean cross-entropy of six images."""
    x = random(generator, 6, 2, 8, 8)
    labels = torch.tensor([0, 4, 2, 2, 1, 3])
    shapes = {"0.weight": (4, 2, 3, 3), "0.bias": (4,), "4.weight": (5, 64), "4.bias": (5,)}
    p = {key: (random(generator, *shape) * 0.3).requires_grad_() for key, shape in shapes.items()}
    maps = F.max_pool2d(F.relu(F.conv2d(x, p["0.weight"], p["0.bias"], padding=1)), 2)
    scores = F.linear(maps.flatten(1), p["4.weight"], p["4.bias"])
    loss = F.cross_entropy(scores, labels)
    loss.backward()
    gradients = {f"d_{key}": value.grad for key, value in p.items()}
    save(name, dict(x=x, labels=labels, scores=scores, loss=loss.reshape(1), **p, **gradients))


def main():
    generator = torch.Generator().manual_seed(5)
    for name, case in CONVOLUTIONS.items():
        convolution(name, generator, **case)
    network("network", generator)


main()
