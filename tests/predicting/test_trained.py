"""Opening an entry or a run, the network that was trained, and its data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.errors import KerazooError
from kerazoo.predicting.trained import is_run, open_trained


def test_an_entry_has_bundled_weights_and_loads_its_data_when_asked():
    trained = open_trained("text_cnn@imdb")
    assert (trained.source, trained.entry.model, trained.run) == ("text_cnn@imdb", "text_cnn", None)
    assert trained.labels == ("negative", "positive") and trained.core is trained.model
    assert len(trained.vocabulary) > 1_000 and "data" not in vars(trained)


def test_an_entry_hides_a_directory_of_its_name(in_tmp):
    (in_tmp / "mlp@digits").mkdir()
    assert not is_run("mlp@digits") and is_run("./mlp@digits") and is_run("runs/mlp@digits")
    assert open_trained("mlp@digits").run is None


@pytest.mark.parametrize("source", ["no/run", "mlp@nothing", "mpl", ".", "", 5, None])
def test_what_is_neither_an_entry_nor_a_run_is_an_error(source, in_tmp):
    with pytest.raises(KerazooError):
        open_trained(source)


def test_a_run_on_a_table_has_the_network_inside_and_its_data_again(tuned, user_file):
    frame = pd.read_csv(user_file("table"))
    trained = open_trained(tuned("table"))
    assert trained.core is not trained.model and trained.core.output_shape == (None, 2)
    assert trained.entry.model == "mlp" and trained.task.name == "classification"
    assert trained.data.test.x.shape[1:] == trained.core.input_shape[1:]
    with pytest.raises(KerazooError):
        open_trained(tuned("table"), data=frame[1:]).data  # noqa: B018
    for source in ("mlp@digits", tuned("table") / "nothing"):
        with pytest.raises(KerazooError):
            open_trained(source, data=frame)


def test_predicting_with_a_run_needs_no_module_of_its_model(bars_run):
    assert "bar_net" not in registry.list_models()
    (prediction,) = kerazoo.predict(bars_run, np.zeros((1, 8, 8, 1)))
    assert prediction.label in open_trained(bars_run).labels == ("left", "right", "centre")
