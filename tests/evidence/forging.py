"""Changes of recorded evidence, as a forger would make them: the checksum fits."""

import json

from kerazoo._files import sha256_of_json, write_json
from kerazoo.evidence import reference as evidence


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
