"""Export every entry to every format, certify each export, and write EXPORT.md.

    python benchmarks/export_table.py                       exports that these weights lack
    python benchmarks/export_table.py mlp@digits --again    export this entry again
    python benchmarks/export_table.py --table-only          only EXPORT.md

Certificates are kept in export.json; the same command continues where it was stopped.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.filesize import decimal

sys.path.insert(0, str(Path(__file__).parent.parent))

import kerazoo
from benchmarks import _tools
from kerazoo import registry
from kerazoo._files import write_json, write_text
from kerazoo.errors import KerazooError
from kerazoo.evidence import reference as evidence
from kerazoo.exporting import certify, export, formats
from kerazoo.metrics import metric
from kerazoo.spec import is_image

TABLE, RESULTS = _tools.HERE / "EXPORT.md", _tools.HERE / "export.json"
COLUMNS = (
    *("entry", "format", "verdict", "metric", "with Keras", "of the export", "examples"),
    *("difference", "size", "time", "time with Keras", "note"),
)
INT8_COLUMNS = (
    *("entry", "format", "verdict", "missed", "with Keras", "of the export", "change"),
    *("examples", "difference", "size", "size in float32", "share"),
)
MOST_SIZE = 0.3  # share of the export in float32
Results = dict[str, dict[str, dict[str, Any]]]  # certificates by entry and format


def main() -> None:
    """Export what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("entries", nargs="*", metavar="ENTRY", help="default: all")
    parser.add_argument("--again", action="store_true", help="export again what is there")
    parser.add_argument("--table-only", action="store_true")
    options = parser.parse_args()
    results: Results = _tools.read_json(RESULTS)
    for entry in [] if options.table_only else options.entries or registry.list_entries():
        for name in missing_formats({} if options.again else results, entry):
            try:
                results.setdefault(entry, {})[name] = certificate(entry, name)
            except KerazooError as error:
                print(entry, name, "is not exported:", error, flush=True)
                continue
            write_json(RESULTS, results)
            print(entry, name, results[entry][name]["problems"] or "PASS", flush=True)
    write_text(TABLE, table(results))


def weights_of(entry: str) -> str:
    """Fingerprint of the bundled weights of an entry; empty without any."""
    return evidence.weights_sha256(registry.get_entry(entry))


def missing_formats(results: Results, entry: str) -> list[str]:
    """Formats that an entry with weights was not exported to with these weights."""
    weights, done = weights_of(entry), results.get(entry, {})
    known = registry.get_entry(entry)
    in_integers = registry.task_of(known).has_classes and is_image(
        registry.get_dataset(known.dataset).input_shape
    )
    names = [n for n in formats.names() if in_integers or not n.endswith("_int8")]
    return [n for n in names if weights and done.get(n, {}).get("weights") != weights]


def certificate(entry: str, name: str) -> dict[str, Any]:
    """Certificate of one export; for a text model also on the original test reviews."""
    import keras

    with tempfile.TemporaryDirectory() as folder:
        done = kerazoo.export(entry, name, Path(folder) / "export")
        kept = {k: v for k, v in done.as_json().items() if k not in ("path", "files")}
        if done.texts is not None:
            kept["reviews"] = raw_reviews(done.path)
    keras.backend.clear_session()  # a hundred graphs in one process are too many
    return {"weights": weights_of(entry), **kept}


def raw_reviews(path: Path) -> dict[str, Any]:
    """Raw IMDB test reviews through an export's text signature, compared with token ids."""
    from kerazoo.datasets import _text, imdb
    from kerazoo.exporting.formats.saved_model import SavedModel

    reviews, labels = imdb.texts()["test"]
    ids = _text.encode(reviews, _text.read_vocabulary(imdb.VOCABULARY), imdb.LENGTH)
    by_texts = certify.in_batches(SavedModel().load_texts(path), reviews)
    by_ids = certify.in_batches(SavedModel().load(path), ids)
    accuracy = float((by_texts.argmax(axis=1) == labels).mean())
    difference = float(np.abs(by_texts - by_ids).max())
    return {"n": len(reviews), "difference": difference, "accuracy": accuracy}


def table(results: Results) -> str:
    """Content of EXPORT.md."""
    done = [
        (entry, name, results[entry][name])
        for entry in registry.list_entries()
        for name in formats.names()
        if name in results.get(entry, {})
    ]
    exact = [r for r in done if r[2]["tolerance"] is not None]
    shares = {(e, n): c["difference"] / c["tolerance"] for e, n, c in exact if c["passed"]}
    entry, name = max(shares, key=shares.__getitem__)
    reviews = [
        f"`{entry}` as {name}: on the {r['n']:,} original test reviews, the outputs of "
        f"`serve_texts` differ by {power(r['difference'])} from those for token ids that kerazoo "
        f"made; accuracy {metric('accuracy').show(r['accuracy'])}."
        for entry, name, c in done
        if (r := c.get("reviews"))
    ]
    return _tools.render(
        "EXPORT.md",
        rows=f"{export.ROWS:,}",
        environment=_tools.measured_with(c["environment"] for _, _, c in done),
        output_tolerance=f"{certify.OUTPUT_TOLERANCE:g}",
        metric_tolerance=f"{certify.METRIC_TOLERANCE:g}",
        largest=f"{100 * shares[entry, name]:.0f} % (`{entry}` as {name})",
        table=_tools.markdown(COLUMNS, (row(*r) for r in exact), left=4),
        most_size=f"{100 * MOST_SIZE:.0f} %",
        int8_table=_tools.markdown(
            INT8_COLUMNS,
            (
                int8_row(*r, results[r[0]][r[1].removesuffix("_int8")])
                for r in done
                if r not in exact
            ),
            left=4,
        ),
        reviews="\n\n".join(reviews),
        missing=", ".join(f"`{e}`" for e in registry.list_entries() if not weights_of(e)),
    )


def row(entry: str, name: str, c: dict[str, Any]) -> list[str]:
    """One export."""
    measure = metric(c["metric"])
    some = f" of {c['test_examples']:,}" if c["examples"] != c["test_examples"] else ""
    return [
        f"`{entry}`",
        name,
        "PASS" if c["passed"] else f"FAIL: {'; '.join(c['problems'])}",
        f"{measure.short or measure.title} {measure.arrow}",
        measure.show(c["before"]),
        "–" if c["after"] is None else measure.show(c["after"]),
        f"{c['examples']:,}{some}",
        "–" if c["difference"] is None else power(c["difference"]),
        decimal(c["bytes"]),
        f"{c['milliseconds']:.3f} ms",
        f"{c['keras_milliseconds']:.3f} ms",
        "; ".join(c["notes"]),
    ]


def int8_row(entry: str, name: str, c: dict[str, Any], exact: dict[str, Any]) -> list[str]:
    """One export of 8-bit integers, next to that of float32."""
    change, size = c["after"] - c["before"], c["bytes"] / exact["bytes"]
    missed = ["accuracy"] * (abs(change) > c["allowed"]) + ["size"] * (size > MOST_SIZE)
    cells = row(entry, name, c)
    return [
        *cells[:3],
        " and ".join(missed) or "–",
        *cells[4:6],
        f"{100 * change:+.2f} points",
        *cells[6:9],
        decimal(exact["bytes"]),
        f"{100 * size:.1f} %",
    ]


def power(value: float) -> str:
    """``3.8e-05``, or 0."""
    return f"{value:.1e}" if value else "0"


if __name__ == "__main__":
    main()
