"""Trains the network of digits.yaml on digits in the fonts of this machine.

    python train.py FOLDER_OF_FONTS

Needs torch, pillow and safetensors; takes about two minutes on one processor. Writes digits.safetensors, ten test
images, and the logits that PyTorch gives for them.
"""

import json
import random
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parent
SIZE = 96
BLOCKS = [(8, 16, 2), (16, 32, 2), (32, 32, 1), (32, 64, 2)]


class Conv(nn.Module):
    """A convolution padded as TensorFlow's SAME, batch norm, ReLU6; named as Hugging Face transformers names them."""

    def __init__(self, inputs, outputs, kernel, stride, groups=1):
        super().__init__()
        self.pad = [0, 1, 0, 1] if stride == 2 else [kernel // 2] * 4
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.normalization = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x):
        return nn.functional.relu6(self.normalization(self.convolution(nn.functional.pad(x, self.pad))))


class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        for inputs, outputs, stride in BLOCKS:
            layers += [Conv(inputs, inputs, 3, stride, groups=inputs), Conv(inputs, outputs, 1, 1)]
        self.mobilenet_v1 = nn.ModuleDict({"conv_stem": Conv(1, 8, 3, 2), "layer": nn.Sequential(*layers)})
        self.classifier = nn.Linear(64, 10)

    def forward(self, x):
        x = self.mobilenet_v1["layer"](self.mobilenet_v1["conv_stem"](x))
        return self.classifier(x.mean((2, 3)))


def draw(digit, fonts, rng):
    """A digit somewhere near the middle, in some font, grey on grey, a little turned, blurred and noisy."""
    paper, ink = rng.choice([(rng.randint(150, 255), rng.randint(0, 90)), (rng.randint(0, 90), rng.randint(150, 255))])
    image = Image.new("L", (SIZE, SIZE), paper)
    font = ImageFont.truetype(rng.choice(fonts), rng.randint(44, 84))
    place = (SIZE / 2 + rng.uniform(-10, 10), SIZE / 2 + rng.uniform(-10, 10))
    ImageDraw.Draw(image).text(place, str(digit), fill=ink, font=font, anchor="mm")
    image = image.rotate(rng.uniform(-15, 15), Image.Resampling.BILINEAR, fillcolor=paper)
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.2)))
    noise = np.random.default_rng(rng.randrange(1 << 30)).normal(0, rng.uniform(0, 12), (SIZE, SIZE))
    return np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)


def tensor(images):
    return torch.from_numpy(np.stack(images)).float().unsqueeze(1) / 127.5 - 1


def main():
    torch.manual_seed(1)
    torch.set_num_threads(1)
    fonts = [str(path) for path in sorted(Path(sys.argv[1]).rglob("*.ttf")) if "Math" not in path.name]
    rng = random.Random(1)
    model = Digits()
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.01)
    steps = 700
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, total_steps=steps)
    for step in range(steps):
        labels = [rng.randrange(10) for _ in range(48)]
        logits = model(tensor([draw(label, fonts, rng) for label in labels]))
        loss = nn.functional.cross_entropy(logits, torch.tensor(labels))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 50 == 0:
            print(step, round(loss.item(), 3), flush=True)
    model.eval()
    weights = {name: value for name, value in model.state_dict().items() if value.dtype == torch.float32}
    save_file(weights, HERE / "digits.safetensors")
    with torch.no_grad():
        labels = [i % 10 for i in range(1000)]
        right = model(tensor([draw(label, fonts, rng) for label in labels])).argmax(1) == torch.tensor(labels)
        print(f"{right.float().mean().item():.1%} of 1000 new images")
        images = [draw(digit, fonts, rng) for digit in range(10)]
        logits = model(tensor(images)).tolist()
    for digit, image in enumerate(images):
        Image.fromarray(image).save(HERE / f"{digit}.png")
    (HERE / "logits.json").write_text(json.dumps([[round(x, 5) for x in row] for row in logits], indent=0))


if __name__ == "__main__":
    main()
