"""Made-up references, and changes of recorded ones with a checksum that fits."""

import json

from kerazoo._files import sha256_of_json, write_json
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.reference import RecordedRun, Reference


def rewrite(entry, change):
    """Let ``change`` edit the content of an entry's reference file."""
    path = evidence.reference_path(entry)
    content = json.loads(path.read_text())
    del content["checksum"]
    change(content)
    write_json(path, {**content, "checksum": sha256_of_json(content)})


def change_run(entry, index=0, **changes):
    """Change fields of one run of tier ``full``."""
    rewrite(entry, lambda content: content["tiers"]["full"]["runs"][index].update(changes))


def made_up(values, standard_error=0.0, also=None, **fields) -> Reference:
    """A reference of runs with these values; it belongs to no entry."""
    common = {"seconds": 1.0, "weights_sha256": "", "fingerprint": "", "also": also or {}}
    runs = tuple(
        RecordedRun(seed=seed, value=value, standard_error=standard_error, **common)
        for seed, value in enumerate(values)
    )
    empty = {"recipe": {}, "model": "", "data": "", "baselines": {}, "environment": {}}
    return Reference(**{**empty, "runs": runs, **fields})
