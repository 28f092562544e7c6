"""The curves behind a report's numbers, each of a few dozen points: how gaps and completion times are distributed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import isfinite
from typing import Any, TypeAlias, cast

from attrs import frozen

from ...core.clocks import REASONING_FACTOR
from ...core.policy import Policy
from .plain import PlainClient
from .record import AnswerRecord
from .script import World, script_of

Curve: TypeAlias = tuple[tuple[float, float], ...]
"""Points of seconds and the share that is longer, the seconds rising."""

POINTS_A_DECADE = 12
GAP_S_MIN, DECADES = 0.01, 5


@frozen
class Curves:
    """What pictures are drawn from.

    Attributes:
        gaps: seconds, and the share of the gaps between words that are longer; as they come where nothing goes wrong.
        completion: seconds, and the share of the answers that are not whole by then.
        whole_mean_s: the mean completion of those that arrived; None: none did.
        clock_s: the longest gap that the client waits for; None: it waits for ever.
    """

    gaps: Curve
    completion: Curve
    whole_mean_s: float | None
    clock_s: float | None

    def to_plain(self) -> dict[str, Any]:
        """Return it as values of JSON."""
        gaps, completion = ([list(point) for point in curve] for curve in (self.gaps, self.completion))
        means = {"whole_mean_s": self.whole_mean_s, "clock_s": self.clock_s}
        return {"gaps": gaps, "completion": completion, **means}

    @classmethod
    def from_plain(cls, told: Mapping[str, Any]) -> Curves:
        """Read what `to_plain` gave. Raises KeyError, TypeError or ValueError."""
        mean, clock = (None if told[name] is None else float(told[name]) for name in ("whole_mean_s", "clock_s"))
        return cls(_curve(told["gaps"]), _curve(told["completion"]), mean, clock)


def _curve(told: object) -> Curve:
    return tuple((float(seconds), float(share)) for seconds, share in cast("Iterable[tuple[float, float]]", told))


def curves_of(client: Policy | PlainClient, world: World, records: Sequence[AnswerRecord]) -> Curves:
    """Return the curves of so many answers. Cost: draws the gaps of each answer once more."""
    whole = [record.ended_s for record in records if record.whole]
    return Curves(
        _tail_of_gaps(world, len(records)),
        _tail_of_answers(whole, len(records)),
        sum(whole) / len(whole) if whole else None,
        _clock_s(client, world),
    )


def _tail_of_gaps(world: World, answers: int) -> Curve:
    """Take the share at fixed places, and where the longest gap is."""
    times = (script_of(world, number, 0, 0, healthy=True).times for number in range(answers))
    gaps = sorted(late - early for each in times for early, late in pairwise(each))
    places = [GAP_S_MIN * 10 ** (n / POINTS_A_DECADE) for n in range(DECADES * POINTS_A_DECADE + 1)]
    tail = [(place, 1 - bisect_right(gaps, place) / len(gaps)) for place in places if gaps and place < gaps[-1]]
    return _short((*tail, (gaps[-1], 1 / len(gaps))) if gaps else ())


def _tail_of_answers(whole: Sequence[float], answers: int) -> Curve:
    """Take the times at which so many were left, as many in each tenth of those before."""
    ordered = sorted(whole)
    left = {round(answers * 10 ** (-n / POINTS_A_DECADE)) for n in range(DECADES * POINTS_A_DECADE + 1)}
    done = sorted({answers - count for count in left if 0 < answers - count <= len(ordered)} | {1, len(ordered)})
    return _short((ordered[count - 1], 1 - count / answers) for count in done if ordered)


def _short(points: Iterable[tuple[float, float]]) -> Curve:
    """Keep five digits: more is not seen, and not known."""
    return tuple((float(f"{seconds:.5g}"), float(f"{share:.5g}")) for seconds, share in points)


def _clock_s(client: Policy | PlainClient, world: World) -> float | None:
    if isinstance(client, PlainClient):
        patience_s = client.patience_s(world.gaps.pings_s)
        return patience_s if isfinite(patience_s) else None
    idle_s = client.stall.idle_s
    return None if idle_s is None else float(idle_s) * (REASONING_FACTOR if world.gaps.reasons else 1)
