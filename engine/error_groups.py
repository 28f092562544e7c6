"""One concrete error out of a group: a user never meets a group of one, and a store has one thing wrong at a time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import cast

import trio

from .core.printable import printable

logger: logging.Logger = logging.getLogger("riverrun")


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
    return _first_of(cancelled)


def fault_of(group: ExceptionGroup[Exception], *kinds: type[Exception]) -> Exception:
    """Choose what a group is told as: the first of the first of `kinds` that it holds, or the first of all."""
    held: BaseException = next((found for kind in kinds if (found := group.subgroup(kind)) is not None), group)
    return cast("Exception", _first_of(held))


def _first_of(error: BaseException) -> BaseException:
    while inside := _inside(error):
        error = inside[0]
    return error


def _inside(error: BaseException) -> Sequence[BaseException]:
    return cast("Sequence[BaseException]", getattr(error, "exceptions", ()))
