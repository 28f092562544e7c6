"""The laws by name, a violation of one, and what a check says: that laws held, or the story of how one was broken.

Beside them the argument checks of the kit's public functions: a wrong call is refused where it is made.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Final, ParamSpec, TypeVar, cast

import trio
from attrs import frozen

from ..core.usage_error import UsageError


class Law(StrEnum):
    """The eleven laws of the README by their short names, then three parts of laws that have oracles of their own."""

    ONE_STREAM = "one stream"
    ONE_END = "exactly one end"
    """A run finishes, is cancelled or paused, or raises one error. Whole is what the provider said is whole: by a stop
    reason with every block closed, or its trailer. One exception: an end that can not be confirmed though it was asked
    about once more is `OTHER`, told, never END_TURN. A finish word that names a failure is one; an answer of nothing
    under a word of success is empty."""
    WHOLE_CALLS = "whole calls"
    CUT_ANYWHERE = "cut anywhere"
    PURE = "planning is pure"
    TIME = "time belongs to the provider"
    CANCEL = "cancellation wins"
    BUDGETS = "budgets"
    """Of attempts in a row without progress (`attempts_max`) and of attempts in all (`attempts_total_max`)."""
    LEDGER = "the ledger adds up"
    NO_LEAKS = "nothing leaks"
    ANY_ORDER = "any task order"

    LIVENESS = "liveness"
    ORDER_OF_EVENTS = "order of events"
    DETERMINISM = "determinism"


PART_OF: Final = {
    Law.LIVENESS: Law.ONE_END,
    Law.ORDER_OF_EVENTS: Law.ONE_END,
    Law.DETERMINISM: Law.ANY_ORDER,
}
"""Of which law each of the three is a part: a run that never ends has not one end, and so on."""

LAWS: Final = tuple(law for law in Law if law not in PART_OF)
"""The eleven laws, in the order of the README."""


@frozen
class Violation:
    """A broken law, and what was seen and expected."""

    law: Law
    message: str


class LawBroken(AssertionError):
    """A law that does not hold. `str` is the law and the story; a test that lets it through fails with both.

    Attributes:
        law: which.
        story: the smallest counter-example that was found, told line by line.
    """

    def __init__(self, law: Law, story: str) -> None:
        super().__init__(law, story)
        self.law = law
        self.story = story

    def __str__(self) -> str:
        return f"law broken: {self.law}\n\n{self.story}"


@frozen
class Held:
    """What a check found to hold: which laws, over how many runs and how many single values.

    Attributes:
        refused: what could not be judged because it was refused (`UsageError`), each with the reason that was given.
    """

    laws: tuple[Law, ...]
    runs: int
    values: int = 0
    refused: tuple[str, ...] = ()

    def __str__(self) -> str:
        held = f"{len(self.laws)} laws held over {self.runs} runs and {self.values} values: {', '.join(self.laws)}"
        return "\n".join((held, *(f"refused, and not judged: {one}" for one in self.refused)))


_Given = ParamSpec("_Given")
_Returned = TypeVar("_Returned")


def told_alone(check: Callable[_Given, _Returned]) -> Callable[_Given, _Returned]:
    """Have a check tell a broken law by its story alone: no frame of the kit's stands in the traceback.

    They say how the law was judged, which is the same for every law; pytest would show each with its source.
    """

    @wraps(check)
    def checked(*args: _Given.args, **kwargs: _Given.kwargs) -> _Returned:
        __tracebackhide__ = True  # pytest's word for a frame that it leaves out
        try:
            return check(*args, **kwargs)
        except LawBroken as broken:
            raise broken.with_traceback(None) from None

    return checked


# -- argument checks ----------------------------------------------------------------------------------------------


def require_planner(caller: str, planner: object) -> None:
    """Raise UsageError for a planner that can not be asked: inside a run it would be an error of the run."""
    if planner is not None and not callable(planner):
        raise UsageError(
            f"{caller}(planner=) is {repr(planner)[:80]}; expected a function of (snapshot, capabilities), or None"
        )


def require_no_run(caller: str) -> None:
    """Raise UsageError inside a trio run: `caller` starts runs of its own."""
    if trio.lowlevel.in_trio_run():
        said = "was called inside a trio run, and starts runs of its own"
        raise UsageError(f"{caller}() {said}; expected it outside, or in trio.to_thread.run_sync")


def require_draws(caller: str, runs: int, seed: int) -> None:
    """Raise UsageError for what no check can begin with: a trio run around it, no runs, a seed that is no number."""
    require_no_run(caller)
    for name, value, least in (("runs", cast("object", runs), 1), ("seed", seed, None)):
        at_least = "" if least is None else f" of at least {least}"
        if isinstance(value, bool) or not isinstance(value, int) or (least is not None and value < least):
            raise UsageError(f"{caller}({name}=) is {value!r}; expected a whole number{at_least}")
