"""What one request gets, drawn before it is asked: when each word comes, and what goes wrong.

The dice are those of the answer and of the request's number, so that two clients meet the same first attempt.
"""

from __future__ import annotations

from itertools import accumulate
from math import inf
from random import Random

from attrs import field, frozen

from ..script.faults import FaultKind
from .gaps import Gaps
from .mishaps import Mishap, Mishaps

GRAIN_S = 0.25
"""Words that come within so many seconds are read at once: a clock that is measured is coarser by far."""


@frozen(kw_only=True)
class World:
    """What is measured in: how words come, what goes wrong, how long an answer and its prompt are.

    `continues` says how a broken answer can be gone on with: one of `CONTINUES`.
    """

    gaps: Gaps
    mishaps: Mishaps = field(factory=Mishaps)
    continues: str = "quote"
    words: int = 400
    prompt_tokens: int = 500
    seed: int = 0


@frozen
class Script:
    """One request's answer: word `start + n` comes `times[n]` seconds after the request, the end after the last.

    `ends` says whether the provider says its end, or closes the body before it, after the words that come.
    """

    start: int
    times: tuple[float, ...]
    mishap: Mishap | None
    ends: bool

    @property
    def is_closed(self) -> bool:
        """Whether the body is closed before the provider's own end."""
        return self.mishap is not None and self.mishap.kind is FaultKind.HALF_CLOSE

    def reads(self) -> list[tuple[float, int]]:
        """Return when words are read, and how many are said by then."""
        reads: list[tuple[float, int]] = []
        began_s = -inf
        for number, time_s in enumerate(self.times, self.start + 1):
            if time_s - began_s < GRAIN_S:
                reads[-1] = time_s, number
            else:
                reads.append((time_s, number))
                began_s = time_s
        return reads

    def in_trouble(self, said: int) -> bool:
        """Whether what goes wrong had begun, once so many words were said."""
        return self.mishap is not None and said >= self.mishap.at


def script_of(world: World, answer: int, request: int, start: int, *, healthy: bool = False) -> Script:
    """Draw what a request gets that goes on after `start` words; `healthy`: as it would be if nothing went wrong."""
    dice = Random(f"{world.seed}/{answer}/{request}")  # noqa: S311 - a benchmark's dice have to repeat
    gaps = world.gaps.draw(dice, world.words - start)
    mishap = None if healthy else world.mishaps.draw(dice, start, world.words)
    if mishap is not None:
        at = mishap.at - start
        if mishap.kind is FaultKind.DRIP:
            gaps[at:] = [gap * mishap.factor for gap in gaps[at:]]
        elif mishap.kind is FaultKind.STALL and mishap.seconds < inf:
            gaps[at] += mishap.seconds
        else:
            return Script(start, tuple(accumulate(gaps[:at])), mishap, ends=False)
    return Script(start, tuple(accumulate(gaps)), mishap, ends=True)
