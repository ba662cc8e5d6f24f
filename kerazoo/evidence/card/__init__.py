"""The model card of an entry as one HTML file that needs nothing else: no network, no script.

The page and the order of its sections stand here; a section that takes more than a line has a
file of its own, with a function ``section``. ``markup`` escapes whatever comes from a
registration, a reference or a run; ``template`` has the frame of the page and its style sheet.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo import __version__, building, fingerprint
from kerazoo._files import write_text
from kerazoo.cli import tables
from kerazoo.errors import KerazooError
from kerazoo.evidence import caveats
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.card import architecture, data, pictures, published, recipe, results
from kerazoo.evidence.card.markup import bullets, escape, inline, prose, tag
from kerazoo.evidence.card.template import PAGE, STYLE
from kerazoo.evidence.reference import Evidence
from kerazoo.spec import Entry

if TYPE_CHECKING:
    import keras


def write_card(entry: Entry, path: Path, run: Path | None = None) -> None:
    """Write the card of an entry.

    Args:
        entry: the entry.
        path: a file that ends in ``.html`` or ``.htm``; replaced if it exists.
        run: the folder of a finished run of the entry, whose pictures the card shows; by default
            those of the first recorded run, where they come with the package.

    Raises:
        KerazooError: another file name; a run that is not finished, damaged, or of another entry;
            the model cannot be built; or the file cannot be written. ``path`` is then as before.
    """
    check_path(path)
    shown = pictures.recorded_of(entry) if run is None else pictures.pictures_of(run, entry)
    write_text(path, page(entry, shown))


def check_path(path: Path) -> None:
    """Raise KerazooError unless a card may have this name."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise KerazooError(f"--html {path}: give a file name that ends in .html or .htm.")
    if path.is_dir():
        raise KerazooError(f"--html {path}: there is a folder of this name.")


def page(entry: Entry, run: pictures.RunPictures | None = None) -> str:
    """The whole card as HTML."""
    content, recorded = tables.card(entry), evidence.read(entry)
    model = building.build_for(entry)
    content["caveats"] += _staleness(recorded, model)
    sections = [
        ("use", "How to use it", _usage(content)),
        ("what", "What it is", prose(content["description"])),
        ("architecture", "Architecture", architecture.section(model)),
        ("results", "Results", results.section(content, recorded)),
        ("published", "Published elsewhere", published.section(content)),
        ("pictures", "Pictures", pictures.section(run)),
        ("data", "Data", data.section(content)),
        ("recipe", "Recipe", recipe.section(entry)),
        ("limits", "Limits", bullets(content["caveats"])),
        ("citation", "Citation", tag("pre", content["citation"])),
    ]
    shown = [(key, title, body) for key, title, body in sections if body]
    return PAGE.substitute(
        title=escape(content["entry"]),
        summary=inline(content["summary"]),
        headline=results.headline(content, recorded.measure),
        links=" ".join(f'<a href="#{key}">{escape(title)}</a>' for key, title, _ in shown),
        sections="\n".join(
            f'<section id="{key}">\n<h2>{escape(title)}</h2>\n{body}\n</section>'
            for key, title, body in shown
        ),
        version=escape(__version__),
        style=STYLE,
    )


def _usage(content: dict[str, Any]) -> str:
    return "\n".join(
        f"{tag('h3', snippet['title'])}\n{tag('pre', snippet['code'], snippet['language'])}"
        for snippet in content["usage"]
    )


def _staleness(recorded: Evidence, model: keras.Model) -> list[str]:
    """One caveat for each tier whose model changed; what else may have, ``caveats`` says."""
    structure = fingerprint.of_model(model)
    return [
        caveats.out_of_date(tier, ["the model's structure changed"])
        for tier, reference in recorded.tiers.items()
        if reference.model != structure
    ]
