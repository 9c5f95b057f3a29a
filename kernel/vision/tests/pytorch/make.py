"""Make the stored PyTorch results that tests/testsuite compares with.

    pip install torch safetensors numpy && python3 make.py

Writes one small safetensors file for each case beside this script: inputs, weights, outputs and
gradients, computed on the CPU in double precision and stored as f32.
"""

import pathlib

import torch
import torch.nn.functional as F
from torch import nn
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


def convolution(name, generator, x, out, side, bias=True, **options):
    x = random(generator, *x).requires_grad_()
    weight = random(generator, out, x.shape[1] // options["groups"], side, side).requires_grad_()
    bias = random(generator, out).requires_grad_() if bias else None
    y = F.conv2d(x, weight, bias, **options)
    upstream = random(generator, *y.shape)
    (y * upstream).sum().backward()
    biases = {} if bias is None else dict(bias=bias, d_bias=bias.grad)
    save(name, dict(x=x, weight=weight, y=y, upstream=upstream, d_x=x.grad, d_weight=weight.grad,
                    **biases))


def module(name, generator, module, *shape, train=False):
    """Any module: its state before, input, output, gradients, and running statistics after."""
    module = module.double().train(train)
    for key, value in module.named_parameters():
        value.data = random(generator, *value.shape)
    state = {key: value.clone() for key, value in module.state_dict().items() if value.ndim > 0}
    x = random(generator, *shape).requires_grad_()
    y = module(x)
    upstream = random(generator, *y.shape)
    (y * upstream).sum().backward()
    gradients = {f"d_{key}": value.grad for key, value in module.named_parameters()}
    after = {f"after_{key}": value for key, value in module.named_buffers() if value.ndim > 0}
    save(name, dict(x=x, y=y, upstream=upstream, d_x=x.grad, **state, **gradients, **after))


def batch_norm(features, make):
    """With running statistics that are not those of a new one."""
    norm = make(features)
    norm.running_mean.copy_(torch.linspace(-1, 1, features))
    norm.running_var.copy_(torch.linspace(0.5, 2, features))
    return norm


class Residual(nn.Module):
    def __init__(self, body, shortcut):
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


def modules(generator):
    maps = (3, 4, 6, 5)
    module("batch_norm_train", generator, batch_norm(4, nn.BatchNorm2d), *maps, train=True)
    module("batch_norm_eval", generator, batch_norm(4, nn.BatchNorm2d), *maps)
    module("batch_norm_vectors", generator, batch_norm(7, nn.BatchNorm1d), 5, 7, train=True)
    module("avg_pool", generator, nn.AvgPool2d(3, stride=2), 2, 3, 7, 6)
    module("global_avg_pool", generator, nn.AdaptiveAvgPool2d(1), 2, 3, 5, 4)
    module("max_pool", generator, nn.MaxPool2d(3, stride=2), 2, 3, 7, 6)
    module("linear", generator, nn.Linear(6, 4), 5, 6)
    for key, activation in dict(relu=nn.ReLU(), gelu=nn.GELU(), silu=nn.SiLU(), tanh=nn.Tanh(),
                                sigmoid=nn.Sigmoid(), leaky_relu=nn.LeakyReLU(0.1)).items():
        module(key, generator, activation, 4, 9)
    body = nn.Sequential(nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.BatchNorm2d(3), nn.ReLU(),
                         nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3))
    shortcut = nn.Sequential(nn.Conv2d(2, 3, 1, stride=2), nn.BatchNorm2d(3))
    module("residual", generator, nn.Sequential(Residual(body, shortcut)), 4, 2, 7, 8, train=True)


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
    modules(generator)
    # Newer cases come last, so that those above draw the same numbers as before.
    convolution("conv_no_bias", generator, x=(2, 3, 7, 6), out=4, side=3, bias=False, stride=1,
                padding=1, dilation=1, groups=1)
    torch.manual_seed(5)
    module("dropout_train", generator, nn.Dropout(0.3), 8, 16, train=True)
    module("dropout_eval", generator, nn.Dropout(0.3), 4, 9)
    module("dropout_of_nothing", generator, nn.Dropout(0.0), 4, 9, train=True)


main()
