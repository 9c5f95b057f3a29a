"""Write training as PyTorch does it: optimisers, schedule, loss, and a whole training.

    python3 training.py        (needs torch and safetensors)

Everything is computed in single precision, as the crate does it. The tests compare within a
tolerance that is given there.
"""

import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

HERE = pathlib.Path(__file__).parent

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
    "sgd_momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "sgd_nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "sgd_decay": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.1),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adam_decay": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "adamw_betas": lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.8, 0.95), eps=1e-6,
                                               weight_decay=0.0),
}
N_STEPS = 6


def network(generator):
    """`Cnn::on([1, 6, 6]).conv(3, 3).relu().max_pool(2).classes(4)`."""
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                        nn.Linear(12, 4))
    with torch.no_grad():
        for value in net.parameters():
            value.copy_(torch.rand(value.shape, generator=generator) - 0.5)
    return net


def state(prefix, net):
    return {f"{prefix}{key}": value.detach().clone() for key, value in net.state_dict().items()}


def train(images, labels, start, make, smoothing=0.0, clip=None, cycle=None):
    """Full-batch steps, so that the order of the images does not matter."""
    net = network(torch.Generator())
    net.load_state_dict(start)
    optimizer = make(net.parameters())
    scheduler = OneCycleLR(optimizer, total_steps=N_STEPS, **cycle) if cycle else None
    losses, rates = [], []
    for _ in range(N_STEPS):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(images), labels, label_smoothing=smoothing)
        loss.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(net.parameters(), clip)
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if scheduler:
            scheduler.step()
        losses.append(loss.item())
    return net, losses, rates


def main():
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (10, 1, 6, 6), generator=generator)
    labels = torch.randint(0, 4, (10,), generator=generator)
    images = pixels.float() / 255
    start = network(generator).state_dict()
    tensors = {"pixels": pixels.float(), "labels": labels.float(),
               **{f"start.{key}": value.clone() for key, value in start.items()}}

    def case(name, make, **options):
        net, losses, rates = train(images, labels, start, make, **options)
        tensors.update(state(f"{name}.", net))
        tensors[f"{name}.losses"] = torch.tensor(losses)
        tensors[f"{name}.rates"] = torch.tensor(rates)

    for name, make in OPTIMIZERS.items():
        case(name, make)
    case("smoothing", OPTIMIZERS["sgd"], smoothing=0.1)
    case("clip", OPTIMIZERS["sgd_momentum"], clip=0.05)
    case("one_cycle_sgd", OPTIMIZERS["sgd_momentum"], cycle=dict(max_lr=0.05))
    case("one_cycle_adamw", OPTIMIZERS["adamw"], cycle=dict(max_lr=0.01))
    case("all", OPTIMIZERS["adamw"], smoothing=0.1, clip=0.05,
         cycle=dict(max_lr=0.01, pct_start=0.5, div_factor=10, final_div_factor=100,
                    cycle_momentum=False))
    save_file({key: value.contiguous() for key, value in tensors.items()},
              HERE / "training.safetensors")


main()
