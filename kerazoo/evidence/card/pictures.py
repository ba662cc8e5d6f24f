"""The section with the pictures of a finished run."""

from __future__ import annotations

import base64
import dataclasses
import html
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo.errors import KerazooError
from kerazoo.evidence import recorded_plots as recorded_pictures
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.card.markup import tag
from kerazoo.metrics import metric
from kerazoo.spec import Entry
from kerazoo.training import run_directory as runs

PNG = b"\x89PNG\r\n\x1a\n"
MOST_BYTES = 8_000_000  # of one picture; a page must stay one that a browser opens


@dataclass(frozen=True)
class RunPictures:
    """A finished run whose pictures go onto the card.

    Attributes:
        said: what the run was, in one sentence.
        pictures: caption and PNG content, in the order of the files' names.
    """

    said: str
    pictures: tuple[tuple[str, bytes], ...]


def section(run: RunPictures | None) -> str:
    """What the run was, then its pictures; empty without a run."""
    if run is None:
        return ""
    figures = (
        f'<figure><img alt="{html.escape(caption)}" '
        f'src="data:image/png;base64,{base64.b64encode(content).decode()}">'
        f"{tag('figcaption', caption)}</figure>"
        for caption, content in run.pictures
    )
    return "\n".join([tag("p", run.said, "note"), *figures])


def recorded_of(entry: Entry) -> RunPictures | None:
    """The pictures of the recorded run whose weights come with the package; None without any."""
    recorded = evidence.read(entry)
    files = recorded_pictures.kept(entry)
    if recorded.weights is None or not files:
        return None
    said = f"Of the recorded run of seed {recorded.weights.seed}, tier full."
    return RunPictures(said, tuple((p.stem.replace("_", " "), _png(p)) for p in files))


def pictures_of(folder: Path, entry: Entry) -> RunPictures:
    """The pictures of a finished run of an entry.

    Raises:
        KerazooError: no finished run, a run of another entry, or a damaged file.
    """
    config = runs.read_config(folder)
    if config.get("entry") != entry.name:
        raise KerazooError(
            f"the run in {folder} is one of {config.get('entry')}, not of {entry.name}; its "
            "pictures do not belong onto this card."
        )
    if not runs.is_finished(folder):
        raise KerazooError(f"the run in {folder} is not finished; there is nothing to show yet.")
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        said = _of_run(entry, config, metrics)
        files = [(p.stem.replace("_", " "), p) for p in sorted(folder.glob("*.png"))]
        pictures = tuple((caption, _png(file)) for caption, file in files)
    except KerazooError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise KerazooError(f"the run in {folder} is damaged: {error!r}.") from error
    if not pictures:
        raise KerazooError(f"the run in {folder} has no pictures (*.png).")
    return RunPictures(said, pictures)


def _of_run(entry: Entry, config: dict[str, Any], metrics: dict[str, Any]) -> str:
    """One sentence on a run: seed, tier, figure, and where it differs from the recipe."""
    measure = metric(metrics["metric"])
    wanted = dataclasses.asdict(entry.recipe_for(config["tier"]))
    changed = [
        f"{name} {config['recipe'].get(name)!r} in place of {value!r}"
        for name, value in wanted.items()
        if config["recipe"].get(name) != value
    ]
    return (
        f"One run: seed {config['seed']}, tier {config['tier']}, {measure.title} "
        f"{measure.show(metrics['value'])} on {metrics['examples']:,} "
        f"{metrics.get('split', 'test')} examples"
        + (f"; not with the recipe as it stands: {', '.join(changed)}" if changed else "")
        + "."
    )


def _png(path: Path) -> bytes:
    content = path.read_bytes()
    if not content.startswith(PNG) or len(content) > MOST_BYTES:
        raise KerazooError(f"{path} is no PNG picture of at most {MOST_BYTES // 1_000_000} MB.")
    return content
