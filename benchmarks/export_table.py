"""Export every entry to every format, certify each, and write EXPORT.md.

    python benchmarks/export_table.py                       everything that was not measured yet
    python benchmarks/export_table.py mlp@digits --again    measure these anew, then the table
    python benchmarks/export_table.py --table-only          only the table

Certificates are kept in --work; the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import kerazoo
from kerazoo import formats, registry, tables
from kerazoo.certifying import METRIC_TOLERANCE, OUTPUT_TOLERANCE
from kerazoo.exporting import ROWS
from kerazoo.metrics import metric

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "benchmarks" / "EXPORT.md"


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("entries", nargs="*", metavar="ENTRY", help="default: all")
    parser.add_argument("--work", type=Path, default=Path("runs/export"))
    parser.add_argument("--again", action="store_true", help="measure what is already there")
    parser.add_argument("--table-only", action="store_true")
    options = parser.parse_args()
    if not options.table_only:
        options.work.mkdir(parents=True, exist_ok=True)
        for entry in options.entries or registry.list_entries():
            for name in formats.names():
                result = _result_path(options.work, entry, name)
                if options.again or not result.exists():
                    measured = _measure(entry, name, options.work)
                    result.write_text(json.dumps(measured, indent=2), encoding="utf-8")
                    print(f"{entry} {name}: {_said(measured)}", flush=True)
    TABLE.write_text(table(options.work), encoding="utf-8")
    print(f"wrote {TABLE}", file=sys.stderr)
    return 0


def _result_path(work: Path, entry: str, name: str) -> Path:
    return work / f"{entry}-{name}.json"


def _said(result: dict[str, Any]) -> str:
    if "refused" in result:
        return f"refused: {result['refused']}"
    return "PASS" if result["passed"] else f"FAIL: {result['problems']}"


def _measure(entry: str, name: str, work: Path) -> dict[str, Any]:
    """The certificate of one export as JSON, or why there is none."""
    import keras

    folder = work / "folder"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        certificate = kerazoo.export(entry, name, folder)
    except kerazoo.KerazooError as error:
        return {"refused": str(error)}
    content = certificate.as_json()
    if certificate.texts is not None:
        content["reviews"] = _raw_reviews(certificate.path)
    shutil.rmtree(folder)
    keras.backend.clear_session()  # a hundred graphs in one process are too many
    return content


def _raw_reviews(path: Path) -> dict[str, Any]:
    """The original test reviews through the export's own reading of texts."""
    import numpy as np

    from kerazoo.certifying import in_batches
    from kerazoo.datasets import imdb, text
    from kerazoo.formats import saved_model

    reviews, labels = imdb.texts()["test"]
    by_texts = in_batches(saved_model.load_texts(path), reviews)
    ids = text.encode(reviews, text.read_vocabulary(imdb.VOCABULARY), imdb.LENGTH)
    by_ids = in_batches(saved_model.load(path), ids)
    return {
        "n": len(reviews),
        "difference": float(np.abs(by_texts - by_ids).max()),
        "accuracy": float((by_texts.argmax(axis=1) == labels).mean()),
    }


def table(work: Path) -> str:
    """EXPORT.md from the certificates in ``work``."""
    results = {
        (entry, name): json.loads(path.read_text(encoding="utf-8"))
        for entry in registry.list_entries()
        for name in formats.names()
        if (path := _result_path(work, entry, name)).exists()
    }
    done = {key: r for key, r in results.items() if "refused" not in r}
    lines = [
        "# Exports",
        "",
        "Written by `python benchmarks/export_table.py`: every entry exported to every format by "
        "`kerazoo export`, read back by the format's own runtime, and held against Keras on the "
        f"test split (of more than {ROWS:,} examples: on {ROWS:,}, drawn with seed 0; of a "
        "generator: on 10,000 latents, by the whole protocol of its metric).",
        "",
        *_environments(list(done.values())),
        "",
        "`difference` is the largest absolute one between two outputs; allowed is "
        f"{OUTPUT_TOLERANCE:g} times the largest output, or {OUTPUT_TOLERANCE:g} if that is below "
        f"1. The largest share of what is allowed that any export takes is {_largest(done)}. "
        f"Accuracy must be equal, other metrics to {METRIC_TOLERANCE:g} of their value. `time` is "
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
