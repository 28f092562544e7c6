"""The smallest value of a Hypothesis strategy that breaks a claim, outside of any test."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import Flaky, NoSuchExample
from hypothesis.strategies import SearchStrategy as Strategy

_Value = TypeVar("_Value")

_UNASKED = (
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
    HealthCheck.large_base_example,
    HealthCheck.nested_given,
)


class _Enough(BaseException):
    """Hypothesis lets it through: no `Exception`."""


SHRINKS_MAX = 400
"""How many smaller values are tried: a check that refutes within seconds is worth more than the last character."""


def find_smallest(
    strategy: Strategy[_Value], breaks: Callable[[_Value], bool], *, runs: int, seed: int
) -> _Value | None:
    """Look at `runs` values for one that `breaks`, and make it as small as it gets; None if none does.

    The same arguments give the same value. One that `breaks` once and not again is given as it was found.
    """
    quiet = settings(
        max_examples=runs,
        database=None,
        deadline=None,
        derandomize=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=_UNASKED,
    )
    found: list[_Value] = []
    tried = 0

    def look(value: _Value) -> bool:
        nonlocal tried
        tried += bool(found)
        if tried > SHRINKS_MAX:
            raise _Enough
        if breaks(value):
            found[:] = [value]
            return True
        return False

    with suppress(NoSuchExample, Flaky, _Enough):
        return find(strategy, look, settings=quiet, random=random.Random(seed))  # noqa: S311 - repeats by its seed
    return found[0] if found else None
