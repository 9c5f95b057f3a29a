"""The Python peers' side of `speed`: one measurement a process, as `speed` asks for it.

    python peers.py pytorch|pytorch-last|jax train-m1|infer-m2|fit-m2|accuracy-m2|version
        --batch 64 [--data FOLDER] [--clock wall|cpu] [--seed N] [--epochs N] [--images N]

Prints the figure (images per second; seconds for `fit`; % of the test images for `accuracy`) and the
peak memory in kB. `speed --install-peers FOLDER` installs what `requirements.txt` names.
"""

import argparse
import gzip
import os
import pathlib
import resource
import time

import numpy as np

LENGTH = 3.0
WARM_UP = 5
SUBSET = pathlib.Path(__file__).parent.parent / "data" / "fashion"
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
now = time.perf_counter


def images(folder, part):
    """Images as u8 `[n, 28, 28]` and labels: Fashion-MNIST's own files, or random ones."""
    if folder is None:
        random = np.random.default_rng(1)
        shape = (6400, 28, 28)
        return random.integers(0, 256, shape, np.uint8), random.integers(0, 10, 6400, np.uint8)
    read = lambda name: gzip.decompress(pathlib.Path(folder, name).read_bytes())
    pixels = np.frombuffer(read(f"{part}-images-idx3-ubyte.gz"), np.uint8, offset=16)
    labels = np.frombuffer(read(f"{part}-labels-idx1-ubyte.gz"), np.uint8, offset=8)
    return pixels.reshape(-1, 28, 28), labels


def rate(step, batch):
    """Images per second of `step`."""
    for _ in range(WARM_UP):
        step()
    start, n = now(), 0
    while now() - start < LENGTH:
        step()
        n += batch
    return n / (now() - start)


def pytorch(kind, model, given, last):
    import torch
    from torch import nn

    batch, folder = given.batch, given.data
    if kind == "accuracy":
        folder = folder or SUBSET
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    torch.manual_seed(given.seed)
    relu, pool = nn.ReLU, lambda: nn.MaxPool2d(2)
    head = lambda *sizes: [
        layer
        for a, b in zip(sizes, sizes[1:])
        for layer in (nn.Linear(a, b), relu())
    ][:-1]
    net = nn.Sequential(*{
        "m1": [nn.Conv2d(1, 6, 5), relu(), pool(), nn.Conv2d(6, 16, 5), relu(), pool(),
               nn.Flatten(), *head(256, 120, 84, 10)],
        "m2": [nn.Conv2d(1, 32, 3), relu(), nn.Conv2d(32, 64, 3), relu(), pool(),
               nn.Flatten(), *head(9216, 128, 10)],
        "m3": [nn.Flatten(), *head(784, 512, 512, 10)],
    }[model])
    if last:
        net = net.to(memory_format=torch.channels_last)
    pixels, labels = images(folder, "train")
    x_all = torch.from_numpy(pixels.astype(np.float32) / 255).unsqueeze(1)
    y_all = torch.from_numpy(labels.astype(np.int64))
    loss_of, adam = nn.CrossEntropyLoss(), torch.optim.Adam(net.parameters(), lr=1e-3)

    def layout(x):
        return x.contiguous(memory_format=torch.channels_last) if last else x

    def learn(places):
        adam.zero_grad(set_to_none=True)
        loss = loss_of(net(layout(x_all[places])), y_all[places])
        loss.backward()
        adam.step()
        return loss.item()

    def epochs():
        while True:
            order = torch.randperm(len(y_all))
            for at in range(0, len(order) - batch + 1, batch):
                yield order[at:at + batch]

    if kind == "train":
        places = epochs()
        return rate(lambda: learn(next(places)), batch)
    if kind == "infer":
        net.eval()
        x = layout(x_all[:batch])
        with torch.inference_mode():
            return rate(lambda: net(x), batch)
    test_x, test_y = images(folder, "t10k")
    test_x = torch.from_numpy(test_x.astype(np.float32) / 255).unsqueeze(1)
    y_all = y_all[:given.images]

    def epoch():
        """One pass over the training images, then the share of test images that are recognised."""
        net.train()
        for places in torch.randperm(len(y_all)).split(batch):
            learn(places)
        net.eval()
        with torch.inference_mode():
            parts = [net(layout(x)).argmax(1) for x in test_x.split(100)]
        return (torch.cat(parts).numpy() == test_y).mean()

    if kind == "accuracy":
        return [epoch() for _ in range(given.epochs)][-1] * 100
    start = now()
    for _ in range(20):
        if epoch() >= 0.9:
            return now() - start
    raise SystemExit("20 epochs did not reach 90 %")


