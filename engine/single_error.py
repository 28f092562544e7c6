"""One concrete error out of a nursery's group: a user never meets a group of one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import cast

import trio

from .core.failures import printable

logger = logging.getLogger("riverrun")


def single_error(error: BaseException) -> BaseException:
    """Return what a group holds, while it holds one thing; any other error as it is."""
    inside = _inside(error)
    while len(inside) == 1:
        error = inside[0]
        inside = _inside(error)
    return error


def cancelled_alone(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what leaves a block that was cancelled while somebody's cleaning up raised: `Cancelled`; that is logged.

    A group without one, or with a Ctrl-C beside it, stays as it is: that is nobody's to replace.
    """
    cancelled, rest = group.split(trio.Cancelled)
    if cancelled is None or (rest is not None and not isinstance(rest, Exception)):
        return group
    if rest is not None:
        error = single_error(rest)
        what = printable(f"{type(error).__name__}: {error}")
        logger.warning("ignored what was raised while an attempt was cancelled: %s", what)
    leaf: BaseException = cancelled
    while inside := _inside(leaf):
        leaf = inside[0]
    return leaf


def _inside(error: BaseException) -> Sequence[BaseException]:
    return cast("Sequence[BaseException]", getattr(error, "exceptions", ()))
