"""PyTorch by hand: the same networks from native modules, and the loop of its tutorials.

    python -m benchmarks.peers.pytorch JOB.json

Pictures are kept as float32 tensors, ``channels_last`` for convolutions, where that was faster on
the machine at hand (see SPEED.md). Shuffled by one permutation an epoch and sliced, without a
``DataLoader``, which for data in memory would only cost time. Kernels are initialised as PyTorch
does it: speed is compared here, not accuracy.
"""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.peers.job import TrainingJob, job_from_command_line, report


def main() -> None:
    """Train and report."""
    report(*trained(job_from_command_line()))


def trained(job: TrainingJob) -> tuple[list[float], float]:
    """Train; seconds of each epoch and the last epoch's mean loss."""
    torch.manual_seed(0)
    name = job.entry.partition("@")[0]
    arrays = [torch.from_numpy(a) for a in job.examples()]
    if name == "dcgan":
        return train_gan(job, pictures(arrays[0]) / 127.5 - 1)
    x, y = arrays[0], arrays[1]
    if x.ndim == 4:
        # As kerazoo's models do it: to 0..1, or to -1..1 for the CIFAR networks.
        x = pictures(x) / 127.5 - 1 if name.startswith("resnet") else pictures(x) / 255
    model = MODELS[name](job, x)
    if x.ndim == 4:
        model = model.to(memory_format=torch.channels_last)
    loss = functional.mse_loss if y.is_floating_point() else functional.cross_entropy
    return train(job, model, x, y if y.is_floating_point() else y.long(), loss)


def pictures(x: Tensor) -> Tensor:
    """Bytes ``(n, height, width, channels)`` as float32, PyTorch's shape, channels last."""
    return x.permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)


def train(
    job: TrainingJob, model: nn.Module, x: Tensor, y: Tensor, loss_of: Any
) -> tuple[list[float], float]:
    """The plain loop; seconds of each epoch and the last epoch's mean loss."""
    optimizer = optimizer_for(job, model)
    epochs = []
    for _ in range(job.epochs):
        began = time.perf_counter()
        order = torch.randperm(len(x))
        total = torch.zeros(())
        for batch in order.split(job.batch_size):
            loss = loss_of(model(x[batch]), y[batch])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(batch)
        mean = float(total) / len(x)
        epochs.append(time.perf_counter() - began)
    return epochs, mean


def train_gan(job: TrainingJob, x: Tensor) -> tuple[list[float], float]:
    """The DCGAN's loop: the discriminator's step, then the generator's, on the same fakes."""
    latent = 100
    generator, discriminator = Generator(latent), discriminator_of()
    for net in (generator, discriminator):
        net.to(memory_format=torch.channels_last)
    d_optimizer, g_optimizer = optimizer_for(job, discriminator), optimizer_for(job, generator)
    epochs = []
    for _ in range(job.epochs):
        began = time.perf_counter()
        total = torch.zeros(())
        for batch in torch.randperm(len(x)).split(job.batch_size):
            real = x[batch]
            fake = generator(torch.randn(len(batch), latent))
            d_loss = (
                functional.softplus(-discriminator(real)).mean()
                + functional.softplus(discriminator(fake.detach())).mean()
            ) / 2
            d_optimizer.zero_grad(set_to_none=True)
            d_loss.backward()
            d_optimizer.step()
            # No gradient for weights that this step does not change.
            discriminator.requires_grad_(False)
            g_loss = functional.softplus(-discriminator(fake)).mean()
            g_optimizer.zero_grad(set_to_none=True)
            g_loss.backward()
            g_optimizer.step()
            discriminator.requires_grad_(True)
            total += (d_loss + g_loss).detach() * len(batch)
        mean = float(total) / len(x)
        epochs.append(time.perf_counter() - began)
    return epochs, mean


def optimizer_for(job: TrainingJob, model: nn.Module) -> torch.optim.Optimizer:
    """The job's optimizer, in PyTorch's fused form: a third to a tenth of its default's time."""
    weights = model.parameters()
    if job.optimizer == "sgd":
        return torch.optim.SGD(
            weights,
            job.learning_rate,
            momentum=job.momentum,
            weight_decay=job.weight_decay,
            fused=True,
        )
    kind = torch.optim.AdamW if job.optimizer == "adamw" else torch.optim.Adam
    return kind(
        weights,
        job.learning_rate,
        betas=(job.beta_1, 0.999),
        weight_decay=job.weight_decay,
        fused=True,
    )


def mnist_cnn(job: TrainingJob, x: Tensor) -> nn.Module:
    """Two convolutions, one pooling, two dense layers."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(64 * 12 * 12, 128),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(128, 10),
    )


def mlp(job: TrainingJob, x: Tensor) -> nn.Module:
    """Two hidden layers of 512."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 512),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(512, 512),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(512, 10),
    )