def jax(kind, model, given):
    # XLA takes as many threads as the process may use cores.
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:int(os.environ.get("OMP_NUM_THREADS", "2"))])
    import jax
    import jax.numpy as jnp

    batch, folder = given.batch, given.data

    shapes = {
        "m1": ([(6, 1, 5), (16, 6, 5)], [256, 120, 84, 10]),
        "m2": ([(32, 1, 3), (64, 32, 3)], [9216, 128, 10]),
        "m3": ([], [784, 512, 512, 10]),
    }[model]
    random = np.random.default_rng(given.seed)
    draw = lambda shape, fan: jnp.asarray(
        (random.uniform(-1, 1, shape) * (1 / fan) ** 0.5).astype(np.float32))
    convs = [(draw((s, s, i, o), i * s * s), jnp.zeros(o)) for o, i, s in shapes[0]]
    linears = [(draw((a, b), a), jnp.zeros(b)) for a, b in zip(shapes[1], shapes[1][1:])]

    def scores(params, x):
        convs, linears = params
        for i, (w, b) in enumerate(convs):
            x = jax.lax.conv_general_dilated(
                x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")) + b
            x = jax.nn.relu(x)
            if model == "m1" or i == 1:
                x = jax.lax.reduce_window(
                    x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        x = x.reshape(x.shape[0], -1)
        for i, (w, b) in enumerate(linears):
            x = x @ w + b
            x = jax.nn.relu(x) if i + 1 < len(linears) else x
        return x

    def loss_of(params, x, y):
        logits = jax.nn.log_softmax(scores(params, x))
        return -logits[jnp.arange(len(y)), y].mean()

    @jax.jit
    def learn(params, m, v, t, x, y):
        loss, g = jax.value_and_grad(loss_of)(params, x, y)
        tree = jax.tree_util.tree_map
        m = tree(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = tree(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        step = 1e-3 / (1 - 0.9 ** t)
        root = jnp.sqrt(1 - 0.999 ** t)
        params = tree(
            lambda p, m, v: p - step * m / (jnp.sqrt(v) / root + 1e-8), params, m, v)
        return params, m, v, loss

    params = (convs, linears)
    zeros = jax.tree_util.tree_map(jnp.zeros_like, params)
    pixels, labels = images(folder, "train")
    x_all = (pixels.astype(np.float32) / 255)[..., None]
    y_all = labels.astype(np.int32)
    if kind == "infer":
        x = jnp.asarray(x_all[:batch])
        answer = jax.jit(scores)
        return rate(lambda: answer(params, x).block_until_ready(), batch)
    if kind != "train":
        raise SystemExit(f"{kind} is measured of ours and of PyTorch only")
    state = [params, zeros, zeros, 0.0]
    order = np.random.default_rng(2).permutation(len(y_all))

    def step():
        at = int(state[3]) * batch % (len(order) - batch + 1)
        places = order[at:at + batch]
        state[3] += 1.0
        state[0], state[1], state[2], loss = learn(*state, x_all[places], y_all[places])
        loss.block_until_ready()

    return rate(step, batch)


def version(peer):
    if peer == "jax":
        import jax
        return f"JAX {jax.__version__}"
    import torch
    return f"PyTorch {torch.__version__}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=["pytorch", "pytorch-last", "jax"])
    parser.add_argument("task")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--data")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--images", type=int)
    given = parser.parse_args()
    if given.task == "version":
        print(version(given.peer))
        return
    global now
    now = CLOCKS[given.clock]
    kind, model = given.task.split("-")
    if given.peer == "jax":
        figure = jax(kind, model, given)
    else:
        figure = pytorch(kind, model, given, given.peer == "pytorch-last")
    print(figure, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


main()
