"""What goes wrong with an answer, with stated odds: it dies, goes silent for a while, slows down, or ends early."""

from __future__ import annotations

from math import inf
from random import Random

from attrs import field, frozen

from ...core.usage_error import UsageError
from ...core.validators import Validator, at_least, within
from ..script.faults import FaultKind


def _chance() -> Validator:
    return within(0, 1, "a number from 0 to 1")


@frozen
class Mishap:
    """One thing that goes wrong, right before the word `at`.

    `kind` is `STALL` (nothing more comes for `seconds`, which may be for ever), `DRIP` (each gap is `factor` times as
    long from there on) or `HALF_CLOSE` (the body ends).
    """

    kind: FaultKind
    at: int
    seconds: float = inf
    factor: float = 1.0


@frozen(kw_only=True)
class Mishaps:
    """The odds that an answer of full length meets each; an attempt that says less of it has less, in proportion.

    Attributes:
        dies: nothing more comes, for ever, and nobody closes the connection.
        goes_silent: nothing comes for `silent_s`, and then it goes on.
        silent_s: how long.
        slows: from some word on each gap is `slow_factor` times as long.
        slow_factor: how many times.
        ends_early: the body ends without the provider's last event.
    """

    dies: float = field(default=0.02, validator=_chance())
    goes_silent: float = field(default=0.03, validator=_chance())
    silent_s: float = field(default=15.0, validator=at_least(0))
    slows: float = field(default=0.01, validator=_chance())
    slow_factor: float = field(default=30.0, validator=at_least(1))
    ends_early: float = field(default=0.02, validator=_chance())

    def __attrs_post_init__(self) -> None:
        if self.total > 1:
            raise UsageError(f"the odds add up to {self.total:g}; expected at most 1")

    @property
    def total(self) -> float:
        """The odds that anything does."""
        return self.dies + self.goes_silent + self.slows + self.ends_early

    def draw(self, dice: Random, start: int, words: int) -> Mishap | None:
        """Draw what goes wrong with an attempt that says the words from `start` on, if anything does."""
        roll, at = dice.random(), dice.randrange(words)
        if at < start:  # it would have struck what is not said again
            return None
        for odds, mishap in (
            (self.dies, Mishap(FaultKind.STALL, at)),
            (self.goes_silent, Mishap(FaultKind.STALL, at, self.silent_s)),
            (self.slows, Mishap(FaultKind.DRIP, at, factor=self.slow_factor)),
            (self.ends_early, Mishap(FaultKind.HALF_CLOSE, at)),
        ):
            if roll < odds:
                return mishap
            roll -= odds
        return None


NO_MISHAPS = Mishaps(dies=0.0, goes_silent=0.0, slows=0.0, ends_early=0.0)
"""A world in which nothing goes wrong: whoever gives up an answer there has been wrong to."""
