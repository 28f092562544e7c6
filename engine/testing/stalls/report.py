"""What a measurement found: a value and its spread for each measure; written, read, compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, isnan
from typing import Any, cast

from attrs import frozen

from ...core.usage_error import UsageError
from .curves import Curves
from .measures import Estimate, measures

SCHEMA = 2
"""Schema 1 had no `curves`, and is read."""


@frozen
class StallReport:
    """What one client did to the answers of one trace.

    `inexact` counts answers of which not every word shown was said there: it has to be 0. `report["fluidity"]` is the
    estimate of a measure; `curves` are what pictures are drawn from, None in files of schema 1.
    """

    client: str
    gaps: str
    continues: str
    answers: int
    seed: int
    estimates: Mapping[str, Estimate]
    inexact: int = 0
    curves: Curves | None = None

    def __getitem__(self, measure: str) -> Estimate:
        if measure not in self.estimates:
            raise UsageError(f"measure is {measure!r}; expected one of: {', '.join(self.estimates)}")
        return self.estimates[measure]

    def to_plain(self) -> dict[str, Any]:
        """Return it as values of JSON: what is infinite or was not there to measure is a text."""
        told = {
            name: {"value": _plain(each.value), "low": _plain(each.low), "high": _plain(each.high)}
            for name, each in self.estimates.items()
        }
        head = {"client": self.client, "gaps": self.gaps, "continues": self.continues, "answers": self.answers}
        curves = None if self.curves is None else self.curves.to_plain()
        return {**head, "seed": self.seed, "inexact": self.inexact, "measures": told, "curves": curves}

    @classmethod
    def from_plain(cls, told: Mapping[str, Any]) -> StallReport:
        """Read what `to_plain` gave. Raises UsageError."""
        try:
            estimates = {
                str(name): Estimate(float(each["value"]), float(each["low"]), float(each["high"]))
                for name, each in cast("Mapping[str, Any]", told["measures"]).items()
            }
            curves = told.get("curves")
            return cls(
                str(told["client"]), str(told["gaps"]), str(told["continues"]), int(told["answers"]), int(told["seed"]),
                estimates, int(told["inexact"]), None if curves is None else Curves.from_plain(curves),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"no report of stalls: {type(error).__name__} {error}") from error


def _plain(number: float) -> float | str:
    return number if isfinite(number) else str(number)


def write_reports(reports: Sequence[StallReport]) -> str:
    """Write reports as JSON text, the same for the same reports."""
    return json.dumps({"schema": SCHEMA, "stalls": [report.to_plain() for report in reports]}, indent=1) + "\n"


def read_reports(text: str) -> list[StallReport]:
    """Read what `write_reports` wrote. Raises UsageError."""
    try:
        told = json.loads(text)
        schema, rows = told["schema"], list(told["stalls"])
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise UsageError(f"no reports of stalls: {type(error).__name__}; expected what `--json` wrote") from error
    if schema not in {1, SCHEMA}:
        raise UsageError(f"reports of schema {schema!r}; expected {SCHEMA}")
    return [StallReport.from_plain(row) for row in rows]


@frozen
class Worse:
    """A measure that got worse by more than both spreads."""

    client: str
    gaps: str
    continues: str
    measure: str
    before: Estimate
    after: Estimate

    def __str__(self) -> str:
        before, after = (f"{e.value:g} ({e.low:g} to {e.high:g})" for e in (self.before, self.after))
        return f"{self.client} on {self.gaps}, {self.continues}: {self.measure} was {before} and is {after}"


def compare_reports(before: Sequence[StallReport], after: Sequence[StallReport]) -> Iterator[Worse]:
    """Tell what got worse beyond the spread: the intervals do not meet. Rows that stand in one of both are left out."""
    better_is_more = {measure.name: measure.more_is_better for measure in measures(0)}
    held = {(each.client, each.gaps, each.continues): each for each in before}
    for report in after:
        key = report.client, report.gaps, report.continues
        for name, now in report.estimates.items() if key in held else ():
            was = held[key].estimates.get(name)
            if was is not None and _is_worse(was, now, more_is_better=better_is_more.get(name, False)):
                yield Worse(*key, name, was, now)


def _is_worse(was: Estimate, now: Estimate, *, more_is_better: bool) -> bool:
    if isnan(was.value) or isnan(now.value):
        return False
    return now.high < was.low if more_is_better else now.low > was.high
