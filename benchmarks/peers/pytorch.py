"""PyTorch: the same networks from native modules, and the training loop of its tutorials.

Images are float32 tensors, ``channels_last`` for convolutions, where that was faster on the
machine of SPEED.md. Each epoch slices one permutation: a ``DataLoader`` would only cost time for
data in memory. Weights start as PyTorch initializes them: this compares speed, not accuracy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.peers.job import TrainingJob, main

LATENT = 100


def train(job: TrainingJob) -> dict[str, Any]:
    """Train; seconds of each epoch and the mean loss of the last one."""
    torch.manual_seed(0)
    name = job.entry.partition("@")[0]
    x, *targets = map(torch.from_numpy, job.examples())
    if x.ndim == 4:  # scaled as in kerazoo's models: -1 to 1, or 0 to 1
        x = x.permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
        x = x / 127.5 - 1 if name.startswith(("dcgan", "resnet")) else x / 255
    if name == "dcgan":
        step = gan_step(job)
    else:
        model = MODELS[name](job, x)
        if x.ndim == 4:
            model = model.to(memory_format=torch.channels_last)
        y = targets[0]
        step = supervised_step(job, model, y if y.is_floating_point() else y.long())
    epochs = []
    for _ in range(job.epochs):
        start = time.perf_counter()
        total = torch.zeros(())
        for batch in torch.randperm(len(x)).split(job.batch_size):
            total += step(x[batch], batch) * len(batch)
        loss = float(total) / len(x)
        epochs.append(time.perf_counter() - start)
    return {"epochs": epochs, "loss": loss}


Step = Callable[[Tensor, Tensor], Tensor]  # batch and its indices to the loss


def supervised_step(job: TrainingJob, model: nn.Module, y: Tensor) -> Step:
    """Step for class numbers (cross-entropy) or floating-point targets (squared error)."""
    optimizer = optimizer_for(job, model)
    loss_of: Any = functional.mse_loss if y.is_floating_point() else functional.cross_entropy

    def step(x: Tensor, batch: Tensor) -> Tensor:
        loss = loss_of(model(x), y[batch])
        descend(optimizer, loss)
        return loss.detach()

    return step


def gan_step(job: TrainingJob) -> Step:
    """The DCGAN's step: the discriminator, then the generator, on the same generated images."""
    networks = generator(), discriminator()
    generate, judge = (net.to(memory_format=torch.channels_last) for net in networks)
    d_optimizer, g_optimizer = optimizer_for(job, judge), optimizer_for(job, generate)

    def step(real: Tensor, batch: Tensor) -> Tensor:
        fake = generate(torch.randn(len(batch), LATENT))
        real_loss = functional.softplus(-judge(real)).mean()
        d_loss = (real_loss + functional.softplus(judge(fake.detach())).mean()) / 2
        descend(d_optimizer, d_loss)
        judge.requires_grad_(False)  # this step does not change its weights
        g_loss = functional.softplus(-judge(fake)).mean()
        descend(g_optimizer, g_loss)
        judge.requires_grad_(True)
        return (d_loss + g_loss).detach()

    return step


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step of the optimizer."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def optimizer_for(job: TrainingJob, model: nn.Module) -> torch.optim.Optimizer:
    """Optimizer of the job in PyTorch's fused form: a third to a tenth of its default's time."""
    options: dict[str, Any] = {"lr": job.learning_rate, "weight_decay": job.weight_decay}
    if job.optimizer == "sgd":
        return torch.optim.SGD(model.parameters(), momentum=job.momentum, fused=True, **options)
    kind = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[job.optimizer]
    return kind(model.parameters(), betas=(job.beta_1, 0.999), fused=True, **options)


def dense(before: int, after: int, dropout: float) -> nn.Module:
    """Dense layer, ReLU, dropout."""
    return nn.Sequential(nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout))


