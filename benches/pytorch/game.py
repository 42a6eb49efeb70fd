"""The whole training step of "Ours" in PyTorch eager: the opponent of `runner bench train`.

The networks, losses, noise, augmentation and order of work are those of `src/science/`; the text there
and here can be read side by side. One step is

  (i)   a weakly annotated batch: a0 L_SUP + a1 V_LS, the segmentor moves;
  (ii)  an unlabelled batch and as many real masks: a2 V_LS, the discriminator moves;
  (iii) the same predictions against the discriminator just moved: a3 V_LS, the segmentor moves.

Parts (ii) and (iii) share one forward pass of the segmentor. Run `python game.py --help`.
"""

import argparse
import json
import math
import resource
import statistics
import sys
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES = 4
LEVELS = 4
# Stands for "no label": one past the classes, so that counting and gathering need no second mask.
UNLABELLED = CLASSES
# Filters of the compressing 1x1 convolution of the discriminator.
COMPRESSED = 12
GAME = dict(a1=0.1, a2=0.2, a3=0.2)
LABEL_NOISE = 0.1
INSTANCE_NOISE = 0.2
ROTATION_DEGREES, TRANSLATION = 90.0, 0.1
RATE_LOW, RATE_HIGH, RATE_PERIOD = 1e-5, 1e-4, 20


# Segmentor (src/science/model/segmentor.rs)


def conv_block(inputs: int, outputs: int) -> nn.Sequential:
    """3x3 convolution, batch norm, ReLU. No bias: batch norm would remove it."""
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    nn.init.kaiming_uniform_(conv.weight, nonlinearity="relu")
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def level(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(*conv_block(inputs, outputs), *conv_block(outputs, outputs))


def classifier(channels: int) -> nn.Conv2d:
    conv = nn.Conv2d(channels, CLASSES, 1)
    nn.init.xavier_uniform_(conv.weight)
    nn.init.zeros_(conv.bias)
    return conv


def attend(features: Tensor, foreground: Tensor) -> tuple[Tensor, Tensor]:
    """Features times the sum of the foreground probabilities, and that sum."""
    attention = foreground.sum(1, keepdim=True)
    return features * attention, attention


class Segmentor(nn.Module):
    """UNet with an attention gate at every decoder level."""

    def __init__(self, width: int):
        super().__init__()
        widths = [width << d for d in range(LEVELS + 1)]
        self.encoder = nn.ModuleList(level(1 if d == 0 else widths[d - 1], widths[d]) for d in range(LEVELS + 1))
        self.decoder = nn.ModuleList(level(widths[d] + widths[d + 1], widths[d]) for d in range(LEVELS))
        self.gates = nn.ModuleList(classifier(widths[d]) for d in range(LEVELS))

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor], Tensor]:
        """Scores of level 1, foreground probabilities by level (level 1 first), attention of the deepest gate."""
        skips, features = [], image
        for encoder in self.encoder[:LEVELS]:
            features = encoder(features)
            skips.append(features)
            features = F.max_pool2d(features, 2)
        features = self.encoder[LEVELS](features)
        foregrounds, deepest = [], None
        for d in reversed(range(LEVELS)):
            upsampled = F.interpolate(features, scale_factor=2, mode="nearest")
            features = self.decoder[d](torch.cat([skips.pop(), upsampled], 1))
            logits = self.gates[d](features)
            foreground = logits.softmax(1)[:, 1:]
            foregrounds.append(foreground)
            if d > 0:  # nothing reads the gated features of level 1
                features, attention = attend(features, foreground)
                deepest = attention.detach() if deepest is None else deepest
        return logits, foregrounds[::-1], deepest


# Discriminator (src/science/model/discriminator.rs)


