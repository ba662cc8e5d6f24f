"""Export every entry to every format, certify each, and write EXPORT.md.

    python benchmarks/export_table.py                       what was not measured with these weights
    python benchmarks/export_table.py mlp@digits --again    measure these anew, then the table
    python benchmarks/export_table.py --table-only          only the table

Certificates are kept in export.json; the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import kerazoo
from kerazoo import registry
from kerazoo._files import write_json, write_text
from kerazoo.cli import tables
from kerazoo.evidence import reference as evidence
from kerazoo.exporting import formats
from kerazoo.exporting.certify import METRIC_TOLERANCE, OUTPUT_TOLERANCE
from kerazoo.exporting.export import ROWS
from kerazoo.metrics import metric

HERE = Path(__file__).parent
TABLE, RESULTS = HERE / "EXPORT.md", HERE / "export.json"
Results = dict[str, dict[str, dict[str, Any]]]  # by entry and format


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("entries", nargs="*", metavar="ENTRY", help="default: all")
    parser.add_argument("--again", action="store_true", help="measure what is already there")
    parser.add_argument("--table-only", action="store_true")
    options = parser.parse_args()
    results = read_results()
    if not options.table_only:
        for entry in options.entries or registry.list_entries():
            for name in formats.names():
                if options.again or not is_current(results, entry, name):
                    measured = _measure(entry, name)
                    results.setdefault(entry, {})[name] = measured
                    write_json(RESULTS, results)
                    print(f"{entry} {name}: {_said(measured)}", flush=True)
    write_text(TABLE, table(results))
    print(f"wrote {TABLE}", file=sys.stderr)
    return 0


def read_results() -> Results:
    """What was measured."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def is_current(results: Results, entry: str, name: str) -> bool:
    """Whether an export was measured, with the weights of today."""
    weights = evidence.weights_sha256(registry.get_entry(entry))
    return results.get(entry, {}).get(name, {}).get("weights") == weights


def _said(result: dict[str, Any]) -> str:
    if "refused" in result:
        return f"refused: {result['refused']}"
    return "PASS" if result["passed"] else f"FAIL: {result['problems']}"


def _measure(entry: str, name: str) -> dict[str, Any]:
    """The certificate of one export as JSON, or why there is none."""
    import keras

    weights = evidence.weights_sha256(registry.get_entry(entry))
    with tempfile.TemporaryDirectory() as folder:
        try:
            certificate = kerazoo.export(entry, name, Path(folder) / "export")
        except kerazoo.KerazooError as error:
            return {"weights": weights, "refused": str(error)}
        content = {k: v for k, v in certificate.as_json().items() if k not in ("path", "files")}
        if certificate.texts is not None:
            content["reviews"] = _raw_reviews(certificate.path)
    keras.backend.clear_session()  # a hundred graphs in one process are too many
    return {"weights": weights, **content}


def _raw_reviews(path: Path) -> dict[str, Any]:
    """The original test reviews through the export's own reading of texts."""
    import numpy as np

    from kerazoo.datasets import _text as text
    from kerazoo.datasets import imdb
    from kerazoo.exporting.certify import in_batches
    from kerazoo.exporting.formats import saved_model

    reviews, labels = imdb.texts()["test"]
    by_texts = in_batches(saved_model.load_texts(path), reviews)
    ids = text.encode(reviews, text.read_vocabulary(imdb.VOCABULARY), imdb.LENGTH)
    by_ids = in_batches(saved_model.load(path), ids)
    return {
        "n": len(reviews),
        "difference": float(np.abs(by_texts - by_ids).max()),
        "accuracy": float((by_texts.argmax(axis=1) == labels).mean()),
    }


