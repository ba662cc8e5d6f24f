"""Few timed calls, and formats with faults."""

from __future__ import annotations

import keras
import pytest

from kerazoo.exporting import certify, formats
from kerazoo.exporting.formats._copies import copy_for_conversion
from kerazoo.exporting.formats.keras_archive import KerasArchive

collect_ignore_glob = [] if keras.config.backend() == "tensorflow" else ["test_*.py"]


@pytest.fixture(autouse=True)
def few_timed_calls(monkeypatch):
    monkeypatch.setattr(certify, "MAX_CALLS", 5)


def run_onnx(path, x):
    """Outputs of ONNX Runtime for float32 examples ``x``, without kerazoo."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


class Changed(KerasArchive):
    """A format whose converter and runtime have faults."""

    name = "changed"
    suffix = ".changed.keras"

    def __init__(self, weight=lambda w: w, runner=lambda run: run):
        self.weight, self.runner = weight, runner

    def write(self, network, path, vocabulary=None):
        copy = copy_for_conversion(network)
        copy.set_weights([self.weight(w) for w in network.get_weights()])
        return super().write(copy, path, vocabulary)

    def load(self, path):
        return self.runner(super().load(path))


@pytest.fixture
def changed(monkeypatch):
    """Register a format with faults under the name ``changed``."""

    def register(**faults):
        monkeypatch.setitem(formats._formats, "changed", Changed(**faults))
        return "changed"

    return register
