"""Checkpoints: random state from (seed, epoch), damage is noticed, writing takes little time."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import kerazoo
from kerazoo.spec import Recipe
from kerazoo.training import checkpoint, loop
from kerazoo.training.augmentation import with_augmentation
from kerazoo.training.checkpoint import Checkpoint
from tests.conftest import flip_a_bit, raised

STATE = Checkpoint(1, [1.0], [{"epoch": 1, "loss": 0.5}], [np.arange(3.0), np.arange(4)])


def test_order_of_data_is_a_permutation_frozen_for_ever():
    order = checkpoint.order_of_data(10, seed=0, epoch=0)
    assert order.tolist() == [8, 2, 4, 3, 6, 0, 9, 1, 5, 7]  # recorded references rely on it
    other = checkpoint.order_of_data(10, seed=0, epoch=1).tolist()
    assert other != order.tolist() and sorted(other) == list(range(10))


def test_random_state_depends_on_seed_epoch_and_generator(private_zoo):
    net = with_augmentation(kerazoo.build("bar_net"), Recipe(epochs=1, augment_rotate=5.0))

    def states(seed, epoch):
        checkpoint.set_random_state(net, seed, epoch)
        return [
            tuple(np.asarray(v).tolist()) for v in net.variables if v.name == "seed_generator_state"
        ]

    first = states(0, 0)
    assert len(first) == 2 and first[0] != first[1], "dropout and rotation differ"
    assert first == states(0, 0) != states(0, 1) != states(1, 0)


def test_a_checkpoint_is_read_as_written_and_damage_is_noticed(tmp_path):
    assert checkpoint.read(tmp_path) is None
    checkpoint.write(tmp_path, STATE)
    again = checkpoint.read(tmp_path)
    assert (again.epochs, again.history) == (STATE.epochs, STATE.history)
    for one, other in zip(again.variables, STATE.variables, strict=True):
        assert one.dtype == other.dtype and (one == other).all()
    path = tmp_path / checkpoint.FILE_NAME
    content = flip_a_bit(path)
    for damaged in (content, content[: len(content) // 2], b""):
        path.write_bytes(damaged)
        raised([str(path)], checkpoint.read, tmp_path)


@pytest.mark.parametrize("every", [1.0, 0.0])
def test_checkpoints_take_a_small_share_of_the_time(tmp_path, monkeypatch, every):
    now = [100.0]
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(checkpoint, "write", lambda *_: now.__setitem__(0, now[0] + 0.05))
    epochs = loop.Epochs(None, tmp_path, None, every, None)
    epochs.state = STATE
    epochs.write()
    assert epochs.written == 1
    # 0.05 s are a fiftieth of 2.5 s; with 0 each epoch is written.
    assert epochs.next_write == pytest.approx(100.05 + 2.5 if every else now[0])