def table(measured: Results) -> str:
    """EXPORT.md from the certificates."""
    results = {
        (entry, name): measured[entry][name]
        for entry in registry.list_entries()
        for name in formats.names()
        if name in measured.get(entry, {})
    }
    done = {key: r for key, r in results.items() if "refused" not in r}
    lines = [
        "# Exports",
        "",
        "Written by `python benchmarks/export_table.py`: every entry exported to every format by "
        "`kerazoo export`, read back by the format's own runtime, and held against Keras on the "
        f"test split (of more than {ROWS:,} examples: on {ROWS:,}, drawn with seed 0; of a "
        "generator: on 10,000 latents, by the whole protocol of its metric; `examples` are the "
        "test pictures that its samples are held against).",
        "",
        *_environments(list(done.values())),
        "",
        "`difference` is the largest absolute one between two outputs; allowed is "
        f"{OUTPUT_TOLERANCE:g} times the largest output, or {OUTPUT_TOLERANCE:g} if that is below "
        f"1. The largest share of what is allowed that any export takes is {_largest(done)}. "
        f"Accuracy must be equal, other metrics to {METRIC_TOLERANCE:g} of their value (of "
        "R²: of it or of 1 - R², whichever is more). `time` is "
        "of one example, median of warm calls, while other work ran on the machine: it decides "
        "nothing. Every export takes any number of examples at once, unless a note says otherwise.",
        "",
        "| entry | format | verdict | metric | with Keras | of the export | examples | difference "
        "| size | time | time with Keras | note |",
        "|---|---|---|---|---:|---:|---:|---:|---:|---:|---:|---|",
        *(_row(entry, name, r) for (entry, name), r in done.items()),
    ]
    for (entry, _), r in done.items():
        if "reviews" in r:
            lines += ["", _reviews(entry, r["reviews"])]
    return "\n".join([*lines, *_refusals(results)]) + "\n"


def _environments(certificates: list[dict[str, Any]]) -> list[str]:
    """Versions and machine, once where all exports were made with the same."""
    seen: dict[str, set[str]] = {}
    for c in certificates:
        for what, version in c["environment"].items():
            seen.setdefault(what, set()).add(version)
    return [", ".join(f"{what} {' or '.join(sorted(seen[what]))}" for what in seen) + "."]


def _largest(done: dict[tuple[str, str], dict[str, Any]]) -> str:
    shares = {key: r["difference"] / r["tolerance"] for key, r in done.items() if r["passed"]}
    entry, name = max(shares, key=shares.__getitem__)
    return f"{shares[entry, name]:.0%} (`{entry}` as {name})"


def _row(entry: str, name: str, r: dict[str, Any]) -> str:
    measure = metric(r["metric"])
    some = r["examples"] != r["test_examples"]
    cells = [
        f"`{entry}`",
        name,
        "PASS" if r["passed"] else f"FAIL: {'; '.join(r['problems'])}",
        f"{measure.short or measure.title} {measure.arrow}",
        measure.show(r["before"]),
        "–" if r["after"] is None else measure.show(r["after"]),
        f"{r['examples']:,}" + (f" of {r['test_examples']:,}" if some else ""),
        "–" if r["difference"] is None else f"{r['difference']:.1e}".replace("0.0e+00", "0"),
        tables.size(r["bytes"]),
        f"{r['milliseconds']:.3f} ms",
        f"{r['keras_milliseconds']:.3f} ms",
        "; ".join(r["notes"]),
    ]
    return f"| {' | '.join(cells)} |"


def _reviews(entry: str, reviews: dict[str, Any]) -> str:
    far = f"{reviews['difference']:.1e}".replace("0.0e+00", "0")
    accuracy = metric("accuracy").show(reviews["accuracy"])
    return (
        f"`{entry}` as saved_model: on the {reviews['n']:,} original test reviews, as they were "
        f"typed, the outputs of `serve_texts` and those of kerazoo reading them differ by "
        f"{far}; accuracy {accuracy}."
    )


def _refusals(results: dict[tuple[str, str], dict[str, Any]]) -> list[str]:
    """What is refused and why, one line for each entry and reason."""
    refused: dict[tuple[str, str], list[str]] = {}
    for (entry, name), r in results.items():
        if "refused" in r:
            refused.setdefault((entry, r["refused"]), []).append(name)
    lines = ["", "## Refused", ""]
    for (entry, reason), which in refused.items():
        every = "every format" if which == formats.names() else ", ".join(which)
        lines.append(f"- `{entry}`, {every}: {reason}")
    return lines if refused else [*lines, "Nothing."]


if __name__ == "__main__":
    sys.exit(main())
