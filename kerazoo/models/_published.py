"""Published results that entries of several models share."""

from __future__ import annotations

from kerazoo.spec import Published


def in_fashion_mnists_readme(*rows: tuple[str, float]) -> tuple[Published, ...]:
    """Results in the table of Fashion-MNIST's README: the network and its accuracy of each."""
    return tuple(
        Published(
            value=value,
            metric="accuracy",
            source=f"{network}, in the README of zalandoresearch/fashion-mnist",
            conditions="sent in by a user, not checked by the authors, who say so; one run, with "
            "the test split in view",
        )
        for network, value in rows
    )