def mnist_cnn(job: TrainingJob, x: Tensor) -> nn.Module:
    """Two convolutions, one pooling, two dense layers."""
    convolutions = nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU()
    pooled = nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten()
    return nn.Sequential(*convolutions, *pooled, dense(64 * 144, 128, 0.2), nn.Linear(128, 10))


def mlp(job: TrainingJob, x: Tensor) -> nn.Module:
    """Two hidden layers of 512."""
    hidden = dense(784, 512, 0.2), dense(512, 512, 0.2)
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(512, 10))


class StackedLSTM(nn.Module):
    """Two LSTMs over segments of the window; its last value is subtracted and added back."""

    def __init__(self, job: TrainingJob, x: Tensor):
        super().__init__()
        segment = job.options.get("segment", 1)
        self.subtract_last = job.options.get("subtract_last", False)
        self.lstm = nn.LSTM(segment * x.shape[2], 50, num_layers=2, batch_first=True)
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
    """Residual block with shortcut A, or B: a 1 × 1 convolution where the shape changes."""

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
    """CIFAR ResNet of the depth in the entry's name: three stages of blocks."""
    depth = int(job.entry.partition("@")[0].removeprefix("resnet"))
    option = "B" if depth == 8 else "A"
    first = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
    layers: list[nn.Module] = [first, nn.BatchNorm2d(16), nn.ReLU()]
    before = 16
    for stage, filters in enumerate((16, 32, 64)):
        for block in range((depth - 2) // 6):
            layers.append(Block(before, filters, 2 if stage and not block else 1, option))
            before = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


class TextCNN(nn.Module):
    """Convolutions over 2 to 5 words; maximum and mean over all words but padding."""

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
        keep = torch.rand(*ids.shape, 1) >= 0.3  # drops whole words
        x = (self.embedding(ids) * keep / 0.7).transpose(1, 2) * real
        words = real.sum(2).clamp(min=1)
        pooled = []
        for conv in self.convs:
            y = functional.relu(conv(x)) * real
            pooled += [y.amax(2), y.sum(2) / words]
        return self.classifier(self.dropout(torch.cat(pooled, 1)))


class Crop(nn.Module):
    """First seven rows and columns."""

    def forward(self, x: Tensor) -> Tensor:
        """Crop both sides."""
        return x[:, :, :7, :7]


def generator() -> nn.Module:
    """Latents ``(n, 100)`` to images ``(n, 1, 28, 28)``: 4, 7, 14, 28."""

    def up(before: int, after: int, *more: nn.Module) -> list[nn.Module]:
        # A padding of 1 is Keras's "same" for kernel 4 and stride 2.
        conv = nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False)
        return [conv, *more, nn.BatchNorm2d(after), nn.ReLU()]

    project = nn.Linear(LATENT, 4 * 4 * 128, bias=False), nn.Unflatten(1, (128, 4, 4))
    start = nn.BatchNorm2d(128), nn.ReLU()
    last = nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Tanh()
    return nn.Sequential(*project, *start, *up(128, 64, Crop()), *up(64, 32), *last)


def discriminator() -> nn.Module:
    """Images to one logit: 28, 14, 7, 4."""

    def down(before: int, after: int) -> list[nn.Module]:
        conv = nn.Conv2d(before, after, 4, 2, 1, bias=False)
        return [conv, nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]

    first, pad = (nn.Conv2d(1, 32, 4, 2, 1), nn.LeakyReLU(0.2)), nn.ZeroPad2d((0, 1, 0, 1))
    last = nn.Flatten(), nn.Linear(4 * 4 * 128, 1)
    return nn.Sequential(*first, *down(32, 64), pad, *down(64, 128), *last)


MODELS: dict[str, Any] = {
    "mnist_cnn": mnist_cnn,
    "mlp": mlp,
    "stacked_lstm": StackedLSTM,
    "resnet8": resnet,
    "resnet20": resnet,
    "text_cnn": TextCNN,
}

if __name__ == "__main__":
    main(train)
