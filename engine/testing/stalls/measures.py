"""What is told of many answers: each measure with its unit, and an interval that a bootstrap over answers gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import inf, nan
from random import Random
from typing import TypeAlias

from attrs import frozen

from .record import AnswerRecord, Shown

READER_WORDS_PER_S = 10.0
"""A reader's pace: 8 to 15 tokens a second are read (Agrawal et al., Etalon, arXiv 2407.07000)."""

RESAMPLES = 200
"""How often the answers are drawn anew, with replacement."""

CONFIDENCE = 0.95

Values: TypeAlias = Callable[[AnswerRecord], Sequence[float]]
Statistic: TypeAlias = Callable[[Sequence[float]], float]


@frozen
class Estimate:
    """A measured number, and the interval in which 95 of 100 resamples lie. nan: nothing was there to measure."""

    value: float
    low: float
    high: float


@frozen
class Measure:
    """One column: `values` of each answer, and the `statistic` of all of them.

    `more_is_better` says which way is better; `digits` how many stand behind the point.
    """

    name: str
    unit: str
    values: Values
    statistic: Statistic
    more_is_better: bool = False
    digits: int = 1

    def estimate(self, answers: Sequence[AnswerRecord], dice: Random) -> Estimate:
        """Measure, and resample. Cost: `RESAMPLES` statistics of all values."""
        values = [value for answer in answers for value in self.values(answer)]
        if not values:
            return Estimate(nan, nan, nan)
        drawn = sorted(self.statistic(dice.choices(values, k=len(values))) for _ in range(RESAMPLES))
        tail = (1 - CONFIDENCE) / 2
        return Estimate(self.statistic(values), _at(drawn, tail), _at(drawn, 1 - tail))


# -- statistics -------------------------------------------------------------------------------------------------------


def mean(values: Sequence[float]) -> float:
    """Return the mean."""
    return sum(values) / len(values)


def per_thousand(values: Sequence[float]) -> float:
    """Return the mean of a thousand."""
    return 1000 * mean(values)


def quantile(share: float) -> Statistic:
    """Return the statistic that so large a share of the values does not exceed: one of them, the nearest rank."""

    def of(values: Sequence[float]) -> float:
        return _at(sorted(values), share)

    return of


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


# -- of one answer ----------------------------------------------------------------------------------------------------


def fluidity(times: Sequence[float], words: int, pace: float = READER_WORDS_PER_S) -> float:
    """Return the share of words that were there when a reader came to them; words that never came were not.

    A word that comes early gives the next ones slack, which is carried; a late one moves the reader, who had to wait.
    """
    if not times:
        return 0.0
    due, met = times[0], 0
    for at_s in times:
        if at_s <= due + 1e-9:
            met += 1
        else:
            due = at_s
        due += 1 / pace
    return met / words


def _word_times(record: AnswerRecord) -> list[float]:
    times: list[float] = []
    for shown in record.news():
        times.extend([shown.at_s] * (shown.words - len(times)))
    return times


def _fluidity(record: AnswerRecord) -> Sequence[float]:
    return (fluidity(_word_times(record), record.words),)


def _fluidity_without(record: AnswerRecord) -> Sequence[float]:
    """Of a reader who has the first request's words only."""
    first = record.asked[0]
    times = [first.asked_s + time_s for time_s in first.script.times[: first.said]]
    return (fluidity(times, record.words),)


def _completion(record: AnswerRecord) -> Sequence[float]:
    return (record.ended_s if record.whole else inf,)


def _silences(record: AnswerRecord) -> Sequence[float]:
    times = [shown.at_s for shown in record.news()]
    times.append(record.ended_s)
    return (max((late - early for early, late in pairwise(times)), default=record.ended_s),)


def _detections(record: AnswerRecord) -> Sequence[float]:
    return [asked.left_s - asked.last_s for asked in record.asked if asked.was_stalled]


def _recoveries(record: AnswerRecord) -> Sequence[float]:
    """From each stall's detection to the next word that is news; for ever, where none came."""
    news = record.news()
    return [_next_after(asked.left_s, news) - asked.left_s for asked in record.asked if asked.was_stalled]


def _stalls(record: AnswerRecord) -> Sequence[float]:
    return [d + r for d, r in zip(_detections(record), _recoveries(record), strict=True)]


def _next_after(at_s: float, news: Sequence[Shown]) -> float:
    return next((shown.at_s for shown in news if shown.at_s > at_s), inf)


def words_paid(record: AnswerRecord) -> int:
    """Return how many words were said for an answer, over all of its requests."""
    return sum(asked.said - asked.script.start for asked in record.asked)


def words_twice(record: AnswerRecord) -> int:
    """Return how many of them were said before, or are not in the answer."""
    kept = record.shown[-1].words if record.shown else 0
    return max(words_paid(record) - kept, 0)


def measures(prompt_tokens: int) -> tuple[Measure, ...]:
    """Return all measures, in the order of the table; a word counts as a token."""

    def tokens_twice(record: AnswerRecord) -> Sequence[float]:
        again = sum(prompt_tokens + asked.script.start for asked in record.asked[1:])
        return (float(words_twice(record) + again),)

    def completion(name: str, share: float) -> Measure:
        return Measure(f"completion {name}", "s", _completion, quantile(share))

    return (
        Measure("whole", "/1000", lambda record: (float(record.whole),), per_thousand, more_is_better=True),
        completion("p50", 0.5),
        completion("p95", 0.95),
        completion("p99", 0.99),
        completion("p99.9", 0.999),
        Measure("stall to next word p50", "s", _stalls, quantile(0.5)),
        Measure("detection p50", "s", _detections, quantile(0.5)),
        Measure("detection p95", "s", _detections, quantile(0.95)),
        Measure("recovery p50", "s", _recoveries, quantile(0.5)),
        Measure("recovery p95", "s", _recoveries, quantile(0.95)),
        Measure("longest silence p50", "s", _silences, quantile(0.5)),
        Measure("longest silence p99", "s", _silences, quantile(0.99)),
        Measure("fluidity", "", _fluidity, mean, more_is_better=True, digits=2),
        Measure("fluidity without recovery", "", _fluidity_without, mean, more_is_better=True, digits=2),
        Measure("healthy given up", "/1000", _healthy, per_thousand),
        Measure("words paid twice", "/answer", lambda record: (float(words_twice(record)),), mean),
        Measure("tokens paid twice", "/answer", tokens_twice, mean),
        Measure("requests", "/answer", lambda record: (float(len(record.asked)),), mean, digits=2),
    )


def _healthy(record: AnswerRecord) -> Sequence[float]:
    return (float(sum(asked.was_healthy for asked in record.asked)),)