class StackedLSTM(nn.Module):
    """Two LSTMs over segments of the window, whose last value is taken off and added back."""

    def __init__(self, job: TrainingJob, x: Tensor):
        super().__init__()
        self.segment = job.options.get("segment", 1)
        self.subtract_last = job.options.get("subtract_last", False)
        self.lstm = nn.LSTM(self.segment * x.shape[2], 50, num_layers=2, batch_first=True)
        self.dropout = nn.Dropout(job.options.get("dropout", 0.0))
        self.head = nn.Linear(50, job.options["horizon"])

    def forward(self, window: Tensor) -> Tensor:
        """Windows ``(n, lookback, 1)`` to forecasts ``(n, horizon, 1)``."""
        last = window[:, -1:]
        x = window - last if self.subtract_last else window
        x = x.reshape(len(x), -1, self.lstm.input_size)
        x = self.head(self.dropout(self.lstm(x)[0][:, -1])).unsqueeze(-1)
        return x + last if self.subtract_last else x


class Block(nn.Module):
    """The residual block, option A or B (1 × 1 convolution where the shape changes)."""

    def __init__(self, before: int, after: int, stride: int, option: str):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.stride, self.missing = stride, after - before
        self.projection = None
        if option == "B" and (stride > 1 or before != after):
            shortcut = nn.Conv2d(before, after, 1, stride, bias=False)
            self.projection = nn.Sequential(shortcut, nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve twice and add the input."""
        y = functional.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        if self.projection is not None:
            x = self.projection(x)
        elif self.stride > 1:
            half = self.missing // 2
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, half, self.missing - half))
        return functional.relu(y + x)


def resnet(job: TrainingJob, x: Tensor) -> nn.Module:
    """The CIFAR network of the depth in the entry's name: three stages of blocks."""
    depth = int(job.entry.partition("@")[0].removeprefix("resnet"))
    option = "B" if depth == 8 else "A"  # as kerazoo.build
    first = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
    layers: list[nn.Module] = [first, nn.BatchNorm2d(16), nn.ReLU()]
    before = 16
    for stage, filters in enumerate((16, 32, 64)):
        for block in range((depth - 2) // 6):
            layers.append(Block(before, filters, 2 if stage and not block else 1, option))
            before = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


class TextCNN(nn.Module):
    """Convolutions over 2 to 5 words; maximum and mean over all that are no padding."""

    def __init__(self, job: TrainingJob, x: Tensor):
        super().__init__()
        self.embedding = nn.Embedding(job.options["vocabulary"], 32)
        windows = (2, 3, 4, 5)
        self.convs = nn.ModuleList(nn.Conv1d(32, 64, w, padding="same") for w in windows)
        self.dropout = nn.Dropout(0.5)
        self.classifier = nn.Linear(64 * 2 * len(windows), 2)

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids ``(n, length)`` to logits ``(n, 2)``."""
        ids = ids.long()
        real = (ids != 0).float().unsqueeze(1)
        x = self.embedding(ids)
        keep = torch.rand(*ids.shape, 1) >= 0.3  # whole words are dropped
        x = (x * keep / 0.7).transpose(1, 2) * real
        words = real.sum(2).clamp(min=1)
        pooled = []
        for conv in self.convs:
            y = functional.relu(conv(x)) * real
            pooled += [y.amax(2), y.sum(2) / words]
        return self.classifier(self.dropout(torch.cat(pooled, 1)))


class Generator(nn.Module):
    """Latents to pictures of 28 × 28: 4, 7, 14, 28."""

    def __init__(self, latent: int):
        super().__init__()
        self.project = nn.Linear(latent, 4 * 4 * 128, bias=False)
        # Keras's "same" padding of kernel 4, stride 2 is a padding of 1 here.
        self.up = nn.Sequential(
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
            Crop(7),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 4, 2, 1),
            nn.Tanh(),
        )

    def forward(self, latents: Tensor) -> Tensor:
        """Latents ``(n, latent)`` to pictures ``(n, 1, 28, 28)``."""
        return self.up(self.project(latents).reshape(-1, 128, 4, 4))


class Crop(nn.Module):
    """The first rows and columns."""

    def __init__(self, size: int):
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Crop both sides."""
        return x[:, :, : self.size, : self.size]


def discriminator_of() -> nn.Module:
    """Pictures to one logit: 28, 14, 7, 4."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(32, 64, 4, 2, 1, bias=False),
        nn.BatchNorm2d(64),
        nn.LeakyReLU(0.2),
        nn.ZeroPad2d((0, 1, 0, 1)),
        nn.Conv2d(64, 128, 4, 2, 1, bias=False),
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(4 * 4 * 128, 1),
    )


MODELS: dict[str, Any] = {
    "mnist_cnn": mnist_cnn,
    "mlp": mlp,
    "stacked_lstm": StackedLSTM,
    "resnet8": resnet,
    "resnet20": resnet,
    "text_cnn": TextCNN,
}

if __name__ == "__main__":
    main()
