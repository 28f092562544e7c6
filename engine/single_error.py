"""One concrete error out of a nursery's group: a user never meets a group of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast


def single_error(error: BaseException) -> BaseException:
    """Return what a group holds, while it holds one thing; any other error as it is."""
    inside = _inside(error)
    while len(inside) == 1:
        error = inside[0]
        inside = _inside(error)
    return error


def _inside(error: BaseException) -> Sequence[BaseException]:
    return cast("Sequence[BaseException]", getattr(error, "exceptions", ()))