def spectral_norm(weight: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """Kernel over its largest singular value by one power iteration from `u`, and the next `u`."""
    matrix = weight.flatten(1)
    with torch.no_grad():
        v = F.normalize(torch.mv(matrix.t(), F.normalize(u, dim=0, eps=1e-12)), dim=0, eps=1e-12)
        u = F.normalize(torch.mv(matrix, v), dim=0, eps=1e-12)
    sigma = torch.dot(u, torch.mv(matrix, v))
    return weight / sigma.clamp_min(1e-12), u


class SpectralConv2d(nn.Conv2d):
    """4x4 convolution of stride 2 with spectral normalisation: what `nn.utils.spectral_norm` does, but
    `update` says whether the power iteration is kept (only in the discriminator's own step)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs, 4, stride=2, padding=1)
        nn.init.xavier_uniform_(self.weight)
        nn.init.zeros_(self.bias)
        self.register_buffer("u", torch.empty(outputs).uniform_(-1, 1))

    def forward(self, features: Tensor, update: bool) -> Tensor:
        weight, u = spectral_norm(self.weight, self.u)
        if update:
            self.u.copy_(u)
        return self._conv_forward(features, weight, self.bias)


class Discriminator(nn.Module):
    """One unbounded score an image from its masks at four scales."""

    def __init__(self, width: int, size: int):
        super().__init__()
        self.strided, self.compress = nn.ModuleList(), nn.ModuleList()
        for block in range(LEVELS + 1):
            carried = 0 if block == 0 else COMPRESSED
            mask = CLASSES - 1 if block < LEVELS else 0
            self.strided.append(SpectralConv2d(carried + mask, width << block))
            compress = nn.Conv2d(width << block, COMPRESSED, 1)
            nn.init.xavier_uniform_(compress.weight)
            nn.init.zeros_(compress.bias)
            self.compress.append(compress)
        side = size >> (LEVELS + 1)
        self.dense = nn.Linear(COMPRESSED * side * side, 1)
        nn.init.xavier_uniform_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)

    def forward(self, masks: list[Tensor], update: bool) -> Tensor:
        """`masks`: foreground channels by level, each with half the side of the one before."""
        features = add_instance_noise(masks[0])
        for block, (strided, compress) in enumerate(zip(self.strided, self.compress)):
            if 0 < block < LEVELS:
                features = torch.cat([features, masks[block]], 1)
            features = strided(features, update).tanh_()
            features = compress(features).tanh_()
        return self.dense(features.flatten(1)).squeeze(1)


def add_instance_noise(mask: Tensor) -> Tensor:
    return torch.add(mask, torch.randn_like(mask), alpha=INSTANCE_NOISE)


def mask_pyramid(masks: Tensor) -> list[Tensor]:
    """Real masks at all levels, by area."""
    levels = [masks]
    for _ in range(LEVELS - 1):
        levels.append(F.avg_pool2d(levels[-1], 2))
    return levels


# Objectives (src/science/loss/)


def weighted_partial_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Eq. (1), w_i = 1 - n_i / n_tot of each image, mean over the annotated pixels of the batch.
    A label past the last class stands for "no label"."""
    batch, classes = logits.shape[:2]
    bins = classes + 1
    shifted = labels.flatten(1) + bins * torch.arange(batch)[:, None]
    counts = torch.bincount(shifted.flatten(), minlength=bins * batch).view(batch, bins).to(logits.dtype)
    counts[:, classes] = 0
    annotated = counts.sum(1, keepdim=True)
    weights = 1 - counts / annotated.clamp_min(1)
    pixel_weights = weights.flatten()[shifted] / annotated.sum().clamp_min(1)
    losses = F.cross_entropy(logits, labels, ignore_index=classes, reduction="none")
    return torch.dot(losses.flatten(), pixel_weights.flatten())


def turned_labels(batch: int) -> Tensor:
    """1 for real masks and then -1 for predictions, some turned over (label noise)."""
    labels = torch.ones(2 * batch)
    labels[batch:] = -1
    labels[torch.rand(2 * batch) < LABEL_NOISE] *= -1
    return labels


def least_squares_discriminator(scores: Tensor, labels: Tensor) -> Tensor:
    """Eq. (2): as many real masks as predictions, so 1/2 mean + 1/2 mean is the mean over both."""
    return F.mse_loss(scores, labels)


def least_squares_generator(scores: Tensor) -> Tensor:
    return (scores - 1).square().mean() * 0.5


def dynamic_weight(adversarial: Tensor, supervised: Tensor) -> Tensor:
    """a0 = |V_LS| / |L_SUP|, a constant for the gradient; 0 where L_SUP is."""
    return (adversarial.detach() / supervised.detach()).abs().nan_to_num(posinf=0.0)


# Data (benches/training_step.rs, src/science/data/augment.rs, src/science/training/set.rs)


class Sampler:
    """Endless passes over `length` items, each in a new order."""

    def __init__(self, length: int):
        self.length, self.order = length, torch.empty(0, dtype=torch.int64)

    def batch(self, size: int) -> Tensor:
        while len(self.order) < size:
            self.order = torch.cat([self.order, torch.randperm(self.length)])
        chosen, self.order = self.order[:size], self.order[size:]
        return chosen


class Data:
    """Stripes of all classes with noise that a hash makes; every 11th pixel is annotated."""

    ITEMS = 24

    def __init__(self, size: int, batch: int, memory_format: torch.memory_format):
        self.size, self.batch, self.memory_format = size, batch, memory_format
        pixel = torch.arange(size * size)
        shift = torch.arange(self.ITEMS)[:, None]
        shape = (self.ITEMS, 1, size, size)
        labels = (pixel % size // 8 + shift) % CLASSES
        noise = (pixel * 2_654_435_761 + shift * 97) % 1000 * 1e-3
        self.masks = labels.view(shape).float()
        self.images = (labels * 0.5 - 0.7 + noise).view(shape).float()
        self.scribbles = torch.where(pixel % 11 == 0, labels, UNLABELLED).view(shape).float()
        self.samplers = [Sampler(self.ITEMS) for _ in range(3)]

    def annotated(self) -> tuple[Tensor, Tensor]:
        """Images `[batch, 1, h, w]` and their labels `[batch, h, w]`, moved by the same poses."""
        chosen, grid = self.samplers[0].batch(self.batch), self.poses()
        labels = move_labels(self.scribbles[chosen], grid, fill=UNLABELLED)
        return self.image(self.images[chosen], grid), labels.squeeze(1).long()

    def unlabelled(self) -> Tensor:
        return self.image(self.images[self.samplers[1].batch(self.batch)], self.poses())

    def real_masks(self) -> Tensor:
        """Foreground channels of real masks, `[batch, class - 1, h, w]`."""
        labels = move_labels(self.masks[self.samplers[2].batch(self.batch)], self.poses(), fill=0)
        masks = labels == torch.arange(1, CLASSES).view(1, -1, 1, 1)
        return masks.float().contiguous(memory_format=self.memory_format)

    def image(self, images: Tensor, grid: Tensor) -> Tensor:
        moved = F.grid_sample(images, grid, "bilinear", padding_mode="border", align_corners=False)
        return moved.contiguous(memory_format=self.memory_format)

    def poses(self) -> Tensor:
        """One random roto-translation an image: where each pixel of the moved image comes from."""
        radians = math.radians(ROTATION_DEGREES) * (2 * torch.rand(self.batch) - 1)
        move = 2 * TRANSLATION * (2 * torch.rand(2, self.batch) - 1)  # the side is 2 in these units
        cos, sin = radians.cos(), radians.sin()
        x, y = -cos * move[0] + sin * move[1], -sin * move[0] - cos * move[1]
        theta = torch.stack([cos, -sin, x, sin, cos, y], 1).view(-1, 2, 3)
        return F.affine_grid(theta, [self.batch, 1, self.size, self.size], align_corners=False)


def move_labels(labels: Tensor, grid: Tensor, fill: int) -> Tensor:
    """Labels of the nearest pixels, `fill` outside of the image."""
    moved = F.grid_sample(labels - fill if fill else labels, grid, "nearest", align_corners=False)
    return moved + fill if fill else moved


# Training (src/science/training/{step,fit,schedule}.rs)


def triangular_rate(epochs: float) -> float:
    phase = epochs / RATE_PERIOD % 1
    return RATE_LOW + (RATE_HIGH - RATE_LOW) * (2 * phase if phase <= 0.5 else 2 * (1 - phase))


@dataclass
class Options:
    size: int
    width: int
    batch: int
    channels_last: bool
    adam: str


class Game:
    def __init__(self, options: Options):
        self.format = torch.channels_last if options.channels_last else torch.contiguous_format
        self.segmentor = Segmentor(options.width).to(memory_format=self.format)
        self.discriminator = Discriminator(options.width, options.size).to(memory_format=self.format)
        how = {options.adam: True} if options.adam in ("fused", "foreach") else {"foreach": False}
        self.segmentor_adam, self.discriminator_adam = (
            torch.optim.Adam(network.parameters(), lr=RATE_LOW, betas=(0.9, 0.999), eps=1e-8, **how)
            for network in (self.segmentor, self.discriminator)
        )
        self.data = Data(options.size, options.batch, self.format)
        self.data_seconds = 0.0

    def parameters(self) -> int:
        networks = (self.segmentor, self.discriminator)
        return sum(p.numel() for network in networks for p in network.parameters())

    def step(self, rate: float) -> dict[str, float]:
        for optimiser in (self.segmentor_adam, self.discriminator_adam):
            for group in optimiser.param_groups:
                group["lr"] = rate
        start = time.perf_counter()
        images, labels = self.data.annotated()
        self.data_seconds += time.perf_counter() - start
        log = self.learn_from_annotations(images, labels)
        start = time.perf_counter()
        images, real = self.data.unlabelled(), self.data.real_masks()
        self.data_seconds += time.perf_counter() - start
        log |= self.play(images, real)
        # The log of `src/science/training/step.rs`, fetched once; a value that is not finite ends the training.
        values = torch.stack(list(log.values())).tolist()
        if not all(map(math.isfinite, values)):
            raise ArithmeticError(f"the training diverged: {dict(zip(log, values))}")
        return dict(zip(log, values))

    def learn_from_annotations(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        self.discriminator.requires_grad_(False)
        logits, foregrounds, _ = self.segmentor(images)
        supervised = weighted_partial_cross_entropy(logits, labels)
        adversarial = least_squares_generator(self.discriminator(foregrounds, update=False))
        a0 = dynamic_weight(adversarial, supervised)
        self.move_segmentor(a0 * supervised + GAME["a1"] * adversarial)
        gradients = [p.grad for p in self.segmentor.parameters()]
        return dict(
            supervised_loss=supervised.detach(),
            adversarial_loss=adversarial.detach(),
            a0=a0,
            gradient_norm=nn.utils.get_total_norm(gradients),
        )

    def play(self, images: Tensor, real: Tensor) -> dict[str, Tensor]:
        _, foregrounds, attention = self.segmentor(images)

        self.discriminator.requires_grad_(True)
        pairs = zip(mask_pyramid(real), foregrounds)
        scores = self.discriminator([torch.cat([r, f.detach()]) for r, f in pairs], update=True)
        judged = least_squares_discriminator(scores, turned_labels(len(real)))
        self.discriminator_adam.zero_grad(set_to_none=True)
        (GAME["a2"] * judged).backward()
        self.discriminator_adam.step()

        self.discriminator.requires_grad_(False)
        generator = least_squares_generator(self.discriminator(foregrounds, update=False))
        self.move_segmentor(GAME["a3"] * generator)
        real_scores, fake_scores = scores.detach().chunk(2)
        return dict(
            discriminator_loss=judged.detach(),
            generator_loss=generator.detach(),
            accuracy_real=(real_scores > 0).float().mean(),
            accuracy_fake=(fake_scores < 0).float().mean(),
            attention_mean=attention.mean(),
        )

    def move_segmentor(self, loss: Tensor) -> None:
        self.segmentor_adam.zero_grad(set_to_none=True)
        loss.backward()
        self.segmentor_adam.step()


# Measuring


def peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure(game: Game, steps: int, warmup: int, steps_per_epoch: int) -> dict:
    for step in range(warmup):
        game.step(triangular_rate(step / steps_per_epoch))
    game.data_seconds = 0.0
    seconds, cpu, losses = [], [], []
    for step in range(warmup, warmup + steps):
        wall_start, cpu_start = time.perf_counter(), time.process_time()
        losses.append(game.step(triangular_rate(step / steps_per_epoch)))
        seconds.append(time.perf_counter() - wall_start)
        cpu.append(time.process_time() - cpu_start)
    return dict(
        seconds_per_step=statistics.median(seconds),
        steps=seconds,
        cpu_seconds_per_step=statistics.median(cpu),
        data_seconds_per_step=game.data_seconds / steps,
        losses={name: [loss[name] for loss in losses] for name in losses[0]},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Seconds per training step of the whole game of Ours, in PyTorch eager.")
    parser.add_argument("--size", type=int, default=64, help="image side, a multiple of 16")
    parser.add_argument("--width", type=int, default=8, help="channels of the first level")
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=10, help="measured steps")
    parser.add_argument("--warm-up", "--warmup", type=int, default=2, help="steps before them")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--adam", choices=["fused", "foreach", "single"], default="fused")
    parser.add_argument("--flush-denormal", action="store_true")
    parser.add_argument("--no-onednn", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    imported = peak_bytes()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(arguments.flush_denormal)
    torch.backends.mkldnn.enabled = not arguments.no_onednn
    torch.manual_seed(1)
    game = Game(Options(arguments.size, arguments.width, arguments.batch, arguments.channels_last, arguments.adam))
    # An epoch is a pass over the 48 images, annotated or not.
    outcome = measure(game, arguments.steps, arguments.warm_up, math.ceil(2 * Data.ITEMS / arguments.batch))
    outcome |= dict(torch=torch.__version__, peak_bytes=peak_bytes(), imported_bytes=imported, parameters=game.parameters())
    if arguments.json:
        return print(json.dumps(outcome))
    each = " ".join(f"{second:.4f}" for second in outcome["steps"])
    print(f"{outcome['seconds_per_step']:.4f} s per step (median; each: {each})")
    print(f"{outcome['cpu_seconds_per_step']:.4f} CPU s per step, {outcome['data_seconds_per_step']:.4f} s of it data")
    print(f"{outcome['parameters']} parameters, peak {outcome['peak_bytes'] / 1e6:.0f} MB ({imported / 1e6:.0f} MB once imported)")
    for name, values in outcome["losses"].items():
        print(f"{name}: {values[0]:.4f} → {values[-1]:.4f}")


if __name__ == "__main__":
    main()
