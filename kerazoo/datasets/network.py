"""Whether a host can be reached: asked before a download that would hang for minutes."""

from __future__ import annotations

from kerazoo.errors import KerazooError

PROBE_SECONDS = 5  # tensorflow-datasets itself retries a dead network for over three minutes


def require_host(host: str, what: str, remedy: str) -> None:
    """Raise KerazooError at once, not after minutes of retries, where there is no network."""
    import requests

    try:
        requests.head(f"https://{host}", timeout=PROBE_SECONDS)
    except requests.RequestException as error:
        raise KerazooError(
            f"{what} is not prepared on this machine and {host} cannot be reached "
            f"({type(error).__name__}). {remedy}"
        ) from error
