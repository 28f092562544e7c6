"""What a planner planned, kept, and asked for again when it has seen all else: who remembers plans otherwise then."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

from ...core.capabilities import Capabilities
from ...core.planner import RecoveryPlan
from ...core.run_state import Planner
from ...core.snapshot import InterruptSnapshot
from ..law import PURE
from ..simulator.model import Violation

ROOM = 100
"""How many plans are kept of the runs, and as many of single snapshots: the first, for a memory is empty then."""

Asked = tuple[InterruptSnapshot, Capabilities]


class AskedAgain:
    """Keeps what a planner was asked and planned; it asks by `ask`, which takes the planner, snapshot and capabilities.

    Attributes:
        room: how many more are kept.
    """

    def __init__(self, plan: Planner, ask: Callable[[Planner, InterruptSnapshot, Capabilities], RecoveryPlan]) -> None:
        self._plan = plan
        self._ask = ask
        self._fresh = _copy_of(plan)
        self._kept: list[tuple[Asked, RecoveryPlan]] = []
        self.room: int = ROOM

    def keep(self, snapshot: InterruptSnapshot, capabilities: Capabilities, planned: RecoveryPlan) -> None:
        """Take a plan, while there is room; the snapshot is the caller's no more."""
        if self.room:
            self.room -= 1
            self._kept.append(((snapshot, capabilities), planned))

    def faults(self) -> Iterator[tuple[Asked, Violation]]:
        """Ask again, the last first, and say what is planned otherwise now."""
        yield from self._otherwise(self._plan, "asked again after all else, it")

    def faults_of_copy(self) -> Iterator[tuple[Asked, Violation]]:
        """Ask a copy from before the first question: a cache that gives the same wrong plan again shows here."""
        if self._fresh is not None:
            yield from self._otherwise(self._fresh, "a copy of it, taken before the first question,")

    def _otherwise(self, plan: Planner, who: str) -> Iterator[tuple[Asked, Violation]]:
        for asked, before in reversed(self._kept):
            said = self._said_otherwise(plan, asked, before)
            if said is not None:
                message = (
                    f"{who} {said}; before it was {before!r:.150}, and a plan is a function of its arguments alone"
                )
                yield asked, Violation(PURE, message)

    def _said_otherwise(self, plan: Planner, asked: Asked, before: RecoveryPlan) -> str | None:
        try:
            planned = self._ask(plan, *copy.deepcopy(asked))
        except (Exception, SystemExit) as error:  # whatever a stranger's function raises is the finding
            return f"raised {type(error).__name__}: {error}"[:200]
        return None if planned == before else f"planned {planned!r:.150}"


def _copy_of(plan: Planner) -> Planner | None:
    """A copy of an object that plans, with whatever it remembers; None where there is none: of a function, say."""
    try:
        copied = copy.deepcopy(plan)
    except Exception:  # a stranger's object may hold what can not be copied
        return None
    return None if copied is plan else copied
