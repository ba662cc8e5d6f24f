"""Whether a host can be reached: asked before a download that would hang for minutes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from kerazoo.errors import NotAtHand

PROBE_SECONDS = 5  # tensorflow-datasets itself retries a dead network for over three minutes
_forbidden = False


def require_host(host: str, what: str, remedy: str) -> None:
    """Raise NotAtHand at once, not after minutes of retries, where there is no network.

    Args:
        host: a name, which is asked through https; or an address that begins with ``http://``.
        what: what is to be loaded.
        remedy: what to do without it.
    """
    import requests

    if _forbidden:
        raise NotAtHand(
            f"{what} is not prepared on this machine, and offline was asked for. {remedy}"
        )
    try:
        address = host if "://" in host else f"https://{host}"
        requests.head(address, timeout=PROBE_SECONDS)
    except requests.RequestException as error:
        raise NotAtHand(
            f"{what} is not prepared on this machine and {host} cannot be reached "
            f"({type(error).__name__}). {remedy}"
        ) from error


@contextlib.contextmanager
def forbidden() -> Iterator[None]:
    """Within it, whatever would have to be downloaded is said to be missing instead."""
    global _forbidden
    before, _forbidden = _forbidden, True
    try:
        yield
    finally:
        _forbidden = before
