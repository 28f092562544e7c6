"""How the words of an answer come: models of the gaps between them, with stated parameters, and recorded gaps.

The numbers are what is stated here and nothing else: a result says something about a provider only as far as its gaps
are like these. Gaps of your own recordings take their place (`RecordedGaps`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, log
from random import Random
from typing import Protocol

from attrs import field, frozen

from ...core.usage_error import UsageError
from ...core.validators import Validator, at_least, count, or_none, within


class Gaps(Protocol):
    """Where the gaps of an answer come from. Nothing to inherit."""

    @property
    def name(self) -> str:
        """A short name for tables."""
        ...

    @property
    def reasons(self) -> bool:
        """Whether the model declares that it reasons: its idle clock is doubled."""
        ...

    @property
    def pings_s(self) -> float | None:
        """How far apart life signs come while no word does; None: there are none."""
        ...

    def draw(self, dice: Random, words: int) -> list[float]:
        """Draw the gap before each word, in seconds; the first is the wait for the answer."""
        ...


def _chance() -> Validator:
    return within(0, 1, "a number from 0 to 1")


@frozen(kw_only=True)
class GapModel:
    """Gaps drawn from a few distributions, one laid over the other.

    Attributes:
        name: a short name for tables.
        first_median_s: the median of the wait for the first word, which is log-normal.
        first_sigma: the standard deviation of its logarithm.
        median_s: the median of a gap, log-normal too.
        sigma: the standard deviation of its logarithm.
        pause_chance: how often, before a word, there is a pause besides.
        pause_s_min: the shortest pause; the others are Pareto's, with `pause_alpha`, and cut at `pause_s_max`.
        pause_alpha: the smaller, the heavier the tail.
        pause_s_max: the longest pause.
        burst_words: a proxy hands the words on once it has so many.
        slow_words: for so many words at a time the server is slower by one of `slow_factors`, drawn for each stretch.
        slow_factors: what these are drawn from.
        pings_s: life signs while no word comes.
        reasons: whether the model declares that it reasons.
    """

    name: str
    first_median_s: float = field(default=0.8, validator=at_least(0))
    first_sigma: float = field(default=0.6, validator=at_least(0))
    median_s: float = field(default=0.025, validator=at_least(0))
    sigma: float = field(default=0.8, validator=at_least(0))
    pause_chance: float = field(default=0.0, validator=_chance())
    pause_s_min: float = field(default=1.0, validator=at_least(0))
    pause_alpha: float = field(default=1.2, validator=at_least(0.01))
    pause_s_max: float = field(default=inf, validator=at_least(0))
    burst_words: int = field(default=1, validator=count())
    slow_words: int = field(default=20, validator=count())
    slow_factors: tuple[float, ...] = (1.0,)
    pings_s: float | None = field(default=None, validator=or_none(at_least(0.001)))
    reasons: bool = False

    def draw(self, dice: Random, words: int) -> list[float]:
        """Draw the gap before each word."""
        gaps = [self._first(dice)] if words else []
        slowness = 1.0
        for number in range(1, words):
            if number % self.slow_words == 1 or self.slow_words == 1:
                slowness = dice.choice(self.slow_factors)
            gaps.append(_log_normal(dice, self.median_s, self.sigma) * slowness + self._pause(dice))
        return _in_bursts(gaps, self.burst_words)

    def _first(self, dice: Random) -> float:
        return _log_normal(dice, self.first_median_s, self.first_sigma)

    def _pause(self, dice: Random) -> float:
        if not self.pause_chance or dice.random() >= self.pause_chance:
            return 0.0
        return min(self.pause_s_min * dice.paretovariate(self.pause_alpha), self.pause_s_max)


def _log_normal(dice: Random, median_s: float, sigma: float) -> float:
    return exp(log(median_s) + sigma * dice.gauss(0.0, 1.0)) if median_s else 0.0


def _in_bursts(gaps: list[float], size: int) -> list[float]:
    """Let each word wait for the last of its burst."""
    if size == 1:
        return gaps
    held = [sum(gaps[start : start + size]) for start in range(0, len(gaps), size)]
    return [held[number // size] if number % size == 0 else 0.0 for number in range(len(gaps))]


TRACES: dict[str, GapModel] = {
    model.name: model
    for model in (
        GapModel(name="log-normal"),
        GapModel(name="heavy-tail", pause_chance=0.002, pause_s_min=1.0, pause_alpha=1.1, pause_s_max=45.0),
        GapModel(name="re-buffering", burst_words=80),
        GapModel(
            name="thinking", pause_chance=0.004, pause_s_min=6.0, pause_alpha=1.0, pause_s_max=90.0, pings_s=10.0,
            reasons=True,
        ),
        GapModel(
            name="local-load", first_median_s=8.0, first_sigma=0.9, median_s=0.06, sigma=0.5,
            slow_factors=(1.0, 1.0, 1.0, 4.0, 12.0), pause_chance=0.003, pause_s_min=2.0, pause_alpha=1.5,
            pause_s_max=40.0,
        ),
    )
}  # fmt: skip
"""The models that are built in, by name; what their numbers rest on stands in docs/benchmark.md."""


@frozen(kw_only=True)
class RecordedGaps:
    """Gaps that were measured: those of one answer after the other, drawn with replacement until there are enough.

    Attributes:
        name: a short name for tables.
        answers: the gaps of each recorded answer, in seconds, the wait for the first word first.
        reasons: whether the model declares that it reasons.
        pings_s: life signs while no word comes.
    """

    name: str
    answers: tuple[tuple[float, ...], ...]
    reasons: bool = False
    pings_s: float | None = None

    def __attrs_post_init__(self) -> None:
        if not any(self.answers):
            raise UsageError(f"{self.name}: no answer with a word in it; expected at least one", argument="answers")

    def draw(self, dice: Random, words: int) -> list[float]:
        """Draw answers until there are gaps enough; a further one goes on from its second word."""
        told: list[Sequence[float]] = [answer for answer in self.answers if answer]
        gaps = list(dice.choice(told))
        longer = [answer for answer in told if len(answer) > 1]
        while len(gaps) < words and longer:
            gaps.extend(dice.choice(longer)[1:])
        return gaps[:words] + [0.0] * (words - len(gaps))
