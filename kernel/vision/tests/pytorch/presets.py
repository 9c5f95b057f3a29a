"""Write the PyTorch classes' weights that tests/testsuite/weights.rs loads into the presets.

    pip install torch safetensors numpy && python3 presets.py

For each preset: the state_dict as safetensors.torch.save_file writes it (gzipped; the weights are
multiples of 1/256, so that the files are small), and images with the scores that PyTorch gives in
evaluation mode. The classes are also what the names in network/preset.rs are taken from.

    python3 presets.py PRESET FILE

loads a file that Network::save_named has written into the class, strictly.
"""

import gzip
import pathlib
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save
from torch import nn

HERE = pathlib.Path(__file__).parent


class Mlp(nn.Module):
    shape, classes = (1, 28, 28), 10

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(784, 72), nn.Linear(72, 64), nn.Linear(64, 10)

    def forward(self, x):
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x.flatten(1))))))


class Lenet5(nn.Module):
    shape, classes = (1, 28, 28), 10

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x.flatten(1))))))


class MnistCnn(nn.Module):
    shape, classes = (1, 28, 28), 10

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5, padding=2)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(576, 64), nn.Linear(64, 10)

    def forward(self, x):
        for conv in (self.conv1, self.conv2, self.conv3):
            x = F.max_pool2d(F.relu(conv(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class MiniVgg(nn.Module):
    shape, classes = (1, 8, 8), 3

    def __init__(self):
        super().__init__()
        layers, maps = [], self.shape[0]
        for depth in (16, 32, 64):
            for _ in range(2):
                layers += [nn.Conv2d(maps, depth, 3, padding=1), nn.BatchNorm2d(depth), nn.ReLU()]
                maps = depth
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(64, 128), nn.ReLU(), nn.Dropout(), nn.Linear(128, self.classes))

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class Block(nn.Module):
    def __init__(self, maps, depth, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(maps, depth, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(depth)
        self.conv2 = nn.Conv2d(depth, depth, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(depth)
        self.downsample = None
        if maps != depth or stride != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(maps, depth, 1, stride, bias=False), nn.BatchNorm2d(depth))

    def forward(self, x):
        around = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + around)


class MiniResnet(nn.Module):
    shape, classes = (3, 9, 12), 4

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(self.shape[0], 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Block(16, 16, 1))
        self.layer2 = nn.Sequential(Block(16, 32, 2))
        self.layer3 = nn.Sequential(Block(32, 64, 2))
        self.fc = nn.Linear(64, self.classes)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


PRESETS = dict(mlp=Mlp, lenet5=Lenet5, mnist_cnn=MnistCnn, mini_vgg=MiniVgg, mini_resnet=MiniResnet)


def fill(model, generator):
    """Weights of about the usual size, on a coarse grid; variances that are positive."""
    for key, value in model.state_dict().items():
        if value.ndim == 0:
            continue
        steps = torch.randint(-15, 16, value.shape, generator=generator)
        if key.endswith("running_var") or (value.ndim == 1 and key.endswith("weight")):
            value.copy_(1 + steps / 64)
        else:
            value.copy_(steps / 256)


def write(name, make):
    generator = torch.Generator().manual_seed(5)
    model = make().eval()
    fill(model, generator)
    x = torch.randint(0, 5, (3, *model.shape), generator=generator) / 4
    with torch.no_grad():
        scores = model.double()(x.double()).float()
    model.float()
    state = {key: value.contiguous() for key, value in model.state_dict().items()}
    (HERE / f"{name}_state.safetensors.gz").write_bytes(
        gzip.compress(save(state), mtime=0))
    (HERE / f"{name}_scores.safetensors").write_bytes(save(dict(x=x, scores=scores)))


def main():
    if len(sys.argv) == 3:
        name, path = sys.argv[1:]
        PRESETS[name]().load_state_dict(load_file(path), strict=True)
        print(f"{path}: all tensors fit {PRESETS[name].__name__}")
        return
    for name, make in PRESETS.items():
        write(name, make)


main()
